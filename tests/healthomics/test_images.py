"""`--images ecr`: a task runs only with an image that the service would take."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import local_healthomics as local
from local_healthomics.rights import REPOSITORY

from .conftest import WDL, Clients, connect, zipped

pytestmark = pytest.mark.service

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def choosy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    service = local.start(tmp_path_factory.mktemp("choosy"), options=["--images", "ecr"])
    ecr = service.client("ecr")
    for name in ("yy", "closed"):
        ecr.create_repository(repositoryName=name)
    ecr.set_repository_policy(repositoryName="yy", policyText=json.dumps(REPOSITORY))
    into = {
        **REPOSITORY["Statement"][0],
        "Action": ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"],
        "Resource": "arn:aws:ecr:us-east-1:123456789012:repository/*",
    }
    ecr.put_registry_policy(policyText=json.dumps({"Statement": [into]}))
    for prefix, upstream in (("quay", "quay.io"), ("github", "ghcr.io")):
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=prefix, upstreamRegistryUrl=upstream)
    ecr.create_repository_creation_template(
        prefix="quay", appliedFor=["PULL_THROUGH_CACHE"], repositoryPolicy=json.dumps(REPOSITORY)
    )
    yield connect(service)
    service.stop()


@pytest.mark.parametrize(
    ("image", "registries", "reason"),
    [
        ("x/yy:1", {}, "INVALID_ECR_IMAGE_URI"),
        (f"{HOST.replace('us-east-1', 'eu-west-2')}/yy:1", {}, "INVALID_ECR_IMAGE_URI"),
        (f"{HOST}/yy:1", {}, None),
        (f"{HOST}/closed:1", {}, "ECR_PERMISSION_ERROR"),
        (f"{HOST}/none:1", {}, "ECR_PERMISSION_ERROR"),
        (
            "x/y:1",
            {"imageMappings": [{"sourceImage": "x/y:1", "destinationImage": f"{HOST}/yy:1"}]},
            None,
        ),
        (
            "quay.io/x/y:1",
            {
                "registryMappings": [
                    {"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "quay"}
                ]
            },
            None,
        ),
        (  # whose repositories would be made, and not let the service pull
            "ghcr.io/x/y:1",
            {
                "registryMappings": [
                    {"upstreamRegistryUrl": "ghcr.io", "ecrRepositoryPrefix": "github"}
                ]
            },
            "ECR_PERMISSION_ERROR",
        ),
    ],
    ids=[
        *("public", "other region", "ecr", "closed repository", "no repository"),
        *("image mapping", "registry mapping", "no template"),
    ],
)
def test_an_image_must_be_in_ecr_or_mapped_there(
    choosy: Clients, image: str, registries: dict[str, object], reason: str | None
) -> None:
    workflow = choosy.active_workflow(
        definitionZip=zipped(main=WDL.replace("x/y:1", image)), containerRegistryMap=registries
    )
    run = choosy.start_with(workflow, {"a": choosy.uploaded("in/a.txt", b"a")})
    ended = choosy.until(run, "COMPLETED", "FAILED")
    assert ended.get("failureReason") == reason
    if reason == "INVALID_ECR_IMAGE_URI":
        assert f"{image} has an invalid structure" in ended["statusMessage"]
