"""`snakemake-omics images`: from a workflow with environments to images that a run can pull."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from conda_channel import tool, write_channel
from running import Done, forked

from snakemake_executor_omics.aws.ecr import Ecr
from snakemake_executor_omics.aws.session import connect
from snakemake_executor_omics.images.manifest import (
    DOCKER_MANIFEST,
    Blob,
    Manifest,
    compact,
    sha256,
)

SNAKEFILE = """
rule all:
    input: "a.txt", "b.txt"
rule one:
    output: "a.txt"
    conda: "envs/aligner.yaml"
    shell: "aligner > {output}"
rule two:
    output: "b.txt"
    container: "docker://quay.io/tools/two:1"
    shell: "two > {output}"
"""
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
pytest.importorskip("rattler")


def put_base(ecr: Ecr) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("base.txt"))
    layer = gzip.compress(packed.getvalue(), mtime=0)
    rootfs = {"type": "layers", "diff_ids": [sha256(packed.getvalue())]}
    config = compact({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs})
    ecr.ensure_repository("base", {})
    parts = []
    for content in (config, layer):
        parts.append(Blob(sha256(content), len(content), "application/octet-stream"))
        ecr.put_blob("base", parts[-1], lambda content=content: io.BytesIO(content))  # type: ignore[misc]
    manifest = compact({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
                        "config": parts[0].json, "layers": [parts[1].json]})  # fmt: skip
    ecr.put_manifest("base", "1", Manifest(manifest, DOCKER_MANIFEST))


@pytest.fixture
def folder(tmp_path: Path, service: dict[str, str]) -> Path:
    channel = write_channel(tmp_path / "channel", [tool("aligner")])
    folder = tmp_path / "project"
    (folder / "envs").mkdir(parents=True)
    content = f"channels: ['{channel}']\ndependencies: [aligner]\n"
    (folder / "envs/aligner.yaml").write_text(content)
    (folder / "Snakefile").write_text(SNAKEFILE)
    return folder


def images(folder: Path, service: dict[str, str], words: str, *options: str) -> Done:
    base = ("--omics-image-base", f"{HOST}/base:1", "--omics-image-prefix", folder.parent.name)
    return forked(
        folder, "--executor", "omics", "--jobs", "1", "--forceall", "--omics-images", words,
        *base, *options, **service,
    )  # fmt: skip


def answer(done: Done) -> Any:
    """The JSON among what Snakemake said as well."""
    assert done.returncode == 0, done.stderr
    begin = min(found for found in map(done.stderr.find, ("\n[", "\n{")) if found >= 0)
    return json.JSONDecoder().raw_decode(done.stderr[begin + 1 :])[0]


@pytest.mark.xdist_group("service")
def test_images_are_listed_built_found_and_locked(folder: Path, service: dict[str, str]) -> None:
    ecr = Ecr(connect("us-east-1", endpoint_url=service["AWS_ENDPOINT_URL"], environment=service),
              HOST)  # fmt: skip
    put_base(ecr)
    before = {one["image"].rpartition("/")[2].partition(":")[0]: one
              for one in answer(images(folder, service, "list --json"))}  # fmt: skip
    assert before["aligner"]["state"] == "missing"
    assert before["aligner"]["rules"] == ["one"]
    assert before["two"]["state"] == "not in ECR"
    built = images(folder, service, "build")
    assert built.returncode == 0, built.stderr
    image = before["aligner"]["image"]
    (line,) = [line for line in built.stderr.splitlines() if line.startswith(f"{image}@")]
    digest = line.partition("@")[2]
    repository, tag = image.partition("/")[2].split(":")
    facts = ecr.facts(repository, tag)
    assert facts is not None
    assert (facts.digest, facts.architectures, facts.entrypoint) == (digest, ("amd64",), ())
    assert not facts.moves
    assert images(folder, service, "lock").returncode == 1, "of quay.io no digest is known"
    locked = (folder / "omics-images.yaml").read_text()
    assert f"aligner:{tag}: {HOST}/{repository}@{digest}" in locked


def test_a_map_leads_from_the_registries_in_use(folder: Path, service: dict[str, str]) -> None:
    found = answer(images(folder, service, "map"))
    assert found["registryMap"] == {
        "registryMappings": [{"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "quay"}]
    }
    assert found["pullThroughCacheRules"] == [
        {"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"}
    ]
