"""CPU of the local service's engine, alone: trivial tasks, a server that answers at once.

python benchmarks/engine.py [--jobs N] [--cores N] [--steps N [--reads N]]

`tasks` is from the first task's announcement to the last one's end, `start` what comes before it,
`end` what comes after: of the engine's own process. `children` are the tasks' own processes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import measure

from local_healthomics.engine.request import CacheRequest, RunRequest
from local_healthomics.runs.pool import Ask, Pool
from snakemake_executor_omics.compile import compile_wave
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Resources, Step, Task, Wave


class _Bucket(BaseHTTPRequestHandler):
    """Takes what is put: what has no file, the summary of the outputs."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_PUT(self) -> None:
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        left = int(self.headers.get("Content-Length") or 0)
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        while chunked and (size := int(self.rfile.readline().split(b";")[0], 16)):
            self.rfile.read(size + 2)
        while chunked and self.rfile.readline().strip():
            pass
        self.rfile.read(left)
        self.send_response(200)
        self.send_header("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *of_it: object) -> None:
        """Nobody asks."""


@contextmanager
def bucket() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def wave(jobs: int, steps: int, reads: int) -> Wave:
    """Jobs that write a number, as those of `graphs.smk`, and read some of the step above."""
    width = jobs // steps

    def key_of(step: int, number: int) -> JobKey:
        path = f"out/{step}/{number}.txt"
        return JobKey("step", (("step", str(step)), ("number", str(number))), (path,))

    def task(step: int, number: int) -> Task:
        key = key_of(step, number)
        (path,) = key.outputs
        above = sorted({(number + place) % width for place in range(reads)}) if step else ()
        keys = [key_of(step - 1, one) for one in above]
        command = f"echo {number} > {path}"
        step = Step(key=key, command=command, threads=1, outputs=(OutputFile(path),))
        return Task(
            key=key,
            layers=((step,),),
            inputs=tuple(FileRef(one.outputs[0], producer=one) for one in keys),
            container="public.ecr.aws/docker/library/bash:5",
            resources=Resources(cpus=1, memory_mb=1000),
        )

    return Wave(tuple(task(step, number) for step in range(steps) for number in range(width)))


@dataclass(frozen=True)
class Found:
    """CPU seconds of each part (and wall seconds), and how much the engine has said."""

    seconds: dict[str, float]
    events: Counter[str]


def once(work: Wave, cores: int, endpoint: str) -> Found:
    with TemporaryDirectory() as place:
        run_dir = Path(place) / "state" / "runs" / "1234567-00000000"
        definition = Path(place) / "definition"
        run_dir.mkdir(parents=True)
        definition.mkdir()
        for name, text in compile_wave(work).files.items():
            (definition / name).write_text(text)
        subprocess.run(
            [sys.executable, "-c", _CHECK, str(definition)], check=True, stdout=subprocess.DEVNULL
        )
        RunRequest(
            run_dir=run_dir,
            run_id="1234567",
            run_uuid="0b0d0f5c-0000-4000-8000-000000000000",
            run_arn="arn:aws:omics:us-east-1:123456789012:run/1234567",
            account="123456789012",
            region="us-east-1",
            endpoint_url=endpoint,
            definition_dir=definition,
            main="main.wdl",
            parameters={},
            output_uri="s3://bucket/results/1234567",
            cache=CacheRequest(id="1", s3_uri="s3://bucket/cache/1", behavior="CACHE_ON_FAILURE"),
            isolated=True,
            network=False,
            server_dir=Path.cwd(),
        ).save()
        return _follow(run_dir, cores)


# What a check of the service does with a definition that a run then reads.
_CHECK = """
import sys
from pathlib import Path
from local_healthomics.engine import loading
folder = Path(sys.argv[1])
loading.keep(loading.load(folder, "main.wdl"), folder, "main.wdl", lenient=False)
"""


def _follow(run_dir: Path, cores: int) -> Found:
    pool, lock = Pool(cpus=cores), threading.Lock()
    began = time.perf_counter()
    with (run_dir / "stderr.txt").open("w") as errors:
        engine = subprocess.Popen(
            [sys.executable, "-m", "local_healthomics.engine", str(run_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=run_dir,
            text=True,
            start_new_session=True,
            env={**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
        )
    events: Counter[str] = Counter()
    marks: dict[str, float] = {}
    assert engine.stdin is not None
    assert engine.stdout is not None
    inlet = engine.stdin

    def send(**message: object) -> None:
        with lock:
            inlet.write(json.dumps(message) + "\n")
            inlet.flush()

    def mark(name: str) -> None:
        marks[name] = measure.cpu_alone(engine.pid)

    for line in engine.stdout:
        event = json.loads(line)
        kind = event["event"]
        events[kind] += 1
        match kind:
            case "acquire":
                key = event["key"]
                pool.ask(
                    Ask(
                        run="1",
                        key=key,
                        cpus=event["cpus"],
                        memory_gib=event["memory_gib"],
                        gpus=0,
                        grant=partial(send, grant=key, task_id=str(key)),
                    )
                )
            case "release":
                pool.release("1", event["key"])
            case "look":
                send(answer=event["number"], found=False)
            case "take":
                send(answer=event["number"], found=["etag"] * len(event["files"]))
            case "task":
                mark("tasks" if "start" in marks else "start")
            case "end":
                mark("end")
                assert event["status"] == "COMPLETED", event
    engine.stdin.close()
    _, status, used = os.wait4(engine.pid, 0)
    engine.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    assert engine.returncode == 0, (run_dir / "stderr.txt").read_text()
    whole = used.ru_utime + used.ru_stime
    seconds = {
        "start": marks["start"],
        "tasks": marks["tasks"] - marks["start"],
        "end": marks["end"] - marks["tasks"],
        "children": whole - marks["end"],
        "wall": wall,
    }
    return Found(seconds, events)


def main() -> None:
    options = measure.parser(__doc__)
    options.add_argument("--jobs", type=int, default=300)
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--steps", type=int, default=1)
    options.add_argument("--reads", type=int, default=1)
    given = options.parse_args()
    work = wave(given.jobs, given.steps, given.reads)
    with bucket() as endpoint:
        found = [once(work, given.cores, endpoint) for _ in range(given.repeats)]
    row: measure.Row = {"jobs": given.jobs, "steps": given.steps, "reads": given.reads}
    for name in found[0].seconds:
        seconds = statistics.median(one.seconds[name] for one in found)
        row[f"{name}, ms a job"] = 1000 * seconds / given.jobs
    row |= {f"{name} events": count for name, count in sorted(found[-1].events.items())}
    measure.report([row], given.json)


if __name__ == "__main__":
    main()
