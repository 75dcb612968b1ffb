"""A plain process that sees no more of this machine than a task on AWS would: by bubblewrap.

The system is read-only and its programs stay usable. People's files are hidden, and so are other
processes, devices, and the network unless the run has one. The task has its own folder, /tmp and
/dev/shm; what the run has for it to read is there, read-only and on other mounts (a hard link of an
input fails, as one between file systems does). It has no privileges on this machine, whoever runs
the service: as root it could mount anew what is read-only.

Programs that lie in a hidden folder are shown again, with what they need: the folders of PATH, what
links there lead to, the installation or environment around a `bin` (virtual environments, conda,
pyenv), and the folders in which Python, R and Perl keep a person's libraries.
"""

from __future__ import annotations

import functools
import glob
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

_HIDDEN = ("/home", "/root", "/tmp", "/var/tmp", "/mnt", "/media", "/srv", "/data", "/scratch")
# Never hidden; what lies in /opt and /var may be.
_SYSTEM: tuple[str, ...] = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "nix", "proc")
_SYSTEM += ("run", "sbin", "snap", "sys", "usr")
_BESIDE_LIB = ("bin", "sbin", "libexec", "shims", "condabin")
_INSTALLED = ("bin", "lib", "lib64", "share", "etc", "conda-meta", "pyvenv.cfg")
_LIBRARIES = (".local/lib", "R", ".cache/R", "perl5", ".conda", ".mamba", "micromamba")
_LINKS = 40  # as the kernel: a longer chain is a circle
_USER = "1000"  # a task's, by the reading of that name
_GPUS = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")
# What root keeps, as in a container: nothing that reaches beyond what the task sees.
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
NOT_HIDDEN = (
    "tasks see this machine's files and its network: bubblewrap (bwrap) is not here or cannot be"
    " used, so what fails on AWS for want of them may work here"
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The bwrap of this machine, and what it can do here (in a container often not all)."""

    path: str
    users: bool = True  # a user namespace
    processes: bool = True  # a namespace of process ids, with its own /proc

    def words(self, user: str) -> list[str]:
        """What goes before the mounts."""
        words = [self.path, "--die-with-parent", "--ro-bind", "/", "/", "--unshare-ipc"]
        if self.processes:
            # The command itself is the first process of its namespace: bwrap's own would not wait
            # for it, so that nobody accounted for its use of the machine. `groups` ends it.
            words += ["--unshare-pid", "--as-pid-1", "--proc", "/proc"]
        words += ["--dev", "/dev", "--tmpfs", "/dev/shm"]
        for gpu in _gpus():
            words += ["--dev-bind", gpu, gpu]
        if user == _USER and self.users:
            return [*words, "--unshare-user", "--uid", _USER, "--gid", _USER]
        if os.geteuid() != 0:
            return words
        kept = (word for name in _CAPABILITIES for word in ("--cap-add", f"CAP_{name}"))
        return [*words, "--cap-drop", "ALL", *kept]

    def works(self) -> bool:
        words = [*self.words(_USER), "--tmpfs", "/tmp", "--unshare-net", "true"]
        try:
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


@functools.cache
def _gpus() -> list[str]:
    return sorted(path for pattern in _GPUS for path in glob.glob(pattern))


@functools.cache
def tool() -> Sandbox | None:
    """The bwrap of this machine, if it can do what is wanted of it here."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    ways = ((True, True), (True, False), (False, True), (False, False))
    return next((one for way in ways if (one := Sandbox(found, *way)).works()), None)


def command(
    sandbox: Sandbox,
    *,
    run_dir: Path,
    task_dir: Path,
    tmp: Path,
    network: bool,
    home: Path,
    user: str = _USER,
    one_mount: bool = False,
    shown: Sequence[str] = (),
) -> list[str]:
    """What goes before a command.

    `home` is the folder that the server works in, `shown` are folders that the task sees as well.
    `one_mount`: the run's folder is where the task's is, so that its files can be linked (and
    would not be read-only).
    """
    words = sandbox.words(user)
    with _looking:
        mounts = _mounts(home, run_dir.parents[1])  # the state: secrets, other runs
    words += [str(tmp) if word == _OWN_TMP else word for word in mounts]
    for folder in shown:
        words += ["--ro-bind", folder, folder]
    if one_mount:
        words += ["--bind", str(run_dir), str(run_dir)]
    else:
        words += ["--ro-bind", str(run_dir), str(run_dir), "--bind", str(task_dir), str(task_dir)]
    return words if network else [*words, "--unshare-net"]


def is_wrapper(command: Sequence[str]) -> bool:
    """Whether a process of a task is bwrap itself."""
    return bool(command) and os.path.basename(command[0]) == "bwrap" and "--ro-bind" in command


_OWN_TMP = ""  # in the place of the task's folder
_looking = threading.Lock()  # what all tasks of a run ask for at once is looked at once


@functools.cache
def _mounts(home: Path, state: Path) -> tuple[str, ...]:
    """What hides and what shows again, outer folders first: inner ones go on top of them."""
    hidden = {path for path in _hidden(home) if path.is_dir()}  # a home may be none
    mounts = {path: ["--tmpfs", str(path)] for path in hidden}
    if Path("/tmp") in mounts:
        mounts[Path("/tmp")] = ["--bind", _OWN_TMP, "/tmp"]
    shown: set[Path] = set()
    for path in sorted(_programs(hidden), key=_depth):
        over = next((p for p in path.parents if p in shown or p in mounts), None)
        if path not in mounts and path.exists() and over not in shown:
            shown.add(path)
    mounts |= {path: ["--ro-bind", str(path), str(path)] for path in shown}
    found = {path: mounts[path] for path in mounts if path in shown or not _gone(path, mounts)}
    words = [word for path in sorted(found, key=_depth) for word in found[path]]
    return tuple(words if _gone(state, mounts) else [*words, "--tmpfs", str(state)])


def _gone(path: Path, mounts: Mapping[Path, Sequence[str]]) -> bool:
    """Whether nothing of a folder is left, as an empty one lies over one above it."""
    over = next((mounts[one] for one in path.parents if one in mounts), [""])
    return over[0] == "--tmpfs"


def _depth(path: Path) -> tuple[int, str]:
    return len(path.parts), str(path)


def _hidden(home: Path) -> set[Path]:
    """Folders of people, among them the one that the server works in."""
    found = {Path(path) for path in _HIDDEN if os.path.isdir(path) and not os.path.islink(path)}
    for path in (home.resolve(), Path.home().resolve()):
        within = path.parts[1:]
        if within and within[0] not in _SYSTEM and within not in (("opt",), ("var",)):
            found.add(path)
    return found


def _programs(hidden: set[Path]) -> Iterator[Path]:
    """The folders in `hidden` that programs and their libraries lie in."""
    whole = {Path(sys.prefix), Path(sys.base_prefix)}
    homes = {path / name for path in hidden for name in _names(path)} | hidden
    for folder in _folders_of_programs():
        parent = folder.parent
        beside = folder.name in _BESIDE_LIB
        if beside and (_is_installation(parent) or not _above(parent, homes)):
            whole.add(parent)
        else:
            whole.add(folder)
    whole |= {Path.home() / name for name in _LIBRARIES}
    for path in chain.from_iterable(_narrowed(path, homes) for path in whole):
        for place in {_without_linked_root(path), path.resolve()}:
            if any(place.is_relative_to(outer) for outer in hidden):
                yield place


def _folders_of_programs() -> set[Path]:
    """Those of PATH, and those that links in them lead to, step by step."""
    words = os.environ.get("PATH", "").split(os.pathsep)
    folders = {Path(word) for word in words if os.path.isabs(word)}
    folders |= {Path(sys.prefix, "bin"), Path(sys.base_prefix, "bin")}
    found = set(map(str, folders))
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                links = [entry.path for entry in entries if entry.is_symlink()]
        except OSError:  # no such folder, or none for us
            continue
        for link in links:
            found.update(map(os.path.dirname, _steps(link)))
    return set(map(Path, found))


def _steps(link: str) -> Iterator[str]:
    for _ in range(_LINKS):
        try:
            target = os.readlink(link)
        except OSError:  # no link: the end
            return
        link = os.path.normpath(os.path.join(os.path.dirname(link), target))
        yield link


def _is_installation(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists() or (folder / "conda-meta").is_dir()


def _narrowed(path: Path, homes: set[Path]) -> Iterator[Path]:
    """The folder, or its programs if people's files lie in it."""
    if not _above(path, homes):
        yield path
    elif _is_installation(path):
        yield from (path / name for name in _INSTALLED)


def _above(folder: Path, others: set[Path]) -> bool:
    """Whether one of `others` is this folder or in it: then it is more than programs."""
    return any(other.is_relative_to(folder) for other in others)


def _without_linked_root(path: Path) -> Path:
    """`path` where its first folder is a link (/home on some machines): mounts do not follow it."""
    return Path(os.path.realpath(Path(*path.parts[:2])), *path.parts[2:])


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder) if str(folder) == "/home" else []
    except OSError:
        return []
