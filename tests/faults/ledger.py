"""What the service did for one workflow: its runs, and how often it ran each task."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    inject_host_prefix=False,
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=60,
    read_timeout=60,
    proxies={},
)


@dataclass(frozen=True)
class Ledger:
    """`completed` counts, for each task, the times that its command ran to a good end: what came
    out of the run cache did not."""

    runs: tuple[dict[str, Any], ...]
    completed: Counter[str]
    began: Counter[str]

    @property
    def twice(self) -> dict[str, int]:
        return {name: times for name, times in self.completed.items() if times > 1}

    @property
    def statuses(self) -> list[str]:
        return [run["status"] for run in self.runs]


def client(service: str, endpoint_url: str, environment: dict[str, str]) -> Any:
    """A client of the service itself, past every proxy."""
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=_CONFIG,
    )


def read(omics: Any, name: str) -> Ledger:
    """All runs of that name, oldest first."""
    listed = [
        item
        for page in omics.get_paginator("list_runs").paginate(name=name)
        for item in page["items"]
    ]
    completed: Counter[str] = Counter()
    began: Counter[str] = Counter()
    for run in listed:
        for task in _tasks(omics, run["id"]):
            if task.get("cacheHit"):
                continue
            began[task["name"]] += "startTime" in task
            completed[task["name"]] += task["status"] == "COMPLETED"
    runs = sorted(listed, key=lambda run: run["creationTime"])
    return Ledger(tuple(runs), completed, began)


def _tasks(omics: Any, run: str) -> list[dict[str, Any]]:
    pages = omics.get_paginator("list_run_tasks").paginate(id=run)
    try:
        return [task for page in pages for task in page["items"]]
    except omics.exceptions.ResourceNotFoundException:  # a reading: it is not known at once
        return []
