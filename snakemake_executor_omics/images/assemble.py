"""Make the image of an environment without Docker, without conda and on any system.

The packages are installed into a folder as they will lie in the image, packed as one layer on top
of the base, and pushed. What would have to run in the image while it is made (pip, post-deploy and
link scripts) needs a builder that can run it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from ..errors import ImageError
from ..model import Environment
from . import solver
from .activation import image_environment, write_activation
from .layers import Layer, pack, settle
from .manifest import ARCHITECTURE, Blob, Manifest, Reference, Registry, on_base
from .recipe import Recipe
from .registry_api import verified

PREFIX = "/opt/env"
LOCK = "omics-explicit.txt"  # in the image: what is in it, as a pin file
LABEL = "io.github.snakemake.omics.environment"
_BASE_LABELS = ("org.opencontainers.image.base.name", "org.opencontainers.image.base.digest")


class NeedsBuilder(ImageError):
    """Something has to run in the image while it is made."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """An image in files of this machine."""

    manifest: Manifest
    config: bytes
    layer: Layer
    base: Reference
    lock: str
    packages: int


def check_assemblable(environment: Environment, *, pip: bool = False) -> Recipe:
    """What an environment asks for, of whom nothing runs in its image, but for `pip` perhaps.

    Raises:
        NeedsBuilder
    """
    recipe = Recipe.of(environment)
    if recipe.pip and not pip:
        raise NeedsBuilder(f"{environment.file} has a `pip:` part, which runs in its image")
    if environment.post_deploy is not None:
        raise NeedsBuilder(f"{environment.file} has a post-deploy script, which runs in its image")
    return recipe


def assemble(
    environment: Environment, registry_of: Callable[[str], Registry], folder: Path
) -> Assembled:
    """Make the image in `folder`; `registry_of` a host has the base.

    Raises:
        NeedsBuilder: a package or the environment has a script to run.
        ImageError: packages or base cannot be had.
    """
    recipe = check_assemblable(environment)
    reference = Reference.of(environment.base)
    base, config = _base(reference, registry_of(reference.registry))
    solution = solver.solve(recipe, solver.LINUX, gpu=environment.gpu)
    prefix = folder / "prefix"
    prefix.mkdir()
    solver.install(solution, prefix, PREFIX)
    if scripts := sorted(path.name for path in prefix.glob("bin/.*-post-link.sh")):
        raise NeedsBuilder(f"{environment.file} has packages that run a script: {scripts[0]}")
    write_activation(prefix, PREFIX, recipe.variables)
    (prefix / LOCK).write_text(solution.explicit)
    settle(prefix)
    layer = pack(prefix, PREFIX, folder / "layer.tar.gz")
    labels = {
        LABEL: str(environment),
        **dict(zip(_BASE_LABELS, (environment.base, base.digest), strict=True)),
    }
    content, manifest = on_base(
        base, config, layer.blob, layer.diff_id, image_environment(PREFIX), labels
    )
    return Assembled(manifest, content, layer, reference, solution.explicit, len(solution.records))


def push(made: Assembled, registry_of: Callable[[str], Registry], target: Reference) -> str:
    """Push an assembled image; its digest. What the registry has already is not sent again."""
    registry, source = registry_of(target.registry), registry_of(made.base.registry)
    for part in made.manifest.layers:
        if registry.has_blob(target.repository, part.digest):
            continue
        if part.digest == made.layer.blob.digest:
            registry.put_blob(target.repository, part, lambda: made.layer.file.open("rb"))
            continue
        with tempfile.TemporaryFile() as kept:
            for block in source.blob(made.base.repository, part.digest):
                kept.write(block)
            _check(kept, part, made.base)
            registry.put_blob(target.repository, part, lambda: _again(kept))
    config = made.manifest.config
    if not registry.has_blob(target.repository, config.digest):
        with tempfile.TemporaryFile() as kept:
            kept.write(made.config)
            registry.put_blob(target.repository, config, lambda: _again(kept))
    assert target.tag is not None
    registry.put_manifest(target.repository, target.tag, made.manifest)
    return made.manifest.digest


def _base(reference: Reference, registry: Registry) -> tuple[Manifest, dict[str, object]]:
    name = f"{reference.registry}/{reference.repository}"
    found = registry.manifest(reference.repository, reference.wanted)
    if found is not None and found.is_index:
        digest = found.platforms.get(ARCHITECTURE)
        found = (digest and registry.manifest(reference.repository, digest)) or None
    if found is None:
        raise ImageError(
            f"the base image {name}:{reference.wanted} is not there for linux/{ARCHITECTURE}",
            hint="name another with --omics-image-base",
        )
    blocks = registry.blob(reference.repository, found.config.digest)
    config = json.loads(verified(blocks, found.config.digest, name))
    if config.get("architecture") != ARCHITECTURE:
        raise ImageError(
            f"the base image {name} is for {config.get('architecture')}; HealthOmics runs "
            f"{ARCHITECTURE}",
            hint="name another with --omics-image-base",
        )
    return found, config


def _check(kept: IO[bytes], part: Blob, base: Reference) -> None:
    kept.seek(0)
    digest = hashlib.file_digest(kept, "sha256").hexdigest()  # type: ignore[arg-type]
    if f"sha256:{digest}" != part.digest:
        raise ImageError(f"{base.registry} sends something else than the layer {part.digest}")


def _again(kept: IO[bytes]) -> BinaryIO:
    """The file from its beginning, to be closed by who reads it."""
    kept.flush()
    copy = os.fdopen(os.dup(kept.fileno()), "rb")
    copy.seek(0)
    return copy
