"""The ledger of jobs and runs: whatever runs do, every job has one end and Snakemake hears of it.

The properties play Snakemake's scheduler and the executor around the real ledger, over random
graphs with groups, several runs at a time, failures, retries, lost results and faults of the
service.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_omics.model import JobKey
from snakemake_executor_omics.runs.ledger import (
    Answer,
    Ending,
    Failed,
    Ledger,
    Outcome,
    Returned,
    RunEnd,
    Succeeded,
)

A, B, C = (JobKey(name, (), (f"{name}.txt",)) for name in "abc")
DONE, FAILED, LOST = Ending(Outcome.DONE), Ending(Outcome.FAILED, "exit 3"), Ending(Outcome.LOST)
STOPPED = Ending(Outcome.STOPPED)


def _chain() -> Ledger:
    """a, then b, in one run; Snakemake waits for a."""
    ledger = Ledger()
    ledger.place("1", {A: (), B: (A,)})
    assert ledger.ask(A, [A]) is None
    return ledger


def _ended(**endings: Ending) -> RunEnd:
    keys = {"a": A, "b": B, "c": C}
    return RunEnd(completed=False, endings={keys[name]: end for name, end in endings.items()})


def test_a_success_is_told_to_who_waits_and_at_once_to_who_asks_later() -> None:
    ledger = _chain()
    end = RunEnd(completed=True, endings={A: DONE, B: DONE})
    assert ledger.advance("1", end) == [Succeeded(A)]
    assert ledger.ask(B, [B]) == Succeeded(B)


@pytest.mark.parametrize("end", [STOPPED, LOST, Ending(Outcome.INTERRUPTED)])
def test_who_asks_when_the_run_has_ended_without_an_answer_goes_back_at_once(end: Ending) -> None:
    """A run may fail while Snakemake's jobs are attached to it, one after the other."""
    ledger = _chain()
    ledger.advance("1", _ended(a=end, b=end))
    assert ledger.ask(B, [B]) == Returned(B, ((B, None),))
    ledger.place("2", {A: (), B: (A,)})
    assert ledger.ask(B, [B]) is None


def test_a_failure_is_told_although_what_it_needs_is_lost() -> None:
    ledger = _chain()
    assert ledger.advance("1", _ended(a=LOST, b=FAILED)) == [
        Failed(B, ("exit 3",), asked=False),
        Returned(A, ((A, LOST),)),
    ]
    assert not ledger.holds(A)


def test_a_job_that_was_given_up_fails_again_without_a_run() -> None:
    ledger = _chain()
    ledger.advance("1", _ended(a=DONE, b=FAILED))
    ledger.give_up([B])
    assert ledger.ask(B, [B]) == Failed(B, ())


def test_a_run_that_ended_without_a_failed_job_fails_what_it_was_at() -> None:
    ledger = _chain()
    end = RunEnd(completed=False, endings={A: DONE}, reason="cancelled")
    assert ledger.advance("1", end) == [
        Failed(B, ("cancelled",), asked=False),
        Succeeded(A),
    ]


def test_a_fault_of_the_service_is_a_second_chance_and_no_third() -> None:
    ledger = _chain()
    end = RunEnd(completed=False, reason="SERVICE_ERROR", interrupted=True)
    assert [type(answer) for answer in ledger.advance("1", end)] == [Returned]
    ledger.place("2", {A: (), B: (A,)})
    ledger.ask(A, [A])
    assert ledger.advance("2", end) == [Failed(A, ("SERVICE_ERROR",))]


def test_a_failure_that_the_cache_served_is_no_answer_but_only_once() -> None:
    ledger = Ledger()
    served = Ending(Outcome.SERVED_FAILURE, "exit code 1")
    for run in "12":
        ledger.place(run, {A: ()})
        ledger.ask(A, [A])
        answers = ledger.advance(run, RunEnd(completed=True, endings={A: served}))
        assert ledger.cache_busters == {A: run}
        kinds = {"1": Returned(A, ((A, served),)), "2": Failed(A, ("exit code 1",))}
        assert answers == [kinds[run]]


def test_what_a_completed_run_has_lost_is_a_failure() -> None:
    ledger = _chain()
    end = RunEnd(completed=True, endings={A: LOST, B: DONE}, reason="not there")
    assert ledger.advance("1", end) == [Failed(A, ("not there",))]


def test_a_caught_failure_sets_the_next_try_apart_from_it() -> None:
    ledger = _chain()
    ledger.advance("1", RunEnd(completed=True, endings={A: FAILED}))
    assert ledger.cache_busters == {A: "1"}


def test_a_job_that_its_task_did_not_come_to_goes_back_without_a_failure() -> None:
    ledger = Ledger()
    ledger.place("1", {A: (), B: ()})
    for key in (A, B):
        ledger.ask(key, [key])
    late = Ending(Outcome.POSTPONED)
    answers = ledger.advance("1", RunEnd(completed=True, endings={A: DONE, B: late}))
    assert answers == [Returned(B, ((B, late),)), Succeeded(A)]
    assert "took longer" in answers[0].lines(goes_on=True)[0]  # type: ignore[union-attr]
    assert not ledger.holds(B)


def test_jobs_that_share_a_task_are_found_by_its_name() -> None:
    ledger = Ledger()
    ledger.place("1", {A: (), B: ()}, {A: "pack", B: "pack"})
    assert ledger.placement(A, [A]).tasks == (("1", "pack"),)
    assert ledger.placement(JobKey("group", (), ()), [A, B]).tasks == (("1", "pack"),)


def test_a_group_goes_back_while_jobs_of_it_have_had_no_run() -> None:
    group = JobKey("group_a_b", (), ("a.txt", "b.txt"))
    ledger = Ledger()
    ledger.place("1", {A: ()})
    assert not ledger.placement(group, [A, B]).complete
    ledger.ask(group, [A, B])
    end = RunEnd(completed=True, endings={A: DONE})
    assert ledger.advance("1", end) == [Returned(group, ((B, None),))]
    ledger.place("2", {B: ()})
    ledger.ask(group, [A, B])
    end = RunEnd(completed=True, endings={B: DONE})
    assert ledger.advance("2", end) == [Succeeded(group)]


def test_a_group_over_two_runs_is_answered_when_both_have_ended() -> None:
    group = JobKey("group_a_b", (), ("a.txt", "b.txt"))
    ledger = Ledger()
    ledger.place("1", {A: ()})
    ledger.place("2", {B: ()})
    ledger.ask(group, [A, B])
    assert ledger.advance("1", _ended(a=FAILED)) == []
    assert ledger.advance("2", RunEnd(completed=True, endings={B: DONE})) == [
        Failed(group, ("exit 3",))
    ]


def test_a_run_is_over_when_snakemake_has_recorded_its_jobs() -> None:
    ledger = _chain()
    ledger.advance("1", RunEnd(completed=True, endings={A: DONE, B: DONE}))
    assert ledger.record([A]) == []
    assert not ledger.is_over("1")
    assert ledger.record([B]) == ["1"]
    assert ledger.is_over("1")


def test_a_run_that_failed_is_known_as_one_also_while_jobs_of_it_are_unrecorded() -> None:
    ledger = _chain()
    ledger.advance("1", _ended(a=DONE, b=FAILED))
    assert not ledger.is_over("1")
    assert ledger.failed == ["1"]
    ledger = _chain()
    ledger.advance("1", RunEnd(completed=True, endings={A: DONE, B: FAILED}))
    assert ledger.failed == []


def test_a_run_with_lost_results_is_over_when_it_ends() -> None:
    ledger = _chain()
    ledger.advance("1", RunEnd(completed=True, endings={A: DONE, B: LOST}))
    assert ledger.is_over("1")


def test_a_job_goes_into_one_run_at_a_time() -> None:
    ledger = _chain()
    with pytest.raises(ValueError, match="has a run already"):
        ledger.place("2", {B: ()})
    with pytest.raises(ValueError, match="in flight already"):
        ledger.place("1", {C: ()})


# --- properties ----------------------------------------------------------------------------


@dataclass
class Unit:
    """A job, or a group: one task, or a task for each of its jobs."""

    key: JobKey
    jobs: list[int]
    whole: bool
    retries: int
    attempt: int = 1


@dataclass
class World:
    """Snakemake's scheduler, the executor and a service that does what it likes."""

    seed: random.Random
    parents: dict[int, list[int]]
    units: list[Unit]
    keep_going: bool
    slots: int
    runs_at_once: int
    cruel: bool = False  # no run ever completes, and none leaves anything
    ledger: Ledger = field(default_factory=Ledger)
    finished: set[JobKey] = field(default_factory=set)
    running: dict[JobKey, Unit] = field(default_factory=dict)
    failed: set[JobKey] = field(default_factory=set)
    errors: bool = False
    results: set[JobKey] = field(default_factory=set)  # that are here
    flying: dict[str, dict[JobKey, tuple[JobKey, ...]]] = field(default_factory=dict)
    told: Counter[tuple[JobKey, int]] = field(default_factory=Counter)
    broken: set[tuple[JobKey, int]] = field(default_factory=set)  # units with a failed task
    runs: int = 0

    def __post_init__(self) -> None:
        self.unit_of = {job: unit for unit in self.units for job in unit.jobs}
        self.by_task = {key: unit for unit in self.units for key in self.tasks(unit)}

    def tasks(self, unit: Unit) -> list[JobKey]:
        return [unit.key] if unit.whole else [_key(job) for job in unit.jobs]

    def task_of(self, job: int) -> JobKey:
        unit = self.unit_of[job]
        return unit.key if unit.whole else _key(job)

    def task_parents(self, task: JobKey) -> set[JobKey]:
        unit = self.by_task[task]
        jobs = unit.jobs if unit.whole else [job for job in unit.jobs if _key(job) == task]
        above = {self.task_of(parent) for job in jobs for parent in self.parents[job]}
        return above - {task}

    def unit_parents(self, unit: Unit) -> set[JobKey]:
        above = {self.unit_of[parent].key for job in unit.jobs for parent in self.parents[job]}
        return above - {unit.key}

    # Snakemake

    def play(self) -> None:
        for _ in range(60 * len(self.units) + 60):
            ready = [unit for unit in self.units if self.is_ready(unit)]
            go_on = self.keep_going or not self.errors
            if go_on and ready and len(self.running) < self.slots:
                free = self.slots - len(self.running)
                chosen = self.seed.sample(ready, self.seed.randint(1, min(free, len(ready))))
                self.running.update({unit.key: unit for unit in chosen})
                self.run_jobs(chosen)
            elif self.running:
                assert self.flying, "everybody waits and nothing is in flight"
                self.poll()
            else:
                return
        raise AssertionError("it never ends")

    def is_ready(self, unit: Unit) -> bool:
        if {unit.key} & (self.finished | self.failed | set(self.running)):
            return False
        return self.unit_parents(unit) <= self.finished

    def handle_error(self, unit: Unit) -> bool:
        """Whether it is tried again."""
        if unit.retries > unit.attempt - 1:
            unit.attempt += 1
            return True
        self.errors = True
        self.failed.add(unit.key)
        return False

    # the executor

    def run_jobs(self, units: list[Unit]) -> None:
        members = {unit.key: [_key(job) for job in unit.jobs] for unit in units}
        if not all(self.ledger.placement(key, jobs).complete for key, jobs in members.items()):
            self.launch(units)
        for unit in units:
            answer = self.ledger.ask(unit.key, members[unit.key])
            if answer is not None:
                self.carry_out([answer])

    def launch(self, asked: list[Unit]) -> None:
        wave: dict[JobKey, tuple[JobKey, ...]] = {}
        out: set[JobKey] = set()
        handed_in = {task for unit in asked for task in self.tasks(unit)}
        for unit in self.units:
            for task in self.tasks(unit):
                above = {p for p in self.task_parents(task) if not self.ledger.is_done(p)}
                above = {p for p in above if self.by_task[p].key not in self.finished}
                must = task in handed_in and not above
                if unit.key in self.finished:
                    continue
                if unit.key in self.failed or self.ledger.holds(task) or above & out:
                    out.add(task)
                elif not must and self.seed.random() < 0.2:
                    out.add(task)  # a checkpoint, or a value that only files will tell
                else:
                    wave[task] = tuple(above)
        for part in self.parts(wave):
            self.runs += 1
            run = f"{self.runs}"
            for task in part:
                assert task not in self.results, "it was done already"
            self.ledger.place(run, part)
            self.flying[run] = part

    def parts(
        self, wave: dict[JobKey, tuple[JobKey, ...]]
    ) -> list[dict[JobKey, tuple[JobKey, ...]]]:
        """Several runs, each closed under dependencies."""
        home: dict[JobKey, int] = {}
        parts: list[dict[JobKey, tuple[JobKey, ...]]] = [{} for _ in range(self.runs_at_once)]
        deferred: set[JobKey] = set()
        for task, above in wave.items():
            homes = {home.get(parent) for parent in above}
            if len(homes) > 1 or homes == {None}:
                deferred.add(task)  # it gathers across runs
                continue
            home[task] = homes.pop() if homes else self.seed.randrange(self.runs_at_once)  # type: ignore[assignment]
            parts[home[task]][task] = above
        return [part for part in parts if part]

    def poll(self) -> None:
        run = self.seed.choice(sorted(self.flying))
        part = self.flying.pop(run)
        end = self.end_of(part)
        answers = self.ledger.advance(run, end)
        self.results.update(
            key for key in part if end.endings.get(key, STOPPED).outcome is Outcome.DONE
        )
        kinds = [(Failed, Returned, Succeeded).index(type(answer)) for answer in answers]
        assert kinds == sorted(kinds), "failures first"
        for key, ending in end.endings.items():
            if ending.outcome is Outcome.FAILED:
                unit = self.by_task[key]
                self.broken.add((unit.key, unit.attempt))
        self.carry_out(answers)

    def end_of(self, part: dict[JobKey, tuple[JobKey, ...]]) -> RunEnd:
        completed = not self.cruel and self.seed.random() < 0.4
        endings: dict[JobKey, Ending] = {}
        ran: set[JobKey] = set()
        for task, above in part.items():
            if any(parent not in ran for parent in above):
                continue
            if completed:
                kinds = [Outcome.DONE] * 6
                if self.keep_going:
                    kinds += [Outcome.FAILED, Outcome.SERVED_FAILURE]
                kinds += [Outcome.LOST]
            else:
                kinds = [Outcome.LOST, Outcome.STOPPED, Outcome.INTERRUPTED]
                kinds += [] if self.cruel else [Outcome.DONE, Outcome.DONE, Outcome.FAILED]
            outcome = self.seed.choice(kinds)
            endings[task] = Ending(outcome, f"{task}")
            if outcome in (Outcome.DONE, Outcome.LOST):
                ran.add(task)
        interrupted = self.seed.random() < 0.3
        return RunEnd(completed=completed, endings=endings, interrupted=interrupted)

    def carry_out(self, answers: list[Answer]) -> None:
        for answer in answers:
            unit = self.by_task.get(answer.unit) or next(
                unit for unit in self.units if unit.key == answer.unit
            )
            members = [unit.key, *map(_key, unit.jobs)]
            if isinstance(answer, Succeeded):
                assert unit.key in self.running
                assert set(self.tasks(unit)) <= self.results
                del self.running[unit.key]
                self.finished.add(unit.key)
                self.ledger.record(self.tasks(unit))
            elif isinstance(answer, Returned):
                assert unit.key in self.running
                del self.running[unit.key]
            elif answer.asked:
                del self.running[unit.key]
                self.results.difference_update(self.tasks(unit))  # Snakemake removes them
                if answer.details:
                    self.told[unit.key, unit.attempt] += 1
                if unit.key not in self.failed and not self.handle_error(unit):
                    self.ledger.give_up(members)
            else:
                assert unit.key not in self.running
                self.told[unit.key, unit.attempt] += 1
                if unit.key not in self.failed and not self.handle_error(unit):
                    self.ledger.give_up(members)


def _key(job: int) -> JobKey:
    return JobKey(f"job{job}", (), (f"{job}.txt",))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    jobs = draw(st.integers(1, 8))
    parents = {
        job: sorted(draw(st.sets(st.integers(0, job - 1), max_size=2))) if job else []
        for job in range(jobs)
    }
    units, job = [], 0
    while job < jobs:
        # Neighbours in the order of the graph: a group of them reads nothing that reads from it.
        size = draw(st.sampled_from([1, 1, 1, 2, 3]))
        inside = list(range(job, min(job + size, jobs)))
        job = inside[-1] + 1
        whole = len(inside) == 1 or draw(st.booleans())
        key = _key(inside[0]) if len(inside) == 1 else JobKey("group", (), (f"{inside}",))
        units.append(Unit(key, inside, whole, draw(st.integers(0, 2))))
    return World(
        seed=draw(st.randoms(use_true_random=False)),
        parents=parents,
        units=units,
        keep_going=draw(st.booleans()),
        slots=draw(st.integers(1, 4)),
        runs_at_once=draw(st.integers(1, 3)),
    )


@settings(max_examples=250, deadline=None)
@given(worlds())
def test_every_job_reaches_one_end_and_no_failure_stays_untold(world: World) -> None:
    world.play()
    assert not world.running
    ends = Counter([*world.finished, *world.failed])
    assert not ends or max(ends.values()) == 1
    assert world.broken <= set(world.told)
    if world.failed:
        assert world.errors
    else:
        assert world.finished == {unit.key for unit in world.units}
    if world.keep_going:
        # What does not stand below a failure is made.
        for unit in world.units:
            assert unit.key in ends or not world.unit_parents(unit) <= world.finished


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_a_failure_is_told_once_for_each_try(world: World) -> None:
    world.play()
    for unit in world.units:
        single = unit.whole
        for attempt in range(1, unit.attempt + 1):
            count = world.told[unit.key, attempt]
            assert count <= (1 if single else len(unit.jobs))


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_a_service_that_never_completes_a_run_is_tried_a_bounded_number_of_times(
    world: World,
) -> None:
    world.cruel = True
    world.play()
    tries = sum(unit.retries + 1 + len(unit.jobs) for unit in world.units)
    assert world.runs <= tries * world.runs_at_once
    assert world.errors
    assert not world.finished


@settings(max_examples=150, deadline=None)
@given(worlds(), st.integers(0, 6))
def test_a_head_that_starts_again_ends_with_what_is_left(world: World, polls: int) -> None:
    """The journal gives the runs in flight back; what Snakemake has recorded is no part of it."""
    for _ in range(polls):
        ready = [unit for unit in world.units if world.is_ready(unit)]
        if ready and len(world.running) < world.slots:
            world.running[ready[0].key] = ready[0]
            world.run_jobs(ready[:1])
        elif world.flying:
            world.poll()
    world.ledger = Ledger(world.ledger.cache_busters)
    world.results = {
        task for unit in world.units if unit.key in world.finished for task in world.tasks(unit)
    }
    world.running.clear()
    world.failed.clear()
    world.errors = False
    for run, part in world.flying.items():
        world.ledger.place(run, part)
    world.play()
    if not world.failed:
        assert world.finished == {unit.key for unit in world.units}


@pytest.mark.parametrize(
    ("goes_on", "line"),
    [
        (True, "a runs again: its run stopped"),
        (False, "a does not run again now, as another job failed: its run stopped"),
    ],
)
def test_who_is_returned_is_told_why_where_it_had_a_run(goes_on: bool, line: str) -> None:
    group = JobKey("group", (), ())
    assert Returned(group, ((A, STOPPED), (B, None))).lines(goes_on=goes_on) == [line]


def test_what_stayed_in_a_run_is_known_of_each_job_of_it() -> None:
    ledger = _chain()
    ledger.advance("1", RunEnd(completed=True, endings={A: DONE, B: DONE}, absent={A: ["a.txt"]}))
    assert ledger.absent([A, B]) == {"a.txt"}
    assert ledger.absent([B]) == set()


def test_how_long_a_job_worked_is_known_after_its_run() -> None:
    ledger = Ledger()
    ledger.place("1", {A: [], B: []})
    assert ledger.seconds([A, B]) is None
    ledger.advance("1", RunEnd(completed=True, endings={A: DONE, B: DONE}, seconds={B: 1.5}))
    assert ledger.seconds([A, B]) == 1.5
    assert ledger.seconds([A]) is None
