"""The layout holds: what may import what, by the import statements of the code.

Types and imports within functions count as well. A circle is told with the lines that make it.
"""

from __future__ import annotations

import ast
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGIN, LOCAL = "snakemake_executor_omics", "local_healthomics"

# The one place where the plugin starts the local HealthOmics.
BRIDGE = f"{PLUGIN}/runs/connection.py"

# What may be imported in some places only: a package, a prefix of top-level modules, the places.
DOORS = [
    (PLUGIN, "snakemake", ("executor.py", "graph/", "settings/declared.py", "display/")),
    (PLUGIN, "boto3", ("aws/",)),
    (PLUGIN, "botocore", ("aws/",)),
    (PLUGIN, "s3transfer", ("aws/",)),
    (PLUGIN, "rattler", ("images/solver.py",)),
    (PLUGIN, "vl_convert", ("report/page.py",)),
    (LOCAL, "moto", ("other_services/moto_internals.py",)),
    (LOCAL, "WDL", ("engine/", "definitions/")),
]

# What is still to be mended, each to be removed by who mends it; one that is not needed any more
# fails the test.
TO_MEND: dict[str, set[str]] = {}


@dataclass(frozen=True)
class Import:
    file: Path  # from the root of the repository
    line: int
    target: str  # dotted name; of a module, or of a member of one
    relative: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


def imports(package: str) -> Iterator[Import]:
    for path in sorted((ROOT / package).rglob("*.py")):
        file = path.relative_to(ROOT)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield Import(file, node.lineno, name.name, False)
            elif isinstance(node, ast.ImportFrom):
                above = file.parent.parts[: len(file.parent.parts) - node.level + 1]
                base = ".".join([*(above if node.level else ()), *filter(None, [node.module])])
                for name in node.names:
                    yield Import(file, node.lineno, f"{base}.{name.name}", bool(node.level))


ALL = {package: list(imports(package)) for package in (PLUGIN, LOCAL)}
EVERY = [found for package in ALL.values() for found in package]


def top(found: Import) -> str:
    return found.target.partition(".")[0]


def within(found: Import, *places: str) -> bool:
    """Whether the file is one of the places, which are relative to its package."""
    name = found.file.relative_to(found.file.parts[0]).as_posix()
    return any(
        name == place or (place.endswith("/") and name.startswith(place)) for place in places
    )


def child(dotted: str, folder: tuple[str, ...]) -> str | None:
    """The module or folder, directly in `folder`, that a dotted name leads to."""
    parts = dotted.split(".")
    if tuple(parts[: len(folder)]) != folder:
        return None
    below = parts[len(folder) : len(folder) + 1]
    if below and ((ROOT.joinpath(*folder, below[0])).is_dir()
                  or ROOT.joinpath(*folder, f"{below[0]}.py").exists()):  # fmt: skip
        return below[0]
    return "__init__"


def circle(folder: tuple[str, ...]) -> list[str]:
    """The lines that make a circle between the files and folders of one folder."""
    edges: dict[tuple[str, str], Import] = {}
    for found in ALL[folder[0]]:
        ours = found.file.with_suffix("").parts
        if ours[: len(folder)] != folder:
            continue
        source, target = ours[len(folder)], child(found.target, folder)
        if target is not None and target != source:
            edges.setdefault((source, target), found)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for source, target in edges:
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError as error:
        way = error.args[1]
        return [str(edges[pair]) for pair in itertools.pairwise(way)]
    return []


FOLDERS = sorted(
    {found.file.parent.parts for found in EVERY}, key=lambda parts: (len(parts), parts)
)


@pytest.mark.parametrize("folder", FOLDERS, ids="/".join)
def test_imports_make_no_circle(folder: tuple[str, ...]) -> None:
    """Neither between its files nor between the folders in it."""
    lines = circle(folder)
    assert not lines, "a circle:\n" + "\n".join(lines)


def offending(rule: str, wrong: Callable[[Import], bool]) -> None:
    found = [one for one in EVERY if wrong(one)]
    excused = TO_MEND.get(rule, set())
    bad = [one for one in found if one.file.as_posix() not in excused]
    assert not bad, "\n".join(map(str, bad))
    idle = excused - {one.file.as_posix() for one in found}
    assert not idle, f"mended, take it out of TO_MEND: {', '.join(sorted(idle))}"


def test_the_packages_meet_in_one_place() -> None:
    offending(
        "packages",
        lambda one: (
            top(one) in (PLUGIN, LOCAL)
            and top(one) != one.file.parts[0]
            and one.file.as_posix() != BRIDGE
        ),
    )


def test_operations_know_the_port_to_objects_and_not_who_keeps_them() -> None:
    offending(
        "port",
        lambda one: (
            one.target.startswith(f"{LOCAL}.other_services")
            and not within(one, "server.py", "app.py", "other_services/")
        ),
    )


@pytest.mark.parametrize(("package", "library", "places"), DOORS)
def test_a_library_has_one_door(package: str, library: str, places: tuple[str, ...]) -> None:
    offending(
        f"door {library}",
        lambda one: (
            one.file.parts[0] == package
            and one.target.startswith(library)
            and not one.target.startswith(package)
            and not within(one, *places)
        ),
    )


def test_the_compiler_is_pure() -> None:
    """`compile/` knows the nouns, the errors, the limits and jinja2, beside Python's own."""
    ours = {f"{PLUGIN}.{name}" for name in ("model", "errors", "limits", "compile")}
    offending(
        "compile",
        lambda one: (
            one.file.parts[:2] == (PLUGIN, "compile")
            and top(one) not in {*sys.stdlib_module_names, "jinja2"}
            and not any(f"{one.target}.".startswith(f"{name}.") for name in ours)
        ),
    )


def test_imports_within_a_package_are_relative() -> None:
    offending("relative", lambda one: not one.relative and top(one) == one.file.parts[0])


def test_files_of_a_state_are_removed_in_one_place() -> None:
    """Which looks where they are."""
    removing = {"unlink", "rmtree", "rmdir", "removedirs"}
    bad = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        for path in sorted((ROOT / LOCAL).rglob("*.py"))
        if path.name != "removing.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in removing
    ]
    assert not bad, "\n".join(bad)
