"""The `snakemake` object that a script gets in a container without Snakemake."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from snakemake.script import PythonScript, Snakemake

from snakemake_executor_omics.compile import python_source
from snakemake_executor_omics.compile.in_task.script import ReportHref, log_fmt_shell, run_script
from snakemake_executor_omics.compile.in_task.values import NamedList

_JOB: dict[str, Any] = {
    "input": [["a", "b", "c"], {"first": [0, None], "rest": [1, 3]}],
    "output": [["out"], {}],
    "params": [[1], {"k": [0, None]}],
    "wildcards": [["A"], {"sample": [0, None]}],
    "log": [[], {}],
    "resources": [[], {}],
    "threads": 3,
    "config": {"word": "hi"},
    "rule": "show",
}


def test_a_named_list_is_a_list_with_names() -> None:
    found = NamedList(*_JOB["input"])
    assert found == ["a", "b", "c"]
    assert found.first == found["first"] == found.get("first") == "a"
    assert found.rest == ["b", "c"]
    assert found.get("none", 7) == 7
    assert list(found.keys()) == ["first", "rest"]
    assert next(iter(found.items())) == ("first", "a")
    assert str(found) == "a b c"


@pytest.mark.parametrize(
    ("log", "options", "want"),
    [
        ([], {}, ""),
        (["l"], {}, " > l 2>&1"),
        (["l"], {"append": True}, " >> l 2>&1"),
        (["l"], {"stdout": False}, " 2> l"),
        (["l"], {"stderr": False}, " > l"),
        (["l"], {"stderr": False, "append": True}, " >> l"),
        (["l"], {"stdout": False, "stderr": False}, ""),
    ],
)
def test_a_log_becomes_a_redirection(log: list[str], options: dict[str, bool], want: str) -> None:
    assert log_fmt_shell(log)(**options) == want


def test_a_redirection_is_snakemakes_own() -> None:
    theirs = object.__new__(Snakemake)
    theirs.log = "l"
    for stdout, stderr in ((True, True), (True, False), (False, True)):
        for append in (True, False):
            ours = log_fmt_shell(["l"])(stdout, stderr, append)
            assert ours == theirs.log_fmt_shell(stdout, stderr, append)


def test_a_script_runs_as_the_main_program_beside_its_modules(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside.py").write_text("word = 'beside'\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import beside\n"
        "if __name__ == '__main__':\n"
        "    print(beside.word, snakemake.wildcards.sample, snakemake.threads,\n"
        "          snakemake.bench_iteration, snakemake.scriptdir, __real_file__)\n"
    )
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setenv("OMICS_REPEAT", "2")
    run_script(_JOB, str(script))
    assert capsys.readouterr().out == f"beside A 3 2 {tmp_path} {script}\n"


def test_a_script_has_the_names_that_snakemake_leaves_before_it(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    preamble = PythonScript._minify_preamble(inspect.getsource(PythonScript.generate_preamble))
    left = re.findall(r"(?:import (\w+)|(\b\w+) = pickle\.loads\(.snakemake.\));", preamble)
    names = {first or second for first, second in left} - {"shell"} | {"__real_file__"}
    assert names >= {"sys", "logger", "snakemake"}
    script = tmp_path / "script.py"
    script.write_text("print(sorted(globals()))\nassert isinstance(snakemake, Snakemake)\n")
    monkeypatch.setattr("sys.path", list(sys.path))
    run_script(_JOB, str(script))
    assert names <= set(ast.literal_eval(capsys.readouterr().out))


def test_a_script_may_be_named_after_a_module_that_it_imports(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "this.py"
    script.write_text("import this\nassert this.__file__ != __file__\n")
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.delitem(sys.modules, "this", raising=False)
    run_script(_JOB, str(script))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "def f():\n    raise ValueError('no')\n\nf()\n",
            "Traceback (most recent call last):\n"
            '  File "a.py", line 4, in <module>\n'
            '  File "a.py", line 2, in f\n'
            "ValueError: no\n",
        ),
        ("x = (\n", '  File "a.py", line 1\nSyntaxError: '),
        (
            "import sys\nsys.excepthook = lambda kind, error, trace: print(\n"
            "    'mine', kind.__name__, trace.tb_lineno, file=sys.stderr)\n1 / 0\n",
            "mine ZeroDivisionError 4\n",
        ),
        ("raise SystemExit('that is all')\n", "that is all\n"),
    ],
)
def test_of_a_script_that_fails_its_own_lines_are_shown_alone(
    tmp_path: Path, text: str, shown: str
) -> None:
    (tmp_path / "a.py").write_text(text)
    source = python_source("script", f"run_script({_JOB!r}, 'a.py')")
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    # Without the lines of the script, which versions of Python mark differently.
    kept = [line for line in done.stderr.splitlines(True) if not line.startswith("    ")]
    assert ("".join(kept).startswith(shown), done.returncode) == (True, 1)


def test_links_of_reports_are_snakemakes_own() -> None:
    theirs, ours = object.__new__(Snakemake).report_href, ReportHref
    for link in (
        lambda href: href("sub/test.html"),
        lambda href: href("test.html").url_args(foo=4, bar="a b").anchor("b c"),
        lambda href: href("subdir").child_path("subdir/test3.html").anchor("x"),
    ):
        assert str(link(ours)) == str(link(theirs))
