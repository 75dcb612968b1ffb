"""Which of a job's values are known before its inputs exist, and as what a text may have them."""

from __future__ import annotations

import re
from typing import Any

from snakemake.common.tbdstring import TBDString
from snakemake.iocontainers import Namedlist

from .units import Job

TBD = str(TBDString())  # stands in a text for what is not known


class Unknown(Exception):
    """A value in the job's text cannot be told before its inputs exist."""


def has_unknown_values(job: Job) -> bool:
    """Whether the job has a param or resource that only its inputs will tell."""
    values = (*job.params, *(value for name, value in job.resources.items() if name != "tmpdir"))
    return any(isinstance(value, TBDString) for value in values)


def refuse_unknown(job: Job, source: str) -> None:
    """
    Raises:
        Unknown: the job's params hold a value that only its inputs will tell, or `source` may read
            such a resource.
    """
    unknown = [
        name
        for name, value in job.resources.items()
        if isinstance(value, TBDString) and name != "tmpdir"
    ]
    if any(isinstance(value, str) and TBD in value for value in job.params):
        raise Unknown
    # A resource that only the sizes of its inputs will tell matters to a script that reads it.
    reads = re.search(r"resources?(\[|\.items|\.values)|_resources", source)
    if any(reads or f"resources.{name}" in source or f'"{name}"' in source for name in unknown):
        raise Unknown


def config_of(job: Job) -> Any:
    """The configuration that the rule sees: that of its module."""
    return job.rule.run_func.__globals__["config"]


def known_resources(job: Job, tmpdir: str | None = None) -> Any:
    """What can be told of a job's resources; `tmpdir` is what the place where it runs would say."""
    known = {}
    for name, value in job.resources.items():
        if isinstance(value, TBDString):
            if name != "tmpdir" or tmpdir is None:
                continue
            value = tmpdir
        if name not in ("_cores", "_nodes"):
            known[name] = value
    return Namedlist(fromdict=known)
