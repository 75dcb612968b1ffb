"""What goes into a wave, and what waits."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snakemake_executor_omics.graph import selection
from snakemake_executor_omics.graph.partition import Partition
from snakemake_executor_omics.graph.selection import _Refusals, _waits_for, tell_selection
from snakemake_executor_omics.graph.task_settings import TaskSettings
from snakemake_executor_omics.graph.units import job_key
from snakemake_executor_omics.model import JobKey, Wave


@pytest.mark.parametrize("checkpoint", [True, False])
def test_what_follows_a_checkpoint_waits_until_snakemake_knows_its_results(
    checkpoint: bool,
) -> None:
    """They may be here before: what follows has the checkpoint's own output as input until then."""
    rule = SimpleNamespace(name="split", output=["parts.txt"])
    parent = SimpleNamespace(
        rule=rule,
        is_checkpoint=checkpoint,
        is_group=lambda: False,
        wildcards_dict={},
        output=["parts.txt"],
    )
    done = _waits_for([parent], deferred={})
    assert done == ("checkpoint split decides what follows" if checkpoint else None)
    in_flight = _waits_for([parent], deferred={job_key(parent): "in flight"})
    assert in_flight == "in flight"


def _job(name: str, *, is_local: bool = False) -> Any:
    class Job(SimpleNamespace):
        __hash__ = object.__hash__

    return Job(
        rule=SimpleNamespace(name=name, output=[f"{name}.txt"]),
        is_checkpoint=False,
        is_local=is_local,
        is_group=lambda: False,
        wildcards_dict={},
        output=[f"{name}.txt"],
    )


def test_what_waits_is_looked_at_until_it_is_known_and_not_by_every_wave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of many waves, each would look at all jobs that are left."""
    local, known, unknown = _job("local", is_local=True), _job("known"), _job("unknown")
    jobs = [local, known, unknown]
    dag = SimpleNamespace(
        jobs=jobs,
        needrun_jobs=lambda: jobs,
        finished=lambda job: False,
        get_job_group=lambda job: None,
        dependencies={local: [], known: [local], unknown: [local]},
    )
    asked: list[str] = []

    def look_ahead(self: _Refusals, unit: Any, settings: TaskSettings) -> Any:
        asked.append(unit.rule.name)
        return SimpleNamespace(key=job_key(unit)) if unit is known else None

    monkeypatch.setattr(_Refusals, "look_ahead", look_ahead)
    monkeypatch.setattr(selection, "workflow_notes", lambda *_: ())
    monkeypatch.setattr(selection, "container_of", lambda *_: "image")
    monkeypatch.setattr(selection, "environment_of", lambda *_: None)
    monkeypatch.setattr(selection, "written_by", lambda job, _: job.output)
    looked_at: set[JobKey] = set()
    for _ in range(2):
        selection.look_over(dag, [], TaskSettings(Path()), looked_at=looked_at)
    assert sorted(asked) == ["known", "unknown", "unknown"]


def test_a_note_is_told_once_in_a_call(caplog: pytest.LogCaptureFixture) -> None:
    """Each try of a failed job is a wave of its own, and would tell all of them again."""
    told: set[str] = set()
    for notes in (("first",), ("first", "second")):
        chosen = selection.Selection(Wave(()), {}, {}, notes=notes)
        with caplog.at_level(logging.WARNING):
            tell_selection(chosen, Partition((), ()), logging.getLogger("omics"), told)
    assert [record.message for record in caplog.records] == ["omics: first", "omics: second"]
