"""A standing local HealthOmics, a small project, and a proxy between the two for each test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from running import files

import local_healthomics

from . import ledger
from .heads import LIMIT, Head, Hook
from .ledger import Ledger
from .proxy import Fault, Proxy

WORKFLOW = Path(__file__).parent / "workflow"
BUCKET = "faults"
POLL = "0.1"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Ended:
    """How one call of Snakemake ended, and what it said."""

    code: int
    text: str
    hung: bool
    seconds: float


@dataclass
class Case:
    """A copy of the workflow whose calls all go through `proxy`; `head` is the latest one."""

    folder: Path
    name: str
    proxy: Proxy
    variables: dict[str, str]
    read_ledger: Callable[[], Ledger]
    service: Any = None
    options: tuple[str, ...] = ()
    head: Head = field(init=False)

    def begin(self, *faults: Fault, hook: Hook | None = None, limit: float = LIMIT) -> Head:
        self.proxy.fail(*faults)
        options = (
            *("--executor", "omics", "--jobs", "50", "--omics-workflow-name", self.name),
            *("--omics-poll-seconds", POLL, "--rerun-incomplete", *self.options),
        )
        self.head = Head(
            self.folder,
            options,
            self.variables,
            port=self.proxy.port,
            hook=hook,
            limit=limit,
        )
        return self.head.start()

    def call(self, *faults: Fault, hook: Hook | None = None, limit: float = LIMIT) -> Ended:
        """The same command, always: with these faults on its way."""
        head = self.begin(*faults, hook=hook, limit=limit)
        code = head.wait()
        self.unlock()
        return Ended(code, head.text, head.hung, head.seconds)

    def kill(self) -> None:
        """End the head of the moment as `kill -9` does."""
        self.head.signal()

    def unlock(self) -> None:
        """What `snakemake --unlock` does after a `kill -9`, in no time."""
        shutil.rmtree(self.folder / ".snakemake/locks", ignore_errors=True)

    def set(self, file: str, text: str) -> None:
        (self.folder / file).write_text(text)

    @property
    def ledger(self) -> Ledger:
        return self.read_ledger()

    @property
    def files(self) -> dict[str, str]:
        return {name: text.decode() for name, text in files(self.folder).items()}


@dataclass(frozen=True)
class Standing:
    """A service that outlives every head."""

    local: local_healthomics.LocalService
    variables: dict[str, str]

    def client(self, name: str) -> Any:
        return ledger.client(name, self.local.endpoint_url, self.local.environment)


def stand(state: Path, *options: str) -> Standing:
    running = local_healthomics.start(state, options=options)
    variables = {
        **running.environment,
        "SNAKEMAKE_OMICS_ENDPOINT": running.endpoint_url,
        "SNAKEMAKE_OMICS_REGION": running.region,
        "SNAKEMAKE_OMICS_ROLE_ARN": running.role_arn,
    }
    standing = Standing(running, variables)
    standing.client("s3").create_bucket(Bucket=BUCKET)
    return standing


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    found = stand(tmp_path_factory.mktemp("standing"))
    yield found
    found.local.stop()


def _project(tmp_path: Path) -> tuple[Path, str]:
    name = f"w{os.getpid()}-{next(_numbers)}"
    folder = tmp_path / name
    shutil.copytree(WORKFLOW, folder)
    return folder, name


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.close()


def case_on(standing: Standing, proxy: Proxy, tmp_path: Path) -> Case:
    folder, name = _project(tmp_path)
    omics = standing.client("omics")
    # A place of its own: what another case sent is not there. A folder `out` confuses nobody.
    variables = {
        **standing.variables,
        "SNAKEMAKE_OMICS_OUTPUT_URI": f"s3://{BUCKET}/out/{name}",
    }
    return Case(folder, name, proxy, variables, lambda: ledger.read(omics, name), standing)


@pytest.fixture
def case(standing: Standing, proxy: Proxy, tmp_path: Path) -> Case:
    """On the standing service."""
    return case_on(standing, proxy, tmp_path)


def case_embedded(proxy: Proxy, tmp_path: Path) -> Case:
    folder, name = _project(tmp_path)

    def read() -> Ledger:
        running = local_healthomics.start(folder / ".snakemake/omics/local")
        try:
            omics = ledger.client("omics", running.endpoint_url, running.environment)
            return ledger.read(omics, name)
        finally:
            running.stop()

    return Case(folder, name, proxy, {"SNAKEMAKE_OMICS_ENDPOINT": "local"}, read)


@pytest.fixture
def embedded(proxy: Proxy, tmp_path: Path) -> Case:
    """With a local service that lives as long as each head."""
    return case_embedded(proxy, tmp_path)


@pytest.fixture
def projects(standing: Standing, proxy: Proxy, tmp_path: Path) -> Callable[[str], Iterator[Case]]:
    """One fresh project after another, on the standing service or with the embedded one."""

    def fresh(kind: str) -> Iterator[Case]:
        while True:
            if kind == "standing":
                yield case_on(standing, proxy, tmp_path)
            else:
                yield case_embedded(proxy, tmp_path)

    return fresh
