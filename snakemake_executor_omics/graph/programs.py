"""Which files are programs, and what of the project they import, source, call or read in turn.

Read by pattern, not by a parser: there are many languages, Snakefiles are none of them, and a name
too many costs little, since only files count that are there: beside the program, where the job
runs, or in a folder that the text names too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePath

from .paths import folder_around, project_path

_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("sh", "bash", "bsh", "csh", "fish", "ksh", "zsh", "xsh", "awk", "sed", "tcl"),
        *("py", "hy", "pl", "pm", "rb", "php", "lua", "js", "mjs", "groovy", "nf", "wls"),
        *("r", "rmd", "qmd", "jl", "rs", "mk"),
    )
)
_NAMES = frozenset(("makefile", "gnumakefile"))
_MAGIC = (b"#!", b"\x7fELF")
_LARGEST = 10 * 1024 * 1024  # bytes of what a program names; data is larger, and is declared
_LEVELS = 3  # how often a folder may be named within a named folder

_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+\(?(.*)$", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_RUN_MODULE = re.compile(r"(?<!\S)-m[ \t]+([A-Za-z_][\w.]*)")
_PERL_MODULE = re.compile(r"^[ \t]*(?:use|require)[ \t]+([A-Za-z]\w*(?:::\w+)*)", re.MULTILINE)
# A path, or what is left of one after a variable: `$here/common.sh` has `common.sh`.
_NAME = re.compile(r"(?:\.{1,2}/)*[\w+@][\w.+@-]*(?:/[\w.+@-]+)*|(?<=['\"])\.\.(?=['\"])")
# A program that looks for what lies beside its folder: `$(dirname "$0")/..`, `parents[1]`.
_UPWARDS = re.compile(r"/\.\.(?![\w.])|['\"]\.\.['\"]|\bparents\[|\.parent\.parent\b")
_QUOTED = re.compile(r"[^'\"\n]+")
_VARIABLE = re.compile(r"\$\{?\w+\}?|\$\([^()]*\)|`[^`]*`")

# What does otherwise with a link than with a file: `find -type f` passes it over, `tar -c` packs
# the link alone, `du` and `stat` tell its own size.
_TELLS_LINKS = re.compile(
    r"\bfind\b[^;|&]*\s-(?:type|size|empty|newer|links)\b"
    r"|\btar\s+[a-zA-Z]*c[a-zA-Z]*\s|\btar\b[^;|&]*\s(?:-[a-zA-Z]*c|--create\b)"
    r"|\bstat\s+(?:-c|--format|--printf)|\bdu\s+-|\bls\s+(?:\S+\s+)*-[a-zA-Z]*[ls]"
    r"|\b(?:cpio|rsync|lstat|islink|is_symlink|S_ISLNK|Sys\.readlink|tarfile|make_archive)\b"
    r"|\bfollow_symlinks\s*=\s*False|\bsymlinks\s*=\s*True|\bos\.readlink\b|\.readlink\(\)"
    r"|\[\[?\s+(?:!\s+)?-[Lh]\s"
)
# What stands in a line before the name of what is run. No pattern has the name itself: there are as
# many of them as files.
_CALLED = re.compile(
    r"(?:^|[;|&(`{])[ \t'\"]*$"
    r"|\b(?:then|do|else|time|exec|env|nohup|command|xargs)[ \t'\"]+$"
)
_CALLED_WITHIN = 64  # characters
_GOES_ON = re.compile(r"[\w.]")


def tells_links(text: str) -> bool:
    """Whether what runs takes a link for another thing than the file that it leads to."""
    return _TELLS_LINKS.search(text) is not None


def program_tells_links(path: str, workdir: Path) -> bool:
    """Whether a file is a program that does so."""
    file = workdir / path
    return (is_program(path) or is_executable(file)) and _tells(file, _changed(file))


@lru_cache(maxsize=10_000)
def _tells(file: Path, changed: int) -> bool:
    try:
        return file.stat().st_size <= _LARGEST and tells_links(
            file.read_text("utf-8", errors="replace")
        )
    except OSError:
        return False


def is_executable(path: Path) -> bool:
    """Whether `path` is a program by its execute bit and its content: some disks set all bits."""
    if not os.access(path, os.X_OK) or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(_MAGIC)
    except OSError:
        return False


def is_program(name: str) -> bool:
    """Whether a file is a program by its name."""
    path = PurePath(name)
    return path.suffix.lower() in _SUFFIXES or path.name.lower() in _NAMES


def may_be_run(path: str, text: str) -> bool:
    """Whether a job of this text may run `path`, which does not exist yet."""
    if is_program(path) or not PurePath(path).suffix:
        return True
    start = text.find(path)
    while start >= 0:
        end = start + len(path)
        before = text[max(text.rfind("\n", 0, start) + 1, start - _CALLED_WITHIN) : start]
        if not _GOES_ON.match(text, end) and (before.endswith("./") or _CALLED.search(before)):
            return True
        start = text.find(path, end)
    return False


def used_by_command(
    command: str, named: Iterable[str], workdir: Path, outside: Iterable[str] = ()
) -> list[str]:
    """What the modules (`python -m`) that a command runs are, and what it and its files use.

    `outside` are folders of the workflow that the command may name as well.
    """
    found: dict[str, None] = {}
    modules = "\n".join(f"import {name}" for name in _RUN_MODULE.findall(command))
    if modules:
        places = [Path(folder) for folder in outside if folder in command]
        folders = _folders(command, [workdir, *places])
        for file in _modules(modules, workdir, folders):
            found[project_path(file, workdir, "")] = None
    found.update(dict.fromkeys(used_by([*named, *found], workdir)))
    return list(found)


def used_by(programs: Iterable[str], workdir: Path) -> list[str]:
    """The project paths of what `programs`, project paths, use in turn; not they themselves."""
    found: dict[str, None] = {}
    pending = list(programs)
    given = set(pending)
    while pending:
        path = pending.pop(0)
        file = Path(os.path.normpath(workdir / path))
        if not (is_program(path) or is_executable(file)):
            continue
        for used in _used(file, workdir, _changed(file)):
            used = _as_named(used, path, workdir)
            if used not in found and used not in given:
                found[used] = None
                pending.append(used)
    return list(found)


def _as_named(used: str, program: str, workdir: Path) -> str:
    """What a program uses, named as itself is: they find each other by where they are."""
    beside = program.startswith("../") and used.startswith("/")
    return os.path.relpath(used, workdir) if beside else used


def imported(text: str, location: str, workdir: Path) -> list[str]:
    """The project paths of what `text`, Python at `location`, imports and names, and so on.

    Raises:
        OSError: a file cannot be read.
    """
    folder = Path(os.path.normpath(workdir / location)).parent
    named = _named(text, folder, workdir, is_python=True)
    found = dict.fromkeys(_as_named(path, location, workdir) for path in named)
    return [*found, *(path for path in used_by(found, workdir) if path not in found)]


def files_named(texts: Iterable[str], workdir: Path) -> list[str]:
    """The project paths of files that the `texts` of a program name, whole or in their folders.

    A text that is a folder of the project is one where the others are looked for.
    """
    texts = list(texts)
    joined = "\n".join(f"'{text}'" for text in texts)
    places = [text for text in texts if 0 < len(text) < 1024 and "\0" not in text]
    folders = [Path(os.path.normpath(workdir / text)) for text in places if _is_dir(workdir / text)]
    inside = [folder for folder in folders if folder.is_relative_to(workdir)]
    found: dict[str, None] = {}
    for folder in dict.fromkeys([workdir, *inside]):
        found.update(dict.fromkeys(_named(joined, folder, workdir, is_python=False)))
    for text in places:  # names with spaces and the like
        file = workdir / text
        if _is_file(file) and file.is_relative_to(workdir) and ".." not in file.parts:
            path = project_path(file, workdir, "")
            if not path.startswith(".") and file.stat().st_size <= _LARGEST:
                found[path] = None
    return list(found)


def files_below(text: str, outside: Iterable[str], workdir: Path) -> list[str]:
    """The project paths of files that a text names in parts: a folder in `outside`, and a name."""
    words = dict.fromkeys(word for word in _QUOTED.findall(text) if len(word) < 1024)
    places = tuple(f"{folder}/" for folder in outside)
    folders = [word for word in words if f"{word}/".startswith(places) and _is_dir(Path(word))]
    joined = "\n".join(f"'{word}'" for word in words)
    found: dict[str, None] = {}
    for folder in dict.fromkeys(map(os.path.normpath, folders)):
        named = _named(joined, Path(folder), workdir, is_python=False)
        found.update((path, None) for path in named if path.startswith(("/", "../")))
    return list(found)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=10_000)
def _used(file: Path, workdir: Path, changed: int) -> tuple[str, ...]:
    try:
        if file.stat().st_size > _LARGEST:
            return ()
        content = file.read_bytes()
    except OSError:
        return ()
    if b"\0" in content:  # a compiled program
        return ()
    text = content.decode("utf-8", "replace")
    is_python = file.suffix == ".py" or (text.startswith("#!") and "python" in text.split("\n")[0])
    return tuple(_named(text, file.parent, workdir, is_python))


def _named(text: str, folder: Path, workdir: Path, is_python: bool) -> Iterator[str]:
    """What `text`, a program in `folder`, names and has."""
    text = _VARIABLE.sub(" ", text) if not is_python else text
    root = folder
    while (root / "__init__.py").is_file():
        root = root.parent  # where the packages lie that a module in one imports
    base = workdir
    if not folder.is_relative_to(workdir):
        around = Path(folder_around(str(folder)))
        base = folder.parent if around == folder else around
    places = [folder, root, workdir]
    if _UPWARDS.search(text):
        places += [above for above in islice(folder.parents, 2) if above.is_relative_to(base)]
    folders = _folders(text, list(dict.fromkeys(places)))
    files = dict.fromkeys(_files(text, folders))
    if is_python:
        files.update(dict.fromkeys(_modules(text, folder, folders)))
    for name in _PERL_MODULE.findall(text):
        modules = (place / f"{name.replace('::', '/')}.pm" for place in folders)
        files.update(dict.fromkeys(module for module in modules if module.is_file()))
    for file in files:
        path = Path(os.path.normpath(file))
        if not path.is_relative_to(base):
            continue
        if any(part.startswith(".") for part in path.relative_to(base).parts):
            continue  # settings of people and tools, `.snakemake` and `.git` among them
        if path.stat().st_size <= _LARGEST:
            yield project_path(path, workdir, "")


def _folders(text: str, folders: list[Path]) -> list[Path]:
    """`folders`, and those that the text names within them."""
    found = dict.fromkeys(folders)
    names = {name for name in _NAME.findall(text) if len(name) < 256}
    for _ in range(_LEVELS):
        more = [base / name for base in found for name in names if _is_dir(base / name)]
        fresh = [Path(os.path.normpath(path)) for path in more]
        if all(path in found for path in fresh):
            break
        found.update(dict.fromkeys(sorted(fresh)))
        if len(found) > 50:  # words that are folders by chance
            break
    return list(found)


def _files(text: str, folders: list[Path]) -> Iterator[Path]:
    for name in dict.fromkeys(_NAME.findall(text)):
        if len(name) > 255:
            continue
        for base in folders:
            file = base / name
            # A bare word is a file's name by chance, unless that is a program.
            if _is_file(file) and ("." in name or "/" in name or is_executable(file)):
                yield file


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _modules(text: str, folder: Path, folders: list[Path]) -> Iterator[Path]:
    """The files of the modules and packages that a Python text in `folder` imports."""
    places: list[Path] = []
    for dots, module, names in _FROM.findall(text):
        bases = folders
        if dots:
            bases = [folder]
            for _ in dots[1:]:
                bases = [bases[0].parent]
        if module:
            places += [base / module.split(".")[0] for base in bases]
        else:
            places += [base / name for base in bases for name in re.findall(r"\w+", names)]
    for names in _IMPORT.findall(text):
        for name in names.split(","):
            first = (name.split() or ["."])[0].split(".")[0]
            places += [base / first for base in folders if first]
    for place in dict.fromkeys(places):
        yield from _module_files(place)


def _module_files(module: Path) -> Iterator[Path]:
    """The files of a module, or of a whole package."""
    if module.with_name(f"{module.name}.py").is_file():
        yield module.with_name(f"{module.name}.py")
    if module.is_dir() and (
        (module / "__init__.py").is_file() or any(module.glob("*.py"))  # or a namespace package
    ):
        yield from sorted(
            file
            for file in module.rglob("*.py")
            if file.is_file() and "__pycache__" not in file.parts
        )
