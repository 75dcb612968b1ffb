"""Values written as Python source, so that a script in a container gets them back as they were."""

from __future__ import annotations

import math
from pathlib import Path


def python_literal(value: object) -> str:
    """An expression that evaluates to `value`; it needs the name `pathlib` and nothing else.

    Raises:
        TypeError: the value is of a type that only its own package can make.
    """
    if isinstance(value, str):  # also Snakemake's annotated strings
        return repr(str(value))
    if isinstance(value, float) and type(value) is float and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or type(value) in (bool, int, float, bytes):
        return repr(value)
    if isinstance(value, Path):
        return f"pathlib.Path({str(value)!r})"
    if isinstance(value, dict) and hasattr(value, "items"):
        pairs = (f"{python_literal(key)}: {python_literal(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if type(value) is tuple:
        items = [python_literal(item) for item in value]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if isinstance(value, list):  # also Snakemake's named lists
        return f"[{', '.join(map(python_literal, value))}]"
    if type(value) in (set, frozenset):
        assert isinstance(value, set | frozenset)
        # Sorted, because the order of a set changes from one process to the next.
        items = sorted(map(python_literal, value))
        return f"{type(value).__name__}([{', '.join(items)}])"
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__}")
