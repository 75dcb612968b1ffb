"""The wire: routes, validation and errors, all from the model."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from snakemake_executor_omics.local.errors import Conflict, ValidationFault
from snakemake_executor_omics.local.protocol import Protocol
from snakemake_executor_omics.local.validation import pattern

from .conftest import Clients

AUTH = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/omics/aws4_request, SignedHeaders=host"


def ask(
    url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, str | None, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, headers or {"Authorization": AUTH})
    answer = connection.getresponse()
    said = json.loads(answer.read() or b"null")
    connection.close()
    return answer.status, answer.getheader("x-amzn-errortype"), said


def test_every_operation_of_the_model_has_its_own_route() -> None:
    protocol = Protocol()
    for name in protocol.model.operation_names:
        http_traits = protocol.model.operation_model(name).http
        path = http_traits["requestUri"].split("?")[0].replace("{", "").replace("}", "")
        assert protocol.match(http_traits["method"], path)[0].name == name


def test_quoted_slashes_in_a_path_stay_in_one_member() -> None:
    quoted = "/tags/arn%3Aaws%3Aomics%3Aus-east-1%3A123456789012%3Arun%2F1"
    operation, members = Protocol().match("GET", quoted)
    assert operation.name == "ListTagsForResource"
    assert members == {"resourceArn": "arn:aws:omics:us-east-1:123456789012:run/1"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "definitionZip"),
        ({"engine": "BASH"}, "engine must be one of WDL"),
        ({"name": "a\nb"}, "name does not match the pattern"),
        ({"name": ""}, "the length of name must be at least 1"),
        ({"storageCapacity": -1}, "storageCapacity must be at least 0"),
        ({"storageCapacity": "much"}, "storageCapacity must be of type integer"),
        ({"definitionZip": "%%%"}, "definitionZip is no base64 text"),
        ({"requestId": None}, "requestId is required"),
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


def test_a_path_of_no_operation_is_refused(fake: Clients) -> None:
    status, code, _ = ask(fake.service.endpoint_url, "GET", "/nothing")
    assert (status, code) == (400, "ValidationException")


def test_a_body_that_is_no_json_is_refused(fake: Clients) -> None:
    connection = http.client.HTTPConnection(urlsplit(fake.service.endpoint_url).netloc, timeout=20)
    connection.request("POST", "/runGroup", "{", {"Authorization": AUTH})
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/run", {"Host": "workflows-healthomics.local"}),
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


def test_boto3_sees_the_error_by_its_name(fake: Clients) -> None:
    with pytest.raises(fake.omics.exceptions.ResourceNotFoundException) as caught:
        fake.omics.get_run(id="1")
    assert isinstance(caught.value, ClientError)
    assert "run 1 does not exist" in str(caught.value)


def test_patterns_of_the_model_know_unicode() -> None:
    letters = pattern(r"[\p{L}||\p{M}||\p{Z}||\p{S}||\p{N}||\p{P}]+")
    assert letters.fullmatch("Ünï code, 汉字 + 1")
    assert not letters.fullmatch("tab\there")
