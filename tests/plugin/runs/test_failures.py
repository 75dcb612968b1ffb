"""Why a job failed, in words, and that nothing of it is needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from said import Said

from snakemake_executor_omics.aws.records import Run, RunStatus, RunTask, TaskStatus
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.model import JobKey, Resources, Step, Task
from snakemake_executor_omics.runs import failures
from snakemake_executor_omics.runs.courtesy import Courtesy
from snakemake_executor_omics.runs.failures import failure, why_ended
from snakemake_executor_omics.runs.reasons import is_fault, memory_advice

KEY = JobKey("align", (("sample", "A"),), ("A.bam",))
TASK = Task(
    key=KEY,
    layers=((Step(key=KEY, command="", logs=("a.log",)),),),
    container="x",
    resources=Resources(memory_mb=2000),
)
RUN = Run(id="77", status=RunStatus.FAILED, failure_reason="RUN_TASK_FAILED", status_message="why")
ROW = RunTask(
    id="5", name="align_1", status=TaskStatus.FAILED, stopped=datetime(2026, 1, 1, tzinfo=UTC)
)
GROUP = "/aws/omics/WorkflowLog"
HERE = Path("/nowhere")


def _detail(omics: Stubber, **more: Any) -> None:
    answer = {"taskId": "5", "name": "align_1", "status": "FAILED", **more}
    omics.add_response("get_run_task", answer, {"id": "77", "taskId": "5"})


def _log(services: Services, *lines: str) -> None:
    services.logs.create_log_group(logGroupName=GROUP)
    services.logs.create_log_stream(logGroupName=GROUP, logStreamName="run/77/task/5")
    now = int(datetime.now(UTC).timestamp() * 1000)
    services.logs.put_log_events(
        logGroupName=GROUP,
        logStreamName="run/77/task/5",
        logEvents=[{"timestamp": now + at, "message": line} for at, line in enumerate(lines)],
    )


def test_a_failure_says_why_shows_the_last_lines_and_where_there_is_more(
    services: Services, omics: Stubber
) -> None:
    _detail(omics, failureReason="RUN_TASK_FAILED", statusMessage="command exited with status 3")
    _log(
        services,
        "=== log 1.1 a.log ===",
        "[log 1.1] in the log",
        "=== end of log 1.1: 1 lines ===",
        "it broke",
    )
    found = failure(services, RUN, TASK, ROW, Courtesy(Said()), HERE)
    assert found.logs == {"a.log": "in the log\n"}
    assert str(found).splitlines() == [
        "RUN_TASK_FAILED: command exited with status 3",
        "    it broke",
        f"log: stream run/77/task/5 of log group {GROUP}",
        "run: https://us-east-1.console.aws.amazon.com/omics/home?region=us-east-1#/runs/77",
        "task: https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:"
        "log-groups/log-group/$252Faws$252Fomics$252FWorkflowLog/log-events/run$252F77$252Ftask$252F5",
    ]


PACK = (
    "=== job 1 ===",
    "of the first",
    "=== end of job 1: exit code 0 ===",
    "=== job 2 ===",
    "=== log 1.1 a.log ===",
    "[log 1.1] of the second",
    "=== end of log 1.1: 1 lines ===",
    "why",
)


def test_a_failed_job_of_a_pack_shows_what_it_printed_itself(
    services: Services, omics: Stubber
) -> None:
    _detail(omics)
    _log(services, *PACK, "=== end of job 2: exit code 3 ===", "=== job 3 ===", "of the third")
    found = failure(services, RUN, TASK, ROW, Courtesy(Said()), HERE, code=3, number=2)
    assert found.logs == {"a.log": "of the second\n"}
    assert (found.lines, found.stopped) == (("why",), False)


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (("it broke",), "the job ended with exit code 1"),
        (
            ("The job ended without its output file a.txt",),
            "the job ended without its output a.txt",
        ),
        (
            tuple(f"The job ended without its output directory {name}" for name in "abcde"),
            "the job ended without its output a, b, c and 2 more",
        ),
    ],
)
def test_a_job_that_its_run_goes_on_without_is_told_by_what_it_lacks(
    services: Services, omics: Stubber, printed: tuple[str, ...], told: str
) -> None:
    _detail(omics)
    _log(services, *printed)
    task = replace(TASK, layers=((Step(key=KEY, command=""),),))
    found = failure(services, RUN, task, ROW, Courtesy(Said()), HERE, code=1)
    assert (found.message, found.lines) == (told, printed)


@pytest.mark.parametrize(("number", "stopped"), [(1, True), (2, False), (3, True)])
def test_where_a_pack_is_ended_only_the_job_that_it_was_at_has_failed(
    services: Services, omics: Stubber, number: int, stopped: bool
) -> None:
    _detail(omics)
    _log(services, *PACK)
    found = failure(services, RUN, TASK, ROW, Courtesy(Said()), HERE, number=number)
    assert found.stopped is stopped


@pytest.mark.parametrize(("ended", "of", "at_work"), [(2, 3, 3), (3, 3, 3)])
def test_a_pack_that_is_ended_between_two_jobs_was_at_the_next_one(
    services: Services, omics: Stubber, ended: int, of: int, at_work: int
) -> None:
    """So that a retry finds another one to begin with, and never all of them have failed."""
    lines = [line for n in range(1, ended + 1) for line in
             (f"=== job {n} ===", f"=== end of job {n}: exit code 0 ===")]  # fmt: skip
    _log(services, *lines)
    failed = []
    for number in range(1, of + 1):
        _detail(omics, failureReason="OUT_OF_MEMORY_ERROR")
        found = failure(services, RUN, TASK, ROW, Courtesy(Said()), HERE, number=number, of=of)
        if not found.stopped:
            failed.append(number)
    assert failed == [at_work]


def test_the_begin_of_a_job_that_is_delivered_late_is_waited_for(
    services: Services, omics: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = iter([PACK[:3], PACK[:3], PACK])
    monkeypatch.setattr(failures, "_LOG_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(failures, "task_log", lambda *_: list(next(late)))
    _detail(omics, failureReason="TASK_TIMED_OUT")
    row = replace(ROW, stopped=datetime.now(UTC))
    found = failure(services, RUN, TASK, row, Courtesy(Said()), HERE, number=2, of=3)
    assert (found.stopped, found.lines) == (False, ("why",))


def test_a_failure_is_told_without_any_right_to_ask_why(services: Services, omics: Stubber) -> None:
    omics.add_client_error("get_run_task", "AccessDeniedException", http_status_code=403)
    said = Said()
    with Stubber(services.logs) as logs:
        logs.add_client_error("get_log_events", "AccessDeniedException", http_status_code=400)
        found = failure(services, RUN, TASK, ROW, Courtesy(said), HERE)
    assert str(found).startswith("RUN_TASK_FAILED: why\n")
    assert [("omics:GetRunTask" in line, "logs:GetLogEvents" in line) for line in said.lines] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("reason", "code"), [("OUT_OF_MEMORY_ERROR", None), ("RUN_TASK_FAILED", 137)]
)
def test_a_job_that_was_killed_for_its_memory_is_told_what_it_had_and_what_to_try(
    services: Services, omics: Stubber, reason: str, code: int | None
) -> None:
    _detail(omics, failureReason=reason)
    found = failure(services, RUN, TASK, ROW, Courtesy(Said()), HERE, code)
    assert "its task had 2,000 MB; try `resources: mem_mb=4000`" in str(found)


def test_memory_that_a_rule_computes_is_told_without_a_number() -> None:
    assert "what its rule's `mem_mb` computes" in memory_advice("2 * size(inputs)")
    assert "1 GiB" in memory_advice(None)


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("FILE_SYSTEM_OUT_OF_SPACE", "--omics-storage-capacity"),
        ("EXPORT_FAILED", "s3:PutObject"),
        ("RUN_TIMED_OUT", "--omics-run-group-max-duration"),
        ("TASK_TIMED_OUT", "runtime"),
        ("INSTANCE_RESERVATION_FAILED", "no machine of that size"),
    ],
)
def test_the_end_of_a_run_is_told_with_what_to_change(
    services: Services, reason: str, hint: str
) -> None:
    told = why_ended(services, Run(id="7", status=RunStatus.FAILED, failure_reason=reason))
    assert told.startswith(f"run 7 ended FAILED: {reason}\nhint: ")
    assert hint in told


def test_faults_of_the_service_are_told_from_those_of_a_job() -> None:
    assert is_fault("SERVICE_ERROR")
    assert is_fault("INSTANCE_RESERVATION_FAILED")
    assert not is_fault("RUN_TASK_FAILED")
    assert not is_fault(None)


@pytest.mark.parametrize(("named", "stopped"), [("6", True), ("5", False)])
def test_a_failed_task_without_a_log_beside_the_one_that_the_run_names_was_stopped(
    services: Services, omics: Stubber, named: str, stopped: bool
) -> None:
    _detail(omics, failureReason="RUN_TASK_FAILED", statusMessage="Terminated")
    said = f"Run failed due to task: sort_2, id: {named}, failure. Use the GetRunTask API for more"
    run = replace(RUN, status_message=said)
    found = failure(services, run, TASK, ROW, Courtesy(Said()), HERE)
    assert found.stopped is stopped
