"""What others may rely on: a name that goes or comes is a decision, not an accident."""

from __future__ import annotations

import json
from importlib.metadata import entry_points, metadata

from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

import snakemake_executor_omics
import snakemake_executor_plugin_omics

_DISTRIBUTION = "snakemake-executor-plugin-omics"


def test_the_plugin_exports_what_snakemake_asks_for() -> None:
    assert snakemake_executor_plugin_omics.__all__ == [
        "Executor",
        "ExecutorSettings",
        "common_settings",
    ]
    for name in snakemake_executor_plugin_omics.__all__:
        assert hasattr(snakemake_executor_plugin_omics, name)


def test_the_package_exports_its_version() -> None:
    assert snakemake_executor_omics.__all__ == ["__version__"]
    assert snakemake_executor_omics.__version__ == metadata(_DISTRIBUTION)["Version"]


def test_the_commands_lead_to_functions() -> None:
    ours = {
        command.name: command
        for command in entry_points(group="console_scripts")
        if command.dist is not None and command.dist.name == _DISTRIBUTION
    }
    assert sorted(ours) == ["local-healthomics", "snakemake-omics"]
    assert all(callable(command.load()) for command in ours.values())


def test_snakemakes_plugin_catalog_can_show_the_settings() -> None:
    plugin = ExecutorPluginRegistry().get_plugin("omics")
    for setting in plugin.get_settings_info():
        shown = {**setting, "type": getattr(setting["type"], "__name__", None)}
        assert json.loads(json.dumps(shown))["help"]
        assert setting["cliarg"].startswith("--omics-")
