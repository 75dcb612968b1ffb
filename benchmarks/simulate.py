"""What a graph of jobs takes and costs on HealthOmics, on paper: makespan and bill.

python benchmarks/simulate.py            the table of docs/performance.md
python benchmarks/simulate.py --json     the same for programs

The cut into runs and the packs are the plugin's own (`graph/waves.py`), and so are its model of
the service (`cost/makespan.py`) and the prices.
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
from snakemake_executor_omics.cost.quotas import Quotas
from snakemake_executor_omics.graph.durations import Duration, Source
from snakemake_executor_omics.graph.waves import runs_of
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Resources, Step, Task, Wave
from snakemake_executor_omics.settings.options import Options

PRICES = prices_of("us-east-1")


@dataclass(frozen=True)
class SimulatedTask:
    """A task: how long its command takes, and what it asks for."""

    seconds: float
    cpus: int = 1
    memory_gib: int = 2
    gpus: int = 0

    @property
    def instance(self) -> Instance:
        found = smallest(self.cpus, self.memory_gib, self.gpus)
        if found is None:
            raise ValueError(f"no instance has {self.cpus} vCPUs and {self.memory_gib} GiB")
        return found

    @property
    def dollars(self) -> float:
        return task_dollars(PRICES, self.instance.name, self.seconds) or 0.0


@dataclass(frozen=True)
class Outcome:
    """What came out: hours until the last job is done, dollars for instances, and how many.

    `run_hours` is for how long the storage of all runs is billed.
    """

    hours: float
    dollars: float
    runs: int
    waves: int
    tasks: int
    run_hours: float = 0.0


def simulate(
    order: Sequence[int],
    parents: Mapping[int, Sequence[int]],
    tasks: Mapping[int, SimulatedTask],
    service: Service,
    *,
    parallel_runs: int | None = None,
    max_tasks: int = 1_000,
    pack: int | None = 1,
    quotas: Quotas | None = None,
) -> Outcome:
    """The waves of a graph one after the other, each cut and packed as the plugin does it.

    What a wave defers starts when all of that wave's runs have ended: the plugin itself goes on
    as soon as the runs above a job have ended, so this is an upper bound.
    """
    options = Options(
        role_arn="",
        output_uri="",
        workflow_name="",
        max_tasks_per_run=max_tasks,
        parallel_runs=parallel_runs,
        pack=pack,
    )
    left = Wave(tuple(_task(name, parents.get(name, ()), tasks[name]) for name in order))
    durations = {
        task.key: Duration(tasks[name].seconds, Source.BENCHMARK)
        for name, task in zip(order, left.tasks, strict=True)
    }
    found = Outcome(0.0, 0.0, 0, 0, 0)
    while left.tasks:
        parts, waves = runs_of(left, options, durations, quotas=lambda: quotas or Quotas())
        runs, above, together = _tasks_of(waves, dict(zip(map(_key, order), order, strict=True)))
        joined = {
            name: SimulatedTask(
                sum(tasks[job].seconds for job in jobs),
                max(tasks[job].cpus for job in jobs),
                max(tasks[job].memory_gib for job in jobs),
                max(tasks[job].gpus for job in jobs),
            )
            for name, jobs in together.items()
        }
        work = {
            name: Work(task.seconds, task.instance.vcpus, task.instance.gpus)
            for name, task in joined.items()
        }
        times = spans(runs, above, work, service, found.hours * 3600)
        found = Outcome(
            max(span.end for span in times) / 3600,
            found.dollars + sum(task.dollars for task in joined.values()),
            found.runs + len(runs),
            found.waves + 1,
            found.tasks + len(joined),
            found.run_hours + sum(span.seconds for span in times) / 3600,
        )
        left = left.only(parts.deferred)
    return found


def _key(name: int) -> JobKey:
    return JobKey("job", (), (str(name),))


def _task(name: int, parents: Sequence[int], task: SimulatedTask) -> Task:
    step = Step(key=_key(name), command="", outputs=(OutputFile(str(name)),))
    return Task(
        key=_key(name),
        layers=((step,),),
        inputs=tuple(FileRef(str(parent), _key(parent)) for parent in parents),
        container="",
        resources=Resources(cpus=task.cpus, memory_mb=task.memory_gib * 1000, gpus=task.gpus),
    )


def _tasks_of(
    waves: Sequence[Wave], names: Mapping[JobKey, int]
) -> tuple[list[list[int]], dict[int, list[int]], dict[int, list[int]]]:
    """The tasks of each run, by their first job; those that each waits for; and its jobs."""
    runs, above, together = [], {}, {}
    for wave in waves:
        tasks = {task.key: task for task in wave.tasks}
        calls = wave.calls
        first = {names[key]: names[jobs[0]] for jobs in calls for key in jobs}
        runs.append([names[jobs[0]] for jobs in calls])
        for jobs in calls:
            name = names[jobs[0]]
            together[name] = [names[key] for key in jobs]
            needed = {first[names[key]] for job in jobs for key in tasks[job].parents}
            above[name] = sorted(needed - {name})
    return runs, above, together


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


def steps(samples: int, *seconds: float) -> tuple[Graph, dict[int, SimulatedTask]]:
    """Chains of jobs that take so long each, and a short one that gathers."""
    order, parents = cohort(samples, len(seconds))
    times = [second for second in seconds for _ in range(samples)]
    return (order, parents), {
        job: SimulatedTask(time) for job, time in zip(order, [*times, 5.0], strict=True)
    }


def pack_rows() -> list[dict[str, object]]:
    """The table of packs: each workload without, with packs of a fixed number, and as `auto`."""
    found = []
    for name, (graph, tasks), most in (
        (
            "10,000 independent jobs of 5 seconds",
            (cohort(10_000, 1, gather=False), dict.fromkeys(range(10_000), SimulatedTask(5.0))),
            (1, 6, 12, 24, 48, None),
        ),
        ("24 jobs of 5 seconds", steps(24, 5.0), (1, 6, 12, 24, None)),
        ("24 jobs of 20 seconds", steps(24, 20.0), (1, 2, 3, 6, 12, None)),
        ("500 samples x 6 steps of 10 seconds", steps(500, *[10.0] * 6), (1, 6, 24, None)),
        ("a chain of 50 jobs of 20 seconds", steps(1, *[20.0] * 50), (1, 3, 8, 50, None)),
        ("a chain of 20 jobs of 75 seconds", steps(1, *[75.0] * 20), (1, 2, 5, 20, None)),
        (
            "500 samples: 5 s, 5 s, 1 hour, 5 s, 5 s, 30 minutes, 5 s",
            steps(500, 5.0, 5.0, 3600.0, 5.0, 5.0, 1800.0, 5.0),
            (1, None),
        ),
    ):
        order, parents = graph
        for number in most:
            outcome = simulate(order, parents, tasks, Service(), pack=number)
            how = {None: "auto", 1: "off"}.get(number, number)
            found.append({"workload": name, "pack": how, **asdict(outcome)})
    return found


def main() -> None:
    table, packs = rows(), pack_rows()
    if "--json" in sys.argv:
        print(json.dumps({"runs": table, "packs": packs}, indent=2))
        return
    print(
        "| workload | runs asked for | runs | waves | hours | dollars |\n|---|---|---|---|---|---|"
    )
    for row in table:
        print(
            f"| {row['workload']} | {row['runs asked for']} | {row['runs']} | {row['waves']} "
            f"| {row['hours']:.2f} | {row['dollars']:.2f} |"
        )
    print("\n| workload | pack | tasks | runs | hours | dollars |\n|---|---|---|---|---|---|")
    for row in packs:
        print(
            f"| {row['workload']} | {row['pack']} | {row['tasks']} | {row['runs']} "
            f"| {row['hours']:.2f} | {row['dollars']:.2f} |"
        )


if __name__ == "__main__":
    main()
