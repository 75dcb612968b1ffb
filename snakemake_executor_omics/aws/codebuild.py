"""Have CodeBuild build images, side by side, in a project that the account has for it."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..errors import ImageError, NotFound, ServiceError
from .session import Services
from .translate import translated

if TYPE_CHECKING:
    from types_boto3_codebuild import CodeBuildClient

PROJECT = "snakemake-omics-images"
_PAUSE = 10.0  # seconds
_ENDED = {"SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"}
_LINES = 30  # of a failed build's log


def build_there(
    services: Services,
    work: Iterable[tuple[str, Mapping[str, bytes]]],
    say: Callable[[str], None],
    project: str = PROJECT,
    pause: float = _PAUSE,
) -> None:
    """Build and push images, each from the files of its build; CodeBuild's own limit ends a build.

    Raises:
        ImageError: builds have failed, each with the end of its log.
    """
    client: CodeBuildClient = services.client("codebuild", None)
    builds: dict[str, str] = {}
    for image, files in work:
        with translated(f"start the build of {image}", _HINTS):
            build = client.start_build(
                projectName=project,
                sourceTypeOverride="NO_SOURCE",
                buildspecOverride=buildspec(image, files),
            )["build"]
        builds[build["id"]] = image
        say(f"omics: CodeBuild makes {image} in build {build['id']}")
    failed: list[str] = []
    running = set(builds)
    while running:
        with translated("look at the builds"):
            answer = client.batch_get_builds(ids=sorted(running))
        for build in answer["builds"]:
            status = build["buildStatus"]
            if status not in _ENDED:
                continue
            running.discard(build["id"])
            say(f"omics: build {build['id']} of {builds[build['id']]}: {status}")
            if status != "SUCCEEDED":
                logs = build.get("logs", {})
                lines = _log(services, logs.get("groupName"), logs.get("streamName"))
                failed.append(f"- {builds[build['id']]}: {status}\n{lines}".rstrip())
        running -= set(answer.get("buildsNotFound", ()))
        if running:
            threading.Event().wait(pause)
    if failed:
        raise ImageError("\n".join([f"{len(failed)} builds have failed:", *failed]))


_HINTS: Mapping[type[ServiceError], str] = {
    NotFound: f"the project {PROJECT} has to be there: `images build --write DIR` leaves the "
    "Dockerfiles for another builder"
}


def buildspec(image: str, files: Mapping[str, bytes]) -> str:
    """What CodeBuild runs: the files are in it, so that no bucket has to hold them."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    text = base64.b64encode(packed.getvalue()).decode()
    host = image.partition("/")[0]
    commands = {
        "pre_build": [
            f"aws ecr get-login-password | docker login --username AWS --password-stdin {host}",
            "mkdir -p /tmp/context",
            f"echo {text} | base64 -d | tar -xJ -C /tmp/context",
        ],
        "build": [f"docker build --platform linux/amd64 -t {image} /tmp/context"],
        "post_build": [
            'test "$CODEBUILD_BUILD_SUCCEEDING" = 1',
            f"docker push {image}",
        ],
    }
    phases = {name: {"commands": lines} for name, lines in commands.items()}
    return json.dumps({"version": 0.2, "phases": phases})  # which is YAML as well


def _log(services: Services, group: str | None, stream: str | None) -> str:
    """The end of a build's log; nothing where it cannot be read."""
    if not group or not stream:
        return ""
    try:
        with translated("read the log of a build"):
            answer = services.logs.get_log_events(
                logGroupName=group, logStreamName=stream, limit=_LINES, startFromHead=False
            )
    except Exception:
        return f"  log: {group}, {stream}"
    return "\n".join(f"  {event['message'].rstrip()}" for event in answer["events"])
