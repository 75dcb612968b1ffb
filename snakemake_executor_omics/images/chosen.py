"""omics-images.yaml: the image to take in the place of an environment or of another image.

`images lock` writes it, and a user may: it is for the repository of the workflow, so that the same
command runs in the same images next year.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from ..errors import SettingsError

FILE = "omics-images.yaml"
_HEAD = """\
# Which image stands for an environment (by its file, name, or name:hash) or for another image.
# Written by `snakemake-omics images lock`; your own lines stay.
"""


def read_chosen(folder: Path) -> dict[str, str]:
    """What the file in `folder` says; nothing where there is none.

    Raises:
        SettingsError: it is no mapping of names to images.
    """
    path = folder / FILE
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    images = {} if found is None else found.get("images") if isinstance(found, dict) else None
    if not isinstance(images, dict) or not all(
        isinstance(name, str) and isinstance(image, str) for name, image in images.items()
    ):
        raise SettingsError(
            f"{path} is not a list of images",
            hint="write it as `images:`, and below it lines such as `envs/bwa.yaml: "
            "quay.io/biocontainers/bwa:0.7.18--he4a0461_1`",
        )
    return {name: image.removeprefix("docker://") for name, image in images.items()}


def write_chosen(folder: Path, images: Mapping[str, str]) -> Path:
    """Write the file, sorted."""
    path = folder / FILE
    text = yaml.safe_dump({"images": dict(sorted(images.items()))}, width=1000)
    path.write_text(_HEAD + text, encoding="utf-8")
    return path
