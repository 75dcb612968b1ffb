"""Workflows and versions: what may be asked for, what becomes of it, what is handed out again."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import urllib.error
import urllib.request
import zipfile
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from .conftest import WDL, Clients, refused, zipped

FLOW = zipped(main=WDL)
CONNECTION = "arn:aws:codeconnections:us-east-1:123456789012:connection/11111111-2222"


@pytest.fixture(scope="module")
def bucket(fake: Clients) -> str:
    fake.s3.create_bucket(Bucket="sources")
    for key, body in {
        "flow.zip": FLOW,
        "readme.md": b"# from S3\n",
        "none.zip": b"no zip",
        "large.md": bytes(500 * 1024 + 1),
        "latin.md": b"\xff\xfe",
        "map.json": json.dumps(
            {"imageMappings": [{"sourceImage": "x/y:1", "destinationImage": "mine:1"}]}
        ).encode(),
        "map.txt": b"{",
        "map-wrong.json": b'{"registryMappings": [{"ecrAccountId": "1"}]}',
    }.items():
        fake.s3.put_object(Bucket="sources", Key=key, Body=body)
    return "s3://sources"


def files(**texts: str | bytes) -> bytes:
    """A zip of files whose names have `__` for `/` and `_` for `.`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return out.getvalue()


def fetched(link: str) -> bytes:
    """What a client without credentials finds behind a link."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(link) as answer:
        body: bytes = answer.read()
    return body


def built(clients: Clients, **options: Any) -> dict[str, Any]:
    """A workflow once it is no longer CREATING."""
    made = clients.omics.create_workflow(**options)
    assert made["status"] == "CREATING"
    waiter = clients.omics.get_waiter("workflow_active")
    with contextlib.suppress(WaiterError):  # which is how it ends at FAILED
        waiter.wait(id=made["id"], WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000})
    found: dict[str, Any] = clients.omics.get_workflow(id=made["id"])
    return found


def test_a_definition_may_come_from_s3(fake: Clients, bucket: str) -> None:
    made = built(fake, definitionUri=f"{bucket}/flow.zip", workflowBucketOwnerId="123456789012")
    assert made["status"] == "ACTIVE"
    assert (made["engine"], made["main"]) == ("WDL", "main.wdl")
    assert made["digest"] == hashlib.sha256(FLOW).hexdigest()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"definitionUri": "s3://sources/gone.zip"}, "does not exist"),
        ({"definitionUri": "s3://no-such-bucket/flow.zip"}, "bucket of definitionUri"),
        ({"definitionUri": "https://example.com/flow.zip"}, "no URI of an S3 object"),
        ({"definitionUri": "s3://sources/flow.zip", "workflowBucketOwnerId": "9" * 12}, "own the"),
        ({"definitionUri": "s3://sources/flow.zip", "definitionZip": b"x"}, "exclude each other"),
        ({"definitionZip": b"x" * 4_400_001}, "larger than 4194304 bytes"),
        ({"definitionZip": b"x", "readmePath": "README.md"}, "path in a definitionRepository"),
        ({"definitionZip": b"x", "parameterTemplatePath": "p.json"}, "in a definitionRepository"),
        ({"definitionZip": b"x", "readmeMarkdown": "é" * 300_000}, "larger than 512000 bytes"),
        (
            {"definitionZip": b"x", "readmeMarkdown": "a", "readmeUri": "s3://sources/readme.md"},
            "readmeMarkdown and readmeUri exclude each other",
        ),
        ({"definitionZip": b"x", "readmeUri": "s3://sources/large.md"}, "larger than 512000 bytes"),
        ({"definitionZip": b"x", "readmeUri": "s3://sources/latin.md"}, "no UTF-8 text"),
        ({"definitionZip": b"x", "readmeUri": "s3://sources/gone.md"}, "does not exist"),
        ({"definitionZip": b"x", "containerRegistryMapUri": "s3://sources/gone"}, "does not exist"),
        ({"definitionZip": b"x", "containerRegistryMapUri": "s3://sources/map.txt"}, "no JSON"),
        (
            {"definitionZip": b"x", "containerRegistryMapUri": "s3://sources/map-wrong.json"},
            "registryMappings.1.member.upstreamRegistryUrl",
        ),
        (
            {
                "definitionZip": b"x",
                "containerRegistryMapUri": "s3://sources/map.json",
                "containerRegistryMap": {},
            },
            "exclude each other",
        ),
        ({"definitionZip": b"x", "parameterTemplate": {f"p{i}": {} for i in range(1001)}}, "1000"),
        ({"definitionZip": b"x", "parameterTemplate": {"p": {"description": "a\nb"}}}, "pattern"),
        ({"definitionZip": b"x", "parameterTemplate": {"p": {"description": "a" * 257}}}, "256"),
        (
            {
                "definitionZip": b"x",
                "parameterTemplate": {
                    f"p{i}": {"description": "\U0001f600" * 256} for i in range(500)
                },
            },
            "400000 bytes",
        ),
        ({"definitionZip": b"x", "tags": {f"k{i}": "" for i in range(51)}}, "at 'tags'"),
        ({"definitionZip": b"x", "accelerators": "TPU"}, "at 'accelerators'"),
        ({"definitionZip": b"x", "storageType": "TAPE"}, "at 'storageType'"),
        (
            {"definitionRepository": {"connectionArn": CONNECTION, "fullRepositoryId": "none"}},
            "at 'definitionRepository.fullRepositoryId'",
        ),
        (
            {
                "definitionRepository": {
                    "connectionArn": CONNECTION,
                    "fullRepositoryId": "a/b",
                    "sourceReference": {"type": "DAY", "value": "x"},
                }
            },
            "at 'definitionRepository.sourceReference.type'",
        ),
        (
            {
                "definitionRepository": {
                    "connectionArn": "arn:aws:s3:us-east-1:123456789012:b",
                    "fullRepositoryId": "a/b",
                }
            },
            "no ARN of a code connection",
        ),
    ],
)
def test_a_bad_request_is_refused_at_once(
    fake: Clients, bucket: str, options: dict[str, Any], said: str
) -> None:
    code, message = refused(fake.unchecked.create_workflow, **options)
    assert code == "ValidationException"
    assert said in message


def test_nothing_is_a_definition_too_little(fake: Clients) -> None:
    code, message = refused(fake.omics.create_workflow, name="empty")
    assert (code, "exactly one of definitionZip" in message) == ("ValidationException", True)


def test_a_code_connection_does_not_exist_here(fake: Clients) -> None:
    repository = {
        "connectionArn": CONNECTION,
        "fullRepositoryId": "a/b",
        "excludeFilePatterns": ["*.md"],
        "sourceReference": {"type": "BRANCH", "value": "main"},
    }
    code, message = refused(
        fake.omics.create_workflow,
        definitionRepository=repository,
        readmePath="docs/README.md",
        parameterTemplatePath="parameters.json",
    )
    assert code == "ResourceNotFoundException"
    assert CONNECTION in message


def test_what_is_no_zip_fails_later(fake: Clients, bucket: str) -> None:
    for source in ({"definitionZip": b"no zip"}, {"definitionUri": f"{bucket}/none.zip"}):
        made = built(fake, **source)
        assert (made["status"], made["statusMessage"]) == ("FAILED", "Invalid zip file")


def test_several_wdl_files_need_a_main(fake: Clients) -> None:
    several = files(a_wdl=WDL, b_wdl=WDL)
    failed = built(fake, definitionZip=several)
    assert failed["status"] == "FAILED"
    assert "2 WDL files at the top level" in failed["statusMessage"]
    assert built(fake, definitionZip=several, main="b.wdl")["main"] == "b.wdl"


def test_the_members_of_a_workflow_are_kept(fake: Clients) -> None:
    registries = {"imageMappings": [{"sourceImage": "x/y:1", "destinationImage": "mine:1"}]}
    given = {
        "name": "kept",
        "description": "d",
        "engine": "WDL_LENIENT",
        "accelerators": "GPU",
        "storageType": "STATIC",
        "storageCapacity": 2400,
        "containerRegistryMap": registries,
        "parameterTemplate": {"a": {"description": "mine"}},
        "tags": {"k": "v"},
    }
    made = built(fake, definitionZip=FLOW, **given)
    assert made["status"] == "ACTIVE"
    assert {name: made[name] for name in given} == given
    assert made["type"] == "PRIVATE"


def test_a_template_is_derived_where_none_is_given(fake: Clients) -> None:
    made = built(fake, definitionZip=FLOW)
    assert made["parameterTemplate"] == {"a": {"optional": False}, "n": {"optional": True}}


def test_an_exported_definition_is_the_zip_that_was_given(fake: Clients) -> None:
    made = built(fake, definitionZip=FLOW)
    link = fake.omics.get_workflow(id=made["id"], export=["DEFINITION"])["definition"]
    assert len(link) <= 256  # the model's bound
    assert fetched(link) == FLOW
    assert "definition" not in made
    assert "readme" not in fake.omics.get_workflow(id=made["id"], export=["README"])


def test_a_readme_is_found_given_or_changed(fake: Clients, bucket: str) -> None:
    def readme(id: str) -> bytes:
        return fetched(fake.omics.get_workflow(id=id, export=["README"])["readme"])

    packed = files(main_wdl=WDL, README_md="# from the zip")
    found = built(fake, definitionZip=packed)["id"]
    assert readme(found) == b"# from the zip"
    assert readme(built(fake, definitionZip=packed, readmeMarkdown="# mine")["id"]) == b"# mine"
    from_s3 = built(fake, definitionZip=packed, readmeUri=f"{bucket}/readme.md")["id"]
    assert readme(from_s3) == b"# from S3\n"
    fake.omics.update_workflow(id=found, readmeMarkdown="# new")
    assert readme(found) == b"# new"
    code, _ = refused(fake.omics.update_workflow, id=found, readmeMarkdown="x" * 512_001)
    assert code == "ValidationException"


def test_a_registry_map_may_lie_on_s3(fake: Clients, bucket: str) -> None:
    made = built(fake, definitionZip=FLOW, containerRegistryMapUri=f"{bucket}/map.json")
    assert made["containerRegistryMap"]["imageMappings"][0]["destinationImage"] == "mine:1"


def test_ready2run_workflows_do_not_exist_here(fake: Clients, workflow: str) -> None:
    omics = fake.omics
    assert omics.list_workflows(type="READY2RUN")["items"] == []
    assert workflow in {item["id"] for item in omics.list_workflows(type="PRIVATE")["items"]}
    for call, options in [
        (omics.get_workflow, {"id": workflow, "type": "READY2RUN"}),
        (omics.get_workflow, {"id": workflow, "workflowOwnerId": "9" * 12}),
        (omics.list_workflow_versions, {"workflowId": workflow, "type": "READY2RUN"}),
    ]:
        assert refused(call, **options)[0] == "ResourceNotFoundException"
    assert omics.get_workflow(id=workflow, type="PRIVATE", workflowOwnerId="123456789012")


def test_a_version_has_nothing_of_its_workflow(fake: Clients) -> None:
    omics = fake.omics
    workflow = built(
        fake,
        definitionZip=files(main_wdl=WDL, README_md="r"),
        description="of the workflow",
        accelerators="GPU",
        storageType="STATIC",
        tags={"k": "v"},
        readmeMarkdown="# w",
        parameterTemplate={"only": {}},
    )["id"]
    made = omics.create_workflow_version(
        workflowId=workflow, versionName="v1.0_b-c", definitionZip=FLOW
    )
    assert made["arn"].endswith(f":workflow/{workflow}/version/v1.0_b-c")
    place = {"workflowId": workflow, "versionName": "v1.0_b-c"}
    omics.get_waiter("workflow_version_active").wait(
        **place, WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000}
    )
    read = omics.get_workflow_version(**place, export=["DEFINITION", "README"])
    assert not {"description", "accelerators", "storageType", "readme"} & set(read)
    assert read["tags"] == {}
    assert set(read["parameterTemplate"]) == {"a", "n"}
    assert fetched(read["definition"]) == FLOW

    omics.update_workflow_version(
        **place, description="new", storageType="DYNAMIC", readmeMarkdown="# v"
    )
    read = omics.get_workflow_version(**place, export=["README"])
    assert (read["description"], read["storageType"]) == ("new", "DYNAMIC")
    assert fetched(read["readme"]) == b"# v"
    assert omics.get_workflow(id=workflow)["description"] == "of the workflow"
    assert refused(omics.delete_workflow, id=workflow)[0] == "ConflictException"
    omics.delete_workflow_version(**place)
    assert refused(omics.get_workflow_version, **place)[0] == "ResourceNotFoundException"
    omics.delete_workflow(id=workflow)
    assert refused(omics.get_workflow, id=workflow)[0] == "ResourceNotFoundException"


def test_a_deleted_workflow_leaves_no_export_behind(fake: Clients) -> None:
    made = built(fake, definitionZip=FLOW, readmeMarkdown="r")
    read = fake.omics.get_workflow(id=made["id"], export=["DEFINITION", "README"])
    fake.omics.delete_workflow(id=made["id"])
    for name in ("definition", "readme"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetched(read[name])


def test_an_image_of_a_task_is_mapped(real: Clients) -> None:
    workflow = real.active_workflow(
        containerRegistryMap={
            "registryMappings": [
                {"upstreamRegistryUrl": "registry-1.docker.io", "ecrRepositoryPrefix": "hub"}
            ],
        }
    )
    run = real.start_with(workflow, {"a": real.uploaded("in.txt", b"x")})
    real.until(run, "COMPLETED")
    (task,) = real.omics.list_run_tasks(id=run)["items"]
    details = real.omics.get_run_task(id=run, taskId=task["taskId"])["imageDetails"]
    host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
    assert (details["image"], details["sourceImage"]) == (f"{host}/hub/x/y:1", "x/y:1")


def test_a_lenient_run_converts_its_parameters_and_values(real: Clients) -> None:
    text = """version 1.0
workflow w {
    input { Int whole Float f Map[String,Int] m Array[Pair[String,Int]] q }
    Int i = f
    Array[Pair[String,Int]] pairs = m
    Map[String,Int] map = q
    output { Int o = whole + i Array[Pair[String,Int]] p = pairs Map[String,Int] r = map }
}
"""
    workflow = real.active_workflow(definitionZip=files(main_wdl=text), engine="WDL_LENIENT")
    parameters = {
        "whole": 2.0,
        "f": "3.0",
        "m": {"a": 1.0},
        "q": [{"left": "b", "right": "2"}],
    }
    done = real.until(real.start_with(workflow, parameters), "COMPLETED", "FAILED")
    assert done["status"] == "COMPLETED", done.get("statusMessage")
    assert real.outputs(done) == {
        "w.o": 5,
        "w.p": [{"left": "a", "right": 1}],
        "w.r": {"b": 2},
    }
    lossy = real.until(real.start_with(workflow, parameters | {"f": 3.5}), "COMPLETED", "FAILED")
    assert lossy["status"] == "FAILED"
    said = real.lines(f"run/{lossy['id']}/engine")
    assert any("3.5 as Int would lose precision" in line for line in said)
