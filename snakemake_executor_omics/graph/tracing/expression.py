"""Resource expressions over input sizes: an immutable tree, its WDL text and its value.

Every number in the WDL text is a Float (`2.0`, `1.0*ceil(…)`), because WDL divides Int by Int
without a remainder where Python does not. Three things differ from Python: WDL's `round` rounds
halves up (Python: to the even neighbour, so a tie may ask for one unit more), `a // b` is
`floor(a/b)` (the same number unless `a/b` is within a float's last bit of an integer), and
numbers are floats throughout (exact up to 2**53).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

Operator: TypeAlias = Literal["+", "-", "*", "/"]
Comparison: TypeAlias = Literal["<", "<=", "=="]
Function: TypeAlias = Literal["round", "ceil", "floor"]

# Snakemake's size_kb, size_mb and size_gb count in 1024s: WDL's "MB" would be 5 % off.
WDL_UNITS = {1: "B", 1024: "KiB", 1024**2: "MiB", 1024**3: "GiB", 1024**4: "TiB"}


@dataclass(frozen=True, slots=True)
class Const:
    value: float


@dataclass(frozen=True, slots=True)
class InputSize:
    """Size of the inputs at `files` (positions in the job's input list), in `unit` bytes."""

    files: tuple[int, ...]
    unit: int = 1

    @property
    def wdl_unit(self) -> str:
        """What WDL's `size()` takes as its second argument."""
        return WDL_UNITS[self.unit]


@dataclass(frozen=True, slots=True)
class BinOp:
    operator: Operator
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call:
    function: Function
    argument: Expr


@dataclass(frozen=True, slots=True)
class Compare:
    operator: Comparison
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class IfThenElse:
    condition: Compare
    then: Expr
    otherwise: Expr


Expr: TypeAlias = Const | InputSize | BinOp | Call | IfThenElse

_ARITHMETIC: dict[Operator, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
COMPARISONS: dict[Comparison, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
_FUNCTIONS: dict[Function, Callable[[float], int]] = {
    "round": lambda value: math.floor(value + 0.5),
    "ceil": math.ceil,
    "floor": math.floor,
}


def binary(op: Operator, left: Expr, right: Expr) -> Expr:
    """`left op right`, with what Snakemake's own idioms produce put together again.

    `sum(input.size_files)` becomes one size of all files, `size / 1024` a larger unit (dividing
    by a power of two is exact, so the number stays the same), and `x + 0`, `x * 1` become `x`.
    """
    match op, left, right:
        case "+", InputSize(), InputSize() if left.unit == right.unit:
            return InputSize(left.files + right.files, left.unit)
        case "/", InputSize(), Const() if left.unit * right.value in WDL_UNITS:
            return InputSize(left.files, int(left.unit * right.value))
        case ("+", Const(0), other) | ("*", Const(1), other):
            return other
        case ("+" | "-", other, Const(0)) | ("*" | "/", other, Const(1)):
            return other
    return BinOp(op, left, right)


def call(function: Function, argument: Expr) -> Expr:
    return argument if is_integral(argument) else Call(function, argument)


def choose(condition: Compare, then: Expr, otherwise: Expr) -> Expr:
    return then if then == otherwise else IfThenElse(condition, then, otherwise)


def add(left: Expr, right: Expr) -> Expr:
    if isinstance(left, Const) and isinstance(right, Const):
        return Const(left.value + right.value)
    return binary("+", left, right)


def product(expr: Expr, factor: int) -> Expr:
    return (
        Const(expr.value * factor) if isinstance(expr, Const) else BinOp("*", expr, Const(factor))
    )


def quotient(expr: Expr, divisor: float) -> Expr:
    """The quotient, rounded up to a whole number."""
    if isinstance(expr, Const):
        return Const(math.ceil(expr.value / divisor))
    return Call("ceil", BinOp("/", expr, Const(divisor)))


def larger(left: Expr, right: Expr) -> Expr:
    if isinstance(left, Const) and isinstance(right, Const):
        return left if left.value >= right.value else right
    return choose(Compare("<", left, right), right, left)


def relocated(expr: Expr, place: Callable[[int], Sequence[int]]) -> Expr:
    """The same over other inputs: `place` tells which ones stand for a file of this one."""
    match expr:
        case InputSize(files, unit):
            found = tuple(there for file in files for there in place(file))
            return InputSize(found, unit) if found else Const(0)
        case BinOp(op, left, right):
            return BinOp(op, relocated(left, place), relocated(right, place))
        case Call(function, argument):
            return Call(function, relocated(argument, place))
        case IfThenElse(Compare(comparison, left, right), then, otherwise):
            asked = Compare(comparison, relocated(left, place), relocated(right, place))
            return IfThenElse(asked, relocated(then, place), relocated(otherwise, place))
    return expr


def truncate(expr: Expr) -> Expr:
    """Python's `int()`: towards zero."""
    if is_nonnegative(expr):
        return call("floor", expr)
    return choose(_is_negative(expr), call("ceil", expr), call("floor", expr))


def absolute(expr: Expr) -> Expr:
    if is_nonnegative(expr):
        return expr
    return choose(_is_negative(expr), BinOp("-", Const(0), expr), expr)


def _is_negative(expr: Expr) -> Compare:
    return Compare("<", expr, Const(0))


def is_nonnegative(expr: Expr) -> bool:
    """True if the value can be seen to be 0 or more whatever the sizes; False may mean either."""
    match expr:
        case Const(value):
            return value >= 0
        case InputSize():
            return True
        case BinOp(op, left, right):
            return op != "-" and is_nonnegative(left) and is_nonnegative(right)
        case Call(_, argument):
            return is_nonnegative(argument)
        case IfThenElse(_, then, otherwise):
            return is_nonnegative(then) and is_nonnegative(otherwise)


def is_integral(expr: Expr) -> bool:
    """True if the value can be seen to be a whole number."""
    match expr:
        case Const(value):
            return value == math.floor(value)
        case InputSize(_, unit):
            return unit == 1
        case BinOp(op, left, right):
            return op != "/" and is_integral(left) and is_integral(right)
        case Call():
            return True
        case IfThenElse(_, then, otherwise):
            return is_integral(then) and is_integral(otherwise)


def evaluate(expr: Expr, sizes: Sequence[float]) -> float:
    """The value for these input sizes in bytes, as a WDL engine would compute it."""
    match expr:
        case Const(value):
            return value
        case InputSize(files, unit):
            return sum(sizes[file] for file in files) / unit
        case BinOp(op, left, right):
            return _ARITHMETIC[op](evaluate(left, sizes), evaluate(right, sizes))
        case Call(function, argument):
            return _FUNCTIONS[function](evaluate(argument, sizes))
        case IfThenElse(Compare(comparison, left, right), then, otherwise):
            holds = COMPARISONS[comparison](evaluate(left, sizes), evaluate(right, sizes))
            return evaluate(then if holds else otherwise, sizes)


def to_wdl(expr: Expr, size_of: Callable[[InputSize], str]) -> str:
    """A WDL 1.0 and 1.1 expression of type Float.

    `size_of` writes the size of some inputs, for example `size(inputs, "MiB")`: a Float.
    """
    match expr:
        case Const(value):
            return _float_literal(value)
        case InputSize():
            return size_of(expr)
        case BinOp(op, left, right):
            return f"({to_wdl(left, size_of)} {op} {to_wdl(right, size_of)})"
        case Call(function, argument):
            return f"(1.0 * {function}({to_wdl(argument, size_of)}))"
        case IfThenElse(condition, then, otherwise):
            test = _compare_to_wdl(condition, size_of)
            return f"(if {test} then {to_wdl(then, size_of)} else {to_wdl(otherwise, size_of)})"


def to_wdl_int(expr: Expr, size_of: Callable[[InputSize], str]) -> str:
    """A WDL 1.0 and 1.1 expression of type Int, rounded as `round` does where need be."""
    match expr:
        case Const(value) if is_integral(expr):
            return f"(-{-int(value)})" if value < 0 else str(int(value))
        case Call(function, argument):
            return f"{function}({to_wdl(argument, size_of)})"
        case IfThenElse(condition, then, otherwise):
            test = _compare_to_wdl(condition, size_of)
            branches = f"{to_wdl_int(then, size_of)} else {to_wdl_int(otherwise, size_of)}"
            return f"(if {test} then {branches})"
    return f"round({to_wdl(expr, size_of)})"


def _compare_to_wdl(condition: Compare, size_of: Callable[[InputSize], str]) -> str:
    left, right = to_wdl(condition.left, size_of), to_wdl(condition.right, size_of)
    return f"{left} {condition.operator} {right}"


def _float_literal(value: float) -> str:
    # Through Decimal: no exponent, which not every WDL parser reads, and every digit kept.
    text = format(Decimal(repr(float(abs(value)))), "f")
    text = text if "." in text else f"{text}.0"
    return f"(-{text})" if value < 0 else text
