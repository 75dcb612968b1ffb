"""What is in the source files of a read set or a reference: whether they are of their type, their
ETags, how much they hold, and their index.

The service's ETag is of the content, not of the bits ("HealthOmics ETags and data provenance"): it
survives another compression, and for aligned formats another header. `FASTQ_…up` hashes the whole
uncompressed file; `BAM_…up` and `CRAM_…up` the alignment section as SAM has it, which is what
`samtools view FILE | md5sum` prints: of CRAM with the linked reference.

Files are read by pysam (htslib) and dnaio, in processes of their own (child.py, reader.py): a file
that breaks them, or never ends, is no harm to the server, which does not load them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .child import Child

INDEX_SUFFIXES = {"BAM": ".bai", "CRAM": ".crai"}
_FAMILIES = {"UBAM": "BAM"}  # of file types, as far as ETags go


@dataclass(frozen=True, slots=True)
class Survey:
    """What a source file holds."""

    etag: str  # hexadecimal
    reads: int
    bases: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A FASTA file, gzipped or not, and its index."""

    path: Path
    index: Path


def etag_algorithm(file_type: str, family: str) -> str:
    """The algorithm's name, such as BAM_MD5up, for a store's `eTagAlgorithmFamily`."""
    return f"{_FAMILIES.get(file_type, file_type)}_{family}"


class Reader:
    """What reads files, in processes of its own; `close` it."""

    def __init__(self) -> None:
        self._child = Child()

    def survey(
        self,
        sources: Sequence[Path],
        file_type: str,
        family: str,
        folder: Path,
        reference: Reference | None = None,
    ) -> tuple[list[Survey], Path | None]:
        """Read whole files, and make the index of aligned reads in an empty folder; None if there
        is none, as of reads that are not sorted.

        Raises:
            ValidationFault: a file is not what it is said to be.
        """
        found = self._child.ask(
            sources,
            folder,
            what="reads",
            file_type=file_type,
            family=family,
            suffix=INDEX_SUFFIXES.get(file_type),
            reference=[str(reference.path), str(reference.index)] if reference else None,
        )
        index = found["index"]
        return [Survey(**one) for one in found["surveys"]], index and folder / index

    def index_of_reference(self, source: Path, folder: Path) -> Path:
        """Check a FASTA, gzipped or not, and make its index (that of `samtools faidx`) in a folder.

        Raises:
            ValidationFault: it is none; the message says why.
        """
        return folder / str(self._child.ask([source], folder, what="reference")["index"])

    def close(self) -> None:
        self._child.close()
