"""Run caches: their operations, and runs that fill and use them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Clients, zipped

TWO = """version 1.0
workflow w {
    input { File a Boolean broken = false }
    call first { input: a = a }
    call second { input: a = first.o, broken = broken }
    output { File o = second.o }
}
task first {
    input { File a }
    command <<< echo "ran first"; cat ~{a} > out.txt >>>
    output { File o = "out.txt" }
    runtime { container: "x/y:1" }
}
task second {
    input { File a Boolean broken }
    command <<< ~{if broken then "exit 1" else ""}
        cat ~{a} > out.txt >>>
    output { File o = "out.txt" }
    runtime { container: "x/y:1" }
}
"""


def made(clients: Clients, **options: Any) -> str:
    answer = clients.omics.create_run_cache(cacheS3Location="s3://omics-local/caches/", **options)
    assert answer["status"] == "ACTIVE"
    return str(answer["id"])


def test_a_cache_is_made_read_changed_listed_and_deleted(fake: Clients) -> None:
    id = made(fake, name="n", description="d", tags={"k": "v"})
    read = fake.omics.get_run_cache(id=id)
    assert read["cacheBehavior"] == "CACHE_ON_FAILURE"
    assert read["cacheS3Uri"].startswith("s3://omics-local/caches/")
    assert read["cacheBucketOwnerId"] == "123456789012"
    assert read["tags"] == {"k": "v"}
    fake.omics.update_run_cache(id=id, cacheBehavior="CACHE_ALWAYS", name="m")
    read = fake.omics.get_run_cache(id=id)
    assert (read["cacheBehavior"], read["name"], read["description"]) == ("CACHE_ALWAYS", "m", "d")
    assert id in [cache["id"] for cache in fake.omics.list_run_caches()["items"]]
    fake.omics.delete_run_cache(id=id)
    missing = fake.omics.exceptions.ResourceNotFoundException
    for ask in (fake.omics.get_run_cache, fake.omics.update_run_cache, fake.omics.delete_run_cache):
        with pytest.raises(missing):
            ask(id=id)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cacheS3Location": "s3://absent-bucket/x"}, "does not exist"),
        ({"cacheS3Location": "x"}, "cacheS3Location"),
        ({"cacheBucketOwnerId": "999999999999"}, "is not of 999999999999"),
    ],
)
def test_the_bucket_of_a_cache_is_checked(fake: Clients, change: dict[str, str], said: str) -> None:
    with pytest.raises(fake.omics.exceptions.ValidationException, match=said):
        fake.omics.create_run_cache(**{"cacheS3Location": "s3://omics-local/c", **change})


def test_a_run_takes_the_behavior_of_its_cache_unless_told(fake: Clients, workflow: str) -> None:
    id = made(fake)
    plain = fake.omics.get_run(id=fake.start(workflow, cacheId=id))
    assert (plain["cacheId"], plain["cacheBehavior"]) == (id, "CACHE_ON_FAILURE")
    told = fake.start(workflow, cacheId=id, cacheBehavior="CACHE_ALWAYS")
    assert fake.omics.get_run(id=told)["cacheBehavior"] == "CACHE_ALWAYS"


def test_a_failed_run_is_taken_up_from_its_cache(real: Clients) -> None:
    real.s3.put_object(Bucket="omics-local", Key="in/c.txt", Body=b"hello")
    workflow = real.active_workflow(definitionZip=zipped(main=TWO))
    id = made(real)

    def run(broken: bool, ends: str) -> str:
        started = real.omics.start_run(
            workflowId=workflow,
            roleArn=real.service.role_arn,
            cacheId=id,
            outputUri=real.service.default_output_uri,
            parameters={"a": "s3://omics-local/in/c.txt", "broken": broken},
        )["id"]
        real.until(started, ends)
        return str(started)

    failed = run(True, "FAILED")
    used = json.loads((real.service.state / "rights.json").read_text())
    assert ["role", "s3:GetObject", "arn:aws:s3:::omics-local/caches/*"] in used
    by_name = {t["name"]: t for t in real.omics.list_run_tasks(id=failed)["items"]}
    assert "cacheS3Uri" not in by_name["first"]  # it was no hit
    again = {t["name"]: t for t in real.omics.list_run_tasks(id=run(False, "COMPLETED"))["items"]}
    assert again["first"]["cacheHit"]
    entry = again["first"]["cacheS3Uri"]
    assert entry.startswith("s3://omics-local/caches/")
    assert f"/{failed}/{by_name['first']['taskId']}/" in entry
    assert not again["second"]["cacheHit"]
    assert "cacheS3Uri" not in again["second"]  # the run did not fail
    stream = f"runCache/{id}/{entry.split('/')[4]}"
    said = [line.split()[0] for line in real.lines(stream)]
    assert {"CACHE_MISS", "CACHE_ENTRY_CREATED", "CACHE_HIT"} == set(said)
