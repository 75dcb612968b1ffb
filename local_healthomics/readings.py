"""Where AWS's documents are silent or disagree: how the service may be read, by name.

This table is the source of docs/readings.md. The default of a reading is its strictest value: what
passes under it passes under the others. Where an answer of the real service has been published
there is no reading, but tests/healthomics/test_published_answers.py.

Readings of times are in seconds, any number; they are 0 by default, so that nobody waits.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Readings = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One question, its plausible answers with what each means, and who says so."""

    name: str
    question: str
    values: Mapping[str, str] = field(default_factory=dict)
    default: str
    sources: str
    is_seconds: bool = False

    def check(self, value: str) -> None:
        """ValueError if that is none of the answers."""
        if not self.is_seconds:
            if value not in self.values:
                raise ValueError(f"{value!r} is none of {', '.join(self.values)}")
            return
        try:
            seconds = float(value)
        except ValueError:
            raise ValueError(f"{value!r} is no number of seconds") from None
        if not 0 <= seconds < math.inf:
            raise ValueError(f"{value} is no number of seconds")


def _seconds(name: str, question: str, sources: str) -> Reading:
    return Reading(name=name, question=question, default="0", sources=sources, is_seconds=True)


READINGS = (
    Reading(
        name="task-cache-uri",
        question="Which tasks have a `cacheS3Uri`?",
        values={
            "hits": "those that were cache hits",
            "always": "those whose results the run wrote to the cache, too",
        },
        default="hits",
        sources="The user guide promises it for hits; the API Reference says no more than what it"
        " is; nobody has published a task of a run with a cache.",
    ),
    Reading(
        name="cache-entries",
        question="When does a run with CACHE_ALWAYS write its cache entries?",
        values={"run-end": "when the run exports", "task-end": "when each task ends"},
        default="run-end",
        sources='User guide, "How call caching works": in the export phase.',
    ),
    Reading(
        name="cache-after-cancel",
        question="What does the run cache keep of a run that was cancelled?",
        values={"nothing": "nothing", "completed": "its completed tasks"},
        default="nothing",
        sources="The newer of two copies of the user guide says that they are kept, the older one"
        " does not.",
    ),
    Reading(
        name="cache-after-timeout",
        question="What does the run cache keep of a run that timed out?",
        values={"nothing": "nothing", "completed": "its completed tasks"},
        default="nothing",
        sources="The user guide: nothing.",
    ),
    Reading(
        name="cache-after-full-storage",
        question="What does the run cache keep of a run whose file system was full?",
        values={"nothing": "nothing", "completed": "its completed tasks"},
        default="nothing",
        sources="The user guide: nothing.",
    ),
    Reading(
        name="cached-task-times",
        question="Do ListRunTasks and GetRunTask say when a task from the run cache was?",
        values={"none": "no", "all": "yes, when it was looked up"},
        default="none",
        sources="The manifests that users have of such runs lack the times; nobody has published"
        " the other answers.",
    ),
    Reading(
        name="stopped-tasks",
        question="Which status have running tasks that end because another one failed?",
        values={
            "FAILED": "FAILED, like the one that failed the run",
            "CANCELLED": "CANCELLED",
        },
        default="FAILED",
        sources="The user guide says CANCELLED of those that a timeout ends. An engine's log has"
        ' them as failed, with the error "Terminated", and users tell of failed tasks without a'
        " log.",
    ),
    Reading(
        name="export-after-failure",
        question="After which failures are the outputs of completed tasks exported?",
        values={"timeouts": "those of a task that timed out", "all": "all failures of a task"},
        default="timeouts",
        sources='User guide, "Task timeouts"; it does not say that others export nothing.',
    ),
    Reading(
        name="outputs-summary",
        question="Where below the run's output URI is the summary of its outputs?",
        values={
            "logs/outputs.json": "there",
            "logs/output.json": "there",
            "absent": "nowhere: only the files say what there is",
        },
        default="logs/outputs.json",
        sources="Two users read the first in production; one page of the user guide has the"
        " second; nobody has published one of a WDL run.",
    ),
    Reading(
        name="outputs-form",
        question="What is in that summary?",
        values={
            "map": "an object, outputs by their names",
            "list": "an array of objects, each with one output by its name",
        },
        default="map",
        sources='User guide, "Run outputs": an object; elsewhere "a list and a map".',
    ),
    Reading(
        name="blank-lines",
        question="Are blank lines of a log kept?",
        values={"dropped": "no", "kept": "yes, as a space"},
        default="dropped",
        sources="CloudWatch Logs takes no empty event.",
    ),
    Reading(
        name="long-lines",
        question="What becomes of a log line that is longer than an event may be?",
        values={"split": "it becomes several", "cut": "its end is lost"},
        default="split",
        sources="CloudWatch Logs bounds an event at 256 KiB; what the service does is not said.",
    ),
    Reading(
        name="task-order",
        question="In which order does ListRunTasks answer the tasks of a page?",
        values={
            "any": "in none",
            "oldest-first": "by their creation",
            "newest-first": "the other way round",
        },
        default="any",
        sources="Published answers of two tasks are by creation; of many there is none.",
    ),
    Reading(
        name="priority",
        question="Which runs start first?",
        values={"low-first": "those of priority 1", "high-first": "those of the highest number"},
        default="low-first",
        sources='API Reference, StartRun ("highest: 1"); the newest user guide says the contrary.',
    ),
    Reading(
        name="storage-type",
        question="Which storage has a run that does not say?",
        values={"STATIC": "static, of 1,200 GiB, which can be full", "DYNAMIC": "dynamic"},
        default="STATIC",
        sources="Not said; static was the only one until 2024.",
    ),
    Reading(
        name="parameter-bytes",
        question="How many bytes of JSON may the parameters of StartRun have?",
        values={"50000": "50,000", "256000": "256,000"},
        default="50000",
        sources="Two pages of the user guide.",
    ),
    Reading(
        name="template-bytes",
        question="How many bytes of JSON may a parameter template have?",
        values={"400000": "400 KB as 400,000", "409600": "400 KB as 409,600"},
        default="400000",
        sources='User guide, "HealthOmics service quotas": 400 KB.',
    ),
    Reading(
        name="template-entries",
        question="How many parameters may a parameter template have?",
        values={"1000": "1,000", "2000": "2,000"},
        default="1000",
        sources="The user guide and the API Reference say 1,000, botocore's model 2,000.",
    ),
    Reading(
        name="inline-zip-bytes",
        question="How large may the zip of a definition be that comes with the request?",
        values={"4194304": "4 MiB", "4400000": "4.4 MB"},
        default="4194304",
        sources="Two pages of the user guide.",
    ),
    Reading(
        name="zip-bytes",
        question="How large may the zip of a definition be that lies in S3?",
        values={"100000000": "100 MB as 100,000,000", "104857600": "100 MB as 104,857,600"},
        default="100000000",
        sources='User guide, "HealthOmics service quotas": 100 MB.',
    ),
    Reading(
        name="registry-prefix",
        question="Does the upstream prefix `bio` of a registry map cover `biocontainers/samtools`?",
        values={"segment": "no: a prefix ends at a slash", "text": "yes: it is the beginning"},
        default="segment",
        sources="Not said.",
    ),
    Reading(
        name="task-home",
        question="Are HOME and USER set in a task?",
        values={"unset": "no", "root": "HOME=/root and USER=root"},
        default="unset",
        sources="Users had to drop `set -u`, as variables that they expected were missing; nobody"
        " has published the environment of a task.",
    ),
    Reading(
        name="task-memory",
        question="How much of the memory that it asks for may a task use, in percent?",
        values={"95": "95: the service's agents keep the rest", "100": "all"},
        default="95",
        sources="The user guide says that agents keep 5 %, not of what.",
    ),
    Reading(
        name="task-path",
        question="Which PATH has a task?",
        values={
            "image": "that of its image; without containers, that of this machine",
            "system": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        },
        default="image",
        sources="Not said. The stricter value is not the default: images whose programs lie"
        " elsewhere, as conda's do, are in use on the service.",
    ),
    Reading(
        name="task-user",
        question="As which user does a task run?",
        values={
            "1000": "as one with the id 1000, who may write to the task's folder and /tmp only",
            "image": "as the one of its image, root if that names none; without containers, as"
            " who runs the service",
        },
        default="1000",
        sources="Not said. Images that name a user other than root are in use on the service.",
    ),
    Reading(
        name="input-files",
        question="Where are a task's input files?",
        values={
            "other-mount": "on a mount of their own, read-only: a hard link of one fails",
            "same-mount": "where the task's folder is: a hard link can be made",
        },
        default="other-mount",
        sources='The user guide: links to files that are read-only. Published: "Read-only file'
        " system\" from a program that writes beside one; a user's notes of hard links that"
        " work.",
    ),
    _seconds(
        "log-delay",
        "How long after it was written is a line of a task's log in CloudWatch?",
        "Published: 6 seconds.",
    ),
    _seconds(
        "run-lag",
        "How long after StartRun do GetRun and ListRunTasks not know the run?",
        "Not said; the service's answers are eventually consistent in other places.",
    ),
    _seconds(
        "start-seconds",
        "How long is a run in STARTING?",
        "Published: 300 to 700 seconds until 2025, 7 in 2026.",
    ),
    _seconds(
        "task-pace",
        "How much time is there between the creations of two tasks of a run?",
        "Published: 5.0 seconds (41 tasks of a run of 2024).",
    ),
    _seconds(
        "task-start-seconds",
        "How long after its creation does a task start?",
        "Published: 160 to 540 seconds.",
    ),
    _seconds("stop-seconds", "How long is a run in STOPPING?", "Published: 300 to 565 seconds."),
)
_BY_NAME = {reading.name: reading for reading in READINGS}
DEFAULTS: Readings = {reading.name: reading.default for reading in READINGS}


def readings(chosen: Iterable[tuple[str, str]]) -> Readings:
    """Every reading, as chosen or by default."""
    return {**DEFAULTS, **dict(chosen)}


def parsed(text: str) -> tuple[str, str]:
    """Name and value of `NAME=VALUE`; ValueError if there is no such reading."""
    name, _, value = text.partition("=")
    if name not in _BY_NAME:
        raise ValueError(f"{name!r} is none of the readings {', '.join(_BY_NAME)}")
    try:
        _BY_NAME[name].check(value)
    except ValueError as error:
        raise ValueError(f"reading {name}: {error}") from None
    return name, value


def add_reading_option(parser: argparse.ArgumentParser) -> None:
    """`--reading NAME=VALUE`, as often as wanted."""

    def read(text: str) -> tuple[str, str]:
        try:
            return parsed(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    parser.add_argument(
        "--reading",
        action="append",
        default=[],
        type=read,
        metavar="NAME=VALUE",
        help="answer as AWS may where its documents leave it open (docs/readings.md): "
        + ", ".join(_BY_NAME),
    )
    parser.add_argument(
        "--readings",
        action=_FromFile,
        dest="reading",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="the same for each of a JSON object, such as the account test writes",
    )


class _FromFile(argparse.Action):
    """`--readings FILE`: as if each were given as `--reading`, at this place of the line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        try:
            namespace.reading = [*namespace.reading, *read_file(Path(str(values)))]
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from error


def read_file(path: Path) -> list[tuple[str, str]]:
    """Readings of a JSON object, names to values.

    Raises:
        ValueError: it is none, or has a reading that there is not.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} has no object of names and values")
    return [parsed(f"{name}={value}") for name, value in found.items()]


def markdown() -> str:
    """The page of all readings."""
    parts = [_HEAD]
    for reading in READINGS:
        parts.append(f"## {reading.name}\n\n{reading.question}\n")
        if reading.is_seconds:
            parts.append("Seconds, 0 by default.\n")
        else:
            rows = [
                f"| `{value}`{' (default)' if value == reading.default else ''} | {meaning} |"
                for value, meaning in reading.values.items()
            ]
            parts.append("\n".join(["| value | meaning |", "|---|---|", *rows, ""]))
        parts.append(f"{reading.sources}\n")
    return "\n".join(parts)


_HEAD = """# Readings

AWS's documents leave some of HealthOmics' behaviour open, or say two things of it. There the local
HealthOmics has a *reading*: a named switch with the plausible answers. The default is the strict
one. `local-healthomics up --reading NAME=VALUE` (as often as wanted) chooses another, and so does
`--omics-local-reading NAME=VALUE ...` for the service that `--omics-endpoint local` starts. The
readings that are times make a rehearsal of AWS's schedules possible. `--readings FILE` takes them
from a JSON object, such as `tests/account` writes of an account of AWS's.

What people have published of the real service is no reading: the local one answers so. This page
is made from `local_healthomics/readings.py`.
"""
