"""The service that runs go to: AWS, an endpoint of the user's, or the embedded local HealthOmics.

Opened once per Snakemake invocation, with the project's journal beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..aws.runs import cancel_run
from ..aws.session import Services, connect
from ..errors import LocalServiceError
from ..settings.options import LOCAL_BUCKET, Options
from .journal import Journal


@dataclass(frozen=True, slots=True)
class Connection:
    """Clients, journal, and the local service where this process started one."""

    services: Services
    journal: Journal
    local: Any = None

    def cancel(self, run_id: str) -> None:
        """Ask the service to stop a run; its plan is no longer in flight."""
        cancel_run(self.services, run_id)
        self.journal.ended(run_id)

    def close(self) -> None:
        self.journal.close()
        if self.local is not None:
            self.local.stop()


def open_connection(options: Options, state: Path, say: Callable[[str], None]) -> Connection:
    """Connect as `options` say; `state` is the project's folder for what must survive.

    Raises:
        JournalError, LocalServiceError, ServiceError
    """
    journal = Journal(state / "journal.sqlite")
    if not options.local:
        services = connect(
            options.region,
            options.aws_profile,
            options.endpoint_url,
            concurrency=options.transfer_concurrency,
        )
        return Connection(services, journal)
    local = local_package()
    try:
        for reading in options.local_readings:
            local.readings.parsed(reading)
        service = local.start(
            state / "local",
            backend=options.local_backend.value,
            options=[f"--reading={reading}" for reading in options.local_readings],
        )
    except (local.LocalError, ValueError) as error:
        raise LocalServiceError(str(error)) from error
    say(f"omics: local HealthOmics at {service.endpoint_url}, state in {state / 'local'}")
    if options.local_backend.value == "process":
        say("omics: tasks run as plain processes of this machine; container images are not used")
    services = connect(
        service.region,
        None,
        service.endpoint_url,
        environment=service.environment,
        concurrency=options.transfer_concurrency,
    )
    services.s3.create_bucket(Bucket=LOCAL_BUCKET)
    return Connection(services, journal, service)


def local_package() -> Any:
    """The package of the local HealthOmics, which only the extra `local` can import.

    Raises:
        LocalServiceError: the extra is not installed.
    """
    try:
        import local_healthomics.cli
    except ImportError as error:
        raise LocalServiceError(
            f"the local HealthOmics needs the extra `local` ({error.name} is not installed)",
            hint="in a clone of the plugin's repository: pip install '.[local]'",
        ) from error
    return local_healthomics
