"""Before a run starts: what ECR tells of the images that its tasks would be started from.

An image that is missing, for other machines, too large, or in a repository that HealthOmics may not
read fails its run after files were sent and minutes were billed. All that lack something are told
at once. What cannot be looked at, for want of rights or of an answer, is no reason to refuse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ServiceError, UnsupportedRule
from ..images.manifest import ARCHITECTURE, Reference
from ..limits import MAX_GPU_IMAGE, MAX_IMAGE
from .ecr import HOST, Ecr, ImageFacts, allows_service
from .images import pulled_from
from .session import Services

BUILD = "snakemake-omics images build"
GRANT = "snakemake-omics images grant"


@dataclass(frozen=True, slots=True)
class Looked:
    """`lacks` refuse the run, `notes` are said, `pinned` has a name by digest for a name whose
    tag may move.
    """

    lacks: list[UnsupportedRule] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pinned: dict[str, str] = field(default_factory=dict)


def look_at_images(
    services: Services,
    rules: Mapping[str, str],
    made: Collection[str],
    registry_map: Mapping[str, Any],
    account: str,
) -> Looked:
    """Look at the images of `rules` (which has the rules of each) that lie in ECR.

    `made` are those that `images build` makes. An image that is pulled through need not be there.
    """
    looked = Looked()
    registries: dict[str, Ecr] = {}
    allowed: dict[tuple[str, str], bool] = {}
    for image, rule in sorted(rules.items()):
        place = pulled_from(image, registry_map, account, services.region)
        reference = None if place is None else Reference.of(place)
        if reference is None or not HOST.fullmatch(reference.registry):
            continue
        through = place != image and not _is_named(image, registry_map)
        host, repository = reference.registry, reference.repository
        try:
            ecr = registries.setdefault(host, Ecr(services, host))
            if ecr.region != services.region:
                continue
            facts = ecr.facts(repository, reference.wanted)
            if facts is not None and (host, repository) not in allowed:
                allowed[host, repository] = allows_service(ecr.policy(repository))
        except ServiceError as error:
            looked.notes.append(f"the image {place} could not be looked at: {error.message}")
            continue
        if facts is None:
            if not through:
                hint = BUILD if image in made else "push it, or correct its name"
                looked.lacks.append(
                    UnsupportedRule(rule, f"has the image {place}, which is not there", hint=hint)
                )
            continue
        if not allowed[host, repository]:
            reason = f"has the image {place}, whose repository HealthOmics may not read"
            looked.lacks.append(UnsupportedRule(rule, reason, hint=GRANT))
        for reason, hint in _lacks(facts):
            looked.lacks.append(
                UnsupportedRule(rule, f"has the image {place}, {reason}", hint=hint)
            )
        looked.notes.extend(f"rule {rule} has the image {place}, {n}" for n in _notes(facts))
        if facts.moves and not through:
            looked.pinned[image] = f"{host}/{repository}@{facts.digest}"
    return looked


def _is_named(image: str, registry_map: Mapping[str, Any]) -> bool:
    mappings = registry_map.get("imageMappings") or ()
    return any(mapping.get("sourceImage") == image for mapping in mappings)


def _lacks(facts: ImageFacts) -> Iterator[tuple[str, str]]:
    if ARCHITECTURE not in facts.architectures:
        yield (
            f"which is for {', '.join(facts.architectures) or 'no Linux'}: HealthOmics runs x86-64",
            "build it with --platform linux/amd64",
        )
    if facts.size > MAX_GPU_IMAGE:
        yield (
            f"of {facts.size / 1024**3:.0f} GiB: HealthOmics takes {MAX_GPU_IMAGE // 1024**3}",
            "leave data out of it, or give its tools images of their own",
        )


def _notes(facts: ImageFacts) -> Iterator[str]:
    if facts.entrypoint:
        words = " ".join(facts.entrypoint)
        yield (
            f"whose ENTRYPOINT ({words}) is in the way of the task's command: AWS wants none; "
            "`ENTRYPOINT []` in a Dockerfile takes it away"
        )
    if MAX_IMAGE < facts.size <= MAX_GPU_IMAGE:
        yield f"of {facts.size / 1024**3:.0f} GiB, which tasks with a GPU can have only"
