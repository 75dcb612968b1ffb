"""Choose and install conda packages: the one door to py-rattler, which the extra `images` brings.

It needs no conda, and installs for linux-64 also where that is not this machine. What a solver may
count on of the machine that will run the environment is given, never looked up here, unless the
environment is for this machine.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ChannelsUnreachable, ImageError
from .recipe import PIN_ANEW, Pin, Recipe

LINUX = "linux-64"
GLIBC, CUDA = "2.28", "12.4"
# What tasks have: a kernel and glibc that no supported Debian is older than, and AVX2, which all
# instances of the service have. The version of CUDA is that of no document.
_GIVEN = (("__unix", "0", "0"), ("__linux", "5.10", "0"), ("__glibc", GLIBC, "0"))
_ARCHITECTURE = ("__archspec", "1", "x86_64_v3")
_CUDA = ("__cuda", CUDA, "0")
_SOLVE = datetime.timedelta(minutes=10)
_OFFLINE = "error sending request"  # of reqwest, below rattler: no connection came about
EXTRA = "in a clone of the plugin's repository: pip install '.[images]'"


@dataclass(frozen=True, slots=True)
class Solution:
    """Packages that go together; `records` are rattler's, in no order that matters."""

    records: tuple[Any, ...]
    platform: str

    @property
    def explicit(self) -> str:
        """The packages as a list that conda and Snakemake take for a pin file."""
        lines = [f"{r.url}#{r.md5.hex()}" if r.md5 else str(r.url) for r in self.records]
        return "\n".join([f"# platform: {self.platform}", "@EXPLICIT", *sorted(lines), ""])


def here() -> str:
    """The platform of this machine, as conda names it."""
    return str(_rattler().Subdir.current())


def solve(
    recipe: Recipe, platform: str, *, gpu: bool = False, this_machine: bool = False
) -> Solution:
    """Choose packages that meet a recipe, or take those that it pins.

    `gpu` says that a GPU with CUDA will be there.

    Raises:
        ChannelsUnreachable: there is no way to the channels.
        ImageError: nothing meets the recipe, or the extra is not installed.
    """
    rattler = _rattler()
    if recipe.pins:
        try:
            return Solution(tuple(_pinned(rattler, recipe.pins)), platform)
        except ImageError:
            raise
        except Exception as error:  # rattler's own have no root of their own
            raise _failed(error, "its pin file cannot be met") from error
    if this_machine:
        virtual = [found.into_generic() for found in rattler.VirtualPackage.detect()]
    else:
        virtual = [
            rattler.GenericVirtualPackage(
                rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build)
            )
            for name, version, build in (*_GIVEN, _ARCHITECTURE, *([_CUDA] if gpu else []))
        ]
    try:
        records = asyncio.run(
            rattler.solve(
                [rattler.Channel(channel) for channel in recipe.channels],
                [rattler.MatchSpec(spec) for spec in recipe.specs],
                platforms=[platform, "noarch"],
                virtual_packages=virtual,
                timeout=_SOLVE,
            )
        )
    except Exception as error:
        raise _failed(error, "no packages meet it") from error
    return Solution(tuple(sorted(records, key=lambda record: str(record.url))), platform)


def install(
    solution: Solution, folder: Path, prefix: str | None = None, *, link_scripts: bool = False
) -> None:
    """Install packages into `folder`, for use at `prefix` if that is another place.

    Raises:
        ChannelsUnreachable, ImageError
    """
    rattler = _rattler()
    try:
        asyncio.run(
            rattler.install(
                list(solution.records),
                folder,
                platform=rattler.Subdir(solution.platform),
                execute_link_scripts=link_scripts,
                show_progress=False,
                alternative_target_prefix=prefix,
            )
        )
    except Exception as error:
        raise _failed(error, "its packages cannot be installed") from error


def _pinned(rattler: Any, pins: Iterable[Pin]) -> Iterator[Any]:
    """What channels know of pinned packages.

    rattler compares no MD5 of what it downloads, but the SHA-256 that the channel has of it.
    """
    by_place: dict[tuple[str, str], dict[str, Pin]] = {}
    for pin in pins:
        channel, subdir, file = [*pin.url.rsplit("/", 2), "", ""][:3]
        by_place.setdefault((channel, subdir), {})[file] = pin
    gateway = rattler.Gateway()
    for (channel, subdir), wanted in by_place.items():
        names = sorted({file.rsplit("-", 2)[0].lower() for file in wanted})
        query = gateway.query([rattler.Channel(channel)], [subdir], names, recursive=False)
        listed: dict[str, Any] = {}
        for record in itertools.chain.from_iterable(asyncio.run(_answer(query))):
            listed[record.url.rpartition("/")[2]] = record
        for file, pin in wanted.items():
            found = listed.get(file)
            if found is None:
                raise ImageError(
                    f"its pin file names {pin.url}, which its channel does not list", hint=PIN_ANEW
                )
            known = {digest.hex() for digest in (found.md5, found.sha256) if digest}
            if pin.digest is not None and known and pin.digest.lower() not in known:
                raise ImageError(
                    f"its pin file has {pin.digest} for {pin.url}, whose channel has another file",
                    hint=PIN_ANEW,
                )
            yield found


async def _answer(query: Any) -> Any:
    return await query


def _failed(error: Exception, what: str) -> ImageError:
    text = str(error)
    if _OFFLINE in text:
        return ChannelsUnreachable(f"there is no way to its channels: {text.splitlines()[0]}")
    return ImageError(f"{what}: {text}")


def _rattler() -> Any:
    try:
        import rattler
    except ImportError as error:
        raise ImageError(
            f"conda environments need the extra `images` ({error.name} is not installed)",
            hint=EXTRA,
        ) from error
    return rattler
