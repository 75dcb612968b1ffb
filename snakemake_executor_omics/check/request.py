"""What `snakemake-omics check` was asked, as words of a command line and as one frozen value."""

from __future__ import annotations

import argparse
import math
import shlex
from dataclasses import dataclass
from typing import NoReturn

from ..errors import SettingsError

# How the executor ends where something would be refused: Snakemake's own failures are 1.
REFUSED = 3
MINUTES = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """`minutes` are those of a job whose time nobody knows, `storage_gib` the size of all files.

    With `for_aws` it is AWS that is asked about, whatever service the options name; with
    `ask_prices` AWS is asked for its prices.
    """

    as_json: bool = False
    for_aws: bool = False
    ask_prices: bool = False
    minutes: float = MINUTES
    storage_gib: float | None = None

    @classmethod
    def of(cls, words: str) -> CheckRequest:
        """
        Raises:
            SettingsError: the words of `--omics-check` ask for nothing that there is.
        """
        parser = _Parser(prog="--omics-check", add_help=False)
        add_arguments(parser)
        found = parser.parse_args(shlex.split(words))
        return cls(
            as_json=found.json,
            for_aws=found.aws,
            ask_prices=found.ask_prices,
            minutes=found.assume_minutes,
            storage_gib=found.assume_storage,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `snakemake-omics check`, beside those of Snakemake."""
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--aws",
        action="store_true",
        help="judge for AWS, also where --omics-endpoint (or a profile) names another service",
    )
    parser.add_argument(
        "--ask-prices",
        action="store_true",
        help="ask AWS's Price List for the prices of the region, which takes the right "
        "pricing:GetProducts (default: those of a file, with its date)",
    )
    parser.add_argument(
        "--assume-minutes",
        type=_positive,
        default=MINUTES,
        metavar="N",
        help="how long a job takes of which neither a benchmark file, nor an earlier run, nor "
        "`runtime` tells it (default: 10)",
    )
    parser.add_argument(
        "--assume-storage",
        type=_positive,
        metavar="GIB",
        help="the size of all files of the workflow on DYNAMIC storage (default: three times its "
        "inputs)",
    )


def words_of(arguments: argparse.Namespace) -> str:
    """The words that `CheckRequest.of` reads."""
    words = ["--assume-minutes", str(arguments.assume_minutes)]
    words += ["--json"] if arguments.json else []
    words += ["--aws"] if arguments.aws else []
    words += ["--ask-prices"] if arguments.ask_prices else []
    if arguments.assume_storage is not None:
        words += ["--assume-storage", str(arguments.assume_storage)]
    return shlex.join(words)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"--omics-check: {message}", hint="see `snakemake-omics check --help`")
