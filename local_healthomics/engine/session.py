"""What the parts of one run share, handed to miniwdl's plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .cache import RunCache
from .events import EventStream
from .finished import FinishedCalls
from .gate import Gate
from .request import RunRequest
from .tasks import TaskBoard
from .transfer import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    request: RunRequest
    events: EventStream
    gate: Gate
    board: TaskBoard
    inputs: Inputs
    s3: Any
    cache: RunCache | None
    stopping: Callable[[], bool]
    finished: FinishedCalls = field(default_factory=FinishedCalls)
    groups: set[int] = field(default_factory=set)  # process groups that are alive

    def task_environment(self, key: int, grant: Mapping[str, Any]) -> dict[str, str]:
        """The variables the service documents. The server, who names tasks, may say their ids."""
        request = self.request
        task_id = str(grant.get("task_id", key))
        account, region = request.account, request.region
        return {
            "AWS_REGION": region,
            "AWS_WORKFLOW_RUN": request.run_arn,
            "AWS_WORKFLOW_RUN_ID": request.run_id,
            "AWS_WORKFLOW_RUN_UUID": request.run_uuid,
            "AWS_WORKFLOW_TASK": str(
                grant.get("task_arn", f"arn:aws:omics:{region}:{account}:task/{task_id}")
            ),
            "AWS_WORKFLOW_TASK_ID": task_id,
            "AWS_WORKFLOW_TASK_UUID": str(grant.get("task_uuid", f"{request.run_uuid}-{task_id}")),
        }
