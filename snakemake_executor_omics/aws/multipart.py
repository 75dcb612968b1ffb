"""An S3 client whose multipart uploads go on where an earlier process stopped.

s3transfer cuts a file into parts, sends them and puts them together, but always begins anew. This
stands between it and botocore's client: an upload under the same key (keys are named from the
content here) is taken up again, and a part that S3 has is not sent. S3 compares the whole with the
CRC-32 of the file at the end, so that a wrong part could not go unseen.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

from botocore.exceptions import ClientError

_FULL_CRC32 = ("CRC32", "FULL_OBJECT")


class ResumingClient:
    """Every other call goes to the client itself."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self._parts: dict[str, dict[int, dict[str, Any]]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def create_multipart_upload(self, **request: Any) -> Any:
        """The newest unfinished upload of the key, or a new one."""
        place = {"Bucket": request["Bucket"], "Key": request["Key"]}
        try:
            found = self._unfinished(**place)
            if found is not None:
                pages = self._s3.get_paginator("list_parts").paginate(**place, UploadId=found)
                self._parts[found] = {
                    part["PartNumber"]: part for page in pages for part in page.get("Parts", ())
                }
                return {"UploadId": found}
        except ClientError:
            pass  # no right to look, or gone meanwhile: a new upload needs neither
        return self._s3.create_multipart_upload(**request)

    def upload_part(self, **request: Any) -> Any:
        """Send a part, unless S3 has it."""
        part = self._parts.get(request["UploadId"], {}).get(request["PartNumber"])
        if part is not None:
            body = request["Body"]
            body.signal_transferring()  # what need not be sent is progress too
            data = body.read()
            crc32 = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
            # Not every S3 tells checksums of parts; an ETag is the MD5 unless KMS encrypts.
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if crc32 == part.get("ChecksumCRC32") or md5 == part["ETag"].strip('"'):
                return {"ETag": part["ETag"], "ChecksumCRC32": crc32}
            body.seek(0)
            body.signal_not_transferring()
        return self._s3.upload_part(**request)

    def complete_multipart_upload(self, **request: Any) -> Any:
        """Put the parts together; parts that do not make the file are of no use to anybody."""
        try:
            return self._s3.complete_multipart_upload(**request)
        except ClientError as error:
            if error.response["ResponseMetadata"].get("HTTPStatusCode", 500) < 500:
                place = {name: request[name] for name in ("Bucket", "Key", "UploadId")}
                self._s3.abort_multipart_upload(**place)
            raise

    def abort_multipart_upload(self, **_: Any) -> None:
        """s3transfer's tidying after a failure: the parts are kept for the next call."""

    def _unfinished(self, **place: str) -> str | None:
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=place["Bucket"], Prefix=place["Key"]
        )
        found = [
            (upload["Initiated"], upload["UploadId"])
            for page in pages
            for upload in page.get("Uploads", ())
            if upload["Key"] == place["Key"]
            and (upload.get("ChecksumAlgorithm"), upload.get("ChecksumType")) == _FULL_CRC32
        ]
        return max(found)[1] if found else None
