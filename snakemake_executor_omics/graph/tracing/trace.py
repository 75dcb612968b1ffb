"""Run a Snakemake resource function on inputs whose sizes are not known yet.

The function gets a stand-in `input` whose sizes are `Symbol`s: floats that record what is done to
them. A comparison gives a `Condition`, and asking it for a truth value forks: the function is run
again for the other answer, and the results are joined as `if … then … else …`.

How this drives Snakemake's own objects (9.27): `job.rule.resources[name]` is a `Resource` whose
`evaluate(wildcards, input=…, …)` calls the user's function through Snakemake's wrappers and puts
the result into a new `Resource`. A Symbol passes through all of it, because it is a float
(`isinstance` checks), rounds to a Symbol (`Resource.__init__`, `_wrap_evaluator`) and is not a
string (`parse_human_friendly`). Only `int(…)`, in `mib_to_mb` and in many users' functions, must
return an exact int; then the function is traced again as a copy that sees other `int` and `float`
(see rebinding.py). Names are standardised: look up `mem_mb` and `disk_mb`, never `mem`.

A C function (`math.exp`, numpy) reads the number inside a float without asking. Hence each
function is traced with several numbers inside the symbols; if the results differ, one leaked.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from ..internals import positions_of_names
from .expression import Expr, InputSize, choose
from .rebinding import rebound
from .symbols import FLOAT, INT, NotTraceable, Symbol, Tape, expression_of

__all__ = ["Inputs", "NotTraceable", "trace", "trace_resource"]

MAX_LEAVES = 16
# The numbers inside the symbols. A step function that reads them sees both of its ends, and
# `math.log` of the first one fails outright.
_PROBES = (0.0, 4.2e3, 1e18)


@dataclass(frozen=True, slots=True)
class Inputs:
    """A job's input files: paths, and names with the (start, end) that Snakemake gives them.

    An `end` of None means that the name is for one file, not for a list.
    """

    paths: tuple[str, ...]
    names: Mapping[str, tuple[int, int | None]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    temp: frozenset[int] = frozenset()

    @classmethod
    def of(cls, namedlist: Any) -> Self:
        """From a job's `input`, Snakemake's Namedlist of files."""
        flags = (getattr(file, "flags", {}) for file in namedlist)
        temp = frozenset(index for index, flagged in enumerate(flags) if flagged.get("temp"))
        return cls(tuple(map(str, namedlist)), positions_of_names(namedlist), temp)


def trace(function: Callable[..., object], inputs: Inputs, **aux: object) -> Expr:
    """The expression that `function(input=…, **aux)` computes, or NotTraceable."""

    def attempt(names: Mapping[str, object]) -> Callable[[object], object]:
        traced = rebound(function, names) if names else function
        return lambda stand_in: traced(input=stand_in, **aux)

    return _trace(attempt, inputs)


def trace_resource(
    resource: Any,
    *,
    wildcards: object,
    inputs: Inputs,
    attempt: int,
    threads: int | None,
    rulename: str,
) -> Expr:
    """The expression for `resource`, a `snakemake.resources.Resource` of a rule, or NotTraceable.

    The unit is Snakemake's: megabytes (10**6 bytes) for `mem_mb` and `disk_mb`, minutes for
    `runtime`. Leave `threads` None for the resource `_cores`, which defines them.
    """
    aux: dict[str, object] = {"attempt": attempt, "rulename": rulename, "async_run": _drive}
    if threads is not None:
        aux["threads"] = threads

    def trial(names: Mapping[str, object]) -> Callable[[object], object]:
        traced = rebound(resource, names) if names else resource
        return lambda stand_in: traced.evaluate(wildcards, input=stand_in, **aux).value

    return _trace(trial, inputs)


def _trace(
    trial: Callable[[Mapping[str, object]], Callable[[object], object]], inputs: Inputs
) -> Expr:
    try:
        return _probe(trial({}), inputs)
    except NotTraceable as failure:
        if not failure.needs_rebinding:
            raise
    return _probe(trial({"int": INT, "float": FLOAT}), inputs)


def _probe(function: Callable[[object], object], inputs: Inputs) -> Expr:
    results = [_Exploration(function, inputs, number).branch(()) for number in _PROBES]
    if any(result != results[0] for result in results):
        raise NotTraceable("a size is read by a function that cannot be followed (math, numpy)")
    return results[0]


class _Exploration:
    """All runs of one function with one number inside the symbols."""

    def __init__(self, function: Callable[[object], object], inputs: Inputs, number: float) -> None:
        self._function = function
        self._inputs = inputs
        self._number = number
        self._leaves = 0

    def branch(self, answers: tuple[bool, ...]) -> Expr:
        """The expression below these first answers; further conditions are tried as True."""
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            raise NotTraceable(f"it has more than {MAX_LEAVES} cases")
        tape = Tape(answers, max_conditions=MAX_LEAVES, number=self._number)
        expr = self._run(tape)
        asked = list(tape.decisions.items())
        for index in reversed(range(len(answers), len(asked))):
            taken = tuple(answer for _, answer in asked[:index])
            expr = choose(asked[index][0], expr, self.branch((*taken, False)))
        return expr

    def _run(self, tape: Tape) -> Expr:
        stand_in = InputStandIn(self._inputs, tape)
        failure: Exception | None = None
        result: object = None
        try:
            with _symbolic_stat(stand_in):
                result = self._function(stand_in)
        except Exception as error:  # whatever the user's function raises: reported just below
            failure = error
        # The tape comes first: the function, or Snakemake around it, may have swallowed or
        # wrapped what a symbol raised.
        if tape.failure is not None:
            raise tape.failure from failure
        if isinstance(failure, NotTraceable):
            raise failure
        if failure is not None:
            raise NotTraceable(f"it raised {type(failure).__name__}: {failure}") from failure
        return _result(result)


def _result(result: object) -> Expr:
    if isinstance(result, Symbol):
        return result.expr
    if isinstance(result, str):
        if str.__str__(result) == "<TBD>":  # Snakemake's TBDString
            raise NotTraceable("it reads a file that does not exist yet")
        raise NotTraceable(f"it returned the text {str(result)!r}, not a number")
    if isinstance(result, (int, float)) and -(2**63) <= result < 2**63:  # also: finite
        return expression_of(result)
    raise NotTraceable(f"it returned {result!r}, not a number")


class InputStandIn(list[str]):
    """What a resource function gets as `input`: paths as ever, sizes as symbols.

    Follows Snakemake's InputFiles, which has sizes for all files together only.
    """

    def __init__(self, inputs: Inputs, tape: Tape) -> None:
        self._files = [FileStandIn.at(path, index, tape) for index, path in enumerate(inputs.paths)]
        super().__init__(self._files)
        self._names, self._tape, self._temp = inputs.names, tape, tuple(sorted(inputs.temp))
        for name, (start, end) in inputs.names.items():
            setattr(self, name, self[start] if end is None else self[start:end])

    def _every(self, unit: int) -> float:
        return _size(tuple(range(len(self))), unit, self._tape)

    def _each(self, unit: int) -> list[float]:
        return [_size((index,), unit, self._tape) for index in range(len(self))]

    size = property(lambda self: self._every(1))
    size_kb = property(lambda self: self._every(1024))
    size_mb = property(lambda self: self._every(1024**2))
    size_gb = property(lambda self: self._every(1024**3))
    size_files = property(lambda self: self._each(1))
    size_files_kb = property(lambda self: self._each(1024))
    size_files_mb = property(lambda self: self._each(1024**2))
    size_files_gb = property(lambda self: self._each(1024**3))
    size_tempfiles = property(lambda self: [self._files[index].symbol for index in self._temp])
    # In bytes, despite its name: that is what Snakemake 9.27 does.
    temp_size_mb = property(lambda self: _size(self._temp, 1, self._tape))

    def __getitem__(self, key: Any) -> Any:
        return getattr(self, key) if isinstance(key, str) else super().__getitem__(key)

    def get(self, key: str, default: object = None) -> object:
        return getattr(self, key) if key in self._names else default

    def keys(self) -> Sequence[str]:
        return list(self._names)

    def items(self) -> Iterator[tuple[str, object]]:
        return ((name, getattr(self, name)) for name in self._names)

    def __str__(self) -> str:
        return " ".join(self)


class FileStandIn(str):
    """One input file. Its `size` is a coroutine, as that of Snakemake's `_IOFile` is."""

    _index: int
    _tape: Tape

    @classmethod
    def at(cls, path: str, index: int, tape: Tape) -> Self:
        file = cls(path)
        file._index, file._tape = index, tape
        return file

    @property
    def symbol(self) -> float:
        return _size((self._index,), 1, self._tape)

    async def size(self) -> float:
        return self.symbol


def _size(files: tuple[int, ...], unit: int, tape: Tape) -> float:
    return Symbol.of(InputSize(files, unit), tape) if files else 0


def _drive(coroutine: Coroutine[Any, Any, object]) -> object:
    """Snakemake's `async_run`, for coroutines that never wait (`input[0].size()`)."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise NotTraceable("it waits for something that is not an input's size")


class _SymbolicStat:
    """What `os.stat` says of an input: its size, and nothing else."""

    def __init__(self, size: float) -> None:
        self.st_size = size

    def __getattr__(self, name: str) -> object:
        raise NotTraceable(f"it reads {name} of an input file")


_stat_lock = threading.RLock()


@contextmanager
def _symbolic_stat(stand_in: InputStandIn) -> Iterator[None]:
    """Let `os.path.getsize(input[0])` and `Path(input[0]).stat().st_size` see symbols.

    Both end in `os.stat`, which has no hook of its own. Other threads keep the real one: the
    replacement answers for this thread's inputs only.
    """
    real, thread = os.stat, threading.get_ident()
    paths: dict[str, float] = {}  # filled on first use: most functions never ask

    def stat(path: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread and isinstance(path, (str, os.PathLike)):
            if not paths:
                paths.update({str(file): file.symbol for file in stand_in._files})
            size = paths.get(os.fspath(path))
            if size is not None:
                return _SymbolicStat(size)
        return real(path, *args, **kwargs)

    with _stat_lock:
        previous, os.stat = os.stat, stat
        try:
            yield
        finally:
            os.stat = previous
