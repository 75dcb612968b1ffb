"""ECR of the local service: what moto has other than AWS is as its documents say."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Clients

pytestmark = pytest.mark.service
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def ecr(fake: Clients, request: pytest.FixtureRequest) -> Any:
    """The client, with a repository of the test's own."""
    client = fake.service.client("ecr")
    client.create_repository(repositoryName=name(request), imageTagMutability="IMMUTABLE")
    return client


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    return name(request)


def name(request: pytest.FixtureRequest) -> str:
    return f"tests/{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}"


def upload(ecr: Any, repository: str, content: bytes, said: str | None = None) -> str:
    begun = ecr.initiate_layer_upload(repositoryName=repository)
    size = begun["partSize"]
    for first in range(0, len(content), size):
        part = content[first : first + size]
        ecr.upload_layer_part(
            repositoryName=repository, uploadId=begun["uploadId"], partFirstByte=first,
            partLastByte=first + len(part) - 1, layerPartBlob=part,
        )  # fmt: skip
    done: str = ecr.complete_layer_upload(
        repositoryName=repository,
        uploadId=begun["uploadId"],
        layerDigests=[said or digest(content)],
    )["layerDigest"]
    return done


def manifest(config: bytes, layer: bytes) -> str:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": digest(layer), "size": len(layer)}],
        }
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_an_image_is_known_by_the_digest_of_its_manifest(ecr: Any, repository: str) -> None:
    config, layer = b'{"architecture": "amd64"}', b"layer"
    upload(ecr, repository, config)
    upload(ecr, repository, layer)
    text = manifest(config, layer)
    put = ecr.put_image(repositoryName=repository, imageManifest=text, imageTag="1")["image"]
    assert put["imageId"] == {"imageDigest": digest(text.encode()), "imageTag": "1"}
    (detail,) = ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert detail["imageDigest"] == digest(text.encode())
    assert (detail["imageTags"], detail["imageSizeInBytes"]) == (["1"], len(layer))
    (got,) = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "1"}])["images"]
    assert got["imageManifest"] == text


def test_a_layer_comes_back_by_its_link(ecr: Any, repository: str) -> None:
    content = bytes(range(256)) * 50_000  # two parts
    found = upload(ecr, repository, content)
    asked = {"repositoryName": repository, "layerDigests": [found, digest(b"none")]}
    states = {
        layer["layerDigest"]: layer["layerAvailability"]
        for layer in ecr.batch_check_layer_availability(**asked)["layers"]
    }
    assert states == {found: "AVAILABLE", digest(b"none"): "UNAVAILABLE"}
    link = ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=found)
    with urllib.request.urlopen(link["downloadUrl"]) as answer:
        assert answer.read() == content


def test_an_image_whose_layers_are_missing_is_refused(ecr: Any, repository: str) -> None:
    with pytest.raises(ClientError) as error:
        ecr.put_image(repositoryName=repository, imageManifest=manifest(b"no", b"none"))
    assert code(error) == "LayersNotFoundException"


def test_a_wrong_digest_is_refused(ecr: Any, repository: str) -> None:
    with pytest.raises(ClientError) as error:
        upload(ecr, repository, b"layer", said=digest(b"another"))
    assert code(error) == "InvalidLayerException"


def test_an_immutable_tag_stays(ecr: Any, repository: str) -> None:
    for content in (b"{}", b"layer", b"other"):
        upload(ecr, repository, content)
    ecr.put_image(repositoryName=repository, imageManifest=manifest(b"{}", b"layer"), imageTag="1")
    for layer, expected in (
        (b"layer", "ImageAlreadyExistsException"),
        (b"other", "ImageTagAlreadyExistsException"),
    ):
        with pytest.raises(ClientError) as error:
            ecr.put_image(
                repositoryName=repository, imageManifest=manifest(b"{}", layer), imageTag="1"
            )
        assert code(error) == expected


def test_a_repository_with_images_is_deleted_by_force_only(ecr: Any, repository: str) -> None:
    for content in (b"{}", b"layer"):
        upload(ecr, repository, content)
    ecr.put_image(repositoryName=repository, imageManifest=manifest(b"{}", b"layer"))
    with pytest.raises(ClientError) as error:
        ecr.delete_repository(repositoryName=repository)
    assert code(error) == "RepositoryNotEmptyException"
    ecr.delete_repository(repositoryName=repository, force=True)
    with pytest.raises(ClientError) as error:
        ecr.describe_images(repositoryName=repository)
    assert code(error) == "RepositoryNotFoundException"


def test_the_settings_of_pull_through_are_kept(ecr: Any) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "omics.amazonaws.com"},
         "Action": ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"], "Resource": "*"}
    ]})  # fmt: skip
    ecr.put_registry_policy(policyText=policy)
    assert ecr.get_registry_policy()["policyText"] == policy
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="quay", upstreamRegistryUrl="quay.io")
    ecr.create_repository_creation_template(prefix="quay", appliedFor=["PULL_THROUGH_CACHE"])
    (rule,) = ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"]
    assert rule["upstreamRegistryUrl"] == "quay.io"
    (template,) = ecr.describe_repository_creation_templates()["repositoryCreationTemplates"]
    assert template["prefix"] == "quay"
    with pytest.raises(ClientError) as error:
        ecr.create_pull_through_cache_rule(
            ecrRepositoryPrefix="xx", upstreamRegistryUrl="x.example"
        )
    assert code(error) == "UnsupportedUpstreamRegistryException"
