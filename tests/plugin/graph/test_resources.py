"""Snakemake's resources become a task's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.common.tbdstring import TBDString

from snakemake_executor_omics.errors import UnsupportedRule
from snakemake_executor_omics.graph.resources import DEFAULT_ACCELERATOR, job_resources
from snakemake_executor_omics.model import Resources


def _job(threads: int = 1, **resources: Any) -> Any:
    return SimpleNamespace(name="r", threads=threads, resources=resources)


def _resources(threads: int = 1, **resources: Any) -> Resources | None:
    return job_resources(_job(threads, **resources), {})


def test_a_job_that_asks_for_nothing_gets_one_cpu() -> None:
    assert _resources() == Resources(cpus=1)
    assert _resources(threads=0) == Resources(cpus=1)


def test_what_a_job_asks_for_is_what_its_task_asks_for() -> None:
    found = _resources(threads=8, mem_mb=2000, runtime=30)
    assert found == Resources(cpus=8, memory_mb=2000, timeout=1800)


@pytest.mark.parametrize(
    ("resources", "gpus", "accelerator"),
    [
        ({"gpu": 1}, 1, DEFAULT_ACCELERATOR),
        ({"gpu": 2, "gpu_model": "nvidia-tesla-a10g"}, 2, "nvidia-tesla-a10g"),
        ({"gpu": 0, "gpu_model": "nvidia-tesla-a10g"}, 0, None),
    ],
)
def test_gpus_have_a_family(resources: dict[str, Any], gpus: int, accelerator: str | None) -> None:
    found = _resources(**resources)
    assert found is not None
    assert (found.gpus, found.accelerator) == (gpus, accelerator)


@pytest.mark.parametrize("name", ["runtime", "gpu"])
def test_what_only_files_will_tell_waits(name: str) -> None:
    assert _resources(**{name: TBDString()}) is None


def test_a_runtime_that_is_no_number_is_refused_by_its_rule() -> None:
    with pytest.raises(UnsupportedRule, match="rule r: asks for runtime='1h'"):
        _resources(runtime="1h")
