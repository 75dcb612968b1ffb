"""What the head makes of a network and a service that fail, scenario by scenario.

Every scenario ends the same way: the command, given again without the fault, succeeds, with every
file right, no task run to its end twice, and not more runs started than the table says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import pytest

from . import proxy
from .conftest import Case, Ended
from .proxy import Fault, edited, paged, stalled, without

UPPER = "ONE\nTWO\n"
MADE = {
    "upper.txt": UPPER,
    "number/1.txt": f"{UPPER}1\n",
    "number/2.txt": f"{UPPER}2\n",
}
GIVEN = {"data.txt": "one\ntwo\n", "flag.txt": "good\n"}
ALL = {**MADE, "all.txt": f"{UPPER}1\n{UPPER}2\n", "gather.log": "gathering\ngood\n"}
ONCE, FIRST_THREE = (1,), (1, 2, 3)


@dataclass(frozen=True)
class Scenario:
    """`faults` meet the first call, which ends with `code` and says what matches `says`.

    `runs` is the number of runs that the service was asked for when all is done. A scenario that
    is `dense` says much for its time and is part of the normal suite. What fails today is
    `to_mend`: why.
    """

    name: str
    faults: Callable[[], Sequence[Fault]]
    code: int = 0
    says: tuple[str, ...] = ()
    runs: int = 1
    options: tuple[str, ...] = ()
    dense: bool = False
    to_mend: str = ""


def fault(operation: str, action: proxy.Action, **when: object) -> Callable[[], list[Fault]]:
    return lambda: [Fault(operation, action, **when)]  # type: ignore[arg-type]


def params(scenarios: Sequence[Scenario]) -> list[object]:
    found = []
    for scenario in scenarios:
        marks = [] if scenario.dense else [pytest.mark.slow]
        if scenario.to_mend:
            marks.append(pytest.mark.xfail(strict=True, reason=scenario.to_mend))
        found.append(pytest.param(scenario, id=scenario.name.replace(" ", "-"), marks=marks))
    return found


def check(ended: Ended, code: int, says: tuple[str, ...] = ()) -> None:
    assert not ended.hung, f"it hangs:\n{ended.text}"
    assert ended.code == code, ended.text
    assert "Traceback (most recent call last)" not in ended.text
    for pattern in says:
        assert re.search(pattern, ended.text), (pattern, ended.text)


def check_files(case: Case, without: Collection[str] = ()) -> None:
    left = {k: v for k, v in case.files.items() if k != "Snakefile"}
    assert left == {k: v for k, v in {**GIVEN, **ALL}.items() if k not in without}


def check_end(case: Case, runs: int) -> None:
    """Nothing is lost, nothing ran twice."""
    check_files(case)
    ledger = case.ledger
    assert not ledger.twice
    assert len(ledger.runs) == runs


# --- a run that goes well, but for what lies between it and the head ---------------------------

NO_SERVICE = ("something that is not the service's",)
UNKNOWN = {"status": "UNHEARD_OF"}


def _unknown_task_status(said: dict[str, object]) -> None:
    for row in said["items"]:  # type: ignore[attr-defined]
        row.update(UNKNOWN)


ELSEWHERE = {"x-amz-bucket-region": "eu-west-1"}
NOT_NEEDED = (
    *("arn", "uuid", "name", "roleArn", "storageType", "storageCapacity", "workflowType"),
    *("creationTime", "startTime", "stopTime", "cpus", "memory", "gpus", "cacheHit", "cacheS3Uri"),
    *("statusMessage", "definition", "digest", "logLocation", "logStream", "startedBy"),
    *("parameters", "runGroupId", "cacheId", "cacheBehavior", "engineVersion", "accelerators"),
)


def _newer(said: dict[str, object]) -> None:
    for row in [said, *said.get("items", ())]:  # type: ignore[misc]
        row.update(newMember={"of": ["another", "version"]}, storageType="HOLOGRAPHIC")


def _many() -> list[Fault]:
    """As much as one call can bear."""
    return [
        Fault("omics:StartRun", proxy.reset_after, ONCE),
        Fault("omics:StartRun", proxy.throttled, (2,)),
        Fault("omics:ListRunTasks", edited(proxy.shuffled)),
        Fault("omics:GetRun", proxy.not_found, (1, 2)),
        Fault("omics:GetRun", proxy.foreign, (4,)),
        Fault("omics:ListWorkflows", paged()),
        Fault("omics:ListRunCaches", paged()),
        Fault("s3:GetObject", proxy.cut, (1, 2)),
        Fault("s3:PutObject", proxy.reset_after, ONCE),
        Fault("*", proxy.throttled, every=7),
        Fault("*", proxy.reset_before, every=11),
        Fault("*", proxy.broken, every=13),
    ]


HEALTHY = [
    Scenario("many faults at once", _many, dense=True),
    Scenario("a fifth of all calls is throttled", fault("*", proxy.throttled, every=5)),
    Scenario("a fifth of all calls is answered 500", fault("*", proxy.broken, every=5)),
    Scenario("a fifth of all calls is answered 503", fault("*", proxy.unavailable, every=5)),
    Scenario("a fifth of all requests is reset", fault("*", proxy.reset_before, every=5)),
    Scenario("a fifth of all answers is lost", fault("*", proxy.reset_after, every=5)),
    Scenario(
        "the answer to StartRun is lost once",
        fault("omics:StartRun", proxy.reset_after, calls=ONCE),
    ),
    Scenario(
        "the answer to StartRun is lost for good",
        fault("omics:StartRun", proxy.reset_after),
        code=1,
        says=("cannot start the run",),
        dense=True,
    ),
    Scenario("StartRun is answered late", fault("omics:StartRun", stalled(3), calls=ONCE)),
    Scenario(
        "StartRun is answered by a portal",
        fault("omics:StartRun", proxy.foreign, calls=ONCE),
        code=1,
        says=NO_SERVICE,
    ),
    Scenario("a stall of 30 seconds", fault("omics:*", stalled(1), every=9)),
    Scenario(
        "a stall that outlasts the patience of the SDK",
        fault("omics:GetRun", stalled(3), calls=(2,)),
    ),
    Scenario(
        "a portal answers everything",
        fault("*", proxy.foreign),
        code=1,
        says=NO_SERVICE,
    ),
    Scenario(
        "a portal answers GetRun for a while", fault("omics:GetRun", proxy.foreign, calls=(2, 3, 4))
    ),
    Scenario(
        "a portal answers ListRunTasks for a while",
        fault("omics:ListRunTasks", proxy.foreign, calls=(1, 2)),
    ),
    Scenario("a portal answers GetObject once", fault("s3:GetObject", proxy.foreign, calls=ONCE)),
    Scenario("answers of GetRun are cut", fault("omics:GetRun", proxy.cut, calls=(2, 3))),
    Scenario(
        "answers of GetRun are truncated", fault("omics:GetRun", proxy.truncated, calls=(2, 3))
    ),
    Scenario(
        "the answer to StartRun is truncated",
        fault("omics:StartRun", proxy.truncated, calls=ONCE),
        code=1,
        says=NO_SERVICE,
    ),
    Scenario("a result is cut", fault("s3:GetObject", proxy.cut, calls=FIRST_THREE)),
    Scenario(
        "a listing of results is truncated", fault("s3:ListObjectsV2", proxy.truncated, calls=ONCE)
    ),
    Scenario("empty pages of tasks with a token", lambda: [Fault("omics:ListRunTasks", paged())]),
    Scenario(
        "empty pages of everything",
        lambda: [
            Fault(f"omics:List{what}", paged())
            for what in ("Workflows", "RunCaches", "Runs", "RunTasks")
        ],
    ),
    Scenario(
        "tasks in another order and doubled", fault("omics:ListRunTasks", edited(proxy.shuffled))
    ),
    Scenario(
        "tasks without times",
        fault("omics:ListRunTasks", without("creationTime", "startTime", "stopTime")),
    ),
    Scenario(
        "a run without times",
        fault("omics:GetRun", without("creationTime", "startTime", "stopTime")),
    ),
    Scenario(
        "GetRun does not know the run yet",
        fault("omics:GetRun", proxy.not_found, calls=(1, 2, 3, 4)),
    ),
    Scenario(
        "ListRunTasks does not know the run yet",
        fault("omics:ListRunTasks", proxy.not_found, calls=FIRST_THREE),
    ),
    Scenario(
        "credentials expire for a while",
        lambda: [
            Fault("omics:GetRun", proxy.expired, range(2, 6)),
            Fault("omics:ListRunTasks", proxy.expired, (1,)),
        ],
        says=("expired",),
        dense=True,
    ),
    Scenario(
        "credentials for S3 expire while results are fetched",
        fault("s3:GetObject", proxy.refuse(400, "ExpiredToken"), calls=range(1, 8)),
        says=("xpired",),
    ),
    Scenario(
        "the quota of runs is used up for a while",
        fault("omics:StartRun", proxy.over_quota, calls=FIRST_THREE),
        says=("quota",),
        dense=True,
    ),
    Scenario("a quota answers GetRun once", fault("omics:GetRun", proxy.over_quota, calls=(2,))),
    Scenario(
        "an unknown status of the run",
        fault("omics:GetRun", edited(lambda said: said.update(UNKNOWN)), calls=(2, 3)),
    ),
    Scenario(
        "an unknown status of tasks",
        fault("omics:ListRunTasks", edited(_unknown_task_status), calls=(1, 2)),
    ),
    Scenario(
        "a portal answers a listing of results once",
        fault("s3:ListObjectsV2", proxy.foreign, calls=ONCE),
    ),
    Scenario(
        "one result may not be read",
        fault("s3:GetObject", proxy.of("upper.txt", proxy.denied)),
        code=1,
        says=("upper.txt", "to perform: s3:GetObject"),
    ),
    Scenario(
        "the bucket is in another region",
        fault("s3:HeadBucket", proxy.refuse(301, "PermanentRedirect", **ELSEWHERE)),
        code=1,
        says=("bucket faults",),
    ),
    Scenario(
        "one result is redirected for good",
        fault("s3:GetObject", proxy.of("upper.txt", proxy.refuse(301, "PermanentRedirect"))),
        code=1,
        says=("upper.txt",),
    ),
    Scenario(
        "keys are changed while the run works",
        fault("omics:GetRun", proxy.keys_changed, calls=range(2, 5)),
        says=("waiting for credentials",),
    ),
    Scenario(
        "the clock is off for a while",
        lambda: [
            Fault("omics:GetRun", proxy.clock_is_off, range(2, 5)),
            Fault("s3:GetObject", proxy.s3_clock_is_off, FIRST_THREE),
        ],
        says=("this machine's clock",),
    ),
    Scenario("the service's clock is an hour ahead", lambda: [Fault("omics:*", proxy.later(3600))]),
    Scenario(
        "the service's clock is an hour behind", lambda: [Fault("omics:*", proxy.later(-3600))]
    ),
    Scenario(
        "the network is gone for a while",
        lambda: [
            Fault("omics:GetRun", proxy.reset_before, range(2, 30)),
            Fault("omics:ListRunTasks", proxy.reset_before, range(2, 30)),
            Fault("s3:GetObject", proxy.reset_before, range(2, 6)),
        ],
        says=("trying again",),
    ),
    Scenario("a run without its tags", fault("omics:GetRun", without("tags"))),
    Scenario("a run that says little", lambda: [Fault("omics:GetRun", without(*NOT_NEEDED))]),
    Scenario(
        "tasks that say little",
        lambda: [Fault("omics:*Task*", without(*(set(NOT_NEEDED) - {"name"})))],
    ),
    Scenario(
        "lists that say little",
        lambda: [
            Fault(f"omics:List{what}", without("arn", "name", "creationTime"))
            for what in ("Workflows", "RunCaches", "Runs")
        ],
    ),
    Scenario(
        "a run that does not say where it wrote",
        fault("omics:GetRun", without("runOutputUri")),
        code=1,
        says=("output URI",),
    ),
    Scenario("answers with members of a newer service", fault("omics:*", edited(_newer))),
    Scenario(
        "S3 answers 503 to a third of all requests",
        fault("s3:*", proxy.refuse(503, "SlowDown"), every=3),
    ),
]


@pytest.mark.parametrize("scenario", params(HEALTHY))
def test_a_run_that_goes_well_is_brought_home(case: Case, scenario: Scenario) -> None:
    case.options = scenario.options
    check(case.call(*scenario.faults()), scenario.code, scenario.says)
    if scenario.code:
        check(case.call(), 0)
    check_end(case, scenario.runs)


# --- a run that fails --------------------------------------------------------------------------

NO_URI = without("cacheS3Uri")
TOLD = ("gathering", "gather")
NO_LOG = ("gather",)


FAILING = [
    Scenario("nothing else", list, says=TOLD),
    Scenario(
        "tasks do not tell their cache entries",
        lambda: [Fault("omics:*Task*", NO_URI)],
        says=TOLD,
        dense=True,
    ),
    Scenario(
        "its log may not be read",
        fault("logs:*", proxy.denied),
        says=(*NO_LOG, "GetLogEvents"),
        dense=True,
    ),
    Scenario("its log cannot be read", fault("logs:*", proxy.broken), says=NO_LOG),
    Scenario(
        "its tasks may not be read",
        fault("omics:GetRunTask", proxy.denied),
        says=(*NO_LOG, "GetRunTask"),
    ),
    Scenario("its tasks cannot be read", fault("omics:GetRunTask", proxy.broken), says=NO_LOG),
    Scenario(
        "its run cache may not be read",
        lambda: [Fault("omics:GetRunCache", proxy.denied)],
        says=(*TOLD, "their results are nowhere"),
        runs=2,  # the service may read it: what was done comes from there
    ),
    Scenario(
        "its cached results are cut", fault("s3:GetObject", proxy.cut, calls=(1, 2)), says=TOLD
    ),
    Scenario(
        "tasks in another order and doubled",
        fault("omics:ListRunTasks", edited(proxy.shuffled)),
        says=TOLD,
    ),
    Scenario(
        "a reason of a newer service",
        fault("omics:Get*", edited(lambda said: said.update(failureReason="MOON_IN_THE_WAY"))),
        says=("MOON_IN_THE_WAY", "gather"),
    ),
    Scenario(
        "its log is empty, and the service's clock is an hour ahead",
        lambda: [
            Fault("logs:*", edited(lambda said: said.update(events=[]))),
            Fault("omics:*", proxy.later(3600)),
        ],
        says=NO_LOG,
    ),
    Scenario(
        "the service's clock is an hour behind",
        lambda: [Fault("omics:*", proxy.later(-3600))],
        says=TOLD,
    ),
    Scenario(
        "a portal answers a listing of its cache once",
        fault("s3:ListObjectsV2", proxy.foreign, calls=ONCE),
        says=TOLD,
    ),
    Scenario(
        "its tasks say little",
        lambda: [Fault("omics:*Task*", without("creationTime", "cacheHit", "logStream"))],
        says=TOLD,
    ),
]


@pytest.mark.parametrize("scenario", params(FAILING))
def test_a_run_that_fails_leaves_what_it_finished(case: Case, scenario: Scenario) -> None:
    case.options = scenario.options
    case.set("flag.txt", "bad\n")
    check(case.call(*scenario.faults()), 1, scenario.says)
    there = case.files
    assert {name: there.get(name) for name in MADE} == MADE
    assert len(case.ledger.runs) == scenario.runs
    case.set("flag.txt", "good\n")
    check(case.call(), 0)
    check_end(case, scenario.runs + 1)


def test_without_a_run_cache_a_failure_is_told_and_what_is_lost_runs_again_once(case: Case) -> None:
    case.options = ("--omics-run-cache", "none")
    case.set("flag.txt", "bad\n")
    check(case.call(), 1, (*TOLD, "3 jobs were done .* and their results are nowhere"))
    assert len(case.ledger.runs) == 2
    assert {name: case.files.get(name) for name in MADE} == MADE
    case.set("flag.txt", "good\n")
    check(case.call(), 0)
    check_files(case)
    assert len(case.ledger.runs) == 3
    assert sorted(case.ledger.completed.values()) == [1, 2, 2, 2]
