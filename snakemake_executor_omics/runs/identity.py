"""What makes a job's results the same as those of a job in an earlier run. Pure.

A job is told by the text of its task and by what it reads: content for files of the project, the
job that made them for files of the same wave. What an earlier run made is still known as that after
its job was recorded, so that the rest of that run's results is found again, without a second run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from ..model import JobKey, OutputKind, Wave


def identities(
    wave: Wave,
    texts: Mapping[JobKey, str],
    addresses: Mapping[str, str],
    made: Mapping[str, str],
) -> dict[JobKey, str]:
    """The identity of each job of the wave: also of what it leaves outside of its run.

    `texts` are those of the tasks, `addresses` name the content of raw inputs, `made` has those
    inputs that an earlier run left, with what they are then.
    """
    found: dict[JobKey, str] = {}
    internal = wave.internal
    for task in wave.tasks:  # parents first
        read = [
            made.get(ref.path) or addresses.get(ref.path, "")
            if ref.producer is None
            else result_identity(found[ref.producer], ref.path)
            for ref in task.inputs
        ]
        read += [addresses.get(path, "") for path in task.sources]
        stays = [f"{output.path} stays" for output in task.files if output.path in internal]
        text = "\n".join([texts[task.key], *read, *stays])
        found[task.key] = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
    return found


def result_identity(job: str, path: str) -> str:
    """What a file is that a job of this identity made."""
    return f"{job} {path}"


def read_by_others(wave: Wave) -> dict[str, JobKey]:
    """What one job of the wave makes and another one reads, but for directories in S3.

    Of those a later wave has each object by itself.
    """
    stored = wave.s3_targets
    files = {
        output.path
        for task in wave.tasks
        for output in task.files
        if output.kind is OutputKind.FILE or output.path not in stored
    }
    return {
        ref.path: ref.producer
        for task in wave.tasks
        for ref in task.inputs
        if ref.producer is not None and ref.path in files
    }
