"""The omics API as a table of runs, for a client that never leaves the process."""

from __future__ import annotations

from typing import Any

from snakemake_executor_omics.aws.session import Services


class RunsTable:
    """The omics API as a table of runs and their tasks."""

    def __init__(self, services: Services, runs: list[dict[str, Any]], tasks: Any) -> None:
        self.cancelled: list[str] = []
        self._runs = {item["id"]: item for item in runs}
        self._tasks = tasks
        self._services = services
        services.omics.meta.events.register("before-call.omics", self._answer)

    def _answer(self, model: Any, params: Any, **_: Any) -> Any:
        path = params["url_path"].split("/")
        ok = type("Answer", (), {"status_code": 200, "headers": {}})
        if model.name == "ListRuns":
            listed = [{**item, "tags": None} for item in self._runs.values()]
            return ok, {"items": listed}
        if model.name == "GetRun":
            if path[-1] not in self._runs:
                return self._missing(f"run {path[-1]}")
            return ok, self._runs[path[-1]]
        if model.name == "ListRunTasks":
            if path[-2] not in self._tasks:
                return self._missing(f"run {path[-2]}")
            return ok, {"items": self._tasks[path[-2]]}
        if model.name == "GetRunTask":
            (found,) = (one for one in self._tasks[path[2]] if one["taskId"] == path[-1])
            return ok, found
        assert model.name == "CancelRun"
        self.cancelled.append(path[2])
        return ok, {}

    @staticmethod
    def _missing(what: str) -> Any:
        gone = type("Answer", (), {"status_code": 404, "headers": {}})
        error = {"Code": "ResourceNotFoundException", "Message": f"there is no {what}"}
        return gone, {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 404}}
