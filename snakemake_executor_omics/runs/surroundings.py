"""Runs that may do some of the same jobs already: of this plan or graph, from whatever folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..aws.records import GRAPH_TAG, OWNER_TAG, Run
from ..aws.runs import find_runs, read_definition
from ..errors import OmicsError
from ..settings.options import Options
from .connection import Connection
from .known import names_in, unpacked_jobs
from .prepare import Prepared
from .request import graph_hash, run_name


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is started together, and what was in flight before.

    `plans` are those of all its runs, `graph` is what they are cut from. `found` are the runs of
    these plans or this graph, from whatever folder; `met` those whose jobs are put together as
    there, as far as that is possible.
    """

    plans: frozenset[str]
    graph: str
    found: tuple[Run, ...] = ()
    met: frozenset[str] = frozenset()

    @property
    def unmet(self) -> list[Run]:
        """Runs of the same graph from other folders, which has been cut otherwise there."""
        return [run for run in self.found if self.is_unmet(run)]

    def is_unmet(self, run: Run) -> bool:
        tags = run.tags
        return (
            tags.get(GRAPH_TAG) == self.graph
            and tags.get(OWNER_TAG) not in self.plans
            and run.id not in self.met
        )


def look_around(
    connection: Connection,
    options: Options,
    prepared: Sequence[Prepared],
    met: Collection[str] = (),
) -> Surroundings:
    """What is in flight already of what is to be started; what the journal knows is not asked."""
    plans = frozenset(one.plan for one in prepared)
    graph = graph_hash((job for one in prepared for job in one.first), options)
    around = Surroundings(plans, graph, met=frozenset(met))
    if plans <= connection.journal.plans_in_flight():
        return around
    others = set.intersection(*(connection.journal.others(plan) for plan in plans))
    tags = {OWNER_TAG: plans, GRAPH_TAG: {graph}}
    return replace(around, found=tuple(in_flight_with(connection, tags, options, others)))


def in_flight_with(
    connection: Connection,
    tags: Mapping[str, Collection[str]],
    options: Options,
    others: Collection[str],
) -> list[Run]:
    """Runs in flight with one of these tags, whoever started them, but for `others`."""
    return find_runs(connection.services, tags, name=run_name(options), others=others)


def tasks_elsewhere(connection: Connection, run: Run) -> list[tuple[str, ...]]:
    """The jobs of each task of a run that was started from another folder, by name.

    Raises:
        OmicsError: they cannot be told, so that the jobs might be started twice.
    """
    definition = read_definition(connection.services, run.id)
    if tasks := unpacked_jobs(definition or b""):
        return names_in(tasks)
    raise OmicsError(
        f"run {run.id} does some of the same jobs: it was started from another folder, and its "
        "definition does not tell which",
        hint=wait_for(run),
    )


def started_elsewhere(run: Run) -> OmicsError:
    """A run that was started since it was looked around: the next look finds how it is made."""
    return OmicsError(
        f"run {run.id} does some of the same jobs: it was started from another folder in these "
        "minutes, which puts others of them together. A second run would do and bill them again",
        hint="call Snakemake again: it then puts them together as there, and attaches",
    )


def wait_for(run: Run) -> str:
    return f"wait for its end, or stop it with `snakemake-omics cancel {run.id}`"
