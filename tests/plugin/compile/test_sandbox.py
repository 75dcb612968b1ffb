"""Any command and any path arrive in the task byte for byte: compiled, read, run by bash.

A stand-in takes the interpreter's place and keeps what it is given.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import WDL
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snakemake_executor_omics.compile import compile_wave
from snakemake_executor_omics.compile.render import render_pack, render_task
from snakemake_executor_omics.compile.sandbox import stand_in
from snakemake_executor_omics.model import (
    PROJECT,
    TEXT_OPTION,
    FileRef,
    JobKey,
    OutputFile,
    OutputKind,
    Step,
    Task,
    Wave,
)

_KEEPER = 'if [ "$1" = -c ]; then printf "%s\\n" "$2"; else cat -- "$1"; fi > .omics/seen'
KEEP = f"bash -c {shlex.quote(_KEEPER)} keep"
NASTY = (
    "printf '~{x} ${y} {{z}} >>> <<< \\\\ \\u0041 \\n' \"$HOME\" `id`\r\n\tcat <<'EOF'\n"
    "OMICS_JOB\nOMICS_JOB_2\nEOF\n~{\"a\"} ~{ >>>> ~~{{ é ✓ 😀 \x01\x0b\x7f\x85\u2028 'it''s' \\"
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
# Marks of the shell and of WDL often, for they are what could go wrong.
MARKS = st.text(st.sampled_from("~${}<>'\"\\`!*?[]#&;|()=%- \t\r\nOMICS_JOBé✓"))


def _components() -> st.SearchStrategy[str]:
    text = (TEXT | MARKS).map(lambda text: text.translate(dict.fromkeys(map(ord, "/\n"))))
    return text.filter(
        lambda name: 0 < len(name.encode()) < 200 and name not in (".", "..", ".omics")
    )


def _paths() -> st.SearchStrategy[list[str]]:
    nested = st.lists(_components(), min_size=1, max_size=3)
    # Other first folders: no path is the folder of another one.
    return st.lists(nested, max_size=5, unique_by=lambda parts: parts[0]).map(
        lambda paths: ["/".join(parts) for parts in paths]
    )


def _task(command: str, inputs: list[str], outputs: list[str], logs: list[str]) -> Task:
    step = Step(
        key=JobKey("any", (), tuple(outputs)),
        command=command,
        interpreter=KEEP,
        outputs=tuple(OutputFile(path, touch=True) for path in outputs),
        logs=tuple(logs),
    )
    return Task(
        key=step.key, layers=((step,),), inputs=tuple(map(FileRef, inputs)), container="debian:12"
    )


class _Library(WDL.StdLib.Base):
    """Writes real files, as the engine's does."""

    def __init__(self, work: Path) -> None:
        super().__init__("1.1", write_dir=str(work.parent))
        self._work = work

    def _devirtualize_filename(self, filename: str) -> str:
        return str(self._work / filename)

    def _virtualize_filename(self, filename: str) -> str:
        return filename


def _run(
    task: Task, folder: Path, modes: str | None = None, **variables: str
) -> tuple[list[str], list[str], str]:
    """Run the task's command section in `folder`; returns the files and logs that it declares, and
    what it said.

    Each staged file holds its path. `modes` is what the task is told of executable inputs.
    """
    document = WDL.parse_document(
        compile_wave(Wave((task,))).files["main.wdl"]
        if not task.may_run
        else f"version 1.1\n{render_task(task)}"
    )
    document.typecheck()
    (compiled,) = document.tasks
    files = {"inputs": [ref.path for ref in task.inputs], "sources": list(task.sources)}
    values = WDL.Env.Bindings()
    for kind, paths in files.items():
        staged = []
        for number, path in enumerate(paths):
            name = os.path.basename(path) if number % 10 else "file"  # mostly that of its producer
            file = folder / "staged" / kind / str(number) / name
            file.parent.mkdir(parents=True)
            file.write_text(path, newline="")
            file.chmod(0o444)
            staged.append(WDL.Value.File(str(file)))
        values = values.bind(kind, WDL.Value.Array(WDL.Type.File(), staged))
    if modes is not None:
        (folder / "modes").write_text(modes)
        listed = WDL.Value.Array(WDL.Type.File(), [WDL.Value.File(str(folder / "modes"))])
        values = values.bind("modes", listed)
    work = folder / "work"
    library = _Library(work)
    script = compiled.command.eval(values, library).value
    work.mkdir()
    done = subprocess.run(
        ["bash"],
        input=script.encode(),
        cwd=work,
        capture_output=True,
        check=False,
        env=variables or None,
    )
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0, said
    declared = {output.name: output.expr.eval(values, library).json for output in compiled.outputs}
    return declared["files"], declared.get("logs", []), said


@settings(max_examples=30)
@given(TEXT | MARKS, st.sampled_from(["", TEXT_OPTION]), _paths(), _paths(), _paths())
@example(NASTY, TEXT_OPTION, [NASTY.replace("\n", "").replace("/", "")[:90]], [], [])
@example(NASTY, "", [], [], [])
@example((NASTY + "\n") * 900, TEXT_OPTION, [" a", "-b", "c ", "~", "~{x}/$(y)"], [], [])
def test_any_command_and_any_path_arrive_byte_for_byte(
    command: str, option: str, paths: list[str], produced: list[str], logs: list[str]
) -> None:
    outputs = [f"out/{path}" for path in produced]
    logs = [f"logs/{path}" for path in logs]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # As a path of the project, "out" is a folder of the outputs.
        inputs = [path for path in paths if path.split("/")[0] not in ("out", "logs")]
        task = _task(command, inputs, outputs, logs)
        step = dataclasses.replace(task.steps[0], interpreter=KEEP + option)
        files, told, _ = _run(dataclasses.replace(task, layers=((step,),)), folder)
        work = folder / "work"
        assert (work / ".omics/seen").read_bytes() == command.encode() + b"\n"
        for path in inputs:
            assert (work / path).read_bytes() == path.encode()
        # A carriage return would end a line of the engine's lists.
        assert files == [stand_in(path) for path in outputs]
        assert told == [stand_in(path) for path in logs]
        assert {path for path in outputs if "\r" not in path} <= set(files)
        for path in (*outputs, *logs):
            assert (work / path).is_file()


@pytest.mark.parametrize("option", ["", TEXT_OPTION])
@pytest.mark.parametrize("repeats", [1, 400])
def test_a_command_that_names_the_project_names_its_folder_in_the_task(
    option: str, repeats: int, tmp_path: Path
) -> None:
    command = f"ls '{PROJECT}/x' & {PROJECT}; " * repeats
    task = _task(command, [], [], [])
    step = dataclasses.replace(task.steps[0], interpreter=KEEP + option)
    folder = tmp_path / "a & b"
    folder.mkdir()
    _run(dataclasses.replace(task, layers=((step,),)), folder)
    seen = (folder / "work/.omics/seen").read_text()
    assert seen.rstrip() == command.replace(PROJECT, f"{folder}/work").rstrip()


def test_the_engine_may_work_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / 'my "project" (1) & co\'s $HOME `x` \\ ~{y}'
    task = _given(_job("test -x tool && cat data/a"), FileRef("data/a"), FileRef("tool"))
    task = dataclasses.replace(task, may_run=(JobKey("make", (), ("tool",)),))
    _run(task, folder, modes="tool\n")


def _job(command: str, *outputs: OutputFile) -> Task:
    """A job that bash runs."""
    task = _task(f"set -euo pipefail; {command}", [], [], [])
    step = dataclasses.replace(task.steps[0], interpreter="bash", outputs=outputs)
    return dataclasses.replace(task, layers=((step,),))


def _given(task: Task, *inputs: FileRef) -> Task:
    return dataclasses.replace(task, inputs=inputs)


def test_links_of_many_files_are_made_by_few_processes(tmp_path: Path) -> None:
    paths = [f"{folder}{number}" for folder in ("", "-c d/e/") for number in range(230)]
    task = _given(_job("true"), *map(FileRef, paths))
    counting = tmp_path / "bin/ln"
    counting.parent.mkdir()
    counting.write_text(f'#!/bin/sh\necho >> {tmp_path}/calls\nexec {shutil.which("ln")} "$@"\n')
    counting.chmod(0o755)
    _run(task, tmp_path, PATH=f"{counting.parent}:{os.environ['PATH']}")
    for path in paths:
        assert (tmp_path / "work" / path).read_text() == path
    alone = len(paths) // 10  # whose names are others than those of the files
    assert len((tmp_path / "calls").read_text()) == alone + 2 * 2  # 200 at most, in each folder


@pytest.mark.parametrize("command", ["ln -sr", "ln", "mv", "cp -d", "ln -s $PWD/data/a"])
def test_an_output_that_is_a_link_becomes_what_it_leads_to(command: str, tmp_path: Path) -> None:
    source = "" if "PWD" in command else "data/a"
    task = _given(_job(f"{command} {source} out/b", OutputFile("out/b")), FileRef("data/a"))
    _run(task, tmp_path)
    left = tmp_path / "work/out/b"
    assert not left.is_symlink()
    assert left.read_text() == "data/a"


def test_links_within_a_directory_stay_links_and_others_become_what_they_lead_to(
    tmp_path: Path,
) -> None:
    command = (
        "mkdir -p out/sub/deep; echo one > out/one; ln -s ../../one out/sub/deep/relative; "
        "ln -s $PWD/out/one out/sub/deep/absolute; ln -s $PWD/out/sub out/folder; "
        "ln -s ../../data/a out/sub/leaves; ln -s ../nowhere out/sub/nowhere; "
        "ln -s itself/for/ever out/sub/itself"
    )
    task = _given(_job(command, OutputFile("out", OutputKind.DIRECTORY)), FileRef("data/a"))
    (archive,), _, said = _run(task, tmp_path)
    subprocess.run(["tar", "-xf", tmp_path / "work" / archive, "-C", tmp_path], check=True)
    for name in ("relative", "absolute"):
        link = tmp_path / "sub/deep" / name
        assert not link.readlink().is_absolute()
        assert link.read_text() == "one\n"
    assert (tmp_path / "folder").readlink() == Path("./sub")
    assert not (tmp_path / "sub/leaves").is_symlink()
    assert (tmp_path / "sub/leaves").read_text() == "data/a"
    assert "1 links in ./out lead out of it, sub/leaves the first" in said
    assert "The link ./out/sub/nowhere leads nowhere: it is left out" in said


def test_names_within_a_directory_may_be_as_long_as_can_be(tmp_path: Path) -> None:
    name = "n" * 255
    command = f"mkdir -p out; echo one > out/{name[1:]}; ln -s ../data/a out/{name}"
    task = _given(_job(command, OutputFile("out", OutputKind.DIRECTORY)), FileRef("data/a"))
    (archive,), _, _ = _run(task, tmp_path)
    subprocess.run(["tar", "-xf", tmp_path / "work" / archive, "-C", tmp_path], check=True)
    assert (tmp_path / name).read_text() == "data/a"
    assert (tmp_path / name[1:]).read_text() == "one\n"


def test_a_program_is_a_real_file_with_its_execute_bit_beside_its_neighbours(
    tmp_path: Path,
) -> None:
    command = (
        "test ! -L tools/run && test -x tools/run && test ! -L tools/help && test -w tools/help; "
        "test ! -L tools/near && test -L data/a"
    )
    task = _given(_job(command), FileRef("tools/run"), FileRef("tools/near", program=True))
    task = dataclasses.replace(
        task,
        inputs=(*task.inputs, FileRef("data/a")),
        sources=("tools/help",),
        executables=frozenset({"tools/run"}),
    )
    _run(task, tmp_path)


def test_executable_outputs_are_listed_after_the_others(tmp_path: Path) -> None:
    command = "echo x | tee out/plain > out/tool; chmod +x out/tool"
    files, _, _ = _run(_job(command, OutputFile("out/plain"), OutputFile("out/tool")), tmp_path)
    assert files == ["out/plain", "out/tool", ".omics/executables"]
    assert (tmp_path / "work/.omics/executables").read_text() == "out/tool\n"


def test_what_an_earlier_task_made_executable_can_be_run(tmp_path: Path) -> None:
    producer = JobKey("make", (), ("tool",))
    task = _given(_job("test -x tool && test ! -x other"), FileRef("tool"), FileRef("other"))
    task = dataclasses.replace(task, may_run=(producer,))
    _run(task, tmp_path, modes="absent\ntool\n")


def test_a_job_has_a_home_a_user_and_a_place_for_scratch_where_the_service_gives_none(
    tmp_path: Path,
) -> None:
    command = 'test -d "$(printenv HOME)" && test -n "$(printenv USER)" && test -d "$TMPDIR"'
    _run(_job(command), tmp_path, PATH=os.environ["PATH"])


def test_the_wrapper_holds_nothing_that_bash_before_4_4_takes_otherwise(tmp_path: Path) -> None:
    """There, an empty array is unset to `set -u`, and a replacement within double quotes keeps its
    own quotes."""
    service = OutputFile("socket", OutputKind.SERVICE)
    steps = tuple(
        Step(key=JobKey(name, (), ()), command="cat __omics_project__/x", outputs=outputs)
        for name, outputs in (("a", (service,)), ("b", ()), ("c", (OutputFile("out"),)))
    )
    for layers in (((steps[0],), steps[1:]), (steps,), (steps[1:],)):
        task = Task(key=JobKey("g", (), ()), layers=layers, inputs=(FileRef("x"),), container="d")
        text = render_task(task)
        used = set(re.findall(r'(?<!\+)"\$\{(\w+)\[@\]\}"', text)) - {"running"}
        assert used <= set(re.findall(r"^(\w+)=\((?!\))", text, re.MULTILINE))
        assert not re.findall(r'"\$\{\w+//?[^}"]*"[^}]*\}', text)


@pytest.mark.parametrize("name", ["n" * 201, "n" * 251 + ".txt", "ü" * 127])
def test_the_engine_gets_a_long_name_under_a_short_one(tmp_path: Path, name: str) -> None:
    """miniwdl adds 41 bytes to the name of an output when it links it."""
    files, logs, *_ = _run(_task("true", [], [f"out/{name}"], [f"logs/{name}"]), tmp_path)
    for short, path in zip([*files, *logs], [f"out/{name}", f"logs/{name}"], strict=True):
        assert len(Path(short).name.encode()) <= 200
        assert (tmp_path / "work" / short).samefile(tmp_path / "work" / path)


# --- jobs that share a task -----------------------------------------------------------------------


def _member(name: str, command: str, *inputs: FileRef, output: OutputFile | None = None) -> Task:
    output = output or OutputFile(f"out/{name}.txt")
    step = Step(
        key=JobKey(name, (), (output.path,)),
        command=command,
        outputs=(output,),
        logs=(f"logs/{name}.log",),
    )
    return Task(key=step.key, layers=((step,),), inputs=inputs, container="debian:12")


def _run_pack(
    jobs: list[Task],
    given: dict[str, list[str] | None],
    folder: Path,
    longest: int | None = None,
) -> tuple[dict[str, object], str]:
    """Run the task that the jobs share; its outputs, and what it said.

    `given` are the texts of the files of each input list, None where they are not there.
    """
    uncertain = {ref.producer for task in jobs for ref in task.inputs if ref.producer}
    document = WDL.parse_document(f"version 1.1\n{render_pack(jobs, uncertain, longest)}")
    document.typecheck()
    (compiled,) = document.tasks
    values = WDL.Env.Bindings()
    for name, texts in given.items():
        staged = []
        for number, text in enumerate(texts or ()):
            file = folder / name / str(number) / "file"
            file.parent.mkdir(parents=True)
            file.write_text(text)
            file.chmod(0o444)
            staged.append(WDL.Value.File(str(file)))
        array = WDL.Value.Array(WDL.Type.File(), staged)
        values = values.bind(name, WDL.Value.Null() if texts is None else array)
    work = folder / "work"
    library = _Library(work)
    script = compiled.command.eval(values, library).value
    work.mkdir()
    done = subprocess.run(
        ["bash"], input=script.encode(), cwd=work, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")
    library.read_int = WDL.StdLib.StaticFunction(
        "read_int",
        [WDL.Type.File()],
        WDL.Type.Int(),
        lambda path: WDL.Value.Int(int((work / path.value).read_text())),
    )
    found: dict[str, object] = {}
    for output in compiled.outputs:
        value = output.expr.eval(values, library)
        found[output.name] = value.json
        values = values.bind(output.name, value)
    for name, paths in found.items():
        if name.startswith("files") and isinstance(paths, list):
            found[name] = [(work / path).read_text() for path in paths]
    return found, done.stderr.decode()


def test_a_job_of_a_pack_that_fails_takes_only_those_along_that_read_from_it(
    tmp_path: Path,
) -> None:
    good = _member("good", "cat in/x > out/good.txt; echo fine > logs/good.log", FileRef("in/x"))
    bad = _member("bad", "echo lost > out/bad.txt; echo why > logs/bad.log; false; exit 7")
    after = _member("after", "cp out/bad.txt out/after.txt", FileRef("out/bad.txt", bad.key))
    other = _member("other", "ls out > out/other.txt; pwd; echo said")
    jobs = [good, bad, after, other]
    jobs[1] = dataclasses.replace(
        bad, layers=((dataclasses.replace(bad.steps[0], interpreter="bash -e"),),)
    )
    found, said = _run_pack(jobs, {"inputs_1": ["text\n"]}, tmp_path)
    assert [found[f"code_{number}"] for number in range(1, 5)] == [0, 1, -1, 0]
    assert found["files_1"] == ["text\n"]
    assert (found["files_2"], found["files_3"]) == (None, None)
    assert found["files_4"] == ["other.txt\n"]  # a folder of its own
    assert found["logs_2"] == ["2/logs/bad.log"]
    lines = said.splitlines()
    second = lines[lines.index("=== job 2 ===") : lines.index("=== end of job 2: exit code 1 ===")]
    assert "[log 1.1] why" in second
    assert "=== job 3 ===" not in lines
    assert f"{tmp_path}/work/4" in lines[lines.index("=== job 4 ===") :]


def test_jobs_of_a_pack_hand_on_files_folders_and_programs(tmp_path: Path) -> None:
    """One whose project folder lies deeper than another's, and names with quotes, as well."""
    folder = OutputFile("d'ir", OutputKind.DIRECTORY)
    first = _member("first", 'mkdir -p "d\'ir/sub"; echo 1 > "d\'ir/sub/file"', output=folder)
    make = "printf '#!/bin/sh\\necho ran\\n' > ../tool; chmod +x ../tool"
    second = _member("second", make, output=OutputFile("../tool"))
    last = dataclasses.replace(
        _member(
            "last",
            '{ cat "d\'ir/sub/file"; ../tool; cat in/y; } > out/last.txt',
            FileRef("d'ir", first.key, directory=True),
            FileRef("../tool", second.key),
            FileRef("in/y", JobKey("elsewhere", (), ("in/y",))),
        ),
        may_run=(second.key,),
        sources=("script.py",),
    )
    given: dict[str, list[str] | None] = {"inputs_3": ["y\n"], "sources_3": ["source"]}
    found, said = _run_pack([first, second, last], given, tmp_path)
    assert found["files_3"] == ["1\nran\ny\n"], said
    executables = found["files_2"]
    assert isinstance(executables, list)
    assert executables[1] == "../tool\n"


def test_a_job_that_is_killed_with_its_shell_takes_no_other_along(tmp_path: Path) -> None:
    killed = _member("killed", "kill -9 $PPID $$")
    found, _ = _run_pack([killed, _member("other", "touch out/other.txt")], {}, tmp_path)
    assert (found["code_1"], found["code_2"]) == (137, 0)


def test_a_pack_that_has_worked_for_long_begins_no_more(tmp_path: Path) -> None:
    """After seconds, here, of which the shell counts one too many, and the first job begins late.

    What reads from a job that is left to another task is left out.
    """
    wait = "while [ $SECONDS -lt 5 ]; do sleep 0.1; done; touch out/first.txt"
    late = _member("late", "touch out/late.txt")
    below = _member("below", "touch out/below.txt", FileRef("out/late.txt", late.key))
    found, _ = _run_pack([_member("first", wait), late, below], {}, tmp_path, longest=4)
    assert [found[f"code_{number}"] for number in (1, 2, 3)] == [0, -2, -1]
    assert int(str(found["seconds_1"])) >= 1
    assert found["seconds_2"] == 0


def test_a_job_of_a_pack_is_left_out_where_a_job_of_another_task_has_failed(
    tmp_path: Path,
) -> None:
    needs = _member("needs", "touch out/needs.txt", FileRef("x", JobKey("failed", (), ("x",))))
    free = _member("free", "touch out/free.txt")
    found, _ = _run_pack([needs, free], {"inputs_1": None}, tmp_path)
    assert (found["code_1"], found["files_1"], found["code_2"]) == (-1, None, 0)
