"""A full disk: of the project, of what Snakemake and the head remember, of the local service.

The project, or the embedded service's state in it, lies on a small file system of its own that
only the heads of the test see: it is mounted in a mount namespace of theirs.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import Case, case_embedded
from .proxy import Fault, Proxy, before
from .test_faults import ALL, GIVEN

_CLONE_NEWNS = 0x20000  # linux/sched.h
_MOUNT = 'mount -t tmpfs -o size={size} tmpfs "$0" && cp -a "$1/." "$0/" && echo ready && cat'


@dataclass(frozen=True)
class Disk:
    """A small file system at `place`; others than its heads see it at `seen`."""

    place: Path
    holder: int  # a process that keeps the namespace

    @property
    def seen(self) -> Path:
        return Path(f"/proc/{self.holder}/root{self.place}")

    def enter(self) -> None:
        """Called in a head: see the file system."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{self.holder}/ns/mnt") as namespace:
            if libc.setns(namespace.fileno(), _CLONE_NEWNS):
                raise OSError(ctypes.get_errno(), "setns")

    def fill(self) -> None:
        with (self.seen / "ballast").open("ab", buffering=0) as ballast:
            block = b"\0" * 65536
            while block:
                try:
                    while ballast.write(block) == len(block):
                        pass
                except OSError:
                    pass
                block = block[: len(block) // 2]

    def free(self) -> None:
        (self.seen / "ballast").unlink(missing_ok=True)


def _mounted(place: Path, size: str) -> subprocess.Popen[str]:
    """What is in `place` lies on a file system of that size."""
    copy = place.with_name(f"{place.name}.copy")
    shutil.copytree(place, copy)
    holder = subprocess.Popen(
        [
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", "-c", _MOUNT.format(size=size), str(place), str(copy)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None
    if holder.stdout.readline() != "ready\n":
        holder.communicate()
        pytest.skip("nothing can be mounted here: it takes root, or another kernel's leave")
    return holder


@pytest.fixture
def mounted() -> Iterator[Callable[[Path, str], Disk]]:
    holders: list[subprocess.Popen[str]] = []

    def mount(place: Path, size: str) -> Disk:
        holders.append(_mounted(place, size))
        return Disk(place, holders[-1].pid)

    yield mount
    for holder in holders:
        holder.communicate()


def _check_files(folder: Path) -> None:
    for name, text in {**GIVEN, **ALL}.items():
        assert (folder / name).read_text() == text


@dataclass(frozen=True)
class Moment:
    """The disk is full from the `call`-th request for `operation` on."""

    name: str
    operation: str
    call: int = 1


MOMENTS = [
    Moment("inputs go up", "s3:PutObject"),
    Moment("the run is asked for", "omics:StartRun"),
    Moment("the run works", "omics:ListRunTasks", 2),
    Moment("results are listed", "s3:ListObjectsV2"),
    Moment("results come", "s3:GetObject", 3),
]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name.replace(" ", "-"))
def test_the_disk_of_the_project_is_full_when(
    case: Case, mounted: Callable[[Path, str], Disk], moment: Moment
) -> None:
    """Said, and the same command goes on when there is room: one run, nothing twice."""
    disk = mounted(case.folder, "32m")
    full = Fault(moment.operation, before(disk.fill), (moment.call,))
    done = case.call(full, hook=disk.enter)
    assert not done.hung, done.text
    assert done.code not in (0, -14), done.text
    assert "o space left" in done.text or "disk" in done.text, done.text
    assert _ours(done.text) == [], done.text
    disk.free()
    shutil.rmtree(disk.seen / ".snakemake/locks", ignore_errors=True)
    again = case.call(hook=disk.enter)
    assert again.code == 0, again.text
    _check_files(disk.seen)
    ledger = case.ledger
    assert len(ledger.runs) == 1
    assert not ledger.twice


def _ours(text: str) -> list[str]:
    """Tracebacks of the plugin; Snakemake has its own where its files cannot be written."""
    blocks = text.split("Traceback (most recent call last)")[1:]
    return [block for block in blocks if "snakemake_executor_omics" in block]


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["s3:PutObject", "omics:StartRun", "omics:ListRunTasks"])
def test_the_disk_of_the_embedded_service_is_full(
    proxy: Proxy, tmp_path: Path, mounted: Callable[[Path, str], Disk], operation: str
) -> None:
    """The head ends and says why; there is no orphan, and with room the same command succeeds."""
    case = case_embedded(proxy, tmp_path)
    state = case.folder / ".snakemake/omics/local"
    state.mkdir(parents=True)
    disk = mounted(state, "64m")
    case.options = ("--omics-give-up-after", "0.1")
    done = case.call(Fault(operation, before(disk.fill), (1,)), hook=disk.enter, limit=240)
    assert not done.hung, done.text
    assert _ours(done.text) == [], done.text
    assert done.code not in (0, -14), done.text
    disk.free()
    again = case.call(hook=disk.enter, limit=240)
    assert again.code == 0, again.text
    _check_files(case.folder)


@pytest.mark.slow
def test_the_embedded_service_cannot_start_on_a_full_disk(
    proxy: Proxy, tmp_path: Path, mounted: Callable[[Path, str], Disk]
) -> None:
    case = case_embedded(proxy, tmp_path)
    state = case.folder / ".snakemake/omics/local"
    state.mkdir(parents=True)
    disk = mounted(state, "64m")
    disk.fill()
    done = case.call(hook=disk.enter, limit=240)
    assert not done.hung, done.text
    assert done.code == 1, done.text
    assert "o space left" in done.text or "full" in done.text, done.text
    assert "Traceback" not in done.text, done.text
    disk.free()
    assert case.call(hook=disk.enter, limit=240).code == 0
    _check_files(case.folder)
