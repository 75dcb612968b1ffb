"""Instances, prices and bills, each by hand; the choice of an instance as the service makes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_healthomics.instances import ACCELERATORS, instance_type
from snakemake_executor_omics import limits
from snakemake_executor_omics.cost.bill import (
    billed_seconds,
    static_gib,
    storage_dollars,
    task_dollars,
)
from snakemake_executor_omics.cost.instances import ALL, instance_of, is_open, smallest
from snakemake_executor_omics.cost.makespan import Service, Span, Work, spans
from snakemake_executor_omics.cost.prices import prices_of
from snakemake_executor_omics.model import Resources

PRICES = prices_of("us-east-1")


@pytest.mark.parametrize(
    ("cpus", "gib", "name"),
    [
        (1, 1, "omics.c.large"),
        (2, 16, "omics.r.large"),
        (2, 17, "omics.r.xlarge"),
        (8, 64, "omics.r.2xlarge"),
        (15, 33, "omics.m.4xlarge"),
        (192, 1536, "omics.r.48xlarge"),
    ],
)
def test_vcpus_are_chosen_before_the_family(cpus: int, gib: int, name: str) -> None:
    found = smallest(cpus, gib)
    assert found is not None
    assert found.name == name


def test_what_no_instance_has_has_none() -> None:
    assert smallest(193, 1) is None
    assert smallest(1, 1537) is None
    assert smallest(1, 1, gpus=5) is None


@given(
    st.integers(1, 200),
    st.integers(1, 1600),
    st.integers(0, 5),
    st.sampled_from([None, *sorted(ACCELERATORS)]),
)
def test_the_local_service_chooses_the_same(
    cpus: int, gib: int, gpus: int, accelerator: str | None
) -> None:
    found = smallest(cpus, gib, gpus, accelerator)
    assert (found and found.name) == instance_type(cpus, gib, gpus, accelerator)


def test_the_accelerators_are_those_of_the_limits() -> None:
    assert set(limits.ACCELERATORS) == ACCELERATORS
    assert all(smallest(1, 1, 1, name) for name in limits.ACCELERATORS)


def test_memory_in_mb_is_rounded_as_the_service_does() -> None:
    """4,294 MB are 4 GiB, 4,295 MB more."""
    fits, above = (instance_of(Resources(memory_mb=mb)) for mb in (4_294, 4_295))
    assert (fits and fits.name, above and above.name) == ("omics.c.large", "omics.m.large")


def test_memory_that_depends_on_inputs_leaves_the_instance_open() -> None:
    assert is_open(Resources(memory_mb='ceil(size(inputs, "MB"))'))
    assert not is_open(Resources(memory_mb=1_000))


def test_every_instance_has_a_price() -> None:
    assert [one.name for one in ALL if not PRICES.of_instance(one.name)] == []
    assert PRICES.of_instance("omics.x.large") is None


def test_the_sizes_of_a_family_cost_by_their_vcpus() -> None:
    assert PRICES.of_instance("omics.r.2xlarge") == pytest.approx(4 * 0.1701)
    assert PRICES.of_instance("omics.m.24xlarge") == pytest.approx(48 * 0.1296)


def test_the_prices_of_another_region_say_whose_they_are() -> None:
    found = prices_of("eu-west-1")
    assert (found.region, found.stand_in, found.asked) == ("us-east-1", "us-east-1", "eu-west-1")
    assert PRICES.stand_in is None
    assert PRICES.noted
    assert PRICES.source


def test_a_task_is_billed_a_minute_at_least() -> None:
    """10,000 tasks of 5 s: 10,000 x 60 s / 3,600 x $0.1148 = $19.13."""
    assert billed_seconds(5) == 60
    all_of_them = 10_000 * (task_dollars(PRICES, "omics.c.large", 5) or 0)
    assert all_of_them == pytest.approx(19.13, abs=0.01)
    assert task_dollars(PRICES, "omics.r.2xlarge", 7_200) == pytest.approx(2 * 0.6804)


def test_a_disk_of_its_own_costs_above_16_gib() -> None:
    with_disk = task_dollars(PRICES, "omics.c.large", 3_600, disk_gib=116)
    assert with_disk == pytest.approx(0.1148 + 100 * 0.000111)


def test_static_storage_is_billed_by_its_reserved_size() -> None:
    """1,200 GiB for 2 h at $0.0001918."""
    assert storage_dollars(PRICES, 7_200, static_gib(None), static=True) == pytest.approx(0.46032)
    assert storage_dollars(PRICES, 3_600, 100) == pytest.approx(0.0411)


@pytest.mark.parametrize(
    ("asked", "gib"), [(1, 1_200), (1_200, 1_200), (1_201, 2_400), (2_401, 4_800)]
)
def test_reserved_sizes_are_steps(asked: int, gib: int) -> None:
    assert static_gib(asked) == gib


def test_runs_are_running_once_they_have_started_until_their_last_task_ends() -> None:
    """The second run starts a second later; each has one task of 100 s."""
    assert spans([["a"], ["b"]], {}, dict.fromkeys("ab", Work(100)), Service()) == [
        Span(300, 300 + 180 + 100),
        Span(301, 301 + 180 + 100),
    ]


def test_an_instance_larger_than_the_quota_of_vcpus_does_not_wait_for_ever() -> None:
    (span,) = spans([["a"]], {}, {"a": Work(100, 192)}, Service(active_vcpus=96))
    assert span.seconds == 280


def test_parents_in_other_runs_are_taken_as_done() -> None:
    service = Service(run_start=0, task_creation=0, task_start=0, start_run=0)
    found = spans([["a"], ["b"]], {"b": ["a"]}, dict.fromkeys("ab", Work(100)), service)
    assert found == [Span(0, 100), Span(0, 100)]


def test_tasks_without_a_gpu_do_not_wait_for_those_with_one() -> None:
    service = Service(run_start=0, task_creation=0, task_start=0, start_run=0, active_gpus=1)
    gpus = dict.fromkeys("ab", Work(100, 4, 1))
    found = spans([["a", "b"], ["c"]], {}, {**gpus, "c": Work(100)}, service)
    assert found == [Span(0, 200), Span(0, 100)]
