"""Which image a task runs in: that of its environment, its own, or what omics-images.yaml says.

Pure. An environment's image is named by its content: the same files make the same image, for all
rules, workflows and users of a registry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ..model import Environment
from ..settings.options import IMAGE_BASE, IMAGE_PREFIX, LOCAL_REGION, Options

_COMMON_NAMES = frozenset({"conda", "env", "environment"})  # which say nothing
_LONGEST = 64  # characters of an environment's name


@dataclass(frozen=True, slots=True)
class ImageNames:
    """How images are named; `chosen` has what stands in the place of an environment or image."""

    registry: str = f"123456789012.dkr.ecr.{LOCAL_REGION}.amazonaws.com"
    prefix: str = IMAGE_PREFIX
    base: str = IMAGE_BASE
    chosen: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        options: Options,
        region: str | None,
        chosen: Mapping[str, str],
        account: str | None = None,
    ) -> ImageNames:
        registry = options.registry(region, account)
        return cls(registry, options.image_prefix, options.image_base, chosen)

    def repository(self, environment: Environment) -> str:
        return f"{self.prefix}/{environment.name}"

    def made(self, environment: Environment) -> str:
        """The image that `images build` makes of an environment."""
        return f"{self.registry}/{self.repository(environment)}:{environment.key}"

    def of_environment(self, environment: Environment) -> str:
        for name in (str(environment), environment.file, environment.name):
            if name in self.chosen:
                return self.chosen[name]
        return self.made(environment)

    def of_container(self, image: str) -> str:
        return self.chosen.get(image, image)


def environment_name(file: str) -> str:
    """A repository's last part for an environment's file: `envs/bwa.yaml` is `bwa`.

    A file whose name says nothing goes by its folders, as those of wrappers do.
    """
    path = PurePosixPath(re.sub(r"^[a-z0-9+]+://[^/]*/", "", file))
    words = [path.stem]
    if path.stem.lower() in _COMMON_NAMES:
        folders = [part for part in path.parts[:-1] if part not in ("/", "..", ".")]
        words = folders[-2:] or words
    name = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")
    return name[:_LONGEST].rstrip("-") or "environment"
