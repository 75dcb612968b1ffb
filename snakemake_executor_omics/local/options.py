"""Options of the server's command line that say how it answers.

`snakemake-omics local up` takes the same ones, and hands them on as they were written.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta

from .quotas import add_quota_options

BACKENDS = ("process", "docker", "podman", "apptainer")
_MOST_DAYS = 36_500


def add_server_options(parser: argparse.ArgumentParser) -> None:
    from .read_sets import ARCHIVE_AFTER  # too much to import with the package, as each engine does

    parser.add_argument(
        "--backend", choices=BACKENDS, default="process",
        help="what runs the commands of tasks: programs of this machine, or the tasks' containers",
    )  # fmt: skip
    parser.add_argument(
        "--archive-after", type=_days, default=ARCHIVE_AFTER, metavar="DAYS",
        help=f"archive read sets that nobody has read for so long (default: {ARCHIVE_AFTER.days})",
    )  # fmt: skip
    parser.add_argument(
        "--analytics", choices=("open", "closed"), default="open",
        help="closed: refuse variant and annotation stores, as to new customers",
    )  # fmt: skip
    add_quota_options(parser)


def mean_the_same(options: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two command lines make servers that answer alike."""
    parser = argparse.ArgumentParser()
    add_server_options(parser)
    return parser.parse_args(options) == parser.parse_args(others)


def _days(text: str) -> timedelta:
    try:
        days = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 <= days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MOST_DAYS} days")
    return timedelta(days=days)
