"""What the benchmarks share: CPU seconds of whole process trees, repeats side by side, a report.

CPU and not wall seconds, as whoever measures is seldom alone on a machine; what is compared runs in
turns, so that a slow minute meets all of it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_SAID = 3000  # characters of a command's output that tell why it failed

Row = dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """What work took: CPU seconds with all descendants, wall seconds, the largest process in MB."""

    cpu: float
    wall: float
    memory: float = 0.0
    said: str = ""


def command(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Usage:
    """Run a command to its end; descendants count that it has waited for."""
    began = time.perf_counter()
    log = folder / "said.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            arguments, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text(errors="replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit {process.returncode}\n{said[-_SAID:]}")
    cpu = used.ru_utime + used.ru_stime
    return Usage(cpu, time.perf_counter() - began, used.ru_maxrss / 1024, said)


def cpu_of(pid: int) -> float:
    """CPU seconds so far of a process that lives, and of its descendants, living and ended."""
    try:
        threads = [*Path(f"/proc/{pid}/task").iterdir()]
        children = [child for one in threads for child in (one / "children").read_text().split()]
    except OSError:
        return 0.0  # it has ended just now
    return sum(_times(pid)) + sum(cpu_of(int(child)) for child in children)


def cpu_alone(pid: int) -> float:
    """CPU seconds so far of a process that lives, without its descendants."""
    return sum(_times(pid)[:2])


def _times(pid: int) -> list[float]:
    """utime, stime, cutime and cstime of proc(5): its own, and of children that it waited for."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(ticks) / _TICKS for ticks in stat[11:15]]


def here(work: Callable[[], object]) -> Usage:
    """What work in this process takes."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Usage(time.process_time() - cpu, time.perf_counter() - began)


def in_turns(cases: Mapping[str, Callable[[], Usage]], repeats: int) -> dict[str, list[Usage]]:
    """Each case `repeats` times, one after the other and all over again."""
    found: dict[str, list[Usage]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, case in cases.items():
            found[name].append(case())
    return found


def median(usages: Sequence[Usage], what: str = "cpu") -> float:
    return statistics.median(getattr(usage, what) for usage in usages)


def parser(description: str | None, repeats: int = 3) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options.add_argument(
        "--repeats", type=int, default=repeats, help="of each case, in turns (default: %(default)s)"
    )
    return options


def report(rows: Sequence[Row], target: Path | None) -> None:
    """Print a table, and write it as JSON with the machine that it was measured on."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(_text(row.get(name, '')) for name in columns)} |")
    if target is not None:
        machine = {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": sys.argv,
        }
        target.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


def _text(value: object) -> str:
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and abs(value) < 1000
        else (
            f"{value:,.0f}"
            if isinstance(value, float)
            else f"{value:,}"
            if isinstance(value, int)
            else str(value)
        )
    )
