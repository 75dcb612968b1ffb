"""Import, export and activation jobs of read sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Clients
from .sequence_data import REFERENCE, SequenceStore, bam, fastq, gzipped, kill

READS = "s3://inputs/reads.fastq.gz"


@pytest.fixture(scope="module")
def store(fake: Clients, tmp_path_factory: pytest.TempPathFactory) -> SequenceStore:
    """A store, and the bucket `inputs` with files to import."""
    _put_inputs(fake)
    path = bam(tmp_path_factory.mktemp("bam") / "x.bam")
    fake.s3.upload_file(str(path), "inputs", "deep/er/aligned.bam")
    fake.s3.create_bucket(Bucket="exports")
    return SequenceStore.new(fake)


def _put_inputs(clients: Clients) -> None:
    clients.s3.create_bucket(Bucket="inputs")
    for key in ("reads.fastq.gz", "again/reads.fastq.gz"):
        clients.s3.put_object(Bucket="inputs", Key=key, Body=gzipped(fastq()))


def test_an_import_makes_a_read_set_of_each_source(store: SequenceStore) -> None:
    done = store.imported(
        {"sourceFiles": {"source1": READS}, "name": "first", "tags": {"k": "v"}},
        {
            "sourceFiles": {"source1": "s3://inputs/deep/er/aligned.bam"},
            "sourceFileType": "BAM",
            "referenceArn": REFERENCE,
            "generatedFrom": "a machine",
        },
    )
    assert (done["status"], done["roleArn"]) == ("COMPLETED", store.clients.service.role_arn)
    assert done["completionTime"] >= done["creationTime"]
    assert [source["status"] for source in done["sources"]] == ["FINISHED", "FINISHED"]
    reads, aligned = (store.metadata(source["readSetId"]) for source in done["sources"])
    assert (reads["name"], reads["status"], reads["creationType"]) == ("first", "ACTIVE", "IMPORT")
    assert (reads["creationJobId"], aligned["creationJobId"]) == (done["id"], done["id"])
    assert aligned["sequenceInformation"]["generatedFrom"] == "a machine"
    assert store.read(reads["id"]) == gzipped(fastq())
    tags = store.clients.omics.list_tags_for_resource(resourceArn=reads["arn"])["tags"]
    assert tags == {"k": "v"}


def test_imported_files_keep_their_names(store: SequenceStore) -> None:
    done = store.imported(
        {"sourceFiles": {"source1": READS, "source2": "s3://inputs/again/reads.fastq.gz"}},
        {
            "sourceFiles": {"source1": "s3://inputs/deep/er/aligned.bam"},
            "sourceFileType": "BAM",
            "referenceArn": REFERENCE,
        },
    )
    names = [
        [
            file["s3Access"]["s3Uri"].rpartition("/")[2]
            for file in store.metadata(source["readSetId"])["files"].values()
        ]
        for source in done["sources"]
    ]
    assert names == [
        ["reads_source1.fastq.gz", "reads_source2.fastq.gz"],
        ["aligned.bam", "aligned.bam.bai"],
    ]


def test_a_bad_source_fails_alone(store: SequenceStore) -> None:
    before = store.ids()
    done = store.imported(
        {"sourceFiles": {"source1": "s3://inputs/deep/er/aligned.bam"}},
        {"sourceFiles": {"source1": READS}},
        {"sourceFiles": {"source1": "s3://inputs/nothing"}},
    )
    assert done["status"] == "COMPLETED_WITH_FAILURES"
    assert [source["status"] for source in done["sources"]] == ["FAILED", "FINISHED", "FAILED"]
    assert "s3://inputs/nothing" in done["sources"][2]["statusMessage"]
    assert "readSetId" not in done["sources"][0]
    assert len(store.ids()) == len(before) + 1


def test_a_job_whose_sources_all_fail_has_failed(store: SequenceStore) -> None:
    done = store.imported({"sourceFiles": {"source1": "s3://no-such-bucket/x"}})
    assert done["status"] == "FAILED"


@pytest.mark.parametrize(
    "source",
    [
        {"sourceFileType": "BAM", "sourceFiles": {"source1": READS}},
        {
            "sourceFileType": "UBAM",
            "sourceFiles": {"source1": READS, "source2": READS},
        },
        {"sourceFiles": {"source1": "https://example.org/reads"}},
    ],
)
def test_sources_that_cannot_be_are_refused_at_once(
    store: SequenceStore, source: dict[str, object]
) -> None:
    with pytest.raises(store.clients.omics.exceptions.ValidationException):
        store.start_import(source)


def test_an_export_puts_every_file_at_the_destination(store: SequenceStore) -> None:
    aligned = {"sourceFileType": "BAM", "referenceArn": REFERENCE}
    done = store.imported(
        {"sourceFiles": {"source1": READS}},
        {"sourceFiles": {"source1": "s3://inputs/deep/er/aligned.bam"}, **aligned},
    )
    reads, aligned_id = (source["readSetId"] for source in done["sources"])
    exported = store.exported("s3://exports/some/where/", reads, aligned_id)
    assert exported["status"] == "COMPLETED"
    assert [item["id"] for item in exported["readSets"]] == [reads, aligned_id]
    s3 = store.clients.s3
    listed = s3.list_objects_v2(Bucket="exports", Prefix="some/where/")["Contents"]
    assert {item["Key"].removeprefix("some/where/") for item in listed} == {
        f"{reads}/reads.fastq.gz",
        f"{aligned_id}/aligned.bam",
        f"{aligned_id}/aligned.bam.bai",
    }
    object = s3.get_object(Bucket="exports", Key=f"some/where/{reads}/reads.fastq.gz")
    assert object["Body"].read() == gzipped(fastq())


def test_an_export_to_nowhere_fails(store: SequenceStore) -> None:
    id = store.uploaded(fastq())["id"]
    done = store.exported("s3://no-such-bucket/", id)
    assert (done["status"], done["readSets"][0]["status"]) == ("FAILED", "FAILED")


def test_an_active_read_set_needs_no_activation(store: SequenceStore) -> None:
    done = store.activated(store.uploaded(fastq())["id"])
    assert done["status"] == "COMPLETED"
    assert done["sources"][0]["statusMessage"].startswith("No activation needed")


def test_a_read_set_that_failed_cannot_be_activated(store: SequenceStore) -> None:
    done = store.activated(store.uploaded(b"no reads")["id"])
    assert (done["status"], done["sources"][0]["status"]) == ("FAILED", "FAILED")


def test_jobs_for_what_is_not_there_are_refused(store: SequenceStore) -> None:
    missing = store.clients.omics.exceptions.ResourceNotFoundException
    nowhere = SequenceStore(store.clients, "9999999999")
    for begin in (
        lambda: store.exported("s3://exports/", "9999999999"),
        lambda: store.activated("9999999999"),
        lambda: nowhere.imported({"sourceFiles": {"source1": READS}}),
        lambda: store.done("import", "9999999999"),
    ):
        with pytest.raises(missing):
            begin()


def test_at_most_twenty_read_sets_are_activated_at_once(store: SequenceStore) -> None:
    with pytest.raises(
        store.clients.omics.exceptions.ValidationException, match="less than or equal to 20"
    ):
        store.activated(*(str(1_000_000_000 + number) for number in range(21)))


@pytest.mark.parametrize("kind", ["import", "export", "activation"])
def test_jobs_are_listed_by_status_and_time(fake: Clients, store: SequenceStore, kind: str) -> None:
    other = SequenceStore.new(fake)
    id = other.uploaded(fastq())["id"]
    begin: dict[str, Callable[[], dict[str, object]]] = {
        "import": lambda: other.imported({"sourceFiles": {"source1": READS}}),
        "export": lambda: other.exported("s3://exports/listed/", id),
        "activation": lambda: other.activated(id),
    }
    made = [begin[kind]()["id"] for _ in range(3)]
    operation, key = f"list_read_set_{kind}_jobs", f"{kind}Jobs"

    def listed(**asked: str) -> list[str]:
        pages = fake.omics.get_paginator(operation).paginate(
            sequenceStoreId=other.id, filter=asked, PaginationConfig={"PageSize": 2}
        )
        return [job["id"] for page in pages for job in page[key]]

    assert listed() == listed(status="COMPLETED") == made[::-1]
    assert listed(status="FAILED") == listed(createdBefore="2020-01-01T00:00:00Z") == []


def test_an_import_goes_on_after_a_kill(starter: Callable[[], Clients]) -> None:
    clients = starter()
    _put_inputs(clients)
    store = SequenceStore.new(clients)
    job = store.start_import(*[{"sourceFiles": {"source1": READS}}] * 100)
    kill(clients)
    store = SequenceStore(starter(), store.id)
    done = store.done("import", job)
    assert done["status"] == "COMPLETED"
    assert sorted(source["readSetId"] for source in done["sources"]) == sorted(store.ids())


def test_an_import_is_begun_once_per_token(store: SequenceStore) -> None:
    asked = {
        "sequenceStoreId": store.id,
        "roleArn": store.clients.service.role_arn,
        "clientToken": "t",
        "sources": [
            {
                "sourceFiles": {"source1": READS},
                "sourceFileType": "FASTQ",
                "subjectId": "s",
                "sampleId": "t",
            }
        ],
    }
    start = store.clients.omics.start_read_set_import_job
    assert start(**asked)["id"] == start(**asked)["id"]


def test_uploads_and_imports_of_the_same_reads_have_the_same_etag(
    store: SequenceStore, tmp_path: Path
) -> None:
    done = store.imported({"sourceFiles": {"source1": READS}})
    imported = store.metadata(done["sources"][0]["readSetId"])
    assert imported["etag"] == store.uploaded(fastq())["etag"]
