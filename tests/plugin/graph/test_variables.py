"""Environment variables that a Snakefile sets are told of."""

from __future__ import annotations

import pytest

from snakemake_executor_omics.graph.variables import set_in

BEFORE = {"PATH": "/bin", "HOME": "/home/me", "LANG": "C"}


@pytest.mark.parametrize(
    ("text", "now", "named"),
    [
        ('os.environ["SEARCH"] = "a:b"', {"SEARCH": "a:b"}, ["SEARCH"]),
        ('os.environ["PATH"] += ":bin"', {"PATH": "/bin:bin"}, ["PATH"]),
        ("os.environ.update(LANG='D', NEW='1')", {"LANG": "D", "NEW": "1"}, ["LANG", "NEW"]),
        ("from os import environ\nenviron.setdefault('NEW', '1')", {"NEW": "1"}, ["NEW"]),
        ('os.environ.setdefault("LANG", "D")', {}, []),  # it was set already
        ('print(os.environ["HOME"])', {"SNAKEMAKE_OWN": "1"}, []),  # Snakemake's own
        ('rule a: shell: "export NEW=1"', {"NEW": "1"}, []),  # no Python that sets it
    ],
)
def test_those_that_changed_and_that_it_names(
    text: str, now: dict[str, str], named: list[str]
) -> None:
    assert set_in([text], BEFORE, BEFORE | now) == named
