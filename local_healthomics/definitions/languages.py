"""Which engine a definition is for, and which of its files is the main one.

"The workflow engine is detected from the files", and `main` "is not required if the ZIP archive
contains only one workflow definition file, or if the main definition file is named main" (API
Reference, CreateWorkflow). Files at the top level come before those in folders, which are taken
for what the main one imports.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from .checked import BadDefinition

_LANGUAGES = {".wdl": "WDL", ".cwl": "CWL", ".nf": "NEXTFLOW"}


def identify(folder: Path, engine: str | None, main: str | None) -> tuple[str, str]:
    """The engine and the path of the main file, from what the request says and what is there."""
    if main is not None:
        path = (folder / main).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise BadDefinition(f"The main file {main} is not in the zip file")
        engine = engine or _LANGUAGES.get(path.suffix)
        if engine is None:
            raise BadDefinition(f"The engine of {main} is not known by its name: give engine")
        return engine, main
    files = _definition_files(folder)
    engine = engine or _only_language(files)
    language = "WDL" if engine == "WDL_LENIENT" else engine
    return engine, _main_file([f for f in files if _LANGUAGES[f.suffix] == language], language)


def _definition_files(folder: Path) -> list[PurePosixPath]:
    return sorted(
        PurePosixPath(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.suffix in _LANGUAGES and path.is_file()
    )


def _only_language(files: Sequence[PurePosixPath]) -> str:
    found = sorted({_LANGUAGES[file.suffix] for file in files})
    if not found:
        raise BadDefinition(f"No workflow definition file ({', '.join(_LANGUAGES)}) in the zip")
    if len(found) > 1:
        raise BadDefinition(f"The zip has files of {' and '.join(found)}: give engine")
    return found[0]


def _main_file(files: Sequence[PurePosixPath], language: str) -> str:
    at_the_top = [file for file in files if len(file.parts) == 1]
    candidates = at_the_top or files
    named_main = [file for file in candidates if file.stem == "main"]
    for choice in (named_main, candidates):
        if len(choice) == 1:
            return str(choice[0])
    where = " at the top level" if at_the_top else ""
    raise BadDefinition(f"No main file given, and {len(candidates)} {language} files{where}")
