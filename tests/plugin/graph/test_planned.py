"""What a plan looks at before it makes tasks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from snakemake_executor_omics.graph.planned import fetches


@pytest.mark.parametrize(
    ("wrapper", "prefix", "fetched"),
    [
        (None, "https://github.com/snakemake/snakemake-wrappers/raw/", False),
        ("v5.0.0/bio/fastp", "https://github.com/snakemake/snakemake-wrappers/raw/", True),
        ("v5.0.0/bio/fastp", "file:///here/", False),
        ("file:wrappers/mine", None, False),
        ("file:wrappers/mine", "https://github.com/snakemake/snakemake-wrappers/raw/", False),
        ("https://example.org/mine", "file:///here/", True),
        ("https://example.org/mine", None, True),
    ],
)
def test_only_wrappers_of_other_machines_are_fetched(
    wrapper: str | None, prefix: str | None, fetched: bool
) -> None:
    job = SimpleNamespace(is_wrapper=wrapper is not None, rule=SimpleNamespace(wrapper=wrapper))
    workflow = SimpleNamespace(
        workflow_settings=SimpleNamespace(wrapper_prefix=prefix),
        dag=SimpleNamespace(needrun_jobs=lambda: [job]),
    )
    assert fetches(workflow) is fetched
