"""Unpack a tar archive inside S3: its members become objects, and their content stays there.

Only the headers are read. S3 copies a range of an object as a part of an upload, which makes an
object of each member; it does so for objects of more than 5 MB, and a smaller archive is fetched.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import StagingError
from ..limits import MAX_COPY, MIN_COPIED_RANGE
from .session import Services
from .transfer import list_prefix, split_uri
from .translate import translated

_WINDOW = 64 * 1024  # bytes of an archive that are read at once


def unpack_inside(services: Services, archive: str, uri: str, marker: str) -> None:
    """Make the objects below `uri` what `archive` holds, and an empty one named `marker`.

    Objects there of an earlier content are removed, as an output directory is made anew.

    Raises:
        StagingError: the archive is damaged, or a member leads out of it.
    """
    bucket, key = split_uri(uri)
    with translated(f"unpack {archive} to {uri}"):
        source = _Object(services, archive)
        members = _members(source, archive)

        def put(name: str) -> None:
            _put(services, source, members[name], bucket, f"{key}/{name}")

        with ThreadPoolExecutor(services.concurrency) as pool:
            list(pool.map(put, members))
        services.s3.put_object(Bucket=bucket, Key=f"{key}/{marker}", Body=b"")
        for item in list_prefix(services, f"{uri}/"):
            if item.uri.removeprefix(f"{uri}/") not in {*members, marker}:
                services.s3.delete_object(Bucket=bucket, Key=split_uri(item.uri)[1])


def _members(source: _Object, archive: str) -> dict[str, tarfile.TarInfo]:
    """The files of the archive by name; a hard link is the file that it links to."""
    found: dict[str, tarfile.TarInfo] = {}
    try:
        with (
            io.BufferedReader(source, _WINDOW) as opened,
            tarfile.open(fileobj=opened, mode="r:") as tar,
        ):
            for member in tar:
                name = posixpath.normpath(member.name)
                if name.startswith(("/", "../")):
                    raise StagingError(f"{archive} holds {member.name}, which leads out of it")
                if member.isreg():
                    found[name] = member
                elif member.islnk():
                    found[name] = found[posixpath.normpath(member.linkname)]
    except (tarfile.TarError, KeyError) as error:
        raise StagingError(f"{archive} is no archive of a directory: {error}") from error
    return found


def _put(
    services: Services, source: _Object, member: tarfile.TarInfo, bucket: str, key: str
) -> None:
    s3 = services.s3
    if not member.size or source.content is not None:
        content = source.content or b""
        body = content[member.offset_data : member.offset_data + member.size]
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        return
    upload: dict[str, Any] = {"Bucket": bucket, "Key": key}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    try:
        parts: list[Any] = []
        end = member.offset_data + member.size
        for number, start in enumerate(range(member.offset_data, end, MAX_COPY), 1):
            copied = s3.upload_part_copy(
                **upload,
                PartNumber=number,
                CopySource={"Bucket": source.place["Bucket"], "Key": source.place["Key"]},
                CopySourceRange=f"bytes={start}-{min(start + MAX_COPY, end) - 1}",
            )
            parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    except BaseException:
        s3.abort_multipart_upload(**upload)
        raise


class _Object(io.RawIOBase):
    """An object that is read where it is asked to be, or as a whole where it is small."""

    def __init__(self, services: Services, uri: str) -> None:
        self._s3 = services.s3
        bucket, key = split_uri(uri)
        self.place: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self._size: int = self._s3.head_object(**self.place)["ContentLength"]
        self._position = 0
        self.content = self._read(0, self._size) if self._size <= MIN_COPIED_RANGE else None

    def _read(self, start: int, end: int) -> bytes:
        answer = self._s3.get_object(**self.place, Range=f"bytes={start}-{end - 1}")
        content: bytes = answer["Body"].read()
        return content

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        start, end = self._position, min(self._position + len(buffer), self._size)
        if start >= end:
            return 0
        found = self._read(start, end) if self.content is None else self.content[start:end]
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)
