"""CPU and time of trivial jobs on the local service, beside Snakemake's own local executor.

python benchmarks/local_executor.py [--jobs N] [--shape wide|chains|gather|diamonds ...]

The service is a process of its own; `server` and `engine` are its parts (the engine with the jobs'
processes), `head` is Snakemake.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import measure
import service
from measure import Row, Usage

import local_healthomics as local

CORES = "2"


def locally(shape: str, jobs: int) -> Usage:
    with TemporaryDirectory() as place:
        return service.snakemake(Path(place), "local", shape, jobs, "--cores", CORES)


class OnService:
    """Keeps apart whose CPU it was."""

    def __init__(self) -> None:
        self.heads: list[Usage] = []
        self.servers: list[Usage] = []

    def run(self, shape: str, jobs: int) -> Usage:
        with TemporaryDirectory() as place:
            state = Path(place) / ".snakemake" / "omics" / "local"
            with local.running(state) as running:
                head = service.snakemake(Path(place), "omics", shape, jobs)
                own, all_ = measure.cpu_alone(running.pid), measure.cpu_of(running.pid)
        self.heads.append(head)
        self.servers.append(Usage(own, 0.0))
        return Usage(head.cpu + all_, head.wall)


def row(shape: str, jobs: int, repeats: int) -> Row:
    on_service = OnService()
    found = measure.in_turns(
        {"local": lambda: locally(shape, jobs), "omics": lambda: on_service.run(shape, jobs)},
        repeats,
    )
    local_cpu, omics_cpu = (measure.median(found[name]) for name in ("local", "omics"))
    local_wall, omics_wall = (measure.median(found[name], "wall") for name in ("local", "omics"))
    head, server = measure.median(on_service.heads), measure.median(on_service.servers)
    ms = 1000 / jobs
    return {
        "shape": shape,
        "jobs": jobs,
        "local, ms a job": ms * local_cpu,
        "omics, ms a job": ms * omics_cpu,
        "head": ms * head,
        "server": ms * server,
        "engine": ms * (omics_cpu - head - server),
        "CPU ratio": omics_cpu / local_cpu,
        "local, s": local_wall,
        "omics, s": omics_wall,
        "wall ratio": omics_wall / local_wall,
    }


def main() -> None:
    options = measure.parser(__doc__)
    options.add_argument("--jobs", type=int, default=300)
    options.add_argument("--shape", nargs="+", choices=service.SHAPES, default=["wide"])
    given = options.parse_args()
    rows = [row(shape, given.jobs, given.repeats) for shape in given.shape]
    measure.report(rows, given.json)


if __name__ == "__main__":
    main()
