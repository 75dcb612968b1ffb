"""Run a Snakemake `script:` in a container that has Python but not Snakemake.

Its text goes into the task, after `values.py`, followed by a call of `run_script`. The script gets
the `snakemake` object that Snakemake documents.
"""

import importlib
import importlib.util
import os
import runpy
import sys
import types

from .values import job_values


def log_fmt_shell(log):
    """Snakemake's `log_fmt_shell`: a redirection of shell output to the job's log file."""

    def redirect(stdout=True, stderr=True, append=False):
        if not log or not (stdout or stderr):
            return ""
        arrow = ">>" if append else ">"
        suffix = " 2>&1" if stdout and stderr else ""
        return " {}{} {}{}".format("" if stdout else "2", arrow, log[0], suffix)

    return redirect


def script_object(job, folder):
    """The `snakemake` object of a script in `folder`."""
    found = types.SimpleNamespace(
        config=job["config"], scriptdir=os.path.abspath(folder), **job_values(job)
    )
    found.log_fmt_shell = log_fmt_shell(found.log)
    # `from snakemake.script import snakemake` is how typed scripts name the object.
    if "snakemake" not in sys.modules and importlib.util.find_spec("snakemake") is None:
        sys.modules["snakemake"] = types.ModuleType("snakemake")
    package = importlib.import_module("snakemake")
    if hasattr(package, "__path__"):  # Snakemake itself
        importlib.import_module("snakemake.script").snakemake = found
    else:
        package.script = sys.modules["snakemake.script"] = types.ModuleType("snakemake.script")
        package.script.snakemake = found
    return found


def run_script(job, script):
    """Run the file `script` with the `snakemake` object that `job` describes."""
    found = script_object(job, os.path.dirname(script))
    sys.path.insert(0, found.scriptdir)
    names = {"snakemake": found, "__real_file__": os.path.abspath(script)}
    runpy.run_path(script, init_globals=names, run_name="__main__")
