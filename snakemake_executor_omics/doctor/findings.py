"""What the doctor says: one line for each thing that it looked at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..errors import OmicsError


class State(StrEnum):
    """`unknown` is what could not be asked: it is no reason to refuse anything."""

    FINE = "fine"
    WRONG = "wrong"
    UNKNOWN = "unknown"


_SIGNS = {State.FINE: "✓", State.WRONG: "✗", State.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing: what was found, and what mends it, if possible as a command."""

    name: str
    state: State
    text: str
    mend: str = ""

    @property
    def line(self) -> str:
        mend = f"\n    mend: {self.mend}" if self.mend and self.state is not State.FINE else ""
        return f"{_SIGNS[self.state]} {self.name}: {self.text}{mend}"


def fine(name: str, text: str) -> Finding:
    return Finding(name, State.FINE, text)


def wrong(name: str, text: str, mend: str) -> Finding:
    return Finding(name, State.WRONG, text, mend)


def unknown(name: str, text: str, mend: str = "") -> Finding:
    return Finding(name, State.UNKNOWN, text, mend)


def untold(name: str, error: OmicsError) -> Finding:
    """What could not be asked, for want of a right, of a network or of sense in the answer."""
    return unknown(name, f"cannot be told: {_one_line(error.message)}", error.hint or "")


def refused(name: str, error: OmicsError, mend: str = "") -> Finding:
    return wrong(name, _one_line(error.message), mend or error.hint or "")


def as_json(findings: Iterable[Finding]) -> str:
    return json.dumps(
        [
            {"name": found.name, "state": found.state, "text": found.text, "mend": found.mend}
            for found in findings
        ],
        indent=2,
        ensure_ascii=False,
    )


def status(findings: Sequence[Finding]) -> int:
    """The exit status: 1 if something is wrong."""
    return int(any(found.state is State.WRONG for found in findings))


def _one_line(text: str) -> str:
    return " ".join(text.split())
