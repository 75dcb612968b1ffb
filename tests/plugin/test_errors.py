"""What people read, and the tree that the file draws."""

from __future__ import annotations

import errno
import inspect
import re

from snakemake_executor_omics import errors
from snakemake_executor_omics.errors import (
    FileError,
    LimitExceeded,
    OmicsError,
    ServiceError,
    UnsupportedRule,
)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([│├└─ ]*)(\w+) {2,}", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else "Exception"
    assert drawn == {
        name: kind.__base__.__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, OmicsError)
    }


def test_a_hint_is_a_line_of_its_own() -> None:
    assert str(OmicsError("it broke")) == "it broke"
    assert str(OmicsError("it broke", hint="mend it")) == "it broke\nhint: mend it"


def test_a_rule_is_named() -> None:
    error = UnsupportedRule("align", "has cwl:", hint="use a wrapper")
    assert str(error) == "rule align: has cwl:\nhint: use a wrapper"
    assert (error.rule, error.reason) == ("align", "has cwl:")


def test_a_limit_is_told_with_both_numbers() -> None:
    error = LimitExceeded("inputs", 1234, 1000)
    assert str(error) == "inputs: 1,234 is above the limit of 1,000"
    assert (error.what, error.actual, error.limit) == ("inputs", 1234, 1000)


def test_a_services_error_keeps_what_support_asks_for() -> None:
    error = ServiceError("cannot start", code="X", request_id="r", transient=True)
    assert (error.code, error.request_id, error.transient) == ("X", "r", True)


def test_what_the_system_refuses_is_told_with_the_file() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied", "/there")
    assert str(FileError(denied)) == "cannot use /there: Permission denied"
    assert str(FileError(TimeoutError("took too long"))) == "took too long"
