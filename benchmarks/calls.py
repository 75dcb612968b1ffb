"""What the service is asked in a first run, and in one whose results the run cache has.

python benchmarks/calls.py [--jobs N]

Counted at the local service, whose engine runs nothing; a run and the check of a
definition are looked at more often than on AWS. The second run is a forced one: its results are
here, and are made again alike.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import measure
import service


def main() -> None:
    options = measure.parser(__doc__, repeats=1)
    options.add_argument("--jobs", type=int, default=1_000)
    given = options.parse_args()
    found: dict[str, Counter[str]] = {}
    with TemporaryDirectory() as place:
        workdir = Path(place)
        with service.running(workdir) as running:
            for name, more in (("first run", ()), ("again, all here", ("--forceall",))):
                running.calls.clear()
                service.snakemake(workdir, "omics", "wide", given.jobs, "--jobs", "100000", *more)
                found[name] = Counter(running.calls)
    rows = []
    for name, calls in found.items():
        control = {call: count for call, count in calls.items() if " " not in call}
        rows.append(
            {
                "run": name,
                "jobs": given.jobs,
                "control plane": sum(control.values()),
                **{call: calls[call] for call in ("S3 PUT", "S3 HEAD", "S3 GET")},
                "operations": ", ".join(
                    f"{count} {call}" for call, count in sorted(control.items())
                ),
            }
        )
    measure.report(rows, given.json)


if __name__ == "__main__":
    main()
