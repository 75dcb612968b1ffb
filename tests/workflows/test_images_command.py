"""`snakemake-omics images`: from a workflow with environments to images that a run can pull."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conda_channel import tool, write_channel
from registry_images import put_image
from running import Done, forked

from snakemake_executor_omics.aws.ecr import Ecr
from snakemake_executor_omics.aws.image_checks import BUILD, GRANT, look_at_images
from snakemake_executor_omics.aws.session import Services, connect
from snakemake_executor_omics.errors import UnsupportedRules
from snakemake_executor_omics.graph.selection import Selection
from snakemake_executor_omics.graph.waves import _with_images
from snakemake_executor_omics.model import JobKey, Step, Task, Wave
from snakemake_executor_omics.settings.options import Options

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


def registry(service: dict[str, str]) -> Ecr:
    return Ecr(connected(service), HOST)


def connected(service: dict[str, str]) -> Services:
    return connect("us-east-1", endpoint_url=service["AWS_ENDPOINT_URL"], environment=service)


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


@pytest.mark.slow
def test_images_are_listed_built_found_and_locked(folder: Path, service: dict[str, str]) -> None:
    ecr = registry(service)
    ecr.ensure_repository("base", {})
    put_image(ecr, "base")
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


@pytest.mark.slow
def test_a_map_leads_from_the_registries_in_use(folder: Path, service: dict[str, str]) -> None:
    found = answer(images(folder, service, "map"))
    assert found["registryMap"] == {
        "registryMappings": [{"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "quay"}]
    }
    assert found["pullThroughCacheRules"] == [
        {"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"}
    ]


def test_all_images_that_lack_something_are_told_at_once(service: dict[str, str]) -> None:
    services, ecr = connected(service), registry(service)
    client = services.client("ecr", None)
    for name in ("checked/closed", "checked/moves"):
        client.create_repository(repositoryName=name)
    ecr.ensure_repository("checked/fixed", {})
    put_image(ecr, "checked/closed")
    digest = put_image(ecr, "checked/moves", architecture="arm64", config={"Entrypoint": ["/e"]})
    put_image(ecr, "checked/fixed")
    rules = {f"{HOST}/checked/{name}:1": name for name in ("closed", "moves", "fixed", "none")}
    rules["quay.io/a/b:1"] = "through"
    quay = {"registryMappings": [{"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "q"}]}
    made = {f"{HOST}/checked/none:1"}
    looked = look_at_images(services, rules, made, quay, HOST.partition(".")[0])
    lacks = {(lack.rule, lack.hint) for lack in looked.lacks}
    platform = "build it with --platform linux/amd64"
    assert lacks == {("closed", GRANT), ("moves", GRANT), ("moves", platform), ("none", BUILD)}
    assert looked.pinned[f"{HOST}/checked/moves:1"] == f"{HOST}/checked/moves@{digest}"
    assert f"{HOST}/checked/fixed:1" not in looked.pinned, "its tag is immutable"
    (note,) = looked.notes
    assert "ENTRYPOINT (/e)" in note
    ecr.grant("checked/closed")
    again = look_at_images(services, {f"{HOST}/checked/closed:1": "closed"}, (), {}, "1")
    assert not again.lacks


def test_images_that_cannot_be_looked_at_refuse_nothing(service: dict[str, str]) -> None:
    services = connected({**service, "AWS_SECRET_ACCESS_KEY": "wrong"})
    looked = look_at_images(services, {f"{HOST}/x:1": "align"}, (), {}, "1")
    assert not looked.lacks
    assert "could not be looked at" in looked.notes[0]


def test_an_image_whose_tag_may_move_stands_in_the_wave_by_its_digest(
    service: dict[str, str],
) -> None:
    services, ecr = connected(service), registry(service)
    services.client("ecr", None).create_repository(repositoryName="waves/moves")
    digest = put_image(ecr, "waves/moves")
    ecr.grant("waves/moves")
    image = f"{HOST}/waves/moves:1"
    key = JobKey("align", (), ("out.txt",))
    task = Task(key=key, layers=((Step(key=key, command=""),),), container=image)
    role = "arn:aws:iam::123456789012:role/x"
    options = Options(role_arn=role, output_uri="s3://x", workflow_name="x")
    log = logging.getLogger("test")
    selection = Selection(Wave((task,)), {}, {image: "align"})
    names: dict[str, str] = {}
    found = _with_images(selection, options, services, {}, names, log)
    assert found.wave.tasks[0].container == f"{HOST}/waves/moves@{digest}"
    put_image(ecr, "waves/moves", config={"User": "other"})  # its tag moves
    later = _with_images(selection, options, services, {}, names, log)
    assert later.wave == found.wave, "a later wave of the same call has the same image"
    next_call = _with_images(selection, options, services, {}, {}, log)
    assert next_call.wave != found.wave
    lacking = replace(selection, images={f"{HOST}/waves/none:1": "align", "debian:12": "sort"})
    with pytest.raises(UnsupportedRules, match=r"(?s)rule sort: .*rule align: .*is not there"):
        _with_images(lacking, options, services, {}, names, log)
