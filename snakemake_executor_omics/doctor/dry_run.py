"""`snakemake -n`: what this machine knows of the settings is said before the jobs are.

In a dry run Snakemake makes its own executor, not this one, and no interface tells a plugin of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import OmicsError
from ..graph.internals import before_dry_runs
from ..log import Log
from .findings import State


def tell_dry_runs(settings: Any) -> None:
    """Have a dry run with these settings say what is wrong with them; it is no error there."""

    def tell(workflow: Any, log: Log) -> None:
        from ..check_command import tell_briefly
        from .examine import on_this_machine  # imports boto3

        machine = on_this_machine(settings, Path.cwd())
        findings = machine.findings
        for finding in findings:
            if finding.state is State.WRONG:
                for line in finding.line.splitlines():
                    log.warning(f"omics: {line}")
        if all(finding.state is not State.WRONG for finding in findings):
            log.info("omics: the settings are right; `snakemake-omics doctor` asks the account")
        if machine.options is not None:
            try:
                tell_briefly(workflow, machine.options, Path.cwd(), log)
            except OmicsError as error:
                log.warning(f"omics: {error}")
            except Exception as error:  # of the workflow's own functions: the dry run tells them
                log.info(f"omics: what tasks there would be cannot be told: {error}")

    before_dry_runs(tell)
