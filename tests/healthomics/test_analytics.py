"""Variant stores, annotation stores and their import jobs."""

from __future__ import annotations

import gzip
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import local_healthomics as local

from .conftest import Clients, connect, refused, settled

ROLE = "arn:aws:iam::123456789012:role/LocalHealthOmics"
VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORD = "1\t10\t.\tA\tT\t.\tPASS\t.\n"
SCHEMA = [{"chromosome": "STRING"}, {"position": "INT"}, {"score": "DOUBLE"}]
PLACES = {"CHR": "chromosome", "POS": "position"}


def reference(clients: Clients) -> dict[str, str]:
    """The account's one reference, which the first call makes."""
    omics = clients.omics
    stores = omics.list_reference_stores()["referenceStores"]
    if stores:
        found = omics.list_references(referenceStoreId=stores[0]["id"])["references"]
        return {"referenceArn": found[0]["arn"]}
    store = {"referenceStoreId": omics.create_reference_store(name="references")["id"]}
    source = {"sourceFile": put(clients, "hg.fa", ">chr1\nACGTACGT\n")["source"], "name": "chr1"}
    job = omics.start_reference_import_job(**store, roleArn=ROLE, sources=[source])["id"]
    settled(lambda: omics.get_reference_import_job(**store, id=job), "COMPLETED")
    return reference(clients)


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory, fake_engine: list[str]) -> Iterator[Clients]:
    service = local.start(tmp_path_factory.mktemp("analytics"), engine=fake_engine)
    yield connect(service)
    service.stop()


def wait(clients: Clients, waiter: str, **ask: Any) -> None:
    """One of botocore's own waiters, which would poll every 30 seconds."""
    quick = {"Delay": 0.1, "MaxAttempts": 3000}
    clients.omics.get_waiter(waiter).wait(**ask, WaiterConfig=quick)


def variant_store(clients: Clients, name: str, **options: Any) -> dict[str, Any]:
    clients.omics.create_variant_store(name=name, reference=reference(clients), **options)
    return settled(lambda: clients.omics.get_variant_store(name=name), "ACTIVE")


def annotation_store(clients: Clients, name: str, form: str, **options: Any) -> dict[str, Any]:
    clients.omics.create_annotation_store(
        name=name, storeFormat=form, reference=reference(clients), **options
    )
    return settled(lambda: clients.omics.get_annotation_store(name=name), "ACTIVE")


def put(clients: Clients, key: str, value: str | bytes) -> dict[str, str]:
    body = value.encode() if isinstance(value, str) else value
    clients.s3.put_object(Bucket="omics-local", Key=key, Body=body)
    return {"source": f"s3://omics-local/{key}"}


def variants(clients: Clients, store: str, *items: dict[str, str], **options: Any) -> Any:
    """The variant import job of these items, once it is over."""
    job = clients.omics.start_variant_import_job(
        destinationName=store, roleArn=ROLE, items=list(items), **options
    )["jobId"]
    over = ("COMPLETED", "FAILED", "COMPLETED_WITH_FAILURES")
    return settled(lambda: clients.omics.get_variant_import_job(jobId=job), *over)


def annotations(clients: Clients, store: str, item: dict[str, str], **options: Any) -> Any:
    job = clients.omics.start_annotation_import_job(
        destinationName=store, roleArn=ROLE, items=[item], **options
    )["jobId"]
    return settled(
        lambda: clients.omics.get_annotation_import_job(jobId=job), "COMPLETED", "FAILED"
    )


def test_a_variant_store_is_made_read_changed_and_deleted(clients: Clients) -> None:
    made = clients.omics.create_variant_store(
        name="mine",
        reference=reference(clients),
        description="d",
        tags={"a": "1"},
    )
    assert made["status"] == "CREATING"
    wait(clients, "variant_store_created", name="mine")
    found = clients.omics.get_variant_store(name="mine")
    assert found["id"] == made["id"]
    assert found["storeArn"] == "arn:aws:omics:us-east-1:123456789012:variantStore/mine"
    assert (found["description"], found["tags"]) == ("d", {"a": "1"})
    assert (found["sseConfig"], found["storeSizeBytes"]) == ({"type": "KMS"}, 0)
    changed = clients.omics.update_variant_store(name="mine", description="e")
    assert changed["description"] == "e"
    assert clients.omics.delete_variant_store(name="mine")["status"] == "DELETING"
    wait(clients, "variant_store_deleted", name="mine")
    code, _ = refused(clients.omics.get_variant_store, name="mine")
    assert code == "ResourceNotFoundException"


def test_a_name_is_one_stores_only_and_made_up_if_not_given(clients: Clients) -> None:
    variant_store(clients, "taken")
    again = {"name": "taken", "reference": reference(clients)}
    assert refused(clients.omics.create_variant_store, **again)[0] == "ConflictException"
    made = clients.omics.create_variant_store(reference=reference(clients))
    assert settled(lambda: clients.omics.get_variant_store(name=made["name"]), "ACTIVE")


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        (r"\d+$", "1000000000", "ResourceNotFoundException"),
        (r"(?<=Store/)\d+", "1000000000", "ResourceNotFoundException"),
        (r"(?<=:)\d{12}", "222222222222", "AccessDeniedException"),
        (r"/reference/.*", "", "ValidationException"),
        (r":omics:.*", ":s3:::bucket", "ValidationException"),
    ],
)
def test_the_reference_must_be_there(clients: Clients, right: str, wrong: str, code: str) -> None:
    arn = re.sub(right, wrong, reference(clients)["referenceArn"])
    said, _ = refused(
        clients.omics.create_variant_store, name="none", reference={"referenceArn": arn}
    )
    assert said == code


def test_stores_are_listed_by_state_and_by_id(clients: Clients) -> None:
    store = variant_store(clients, "listed")
    by_id = clients.omics.list_variant_stores(ids=[store["id"]])["variantStores"]
    assert [item["name"] for item in by_id] == ["listed"]
    active = clients.omics.list_variant_stores(filter={"status": "ACTIVE"})["variantStores"]
    assert "listed" in {item["name"] for item in active}
    assert not clients.omics.list_variant_stores(filter={"status": "FAILED"})["variantStores"]


def test_variants_are_imported_from_plain_and_gzip_files(clients: Clients) -> None:
    variant_store(clients, "filled")
    text = (VCF + RECORD).encode()
    job = variants(
        clients,
        "filled",
        put(clients, "a.vcf", text),
        put(clients, "b.vcf.gz", gzip.compress(text, mtime=0)),
        annotationFields={"VEP": "CSQ"},
    )
    assert job["status"] == "COMPLETED"
    assert [item["jobStatus"] for item in job["items"]] == ["COMPLETED", "COMPLETED"]
    assert job["annotationFields"] == {"VEP": "CSQ"}
    assert job["runLeftNormalization"] is False
    size = len(text) + len(gzip.compress(text, mtime=0))
    assert clients.omics.get_variant_store(name="filled")["storeSizeBytes"] == size


def test_each_bad_file_fails_with_its_own_message(clients: Clients) -> None:
    variant_store(clients, "mixed")
    good = put(clients, "good.vcf", VCF + RECORD)
    bad = put(clients, "bad.vcf", VCF + "1\tten\t.\tA\tT\t.\t.\t.\n")
    job = variants(clients, "mixed", good, bad)
    assert job["status"] == "COMPLETED_WITH_FAILURES"
    assert job["items"][1]["statusMessage"] == "line 3: POS 'ten' is no position"
    job = variants(clients, "mixed", bad, {"source": "s3://omics-local/none.vcf"})
    assert job["status"] == "FAILED"
    assert "no such object" in job["items"][1]["statusMessage"]
    listed = clients.omics.list_variant_import_jobs(
        filter={"storeName": "mixed", "status": "FAILED"}
    )["variantImportJobs"]
    assert [item["id"] for item in listed] == [job["id"]]


def test_a_job_needs_an_active_store_and_ends_once(clients: Clients) -> None:
    variant_store(clients, "ends_once")
    item = put(clients, "once.vcf", VCF)
    wanted = {"destinationName": "nowhere", "roleArn": ROLE, "items": [item]}
    code, _ = refused(clients.omics.start_variant_import_job, **wanted)
    assert code == "ResourceNotFoundException"
    job = variants(clients, "ends_once", item)
    code, message = refused(clients.omics.cancel_variant_import_job, jobId=job["id"])
    assert (code, "COMPLETED already" in message) == ("ValidationException", True)


def test_an_annotation_store_is_made_with_a_first_version(clients: Clients) -> None:
    made = clients.omics.create_annotation_store(
        name="notes",
        storeFormat="VCF",
        reference=reference(clients),
        versionName="one",
    )
    assert made["versionName"] == "one"
    found = settled(lambda: clients.omics.get_annotation_store(name="notes"), "ACTIVE")
    assert found["numVersions"] == 1
    version = settled(
        lambda: clients.omics.get_annotation_store_version(name="notes", versionName="one"),
        "ACTIVE",
    )
    assert version["versionArn"] == f"{found['storeArn']}/version/one"
    assert version["storeId"] == found["id"]


def test_only_a_generic_tsv_store_needs_no_reference(clients: Clients) -> None:
    create = clients.omics.create_annotation_store
    code, message = refused(create, name="bare", storeFormat="VCF")
    assert (code, "reference is required" in message) == ("ValidationException", True)
    by_position = {"tsvStoreOptions": {"annotationType": "CHR_POS", "formatToHeader": PLACES}}
    code, _ = refused(create, name="bare", storeFormat="TSV", storeOptions=by_position)
    assert code == "ValidationException"
    assert create(name="bare", storeFormat="TSV")["status"] == "CREATING"


@pytest.mark.parametrize(
    ("form", "options", "said"),
    [
        ("VCF", {"annotationType": "GENERIC"}, "is for TSV stores"),
        ("TSV", {"annotationType": "CHR_POS", "formatToHeader": {"CHR": "c"}}, "has no POS"),
        ("TSV", {"schema": [{"a": "INT"}, {"a": "LONG"}]}, "a column twice"),
        ("TSV", {"schema": [{"a": "INT"}], "formatToHeader": {"CHR": "c"}}, "no columns of"),
    ],
)
def test_tsv_options_must_not_contradict_each_other(
    clients: Clients, form: str, options: dict[str, Any], said: str
) -> None:
    code, message = refused(
        clients.omics.create_annotation_store,
        name="odd",
        storeFormat=form,
        reference=reference(clients),
        storeOptions={"tsvStoreOptions": options},
    )
    assert code == "ValidationException"
    assert said in message


def test_annotations_go_to_the_version_that_is_named(clients: Clients) -> None:
    options = {"annotationType": "CHR_POS", "formatToHeader": PLACES, "schema": SCHEMA}
    annotation_store(clients, "tables", "TSV", storeOptions={"tsvStoreOptions": options})
    made = clients.omics.create_annotation_store_version(name="tables", versionName="second")
    assert made["versionOptions"] == {"tsvVersionOptions": options}
    ask = {"name": "tables", "versionName": "second"}
    settled(lambda: clients.omics.get_annotation_store_version(**ask), "ACTIVE")
    text = "chromosome,position,score\n1,5,0.5\n"
    read = {"tsvOptions": {"readOptions": {"sep": ",", "header": True}}}
    job = annotations(
        clients, "tables", put(clients, "t.csv", text), versionName="second", formatOptions=read
    )
    assert (job["status"], job["formatOptions"]) == ("COMPLETED", read)
    assert clients.omics.get_annotation_store_version(**ask)["versionSizeBytes"] == len(text)
    assert clients.omics.get_annotation_store(name="tables")["storeSizeBytes"] == len(text)
    job = annotations(clients, "tables", put(clients, "bad.tsv", "1\tfive\t0.5\n"))
    assert (job["status"], job["versionName"]) == ("FAILED", "default_version")
    assert job["statusMessage"] == "s3://omics-local/bad.tsv: row 1: position 'five' is no INT"


def test_vcf_and_gff_files_are_read_as_their_stores_want(clients: Clients) -> None:
    annotation_store(clients, "calls", "VCF")
    annotation_store(clients, "genes", "GFF")
    calls = put(clients, "q.vcf", VCF + RECORD.replace("T\t.", "T\thigh"))
    genes = put(clients, "g.gff3", "##gff-version 3\n1\tx\tgene\t1\t9\t.\t+\t.\tID=g\n")
    ignore = {"vcfOptions": {"ignoreQualField": True}}
    assert annotations(clients, "calls", calls)["status"] == "FAILED"
    assert annotations(clients, "calls", calls, formatOptions=ignore)["status"] == "COMPLETED"
    assert annotations(clients, "genes", genes)["status"] == "COMPLETED"
    assert annotations(clients, "genes", calls)["status"] == "FAILED"


def test_an_annotation_job_has_one_item_and_options_of_its_format(clients: Clients) -> None:
    annotation_store(clients, "single", "VCF")
    item = put(clients, "single.vcf", VCF)
    start = clients.omics.start_annotation_import_job
    wanted: dict[str, Any] = {"destinationName": "single", "roleArn": ROLE, "items": [item]}
    assert refused(start, **wanted | {"items": [item, item]})[0] == "ValidationException"
    code, message = refused(start, **wanted, formatOptions={"tsvOptions": {}})
    assert (code, message) == ("ValidationException", "formatOptions of a VCF store are vcfOptions")
    assert refused(start, **wanted, versionName="none")[0] == "ResourceNotFoundException"


def test_versions_are_deleted_one_by_one_and_then_the_store(clients: Clients) -> None:
    annotation_store(clients, "layers", "GFF", versionName="one")
    clients.omics.create_annotation_store_version(name="layers", versionName="two")
    listed = clients.omics.list_annotation_store_versions(name="layers")
    assert [item["versionName"] for item in listed["annotationStoreVersions"]] == ["two", "one"]
    code, message = refused(clients.omics.delete_annotation_store, name="layers")
    assert (code, "more than one version" in message) == ("ConflictException", True)
    errors = clients.omics.delete_annotation_store_versions(
        name="layers", versions=["two", "three"]
    )["errors"]
    assert errors == [{"versionName": "three", "message": "version three does not exist"}]
    wait(clients, "annotation_store_version_deleted", name="layers", versionName="two")
    clients.omics.delete_annotation_store(name="layers")
    wait(clients, "annotation_store_deleted", name="layers")
    code, _ = refused(clients.omics.get_annotation_store_version, name="layers", versionName="one")
    assert code == "ResourceNotFoundException"


def test_stores_and_jobs_outlive_the_server(starter: Callable[[], Clients], tmp_path: Path) -> None:
    first = starter()
    variant_store(first, "kept")
    job = variants(first, "kept", put(first, "kept.vcf", VCF + RECORD))
    first.service.stop()
    second = starter()
    assert second.omics.get_variant_import_job(jobId=job["id"])["items"] == job["items"]
    found = second.omics.get_variant_store(name="kept")
    assert found["storeSizeBytes"] == len(VCF + RECORD)


def test_a_job_goes_on_after_the_server_was_killed(
    starter: Callable[[], Clients], tmp_path: Path
) -> None:
    first = starter()
    variant_store(first, "killed")
    large = put(first, "large.vcf", VCF + RECORD * 100_000)
    job = first.omics.start_variant_import_job(
        destinationName="killed", roleArn=ROLE, items=[large] * 3
    )["jobId"]
    os.kill(first.service.pid, signal.SIGKILL)
    second = starter()
    found = settled(lambda: second.omics.get_variant_import_job(jobId=job), "COMPLETED", "FAILED")
    assert found["status"] == "COMPLETED"
    size = second.omics.get_variant_store(name="killed")["storeSizeBytes"]
    assert size == 3 * len(VCF + RECORD * 100_000)


def test_quotas_of_stores_and_files_are_enforced_if_asked_for(
    tmp_path: Path, fake_engine: list[str]
) -> None:
    options = ["--quota", "variantStores=1", "--quota", "filesPerVariantImportJob=1"]
    service = local.start(tmp_path, engine=fake_engine, options=options)
    clients = connect(service)
    variant_store(clients, "only")
    other = {"name": "other", "reference": reference(clients)}
    code, _ = refused(clients.omics.create_variant_store, **other)
    assert code == "ServiceQuotaExceededException"
    item = {"source": "s3://omics-local/a.vcf"}
    two = {"destinationName": "only", "roleArn": ROLE, "items": [item, item]}
    code, _ = refused(clients.omics.start_variant_import_job, **two)
    assert code == "ServiceQuotaExceededException"
    service.stop()


def test_an_unfinished_job_can_be_cancelled_and_holds_its_store(
    tmp_path: Path, fake_engine: list[str]
) -> None:
    """Of files that take much longer to read than to ask for all of this."""
    state = tmp_path / "state"
    service = local.start(state, engine=fake_engine)
    clients = connect(service)
    variant_store(clients, "busy")
    large = put(clients, "large.vcf", VCF + RECORD * 400_000)
    job = clients.omics.start_variant_import_job(
        destinationName="busy", roleArn=ROLE, items=[large] * 50
    )["jobId"]
    assert refused(clients.omics.delete_variant_store, name="busy")[0] == "ConflictException"
    clients.omics.cancel_variant_import_job(jobId=job)
    found = clients.omics.get_variant_import_job(jobId=job)
    assert found["status"] == "CANCELLED"
    assert {item["jobStatus"] for item in found["items"]} == {"CANCELLED"}
    other = clients.omics.start_variant_import_job(
        destinationName="busy", roleArn=ROLE, items=[large] * 50
    )["jobId"]
    clients.omics.delete_variant_store(name="busy", force=True)
    assert clients.omics.get_variant_import_job(jobId=other)["status"] == "CANCELLED"
    service.stop()


def test_closed_analytics_refuse_new_customers(tmp_path: Path, fake_engine: list[str]) -> None:
    service = local.start(tmp_path, engine=fake_engine, options=["--analytics", "closed"])
    clients = connect(service)
    omics = clients.omics
    code, message = refused(omics.create_variant_store, name="mine", reference=reference(clients))
    assert (code, "no longer open to new customers" in message) == ("AccessDeniedException", True)
    start = {"destinationName": "mine", "roleArn": ROLE, "items": [{"source": "s3://bbb/k"}]}
    assert refused(omics.start_annotation_import_job, **start)[0] == "AccessDeniedException"
    assert omics.list_annotation_stores()["annotationStores"] == []
    service.stop()
