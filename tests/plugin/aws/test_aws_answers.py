"""What a service answers that no document of it knows: one clear error, never a traceback."""

import io
import json
from contextlib import suppress
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.aws import runs
from snakemake_executor_omics.aws.records import (
    OWNER_TAG,
    Run,
    RunTask,
    TaskDetail,
    Workflow,
    WorkflowVersion,
)
from snakemake_executor_omics.aws.session import Services, connect
from snakemake_executor_omics.aws.transfer import list_prefix
from snakemake_executor_omics.aws.translate import translated
from snakemake_executor_omics.errors import (
    OmicsError,
    QuotaExceeded,
    SettingsError,
    UnexpectedAnswer,
)

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
HTML = b"<!DOCTYPE html><html><body>Welcome</body></html>"


def answering(body: bytes, content_type: str = "application/json") -> Services:
    """Clients of a service that answers everything with this body and status 200."""
    services = connect("us-east-1", endpoint_url="http://other.example", environment=CREDENTIALS)

    class Raw(io.BytesIO):
        def stream(self, **_: Any) -> Any:
            yield self.read()

    def answer(**_: Any) -> AWSResponse:
        headers = {"content-type": content_type}
        return AWSResponse("http://other.example", 200, headers, Raw(body))

    for client in (services.omics, services.s3):
        client.meta.events.register("before-send", answer)
    return services


@pytest.mark.parametrize("body", [HTML, b'{"items": [{"id": "5", "sta', b"", b"[]", b"null"])
def test_a_body_that_is_no_json_object_is_no_empty_list(body: bytes) -> None:
    """Else a run in flight would not be seen, and a second one be started."""
    services = answering(body, "text/html" if body is HTML else "application/json")
    with pytest.raises(UnexpectedAnswer, match=r"http://other\.example answered with") as caught:
        runs.find_runs(services, {OWNER_TAG: {"digest"}})
    assert caught.value.transient
    assert "right address" in str(caught.value)


@pytest.mark.parametrize("body", [b"<html><body>Welcome</body></html>", b"", b"<Contents/>"])
def test_a_document_that_is_no_list_of_s3_is_no_empty_folder(body: bytes) -> None:
    """Else the results of a run would be taken for lost."""
    services = answering(body, "text/html")
    with pytest.raises(UnexpectedAnswer, match="not the service's XML") as caught:
        list_prefix(services, "s3://bucket/runs/")
    assert caught.value.transient
    whole = b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3"></ListBucketResult>'
    assert list_prefix(answering(whole, "text/xml"), "s3://bucket/runs/") == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": "5"},
        {"id": 5, "status": "RUNNING"},
        {"id": "5", "status": "PAUSED"},
        {"id": "5", "status": "RUNNING", "creationTime": "yesterday"},
        {"id": "5", "status": "RUNNING", "tags": ["a"]},
    ],
)
def test_an_answer_with_odd_members_is_told(answer: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer):
        runs.get_run(answering(json.dumps(answer).encode()), "5")


def test_a_new_status_is_named() -> None:
    with pytest.raises(UnexpectedAnswer, match=r"a run that is 'PAUSED'.*\n.*newer version"):
        Run.from_api({"id": "5", "status": "PAUSED"})


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["id", "status", "name", "tags"]), inner),
        max_leaves=5,
    ).filter(lambda value: isinstance(value, dict))
)
def test_records_fail_with_one_kind_of_error(data: dict[str, Any]) -> None:
    for record in (Run, RunTask, TaskDetail, Workflow, WorkflowVersion):
        with suppress(OmicsError), translated("read"):
            record.from_api(data)


def test_a_full_account_is_told_the_way_out(services: Services, omics: Stubber) -> None:
    omics.add_client_error("start_run", "ServiceQuotaExceededException", "too many runs", 402)
    with pytest.raises(QuotaExceeded, match="--omics-retention REMOVE"):
        runs.start_run(
            services,
            runs.RunRequest(
                workflow_id="1",
                version_name="v1",
                role_arn="arn:aws:iam::123456789012:role/omics",
                output_uri="s3://results/x",
                request_id="token",
                plan="digest",
                work="jobs",
                graph="all",
            ),
        )


@pytest.mark.parametrize("option", [True, False])
def test_a_profile_that_is_not_there_is_blamed_on_who_named_it(
    monkeypatch: pytest.MonkeyPatch, option: bool
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    who = "--omics-aws-profile: .*gone" if option else "AWS_PROFILE: .*not-there"
    with pytest.raises(SettingsError, match=who) as caught:
        connect("us-east-1", profile="gone" if option else None)
    assert ("--omics" in str(caught.value)) == option


def test_a_service_with_credentials_of_its_own_needs_no_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    broken = tmp_path / "config"
    broken.write_text("no [config at all")
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    services = connect("us-east-1", endpoint_url="http://127.0.0.1:1", environment=CREDENTIALS)
    assert services.region == "us-east-1"
