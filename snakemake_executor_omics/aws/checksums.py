"""The checksums of a file's content, as this project names them and as S3 writes them."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Digest:
    """The content of a file: its SHA-256 in hex digits names it, its CRC-32 lets S3 check a
    multipart upload, which it cannot do by SHA-256."""

    sha256: str
    crc32: int
    size: int

    @property
    def s3_sha256(self) -> str:
        """The SHA-256 as S3 writes it."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()

    @property
    def s3_crc32(self) -> str:
        """The CRC-32 as S3 writes it."""
        return base64.b64encode(self.crc32.to_bytes(4, "big")).decode()

    @classmethod
    def of_bytes(cls, data: bytes) -> Digest:
        return cls(hashlib.sha256(data).hexdigest(), zlib.crc32(data), len(data))
