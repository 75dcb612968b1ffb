"""A value goes into a container as Python source and comes out as it was."""

from __future__ import annotations

import collections
import math
import pathlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.compile.literal import python_literal

_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_KEYS = _PLAIN | st.binary() | st.tuples(st.text(), st.integers())
_VALUES = st.recursive(
    _KEYS | st.sets(st.text()) | st.frozensets(st.integers()) | st.text(min_size=1).map(Path),
    lambda inner: (
        st.lists(inner) | st.dictionaries(_KEYS, inner) | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=12,
)


def _read(source: str) -> Any:
    return eval(source, {"pathlib": pathlib})


@given(_VALUES)
def test_a_value_is_what_its_source_evaluates_to(value: Any) -> None:
    found = _read(python_literal(value))
    assert found == value
    assert type(found) is type(value)


def test_what_is_no_number_stays_none() -> None:
    assert math.isnan(_read(python_literal(float("nan"))))


def test_a_set_is_written_in_one_order() -> None:
    assert python_literal({"b", "a", "c"}) == "set(['a', 'b', 'c'])"


def test_annotated_strings_and_lists_become_plain_ones() -> None:
    class Annotated(str):
        flag = True

    class Named(list[str]):
        pass

    assert python_literal(Annotated("a b")) == "'a b'"
    assert python_literal(Named(["a"])) == "['a']"
    assert python_literal(collections.OrderedDict(a=1)) == "{'a': 1}"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "builtins.object"),
        (1j, "builtins.complex"),
        ([{"a": range(2)}], "builtins.range"),
    ],
)
def test_a_value_of_a_foreign_type_is_refused_by_its_name(value: object, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        python_literal(value)
