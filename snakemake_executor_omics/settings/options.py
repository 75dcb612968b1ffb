"""What a user may ask for, as one frozen value; `checking.resolve` makes it of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every `snakemake` command imports this module
    from ..model import Fallback

# The account that moto, below the local service, takes for everyone.
LOCAL_ROLE_ARN = "arn:aws:iam::123456789012:role/snakemake-omics-local"
LOCAL_BUCKET = "snakemake-omics-local"
LOCAL_REGION = "us-east-1"

IMAGE_PREFIX = "snakemake"
# Debian with bash, findutils, tar, and a Python for scripts whose environment has none.
IMAGE_BASE = "public.ecr.aws/docker/library/python:3.12-slim"


class StorageType(StrEnum):
    """Where a run works: DYNAMIC grows and shrinks, STATIC is reserved."""

    DYNAMIC = "DYNAMIC"
    STATIC = "STATIC"


class CacheBehavior(StrEnum):
    """Which runs leave their tasks' results in the run cache.

    Snakemake knows what is done: CACHE_ALWAYS stores every output twice for the little that
    Snakemake cannot know, and AWS advises against it outside development.
    """

    CACHE_ALWAYS = "CACHE_ALWAYS"
    CACHE_ON_FAILURE = "CACHE_ON_FAILURE"


class ScratchStorage(StrEnum):
    """Where a task's /tmp lies: on a disk of its own, or in the run's file system."""

    LOCAL = "LOCAL"
    SHARED = "SHARED"


class Retention(StrEnum):
    """Whether the service may forget a run when the account's quota of runs is reached."""

    RETAIN = "RETAIN"
    REMOVE = "REMOVE"


class LogLevel(StrEnum):
    """What the service writes to CloudWatch."""

    OFF = "OFF"
    FATAL = "FATAL"
    ERROR = "ERROR"
    ALL = "ALL"


class NetworkingMode(StrEnum):
    """What tasks of a run may reach."""

    RESTRICTED = "RESTRICTED"
    VPC = "VPC"


class Accelerators(StrEnum):
    """The accelerators that a workflow says it uses."""

    GPU = "GPU"


class OnInterrupt(StrEnum):
    """What becomes of runs in flight when Snakemake is interrupted."""

    CANCEL = "cancel"
    DETACH = "detach"


class LocalRules(StrEnum):
    """Where local rules that run something run."""

    HERE = "here"
    RUN = "run"


class LocalStrictness(StrEnum):
    """What the local service is to be as strict about as AWS."""

    IMAGES = "images"
    ISOLATION = "isolation"
    QUOTAS = "quotas"


class LocalIsolation(StrEnum):
    """Whether the local service hides this machine from jobs that are plain processes."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Environments(StrEnum):
    """Whether rules with a conda environment work in it."""

    ON = "on"
    OFF = "off"


class LocalBackend(StrEnum):
    """How the local service runs a task's command."""

    PROCESS = "process"
    DOCKER = "docker"
    PODMAN = "podman"
    APPTAINER = "apptainer"


@dataclass(frozen=True, slots=True)
class NamedOrId:
    """A run group or run cache, given by the service's id or by a name that may be new."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project's runs are: a service, as a user names it, and the name of the runs there."""

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    name: str | None = None

    def or_else(self, other: Place) -> Place:
        """This place, with what it leaves open as `other` has it."""
        if self.endpoint is not None and self.endpoint != other.endpoint:
            return self  # its region and profile would be those of another service
        return Place(
            self.endpoint or other.endpoint,
            self.region or other.region,
            self.profile or other.profile,
            self.name or other.name,
        )


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """Limits of a run group; None leaves one out. `max_duration` is in minutes per run."""

    max_cpus: int | None = None
    max_runs: int | None = None
    max_duration: int | None = None
    max_gpus: int | None = None

    def __bool__(self) -> bool:
        values = (self.max_cpus, self.max_runs, self.max_duration, self.max_gpus)
        return any(value is not None for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Every option, checked. None means: not sent, the service's default holds.

    `endpoint_url` is None for AWS and also for `local`, whose address is known only once the
    local service listens. With `package`, `images` or `check` nothing is started, and role and
    output URI may be empty.
    """

    role_arn: str
    output_uri: str
    workflow_name: str
    local: bool = False
    endpoint_url: str | None = None
    region: str | None = None
    aws_profile: str | None = None
    run_group: NamedOrId | None = None
    run_group_limits: GroupLimits = field(default_factory=GroupLimits)
    run_cache: NamedOrId | None = None
    cache_behavior: CacheBehavior = CacheBehavior.CACHE_ON_FAILURE
    priority: int | None = None
    storage_type: StorageType = StorageType.DYNAMIC
    storage_capacity: int | None = None
    scratch_storage: ScratchStorage | None = None
    gpu_fallback: tuple[Fallback, ...] = ()
    retention: Retention | None = None
    log_level: LogLevel | None = None
    run_name: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    networking_mode: NetworkingMode | None = None
    configuration: str | None = None
    accelerators: Accelerators | None = None
    request_id: str | None = None
    container_registry_map: Path | None = None
    environments: Environments = Environments.ON
    image_registry: str | None = None
    image_prefix: str = IMAGE_PREFIX
    image_base: str = IMAGE_BASE
    max_tasks_per_run: int = 1000
    parallel_runs: int | None = None  # None: as many as the graph is worth
    pack: int | None = None  # most jobs in a task; None: those that are known to be short
    local_rules: LocalRules = LocalRules.HERE
    package: Path | None = None
    images: str | None = None
    check: str | None = None
    include: tuple[str, ...] = ()
    local_backend: LocalBackend = LocalBackend.PROCESS
    local_isolation: LocalIsolation = LocalIsolation.AUTO
    local_strict: tuple[LocalStrictness, ...] = ()
    local_readings: tuple[str, ...] = ()
    transfer_concurrency: int = 16
    poll_seconds: float = 10.0
    give_up_seconds: float = 1800.0
    on_interrupt: OnInterrupt = OnInterrupt.CANCEL

    @property
    def place(self) -> Place:
        """Where the runs of these options are."""
        return Place(
            "local" if self.local else self.endpoint_url,
            None if self.local else self.region,
            self.aws_profile,
            self.run_name or self.workflow_name,
        )

    def registry(self, region: str | None, account: str | None = None) -> str:
        """Where images of environments are: ECR of the run role's account, unless told otherwise.

        Without a role, as for `package`, it is that of `account`, else the local service's.
        """
        if self.image_registry is not None:
            return self.image_registry
        _, partition, _, _, owner, _ = (self.role_arn or LOCAL_ROLE_ARN).split(":", 5)
        account = owner if self.role_arn or account is None else account
        domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
        return f"{account}.dkr.ecr.{region or self.region or LOCAL_REGION}.{domain}"

    @property
    def makes_environments(self) -> bool:
        """Whether this process makes the environments of tasks, as they are its own processes."""
        return (
            self.local
            and self.local_backend is LocalBackend.PROCESS
            and self.environments is Environments.ON
        )

    @property
    def is_aws(self) -> bool:
        """Whether the runs go to AWS itself, with its limits on images."""
        return not self.local and self.endpoint_url is None

    @property
    def has_own_disks(self) -> bool:
        """Whether tasks have disks of their own, which `disk_mb` is the size of."""
        return self.scratch_storage is ScratchStorage.LOCAL
