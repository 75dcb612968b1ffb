"""A map for the registries in use, as the service takes it, with what ECR needs for it."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from botocore.validate import ParamValidator

from snakemake_executor_omics.aws.registry_map import read_registry_map
from snakemake_executor_omics.errors import SettingsError
from snakemake_executor_omics.images.request import ImageRequest
from snakemake_executor_omics.images.upstreams import registry_files

OURS = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
IMAGES = ["debian:12", "quay.io/a/b:1", "ghcr.io/a:1", "community.wave.seqera.io/library/x:1",
          "nvcr.io/x:1", "us-docker.pkg.dev/x/y:1", f"{OURS}/x:1", "registry.example/x:1",
          "mine.azurecr.io/x"]  # fmt: skip


def test_each_registry_has_its_way(tmp_path: Path) -> None:
    found = registry_files(IMAGES, OURS)
    mapped = {m["upstreamRegistryUrl"]: m["ecrRepositoryPrefix"]
              for m in found.map["registryMappings"]}  # fmt: skip
    assert mapped == {
        "registry-1.docker.io": "docker-hub",
        "quay.io": "quay",
        "ghcr.io": "github",
        "community.wave.seqera.io": "seqera",
        "nvcr.io": "ngc",
        "us-docker.pkg.dev": "google-artifacts",
        "mine.azurecr.io": "azure",
    }
    assert found.unknown == ("registry.example",)
    assert found.secrets == ("ghcr.io", "mine.azurecr.io", "registry-1.docker.io")
    file = tmp_path / "map.json"
    file.write_text(json.dumps(found.map))
    assert read_registry_map(file) == found.map


def test_what_ecr_needs_is_as_its_requests_are() -> None:
    rules = registry_files(IMAGES, OURS).rules
    model = boto3.client("ecr", "us-east-1").meta.service_model
    for operation, wanted in (
        ("CreatePullThroughCacheRule", rules["pullThroughCacheRules"]),
        ("CreateRepositoryCreationTemplate", rules["repositoryCreationTemplates"]),
        ("PutRegistryPolicy", [{"policyText": json.dumps(rules["registryPolicy"])}]),
    ):
        shape = model.operation_model(operation).input_shape
        for request in wanted:
            assert not ParamValidator().validate(request, shape).has_errors(), request


def test_images_of_ecr_need_nothing() -> None:
    found = registry_files([f"{OURS}/x:1"], OURS)
    assert (found.map, found.secrets, found.unknown) == ({"registryMappings": []}, (), ())
    assert "registryPolicy" not in found.rules


def test_a_secret_goes_to_who_reads_it() -> None:
    hub, seqera = (f"arn:aws:secretsmanager:us-east-1:1:secret:{name}" for name in "ab")
    given = {"registry-1.docker.io": hub, "community.wave.seqera.io": seqera}
    found = registry_files(IMAGES, OURS, given)
    rules = {r["upstreamRegistryUrl"]: r for r in found.rules["pullThroughCacheRules"]}
    assert rules["registry-1.docker.io"]["credentialArn"] == hub
    mapped = {m["upstreamRegistryUrl"]: m for m in found.map["registryMappings"]}
    assert mapped["community.wave.seqera.io"]["credentialArn"] == seqera
    assert "credentialArn" not in mapped["registry-1.docker.io"]
    assert found.secrets == ("ghcr.io", "mine.azurecr.io")


def test_a_secret_is_named_by_host_and_arn() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:1:secret:x"
    assert ImageRequest.of(f"map --credential docker.io={arn}").credentials == {
        "registry-1.docker.io": arn
    }
    with pytest.raises(SettingsError, match=r"--credential ghcr\.io: it is not HOST=ARN") as error:
        ImageRequest.of("map --credential ghcr.io=hunter2")
    assert "hunter2" not in str(error.value)
