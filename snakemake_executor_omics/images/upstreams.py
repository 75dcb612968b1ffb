"""A registry map, and what ECR needs for it, for the registries that images come from. Pure.

Some are read through ECR's pull-through cache, others HealthOmics copies itself (user guide,
"Container images", registries "not supported by pull through cache").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .manifest import DOCKER_HUB, Reference

# By host, or by how a host ends: the prefix in ECR, and whether the rule needs a secret (ECR user
# guide, "Creating a pull through cache rule").
_PULLED_THROUGH: dict[str, tuple[str, bool]] = {
    "public.ecr.aws": ("ecr-public", False),
    "quay.io": ("quay", False),
    "registry.k8s.io": ("kubernetes", False),
    DOCKER_HUB: ("docker-hub", True),
    "ghcr.io": ("github", True),
    "registry.gitlab.com": ("gitlab", True),
    ".azurecr.io": ("azure", True),
}
_COPIED: dict[str, str] = {
    "community.wave.seqera.io": "seqera",
    "wave.seqera.io": "wave",
    "nvcr.io": "ngc",
    "gcr.io": "google",
    "-docker.pkg.dev": "google-artifacts",
}
_PRINCIPAL = {"Service": "omics.amazonaws.com"}
_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
_SECRET = "arn:aws:secretsmanager:REGION:ACCOUNT:secret:ecr-pullthroughcache/NAME"


@dataclass(frozen=True, slots=True)
class RegistryFiles:
    """`map` is what --omics-container-registry-map takes; `rules` are requests to ECR.

    `secrets` are hosts whose rule needs a secret that was not given, `unknown` those that nothing
    leads from.
    """

    map: dict[str, Any]
    rules: dict[str, Any]
    secrets: tuple[str, ...]
    unknown: tuple[str, ...]


def registry_files(
    images: Iterable[str], registry: str, credentials: Mapping[str, str] | None = None
) -> RegistryFiles:
    """For the images of a workflow; those in `registry` itself need nothing.

    `credentials` has the ARN of a secret in Secrets Manager for hosts that want one: ECR's rule
    reads it, or HealthOmics itself where it copies.
    """
    arns = credentials or {}
    hosts = sorted({Reference.of(image).registry for image in images} - {registry})
    mappings, rules, templates, secrets, unknown = [], [], [], [], []
    for host in hosts:
        if ".dkr.ecr." in host:
            continue
        through, copied = _known(host, _PULLED_THROUGH), _known(host, _COPIED)
        if through is not None:
            prefix, needs_secret = through
            rule = {"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": host}
            if host in arns:
                rule["credentialArn"] = arns[host]
            elif needs_secret:
                rule["credentialArn"] = _SECRET.replace("NAME", prefix)
                secrets.append(host)
            rules.append(rule)
            templates.append(
                {
                    "prefix": prefix,
                    "description": f"What HealthOmics pulls from {host}",
                    "appliedFor": ["PULL_THROUGH_CACHE"],
                    "repositoryPolicy": json.dumps(_policy(_PULL, resource=False)),
                }
            )
        elif copied is not None:
            prefix = copied
        else:
            unknown.append(host)
            continue
        mapping = {"upstreamRegistryUrl": host, "ecrRepositoryPrefix": prefix}
        if through is None and host in arns:
            mapping["credentialArn"] = arns[host]
        mappings.append(mapping)
    settings: dict[str, Any] = {
        "pullThroughCacheRules": rules,
        "repositoryCreationTemplates": templates,
    }
    if rules:
        wanted = ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]
        settings["registryPolicy"] = _policy(wanted, resource=True)
    return RegistryFiles({"registryMappings": mappings}, settings, tuple(secrets), tuple(unknown))


def is_pulled_through(host: str) -> bool:
    """Whether ECR's pull-through cache can read a registry; others HealthOmics copies itself."""
    host = host.removeprefix("https://").rstrip("/")
    return _known(DOCKER_HUB if host == "docker.io" else host, _PULLED_THROUGH) is not None


def _policy(actions: list[str], *, resource: bool) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": "HealthOmics",
        "Effect": "Allow",
        "Principal": _PRINCIPAL,
        "Action": actions,
    }
    if resource:
        statement["Resource"] = "*"
    return {"Version": "2012-10-17", "Statement": [statement]}


def _known(host: str, table: dict[str, Any]) -> Any:
    """The entry of a host, by itself or by its end."""
    if host in table:
        return table[host]
    ends = (value for end, value in table.items() if end[0] in ".-" and host.endswith(end))
    return next(ends, None)
