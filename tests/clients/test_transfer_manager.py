"""The transfer manager of `aws-healthomics-tools`, which moves read sets by parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from real_clients import Shell

SCRIPT = """
import sys, boto3
from omics.transfer.manager import TransferManager
source, folder = sys.argv[1:]
omics = boto3.client("omics")
store = omics.create_sequence_store(name="reads")["id"]
while omics.get_sequence_store(id=store).get("status") == "CREATING":
    pass
manager = TransferManager(omics)
read_set = manager.upload_read_set(
    source, store, "FASTQ", "reads", "subject", "sample", generated_from="a test"
)
while omics.get_read_set_metadata(sequenceStoreId=store, id=read_set)["status"] != "ACTIVE":
    pass
manager.download_read_set(store, read_set, folder)
"""


def test_a_read_set_is_sent_and_fetched(
    install: Callable[[str], Path], shell: Shell, tmp_path: Path
) -> None:
    source = tmp_path / "reads.fastq"
    source.write_text("".join(f"@read{n}\nACGTACGT\n+\nIIIIIIII\n" for n in range(1000)))
    python = install("aws-healthomics-tools") / "python"
    shell.run(python, "-c", SCRIPT, source, tmp_path / "back")
    (back,) = (tmp_path / "back").iterdir()
    assert back.read_bytes() == source.read_bytes()
