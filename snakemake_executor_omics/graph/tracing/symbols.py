"""Numbers that record what is done to them: the values a traced resource function works with.

What would lose the record (`int(x)`, `hash(x)`, text) raises NotTraceable and also writes it on
the tape, since the function, or Snakemake around it, may catch exceptions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn, Self

from .expression import (
    COMPARISONS,
    Compare,
    Comparison,
    Const,
    Expr,
    IfThenElse,
    InputSize,
    Operator,
    absolute,
    binary,
    call,
    truncate,
)

# Operations in one expression. Also what keeps `x = x * x` in a loop from becoming huge text.
MAX_OPERATIONS = 400
MAX_POWER = 8


class NotTraceable(Exception):
    """A resource function does something that no WDL expression can say.

    Not an error for people: the job waits until its inputs exist.
    """

    def __init__(self, reason: str, *, needs_rebinding: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.needs_rebinding = needs_rebinding


class Tape:
    """One run of a function: the answers its conditions get, and the first failure."""

    def __init__(self, answers: Sequence[bool], *, max_conditions: int, number: float) -> None:
        self.decisions: dict[Compare, bool] = {}
        self.failure: NotTraceable | None = None
        self.number = number
        self._answers = answers
        self._max_conditions = max_conditions

    def decide(self, condition: Compare) -> bool:
        """The answer to `condition`, the same one each time it is asked in this run."""
        if condition not in self.decisions:
            index = len(self.decisions)
            if index >= self._max_conditions:
                self.fail(f"it asks more than {self._max_conditions} questions about sizes")
            self.decisions[condition] = self._answers[index] if index < len(self._answers) else True
        return self.decisions[condition]

    def fail(self, reason: str, *, needs_rebinding: bool = False) -> NoReturn:
        failure = NotTraceable(reason, needs_rebinding=needs_rebinding)
        self.failure = self.failure or failure
        raise failure


def expression_of(value: float) -> Expr:
    """The expression behind a symbol or a plain number."""
    return value.expr if isinstance(value, Symbol) else Const(value)


def _weight(value: float) -> int:
    return value.weight if isinstance(value, Symbol) else 1


class Symbol(float):
    """A number that depends on input sizes."""

    expr: Expr
    tape: Tape
    weight: int

    @classmethod
    def of(cls, expr: Expr, tape: Tape, weight: int = 1) -> Self:
        if weight > MAX_OPERATIONS:
            tape.fail(f"it computes with more than {MAX_OPERATIONS} operations")
        symbol = cls(tape.number)
        symbol.expr, symbol.tape = expr, tape
        symbol.weight = 1 if isinstance(expr, InputSize) else weight
        return symbol

    def _binary(self, op: Operator, left: object, right: object) -> Any:
        for operand in (left, right):
            if not isinstance(operand, (int, float)):
                return NotImplemented
            if not isinstance(operand, Symbol) and not math.isfinite(operand):
                self.tape.fail(f"it computes with {operand}")
        assert isinstance(left, (int, float))
        assert isinstance(right, (int, float))
        if op == "/" and not isinstance(right, Symbol) and right == 0:
            raise ZeroDivisionError("float division by zero")
        weight = _weight(left) + _weight(right)
        return Symbol.of(binary(op, expression_of(left), expression_of(right)), self.tape, weight)

    def __add__(self, other: object) -> Any:
        return self._binary("+", self, other)

    def __radd__(self, other: object) -> Any:
        return self._binary("+", other, self)

    def __sub__(self, other: object) -> Any:
        return self._binary("-", self, other)

    def __rsub__(self, other: object) -> Any:
        return self._binary("-", other, self)

    def __mul__(self, other: object) -> Any:
        return self._binary("*", self, other)

    def __rmul__(self, other: object) -> Any:
        return self._binary("*", other, self)

    def __truediv__(self, other: object) -> Any:
        return self._binary("/", self, other)

    def __rtruediv__(self, other: object) -> Any:
        return self._binary("/", other, self)

    def _floor(self, quotient: Any) -> Any:
        return quotient if quotient is NotImplemented else quotient.__floor__()

    def __floordiv__(self, other: object) -> Any:
        return self._floor(self._binary("/", self, other))

    def __rfloordiv__(self, other: object) -> Any:
        return self._floor(self._binary("/", other, self))

    def __mod__(self, other: Any) -> Any:
        quotient = self.__floordiv__(other)
        return quotient if quotient is NotImplemented else self - other * quotient

    def __rmod__(self, other: Any) -> Any:
        quotient = self.__rfloordiv__(other)
        return quotient if quotient is NotImplemented else other - self * quotient

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pow__(self, exponent: Any, modulo: object = None) -> Any:
        # WDL 1.1 has no power: small whole ones are products.
        whole = not isinstance(exponent, Symbol) and exponent in range(1, MAX_POWER + 1)
        if modulo is not None or not whole:
            self.tape.fail(f"it raises a size to a power other than 1 to {MAX_POWER}")
        result = self
        for _ in range(int(exponent) - 1):
            result = result * self
        return result

    def __rpow__(self, base: object, modulo: object = None) -> Any:
        self.tape.fail("it raises a number to the power of a size")

    def __neg__(self) -> Any:
        return self._binary("-", 0, self)

    def __pos__(self) -> Any:
        return self

    def _same_tape(self, expr: Expr) -> Any:
        return Symbol.of(expr, self.tape, self.weight + 1)

    def __abs__(self) -> Any:
        return self._choice(absolute(self.expr))

    def __trunc__(self) -> Any:
        return self._choice(truncate(self.expr))

    def _choice(self, expr: Expr) -> Any:
        # Depending on the sign, which writes the argument three times: test, then, else.
        copies = 3 if isinstance(expr, IfThenElse) else 1
        return Symbol.of(expr, self.tape, copies * self.weight + 1)

    def __floor__(self) -> Any:
        return self._same_tape(call("floor", self.expr))

    def __ceil__(self) -> Any:
        return self._same_tape(call("ceil", self.expr))

    def __round__(self, ndigits: int | None = None) -> Any:  # type: ignore[override]
        if not ndigits:
            return self._same_tape(call("round", self.expr))
        if not -9 <= ndigits <= 9:
            self.tape.fail(f"it rounds to {ndigits} digits")
        scale = 10 ** abs(ndigits)
        scaled = round(self * scale) if ndigits > 0 else round(self / scale)
        return scaled / scale if ndigits > 0 else scaled * scale

    def _compare(self, op: Comparison, left: object, right: object, *, negate: bool = False) -> Any:
        for operand in (left, right):
            if not isinstance(operand, (int, float)):
                return NotImplemented
            if not isinstance(operand, Symbol) and not math.isfinite(operand):
                return _compare_infinite(op, left, right, negate)
        assert isinstance(left, (int, float))
        assert isinstance(right, (int, float))
        compare = Compare(op, expression_of(left), expression_of(right))
        return Condition(compare, self.tape, negate)

    def __lt__(self, other: object) -> Any:
        return self._compare("<", self, other)

    def __le__(self, other: object) -> Any:
        return self._compare("<=", self, other)

    # `a > b` is `b < a`: one way of writing each question, so that it is asked once.
    def __gt__(self, other: object) -> Any:
        return self._compare("<", other, self)

    def __ge__(self, other: object) -> Any:
        return self._compare("<=", other, self)

    def __eq__(self, other: object) -> Any:
        return self._compare("==", self, other)

    def __ne__(self, other: object) -> Any:
        return self._compare("==", self, other, negate=True)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def real(self) -> Any:
        return self

    def __int__(self) -> int:
        self.tape.fail("it turns a size into an int", needs_rebinding=True)

    def __float__(self) -> float:
        self.tape.fail("it turns a size into a plain float", needs_rebinding=True)

    def __hash__(self) -> int:
        self.tape.fail("it looks a size up in a dict or set")

    def __str__(self) -> str:
        self.tape.fail("it puts a size into text")

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        self.tape.fail("it puts a size into text")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.tape.fail("it pickles a size")

    def _unsupported(self, *args: object) -> Any:
        self.tape.fail("it takes a size apart")

    is_integer = as_integer_ratio = hex = conjugate = _unsupported


def _compare_infinite(op: Comparison, left: object, right: object, negate: bool) -> bool:
    """Sizes are finite: against an infinity (a `min` that starts there) any number stands in."""
    first, second = (0.0 if isinstance(side, Symbol) else side for side in (left, right))
    return bool(COMPARISONS[op](first, second)) != negate


class Condition:
    """The answer to a comparison; the run forks when someone wants to know it."""

    def __init__(self, compare: Compare, tape: Tape, negate: bool = False) -> None:
        self._compare, self._tape, self._negate = compare, tape, negate

    def __bool__(self) -> bool:
        return self._tape.decide(self._compare) != self._negate

    # A bool is an int in Python: `4000 * (input.size_mb > 10)`, `sum(x > 1 for x in …)`.
    def __index__(self) -> int:
        return int(bool(self))

    __int__ = __index__

    def __hash__(self) -> int:
        return hash(bool(self))

    def __eq__(self, other: object) -> bool:
        return bool(self) == other

    def __add__(self, other: Any) -> Any:
        return bool(self) + other

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        return bool(self) * other

    __rmul__ = __mul__

    def __and__(self, other: Any) -> Any:
        return bool(self) & bool(other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        return bool(self) | bool(other)

    __ror__ = __or__


class _NumberType(type):
    """Metaclass that keeps `isinstance(x, int)` and `issubclass` true for real numbers."""

    plain: type

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.plain)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.plain)


class INT(int, metaclass=_NumberType):
    """`int` for a traced function: leaves symbols symbolic, and makes plain ints otherwise."""

    plain = int

    def __new__(cls, value: Any = 0, *args: Any, **base: Any) -> Any:
        return value.__trunc__() if isinstance(value, Symbol) else int(value, *args, **base)


class FLOAT(float, metaclass=_NumberType):
    """`float` for a traced function, likewise."""

    plain = float

    def __new__(cls, value: Any = 0.0) -> Any:
        return value if isinstance(value, Symbol) else float(value)
