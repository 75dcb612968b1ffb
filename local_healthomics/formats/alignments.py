"""BAM and CRAM as SAM has them, and their index, by pysam; in the process that reads files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ValidationFault

if TYPE_CHECKING:
    from hashlib import _Hash

    import pysam

_NOTHING = 0  # of what htslib says on stderr, which is the log of the server


def read(path: Path, file_type: str, digest: _Hash, reference: Path | None) -> tuple[int, int]:
    """Hash the alignment section as SAM; the numbers of its reads and bases."""
    import pysam

    pysam.set_verbosity(_NOTHING)
    os.environ["REF_PATH"] = os.environ["REF_CACHE"] = os.devnull  # else htslib asks the internet
    reads = bases = 0
    try:
        with pysam.AlignmentFile(
            str(path), check_sq=False, reference_filename=str(reference) if reference else None
        ) as alignments:
            _check_type(alignments, file_type, reference)
            for record in alignments:
                digest.update(record.to_string().encode())
                digest.update(b"\n")
                reads += 1
                bases += record.query_length
    except NotImplementedError as error:  # of htslib, for gzip in place of BGZF
        raise ValidationFault("the file is no BAM file: it is compressed as another") from error
    except (OSError, ValueError) as error:
        raise ValidationFault(f"the file is no whole {file_type} file: {error}") from error
    return reads, bases


def _check_type(alignments: pysam.AlignmentFile, file_type: str, reference: Path | None) -> None:
    if file_type != "CRAM":
        if not alignments.is_bam:
            raise ValidationFault("the file is no BAM file")
        return
    if not alignments.is_cram:
        raise ValidationFault("the file is no CRAM file")
    if reference is None:
        raise ValidationFault("a CRAM is read with its reference, and referenceArn names none here")
    # What is not in it, htslib would look for in the file that the header names, of this machine.
    index = reference.with_name(f"{reference.name}.fai").read_text()
    known = {line.partition("\t")[0] for line in index.splitlines()}
    if missing := [name for name in alignments.references if name not in known]:
        raise ValidationFault(f"the linked reference has no sequence {missing[0][:40]}")


def index(path: Path, target: Path) -> bool:
    """Whether there is an index now: there is none of what is not sorted."""
    import pysam
    from pysam.utils import SamtoolsError

    try:
        pysam.index("-o", str(target), str(path))
    except SamtoolsError:
        return False
    return target.exists()
