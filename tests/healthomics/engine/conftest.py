"""A server's side of the engine: moto's S3 and a driver that grants what the engine asks for."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from waiting import SECONDS

from local_healthomics.engine.request import CacheRequest, RunRequest
from local_healthomics.readings import DEFAULTS

ROOT = Path(__file__).resolve().parents[3]
Event = dict[str, Any]


@dataclass
class Engine:
    """One engine process, and everything it has said."""

    process: subprocess.Popen[str]
    run_dir: Path
    grants: bool = True
    events: list[Event] = field(default_factory=list)
    _queue: queue.SimpleQueue[Event | None] = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(json.loads(line))
        self._queue.put(None)

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def until(self, wanted: Callable[[Event], bool], seconds: int = SECONDS) -> Event:
        """Serve the engine until it says what is wanted."""
        while True:
            event = self._queue.get(timeout=seconds)
            assert event is not None, f"the engine ended early: {self.errors()}"
            self.events.append(event)
            if event["event"] == "acquire" and self.grants:
                self.send(grant=event["key"])
            if event["event"] == "look":
                self.send(answer=event["number"], found=True)
            if event["event"] == "take":
                self.send(answer=event["number"], found=[None] * len(event["files"]))
            if wanted(event):
                return event

    def end(self, seconds: int = SECONDS) -> Event:
        event = self.until(lambda e: e["event"] == "end", seconds)
        assert self.process.stdin is not None
        self.process.stdin.close()  # as a server may: the engine is done, this is no accident
        assert self.process.wait(SECONDS) == 0, self.errors()
        return event

    def errors(self) -> str:
        return (self.run_dir / "stderr.txt").read_text()

    def tasks(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.events:
            if event["event"] == "task":
                found.setdefault(event["name"], []).append(event)
        return found

    def states(self, name: str) -> list[str]:
        return [event["status"] for event in self.tasks()[name]]

    def lines(self, stream: str, key: int | None = None) -> list[str]:
        return [
            text
            for event in self.events
            if event["event"] == "log" and event["stream"] == stream and event.get("key") == key
            for _, text in event["lines"]
        ]


@dataclass
class Bench:
    """Starts engines on an S3 of its own."""

    endpoint: str
    s3: Any
    folder: Path
    engines: list[Engine] = field(default_factory=list)

    def put(self, key: str, text: str) -> str:
        self.s3.put_object(Bucket="data", Key=key, Body=text.encode())
        return f"s3://data/{key}"

    def read(self, uri: str) -> str:
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body.decode()

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="data", Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def start(
        self,
        wdl: str,
        parameters: dict[str, Any] | None = None,
        *,
        cache: CacheRequest | None = None,
        grants: bool = True,
        memory_limit: bool = True,
        isolated: bool = False,
        **readings: str,
    ) -> Engine:
        number = 1000 + len(self.engines)
        run_dir = self.folder / str(number)
        definition = run_dir / "definition"
        definition.mkdir(parents=True)
        (definition / "main.wdl").write_text(wdl)
        RunRequest(
            run_dir=run_dir,
            run_id=str(number),
            run_uuid=str(uuid.uuid4()),
            run_arn=f"arn:aws:omics:us-east-1:123456789012:run/{number}",
            account="123456789012",
            region="us-east-1",
            endpoint_url=self.endpoint,
            definition_dir=definition,
            main="main.wdl",
            parameters=parameters or {},
            output_uri=f"s3://data/results/{number}",
            cache=cache,
            memory_limit=memory_limit,
            isolated=isolated,
            network=False,
            readings={**DEFAULTS, **{k.replace("_", "-"): v for k, v in readings.items()}},
        ).save()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        with (run_dir / "stderr.txt").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "local_healthomics.engine", str(run_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
                start_new_session=True,
            )
        engine = Engine(process, run_dir, grants)
        self.engines.append(engine)
        return engine


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # slow to import, and pure tests need none

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bench(endpoint: str, tmp_path: Path) -> Iterator[Bench]:
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )
    s3.create_bucket(Bucket="data")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="data"):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket="data", Key=item["Key"])
    bench = Bench(endpoint, s3, tmp_path)
    yield bench
    for engine in bench.engines:
        assert engine.process.stdin is not None
        assert engine.process.stdout is not None
        engine.process.stdin.close()  # the engine's sign to end its tasks and itself
        engine.process.wait(SECONDS)
        engine.process.stdout.close()
