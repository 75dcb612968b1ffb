"""What miniwdl promises nobody: each member is there, and does what it is used for."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import logging
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import WDL
from WDL import Env, StdLib, Tree, Type, Value
from WDL._util import chmod_R_plus
from WDL.runtime import _io_helpers, _workflow_state, config, download
from WDL.runtime._stdlib import WorkflowStdLib
from WDL.runtime.cache import CallCache

from local_healthomics.engine import miniwdl_internals as internals
from local_healthomics.engine.miniwdl_internals import MEMBERS, Member

LOGGER = logging.getLogger("test-miniwdl")


def _complaint(member: Member, problem: str) -> str:
    return (
        f"{member.module}.{member.name} of miniwdl {importlib.metadata.version('miniwdl')}"
        f" {problem}; it is used because: {member.why}. See engine/miniwdl_internals.py"
    )


@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: f"{m.module}.{m.name}")
def test_miniwdl_still_has_the_private_member(member: Member) -> None:
    found: Any = importlib.import_module(member.module)
    for name in member.name.split("."):
        assert hasattr(found, name), _complaint(member, "is gone")
        found = inspect.getattr_static(found, name)
    if member.parameters:
        has = tuple(inspect.signature(getattr(found, "__wrapped__", found)).parameters)
        missing = [name for name in member.parameters if name not in has]
        assert not missing, _complaint(member, f"has no {', '.join(missing)} among {has}")


def _configuration() -> config.Loader:
    return config.Loader(LOGGER, filenames=[], overrides={})


def test_only_the_given_downloaders_are_used() -> None:
    cfg = _configuration()
    internals.use_downloaders(cfg, {"s3": lambda: None}, {})
    assert download.able(cfg, "s3://b/k")
    assert not download.able(cfg, "s3://b/k/", directory=True)
    assert not download.able(cfg, "https://example.org/file")


def test_sigterm_sets_the_termination_flag() -> None:
    with internals.termination_flag(LOGGER) as flag:
        assert not flag()
        os.kill(os.getpid(), signal.SIGTERM)
        assert flag()


def test_outputs_are_linked_below_out(tmp_path: Path) -> None:
    (tmp_path / "made").write_text("x")
    outputs: Any = Env.Bindings().bind("o", Value.File(str(tmp_path / "made")))
    found = internals.linked(CallCache(_configuration(), LOGGER), outputs, str(tmp_path))
    assert found["o"].value == str(tmp_path / "out" / "o" / "made")
    assert Path(found["o"].value).read_text() == "x"


def test_links_are_the_same_where_the_kernel_resolves_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work" / "folder").mkdir(parents=True)
    (tmp_path / "work" / "file").write_text("x")
    (tmp_path / "link").symlink_to("work/file")

    def laid_out() -> dict[str, str]:
        files = [Value.File(str(tmp_path / name)) for name in ("work/file", "link")]
        outputs: Any = Env.Bindings().bind("all", Value.Array(Type.File(), list(files)))
        outputs = outputs.bind("d", Value.Directory(str(tmp_path / "work" / "folder")))
        internals.linked(CallCache(_configuration(), LOGGER), outputs, str(tmp_path))
        out = tmp_path / "out"
        found = {str(one): str(one.readlink()) for one in out.rglob("*") if one.is_symlink()}
        out.rename(tmp_path / f"out{len(list(tmp_path.iterdir()))}")
        return found

    stock = laid_out()
    fast = internals.os_with_fast_links()
    assert vars(fast).keys() == vars(os).keys()
    assert vars(fast.path).keys() == vars(os.path).keys()
    monkeypatch.setattr(_io_helpers, "os", fast)
    monkeypatch.setattr(_io_helpers, "symlink_force", os.symlink)
    assert laid_out() == stock
    assert len(stock) == 3


@pytest.mark.parametrize("seed", range(5))
def test_jobs_begin_when_miniwdl_lets_them(seed: int) -> None:
    text = """
    version 1.1
    task t { input { Array[Int] given = [] }  command {}  output { Int o = 1 } }
    workflow w {
      call t as a
      call t as b { input: given = [a.o] }
      Array[Int] many = [1, 2, b.o]
      scatter (i in many) {
        call t as c { input: given = [i] }
        if (i > 1) { call t as d { input: given = [c.o] } }
      }
      call t as e { input: given = c.o }
      output { Int o = e.o  Array[Int?] all = d.o }
    }
    """
    document = WDL.parse_document(text)
    document.typecheck()
    flow: Any = document.workflow

    def begun(kind: Any) -> list[str]:
        rng, cfg = random.Random(seed), _configuration()
        state = kind("test-miniwdl", "/run", flow, Env.Bindings())
        stdlib = WorkflowStdLib(cfg, "1.1", state, CallCache(cfg, LOGGER))
        found, running = [], []
        while state.outputs is None:
            while (call := state.step(cfg, stdlib)) is not None:
                found.append(call.id)
                running.append(call.id)
            if running:
                rng.shuffle(running)
                found.append(f"{running[-1]} ends")
                state.call_finished(running.pop(), Env.Bindings().bind("o", Value.Int(2)))
        return [*found, str(WDL.values_to_json(state.outputs))]

    assert begun(internals.StateMachine) == begun(_workflow_state.StateMachine)


@pytest.mark.parametrize(("text", "size"), [("1 GiB", 2**30), ("2 GB", 2 * 10**9), ("7", 7)])
def test_sizes_are_read_as_miniwdl_reads_them(text: str, size: int) -> None:
    assert internals.byte_size(text) == size


def test_the_outline_names_the_parts_and_what_lint_found() -> None:
    text = "version 1.0\ntask t { input { Int unused } command {} runtime { container: 'x' } }"
    document = WDL.parse_document(text)
    document.typecheck()
    assert "task t" in internals.outline(document)
    assert "UnusedDeclaration" in internals.outline(document)


def test_an_error_is_told_as_miniwdl_check_tells_it() -> None:
    with pytest.raises(WDL.Error.SyntaxError) as raised:
        WDL.parse_document("version 1.0\nworkflow {")
    assert "Ln 2 Col 10" in internals.error_text(raised.value)


def test_a_type_may_be_accepted_and_a_value_converted() -> None:
    class Number(Type.Float):
        pass

    class Figure(Value.Float):
        pass

    internals.accept(Number, lambda given, wanted, quant: isinstance(wanted, Type.Int))
    internals.convert(Figure, lambda given, wanted: wanted and Value.Int(int(given.value)))
    Number().check(Type.Int())
    assert Figure(2.0).coerce(Type.Int()).value == 2
    with pytest.raises(TypeError):
        Number().check(Type.Directory())


@pytest.fixture
def stock() -> Any:
    """`Env.Bindings` as miniwdl has it, whoever has replaced its members in this process."""
    assert Env.__spec__ is not None
    spec = importlib.util.spec_from_file_location("WDL.Env", Env.__spec__.origin)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Bindings


def observe(env: Any, names: list[str]) -> list[Any]:
    return [(env.get(name), name in env, env.has_namespace(name), env.namespaces) for name in names]


@pytest.mark.parametrize("seed", range(8))
def test_indexed_environments_answer_as_stock_ones(seed: int, stock: Any) -> None:
    names = ["a", "b", "a.x", "a.y", "a.b.z", "b.x", "c", "d.e"]

    def build(kind: Any) -> list[Any]:
        rng = random.Random(seed)
        environments = [kind()]
        for step in range(300):
            parent = environments[-1] if rng.random() < 0.8 else rng.choice(environments)
            environments.append(parent.bind(rng.choice(names), step))
            if rng.random() < 0.5:  # indexes are made when somebody looks
                observe(rng.choice(environments), names)
        return [observe(env, names) for env in environments]

    internals.index_documents()
    assert build(Env.Bindings) == build(stock)


def test_a_deep_comb_of_forks_is_still_right() -> None:
    internals.index_documents()
    env: Any = Env.Bindings()
    for i in range(200):
        side = env.bind(f"side{i}", i)
        assert side[f"side{i}"] == i
        env = env.bind(f"n{i}.x", i)
        assert env[f"n{i // 2}.x"] == i // 2
        assert env.has_namespace("n0")
        assert f"side{i}" not in env
    assert len(env.namespaces) == 200


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ("call two", None),
        ("call lib.one as three", None),
        ("call nobody", "NoSuchTask"),
        ("call lib.two", "NoSuchTask"),
        ("call one as flow", "MultipleDefinitions"),
        ("call flow as again", "CircularDependencies"),
    ],
)
def test_a_call_is_of_the_task_that_it_names(tmp_path: Path, call: str, wrong: str | None) -> None:
    internals.index_documents()
    task = "task {} {{ command {{}} output {{ Int of = {} }} }}"
    lib = ["version 1.0", task.format("one", 10)]
    (tmp_path / "lib.wdl").write_text("\n".join(lib))
    main = ["version 1.0", 'import "lib.wdl" as lib', task.format("one", 1), task.format("two", 2)]
    main += [f"workflow flow {{ call one {call} }}"]
    (tmp_path / "main.wdl").write_text("\n".join(main))
    if wrong is not None:
        with pytest.raises(getattr(WDL.Error, wrong)):
            WDL.load(str(tmp_path / "main.wdl"))
        return
    document = WDL.load(str(tmp_path / "main.wdl"))
    assert document.workflow is not None
    _, second = document.workflow.body
    assert isinstance(second, WDL.Call)
    made = document if call == "call two" else document.imports[0].doc
    assert made is not None
    assert second.callee is made.tasks[-1]
    assert [one.name for one in document.tasks] == ["one", "two"]


def test_functions_that_are_made_late_are_miniwdls(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = StdLib.TaskOutputs("1.1", "/write")
    for name in ("__init__", "__getattr__"):
        monkeypatch.setattr(StdLib.Base, name, getattr(StdLib.Base, name, None), raising=False)
    internals.make_functions_late()
    late = StdLib.TaskOutputs("1.1", "/write")
    stdout = late.stdout  # type: ignore[attr-defined]
    assert late.wdl_version == "1.1"
    assert "floor" not in vars(late)
    with pytest.raises(AttributeError):
        _ = late.nothing  # type: ignore[attr-defined]
    assert type(late.read_lines) is type(stock.read_lines)  # type: ignore[attr-defined]
    assert vars(late).keys() == vars(stock).keys()
    assert late._write_dir == "/write"
    assert late.stdout is stdout  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = late.nothing  # type: ignore[attr-defined]


def test_what_a_workflow_may_be_given_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    document = WDL.parse_document(
        """
        version 1.1
        task t { input { Int n  Int? m }  command {} }
        workflow w { input { String s }  call t as a { input: n = 1 }  call t as b }
        """
    )
    document.typecheck()
    workflow = document.workflow
    assert workflow is not None
    stock = [(one.name, one.value) for one in workflow.available_inputs if "_" not in one.name]
    monkeypatch.setattr(Tree.Workflow, "available_inputs", Tree.Workflow.available_inputs)
    internals.keep_available_inputs()
    kept = workflow.available_inputs
    found = [(one.name, one.value) for one in kept if "_" not in one.name]
    assert found == stock
    assert [name for name, _ in found] == ["s", "a.m", "b.n", "b.m"]
    assert workflow.available_inputs is kept


def test_permissions_are_added_as_miniwdl_adds_them(tmp_path: Path) -> None:
    def modes(add: Any, root: Path) -> dict[str, int]:
        (root / "in" / "deep").mkdir(parents=True)
        (root / "outside").write_text("")
        for name, mode in (("read", 0o400), ("run", 0o755), ("all", 0o666)):
            (root / "in" / "deep" / name).write_text("")
            (root / "in" / "deep" / name).chmod(mode)
        for name, target in (("out", root / "outside"), ("up", root), ("gone", root / "gone")):
            (root / "in" / name).symlink_to(target)
        (root / "in" / "deep").chmod(0o500)
        (root / "outside").chmod(0o400)
        add(str(root / "in"), file_bits=0o660, dir_bits=0o770)
        (root / "alone").write_text("")
        (root / "alone").chmod(0o400)
        add(str(root / "alone"), file_bits=0o660)
        add(str(root / "in" / "out"), file_bits=0o660)
        found = (path for path in root.rglob("*") if not path.is_symlink())
        return {str(path.relative_to(root)): path.stat().st_mode for path in found}

    theirs = modes(chmod_R_plus, tmp_path / "theirs")
    assert modes(internals.add_permissions, tmp_path / "ours") == theirs
    assert theirs["in/deep/read"] & 0o777 == 0o660
    assert theirs["alone"] & 0o777 == 0o660
    assert theirs["outside"] & 0o777 == 0o400
