"""Run a Snakemake `script:` in a container that has Python but not Snakemake.

Its text goes into the task, after `values.py`, followed by a call of `run_script`. The script gets
the `snakemake` object that Snakemake documents.
"""

import hashlib
import importlib
import importlib.util
import logging
import os
import pickle
import runpy
import sys
import types
import urllib.parse

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


class ReportHref:
    """Snakemake's link from one page of a report to another, by the path of its file."""

    def __init__(self, path, parent=None, url_args=None, anchor=None):
        self._path, self._parent = path, parent
        self._url_args, self._anchor = dict(url_args or {}), anchor
        self._id = parent._id if parent else hashlib.sha256(str(path).encode()).hexdigest()

    def child_path(self, path):
        return ReportHref(path, self)

    def url_args(self, **args):
        return ReportHref(self._path, self._parent, args)

    def anchor(self, anchor):
        return ReportHref(self._path, self._parent, self._url_args, anchor)

    def __str__(self):
        path = str(self._path) if self._parent else os.path.basename(str(self._path))
        quote = urllib.parse.quote
        args = "&".join("{}={}".format(k, quote(str(v))) for k, v in self._url_args.items())
        anchor = "#" + quote(self._anchor) if self._anchor else ""
        return "../{}/{}{}{}".format(self._id[:16], path, "?" + args if args else "", anchor)


def script_object(job, folder):
    """The `snakemake` object of a script in `folder`."""
    found = types.SimpleNamespace(
        config=job["config"], scriptdir=os.path.abspath(folder), **job_values(job)
    )
    found.log_fmt_shell = log_fmt_shell(found.log)
    found.report_href = ReportHref
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
    sys.path.append(found.scriptdir)  # last: a script may be named after a module that it imports
    # What Snakemake writes before a script leaves these, and scripts use them unimported.
    names = {
        "snakemake": found,
        "Snakemake": type(found),
        "logger": logging.getLogger("snakemake.logging"),
        "pickle": pickle,
        "sys": sys,
        "__real_file__": os.path.abspath(script),
    }
    try:
        runpy.run_path(script, init_globals=names, run_name="__main__")
    except Exception as error:
        # Not left to the interpreter, which would show what runs the script too.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != script:
            trace = trace.tb_next
        # The script may have set it, to have its errors in its log.
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)
