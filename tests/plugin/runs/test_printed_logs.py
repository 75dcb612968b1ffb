"""What a failed task prints of its log files comes back, whatever stands between."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snakemake_executor_omics.compile.render import render_task
from snakemake_executor_omics.model import JobKey, OutputFile, Step, Task
from snakemake_executor_omics.runs.printed_logs import are_complete, split_logs

LOGS = ("logs/a.log", "logs/b c.log")
STEP = Step(
    key=JobKey("any", (), ("out",)),
    command="false",
    outputs=(OutputFile("out"),),
    logs=LOGS,
)
TASK = render_task(Task(key=STEP.key, layers=((STEP,),), container="debian:12"))
FUNCTION = re.search(r"^print_log\(\) \{\n.*?^\}\n", TASK, re.DOTALL | re.MULTILINE)
# What a stream can hold: no line breaks of other kinds, no NUL, which bash drops.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=("Cs",))
)


def printed(folder: Path, *texts: str) -> list[str]:
    """What the task prints of log files with these texts."""
    assert FUNCTION is not None
    script = [f"set -euo pipefail\n{FUNCTION[0]}"]
    for number, (log, text) in enumerate(zip(LOGS, texts, strict=False), 1):
        (folder / str(number)).write_text(text, newline="")
        script.append(f"print_log 1.{number} '{folder / str(number)}' '{log}'")
    done = subprocess.run(["bash", "-c", "\n".join(script)], capture_output=True, check=True)
    return done.stdout.decode(errors="replace").split("\n")[:-1]


@settings(max_examples=40, deadline=None)
@given(first=st.lists(TEXT, max_size=6), second=st.lists(TEXT, max_size=3), data=st.data())
@example(first=["=== end of log 1.1: 0 lines ===", "[log 1.2] x"], second=["", "", "y"], data=None)
def test_logs_come_back_from_between_other_lines(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[str],
    second: list[str],
    data: st.DataObject | None,
) -> None:
    texts = ["".join(f"{line}\n" for line in lines) for lines in (first, second)]
    lines = printed(tmp_path_factory.mktemp("logs"), *texts)
    others = [f"other {number}" for number in range(3)]
    for other in others:
        place = 0 if data is None else data.draw(st.integers(0, len(lines)))
        lines.insert(place, other)
    logs, rest = split_logs(lines, LOGS)
    assert [logs[log] for log in LOGS] == texts
    assert sorted(rest) == others
    assert are_complete(lines, LOGS)


def test_a_log_that_ends_in_the_middle_of_a_line_or_is_not_there(tmp_path: Path) -> None:
    lines = printed(tmp_path, "one\ntwo")
    assert split_logs(lines, LOGS) == ({LOGS[0]: "one\ntwo\n"}, [])
    assert not are_complete(lines, LOGS)  # nothing was told of the other
    (tmp_path / "2").unlink(missing_ok=True)
    lines += printed(tmp_path, "", "")[2:]
    assert are_complete(lines, LOGS)


def test_what_others_left_off_in_the_middle_of_a_line_is_no_part_of_a_log(tmp_path: Path) -> None:
    lines = printed(tmp_path, "one\n")
    lines = [f"50 %{lines[0]}", f"60 %{lines[1]}", f"70 %{lines[2]}"]
    assert split_logs(lines, LOGS) == ({LOGS[0]: "one\n"}, ["50 %", "60 %", "70 %"])


def test_a_long_line_is_cut_by_us_and_joined_again(tmp_path: Path) -> None:
    text = "x" * 100_000 + "\nshort\n"
    lines = printed(tmp_path, text)
    assert max(map(len, lines)) < 8_100
    assert split_logs(lines, LOGS)[0] == {LOGS[0]: text}


def test_of_a_huge_log_the_last_megabyte_is_printed(tmp_path: Path) -> None:
    lines = printed(tmp_path, "".join(f"line {number}\n" for number in range(200_000)))
    text = split_logs(lines, LOGS)[0][LOGS[0]]
    assert text.startswith("(of a longer log: its last MB)\n")
    assert text.endswith("line 199998\nline 199999\n")
    assert len(text) < 1_000_100


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_lines_that_are_still_to_come_are_waited_for(tmp_path: Path, lost: int) -> None:
    lines = printed(tmp_path, "one\n\n", "")
    assert are_complete(lines, LOGS)
    assert not are_complete(lines[:lost] + lines[lost + 1 :], LOGS) or not lines[lost]
