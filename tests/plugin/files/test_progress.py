"""What people see while files move."""

import io

import pytest
from rich.console import Console

from snakemake_executor_omics import terminal
from snakemake_executor_omics.files.progress import progress


def test_a_log_gets_a_line_every_ten_seconds_and_one_at_the_end() -> None:
    said: list[str] = []
    times = iter([0.0, 0.0, 4.0, 11.0, 12.0, 21.5, 22.0])
    console = Console(file=io.StringIO(), force_terminal=False)
    with progress(
        said.append, "sending", "sent", files=2, size=4000, console=console, clock=times.__next__
    ) as on_bytes:
        for _ in range(4):
            on_bytes(1000)
    assert said == [
        "omics: sending 2 files: 2.0 kB of 4.0 kB",
        "omics: sending 2 files: 4.0 kB of 4.0 kB",
        "omics: sent 2 files, 4.0 kB, in 22.0 s",
    ]


def test_a_terminal_gets_a_bar() -> None:
    said: list[str] = []
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with progress(said.append, "reading", "read", files=1, size=10, console=console) as on_bytes:
        on_bytes(10)
    assert "reading 1 file" in screen.getvalue()
    assert len(said) == 1


def test_a_terminal_that_shows_something_else_gets_lines() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    assert terminal.take()
    try:
        with progress([].append, "reading", "read", files=1, size=9, console=console) as move:
            move(9)
    finally:
        terminal.give_back()
    assert screen.getvalue() == ""


def test_nothing_to_do_is_not_told() -> None:
    said: list[str] = []
    with progress(said.append, "sending", "sent", files=0, size=0) as on_bytes:
        on_bytes(0)
    assert said == []


def test_a_failure_is_not_told_as_done() -> None:
    said: list[str] = []
    with (
        pytest.raises(ValueError, match="x"),
        progress(said.append, "sending", "sent", files=1, size=1),
    ):
        raise ValueError("x")
    assert said == []
