"""WDL_LENIENT: the conversions that Cromwell makes and miniwdl, like the language, refuses.

They are those of the user guide ("Implicit type conversion in WDL lenient"), for parameters and
within the definition: Float to Int and String to Int or Float where nothing is lost, and Map to
Array[Pair] and back where the members can be converted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from WDL import Error, Type, Value


@cache
def relax() -> None:
    """Make this process's miniwdl convert so; it cannot be undone."""
    _accept(Type.Float, lambda given, wanted, quant: isinstance(wanted, Type.Int))
    _accept(Type.Map, _map_to_pairs)
    _accept(Type.Array, _pairs_to_map)
    _convert(Value.Float, _float_value)
    _convert(Value.String, _string_value)
    _convert(Value.Map, _map_value)
    _convert(Value.Array, _array_value)
    _read_json()


def _accept(kind: Any, fits: Callable[[Any, Any, bool], bool]) -> None:
    strict = kind.check

    def check(self: Any, rhs: Any, check_quant: bool = True) -> None:
        if fits(self, rhs, check_quant):
            self._check_optional(rhs, check_quant)
        else:
            strict(self, rhs, check_quant)

    kind.check = check


def _map_to_pairs(given: Any, wanted: Any, quant: bool) -> bool:
    if not (isinstance(wanted, Type.Array) and isinstance(wanted.item_type, Type.Pair)):
        return False
    pair, (key, value) = wanted.item_type, given.item_type
    return bool(key.coerces(pair.left_type, quant) and value.coerces(pair.right_type, quant))


def _pairs_to_map(given: Any, wanted: Any, quant: bool) -> bool:
    if not (isinstance(wanted, Type.Map) and isinstance(given.item_type, Type.Pair)):
        return False
    pair, (key, value) = given.item_type, wanted.item_type
    return bool(pair.left_type.coerces(key, quant) and pair.right_type.coerces(value, quant))


def _convert(kind: Any, convert: Callable[[Any, Any], Any]) -> None:
    strict = kind.coerce

    def coerce(self: Any, desired_type: Any = None) -> Any:
        converted = convert(self, desired_type)
        return strict(self, desired_type) if converted is None else converted

    kind.coerce = coerce


def _float_value(given: Any, wanted: Any) -> Any:
    if not isinstance(wanted, Type.Int):
        return None
    if not given.value.is_integer():
        message = f"{given.value} as Int would lose precision"
        raise Error.EvalError(given.expr, message) if given.expr else Error.InputError(message)
    return Value.Int(int(given.value), given.expr)


def _string_value(given: Any, wanted: Any) -> Any:
    """`"1.0"` is an Int, too; every other text is miniwdl's to convert or refuse."""
    if not isinstance(wanted, Type.Int):
        return None
    try:
        number = float(given.value)
    except ValueError:
        return None
    return (
        Value.Int(int(number), given.expr) if "." in given.value and number.is_integer() else None
    )


def _map_value(given: Any, wanted: Any) -> Any:
    if not (isinstance(wanted, Type.Array) and isinstance(wanted.item_type, Type.Pair)):
        return None
    pair = wanted.item_type
    pairs: list[Value.Base] = [
        Value.Pair(
            pair.left_type,
            pair.right_type,
            (key.coerce(pair.left_type), value.coerce(pair.right_type)),
            given.expr,
        )
        for key, value in given.value
    ]
    return Value.Array(pair, pairs, given.expr)


def _array_value(given: Any, wanted: Any) -> Any:
    if not (isinstance(wanted, Type.Map) and isinstance(given.type.item_type, Type.Pair)):
        return None
    key, value = wanted.item_type
    entries = [(pair.value[0].coerce(key), pair.value[1].coerce(value)) for pair in given.value]
    return Value.Map(wanted.item_type, entries, given.expr)


def _read_json() -> None:
    """Parameters come as JSON, which knows neither pairs nor whole floats."""
    strict = Value.from_json

    def from_json(type: Any, value: Any) -> Any:
        if isinstance(type, Type.Int) and isinstance(value, float):
            return Value.Float(value).coerce(type)
        if isinstance(type, Type.Int | Type.Float) and isinstance(value, str):
            return Value.String(value).coerce(type)
        if (
            isinstance(type, Type.Array)
            and isinstance(type.item_type, Type.Pair)
            and isinstance(value, dict)
        ):
            pair = type.item_type
            return strict(Type.Map((pair.left_type, pair.right_type)), value).coerce(type)
        if isinstance(type, Type.Map) and isinstance(value, list):
            return strict(Type.Array(Type.Pair(*type.item_type)), value).coerce(type)
        return strict(type, value)

    Value.from_json = from_json
