"""What `snakemake-omics images` was asked, as words of a command line and as one frozen value."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from ..errors import SettingsError
from .manifest import DOCKER_HUB

_SECRET = re.compile(r"(?P<host>[^=/\s]+)=(?P<arn>arn:[a-z-]+:secretsmanager:\S+)")


class Command(StrEnum):
    """What is done."""

    LIST = "list"
    BUILD = "build"
    GRANT = "grant"
    LOCK = "lock"
    MAP = "map"


class Builder(StrEnum):
    """Who makes images of environments."""

    ASSEMBLE = "assemble"
    CODEBUILD = "codebuild"
    DOCKER = "docker"
    PODMAN = "podman"
    BUILDAH = "buildah"
    WAVE = "wave"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """`only` names environments by name or file; `write` is a folder to write to.

    `credentials` has the ARN of a secret for hosts of registries.
    """

    command: Command
    as_json: bool = False
    builder: Builder = Builder.ASSEMBLE
    only: tuple[str, ...] = ()
    write: Path | None = None
    credentials: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, words: str) -> ImageRequest:
        """
        Raises:
            SettingsError: the words of `--omics-images` ask for nothing that there is.
        """
        found = _Parser(prog="--omics-images", add_help=False)
        add_arguments(found)
        return _request(found.parse_args(shlex.split(words)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `snakemake-omics images`, beside those of Snakemake."""
    parser.add_argument(
        "command",
        choices=[command.value for command in Command],
        help="list: which images the workflow has, and where they are; build: make those of its "
        "environments; grant: let HealthOmics pull from the repositories that they are in; lock: "
        "write their digests to omics-images.yaml; map: write a registry map for the registries "
        "that its containers are from",
    )
    parser.add_argument("--json", action="store_true", help="list: as JSON")
    parser.add_argument(
        "--with",
        dest="builder",
        choices=[builder.value for builder in Builder],
        default=Builder.ASSEMBLE.value,
        help="build: who makes them. assemble (default) needs neither Docker nor conda; wave makes "
        "public images",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="build: this environment only"
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="DIR",
        help="build: leave a Dockerfile for each environment there and build nothing; map: the "
        "folder for its files",
    )
    parser.add_argument(
        "--credential",
        action="append",
        default=[],
        metavar="HOST=ARN",
        help="map: the secret of Secrets Manager with which images are pulled from that registry",
    )


def words_of(arguments: argparse.Namespace) -> str:
    """The words that `ImageRequest.of` reads."""
    words = [arguments.command, "--with", arguments.builder]
    words += ["--json"] if arguments.json else []
    for name in arguments.only:
        words += ["--only", name]
    for pair in arguments.credential:
        words += ["--credential", pair]
    if arguments.write is not None:
        words += ["--write", str(arguments.write.resolve())]
    return shlex.join(words)


def _request(found: argparse.Namespace) -> ImageRequest:
    credentials = {}
    for pair in found.credential:
        if (match := _SECRET.fullmatch(pair)) is None:
            raise SettingsError(
                f"--credential {pair.partition('=')[0]}: it is not HOST=ARN with the ARN of a "
                "secret",
                hint="as docker.io=arn:aws:secretsmanager:us-east-1:111122223333:secret:"
                "ecr-pullthroughcache/docker-hub",
            )
        credentials[DOCKER_HUB if match["host"] == "docker.io" else match["host"]] = match["arn"]
    return ImageRequest(
        command=Command(found.command),
        as_json=found.json,
        builder=Builder(found.builder),
        only=tuple(found.only),
        write=found.write,
        credentials=credentials,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(
            f"--omics-images: {message}", hint="see `snakemake-omics images --help`"
        )
