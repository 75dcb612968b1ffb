"""What a job removes of the project, as `rule clean: shell: "rm -rf results"` does.

Its task would remove it in a folder of its own, and end well: nothing would be gone here.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path

from ..errors import UnsupportedRule
from .commands import Command
from .paths import without_working_folder
from .units import Job

_SHELL = re.compile(
    r"(?<![\w./-])(?:(?:rm|rmdir|unlink|shred)\s([^;&|\n]*)|find\s([^;&|\n]*-delete))"
)
_PYTHON = re.compile(
    r"\b(?:rmtree|os\.(?:remove|unlink|rmdir|removedirs))\s*\(|\.(?:unlink|rmdir)\("
)
_WORD = re.compile(r"[^\s'\"`;|&<>()=,$]+")


def refuse_removals(job: Job, command: Command, workdir: Path) -> None:
    """Refuse a job that declares no file and removes some.

    Raises:
        UnsupportedRule: it does.
    """
    if job.input or job.output or job.log or job.benchmark or not (job.is_shell or job.is_run):
        return
    if found := _removed(command.own, workdir):
        rule = job.rule.name
        raise UnsupportedRule(
            rule,
            f"removes {', '.join(found)}, which its task would do in a folder of its own: nothing "
            "would be gone here",
            hint=f"run it on this machine: call Snakemake for {rule} with `--executor local`, or "
            f"make it a local rule (`localrules: {rule}`)",
        )


def _removed(text: str, workdir: Path) -> list[str]:
    """What is here of what a text removes."""
    text = without_working_folder(text, workdir)
    removing = " ".join(one or other for one, other in _SHELL.findall(text))
    words = _WORD.findall(text if _PYTHON.search(text) else removing)
    return [word for word in dict.fromkeys(words) if _is_here(word, workdir)]


def _is_here(word: str, workdir: Path) -> bool:
    if word.startswith(("/", "~", "-")) or word.strip("./*") == "" or len(word) > 1024:
        return False
    return next(glob.iglob(word, root_dir=workdir), None) is not None
