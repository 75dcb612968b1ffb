"""Snakemake's own test base for executor plugins, with this executor on the local HealthOmics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import snakemake.common.tests

from snakemake_executor_omics.settings.declared import ExecutorSettings


class TestWorkflows(snakemake.common.tests.TestWorkflowsLocalStorageBase):
    """Simple and grouped jobs; `TestWorkflowsBase` is its base and has no tests of its own."""

    __test__ = True

    def get_executor(self) -> str:
        return "omics"

    def get_executor_settings(self) -> ExecutorSettings:
        return ExecutorSettings(endpoint="local", poll_seconds=0.2)

    def get_assume_shared_fs(self) -> bool:
        return False

    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.chdir(tmp_path)
