"""What the server asks for: RUN_DIR/request.json, written by the one, read by the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from ..readings import DEFAULTS, Readings
from . import isolation
from .images import RegistryMap

_FILE = "request.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRequest:
    """The run cache of this run."""

    id: str
    s3_uri: str  # ends with the cache's uuid
    behavior: Literal["CACHE_ON_FAILURE", "CACHE_ALWAYS"]

    @property
    def root(self) -> str:
        return self.s3_uri.rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One run, as the server wrote it down."""

    run_dir: Path
    run_id: str
    run_uuid: str
    run_arn: str
    account: str
    region: str
    endpoint_url: str
    definition_dir: Path
    main: str
    parameters: Mapping[str, Any]
    output_uri: str
    engine: Literal["WDL", "WDL_LENIENT", "CWL", "NEXTFLOW"] = "WDL"
    cache: CacheRequest | None = None
    container_backend: str = "process"  # or docker, podman, apptainer
    image_map: Mapping[str, Any] = field(default_factory=dict)  # a ContainerRegistryMap
    ecr_only: bool = False  # refuse the images that the service would not take
    # Repositories of ECR by name with host, and whether their policies let the service pull.
    repositories: Mapping[str, bool] = field(default_factory=dict)
    # Prefixes of ECR with host, and the registries that the service may pull through with each.
    pull_through: Mapping[str, str] = field(default_factory=dict)
    isolated: bool = False  # plain processes see no more of this machine than on AWS, if possible
    network: bool = True  # that they have one, then
    image_folders: Path = Path("/nowhere")  # what is known of images (see `image_folders`)
    server_dir: Path = Path("/")  # the folder that the server works in: hidden, then
    memory_limit: bool = True  # a task that uses more than it asked for is killed
    readings: Readings = field(default_factory=lambda: DEFAULTS)
    scratch_local: bool = False  # each task has a disk of its own at /tmp

    @property
    def registries(self) -> RegistryMap:
        return RegistryMap.of(
            self.image_map,
            self.account,
            self.region,
            ecr_only=self.ecr_only,
            repositories=self.repositories,
            pull_through=self.pull_through,
            whole_segments=self.readings["registry-prefix"] == "segment",
        )

    @property
    def has_read_only_mounts(self) -> bool:
        """Whether its tasks see their inputs on mounts that nothing can be written to.

        Inputs keep their modes then: `cp` gives the mode to a copy, which a task may write to.
        """
        if self.container_backend != "process":
            return True
        mounts = self.isolated and self.readings["input-files"] != "same-mount"
        return mounts and isolation.tool() is not None

    def save(self) -> None:
        """Write it where `load` reads it."""
        data = asdict(self)
        del data["run_dir"]
        (self.run_dir / _FILE).write_text(json.dumps(data, default=str))

    @classmethod
    def load(cls, run_dir: Path) -> Self:
        data = json.loads((run_dir / _FILE).read_text())
        cache = data.pop("cache")
        for name in ("definition_dir", "image_folders", "server_dir"):
            data[name] = Path(data[name])
        return cls(run_dir=run_dir, cache=CacheRequest(**cache) if cache else None, **data)
