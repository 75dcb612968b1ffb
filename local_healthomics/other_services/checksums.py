"""The checksums that S3 keeps of objects, made of content as it comes.

CRC32C and CRC64NVME are made by awscrt, where it is installed: Python has neither, and would take
minutes for a gigabyte. Where it is not, S3's answers name no such checksum of an object, rather
than one that nobody has looked at.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")


class Checksum(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A checksum of so many bytes, by a function that goes on from its last value."""

    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function, self._size, self._value = function, size, 0

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


_OWN: dict[str, Callable[[], Checksum]] = {
    "CRC32": partial(_Crc, zlib.crc32, 4),
    "SHA1": partial(hashlib.sha1, usedforsecurity=False),
    "SHA256": hashlib.sha256,
}
_BY_AWSCRT = {"CRC32C": ("crc32c", 4), "CRC64NVME": ("crc64nvme", 8)}


def new(algorithm: str | None) -> Checksum | None:
    """An empty one; None where there is no such algorithm, or nothing that makes it."""
    if algorithm in _BY_AWSCRT:
        name, size = _BY_AWSCRT[algorithm]
        function = getattr(_awscrt(), name, None)
        return _Crc(function, size) if function else None
    return _OWN[algorithm]() if algorithm in _OWN else None


def _awscrt() -> Any:
    try:
        from awscrt import checksums
    except ImportError:
        return None
    return checksums


def text(checksum: Checksum) -> str:
    """As headers have it."""
    return base64.b64encode(checksum.digest()).decode()
