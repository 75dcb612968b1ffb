"""A conda channel made by hand: packages of a few files, and the index that lists them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "/opt/a-placeholder-that-is-longer-than-any-prefix" + "_" * 100


@dataclass(frozen=True)
class Package:
    """`files` are texts, in which PREFIX stands for where they are installed."""

    name: str
    version: str = "1.0"
    build: str = "0"
    depends: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    noarch: str | None = None

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.build}.tar.bz2"

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else "linux-64"

    @property
    def index(self) -> dict[str, object]:
        found: dict[str, object] = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": 0,
            "depends": list(self.depends),
            "subdir": self.subdir,
        }
        return {**found, "noarch": self.noarch} if self.noarch else found

    @property
    def content(self) -> bytes:
        members = {name: text.encode() for name, text in self.files.items()}
        paths = [
            {
                "_path": name,
                "path_type": "hardlink",
                "sha256": hashlib.sha256(body).hexdigest(),
                "size_in_bytes": len(body),
                **(
                    {"prefix_placeholder": PREFIX, "file_mode": "text"}
                    if PREFIX.encode() in body
                    else {}
                ),
            }
            for name, body in members.items()
        ]
        members["info/index.json"] = json.dumps(self.index).encode()
        members["info/paths.json"] = json.dumps({"paths": paths, "paths_version": 1}).encode()
        members["info/files"] = "\n".join(self.files).encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:bz2") as archive:
            for name, body in members.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(body), 0o755 if "bin/" in name else 0o644
                archive.addfile(member, io.BytesIO(body))
        return packed.getvalue()


def tool(name: str, version: str = "1.0", depends: Sequence[str] = (), build: str = "0") -> Package:
    """A program that says its name, version and what activation set."""
    says = (
        f"#!/bin/bash\necho {name} {version} {build} in {PREFIX} home=${{{name.upper()}_HOME-}}\n"
    )
    sets = f"export {name.upper()}_HOME=$CONDA_PREFIX/share/{name}\n"
    files = {f"bin/{name}": says, f"etc/conda/activate.d/{name}.sh": sets}
    return Package(name, version, build, depends, files)


def write_channel(folder: Path, packages: Sequence[Package]) -> str:
    """Write a channel; its address."""
    for subdir in ("linux-64", "noarch"):
        (folder / subdir).mkdir(parents=True)
        listed = {}
        for package in (one for one in packages if one.subdir == subdir):
            content = package.content
            (folder / subdir / package.file).write_bytes(content)
            listed[package.file] = {
                **package.index,
                "md5": hashlib.md5(content).hexdigest(),
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            }
        index = {"info": {"subdir": subdir}, "packages": listed, "packages.conda": {}}
        (folder / subdir / "repodata.json").write_text(json.dumps(index))
    return folder.as_uri()
