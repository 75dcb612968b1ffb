"""The project's own Python modules, which no image has: what of them a job needs travels with it.

A module in the project's folder stays where it is. One beside a Snakefile elsewhere is copied into
a folder that is named after its content, so that a task does not depend on where that lies.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import shutil
import site
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path

from .references import imports_of

MODULES = ".snakemake/omics/modules"
_LARGEST = 10 * 1024 * 1024  # bytes of a file that lies in a package


class ProjectModules:
    """The modules that were asked for, as far as they are the project's."""

    def __init__(self, workdir: Path) -> None:
        self._workdir = workdir
        self._seen: set[str] = set()
        self._files: dict[Path, dict[Path, None]] = {}  # by the folder of the search path
        self.uses_snakemake = False

    def add(self, module: str) -> None:
        """Add a module, its package, and what these import in turn."""
        pending = [module.partition(".")[0]]
        while pending:
            name = pending.pop()
            if name in self._seen or name in sys.builtin_module_names:
                continue
            self._seen.add(name)
            if name == "snakemake":
                self.uses_snakemake = True
                continue
            place = _place(name)
            if place is None:
                continue
            root = place.parent
            files = sorted(_content(place)) if place.is_dir() else [place]
            self._files.setdefault(root, {}).update(dict.fromkeys(files))
            for file in files:
                if file.suffix == ".py":
                    pending += sorted({name.partition(".")[0] for name in _imports(file)})

    def place(self) -> tuple[list[str], list[str]]:
        """The folders of the search path, and the files, as paths of the project."""
        folders, found = [], []
        for root, files in sorted(self._files.items()):
            if root.is_relative_to(self._workdir):
                folders.append(os.path.relpath(root, self._workdir))
                found += [os.path.relpath(file, self._workdir) for file in files]
                continue
            digest = hashlib.sha256()
            for file in sorted(files):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{file.relative_to(root)}\0{content}\n".encode())
            folder = f"{MODULES}/{digest.hexdigest()[:32]}"
            folders.append(folder)
            for file in sorted(files):
                path = f"{folder}/{file.relative_to(root).as_posix()}"
                (self._workdir / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, self._workdir / path)
                found.append(path)
        return folders, sorted(found)


@lru_cache
def _installed() -> tuple[Path, ...]:
    paths = [sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple(dict.fromkeys(Path(path).resolve() for path in paths))


def _place(name: str) -> Path | None:
    """The file or folder of a project's module, None for what is installed or is not there."""
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None)
    if loaded is not None and origin is None and hasattr(loaded, "__path__"):
        origin = next((f"{path}/__init__.py" for path in loaded.__path__), None)
    if loaded is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        folders = list(spec.submodule_search_locations or ())
        origin = f"{folders[0]}/__init__.py" if folders else spec.origin
    if not origin or not origin.endswith(".py"):
        return None  # built in, frozen, or compiled for this machine
    file = Path(origin).absolute()
    real = file.resolve()
    if any(real.is_relative_to(folder) for folder in _installed()):
        return None
    if {"site-packages", "dist-packages"} & set(real.parts):
        return None
    place = file.parent if file.name == "__init__.py" else file
    return None if _is_installation(place.parent) else place


@lru_cache
def _is_installation(folder: Path) -> bool:
    """Whether `pip install --target` made it: what is installed has its record there."""
    return any(folder.glob("*.dist-info"))


def _content(package: Path) -> list[Path]:
    return [
        path
        for path in package.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not any(part.startswith(".") for part in path.relative_to(package).parts)
        and path.stat().st_size <= _LARGEST
    ]


def _imports(file: Path) -> frozenset[str]:
    try:
        return imported_by(file.read_text("utf-8", errors="replace"))
    except OSError:
        return frozenset()


@lru_cache(maxsize=4096)  # many jobs import the same modules
def imported_by(text: str) -> frozenset[str]:
    """The modules that a Python text imports, none where this Python cannot read it."""
    try:
        return frozenset(imports_of(ast.parse(text)))
    except (SyntaxError, ValueError):
        return frozenset()
