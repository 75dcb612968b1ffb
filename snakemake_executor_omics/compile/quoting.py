"""Foreign text made safe for WDL: string literals and command sections.

Shell text is a value, never template source. In a `<<< >>>` command only `~{` and `>>>` mean
anything to WDL; both are written as placeholders that evaluate to the characters themselves.
"""

from __future__ import annotations

import json
import re

_LITERAL = {"~": r"\u007e", "$": r"\u0024"}
# Control characters other than tab and newline would not survive an editor or a WDL parser.
_COMMAND = re.compile(r"~\{|>>>|[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")


def wdl_string(text: str) -> str:
    """Quote `text` as a WDL string literal, placeholders disarmed."""
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[~$](?=\{)", lambda match: _LITERAL[match[0]], quoted)


def wdl_command(text: str) -> str:
    """Disarm `text` for a `<<< >>>` command section: the task's shell sees `text` itself."""
    return _COMMAND.sub(lambda match: "".join(map(_placeholder, match[0])), text)


def _placeholder(character: str) -> str:
    if character == "{":
        return character
    return f'~{{"\\u{ord(character):04x}"}}'


def heredoc_delimiter(text: str, stem: str) -> str:
    """A here-document delimiter that is no line of `text`: `stem`, numbered if need be."""
    lines = set(text.split("\n"))
    delimiter, number = stem, 1
    while delimiter in lines:
        number += 1
        delimiter = f"{stem}_{number}"
    return delimiter
