"""A report against what was estimated before."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from reports import PRICES, made_report

from snakemake_executor_omics.check.expected import expected
from snakemake_executor_omics.errors import OmicsError
from snakemake_executor_omics.graph.durations import Duration, Source
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Step, Task, Wave
from snakemake_executor_omics.report.advice import advise
from snakemake_executor_omics.report.charts import charts
from snakemake_executor_omics.report.estimate import noted, read_estimate
from snakemake_executor_omics.report.page import to_html
from snakemake_executor_omics.report.summaries import summarize
from snakemake_executor_omics.report.tables import to_json
from snakemake_executor_omics.report.texts import lines
from snakemake_executor_omics.runs.journal import Journal, Start
from snakemake_executor_omics.settings.options import Options, Place, StorageType

DOCUMENT = {
    "rules": [
        {"rule": "align", "USD": 2.0},
        {"rule": "align", "USD": 1.5},  # of another wave
        {"rule": "call", "USD": 1},
    ],
    "estimate": {"instanceUSD": 4.5, "storageUSD": 0.5, "makespanHours": 2},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "before.json").write_text(json.dumps(DOCUMENT))
    return tmp_path / "before.json"


def test_what_was_estimated_stands_beside_what_it_cost(path: Path) -> None:
    summary = summarize(made_report(27), read_estimate(path))
    told = "\n".join(lines(summary, [], ""))
    assert "estimated: $5.00 (instances $4.50, storage $0.50), of which it cost " in told
    head, *rows = (line.split() for line in told.splitlines() if line[:5] in ("rule ", "align"))
    assert (head[-1], rows[0][-1]) == ("estimated", "$3.50")
    assert json.loads(to_json(summary, advise(summary, PRICES)))["estimated"]["seconds"] == 7200
    rows = charts(summary)["cost"]["data"]["values"]
    assert {row["rule"]: row["n"] for row in rows if row["kind"] == "estimated"} == {
        "align": 3.5,
        "call": 1,
        "(storage)": 0.5,
    }
    assert "<td>estimated</td><td>$5.00</td>" in to_html(summary, advise(summary, PRICES), None)


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "{}", '{"rules": [], "estimate": {}}', '{"rules": [{}]}']
)
def test_another_document_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(OmicsError, match="is no document of snakemake-omics check"):
        read_estimate(path)
    with pytest.raises(OmicsError, match="No such file"):
        read_estimate(path.with_name("nowhere"))


def task(rule: str, *reads: JobKey) -> Task:
    key = JobKey(rule, (), (f"{rule}.txt",))
    step = Step(key=key, command="true", outputs=(OutputFile(f"{rule}.txt"),))
    inputs = tuple(FileRef(parent.outputs[0], parent) for parent in reads)
    return Task(key=key, layers=((step,),), inputs=inputs, container="x/y:1")


A = task("a")
B, C = task("b", A.key), task("c", A.key)
OPTIONS = Options(
    role_arn="r", output_uri="s3://b/o", workflow_name="w", storage_type=StorageType.STATIC
)


def test_what_runs_are_expected_to_cost_is_noted_at_their_start_and_stands_in_the_report(
    tmp_path: Path,
) -> None:
    """a: a minute, then b and c in one task of 2 minutes; a second run, later, of another try of c.

    RUNNING for 180 + 20 + 180 + 120 s, and 180 s + 10 minutes.
    """
    known = {
        A.key: Duration(20, Source.BENCHMARK),
        B.key: Duration(90, Source.RULE),
        C.key: Duration(30, Source.RULE),
    }
    packed = Wave((A, B, C), packs=((B.key, C.key),))
    again = Wave((replace(C, inputs=(FileRef("a.txt"),), is_retry=True),))
    with closing(Journal(tmp_path / "journal.sqlite")) as journal:
        for number, (wave, durations) in enumerate(((packed, known), (again, {})), 1):
            (told,) = expected([wave], durations, OPTIONS, tmp_path, "us-east-1")
            start = Start(str(number), "plan", Place(), "d", ".", (), "call")
            journal.remember_start(replace(start, expected={**told, "start": number}))
        found = noted(journal.starts())
    assert found is not None
    hour = 0.1148
    assert found.rules == pytest.approx({"a": hour / 60, "b, c": 2 * hour / 60, "c": 0})
    assert found.instance_dollars == pytest.approx(3 * hour / 60)
    first, second = 180 + 20 + 180 + 120, 180 + 600
    assert found.seconds == pytest.approx(300 + first + 300 + second)
    assert found.storage_dollars == pytest.approx((first + second) / 3600 * 1_200 * 0.0001918)
    assert (found.jobs, found.assumed) == (4, 1)
    told = "\n".join(lines(summarize(made_report(27), found), [], ""))
    assert "nothing told how long 1 of 4 jobs take, for which 10 min each were taken" in told


def test_runs_that_others_or_older_versions_started_have_no_estimate() -> None:
    assert noted([None, Start("1", "plan", Place(), "d", ".", (), "call")]) is None
