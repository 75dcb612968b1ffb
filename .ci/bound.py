"""Print what pip is to install for one end of a dependency's bounds: `bound.py NAME oldest|newest`.

The bounds are those of pyproject.toml, so that the versions that are written there are tried.
"""

from __future__ import annotations

import sys
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement


def bound(name: str, end: str) -> str:
    """The newest version that is allowed, or the lowest itself."""
    pyproject = Path(__file__).parent.parent / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text())["project"]
    listed = chain(project["dependencies"], *project["optional-dependencies"].values())
    found = next(item for item in map(Requirement, listed) if item.name == name)
    if end == "newest":
        return str(found)
    (lowest,) = (part.version for part in found.specifier if part.operator == ">=")
    return f"{name}[{','.join(found.extras)}]=={lowest}"


if __name__ == "__main__":
    print(bound(*sys.argv[1:]))
