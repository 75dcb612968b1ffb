"""Runs, run groups, run caches and logs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from snakemake_executor_omics.aws import logs, runs
from snakemake_executor_omics.aws.caches import ensure_run_cache
from snakemake_executor_omics.aws.groups import ensure_run_group
from snakemake_executor_omics.aws.records import (
    GRAPH_TAG,
    JOBS_TAG,
    OWNER_TAG,
    WORK_TAG,
    RunStatus,
    TaskStatus,
)
from snakemake_executor_omics.aws.runs import RunRequest
from snakemake_executor_omics.aws.session import Services, connect
from snakemake_executor_omics.aws.translate import translated
from snakemake_executor_omics.errors import (
    AccessDenied,
    Conflict,
    LimitExceeded,
    QuotaExceeded,
    ServiceError,
    Throttled,
)
from snakemake_executor_omics.settings.options import CacheBehavior, GroupLimits, NamedOrId

REQUEST = RunRequest(
    workflow_id="1",
    version_name="v1",
    role_arn="arn:aws:iam::123456789012:role/omics",
    output_uri="s3://results/x",
    request_id="token",
    plan="digest",
    work="jobs",
    graph="all",
    jobs=7,
    parameters={"a": "s3://results/a"},
    tags={"team": "x"},
)
SENT: dict[str, Any] = {
    "workflowId": "1",
    "workflowVersionName": "v1",
    "workflowType": "PRIVATE",
    "roleArn": REQUEST.role_arn,
    "outputUri": "s3://results/x",
    "requestId": "token",
    "parameters": {"a": "s3://results/a"},
    "storageType": "DYNAMIC",
    "tags": {"team": "x", OWNER_TAG: "digest", WORK_TAG: "jobs", GRAPH_TAG: "all", JOBS_TAG: "7"},
}
STREAM = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/omics/WorkflowLog:log-stream:run/5"


def test_start_run_sends_only_what_is_set(services: Services, omics: Stubber) -> None:
    answer = {"id": "5", "status": "PENDING", "uuid": "u", "runOutputUri": "s3://results/x/5"}
    omics.add_response("start_run", answer, SENT)
    run = runs.start_run(services, REQUEST)
    assert (run.id, run.uuid, run.output_uri) == ("5", "u", "s3://results/x/5")
    assert not run.status.is_final


def test_start_run_refuses_too_many_parameters(services: Services, omics: Stubber) -> None:
    many = {f"p{n}": "s3://results/" + "x" * 100 for n in range(500)}
    with pytest.raises(LimitExceeded, match="bytes of run parameters"):
        runs.start_run(services, RunRequest(**{**_fields(REQUEST), "parameters": many}))


def _fields(request: RunRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in RunRequest.__slots__}


def test_quota_is_told_apart(services: Services, omics: Stubber) -> None:
    omics.add_client_error("start_run", "ServiceQuotaExceededException", "too many runs", 402)
    with pytest.raises(QuotaExceeded, match="too many runs"):
        runs.start_run(services, REQUEST)


def test_tasks_of_all_pages(services: Services, omics: Stubber) -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    first = {"taskId": "1", "name": "a", "status": "COMPLETED", "cacheHit": True}
    second = {"taskId": "2", "name": "b", "status": "RUNNING", "creationTime": when}
    omics.add_response(
        "list_run_tasks", {"items": [first], "nextToken": "t"}, {"id": "5", "maxResults": 100}
    )
    omics.add_response(
        "list_run_tasks", {"items": [second]}, {"id": "5", "maxResults": 100, "startingToken": "t"}
    )
    one, two = runs.list_tasks(services, "5")
    assert (one.cache_hit, one.status) == (True, TaskStatus.COMPLETED)
    assert (two.created, two.status.is_final) == (when, False)


def test_task_detail(services: Services, omics: Stubber) -> None:
    answer = {
        "taskId": "1",
        "name": "a",
        "status": "FAILED",
        "failureReason": "RUN_TASK_FAILED",
        "logStream": STREAM,
    }
    omics.add_response("get_run_task", answer, {"id": "5", "taskId": "1"})
    detail = runs.get_task(services, "5", "1")
    assert (detail.failure_reason, detail.log_stream) == ("RUN_TASK_FAILED", STREAM)
    assert detail.task.status.is_final


def test_cancel(services: Services, omics: Stubber) -> None:
    omics.add_response("cancel_run", {}, {"id": "5"})
    omics.add_client_error("cancel_run", "ConflictException", "has ended", 409)
    assert runs.cancel_run(services, "5")
    assert not runs.cancel_run(services, "5")


def test_active_runs_of_a_name_are_on_one_page(services: Services, omics: Stubber) -> None:
    states = {"4": "COMPLETED", "5": "RUNNING", "6": "STOPPING", "7": "FAILED", "8": "PENDING"}
    items = [{"id": id, "status": status} for id, status in states.items()]
    omics.add_response("list_runs", {"items": items}, {"maxResults": 100, "name": "n"})
    for item in items:
        if item["id"] in "568":
            answer = {**item, "tags": {OWNER_TAG: "digest"}}
            omics.add_response("get_run", answer, {"id": item["id"]})
    found = runs.find_runs(services, {OWNER_TAG: {"digest"}}, name="n")
    assert {run.id for run in found} == {"5", "6", "8"}


def test_find_runs_by_plan_among_more_than_a_page(services: Services, omics: Stubber) -> None:
    ended = {"items": [{"id": "1", "status": "COMPLETED"}], "nextToken": "more"}
    omics.add_response("list_runs", ended, {"maxResults": 100, "name": "n"})
    for status in ("PENDING", "STARTING", "RUNNING", "STOPPING"):
        items = [{"id": i, "status": status} for i in (["7", "6", "5"] * (status == "RUNNING"))]
        omics.add_response(
            "list_runs", {"items": items}, {"status": status, "maxResults": 100, "name": "n"}
        )
        for item in items:
            tags = {OWNER_TAG: "digest" if item["id"] != "6" else "other"}
            made = {"creationTime": datetime(2026, 1, 10 - int(item["id"]), tzinfo=UTC)}
            omics.add_response("get_run", {**item, **made, "tags": tags}, {"id": item["id"]})
    found = runs.find_runs(services, {OWNER_TAG: {"digest"}}, name="n")
    assert [run.id for run in found] == ["5", "7"]
    assert found[0].status is RunStatus.RUNNING


def test_runs_that_are_known_to_be_others_are_not_read(services: Services, omics: Stubber) -> None:
    for status in ("PENDING", "STARTING", "RUNNING", "STOPPING"):
        items = [{"id": id, "status": status} for id in "67"] if status == "PENDING" else []
        omics.add_response("list_runs", {"items": items}, {"status": status, "maxResults": 100})
        if items:
            mine = {**items[1], "tags": {OWNER_TAG: "digest"}}
            omics.add_response("get_run", mine, {"id": "7"})
    found = runs.find_runs(services, {OWNER_TAG: {"digest"}}, others={"6"})
    assert [run.id for run in found] == ["7"]


def test_runs_of_a_project_are_those_with_its_name_and_our_tag(
    services: Services, omics: Stubber
) -> None:
    def item(id: str, day: int, status: str, name: str = "n") -> dict[str, Any]:
        when = datetime(2026, 1, day, tzinfo=UTC)
        return {"id": id, "name": name, "status": status, "creationTime": when}

    items = [
        item("1", 5, "COMPLETED"),
        item("9", 1, "RUNNING"),
        item("3", 4, "FAILED"),
        item("4", 9, "RUNNING", "n2"),
        item("5", 8, "COMPLETED"),
        item("6", 7, "PENDING"),
    ]
    omics.add_response("list_runs", {"items": items}, {"name": "n", "maxResults": 100})
    for id, tags in {"5": {}, "6": {OWNER_TAG: "b"}, "1": {OWNER_TAG: "c"}}.items():
        (found,) = (one for one in items if one["id"] == id)
        omics.add_response("get_run", {**found, "tags": tags}, {"id": id})
    omics.add_response("get_run", {**items[1], "tags": {OWNER_TAG: "d"}}, {"id": "9"})
    assert [run.id for run in runs.our_runs(services, "n", ended=1)] == ["6", "1", "9"]


def test_run_group_is_made_once(services: Services, omics: Stubber) -> None:
    query = {"name": "team", "maxResults": 100}
    limits = GroupLimits(max_cpus=8)
    omics.add_response("list_run_groups", {"items": [{"id": "8", "name": "team-b"}]}, query)
    omics.add_response("create_run_group", {"id": "9"})
    omics.add_response(
        "list_run_groups", {"items": [{"id": "9", "name": "team", "maxCpus": 8}]}, query
    )
    group = NamedOrId(name="team")
    assert ensure_run_group(services, group, limits) == "9"
    assert ensure_run_group(services, group, limits) == "9"


def test_of_several_of_a_name_the_oldest_is_taken_whatever_its_id(
    services: Services, omics: Stubber
) -> None:
    def item(id: str, day: int) -> dict[str, Any]:
        return {"id": id, "name": "team", "creationTime": datetime(2026, 1, day, tzinfo=UTC)}

    for items in ([item("1", 3), item("9", 2)], [item("9", 2), item("1", 3)]):
        omics.add_response("list_run_groups", {"items": items})
        assert ensure_run_group(services, NamedOrId(name="team"), GroupLimits()) == "9"
        caches = [
            {**each, "cacheS3Uri": f"s3://results/x/cache/u{each['id']}/", "status": "ACTIVE"}
            for each in items
        ]
        omics.add_response("list_run_caches", {"items": caches})
        always = CacheBehavior.CACHE_ALWAYS
        assert ensure_run_cache(services, NamedOrId(name="team"), "s3://results/x", always) == "9"


@pytest.mark.parametrize("ours", [True, False])
def test_run_group_limits_change_only_on_our_own(
    services: Services, omics: Stubber, ours: bool
) -> None:
    item = {"id": "9", "name": "team", "maxCpus": 8}
    omics.add_response("list_run_groups", {"items": [item]})
    tags = {OWNER_TAG: "run-group"} if ours else {}
    omics.add_response("get_run_group", {**item, "tags": tags}, {"id": "9"})
    limits = GroupLimits(max_cpus=8, max_runs=2)
    if ours:
        omics.add_response("update_run_group", {}, {"id": "9", "maxRuns": 2})
        assert ensure_run_group(services, NamedOrId(name="team"), limits) == "9"
    else:
        with pytest.raises(Conflict, match="not made here"):
            ensure_run_group(services, NamedOrId(name="team"), limits)


def test_run_cache_prefers_our_place(services: Services, omics: Stubber) -> None:
    def item(id: str, uri: str, status: str = "ACTIVE") -> dict[str, str]:
        return {"id": id, "name": "rna", "cacheS3Uri": uri, "status": status}

    omics.add_response(
        "list_run_caches",
        {
            "items": [
                item("1", "s3://other/cache"),
                item("2", "s3://results/x/cache", "DELETED"),
                item("3", "s3://results/x/cache"),
            ]
        },
    )
    cache = NamedOrId(name="rna")
    always = CacheBehavior.CACHE_ALWAYS
    assert ensure_run_cache(services, cache, "s3://results/x", always) == "3"
    omics.add_response("list_run_caches", {"items": []})
    omics.add_response("create_run_cache", {"id": "4"})
    assert ensure_run_cache(services, cache, "s3://results/x", always) == "4"


def test_logs(services: Services) -> None:
    assert logs.task_log(services, STREAM) == []
    services.logs.create_log_group(logGroupName=logs.LOG_GROUP)
    services.logs.create_log_stream(logGroupName=logs.LOG_GROUP, logStreamName="run/5")
    now = int(datetime.now(tz=UTC).timestamp() * 1000)
    lines = [f"line {n}" for n in range(120)]
    services.logs.put_log_events(
        logGroupName=logs.LOG_GROUP,
        logStreamName="run/5",
        logEvents=[{"timestamp": now + n, "message": line} for n, line in enumerate(lines)],
    )
    assert logs.task_log(services, STREAM) == lines
    first, token = logs.read_on(services, STREAM, None)
    assert first == lines
    assert logs.read_on(services, STREAM, token) == ([], token)


def test_of_a_huge_log_the_end_is_read(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_EVENTS", 10)
    place = {"logGroupName": logs.LOG_GROUP, "logStreamName": "run/5"}
    services.logs.create_log_group(logGroupName=logs.LOG_GROUP)
    services.logs.create_log_stream(**place)
    now = int(datetime.now(tz=UTC).timestamp() * 1000)
    events = [{"timestamp": now + n, "message": f"line {n}"} for n in range(500)]
    services.logs.put_log_events(**place, logEvents=events)
    lines = logs.task_log(services, STREAM)
    assert lines == [f"line {n}" for n in range(300, 500)]


def test_transient_errors_say_so(services: Services, omics: Stubber) -> None:
    omics.add_client_error("get_run", "ThrottlingException", "slow down", 429)
    omics.add_client_error("get_run", "InternalServerException", "oops", 500)
    with pytest.raises(Throttled) as throttled:
        runs.get_run(services, "5")
    with pytest.raises(ServiceError) as broken:
        runs.get_run(services, "5")
    assert throttled.value.transient
    assert broken.value.transient


def test_errors_without_an_answer() -> None:
    with pytest.raises(ServiceError) as lost, translated("read run 5"):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    assert lost.value.transient
    with pytest.raises(AccessDenied, match="sign in"), translated("read run 5"):
        raise NoCredentialsError


def test_custom_endpoint_keeps_its_host() -> None:
    services = connect(
        "us-east-1",
        endpoint_url="http://127.0.0.1:8000",
        environment={"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
    )
    assert services.omics.meta.config.inject_host_prefix is False
    assert services.s3.meta.config.s3["addressing_style"] == "path"
    assert services.region == "us-east-1"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "eu-west-2")
    assert connect().region == "eu-west-2"
    assert connect("us-west-2").region == "us-west-2"
