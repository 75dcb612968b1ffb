"""A wave becomes a definition: WDL that miniwdl accepts, the same bytes every time."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import WDL
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.compile import compile_wave, python_source, spill, task_name
from snakemake_executor_omics.compile.names import parameter_name
from snakemake_executor_omics.compile.quoting import heredoc_delimiter, wdl_command, wdl_string
from snakemake_executor_omics.compile.render import render_task
from snakemake_executor_omics.errors import LimitExceeded
from snakemake_executor_omics.model import (
    Benchmark,
    Environment,
    Fallback,
    FileRef,
    JobKey,
    OutputFile,
    Resources,
    Step,
    Task,
    Wave,
)

GOLDEN = Path(__file__).parent / "golden"

TRIM_STEP = Step(
    key=JobKey("trim", (("sample", "A"),), ("results/A.fq",)),
    command="set -euo pipefail; cutadapt -o results/A.fq data/A.fq 2> logs/A.log",
    interpreter="bash -c",
    threads=2,
    outputs=(OutputFile("results/A.fq"),),
    logs=("logs/A.log",),
    benchmark=Benchmark("benchmarks/A.tsv"),
)
TRIM = Task(
    key=TRIM_STEP.key,
    layers=((TRIM_STEP,),),
    inputs=(FileRef("data/A.fq"),),
    container="quay.io/biocontainers/cutadapt:4.9",
    resources=Resources(cpus=2, memory_mb=2000, timeout=600),
)
COUNT_STEP = Step(
    key=JobKey("count", (), ("counts.txt", "done")),
    command="set -euo pipefail; wc -l results/A.fq > counts.txt",
    outputs=(OutputFile("counts.txt"), OutputFile("done", touch=True)),
)
COUNT = Task(
    key=COUNT_STEP.key,
    layers=((COUNT_STEP,),),
    inputs=(FileRef("results/A.fq", TRIM.key),),
    container="debian:12",
    resources=Resources(memory_mb='ceil(2.0 * size(inputs, "MB"))'),
)
WAVE = Wave((TRIM, COUNT))
FORGIVING = Wave(tuple(dataclasses.replace(task, may_fail=True) for task in WAVE.tasks))


def test_a_volatile_task_says_so_to_the_service_and_no_other_does() -> None:
    for volatile in (True, False):
        text = render_task(dataclasses.replace(TRIM, volatile=volatile))
        (task,) = WDL.parse_document(f"version 1.1\n\n{text}").tasks
        assert {name: str(value) for name, value in task.meta.items()} == (
            {"volatile": "true"} if volatile else {}
        )


def test_the_definition_is_the_reviewed_one(request: pytest.FixtureRequest) -> None:
    got, want = compile_wave(WAVE).files["main.wdl"], GOLDEN / "two_rules" / "main.wdl"
    if request.config.getoption("--update-golden"):
        want.write_text(got)
    assert got == want.read_text()
    document = WDL.load(str(want))
    assert [task.name for task in document.tasks] == [task_name(COUNT.key), task_name(TRIM.key)]


def test_a_run_goes_on_beside_a_forgiving_task(request: pytest.FixtureRequest) -> None:
    wave = Wave((dataclasses.replace(TRIM, may_fail=True), COUNT))
    got, want = compile_wave(wave).files["main.wdl"], GOLDEN / "may_fail" / "main.wdl"
    if request.config.getoption("--update-golden"):
        want.write_text(got)
    assert got == want.read_text()
    assert render_task(COUNT) in got


def _temporary_chain(*, may_fail: bool) -> Wave:
    """Three jobs: of the first one file stays in the run, of the second all do."""
    first, second, third = (JobKey(name, (), (f"{name}.bam",)) for name in ("map", "sort", "call"))
    steps = [
        Step(
            key=first,
            command="",
            outputs=(OutputFile("map.bam", readers=(second,)), OutputFile("map.txt")),
        ),
        Step(key=second, command="", outputs=(OutputFile("sort.bam", readers=(third,)),)),
        Step(key=third, command="", outputs=(OutputFile("call.vcf"),), logs=("call.log",)),
    ]
    reads = [FileRef("data.fq"), FileRef("map.bam", first), FileRef("sort.bam", second)]
    return Wave(
        tuple(
            Task(
                key=step.key,
                layers=((step,),),
                inputs=(ref,),
                container="debian:12",
                may_fail=may_fail,
            )
            for step, ref in zip(steps, reads, strict=True)
        )
    )


@pytest.mark.parametrize("may_fail", [False, True])
def test_files_that_stay_in_the_run_are_no_output_of_it(
    request: pytest.FixtureRequest, tmp_path: Path, may_fail: bool
) -> None:
    got = compile_wave(_temporary_chain(may_fail=may_fail)).files["main.wdl"]
    want = GOLDEN / ("temporary_may_fail" if may_fail else "temporary") / "main.wdl"
    if request.config.getoption("--update-golden"):
        want.parent.mkdir(exist_ok=True)
        want.write_text(got)
    assert got == want.read_text()
    check = [sys.executable, "-m", "WDL", "check", "--strict", str(want)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_stays_in_the_run_changes_no_task() -> None:
    wave = _temporary_chain(may_fail=False)
    step = dataclasses.replace(wave.tasks[1].steps[0], outputs=(OutputFile("sort.bam"),))
    exported = dataclasses.replace(wave.tasks[1], layers=((step,),))
    assert render_task(exported) == render_task(wave.tasks[1])


def _packs() -> Wave:
    """Two jobs that share a task, two others below it that share one, and what gathers."""
    first = [
        dataclasses.replace(
            task,
            key=JobKey("trim", (), (f"{name}.fq",)),
            layers=(
                (
                    Step(
                        key=JobKey("trim", (), (f"{name}.fq",)),
                        command="",
                        outputs=(OutputFile(f"{name}.fq"),),
                        logs=(f"{name}.log",),
                    ),
                ),
            ),
        )
        for task, name in ((TRIM, "a"), (TRIM, "b"))
    ]
    second = [
        Task(
            key=JobKey("call", (), (f"{name}.vcf",)),
            layers=(
                (
                    Step(
                        key=JobKey("call", (), (f"{name}.vcf",)),
                        command="",
                        outputs=(OutputFile(f"{name}.vcf", readers=(COUNT.key,)),),
                    ),
                ),
            ),
            inputs=(FileRef(f"{name}.fq", above.key), FileRef("ref.fa")),
            may_run=(above.key,),
            sources=("call.py",),
            container="debian:12",
        )
        for name, above in (("a", first[0]), ("b", first[1]))
    ]
    gather = dataclasses.replace(
        COUNT,
        inputs=tuple(FileRef(task.files[0].path, task.key) for task in second),
        resources=Resources(memory_mb='ceil(2.0 * size(inputs, "MB"))'),
    )
    packs = tuple(tuple(task.key for task in tasks) for tasks in (first, second))
    return Wave((*first, *second, gather), packs)


def test_jobs_that_share_a_task_have_outputs_of_their_own(request: pytest.FixtureRequest) -> None:
    wave = _packs()
    definition = compile_wave(wave)
    got, want = definition.files["main.wdl"], GOLDEN / "packs" / "main.wdl"
    if request.config.getoption("--update-golden"):
        want.parent.mkdir(exist_ok=True)
        want.write_text(got)
    assert got == want.read_text()
    assert len(WDL.load(str(want)).tasks) == 3
    assert len(set(definition.names.values())) == 3
    alone = compile_wave(dataclasses.replace(wave, packs=()))
    assert definition.texts == alone.texts


@pytest.mark.parametrize("wave", [WAVE, FORGIVING, _packs()], ids=["plain", "may fail", "packs"])
def test_the_definition_passes_the_strict_check(tmp_path: Path, wave: Wave) -> None:
    (tmp_path / "main.wdl").write_text(compile_wave(wave).files["main.wdl"])
    check = [sys.executable, "-m", "WDL", "check", "--strict", str(tmp_path / "main.wdl")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_zip_holds_the_same_bytes_every_time() -> None:
    first, second = compile_wave(WAVE), compile_wave(Wave(tuple(WAVE.tasks)))
    assert first.zip == second.zip
    with zipfile.ZipFile(io.BytesIO(first.zip)) as archive:
        assert archive.namelist() == [
            "README.md",
            "jobs.json",
            "main.wdl",
            "parameter-template.json",
        ]


def test_changing_one_rule_leaves_every_other_task_as_it_was() -> None:
    step = dataclasses.replace(TRIM_STEP, command=TRIM_STEP.command + " # changed")
    changed = dataclasses.replace(TRIM, layers=((step,),))
    before, after = compile_wave(WAVE), compile_wave(Wave((changed, COUNT)))
    assert render_task(COUNT) in before.files["main.wdl"]
    assert render_task(COUNT) in after.files["main.wdl"]
    assert render_task(TRIM) != render_task(changed)


def test_the_template_describes_each_raw_input_by_its_path() -> None:
    definition = compile_wave(WAVE)
    assert definition.template == {
        parameter_name("data/A.fq"): {"description": "data/A.fq", "optional": False}
    }
    assert definition.parameters == {parameter_name("data/A.fq"): "data/A.fq"}


def test_inputs_beyond_the_parameter_limits_stand_in_the_definition() -> None:
    uris = {f"data/{number}.fq": f"s3://bucket/{'x' * 60}/{number}.fq" for number in range(1200)}
    literals = spill(uris)
    task = dataclasses.replace(TRIM, inputs=tuple(map(FileRef, uris)))
    definition = compile_wave(Wave((task,)), literals)
    parameters = {name: uris[path] for name, path in definition.parameters.items()}
    assert len(json.dumps(parameters)) <= 50_000
    assert len(definition.template) == len(parameters) < 1200
    assert set(definition.parameters.values()).isdisjoint(literals)
    document = WDL.parse_document(definition.files["main.wdl"])
    document.typecheck()
    required = {binding.name for binding in document.workflow.required_inputs}
    assert required == set(parameters)


def test_few_inputs_all_become_parameters() -> None:
    assert spill({"data/A.fq": "s3://bucket/A.fq"}) == {}


def test_a_package_of_too_many_inputs_is_refused_with_the_limit() -> None:
    task = dataclasses.replace(
        TRIM, inputs=tuple(FileRef(f"data/{number}.fq") for number in range(1001))
    )
    with pytest.raises(LimitExceeded, match=r"1,001 is above the limit of 1,000"):
        compile_wave(Wave((task,)))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_text_survives_a_wdl_literal(text: str) -> None:
    document = WDL.parse_document(
        f"version 1.1\ntask t {{ command <<<>>> output {{ String s = {wdl_string(text)} }} }}"
    )
    value = (
        document.tasks[0]
        .outputs[0]
        .expr.infer_type([], WDL.StdLib.Base("1.1"))
        .eval(WDL.Env.Bindings(), WDL.StdLib.Base("1.1"))
    )
    assert value.value == text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_command_arrives_in_the_task_byte_for_byte(text: str) -> None:
    document = WDL.parse_document(
        f"version 1.1\ntask t {{\n  command <<<\nfirst\n{wdl_command(text)}\nlast\n>>>\n}}"
    )
    document.typecheck()
    value = document.tasks[0].command.eval(WDL.Env.Bindings(), WDL.StdLib.Base("1.1"))
    assert value.value == f"\nfirst\n{text}\nlast\n"


@given(
    st.text(min_size=1, max_size=300),
    st.lists(st.tuples(st.text(), st.text()), max_size=3),
    st.lists(st.text(min_size=1), max_size=3),
)
def test_any_job_has_a_name_that_wdl_accepts(
    rule: str, wildcards: list[tuple[str, str]], outputs: list[str]
) -> None:
    name = task_name(JobKey(rule, tuple(wildcards), tuple(outputs)))
    assert len(name) <= 128
    WDL.parse_document(f"version 1.1\ntask {name} {{ command <<<>>> }}")


def test_a_here_document_cannot_be_ended_by_the_command() -> None:
    assert heredoc_delimiter("a\nEND\nEND_2", "END") == "END_3"


def test_a_script_sees_the_documented_snakemake_object(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/show.py").write_text(
        "print(snakemake.input.bam, snakemake.input[0], snakemake.output, snakemake.params.k,\n"
        "      snakemake.wildcards.sample, snakemake.threads, snakemake.config['a'],\n"
        "      snakemake.rule, snakemake.log_fmt_shell())\n"
    )
    job = {
        "input": [["x.bam"], {"bam": [0, None]}],
        "output": [["y.txt", "z.txt"], {"both": [0, 2]}],
        "params": [[31], {"k": [0, None]}],
        "wildcards": [["A"], {"sample": [0, None]}],
        "log": [["l.log"], {}],
        "resources": [[], {}],
        "threads": 2,
        "config": {"a": 1},
        "rule": "show",
    }
    source = python_source("script", f"run_script({job!r}, 'scripts/show.py')")
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "x.bam x.bam y.txt z.txt 31 A 2 1 show  > l.log 2>&1\n"


def test_python_tasks_are_run_by_python() -> None:
    step = dataclasses.replace(TRIM_STEP, interpreter="python")
    task = dataclasses.replace(TRIM, layers=((step,),))
    assert "\npython .omics/job ||" in render_task(task)


@pytest.mark.parametrize(
    ("paths", "indexed"),
    [
        (["a/x.bam", "a/x.bam.bai"], {"a/x.bam", "a/x.bam.bai"}),
        (["a/x.bam", "a/x.bai", "a/y.bam"], {"a/x.bam", "a/x.bai"}),
        (["r.fa", "r.fa.fai", "r.dict"], {"r.fa", "r.fa.fai", "r.dict"}),
        (["v.vcf.gz", "v.vcf.gz.tbi"], {"v.vcf.gz", "v.vcf.gz.tbi"}),
        (["a/x.bam", "b/x.bai", "x.fq", "x.txt"], set()),
    ],
)
def test_data_and_its_index_lie_beside_each_other_as_files(
    paths: list[str], indexed: set[str]
) -> None:
    task = dataclasses.replace(TRIM, inputs=tuple(map(FileRef, paths)))
    text = render_task(task)
    (listed,) = re.findall(r"^inputs=\((.*?)\)$", text, re.MULTILINE | re.DOTALL)
    found = shlex.split(listed)
    if len({path in indexed for path in paths}) == 1:
        assert ("ln -L" in text) is bool(indexed)
        assert found == paths
    else:
        assert found == [f"{'indexed' if path in indexed else 'link'} {path}" for path in paths]


OTHER_MOUNT = 'ln() { [ "$1" != -L ] && command ln "$@"; }; '


@pytest.mark.parametrize(
    ("before", "largest", "linked"),
    [("", None, False), (OTHER_MOUNT, None, False), (OTHER_MOUNT, "3", True)],
    ids=["one mount", "another mount", "another mount, large"],
)
def test_a_tool_that_resolves_a_link_finds_the_index(
    tmp_path: Path, before: str, largest: str | None, linked: bool
) -> None:
    place = render_task(dataclasses.replace(TRIM, inputs=(FileRef("x.fa"), FileRef("x.fa.fai"))))
    (how,) = re.findall(r"^  (ln -L .*)$", place, re.MULTILINE)
    for folder, name in (("0", "x.fa"), ("1", "x.fa.fai")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "staged").write_text(name)
        (tmp_path / name).symlink_to(tmp_path / folder / "staged")  # as the engine may stage it
        environment = {"file": str(tmp_path / name), "path": f"task/{name}"}
        (tmp_path / "task").mkdir(exist_ok=True)
        script = before + re.sub(r"(?<=-le )\d+", largest or r"\g<0>", how)
        subprocess.run(["bash", "-ec", script], cwd=tmp_path, env=environment, check=True)
    real = (tmp_path / "task/x.fa").resolve()
    if linked:
        assert real == (tmp_path / "0/staged")
        return
    assert real.with_name("x.fa.fai").read_text() == "x.fa.fai"


def test_a_task_names_the_gpus_that_it_takes_in_their_order() -> None:
    resources = Resources(
        cpus=8,
        memory_mb="2 * 1000",
        gpus=1,
        accelerator="nvidia-l4",
        fallbacks=(Fallback("nvidia-l4", 30), Fallback("nvidia-l40s"), Fallback(None)),
    )
    wave = Wave((dataclasses.replace(COUNT, inputs=(), resources=resources),))
    document = WDL.parse_document(compile_wave(wave).files["main.wdl"])
    document.typecheck()
    runtime = document.tasks[0].runtime
    assert set(runtime) == {"container", "omicsResourceFallbackOrder"}
    environment: WDL.Env.Bindings[WDL.Value.Base] = WDL.Env.Bindings()
    order = runtime["omicsResourceFallbackOrder"].eval(environment, WDL.StdLib.Base("1.1"))
    common = {"cpu": "8", "memory": "2000 MB"}
    gpu = {**common, "acceleratorCount": "1"}
    assert [{k: str(v) for k, v in profile.items()} for profile in order.json] == [
        {**gpu, "acceleratorType": "nvidia-l4", "omicsResourceWaitTimeoutInMin": "30"},
        {**gpu, "acceleratorType": "nvidia-l40s"},
        common,
    ]


def test_a_task_activates_the_environment_that_its_image_was_made_of() -> None:
    key = JobKey("align", (), ("out.txt",))
    task = Task(key=key, layers=((Step(key=key, command="align"),),), container="image")
    environment = Environment(name="x", content=b"", base="base")
    assert "OMICS_ACTIVATE" not in render_task(task)
    assert '. "$OMICS_ACTIVATE"' in render_task(dataclasses.replace(task, environment=environment))


@pytest.mark.parametrize(("interpreter", "is_told"), [("python", True), ("bash", False)])
def test_python_is_told_the_memory_that_only_its_inputs_tell(
    interpreter: str, is_told: bool
) -> None:
    key = JobKey("a", (), ("a.txt",))
    step = Step(key=key, command="x", interpreter=interpreter, outputs=(OutputFile("a.txt"),))
    asked = Resources(memory_mb='ceil(2.0 * size(inputs, "MB"))')
    task = Task(key=key, layers=((step,),), container="x", resources=asked)
    text = compile_wave(Wave((task,)), "w").files["main.wdl"]
    assert ('export OMICS_MEM_MB=~{ceil(2.0 * size(inputs, "MB"))}\n' in text) is is_told
