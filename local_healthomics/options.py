"""How a server answers, and the options of its command line that say so.

`local-healthomics up` takes the same ones, and hands them on as they were written.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from .policies import Policy
from .quotas import Quotas, add_quota_options
from .readings import DEFAULTS, Readings, add_reading_option, readings
from .rights import CALLER, ROLE

BACKENDS = ("process", "docker", "podman", "apptainer")
ARCHIVE_AFTER = timedelta(days=30)  # "StartReadSetActivationJob" of the API Reference
_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server answers: what its options say."""

    backend: str = "process"
    quotas: Quotas = field(default_factory=Quotas)
    archive_after: timedelta = ARCHIVE_AFTER
    analytics_open: bool = True
    ecr_only: bool = False
    policies: Mapping[str, Policy] = field(default_factory=dict)  # by who asks (see `rights`)
    isolated: bool = True  # where that is possible
    memory_limit: bool = True
    readings: Readings = field(default_factory=lambda: DEFAULTS)
    insecure: bool = False

    @classmethod
    def of(cls, options: argparse.Namespace) -> Self:
        return cls(
            backend=options.backend,
            quotas=Quotas.of(
                strict=options.strict, resources=dict(options.quota), rates=dict(options.rate)
            ),
            archive_after=options.archive_after,
            analytics_open=options.analytics == "open",
            ecr_only=options.images == "ecr",
            policies={
                who: found
                for who, found in ((CALLER, options.policy), (ROLE, options.role_policy))
                if found is not None
            },
            isolated=options.isolate,
            memory_limit=not options.no_memory_limit,
            readings=readings(options.reading),
            insecure=options.insecure,
        )


def add_server_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default="process",
        help="what runs the commands of tasks: programs of this machine, or the tasks' containers",
    )
    parser.add_argument(
        "--images",
        choices=("any", "ecr"),
        default="any",
        help="ecr: fail tasks whose image is not in ECR or mapped there, as the service does",
    )
    parser.add_argument(
        "--archive-after",
        type=_days,
        default=ARCHIVE_AFTER,
        metavar="DAYS",
        help=f"archive read sets that nobody has read for so long (default: {ARCHIVE_AFTER.days})",
    )
    parser.add_argument(
        "--analytics",
        choices=("open", "closed"),
        default="open",
        help="closed: refuse variant and annotation stores, as to new customers",
    )
    for name, who in (("--policy", "callers"), ("--role-policy", "the roles of runs")):
        parser.add_argument(
            name,
            type=_policy,
            metavar="FILE",
            help=f"a policy of IAM, as JSON: deny {who} what it does not allow",
        )
    parser.add_argument(
        "--isolate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="hide this machine's files and network from tasks that are processes, as AWS would; "
        "by default where bubblewrap can",
    )
    parser.add_argument(
        "--no-memory-limit",
        action="store_true",
        help="let tasks use more memory than they ask for; the service kills them",
    )
    add_reading_option(parser)
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="check no signature: whoever reaches the port runs commands as you; for a container "
        "of its own",
    )
    add_quota_options(parser)


def mean_the_same(options: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two command lines make servers that answer alike."""
    parser = argparse.ArgumentParser()
    add_server_options(parser)
    return parser.parse_args(options) == parser.parse_args(others)


def _policy(text: str) -> Policy:
    try:
        return Policy.read(Path(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _days(text: str) -> timedelta:
    try:
        days = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 <= days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MOST_DAYS} days")
    return timedelta(days=days)
