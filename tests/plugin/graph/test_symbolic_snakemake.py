"""Symbolic resources on Snakemake's own objects: real rules, real wrappers, real defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from snakemake.api import SnakemakeApi
from snakemake.resources import Resource, Resources
from snakemake.settings.types import ResourceSettings

from snakemake_executor_omics.graph.tracing.expression import Const, evaluate, to_wdl_int
from snakemake_executor_omics.graph.tracing.trace import Inputs, NotTraceable, trace_resource

SNAKEFILE = """
def grow(wildcards, input, attempt):
    return int(input.size_mb * 3) * attempt

rule all:
    input: "joined.txt"

rule make:
    output: "{name}.txt"
    shell: "head -c 3145728 /dev/zero > {output}"

rule join:
    input: parts=["a.txt", "b.txt"], extra="c.txt"
    output: "joined.txt"
    threads: lambda wildcards, input: 2 if input.size_gb < 1 else 8
    resources:
        runtime=lambda wildcards, input, attempt: max(10, input.size_mb) * attempt,
        mem_mib=grow,
        sized=lambda wildcards, input, threads: round(input.size_mb / threads),
        asynchronous=lambda wc, input, async_run: async_run(input[0].size()) / 1024,
        text=lambda wildcards, input: f"{input.size_mb}MB",
        fixed=7,
    shell: "cat {input} > {output}"
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Rules by name, from a parsed workflow with Snakemake's default resources."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    with SnakemakeApi() as api:
        workflow_api = api.workflow(
            resource_settings=ResourceSettings(
                cores=4, default_resources=Resources.default("full")
            ),
            snakefile=tmp_path / "Snakefile",
        )
        dag = workflow_api.dag()
        assert dag is not None
        workflow = workflow_api._workflow
        yield {rule.name: rule for rule in workflow.rules}


INPUTS = Inputs(("a.txt", "b.txt", "c.txt"), {"parts": (0, 2), "extra": (2, None)})
MIB = 1024**2
SMALL, MIDDLE, LARGE = [(size * MIB, size * MIB, 0) for size in (1, 1000, 100_000)]


def traced(resource: Any, **changes: Any) -> Any:
    settings: dict[str, Any] = {
        "wildcards": {},
        "inputs": INPUTS,
        "attempt": 1,
        "threads": 2,
        "rulename": "join",
    }
    return trace_resource(resource, **{**settings, **changes})


def test_default_resources_of_a_real_rule(rules: Any) -> None:
    assert {"mem_mb", "disk_mb"} <= set(rules["make"].resources)
    mem = traced(rules["make"].resources["mem_mb"])
    assert [evaluate(mem, sizes) for sizes in (SMALL, MIDDLE, LARGE)] == [1000, 4000, 8000]
    disk = traced(rules["join"].resources["disk_mb"])
    assert [evaluate(disk, sizes) for sizes in (SMALL, MIDDLE, LARGE)] == [1000, 4000, 400_000]
    assert traced(rules["make"].resources["disk_mb"], inputs=Inputs(())) == Const(50000)


def test_resources_of_a_real_rule(rules: Any) -> None:
    resources = rules["join"].resources
    assert evaluate(traced(resources["runtime"], attempt=2), SMALL) == 20
    assert evaluate(traced(resources["runtime"], attempt=2), MIDDLE) == 4000
    assert evaluate(traced(resources["sized"], threads=4), MIDDLE) == 500
    assert evaluate(traced(resources["asynchronous"]), SMALL) == 1024
    assert evaluate(traced(resources["_cores"], threads=None), SMALL) == 2
    assert evaluate(traced(resources["_cores"], threads=None), LARGE) == 8
    assert traced(resources["fixed"]) == Const(7)


def test_int_in_functions_and_in_snakemakes_unit_conversion(rules: Any) -> None:
    memory = traced(rules["join"].resources["mem_mb"], attempt=2)  # given as mem_mib
    assert evaluate(memory, MIDDLE) == int(12_000 / 0.95367431640625)
    assert to_wdl_int(memory, lambda size: "s") == (
        "floor((((1.0 * floor((s * 3.0))) * 2.0) / 0.95367431640625))"
    )


def test_text_is_refused(rules: Any) -> None:
    with pytest.raises(NotTraceable, match="text"):
        traced(rules["join"].resources["text"])
    with pytest.raises(NotTraceable, match="text"):
        traced(rules["join"].resources["tmpdir"])


def test_real_inputs_are_described(rules: Any) -> None:
    files = rules["join"].expand_input({})[0]
    assert Inputs.of(files) == INPUTS


@pytest.mark.parametrize(
    ("expression", "want"),
    [
        ("max(1000, int(1.5 * input.size_mb))", 3000),
        ("int(input.size_mb) + 500 * threads", 3000),
        ("500 if input.size_gb < 1 else 900 * attempt", 900),
        ("2500", 2500),
    ],
)
@pytest.mark.parametrize("name", ["mem", "mem_mb", "other"])
def test_command_line_expressions(expression: str, want: int, name: str) -> None:
    resources = Resources({name: Resource.from_cli_expression(name, expression)})
    (resource,) = resources.values()
    assert evaluate(traced(resource), MIDDLE) == want


@pytest.mark.parametrize("sizes", [SMALL, MIDDLE, LARGE])
def test_traced_equals_evaluated_by_snakemake(sizes: tuple[int, ...], tmp_path: Path) -> None:
    class Sized(list[str]):
        size_mb = sum(sizes) / MIB

    for resource in Resources.default("full").values():
        if resource.name == "tmpdir":
            continue
        real = resource.evaluate(
            {}, input=Sized(INPUTS.paths), attempt=1, threads=1, rulename="join", async_run=None
        )
        assert evaluate(traced(resource), sizes) == real.value


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    resource = Resource("mem_mb", lambda wildcards, input: len(Path(input[0]).read_text()))
    with pytest.raises(NotTraceable, match="does not exist yet"):
        traced(resource, inputs=Inputs((missing,)))
