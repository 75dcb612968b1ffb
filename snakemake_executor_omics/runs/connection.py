"""The service that runs go to: AWS, an endpoint of the user's, or the embedded local HealthOmics.

Opened once per Snakemake invocation, with the project's journal beside it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ..aws.runs import cancel_run
from ..aws.session import Services, connect
from ..errors import LocalServiceError, ServiceError
from ..log import Log
from ..settings.options import (
    LOCAL_BUCKET,
    LocalBackend,
    LocalIsolation,
    LocalStrictness,
    Options,
)
from .journal import Journal
from .patience import is_expired

# Options of the local service's command line.
_STRICT = {
    LocalStrictness.IMAGES: ("--images", "ecr"),
    LocalStrictness.ISOLATION: (),  # see `_isolation`
    LocalStrictness.QUOTAS: ("--strict",),
}


class Connection:
    """Clients, journal, and the local service where this process started one.

    `call` is what the journal knows this call of Snakemake by.
    """

    def __init__(
        self,
        services: Services,
        journal: Journal,
        reconnect: Callable[[], Services],
        local: Any = None,
    ) -> None:
        self.services = services
        self.journal = journal
        self._reconnect = reconnect
        self._local = local
        self.call = str(uuid.uuid4())

    def left(self, run_id: str) -> str:
        """What becomes of a run that is in flight when this process ends, for people."""
        if self._local is not None and self._local.is_ours:
            return (
                f"run {run_id} ends with the local service of this call; the same command starts "
                "its jobs anew. `snakemake-omics local up` starts a service that stays"
            )
        return (
            f"run {run_id} is in flight still. The same command attaches to it; `snakemake-omics "
            f"status {run_id}` shows how far it is, `snakemake-omics cancel {run_id}` stops it, "
            f"`snakemake-omics logs {run_id}` shows its log"
        )

    def mend(self, error: ServiceError) -> None:
        """What may help before the service is asked again after this error.

        A session keeps the credentials that it was made with, so they are read anew; a local
        service that was started again has another port.
        """
        if is_expired(error) or self._local is not None:
            self.services = replace(self._reconnect(), ending=self.services.ending)

    def cancel(self, run_id: str) -> bool:
        """Ask the service to stop a run: its plan is no longer in flight.

        False if the run has ended already: the next call takes what it left.
        """
        if not cancel_run(self.services, run_id):
            return False
        self.journal.ended(run_id)
        return True

    def stop_transfers(self) -> None:
        """Let no file go on its way for a process that ends."""
        self.services.ending.set()

    def close(self) -> None:
        self.journal.close()
        self.services.close()
        if self._local is not None:
            self._local.stop()


def open_connection(options: Options, state: Path, log: Log) -> Connection:
    """Connect as `options` say; `state` is the project's folder for what must survive.

    Raises:
        JournalError, LocalServiceError, ServiceError
    """
    journal = Journal(state / "journal.sqlite")
    if not options.local:
        reconnect = partial(
            connect,
            options.region,
            options.aws_profile,
            options.endpoint_url,
            concurrency=options.transfer_concurrency,
        )
        return Connection(reconnect(), journal, reconnect)
    local = local_package()
    try:
        for reading in options.local_readings:
            local.readings.parsed(reading)
        service = local.start(
            state / "local",
            backend=options.local_backend.value,
            options=[
                *_isolation(options, local, log),
                *chain.from_iterable(_STRICT[what] for what in options.local_strict),
                *(f"--reading={reading}" for reading in options.local_readings),
            ],
        )
    except ValueError as error:
        raise LocalServiceError(
            f"--omics-local-reading: {error}", hint="docs/readings.md says what each means"
        ) from error
    except local.LocalError as error:
        raise LocalServiceError(str(error)) from error
    log.info(f"omics: local HealthOmics at {service.endpoint_url}, state in {state / 'local'}")
    if options.local_backend.value == "process":
        log.info("omics: tasks run as plain processes of this machine; images are not used")

    def reconnect_local() -> Services:
        now = local.status(state / "local") or service
        services = connect(
            now.region,
            None,
            now.endpoint_url,
            environment=now.environment,
            concurrency=options.transfer_concurrency,
        )
        return replace(services, last_end=lambda: now.last_end, files=now.files)

    services = reconnect_local()
    services.s3.create_bucket(Bucket=LOCAL_BUCKET)
    return Connection(services, journal, reconnect_local, service)


def _isolation(options: Options, local: Any, log: Log) -> tuple[str, ...]:
    """The local service's option for it; says once what is not hidden.

    Raises:
        LocalServiceError: it is wanted and cannot be had.
    """
    wanted = options.local_isolation
    if wanted is LocalIsolation.AUTO and LocalStrictness.ISOLATION in options.local_strict:
        wanted = LocalIsolation.ON
    if wanted is LocalIsolation.OFF:
        return ("--no-isolate",)
    if options.local_backend is not LocalBackend.PROCESS:
        return ()
    if local.engine.isolation.tool() is None:
        if wanted is LocalIsolation.ON:
            raise LocalServiceError(
                "--omics-local-isolation on: bubblewrap (bwrap) is not here or cannot be used",
                hint="install Debian's `bubblewrap`, or use --omics-local-isolation auto",
            )
        log.info(f"omics: {local.engine.isolation.NOT_HIDDEN}")
    return ("--isolate",) if wanted is LocalIsolation.ON else ()


def standing_service(state: Path) -> Any:
    """The local service that stays in a project, None if there is none; `state` is the project's.

    Raises:
        LocalServiceError: its package is not installed any more.
    """
    if not (state / "local" / "server.json").exists():
        return None
    return local_package().status(state / "local")


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
