"""The jinja2 templates: foreign text goes through a filter that disarms it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import jinja2

from .quoting import wdl_command, wdl_string

# In a checkout the templates stand beside the package, in a wheel inside it.
_PACKAGE = Path(__file__).resolve().parent.parent
_env = jinja2.Environment(
    loader=jinja2.FileSystemLoader([_PACKAGE / "templates", _PACKAGE.parent / "templates"]),
    undefined=jinja2.StrictUndefined,
    autoescape=False,
    auto_reload=False,  # it would look for a newer file once for each task
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def shell_word(text: str) -> str:
    """`text` as one word of a shell script in a command section."""
    return wdl_command(shlex.quote(text))


_env.filters |= {"wdl_string": wdl_string, "wdl_command": wdl_command, "shell_word": shell_word}


def rendered(template: str, **values: Any) -> str:
    return _env.get_template(template).render(values)
