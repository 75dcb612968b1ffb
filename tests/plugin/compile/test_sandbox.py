"""Any command and any path arrive in the task byte for byte: compiled, read, run by bash.

A stand-in takes the interpreter's place and keeps what it is given.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import WDL
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snakemake_executor_omics.compile import compile_wave
from snakemake_executor_omics.model import FileRef, JobKey, OutputFile, Step, Task, Wave

KEEP = "bash -c 'cp -- \"$1\" .omics/seen' keep"
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
    return st.lists(nested, max_size=4, unique_by=lambda parts: parts[0]).map(
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

    def _virtualize_filename(self, filename: str) -> str:
        return filename


def _run(task: Task, folder: Path) -> tuple[list[str], list[str]]:
    """Run the task's command section in `folder`; returns the files and logs it declares."""
    document = WDL.parse_document(compile_wave(Wave((task,))).files["main.wdl"])
    document.typecheck()
    (compiled,) = document.tasks
    staged = []
    for number, ref in enumerate(task.inputs):
        file = folder / "staged" / str(number)
        file.parent.mkdir(exist_ok=True)
        file.write_text(ref.path, newline="")
        staged.append(WDL.Value.File(str(file)))
    values = WDL.Env.Bindings().bind("inputs", WDL.Value.Array(WDL.Type.File(), staged))
    library = _Library("1.1", write_dir=str(folder))
    script = compiled.command.eval(values, library).value
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        ["bash"], input=script.encode(), cwd=work, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    declared = {output.name: output.expr.eval(values, library).json for output in compiled.outputs}
    return declared["files"], declared.get("logs", [])


@settings(max_examples=60, deadline=None)
@given(command=TEXT | MARKS, paths=_paths(), produced=_paths(), logs=_paths())
@example(command=NASTY, paths=[NASTY.replace("\n", "").replace("/", "")[:90]], produced=[], logs=[])
@example(
    command=(NASTY + "\n") * 900, paths=[" a", "-b", "c ", "~", "~{x}/$(y)"], produced=[], logs=[]
)
def test_any_command_and_any_path_arrive_byte_for_byte(
    command: str, paths: list[str], produced: list[str], logs: list[str]
) -> None:
    outputs = [f"out/{path}" for path in produced]
    logs = [f"logs/{path}" for path in logs]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # As a path of the project, "out" is a folder of the outputs.
        inputs = [path for path in paths if path.split("/")[0] not in ("out", "logs")]
        files, told = _run(_task(command, inputs, outputs, logs), folder)
        work = folder / "work"
        assert (work / ".omics/seen").read_bytes() == command.encode() + b"\n"
        for path in inputs:
            assert (work / path).read_bytes() == path.encode()
        assert files == outputs
        assert told == logs
        for path in (*outputs, *logs):
            assert (work / path).is_file()
