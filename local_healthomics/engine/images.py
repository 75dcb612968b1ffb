"""Container images by a workflow's registry map (user guide, "Container images").

An image mapping names one image and what stands for it. A registry mapping says under which prefix
of an account's ECR registry a pull-through cache keeps an upstream registry; the content is the
upstream's, so that is what a local container engine pulls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Self

from .errors import InvalidImage, NoImageAccess

_DOCKER_HUB = "registry-1.docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", _DOCKER_HUB})
# Upstream registries of a registry mapping (user guide): by a pull-through cache ("Synchronizing
# with third-party container registries"), or copied by the service ("Using third-party registries
# not supported by pull through cache").
COPIED = ("community.wave.seqera.io", "wave.seqera.io", "nvcr.io", "gcr.io", "*-docker.pkg.dev")
UPSTREAMS = (
    *("registry-1.docker.io", "quay.io", "public.ecr.aws", "registry.k8s.io", "ghcr.io"),
    *("registry.gitlab.com", "*.azurecr.io"),
    *COPIED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a task runs in: `name` is reported, `pull` is what a container engine asks for."""

    name: str
    pull: str
    source: str | None = None  # what the definition names, if it is something else
    is_cached: bool = False  # the first pull makes its repository


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryMap:
    """The map of one workflow, in an account and region."""

    account: str
    region: str
    images: Mapping[str, str] = field(default_factory=dict)
    registries: Sequence[Mapping[str, str]] = ()
    ecr_only: bool = False
    repositories: Mapping[str, bool] = field(default_factory=dict)  # see `RunRequest`
    pull_through: Mapping[str, str] = field(default_factory=dict)  # likewise
    whole_segments: bool = True  # an upstream prefix ends where a part of the name ends

    @classmethod
    def of(
        cls,
        data: Mapping[str, Any],
        account: str,
        region: str,
        *,
        ecr_only: bool = False,
        repositories: Mapping[str, bool] | None = None,
        pull_through: Mapping[str, str] | None = None,
        whole_segments: bool = True,
    ) -> Self:
        """From the API's ContainerRegistryMap; mappings that lack a side map nothing."""
        return cls(
            account=account,
            region=region,
            images={
                mapping["sourceImage"]: mapping["destinationImage"]
                for mapping in data.get("imageMappings") or ()
                if mapping.get("sourceImage") and mapping.get("destinationImage")
            },
            registries=data.get("registryMappings") or (),
            ecr_only=ecr_only,
            repositories=repositories or {},
            pull_through=pull_through or {},
            whole_segments=whole_segments,
        )

    def resolve(self, image: str | None) -> Image | None:
        """What to use for the image that a task names, if it names one.

        InvalidImage if that is not in ECR, in the region of the runs, and has to be; NoImageAccess
        if its repository is not there or does not let the service pull.
        """
        found = self._mapped(image) if image else None
        if not self.ecr_only:
            return found
        if not (found and self._in_ecr(found.name)):
            raise InvalidImage(image or "a task without an image")
        if not self.repositories.get(_repository(found.name), found.is_cached):
            raise NoImageAccess(found.name)
        return found

    def _is_cached(self, place: str, registry: str) -> bool:
        """Whether the first pull makes the repository: by a rule, or the service's own copy."""
        through = self.pull_through.get(place)
        return _is_one(registry, COPIED) or (
            through is not None and _canonical(through) == registry
        )

    def _in_ecr(self, name: str) -> bool:
        host = rf"\d{{12}}\.dkr\.ecr\.{re.escape(self.region)}\.amazonaws\.com"
        return re.match(f"{host}/.", name) is not None

    def _mapped(self, image: str) -> Image:
        """An image mapping comes before a registry mapping; without either it is as it is."""
        if (mapped := self.images.get(image)) is not None:
            return Image(name=mapped, pull=mapped, source=image)
        registry, repository = _split(image)
        for mapping in self.registries:
            if _canonical(mapping["upstreamRegistryUrl"]) != registry:
                continue
            prefix = mapping.get("upstreamRepositoryPrefix") or ""
            if prefix and self.whole_segments:
                prefix = f"{prefix.rstrip('/')}/"
            if not repository.startswith(prefix):
                continue
            if self.ecr_only and not _is_one(registry, UPSTREAMS):
                continue
            rest = repository.removeprefix(prefix).lstrip("/")
            account = mapping.get("ecrAccountId") or self.account
            host = f"{account}.dkr.ecr.{self.region}.amazonaws.com"
            place = f"{host}/{mapping['ecrRepositoryPrefix']}"
            cached = self._is_cached(place, registry)
            return Image(name=f"{place}/{rest}", pull=image, source=image, is_cached=cached)
        return Image(name=image, pull=image)


def _split(image: str) -> tuple[str, str]:
    """Registry and repository (with its tag) of an image, as Docker reads its name."""
    host, slash, rest = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        registry, repository = _canonical(host), rest
    else:
        registry, repository = _DOCKER_HUB, image
    if registry == _DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _repository(name: str) -> str:
    """A name without its tag or digest."""
    return re.sub(r"(:[^:/@]*)?(@.*)?$", "", name)


def _is_one(registry: str, known: Iterable[str]) -> bool:
    return any(fnmatchcase(registry, one) for one in known)


def _canonical(registry: str) -> str:
    host = registry.removeprefix("https://").rstrip("/")
    return _DOCKER_HUB if host in _HUB_NAMES else host
