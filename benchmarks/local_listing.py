"""How long the local service takes with much in it: listings, restarts, many clients at once.

python benchmarks/local_listing.py [RUNS [WORKFLOWS [OBJECTS]]]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

import local_healthomics as local
from local_healthomics.other_services.application import OtherServices
from local_healthomics.store.documents import Store

PAGE = 100
DEFAULTS = (10_000, 1_000, 20_000)
CLIENTS = 200
STATES = ("COMPLETED", "FAILED", "CANCELLED")
FILTERS: dict[str, dict[str, str]] = {
    "all": {},
    "name": {"name": "run-7"},
    "status": {"status": "FAILED"},
    "runGroupId": {"runGroupId": "1000003"},
    "no such name": {"name": "nobody"},
}


def fill(state: Path, runs: int, workflows: int, objects: int) -> None:
    """Documents as the service keeps them, put past the API; in a process of its own."""
    state.mkdir(parents=True)
    store = Store(state / "omics.sqlite")
    common = {"creationTime": "2026-01-01T00:00:00.000Z", "tags": {}}
    with store.transaction():
        for number in range(workflows):
            made = store.add(
                "workflow",
                common
                | {
                    "name": f"workflow-{number}",
                    "status": "ACTIVE",
                    "type": "PRIVATE",
                    "digest": "0",
                },
            )
            arn = f"arn:aws:omics:us-east-1:123456789012:workflow/{made['id']}"
            store.update("workflow", made["id"], {"arn": arn})
        for number in range(runs):
            made = store.add(
                "run",
                common
                | {
                    "name": f"run-{number % 100}",
                    "status": STATES[number % 3],
                    "workflowId": "1000001",
                    "runGroupId": str(1_000_000 + number % 10),
                    "parameters": {"file": "x" * 1000},
                },
            )
            arn = f"arn:aws:omics:us-east-1:123456789012:run/{made['id']}"
            store.update("run", made["id"], {"arn": arn})
    store.close()
    other_services = OtherServices(state)
    for number in range(objects):
        other_services.put("omics-local", f"objects/{number}", b"x")
    other_services.close()


def client(service: local.LocalService, connections: int = 1) -> Any:
    config = Config(inject_host_prefix=False, max_pool_connections=connections)
    return boto3.client(
        "omics",
        endpoint_url=service.endpoint_url,
        region_name=service.region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=config,
    )


def pages(ask: Callable[..., dict[str, Any]], asked: dict[str, Any]) -> Iterator[float]:
    """The seconds that each page took."""
    token: dict[str, str] = {}
    while True:
        began = time.perf_counter()
        answer = ask(maxResults=PAGE, **asked, **token)
        yield time.perf_counter() - began
        if "nextToken" not in answer:
            return
        token = {"startingToken": answer["nextToken"]}


def show(name: str, took: list[float]) -> None:
    ends = [1000 * statistics.median(part) for part in (took[:5], took[-5:])]
    speed = len(took) / sum(took)
    print(f"{name:24}\t{len(took)}\t{ends[0]:.1f}\t{ends[1]:.1f}\t{speed:.0f}")


def at_once(service: local.LocalService) -> None:
    omics, gate = client(service, CLIENTS), threading.Barrier(CLIENTS + 1)

    def work(number: int) -> list[float]:
        gate.wait()
        took = []
        for turn in range(5):
            began = time.perf_counter()
            made = omics.create_run_group(name=f"g-{number}-{turn}")["id"]
            omics.get_run_group(id=made)
            omics.list_runs(maxResults=10)
            took.append((time.perf_counter() - began) / 3)
        return took

    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(work, number) for number in range(CLIENTS)]
        gate.wait()
        began = time.perf_counter()
        took = sorted(seconds for future in futures for seconds in future.result())
    speed = CLIENTS * 5 * 3 / (time.perf_counter() - began)
    tail = took[len(took) * 95 // 100]
    print(
        f"{CLIENTS} clients at once: {speed:.0f} requests/s,"
        f" median {1000 * statistics.median(took):.0f} ms, 95 % within {1000 * tail:.0f} ms"
    )


def main() -> None:
    given = [int(number) for number in sys.argv[1:4]]
    runs, workflows, objects = [*given, *DEFAULTS[len(given) :]]
    with tempfile.TemporaryDirectory() as place:
        state = Path(place) / "state"
        code = (
            "import sys; from pathlib import Path; from local_listing import fill;"
            "fill(Path(sys.argv[1]), *map(int, sys.argv[2:]))"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(state), str(runs), str(workflows), str(objects)],
            check=True,
            cwd=Path(__file__).parent,
        )
        began = time.perf_counter()
        service = local.start(state)
        print(
            f"start with {runs} runs, {workflows} workflows and {objects} objects:"
            f" {time.perf_counter() - began:.1f} s"
        )
        omics = client(service)
        print("listing                 \tpages\tms at start\tms at end\tpages/s")
        show("workflows", list(pages(omics.list_workflows, {})))
        for name, asked in FILTERS.items():
            show(f"runs by {name}", list(pages(omics.list_runs, asked)))
        at_once(service)
        service.stop()


if __name__ == "__main__":
    main()
