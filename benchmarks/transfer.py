"""How fast files are read, sent to and fetched from the local service's S3.

python benchmarks/transfer.py [MEGABYTES]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import local_healthomics as local
from snakemake_executor_omics.aws.session import Services, connect
from snakemake_executor_omics.aws.transfer import Download, list_prefix
from snakemake_executor_omics.files.download import fetch
from snakemake_executor_omics.files.upload import send, stage

BUCKET = "s3://benchmark"
SMALL_FILES = 2_000


def silent(line: str) -> None:
    """Nobody looks on."""


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(services: Services, folder: Path, names: list[str]) -> dict[str, float]:
    """Seconds of each phase; `again` is a second submission of the same files."""
    uri, state = f"{BUCKET}/{folder.name}", folder / "state"
    for name in names:  # a file of just now is not trusted, and would be read again
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))
    took = {"read": seconds(lambda: stage(names, folder, uri, state, silent))}
    took["send"] = seconds(
        lambda: send(services, stage(names, folder, uri, state, silent), state, silent)
    )
    took["again"] = seconds(
        lambda: send(services, stage(names, folder, uri, state, silent), state, silent)
    )

    def land() -> None:
        listed = list_prefix(services, f"{uri}/")
        downloads = [
            Download(item.uri, folder / "out" / str(number), item)
            for number, item in enumerate(listed)
        ]
        fetch(services, downloads, datetime.now(UTC), silent, silent)

    took["fetch"] = seconds(land)
    return took


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as place:
        service = local.start(Path(place) / "local")
        services = connect("us-east-1", None, service.endpoint_url, environment=service.environment)
        services.s3.create_bucket(Bucket="benchmark")
        large, small = Path(place) / "large", Path(place) / "small"
        large.mkdir()
        small.mkdir()
        for number in range(2):
            with (large / str(number)).open("wb") as file:
                for _ in range(megabytes // 2):
                    file.write(os.urandom(1_000_000))
        names = [str(number) for number in range(SMALL_FILES)]
        for name in names:
            (small / name).write_text(name)
        took = measure(services, large, ["0", "1"])
        print(f"{megabytes} MB in 2 files\tseconds\tMB/s")
        for phase, time_taken in took.items():
            print(f"{phase}\t{time_taken:.2f}\t{megabytes / time_taken:.0f}")
        took = measure(services, small, names)
        print(f"{SMALL_FILES} small files\tseconds\tfiles/s")
        for phase, time_taken in took.items():
            print(f"{phase}\t{time_taken:.2f}\t{SMALL_FILES / time_taken:.0f}")
        service.stop()


if __name__ == "__main__":
    main()
