"""How long the local service's engine takes to load a definition.

python benchmarks/wdl_load.py [--jobs N ...]
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import measure
from bundle import wave
from measure import Usage

from local_healthomics.engine.runner import load
from snakemake_executor_omics.compile import compile_wave


def once(jobs: int) -> Usage:
    with TemporaryDirectory() as place:
        folder = Path(place)
        for name, text in compile_wave(wave(jobs)).files.items():
            (folder / name).write_text(text)
        return measure.here(lambda: load(folder, "main.wdl", lenient=False))


def main() -> None:
    options = measure.parser(__doc__, repeats=1)
    options.add_argument("--jobs", type=int, nargs="+", default=[1_000, 5_000])
    given = options.parse_args()
    rows = []
    for jobs in given.jobs:
        seconds = measure.median([once(jobs) for _ in range(given.repeats)])
        rows.append({"tasks": jobs, "CPU s": seconds, "ms a task": 1000 * seconds / jobs})
    measure.report(rows, given.json)


if __name__ == "__main__":
    main()
