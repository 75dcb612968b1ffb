"""`snakemake-omics local`: up, status, env, down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import local_healthomics as local
from snakemake_executor_omics.cli import main


@pytest.fixture
def state(tmp_path: Path) -> Iterator[str]:
    """A state folder whose server is stopped in the end."""
    yield str(tmp_path)
    local.stop(tmp_path)


def test_up_hands_the_options_of_the_server_on(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["local", "up", "--state", state, "--quota=runs=1", "--rate", "GetRun=5"]) == 0
    url = capsys.readouterr().out.strip()
    running = local.status(Path(state))
    assert running is not None
    assert running.endpoint_url == url
    # The same again, written in another way, is the same server; so is `up` without wishes.
    for options in (["--rate=GetRun=5", "--quota", "runs=1"], []):
        assert main(["local", "up", "--state", state, *options]) == 0
        assert capsys.readouterr().out.strip() == url
    for other in (["--strict"], ["--port", "1"], ["--backend", "docker"]):
        assert main(["local", "up", "--state", state, *other]) == 2
        said = capsys.readouterr().err
        assert "runs already" in said
        assert "--quota=runs=1" in said
        assert "local down" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--quota", "horses=1"], "argument --quota: horses is none of workflows,"),
        (["--rate", "GetRun=often"], "argument --rate: GetRun: could not convert"),
        (["--archive-after", "soon"], "argument --archive-after: 'soon' is no number"),
        (["--analytics", "ajar"], "argument --analytics: invalid choice: 'ajar'"),
        (["--no-such"], "unrecognized arguments: --no-such"),
    ],
)
def test_a_wrong_option_is_told_before_anything_starts(
    state: str, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["local", "up", "--state", state, *options])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err.splitlines()[-1]
    assert local.status(Path(state)) is None


def test_help_of_up_tells_the_options_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["local", "up", "--help"])
    assert "--quota NAME=N" in capsys.readouterr().out


def test_env_needs_a_server_and_its_undoing_none(
    state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["local", "env", "--state", state]) == 2
    assert "start it with snakemake-omics local up" in capsys.readouterr().err
    monkeypatch.setenv("LOCAL_HEALTHOMICS_BEFORE", '{"AWS_REGION": "eu-west-1"}')
    assert main(["local", "env", "--unset"]) == 0
    assert "export AWS_REGION=eu-west-1" in capsys.readouterr().out
