"""What the embedded service hides of this machine: as asked, or one line says that it cannot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from said import Said

from snakemake_executor_omics.errors import LocalServiceError
from snakemake_executor_omics.runs.connection import _isolation
from snakemake_executor_omics.settings.options import (
    LocalBackend,
    LocalIsolation,
    LocalStrictness,
)


def asked(
    wanted: LocalIsolation,
    *,
    usable: bool,
    strict: tuple[LocalStrictness, ...] = (),
    backend: LocalBackend = LocalBackend.PROCESS,
) -> tuple[tuple[str, ...], list[str]]:
    options: Any = SimpleNamespace(
        local_isolation=wanted, local_strict=strict, local_backend=backend
    )
    isolation = SimpleNamespace(
        tool=lambda: object() if usable else None, NOT_HIDDEN="tasks see this machine"
    )
    said = Said()
    found = _isolation(options, SimpleNamespace(engine=SimpleNamespace(isolation=isolation)), said)
    return found, said.lines


@pytest.mark.parametrize(
    ("wanted", "usable", "option", "lines"),
    [
        (LocalIsolation.AUTO, True, (), []),
        (LocalIsolation.AUTO, False, (), ["omics: tasks see this machine"]),
        (LocalIsolation.ON, True, ("--isolate",), []),
        (LocalIsolation.OFF, False, ("--no-isolate",), []),
    ],
)
def test_one_line_says_what_is_not_hidden(
    wanted: LocalIsolation, usable: bool, option: tuple[str, ...], lines: list[str]
) -> None:
    assert asked(wanted, usable=usable) == (option, lines)


@pytest.mark.parametrize(
    ("wanted", "strict"),
    [(LocalIsolation.ON, ()), (LocalIsolation.AUTO, (LocalStrictness.ISOLATION,))],
)
def test_isolation_that_is_asked_for_and_cannot_be_had_is_refused(
    wanted: LocalIsolation, strict: tuple[LocalStrictness, ...]
) -> None:
    with pytest.raises(LocalServiceError, match="bwrap") as refused:
        asked(wanted, usable=False, strict=strict)
    assert "Debian's `bubblewrap`" in str(refused.value.hint)


def test_containers_hide_by_themselves() -> None:
    assert asked(LocalIsolation.ON, usable=False, backend=LocalBackend.DOCKER) == ((), [])
