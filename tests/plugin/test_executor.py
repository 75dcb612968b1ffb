"""What the adapter does before Snakemake has a job for it."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_interface_common.exceptions import ApiError

from snakemake_executor_omics.executor import Executor
from snakemake_executor_omics.settings.declared import ExecutorSettings


def test_a_refused_option_leaves_no_thread_that_trips_over_the_end_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base class's one polls in asyncio: "cannot schedule new futures after shutdown"."""
    monkeypatch.chdir(tmp_path)
    workflow = SimpleNamespace(
        executor_settings=ExecutorSettings(endpoint="nowhere"),
        workdir_init=str(tmp_path),
        remote_execution_settings=SimpleNamespace(immediate_submit=False),
    )
    before = threading.active_count()
    with pytest.raises(ApiError, match="--omics-endpoint"):
        Executor(workflow, SimpleNamespace())
    assert threading.active_count() == before
