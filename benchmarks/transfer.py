"""CPU of sending and fetching files, beside plain s3transfer and against the local service's S3.

python benchmarks/transfer.py [--files N] [--kilobytes N]

`again` is a second submission of the same files; `here` fetches what is here with its content.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import measure
from s3transfer.manager import TransferConfig, TransferManager

import local_healthomics as local
from snakemake_executor_omics.aws.session import TRANSFER_CONCURRENCY, Services, connect
from snakemake_executor_omics.aws.transfer import Download, list_prefix
from snakemake_executor_omics.files.download import fetch
from snakemake_executor_omics.files.upload import send, stage

BUCKET = "s3://benchmark"


def silent(line: str) -> None:
    """Nobody looks on."""


class Files:
    """Files in a folder, and a place in S3 for one measurement."""

    def __init__(self, services: Services, folder: Path, count: int, size: int) -> None:
        self.services, self.folder, self.turn = services, folder, 0
        self.names = [f"file{number}" for number in range(count)]
        self._size = size

    def fresh(self) -> None:
        """Other contents, which S3 does not have; a file of just now would be read again."""
        self.turn += 1
        for name in self.names:
            (self.folder / name).write_bytes(os.urandom(self._size))
            os.utime(self.folder / name, (1_600_000_000 + self.turn,) * 2)

    @property
    def uri(self) -> str:
        return f"{BUCKET}/{self.turn}"

    def send(self) -> None:
        state = self.folder / ".state"
        staged = stage(self.names, self.folder, self.uri, state, silent)
        send(self.services, staged, state, silent)

    def send_plainly(self) -> None:
        with self._manager() as manager:
            for name in self.names:
                manager.upload(str(self.folder / name), "benchmark", f"{self.turn}/plain/{name}")

    def fetch(self) -> None:
        listed = list_prefix(self.services, f"{self.uri}/inputs/")
        into = self.folder / ".out" / str(self.turn)
        downloads = [Download(item.uri, into / item.uri.rsplit("/")[-1], item) for item in listed]
        since = datetime.now(UTC)
        fetch(self.services, downloads, self.folder / ".incoming", since, silent, silent)

    def fetch_plainly(self) -> None:
        with self._manager() as manager:
            for name in self.names:
                target = str(self.folder / f".plain-{name}")
                manager.download("benchmark", f"{self.turn}/plain/{name}", target)

    def date(self) -> None:
        for path in (self.folder / ".out" / str(self.turn)).iterdir():
            os.utime(path)

    def _manager(self) -> TransferManager:
        config = TransferConfig(max_request_concurrency=TRANSFER_CONCURRENCY)
        return TransferManager(self.services.s3, config)


def after(first: Callable[[], None], work: Callable[[], None]) -> measure.Usage:
    first()
    return measure.here(work)


def main() -> None:
    options = measure.parser(__doc__)
    options.add_argument("--files", type=int, default=2_000)
    options.add_argument("--kilobytes", type=int, default=10)
    given = options.parse_args()
    with TemporaryDirectory() as place, local.running(Path(place) / "local") as service:
        services = connect("us-east-1", None, service.endpoint_url, environment=service.environment)
        services.s3.create_bucket(Bucket="benchmark")
        files = Files(services, Path(place), given.files, 1000 * given.kilobytes)
        found = measure.in_turns(
            {
                "send": lambda: after(files.fresh, files.send),
                "send, plain s3transfer": lambda: measure.here(files.send_plainly),
                "again": lambda: measure.here(files.send),
                "fetch": lambda: measure.here(files.fetch),
                "fetch, plain s3transfer": lambda: measure.here(files.fetch_plainly),
                "here": lambda: after(files.date, files.fetch),
            },
            given.repeats,
        )
    rows = [
        {
            "phase": phase,
            "files": given.files,
            "CPU s": measure.median(usages),
            "ms a file": 1000 * measure.median(usages) / given.files,
            "wall s": measure.median(usages, "wall"),
        }
        for phase, usages in found.items()
    ]
    measure.report(rows, given.json)


if __name__ == "__main__":
    main()
