"""Functions of Snakemake that jobs call, for containers that have no Snakemake.

Its text goes into the task, after `values.py`.
"""

import collections
import importlib.util
import inspect
import itertools
import logging
import os
import pathlib
import re
import shlex
import shutil
import string
import subprocess
import sys
import tempfile
import types

from .values import NamedList, Wildcards

_MARKER = "__is_snakemake_rule_func"  # `snakemake.common.RULEFUNC_CONTEXT_MARKER`
_LONGEST = 16 * 4096 - 1  # characters of a command that a process takes as one argument
_WILDCARD = re.compile(
    r"\{\s*(?P<name>\w+)(\s*,\s*(?P<constraint>(?:[^{}]+|\{\d+(,\d+)?\})*))?\s*\}"
)


class _Formatter(string.Formatter):
    """Lists become words, `:q` quotes each, as in the commands of Snakemake."""

    def __init__(self, quote_all=False):
        super().__init__()
        self.quote_all = quote_all

    def format_field(self, value, spec):
        if isinstance(value, Wildcards):
            return ",".join("{}={}".format(*item) for item in sorted(value.items()))
        if isinstance(value, (list, tuple, set, frozenset)):
            return " ".join(self.format_element(item, spec) for item in value)
        return self.format_element(value, spec)

    def format_element(self, value, spec):
        quoted = spec.endswith("q") or (self.quote_all and not spec.endswith("u"))
        text = super().format_field(value, spec[:-1] if spec[-1:] in ("q", "u") else spec)
        return shlex.quote(text) if quoted and text else text


def format(_pattern, *args, stepout=1, _quote_all=False, quote_func=None, **kwargs):
    """Put variables of the caller, and what it gives by name, into a text."""
    frame = inspect.currentframe().f_back
    while stepout > 1 and frame.f_back:
        frame, stepout = frame.f_back, stepout - 1
    variables = dict(frame.f_globals)
    variables.update(frame.f_locals)
    variables.update(kwargs)
    try:
        return _Formatter(_quote_all).vformat(_pattern, args, variables)
    except KeyError as error:
        raise NameError(
            "The name {} is unknown in this context. Please make sure that you defined that "
            "variable. Also note that braces not used for variable access have to be escaped by "
            "repeating them, i.e. {{{{print $1}}}}".format(error)
        ) from None


class shell:
    """Run a command in the shell, with the settings that the Snakefile made."""

    _executable, _prefix, _suffix = "bash", None, ""

    @classmethod
    def executable(cls, command):
        cls._executable = command

    @classmethod
    def prefix(cls, prefix):
        cls._prefix = format(prefix, stepout=2)

    @classmethod
    def suffix(cls, suffix):
        cls._suffix = format(suffix, stepout=2)

    @classmethod
    def check_output(cls, command, **kwargs):
        return subprocess.check_output(command, shell=True, executable=cls._found(), **kwargs)

    @classmethod
    def _found(cls, name=None):
        name = os.path.basename(str(name or cls._executable))
        return shutil.which(name) or name

    def __new__(cls, cmd, *args, iterable=False, read=False, bench_record=None, **kwargs):
        command = format(cmd, *args, stepout=2, **kwargs)
        caller = inspect.currentframe().f_back.f_locals
        in_rule = caller.get(_MARKER)
        context = dict(caller) if in_rule else {}
        if not in_rule and hasattr(caller.get("snakemake"), "threads"):
            context["threads"] = caller["snakemake"].threads
        context.update(kwargs)
        resources = context.get("resources", {})
        executable = cls._found(resources.get("shell_exec"))
        prefix = cls._prefix
        if prefix is None:
            prefix = "set -euo pipefail; " if os.path.basename(executable) == "bash" else ""
        command = " ".join((prefix, command, cls._suffix)).strip()
        script = None
        if len(command.replace("'", "'\\''")) + 2 > _LONGEST:
            handle, script = tempfile.mkstemp(suffix=".sh")
            with os.fdopen(handle, "w") as file:
                file.write(command + "\n")
            command = "{} {}".format(shlex.quote(executable), shlex.quote(script))
        variables = dict(os.environ)
        threads = str(context.get("threads", 1))
        for package in ("OMP", "GOTO", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR"):
            variables[package + ("_THREADS" if "_" in package else "_NUM_THREADS")] = threads
        if resources.get("tmpdir"):
            names = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")
            variables.update(dict.fromkeys(names, str(resources.get("tmpdir"))))
        variables.update(kwargs.get("additional_envvars", {}))
        sys.stdout.flush()
        process = subprocess.Popen(
            command,
            shell=True,
            executable=executable,
            stdout=subprocess.PIPE if iterable or read else None,
            universal_newlines=iterable or read or None,
            env=variables,
        )
        if iterable:
            return cls._lines(process, command, script)
        text = process.stdout.read() if read else None
        cls._end(process, command, script)
        return text

    @classmethod
    def _lines(cls, process, command, script):
        for line in process.stdout:
            yield line[:-1]
        cls._end(process, command, script)

    @staticmethod
    def _end(process, command, script):
        code = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if script is not None:
            os.remove(script)
        if code:
            raise subprocess.CalledProcessError(code, command)


def set_shell(executable, prefix, suffix):
    """Let `shell()` be as the Snakefile made it."""
    shell._executable, shell._prefix, shell._suffix = executable, prefix, suffix


def expand(*args, **values):
    """The patterns with each combination of the wildcards' values."""
    patterns, combined = args[0], args[1] if len(args) > 1 else itertools.product
    if isinstance(patterns, (str, pathlib.PurePath)):
        patterns = [patterns]
    missing = values.get("allow_missing") is True

    class Known(dict):
        def __missing__(self, name):
            if missing:
                return "{" + name + "}"
            raise KeyError(name)

    found = []
    for pattern in map(str, patterns):
        lists = []
        for name, value in values.items():
            if name in re.findall(r"{([^}\.[!:]+)", pattern):
                single = isinstance(value, str) or not isinstance(value, collections.abc.Iterable)
                single = single or (isinstance(value, tuple) and hasattr(value, "_fields"))
                lists.append([(name, item) for item in ([value] if single else value)])
        for pairs in combined(*lists):
            found.append(string.Formatter().vformat(pattern, (), Known(pairs)))
    return found


collect = expand


def multiext(prefix, *extensions, **named):
    """The prefix with each of the extensions."""
    return [prefix + extension for extension in (*extensions, *named.values())]


def glob_wildcards(pattern, files=None, followlinks=False):
    """The values of the wildcards in the paths that match the pattern."""
    pattern = os.path.normpath(str(pattern))
    first = re.search("{[^{]", pattern)
    folder = os.path.dirname(pattern[: first.start()] if first else pattern) or "."
    names, expression, last = [], "", 0
    for match in _WILDCARD.finditer(pattern):
        expression += re.escape(pattern[last : match.start()])
        name, last = match.group("name"), match.end()
        if name in names:
            expression += "(?P={})".format(name)
        else:
            names.append(name)
            expression += "(?P<{}>{})".format(name, match.group("constraint") or ".+")
    expression = re.compile(expression + re.escape(pattern[last:]) + "$")
    found = collections.namedtuple("Wildcards", names)(*([] for _ in names))
    if files is None:
        files = (
            os.path.normpath(os.path.join(place, name))
            for place, folders, names in os.walk(folder, followlinks=followlinks)
            for name in itertools.chain(names, folders)
        )
    for path in files:
        match = expression.match(path)
        for name, value in match.groupdict().items() if match else ():
            getattr(found, name).append(value)
    return found


logger = logging.getLogger("snakemake")
logger.setLevel(logging.INFO)
if not logger.handlers:
    logger.addHandler(logging.StreamHandler())


class WorkflowError(Exception):
    """Snakemake's error for people."""

    def __init__(self, *args, **place):
        super().__init__(*args)


def stand_in():
    """Let code import these from `snakemake` where that is not installed."""
    if importlib.util.find_spec("snakemake") is not None:
        return
    members = {
        "": {},
        ".shell": {"shell": shell},
        ".utils": {"format": format, "makedirs": _make_folders, "min_version": lambda _: None},
        ".io": {"expand": expand, "multiext": multiext, "glob_wildcards": glob_wildcards},
        ".iocontainers": {"Namedlist": NamedList, "Wildcards": Wildcards},
        ".logging": {"logger": logger},
        ".exceptions": {"WorkflowError": WorkflowError},
    }
    for name, content in members.items():
        module = sys.modules["snakemake" + name] = types.ModuleType("snakemake" + name)
        module.__dict__.update(content)
        if name:
            setattr(sys.modules["snakemake"], name[1:], module)
    sys.modules["snakemake"].shell = shell  # `from snakemake import shell` means the function


def _make_folders(folders):
    for folder in [folders] if isinstance(folders, str) else folders:
        os.makedirs(folder, exist_ok=True)
