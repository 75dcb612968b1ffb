"""A name depends on its job or path alone, is legal, and leads back to one job or file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.compile.names import parameter_name, shows_all, task_name
from snakemake_executor_omics.model import JobKey

_LEGAL = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KEYS = st.builds(
    JobKey,
    st.text(min_size=1),
    st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
    st.lists(st.text(), max_size=2).map(tuple),
)


def test_names_stay_what_they_were() -> None:
    """Run caches and workflow versions stand on them: a change makes everything run anew."""
    key = JobKey("align", (("sample", "A"),), ("results/A.bam",))
    assert task_name(key) == "align_A_0b118d"
    assert parameter_name("data/reads/A.fq.gz") == "reads_A_fq_gz_97763d32"


@given(_KEYS, _KEYS)
def test_two_jobs_have_two_names(one: JobKey, other: JobKey) -> None:
    assert (task_name(one) == task_name(other)) is (one == other)


@given(st.text(), st.text())
def test_two_paths_have_two_names(one: str, other: str) -> None:
    assert (parameter_name(one) == parameter_name(other)) is (one == other)


@given(st.text())
def test_any_path_gives_a_legal_name(path: str) -> None:
    name = parameter_name(path)
    assert _LEGAL.fullmatch(name)
    assert len(name) <= 49


def test_a_name_that_begins_with_no_letter_gets_one() -> None:
    assert parameter_name("2024").startswith("x_2024_")
    assert parameter_name("ü").startswith("x_")


def test_a_long_name_is_cut_before_its_hash() -> None:
    name = task_name(JobKey("r" * 200, (), ()))
    assert re.fullmatch(r"r{40}_[0-9a-f]{10}", name)


def test_the_values_of_wildcards_are_shown() -> None:
    key = JobKey("star-align", (("sample", "S1"), ("lane", "lane.2"), ("empty", "")), ("S1.bam",))
    assert re.fullmatch(r"star_align_S1_lane_2_[0-9a-f]{10}", task_name(key))


@pytest.mark.parametrize(
    ("rule", "value", "digits"),
    [
        ("a_b", "S1_L001", 6),
        ("a", "0.05", 6),
        ("a", "-1", 10),
        ("a", "x+y", 10),
        ("a", "", 10),
        ("a", "é", 10),
        ("r" * 41, "S1", 10),
        ("a", "v" * 99, 10),
    ],
)
def test_a_name_that_shows_all_of_its_job_has_a_shorter_hash(
    rule: str, value: str, digits: int
) -> None:
    name = task_name(JobKey(rule, (("w", value),), ("out",)))
    assert re.search(rf"_[0-9a-f]{{{digits}}}$", name)


def test_a_name_says_whether_it_shows_its_job_as_it_is() -> None:
    plain, dotted = (JobKey("a", (("w", value),), ()) for value in ("S1_2", "S1.2"))
    assert shows_all(plain)
    assert not shows_all(dotted)
    assert shows_all(JobKey("a", (), ("out",)))


def test_a_value_that_does_not_fit_is_left_out_whole() -> None:
    key = JobKey("r", (("a", "a" * 60), ("b", "b" * 60), ("c", "S1")), ())
    assert re.fullmatch(r"r_a{60}_S1_[0-9a-f]{10}", task_name(key))


@given(_KEYS)
def test_any_job_has_a_legal_name(key: JobKey) -> None:
    name = task_name(key)
    assert _LEGAL.fullmatch(name)
    assert len(name) <= 128  # API, TaskListItem.name
