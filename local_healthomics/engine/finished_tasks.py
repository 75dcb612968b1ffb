"""The tasks of a run that have finished, on disk when they end: RUN_DIR/finished.jsonl.

An engine that ends in order writes them to the run cache, or not, and removes the file. Where one
did not, because it or its server was killed, the next server lets this module do so: neither loses
finished work. Their files are where the run has them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..removing import remove

FILE = "finished.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A finished task to be written: files by their path in the entry, and how to restore them."""

    key: str
    task_key: int
    task_id: str
    work_dir: str
    files: dict[str, str]  # path in the entry -> file on this machine
    restore: dict[str, str]  # path in the task's folder -> path in the entry
    other_outputs: dict[str, Any]
    exit_code: int = 0


_NAMES = [field.name for field in fields(Entry)]


class FinishedTasks:
    """What a run cache may have of one run."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / FILE
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        line = json.dumps({name: getattr(entry, name) for name in _NAMES})
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def entries(self) -> Iterator[Entry]:
        """All that were added; a line that a kill left unfinished is none."""
        if not self._path.is_file():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                yield Entry(**json.loads(line))
            except ValueError:
                return

    def forget(self) -> None:
        remove(self._path, within=self._path.parent)
