"""Every private or undocumented member of miniwdl that the local HealthOmics uses, and why.

Nothing else of this package touches one. All of them are as they are here in miniwdl 1.16; MEMBERS
says since which version each stands, and a test names the one that another miniwdl lacks.

Those that are replaced are slow, or reach too far. `Env.Bindings` is a linked list
whose lookups walk it with a fresh set of seen names, and whose `namespaces` copies a set per node:
loading a workflow of N calls costs N squared (8 s at 1,000 calls, minutes at 5,000). The chain
keeps its shape here; it gains an index shared along it. `Call.resolve` looks through all tasks for
that of each call (8 s at 5,000). `StdLib` is made for each task, and for expressions while lint
looks at them, only for the signatures in it (half of lint's time). `config.load_plugins` scans the
entry points of every installed distribution for every task (a third of a trivial task's time) and
would load whatever miniwdl plugins the machine happens to have. The engine registers its own, only
those. `StateMachine` looks through all jobs that wait after each that has ended: N squared again
(2 ms a task at 3,000). `chmod_R_plus` resolves all links above each file of a task, twice (a
quarter of a trivial task's time) and above each list of inputs, `path_really_within` and the
linking of outputs those above each output ten times, a folder at a time. `symlink_force` makes a
link beside each output's place and moves it there, for what may be there already; each has a new
folder. `StdLib.Base` makes all functions of WDL four times a task; most use one, once. What a
workflow may be given (`Workflow.available_inputs`) is found in all its calls, five times a run.
`digest` is for miniwdl's own cache of calls, which is off.
`LoggingFileHandler` and `write_values_json` write to files of each task what the engine's log
holds, or nobody reads. `_warn_output_basename_collisions` resolves all outputs again to tell of
equal names, which nothing here confuses: each output has its folder.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any

from WDL import CLI, Env, Lint, StdLib, Tree, Value
from WDL._util import TerminationSignalFlag, parse_byte_size
from WDL.runtime import _io_helpers, config, task, task_container, workflow
from WDL.runtime.cache import CallCache
from WDL.runtime.task import link_outputs  # type: ignore[attr-defined]

from .paths import real, really_within
from .waiting import Finished, Waiting

_LEVELS = 32  # forks to look through before a branch gets a whole index of its own
_SUPPRESSED = {"CommandShellCheck"}  # needs a program that may not be there
_lock = threading.RLock()

Plugins = Mapping[str, Iterable[tuple[str, Callable[..., Any]]]]
Downloader = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Member:
    """A member that is no part of miniwdl's API, and the parameters that we count on."""

    module: str
    name: str
    since: str  # the oldest version seen to have it so; 1.12 is the oldest that was looked at
    why: str
    parameters: tuple[str, ...] = ()


MEMBERS = (
    Member("WDL.Env", "Bindings.resolve_binding", "1.12", "replaced: slow", ("self", "name")),
    Member("WDL.Env", "Bindings.has_binding", "1.12", "replaced: slow", ("self", "name")),
    Member("WDL.Env", "Bindings.has_namespace", "1.12", "replaced: slow", ("self", "namespace")),
    Member("WDL.Env", "Bindings.namespaces", "1.12", "replaced: slow"),
    Member("WDL.Tree", "Call.resolve", "1.12", "replaced: slow", ("self", "doc")),
    Member("WDL.Tree", "StdLib", "1.12", "replaced: slow"),
    Member("WDL.Lint", "StdLib", "1.12", "replaced: slow"),
    Member("WDL.runtime.config", "load_plugins", "1.12", "replaced: only ours", ("cfg", "group")),
    Member(
        "WDL.runtime.task",
        "chmod_R_plus",
        "1.12",
        "replaced: slow",
        ("path", "file_bits", "dir_bits"),
    ),
    Member("WDL.StdLib", "chmod_R_plus", "1.12", "replaced: slow", ("path", "file_bits")),
    Member("WDL.runtime._io_helpers", "symlink_force", "1.15", "replaced: slow", ("src", "dst")),
    Member("WDL.Tree", "Workflow.available_inputs", "1.12", "kept: slow"),
    Member(
        "WDL.runtime.task",
        "LoggingFileHandler",
        "1.12",
        "replaced: no logs that nobody reads",
        ("logger", "filename", "json"),
    ),
    Member(
        "WDL.runtime.workflow",
        "LoggingFileHandler",
        "1.12",
        "replaced: no logs that nobody reads",
        ("logger", "filename", "json"),
    ),
    Member(
        "WDL.runtime.task",
        "write_values_json",
        "1.12",
        "replaced: no files that nobody reads",
        ("values_env", "filename", "namespace"),
    ),
    Member(
        "WDL.runtime.task",
        "_warn_output_basename_collisions",
        "1.12",
        "replaced: slow",
        ("logger", "outputs"),
    ),
    Member(
        "WDL.runtime.workflow",
        "_warn_output_basename_collisions",
        "1.12",
        "replaced: slow",
        ("logger", "outputs"),
    ),
    Member(
        "WDL.runtime.task_container",
        "path_really_within",
        "1.12",
        "replaced: slow",
        ("lhs", "rhs"),
    ),
    Member(
        "WDL.runtime._io_helpers",
        "path_really_within",
        "1.15",
        "replaced: slow",
        ("lhs", "rhs"),
    ),
    Member("WDL.runtime._io_helpers", "os", "1.15", "replaced: os.path.realpath is slow"),
    Member(
        "WDL.runtime.workflow",
        "StateMachine",
        "1.12",
        "replaced: slow",
        ("logger_id", "run_dir", "workflow", "inputs"),
    ),
    Member("WDL.Tree", "Task.digest", "1.12", "replaced: nobody asks"),
    Member("WDL.Tree", "Workflow.digest", "1.12", "replaced: nobody asks"),
    Member(
        "WDL.StdLib",
        "Base.__init__",
        "1.15",
        "replaced: slow",
        ("self", "wdl_version", "write_dir", "eval_context"),
    ),
    Member(
        "WDL._util", "TerminationSignalFlag", "1.12", "says that the run is to end", ("logger",)
    ),
    Member("WDL._util", "parse_byte_size", "1.12", "reads runtime.memory as it does", ("s",)),
    Member(
        "WDL.runtime.task",
        "link_outputs",
        "1.12",
        "lays out the outputs of a run that ends early",
        ("cache", "outputs", "run_dir"),
    ),
    Member("WDL.Lint", "_shellcheck_available", "1.12", "no program of this machine in a check"),
    Member(
        "WDL.CLI",
        "outline",
        "1.12",
        "the text that the service answers",
        ("obj", "level", "file", "show_called", "suppress"),
    ),
    Member("WDL.CLI", "print_error", "1.12", "the same, of what is wrong", ("exn",)),
    Member(
        "WDL.Type", "Base._check_optional", "1.12", "WDL_LENIENT", ("self", "rhs", "check_quant")
    ),
    Member("WDL.Type", "Float.check", "1.12", "WDL_LENIENT", ("self", "rhs", "check_quant")),
    Member("WDL.Type", "Map.check", "1.12", "WDL_LENIENT", ("self", "rhs", "check_quant")),
    Member("WDL.Type", "Array.check", "1.12", "WDL_LENIENT", ("self", "rhs", "check_quant")),
    Member("WDL.Value", "from_json", "1.12", "WDL_LENIENT", ("type", "value")),
    Member(
        "WDL.runtime.backend.docker_swarm",
        "SwarmContainer.misc_config",
        "1.12",
        "says as which user a container runs",
        ("self", "logger"),
    ),
    Member(
        "WDL.runtime.backend.podman",
        "PodmanContainer._run_invocation",
        "1.12",
        "adds --cidfile, by which a container is ended",
        ("self", "logger", "cleanup", "image"),
    ),
    Member(
        "WDL.runtime.task_container",
        "TaskContainer._run",
        "1.12",
        "what a back end is asked to do",
        ("self", "logger", "terminating", "command"),
    ),
)
# Set on a configuration (1.12): the downloaders by scheme, of files and of directories.
_DOWNLOADERS = "_downloaders"


def termination_flag(logger: logging.Logger) -> AbstractContextManager[Callable[[], bool]]:
    """Whether a signal asked this process to end; miniwdl looks at the same flag."""
    return TerminationSignalFlag(logger)


def byte_size(text: str) -> int:
    """What runtime.memory says, in bytes; ValueError if it says nothing."""
    return int(parse_byte_size(text))


def use_downloaders(
    cfg: config.Loader, files: Mapping[str, Downloader], directories: Mapping[str, Downloader]
) -> None:
    """Read only what has one of these schemes; as plugins they would be added to miniwdl's own."""
    setattr(cfg, _DOWNLOADERS, (files, directories))


def linked(
    cache: CallCache, outputs: Env.Bindings[Value.Base], run_dir: str
) -> Env.Bindings[Value.Base]:
    """The outputs, with links to their files under `run_dir`/out."""
    found: Env.Bindings[Value.Base] = link_outputs(cache, outputs, run_dir)
    return found


def outline(document: Tree.Document) -> str:
    """What `miniwdl check` prints of a document that loads: its parts, and what lint found."""
    Lint._shellcheck_available = False
    Lint.lint(document)
    text = io.StringIO()
    CLI.outline(  # type: ignore[no-untyped-call]
        document, 0, file=text, suppress=_SUPPRESSED, show_called=document.workflow is not None
    )
    return text.getvalue()


def error_text(error: Exception) -> str:
    """What `miniwdl check` prints of a document that does not load."""
    with redirect_stderr(io.StringIO()) as said:
        CLI.print_error(error)
    return said.getvalue()


def accept(kind: Any, fits: Callable[[Any, Any, bool], bool]) -> None:
    """Let a type stand where another is wanted, if `fits` says so."""
    strict = kind.check

    def check(self: Any, rhs: Any, check_quant: bool = True) -> None:
        if fits(self, rhs, check_quant):
            self._check_optional(rhs, check_quant)
        else:
            strict(self, rhs, check_quant)

    kind.check = check


def convert(kind: Any, converted: Callable[[Any, Any], Any]) -> None:
    """Let values of a kind become what `converted` makes of them, unless that is None."""
    strict = kind.coerce

    def coerce(self: Any, desired_type: Any = None) -> Any:
        other = converted(self, desired_type)
        return strict(self, desired_type) if other is None else other

    kind.coerce = coerce


def read_json(read: Callable[[Callable[..., Any], Any, Any], Any]) -> None:
    """Let `read` (given miniwdl's own, a type and a value) read values in JSON."""
    strict = Value.from_json
    Value.from_json = lambda type, value: read(strict, type, value)


class _Index:
    """Names of a chain of nodes. Later nodes shadow earlier ones, so positions are kept.

    A node sees the entries up to its own position; `base` is the node this branch forks from.
    """

    __slots__ = ("base", "entries", "level", "namespaces", "tip")

    def __init__(self, base: Any, level: int) -> None:
        self.base = base
        self.level = level
        self.entries: dict[str, list[tuple[int, Any]]] = {}
        self.namespaces: dict[str, int] = {}
        self.tip = 0

    def append(self, node: Any) -> None:
        self.tip += 1
        binding = node._binding
        if binding is not None:
            self.entries.setdefault(binding.name, []).append((self.tip, binding))
            end = binding.name.find(".")
            while end >= 0:
                self.namespaces.setdefault(binding.name[: end + 1], self.tip)
                end = binding.name.find(".", end + 1)
        node._position = (self, self.tip)


def _locate(node: Any) -> tuple[_Index, int]:
    found: tuple[_Index, int] | None = node.__dict__.get("_position")
    if found is not None:
        return found
    with _lock:
        fresh = []
        at = node
        while at is not None and "_position" not in at.__dict__:
            fresh.append(at)
            at = at._next
        if at is None:
            index = _Index(None, 0)
        else:
            index, position = at._position
            if position != index.tip:  # somebody else has already grown the chain from here
                index = _flat_copy(at) if index.level >= _LEVELS else _Index(at, index.level + 1)
        for one in reversed(fresh):
            index.append(one)
        located: tuple[_Index, int] = node._position
        return located


def _flat_copy(node: Any) -> _Index:
    """An index of everything `node` sees; the nodes themselves keep their old places."""
    index = _Index(None, 0)
    index.tip = 1
    index.entries = {binding.name: [(1, binding)] for binding in node}
    for name in index.entries:
        end = name.find(".")
        while end >= 0:
            index.namespaces[name[: end + 1]] = 1
            end = name.find(".", end + 1)
    # `namespaces` of stock miniwdl knows shadowed names too, but a shadowing name is the same name
    return index


def _resolve_binding(self: Any, name: str) -> Any:
    node = self
    while node is not None:
        index, position = _locate(node)
        found = index.entries.get(name)
        if found is not None:
            for i in range(len(found) - 1, -1, -1):
                at, binding = found[i]
                if at <= position:
                    return binding
        node = index.base
    raise KeyError


def _has_binding(self: Any, name: str) -> bool:
    try:
        _resolve_binding(self, name)
    except KeyError:
        return False
    return True


def _has_namespace(self: Any, namespace: str) -> bool:
    assert namespace
    if not namespace.endswith("."):
        namespace += "."
    node = self
    while node is not None:
        index, position = _locate(node)
        if index.namespaces.get(namespace, position + 1) <= position:
            return True
        node = index.base
    return False


def _namespaces(self: Any) -> set[str]:
    found: set[str] = set()
    node = self
    while node is not None:
        index, position = _locate(node)
        found.update(name for name, at in list(index.namespaces.items()) if at <= position)
        node = index.base
    return found


_resolve_in_all = Tree.Call.resolve


def _resolve_call(self: Any, doc: Any) -> None:
    """miniwdl's own, which is shown the one task of that name."""
    known = doc.__dict__.get("_tasks_by_name")
    if known is None:
        known = doc.__dict__["_tasks_by_name"] = {task.name: task for task in doc.tasks}
    all_tasks = doc.tasks
    if len(self.callee_id) == 1:  # those of imports are few
        doc.tasks = [known[name] for name in self.callee_id if name in known]
    try:
        _resolve_in_all(self, doc)
    finally:
        doc.tasks = all_tasks


class _Signatures:
    """`WDL.StdLib` for who reads no more than signatures: a library of each version."""

    StaticFunction = StdLib.StaticFunction
    Base = staticmethod(cache(StdLib.Base))
    TaskOutputs = staticmethod(cache(StdLib.TaskOutputs))


def index_documents() -> None:
    """Give `Env.Bindings`, and the tasks of a document, constant-time lookups; share signatures."""
    vars(Tree)["StdLib"] = vars(Lint)["StdLib"] = _Signatures
    call: Any = Tree.Call
    call.resolve = _resolve_call
    cls: Any = Env.Bindings
    cls.resolve_binding = _resolve_binding
    cls.has_binding = _has_binding
    cls.has_namespace = _has_namespace
    cls.namespaces = property(_namespaces)


def add_permissions(path: str, file_bits: int = 0, dir_bits: int = 0) -> None:
    """Give these to a file, or to a folder and all that is in it; links are not followed.

    A folder gets them before it is read.
    """
    mode = os.lstat(path).st_mode
    if not stat.S_ISDIR(mode):
        _add_bits(path, mode, file_bits)
        return
    _add_bits(path, mode, dir_bits)
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                add_permissions(entry.path, file_bits, dir_bits)
            else:
                _add_bits(entry.path, entry.stat(follow_symlinks=False).st_mode, file_bits)


def _add_bits(path: str, mode: int, bits: int) -> None:
    if not stat.S_ISLNK(mode) and mode & bits != bits:
        os.chmod(path, stat.S_IMODE(mode) | bits)


@contextmanager
def _empty_file(logger: logging.Logger, filename: str, json: bool = False) -> Iterator[None]:
    with open(filename, "w"):  # which miniwdl locks
        yield


_make_functions: Any = StdLib.Base.__init__


def _make_no_functions(
    self: Any, wdl_version: str, write_dir: str = "", *, eval_context: Any = None
) -> None:
    self.wdl_version = wdl_version
    self.eval_context = eval_context or StdLib.EvalContext()
    self._unmade = (wdl_version, write_dir)


def _made_function(self: Any, name: str) -> Any:
    """The functions of a library, of which somebody asks for the first one."""
    if "_unmade" not in self.__dict__:
        raise AttributeError(name)
    known = dict(self.__dict__)
    _make_functions(self, *known.pop("_unmade"))
    del self._unmade
    self.__dict__.update(known)  # what those who were told that it is made have made of it
    return getattr(self, name)


def make_functions_late() -> None:
    """Let WDL's library make its functions when one of them is called."""
    library: Any = StdLib.Base
    library.__init__ = _make_no_functions
    library.__getattr__ = _made_function


_available_inputs: Any = cached_property(Tree.Workflow.available_inputs.fget)  # type: ignore


def keep_available_inputs() -> None:
    """Let a workflow that is loaded find out once what it may be given."""
    one: Any = Tree.Workflow
    one.available_inputs = _available_inputs
    _available_inputs.__set_name__(one, "available_inputs")


class StateMachine(workflow.StateMachine):  # type: ignore[name-defined]
    """miniwdl's, which meets only the jobs that can begin where it goes through all that wait."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        mine: Any = self
        mine.finished = Finished()
        mine.waiting = Waiting(mine.waiting, lambda id: mine.jobs[id].dependencies, mine.finished)


def os_with_fast_links() -> SimpleNamespace:
    """The module `os`, whose `os.path.realpath` asks the kernel."""
    path = SimpleNamespace(**{**vars(os.path), "realpath": real})
    return SimpleNamespace(**{**vars(os), "path": path})


def spare() -> None:
    """Leave out of the steps of a task what costs most and serves nobody here."""
    make_functions_late()
    keep_available_inputs()
    one: Any
    for one in (task, workflow):
        one.LoggingFileHandler = _empty_file
        one._warn_output_basename_collisions = lambda logger, outputs: None
    for one in (task_container, _io_helpers):
        one.path_really_within = really_within
    for one in (Tree.Task, Tree.Workflow):
        one.digest = ""
    one = _io_helpers
    one.os = os_with_fast_links()
    one.symlink_force = os.symlink
    one = workflow
    one.StateMachine = StateMachine
    for one in (task, StdLib):
        one.chmod_R_plus = add_permissions
    one = task
    one.write_values_json = lambda values, filename, namespace="": None


def register_plugins(plugins: Plugins) -> None:
    """Make miniwdl use exactly these plugins, by group."""

    def load_plugins(cfg: config.Loader, group: str) -> Any:
        return list(plugins.get(group, ()))

    config.load_plugins = load_plugins
