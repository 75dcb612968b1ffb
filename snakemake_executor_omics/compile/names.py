"""Names that HealthOmics and WDL accept, each leading back to exactly one job or file.

A name depends on nothing but the job or the path itself, so that it stays the same when the rest
of the workflow changes: the run cache and the reuse of workflow versions stand on that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache

from ..model import JobKey, Wave

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_PLAIN = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")  # nearly itself in a name
_READABLE = 40  # characters of a rule or a path that are shown
# Characters with the values of wildcards: ListRunTasks allows names of 128, and outputs are named
# after tasks.
_WITH_VALUES = 100


def _digest(value: object, length: int) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:length]


def _readable(text: str) -> str:
    """`text` as `[A-Za-z][A-Za-z0-9_]*`, shortened."""
    cleaned = _UNSAFE.sub("_", text).strip("_")
    if not cleaned or not cleaned[0].isalpha():
        cleaned = f"x_{cleaned}".rstrip("_")
    return cleaned[:_READABLE].rstrip("_")


@lru_cache(maxsize=50_000)  # a definition names a job in several places
def task_name(key: JobKey) -> str:
    """The WDL task's name of a job: `<rule>_<values>_<hash>`, hex digits over its identity.

    Those values of its wildcards are shown that fit whole: the beginning of one may be another's.
    The hash also keeps the name clear of WDL's keywords. It has 6 digits where all is shown, since
    few jobs can look the same then (`a_b` and `c`, `a` and `b_c`), else 10.
    """
    name, parts = _readable(key.rule), [key.rule]
    for _, value in key.wildcards:
        shown = _UNSAFE.sub("_", value).strip("_")
        if len(name) + 1 + len(shown) <= _WITH_VALUES:
            name += f"_{shown}" if shown else ""
            parts.append(value)
    is_whole = len(parts) > len(key.wildcards) and len(key.rule) <= _READABLE
    digits = 6 if is_whole and all(map(_PLAIN.fullmatch, parts)) else 10
    return f"{name}_{_digest([key.rule, key.wildcards, key.outputs], digits)}"


def shows_all(key: JobKey) -> bool:
    """Whether the task's name tells rule and wildcards as they are."""
    shown = [key.rule, *(value for _, value in key.wildcards)]
    return task_name(key).startswith("_".join(shown) + "_")


def pack_name(keys: Sequence[JobKey]) -> str:
    """The WDL task's name of jobs that share one: their rules, how many, and a hash."""
    rules = _readable("pack_" + "_".join(dict.fromkeys(key.rule for key in keys)))
    return f"{rules}_{len(keys)}_{_digest([task_name(key) for key in keys], 10)}"


def names_of(wave: Wave) -> dict[JobKey, str]:
    """The WDL task's name of each job of a wave."""
    found = {task.key: task_name(task.key) for task in wave.tasks}
    for pack in wave.packs:
        found.update(dict.fromkeys(pack, pack_name(pack)))
    return found


def parameter_name(path: str) -> str:
    """The workflow input that stands for a raw file: its last two path parts and a hash."""
    tail = "_".join(path.split("/")[-2:])
    return f"{_readable(tail)}_{_digest(path, 8)}"
