"""The log files that a failed task printed, as the function of its template does it. Pure.

A failed task exports nothing, so this is all that there is of them. What else was printed meanwhile
stands between the lines, blank lines may be missing, and the service delivers late.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_BEGIN = re.compile(r"=== log (\d+\.\d+) (.*) ===$")
_LINE = re.compile(r"\[log (\d+\.\d+)(\+?)\] ?")
_END = re.compile(r"=== end of log (\d+\.\d+): (\d+) lines ===$")
_JOB_BEGIN = re.compile(r"=== job (\d+) ===$")
_JOB_END = re.compile(r"=== end of job (\d+): exit code \d+ ===$")
_PRINTED = 1_000_000  # bytes, at most
_CUT = "(of a longer log: its last MB)\n"


@dataclass(slots=True)
class JobLines:
    """What a job printed in a task of several; it `is_open` until its end is told."""

    lines: list[str] = field(default_factory=list)
    is_open: bool = True


def split_jobs(lines: Iterable[str]) -> dict[int, JobLines]:
    """The lines of each job that a task of several has begun, by its number."""
    found: dict[int, JobLines] = {}
    job: JobLines | None = None
    for line in lines:
        if (match := _JOB_BEGIN.search(line)) is not None and int(match[1]) not in found:
            job = found[int(match[1])] = JobLines()
        elif job is None:
            continue
        elif (match := _JOB_END.search(line)) is not None and found.get(int(match[1])) is job:
            if before := line[: match.start()]:
                job.lines.append(before)
            job.is_open, job = False, None
        else:
            job.lines.append(line)
    return found


def job_at_work(jobs: Mapping[int, JobLines], of: int) -> int:
    """The job that a task of several was at when it was ended: between two it is the next one."""
    is_open = [number for number, job in jobs.items() if job.is_open]
    return is_open[-1] if is_open else min(max(jobs) + 1, of)


def lines_of_job(lines: Iterable[str], number: int) -> Iterator[str]:
    """What one job printed, line by line as they come."""
    is_open = False
    for line in lines:
        if (match := _JOB_END.search(line)) is not None and int(match[1]) == number:
            return
        if is_open:
            yield line
        elif (match := _JOB_BEGIN.search(line)) is not None:
            is_open = int(match[1]) == number


def split_logs(lines: Iterable[str], logs: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """The text of each log file that was printed, and the other lines of the stream."""
    lines = list(lines)
    paths = _paths(lines, logs)
    texts: dict[str, list[str]] = {number: [] for number in paths}
    rest = []
    for line in lines:
        # Another process may have left off in the middle of a line.
        match = _LINE.search(line)
        marker = _BEGIN.search(line) or _END.search(line)
        if match is not None and match[1] in paths:
            texts[match[1]] += [line[match.end() :], "" if match[2] else "\n"]
            before = line[: match.start()]
        elif marker is not None and marker[1] in paths:
            before = line[: marker.start()]
        else:
            rest.append(line)
            continue
        if before:
            rest.append(before)
    found = {paths[number]: "".join(parts) for number, parts in texts.items()}
    return {
        log: _CUT + text if len(text.encode()) >= _PRINTED else text for log, text in found.items()
    }, rest


def are_complete(lines: Iterable[str], logs: Collection[str]) -> bool:
    """Whether the end of each log file has come, with all of its lines."""
    lines = list(lines)
    paths = _paths(lines, logs)
    printed = dict.fromkeys(paths, 0)
    ends = {}
    for line in lines:
        if (match := _LINE.search(line)) is not None and match[1] in printed:
            printed[match[1]] += 1
        elif (match := _END.search(line)) is not None and match[1] in printed:
            ends[match[1]] = int(match[2])
    ended = {paths[number] for number, count in ends.items() if printed[number] >= count}
    return ended >= set(logs)


def _paths(lines: Iterable[str], logs: Collection[str]) -> dict[str, str]:
    """The log file that each number stands for."""
    begins = (match for line in lines if (match := _BEGIN.search(line)) is not None)
    return {match[1]: match[2] for match in begins if match[2] in logs}
