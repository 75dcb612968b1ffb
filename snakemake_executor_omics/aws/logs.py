"""Read the service's CloudWatch log streams."""

from __future__ import annotations

import re
from typing import Any

from ..errors import NotFound
from .session import Services
from .translate import translated

LOG_GROUP = "/aws/omics/WorkflowLog"
_STREAM_ARN = re.compile(
    r"arn:[^:]+:logs:[^:]*:[^:]*:log-group:(?P<group>[^:]+):log-stream:(?P<stream>.+)"
)
# GetLogEvents gives at most this many at once.
_MOST = 10_000


def task_log(services: Services, log_stream_arn: str) -> list[str]:
    """All lines of a stream; none if the task never wrote (it has no stream then)."""
    lines: list[str] = []
    token: str | None = None
    while True:
        page = _page(services, log_stream_arn, token, from_head=True, limit=_MOST)
        if page is None:
            return []
        lines.extend(event["message"].rstrip("\n") for event in page["events"])
        # The same token again means the end; an empty page does not.
        if page["nextForwardToken"] == token:
            return lines
        token = page["nextForwardToken"]


def tail(services: Services, log_stream_arn: str, lines: int = 50) -> list[str]:
    """The last lines of a stream."""
    last: list[str] = []
    token: str | None = None
    while len(last) < lines:
        page = _page(
            services, log_stream_arn, token, from_head=False, limit=min(lines - len(last), _MOST)
        )
        if page is None:
            return []
        last[:0] = [event["message"].rstrip("\n") for event in page["events"]]
        if page["nextBackwardToken"] == token:
            break
        token = page["nextBackwardToken"]
    return last[-lines:]


def _page(
    services: Services, arn: str, token: str | None, *, from_head: bool, limit: int
) -> Any | None:
    match = _STREAM_ARN.fullmatch(arn)
    group, stream = (match["group"], match["stream"]) if match else (LOG_GROUP, arn)
    query: dict[str, Any] = {"nextToken": token} if token else {}
    try:
        with translated(f"read log stream {stream}"):
            return services.logs.get_log_events(
                logGroupName=group,
                logStreamName=stream,
                startFromHead=from_head,
                limit=limit,
                **query,
            )
    except NotFound:
        return None
