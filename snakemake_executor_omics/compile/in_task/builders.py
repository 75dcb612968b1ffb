"""How the values that a job's Python refers to are made again, with the types that they had.

Its text goes into the task, after `values.py`, followed by statements that call these.
"""

import __future__

import importlib
import linecache
import sys
import types

from .values import fail

RULE = ""  # the task sets it


class Absent:
    """What is named in a text alone and could not travel: it says so if it is used."""

    def __init__(self, reason):
        object.__setattr__(self, "_reason", reason)

    def __getattr__(self, name):
        raise RuntimeError(object.__getattribute__(self, "_reason"))

    def __getitem__(self, key):
        raise RuntimeError(object.__getattribute__(self, "_reason"))

    def __format__(self, spec):
        raise RuntimeError(object.__getattribute__(self, "_reason"))


def namespace(name):
    """The global names of a Snakefile: those of a module, as classes and `pickle` want it."""
    module = sys.modules[name] = types.ModuleType(name)
    return vars(module)


def define(space, label, name, text):
    """The function or class that `text` defines, which sees the names of `space`."""
    try:
        code = compile(text, label, "exec", __future__.annotations.compiler_flag, True)
    except SyntaxError as error:
        fail(
            "{}: the Python {}.{} of the container cannot read this code: {}".format(
                label,
                sys.version_info[0],
                sys.version_info[1],
                error,
            )
        )
    linecache.cache[label] = (len(text), None, text.splitlines(True), label)
    names = {}
    exec(code, space, names)
    return names[name]


def load(name):
    """The module of that name."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        fail(
            "rule {}: the Python {}.{} of the container cannot import {}: {}".format(
                RULE,
                sys.version_info[0],
                sys.version_info[1],
                name,
                error,
            )
        )


def member(module, *names):
    """What a module calls by those names."""
    found = load(module)
    for name in names:
        found = getattr(found, name)
    return found


def restore(made, state=None, items=(), pairs=()):
    """Give an object the state that it had, as `pickle` does."""
    if state is not None and hasattr(made, "__setstate__"):
        made.__setstate__(state)
    elif state is not None:
        plain, slots = state if isinstance(state, tuple) else (state, None)
        for name, value in {**(plain or {}), **(slots or {})}.items():
            object.__setattr__(made, name, value)
    for item in items:
        made.append(item)
    for key, value in pairs:
        made[key] = value
    return made


def evaluated(path):
    """The value that a file of the task holds: one that is long stands there once for all."""
    with open(path, encoding="utf-8") as file:
        return eval(compile(file.read(), path, "eval"), globals())


def scalar(kind, value):
    """A scalar of numpy, or its like where numpy is not there."""
    try:
        return getattr(importlib.import_module("numpy"), kind)(value)
    except ImportError:
        return value


def array(items, kind, shape):
    return load("numpy").array(items, dtype=kind).reshape(shape)


def index(items, kind, name):
    return load("pandas").Index(items, dtype=kind, name=name)


def multi_index(levels, names):
    return load("pandas").MultiIndex.from_arrays(levels, names=names)


def numbers(start, stop, step, name):
    return load("pandas").RangeIndex(start, stop, step, name=name)


def category(items, categories, ordered):
    return load("pandas").Categorical(items, categories=categories, ordered=ordered)


def series(items, kind, index, name):
    return load("pandas").Series(items, index=index, dtype=kind, name=name)


def frame(columns, labels, index):
    """A data frame of columns, each of them items and their type."""
    pandas = load("pandas")
    made = {
        number: pandas.Series(items, index=index, dtype=kind)
        for number, (items, kind) in enumerate(columns)
    }
    found = pandas.DataFrame(made, index=index)
    found.columns = labels
    return found
