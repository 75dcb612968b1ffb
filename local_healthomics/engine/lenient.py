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

from .miniwdl_internals import accept, convert, read_json


@cache
def relax() -> None:
    """Make this process's miniwdl convert so; it cannot be undone."""
    accept(Type.Float, lambda given, wanted, quant: isinstance(wanted, Type.Int))
    accept(Type.Map, _map_to_pairs)
    accept(Type.Array, _pairs_to_map)
    convert(Value.Float, _float_value)
    convert(Value.String, _string_value)
    convert(Value.Map, _map_value)
    convert(Value.Array, _array_value)
    read_json(_from_json)


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


def _from_json(strict: Callable[..., Any], type: Any, value: Any) -> Any:
    """Parameters come as JSON, which knows neither pairs nor whole floats."""
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
