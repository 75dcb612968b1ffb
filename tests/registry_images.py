"""Images of next to nothing, for registries."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from typing import Any

from snakemake_executor_omics.images.manifest import (
    DOCKER_MANIFEST,
    Blob,
    Manifest,
    Registry,
    compact,
    sha256,
)

_KINDS = (
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)


def put_image(
    registry: Registry,
    repository: str,
    tag: str = "1",
    *,
    architecture: str = "amd64",
    config: Mapping[str, Any] | None = None,
) -> str:
    """Push an image with one file; its digest."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("base.txt"))
    layer = gzip.compress(packed.getvalue(), mtime=0)
    described = compact(
        {
            "architecture": architecture,
            "os": "linux",
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [sha256(packed.getvalue())]},
        }
    )
    parts = []
    for content, kind in zip((described, layer), _KINDS, strict=True):
        parts.append(Blob(sha256(content), len(content), kind))
        if not registry.has_blob(repository, parts[-1].digest):
            registry.put_blob(repository, parts[-1], lambda content=content: io.BytesIO(content))  # type: ignore[misc]
    text = compact(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": parts[0].json,
            "layers": [parts[1].json],
        }
    )
    registry.put_manifest(repository, tag, Manifest(text, DOCKER_MANIFEST))
    return sha256(text)
