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


_MOST_PAGES = 20  # of a megabyte each, of the end of a stream
_MOST_TRIES = 200  # pages, with empty ones


def task_log(services: Services, log_stream_arn: str) -> list[str]:
    """The lines of a stream, of a huge one the last 20 MB; none if the task never wrote.

    It has no stream then.
    """
    pages: list[list[str]] = []
    token: str | None = None
    for _ in range(_MOST_TRIES):
        page = _page(services, log_stream_arn, token, from_head=False)
        if page is None:
            return []
        pages.append(_lines(page))
        # The same token again means the end; an empty page does not.
        following = page.get("nextBackwardToken")
        if following in (token, None) or sum(map(bool, pages)) == _MOST_PAGES:
            break
        token = following
    return [line for lines in reversed(pages) for line in lines]


def log_tail(services: Services, log_stream_arn: str, lines: int) -> list[str]:
    """The last lines of a stream; none if the task never wrote."""
    found: list[str] = []
    token: str | None = None
    for _ in range(_MOST_PAGES):
        page = _page(services, log_stream_arn, token, from_head=False)
        if page is None:
            break
        found = [*_lines(page), *found]
        following = page.get("nextBackwardToken")
        if len(found) >= lines or following in (token, None):
            break
        token = following
    return found[-lines:]


def whole_log(services: Services, stream: str) -> list[str]:
    """All lines of a stream; none if there is no such stream."""
    found: list[str] = []
    token: str | None = None
    while True:
        lines, following = read_on(services, stream, token)
        found += lines
        if following in (token, None):
            return found
        token = following


def read_on(
    services: Services, log_stream_arn: str, token: str | None
) -> tuple[list[str], str | None]:
    """The next lines of a stream, and the token to read on with; the same one at its end so far."""
    page = _page(services, log_stream_arn, token, from_head=True)
    return ([], token) if page is None else (_lines(page), page.get("nextForwardToken", token))


def _lines(page: GetLogEventsResponseTypeDef) -> list[str]:
    return [event.get("message", "").rstrip("\n") for event in page.get("events", ())]


def _page(
    services: Services, arn: str, token: str | None, *, from_head: bool
) -> GetLogEventsResponseTypeDef | None:
    match = _STREAM_ARN.fullmatch(arn)
    group, stream = (match["group"], match["stream"]) if match else (LOG_GROUP, arn)
    query: dict[str, Any] = {"nextToken": token} if token else {}
    try:
        with translated(f"read log stream {stream}"):
            return services.logs.get_log_events(
                logGroupName=group,
                logStreamName=stream,
                startFromHead=from_head,
                limit=MAX_LOG_EVENTS,
                **query,
            )
    except NotFound:
        return None
