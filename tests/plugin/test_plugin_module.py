"""What every `snakemake` command imports, whichever executor and version of Snakemake it is."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import snakemake
from snakemake.settings.types import OutputSettings
from snakemake_interface_common.exceptions import ApiError
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

import snakemake_executor_plugin_omics as plugin
from snakemake_executor_omics.display.handler import LogHandler

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
# Each takes a tenth of a second or more to import.
HEAVY = ("boto3", "botocore", "jinja2", "rich", "snakemake_executor_omics.executor")


@pytest.mark.parametrize(
    ("module", "member"),
    [
        ("snakemake_executor_plugin_omics", "Executor"),
        ("snakemake_logger_plugin_omics", "LogHandler"),
    ],
)
def test_commands_that_do_not_use_it_import_nothing_heavy(module: str, member: str) -> None:
    code = (
        f"import sys, {module} as plugin; plugin.{member}; "
        f"print(*(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_afterwards_as_before(collects: bool) -> None:
    code = (
        f"import gc; collects = {collects}; collects or gc.disable(); "
        "import snakemake_executor_plugin_omics as plugin; plugin._executor(); "
        "print(gc.isenabled() == collects and gc.get_freeze_count() > 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_first_of_many_workflows_in_one_process_is_not_kept() -> None:
    """Frozen, it would never be collected."""
    code = (
        "import contextlib, gc, snakemake_executor_plugin_omics as plugin\n"
        "for _ in range(2):\n"
        "    with contextlib.suppress(AttributeError):\n"
        "        plugin.Executor(None, None)\n"
        "    print(gc.get_freeze_count() > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\nFalse\n"


def test_snakemake_takes_it_for_a_plugin() -> None:
    found = ExecutorPluginRegistry().get_plugin("omics")
    assert found.settings_cls is plugin.ExecutorSettings
    assert found.common_settings is plugin.common_settings


def test_snakemake_takes_the_display_for_a_logger_plugin() -> None:
    made = LoggerPluginRegistry().get_plugin("omics").log_handler(OutputSettings(), None)
    assert isinstance(made, LogHandler)
    assert made.writes_to_stream


@pytest.mark.parametrize("version", ["9.0.0", "9.18.0", "10.0.0", "10", "11.2", "unknown"])
def test_another_snakemake_is_told_in_one_line(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snakemake, "__version__", version)
    with pytest.raises(ApiError) as refusal:
        plugin.Executor(None, None)
    told = str(refusal.value)
    assert version in told
    assert "install 'snakemake>=9.18.1,<10'" in told
    assert "\n" not in told


@pytest.mark.parametrize("version", ["9.18.1", "9.20.0+3.g0abc", "9.27.1", "9.100"])
def test_versions_within_the_bounds_are_taken(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snakemake, "__version__", version)
    plugin.refuse_other_snakemakes()


def test_the_bounds_are_those_of_the_package() -> None:
    wanted = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    first, end = plugin.SUPPORTED
    assert f"snakemake>={first},<{end}" in wanted
