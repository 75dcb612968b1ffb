"""Check the `--omics-…` settings, each with a sentence that names its option.

`resolve` is pure: it reads attributes of whatever object carries the settings (Snakemake's
`ExecutorSettings`, the command line's namespace) and touches neither disk nor network.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..errors import SettingsError
from ..limits import (
    ACCELERATORS,
    MAX_NAME,
    MAX_NUMBER,
    MAX_OUTPUT_URI,
    MAX_PROFILES,
    MAX_REQUEST_ID,
    MAX_ROLE_ARN,
    MAX_TAG_KEY,
    MAX_TAG_VALUE,
    MAX_TAGS,
)
from ..model import Fallback
from .options import (
    IMAGE_BASE,
    IMAGE_PREFIX,
    LOCAL_BUCKET,
    LOCAL_REGION,
    LOCAL_ROLE_ARN,
    Accelerators,
    CacheBehavior,
    Environments,
    GroupLimits,
    LocalBackend,
    LocalIsolation,
    LocalRules,
    LocalStrictness,
    LogLevel,
    NamedOrId,
    NetworkingMode,
    OnInterrupt,
    Options,
    Retention,
    ScratchStorage,
    StorageType,
)

_OUTPUT_URI = MAX_OUTPUT_URI - 20  # room for the folders that are made below
_REQUEST_ID = MAX_REQUEST_ID - 28  # room for the digest that tells waves apart
_TAGS = MAX_TAGS - 5  # room for the plugin's own
_CONCURRENCY = 256  # requests to S3 at once: a thread each

_ID = re.compile(r"[0-9]{1,18}")
_CONFIGURATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._]{0,127}")
_BUCKET_URI = re.compile(r"s3://[a-z0-9][a-z0-9\-.]{1,61}[a-z0-9](/.*)?")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")
_REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?")
_REPOSITORY = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")  # API of ECR, CreateRepository
_LONGEST_PREFIX = 128  # characters; ECR takes 256 for a repository's whole name
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


def resolve(settings: Any, *, project: str) -> Options:
    """Check `settings`; `project` (a folder's name) is the default name of the workflow."""
    local, endpoint_url = _endpoint(_text(settings, "endpoint"))
    workflow = _name(settings, "workflow_name") or _slug(project)
    limits = GroupLimits(
        **{
            name: _whole(settings, f"run_group_{name}", 1, MAX_NUMBER)
            for name in ("max_cpus", "max_runs", "max_duration", "max_gpus")
        }
    )
    storage_type = _choice(settings, "storage_type", StorageType) or StorageType.DYNAMIC
    networking, configuration = _network(settings)
    region = _text(settings, "region")
    if region is not None and not _REGION.fullmatch(region):
        raise _wrong("region", f"{region!r} is not the name of a region", "write it as us-east-1")
    registry_map, package = _text(settings, "container_registry_map"), _text(settings, "package")
    images, check = _text(settings, "images"), _text(settings, "check")
    starts = package is None and images is None and check is None
    return Options(
        role_arn=_role(settings, local, needed=starts),
        output_uri=_output_uri(settings, local, workflow, needed=starts),
        workflow_name=workflow,
        local=local,
        endpoint_url=endpoint_url,
        region=region or (LOCAL_REGION if local else None),
        aws_profile=None if local else _text(settings, "aws_profile"),
        run_group=_run_group(settings, limits, workflow),
        run_group_limits=limits,
        run_cache=_run_cache(settings, workflow),
        cache_behavior=_choice(settings, "cache_behavior", CacheBehavior)
        or CacheBehavior.CACHE_ON_FAILURE,
        priority=_whole(settings, "priority", 0, MAX_NUMBER),
        storage_type=storage_type,
        storage_capacity=_storage_capacity(settings, storage_type),
        scratch_storage=_choice(settings, "scratch_storage", ScratchStorage),
        gpu_fallback=_gpu_fallback(settings),
        retention=_choice(settings, "retention", Retention),
        log_level=_choice(settings, "log_level", LogLevel),
        run_name=_name(settings, "run_name"),
        tags=_tags(settings),
        networking_mode=networking,
        configuration=configuration,
        accelerators=_choice(settings, "accelerators", Accelerators),
        request_id=_name(settings, "request_id", _REQUEST_ID),
        container_registry_map=None if registry_map is None else Path(registry_map),
        environments=_choice(settings, "environments", Environments) or Environments.ON,
        image_registry=_image_registry(settings),
        image_prefix=_image_prefix(settings),
        image_base=(_text(settings, "image_base") or IMAGE_BASE).removeprefix("docker://"),
        max_tasks_per_run=_whole(settings, "max_tasks_per_run", 1, MAX_NUMBER) or 1000,
        parallel_runs=_parallel_runs(settings, near=local or _is_near(endpoint_url)),
        pack=_pack(settings, near=local or _is_near(endpoint_url)),
        local_rules=_choice(settings, "local_rules", LocalRules) or LocalRules.HERE,
        package=None if package is None else Path(package),
        images=images,
        check=check,
        include=_include(settings),
        local_backend=_choice(settings, "local_backend", LocalBackend) or LocalBackend.PROCESS,
        local_isolation=_choice(settings, "local_isolation", LocalIsolation) or LocalIsolation.AUTO,
        local_strict=_local_strict(settings),
        local_readings=tuple(getattr(settings, "local_reading", None) or ()),
        transfer_concurrency=_whole(settings, "transfer_concurrency", 1, _CONCURRENCY) or 16,
        poll_seconds=_number(settings, "poll_seconds", 0.1, 3600) or (1.0 if local else 10.0),
        give_up_seconds=60
        * (
            _number(settings, "give_up_after", 0.1, 10_000)
            or (1 if local or _is_near(endpoint_url) else 30)
        ),
        on_interrupt=_choice(settings, "on_interrupt", OnInterrupt) or OnInterrupt.CANCEL,
    )


def resolve_all(settings: Any, *, project: str) -> tuple[Options | None, list[SettingsError]]:
    """What `resolve` makes of the settings that are right, and everything that is wrong.

    A wrong setting counts as left out; one that is needed has a stand-in.
    """
    given = SimpleNamespace(**vars(settings))
    found: list[SettingsError] = []
    while True:
        try:
            return resolve(given, project=project), found
        except SettingsError as error:
            if any(error.setting == other.setting for other in found):
                return None, found  # what was left out did not help
            found.append(error)
            setattr(given, error.setting, _STAND_INS.get(error.setting))


_STAND_INS = {"role_arn": LOCAL_ROLE_ARN, "output_uri": f"s3://{LOCAL_BUCKET}"}


def flag(name: str) -> str:
    """The option of a setting, as a person types it."""
    return f"--omics-{name.replace('_', '-')}"


def _wrong(name: str, problem: str, hint: str) -> SettingsError:
    return SettingsError(f"{flag(name)}: {problem}", hint=hint, setting=name)


def _text(settings: Any, name: str) -> str | None:
    value = getattr(settings, name, None)
    if value is None:
        return None
    text = str(value).strip()
    if not text:
        raise _wrong(name, "is empty", "leave it out or give it a value")
    return text


def _name(settings: Any, name: str, longest: int = MAX_NAME) -> str | None:
    text = _text(settings, name)
    if text is None:
        return None
    if len(text) > longest:
        raise _wrong(name, f"has {len(text)} characters", f"use at most {longest}")
    # The service takes letters, marks, separators, symbols, numbers and punctuation.
    if not text.isprintable():
        raise _wrong(name, "holds control characters", "use printable characters only")
    return text


def _whole(settings: Any, name: str, low: int, high: int, words: str = "") -> int | None:
    """None where nothing is said; `words` are what may stand in the place of a number."""
    value = getattr(settings, name, None)
    if value is None:
        return None
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise _wrong(
            name, f"{value!r} is out of range", f"use {words}a whole number from {low} to {high:,}"
        )
    return number


def _parallel_runs(settings: Any, *, near: bool) -> int | None:
    """None for as many as the graph is worth, which on this machine is one."""
    asked = getattr(settings, "parallel_runs", None)
    if asked is None or str(asked).strip().lower() == "auto":
        return 1 if near else None
    return _whole(settings, "parallel_runs", 1, 1000, "auto, or ")


def _pack(settings: Any, *, near: bool) -> int | None:
    """None for jobs that are known to be short: by itself not on this machine, which bills none."""
    asked = getattr(settings, "pack", None)
    asked = ("off" if near else "auto") if asked is None else str(asked).strip().lower()
    if asked == "auto":
        return None
    return 1 if asked == "off" else _whole(settings, "pack", 1, 1000, "auto, off, or ")


_Enum = TypeVar("_Enum", bound=StrEnum)


def _choice(settings: Any, name: str, kind: type[_Enum]) -> _Enum | None:
    text = _text(settings, name)
    if text is None:
        return None
    by_name = {member.value.lower(): member for member in kind}
    try:
        return by_name[text.lower()]
    except KeyError:
        values = ", ".join(member.value for member in kind)
        raise _wrong(name, f"{text!r} is not a value", f"choose one of {values}") from None


def _image_registry(settings: Any) -> str | None:
    registry = _text(settings, "image_registry")
    if registry is not None and not _REGISTRY.fullmatch(registry):
        raise _wrong(
            "image_registry",
            f"{registry!r} is not the name of a registry",
            "write it as 123456789012.dkr.ecr.us-east-1.amazonaws.com, without https://",
        )
    return registry


def _image_prefix(settings: Any) -> str:
    prefix = (_text(settings, "image_prefix") or IMAGE_PREFIX).strip("/")
    if not _REPOSITORY.fullmatch(prefix) or len(prefix) > _LONGEST_PREFIX:
        raise _wrong(
            "image_prefix",
            f"{prefix!r} cannot begin the name of a repository",
            "use lower-case letters and digits, with '.', '_', '-' and '/' between them, at most "
            f"{_LONGEST_PREFIX} characters",
        )
    return prefix


def _local_strict(settings: Any) -> tuple[LocalStrictness, ...]:
    found = getattr(settings, "local_strict", None) or ()
    try:
        return tuple(LocalStrictness(text) for text in found)
    except ValueError as error:
        values = ", ".join(LocalStrictness)
        raise _wrong("local_strict", str(error), f"choose among {values}") from None


def _slug(project: str) -> str:
    printable = "".join(char for char in project if char.isprintable()).strip()
    return printable[:MAX_NAME] or "snakemake"


def _endpoint(endpoint: str | None) -> tuple[bool, str | None]:
    if endpoint is None:
        return False, None
    if endpoint == "local":
        return True, None
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        valid = False
    if not valid:
        raise _wrong(
            "endpoint", f"{endpoint!r} is no address", "write 'local' or an http:// or https:// URL"
        )
    return False, endpoint.rstrip("/")


def _is_near(endpoint_url: str | None) -> bool:
    """Whether a service is on this machine: if it is gone, waiting does not bring it back."""
    host = urlsplit(endpoint_url).hostname if endpoint_url else None
    return host in ("localhost", "127.0.0.1", "::1")


def _role(settings: Any, local: bool, *, needed: bool) -> str:
    role = _text(settings, "role_arn")
    if role is None:
        if local:
            return LOCAL_ROLE_ARN
        if not needed:
            return ""
        raise _wrong(
            "role_arn",
            "is needed: HealthOmics works with the rights of this role",
            "give the ARN of a role that trusts omics.amazonaws.com, or try "
            "--omics-endpoint local without an AWS account",
        )
    if not _ROLE.fullmatch(role) or len(role) > MAX_ROLE_ARN:
        raise _wrong(
            "role_arn",
            f"{role!r} is not the ARN of an IAM role",
            f"write it as arn:aws:iam::123456789012:role/NAME, at most {MAX_ROLE_ARN} characters",
        )
    return role


def _output_uri(settings: Any, local: bool, workflow: str, *, needed: bool) -> str:
    uri = _text(settings, "output_uri")
    if uri is None:
        if local:
            folder = re.sub(r"[^A-Za-z0-9._-]+", "-", workflow).strip("-.") or "project"
            return f"s3://{LOCAL_BUCKET}/{folder}"
        if not needed:
            return ""
        raise _wrong(
            "output_uri",
            "is needed: inputs, results and the cache are kept below it",
            "give a folder of a bucket in the run's region, as s3://my-bucket/my-project",
        )
    uri = uri.rstrip("/")
    if not _BUCKET_URI.fullmatch(uri) or "//" in uri.removeprefix("s3://"):
        raise _wrong(
            "output_uri",
            f"{uri!r} is not an S3 folder",
            "write it as s3://my-bucket/my-project; a bucket's name has 3 to 63 characters, none "
            "of them upper case",
        )
    if len(uri) > _OUTPUT_URI:
        raise _wrong("output_uri", f"has {len(uri)} characters", f"use at most {_OUTPUT_URI}")
    return uri


def _run_group(settings: Any, limits: GroupLimits, workflow: str) -> NamedOrId | None:
    group = _name(settings, "run_group")
    if group is None:
        # Limits need a group to stand in: the workflow's own.
        return NamedOrId(name=workflow) if limits else None
    if not _ID.fullmatch(group):
        return NamedOrId(name=group)
    if limits:
        raise _wrong(
            "run_group",
            f"{group} is an existing group, whose limits are not changed here",
            "leave out the --omics-run-group-max-… options, or name a group instead of its id",
        )
    return NamedOrId(id=group)


def _run_cache(settings: Any, workflow: str) -> NamedOrId | None:
    cache = _name(settings, "run_cache")
    if cache is None:
        return NamedOrId(name=workflow)
    if cache.lower() == "none":
        return None
    return NamedOrId(id=cache) if _ID.fullmatch(cache) else NamedOrId(name=cache)


def _storage_capacity(settings: Any, storage_type: StorageType) -> int | None:
    capacity = _whole(settings, "storage_capacity", 1, MAX_NUMBER)
    if capacity is not None and storage_type is StorageType.DYNAMIC:
        raise _wrong(
            "storage_capacity",
            "has no meaning with DYNAMIC storage",
            "leave it out, or add --omics-storage-type STATIC",
        )
    return capacity


def _gpu_fallback(settings: Any) -> tuple[Fallback, ...]:
    found: dict[str | None, Fallback] = {}
    for item in getattr(settings, "gpu_fallback", None) or ():
        name, separator, minutes = str(item).partition("=")
        if name not in ACCELERATORS and name != "cpu":
            choices = ", ".join((*ACCELERATORS, "cpu"))
            raise _wrong("gpu_fallback", f"{name!r} is no accelerator", f"choose among {choices}")
        if separator and not re.fullmatch(r"[1-9][0-9]{0,5}", minutes):
            raise _wrong("gpu_fallback", f"{item!r} has no minutes", "write them as nvidia-l4=30")
        kind = None if name == "cpu" else name
        if kind in found:
            raise _wrong("gpu_fallback", f"{name} is given twice", "give each once")
        found[kind] = Fallback(kind, int(minutes) if separator else None)
    if len(found) >= MAX_PROFILES:  # the rule's own is one more
        raise _wrong("gpu_fallback", f"{len(found)} are given", f"give at most {MAX_PROFILES - 1}")
    return tuple(found.values())


def _network(settings: Any) -> tuple[NetworkingMode | None, str | None]:
    mode = _choice(settings, "networking_mode", NetworkingMode)
    configuration = _text(settings, "configuration")
    if configuration is not None and not _CONFIGURATION.fullmatch(configuration):
        raise _wrong(
            "configuration",
            f"{configuration!r} is not the name of a configuration",
            f"use letters, digits, '-', '.' and '_', at most {MAX_NAME}",
        )
    if mode is NetworkingMode.VPC and configuration is None:
        raise _wrong(
            "networking_mode", "VPC needs a configuration", "add --omics-configuration NAME"
        )
    if configuration is not None and mode is not NetworkingMode.VPC:
        raise _wrong(
            "configuration",
            "is for runs in a VPC only",
            "add --omics-networking-mode VPC, or leave it out",
        )
    return mode, configuration


def _tags(settings: Any) -> tuple[tuple[str, str], ...]:
    tags: dict[str, str] = {}
    for item in getattr(settings, "tags", None) or ():
        key, separator, value = str(item).partition("=")
        if not separator or not key:
            raise _wrong("tags", f"{item!r} is not a tag", "write tags as KEY=VALUE")
        if key in tags:
            raise _wrong("tags", f"{key!r} is given twice", "give each key once")
        if len(key) > MAX_TAG_KEY or len(value) > MAX_TAG_VALUE:
            raise _wrong(
                "tags",
                f"{key[:40]!r} is too long",
                f"a key has at most {MAX_TAG_KEY} characters, a value {MAX_TAG_VALUE}",
            )
        if key.lower().startswith("aws:"):
            raise _wrong("tags", f"{key!r} begins with aws:", "AWS keeps that prefix to itself")
        tags[key] = value
    if len(tags) > _TAGS:
        raise _wrong("tags", f"{len(tags)} are given", f"give at most {_TAGS}")
    return tuple(sorted(tags.items()))


def _include(settings: Any) -> tuple[str, ...]:
    patterns = tuple(str(item) for item in getattr(settings, "include", None) or ())
    for pattern in patterns:
        path = PurePosixPath(pattern)
        if not pattern or path.is_absolute() or ".." in path.parts:
            raise _wrong(
                "include",
                f"{pattern!r} leads out of the project",
                "give globs relative to the working directory, such as 'scripts/**/*.py'",
            )
    return patterns


def _number(settings: Any, name: str, low: float, high: float) -> float | None:
    value = getattr(settings, name, None)
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise _wrong(name, f"{value!r} is out of range", f"use a number from {low:g} to {high:,g}")
    return number
