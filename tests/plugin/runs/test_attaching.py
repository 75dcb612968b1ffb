"""A plan is started once: by what an earlier call left, a run is attached to or started anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from snakemake_executor_omics.aws.records import OWNER_TAG, Run, RunStatus
from snakemake_executor_omics.errors import NotFound
from snakemake_executor_omics.model import JobKey
from snakemake_executor_omics.runs import submission, surroundings
from snakemake_executor_omics.runs.journal import Journal
from snakemake_executor_omics.settings.options import Options

OPTIONS = Options(role_arn="r", output_uri="s3://b/o", workflow_name="w")


class _Service:
    """Runs by id, and the tokens that a run was asked for with: an old one gives the old run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs: dict[str, Run] = {}
        self.of_token: dict[str, str] = {}
        self.started: list[str] = []
        monkeypatch.setattr(submission, "get_run", self._get)
        monkeypatch.setattr(surroundings, "find_runs", self._find)
        monkeypatch.setattr(submission, "_start", self._start)

    def has(self, id: str, status: RunStatus, *, plan: str = "plan", reason: str = "") -> None:
        self.runs[id] = Run(id=id, status=status, tags={OWNER_TAG: plan}, failure_reason=reason)

    def _get(self, services: Any, id: str) -> Run:
        if id not in self.runs:
            raise NotFound(f"no run {id}", code="ResourceNotFoundException")
        return self.runs[id]

    def _find(
        self, services: Any, tags: Mapping[str, set[str]], *, name: str, others: set[str]
    ) -> list[Run]:
        return [
            run
            for run in self.runs.values()
            if run.tags[OWNER_TAG] in tags[OWNER_TAG]
            and not run.status.is_final
            and run.id not in others
        ]

    def _start(
        self, connection: Any, options: Any, prepared: Any, around: Any, entry: Any, *_: Any
    ) -> Run:
        id = self.of_token.setdefault(entry.request_id, f"new-{len(self.started) + 1}")
        if id not in self.runs:
            self.has(id, RunStatus.PENDING)
            self.started.append(id)
        connection.journal.started(entry, id)
        return self.runs[id]


class _Project:
    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.said: list[str] = []

    def submit(self, plan: str = "plan") -> str:
        connection = SimpleNamespace(services=None, journal=self.journal)
        prepared = SimpleNamespace(plan=plan, identities={JobKey("a", (), ()): "a"}, first=["a"])
        log = SimpleNamespace(info=self.said.append, warning=self.said.append)
        anything = cast(Any, None)
        given = (cast(Any, connection), OPTIONS)
        around = surroundings.look_around(*given, [cast(Any, prepared)])
        return submission._run_of(*given, cast(Any, prepared), around, anything, cast(Any, log)).id

    def knows(self, id: str | None, plan: str = "plan") -> str:
        """An earlier call has asked for a run, and seen its id or not; gives its token."""
        entry = self.journal.open(plan)
        if id is not None:
            self.journal.started(entry, id)
        return entry.request_id


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> _Service:
    return _Service(monkeypatch)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[_Project]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield _Project(journal)
    journal.close()


def test_a_plan_that_nobody_knows_is_started_once(service: _Service, project: _Project) -> None:
    assert project.submit() == "new-1"
    assert project.submit() == "new-1"
    assert service.started == ["new-1"]


@pytest.mark.parametrize(
    ("status", "reason", "says"),
    [
        (RunStatus.PENDING, "", "attached to run 7"),
        (RunStatus.RUNNING, "", "attached to run 7"),
        (RunStatus.COMPLETED, "", "attached to run 7"),
        (RunStatus.FAILED, "RUN_TASK_FAILED", "failed while nobody followed it"),
    ],
)
def test_a_run_that_goes_on_or_ended_unseen_is_attached_to(
    service: _Service, project: _Project, status: RunStatus, reason: str, says: str
) -> None:
    project.knows("7")
    service.has("7", status, reason=reason)
    assert project.submit() == "7"
    assert service.started == []
    assert any(says in line for line in project.said)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(RunStatus.CANCELLED, ""), (RunStatus.DELETED, ""), (RunStatus.FAILED, "SERVICE_ERROR")],
)
def test_a_run_that_is_no_answer_is_started_anew_with_another_token(
    service: _Service, project: _Project, status: RunStatus, reason: str
) -> None:
    token = project.knows("7")
    service.of_token[token] = "7"
    service.has("7", status, reason=reason)
    assert project.submit() == "new-1"
    assert service.started == ["new-1"]
    assert any(f"run 7 of an earlier call ended {status}" in line for line in project.said)


def test_a_start_whose_answer_was_lost_is_the_run_that_it_made(
    service: _Service, project: _Project
) -> None:
    service.of_token[project.knows(None)] = "7"
    service.has("7", RunStatus.COMPLETED)
    assert project.submit() == "7"
    assert service.started == []


def test_a_token_that_gives_a_dead_run_is_given_up(service: _Service, project: _Project) -> None:
    service.of_token[project.knows(None)] = "7"
    service.has("7", RunStatus.CANCELLED)
    assert project.submit() == "new-1"


def test_a_run_that_was_deleted_is_started_anew(service: _Service, project: _Project) -> None:
    project.knows("7")
    assert project.submit() == "new-1"


def test_who_knows_its_runs_lists_none(
    service: _Service, project: _Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.knows("7")
    service.has("7", RunStatus.RUNNING)
    monkeypatch.setattr(surroundings, "find_runs", None)
    assert project.submit() == "7"


def test_an_id_that_another_plan_has_now_is_not_taken(service: _Service, project: _Project) -> None:
    project.knows("7")
    service.has("7", RunStatus.RUNNING, plan="other")
    assert project.submit() == "new-1"


def test_a_run_of_the_same_plan_from_another_folder_is_found_by_its_tag(
    service: _Service, project: _Project
) -> None:
    service.has("7", RunStatus.RUNNING)
    assert project.submit() == "7"
    assert service.started == []


@pytest.mark.parametrize(
    ("status", "is_taken"),
    [
        (RunStatus.RUNNING, True),
        (RunStatus.STOPPING, True),
        (RunStatus.COMPLETED, True),
        (RunStatus.FAILED, False),
        (RunStatus.CANCELLED, False),
    ],
)
def test_a_run_that_has_these_jobs_and_others_is_taken_while_it_may_give_them(
    service: _Service, project: _Project, status: RunStatus, is_taken: bool
) -> None:
    project.knows("7", "larger")
    project.journal.carries("7", ["a", "b"])
    service.has("7", status, plan="larger")
    assert (project.submit() == "7") == is_taken
    assert (service.started == []) == is_taken
