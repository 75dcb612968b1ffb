"""Images that are folders of this machine, for the back end without containers.

`images/<SHA-256 of the image's name>.json` in the folder of the service's state says what a plain
process of that image has: `environment` are variables, as an image's configuration has them
(`PATH` goes before this machine's), `folders` those that it must see. Who starts tasks in an image
may write one; without it a task has the programs of this machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

FOLDER = "images"


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """What a plain process of an image has."""

    environment: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()

    @classmethod
    def of(cls, images: Path, image: str | None) -> Self:
        """That of `image`; one with nothing in it where no file tells of it."""
        if image is None:
            return cls()
        try:
            text = (images / f"{hashlib.sha256(image.encode()).hexdigest()}.json").read_text()
        except OSError:
            return cls()
        found = json.loads(text)
        return cls(found["environment"], tuple(found["folders"]))

    def variables(self, machine: Mapping[str, str]) -> dict[str, str]:
        """The environment variables, on a machine that has these ones."""
        found = dict(self.environment)
        if "PATH" in found and "PATH" in machine:
            found["PATH"] = f"{found['PATH']}:{machine['PATH']}"
        return found
