"""A running local HealthOmics with boto3 clients, and a fake engine for what needs no WDL."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters
from waiting import until

import local_healthomics as local

WDL = """version 1.0
workflow w {
    input { File a Int n = 1 }
    call t { input: a = a }
    output { File o = t.o }
}
task t {
    input { File a }
    command <<<
        echo "from the task"
        cat ~{a} > out.txt
    >>>
    output { File o = "out.txt" }
    runtime { container: "x/y:1" cpu: 1 memory: "1 GiB" }
}
"""

FAKE = """
import datetime, json, os, sys
request = json.load(open(sys.argv[1] + "/request.json"))
def say(event, **more):
    at = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    print(json.dumps({"event": event, "at": at, **more}), flush=True)
how = request["parameters"].get("how", "ok")
say("run", status="RUNNING")
if how == "die":
    print("engine broke", file=sys.stderr)
    sys.exit(4)
say("task", key=1, name="one", status="PENDING", cpus=15, memory_gib=33, gpus=0)
cpus = {"wide": 2, "all": 999, "hold": 999}.get(how, 1)
say("acquire", key=1, cpus=cpus, memory_gib=1, gpus=0)
for line in sys.stdin:
    message = json.loads(line)
    if "grant" in message:
        say("task", key=1, name="one", status="RUNNING")
        say("log", stream="task", key=1, lines=[[1767225600000, "said by one"]])
        say("log", stream="engine", lines=[[1767225600000, json.dumps({"pid": os.getpid()})]])
        if how in ("wait", "hold"):
            continue
        if how == "fail":
            for level, text in (("", "note"), ("ERROR", "bad"), ("FATAL", "fatal")):
                level = {"level": level} if level else {}
                say("log", stream="engine", lines=[[1767225600000, text]], **level)
            say("task", key=1, name="one", status="FAILED", failure_reason="RUN_TASK_FAILED",
                status_message="exit status 3", exit_code=3)
            say("end", status="FAILED", failure_reason="RUN_TASK_FAILED",
                status_message="task one failed", failed_task=1)
        else:
            say("task", key=1, name="one", status="COMPLETED")
            say("end", status="COMPLETED", resource_digests={}, outputs={})
        sys.exit(0)
    say("task", key=1, name="one", status="CANCELLED")
    say("end", status="CANCELLED")
    sys.exit(0)
sys.exit(0)
"""

TEMPLATE = {"how": {"optional": True}}


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".wdl", text)
    return out.getvalue()


@dataclass(frozen=True)
class Clients:
    service: local.LocalService
    omics: Any
    unchecked: Any  # sends whatever it is given
    s3: Any
    logs: Any

    def until(self, run: str, *statuses: str) -> dict[str, Any]:
        """The run, once it is in one of the states."""
        return settled(lambda: dict(self.omics.get_run(id=run)), *statuses)

    def lines(self, stream: str) -> list[str]:
        """The messages of a log stream; none if there is no such stream."""
        try:
            found = self.logs.get_log_events(
                logGroupName="/aws/omics/WorkflowLog", logStreamName=stream, startFromHead=True
            )
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in found["events"]]

    def first_line(self, stream: str) -> str:
        """The first line of a log stream, once it has one."""
        return until(lambda: self.lines(stream))[0]

    def active_workflow(self, **options: Any) -> str:
        made = self.omics.create_workflow(**{"definitionZip": zipped(main=WDL), **options})
        self.omics.get_waiter("workflow_active").wait(
            id=made["id"], WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000}
        )
        return str(made["id"])

    def start_with(self, workflow: str, parameters: dict[str, Any], **options: Any) -> str:
        started = self.omics.start_run(
            workflowId=workflow,
            roleArn=self.service.role_arn,
            parameters=parameters,
            outputUri=self.service.default_output_uri,
            **options,
        )
        return str(started["id"])

    def uploaded(self, key: str, body: bytes) -> str:
        """The URI of a new object in the service's bucket."""
        self.s3.put_object(Bucket="omics-local", Key=key, Body=body)
        return f"s3://omics-local/{key}"

    def outputs(self, run: dict[str, Any]) -> dict[str, Any]:
        """outputs.json of a completed run."""
        bucket, _, prefix = run["runOutputUri"].removeprefix("s3://").partition("/")
        body = self.s3.get_object(Bucket=bucket, Key=f"{prefix}/logs/outputs.json")["Body"]
        found: dict[str, Any] = json.load(body)
        return found

    def start(self, workflow: str, how: str = "ok", **options: Any) -> str:
        return self.start_with(workflow, {"how": how}, **options)


def settled(read: Callable[[], dict[str, Any]], *statuses: str) -> dict[str, Any]:
    """A resource, once it is in one of the states."""
    return until(read, lambda found: found["status"] in statuses)


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """The code and the message of the error that a call is answered with."""
    with pytest.raises(ClientError) as error:
        call(**params)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def _checked(client: Any) -> Any:
    """Every answer of this client is validated against botocore's model."""

    def check(parsed: dict[str, Any], model: Any, http_response: Any, **_: Any) -> None:
        if model.output_shape is not None and http_response.status_code < 300:
            answer = {k: v for k, v in parsed.items() if k != "ResponseMetadata"}
            validate_parameters(answer, model.output_shape)

    client.meta.events.register("after-call.omics", check)
    return client


def signing(service: local.LocalService) -> dict[str, Any]:
    """What makes a client of boto3's one of the service, signing as its owner."""
    return {
        "endpoint_url": service.endpoint_url,
        "region_name": service.region,
        "aws_access_key_id": service.account,
        "aws_secret_access_key": service.secret_access_key,
    }


def connect(service: local.LocalService, account: str | None = None) -> Clients:
    """Clients of the server, those of another account if it is named."""
    options = signing(service.for_account(account) if account else service)
    config = Config(inject_host_prefix=False, retries={"max_attempts": 1})
    omics = _checked(boto3.client("omics", config=config, **options))
    lax = Config(inject_host_prefix=False, retries={"max_attempts": 1}, parameter_validation=False)
    unchecked = boto3.client("omics", config=lax, **options)
    return Clients(
        service, omics, unchecked, boto3.client("s3", **options), boto3.client("logs", **options)
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """The server with its real engine."""
    service = local.start(tmp_path_factory.mktemp("real"))
    yield connect(service)
    service.stop()


@pytest.fixture(scope="session")
def fake_engine(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("engine") / "fake.py"
    path.write_text(FAKE)
    return [sys.executable, str(path)]


@pytest.fixture(scope="module")
def fake(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    fake_engine: list[str],
) -> Iterator[Clients]:
    """The server with an engine that does as it is told, and the SERVER_OPTIONS of the module."""
    options = getattr(request.module, "SERVER_OPTIONS", ())
    state = tmp_path_factory.mktemp("fake")
    service = local.start(state, engine=fake_engine, options=options)
    yield connect(service)
    service.stop()


@pytest.fixture(scope="module")
def workflow(fake: Clients) -> str:
    return fake.active_workflow(parameterTemplate=TEMPLATE)


@pytest.fixture
def starter(tmp_path: Path, fake_engine: list[str]) -> Iterator[Callable[[], Clients]]:
    """Start (again) a server on one state folder."""
    services: list[local.LocalService] = []

    def begin() -> Clients:
        services.append(local.start(tmp_path / "state", engine=fake_engine))
        return connect(services[-1])

    yield begin
    for service in services:
        service.stop()
