"""Run a Snakemake `script:` in a container that has Python but not Snakemake.

This file is not imported: its text goes into the task, followed by a call of `run`. It gives the
script the `snakemake` object that Snakemake documents (input, output, params, wildcards, threads,
log, resources, config, rule, scriptdir), from plain values. Python 3.7 and later.
"""

import importlib.util
import os
import pathlib  # noqa: F401 - values of the job name it
import runpy
import sys
import tempfile
import types


class NamedList(list):
    """A list whose named items are attributes too, as Snakemake's Namedlist."""

    def __init__(self, items, names):
        super().__init__(items)
        self._names = {}
        for name, (start, end) in names.items():
            value = self[start] if end is None else NamedList(self[start:end], {})
            self._names[name] = value
            setattr(self, name, value)

    def get(self, name, default=None):
        return self._names.get(name, default)

    def keys(self):
        return self._names.keys()

    def items(self):
        return self._names.items()

    def values(self):
        return self._names.values()

    def __getitem__(self, key):
        return self._names[key] if isinstance(key, str) else super().__getitem__(key)

    def __str__(self):
        return " ".join(map(str, self))


def log_fmt_shell(log):
    """Snakemake's `log_fmt_shell`: a redirection of shell output to the job's log file."""

    def redirect(stdout=True, stderr=True, append=False):
        if not log or not (stdout or stderr):
            return ""
        arrow = ">>" if append else ">"
        suffix = " 2>&1" if stdout and stderr else ""
        return f" {'' if stdout else '2'}{arrow} {log[0]}{suffix}"

    return redirect


def run(job, script):
    """Run the file `script` with the `snakemake` object that `job` describes."""
    snakemake = types.SimpleNamespace(
        **{
            name: NamedList(*job[name])
            for name in ("input", "output", "params", "wildcards", "log", "resources")
        },
        threads=job["threads"],
        config=job["config"],
        rule=job["rule"],
        bench_iteration=int(os.environ["OMICS_REPEAT"]) if "OMICS_REPEAT" in os.environ else None,
        scriptdir=os.path.abspath(os.path.dirname(script)),
    )
    if not hasattr(snakemake.resources, "tmpdir"):
        snakemake.resources.tmpdir = tempfile.gettempdir()
    snakemake.log_fmt_shell = log_fmt_shell(snakemake.log)
    sys.path.insert(0, snakemake.scriptdir)
    if importlib.util.find_spec("snakemake") is None:
        # `from snakemake.script import snakemake` is how typed scripts name the object.
        package, module = types.ModuleType("snakemake"), types.ModuleType("snakemake.script")
        module.snakemake = snakemake
        package.script = module
        sys.modules.update({"snakemake": package, "snakemake.script": module})
    else:
        importlib.import_module("snakemake.script").snakemake = snakemake
    names = {"snakemake": snakemake, "__real_file__": os.path.abspath(script)}
    runpy.run_path(script, init_globals=names, run_name="__main__")
