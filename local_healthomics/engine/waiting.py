"""The jobs of a workflow that wait for others: which need not any more, without looking at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet


class Finished(set[str]):
    """Jobs that have ended. `ready` are those that waited for nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.ready: set[str] = set()
        self._missing: dict[str, int] = {}  # of a job that waits, how many have not ended
        self._waited_for_by: dict[str, list[str]] = {}

    def expect(self, job: str, others: AbstractSet[str]) -> None:
        """`job` waits for these."""
        missing = others - self
        for other in missing:
            self._waited_for_by.setdefault(other, []).append(job)
        if missing:
            self._missing[job] = len(missing)
        else:
            self.ready.add(job)

    def add(self, job: str) -> None:
        super().add(job)
        for waiting in self._waited_for_by.pop(job, ()):
            self._missing[waiting] -= 1
            if not self._missing[waiting]:
                del self._missing[waiting]
                self.ready.add(waiting)


class Waiting(set[str]):
    """Jobs that have not begun; those who go through them meet the ready ones only."""

    def __init__(
        self, jobs: Iterable[str], others: Callable[[str], AbstractSet[str]], finished: Finished
    ) -> None:
        super().__init__()
        self._others, self._finished = others, finished
        for job in jobs:
            self.add(job)

    def add(self, job: str) -> None:
        super().add(job)
        self._finished.expect(job, self._others(job))

    def remove(self, job: str) -> None:
        super().remove(job)
        self._finished.ready.discard(job)

    def __iter__(self) -> Iterator[str]:
        return iter(self._finished.ready)
