"""What the service is asked for, from the options."""

from __future__ import annotations

from dataclasses import fields, replace

from snakemake_executor_omics.aws.records import GRAPH_TAG, JOBS_TAG, OWNER_TAG, WORK_TAG
from snakemake_executor_omics.aws.runs import RunRequest
from snakemake_executor_omics.model import (
    Definition,
    FileRef,
    JobKey,
    OutputFile,
    Step,
    Task,
    Wave,
)
from snakemake_executor_omics.runs.request import (
    first_jobs,
    graph_hash,
    plan_hash,
    run_request,
    version_spec,
)
from snakemake_executor_omics.settings.options import (
    CacheBehavior,
    LogLevel,
    NetworkingMode,
    Options,
    Retention,
    ScratchStorage,
    StorageType,
)

OPTIONS = Options(
    role_arn="arn:aws:iam::123456789012:role/omics",
    output_uri="s3://results/project",
    workflow_name="project",
    region="us-east-1",
)
DEFINITION = Definition(b"zip", {"README.md": "text"}, {"a": {"optional": True}}, {}, {}, "digest")


def _run(options: Options, cache_id: str | None = None) -> RunRequest:
    return run_request(
        options,
        plan="plan",
        work="work",
        graph="graph",
        token="token",
        workflow_id="1",
        version_name="v",
        jobs=3,
        parameters={"a": "s3://results/a"},
        run_group_id=None,
        cache_id=cache_id,
    )


def test_a_plain_run_is_asked_for_what_the_options_say_and_no_more() -> None:
    assert _run(OPTIONS).to_api() == {
        "workflowId": "1",
        "workflowVersionName": "v",
        "workflowType": "PRIVATE",
        "roleArn": OPTIONS.role_arn,
        "outputUri": "s3://results/project/runs",
        "requestId": "token",
        "parameters": {"a": "s3://results/a"},
        "name": "project",
        "storageType": "DYNAMIC",
        "tags": {OWNER_TAG: "plan", WORK_TAG: "work", GRAPH_TAG: "graph", JOBS_TAG: "3"},
    }


def test_every_option_of_a_run_is_sent() -> None:
    options = replace(
        OPTIONS,
        run_name="mine",
        cache_behavior=CacheBehavior.CACHE_ALWAYS,
        priority=3,
        storage_type=StorageType.STATIC,
        storage_capacity=1200,
        scratch_storage=ScratchStorage.LOCAL,
        retention=Retention.REMOVE,
        log_level=LogLevel.ERROR,
        networking_mode=NetworkingMode.VPC,
        configuration="vpc",
        tags=(("team", "x"),),
    )
    sent = _run(options, cache_id="5").to_api()
    assert sent["name"] == "mine"
    assert (sent["cacheId"], sent["cacheBehavior"]) == ("5", "CACHE_ALWAYS")
    assert (sent["priority"], sent["retentionMode"], sent["logLevel"]) == (3, "REMOVE", "ERROR")
    assert (sent["storageType"], sent["storageCapacity"]) == ("STATIC", 1200)
    assert sent["scratchStorageMode"] == "LOCAL"
    assert (sent["networkingMode"], sent["configurationName"]) == ("VPC", "vpc")
    assert sent["tags"] == {
        "team": "x",
        OWNER_TAG: "plan",
        WORK_TAG: "work",
        GRAPH_TAG: "graph",
        JOBS_TAG: "3",
    }
    left_out = {f.name for f in fields(RunRequest) if getattr(_run(options, "5"), f.name) is None}
    assert left_out == {"run_group_id"}


def test_a_version_holds_the_definition_and_the_workflows_name() -> None:
    spec = version_spec(OPTIONS, DEFINITION, {"registryMappings": []})
    assert (spec.workflow_name, spec.zip, spec.template) == ("project", b"zip", DEFINITION.template)
    assert spec.definitions_uri == "s3://results/project/definitions"
    assert spec.readme == "text"
    assert spec.container_registry_map == {"registryMappings": []}


def test_a_plan_changes_with_what_changes_its_results() -> None:
    plans = {
        plan_hash(DEFINITION, [{"a": "1"}], OPTIONS),
        plan_hash(replace(DEFINITION, digest="other"), [{"a": "1"}], OPTIONS),
        plan_hash(DEFINITION, [{"a": "2"}], OPTIONS),
        plan_hash(DEFINITION, [{"a": "1"}], replace(OPTIONS, output_uri="s3://results/x")),
    }
    assert len(plans) == 4
    named = replace(OPTIONS, run_name="other", priority=2)
    assert plan_hash(DEFINITION, [{"a": "1"}], named) in plans


def test_a_graph_is_told_by_its_first_jobs_and_what_they_read() -> None:
    first, second = (JobKey(name, (), (f"{name}.txt",)) for name in "ab")
    reads = (FileRef("in.txt"),)
    steps = {
        key: Step(key=key, command="true", outputs=(OutputFile(key.outputs[0]),))
        for key in (first, second)
    }
    below = (FileRef("a.txt", first),)
    wave = Wave(
        tuple(
            Task(key=key, layers=((steps[key],),), inputs=inputs, container="x/y:1")
            for key, inputs in ((first, reads), (second, below))
        )
    )
    texts, address = {first: "text a", second: "text b"}, {"in.txt": "s3://b/content"}
    found = first_jobs(wave, texts, address)
    assert len(found) == 1
    assert first_jobs(wave.only([first]), texts, address) == found
    assert first_jobs(wave, {**texts, second: "other"}, address) == found
    assert first_jobs(wave, {**texts, first: "other"}, address) != found
    assert first_jobs(wave, texts, {"in.txt": "s3://b/other"}) != found
    assert graph_hash(["1", "2"], OPTIONS) == graph_hash(["2", "1"], OPTIONS)
    elsewhere = replace(OPTIONS, output_uri="s3://results/x")
    assert graph_hash(["1"], OPTIONS) != graph_hash(["1"], elsewhere)
