"""The documentation says what the code says."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import botocore.session
import pytest

from snakemake_executor_omics.settings.declared import ExecutorSettings

DOCS = Path(__file__).parent.parent / "docs"
SETTINGS = DOCS / "settings.md"

HEAD = """# Settings

Every setting is a command line option, and a key of a profile without the two dashes. Those with
an environment variable can be given there too.

| option | environment variable | what it is |
|---|---|---|
"""


def _table() -> str:
    rows = []
    for setting in fields(ExecutorSettings):
        variable = (
            f"`SNAKEMAKE_OMICS_{setting.name.upper()}`" if setting.metadata["env_var"] else ""
        )
        text = setting.metadata["help"].replace("|", "\\|")
        rows.append(f"| `--omics-{setting.name.replace('_', '-')}` | {variable} | {text} |\n")
    return HEAD + "".join(rows)


def test_the_settings_page_lists_every_setting(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        SETTINGS.write_text(_table())
    assert SETTINGS.read_text() == _table()


def test_the_operations_page_has_a_line_for_every_operation_of_the_model() -> None:
    page = (DOCS / "operations.md").read_text()
    named = re.findall(r"^\| ([A-Z][a-z]\w+) \|", page, re.MULTILINE)
    model = botocore.session.get_session().get_service_model("omics")
    assert Counter(named) == Counter(model.operation_names)
