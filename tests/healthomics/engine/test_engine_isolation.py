"""What a plain process sees of this machine, where bubblewrap can hide it."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_healthomics.engine import isolation
from local_healthomics.engine.groups import Group
from local_healthomics.options import ServerOptions, add_server_options

if TYPE_CHECKING:
    from conftest import Bench

needs_bwrap = pytest.mark.skipif(isolation.tool() is None, reason="no usable bubblewrap here")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run with an input and the folder of a task."""
    run = tmp_path / "state" / "runs" / "1"
    (run / "wdl" / "call-t" / "work").mkdir(parents=True)
    (run / "wdl" / "call-t" / "tmp").mkdir()
    (run / "inputs").mkdir()
    (run / "inputs" / "in.txt").write_text("in")
    (tmp_path / "mine.txt").write_text("mine")
    return run


def isolated(run_dir: Path, *, network: bool = False, **more: Any) -> list[str]:
    """What goes before a command of that task."""
    task = run_dir / "wdl" / "call-t"
    sandbox = isolation.tool()
    assert sandbox is not None
    return isolation.command(
        sandbox,
        run_dir=run_dir,
        task_dir=task,
        tmp=task / "tmp",
        network=network,
        **{"home": run_dir.parents[2], **more},
    )


def seen(run_dir: Path, script: str, **more: Any) -> str:
    done = subprocess.run(
        [*isolated(run_dir, **more), "bash", "-c", script],
        cwd=run_dir / "wdl" / "call-t" / "work",
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{done.returncode} {done.stdout}{done.stderr}"


@needs_bwrap
def test_what_a_command_uses_is_accounted_for(run_dir: Path) -> None:
    before = isolated(run_dir, home=run_dir)
    code = "kept = b'x' * (100 * 2**20)"
    pid = os.posix_spawn(before[0], [*before, sys.executable, "-c", code], dict(os.environ))
    _, status, used = os.wait4(pid, 0)
    assert status == 0
    assert used.ru_maxrss > 90 * 1024


@needs_bwrap
def test_the_files_of_people_are_hidden(run_dir: Path) -> None:
    mine = run_dir.parents[2] / "mine.txt"
    assert seen(run_dir, f"cat {mine}").startswith("1 ")
    assert seen(run_dir, "ls -A /home | wc -l").split() == ["0", "0"]
    (run_dir.parent / "2").mkdir()  # another run
    assert seen(run_dir, f"ls {run_dir.parent}") == "0 1\n"


@needs_bwrap
def test_a_person_may_have_no_home(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent/home")
    isolation._mounts.cache_clear()
    assert seen(run_dir, "echo ran") == "0 ran\n"
    isolation._mounts.cache_clear()


@needs_bwrap
def test_the_state_of_the_service_is_hidden_wherever_it_is(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = run_dir.parents[1]
    (state / "secret").write_text("secret")
    (state / "runs" / "2").mkdir()
    monkeypatch.setattr(isolation, "_HIDDEN", ())
    isolation._mounts.cache_clear()
    found = seen(run_dir, f"cat {run_dir.parents[2]}/mine.txt; ls {state}/runs", home=Path("/usr"))
    isolation._mounts.cache_clear()
    assert found == "0 mine1\n"
    assert not seen(run_dir, f"cat {state}/secret").startswith("0")


@needs_bwrap
def test_inputs_can_be_read_and_neither_changed_nor_linked(run_dir: Path) -> None:
    file = run_dir / "inputs" / "in.txt"
    assert seen(run_dir, f"cat {file}") == "0 in"
    assert "Read-only file system" in seen(run_dir, f"echo x > {file}")
    assert seen(run_dir, f"ln {file} linked").startswith("1 ")


@needs_bwrap
def test_a_link_of_an_input_works_where_all_is_one_mount(run_dir: Path) -> None:
    file = run_dir / "inputs" / "in.txt"
    assert seen(run_dir, f"ln {file} linked && cat linked", one_mount=True) == "0 in"


@needs_bwrap
@pytest.mark.parametrize(("user", "id"), [("1000", 1000), ("image", os.getuid())])
def test_a_task_runs_as_the_user_that_it_is_read_to_run_as(
    run_dir: Path, user: str, id: int
) -> None:
    assert seen(run_dir, "id -u; echo x > mine && cat mine", user=user) == f"0 {id}\nx\n"


@needs_bwrap
@pytest.mark.parametrize("user", ["1000", "image"])
def test_a_task_has_no_privileges_on_this_machine(run_dir: Path, user: str) -> None:
    """Also where the server is root's: what is read-only could be mounted anew, and written."""
    script = "mount -o remount,rw / 2> /dev/null; touch /etc/mine"
    assert "Read-only file system" in seen(run_dir, script, user=user)
    assert seen(run_dir, "ls /dev/kmsg /dev/mem /dev/[shv]d[a-z]", user=user).startswith("2 ls")


@needs_bwrap
def test_other_processes_are_hidden(run_dir: Path) -> None:
    sandbox = isolation.tool()
    if sandbox is None or not sandbox.processes:
        pytest.skip("no namespace of process ids here")
    assert seen(run_dir, f"kill -0 {os.getpid()} || echo none").startswith("0 none")
    assert int(seen(run_dir, "ls -d /proc/[0-9]* | wc -l").split()[1]) < 8


@needs_bwrap
def test_a_task_has_its_own_folder_and_its_own_tmp(run_dir: Path) -> None:
    assert seen(run_dir, "echo x > out.txt; echo y > /tmp/t; cat /tmp/t") == "0 y\n"
    assert (run_dir / "wdl/call-t/work/out.txt").read_text() == "x\n"
    assert not Path("/tmp/t").exists()
    assert "Read-only file system" in seen(run_dir, "touch /usr/mine")


@needs_bwrap
@pytest.mark.parametrize(("network", "devices"), [(False, {"lo"}), (True, None)])
def test_a_task_has_no_network_unless_its_run_has(
    run_dir: Path, network: bool, devices: set[str] | None
) -> None:
    said = seen(run_dir, "tail -n +3 /proc/net/dev", network=network)
    found = {line.split(":")[0].split()[-1] for line in said.splitlines() if ":" in line}
    assert found == (devices if devices is not None else set(os.listdir("/sys/class/net")))


@needs_bwrap
def test_programs_of_this_machine_stay_usable(run_dir: Path) -> None:
    python = shutil.which("python3")
    assert python is not None
    assert seen(run_dir, f"{python} -c 'print(1)'") == "0 1\n"


HOST = """
version 1.1
workflow wf {
  input { File reads  String host }
  call t { input: reads, host }
  output { File o = t.o  String seen = t.seen }
}
task t {
  input { File reads  String host }
  command <<<
    cat ~{reads} > o.txt
    if cat ~{host} > /dev/null 2>&1; then echo yes; else echo no; fi > seen.txt
  >>>
  output { File o = "o.txt"  String seen = read_string("seen.txt") }
}
"""


@needs_bwrap
@pytest.mark.parametrize(("isolated", "seen"), [(True, "no"), (False, "yes")])
def test_a_run_whose_tasks_are_isolated_works_and_host_paths_fail(
    bench: Bench, tmp_path: Path, isolated: bool, seen: str
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    reads = bench.put("in/reads.txt", "x\n")
    parameters = {"reads": reads, "host": str(tmp_path / "mine.txt")}
    end = bench.start(HOST, parameters, isolated=isolated).end()
    assert end["status"] == "COMPLETED"
    assert bench.read(end["outputs"]["wf.o"]) == "x\n"
    assert end["outputs"]["wf.seen"] == seen


@needs_bwrap
def test_a_copy_of_an_input_can_be_written_to(bench: Bench, tmp_path: Path) -> None:
    """`cp` gives it the input's mode."""
    copies = HOST.replace("cat ~{reads} > o.txt", "cp ~{reads} o.txt && echo more >> o.txt")
    parameters = {"reads": bench.put("in/copied.txt", "x\n"), "host": str(tmp_path)}
    end = bench.start(copies, parameters, isolated=True).end()
    assert end["status"] == "COMPLETED"
    assert bench.read(end["outputs"]["wf.o"]) == "x\nmore\n"


@needs_bwrap
def test_a_command_that_is_ended_does_nothing_more(run_dir: Path) -> None:
    """It is the first process of its namespace, to which TERM is nothing by itself."""
    before, task = isolated(run_dir, home=run_dir), run_dir / "wdl" / "call-t"
    script = "echo > begun; sleep 300; echo > more"
    process = subprocess.Popen(
        [*before, "bash", "-c", script], cwd=task / "work", start_new_session=True
    )
    with contextlib.closing(Group(process)) as group:
        assert any((task / "work" / "begun").exists() for _ in group.ticks())
        group.end()
        assert group.reap() == 128 + signal.SIGKILL
    assert not (task / "work" / "more").exists()


@needs_bwrap
def test_a_commands_end_is_its_own(run_dir: Path) -> None:
    assert seen(run_dir, "exit 7") == "7 "


def test_without_bubblewrap_there_is_no_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    isolation.tool.cache_clear()
    assert isolation.tool() is None
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    isolation.tool.cache_clear()
    assert isolation.tool() is None  # as in a container that may make no namespaces
    isolation.tool.cache_clear()


@needs_bwrap
def test_programs_in_hidden_folders_stay_usable_with_what_lies_beside_them(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = run_dir.parents[2]
    for prefix, name in (("project/.venv", "tool"), ("sw/tool-1", "linked")):
        (home / prefix / "bin").mkdir(parents=True)
        (home / prefix / "lib").mkdir()
        (home / prefix / "lib" / "words").write_text(name)
        program = home / prefix / "bin" / name
        program.write_text(f"#!/bin/sh\ncat {home / prefix}/lib/words\n")
        program.chmod(0o755)
    (home / "project" / "links").mkdir()
    (home / "project" / "links" / "linked").symlink_to("../../sw/tool-1/bin/linked")
    (home / "project" / "data.txt").write_text("data")
    folders = [home / "project" / ".venv" / "bin", home / "project" / "links"]
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{folders[0]}:{folders[1]}")
    isolation._mounts.cache_clear()
    assert seen(run_dir, "tool; linked") == "0 toollinked"
    assert seen(run_dir, f"cat {home}/project/data.txt").startswith("1 ")
    isolation._mounts.cache_clear()


@needs_bwrap
def test_an_environment_made_in_the_servers_folder_is_all_that_is_seen_of_it(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = run_dir.parents[2]
    (home / "bin").mkdir()
    (home / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (home / "bin" / "tool").symlink_to(shutil.which("echo") or "")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{home / 'bin'}")
    isolation._mounts.cache_clear()
    assert seen(run_dir, "tool said") == "0 said\n"
    assert seen(run_dir, f"cat {home}/mine.txt").startswith("1 ")
    isolation._mounts.cache_clear()


def test_folders_of_the_system_are_never_hidden() -> None:
    for folder in ("/", "/usr", "/usr/src/app", "/opt", "/etc"):
        assert Path(folder) not in isolation._hidden(Path(folder))
    assert Path("/opt/project") in isolation._hidden(Path("/opt/project"))


def test_a_server_isolates_unless_told_otherwise() -> None:
    parser = argparse.ArgumentParser()
    add_server_options(parser)
    assert ServerOptions.of(parser.parse_args([])).isolated
    assert not ServerOptions.of(parser.parse_args(["--no-isolate"])).isolated
