"""Definitions without a server: unpacking, identification, checks, registry maps."""

from __future__ import annotations

import json
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from local_healthomics.definitions import BadDefinition, unpack, unpacking
from local_healthomics.definitions.languages import identify
from local_healthomics.definitions.nextflow import check as check_nextflow
from local_healthomics.definitions.nextflow import template as nextflow_template
from local_healthomics.definitions.wdl import check as check_wdl
from local_healthomics.engine.images import RegistryMap

TASK = """
task t {
    input { Int i }
    command { echo ~{i} }
    output { Int o = read_int(stdout()) }
    runtime { docker: "x" }
}
"""
LENIENT = f"""version 1.0
workflow w {{
    input {{ Float f Map[String,Int] m Array[Pair[String,Int]] q }}
    Int whole = f
    Array[Pair[String,Int]] pairs = m
    Map[String,Int] map = q
    call t {{ input: i = whole }}
    output {{ Int o = t.o Array[Pair[String,Int]] p = pairs Map[String,Int] r = map }}
}}
{TASK}"""


def archive(folder: Path, *entries: str | zipfile.ZipInfo, text: bytes = b"x") -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for entry in entries:
            opened.writestr(entry, text)
    return path


def tree(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("")
    return folder


def made_by_unix(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize(
    "entry",
    [
        "../evil",
        "a/../../evil",
        "/evil",
        "..\\evil",
        "\\evil",
        made_by_unix("link", stat.S_IFLNK | 0o777),
        made_by_unix("pipe", stat.S_IFIFO | 0o644),
        made_by_unix("disk", stat.S_IFBLK | 0o644),
    ],
)
def test_a_zip_makes_nothing_but_files_below_its_folder(
    tmp_path: Path, entry: str | zipfile.ZipInfo
) -> None:
    (target := tmp_path / "out").mkdir()
    with pytest.raises(BadDefinition, match="Unsafe path"):
        unpack(archive(tmp_path, "main.wdl", entry), target)
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "out"}
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["main.wdl", "./main.wdl"])
def test_two_files_of_one_name_are_refused(tmp_path: Path, second: str) -> None:
    with pytest.raises(BadDefinition, match=r"Two files .* named main\.wdl"):
        unpack(archive(tmp_path, "main.wdl", second), tmp_path / "out")


def test_a_file_cannot_be_a_folder_too(tmp_path: Path) -> None:
    with pytest.raises(BadDefinition, match="cannot be unpacked"):
        unpack(archive(tmp_path, "a", "a/b"), tmp_path / "out")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, "main.wdl")
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.index(b"PK\1\2") + 8, 1)
    path.write_bytes(data)
    with pytest.raises(BadDefinition, match="encrypted"):
        unpack(path, tmp_path / "out")


def test_a_bomb_is_stopped_by_what_comes_out_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED", 3_000_000)
    path = archive(tmp_path, "a", "b", text=bytes(2_000_000))
    (target := tmp_path / "out").mkdir()
    with pytest.raises(BadDefinition, match="too large when unpacked"):
        unpack(path, target)
    assert sum(file.stat().st_size for file in target.iterdir()) <= 3_000_000


def test_a_zip_that_lies_about_a_size_is_none(tmp_path: Path) -> None:
    path = archive(tmp_path, "a", text=bytes(100_000))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, 10)
    path.write_bytes(data)
    with pytest.raises(BadDefinition, match="Invalid zip file"):
        unpack(path, tmp_path / "out")


def test_scripts_stay_executable_and_files_do_not_become_so(tmp_path: Path) -> None:
    script = made_by_unix("bin/run.sh", stat.S_IFREG | 0o775)
    unpack(archive(tmp_path, script, "main.nf"), tmp_path / "out")
    assert (tmp_path / "out/bin/run.sh").stat().st_mode & stat.S_IXUSR
    assert not (tmp_path / "out/main.nf").stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize(
    ("files", "engine", "main", "wanted"),
    [
        (["a.wdl"], None, None, ("WDL", "a.wdl")),
        (["a.wdl", "main.wdl"], None, None, ("WDL", "main.wdl")),
        (["a.wdl", "tasks/b.wdl", "tasks/c.wdl"], None, None, ("WDL", "a.wdl")),
        (["flow/main.wdl", "flow/b.wdl"], None, None, ("WDL", "flow/main.wdl")),
        (["flow/only.cwl"], None, None, ("CWL", "flow/only.cwl")),
        (["main.nf", "modules/a.nf"], None, None, ("NEXTFLOW", "main.nf")),
        (["a.wdl", "b.cwl"], "CWL", None, ("CWL", "b.cwl")),
        (["a.wdl"], "WDL_LENIENT", None, ("WDL_LENIENT", "a.wdl")),
        (["a.wdl", "b.cwl"], None, "b.cwl", ("CWL", "b.cwl")),
        (["a.wdl", "flow/the.wdl"], None, "flow/the.wdl", ("WDL", "flow/the.wdl")),
        (["packed.json"], "CWL", "packed.json", ("CWL", "packed.json")),
    ],
)
def test_the_engine_and_the_main_file_are_found(
    tmp_path: Path, files: list[str], engine: str | None, main: str | None, wanted: tuple[str, str]
) -> None:
    assert identify(tree(tmp_path, *files), engine, main) == wanted


@pytest.mark.parametrize(
    ("files", "engine", "main", "said"),
    [
        (["a.wdl", "b.wdl"], None, None, "2 WDL files at the top level"),
        (["x/a.wdl", "y/b.wdl"], None, None, "2 WDL files"),
        (["a.wdl", "b.cwl"], None, None, "files of CWL and WDL: give engine"),
        (["readme.txt"], None, None, "No workflow definition file"),
        (["a.wdl"], "CWL", None, "0 CWL files"),
        (["a.wdl"], None, "b.wdl", "main file b.wdl is not in the zip"),
        (["a.wdl"], None, "../a.wdl", "is not in the zip"),
        (["a.wdl"], None, "/etc/passwd", "is not in the zip"),
        (["packed.json"], None, "packed.json", "give engine"),
    ],
)
def test_what_cannot_be_identified_is_explained(
    tmp_path: Path, files: list[str], engine: str | None, main: str | None, said: str
) -> None:
    with pytest.raises(BadDefinition, match=said):
        identify(tree(tmp_path / "in", *files), engine, main)


@pytest.mark.service
def test_a_wdl_is_checked_as_miniwdl_checks_it(tmp_path: Path) -> None:
    (tmp_path / "main.wdl").write_text(f"""version 1.0
workflow w {{
    input {{ Int i Int? maybe File f = "s3://b/k" Boolean unused }}
    parameter_meta {{
        i: {{ description: "how\\n many" }}
        maybe: "or  not"
    }}
    call t {{ input: i = i }}
}}
{TASK}""")
    checked = check_wdl(tmp_path, "main.wdl", "WDL")
    assert checked.message.startswith("main.wdl\n    workflow w\n")
    assert "UnusedDeclaration, nothing references Boolean unused" in checked.message
    assert checked.template == {
        "i": {"optional": False, "description": "how many"},
        "maybe": {"optional": True, "description": "or not"},
        "f": {"optional": True},
        "unused": {"optional": False},
    }


@pytest.mark.service
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version 1.0\nworkflow w {", r"\(main.wdl Ln 2 Col 12\) Unexpected"),
        (
            "version 1.0\nworkflow w { call x }",
            r"\(main.wdl Ln 2 Col 14\) No such task/workflow: x",
        ),
        ('version 1.0\nimport "gone.wdl"\nworkflow w {}', r"Failed to import gone.wdl"),
        ('version 1.0\nimport "http://localhost/a.wdl"\nworkflow w {}', "must be files of the def"),
        ('version 1.0\nimport "file:///etc/passwd"\nworkflow w {}', "must be files of the definit"),
        ('version 1.0\nimport "../outside.wdl"\nworkflow w {}', "must be files of the definition"),
        ("version 1.0\nstruct S { Int a }", "main.wdl holds no workflow"),
        ("version 1.2\nworkflow w {}", "unknown WDL version 1.2; choices: draft-2, 1.0, 1.1, dev"),
        ("version 9.9\nworkflow w {}", "unknown WDL version 9.9"),
    ],
)
def test_a_wdl_that_cannot_run_says_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "outside.wdl").write_text("version 1.0\nworkflow o {}")
    (folder := tmp_path / "definition").mkdir()
    (folder / "main.wdl").write_text(text)
    with pytest.raises(BadDefinition, match=said) as raised:
        check_wdl(folder, "main.wdl", "WDL")
    assert str(tmp_path) not in str(raised.value)


@pytest.mark.service
def test_only_the_lenient_engine_converts_as_cromwell_does(tmp_path: Path) -> None:
    (tmp_path / "main.wdl").write_text(LENIENT)
    with pytest.raises(BadDefinition, match="Expected Int instead of Float"):
        check_wdl(tmp_path, "main.wdl", "WDL")
    assert "workflow w" in check_wdl(tmp_path, "main.wdl", "WDL_LENIENT").message


def test_nextflow_without_its_program_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadDefinition, match="nextflow is not on the PATH of the local HealthOmics"):
        check_nextflow(tmp_path, "main.nf", "NEXTFLOW")


@pytest.mark.parametrize("groups", ["definitions", "$defs"])
def test_a_nextflow_schema_is_the_parameter_template(tmp_path: Path, groups: str) -> None:
    section = {
        "required": ["reads", "mode"],
        "properties": {
            "reads": {"type": "string", "description": "the\n reads"},
            "mode": {"type": "string", "default": "fast"},
        },
    }
    (tmp_path / "nextflow_schema.json").write_text(
        json.dumps({"properties": {"help": {}}, groups: {"input": section}})
    )
    assert nextflow_template(tmp_path / "nextflow_schema.json") == {
        "help": {"optional": True},
        "reads": {"optional": False, "description": "the reads"},
        "mode": {"optional": True},
    }


@pytest.mark.parametrize("text", ["{", "[]", '{"properties": 3}', '{"$defs": {"a": "b"}}'])
def test_a_nextflow_schema_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "nextflow_schema.json").write_text(text)
    with pytest.raises(BadDefinition, match=r"nextflow_schema\.json is no schema"):
        nextflow_template(tmp_path / "nextflow_schema.json")


ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
MAP = {
    "registryMappings": [
        {"upstreamRegistryUrl": "registry-1.docker.io", "ecrRepositoryPrefix": "hub"},
        {
            "upstreamRegistryUrl": "quay.io",
            "ecrRepositoryPrefix": "bio",
            "upstreamRepositoryPrefix": "biocontainers",
            "ecrAccountId": "999999999999",
        },
        {"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "quay"},
    ],
    "imageMappings": [
        {"sourceImage": "ubuntu:22.04", "destinationImage": f"{ECR}/mine:1"},
        {"sourceImage": "half"},
    ],
}


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("ubuntu:20.04", f"{ECR}/hub/library/ubuntu:20.04"),
        ("docker.io/a/b@sha256:1", f"{ECR}/hub/a/b@sha256:1"),
        ("quay.io/biocontainers/bwa:1", "999999999999.dkr.ecr.us-east-1.amazonaws.com/bio/bwa:1"),
        ("quay.io/other/bwa", f"{ECR}/quay/other/bwa"),
        ("ubuntu:22.04", f"{ECR}/mine:1"),
        ("half", f"{ECR}/hub/library/half"),
        ("ghcr.io/a/b", "ghcr.io/a/b"),
        (f"{ECR}/a:1", f"{ECR}/a:1"),
    ],
)
def test_images_are_found_by_the_registry_map(image: str, name: str) -> None:
    found = RegistryMap.of(MAP, "123456789012", "us-east-1").resolve(image)
    assert found.name == name
    assert found.source == (None if name == image else image)


def test_what_a_cache_keeps_is_pulled_from_where_it_comes(tmp_path: Path) -> None:
    registries = RegistryMap.of(MAP, "123456789012", "us-east-1")
    assert registries.resolve("quay.io/a/b:1").pull == "quay.io/a/b:1"
    assert registries.resolve("ubuntu:22.04").pull == f"{ECR}/mine:1"
