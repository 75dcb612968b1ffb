"""WDL definitions, strict or lenient: what `miniwdl check` says."""

from __future__ import annotations

from pathlib import Path

from ..preloaded import start
from .checked import Checked, Start, check_by


def check(folder: Path, main: str, engine: str, start: Start = start) -> Checked:
    options = ["--lenient"] if engine == "WDL_LENIENT" else []
    return check_by("wdl_check", [*options, main], folder, start)
