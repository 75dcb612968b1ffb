"""The port to S3: what operations, stores and runs do with objects, whoever keeps them.

Buckets are the users' and the service's own. What a client asks of S3 does not come this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

# What an engine makes an object of: a file, by its path, or JSON, as {"json": text}.
Content = str | Mapping[str, str]


class Objects(Protocol):
    """Objects by bucket and key; what is done is on disk when a method returns."""

    def has_bucket(self, name: str) -> bool: ...

    def region(self, bucket: str) -> str | None:
        """Where a bucket is; None if there is no such bucket."""

    def make_bucket(self, name: str) -> None:
        """A bucket of the service's own, if it is not there yet."""

    def remove_bucket(self, name: str) -> None:
        """A bucket of the service's own with what is left in it; it may be gone already."""

    def file(self, bucket: str, key: str) -> Path | None:
        """The file that holds an object's value; None if there is no such object."""

    def etag(self, bucket: str, key: str) -> str | None:
        """What an object's content is known by; None if there is no such object."""

    def link(self, bucket: str, key: str, path: Path, etag: str | None = None) -> None:
        """Make a file an object without copying it; the object keeps its bytes if `path` goes."""

    def put(self, bucket: str, key: str, value: bytes) -> None: ...

    def remove(self, bucket: str, *keys: str) -> None: ...

    def tag(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """Give an object these tags and no other."""

    def archive(self, bucket: str, key: str, archived: bool) -> None:
        """Put an object where S3 answers InvalidObjectState to who reads it, or back."""
