"""What an environment's files ask for. Pure.

`environment.yaml` as conda reads it, and the `@EXPLICIT` list that Snakemake calls a pin file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import ImageError
from ..model import Environment

# What `defaults` stands for in conda, of the channels that have linux-64.
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
_ABSENT = ("conda-forge",)  # where a file names no channel
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PIP = "omics-requirements.txt"  # the file of requirements for pip
_OF_A_FILE = re.compile(
    r"(-r|-c|-e|-f|--requirement|--constraint|--editable|--find-links)[\s=]*(?P<file>\S+)"
    r"|(?P<path>\.{0,2}/.*|\.{1,2})"
)
PIN_ANEW = "write it anew with `snakedeploy pin-conda-envs`, or remove it"  # a pin file
_PIN = re.compile(r"(?P<url>[a-z0-9]+://[^#\s]+)(#(sha256:)?(?P<digest>[0-9a-fA-F]{32,64}))?")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package by its address; `digest` are the hex digits of its MD5 or SHA-256."""

    url: str
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to install, and what to do then.

    `pins` stand in the place of `specs` where there are any. `pip` are requirements, `variables`
    what activation sets.
    """

    channels: tuple[str, ...]
    specs: tuple[str, ...]
    pip: tuple[str, ...] = ()
    variables: Mapping[str, str]
    pins: tuple[Pin, ...] = ()

    @property
    def requirements(self) -> str:
        """The `pip:` part as conda hands it to pip: lines may have options."""
        return "".join(f"{line}\n" for line in self.pip)

    @classmethod
    def of(cls, environment: Environment) -> Recipe:
        """
        Raises:
            ImageError: a file of the environment is none that conda could read.
        """
        content = _content(environment)
        channels = content.get("channels") or _ABSENT
        dependencies = content.get("dependencies") or ()
        if not isinstance(dependencies, (list, tuple)) or not isinstance(channels, (list, tuple)):
            raise _unreadable(environment, "`channels` and `dependencies` are lists")
        specs, pip = [], []
        for item in dependencies:
            if isinstance(item, str):
                specs.append(item.strip())
            elif isinstance(item, dict) and set(item) == {"pip"}:
                pip += [str(wanted).strip() for wanted in item["pip"] or ()]
            else:
                raise _unreadable(environment, f"{item!r} is no dependency")
        if beside := [line for line in pip if _names_a_file(line)]:
            raise ImageError(
                f"the `pip:` part of {environment.file} has `{beside[0]}`, a file that is not in "
                "the environment: Snakemake makes it from a copy of its file, too",
                hint="write the requirements into the list, or give a URL",
            )
        variables = {str(k): str(v) for k, v in (content.get("variables") or {}).items()}
        if wrong := [name for name in variables if not _VARIABLE.fullmatch(name)]:
            raise _unreadable(environment, f"{wrong[0]!r} is no name of a variable")
        return cls(
            channels=_resolved(map(str, channels)),
            specs=tuple(specs),
            pip=tuple(pip),
            variables=variables,
            pins=() if environment.pins is None else _pins(environment, environment.pins),
        )


def _content(environment: Environment) -> dict[str, Any]:
    try:
        content = yaml.safe_load(environment.content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unreadable(environment, str(error)) from error
    if not isinstance(content, dict):
        raise _unreadable(environment, "it has no `dependencies`")
    return content


def _names_a_file(line: str) -> bool:
    """Whether a line of requirements names something that lies beside the environment's file."""
    match = _OF_A_FILE.fullmatch(line.split(" #")[0].strip())
    return match is not None and "://" not in match[0]


def _unreadable(environment: Environment, why: str) -> ImageError:
    return ImageError(f"{environment.file} is not an environment that conda reads: {why}")


def _resolved(channels: Any) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for channel in channels:
        if channel == "defaults":
            found.update(dict.fromkeys(_DEFAULTS))
        elif channel != "nodefaults":
            found[channel] = None
    return tuple(found)


def _pins(environment: Environment, text: bytes) -> tuple[Pin, ...]:
    found = []
    for line in text.decode(errors="replace").splitlines():
        line = line.strip()
        if not line or line.startswith(("#", "@")):
            continue
        match = _PIN.fullmatch(line)
        if match is None:
            raise ImageError(
                f"the pin file of {environment.file} has a line that names no package: {line!r}",
                hint=PIN_ANEW,
            )
        found.append(Pin(match["url"], match["digest"]))
    return tuple(found)
