"""Whether the service can pull an image.

It takes images of ECR in its own region, and others where a container registry map leads there
(user guide, "Container images for private workflows"). Whether a repository prefix `bio` covers
`biocontainers/samtools` is not written anywhere: here it covers whole parts of a name only, which
holds under either reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import UnsupportedRule, UnsupportedRules

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/.+")
_DOCKER_HUB = frozenset({"registry-1.docker.io", "docker.io", "index.docker.io"})


def check_images(
    rules: Mapping[str, str], region: str, registry_map: Mapping[str, Any] | None
) -> None:
    """Refuse images that no task could be started from; `rules` has a rule for each image.

    Raises:
        UnsupportedRules: images lie elsewhere and no map leads from there to ECR.
    """
    refused = list(_refused(rules, region, registry_map))
    if refused:
        raise UnsupportedRules(refused)


def _refused(
    rules: Mapping[str, str], region: str, registry_map: Mapping[str, Any] | None
) -> Iterator[UnsupportedRule]:
    for image, rule in sorted(rules.items()):
        ecr = _ECR.fullmatch(image)
        if ecr is not None and ecr["region"] != region:
            yield UnsupportedRule(
                rule,
                f"has the image {image} in {ecr['region']}, and the runs are in {region}",
                hint="let ECR replicate the image into the region of the runs",
            )
        if ecr is None and not _is_mapped(image, registry_map or {}):
            yield UnsupportedRule(
                rule,
                f"has the image {image}, and HealthOmics pulls images from ECR only",
                hint="give it a `container:` in ECR, or lead the image there with "
                "--omics-container-registry-map; a rule without container has Snakemake's image",
            )


def _is_mapped(image: str, registry_map: Mapping[str, Any]) -> bool:
    if image in (mapping["sourceImage"] for mapping in registry_map.get("imageMappings", ())):
        return True
    registry, name = _registry_and_name(image)
    return any(
        _same_registry(mapping["upstreamRegistryUrl"], registry)
        and _is_below(mapping.get("upstreamRepositoryPrefix"), name)
        for mapping in registry_map.get("registryMappings", ())
    )


def _registry_and_name(image: str) -> tuple[str, str]:
    """As Docker reads an image's name: without a registry it is one of Docker Hub."""
    first, slash, rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return "registry-1.docker.io", image if slash else f"library/{image}"


def _is_below(prefix: str | None, name: str) -> bool:
    return not prefix or name.startswith(f"{prefix}/")


def _same_registry(url: str, registry: str) -> bool:
    host = url.removeprefix("https://").rstrip("/")
    return host == registry or {host, registry} <= _DOCKER_HUB
