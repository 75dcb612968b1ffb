"""How far the jobs of a call are, from what Snakemake and the runs tell of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.display.board import Board, RuleRow, fitting, in_all
from snakemake_executor_omics.log import RunProgress
from snakemake_executor_omics.model import JobState


def board(**jobs: int) -> Board:
    made = Board()
    made.plan(jobs)
    return made


def row(found: Board, rule: str) -> RuleRow:
    return next(row for row in found.rows if row.rule == rule)


def run(name: str = "1", **states: int) -> RunProgress:
    counts = {JobState(state): count for state, count in states.items()}
    return RunProgress(name, "RUNNING", {"align": counts})


def test_a_job_is_done_when_its_run_says_so() -> None:
    found = board(align=5)
    found.hear(run(done=1, cached=1, running=2, queued=1))
    assert row(found, "align") == RuleRow("align", 5, done=2, running=2, queued=1, failed=0)


def test_what_snakemake_says_of_it_later_is_not_counted_twice() -> None:
    found = board(align=2)
    found.hear(run(done=2))
    for job in (7, 8):
        found.start(job, "align", here=False)
        found.finish(job)
    assert row(found, "align").done == 2


def test_jobs_of_this_machine_are_known_from_snakemake_alone() -> None:
    found = board(align=1, all=1)
    found.start(3, "all", here=True)
    assert row(found, "all").running == 1
    found.finish(3)
    assert (row(found, "all").done, row(found, "all").running) == (1, 0)
    found.start(4, "align", here=True)
    found.fail(4)
    assert row(found, "align").failed == 1


def test_jobs_that_a_checkpoint_brings_are_added() -> None:
    found = board(split=1)
    found.plan({"split": 1, "align": 12})
    assert in_all(found.rows) == (0, 13)


def test_a_job_that_runs_again_makes_no_more_of_them() -> None:
    found = board(align=1)
    found.hear(run("1", done=1))
    found.hear(run("2", running=1))
    found.hear(run("2", done=1))
    assert row(found, "align").done == 1


def test_rules_at_work_are_shown_before_others_in_their_order() -> None:
    rows = [
        RuleRow("done", 1, 1, 0, 0, 0),
        RuleRow("waits", 1, 0, 0, 0, 0),
        RuleRow("runs", 1, 0, 1, 0, 0),
        RuleRow("failed", 1, 0, 0, 0, 1),
    ]
    shown, others = fitting(rows, 3)
    assert [row.rule for row in shown] == ["waits", "runs", "failed"]
    assert [row.rule for row in others] == ["done"]


COUNTS = st.dictionaries(st.sampled_from(list(JobState)), st.integers(0, 9))


@given(st.integers(0, 20), st.lists(COUNTS, max_size=4), st.integers(0, 20))
def test_never_more_are_done_than_there_are(
    planned: int, runs: list[dict[JobState, int]], finished: int
) -> None:
    found = board(align=planned)
    for number, states in enumerate(runs):
        found.hear(RunProgress(str(number), "RUNNING", {"align": states}))
    for job in range(finished):
        found.start(job, "align", here=job % 2 == 0)
        found.finish(job)
    one = row(found, "align")
    assert 0 <= one.done <= one.total
    assert one.total >= planned
