"""What is in a source file of a read set: whether it is of its type, its ETag, how much it holds.

The service's ETag is of the content, not of the bits ("HealthOmics ETags and data provenance"): it
survives another compression, and for aligned formats another header. `FASTQ_…up` hashes the whole
uncompressed file; `BAM_…up` the alignment section as SAM has it, which is what
`samtools view FILE | md5sum` prints. For CRAM the service does the same, with the reference; here,
where nothing decodes CRAM, `CRAM_…up` hashes the containers after the header as they are: the same
for the same file, other than the service's.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path

from ..errors import ValidationFault
from . import bam, cram, fastq

HASHES = {"MD5up": "md5", "SHA256up": "sha256", "SHA512up": "sha512"}
_READERS = {"FASTQ": fastq.read, "BAM": bam.read, "UBAM": bam.read, "CRAM": cram.read}
_FAMILIES = {"UBAM": "BAM"}  # of file types, as far as ETags go


@dataclass(frozen=True, slots=True)
class Survey:
    """What a source file holds."""

    etag: str  # hexadecimal
    reads: int
    bases: int


def etag_algorithm(file_type: str, family: str) -> str:
    """The algorithm's name, such as BAM_MD5up, for a store's `eTagAlgorithmFamily`."""
    return f"{_FAMILIES.get(file_type, file_type)}_{family}"


def survey(path: Path, file_type: str, family: str) -> Survey:
    """Read a whole file; ValidationException if it is not what it is said to be."""
    digest = hashlib.new(HASHES[family], usedforsecurity=False)
    try:
        reads, bases = _READERS[file_type](path, digest)
    except (BadGzipFile, EOFError, zlib.error, struct.error, UnicodeDecodeError) as error:
        raise ValidationFault(f"the file is no whole {file_type} file: {error}") from error
    return Survey(digest.hexdigest(), reads, bases)
