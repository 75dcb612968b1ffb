"""Each right that the head uses, missing: what cannot go on without it ends before anything is
billed, everything else goes on and says once what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from . import proxy
from .conftest import Case
from .proxy import Fault
from .test_faults import GIVEN, MADE, check, check_end


@dataclass(frozen=True)
class Right:
    """What is missing, how the call without it ends, and how many runs it started."""

    operation: str
    code: int
    started: int
    says: str = ""  # that it is missing, by default as the service said it
    to_mend: str = ""


RIGHTS = [
    # A run cannot be asked for without these, and nothing is billed.
    Right("omics:ListWorkflows", 1, 0),
    Right("omics:CreateWorkflow", 1, 0),
    Right("omics:GetWorkflow", 1, 0),
    Right("omics:GetWorkflowVersion", 1, 0),
    Right("omics:CreateWorkflowVersion", 1, 0),
    Right("omics:ListRunCaches", 1, 0),
    Right("omics:CreateRunCache", 1, 0),
    Right("omics:ListRunGroups", 1, 0),
    Right("omics:CreateRunGroup", 1, 0),
    Right("omics:StartRun", 1, 0),
    Right("s3:HeadBucket", 1, 0, says="no access to bucket"),
    Right("s3:PutObject", 1, 0),
    # Without it nobody could tell whether the run is in flight already.
    Right("omics:ListRuns", 1, 0),
    # A run that cannot be followed or fetched is left in flight, for a call that may.
    Right("omics:GetRun", 1, 1),
    Right("s3:ListObjectsV2", 1, 1),
    Right("s3:GetObject", 1, 1),
    # The run is followed by GetRun alone.
    Right("omics:ListRunTasks", 0, 1),
    # What cannot be looked for is sent.
    Right("s3:HeadObject", 0, 1, says="sent 2 files"),
]

# Those that a run takes only if it fails. Where its finished jobs cannot be found, they are told to
# be lost, and run again in one run: from the cache, which the service may read.
WHEN_IT_FAILS = [
    Right("omics:GetRunTask", 1, 1),
    Right("omics:GetRunCache", 1, 2),
    Right("logs:GetLogEvents", 1, 1),
]


def params() -> list[object]:
    return [
        pytest.param(
            right,
            id=right.operation,
            marks=[
                pytest.mark.slow,
                *([pytest.mark.xfail(strict=True, reason=right.to_mend)] if right.to_mend else []),
            ],
        )
        for right in RIGHTS
    ]


@pytest.mark.parametrize("right", params())
def test_a_right_is_missing(case: Case, right: Right) -> None:
    case.options = ("--omics-run-group", f"{case.name}-group")
    done = case.call(Fault(right.operation, proxy.denied))
    assert right.operation in case.proxy.seen, "nobody uses it: this row says nothing"
    check(done, right.code, (right.says or f"to perform: {right.operation}",))
    assert len(case.ledger.runs) == right.started
    if right.code:
        check(case.call(), 0)
    check_end(case, 1)


@pytest.mark.slow
@pytest.mark.parametrize("right", WHEN_IT_FAILS, ids=lambda right: right.operation)
def test_a_right_is_missing_when_the_run_fails(case: Case, right: Right) -> None:
    """The failure is told, and so is what is missing; the results are here."""
    case.set("flag.txt", "bad\n")
    said = (right.says or f"to perform: {right.operation}", "gather")
    check(case.call(Fault(right.operation, proxy.denied)), right.code, said)
    assert len(case.ledger.runs) == right.started
    assert {name: case.files.get(name) for name in MADE} == MADE
    case.set("flag.txt", "good\n")
    check(case.call(), 0)
    check_end(case, right.started + 1)


@pytest.mark.slow
@pytest.mark.parametrize(("right", "started"), [("s3:ListObjectsV2", 2), ("omics:ListRunTasks", 1)])
def test_nothing_of_a_run_that_fails_may_be_looked_for(
    case: Case, right: str, started: int
) -> None:
    """Nothing hangs, the failure is told, and the run cache has what was done."""
    case.set("flag.txt", "bad\n")
    check(case.call(Fault(right, proxy.denied)), 1, (f"to perform: {right}",))
    assert len(case.ledger.runs) == started
    case.set("flag.txt", "good\n")
    check(case.call(), 0)
    check_end(case, started + 1)


def test_the_table_has_every_right_that_the_head_uses(case: Case) -> None:
    """One call that makes all, one that fails, one that finds all: which rights that takes."""
    case.options = ("--omics-run-group", f"{case.name}-group")
    case.set("flag.txt", "bad\n")
    check(case.call(), 1)
    used = set(case.proxy.seen)
    assert {name: case.files.get(name) for name in MADE} == MADE
    case.set("flag.txt", "good\n")
    check(case.call(), 0)
    used |= set(case.proxy.seen)
    assert set(case.files) >= set(GIVEN)
    assert used <= {right.operation for right in (*RIGHTS, *WHEN_IT_FAILS)}
    check_end(case, 2)
