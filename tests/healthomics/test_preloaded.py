"""Children that begin with their modules loaded begin as any other."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from local_healthomics import preloaded
from local_healthomics.preloaded import Preloaded, Process

SECONDS = 60

TELLS = """
import json, os, sys
print(json.dumps({
    "arguments": sys.argv[1:], "name": __name__, "folder": os.getcwd(), "said": sys.stdin.read(),
    "environment": dict(os.environ), "umask": os.umask(0), "leads": os.getsid(0) == os.getpid(),
    "loaded": "colorsys" in sys.modules, "open": sorted(map(int, os.listdir("/proc/self/fd"))),
}))
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "tells.py").write_text(TELLS)
    (folder / "waits.py").write_text("import time\ntime.sleep(3600)\n")
    with pytest.MonkeyPatch.context() as patch:
        # An empty word of it, and a relative one, is the folder of whoever begins.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), "", "."]), prepend=os.pathsep)
        yield folder


@pytest.fixture(scope="module")
def loader(modules: Path) -> Iterator[Preloaded]:
    loader = Preloaded(["colorsys"])
    loader.begin()
    assert loader._settled.wait(SECONDS)
    yield loader
    loader.close()


def begun(
    begin: Callable[..., Process], folder: Path, module: str, *arguments: str
) -> tuple[Process, Path, Path]:
    """A child of that module with files for what it hears and says."""
    said, problems, heard = folder / "said", folder / "problems", folder / "heard"
    heard.write_text("hello")
    with heard.open() as source, said.open("w") as out, problems.open("w") as err:
        environment = {"PYTHONPATH": os.environ["PYTHONPATH"], "MINE": "yes"}
        ids = source.fileno(), out.fileno(), err.fileno()
        child = begin(module, arguments, folder, *ids, env=environment, umask=0o027)
    return child, said, problems


def told(begin: Callable[..., Process], folder: Path, *arguments: str) -> dict[str, Any]:
    child, said, problems = begun(begin, folder, "tells", *arguments)
    assert child.wait(SECONDS) == int(arguments[0]), problems.read_text()
    found: dict[str, Any] = json.loads(said.read_text())
    return found


def test_a_child_is_as_one_that_loads_everything_itself(
    loader: Preloaded, modules: Path, tmp_path: Path
) -> None:
    forked = told(loader.start, tmp_path, "3", "a b")
    plain = told(preloaded.start, tmp_path, "3", "a b")
    assert (forked.pop("loaded"), plain.pop("loaded")) == (True, False)
    for names in (forked["environment"], plain["environment"]):
        names.pop("LC_CTYPE", None)  # which Python sets as it begins
    assert forked == plain
    assert forked["environment"].keys() == {"PYTHONPATH", "MINE"}
    assert (forked["folder"], forked["said"]) == (str(tmp_path), "hello")
    assert forked["leads"]


@pytest.mark.parametrize("is_forked", [True, False])
def test_nothing_is_imported_from_the_folder_of_a_child(
    loader: Preloaded, modules: Path, tmp_path: Path, is_forked: bool
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(99)\n")
    assert told(loader.start if is_forked else preloaded.start, tmp_path, "0")["folder"]


def test_a_child_that_is_killed_tells_by_what(
    loader: Preloaded, modules: Path, tmp_path: Path
) -> None:
    child, _, _ = begun(loader.start, tmp_path, "waits")
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0)
    child.kill()
    assert child.wait(SECONDS) == -signal.SIGKILL
    assert child.wait(SECONDS) == -signal.SIGKILL
    child.kill()  # of one that has ended nothing


def test_the_number_of_a_child_is_its_own_until_its_end_is_heard(
    loader: Preloaded, modules: Path, tmp_path: Path
) -> None:
    child, _, _ = begun(loader.start, tmp_path, "waits")
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
    assert child.wait(SECONDS) == -signal.SIGKILL
    until(lambda: not Path(f"/proc/{child.pid}").exists())


def test_children_begin_without_a_loader_that_was_killed(modules: Path, tmp_path: Path) -> None:
    loader = Preloaded(["colorsys"])
    loader.begin()
    assert loader._settled.wait(SECONDS)
    child, _, _ = begun(loader.start, tmp_path, "waits")
    assert loader._loader is not None
    loader._loader.kill()
    loader._loader.wait()
    assert not told(loader.start, tmp_path, "0")["loaded"]
    child.kill()
    assert child.wait(SECONDS) == -signal.SIGKILL  # its keeper tells it all the same
    loader.close()


def test_children_begin_without_a_loader_that_cannot_load(modules: Path, tmp_path: Path) -> None:
    loader = Preloaded(["nothing_of_this_name"])
    loader.begin()
    assert loader._settled.wait(SECONDS)
    assert not told(loader.start, tmp_path, "0")["loaded"]
    loader.close()


def test_children_begin_without_a_loader_where_it_cannot_be_spoken_to(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: Any) -> Any:
        raise OSError("Protocol not supported")  # as on macOS

    monkeypatch.setattr(socket, "socketpair", unsupported)
    loader = Preloaded(["colorsys"])
    loader.begin()
    assert not told(loader.start, tmp_path, "0")["loaded"]
    loader.close()


def test_a_loader_ends_with_who_began_it() -> None:
    loader = Preloaded(["colorsys"])
    loader.begin()
    assert loader._settled.wait(SECONDS)
    assert loader._loader is not None
    loader.close()
    assert loader._loader.returncode == 0
