"""What a run: block refers to is made again in a plain Python, or refused by its name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, ResourceSettings

from snakemake_executor_omics.compile import python_source
from snakemake_executor_omics.errors import UnsupportedRule
from snakemake_executor_omics.graph.captured import Capture
from snakemake_executor_omics.graph.run_blocks import block_source
from snakemake_executor_omics.graph.snakefiles import Snakefiles

Text = Callable[..., tuple[str, tuple[str, ...]]]


class _Job:
    """What `block_source` asks a job for."""

    def __init__(self, rule: Any) -> None:
        from snakemake.iocontainers import Namedlist

        self.rule = rule
        self.threads = 1
        self.input, self.params, self.wildcards = Namedlist(), Namedlist(), Namedlist()
        self.output, self.log, self.resources = Namedlist(["out"]), Namedlist(), Namedlist()


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Text]:
    """The text of the `run:` block `body` below `top`, and the files that it needs."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    with SnakemakeApi(OutputSettings()) as api:

        def make(body: str, top: str = "", name: str = "x") -> tuple[str, tuple[str, ...]]:
            file = tmp_path / f"{name}.smk"
            lines = "\n".join(f"        {line}" for line in body.splitlines())
            file.write_text(f'{top}\nrule {name}:\n    output: "out"\n    run:\n{lines}\n')
            made = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=file)
            workflow = made._workflow
            job = _Job(workflow.get_rule(name))
            return block_source(job, job.resources, tmp_path)

        yield make


def _run(source: str, folder: Path) -> str:
    (folder / "job.py").write_text(source)
    command = [sys.executable, "job.py"]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("top", "what"),
    [
        ("import threading\nLOCK = threading.Lock()", "LOCK is a _thread.lock"),
        ("OUT = open('x.smk')", "OUT is an open file"),
        ("LAZY = (i for i in 'ab')", "LAZY is a generator"),
        ("DEEP = {'a': [print, open('x.smk')]}", r"DEEP\['a'\]\[1\] is an open file"),
        ("", "rules is Snakemake itself"),
        ("", "workflow is Snakemake itself"),
        ("LOOP = []\nLOOP.append(LOOP)", r"LOOP\[0\] holds itself"),
    ],
)
def test_what_cannot_travel_is_refused_by_its_name(text: Text, top: str, what: str) -> None:
    name = what.split()[0].split("\\")[0]
    with pytest.raises(UnsupportedRule, match=rf"rule x: .*{what}"):
        text(f"print({name})", top)


def test_what_may_take_any_value_is_refused(text: Text) -> None:
    with pytest.raises(UnsupportedRule, match=r"eval\(\) may take any value"):
        text("eval('1')")


def test_a_block_that_lists_a_folder_which_its_task_has_not_is_refused(
    text: Text, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(UnsupportedRule, match=r"lists 'data/\*.txt', of which its task has no"):
        text("import glob\nprint(glob.glob('data/*.txt'))")


def test_a_secret_of_the_environment_is_refused(
    text: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_TOKEN", "abcdefghij")
    with pytest.raises(UnsupportedRule, match="environment variable MY_API_TOKEN") as refused:
        text("print(VALUE)", "import os\nVALUE = os.environ['MY_API_TOKEN']")
    assert "abcdefghij" not in str(refused.value)


def test_the_text_depends_only_on_what_the_block_refers_to(text: Text) -> None:
    before = text("print(A, config['a'])", "A = 1\nconfig['a'] = 1\nconfig['other'] = 1")
    after = text("print(A, config['a'])", "# more\n\nB = 1\nA = 1\nconfig.update(a=1, other=2)")
    assert before == after
    assert "other" not in before[0].partition("RULE = 'x'")[2]


def test_no_path_of_this_machine_is_in_the_text(text: Text, tmp_path: Path) -> None:
    assert str(tmp_path) not in text("helper()", "def helper():\n    raise ValueError")[0]


def test_an_error_shows_the_line_and_the_file(text: Text, tmp_path: Path) -> None:
    source, _ = text("a = 1\nhelper(a)", "def helper(x):\n    return x / 0  # here")
    said = _run(source, tmp_path)
    assert 'File "x.smk, helper", line 2, in helper' in said
    assert "return x / 0" in said
    assert "ZeroDivisionError" in said


def test_a_missing_package_is_told_in_a_sentence(text: Text, tmp_path: Path) -> None:
    source, _ = text("print(colorsys.ONE_THIRD)", "import colorsys")
    source = source.replace("load('colorsys')", "load('no_such_package')")
    said = _run(source, tmp_path)
    assert said.startswith("rule x: the Python 3")
    assert "cannot import no_such_package" in said


def test_a_value_that_is_only_named_in_a_text_fails_when_it_is_used(
    text: Text, tmp_path: Path
) -> None:
    top = "LOCK = open('x.smk')\nSHOWN = 'yes'"
    source, _ = text("shell('echo {SHOWN}')\nif threads > 1:\n    shell('echo {LOCK}')", top)
    assert _run(source, tmp_path) == "yes\n"
    assert "LOCK is an open file" in source


def test_modules_beside_a_snakefile_elsewhere_are_copied_by_their_content(
    text: Text, tmp_path: Path
) -> None:
    elsewhere = tmp_path.with_name(f"{tmp_path.name}_elsewhere")
    elsewhere.mkdir()
    (elsewhere / "far_away.py").write_text("WORD = 'far'\n")
    top = f"import sys\nsys.path.insert(0, {str(elsewhere)!r})\nimport far_away"
    source, (file,) = text("print(far_away.WORD)", top)
    assert file.startswith(".snakemake/omics/modules/")
    assert str(elsewhere) not in source
    assert _run(source, tmp_path) == "far\n"
    del sys.modules["far_away"]


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_KEYS = _PLAIN | st.binary() | st.tuples(st.text(), st.integers())
_VALUES = st.recursive(
    _KEYS | st.sets(st.text()) | st.frozensets(st.integers()) | st.text(min_size=1).map(Path),
    lambda inner: (
        st.lists(inner) | st.dictionaries(_KEYS, inner) | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=12,
)


@given(_VALUES)
def test_a_value_is_what_its_source_evaluates_to(value: Any) -> None:
    class Nothing:
        included = ()

    capture = Capture(Snakefiles(Nothing), Nothing, Path("/nowhere"))
    found = eval(capture.value(value, "value"), {"pathlib": __import__("pathlib")})
    assert found == value
    assert type(found) is type(value)
    assert not capture.statements


def test_data_frames_keep_their_types(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")

    class Nothing:
        included = ()

    frame = pandas.DataFrame(
        {
            "i": [1, 2],
            "f": [0.5, float("nan")],
            "s": ["a", "b"],
            "o": [["x"], None],
            "b": [True, False],
            "n": pandas.array([1, None], dtype="Int64"),
            "c": pandas.Categorical(["u", "v"], categories=["v", "u"], ordered=True),
            "t": pandas.to_datetime(["2024-01-01", None]),
            "z": pandas.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("UTC"),
        }
    ).set_index(["s", "i"], drop=False)
    capture = Capture(Snakefiles(Nothing), Nothing, tmp_path)
    expression = capture.value(frame, "FRAME")
    names: dict[str, Any] = {"__name__": "task"}
    source = python_source("block", "\n".join(["namespace('x')", *capture.statements]))
    exec(compile(source, "task", "exec"), names)
    pandas.testing.assert_frame_equal(eval(expression, names), frame)


RULES = """
rule made:
    output: "made.txt", table="table.tsv"
    params: k=3
    shell: "true"
"""


def test_files_of_other_rules_are_those_that_the_code_or_its_commands_name(
    text: Text, tmp_path: Path
) -> None:
    source, _ = text(
        "print(rules.made.output[0], rules.made.params.k)\nshell('echo {rules.made.output.table}')",
        RULES,
    )
    assert _run(source, tmp_path) == "made.txt 3\ntable.tsv\n"
    source, _ = text("shell('echo {rules.made.output.table}')", RULES, "y")
    assert _run(source, tmp_path) == "table.tsv\n"
    with pytest.raises(UnsupportedRule, match=r"rules\.made is a rule, which cannot travel"):
        text("print(rules.made)", RULES, "z")


def test_a_function_may_change_a_variable_of_the_one_around_it(text: Text, tmp_path: Path) -> None:
    top = "def around():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n"
    source, _ = text("print(UP(), UP())", f"{top}        return n\n    return up\nUP = around()")
    assert _run(source, tmp_path) == "1 2\n"
