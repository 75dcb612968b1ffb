"""The checksums of a file's content, as this project names them and as S3 writes them."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass

OnBytes = Callable[[int], None]

WHOLE = 16 * 1024 * 1024  # bytes; files below are sent in one request, others in parts


@dataclass(frozen=True, slots=True)
class Digest:
    """The content of a file: its SHA-256 in hex digits names it, its CRC-32 lets S3 check a
    multipart upload, which it cannot do by SHA-256. Its MD5 is what S3 lists as the ETag of a file
    that was sent whole, unless KMS encrypts; larger files have none here."""

    sha256: str
    crc32: int
    size: int
    md5: str | None = None

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
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest() if len(data) < WHOLE else None
        return cls(hashlib.sha256(data).hexdigest(), zlib.crc32(data), len(data), md5)
