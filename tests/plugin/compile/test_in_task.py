"""Python that runs in tasks: as Snakemake's own, and readable by an old Python."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake import io as snakemake_io
from snakemake.common import mb_to_mib
from snakemake.shell import shell as snakemake_shell
from snakemake.utils import format as snakemake_format

from snakemake_executor_omics.compile import in_task, python_source
from snakemake_executor_omics.compile.in_task import functions, values

FILES = sorted(Path(in_task.__file__).parent.glob("*.py"))
STATEMENTS = "namespace('x'); shell('x'); run_block"


@pytest.mark.parametrize("kind", ["script", "block", "notebook", "template"])
def test_the_oldest_python_reads_it_as_one_text(kind: str) -> None:
    text = python_source(kind, STATEMENTS)
    assert "from ." not in text
    ast.parse(text, feature_version=(3, 8))


@pytest.mark.parametrize("kind", ["script", "block", "notebook", "template"])
def test_the_names_of_one_file_are_not_those_of_another(kind: str) -> None:
    """Joined, a name that two files define would be the last one's."""
    found: list[str] = []
    for node in ast.parse(python_source(kind, STATEMENTS)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    assert sorted(found) == sorted(set(found))


def test_a_job_brings_only_what_it_uses() -> None:
    plain = python_source("script", "run_script({}, 'x')")
    assert "class shell" not in plain
    assert "def restore" not in plain


@pytest.mark.parametrize("named", [{}, {"mem_mb": (0, None)}])
def test_memory_that_only_the_task_knows_is_a_resource(
    named: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMICS_MEM_MB", "1500")
    nothing: Any = ([], {})
    job = dict.fromkeys(("input", "output", "params", "wildcards", "log"), nothing)
    found = values.job_values({**job, "resources": ([4], named), "threads": 1, "rule": "a"})
    told = found["resources"]
    assert told.mem_mb == told.get("mem_mb") == (4 if named else 1500)
    assert told.mem_mib == mb_to_mib(1500)


_TEXTS = st.sampled_from(["{word}", "{words}", "{words:q}", "{table[a]}", "{{x}}", "{number:03d}"])


@given(st.lists(_TEXTS, max_size=4).map(" ".join), st.text(), st.lists(st.text(), max_size=3))
def test_a_command_is_formatted_as_by_snakemake(pattern: str, word: str, words: list[str]) -> None:
    values: dict[str, Any] = {"word": word, "words": words, "table": {"a": word}, "number": 7}
    assert functions.format(pattern, **values) == snakemake_format(pattern, **values)


_PATTERNS = st.lists(st.sampled_from(["a/{x}.txt", "{x}-{y}", "{y}{y}", "plain"]), max_size=3)
_VALUES = st.lists(st.text(st.characters(exclude_characters="{}")), max_size=3)


@given(_PATTERNS, _VALUES, _VALUES, st.sampled_from([product, zip]))
def test_patterns_are_expanded_as_by_snakemake(
    patterns: list[str], x: list[str], y: list[str], combined: Any
) -> None:
    ours = functions.expand(patterns, combined, x=x, y=y)
    assert ours == snakemake_io.expand(patterns, combined, x=x, y=y)
    kept = functions.expand(patterns, x=x, allow_missing=True)
    assert kept == snakemake_io.expand(patterns, x=x, allow_missing=True)


@pytest.mark.parametrize("pattern", ["{a}/{b}.txt", "d/{a,[xy]}.txt", "{a}/{a}.txt", "d/x.txt"])
def test_wildcards_are_found_as_by_snakemake(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("d/x.txt", "d/y.txt", "d/zz.txt", "d/d.txt", "e/x.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert functions.glob_wildcards(pattern) == snakemake_io.glob_wildcards(pattern)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Snakemake leaves its pipe open
@pytest.mark.parametrize("command", ["echo $OMP_NUM_THREADS; echo {word:q}", "printf 'a\\nb\\n'"])
def test_the_shell_answers_as_snakemakes_own(command: str) -> None:
    word = "it's"
    assert functions.shell(command, read=True) == snakemake_shell(command, read=True)
    assert list(functions.shell(command, iterable=True)) == list(
        snakemake_shell(command, iterable=True)
    )
    assert word


def test_a_command_that_fails_in_the_middle_of_a_pipe_fails() -> None:
    with pytest.raises(Exception, match="returned non-zero exit status 1"):
        functions.shell("false | cat")


_IMPORTS = """
from snakemake import shell
assert callable(shell)
from snakemake.shell import shell
from snakemake.utils import format, makedirs, min_version
from snakemake.io import expand, glob_wildcards, multiext
from snakemake.iocontainers import Namedlist, Wildcards
from snakemake.logging import logger
from snakemake.exceptions import WorkflowError
try:
    raise WorkflowError("text", rule=None)
except Exception as error:
    assert "text" in str(error)
"""


@pytest.mark.parametrize("brought", [[], ["-I", "-S"]], ids=["snakemake", "stand-in"])
def test_what_wrappers_import_of_snakemake_is_there_without_it(brought: list[str]) -> None:
    text = python_source("script", f"stand_in()\n{_IMPORTS}")
    subprocess.run([sys.executable, *brought, "-c", text], check=True)


_NBCONVERT = """#!{python}
import json, os, sys
notebook = json.load(open(sys.argv[-1]))
os.chdir(os.path.dirname(sys.argv[-1]))
sys.path[0] = ""
names = {{}}
for cell in notebook["cells"]:
    exec(cell["source"], names)
json.dump(notebook, open(sys.argv[sys.argv.index("--output") + 1], "w"))
"""


def test_a_notebook_has_the_values_in_its_first_cell(tmp_path: Path) -> None:
    program = tmp_path / "bin/jupyter-nbconvert"  # stands in for Jupyter
    program.parent.mkdir()
    program.write_text(_NBCONVERT.format(python=sys.executable))
    program.chmod(0o755)
    (tmp_path / ".omics").mkdir()
    cells = [{"cell_type": "code", "source": "open('out', 'w').write(VALUE)", "metadata": {}}]
    old = {
        "cell_type": "code",
        "source": "0 / 0",
        "metadata": {"tags": ["snakemake-job-properties"]},
    }
    source = json.dumps({"cells": [old, *cells], "nbformat": 4, "nbformat_minor": 5})
    first = "import os, sys\nos.chdir(OMICS_FOLDER)\nsys.path.insert(0, '.omics')\n"
    given = ("n.ipynb", source, f"{first}from omics_job import VALUE", "VALUE = 'hi'", "log.ipynb")
    text = python_source("notebook", f"run_notebook(*{given!r})")
    environment = {"PATH": str(program.parent)}
    subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True, env=environment)
    assert (tmp_path / "out").read_text() == "hi"
    assert len(json.loads((tmp_path / "log.ipynb").read_text())["cells"]) == 2


def test_a_template_is_rendered_with_the_values(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("{{ params.name }} {{ config['a'] }} {{ wildcards.s }}")
    job = {
        **dict.fromkeys(("log", "resources"), ([], {})),
        "input": (["page"], {}),
        "output": (["out"], {}),
        "params": (["x"], {"name": (0, None)}),
        "wildcards": (["S"], {"s": (0, None)}),
        "threads": 1,
        "rule": "r",
        "config": {"a": 1},
    }
    text = python_source("template", f"render_template('jinja2', {job!r})")
    subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True)
    assert (tmp_path / "out").read_text() == "x 1 S"
