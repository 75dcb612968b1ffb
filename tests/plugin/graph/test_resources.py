"""Snakemake's resources become a task's."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.common.tbdstring import TBDString
from snakemake.iocontainers import InputFiles
from snakemake.resources import Resource

from snakemake_executor_omics.errors import UnsupportedRule
from snakemake_executor_omics.graph.resources import DEFAULT_ACCELERATOR, job_resources
from snakemake_executor_omics.model import Fallback, Resources

# Of omics.c.large (4 GiB), less the 5 % that the service's agents keep.
OPEN = 4080


def _job(
    threads: Any = 1,
    /,
    traced: dict[str, Callable[..., Any]] | None = None,
    inputs: tuple[str, ...] = (),
    **resources: Any,
) -> Any:
    """A job; its `traced` resources are functions of inputs that are not there yet."""
    functions = {name: Resource(name, function) for name, function in (traced or {}).items()}
    return SimpleNamespace(
        rule=SimpleNamespace(name="r", resources=functions),
        threads=threads,
        attempt=1,
        wildcards={},
        input=InputFiles(inputs),
        resources={**resources, **{name: TBDString() for name in functions}},
    )


def _found(job: Any) -> Resources | None:
    return job_resources(job, [[job]], {path: [i] for i, path in enumerate(job.input)})


def _resources(threads: int = 1, **values: Any) -> Resources:
    found = _found(_job(threads, **values))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("threads", "memory"), [(0, OPEN), (1, OPEN), (2, OPEN), (3, 8160), (16, 32641), (96, 195850)]
)
def test_memory_that_is_left_open_is_that_of_the_smallest_instance(
    threads: int, memory: int
) -> None:
    assert _resources(threads) == Resources(cpus=max(1, threads), memory_mb=memory)


def test_what_a_job_asks_for_is_what_its_task_asks_for() -> None:
    found = _resources(8, mem_mb=2000, runtime=30)
    assert found == Resources(cpus=8, memory_mb=2000, timeout=1800)


@pytest.mark.parametrize(
    ("resources", "gpus", "accelerator"),
    [
        ({"gpu": 1}, 1, DEFAULT_ACCELERATOR),
        ({"gpu": "1"}, 1, DEFAULT_ACCELERATOR),
        ({"gpu": 2, "gpu_model": "nvidia-tesla-a10g"}, 2, "nvidia-tesla-a10g"),
        ({"gpu": 0, "gpu_model": "nvidia-tesla-a10g"}, 0, None),
        ({"gpus": 4}, 4, DEFAULT_ACCELERATOR),
        ({"nvidia_gpu": 1}, 1, DEFAULT_ACCELERATOR),
        ({"gpu_model": "nvidia-l4"}, 1, "nvidia-l4"),
    ],
)
def test_gpus_have_a_family_by_whichever_name(
    resources: dict[str, Any], gpus: int, accelerator: str | None
) -> None:
    found = _resources(**resources)
    assert (found.gpus, found.accelerator) == (gpus, accelerator)


@pytest.mark.parametrize(
    ("threads", "gpus", "cpus", "memory"), [(1, 1, 4, 16320), (6, 1, 6, 32641), (1, 4, 48, 195850)]
)
def test_a_gpu_task_has_the_cpus_and_the_memory_of_its_smallest_instance(
    threads: int, gpus: int, cpus: int, memory: int
) -> None:
    found = _resources(threads, gpu=gpus)
    assert (found.cpus, found.memory_mb) == (cpus, memory)


@pytest.mark.parametrize(
    ("threads", "resources", "sentence"),
    [
        (1, {"nvidia_gpu": "nvidia-tesla-t4"}, "nvidia_gpu='nvidia-tesla-t4', which is no number"),
        (1, {"gpu": 1, "gpu_model": "a100"}, "gpu_model='a100', which is none of HealthOmics"),
        (1, {"runtime": "1h"}, "runtime='1h', which is no number"),
        (200, {}, "200 threads, and the largest instance has 192 vCPUs"),
        (1, {"mem_mb": 1_700_000}, "1 CPUs, 1,700,000 MB, and no instance has so much"),
        (1, {"gpu": 5}, "48 CPUs, 5 of nvidia-t4-a10g-l4, 195,850 MB, and no instance has so much"),
    ],
)
def test_what_no_instance_has_is_refused_by_its_rule(
    threads: int, resources: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UnsupportedRule, match="rule r: asks for") as refused:
        _resources(threads, **resources)
    assert sentence in str(refused.value)


def test_limits_that_depend_on_sizes_are_expressions() -> None:
    found = _resources(
        inputs=("a", "b"),
        traced={
            "runtime": lambda wildcards, input, attempt: attempt * (10 + input.size_gb * 30),
            "mem_mb": lambda wildcards, input: 100 + input.size_files[1] / 1024**2,
        },
    )
    assert found.timeout == ('round(((1.0 * round((10.0 + (size(inputs, "GiB") * 30.0)))) * 60.0))')
    assert found.memory_mb == 'round((100.0 + size([inputs[1]], "MiB")))'


@pytest.mark.parametrize("name", ["runtime", "mem_mb"])
def test_what_wdl_cannot_say_waits_for_the_files(name: str) -> None:
    looked_up = {name: lambda wildcards, input: {0: 1}[input.size]}
    assert _found(_job(traced=looked_up, inputs=("a",))) is None


def test_a_number_of_gpus_or_threads_that_depends_on_files_waits_for_them() -> None:
    assert _found(_job(gpu=TBDString())) is None
    assert _found(_job(TBDString())) is None


def _group(*layers: list[Any]) -> Resources:
    positions = {"a": [0], "b": [1]}
    found = job_resources(SimpleNamespace(threads=2), layers, positions)
    assert found is not None
    return found


def test_a_group_takes_what_its_layers_need_one_after_the_other() -> None:
    found = _group(
        [_job(mem_mb=3000, runtime=10), _job(mem_mb=2000, runtime=20)],
        [_job(mem_mb=4000, runtime=5, gpu=1)],
    )
    assert found.memory_mb == 5000
    assert found.timeout == 25 * 60
    assert (found.gpus, found.cpus) == (1, 4)


def test_a_group_keeps_the_memory_of_members_that_depend_on_sizes() -> None:
    double = {"mem_mb": lambda wildcards, input: 2 * input.size_mb}
    found = _group([_job(mem_mb=3000)], [_job(traced=double, inputs=("b",))])
    needed = 'round((2.0 * size([inputs[1]], "MiB")))'
    assert found.memory_mb == f"(if 3000.0 < (1.0 * {needed}) then {needed} else 3000)"
    # What is made within the group is taken to be as large as what the group reads.
    inner = _group([_job(mem_mb=3000)], [_job(traced=double, inputs=("made within",))])
    assert '2.0 * size(inputs, "MiB")' in str(inner.memory_mb)


def test_a_member_that_leaves_memory_open_has_that_of_an_instance() -> None:
    assert _group([_job(mem_mb=3000)], [_job()]).memory_mb == OPEN
    assert _group([_job(mem_mb=9000)], [_job()]).memory_mb == 9000


def test_a_member_without_a_limit_of_time_leaves_its_group_without_one() -> None:
    assert _group([_job(runtime=3)], [_job()]).timeout is None


def test_disk_is_asked_for_where_tasks_have_disks_of_their_own() -> None:
    grows = _job(inputs=("a",), traced={"disk_mb": lambda wildcards, input: 1000 * input.size_gb})
    asks = _job(disk_mb=20_000)
    positions = {"a": [0]}
    for job, size in (
        (asks, 19),
        (grows, 'ceil(((1.0 * round((1000.0 * size(inputs, "GiB")))) / 1073.741824))'),
        (_job(disk_mb=20_000, gpu=1), None),
        (_job(), None),
    ):
        found = job_resources(job, [[job]], positions, own_disk=True)
        assert found is not None
        assert found.disk_gib == size
        without = job_resources(job, [[job]], positions)
        assert without is not None
        assert without.disk_gib is None


def test_a_disk_larger_than_a_task_may_have_is_refused_where_it_has_one() -> None:
    job = _job(disk_mb=3_400_000)
    assert job_resources(job, [[job]], {}) is not None
    with pytest.raises(UnsupportedRule, match="a disk of 3,167 GiB, and a task has at most 3,072"):
        job_resources(job, [[job]], {}, own_disk=True)


def test_a_task_with_gpus_takes_its_own_first_and_then_the_others() -> None:
    others = (Fallback(None), Fallback("nvidia-l4", 30))
    for resources, expected in (
        ({"gpu_model": "nvidia-l40s"}, (Fallback("nvidia-l40s"), *others)),
        ({"gpu_model": "nvidia-l4"}, (Fallback("nvidia-l4", 30), Fallback(None))),
        ({}, ()),
    ):
        job = _job(**resources)
        found = job_resources(job, [[job]], {}, gpu_fallback=others)
        assert found is not None
        assert found.fallbacks == expected
