"""The wire: routes, validation and errors, all from the model."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local_healthomics.errors import Conflict, Fault, UnknownOperation, ValidationFault
from local_healthomics.protocol.rest_json import Protocol
from local_healthomics.protocol.validation import pattern

from .conftest import Clients

# Requests as they stand here are not signed; test_access.py tells which need to be.
SERVER_OPTIONS = ["--insecure"]

AUTH = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/omics/aws4_request, SignedHeaders=host"


def ask(
    url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, str | None, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, headers or {"Authorization": AUTH})
    answer = connection.getresponse()
    said = json.loads(answer.read() or b"null")
    connection.close()
    return answer.status, answer.getheader("x-amzn-errortype"), said


def _parsed(method: str, path: str, **body: Any) -> dict[str, Any]:
    protocol = Protocol()
    raw_path, _, query = path.partition("?")
    operation, in_path = protocol.match(method, raw_path)
    return protocol.parse(operation, in_path, query, {}, json.dumps(body).encode())


def test_every_operation_of_the_model_has_its_own_route() -> None:
    protocol = Protocol()
    for name in protocol.model.operation_names:
        http_traits = protocol.model.operation_model(name).http
        path = http_traits["requestUri"].split("?")[0].replace("{", "").replace("}", "")
        assert protocol.match(http_traits["method"], path)[0].name == name


def test_an_operation_that_only_a_later_model_knows_has_no_path() -> None:
    with pytest.raises(UnknownOperation):
        Protocol(["GetRun"]).match("GET", "/runGroup/1000001")


def test_quoted_slashes_in_a_path_stay_in_one_member() -> None:
    quoted = "/tags/arn%3Aaws%3Aomics%3Aus-east-1%3A123456789012%3Arun%2F1"
    operation, members = Protocol().match("GET", quoted)
    assert operation.name == "ListTagsForResource"
    assert members == {"resourceArn": "arn:aws:omics:us-east-1:123456789012:run/1"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"engine": "BASH"}, "'engine' failed to satisfy constraint: Member must satisfy enum"),
        ({"name": "a\nb"}, "'name' failed to satisfy constraint: Member must satisfy regular"),
        ({"name": ""}, "'name' failed to satisfy constraint: Member must have length greater"),
        (
            {"storageCapacity": -1},
            "'storageCapacity' failed to satisfy constraint: Member must have",
        ),
        ({"storageCapacity": "much"}, "'storageCapacity' failed"),
        ({"storageCapacity": 2**31}, "'storageCapacity' failed"),
        ({"storageCapacity": 1.5}, "'storageCapacity' failed"),
        ({"storageCapacity": True}, "'storageCapacity' failed"),
        ({"definitionZip": "%%%"}, "'definitionZip' failed"),
        ({"requestId": None}, "Value null at 'requestId' failed"),
        ({"tags": {"k": None}}, "Value null at 'tags.k.member' failed"),
        ({"tags": {"": "v"}}, "at 'tags' failed to satisfy constraint: Member must have length"),
        ({"parameterTemplate": {"p": {"description": "a\nb"}}}, "'parameterTemplate.p.member.desc"),
        ({"name": 1, "engine": 2}, "2 validation errors detected: "),
    ],
)
def test_a_bad_request_is_a_validation_exception(
    fake: Clients, body: dict[str, Any], said: str
) -> None:
    status, code, answer = ask(
        fake.service.endpoint_url, "POST", "/workflow", {"requestId": "r", **body}
    )
    assert (status, code) == (400, "ValidationException")
    assert said in answer["message"]


def test_unknown_members_are_ignored(fake: Clients) -> None:
    body = {"requestId": "unknown-members", "name": "g", "colour": "red"}
    status, _, answer = ask(fake.service.endpoint_url, "POST", "/runGroup", body)
    assert status == 201
    assert "colour" not in answer


@pytest.mark.parametrize("path", ["/nothing", "//run", "/run/1/task/2/", "/"])
def test_a_path_of_no_operation_is_unknown(fake: Clients, path: str) -> None:
    said = ask(fake.service.endpoint_url, "GET", path)
    assert said[:2] == (404, "UnknownOperationException")


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "OPTIONS"])
def test_a_method_that_a_path_does_not_have_is_not_supported(fake: Clients, method: str) -> None:
    said = ask(fake.service.endpoint_url, method, "/run")
    assert said == (
        405,
        "NotSupportedOperationException",
        {"message": f"/run has GET, POST, but no {method}"},
    )


def test_an_answer_to_head_has_no_body(fake: Clients) -> None:
    connection = http.client.HTTPConnection(urlsplit(fake.service.endpoint_url).netloc)
    for _ in range(2):  # the second would read a left-over body
        connection.request("HEAD", "/run", headers={"Authorization": AUTH})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (405, b"")
    connection.close()


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/run/", "id"),
        ("/run/%20", "id"),
        ("/run//task", "id"),
        ("/run/1/task/%zz", "taskId"),
        ("/workflow/1/version/", "versionName"),
        ("/tags/", "resourceArn"),
    ],
)
def test_a_part_of_a_path_is_a_member_like_others(fake: Clients, path: str, member: str) -> None:
    status, code, answer = ask(fake.service.endpoint_url, "GET", path)
    assert (status, code) == (400, "ValidationException")
    assert f"at '{member}' failed" in answer["message"]


@pytest.mark.parametrize(
    "query", ["maxResults=ten", "maxResults=1_0", "maxResults=", "maxResults=%2B5", "maxResults=0"]
)
def test_an_integer_of_a_query_is_written_in_digits(fake: Clients, query: str) -> None:
    status, _, answer = ask(fake.service.endpoint_url, "GET", f"/run?{query}")
    assert status == 400
    assert "at 'maxResults' failed" in answer["message"]


def test_a_boolean_of_a_query_is_true_or_false() -> None:
    for text, value in (("true", True), ("false", False)):
        assert _parsed("DELETE", f"/variantStore/store?force={text}")["force"] is value
    with pytest.raises(ValidationFault, match="'yes' at 'force'"):
        _parsed("DELETE", "/variantStore/store?force=yes")


def test_a_repeated_member_of_a_query_is_a_list() -> None:
    path = "/tags/arn%3Aaws%3Aomics%3A%3A123456789012%3Ax"
    assert _parsed("DELETE", f"{path}?tagKeys=a&tagKeys=b%26c")["tagKeys"] == ["a", "b&c"]


@pytest.mark.parametrize(
    "written",
    [
        1672628645,
        1672628645.0,
        "2023-01-02T03:04:05Z",
        "2023-01-02T04:04:05+01:00",
        "2023-01-02T03:04:05.000Z",
        "Mon, 02 Jan 2023 03:04:05 GMT",
    ],
)
def test_a_time_may_be_written_in_each_of_the_three_ways(written: Any) -> None:
    params = _jobs_created_after(written)
    assert params["filter"]["createdAfter"] == datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("written", ["yesterday", "", True, [], 1e300, "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_refused(written: Any) -> None:
    with pytest.raises(ValidationFault, match=r"at 'filter.createdAfter' failed"):
        _jobs_created_after(written)


def _jobs_created_after(written: Any) -> Any:
    path = "/sequencestore/1234567890/importjobs"
    return _parsed("POST", path, filter={"createdAfter": written})


def test_a_union_holds_exactly_one_of_its_members() -> None:
    assert _reference_of({"referenceArn": "arn:x", "unknown": 1}) == {"referenceArn": "arn:x"}
    with pytest.raises(ValidationFault, match=r"at 'reference' failed .* exactly one"):
        _reference_of({"unknown": 1})


def _reference_of(reference: dict[str, Any]) -> Any:
    return _parsed("POST", "/annotationStore", storeFormat="TSV", reference=reference)["reference"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"maxCpus": NaN}',
        b'{"maxDuration": 1e999}',
        b'{"name": "\\ud800"}',
        b'{"a":' * 50_000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(fake: Clients, body: bytes) -> None:
    connection = http.client.HTTPConnection(urlsplit(fake.service.endpoint_url).netloc)
    connection.request("POST", "/runGroup", body, {"Authorization": AUTH})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("x-amzn-errortype")) == (400, "ValidationException")
    connection.close()


def test_success_without_members_has_an_empty_body(fake: Clients) -> None:
    group = fake.omics.create_run_group(name="g")["id"]
    status, _, answer = ask(fake.service.endpoint_url, "POST", f"/runGroup/{group}", {"maxRuns": 2})
    assert (status, answer) == (202, None)


def test_every_answer_has_a_request_id_of_its_own(fake: Clients) -> None:
    said = {fake.omics.list_runs()["ResponseMetadata"]["RequestId"] for _ in range(2)}
    assert len(said) == 2


def test_a_presigned_query_says_whom_it_is_from_and_for_what(fake: Clients) -> None:
    scope = "X-Amz-Credential=local/20260101/us-east-1/omics/aws4_request"
    status, _, answer = ask(fake.service.endpoint_url, "GET", f"/run?{scope}", headers={"X": "1"})
    assert status == 200
    assert "items" in answer


def test_an_unsigned_request_for_an_object_goes_to_s3(fake: Clients) -> None:
    fake.s3.create_bucket(Bucket="run")
    fake.s3.put_object(Bucket="run", Key="1", Body=b"{}", ACL="public-read")
    assert ask(fake.service.endpoint_url, "GET", "/run/1", headers={"X": "1"})[0] == 200
    fake.s3.delete_object(Bucket="run", Key="1")
    fake.s3.delete_bucket(Bucket="run")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/run", {"Host": "workflows-127.0.0.1"}),
        ("http://workflows-healthomics.local/run", {"Authorization": AUTH}),
        ("http://healthomics.local/run?maxResults=1", {"Authorization": AUTH}),
    ],
)
def test_prefixed_hosts_and_proxy_requests_are_served(
    fake: Clients, path: str, headers: dict[str, str]
) -> None:
    status, _, answer = ask(fake.service.endpoint_url, "GET", path, headers=headers)
    assert status == 200
    assert "items" in answer


def test_error_statuses_come_from_the_model() -> None:
    protocol = Protocol()
    operation = protocol.model.operation_model("StartRun")
    assert protocol.failure(operation, Conflict("no")).status == 409
    assert protocol.failure(operation, ValidationFault("no")).status == 400


@pytest.mark.parametrize("fault", Fault.__subclasses__(), ids=lambda fault: fault.__name__)
def test_an_error_is_the_models_or_has_a_status_of_its_own(fault: type[Fault]) -> None:
    known = {shape.name for shape in Protocol().model.error_shapes}
    assert (fault.code in known) == (fault.status is None)


def test_an_operation_answers_with_no_error_that_the_model_does_not_declare_for_it() -> None:
    protocol = Protocol()
    answer = protocol.failure(protocol.model.operation_model("GetBatch"), Conflict("no"))
    assert answer.status == 400
    assert answer.headers == (("x-amzn-errortype", "ValidationException"),)


def test_an_answer_that_lacks_a_required_member_is_not_sent() -> None:
    protocol = Protocol()
    operation = protocol.model.operation_model("GetReferenceStore")
    with pytest.raises(LookupError, match="lacks arn, creationTime"):
        protocol.serialise(operation, {"id": "1234567890"})


def test_boto3_sees_the_error_by_its_name(fake: Clients) -> None:
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException) as caught:
        fake.omics.get_run(id="1")
    assert isinstance(caught.value, ClientError)
    assert "run 1 does not exist" in str(caught.value)


def test_patterns_of_the_model_know_unicode() -> None:
    letters = pattern(r"[\p{L}||\p{M}||\p{Z}||\p{S}||\p{N}||\p{P}]+")
    assert letters.fullmatch("Ünï code, 汉字 + 1")
    assert not letters.fullmatch("tab\there")


def test_a_text_that_takes_for_ever_to_match_does_not_match() -> None:
    name = "/" * 1_000_000 + "\n"
    with pytest.raises(ValidationFault, match=r"fullRepositoryId' failed .* regular"):
        _parsed(
            "POST",
            "/workflow",
            requestId="r",
            definitionRepository={"connectionArn": "arn", "fullRepositoryId": name},
        )


def test_lengths_are_in_code_points() -> None:
    name = "\N{DNA DOUBLE HELIX}" * 128
    assert _parsed("POST", "/runGroup", requestId="r", name=name)["name"] == name
    with pytest.raises(ValidationFault, match="length less than or equal to 128"):
        _parsed("POST", "/runGroup", requestId="r", name=name + "x")
