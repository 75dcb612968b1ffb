"""A log that keeps what it was told, for tests of what people read."""

from __future__ import annotations


class Said:
    """Takes lines as Snakemake's logger does, of all levels."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str, /, **more: object) -> None:
        self.lines.append(message)

    warning = error = info
