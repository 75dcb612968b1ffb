"""Environment variables that Snakefiles set, which jobs inherit here and tasks do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_SETS = re.compile(r"\b(os\.)?(environ|putenv)\b")


def set_in(texts: Iterable[str], before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The variables that are not as they were, and that a text which sets some names, sorted."""
    changed = {name for name, value in now.items() if before.get(name) != value}
    named = {word for text in texts if _SETS.search(text) for word in _words(text)}
    return sorted(changed & named)


def _words(text: str) -> Iterator[str]:
    return (match[0] for match in re.finditer(r"[A-Za-z_]\w*", text))
