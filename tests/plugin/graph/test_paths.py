"""Paths become the project's own, and a job's text names no folder of this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.errors import SelectionError, UnsupportedRule
from snakemake_executor_omics.graph import paths
from snakemake_executor_omics.graph.paths import (
    Rewriting,
    files_in,
    named_files,
    project_path,
    workflow_folders,
)
from snakemake_executor_omics.graph.task_settings import included
from snakemake_executor_omics.model import PROJECT

_WORK = Path("/home/me/project")


def _same(*paths: str) -> dict[str, str]:
    return dict(zip(paths, paths, strict=True))


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("a/b.txt", "a/b.txt"),
        ("./a//b/../c", "a/c"),
        ("../beside/x", "../beside/x"),
        ("/home/me/project/a", "a"),
        ("/home/me/project", "."),
        ("/home/me/projects/a", "/home/me/projects/a"),
        ("/home/me/project/../a/b", "../a/b"),
        ("/home/me/workflow/scripts/x.py", "../workflow/scripts/x.py"),
        ("/home/you/workflow/scripts/x.py", "/home/you/workflow/scripts/x.py"),
        ("/c/snakemake-runtime-cache/tmp1/file/home/me/project/a", "a"),
        ("/home/me/a", "/home/me/a"),
        ("/data//x/", "/data/x"),
        ("..data/x", "..data/x"),
        ("/home/me/project/..data", "..data"),
    ],
)
def test_a_path_is_the_projects_own(path: str, want: str) -> None:
    assert project_path(path, _WORK, "r") == want
    assert project_path(Path(path), _WORK, "r") == want


@given(st.lists(st.sampled_from(["a", "b", "..", "."]), min_size=1, max_size=6))
def test_a_path_leads_where_it_led(parts: list[str]) -> None:
    path = "/".join(parts)
    for given_path in (path, f"{_WORK}/{path}"):
        found = project_path(given_path, _WORK, "r")
        assert os.path.normpath(_WORK / found) == os.path.normpath(_WORK / path)


def test_a_line_break_is_refused_by_its_rule() -> None:
    with pytest.raises(UnsupportedRule, match="rule r: the path 'a\\\\nb' holds a line break"):
        project_path("a\nb", _WORK, "r")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("cat /home/me/project/a > b", f"cat {PROJECT}/a > b"),
        ("cd '/home/me/project'", f"cd '{PROJECT}'"),
        ("ls /home/me/project-old /home/me/projects", None),
        ("x/home/me/project/a", None),
        ("cat /data/ref/genome.fa.fai", f"cat {PROJECT}/.omics/root/data/ref/genome.fa.fai"),
        ("cat /tmp/in.txt /tmp/other", f"cat {PROJECT}/.omics/root/tmp/in.txt /tmp/other"),
        ("/usr/bin/env python", None),
        (
            "a=/data/ref,b=/data/ref/x",
            f"a={PROJECT}/.omics/root/data/ref,b={PROJECT}/.omics/root/data/ref/x",
        ),
    ],
)
def test_absolute_paths_of_a_text_are_replaced_where_they_are_the_jobs(
    text: str, want: str | None
) -> None:
    rewritten = Rewriting(_WORK, _same("/data/ref/genome.fa", "/tmp/in.txt", "relative"))
    assert rewritten(text) == (text if want is None else want)


def test_the_longest_place_is_replaced() -> None:
    rewritten = Rewriting(_WORK, _same("/data/x", "/data/deep/y"))
    assert rewritten("/data/deep/y") == f"{PROJECT}/.omics/root/data/deep/y"


def test_both_names_of_a_linked_project_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    rewritten = Rewriting(tmp_path / "link", {})
    assert rewritten(f"{tmp_path}/link/a {tmp_path}/real/b") == f"{PROJECT}/a {PROJECT}/b"


def test_a_file_that_is_named_through_a_link_is_the_projects_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "real/project"
    work.mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "far").symlink_to("real/project")
    written = f"{tmp_path}/link/project/out/x"
    assert project_path(written, work, "r") == "out/x"
    monkeypatch.setenv("PWD", f"{tmp_path}/far")
    rewritten = Rewriting(work, {written: "out/x"})
    assert rewritten(f"cat {tmp_path}/far/a > {written}") == f"cat {PROJECT}/a > {PROJECT}/out/x"


def test_a_text_that_holds_the_word_itself_is_refused() -> None:
    with pytest.raises(SelectionError, match=PROJECT):
        Rewriting(_WORK, {})(f"echo {PROJECT}")


@pytest.mark.parametrize(
    ("command", "want"),
    [
        ("python scripts/plot.py a", ["scripts/plot.py"]),
        ("bash 'run.sh' | tee run.sh", ["run.sh"]),
        ("x=$(./run.sh)", ["run.sh"]),
        ("python --script=scripts/plot.py;cat <run.sh", ["scripts/plot.py", "run.sh"]),
        ("cat scripts none.py *.sh ~/run.sh ../none.sh -run.sh", []),
        ("cat " + "x" * 5000, []),
    ],
)
def test_files_that_a_command_names_are_found(
    tmp_path: Path, command: str, want: list[str]
) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/plot.py", "run.sh"):
        (tmp_path / name).touch()
    assert named_files(command, tmp_path) == want


def test_a_file_named_by_its_absolute_path_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    assert named_files(f"python {tmp_path}/a.py", tmp_path) == ["a.py"]


def test_what_changes_while_snakemake_runs_is_no_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("log", "script.sh", ".snakemake/metadata", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(paths, "_open_outputs", lambda: iter([log.fileno()]))
        paths._written_to.cache_clear()
        named = named_files("sh script.sh log .snakemake/metadata .git/config", tmp_path)
        assert named == ["script.sh"]
        assert included(tmp_path, ["**/*"]) == ["script.sh"]
    paths._written_to.cache_clear()


def _installed(root: Path) -> tuple[Path, tuple[str, ...]]:
    for name in ("wf/workflow/scripts/x.py", "wf/resources/t.tsv", "other.py", "beside/y.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "proj").mkdir()
    snakefiles = [f"{root}/wf/workflow/Snakefile", f"{root}/wf/workflow/rules/r.smk"]
    return root / "proj", workflow_folders(snakefiles, root / "proj")


def test_files_of_a_workflow_outside_of_the_project_are_found(tmp_path: Path) -> None:
    work, folders = _installed(tmp_path)
    assert folders == (f"{tmp_path}/wf",)
    text = (
        f"python {tmp_path}/wf/workflow/scripts/x.py {tmp_path}/other.py "
        f"--t={tmp_path}/wf/workflow/../resources/t.tsv"
    )
    assert files_in(folders, text, work) == [
        f"{tmp_path}/wf/workflow/scripts/x.py",
        f"{tmp_path}/wf/resources/t.tsv",
    ]
    command = f"python ../beside/y.py {work}/../wf/workflow/scripts/../scripts/x.py"
    assert named_files(command, work) == ["../beside/y.py", "../wf/workflow/scripts/x.py"]


def test_a_path_names_no_folder_that_it_only_passes(tmp_path: Path) -> None:
    work, folders = _installed(tmp_path)
    rewritten = Rewriting(work, {}, folders)
    place = f"{PROJECT}/.omics/root{tmp_path}/wf"
    for text, want in {
        f"cat {tmp_path}/wf/workflow/../resources/t.tsv": f"cat {place}/resources/t.tsv",
        f"cd {tmp_path}/wf/workflow/scripts/../": f"cd {place}/workflow/",
        f"cat {work}/workflow/../a": f"cat {PROJECT}/a",
        f"cat {work}/../beside/z/../y.py": f"cat {PROJECT}/../beside/y.py",
        f"cat {tmp_path}/wf2/../a": f"cat {tmp_path}/wf2/../a",
    }.items():
        assert rewritten(text) == want


def test_a_project_within_its_workflow_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    work = tmp_path / "wf/.test"
    folders = workflow_folders(["../workflow/Snakefile"], work)
    rewritten = Rewriting(work, {}, folders)
    for text, want in {
        f"cat {tmp_path}/wf/workflow/scripts/x.py": f"cat {PROJECT}/../workflow/scripts/x.py",
        f"cd {tmp_path}/wf/workflow/scripts/": f"cd {PROJECT}/../workflow/scripts/",
        f"cat {work}/../workflow/rules/../a": f"cat {PROJECT}/../workflow/a",
        f"cat {work}/a": f"cat {PROJECT}/a",
    }.items():
        assert rewritten(text) == want


@pytest.mark.parametrize(
    ("snakefile", "folder"),
    [
        ("/opt/wf/Snakefile", ("/opt/wf",)),
        ("/opt/workflow/Snakefile", ("/opt/workflow",)),
        ("/opt/wf/workflow/rules/a.smk", ("/opt/wf",)),
        ("../workflow/Snakefile", ("/home/me",)),
        ("/tmp/Snakefile", ()),
        ("/home/me/project/workflow/Snakefile", ()),
        ("workflow/Snakefile", ()),
    ],
)
def test_what_belongs_to_a_snakefile_outside_of_the_project(
    snakefile: str, folder: tuple[str, ...]
) -> None:
    assert workflow_folders([snakefile], _WORK) == folder


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="told by /proc")
def test_the_file_that_tee_writes_our_messages_to_is_no_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "script.sh").touch()
    tee = subprocess.Popen(
        ["tee", "log"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert tee.stdin is not None
    assert tee.stdout is not None
    with tee, tee.stdin as ours:
        ours.write(b"first\n")
        ours.flush()
        tee.stdout.readline()  # `log` is open now
        monkeypatch.setattr(paths, "_open_outputs", lambda: iter([ours.fileno()]))
        paths._written_to.cache_clear()
        assert named_files("sh script.sh log", tmp_path) == ["script.sh"]
    paths._written_to.cache_clear()
