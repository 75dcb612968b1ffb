"""A report against what was estimated before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reports import PRICES, made_report

from snakemake_executor_omics.errors import OmicsError
from snakemake_executor_omics.report.advice import advise
from snakemake_executor_omics.report.charts import charts
from snakemake_executor_omics.report.estimate import read_estimate
from snakemake_executor_omics.report.page import to_html
from snakemake_executor_omics.report.summaries import summarize
from snakemake_executor_omics.report.tables import to_json
from snakemake_executor_omics.report.texts import lines

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
