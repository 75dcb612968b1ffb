"""The head dies, and the same command is given again: one run, every file, nothing twice.

`kill -9` comes before or after a call of the service (then the service did what it was asked for,
and the head never knew), while files go either way, and while Snakemake records the jobs.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from .conftest import BUCKET, Case
from .heads import DieRecording, Hook
from .proxy import Action, Fault, after, half_way, instead
from .test_faults import check, check_end, check_files

PATIENT = 300  # seconds that a head has in such a loop, also on a machine that is crowded
KILLS = int(os.environ.get("FAULTS_KILLS", "20"))  # of each loop over moments at random

DIRECTORY = """
container: "docker://debian:12"
rule all:
    input: "all.txt"
rule tree:
    input: "data.txt"
    output: directory("tree")
    shell: "mkdir {output}; cp {input} {output}/x"
rule gather:
    input: "tree"
    output: "all.txt"
    shell: "cat {input}/x > {output}"
"""

IN_S3 = """
container: "docker://debian:12"
rule all:
    input: "all.txt"
rule copy:
    input: "data.txt"
    output: temp("copy.txt")
    shell: "cp {input} {output}"
rule upper:
    input: "copy.txt"
    output: "upper.txt"
    shell: "tr a-z A-Z < {input} > {output}"
rule gather:
    input: "upper.txt"
    output: "all.txt"
    shell: "cat {input} > {output}"
"""


@dataclass(frozen=True)
class Moment:
    """A step at which the head dies: at a call of the service, or within Snakemake.

    `embedded_runs` is how many runs the embedded service sees then: one that was in flight ends
    with the service, and what it finished is in the run cache.
    """

    name: str
    operation: str = ""
    call: int = 1
    step: Callable[[Callable[[], object]], Action] = instead
    hook: Hook | None = None
    embedded_runs: int = 1
    dense: bool = False
    to_mend: str = ""
    embedded_to_mend: str = ""

    def faults(self, case: Case) -> list[Fault]:
        if not self.operation:
            return []
        return [Fault(self.operation, self.step(case.kill), (self.call,))]


MOMENTS = [
    Moment("inputs are looked at", "s3:HeadObject"),
    Moment("the first input goes up", "s3:PutObject"),
    Moment("the first input is up", "s3:PutObject", step=after),
    Moment("the workflow is asked for", "omics:CreateWorkflow"),
    Moment("the workflow is being made", "omics:CreateWorkflow", step=after),
    Moment("the version is asked for", "omics:CreateWorkflowVersion"),
    Moment("the version is being made", "omics:CreateWorkflowVersion", step=after),
    Moment("the run cache is asked for", "omics:CreateRunCache"),
    Moment("the run cache is made", "omics:CreateRunCache", step=after),
    Moment("the run is asked for", "omics:StartRun"),
    Moment("the run is started", "omics:StartRun", step=after, embedded_runs=2, dense=True),
    Moment("the run is read first", "omics:GetRun", embedded_runs=2),
    Moment("tasks are listed first", "omics:ListRunTasks", step=after, embedded_runs=2),
    Moment("the run works", "omics:ListRunTasks", call=4, embedded_runs=2),
    Moment("results are listed", "s3:ListObjectsV2"),
    Moment("the first result comes", "s3:GetObject", step=half_way),
    Moment("the third result comes", "s3:GetObject", call=3, step=half_way),
    Moment("the last result comes", "s3:GetObject", call=6, step=half_way),
    Moment("no job is recorded yet", hook=DieRecording(1, late=False), dense=True),
    Moment("one job is recorded", hook=DieRecording(1, late=True)),
    Moment("two jobs are recorded", hook=DieRecording(2, late=True)),
    Moment("all but one are recorded", hook=DieRecording(4, late=False)),
    Moment("all jobs of the run are recorded", hook=DieRecording(4, late=True)),
    Moment("all is recorded", hook=DieRecording(5, late=True)),
]


def params(*, embedded: bool) -> list[object]:
    found = []
    for moment in MOMENTS:
        marks = [] if moment.dense else [pytest.mark.slow]
        reason = moment.embedded_to_mend if embedded else moment.to_mend
        if reason:
            marks.append(pytest.mark.xfail(strict=True, reason=reason))
        found.append(pytest.param(moment, id=moment.name.replace(" ", "-"), marks=marks))
    return found


def kill_and_repeat(case: Case, moment: Moment) -> None:
    died = case.call(*moment.faults(case), hook=moment.hook)
    assert not died.hung, died.text
    assert died.code in (-9, 0), died.text  # 0: that step did not come
    check(case.call(), 0)


@pytest.mark.parametrize("moment", params(embedded=False))
def test_killed_when(case: Case, moment: Moment) -> None:
    kill_and_repeat(case, moment)
    check_end(case, 1)


@pytest.mark.parametrize("moment", params(embedded=True))
def test_killed_with_the_embedded_service_when(embedded: Case, moment: Moment) -> None:
    kill_and_repeat(embedded, moment)
    assert len(embedded.ledger.runs) <= moment.embedded_runs
    check_end(embedded, len(embedded.ledger.runs))


@pytest.mark.slow
def test_what_was_made_from_a_directory_is_found_again(case: Case) -> None:
    """The job of the directory is recorded, the one that reads it is not."""
    case.set("Snakefile", DIRECTORY)
    assert case.call(hook=DieRecording(2, late=False)).code == -9
    check(case.call(), 0)
    assert case.files["all.txt"] == "one\ntwo\n"
    assert len(case.ledger.runs) == 1
    assert not case.ledger.twice


@pytest.mark.slow
def test_what_was_made_from_an_object_in_s3_is_found_again(case: Case) -> None:
    """As above, with every file in S3."""
    case.set("Snakefile", IN_S3)
    s3, place = case.service.client("s3"), f"stored/{case.name}"
    s3.put_object(Bucket=BUCKET, Key=f"{place}/data.txt", Body=b"one\n")
    case.options = (
        *("--default-storage-provider", "s3"),
        *("--default-storage-prefix", f"s3://{BUCKET}/{place}"),
    )
    assert case.call(hook=DieRecording(3, late=False)).code == -9
    check(case.call(), 0)
    assert s3.get_object(Bucket=BUCKET, Key=f"{place}/all.txt")["Body"].read() == b"ONE\n"
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{place}/")["Contents"]
    names = sorted(item["Key"].rpartition("/")[2] for item in listed)
    assert names == ["all.txt", "data.txt", "upper.txt"]
    assert len(case.ledger.runs) == 1
    assert not case.ledger.twice


@pytest.mark.slow
@pytest.mark.parametrize("step", [instead, after], ids=["before", "after"])
def test_killed_at_every_call(case: Case, step: Callable[[Callable[[], object]], Action]) -> None:
    """At every call of the service that the head makes, the same head again and again.

    Each death is a little later than the one before; what is seen is that all of them together
    start one run.
    """
    for number in itertools.count(1):
        ended = case.call(Fault("*", step(case.kill), (number,)))
        if ended.code != -9:
            break
    check(ended, 0)
    check_end(case, 1)
    print({"kills": number - 1})


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["standing", "embedded"])
def test_killed_at_random(kind: str, projects: Callable[[str], Iterator[Case]]) -> None:
    """At so many moments, in one project after another: each is done when a head gets through.

    The seed is printed for who wants the same moments again.
    """
    seed = int(os.environ.get("FAULTS_SEED", "0")) or random.randrange(1 << 30)
    chance, figures = random.Random(seed), Counter[str]()
    longest = 0.0
    for case in projects(kind):
        code = -9
        while code:
            head = case.begin(limit=PATIENT)
            # The first call goes through, and tells how long one takes; so does the last.
            timer = threading.Timer(chance.uniform(0, 1.1 * longest), head.signal)
            if longest and figures["kills"] < KILLS:
                timer.start()
            code = head.wait()
            timer.cancel()
            case.unlock()
            assert not head.hung, head.text
            assert code in (0, -9), head.text
            figures["kills"] += code != 0
            figures["tracebacks"] += "Traceback (most recent call last)" in head.text
        longest = min(longest, head.seconds) if longest else head.seconds
        ledger = case.ledger
        figures["projects"] += 1
        figures["runs"] += len(ledger.runs)
        figures["twice"] += len(ledger.twice)
        # One that dies with its service is done anew.
        figures["doubled"] += ledger.statuses.count("COMPLETED") - 1
        print(f"FAULTS_SEED={seed}", dict(figures), flush=True)
        check_files(case)
        assert kind == "embedded" or len(ledger.runs) == 1
        if figures["kills"] >= KILLS:
            break
    assert not figures["twice"] + figures["doubled"] + figures["tracebacks"]
