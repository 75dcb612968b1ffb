"""Reference stores, the import of references, and their bytes by every way out."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import local_healthomics as local
from local_healthomics.errors import ValidationFault
from local_healthomics.formats import references

from .conftest import Clients, connect, refused, settled
from .sequence_data import kill, parts_of

GENOME = b">chr1 of a test\nACGTN\nACGTN\nAC\n>chr2\nACG\n\n"
INDEX = b"chr1\t12\t16\t5\t6\nchr2\t3\t37\t3\t4\n"
BUCKET = "genomes"


@pytest.fixture(scope="module")
def store(fake: Clients) -> str:
    fake.s3.create_bucket(Bucket=BUCKET)
    return str(fake.omics.create_reference_store(name="genomes")["id"])


def put(clients: Clients, key: str, value: bytes) -> str:
    clients.s3.put_object(Bucket=BUCKET, Key=key, Body=value)
    return f"s3://{BUCKET}/{key}"


def imported(clients: Clients, store: str, *sources: dict[str, Any]) -> dict[str, Any]:
    """An import job at its end."""
    job = clients.omics.start_reference_import_job(
        referenceStoreId=store, roleArn=clients.service.role_arn, sources=list(sources)
    )
    assert job["status"] == "SUBMITTED"
    return settled(
        lambda: clients.omics.get_reference_import_job(referenceStoreId=store, id=job["id"]),
        "COMPLETED",
        "COMPLETED_WITH_FAILURES",
        "FAILED",
    )


def reference(
    clients: Clients, store: str, value: bytes = GENOME, name: str = "hg38", **more: Any
) -> dict[str, Any]:
    """A reference that was imported, as its metadata."""
    source = put(clients, f"{name}/genome.fasta", value)
    job = imported(clients, store, {"sourceFile": source, "name": name, **more})
    id = job["sources"][0]["referenceId"]
    found: dict[str, Any] = clients.omics.get_reference_metadata(referenceStoreId=store, id=id)
    return found


def download(clients: Clients, found: dict[str, Any], file: str) -> bytes:
    """Every part of a file, put together again."""
    parts = range(1, found["files"][file.lower()]["totalParts"] + 1)
    return b"".join(
        clients.omics.get_reference(
            referenceStoreId=found["referenceStoreId"], id=found["id"], partNumber=n, file=file
        )["payload"].read()
        for n in parts
    )


def test_a_store_is_made_found_listed_and_deleted(fake: Clients) -> None:
    made = fake.omics.create_reference_store(name="brief", description="d", tags={"a": "b"})
    found = fake.omics.get_reference_store(id=made["id"])
    assert (found["name"], found["description"], found["arn"]) == ("brief", "d", made["arn"])
    assert made["arn"].endswith(f":referenceStore/{made['id']}")
    assert fake.omics.list_tags_for_resource(resourceArn=made["arn"])["tags"] == {"a": "b"}
    listed = fake.omics.list_reference_stores(filter={"name": "brief"})["referenceStores"]
    assert [one["id"] for one in listed] == [made["id"]]
    later = fake.omics.list_reference_stores(filter={"createdBefore": "2020-01-01T00:00:00Z"})
    assert later["referenceStores"] == []
    fake.omics.delete_reference_store(id=made["id"])
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        fake.omics.get_reference_store(id=made["id"])


@pytest.mark.service
def test_a_strict_service_has_one_reference_store(tmp_path: Path) -> None:
    service = local.start(tmp_path, options=["--quota", "referenceStores=1"])
    omics = connect(service).omics
    omics.create_reference_store(name="one")
    with pytest.raises(omics.exceptions.ServiceQuotaExceededException):
        omics.create_reference_store(name="two")
    service.stop()


def test_an_imported_reference_tells_where_it_came_from(fake: Clients, store: str) -> None:
    found = reference(fake, store, description="of a test", tags={"build": "38"})
    assert (found["name"], found["description"], found["status"]) == ("hg38", "of a test", "ACTIVE")
    assert found["creationType"] == "IMPORT"
    job = fake.omics.get_reference_import_job(referenceStoreId=store, id=found["creationJobId"])
    assert job["sources"][0]["referenceId"] == found["id"]
    assert job["sources"][0]["status"] == "FINISHED"
    assert job["completionTime"] >= job["creationTime"]
    assert found["md5"] == hashlib.md5(GENOME, usedforsecurity=False).hexdigest()
    tags = fake.omics.list_tags_for_resource(resourceArn=found["arn"])["tags"]
    assert tags == {"build": "38"}


def test_source_and_index_are_downloaded_by_part(fake: Clients, store: str) -> None:
    found = reference(fake, store)
    assert download(fake, found, "SOURCE") == GENOME
    assert download(fake, found, "INDEX") == INDEX
    assert found["files"]["source"]["contentLength"] == len(GENOME)
    assert found["files"]["index"]["contentLength"] == len(INDEX)


def test_a_large_reference_comes_in_several_parts_of_the_same_bytes(
    fake: Clients, store: str
) -> None:
    line = b"ACGT" * 16384 + b"\n"
    value = b">chr1\n" + line * 1700
    found = reference(fake, store, value, name="large")
    source = found["files"]["source"]
    assert (source["totalParts"], source["partSize"]) == (2, 100 * 1024 * 1024)
    assert download(fake, found, "SOURCE") == value
    assert download(fake, found, "INDEX") == b"chr1\t111411200\t6\t65536\t65537\n"


def test_a_range_is_one_within_the_part(fake: Clients, store: str) -> None:
    found = reference(fake, store)

    def read(span: str) -> bytes:
        answer = fake.omics.get_reference(
            referenceStoreId=store, id=found["id"], partNumber=1, range=span
        )
        return bytes(answer["payload"].read())

    assert read("1-4") == read("bytes=1-4") == GENOME[1:5]
    assert read("30-") == GENOME[30:]
    assert read("-7") == GENOME[-7:]
    for nowhere in ("999-", "4-1", "-0", "0-1,3-4"):
        with pytest.raises(ClientError, match="RangeNotSatisfiableException"):
            read(nowhere)
    nameless = {"referenceStoreId": store, "id": found["id"]}
    assert refused(fake.unchecked.get_reference, **nameless)[0] == "ValidationException"


def test_a_part_that_is_not_there_is_not_satisfiable(fake: Clients, store: str) -> None:
    found = reference(fake, store)
    with pytest.raises(ClientError, match="RangeNotSatisfiableException") as caught:
        fake.omics.get_reference(referenceStoreId=store, id=found["id"], partNumber=2)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416


def test_an_s3_client_reads_the_uri_of_a_reference(fake: Clients, store: str) -> None:
    found = reference(fake, store)
    for file, value in (("source", GENOME), ("index", INDEX)):
        place = parts_of(found["files"][file]["s3Access"]["s3Uri"])
        folder = f"123456789012/referenceStore/{store}/reference/{found['id']}/"
        assert place["Key"].startswith(folder)
        assert fake.s3.get_object(**place)["Body"].read() == value
        listed = fake.s3.list_objects_v2(Bucket=place["Bucket"], Prefix=folder)["Contents"]
        assert place["Key"] in [one["Key"] for one in listed]
        fake.s3.copy_object(CopySource=place, Bucket=BUCKET, Key="copy")
        assert fake.s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == value
        with pytest.raises(ClientError, match="AccessDenied"):
            fake.s3.put_object(**place, Body=b"other")


def test_a_compressed_reference_is_kept_as_it_was_and_indexed_as_its_text(
    fake: Clients, store: str
) -> None:
    value = gzip.compress(GENOME)
    source = put(fake, "packed/genome.fa.gz", value)
    job = imported(fake, store, {"sourceFile": source, "name": "packed"})
    found = fake.omics.get_reference_metadata(
        referenceStoreId=store, id=job["sources"][0]["referenceId"]
    )
    assert download(fake, found, "SOURCE") == value
    assert download(fake, found, "INDEX") == INDEX


def test_a_job_with_a_bad_source_completes_with_failures(fake: Clients, store: str) -> None:
    good = put(fake, "mixed/good.fa", GENOME)
    bad = put(fake, "mixed/reads.fastq", b"@r1\nACGT\n+\nIIII\n")
    job = imported(
        fake,
        store,
        {"sourceFile": good, "name": "good"},
        {"sourceFile": bad, "name": "bad"},
        {"sourceFile": f"s3://{BUCKET}/nothing.fa", "name": "none"},
    )
    assert job["status"] == "COMPLETED_WITH_FAILURES"
    one, two, three = job["sources"]
    assert (one["status"], two["status"], three["status"]) == ("FINISHED", "FAILED", "FAILED")
    assert "does not begin with a '>' line" in two["statusMessage"]
    assert "is not there" in three["statusMessage"]
    assert "referenceId" not in two
    assert job["statusMessage"] == "2 of 3 sources failed."


def test_a_job_without_a_good_source_fails(fake: Clients, store: str) -> None:
    empty = put(fake, "empty.fa", b"")
    job = imported(fake, store, {"sourceFile": empty, "name": "empty"})
    assert job["status"] == "FAILED"
    assert "holds no sequence" in job["sources"][0]["statusMessage"]


def test_jobs_are_listed_by_status(fake: Clients, store: str) -> None:
    empty = put(fake, "empty.fa", b"")
    failed = imported(fake, store, {"sourceFile": empty, "name": "empty"})
    pages = fake.omics.get_paginator("list_reference_import_jobs").paginate(
        referenceStoreId=store, filter={"status": "FAILED"}, PaginationConfig={"PageSize": 1}
    )
    jobs = [job for page in pages for job in page["importJobs"]]
    assert failed["id"] in [job["id"] for job in jobs]
    assert {job["status"] for job in jobs} == {"FAILED"}


def test_references_are_listed_by_name_md5_and_time(fake: Clients, store: str) -> None:
    one = reference(fake, store, b">one\nA\n", name="listed")
    two = reference(fake, store, b">two\nA\n", name="listed")

    def ids(**asked: Any) -> list[str]:
        pages = fake.omics.get_paginator("list_references").paginate(
            referenceStoreId=store,
            filter={"name": "listed", **asked},
            PaginationConfig={"PageSize": 1},
        )
        return [found["id"] for page in pages for found in page["references"]]

    assert ids() == [two["id"], one["id"]]
    assert ids(md5=one["md5"]) == [one["id"]]
    assert ids(createdAfter=two["creationTime"]) == [two["id"]]
    assert ids(createdBefore=one["creationTime"]) == [one["id"]]


def test_a_page_token_of_one_store_is_refused_by_another(fake: Clients, store: str) -> None:
    reference(fake, store, name="token-one")
    reference(fake, store, name="token-two")
    token = fake.omics.list_references(referenceStoreId=store, maxResults=1)["nextToken"]
    other = fake.omics.create_reference_store(name="other")["id"]
    with pytest.raises(fake.omics.exceptions.ValidationException, match="nextToken"):
        fake.omics.list_references(referenceStoreId=other, nextToken=token)


def test_only_an_empty_store_is_deleted(fake: Clients) -> None:
    store = fake.omics.create_reference_store(name="full")["id"]
    found = reference(fake, store, name="lone")
    with pytest.raises(fake.omics.exceptions.ConflictException):
        fake.omics.delete_reference_store(id=store)
    fake.omics.delete_reference(referenceStoreId=store, id=found["id"])
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
        fake.omics.get_reference_metadata(referenceStoreId=store, id=found["id"])
    assert fake.omics.list_references(referenceStoreId=store)["references"] == []
    fake.omics.delete_reference_store(id=store)
    bucket = parts_of(found["files"]["source"]["s3Access"]["s3Uri"])["Bucket"]
    with pytest.raises(ClientError, match="NoSuchBucket"):
        fake.s3.list_objects_v2(Bucket=bucket)


def test_what_a_store_does_not_hold_is_not_found_there(fake: Clients, store: str) -> None:
    found = reference(fake, store, name="mine")
    other = fake.omics.create_reference_store(name="elsewhere")["id"]
    for ask_for in (
        lambda: fake.omics.get_reference_metadata(referenceStoreId=other, id=found["id"]),
        lambda: fake.omics.get_reference(referenceStoreId=other, id=found["id"], partNumber=1),
        lambda: fake.omics.delete_reference(referenceStoreId=other, id=found["id"]),
        lambda: fake.omics.get_reference_import_job(
            referenceStoreId=other, id=found["creationJobId"]
        ),
        lambda: fake.omics.list_references(referenceStoreId="9999999999"),
    ):
        with pytest.raises(fake.omics.exceptions.ResourceNotFoundException):
            ask_for()


def test_another_account_does_not_see_a_reference(fake: Clients, store: str) -> None:
    found = reference(fake, store, name="private")
    other = connect(fake.service, "111122223333").omics
    assert other.list_reference_stores()["referenceStores"] == []
    for theirs in (
        lambda: other.get_reference_store(id=store),
        lambda: other.get_reference_metadata(referenceStoreId=store, id=found["id"]),
    ):
        with pytest.raises(other.exceptions.ResourceNotFoundException):
            theirs()
    with pytest.raises(other.exceptions.AccessDeniedException):
        other.list_tags_for_resource(resourceArn=found["arn"])


def test_a_reference_outlives_the_server(starter: Callable[[], Clients]) -> None:
    before = starter()
    before.s3.create_bucket(Bucket=BUCKET)
    store = before.omics.create_reference_store(name="lasting")["id"]
    found = reference(before, store)
    before.service.stop()
    after = starter()
    again = after.omics.get_reference_metadata(referenceStoreId=store, id=found["id"])
    assert again["files"] == found["files"]
    assert download(after, again, "SOURCE") == GENOME
    place = parts_of(found["files"]["source"]["s3Access"]["s3Uri"])
    assert after.s3.get_object(**place)["Body"].read() == GENOME


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"ACGT\n", "begin with"),
        (b"", "no sequence"),
        (b">chr1\n", "no sequence"),
        (b">\nACGT\n", "no name"),
        (b">a\nACGT\n>a\nACGT\n", "two sequences are named a"),
        (b">a\nACGT\n\nACGT\n", "a line is not as long"),
        (b">a\nAC\nACGT\n", "a line is not as long"),
        (b">a\nAC\x00\n", "sequence a holds what is no base"),
        (b">a\nACGT\n@CGT\nACGT\n", "sequence a holds what is no base"),
        (b">a\n" + b"A" * 2_000_000 + b">\n", "sequence a holds what is no base"),
        (gzip.compress(GENOME, mtime=0)[:20], "decompressed"),
    ],
)
def test_what_is_no_fasta_is_refused_with_a_reason(folder: Path, text: bytes, said: str) -> None:
    with pytest.raises(ValidationFault, match=f"not a FASTA file: .*{said}"):
        indexed(folder, text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that is worked in, as by the process that reads files."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def indexed(folder: Path, text: bytes) -> bytes:
    (folder / "x").write_bytes(text)
    (folder / "reference.fa").unlink(missing_ok=True)
    (folder / "reference.fa.fai").unlink(missing_ok=True)
    references.index(folder / "x", Path("index"))
    return (folder / "index").read_bytes()


def test_an_index_counts_the_ends_of_lines_as_they_are(folder: Path) -> None:
    windows = b">a\r\nACGT\r\nAC\r\n>b\r\nA\r\n"
    assert indexed(folder, windows) == b"a\t6\t4\t4\t6\nb\t1\t18\t1\t3\n"
    assert indexed(folder, b">a\nACGT\nACGT") == b"a\t8\t3\t4\t5\n"


@pytest.mark.parametrize("how", [lambda text: text, lambda text: gzip.compress(text, mtime=0)])
def test_an_index_of_many_lines_is_that_of_each(
    folder: Path, how: Callable[[bytes], bytes]
) -> None:
    lines = b"ACGTN" * 12 + b"\n"
    text = b">a x\n" + lines * 50_000 + b"AC\n>b\n" + lines * 50_000
    found = b"a\t3000002\t5\t60\t61\nb\t3000000\t3050011\t60\t61\n"
    assert indexed(folder, how(text)) == found
    for odd in (b"AC>\n", b"\n", lines + b"@" + lines[1:]):
        with pytest.raises(ValidationFault):
            indexed(folder, how(text + odd + lines))


def test_a_kill_in_the_middle_of_an_import_loses_and_doubles_nothing(
    starter: Callable[[], Clients],
) -> None:
    before = starter()
    before.s3.create_bucket(Bucket=BUCKET)
    store = before.omics.create_reference_store(name="killed")["id"]
    value = b">a\n" + b"ACGT\n" * 2_000_000
    sources = [{"sourceFile": put(before, f"{n}.fa", value), "name": f"no-{n}"} for n in range(3)]
    job = before.omics.start_reference_import_job(
        referenceStoreId=store, roleArn=before.service.role_arn, sources=sources
    )["id"]
    kill(before)
    after = starter()
    done = settled(
        lambda: after.omics.get_reference_import_job(referenceStoreId=store, id=job), "COMPLETED"
    )
    found = after.omics.list_references(referenceStoreId=store)["references"]
    assert sorted(one["id"] for one in found) == sorted(
        source["referenceId"] for source in done["sources"]
    )
    assert len(found) == 3
