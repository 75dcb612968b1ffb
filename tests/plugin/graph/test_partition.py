"""Cutting a wave into runs: closure, bounds, determinism, and an end."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_omics.graph.partition import Partition, enough_runs, partition

Graph = dict[str, list[str]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Tasks in topological order with their parents; a few parents are outside the wave."""
    count = draw(st.integers(0, 40))
    width = draw(st.integers(1, 4))
    names = [f"t{number}" for number in range(count)]
    graph: Graph = {}
    for number, name in enumerate(names):
        above = draw(st.lists(st.integers(-2, number - 1), max_size=width))
        graph[name] = [names[parent] if parent >= 0 else "done" for parent in above]
    return graph


def samples(count: int, stages: int, *, hub: bool = False, gather: bool = False) -> Graph:
    """Per-sample chains in breadth-first order, perhaps below an index or above a report."""
    graph: Graph = {"index": []} if hub else {}
    for stage in range(stages):
        for sample in range(count):
            above = [f"s{sample}.{stage - 1}"] if stage else []
            graph[f"s{sample}.{stage}"] = above + (["index"] if hub else [])
    if gather:
        graph["report"] = [f"s{sample}.{stages - 1}" for sample in range(count)]
    return graph


def check(graph: Mapping[str, Sequence[str]], cut: Partition[str], max_tasks: int) -> None:
    spread = [task for run in cut.runs for task in run]
    assert sorted([*spread, *cut.deferred]) == sorted(graph)
    assert all(0 < len(run) <= max_tasks for run in cut.runs)
    assert bool(cut.runs) == bool(graph)
    order = {task: position for position, task in enumerate(graph)}
    for tasks in (*cut.runs, cut.deferred):
        assert list(tasks) == sorted(tasks, key=order.__getitem__)
    for run in cut.runs:
        members = set(run)
        for task in run:
            assert {parent for parent in graph[task] if parent in graph} <= members


@settings(max_examples=300, deadline=None)
@given(graph=graphs(), max_tasks=st.integers(1, 45), parallel_runs=st.integers(1, 6))
def test_any_cut_is_closed_bounded_and_complete(
    graph: Graph, max_tasks: int, parallel_runs: int
) -> None:
    cut = partition(list(graph), graph, max_tasks, parallel_runs)
    check(graph, cut, max_tasks)
    assert partition(list(graph), graph, max_tasks, parallel_runs) == cut


@settings(max_examples=200, deadline=None)
@given(graph=graphs(), max_tasks=st.integers(1, 10), parallel_runs=st.integers(1, 6))
def test_waves_come_to_an_end(graph: Graph, max_tasks: int, parallel_runs: int) -> None:
    waiting, waves = list(graph), 0
    while waiting:
        cut = partition(waiting, {task: graph[task] for task in waiting}, max_tasks, parallel_runs)
        check({task: graph[task] for task in waiting}, cut, max_tasks)
        waiting, waves = list(cut.deferred), waves + 1
    assert waves <= len(graph)


@given(graph=graphs(), data=st.data())
def test_order_of_parents_and_their_repetition_do_not_matter(graph: Graph, data: Any) -> None:
    shuffled = {task: data.draw(st.permutations(above * 2)) for task, above in graph.items()}
    assert partition(list(graph), graph, 7, 2) == partition(list(graph), shuffled, 7, 2)


@given(graph=graphs())
def test_what_fits_is_one_run(graph: Graph) -> None:
    cut = partition(list(graph), graph, 40)
    assert cut.runs == ((tuple(graph),) if graph else ())
    assert cut.deferred == ()


def test_samples_are_balanced_and_stay_whole() -> None:
    graph = samples(30, 4)
    cut = partition(list(graph), graph, 50)
    assert [len(run) for run in cut.runs] == [40, 40, 40]
    assert cut.deferred == ()
    assert all({name[:3] for name in run}.isdisjoint(cut.deferred) for run in cut.runs)


def test_the_gather_waits_for_the_next_wave() -> None:
    graph = samples(30, 4, gather=True)
    graph["page"] = ["report"]
    cut = partition(list(graph), graph, 50)
    assert [len(run) for run in cut.runs] == [40, 40, 40]
    assert cut.deferred == ("report", "page")


def test_small_joins_come_before_large_ones() -> None:
    """An early report over every lane must not take the room of the samples' own joins."""
    lanes = [f"lane{number}" for number in range(20)]
    graph: Graph = {lane: [] for lane in lanes}
    graph["report"] = list(lanes)
    for sample in range(10):
        graph[f"merged{sample}"] = lanes[2 * sample : 2 * sample + 2]
        graph[f"calls{sample}"] = [f"merged{sample}"]
    cut = partition(list(graph), graph, 25)
    assert [len(run) for run in cut.runs] == [20, 20]
    assert cut.deferred == ("report",)


def test_users_spread_over_parallel_runs() -> None:
    graph = samples(8, 3, gather=True)
    cut = partition(list(graph), graph, 1000, parallel_runs=4)
    assert [len(run) for run in cut.runs] == [6, 6, 6, 6]
    assert cut.deferred == ("report",)


def test_more_parallel_runs_than_branches() -> None:
    graph = samples(2, 3)
    cut = partition(list(graph), graph, 1000, parallel_runs=5)
    assert [len(run) for run in cut.runs] == [3, 3]


def test_an_index_that_all_need_goes_first_when_runs_shall_be_spread() -> None:
    graph = samples(8, 3, hub=True, gather=True)
    first = partition(list(graph), graph, 1000, parallel_runs=4)
    assert first.runs == (("index",),)
    rest = {task: graph[task] for task in first.deferred}
    second = partition(list(rest), rest, 1000, parallel_runs=4)
    assert [len(run) for run in second.runs] == [6, 6, 6, 6]
    assert second.deferred == ("report",)


def test_an_index_goes_first_when_its_component_fills_several_runs() -> None:
    graph = samples(100, 4, hub=True, gather=True)
    first = partition(list(graph), graph, 100)
    assert first.runs == (("index",),)
    rest = {task: graph[task] for task in first.deferred}
    second = partition(list(rest), rest, 100)
    assert [len(run) for run in second.runs] == [100, 100, 100, 100]
    assert second.deferred == ("report",)


def test_branches_that_fan_out_are_not_cut_for_one_more_run() -> None:
    graph: Graph = {}
    for sample in range(3):
        graph[f"s{sample}"] = []
        for call in range(4):
            graph[f"s{sample}.{call}"] = [f"s{sample}"]
    cut = partition(list(graph), graph, 1000, parallel_runs=4)
    assert [len(run) for run in cut.runs] == [5, 5, 5]


def test_a_component_beyond_the_limit_is_cut_to_a_prefix() -> None:
    chain: Graph = {f"t{number}": [f"t{number - 1}"] if number else [] for number in range(25)}
    cut = partition(list(chain), chain, 10)
    assert cut.runs == (tuple(chain)[:10],)
    assert cut.deferred == tuple(chain)[10:]


@settings(max_examples=200, deadline=None)
@given(graph=graphs(), max_tasks=st.integers(1, 12), runs=st.integers(1, 6), data=st.data())
def test_runs_in_flight_are_met_again_whatever_else_is_done_or_new(
    graph: Graph, max_tasks: int, runs: int, data: st.DataObject
) -> None:
    """A head dies while some of its runs go on: the next one cuts those that are left alike."""
    first = partition(list(graph), graph, max_tasks, runs)
    done = data.draw(st.sets(st.integers(0, len(first.runs))))
    gone = {task for number, run in enumerate(first.runs) if number in done for task in run}
    goes_on = [run for number, run in enumerate(first.runs) if number not in done]
    rest = {task: above for task, above in graph.items() if task not in gone}
    rest["new"] = data.draw(st.lists(st.sampled_from(sorted(rest)), max_size=2)) if rest else []
    second = partition(list(rest), rest, max_tasks, 1, left=first.runs)
    assert set(goes_on) <= set(second.runs)
    check(rest, second, max_tasks)


def test_what_is_below_a_run_in_flight_waits_for_it() -> None:
    graph = samples(2, 2, gather=True)
    left = [["s0.0", "s0.1"]]
    cut = partition(list(graph), graph, 1000, left=left)
    assert cut.runs == (("s0.0", "s0.1"), ("s1.0", "s1.1"))
    assert cut.deferred == ("report",)


def test_a_task_whose_parents_are_new_is_no_longer_what_its_run_carries() -> None:
    graph: Graph = {"a": [], "new": [], "report": ["a", "new"]}
    cut = partition(list(graph), graph, 1000, left=[["a", "report"]])
    assert cut.runs == (("a",), ("new",))
    assert cut.deferred == ("report",)


@pytest.mark.parametrize(
    ("graph", "runs"),
    [
        ({}, 1),
        (samples(6, 4, gather=True), 1),  # the quickstart's size
        (samples(50, 2), 1),
        (samples(1, 50), 1),  # a chain is as long in any number of runs
        (samples(100, 5, gather=True), 3),
        (samples(1_000, 1), 10),
        (samples(500, 20), 10),
    ],
)
def test_a_graph_is_spread_until_its_longest_chain_is_what_is_waited_for(
    graph: Graph, runs: int
) -> None:
    assert enough_runs(list(graph), graph) == runs


def test_jobs_that_share_a_task_count_as_one() -> None:
    graph: Graph = {f"a{number}": [] for number in range(2_400)}
    graph |= {f"b{number}": [f"a{number}"] for number in range(2_400)}
    tasks = {job: f"a{int(job[1:]) // 12 * 12}" for job in graph}
    assert enough_runs(list(graph), graph) == 10
    assert enough_runs(list(graph), graph, tasks=tasks) == 2
    assert len(partition(list(graph), graph, 10_000, None, tasks=tasks).runs) == 2


class CountedParents(dict[str, list[str]]):
    """Counts how often the graph is looked at."""

    looks = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)


def test_a_large_graph_is_read_once() -> None:
    graph = CountedParents(samples(5000, 4, hub=True, gather=True))
    cut = partition(list(graph), graph, 1000)
    check(graph, cut, 1000)
    assert graph.looks == len(graph)


def test_random_order_of_independent_tasks_keeps_their_order() -> None:
    names = [f"t{number}" for number in range(100)]
    random.Random(3).shuffle(names)
    cut = partition(names, {}, 30)
    assert sum(map(len, cut.runs)) == 100
    check({name: [] for name in names}, cut, 30)


@pytest.mark.parametrize(
    ("order", "max_tasks", "parallel_runs"),
    [(["b", "a"], 1, 1), (["a", "a"], 1, 1), (["a"], 0, 1), (["a"], 1, 0)],
)
def test_nonsense_is_refused(order: list[str], max_tasks: int, parallel_runs: int) -> None:
    with pytest.raises(ValueError, match=r"topological|twice|at least 1"):
        partition(order, {"b": ["a"]}, max_tasks, parallel_runs)
