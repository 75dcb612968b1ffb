"""A definition that was checked is there for its runs as the check has loaded it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from local_healthomics.engine import loading
from local_healthomics.engine import miniwdl_internals as internals

IMPORTED = """
version 1.1
struct Sample { String name  File? reads }
task t {
  input { Sample sample  Int n = 1 }
  command <<< echo ~{sample.name} ~{n} > out.txt >>>
  output { File o = "out.txt"  Array[String] lines = read_lines("out.txt") }
  runtime { container: "x/y:1"  cpu: n }
}
workflow sub { input { Sample sample }  call t { input: sample }  output { File o = t.o } }
"""
MAIN = """
version 1.1
import "sub.wdl" as other
workflow w {
  input { Array[Sample] samples  Boolean more = true }
  scatter (sample in samples) { call other.t { input: sample, n = 2 } }
  if (more) { call other.sub { input: sample = samples[0] } }
  output { Array[File] all = t.o  File? one = sub.o }
}
"""


def chain(count: int) -> str:
    calls = ["call t as t0"]
    calls += [f"call t as t{n} {{ input: given = t{n - 1}.o }}" for n in range(1, count)]
    outputs = [f"Array[File] o{n} = t{n}.o" for n in range(count)]
    return "\n".join(
        (
            "version 1.1\nworkflow w {",
            *calls,
            *("output {", *outputs, "}", "}", "task t {"),
            'input { Array[File] given = [] }  command {}  output { Array[File] o = glob("*") }}',
        )
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "definition"
    folder.mkdir()
    (folder / "main.wdl").write_text(MAIN)
    (folder / "sub.wdl").write_text(IMPORTED)
    return folder


def kept(folder: Path) -> str:
    document = loading.load(folder, "main.wdl")
    loading.keep(document, folder, "main.wdl", lenient=False)
    said = internals.outline(document)
    (folder / "main.wdl").write_text("version 1.1\nworkflow changed { }")
    return said


def test_what_a_check_has_loaded_is_read_and_not_loaded_again(folder: Path) -> None:
    said = kept(folder)
    document = loading.kept(folder, "main.wdl")
    assert internals.outline(document) == said
    assert document.workflow is not None
    assert document.workflow.available_inputs["samples"].name == "samples"


def test_a_chain_of_many_calls_is_kept_too(folder: Path) -> None:
    (folder / "main.wdl").write_text(chain(300))
    kept(folder)
    document = loading.kept(folder, "main.wdl")
    assert document.workflow is not None
    assert document.workflow.name == "w"
    assert document.workflow.effective_outputs["o299"] is not None


@pytest.mark.parametrize("how", ["damaged", "missing", "moved"])
def test_what_is_not_the_same_is_loaded_anew(folder: Path, how: str) -> None:
    kept(folder)
    place = folder.parent / "definition.loaded"
    if how == "damaged":
        place.write_bytes(place.read_bytes()[:-100])
    elif how == "missing":
        place.unlink()
    elif how == "moved":
        folder = folder.rename(folder.parent / "other")
        place.rename(folder.parent / "other.loaded")
    document = loading.kept(folder, "main.wdl", lenient=False)
    assert document.workflow is not None
    assert document.workflow.name == "changed"


def test_what_cannot_be_written_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dump(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(pickle, "dump", dump)
    kept(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["definition"]
