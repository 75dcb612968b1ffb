"""Look at runs of an account, and say which readings of the documents they are.

What is seen is kept whole beside the readings: a person may find in it what nobody asked.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

LOG_GROUP = "/aws/omics/WorkflowLog"
LONG_LINE = 300_000  # characters, beyond the 256 KiB of an event of CloudWatch Logs
# What the probe's rule asks, each part below its name in brackets.
PROBE = r"""
part() { echo "[$1]"; }
part env; env | sort | sed -E 's/^([^=]*(KEY|TOKEN|SECRET|PASS|CREDENTIAL)[^=]*)=.*/\1=(not shown)/'
part id; id
part path; echo "$PATH"
part home; echo "${HOME-unset} ${USER-unset}"
part mounts; cat /proc/mounts
part disk; df -k . /tmp 2>&1 || true
part memory
cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true
part hard-link; ln -L "$1" hard.link 2>&1 && echo made; rm -f hard.link
part write-input; ( : >> "$1" ) 2>&1 && echo made
part shell; readlink -f /proc/$$/exe; echo "$BASH_VERSION"
"""
_ENOUGH_SECONDS = 2  # between the first task and the last, to tell the order of an answer
_JITTER = 0.3  # seconds between two tasks that may be either's


@dataclass(frozen=True)
class Seen:
    """One run: its documents, the keys of what it left, and the lines of each of its logs."""

    run: Mapping[str, Any]
    tasks: Sequence[Mapping[str, Any]]  # as ListRunTasks orders them, each as GetRunTask tells it
    output: Mapping[str, int]  # sizes, by the key from the run's output URI on
    summary: Any  # of outputs, as JSON
    cache: Sequence[str]  # keys from the cache's place on
    logs: Mapping[str, Sequence[str]]  # by the name of a task

    def task(self, rule: str) -> Mapping[str, Any]:
        """The task of a rule; names begin with it."""
        (found,) = [one for one in self.tasks if re.match(rf"{rule}(_|$)", one["name"])]
        return found

    def log(self, rule: str) -> Sequence[str]:
        return self.logs.get(self.task(rule)["name"], ())

    @property
    def json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "tasks": list(self.tasks),
            "output": dict(self.output),
            "summary": self.summary,
            "cache": list(self.cache),
            "logs": {name: list(lines)[-200:] for name, lines in self.logs.items()},
        }


def look(clients: Any, run_id: str) -> Seen:
    """Ask for everything of a run; `clients` makes boto3's by name."""
    omics, s3 = clients("omics"), clients("s3")
    run = omics.get_run(id=run_id)
    listed = [
        item
        for page in omics.get_paginator("list_run_tasks").paginate(id=run_id)
        for item in page["items"]
    ]
    tasks = [omics.get_run_task(id=run_id, taskId=item["taskId"]) for item in listed]
    place = run.get("runOutputUri") or f"{run['outputUri']}/{run_id}"
    output = dict(_objects(s3, place))
    summary = next((name for name in output if re.fullmatch(r"logs/outputs?\.json", name)), None)
    return Seen(
        run=_plain(run),
        tasks=[_plain(task) for task in tasks],
        output=output,
        summary=None if summary is None else _read(s3, f"{place}/{summary}"),
        cache=_cached(omics, s3, run),
        logs={task["name"]: _lines(clients("logs"), task) for task in tasks},
    )


def _cached(omics: Any, s3: Any, run: Mapping[str, Any]) -> list[str]:
    if "cacheId" not in run:
        return []
    place = omics.get_run_cache(id=run["cacheId"])["cacheS3Uri"]
    return [name for name, _ in _objects(s3, place)]


def _objects(s3: Any, uri: str) -> Iterable[tuple[str, int]]:
    bucket, _, prefix = uri.removeprefix("s3://").rstrip("/").partition("/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for item in page.get("Contents", ()):
            yield item["Key"].removeprefix(f"{prefix}/"), item["Size"]


def _read(s3: Any, uri: str) -> Any:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])


def _lines(logs: Any, task: Mapping[str, Any]) -> list[str]:
    stream = task.get("logStream")
    if stream is None:
        return []
    name = stream.rpartition(":log-stream:")[2]
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        try:
            page = logs.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=name, startFromHead=True, **token
            )
        except logs.exceptions.ResourceNotFoundException:
            return found
        found += [event["message"] for event in page["events"]]
        if {"nextToken": page["nextForwardToken"]} == token:
            return found
        token = {"nextToken": page["nextForwardToken"]}


def _plain(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Without the envelope; times in seconds, so that all of it is JSON."""
    return {
        name: value.timestamp() if hasattr(value, "timestamp") else value
        for name, value in answer.items()
        if name != "ResponseMetadata"
    }


# --- readings, of what was seen ------------------------------------------------------------------


def of_failure(seen: Seen) -> dict[str, str]:
    """`first` was done and `beside` at work when `second` failed."""
    exported = any(name.startswith("out/") for name in seen.output)
    return {
        "stopped-tasks": seen.task("beside")["status"],
        "export-after-failure": "all" if exported else "timeouts",
    }


def of_completion(seen: Seen) -> dict[str, str]:
    """All went well, with CACHE_ALWAYS and nothing in the cache before."""
    summary = next(
        (name for name in seen.output if re.fullmatch(r"logs/outputs?\.json", name)), "absent"
    )
    found = {"outputs-summary": summary, **_order(seen)}
    if seen.summary is not None:
        found["outputs-form"] = "list" if isinstance(seen.summary, list) else "map"
    has_uri = any(task.get("cacheS3Uri") for task in seen.tasks)
    found["task-cache-uri"] = "always" if has_uri else "hits"
    return {**found, **_times(seen)}


def _order(seen: Seen) -> dict[str, str]:
    times = [task["creationTime"] for task in seen.tasks if "creationTime" in task]
    if not times or max(times) - min(times) < _ENOUGH_SECONDS:
        return {}
    pairs = list(pairwise(times))
    if all(earlier <= later + _JITTER for earlier, later in pairs):
        return {"task-order": "oldest-first"}
    newest = all(earlier >= later - _JITTER for earlier, later in pairs)
    return {"task-order": "newest-first" if newest else "any"}


def _times(seen: Seen) -> dict[str, str]:
    """Medians, in seconds."""
    run, tasks = seen.run, seen.tasks
    created = sorted(task["creationTime"] for task in tasks if "creationTime" in task)
    waits = [task["startTime"] - task["creationTime"] for task in tasks
             if {"startTime", "creationTime"} <= task.keys()]  # fmt: skip
    found = {
        "task-pace": [later - earlier for earlier, later in pairwise(created)],
        "task-start-seconds": waits,
        "start-seconds": [run["startTime"] - run["creationTime"]]
        if {"startTime", "creationTime"} <= run.keys()
        else [],
    }
    return {
        name: f"{max(0.0, statistics.median(values)):.1f}"
        for name, values in found.items()
        if values
    }


def of_hits(seen: Seen) -> dict[str, str]:
    """The same again, from the cache."""
    hits = [task for task in seen.tasks if task.get("cacheHit")]
    if not hits:
        return {}
    return {"cached-task-times": "all" if all("creationTime" in task for task in hits) else "none"}


def of_cancel(seen: Seen) -> dict[str, str]:
    """`done` was done, and the cache empty before, when the run was cancelled."""
    return {"cache-after-cancel": "completed" if seen.cache else "nothing"}


def of_probe(text: str, memory: int) -> dict[str, str]:
    """What `PROBE` printed in a task that asked for so many bytes."""
    parts = parts_of(text)
    found = {"input-files": "same-mount" if "made" in parts["hard-link"] else "other-mount"}
    home = parts["home"].strip()
    if home in ("unset unset", "/root root"):
        found["task-home"] = "unset" if home == "unset unset" else "root"
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    found["task-path"] = "system" if parts["path"].strip() == system else "image"
    if (user := re.match(r"uid=(\d+)", parts["id"])) is not None:
        found["task-user"] = "1000" if user[1] == "1000" else "image"
    if (limit := re.match(r"\d+", parts["memory"])) is not None and int(limit[0]) < 2 * memory:
        found["task-memory"] = "95" if int(limit[0]) < 0.99 * memory else "100"
    return found


def parts_of(text: str) -> dict[str, str]:
    """What `PROBE` printed, by the names of its parts."""
    pieces = re.split(r"^\[([a-z-]+)\]\n", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def of_log(lines: Sequence[str]) -> dict[str, str]:
    """Of a task that said `before`, a blank line, `after`, and then `LONG_LINE` letters."""
    texts = [line.rstrip("\n") for line in lines]
    if "before" not in texts or "after" not in texts:
        return {}
    between = texts[texts.index("before") + 1 : texts.index("after")]
    letters = sum(len(text) for text in texts if set(text) == {"x"})
    return {
        "blank-lines": "kept" if between else "dropped",
        "long-lines": "split" if letters >= LONG_LINE else "cut",
    }
