"""Build images with a program of this machine: docker, podman or buildah.

A password is given to it on its stdin, never in a command line that others could read.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ..errors import ImageError

_SAID = 3000  # characters of a program's output that an error shows
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
        _run([program, "login", "--username", name, "--password-stdin", host], password)
    for image, files in work:
        say(f"omics: {program} builds {image}")
        with tempfile.TemporaryDirectory(prefix="omics-image-") as folder:
            for file, content in files.items():
                Path(folder, file).write_bytes(content)
            _run([program, _BUILD[program], "--platform", "linux/amd64", "-t", image, folder])
        if host is None:
            continue
        target = [image] if program != "buildah" else [image, f"docker://{image}"]
        near = program != "docker" and host.partition(":")[0] in ("127.0.0.1", "localhost")
        _run([program, "push", *(["--tls-verify=false"] if near else []), *target])


def _run(command: list[str], typed: str | None = None) -> None:
    done = subprocess.run(
        command,
        input=typed,
        stdin=subprocess.DEVNULL if typed is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ImageError(
            f"`{' '.join(command[:2])}` ended with status {done.returncode}: "
            f"{done.stdout[-_SAID:].strip()}"
        )
