"""Images by a registry map, instances by what is asked for; nothing is started."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_healthomics.engine.errors import InvalidImage, NoImageAccess
from local_healthomics.engine.images import UPSTREAMS, RegistryMap
from local_healthomics.instances import ACCELERATORS, VCPUS, instance_type
from snakemake_executor_omics.aws import images
from snakemake_executor_omics.aws.images import out_of_reach

_ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
_MAP: dict[str, Any] = {
    "registryMappings": [
        {
            "upstreamRegistryUrl": "quay.io",
            "upstreamRepositoryPrefix": "bio",
            "ecrRepositoryPrefix": "q",
        },
        {"upstreamRegistryUrl": "https://registry-1.docker.io/", "ecrRepositoryPrefix": "hub"},
        {"upstreamRegistryUrl": "ghcr.io", "ecrRepositoryPrefix": "gh", "ecrAccountId": "2" * 12},
    ],
    "imageMappings": [
        {"sourceImage": "mine:1", "destinationImage": f"{_ECR}/mine:1"},
        {"sourceImage": "half"},
    ],
}


def _map(**more: Any) -> RegistryMap:
    return RegistryMap.of(_MAP, "123456789012", "us-east-1", **more)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("quay.io/bio/samtools:1", f"{_ECR}/q/samtools:1"),
        ("quay.io/biocontainers/samtools:1", None),
        ("quay.io/bio", None),
        ("python:3.11", f"{_ECR}/hub/library/python:3.11"),
        ("docker.io/python:3.11", f"{_ECR}/hub/library/python:3.11"),
        ("index.docker.io/org/tool", f"{_ECR}/hub/org/tool"),
        ("org/tool", f"{_ECR}/hub/org/tool"),
        ("ghcr.io/org/tool", f"{'2' * 12}.dkr.ecr.us-east-1.amazonaws.com/gh/org/tool"),
        ("localhost:5000/tool", None),
        ("half", f"{_ECR}/hub/library/half"),
    ],
)
def test_a_registry_mapping_leads_to_ecr(image: str, name: str | None) -> None:
    found = _map().resolve(image)
    assert found is not None
    assert found.name == (name or image)
    assert found.pull == image  # the content is the upstream's
    assert found.source == (image if name else None)


def test_an_image_mapping_goes_first() -> None:
    found = _map().resolve("mine:1")
    assert found is not None
    assert found.name == found.pull == f"{_ECR}/mine:1"
    assert found.source == "mine:1"


def test_a_task_without_an_image_has_none() -> None:
    assert _map().resolve(None) is None


@pytest.mark.parametrize(
    ("image", "taken"),
    [
        (f"{_ECR}/tool:1", True),
        ("python:3.11", True),
        ("quay.io/other/tool", False),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/tool", False),
    ],
)
def test_the_strict_service_takes_images_of_ecr_only(image: str, taken: bool) -> None:
    if taken:
        repositories = {f"{_ECR}/{name}": True for name in ("tool", "hub/library/python")}
        assert _map(ecr_only=True, repositories=repositories).resolve(image) is not None
    else:
        with pytest.raises(InvalidImage, match="valid ECR image URI"):
            _map(ecr_only=True).resolve(image)


@pytest.mark.parametrize("repositories", [{}, {f"{_ECR}/tool": False}])
def test_a_repository_must_be_there_and_let_the_service_pull(
    repositories: dict[str, bool],
) -> None:
    for image in (f"{_ECR}/tool:1", f"{_ECR}/tool@sha256:{'0' * 64}"):
        with pytest.raises(NoImageAccess, match="granted access to the HealthOmics service"):
            _map(ecr_only=True, repositories=repositories).resolve(image)


@pytest.mark.parametrize(
    ("through", "taken"),
    [
        ({}, False),
        ({f"{_ECR}/hub": "registry-1.docker.io"}, True),
        ({f"{_ECR}/hub": "quay.io"}, False),
        ({f"{_ECR}/other": "registry-1.docker.io"}, False),
    ],
)
def test_a_repository_of_a_pull_through_cache_is_made_with_the_first_pull(
    through: dict[str, str], taken: bool
) -> None:
    strict = _map(ecr_only=True, pull_through=through)
    if taken:
        assert strict.resolve("python:3.11") is not None
    else:
        with pytest.raises(NoImageAccess):
            strict.resolve("python:3.11")
    closed = {f"{_ECR}/hub/library/python": False}
    with pytest.raises(NoImageAccess):
        _map(ecr_only=True, pull_through=through, repositories=closed).resolve("python:3.11")


def test_what_the_service_copies_needs_no_rule() -> None:
    data = {"registryMappings": [{"upstreamRegistryUrl": "gcr.io", "ecrRepositoryPrefix": "g"}]}
    copied = RegistryMap.of(data, "123456789012", "us-east-1", ecr_only=True)
    assert copied.resolve("gcr.io/x/y:1") is not None


_HOSTS = st.sampled_from(
    ["docker.io", "registry-1.docker.io", "index.docker.io", "quay.io", "gcr.io", "localhost:5000",
     "https://quay.io/", "us-docker.pkg.dev", "docker.elastic.co", _ECR,
     _ECR.replace("us-east", "eu-west")]
)  # fmt: skip
_WORDS = st.sampled_from(["bio", "biocontainers", "library", "tool", "org"])
_IMAGES = st.tuples(st.one_of(st.just(""), _HOSTS), st.lists(_WORDS, min_size=1, max_size=3)).map(
    lambda parts: "/".join([*([parts[0].strip("/")] if parts[0] else []), *parts[1]]) + ":1"
)
_MAPPINGS = st.fixed_dictionaries(
    {"upstreamRegistryUrl": _HOSTS, "ecrRepositoryPrefix": _WORDS},
    optional={"upstreamRepositoryPrefix": st.sampled_from(["bio", "bio/", "library", "org/bio"])},
)


@given(
    _IMAGES,
    st.lists(_MAPPINGS, max_size=2),
    st.lists(
        st.fixed_dictionaries({}, optional={"sourceImage": _IMAGES, "destinationImage": _IMAGES}),
        max_size=2,
    ),
)
def test_the_plugin_takes_the_images_that_the_service_takes(
    image: str, registries: list[dict[str, str]], images: list[dict[str, str]]
) -> None:
    """The plugin cannot know whether a prefix may end within a name: it takes what holds anyway."""
    data = {"registryMappings": registries, "imageMappings": images}
    taken = not list(out_of_reach({image: "align"}, "us-east-1", data))

    def takes(whole_segments: bool) -> bool:
        registries = RegistryMap.of(
            data, "123456789012", "us-east-1", ecr_only=True, whole_segments=whole_segments
        )
        try:
            registries.resolve(image)
        except InvalidImage:
            return False
        except NoImageAccess:
            return True
        return True

    assert taken == takes(whole_segments=True)
    assert takes(whole_segments=False) or not taken


def test_the_plugin_knows_the_upstream_registries_of_the_service() -> None:
    assert set(images.UPSTREAMS) == set(UPSTREAMS)


@given(st.integers(1, 192), st.integers(1, 1536))
def test_more_is_never_a_smaller_instance(cpus: int, memory: int) -> None:
    def size(name: str | None) -> float:
        return float("inf") if name is None else VCPUS[name.rsplit(".", 1)[1]]

    here = size(instance_type(cpus, memory))
    assert here >= cpus
    assert size(instance_type(cpus + 1, memory)) >= here
    assert size(instance_type(cpus, memory + 1)) >= here


@pytest.mark.parametrize("accelerator", sorted(ACCELERATORS))
def test_every_accelerator_has_an_instance_with_one(accelerator: str) -> None:
    found = instance_type(1, 1, 1, accelerator)
    assert found is not None
    assert found.startswith("omics.g")
    assert instance_type(1, 1, 5, accelerator) is None
