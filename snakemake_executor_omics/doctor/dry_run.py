"""`snakemake -n`: what this machine knows of the settings is said before the jobs are.

In a dry run Snakemake makes its own executor, not this one, and no interface tells a plugin of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..graph.internals import before_dry_runs
from ..log import Log
from .findings import State


def tell_dry_runs(settings: Any) -> None:
    """Have a dry run with these settings say what is wrong with them; it is no error there."""

    def tell(log: Log) -> None:
        from .examine import on_this_machine  # imports boto3

        findings = on_this_machine(settings, Path.cwd()).findings
        for finding in findings:
            if finding.state is State.WRONG:
                for line in finding.line.splitlines():
                    log.warning(f"omics: {line}")
        if all(finding.state is not State.WRONG for finding in findings):
            log.info("omics: the settings are right; `snakemake-omics doctor` asks the account")

    before_dry_runs(tell)
