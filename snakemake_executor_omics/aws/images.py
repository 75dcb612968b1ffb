"""Whether the service can pull an image.

It takes images of ECR in its own region, and others where a container registry map leads there
(user guide, "Container images for private workflows"). Whether a repository prefix `bio` covers
`biocontainers/samtools` is not written anywhere: here it covers whole parts of a name only, which
holds under either reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ..errors import UnsupportedRule

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/.+")
_HUB = "registry-1.docker.io"
_DOCKER_HUB = frozenset({_HUB, "docker.io", "index.docker.io"})
# Registries that a registry mapping can lead from (user guide): by a pull-through cache, or copied
# by the service.
UPSTREAMS = (
    *(_HUB, "quay.io", "public.ecr.aws", "registry.k8s.io", "ghcr.io", "registry.gitlab.com"),
    *("*.azurecr.io", "community.wave.seqera.io", "wave.seqera.io", "nvcr.io", "gcr.io"),
    "*-docker.pkg.dev",
)


def out_of_reach(
    rules: Mapping[str, str], region: str, registry_map: Mapping[str, Any] | None
) -> Iterator[UnsupportedRule]:
    """Images that no task could be started from: they lie elsewhere and no map leads to ECR.

    `rules` has the rules of each image.
    """
    for image, rule in sorted(rules.items()):
        found = _mapped(image, registry_map or {})
        ecr = _ECR.fullmatch(found)
        if ecr is not None and ecr["region"] != region:
            yield UnsupportedRule(
                rule,
                f"has the image {found} in {ecr['region']}, and the runs are in {region}",
                hint="let ECR replicate the image into the region of the runs",
            )
        if ecr is None and (found != image or not _is_cached(image, registry_map or {})):
            yield UnsupportedRule(
                rule,
                f"has the image {image}, and HealthOmics pulls images from ECR only",
                hint="give it a `container:` in ECR, or lead the image there with "
                "--omics-container-registry-map (`snakemake-omics images map` writes one); a rule "
                "without container has Snakemake's image",
            )


def _mapped(image: str, registry_map: Mapping[str, Any]) -> str:
    """What stands for an image, if a mapping of its own says so; the model lets both be missing."""
    named = {
        mapping.get("sourceImage"): mapping.get("destinationImage")
        for mapping in registry_map.get("imageMappings") or ()
        if mapping.get("destinationImage")
    }
    found: str = named.get(image) or image
    return found


def _is_cached(image: str, registry_map: Mapping[str, Any]) -> bool:
    """Whether a registry mapping leads the image to ECR, from a registry that can be upstream."""
    registry, name = _registry_and_name(image)
    return any(fnmatchcase(registry, known) for known in UPSTREAMS) and any(
        _canonical(mapping["upstreamRegistryUrl"]) == registry
        and _is_below(mapping.get("upstreamRepositoryPrefix"), name)
        for mapping in registry_map.get("registryMappings") or ()
    )


def pulled_from(
    image: str, registry_map: Mapping[str, Any], account: str, region: str
) -> str | None:
    """Where in ECR the service pulls an image from, None if nothing leads there."""
    found = _mapped(image, registry_map)
    if found != image or _ECR.fullmatch(image):
        return found
    registry, name = _registry_and_name(image)
    for mapping in registry_map.get("registryMappings") or ():
        prefix = (mapping.get("upstreamRepositoryPrefix") or "").rstrip("/")
        if _canonical(mapping["upstreamRegistryUrl"]) == registry and _is_below(prefix, name):
            owner = mapping.get("ecrAccountId") or account
            rest = name.removeprefix(f"{prefix}/") if prefix else name
            host = f"{owner}.dkr.ecr.{region}.amazonaws.com"
            return f"{host}/{mapping['ecrRepositoryPrefix']}/{rest}"
    return None


def _registry_and_name(image: str) -> tuple[str, str]:
    """As Docker reads an image's name: without a registry it is one of Docker Hub."""
    first, slash, rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, name = _canonical(first), rest
    else:
        registry, name = _HUB, image
    return registry, f"library/{name}" if registry == _HUB and "/" not in name else name


def _is_below(prefix: str | None, name: str) -> bool:
    return not prefix or name.startswith(f"{prefix.rstrip('/')}/")


def _canonical(registry: str) -> str:
    host = registry.removeprefix("https://").rstrip("/")
    return _HUB if host in _DOCKER_HUB else host
