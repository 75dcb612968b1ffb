"""Parts of the engine that need no process of their own."""

from __future__ import annotations

import inspect
import io
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from WDL import Type, Value
from WDL.runtime import config
from WDL.runtime.task_container import TaskContainer

from local_healthomics.engine.backend import TaskTimedOut
from local_healthomics.engine.configuration import Configuration
from local_healthomics.engine.containers import BACKENDS
from local_healthomics.engine.errors import CannotStartContainer
from local_healthomics.engine.events import EventStream
from local_healthomics.engine.hook import explain
from local_healthomics.engine.images import Image, RegistryMap
from local_healthomics.engine.logs import TaskLog
from local_healthomics.engine.processes import ProcessTask
from local_healthomics.engine.resources import (
    InvalidResource,
    Resources,
    asked,
    parse_memory,
    parse_timeout,
    usable_bytes,
)
from local_healthomics.engine.tasks import TaskBoard
from local_healthomics.readings import DEFAULTS


@pytest.mark.parametrize(
    ("value", "seconds"), [(10, 60), ("90", 60), ("1h30m", 5400), ("1m3s", 60), ("2d", 172800)]
)
def test_timeouts(value: int | str, seconds: int) -> None:
    assert parse_timeout(value) == seconds


def test_a_timeout_must_be_readable() -> None:
    with pytest.raises(InvalidResource, match="omicsTimeout, soon"):
        parse_timeout("soon")


@pytest.mark.parametrize(("text", "gib"), [("4 GB", 4), ("8 GiB", 8), ("100 MB", 1), ("9 GB", 9)])
def test_memory_is_whole_gib_rounded_up(text: str, gib: int) -> None:
    assert parse_memory(text) == gib


def test_asked_resources_have_the_services_defaults_and_the_mapped_image() -> None:
    runtime: dict[str, Value.Base] = {
        "docker": Value.Array(Type.String(), [Value.String("src:1")]),
        "acceleratorCount": Value.Int(4),
        "acceleratorType": Value.String("nvidia-tesla-a10g"),
    }
    registries = RegistryMap(account="1", region="r", images={"src:1": "dst:1"})
    resources = asked(runtime, registries, None)
    assert (resources.cpus, resources.memory_gib, resources.gpus) == (1, 1, 4)
    assert resources.image == Image(name="dst:1", pull="dst:1", source="src:1")
    assert resources.instance_type == "omics.g5.12xlarge"


@pytest.mark.parametrize(
    "runtime",
    [
        {"cpu": Value.Int(0)},
        {"cpu": Value.String("-1")},
        {"memory": Value.String("0 GB")},
        {"acceleratorCount": Value.Int(-1), "acceleratorType": Value.String("nvidia-l4")},
    ],
)
def test_less_than_one_of_a_resource_is_refused(runtime: dict[str, Value.Base]) -> None:
    """User guide, "Run failure reasons": less than the minimum value of 1."""
    with pytest.raises(InvalidResource, match="minimum value of 1"):
        asked(runtime, RegistryMap(account="1", region="r"), None)


@pytest.mark.parametrize(("percent", "bytes"), [("95", 1020054732), ("100", 1073741824)])
def test_a_task_may_use_as_much_of_its_memory_as_read(percent: str, bytes: int) -> None:
    assert usable_bytes(1, {"task-memory": percent}) == bytes


def test_task_log_reports_whole_lines_and_the_rest_at_the_end(tmp_path: Path) -> None:
    out = io.StringIO()
    path = tmp_path / "stdout.txt"
    with TaskLog(EventStream(out), 7, [str(path)]) as log:
        log.poll()
        with path.open("wb") as file:
            file.write(b"one\ntw")
            file.flush()
            log.poll()
            file.write(b"o\n\xff")
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [[text for _, text in event["lines"]] for event in events] == [
        ["one"],
        ["two"],
        ["\ufffd"],
    ]
    assert {event["key"] for event in events} == {7}


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_container_backends_report_first_and_execute_with_miniwdls_own(name: str) -> None:
    backend = BACKENDS[name]
    assert not inspect.isabstract(backend)
    order = [cls.__name__ for cls in backend.__mro__ if "_run" in cls.__dict__]
    assert order[0] == "OmicsTask"
    assert order[-1] == TaskContainer.__name__
    assert len(order) == 3


def task_of(
    tmp_path: Path, events: EventStream, resources: Resources, *, memory_limit: bool = True
) -> Any:
    """A task of the process back end, about to run."""
    board = TaskBoard(events)
    task_class = type("Task", (ProcessTask,), {})
    task_class.session = SimpleNamespace(  # type: ignore[attr-defined]
        board=board,
        groups=set(),
        stopping=lambda: False,
        task_environment=lambda key, grant: {"AWS_WORKFLOW_TASK_UUID": f"{tmp_path}-{key}"},
        told_images=set(),
        request=SimpleNamespace(
            readings=DEFAULTS,
            memory_limit=memory_limit,
            isolated=False,
            has_read_only_mounts=False,
            image_folders=tmp_path,
        ),
    )
    logger = logging.getLogger("test")
    task: Any = task_class(config.Loader(logger, filenames=[]), "call-t", str(tmp_path))
    task.attempt = board.new("t", resources)
    return task


def test_a_task_over_its_time_is_ended(tmp_path: Path) -> None:
    events = EventStream(io.StringIO())
    task = task_of(tmp_path, events, Resources(timeout=0))
    with (
        TaskLog(events, 1, task.streams()) as log,
        pytest.raises(TaskTimedOut, match="timed out after 0 seconds"),
    ):
        task.execute(logging.getLogger("test"), lambda: False, "sleep 300", log)
    assert not task.session.groups


@pytest.mark.parametrize(("limit", "code"), [(True, 137), (False, 7)])
def test_a_task_over_its_memory_is_killed_as_by_the_kernel(
    tmp_path: Path, limit: bool, code: int
) -> None:
    events = EventStream(io.StringIO())
    task = task_of(tmp_path, events, Resources(memory_gib=0), memory_limit=limit)
    seconds = 300 if limit else 1
    with TaskLog(events, 1, task.streams()) as log:
        command = f"sleep {seconds}; exit 7"
        assert task.execute(logging.getLogger("test"), lambda: False, command, log) == code
    assert not task.session.groups


class Images:
    """What a Docker client knows of images."""

    images: Any

    def __init__(self, **digests: str) -> None:
        self.images, self._digests = self, digests

    def get(self, tag: str) -> SimpleNamespace:
        if tag.partition(":")[0] not in self._digests:
            raise docker.errors.ImageNotFound(tag)
        digest = self._digests[tag.partition(":")[0]]
        return SimpleNamespace(attrs={"Id": "1", "RepoDigests": [f"{tag}@{digest}"]})

    pull = get


def test_a_task_tells_the_digest_of_its_image_or_that_there_is_none(tmp_path: Path) -> None:
    task_class: Any = type("Task", (BACKENDS["docker"],), {})
    logger = logging.getLogger("wdl.test")
    task = task_class(config.Loader(logger, filenames=[]), "call-t", str(tmp_path))
    task.attempt = TaskBoard(EventStream(io.StringIO())).new("t", Resources())
    client = Images(known="sha256:1234")
    assert task.resolve_tag(logger, client, "known:1") == "known:1@sha256:1234"
    assert task.attempt.image_digest == "sha256:1234"
    with pytest.raises(CannotStartContainer, match="docker image not found: other:1") as caught:
        task.resolve_tag(logger, client, "other:1")
    assert explain(caught.value)[0] == "CANNOT_START_CONTAINER_ERROR"


def test_options_are_miniwdls_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("test")
    monkeypatch.setenv("MINIWDL__FILE_IO__ROOT", "/here")
    stock, ours = config.Loader(logger, filenames=[]), Configuration(logger, {})
    assert ours.get_all() == stock.get_all()
    monkeypatch.setenv("MINIWDL__FILE_IO__ROOT", "/there")
    assert ours["file_io"]["root"] == "/here"
    assert ours.get("file_io", "absent", "default") == "default"
    with pytest.raises(config.ConfigMissing):
        ours.get("file_io", "absent")
