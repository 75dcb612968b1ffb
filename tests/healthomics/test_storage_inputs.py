"""Runs whose inputs are references and read sets, by `omics://` URIs and by S3 ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import local_healthomics as local

from .conftest import Clients, connect, zipped
from .sequence_data import SequenceStore, bam, fastq, gzipped, parts_of
from .test_references import BUCKET, GENOME, INDEX, reference

WDL = """version 1.0
workflow w {
    input { File genome File? index }
    call t { input: genome = genome, index = index }
    output { File copy = t.copy Array[File] seen = t.seen }
}
task t {
    input { File genome File? index }
    command <<<
        basename ~{genome} > names.txt
        ls $(dirname ~{genome}) | grep -c fai >> names.txt
        cat ~{genome} ~{index} > copy.txt
    >>>
    output { File copy = "copy.txt" Array[File] seen = ["names.txt"] }
    runtime { container: "x/y:1" cpu: 1 memory: "1 GiB" }
}
"""


@pytest.fixture(scope="module")
def genome(real: Clients) -> dict[str, Any]:
    real.s3.create_bucket(Bucket=BUCKET)
    store = real.omics.create_reference_store(name="genomes")["id"]
    return reference(real, store)


@pytest.fixture(scope="module")
def copier(real: Clients) -> str:
    return real.active_workflow(definitionZip=zipped(main=WDL))


def omics_uri(found: dict[str, Any], *file: str, account: str = "123456789012") -> str:
    store, kind = found.get("referenceStoreId"), "reference"
    if store is None:
        store, kind = found["sequenceStoreId"], "readSet"
    place = "/".join((store, kind, found["id"], *file))
    return f"omics://{account}.storage.us-east-1.amazonaws.com/{place}"


def ended(clients: Clients, workflow: str, **parameters: Any) -> dict[str, Any]:
    started = clients.omics.start_run(
        workflowId=workflow,
        roleArn=clients.service.role_arn,
        parameters=parameters,
        outputUri=clients.service.default_output_uri,
    )
    return clients.until(started["id"], "COMPLETED", "FAILED")


def output(clients: Clients, run: dict[str, Any], name: str) -> bytes:
    place = parts_of(f"{run['runOutputUri']}/out/{name}")
    return bytes(clients.s3.get_object(**place)["Body"].read())


def test_a_short_omics_uri_is_the_source_without_its_index(
    real: Clients, genome: dict[str, Any], copier: str
) -> None:
    uri = omics_uri(genome)
    run = ended(real, copier, genome=uri)
    assert run["status"] == "COMPLETED", run.get("statusMessage")
    assert output(real, run, "copy/copy.txt") == GENOME
    assert output(real, run, "seen/0/names.txt") == b"genome.fasta\n0\n"
    md5 = hashlib.md5(GENOME, usedforsecurity=False).hexdigest()
    assert run["resourceDigests"] == {uri: f"etag:{md5}"}


def test_an_index_comes_where_its_uri_is_given(
    real: Clients, genome: dict[str, Any], copier: str
) -> None:
    run = ended(real, copier, genome=omics_uri(genome, "source"), index=omics_uri(genome, "index"))
    assert output(real, run, "copy/copy.txt") == GENOME + INDEX


def test_the_s3_uri_of_a_reference_is_an_input_like_any_other(
    real: Clients, genome: dict[str, Any], copier: str
) -> None:
    uri = genome["files"]["source"]["s3Access"]["s3Uri"]
    run = ended(real, copier, genome=uri)
    assert output(real, run, "copy/copy.txt") == GENOME
    assert run["resourceDigests"] == {uri: f"etag:{genome['md5']}"}


def test_a_default_in_the_workflow_may_be_an_omics_uri(
    real: Clients, genome: dict[str, Any]
) -> None:
    text = WDL.replace(
        "{ File genome File? index }", f'{{ File genome = "{omics_uri(genome)}"\n File? index }}', 1
    )
    run = ended(real, real.active_workflow(definitionZip=zipped(main=text)))
    assert run["status"] == "COMPLETED", run.get("statusMessage")
    assert list(run["resourceDigests"]) == [omics_uri(genome)]


def test_a_run_reads_the_stores_of_its_own_account(real: Clients, genome: dict[str, Any]) -> None:
    account = "111122223333"
    other = connect(real.service, account)
    store = other.omics.create_reference_store(name="of another account")["id"]
    found = reference(other, store)
    workflow = other.active_workflow(definitionZip=zipped(main=WDL))
    run = ended(other, workflow, genome=omics_uri(found, account=account))
    assert run["status"] == "COMPLETED", run.get("statusMessage")
    run = ended(other, workflow, genome=omics_uri(genome))
    assert run["failureReason"] == "INPUT_URI_NOT_FOUND"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("{place}/1999999999", "INPUT_URI_NOT_FOUND"),
        ("{other}", "INPUT_URI_NOT_FOUND"),
        ("{genome}/source2", "INVALID_URI_INPUT"),
        ("omics://somewhere/else", "INVALID_URI_INPUT"),
    ],
)
def test_a_uri_that_names_nothing_fails_the_run(
    real: Clients, genome: dict[str, Any], copier: str, uri: str, reason: str
) -> None:
    good = omics_uri(genome)
    place = good.rpartition("/")[0]
    other = omics_uri(genome, account="999999999999")
    run = ended(real, copier, genome=uri.format(genome=good, place=place, other=other))
    assert (run["status"], run["failureReason"]) == ("FAILED", reason)


def test_the_sources_of_a_read_set_are_two_inputs(real: Clients, copier: str) -> None:
    store = SequenceStore.new(real)
    upload = store.begin_upload()
    one, two = gzipped(fastq(2)), gzipped(fastq(3))
    parts = [store.put_part(upload, 1, one), store.put_part(upload, 1, two, "SOURCE2")]
    found = store.settled(store.complete(upload, parts))
    run = ended(real, copier, genome=omics_uri(found), index=omics_uri(found, "source2"))
    assert run["status"] == "COMPLETED", run.get("statusMessage")
    assert output(real, run, "copy/copy.txt") == one + two
    missing = ended(real, copier, genome=omics_uri(found, "index"))
    assert missing["failureReason"] == "INPUT_URI_NOT_FOUND"


def test_the_index_of_reads_is_an_input_of_its_own(
    real: Clients, genome: dict[str, Any], copier: str, tmp_path: Path
) -> None:
    store = SequenceStore.new(real)
    found = store.uploaded(
        bam(tmp_path / "x.bam").read_bytes(), sourceFileType="BAM", referenceArn=genome["arn"]
    )
    run = ended(real, copier, genome=omics_uri(found), index=omics_uri(found, "index"))
    assert run["status"] == "COMPLETED", run.get("statusMessage")
    index = store.read(found["id"], file="INDEX")
    assert output(real, run, "copy/copy.txt") == store.read(found["id"]) + index


@pytest.fixture
def archiving(tmp_path: Path) -> Iterator[Clients]:
    """A server that archives what nobody is reading this moment."""
    service = local.start(tmp_path / "state", options=["--archive-after", "0"])
    yield connect(service)
    service.stop()


@pytest.mark.service
def test_an_archived_read_set_fails_the_run_by_either_uri(archiving: Clients) -> None:
    workflow = archiving.active_workflow(definitionZip=zipped(main=WDL))
    found = SequenceStore.new(archiving).uploaded(gzipped(fastq()))
    assert found["status"] == "ARCHIVED"
    for uri in (omics_uri(found), found["files"]["source1"]["s3Access"]["s3Uri"]):
        run = ended(archiving, workflow, genome=uri)
        assert run["failureReason"] == "INACTIVE_OMICS_STORAGE_RESOURCE"
        assert "is ARCHIVED, not ACTIVE" in run["statusMessage"]


def test_a_reference_with_read_sets_is_not_deleted(
    real: Clients, genome: dict[str, Any], tmp_path: Path
) -> None:
    found = reference(real, genome["referenceStoreId"], name="aligned to")
    store = SequenceStore.new(real)
    reads = store.uploaded(
        bam(tmp_path / "x.bam").read_bytes(), sourceFileType="BAM", referenceArn=found["arn"]
    )
    names = {"referenceStoreId": found["referenceStoreId"], "id": found["id"]}
    with pytest.raises(real.omics.exceptions.ConflictException):
        real.omics.delete_reference(**names)
    real.omics.batch_delete_read_set(sequenceStoreId=store.id, ids=[reads["id"]])
    real.omics.delete_reference(**names)
