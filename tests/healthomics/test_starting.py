"""A server that cannot start says why, in time, and leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from waiting import SECONDS, until

import local_healthomics as local
from local_healthomics import service
from local_healthomics.engine.container_programs import NoContainers, check_containers

pytestmark = pytest.mark.service

# Stands for the server's own imports, in a folder that comes first on its path.
SLOW = "import os, time\nopen(os.environ['SAY'], 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
BROKEN = "raise ModuleNotFoundError('no moto', name='moto')\n"


def is_gone(pid: int) -> bool:
    """Whether a process that is no child of ours ends in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], SECONDS)[0])
    finally:
        os.close(descriptor)


@pytest.fixture
def first_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules stand before the installed ones in the server."""
    folder = tmp_path / "first"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("SAY", str(tmp_path / "pid"))
    return folder


def test_a_server_that_is_not_ready_in_time_is_ended(
    tmp_path: Path, first_on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first_on_path / "cheroot.py").write_text(SLOW)
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args, **kw: started.append(popen(*args, **kw)) or started[-1]
    )
    with pytest.raises(local.StartFailed, match="was not ready after 1 seconds"):
        local.start(tmp_path / "state", patience=1)
    assert [server.poll() is not None for server in started] == [True]


def test_a_missing_package_is_named_with_the_extra(tmp_path: Path, first_on_path: Path) -> None:
    (first_on_path / "cheroot.py").write_text(BROKEN)
    with pytest.raises(local.StartFailed) as failed:
        local.start(tmp_path / "state")
    said = str(failed.value)
    assert "moto is not installed: install the extra `local`" in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(local.StartFailed) as failed,
    ):
        local.start(tmp_path / "state", port=taken.getsockname()[1])
    assert "Address already in use" in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_state_that_is_no_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(local.StartFailed, match="File exists"):
        local.start(tmp_path / "state")


def test_a_damaged_database_is_one_line(tmp_path: Path) -> None:
    with local.running(tmp_path):
        pass
    (tmp_path / "omics.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(local.StartFailed) as failed:
        local.start(tmp_path)
    assert "file is not a database" in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_state_of_another_version_is_one_line(tmp_path: Path) -> None:
    with local.running(tmp_path):
        pass
    with local.running(tmp_path):  # of this version
        pass
    for found in ("99", "1"):
        (tmp_path / "format").write_text(found)
        with pytest.raises(local.StartFailed) as failed:
            local.start(tmp_path)
        assert f"it has format {found}, and this version 2; move it away" in str(failed.value)
        assert "\n" not in str(failed.value)
    (tmp_path / "format").unlink()  # as the first versions left it
    with pytest.raises(local.StartFailed, match="from before its format was written") as failed:
        local.start(tmp_path)
    assert "\n" not in str(failed.value)
    assert (tmp_path / "objects.sqlite").exists()
    assert not (tmp_path / "format").exists()


@pytest.mark.parametrize(
    ("book", "change"),
    [
        ("objects", "UPDATE settings SET body='no settings'"),
        ("objects", "UPDATE settings SET body=replace(body, 'FakeAcl', 'NoSuch')"),
        ("other_services", "UPDATE backend SET body=substr(body, 1, 99)"),
    ],
)
def test_settings_that_cannot_be_read_are_one_line(tmp_path: Path, book: str, change: str) -> None:
    with local.running(tmp_path) as service:
        service.client("iam").create_user(UserName="u")
    with closing(sqlite3.connect(tmp_path / f"{book}.sqlite")) as opened, opened:
        opened.execute(change)
    with pytest.raises(local.StartFailed, match="what S3 or IAM held cannot be read") as failed:
        local.start(tmp_path)
    assert "\n" not in str(failed.value)


def test_a_server_that_fails_late_does_not_stay(tmp_path: Path) -> None:
    """Its port answers and its threads are there when it cannot write down where it is."""
    (tmp_path / "server.json").mkdir()
    with pytest.raises(local.StartFailed, match=r"Is a directory"):
        local.start(tmp_path)
    with pytest.raises(local.StartFailed, match=r"Is a directory"):  # nobody holds the folder
        local.start(tmp_path)


HEAD = """
import os, sys, local_healthomics
service = local_healthomics.start(local_healthomics.service.Path(sys.argv[1]))
child = os.fork()  # holds all that its parent had open
if not child:
    import signal
    signal.pause()
open(sys.argv[2], "w").write(f"{service.pid} {child}")
os.kill(os.getpid(), 9)
"""


def test_no_server_outlives_its_starter_whatever_else_is_open(tmp_path: Path) -> None:
    said = tmp_path / "said"
    subprocess.run([sys.executable, "-c", HEAD, tmp_path / "state", said], timeout=SECONDS)
    server, child = map(int, said.read_text().split())
    try:
        assert is_gone(server)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_starter_that_is_killed_while_it_waits_leaves_no_server(
    tmp_path: Path, first_on_path: Path
) -> None:
    (first_on_path / "cheroot.py").write_text(SLOW)
    head = subprocess.Popen(
        [sys.executable, "-c", HEAD, str(tmp_path / "state")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(first_on_path), *sys.path])},
    )
    said = tmp_path / "pid"
    server = until(lambda: said.exists() and said.read_text())
    head.kill()
    head.wait()
    assert is_gone(int(server))


def test_a_starter_that_comes_to_no_end_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_OTHER_STARTER_SECONDS", 0)
    with (tmp_path / "start.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(local.StartFailed, match="another process is starting"):
            local.start(tmp_path)
    assert not (tmp_path / "server.lock").exists()


@pytest.mark.parametrize("backend", ["docker", "podman", "apptainer"])
def test_a_server_for_containers_that_cannot_be_started_is_none(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoContainers, match=rf"in {backend}: there is no program"):
        check_containers(backend)
    program = tmp_path / backend
    program.write_text("#!/bin/sh\necho 'no daemon' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(local.StartFailed, match="no daemon; with the back end `process`"):
        local.start(tmp_path / "state", backend=backend)
    program.write_text("#!/bin/sh\necho 1.2\n")
    check_containers(backend)
    check_containers("process")
