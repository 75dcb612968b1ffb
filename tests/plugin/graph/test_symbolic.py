"""Symbolic resources without Snakemake: WDL's engine computes what the function does."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import WDL
from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_omics.graph.tracing.expression import (
    Const,
    Expr,
    InputSize,
    evaluate,
    to_wdl,
    to_wdl_int,
)
from snakemake_executor_omics.graph.tracing.trace import Inputs, NotTraceable, trace

INPUTS = Inputs(("a.bam", "b.bam", "ref.fa"), {"bams": (0, 2), "ref": (2, None)}, frozenset({1}))
STDLIBS = {version: WDL.StdLib.Base(version) for version in ("1.0", "1.1")}
MIB = 1024**2


class FakeInput(list[str]):
    """An `input` with real sizes: what Snakemake gives the function once the files exist."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__(INPUTS.paths)
        self.size_files = list(sizes)
        self.size = sum(sizes)
        self.size_kb = sum(size / 1024 for size in sizes)
        self.size_mb = sum(size / MIB for size in sizes)
        self.size_gb = sum(size / 1024**3 for size in sizes)
        self.size_files_mb = [size / MIB for size in sizes]
        self.bams, self.ref = self[:2], self[2]

    def __getitem__(self, key: Any) -> Any:
        return getattr(self, key) if isinstance(key, str) else super().__getitem__(key)


def variable(size: InputSize) -> str:
    return "_".join(["s", *map(str, size.files), size.wdl_unit])


def wdl_value(expr: Expr, sizes: tuple[int, ...], version: str, writer: Any = to_wdl) -> Any:
    """What miniwdl computes for the expression, and the WDL type that it infers."""
    types: Any = WDL.Env.Bindings()
    values: Any = WDL.Env.Bindings()

    def size_of(size: InputSize) -> str:
        nonlocal types, values
        name = variable(size)
        if not types.has_binding(name):
            types = types.bind(name, WDL.Type.Float())
            number = sum(sizes[file] for file in size.files) / size.unit
            values = values.bind(name, WDL.Value.Float(number))
        return name

    parsed = WDL.parse_expr(writer(expr, size_of), version=version)
    parsed.infer_type(types, STDLIBS[version])
    return parsed.eval(values, STDLIBS[version]).value, str(parsed.type)


sizes_strategy = st.tuples(*[st.integers(0, 2**42)] * 3)


def halve(x: float) -> float:
    return x / 2


def scaled(input: Any, attempt: int) -> float:
    return halve(int(input.size_mb * 3)) * attempt


def in_steps(input: Any) -> int:
    if input.size_gb > 100:
        return 64_000
    return 32_000 if input.size_gb > 10 else 8_000


def by_loop(input: Any) -> float:
    total = 100
    for size in input.size_files_mb:
        total += size * 1.5
    return total


# Each computes the same with symbols and with numbers; `round` is in a test of its own.
FUNCTIONS: dict[str, Callable[..., float]] = {
    "default mem": lambda input: min(max(2 * input.size_mb, 1000), 8000),
    "default disk": lambda input: max(2 * input.size_mb, 1000) if input else 50000,
    "ceil": lambda input: math.ceil(input.size_mb * 1.1) + 500,
    "floor": lambda input: math.floor(input.size_kb / 7 + 0.1),
    "trunc": lambda input: math.trunc(10 - input.size_gb),
    "floordiv": lambda input: 4000 + input.size // 2048,
    "ceil idiom": lambda input: -(-input.size // 4096),
    "modulo": lambda input: input.size % 4096,
    "divmod": lambda input: sum(divmod(input.size, 512)),
    "power": lambda input: (1 + input.size_gb) ** 3,
    "abs": lambda input: abs(input.size_mb - 700),
    "negative": lambda input: -2.5 * input.size_mb + 1e-7,
    "division": lambda input: 1e9 / (input.size_mb + 1) - 3,
    "int division stays exact": lambda input: math.ceil(input.size_mb) / 2,
    "int": lambda input: int(input.size_mb * 2.5),
    "int of negative": lambda input: int(100 - input.size_mb),
    "float": lambda input: float(input.size_mb) + float(3),
    "nested helper": lambda input: scaled(input, 3),
    "helper in a comprehension": lambda input: sum(
        halve(scaled(input, number)) for number in range(3)
    ),
    "isinstance": lambda input: int(input.size) if isinstance(3, int) else 0,
    "steps": in_steps,
    "loop": by_loop,
    "sum of sizes": lambda input: sum(input.size_files) / 1024**2,
    "largest": lambda input: max(input.size_files_mb) * 2,
    "from infinity": lambda input: min([math.inf, *input.size_files]),
    "first file": lambda input: input.size_files[0] * 2 + input.size_files_mb[2],
    "bool arithmetic": lambda input: 1000 + 4000 * (input.size_mb > 10) + (input.size_gb > 1),
    "and or": lambda input: 1 if 1 < input.size_mb <= 500 or input.size_gb > 3 else 2,
    "truth": lambda input: 5 if input.size else 1,
    "equality": lambda input: 7 if input.size_files[0] == input.size_files[1] else 8,
    "inequality": lambda input: 7 if input.size_files[0] != 0 else 8,
    "name": lambda input: 5 * len(input.bams) + len(input["ref"]) + input.size_mb,
    "suffix": lambda input: input.size_gb * (4 if input[0].endswith(".bam") else 1),
    "partial": functools.partial(scaled, attempt=2),
    "constant": lambda input: 3 * len(input),
}


@pytest.mark.parametrize("version", sorted(STDLIBS))
@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=40, deadline=None)
@given(sizes=sizes_strategy)
def test_wdl_computes_what_the_function_does(
    name: str, version: str, sizes: tuple[int, ...]
) -> None:
    function = FUNCTIONS[name]
    expr = _traced(name)
    want = function(input=FakeInput(sizes))
    assert math.isclose(evaluate(expr, sizes), want, rel_tol=1e-12)
    got, kind = wdl_value(expr, sizes, version)
    assert math.isclose(got, want, rel_tol=1e-12)
    assert kind == "Float"
    whole, kind = wdl_value(expr, sizes, version, to_wdl_int)
    assert kind == "Int"
    assert abs(whole - want) <= 0.5 + abs(want) * 1e-12


@functools.cache
def _traced(name: str) -> Expr:
    return trace(FUNCTIONS[name], INPUTS)


# Random programs: nested lists of (operator, operands), read by one interpreter for both sides.
leaves = st.sampled_from(["size", "size_mb", "size_gb"]) | st.integers(-5000, 5000)
programs = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "max", "min"]), inner, inner),
        st.tuples(st.sampled_from(["ceil", "floor", "abs", "int", "half"]), inner),
        st.tuples(st.just("if"), inner, inner, inner, inner),
    ),
    max_leaves=8,
)


def interpret(program: Any, input: Any) -> Any:
    if isinstance(program, str):
        return getattr(input, program)
    if isinstance(program, int):
        return program
    op, *operands = program
    if op == "if":
        less = interpret(operands[0], input) < interpret(operands[1], input)
        return interpret(operands[2 if less else 3], input)
    values = [interpret(operand, input) for operand in operands]
    functions: dict[str, Callable[..., Any]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "max": max,
        "min": min,
        "ceil": math.ceil,
        "floor": math.floor,
        "abs": abs,
        "int": lambda a: int(a),
        "half": lambda a: a / 2,
    }
    return functions[op](*values)


@settings(max_examples=200, deadline=None)
@given(program=programs, sizes=sizes_strategy)
def test_random_functions_agree_or_are_refused(program: Any, sizes: tuple[int, ...]) -> None:
    want = interpret(program, FakeInput(sizes))
    try:
        expr = trace(functools.partial(interpret, program), INPUTS)
    except NotTraceable as failure:
        refusal: NotTraceable | None = failure
    else:
        refusal = None
    if refusal is not None:
        assert "cases" in refusal.reason
        return
    if abs(want) < 2**50:  # beyond, Python's ints are exact where floats are not
        got, _ = wdl_value(expr, sizes, "1.1")
        assert math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-6)


def test_rounding_goes_half_up_in_wdl() -> None:
    expr = trace(lambda input: round(input.size_mb), INPUTS)
    halves = (MIB // 2, 2 * MIB, 0)
    assert evaluate(expr, halves) == 3
    assert wdl_value(expr, halves, "1.0") == (3.0, "Float")
    assert wdl_value(expr, halves, "1.0", to_wdl_int) == (3, "Int")


@pytest.mark.parametrize(("digits", "want"), [(1, 1235.7), (-2, 1200), (0, 1236), (None, 1236)])
def test_rounding_to_digits(digits: int | None, want: float) -> None:
    expr = trace(lambda input: round(input.size / 10, digits), INPUTS)
    assert evaluate(expr, (12357, 0, 0)) == pytest.approx(want)


def test_text_of_snakemakes_default() -> None:
    expr = trace(FUNCTIONS["default mem"], INPUTS)
    text = to_wdl_int(expr, lambda size: f'size(inputs, "{size.wdl_unit}")')
    assert text == (
        '(if (2.0 * size(inputs, "MiB")) < 1000.0 then 1000 else '
        '(if 8000.0 < (2.0 * size(inputs, "MiB")) then 8000 else '
        'round((2.0 * size(inputs, "MiB")))))'
    )


def test_real_size_function_of_wdl(tmp_path: Path) -> None:
    class Library(WDL.StdLib.Base):
        def _devirtualize_filename(self, filename: str) -> str:
            return filename

    library = Library("1.0")
    paths = [tmp_path / "x", tmp_path / "y"]
    for path in paths:
        path.write_bytes(b"0" * 3 * MIB)
    expr = trace(lambda input: 2 * input.size_mb, Inputs(tuple(map(str, paths))))
    text = to_wdl(expr, lambda size: f'size(files, "{size.wdl_unit}")')
    files = WDL.Value.Array(WDL.Type.File(), [WDL.Value.File(str(path)) for path in paths])
    parsed = WDL.parse_expr(text, version="1.0")
    types: Any = WDL.Env.Bindings()
    values: Any = WDL.Env.Bindings()
    parsed.infer_type(types.bind("files", WDL.Type.Array(WDL.Type.File())), library)
    assert parsed.eval(values.bind("files", files), library).value == 12.0


def test_sizes_of_all_files_become_one_term() -> None:
    every = InputSize((0, 1, 2), 1024**2)
    assert trace(lambda input: input.size_mb, INPUTS) == every
    assert trace(lambda input: sum(input.size_files_mb), INPUTS) == every
    assert trace(lambda input: input.size / 1024 / 1024, INPUTS) == every
    assert trace(lambda input: input.size / 1024**2, INPUTS) == every


def test_os_path_getsize_is_a_size(tmp_path: Path) -> None:
    stale = tmp_path / "stale"  # an older result, which the run will replace
    stale.write_text("old")
    inputs = Inputs((str(stale), "missing"))
    assert trace(lambda input: os.path.getsize(input[0]), inputs) == InputSize((0,))
    assert trace(lambda input: Path(input[1]).stat().st_size, inputs) == InputSize((1,))
    assert stale.stat().st_size == 3


def test_temp_inputs_count_in_bytes_as_in_snakemake() -> None:
    assert trace(lambda input: input.temp_size_mb, INPUTS) == InputSize((1,))
    assert trace(lambda input: sum(input.size_tempfiles), INPUTS) == InputSize((1,))


def test_no_inputs_have_size_zero() -> None:
    assert trace(FUNCTIONS["default disk"], Inputs(())) == Const(50000)
    assert trace(lambda input: input.size_mb + 3, Inputs(())) == Const(3)


def test_named_inputs_behave_as_snakemakes() -> None:
    def check(input: Any) -> int:
        assert input.bams == ["a.bam", "b.bam"]
        assert input.ref == input["ref"] == input.get("ref") == "ref.fa"
        assert input.get("nothing", 5) == 5
        assert list(input.keys()) == ["bams", "ref"]
        assert dict(input.items())["ref"] == "ref.fa"
        assert f"{input}" == "a.bam b.bam ref.fa"
        return 1

    assert trace(check, INPUTS) == Const(1)


def swallow(input: Any) -> int:
    try:
        return int(f"{input.size:.0f}")
    except Exception:
        return 4


def endless(input: Any) -> float:
    size = input.size_mb
    while size > 1:
        size = size / 2
    return float(size)


def huge(input: Any) -> Any:
    size = input.size_mb
    for _ in range(60):
        size = size * size
    return size


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda input: {0: 1}[input.size], "dict or set"),
        (lambda input: f"{input.size_mb}MB", "text"),
        (lambda input: f"{int(input.size_mb)}MB", "text"),
        (lambda input: str(input.size_mb) + "MB", "text"),
        (lambda input: "%.2f MB" % input.size_mb, "returned the text|cannot be followed"),  # noqa: UP031
        (lambda input: "16GB", "returned the text '16GB'"),
        (lambda input: None, "returned None"),
        (lambda input: math.nan, "returned nan"),
        (lambda input: math.log(input.size), "math domain error"),
        (lambda input: math.exp(input.size_mb), "."),
        (lambda input: math.hypot(input.size_mb, 3), "cannot be followed"),
        (lambda input: 5 if math.hypot(input.size_mb, 3) > 5e3 else 6, "cannot be followed"),
        (lambda input: input.size_mb**0.5, "power"),
        (lambda input: 2**input.size_gb, "power"),
        (lambda input: max(range(int(input.size))), "int"),
        (lambda input: [1, 2][input.size], "TypeError"),
        (lambda input: input.bams.size_mb, "AttributeError"),
        (lambda input: Path(input[0]).read_text(), "FileNotFoundError"),
        (lambda input: sum(max(n * size, 5) for size in input.size_files for n in (1, 2)), "cases"),
        (lambda input: sum(max(input.size, n) for n in range(30)), "cases|questions"),
        (lambda input: os.path.isfile(input[0]), "st_mode"),
        (swallow, "text"),
        (endless, "cases|questions"),
        (huge, "operations"),
    ],
)
def test_refused_with_a_reason(function: Callable[..., object], reason: str) -> None:
    with pytest.raises(NotTraceable, match=reason):
        trace(function, INPUTS)


def test_many_inputs_stay_one_short_term() -> None:
    inputs = Inputs(tuple(f"f{index}" for index in range(3000)))
    expr = trace(lambda input: sum(input.size_files) * 2, inputs)
    assert to_wdl(expr, lambda size: f"s{len(size.files)}") == "(s3000 * 2.0)"
