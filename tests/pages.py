"""The pages of the documentation, and the commands in them.

A block of bash is run by `workflows/test_pages.py`, those of a page one after the other in one
shell. A comment on the line above a block says otherwise: `<!-- not run: REASON -->`,
`<!-- on AWS -->` of one that is run on a local service that stands for AWS, or
`<!-- ends with: STATUS -->` of one that is to fail.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("examples/*/README.md"))
    if page.name != "readings.md"
)

_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<key>not run|ends with|on AWS)(?:: (?P<value>[^\n]+?))? -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_HERE_DOCUMENT = re.compile(r"<<'(\w+)'([^\n]*)\n.*?^\1$", re.MULTILINE | re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_END = re.compile(r"[;&|()<>]+")


@dataclass(frozen=True)
class Block:
    """One block of commands: why it is not run (if it is not), whether it is for AWS, and the
    status it ends with.
    """

    text: str
    unrun: str | None
    on_aws: bool
    status: int


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The blocks of bash or console in a page, from its top to its end."""
    return [
        Block(
            text=re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE),
            unrun=match["value"] if match["key"] == "not run" else None,
            on_aws=match["key"] == "on AWS",
            status=int(match["value"]) if match["key"] == "ends with" else 0,
        )
        for match in _BLOCK.finditer(page.read_text())
        if match["language"] in ("bash", "console", "sh")
    ]


def commands(text: str) -> Iterator[list[str]]:
    """Each command of a block with its words, those inside of others too."""
    text = _HERE_DOCUMENT.sub(r"\2", text.replace("\\\n", " "))
    for line in (*text.splitlines(), *_SUBSTITUTION.findall(text)):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.commenters = "#"
        try:
            words = list(lexer)
        except ValueError:  # a quotation goes on in the next line: nothing of ours is in one
            continue
        command: list[str] = []
        for word in [*words, ";"]:
            if not _END.fullmatch(word):
                command.append(word)
                continue
            while command and "=" in command[0]:  # variables before it
                del command[0]
            if command:
                yield command
            command = []
