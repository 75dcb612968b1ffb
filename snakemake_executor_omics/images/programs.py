"""Build images with a program of this machine: docker, podman or buildah.

A password is given to it on its stdin, never in a command line that others could read.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ..errors import ImageError
from .commands import run

_BUILD = {"docker": "build", "podman": "build", "buildah": "bud"}


def build_here(
    program: str,
    work: Iterable[tuple[str, Mapping[str, bytes]]],
    host: str | None,
    sign_in: tuple[str, str] | None,
    say: Callable[[str], None],
) -> None:
    """Build images, each from the files of its build, and push them to `host`, if one is given.

    `sign_in` is name and password.

    Raises:
        ImageError: the program is not here, or has failed.
    """
    if shutil.which(program) is None:
        raise ImageError(
            f"{program} is not installed",
            hint="`--with assemble` needs no program, `--with codebuild` uses AWS, and `--write "
            "DIR` leaves the Dockerfiles",
        )
    if sign_in is not None and host is not None:
        name, password = sign_in
        command = [program, "login", "--username", name, "--password-stdin", host]
        run(command, told=command[:2], typed=password)
    for image, files in work:
        say(f"omics: {program} builds {image}")
        with tempfile.TemporaryDirectory(prefix="omics-image-") as folder:
            for file, content in files.items():
                Path(folder, file).write_bytes(content)
            command = [program, _BUILD[program], "--platform", "linux/amd64", "-t", image, folder]
            run(command, told=command[:2])
        if host is None:
            continue
        target = [image] if program != "buildah" else [image, f"docker://{image}"]
        near = program != "docker" and host.partition(":")[0] in ("127.0.0.1", "localhost")
        run(
            [program, "push", *(["--tls-verify=false"] if near else []), *target],
            told=[program, "push"],
        )
