"""`snakemake-omics report`: parse, gather, write."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from ..aws.prices import ask_prices
from ..cost.prices import prices_of
from ..errors import NotFound, OmicsError
from ..runs.console import Console, KnownRun
from .advice import advise
from .estimate import noted, read_estimate
from .gather import gather
from .page import EXTRA_MISSING, plotting_library, to_html
from .summaries import summarize
from .tables import to_csv, to_json
from .texts import lines


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run_ids",
        nargs="*",
        metavar="RUN",
        help="also one that Snakemake did not start; without it those of the last call here",
    )
    command.add_argument(
        "--estimate",
        type=Path,
        metavar="FILE",
        help="what snakemake-omics check --json told before, to compare with; without it what was "
        "expected when the runs were started",
    )
    command.add_argument(
        "--ask-prices",
        action="store_true",
        help="ask AWS's Price List for the prices of the region, which takes the right "
        "pricing:GetProducts",
    )
    for kind, what in (
        ("html", "a page with plots that needs no network"),
        ("json", "all of it, for programs"),
        ("csv", "a line for each task"),
    ):
        command.add_argument(f"--{kind}", metavar="FILE", help=f"{what}; - is stdout")


def report(console: Console, arguments: argparse.Namespace) -> int:
    """Write what is asked for; without a file the summary goes to stdout."""
    estimated = None if arguments.estimate is None else read_estimate(arguments.estimate)
    ids = dict.fromkeys(arguments.run_ids)
    runs = [_run(console, id) for id in ids] if ids else console.last_call()
    services = console.services
    prices = ask_prices(services) if arguments.ask_prices else prices_of(services.region)
    found = gather(console, runs, prices, datetime.now(UTC))
    summary = summarize(found, estimated or noted(known.start for known in runs))
    advice = advise(summary, prices)
    if arguments.html is not None:
        library = plotting_library()
        if library is None:
            print(f"snakemake-omics: {EXTRA_MISSING}", file=sys.stderr)
        _write(arguments.html, to_html(summary, advice, library))
    if arguments.json is not None:
        _write(arguments.json, to_json(summary, advice))
    if arguments.csv is not None:
        _write(arguments.csv, to_csv(found.tasks))
    if arguments.html is arguments.json is arguments.csv is None:
        print(*lines(summary, advice.lines, advice.profile), sep="\n")
    else:
        for gap in found.gaps:
            print(f"snakemake-omics: {gap}", file=sys.stderr)
    return 0


def _run(console: Console, id: str) -> KnownRun:
    try:
        return console.run(id)
    except NotFound as error:
        error.hint = (
            f"asked was {console.where}: --omics-region and --omics-endpoint name another; a run "
            "that was deleted, or removed for --omics-retention REMOVE, has no report any more"
        )
        raise


def _write(place: str, text: str) -> None:
    if place == "-":
        sys.stdout.write(text)
        return
    try:
        with open(place, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
    except OSError as error:
        raise OmicsError(f"cannot write {place}: {error.strerror}") from error
    print(f"snakemake-omics: wrote {place}", file=sys.stderr)
