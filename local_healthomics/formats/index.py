"""The index of a BAM or CRAM file, made by htslib where pysam is installed.

In a process of its own: samtools within pysam is not made for threads, and a file may be hostile.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

SUFFIXES = {"BAM": ".bai", "CRAM": ".crai"}
_SECONDS = 3600
_CODE = "import pysam, sys; pysam.index('-o', *sys.argv[1:])"


def make_index(source: Path, target: Path) -> bool:
    """Whether there is an index now: there is none without pysam, nor of what is not sorted."""
    if importlib.util.find_spec("pysam") is None:
        return False
    command = [sys.executable, "-c", _CODE, str(target), str(source)]
    made = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    return made.returncode == 0
