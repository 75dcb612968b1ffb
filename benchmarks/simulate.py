"""What a graph of jobs takes and costs on HealthOmics, on paper: makespan and bill.

python benchmarks/simulate.py            the table of docs/performance.md
python benchmarks/simulate.py --json     the same for programs

The cut into runs is the plugin's own (`graph/partition.py`), and so are its model of the service
(`cost/makespan.py`) and the prices.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from snakemake_executor_omics.cost.bill import task_dollars
from snakemake_executor_omics.cost.instances import Instance, smallest
from snakemake_executor_omics.cost.makespan import Service, Work, spans
from snakemake_executor_omics.cost.prices import prices_of
from snakemake_executor_omics.graph.partition import successive

PRICES = prices_of("us-east-1")


@dataclass(frozen=True)
class SimulatedTask:
    """A task: how long its command takes, and what it asks for."""

    seconds: float
    cpus: int = 1
    memory_gib: int = 2

    @property
    def instance(self) -> Instance:
        found = smallest(self.cpus, self.memory_gib)
        if found is None:
            raise ValueError(f"no instance has {self.cpus} vCPUs and {self.memory_gib} GiB")
        return found

    @property
    def dollars(self) -> float:
        return task_dollars(PRICES, self.instance.name, self.seconds) or 0.0


@dataclass(frozen=True)
class Outcome:
    """What came out: hours until the last job is done, dollars for instances, runs, waves."""

    hours: float
    dollars: float
    runs: int
    waves: int


def simulate(
    order: Sequence[int],
    parents: Mapping[int, Sequence[int]],
    tasks: Mapping[int, SimulatedTask],
    service: Service,
    *,
    parallel_runs: int | None = None,
    max_tasks: int = 1_000,
) -> Outcome:
    """The waves of a graph one after the other, each cut as the plugin cuts it.

    What a wave defers starts when all of that wave's runs have ended: the plugin itself goes on
    as soon as the runs above a job have ended, so this is an upper bound.
    """
    work = {name: Work(task.seconds, task.instance.vcpus) for name, task in tasks.items()}
    waves, clock = successive(order, parents, max_tasks, parallel_runs), 0.0
    for runs in waves:
        clock = max(span.end for span in spans(runs, parents, work, service, clock))
    dollars = sum(task.dollars for task in tasks.values())
    return Outcome(clock / 3600, dollars, sum(map(len, waves)), len(waves))


# --- shapes of graphs ---------------------------------------------------------------------------

Graph = tuple[list[int], dict[int, list[int]]]


def cohort(samples: int, steps: int, *, gather: bool = True) -> Graph:
    """`samples` chains of `steps` jobs, breadth first, and one job that gathers their ends."""
    parents = {
        step * samples + sample: [(step - 1) * samples + sample] if step else []
        for step in range(steps)
        for sample in range(samples)
    }
    if gather:
        parents[len(parents)] = list(range((steps - 1) * samples, steps * samples))
    return list(parents), parents


def behind(first: int, graph: Graph) -> Graph:
    """`graph` with a chain of `first` jobs before everything: a reference and its index."""
    order, parents = graph
    shifted: dict[int, list[int]] = {job: [job - 1] if job else [] for job in range(first)}
    for job in order:
        shifted[first + job] = [first + above for above in parents[job]] or [first - 1]
    return list(shifted), shifted


def rows() -> list[dict[str, object]]:
    """The table: each workload in one run, in a fixed number of runs, and as `auto` cuts it."""
    service, found = Service(), []
    for name, graph, seconds in (
        ("quickstart: 6 samples x 4 steps, 1 minute each", cohort(6, 4), 60.0),
        ("100 samples x 5 steps, 5 minutes each", cohort(100, 5), 300.0),
        ("the same behind an index", behind(2, cohort(100, 5)), 300.0),
        ("1,000 independent jobs of 10 minutes", cohort(1_000, 1, gather=False), 600.0),
        ("500 samples x 20 steps, 10 minutes each", cohort(500, 20), 600.0),
        ("10,000 independent jobs of 5 seconds", cohort(10_000, 1, gather=False), 5.0),
        ("a chain of 50 jobs of 10 minutes", cohort(1, 50, gather=False), 600.0),
    ):
        order, parents = graph
        tasks = dict.fromkeys(order, SimulatedTask(seconds))
        for runs in (1, 5, 10, 0):
            outcome = simulate(
                order, parents, tasks, service, parallel_runs=runs or None, max_tasks=len(order)
            )
            found.append({"workload": name, "runs asked for": runs or "auto", **asdict(outcome)})
    return found


def main() -> None:
    table = rows()
    if "--json" in sys.argv:
        print(json.dumps(table, indent=2))
        return
    print(
        "| workload | runs asked for | runs | waves | hours | dollars |\n|---|---|---|---|---|---|"
    )
    for row in table:
        print(
            f"| {row['workload']} | {row['runs asked for']} | {row['runs']} | {row['waves']} "
            f"| {row['hours']:.2f} | {row['dollars']:.2f} |"
        )


if __name__ == "__main__":
    main()
