"""What goes into the zip, and what stays below the service's limits."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.compile.bundle import compile_wave, describe, pack, spill
from snakemake_executor_omics.compile.names import parameter_name
from snakemake_executor_omics.errors import CompileError
from snakemake_executor_omics.limits import MAX_PARAMETER_BYTES, MAX_TEMPLATE_ENTRIES
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Step, Task, Wave


def _task(name: str, *inputs: FileRef) -> Task:
    step = Step(key=JobKey(name, (), (f"{name}.txt",)), command="true", outputs=(_output(name),))
    return Task(key=step.key, layers=((step,),), inputs=inputs, container="debian:12")


def _output(name: str) -> OutputFile:
    return OutputFile(f"{name}.txt")


@given(st.text())
def test_a_description_is_printable_and_short(path: str) -> None:
    text = describe(path)
    assert len(text) <= 256
    assert text.isprintable()


def test_a_long_path_keeps_its_end() -> None:
    text = describe(f"{'folder/' * 60}reads.fq")
    assert len(text) == 256
    assert text.startswith("…")
    assert text.endswith("/reads.fq")


@given(st.dictionaries(st.text("abc/", min_size=1), st.text(), max_size=4))
def test_a_zip_holds_its_files_and_the_same_bytes_in_any_order(files: dict[str, str]) -> None:
    packed = pack(files)
    assert packed == pack(dict(reversed(files.items())))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
        assert found == files
        assert all(entry.date_time[0] == 1980 for entry in archive.infolist())


def test_a_name_that_is_no_unicode_is_packed_as_its_bytes() -> None:
    with zipfile.ZipFile(io.BytesIO(pack({"a": "caf\udce9"}))) as archive:
        assert archive.read("a") == b"caf\xe9"


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=20))
def test_what_fits_into_the_parameters_is_not_spilled(uris: dict[str, str]) -> None:
    assert spill(uris) == {}


@pytest.mark.parametrize(("count", "length"), [(1500, 20), (300, 600)])
def test_what_is_left_of_the_parameters_fits(count: int, length: int) -> None:
    uris = {f"data/{number}.fq": "s3://b/" + "x" * length for number in range(count)}
    literals = spill(uris)
    kept = {parameter_name(path): uri for path, uri in uris.items() if path not in literals}
    assert literals
    assert len(kept) <= MAX_TEMPLATE_ENTRIES
    assert len(json.dumps(kept)) <= MAX_PARAMETER_BYTES
    # One more would not: nothing is spilled that need not be.
    path, uri = next(iter(literals.items()))
    more = {**kept, parameter_name(path): uri}
    assert len(more) > MAX_TEMPLATE_ENTRIES or len(json.dumps(more)) > MAX_PARAMETER_BYTES - 600


def test_two_jobs_of_one_identity_are_refused() -> None:
    with pytest.raises(CompileError, match="same rule, wildcards and outputs"):
        compile_wave(Wave((_task("a"), _task("a"))))


def test_each_name_leads_back_to_its_job() -> None:
    tasks = (_task("a"), _task("b", FileRef("a.txt", JobKey("a", (), ("a.txt",)))))
    definition = compile_wave(Wave(tasks))
    assert set(definition.names) == {task.key for task in tasks}
    assert all(
        f"task {name} " in definition.files["main.wdl"] for name in definition.names.values()
    )


def test_the_digest_tells_definitions_apart() -> None:
    one, same, other = (compile_wave(Wave((_task(name),))).digest for name in "aab")
    assert one == same != other


def test_a_literal_is_no_parameter() -> None:
    wave = Wave((_task("a", FileRef("in/x"), FileRef("in/y")),))
    definition = compile_wave(wave, {"in/x": "s3://bucket/x"})
    assert list(definition.parameters.values()) == ["in/y"]
    assert "s3://bucket/x" in definition.files["main.wdl"]
    assert json.loads(definition.files["parameter-template.json"]) == definition.template
