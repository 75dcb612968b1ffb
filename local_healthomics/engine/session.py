"""What the parts of one run share, handed to miniwdl's plugins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .cache import RunCache
from .events import EventStream
from .finished import FinishedCalls
from .gate import Gate
from .request import RunRequest
from .tasks import TaskBoard
from .transfer import Inputs, Objects

_LOOK = 0.2  # seconds between looks whether the run is to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    request: RunRequest
    events: EventStream
    gate: Gate
    board: TaskBoard
    inputs: Inputs
    objects: Objects
    cache: RunCache | None
    stopping: Callable[[], bool]
    finished: FinishedCalls = field(default_factory=FinishedCalls)
    _pace: threading.Lock = field(default_factory=threading.Lock, repr=False)
    groups: set[int] = field(default_factory=set)  # process groups that are alive
    told_images: set[str] = field(default_factory=set)  # that no task has, and the log says so

    def pause(self, reading: str) -> None:
        """Let as much time go by as a reading of times says, or until the run is to end."""
        end = time.monotonic() + float(self.request.readings[reading])
        while (left := end - time.monotonic()) > 0 and not self.stopping():
            time.sleep(min(left, _LOOK))

    def pace(self) -> None:
        """Wait until it is the turn of another task to be created."""
        with self._pace:
            self.pause("task-pace")

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
