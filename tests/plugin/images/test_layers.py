"""A folder is packed into the same bytes whenever and wherever it was made."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from snakemake_executor_omics.errors import ImageError
from snakemake_executor_omics.images.layers import pack, settle
from snakemake_executor_omics.images.manifest import (
    DOCKER_MANIFEST,
    Blob,
    Manifest,
    Reference,
    compact,
    on_base,
    sha256,
)


def folder(path: Path, names: list[str], when: float) -> Path:
    for name in names:
        file = path / "prefix" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        os.utime(file, (when, when))
    (path / "prefix/bin").mkdir(exist_ok=True)
    (path / "prefix/bin/tool").write_text("#!/bin/sh\n")
    (path / "prefix/bin/tool").chmod(0o700)
    (path / "prefix/link").symlink_to("bin/tool")
    return path / "prefix"


def test_order_times_and_owners_are_no_part_of_a_layer(tmp_path: Path) -> None:
    names = ["b/x", "a/y", "a-b", "ü"]
    one = folder(tmp_path / "one", names, 1e9)
    two = folder(tmp_path / "two", names[::-1], 1.5e9)
    packed = [pack(made, "/opt/env", tmp_path / made.parent.name / "out.gz") for made in (one, two)]
    assert packed[0].blob == packed[1].blob
    assert packed[0].diff_id == packed[1].diff_id
    assert packed[0].blob.digest == sha256(packed[0].file.read_bytes())
    with tarfile.open(packed[0].file) as archive:
        members = {member.name: member for member in archive}
    assert list(members)[:2] == ["opt", "opt/env"]
    assert members["opt/env/bin/tool"].mode == 0o755
    assert members["opt/env/link"].linkname == "bin/tool"
    assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(0, 0, 0)}


def test_what_tells_of_this_machine_is_left_out(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta/history").write_text("today")
    paths = [{"_path": "lib/a.pyc", "path_type": "pyc_file"}, {"_path": "lib/a.py"}]
    record = {"name": "a", "link": {"source": "/home/me"}, "files": ["lib/a.pyc", "lib/a.py"],
              "paths_data": {"paths": paths}}  # fmt: skip
    (prefix / "conda-meta/a-1-0.json").write_text(json.dumps(record))
    (prefix / "lib").mkdir()
    (prefix / "lib/a.pyc").write_bytes(b"compiled here")
    settle(prefix)
    assert [p.name for p in prefix.rglob("*") if p.is_file()] == ["a-1-0.json"]
    kept = json.loads((prefix / "conda-meta/a-1-0.json").read_text())
    assert kept == {"name": "a", "files": ["lib/a.py"], "paths_data": {"paths": paths[1:]}}


def test_compiled_python_of_a_package_is_used_though_its_time_is_gone(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    source = tmp_path / "lib/module.py"
    source.parent.mkdir()
    source.write_text("print('compiled')\n")
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    settle(tmp_path)
    source.write_text("print('source, with another time')\n")
    code = "import module"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source.parent, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(source.parent)},
    )  # fmt: skip
    assert done.stdout == "compiled\n"


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("debian", ("registry-1.docker.io", "library/debian", "latest", None)),
        ("biocontainers/bwa:1--0", ("registry-1.docker.io", "biocontainers/bwa", "1--0", None)),
        ("localhost:5000/a/b", ("localhost:5000", "a/b", "latest", None)),
        ("quay.io/a/b:1@sha256:" + "0" * 64, ("quay.io", "a/b", "1", "sha256:" + "0" * 64)),
        ("docker.io/a@sha256:" + "1" * 64, ("registry-1.docker.io", "library/a", None,
                                            "sha256:" + "1" * 64)),
    ],
)  # fmt: skip
def test_names_are_read_as_docker_reads_them(image: str, parts: tuple[str | None, ...]) -> None:
    found = Reference.of(image)
    assert (found.registry, found.repository, found.tag, found.digest) == parts


@pytest.mark.parametrize("image", ["", "A/B", "a b", "a@sha256:12"])
def test_what_is_no_name_is_refused(image: str) -> None:
    with pytest.raises(ImageError):
        Reference.of(image)


def test_an_image_has_no_entrypoint_and_no_user_of_its_base() -> None:
    layers = [{"digest": "sha256:1", "size": 1, "mediaType": "layer"}]
    base = Manifest(
        compact({"layers": layers, "config": {"digest": "sha256:2", "size": 2}}), DOCKER_MANIFEST
    )
    config = {
        "config": {"Entrypoint": ["/entry"], "User": "me", "Env": ["PATH=/bin", "A=b"]},
        "rootfs": {"diff_ids": ["sha256:3"]},
    }
    content, manifest = on_base(base, config, Blob("sha256:4", 4), "sha256:5",
                                {"PATH": "/opt/env/bin"}, {})  # fmt: skip
    made = json.loads(content)["config"]
    assert (made["Entrypoint"], made["User"]) == (None, "")
    assert made["Env"] == ["A=b", "PATH=/opt/env/bin:/bin"]
    assert [layer.digest for layer in manifest.layers] == ["sha256:1", "sha256:4"]
    assert manifest.config.digest == sha256(content)
