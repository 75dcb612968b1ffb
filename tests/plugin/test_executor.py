"""What the adapter does before Snakemake has a job for it."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_interface_common.exceptions import ApiError

from snakemake_executor_omics.cli import main
from snakemake_executor_omics.executor import Executor, _for_people
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


def test_a_folder_that_cannot_be_written_to_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ApiError, match=f"cannot use {file}/below: Not a directory"), _for_people():
        (file / "below").mkdir()
    assert main(["setup", "--print", "--registry-rules", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("snakemake-omics: ")
