"""A plain process that sees no more of this machine than a task on AWS would: by bubblewrap.

The system is read-only and its programs stay usable. People's files are hidden, and so is the
network unless the run has one. The task has its own folder and its own /tmp; what the run has for
it to read is there, read-only and on other mounts (a hard link of an input fails, as one between
file systems does). Programs that lie in a hidden folder are shown again: what PATH names and what
common interpreters there are links to.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_HIDDEN = ("/home", "/root", "/tmp", "/var/tmp", "/mnt", "/media", "/srv")
_INTERPRETERS = ("python3", "python", "Rscript", "perl", "java", "bash")
NOT_HIDDEN = (
    "tasks see this machine's files and its network: bubblewrap (bwrap) is not here or cannot be"
    " used, so what fails on AWS for want of them may work here"
)


@functools.cache
def tool() -> str | None:
    """The bwrap of this machine, if it can do what is wanted of it here."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    try:
        tried = subprocess.run(
            [found, "--ro-bind", "/", "/", "--unshare-net", "--tmpfs", "/tmp", "true"],
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if tried.returncode == 0 else None


def command(
    bwrap: str, *, run_dir: Path, task_dir: Path, tmp: Path, network: bool, home: Path
) -> list[str]:
    """What goes before a command; `home` is the folder that the server works in."""
    words = [bwrap, "--die-with-parent", "--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev"]
    hidden = [Path(path) for path in _HIDDEN if os.path.isdir(path) and not os.path.islink(path)]
    if home != Path("/") and not _below(home, hidden):
        hidden.append(home)
    for path in hidden:
        words += ["--bind", str(tmp), "/tmp"] if str(path) == "/tmp" else ["--tmpfs", str(path)]
    for path in dict.fromkeys(_programs(hidden)):
        words += ["--ro-bind", str(path), str(path)]
    words += ["--ro-bind", str(run_dir), str(run_dir), "--bind", str(task_dir), str(task_dir)]
    return words if network else [*words, "--unshare-net"]


def _programs(hidden: Sequence[Path]) -> Iterator[Path]:
    """The hidden folders that programs lie in."""
    found = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for name in _INTERPRETERS:
        if (program := shutil.which(name)) is not None:
            found.append(Path(os.path.realpath(program)).parent)
    found += [Path(sys.prefix, "bin"), Path(sys.base_prefix, "bin")]
    homes = {path / name for path in hidden for name in _names(path)} | set(hidden)
    for folder in found:
        if not folder.is_dir() or not _below(folder, hidden):
            continue
        # `bin` beside `lib`; of a person's own `bin` nothing but that
        yield folder if folder.parent in homes else folder.parent


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder) if str(folder) == "/home" else []
    except OSError:
        return []


def _below(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
