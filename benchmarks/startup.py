"""What the plugin adds to a Snakemake that does not use it: `snakemake --help` with and without.

python benchmarks/startup.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import measure
from measure import Usage

# Snakemake looks for plugins by the names of modules.
_WITHOUT = """
import pkgutil, sys
found = pkgutil.iter_modules
pkgutil.iter_modules = lambda *given: (
    one for one in found(*given) if one.name != "snakemake_executor_plugin_omics"
)
from snakemake.cli import main
main(["--help"])
"""
_WITH = "from snakemake.cli import main; main(['--help'])"


def once(code: str) -> Usage:
    with TemporaryDirectory() as place:
        root = str(Path(__file__).parents[1])
        paths = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": paths}
        return measure.command([sys.executable, "-c", code], Path(place), environment)


def main() -> None:
    options = measure.parser(__doc__, repeats=7)
    given = options.parse_args()
    found = measure.in_turns(
        {"without": lambda: once(_WITHOUT), "with": lambda: once(_WITH)}, given.repeats
    )
    without, with_ = measure.median(found["without"]), measure.median(found["with"])
    rows = [{"without, CPU s": without, "with": with_, "more": with_ - without}]
    measure.report(rows, given.json)


if __name__ == "__main__":
    main()
