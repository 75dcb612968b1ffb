"""CPU and memory of the head, beside a Snakemake whose executor does nothing.

python benchmarks/head.py [--jobs N ...] [--shape wide|chains|gather|diamonds ...]

The local service has an engine that runs nothing, and is in this process: the head is apart from
it.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import measure
import service
from measure import Row, Usage

ROUND = "Select jobs to execute..."


def once(executor: str, shape: str, jobs: int) -> Usage:
    with TemporaryDirectory() as place:
        workdir = Path(place)
        if executor == "null":
            return service.snakemake(workdir, executor, shape, jobs)
        with service.running(workdir):
            return service.snakemake(workdir, executor, shape, jobs)


def row(shape: str, jobs: int, repeats: int) -> Row:
    found = measure.in_turns(
        {name: lambda name=name: once(name, shape, jobs) for name in ("null", "omics")}, repeats
    )
    null, omics = (measure.median(found[name]) for name in ("null", "omics"))
    return {
        "shape": shape,
        "jobs": jobs,
        "null, s": null,
        "omics, s": omics,
        "ratio": omics / null,
        "more, ms a job": 1000 * (omics - null) / jobs,
        "null, MB": measure.median(found["null"], "memory"),
        "omics, MB": measure.median(found["omics"], "memory"),
        "rounds": found["omics"][-1].said.count(ROUND),
    }


def main() -> None:
    options = measure.parser(__doc__)
    options.add_argument("--jobs", type=int, nargs="+", default=[300, 1_000, 3_000])
    options.add_argument("--shape", nargs="+", choices=service.SHAPES, default=["wide"])
    given = options.parse_args()
    rows = [row(shape, jobs, given.repeats) for shape in given.shape for jobs in given.jobs]
    measure.report(rows, given.json)


if __name__ == "__main__":
    main()
