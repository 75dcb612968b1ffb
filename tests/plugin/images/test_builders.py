"""Others that make images: what they are given, what is said of what they answer."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from snakemake_executor_omics.aws.codebuild import PROJECT, build_there, buildspec
from snakemake_executor_omics.errors import ImageError
from snakemake_executor_omics.images.dockerfile import context
from snakemake_executor_omics.images.programs import build_here
from snakemake_executor_omics.images.wave import build_public
from snakemake_executor_omics.model import Environment

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/snakemake/tools:1"


def environment(content: str = "dependencies: [samtools, pip: [x==1]]", **more: Any) -> Environment:
    return Environment(
        name="tools", content=content.encode(), base="debian:12", file="envs/tools.yaml", **more
    )


# --- the Dockerfile ----------------------------------------------------------------------------


def test_a_dockerfile_ends_without_entrypoint_and_as_root() -> None:
    text = context(environment())["Dockerfile"].decode()
    lines = text.splitlines()
    assert lines[-2:] == ["ENTRYPOINT []", 'CMD ["/bin/bash"]']
    last = max(i for i, line in enumerate(lines) if line.startswith("FROM"))
    assert lines[last : last + 2] == ["FROM --platform=linux/amd64 debian:12", "USER 0"]
    assert "OMICS_ACTIVATE=/opt/env/activate.sh" in text


def test_pins_take_the_place_of_the_file_and_scripts_run_in_the_image() -> None:
    pins = b"@EXPLICIT\nhttps://x.example/c/linux-64/a-1-0.conda\n"
    files = context(environment(pins=pins, post_deploy=b"true\n"))
    text = files["Dockerfile"].decode()
    assert files["omics-explicit.txt"] == pins
    assert "environment.yaml" not in files
    assert "RUN . /opt/env/activate.sh && python -m pip install" in text
    assert files["omics-requirements.txt"] == b"x==1\n"
    assert "RUN . /opt/env/activate.sh && sh /omics/post-deploy.sh" in text


@pytest.mark.parametrize("gpu", [True, False])
def test_cuda_is_told_to_builders_for_rules_with_a_gpu_only(gpu: bool) -> None:
    text = context(environment(gpu=gpu))["Dockerfile"].decode()
    assert ("CONDA_OVERRIDE_CUDA" in text) is gpu


# --- programs of this machine ------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that writes down what it is asked."""
    said = tmp_path / "said"
    script = tmp_path / "bin/docker"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {said}\n[ "$1" != login ] || (cat; echo) >> {said}\n'
        '[ "$1" != push ] || exit $PUSH\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PUSH", "0")
    return said


def test_docker_is_given_the_password_on_its_stdin(program: Path) -> None:
    work = [(IMAGE, context(environment()))]
    build_here("docker", work, "host", ("AWS", "secret"), lambda _: None)
    login, build, push = (line for line in program.read_text().splitlines() if " " in line)
    assert login == "login --username AWS --password-stdin host"
    assert build.startswith(f"build --platform linux/amd64 -t {IMAGE} ")
    assert push == f"push {IMAGE}"
    assert "secret" in program.read_text()


def test_a_program_that_fails_or_is_not_here_is_told(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUSH", "3")
    with pytest.raises(ImageError, match="`docker push` ended with status 3"):
        build_here("docker", [(IMAGE, context(environment()))], "host", None, lambda _: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ImageError, match="docker is not installed"):
        build_here("docker", [], "host", None, lambda _: None)


# --- CodeBuild ---------------------------------------------------------------------------------


@pytest.fixture
def builds() -> Iterator[tuple[Any, Stubber]]:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = boto3.client("codebuild", "us-east-1", **keys)
    with Stubber(client) as stubber:
        events = {"events": [{"message": "no such package\n"}]}
        logs = SimpleNamespace(get_log_events=lambda **_: events)
        yield SimpleNamespace(client=lambda *_: client, logs=logs), stubber
        stubber.assert_no_pending_responses()


def started(stubber: Stubber, id: str) -> None:
    wanted = {"projectName": PROJECT, "sourceTypeOverride": "NO_SOURCE", "buildspecOverride": ANY}
    stubber.add_response("start_build", {"build": {"id": id}}, wanted)


def looked(stubber: Stubber, ids: list[str], **states: str) -> None:
    found = [{"id": id, "buildStatus": state, "logs": {"groupName": "g", "streamName": "s"}}
             for id, state in states.items()]  # fmt: skip
    stubber.add_response("batch_get_builds", {"builds": found}, {"ids": ids})


def test_builds_go_side_by_side_until_the_last_has_ended(builds: tuple[Any, Stubber]) -> None:
    services, stubber = builds
    for id in ("a", "b"):
        started(stubber, id)
    looked(stubber, ["a", "b"], a="IN_PROGRESS", b="SUCCEEDED")
    looked(stubber, ["a"], a="SUCCEEDED")
    said: list[str] = []
    work = [(f"{IMAGE}{n}", context(environment())) for n in range(2)]
    build_there(services, work, said.append, pause=0)
    assert len(said) == 4


def test_a_failed_build_shows_the_end_of_its_log(builds: tuple[Any, Stubber]) -> None:
    services, stubber = builds
    started(stubber, "a")
    looked(stubber, ["a"], a="FAILED")
    with pytest.raises(ImageError, match=f"(?s){IMAGE}: FAILED.*no such package"):
        build_there(services, [(IMAGE, {})], lambda _: None, pause=0)


def test_without_its_project_the_error_names_it(builds: tuple[Any, Stubber]) -> None:
    services, stubber = builds
    stubber.add_client_error("start_build", "ResourceNotFoundException", "no project")
    with pytest.raises(Exception, match=PROJECT):
        build_there(services, [(IMAGE, {})], lambda _: None, pause=0)


def test_the_files_of_a_build_travel_in_its_specification() -> None:
    files = context(environment())
    commands = json.loads(buildspec(IMAGE, files))["phases"]["pre_build"]["commands"]
    packed = base64.b64decode(commands[-1].split()[1])
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        found = {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]
    assert found == dict(files)


# --- Wave --------------------------------------------------------------------------------------


class Wave(BaseHTTPRequestHandler):
    """A stand-in that has the image ready when it is asked the second time."""

    asked: list[tuple[str, Any]]
    answers: list[dict[str, Any]]

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.asked.append((self.path, json.loads(self.rfile.read(length) or "null")))
        body = json.dumps(self.answers.pop(0)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def wave(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Wave]]:
    handler = type("Handler", (Wave,), {"asked": [], "answers": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("WAVE_API_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("snakemake_executor_omics.images.wave._PAUSE", 0)
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


SEQERA = "community.wave.seqera.io/library/samtools:1--abc"


def test_wave_is_asked_for_a_frozen_image_and_waited_for(wave: type[Wave]) -> None:
    wave.answers += [
        {"containerImage": SEQERA, "buildId": "bd-1", "succeeded": None},
        {"status": "PENDING"},
        {"status": "COMPLETED", "succeeded": True},
    ]
    assert build_public(environment(), lambda _: None) == SEQERA
    (path, request), *others = wave.asked
    assert path == "/v1alpha2/container"
    assert base64.b64decode(request["packages"]["environment"]) == environment().content
    assert (request["freeze"], request["buildTemplate"]) == (True, "conda/micromamba:v2")
    assert [path for path, _ in others] == ["/v1alpha1/builds/bd-1/status"] * 2


def test_an_image_that_wave_cannot_make_is_an_error(wave: type[Wave]) -> None:
    wave.answers += [{"containerImage": SEQERA, "buildId": "bd-1"},
                     {"status": "COMPLETED", "succeeded": False}]  # fmt: skip
    with pytest.raises(ImageError, match="build bd-1 has failed"):
        build_public(environment(), lambda _: None)


def test_what_wave_cannot_do_is_not_sent_there() -> None:
    with pytest.raises(ImageError, match="post-deploy script"):
        build_public(environment(post_deploy=b"true"), lambda _: None)
