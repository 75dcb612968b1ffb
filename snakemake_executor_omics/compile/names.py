"""Names that HealthOmics and WDL accept, each leading back to exactly one job or file.

A name depends on nothing but the job or the path itself, so that it stays the same when the rest
of the workflow changes: the run cache and the reuse of workflow versions stand on that.
"""

from __future__ import annotations

import hashlib
import json
import re

from ..model import JobKey

# miniwdl's parsers reject these as names (WDL 1.1 keywords; the hash suffix keeps tasks clear of
# them, parameters carry one too).
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_READABLE = 40  # characters of the readable part; ListRunTasks allows names of 128


def _digest(value: object, length: int) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:length]


def _readable(text: str) -> str:
    """`text` as `[A-Za-z][A-Za-z0-9_]*`, shortened."""
    cleaned = _UNSAFE.sub("_", text).strip("_")
    if not cleaned or not cleaned[0].isalpha():
        cleaned = f"x_{cleaned}".rstrip("_")
    return cleaned[:_READABLE].rstrip("_")


def task_name(key: JobKey) -> str:
    """The WDL task's name of a job: `<rule>_<hash>`, 10 hex digits over its identity."""
    return f"{_readable(key.rule)}_{_digest([key.rule, key.wildcards, key.outputs], 10)}"


def parameter_name(path: str) -> str:
    """The workflow input that stands for a raw file: its last two path parts and a hash."""
    tail = "_".join(path.split("/")[-2:])
    return f"{_readable(tail)}_{_digest(path, 8)}"
