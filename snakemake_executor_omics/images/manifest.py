"""What an image is made of: its name, its manifest and its configuration. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from ..errors import ImageError

ARCHITECTURE = "amd64"
DOCKER_HUB = "registry-1.docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", DOCKER_HUB})
# Of the OCI's specification and of Docker's older one.
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MEDIA_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST, *INDEXES)
_LAYER = {
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar+gzip",
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_CONFIG = {
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
}
_NAME = re.compile(
    r"(?P<name>[a-z0-9.:/_-]+?)(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name, in its parts."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def of(cls, image: str) -> Reference:
        """As Docker reads it: without a registry it is one of Docker Hub.

        Raises:
            ImageError: it is no name of an image.
        """
        match = _NAME.fullmatch(image)
        if match is None:
            raise ImageError(
                f"{image!r} is not the name of an image",
                hint="write it as host/repository:tag, in small letters",
            )
        name, tag, digest = match["name"], match["tag"], match["digest"]
        first, slash, rest = name.partition("/")
        if not (slash and ("." in first or ":" in first or first == "localhost")):
            first, rest = DOCKER_HUB, name
        registry = DOCKER_HUB if first in _HUB_NAMES else first
        if registry == DOCKER_HUB and "/" not in rest:
            rest = f"library/{rest}"
        return cls(registry, rest, tag or (None if digest else "latest"), digest)

    @property
    def wanted(self) -> str:
        """What a registry is asked for in the repository."""
        return self.digest or self.tag or "latest"


@dataclass(frozen=True, slots=True)
class Blob:
    """A layer or a configuration, as a manifest names it."""

    digest: str
    size: int
    media_type: str = ""

    @property
    def json(self) -> dict[str, object]:
        return {"mediaType": self.media_type, "size": self.size, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index, byte for byte: its digest is that of the image."""

    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return sha256(self.content)

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @property
    def config(self) -> Blob:
        return _blob(json.loads(self.content)["config"])

    @property
    def layers(self) -> tuple[Blob, ...]:
        return tuple(map(_blob, json.loads(self.content)["layers"]))

    @property
    def platforms(self) -> dict[str, str]:
        """The digests of an index's images by their architecture, those of Linux."""
        return {
            item["platform"]["architecture"]: item["digest"]
            for item in json.loads(self.content)["manifests"]
            if item.get("platform", {}).get("os") == "linux"
        }


class Registry(Protocol):
    """One registry, whoever speaks to it."""

    def manifest(self, repository: str, wanted: str) -> Manifest | None: ...
    def blob(self, repository: str, digest: str) -> Iterator[bytes]: ...
    def has_blob(self, repository: str, digest: str) -> bool: ...
    def put_blob(self, repository: str, blob: Blob, open_it: Callable[[], BinaryIO]) -> None: ...
    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None: ...


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def compact(value: object) -> bytes:
    """JSON whose bytes depend on the value alone."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def on_base(
    base: Manifest,
    base_config: Mapping[str, Any],
    layer: Blob,
    diff_id: str,
    environment: Mapping[str, str],
    labels: Mapping[str, str],
) -> tuple[bytes, Manifest]:
    """Configuration and manifest of an image that has one layer more than its base.

    It runs as root, without ENTRYPOINT: the service starts bash in it.
    """
    config = dict(base_config.get("config") or {})
    variables = dict(item.partition("=")[::2] for item in config.get("Env") or ())
    merged = {**variables, **environment}
    if "PATH" in environment:
        merged["PATH"] = f"{environment['PATH']}:{variables.get('PATH', _PATH)}"
    config |= {
        "Env": [f"{name}={value}" for name, value in sorted(merged.items())],
        "Entrypoint": None,
        "Cmd": ["/bin/bash"],
        "User": "",
        "WorkingDir": "/",
        "Labels": {**(config.get("Labels") or {}), **labels},
    }
    made = {
        "architecture": ARCHITECTURE,
        "os": "linux",
        "created": _EPOCH,
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [*base_config["rootfs"]["diff_ids"], diff_id],
        },
        "history": [
            *(base_config.get("history") or ()),
            {"created": _EPOCH, "created_by": "snakemake-omics images build"},
        ],
    }
    content = compact(made)
    kind = base.media_type
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": Blob(sha256(content), len(content), _CONFIG[kind]).json,
        "layers": [
            *(part.json for part in base.layers),
            Blob(layer.digest, layer.size, _LAYER[kind]).json,
        ],
    }
    return content, Manifest(compact(manifest), kind)


_EPOCH = "1970-01-01T00:00:00Z"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _blob(found: Mapping[str, Any]) -> Blob:
    return Blob(found["digest"], int(found["size"]), found.get("mediaType", ""))
