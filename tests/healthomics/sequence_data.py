"""Sequence stores to test with, and small files of reads to put in them."""

from __future__ import annotations

import gzip
import os
import signal
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysam

from .conftest import Clients, settled

REFERENCE = "arn:aws:omics:us-west-2:123456789012:referenceStore/1234567890/reference/1234567890"
WHOSE = {"subjectId": "subject", "sampleId": "sample", "name": "HG00146"}


def fastq(reads: int = 3) -> bytes:
    return b"".join(b"@read%d\nACGT\n+\nIIII\n" % number for number in range(reads))


def gzipped(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


def bam(path: Path, *, chromosome: str | None = "chr1", comment: str = "") -> Path:
    """A BAM file of two reads, with tags of several types."""
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr1", "LN": 1000}]}
    if comment:
        header["CO"] = [comment]  # type: ignore[assignment]
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number, qualities in enumerate((None, [10, 20, 30, 40, 41])):
            read = pysam.AlignedSegment(out.header)
            read.query_name = f"read{number}"
            read.query_sequence = "ACGTN"
            read.flag = 0 if chromosome else 4
            if chromosome:
                read.reference_name, read.reference_start = chromosome, 10 + number
                read.cigarstring, read.mapping_quality = "3M2S", 60
            if qualities:
                read.query_qualities = qualities  # type: ignore[assignment]
            read.set_tag("NM", 70000 * number)
            read.set_tag("AS", -0.1)
            read.set_tag("RG", "group one")
            read.set_tag("ML", [0.5, 1e-9, 1e20], value_type=None)
            out.write(read)
    return path


def bgzipped(content: bytes) -> bytes:
    """One block of BGZF, which is a member of gzip that says how long it is, and the last one."""
    deflate = zlib.compressobj(wbits=-15)
    packed = deflate.compress(content) + deflate.flush()
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(packed) + 25)
    last = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    return head + packed + struct.pack("<II", zlib.crc32(content), len(content)) + last


def alignment(tags: bytes) -> bytes:
    """A BAM file of one record that holds nothing but a name and these tags."""
    record = struct.pack("<iiBBHHHiiii", -1, -1, 2, 0, 0, 0, 4, 0, -1, -1, 0) + b"r\0" + tags
    header = b"BAM\1" + struct.pack("<ii", 0, 0)
    return bgzipped(header + struct.pack("<i", len(record)) + record)


def fasta(path: Path, seed: str = "ACGTTGCA") -> Path:
    """A genome of what `bam` is aligned to."""
    path.write_text(">chr1\n" + "".join(f"{seed * 10}\n" for _ in range(12)) + f"{seed * 5}\n")
    return path


def cram(path: Path, reference: Path) -> Path:
    """The reads of `bam` as CRAM, which holds how they differ from the reference."""
    with (
        pysam.AlignmentFile(str(bam(path.with_suffix(".bam")))) as reads,
        pysam.AlignmentFile(
            str(path), "wc", template=reads, reference_filename=str(reference)
        ) as out,
    ):
        for read in reads:
            out.write(read)
    return path


@dataclass(frozen=True)
class SequenceStore:
    """A sequence store, and what one does with it."""

    clients: Clients
    id: str

    @classmethod
    def new(cls, clients: Clients, **options: Any) -> SequenceStore:
        made = clients.omics.create_sequence_store(**{"name": "reads", **options})
        return cls(clients, made["id"])

    def begin_upload(self, **options: Any) -> str:
        asked = {**WHOSE, "sourceFileType": "FASTQ", **options}
        made = self.clients.omics.create_multipart_read_set_upload(sequenceStoreId=self.id, **asked)
        return str(made["uploadId"])

    def put_part(
        self, upload: str, number: int, payload: bytes, source: str = "SOURCE1"
    ) -> dict[str, Any]:
        """Upload a part; what CompleteMultipartReadSetUpload wants to know of it."""
        said = self.clients.omics.upload_read_set_part(
            sequenceStoreId=self.id,
            uploadId=upload,
            partSource=source,
            partNumber=number,
            payload=payload,
        )
        return {"partSource": source, "partNumber": number, "checksum": said["checksum"]}

    def complete(self, upload: str, parts: list[dict[str, Any]]) -> str:
        done = self.clients.omics.complete_multipart_read_set_upload(
            sequenceStoreId=self.id, uploadId=upload, parts=parts
        )
        return str(done["readSetId"])

    def uploaded(self, *payloads: bytes, **options: Any) -> dict[str, Any]:
        """The metadata of a read set whose first source came in these parts."""
        upload = self.begin_upload(**options)
        parts = [self.put_part(upload, number, part) for number, part in enumerate(payloads, 1)]
        return self.settled(self.complete(upload, parts))

    def metadata(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.clients.omics.get_read_set_metadata(
            sequenceStoreId=self.id, id=id
        )
        return found

    def settled(self, id: str) -> dict[str, Any]:
        return settled(lambda: self.metadata(id), "ACTIVE", "UPLOAD_FAILED", "ARCHIVED")

    def read(self, id: str, part: int = 1, **options: Any) -> bytes:
        answer = self.clients.omics.get_read_set(
            sequenceStoreId=self.id, id=id, partNumber=part, **options
        )
        return bytes(answer["payload"].read())

    def ids(self, **asked: Any) -> list[str]:
        found = self.clients.omics.list_read_sets(sequenceStoreId=self.id, filter=asked)
        return [item["id"] for item in found["readSets"]]

    def start_import(self, *sources: dict[str, Any]) -> str:
        started = self.clients.omics.start_read_set_import_job(
            sequenceStoreId=self.id,
            roleArn=self.clients.service.role_arn,
            sources=[{**WHOSE, "sourceFileType": "FASTQ", **source} for source in sources],
        )
        return str(started["id"])

    def imported(self, *sources: dict[str, Any]) -> dict[str, Any]:
        return self.done("import", self.start_import(*sources))

    def exported(self, destination: str, *ids: str) -> dict[str, Any]:
        started = self.clients.omics.start_read_set_export_job(
            sequenceStoreId=self.id,
            roleArn=self.clients.service.role_arn,
            destination=destination,
            sources=[{"readSetId": id} for id in ids],
        )
        return self.done("export", started["id"])

    def activated(self, *ids: str) -> dict[str, Any]:
        started = self.clients.omics.start_read_set_activation_job(
            sequenceStoreId=self.id, sources=[{"readSetId": id} for id in ids]
        )
        return self.done("activation", started["id"])

    def done(self, kind: str, job: str) -> dict[str, Any]:
        """A job when it has ended."""
        get = getattr(self.clients.omics, f"get_read_set_{kind}_job")
        return settled(
            lambda: get(sequenceStoreId=self.id, id=job),
            "COMPLETED",
            "COMPLETED_WITH_FAILURES",
            "FAILED",
        )


def kill(clients: Clients) -> None:
    """End the server as a crash would."""
    os.kill(clients.service.pid, signal.SIGKILL)
    clients.service.stop()


def parts_of(uri: str) -> dict[str, str]:
    """Bucket and key of an S3 URI, as boto3 takes them."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}
