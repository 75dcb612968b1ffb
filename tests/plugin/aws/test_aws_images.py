"""An image that the service cannot pull is refused, with the rule that has it."""

from collections.abc import Mapping
from typing import Any

import pytest

from snakemake_executor_omics.aws.images import out_of_reach

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/bwa:0.7.18"
QUAY = {"registryMappings": [{"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "quay"}]}
HUB = {"registryMappings": [{"upstreamRegistryUrl": "docker.io", "ecrRepositoryPrefix": "hub"}]}
ONE = {"imageMappings": [{"sourceImage": "debian:12", "destinationImage": ECR}]}
LIBRARY = {
    "registryMappings": [
        {
            "upstreamRegistryUrl": "registry-1.docker.io",
            "upstreamRepositoryPrefix": "library",
            "ecrRepositoryPrefix": "hub",
        }
    ]
}


def refused(image: str, registry_map: Mapping[str, Any] | None) -> list[str]:
    return list(map(str, out_of_reach({image: "align"}, "us-east-1", registry_map)))


@pytest.mark.parametrize(
    ("image", "registry_map"),
    [
        (ECR, None),
        ("quay.io/biocontainers/bwa:0.7.18", QUAY),
        ("debian:12", HUB),
        ("debian:12", ONE),
        ("debian:12", LIBRARY),
        ("snakemake/snakemake:v9.27.1", HUB),
    ],
)
def test_an_image_in_ecr_or_led_there_is_taken(
    image: str, registry_map: Mapping[str, Any] | None
) -> None:
    assert refused(image, registry_map) == []


@pytest.mark.parametrize(
    ("image", "registry_map", "sentence"),
    [
        ("debian:12", None, "pulls images from ECR only"),
        ("debian:12", QUAY, "pulls images from ECR only"),
        ("snakemake/snakemake:v9.27.1", LIBRARY, "pulls images from ECR only"),
        (
            ECR.replace("us-east-1", "eu-west-1"),
            None,
            "in eu-west-1, and the runs are in",
        ),
    ],
)
def test_another_image_is_refused_by_its_rule(
    image: str, registry_map: Mapping[str, Any] | None, sentence: str
) -> None:
    (told,) = refused(image, registry_map)
    assert told.startswith("rule align: ")
    assert sentence in told


@pytest.mark.parametrize("prefix", ["bio", "biocontainers"])
def test_a_prefix_covers_whole_parts_of_a_name_only(prefix: str) -> None:
    """Whether the service takes `bio` for `biocontainers/…` too is not documented."""
    mapping = {**QUAY["registryMappings"][0], "upstreamRepositoryPrefix": prefix}
    image, registry_map = "quay.io/biocontainers/bwa:0.7.18", {"registryMappings": [mapping]}
    assert bool(refused(image, registry_map)) is (prefix == "bio")


def test_all_images_are_refused_at_once() -> None:
    rules = {"debian:12": "align", "quay.io/x/y:1": "call", ECR: "fine"}
    found = list(out_of_reach(rules, "us-east-1", None))
    assert [refusal.rule for refusal in found] == ["align", "call"]
    assert "has the image quay.io/x/y:1" in str(found[1])
