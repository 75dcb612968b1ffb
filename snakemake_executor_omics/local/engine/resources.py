"""What a task's runtime section asks for, by the service's rules (not the host's limits)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from WDL import Error, Type, Value
from WDL._util import parse_byte_size

GIB = 1024**3
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class InvalidResource(Error.RuntimeError):
    """A runtime attribute has an unusable value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Asked resources: whole cpus and GiB, at least one of each."""

    cpus: int = 1
    memory_gib: int = 1
    gpus: int = 0
    timeout: int | None = None
    oom_retries: int = 0
    image: str | None = None


def parse_timeout(value: int | str) -> int:
    """`omicsTimeout` in seconds: 60 at least, else rounded down to whole minutes."""
    text = str(value).strip()
    if text.isdigit():
        seconds = int(text)
    elif re.fullmatch(r"(\d+[smhd])+", text):
        seconds = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", text))
    else:
        raise InvalidResource(f"invalid setting of runtime.omicsTimeout, {text}")
    return max(60, seconds // 60 * 60)


def parse_memory(text: str) -> int:
    """Whole GiB, rounded up, at least 1."""
    try:
        size = parse_byte_size(text)
    except ValueError as error:
        raise InvalidResource(f"invalid setting of runtime.memory, {text}") from error
    return max(1, math.ceil(size / GIB))


def asked(
    runtime: Mapping[str, Value.Base], image_map: Mapping[str, str], default_image: str | None
) -> Resources:
    """Read an evaluated runtime section."""

    def scalar(*names: str) -> Any:
        for name in names:
            value = runtime.get(name)
            if isinstance(value, Value.Array):
                value = value.value[0] if value.value else None
            if value is not None and not isinstance(value, Value.Null):
                return value.coerce(Type.String()).value
        return None

    try:
        cpus = max(1, math.ceil(float(scalar("cpu") or 1)))
        gpus = int(scalar("acceleratorCount", "gpuCount") or 0)
        retries = max(0, int(scalar("maxRetries") or 0))
    except ValueError as error:
        raise InvalidResource(f"invalid resource in the runtime section: {error}") from error
    timeout = scalar("omicsTimeout")
    memory = scalar("memory")
    image = scalar("container", "docker") or default_image
    return Resources(
        cpus=cpus,
        memory_gib=parse_memory(memory) if memory else 1,
        gpus=gpus,
        timeout=None if timeout is None else parse_timeout(timeout),
        oom_retries=retries,
        image=image_map.get(image, image) if image else None,
    )
