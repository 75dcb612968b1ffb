"""The settings class as Snakemake's plugin interface reads it."""

from dataclasses import fields
from typing import Any

import configargparse  # type: ignore[import-untyped]
import pytest
from snakemake_interface_executor_plugins.registry.plugin import Plugin

from snakemake_executor_omics.settings.checking import resolve
from snakemake_executor_omics.settings.declared import ExecutorSettings
from snakemake_executor_omics.settings.options import Options

MINIMAL = [
    "--omics-role-arn",
    "arn:aws:iam::123456789012:role/omics",
    "--omics-output-uri",
    "s3://my-bucket/x",
]


def parse(*arguments: str) -> ExecutorSettings:
    plugin = Plugin(
        _name="omics", _executor_settings_cls=ExecutorSettings, executor=None, common_settings=None
    )
    parser = configargparse.ArgumentParser()
    plugin.register_cli_args(parser, "executor")
    settings = plugin.get_settings(parser.parse_args(list(arguments)))
    assert isinstance(settings, ExecutorSettings)
    return settings


def test_nothing_given() -> None:
    assert parse() == ExecutorSettings()


def test_types_survive_the_command_line() -> None:
    settings = parse(
        *MINIMAL,
        "--omics-priority",
        "3",
        "--omics-poll-seconds",
        "0.5",
        "--omics-tags",
        "a=1",
        "b=2",
        "--omics-include",
        "scripts/*.py",
        "--omics-storage-type",
        "STATIC",
    )
    assert settings.priority == 3
    assert settings.poll_seconds == 0.5
    assert settings.tags == ["a=1", "b=2"]
    assert resolve(settings, project="p").include == ("scripts/*.py",)


def test_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAKEMAKE_OMICS_ENDPOINT", "local")
    assert resolve(parse(), project="p").local


def test_wrong_choice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--omics-retention", "FOREVER")
    assert "--omics-retention" in capsys.readouterr().err


def test_every_option_is_resolved() -> None:
    """No option may be declared and then forgotten."""
    seen: set[str] = set()

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            seen.add(name)
            return "local" if name == "endpoint" else None

    assert isinstance(resolve(Recorder(), project="p"), Options)
    # A profile says nothing about the local service, which is given its own credentials.
    assert {field.name for field in fields(ExecutorSettings)} - seen == {"aws_profile"}
