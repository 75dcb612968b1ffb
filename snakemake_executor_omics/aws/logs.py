"""Read the service's CloudWatch log streams."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import NotFound
from ..limits import MAX_LOG_EVENTS
from .session import Services
from .translate import translated

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import GetLogEventsResponseTypeDef

LOG_GROUP = "/aws/omics/WorkflowLog"
_STREAM_ARN = re.compile(
    r"arn:[^:]+:logs:[^:]*:[^:]*:log-group:(?P<group>[^:]+):log-stream:(?P<stream>.+)"
)


def task_log(services: Services, log_stream_arn: str) -> list[str]:
    """All lines of a stream; none if the task never wrote (it has no stream then)."""
    lines: list[str] = []
    token: str | None = None
    while True:
        page = _page(services, log_stream_arn, token)
        if page is None:
            return []
        lines.extend(event["message"].rstrip("\n") for event in page["events"])
        # The same token again means the end; an empty page does not.
        if page["nextForwardToken"] == token:
            return lines
        token = page["nextForwardToken"]


def _page(services: Services, arn: str, token: str | None) -> GetLogEventsResponseTypeDef | None:
    match = _STREAM_ARN.fullmatch(arn)
    group, stream = (match["group"], match["stream"]) if match else (LOG_GROUP, arn)
    query: dict[str, Any] = {"nextToken": token} if token else {}
    try:
        with translated(f"read log stream {stream}"):
            return services.logs.get_log_events(
                logGroupName=group,
                logStreamName=stream,
                startFromHead=True,
                limit=MAX_LOG_EVENTS,
                **query,
            )
    except NotFound:
        return None
