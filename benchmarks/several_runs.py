"""When the versions of several runs are made, and when their runs are started.

python benchmarks/several_runs.py [--runs N] [--jobs N]

Wall seconds since the first version was asked for, at a local service that checks each definition
in a process of its own.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import measure
import service


def main() -> None:
    options = measure.parser(__doc__, repeats=1)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--jobs", type=int, default=900)
    given = options.parse_args()
    more = ("--jobs", "100000", "--omics-parallel-runs", str(given.runs))
    with TemporaryDirectory() as place, service.running(Path(place)) as running:
        service.snakemake(Path(place), "omics", "wide", given.jobs, *more)
    made, started = (running.times[name] for name in ("CreateWorkflowVersion", "StartRun"))
    rows = [
        {
            "run": number,
            "jobs in all": given.jobs,
            "version asked for, s": version - made[0],
            "started, s": start - made[0],
        }
        for number, (version, start) in enumerate(zip(made, started, strict=True), 1)
    ]
    measure.report(rows, given.json)


if __name__ == "__main__":
    main()
