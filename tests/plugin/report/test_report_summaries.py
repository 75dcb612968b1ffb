"""What a report comes to, and what follows from it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml
from reports import BEGAN, PRICES, made_report

from snakemake_executor_omics.cost.instances import smallest
from snakemake_executor_omics.model import JobState
from snakemake_executor_omics.report.advice import advise
from snakemake_executor_omics.report.model import Report, ReportedRun
from snakemake_executor_omics.report.summaries import by_rule, summarize
from snakemake_executor_omics.report.tables import to_csv, to_json
from snakemake_executor_omics.report.texts import dollars, duration, lines, number

REPORT = made_report(50)
SUMMARY = summarize(REPORT)


def test_a_rule_has_the_sums_and_the_largest_of_its_tasks() -> None:
    (align,) = (rule for rule in SUMMARY.rules if rule.rule == "align")
    tasks = [task for task in REPORT.tasks if task.rule == "align"]
    assert align.tasks == len(tasks) == align.states[JobState.DONE]
    assert align.dollars == pytest.approx(sum(task.dollars or 0 for task in tasks))
    assert align.memory_used is not None
    assert align.memory_used.largest == max(
        task.use.memory_maximum_gib for task in tasks if task.use
    )
    assert (align.cpus, align.memory_gib, align.instances) == (16, 64, ("omics.m.4xlarge",))


def test_the_totals_are_those_of_the_rules_and_the_storage() -> None:
    total = SUMMARY.totals
    assert total.instance_dollars == pytest.approx(sum(task.dollars or 0 for task in REPORT.tasks))
    assert total.storage_dollars == REPORT.runs[0].storage_dollars
    assert total.dollars == total.instance_dollars + total.storage_dollars
    assert total.saved > 0
    assert total.saved == pytest.approx(sum(task.saved or 0 for task in REPORT.tasks))
    assert total.tasks == len(REPORT.tasks) == sum(total.states.values())
    assert total.cpu_share is not None
    assert 0 < total.cpu_share < 1


def test_an_earlier_attempt_costs_and_is_no_task_of_its_own() -> None:
    task = REPORT.tasks[-1]
    (rule,) = by_rule([replace(task, id="0", superseded=True, dollars=2.0), task])
    assert (rule.tasks, rule.retries) == (1, 1)
    assert rule.dollars == pytest.approx(2 + (task.dollars or 0))


def test_what_is_not_known_is_counted_and_not_taken_for_nothing() -> None:
    task = replace(REPORT.tasks[0], dollars=None, use=None)
    cached = replace(task, state=JobState.CACHED, dollars=0.0, saved=None)
    (rule,) = by_rule([task, cached])
    assert (rule.unpriced, rule.unknown_savings, rule.memory_used) == (1, 1, None)


def test_a_report_without_tasks_has_no_numbers() -> None:
    run = replace(REPORT.runs[0], stopped=None, started=None, storage_dollars=None)
    summary = summarize(replace(REPORT, runs=(run,), tasks=(), failures=()))
    assert (summary.rules, summary.totals.tasks, summary.totals.cpu_share) == ([], 0, None)
    assert "tasks: none yet" in list(lines(summary, [], ""))
    assert json.loads(to_json(summary, advise(summary, PRICES)))["tasks"] == []


def test_waits_are_starts_of_runs_gaps_between_them_and_queues() -> None:
    first = REPORT.runs[0]
    assert first.stopped is not None
    later = first.stopped + timedelta(seconds=90)
    second = ReportedRun(
        id="2", status=first.status, created=later, started=later, stopped=later + timedelta(1)
    )
    beside = replace(second, id="3", created=later + timedelta(seconds=5))
    waits = summarize(replace(REPORT, runs=(second, beside, first))).waits
    told = {wait.what: wait.seconds for wait in waits}
    assert told["run 1234567 until it was running"] == 300
    assert told["between run 1234567 and run 2"] == 90
    assert "between run 2 and run 3" not in told
    assert "tasks of align until they started" in told
    assert list(told.values()) == sorted(told.values(), reverse=True)


def test_the_csv_has_a_line_for_each_task() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(REPORT.tasks))))
    assert [row["id"] for row in rows] == [task.id for task in REPORT.tasks]
    assert rows[0]["created"] == "2026-11-28T09:00:00Z"
    (cached, *_) = (row for row in rows if row["state"] == "cached")
    assert (cached["started"], cached["cpus_maximum"], cached["dollars"]) == ("", "", "0.0")


def test_the_json_has_all_of_it() -> None:
    found = json.loads(to_json(SUMMARY, advise(SUMMARY, PRICES)))
    assert found["version"] == 1
    assert found["runs"][0]["stopped"].endswith("Z")
    assert len(found["tasks"]) == len(REPORT.tasks)
    assert found["totals"]["dollars"] == SUMMARY.totals.dollars
    assert found["failures"][0]["task"]["job"].startswith("call (sample=")
    assert {rule["rule"] for rule in found["rules"]} == {rule.rule for rule in SUMMARY.rules}
    assert set(found["totals"]) == {
        *("tasks", "states", "seconds", "task_seconds", "queued_seconds", "cpu_share"),
        *("memory_share", "dollars", "instance_dollars", "storage_dollars", "unpriced"),
        *("saved", "unknown_savings"),
    }  # of this version: programs read it


def test_the_advice_is_a_profile_with_room_for_what_was_used() -> None:
    advice = advise(SUMMARY, PRICES)
    profile = yaml.safe_load(advice.profile)
    (align,) = (rule for rule in SUMMARY.rules if rule.rule == "align")
    assert align.cpus_used is not None
    assert align.memory_used is not None
    assert profile["set-threads"]["align"] == 8 >= align.cpus_used.largest * 1.1
    megabytes = profile["set-resources"]["align"]["mem_mb"]
    assert megabytes >= align.memory_used.largest * 1.25 * 1073.7
    smaller = smallest(8, megabytes / 1073.742)
    assert smaller is not None
    assert smaller.name == "omics.c.2xlarge"
    proposal = next(one for one in advice.proposals if one.rule == "align")
    assert "omics.c.2xlarge is enough in place of omics.m.4xlarge" in proposal.why
    assert 0 < proposal.saves < align.dollars


def test_memory_that_was_nearly_used_up_is_to_be_more() -> None:
    """`merge` used 7.7 of 8 GiB at most, wherever a smaller instance would lead to."""
    tasks = [task for task in made_report(2).tasks if task.rule == "merge"]
    (task,) = tasks
    assert task.use is not None
    full = replace(task, use=replace(task.use, memory_maximum_gib=7.7))
    (proposal,) = advise(summarize(replace(REPORT, tasks=(full,))), PRICES).proposals
    assert (proposal.threads, proposal.mem_mb) == (None, 10_400)
    assert "may be killed" in proposal.why


def test_a_rule_that_was_killed_for_its_memory_gets_twice_as_much() -> None:
    failure = replace(REPORT.failures[0], reason="OUT_OF_MEMORY_ERROR")
    advice = advise(summarize(replace(REPORT, failures=(failure,))), PRICES)
    (call,) = (one for one in advice.proposals if one.rule == "call")
    assert call.mem_mb == 68_800  # MB: 64 GiB
    assert yaml.safe_load(advice.profile)["set-resources"]["call"] == {"mem_mb": 68_800}


def test_what_leads_to_the_same_instance_is_not_proposed() -> None:
    assert "trim" not in {one.rule for one in advise(SUMMARY, PRICES).proposals}


def test_without_a_measure_nothing_is_proposed() -> None:
    unmeasured = tuple(replace(task, use=None) for task in REPORT.tasks)
    advice = advise(summarize(replace(REPORT, tasks=unmeasured, failures=())), PRICES)
    assert (advice.proposals, advice.profile) == ((), "")


def test_of_tasks_that_failed_nothing_is_taken_for_enough() -> None:
    failed = tuple(replace(task, state=JobState.FAILED) for task in REPORT.tasks)
    proposed = advise(summarize(replace(REPORT, tasks=failed, failures=())), PRICES).proposals
    assert [one for one in proposed if one.saves] == []


def test_runs_without_rules_get_no_profile() -> None:
    advice = advise(summarize(replace(REPORT, by_rule=False)), PRICES)
    assert advice.proposals
    assert advice.profile == ""


def test_what_is_proposed_for_several_rules_at_once_is_in_no_profile() -> None:
    joined = tuple(
        replace(task, rule="align, sort", is_of_one=False) if task.rule == "align" else task
        for task in REPORT.tasks
    )
    advice = advise(summarize(replace(REPORT, tasks=joined)), PRICES)
    assert "align, sort" in {one.rule for one in advice.proposals}
    assert "align" not in advice.profile


def test_short_tasks_are_to_be_packed_and_long_queues_told() -> None:
    advice = advise(SUMMARY, PRICES)
    (packing,) = advice.packing
    assert packing.startswith("trim: 10 tasks worked for ")
    assert "are billed 10:00 min" in packing
    slow = tuple(
        replace(task, created=task.created - timedelta(hours=2))
        for task in REPORT.tasks
        if task.rule == "trim" and task.created
    )
    (waiting,) = advise(summarize(replace(REPORT, tasks=slow)), PRICES).waiting
    assert waiting.startswith("half of the tasks waited longer than they worked of trim 2:0")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.44, "0.4 s"), (59.99, "1:00 min"), (185, "3:05 min"), (97_440, "27:04 h")],
)
def test_durations_are_as_people_read_them(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (0.0019133, "$0.0019"),
        (4.5e-9, "$0.00"),
        (0.5, "$0.50"),
        (1234.5, "$1,234.50"),
    ],
)
def test_dollars_are_as_people_read_them(amount: float, text: str) -> None:
    assert dollars(amount) == text


def test_numbers_have_no_digits_that_say_nothing() -> None:
    assert [number(amount) for amount in (None, 0.0, 2.0, 2.5, 1234.567)] == [
        *("", "0", "2", "2.5", "1,234.57")
    ]


def test_the_lines_for_a_terminal_tell_runs_rules_cost_failures_and_gaps() -> None:
    told = "\n".join(
        lines(summarize(replace(REPORT, gaps=("the moon",))), ["pack it"], "set-threads: {}\n")
    )
    for part in (
        "run 1234567 (cohort) FAILED",
        "RUN_TASK_FAILED: a task failed",
        "align",
        "m.4xlarge",
        "saved by the run cache",
        "failed: call (sample=S0011): RUN_TASK_FAILED",
        "advice: pack it",
        "not known: the moon",
        "set-threads: {}",
    ):
        assert part in told, told
    assert isinstance(REPORT, Report)
    assert REPORT.runs[0].created == BEGAN - timedelta(seconds=300)
