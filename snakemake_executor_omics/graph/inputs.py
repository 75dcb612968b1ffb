"""The files that the task of a unit has: what its jobs declare, and what their commands name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace

from snakemake.io import is_flagged

from ..model import FileRef
from .commands import Command
from .folders import files_of
from .paths import files_in, with_folders
from .prefixes import beginning_with, beginnings, index_of, indexes_of
from .programs import files_below, is_program, used_by, used_by_command
from .task_settings import TaskSettings
from .undeclared import gathered, named_by_values, removed_before
from .units import Job


def declared_inputs(
    jobs: Sequence[Job], settings: TaskSettings, made: Mapping[str, FileRef]
) -> tuple[tuple[FileRef, ...], dict[str, list[int]]]:
    """What a unit's jobs declare to read, and the positions there of each file that they name.

    `made` has what tasks of the wave make, by project path.
    """
    inside = {settings.path(output, job) for job in jobs for output in job.output}
    refs: dict[str, FileRef] = {}
    named: dict[str, list[str]] = {}
    for job in jobs:
        for item in job.input:
            name = settings.path(item, job)
            if name in inside or str(item) in named:
                continue
            if name in made and not is_flagged(item, "before_update"):
                found = [made[name]]
            else:
                directory = (settings.workdir / name).is_dir()
                found = settings.storage.inputs(item, name, job.rule.name)
                found = found or [FileRef(name, directory=directory)]
            found = [replace(r, program=not r.directory and is_program(r.path)) for r in found]
            refs.update((ref.path, ref) for ref in found)
            named[str(item)] = [ref.path for ref in found]
    for job in jobs:
        for item in job.output:
            name = settings.path(item, job)
            if is_flagged(item, "update") and (name in made or (settings.workdir / name).exists()):
                refs[name] = made.get(name) or FileRef(name)
    position = {name: index for index, name in enumerate(refs)}
    return tuple(refs.values()), {
        item: [position[name] for name in names] for item, names in named.items()
    }


def undeclared_inputs(
    commands: Mapping[Job, Command],
    declared: Collection[FileRef],
    written: Set[str],
    elsewhere: Sequence[str],
    settings: TaskSettings,
    made: Mapping[str, FileRef],
) -> tuple[FileRef, ...]:
    """What the commands of a unit's jobs name without declaring it, and what is read with that.

    Results of other jobs, what lies beside files under their names, such as indexes, and the files
    `elsewhere`. `written` are the paths that the jobs write, `made` has what tasks of the wave
    make.
    """
    workdir = settings.workdir
    inputs = {ref.path for ref in declared}
    known = inputs | written
    names = dict.fromkeys(name for command in commands.values() for name in command.names)
    named = [name for name in names if known.isdisjoint(with_folders(name))]
    read = [
        path
        for job, command in commands.items()
        for path in gathered(job, command, written, settings.made_in, workdir)
        if known.isdisjoint(with_folders(path))
    ]
    found = {ref.path: ref for ref in _results([*named, *read], settings, made)}
    being_made = found.keys() & made.keys()
    for gone in {path for job in commands for path in removed_before(job, being_made, workdir)}:
        del found[gone]
    stems = names.keys() - {start for output in written for start in beginnings(output)}
    known_stems = stems | inputs | {index_of(path) for path in inputs}
    here = [ref.path for ref in declared if is_here(ref)]
    data = [*here, *elsewhere, *sorted(own_sources(commands))]
    for ref in (
        *_siblings(commands, made, settings, known_stems),
        *map(_raw, _beside(commands, data, stems - inputs, text_of(commands), settings)),
        *map(_raw, elsewhere),
    ):
        if known.isdisjoint(with_folders(ref.path)):  # a directory brings along what is in it
            found.setdefault(ref.path, ref)
    return tuple(found.values())


def undeclared_sources(
    commands: Mapping[Job, Command],
    inputs: Collection[FileRef],
    written: Collection[str],
    settings: TaskSettings,
) -> tuple[str, ...]:
    """The files of the workflow that go along with its task beside `inputs`, sorted.

    Scripts and what they use, files of folders that commands name, and what the user has named.

    Raises:
        UnsupportedRule: a folder is too large.
    """
    workdir, paths = settings.workdir, {ref.path for ref in inputs}
    found = {*own_sources(commands), *_outside(text_of(commands), settings), *settings.include}
    for job, command in commands.items():
        for folder in command.folders:
            given = (*paths, *settings.include)
            inside = files_of(folder, job.rule.name, given, settings.made_in)
            found.update(inside, used_by(inside, workdir))
        if not job.is_shell:
            found.update(named_by_values(command, workdir, paths, settings.made_in))
    found.update(used_by((ref.path for ref in inputs if is_here(ref)), workdir))
    return tuple(
        sorted(
            source
            for source in found
            if not any(
                place in known
                for place in with_folders(source)
                for known in (paths, written, settings.produced)
            )
        )
    )


def own_sources(commands: Mapping[Job, Command]) -> set[str]:
    """The scripts of the commands, and what they use."""
    return {source for command in commands.values() for source in command.sources}


def text_of(commands: Mapping[Job, Command]) -> str:
    """The texts of all commands."""
    return "\n".join(command.text for command in commands.values())


def _results(
    names: Iterable[str], settings: TaskSettings, made: Mapping[str, FileRef]
) -> Iterator[FileRef]:
    """What other jobs make, or have made, that a command names without declaring it."""
    found: dict[str, FileRef] = {}
    for name in names:
        for path in with_folders(name):  # of a file in a directory() the directory is made
            file = settings.workdir / path
            if path in made and (path == name or made[path].directory):
                found[path] = made[path]
            elif path in settings.produced and path not in settings.pending and file.exists():
                found[path] = FileRef(path, directory=file.is_dir())
    for path, ref in found.items():
        if ref.directory or "/" in path or "." in path:  # else it is a word by chance
            yield replace(ref, program=not ref.directory and is_program(path))


def _siblings(
    jobs: Iterable[Job],
    made: Mapping[str, FileRef],
    settings: TaskSettings,
    stems: Collection[str | None],
) -> Iterator[FileRef]:
    """What the jobs above make whose names begin with one of `stems`, declared or not."""
    for parent in dict.fromkeys(needed for job in jobs for needed in job.dag.dependencies[job]):
        for output in parent.output:
            name = settings.path(output, parent)
            if any(beginning in stems for beginning in beginnings(name)):
                file = settings.workdir / name
                if name in made:
                    yield made[name]
                elif name not in settings.pending and file.exists():
                    yield FileRef(name, directory=file.is_dir())


def _beside(
    jobs: Iterable[Job],
    data: Iterable[str],
    stems: Iterable[str],
    text: str,
    settings: TaskSettings,
) -> Iterator[str]:
    """The files here whose names begin with one of `stems`, and the indexes of `data`."""
    tools = " ".join([text, *(str(job.rule.wrapper) for job in jobs)])
    found = [file for stem in sorted(stems) for file in beginning_with(stem, settings.workdir)]
    for path in data:
        found += indexes_of(path, settings.workdir, tools)
    for file in found:
        if not any(place in settings.produced for place in with_folders(file)):
            yield file


def _raw(path: str) -> FileRef:
    return FileRef(path, program=is_program(path))


def _outside(text: str, settings: TaskSettings) -> list[str]:
    """What a text names of a workflow that lies outside of the project, and what that uses."""
    if not any(folder in text for folder in settings.outside):
        return []
    named = files_in(settings.outside, text, settings.workdir)
    named += files_below(text, settings.outside, settings.workdir)
    return [*named, *used_by_command(text, named, settings.workdir, settings.outside)]


def is_here(ref: FileRef) -> bool:
    """Whether an input is a file of this machine."""
    return ref.producer is None and ref.uri is None and not ref.directory
