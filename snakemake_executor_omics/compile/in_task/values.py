"""What Snakemake gives to a job's Python, made from plain values.

Its text goes into the task, followed by a call.
"""

import math
import os
import pathlib  # noqa: F401 - values of the job name it
import sys
import tempfile


class NamedList(list):
    """A list whose named items are attributes too, as Snakemake's Namedlist."""

    def __init__(self, items, names):
        super().__init__(items)
        self._names = {}
        for name, (start, end) in names.items():
            value = self[start] if end is None else type(self)(self[start:end], {})
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

    def __hash__(self):
        return hash(tuple(self))


class Wildcards(NamedList):
    """The wildcards, which a command names by `name=value`."""


def job_values(job):
    """What the job's code may ask for, by the names of a `run:` block."""
    values = {
        name: (Wildcards if name == "wildcards" else NamedList)(*job[name])
        for name in ("input", "output", "params", "wildcards", "log", "resources")
    }
    for name, value in resources_here().items():
        if name not in values["resources"]._names:
            values["resources"]._names[name] = value
            setattr(values["resources"], name, value)
    repeat = os.environ.get("OMICS_REPEAT")
    values.update(
        threads=job["threads"],
        rule=job["rule"],
        bench_iteration=None if repeat is None else int(repeat),
    )
    return values


def resources_here():
    """Resources that only the place where a job runs tells."""
    found = {"tmpdir": tempfile.gettempdir()}
    memory = os.environ.get("OMICS_MEM_MB")
    if memory is not None:
        found["mem_mb"] = int(memory)
        found["mem_mib"] = math.ceil(int(memory) * 0.95367431640625)  # as Snakemake's mb_to_mib
    return found


def fail(message):
    """End the job with a sentence for people."""
    sys.stderr.write(message + "\n")
    sys.exit(1)
