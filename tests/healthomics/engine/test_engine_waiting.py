"""The jobs that need not wait any more are those that looking through all of them finds."""

from __future__ import annotations

import random

import pytest

from local_healthomics.engine.waiting import Finished, Waiting


@pytest.mark.parametrize("seed", range(10))
def test_who_goes_through_the_waiting_meets_the_ready(seed: int) -> None:
    rng = random.Random(seed)
    names = [str(number) for number in range(60)]
    needs = {
        name: {rng.choice(names[:number]) for _ in range(rng.randrange(4))} if number else set()
        for number, name in enumerate(names)
    }
    late = names[40:]  # as of a scatter, known in the course of the run
    finished = Finished()
    waiting = Waiting(names[:40], needs.__getitem__, finished)
    running: list[str] = []
    while len(finished) < len(names):
        ready = {name for name in names if name in waiting and not needs[name] - finished}
        assert {*iter(waiting)} == ready
        choices = [*(["begin"] if ready else []), *(["end"] if running else [])]
        if late and (not choices or rng.random() < 0.3):
            waiting.add(late.pop(0))
            continue
        if rng.choice(choices) == "begin":
            running.append(rng.choice(sorted(ready)))
            waiting.remove(running[-1])
        else:
            finished.add(running.pop(rng.randrange(len(running))))
    assert not waiting
    assert not list(waiting)
