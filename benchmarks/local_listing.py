"""How long the local service takes with much in it: listings, restarts, many clients at once.

python benchmarks/local_listing.py [--runs N] [--workflows N] [--objects N]

Wall seconds: it is the waiting of clients.
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
import measure
from botocore.config import Config
from measure import Row

import local_healthomics as local
from local_healthomics.other_services.application import OtherServices
from local_healthomics.store.documents import Store

PAGE = 100
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
                    "uuid": f"00000000-0000-4000-8000-{number:012}",
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
        aws_access_key_id=service.account,
        aws_secret_access_key=service.secret_access_key,
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


def listed(name: str, took: list[float]) -> Row:
    first, last = (1000 * statistics.median(part) for part in (took[:5], took[-5:]))
    return {
        "what": name,
        "requests": len(took),
        "requests/s": len(took) / sum(took),
        "ms, first ones": first,
        "ms, last ones": last,
    }


def at_once(service: local.LocalService) -> Row:
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
    return {
        "what": f"{CLIENTS} clients at once",
        "requests": CLIENTS * 5 * 3,
        "requests/s": speed,
        "ms, median": 1000 * statistics.median(took),
        "ms, 95 % within": 1000 * took[len(took) * 95 // 100],
    }


def main() -> None:
    options = measure.parser(__doc__, repeats=1)
    options.add_argument("--runs", type=int, default=10_000)
    options.add_argument("--workflows", type=int, default=1_000)
    options.add_argument("--objects", type=int, default=20_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        state = Path(place) / "state"
        local.start(state).stop()  # makes the folder
        code = (
            "import sys; from pathlib import Path; from local_listing import fill;"
            "fill(Path(sys.argv[1]), *map(int, sys.argv[2:]))"
        )
        counts = map(str, (given.runs, given.workflows, given.objects))
        subprocess.run(
            [sys.executable, "-c", code, str(state), *counts],
            check=True,
            cwd=Path(__file__).parent,
        )
        began = time.perf_counter()
        service = local.start(state)
        rows: list[Row] = [
            {
                "what": f"start with {given.runs:,} runs, {given.workflows:,} workflows and "
                f"{given.objects:,} objects",
                "ms, median": 1000 * (time.perf_counter() - began),
            }
        ]
        omics = client(service)
        rows.append(listed("workflows", list(pages(omics.list_workflows, {}))))
        rows += [
            listed(f"runs by {name}", list(pages(omics.list_runs, asked)))
            for name, asked in FILTERS.items()
        ]
        rows.append(at_once(service))
        service.stop()
    measure.report(rows, given.json)


if __name__ == "__main__":
    main()
