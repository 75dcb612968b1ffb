"""`python -m snakemake_executor_omics.local`: serve until stopped.

Prints one JSON line (url, pid, state) on stdout when it is ready.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import timedelta
from pathlib import Path

from .errors import AlreadyRunning
from .quotas import Quotas, add_quota_options
from .read_sets import ARCHIVE_AFTER
from .server import BACKENDS, serve

_MOST_DAYS = 36_500


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m snakemake_executor_omics.local")
    parser.add_argument("--state", type=Path, required=True, help="folder of all that is kept")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (0: any)")
    parser.add_argument("--backend", choices=BACKENDS, default="process")
    parser.add_argument("--engine", help="command that runs one RUN_DIR, in place of the engine")
    parser.add_argument(
        "--lifeline", action="store_true", help="stop when stdin is closed at the other end"
    )
    parser.add_argument(
        "--archive-after", type=_days, default=ARCHIVE_AFTER, metavar="DAYS",
        help=f"archive read sets that nobody has read for so long (default: {ARCHIVE_AFTER.days})",
    )  # fmt: skip
    parser.add_argument(
        "--analytics", choices=("open", "closed"), default="open",
        help="closed: refuse variant and annotation stores, as to new customers",
    )  # fmt: skip
    add_quota_options(parser)
    options = parser.parse_args(arguments)
    try:
        return serve(
            options.state, port=options.port, backend=options.backend,
            engine=shlex.split(options.engine) if options.engine else None,
            lifeline=options.lifeline, analytics_open=options.analytics == "open",
            quotas=Quotas.of(
                strict=options.strict, resources=dict(options.quota), rates=dict(options.rate)
            ),
            archive_after=options.archive_after,
        )  # fmt: skip
    except AlreadyRunning as error:
        print(error, file=sys.stderr)
        return 3


def _days(text: str) -> timedelta:
    days = float(text)
    if not 0 <= days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MOST_DAYS} days")
    return timedelta(days=days)


if __name__ == "__main__":
    sys.exit(main())
