"""A job is the same while its text and what it reads are, wherever that lies now."""

from __future__ import annotations

from dataclasses import replace

from snakemake_executor_omics.model import (
    FileRef,
    JobKey,
    OutputFile,
    OutputKind,
    Step,
    Task,
    Wave,
)
from snakemake_executor_omics.runs import identity
from snakemake_executor_omics.runs.identity import read_by_others, result_identity


def _task(name: str, *inputs: FileRef, command: str = "true") -> Task:
    key = JobKey(name, (), (f"{name}.txt",))
    step = Step(key=key, command=command, outputs=(OutputFile(f"{name}.txt"),))
    return Task(key=key, layers=((step,),), inputs=inputs, container="x")


def identities(wave: Wave, addresses: dict[str, str], made: dict[str, str]) -> dict[JobKey, str]:
    texts = {task.key: f"{task.key} {task.steps[0].command}" for task in wave.tasks}
    return identity.identities(wave, texts, addresses, made)


A = _task("a", FileRef("in.txt"))
B = _task("b", FileRef("a.txt", A.key))
C = _task("c", FileRef("b.txt", B.key))
WAVE = Wave((A, B, C))
ADDRESSES = {"in.txt": "s3://results/inputs/1/in.txt"}
WHOLE = identities(WAVE, ADDRESSES, {})


def test_the_rest_of_a_run_is_the_same_after_a_job_of_it_was_recorded() -> None:
    rest = WAVE.only([B.key, C.key])
    made = {"a.txt": result_identity(WHOLE[A.key], "a.txt")}
    addresses = {"a.txt": "s3://results/inputs/2/a.txt"}
    assert identities(rest, addresses, made) == {key: WHOLE[key] for key in (B.key, C.key)}


def test_a_result_that_was_changed_since_makes_all_below_it_other_jobs() -> None:
    rest = WAVE.only([B.key, C.key])
    found = identities(rest, {"a.txt": "s3://results/inputs/3/a.txt"}, {})
    assert set(found.values()).isdisjoint(WHOLE.values())


def test_another_input_or_another_command_makes_another_job() -> None:
    other = identities(WAVE, {"in.txt": "s3://results/inputs/9/in.txt"}, {})
    assert set(other.values()).isdisjoint(WHOLE.values())
    changed = Wave((A, replace(B, layers=_task("b", command="false").layers), C))
    found = identities(changed, ADDRESSES, {})
    assert found[A.key] == WHOLE[A.key]
    assert found[B.key] != WHOLE[B.key]
    assert found[C.key] != WHOLE[C.key]


def test_the_files_that_are_remembered_are_those_that_others_read() -> None:
    assert read_by_others(WAVE) == {"a.txt": A.key, "b.txt": B.key}
    tree = OutputFile("a.txt", OutputKind.DIRECTORY)
    here = replace(A, layers=((replace(A.steps[0], outputs=(tree,)),),))
    in_s3 = replace(here, s3_targets={"a.txt": "s3://data/a.txt"})
    assert "a.txt" in read_by_others(Wave((here, B, C)))
    assert "a.txt" not in read_by_others(Wave((in_s3, B, C)))


def test_a_job_whose_file_stays_in_its_run_is_no_other_one_s_that_leaves_it() -> None:
    output = OutputFile("a.txt", readers=(B.key,))
    inside = replace(A, layers=((replace(A.steps[0], outputs=(output,)),),))
    found = identities(Wave((inside, B, C)), ADDRESSES, {})
    assert set(found.values()).isdisjoint(WHOLE.values())
    assert identities(Wave((inside,)), ADDRESSES, {})[A.key] == WHOLE[A.key]
