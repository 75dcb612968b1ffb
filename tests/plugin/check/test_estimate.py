"""What `snakemake-omics check` reckons and finds, without a workflow: a bill by hand, commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snakemake_executor_omics.check.checked import Checked, looked_for, undeclared
from snakemake_executor_omics.check.document import document
from snakemake_executor_omics.check.estimate import Assumed, Estimate, estimate
from snakemake_executor_omics.check.internet import Look, looks
from snakemake_executor_omics.check.page import brief, page
from snakemake_executor_omics.check.request import CheckRequest
from snakemake_executor_omics.cost.prices import prices_of
from snakemake_executor_omics.cost.quotas import Quotas
from snakemake_executor_omics.errors import SettingsError, UnsupportedRule
from snakemake_executor_omics.graph.durations import Duration, Source
from snakemake_executor_omics.graph.planned import GATHERS, How, Planned, PlannedJob
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Resources, Step, Task, Wave

PRICES = prices_of("us-east-1")


def key(name: str) -> JobKey:
    return JobKey(name, (), (f"{name}.txt",))


def job(
    name: str, wave: int = 1, command: str = "true", reads: str = "", **resources: object
) -> PlannedJob:
    step = Step(key=key(name), command=command, outputs=(OutputFile(f"{name}.txt"),))
    task = Task(
        key=key(name),
        layers=((step,),),
        inputs=tuple(FileRef(f"{parent}.txt", key(parent)) for parent in reads),
        container="image:1",
        resources=Resources(**resources),  # type: ignore[arg-type]
    )
    return PlannedJob(
        key=key(name), rules=(name,), where="Snakefile, line 1", how=How.TASK, wave=wave, task=task
    )


# Two short tasks, a long one of 8 CPUs and 60 GB below the first, and one in a second wave.
JOBS = (
    job("a"),
    job("b"),
    job("c", reads="a", cpus=8, memory_mb=60_000),
    replace(job("d", 2, reads="bc"), why=GATHERS),
)
TASKS = tuple(job.task for job in JOBS if job.task is not None)
PLANNED = Planned(
    jobs=JOBS,
    waves=((Wave(TASKS[:3]),), (Wave(TASKS).only([key("d")]),)),
    here={"e": 2},
    refused=(),
    images={"image:1": "a, b, c, d"},
    notes=(),
    places={},
)
KNOWN = {
    key("a"): Duration(30, Source.BENCHMARK),
    key("b"): Duration(30, Source.EARLIER_RUN),
    key("c"): Duration(7_200, Source.RUNTIME),
}


def of(assumed: Assumed) -> Estimate:
    return estimate(PLANNED, KNOWN, PRICES, assumed)


def test_the_bill_is_the_one_worked_out_by_hand() -> None:
    """a and b: a minute of c.large each; c: two hours of r.2xlarge; d: ten minutes, assumed."""
    found = of(Assumed(minutes=10, storage_gib=12))
    by_hand = 2 * 0.1148 / 60 + 2 * 0.6804 + 0.1148 / 6
    assert found.instance_dollars == pytest.approx(by_hand)
    assert found.instance_hours == pytest.approx(2 / 60 + 2 + 1 / 6)


def test_runs_wait_for_the_wave_before_and_tasks_for_their_parents() -> None:
    """First run: running at 300 s; a created then, started 180 s later, ends at 510; c created
    then, starts at 690, ends at 7,890. Second: running at 8,190, d from 8,370 to 8,970.
    """
    found = of(Assumed(minutes=10, storage_gib=12))
    assert found.makespan_hours * 3600 == pytest.approx(8_970)
    assert found.run_hours * 3600 == pytest.approx((7_890 - 300) + (8_970 - 8_190))


def test_dynamic_storage_is_billed_by_what_is_in_it_and_static_by_its_size() -> None:
    hours = (7_590 + 780) / 3600
    dynamic = of(Assumed(minutes=10, storage_gib=12))
    static = of(Assumed(minutes=10, storage_gib=12, static_gib=1_200))
    assert dynamic.storage_dollars == pytest.approx(hours * 12 * 0.000411)
    assert static.storage_dollars == pytest.approx(hours * 1_200 * 0.0001918)
    assert static.dollars == pytest.approx(static.instance_dollars + static.storage_dollars)


def test_a_job_whose_values_are_not_known_is_the_smallest_instance_and_says_so() -> None:
    unknown = replace(PLANNED, jobs=(*JOBS[:3], replace(JOBS[3], task=None)))
    found = estimate(unknown, KNOWN, PRICES, Assumed(minutes=10, storage_gib=1))
    assert found.jobs[key("d")].instance.name == "omics.c.large"
    assert found.jobs[key("d")].is_open
    assert found.jobs[key("d")].source is None


def test_jobs_that_share_a_task_are_billed_together() -> None:
    """a and b: one minute of one c.large, half of it each."""
    first = replace(PLANNED.waves[0][0], packs=((key("a"), key("b")),))
    packed = replace(PLANNED, waves=((first,), PLANNED.waves[1]))
    found = estimate(packed, KNOWN, PRICES, Assumed(minutes=10, storage_gib=12))
    assert found.jobs[key("a")].dollars == pytest.approx(0.1148 / 60 / 2)
    assert found.tasks == 3
    assert found.instance_dollars == pytest.approx(0.1148 / 60 + 2 * 0.6804 + 0.1148 / 6)
    # c waits for both: 300 + 180 + 60, then 180 and two hours.
    assert found.longest_run_hours * 3600 == pytest.approx(180 + 60 + 180 + 7_200)


def test_memory_by_the_size_of_inputs_leaves_the_instance_open() -> None:
    grows = job("e", memory_mb='ceil(size(inputs, "MB"))')
    assert grows.task is not None
    grown = replace(PLANNED, jobs=(grows,), waves=((Wave((grows.task,)),),))
    found = estimate(grown, {}, PRICES, Assumed(minutes=10, storage_gib=1))
    assert found.jobs[grows.key].is_open
    assert found.jobs[grows.key].instance.name == "omics.c.large"


def checked(**changes: object) -> Checked:
    found = Checked(
        place="AWS HealthOmics in us-east-1",
        planned=PLANNED,
        refused=(),
        undeclared={},
        internet=(),
        reaches_internet=False,
        variables=(),
        estimate=of(Assumed(minutes=10, storage_gib=12)),
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def test_the_page_says_what_is_known_bound_and_assumed() -> None:
    lines = list(page(checked()))
    cells = {line.split()[0]: line for line in lines if line.startswith(tuple("abcd"))}
    assert "  30 s " in cells["a"]
    assert "  < 2.0 h " in cells["c"]
    assert "  10 min ? " in cells["d"]
    assert f"  2: d (1): {GATHERS}" in lines
    assert lines[0] == ("AWS HealthOmics in us-east-1: 4 tasks in 2 runs, 2 jobs with results here")
    assert lines[-1] == "nothing found that AWS HealthOmics in us-east-1 would refuse"
    assert max(map(len, lines[2:7])) <= 80


def test_the_page_says_where_prices_of_another_region_stand() -> None:
    found = estimate(PLANNED, KNOWN, prices_of("eu-west-1"), Assumed(minutes=10, storage_gib=1))
    text = "\n".join(page(checked(estimate=found)))
    assert "prices of us-east-1, noted" in text
    assert "prices of eu-west-1 are not known here" in text
    assert "are not known here" not in "\n".join(page(checked()))


def test_the_quotas_that_the_runs_are_made_by_are_told_with_their_source() -> None:
    told = checked(quotas=Quotas(20, 25, "2026-11-28"))
    line = "at most 20 runs of the account and 25 tasks of each work at once"
    assert f"  {line} (Service Quotas, 2026-11-28)" in page(told)
    assert document(told)["quotas"] == {
        "activeRuns": 20,
        "tasksPerRun": 25,
        "toldByServiceQuotas": "2026-11-28",
    }
    assert not [text for text in page(checked()) if "of the account" in text]  # options decide


def test_a_dry_run_names_the_quotas_only_where_they_made_several_runs() -> None:
    several = replace(PLANNED, waves=((Wave(TASKS[:1]), Wave(TASKS[1:3])),))
    assert "so many runs since at most 10 runs" in "\n".join(brief("AWS", several, (), Quotas()))
    assert "so many" not in "\n".join(brief("AWS", PLANNED, (), Quotas()))


def test_a_run_longer_than_the_service_lets_it_be_is_told() -> None:
    found = estimate(PLANNED, KNOWN, PRICES, Assumed(minutes=10, storage_gib=1))
    longer = replace(found, longest_run_hours=169.0)
    told = [line for line in page(checked(estimate=longer)) if "ends one after 168 h" in line]
    assert len(told) == 1
    assert not [line for line in page(checked()) if "ends one" in line]


def test_all_that_is_refused_is_told_with_its_place_and_a_hint_once() -> None:
    refused = tuple(
        UnsupportedRule(rule, "is too large", hint="halve it", where=f"Snakefile, line {line}")
        for rule, line in (("a", 1), ("b", 4))
    )
    lines = list(page(checked(refused=refused)))
    assert "  - rule a: is too large (Snakefile, line 1)" in lines
    assert "  - rule b: is too large (Snakefile, line 4)" in lines
    assert sum("halve it" in line for line in lines) == 1
    assert [one["where"] for one in document(checked(refused=refused))["refused"]] == [
        "Snakefile, line 1",
        "Snakefile, line 4",
    ]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("curl -sSf https://example.org > x", "curl"),
        ("set -e; wget x", "wget"),
        ("git -C here clone https://example.org/x", "git -C here clone"),
        ("python3 -m pip install x", "python3 -m pip install"),
        ("pip  install x", "pip install"),
        ("mamba env create -f x", "mamba env create"),
        ("aws s3 cp s3://a b", "aws s3"),
        ("aws --region eu-west-1 s3 ls", "aws --region eu-west-1 s3"),
        ("Rscript -e 'install.packages(\"x\")'", "install.packages"),
        ("R -e 'BiocManager::install(\"x\")'", "BiocManager::install"),
        ("fasterq-dump SRR1", "fasterq-dump"),
        ("apt-get -y install x", "apt-get -y install"),
        ("requests.get(url)", "requests.get"),
    ],
)
def test_commands_that_look_for_the_internet_are_found(command: str, words: str) -> None:
    assert looks(f"true\n{command}") == [Look(2, words)]


@pytest.mark.parametrize(
    "command",
    [
        "# curl would do",
        "cat results/curl/wget.txt",
        "tool --curl --git clone.txt",
        "git log; conda list; pip list; aws --version",
        "echo $curl ${wget} curl=1",
        "library(requests)",
        "curl.py x",
        "fetch ftp://example.org/x; scheme in ['sftp', 'ftp']",
    ],
)
def test_words_that_are_no_calls_are_passed_over(command: str) -> None:
    assert looks(command) == []


def test_scripts_are_read_once_and_named_with_their_line() -> None:
    scripted = [
        replace(one, task=replace(one.task, sources=("x.R", "all.txt")))
        for one in JOBS[:2]
        if one.task is not None
    ]
    read: list[str] = []

    def text(name: str) -> str:
        read.append(name)
        return "\ndownload.file(x)\n" if name == "x.R" else ""

    found = looked_for([*scripted, job("e", command="curl x")], {"e": "Snakefile, line 9"}, text)
    assert [(one.rule, one.where, one.words) for one in found] == [
        ("a", "x.R, line 2", "download.file"),
        ("b", "x.R, line 2", "download.file"),
        ("e", "Snakefile, line 9", "curl"),
    ]
    assert read == ["x.R", "all.txt"]
    assert undeclared(scripted, ["all.txt"]) == {"a": ("x.R",), "b": ("x.R",)}


@pytest.mark.parametrize("words", ["--assume-minutes 0", "--assume-storage nan", "--what"])
def test_words_that_ask_for_nothing_are_refused(words: str) -> None:
    with pytest.raises(SettingsError):
        CheckRequest.of(words)
