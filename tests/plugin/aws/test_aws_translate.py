"""An answer of the service, or none, becomes one of our errors."""

from __future__ import annotations

from typing import Any

import botocore.exceptions as theirs
import pytest
from botocore.session import get_session

from snakemake_executor_omics.aws.translate import from_response, translated
from snakemake_executor_omics.errors import (
    AccessDenied,
    Conflict,
    NotFound,
    OmicsError,
    QuotaExceeded,
    ServiceError,
    SettingsError,
    Throttled,
)


def _answer(code: str, status: int, message: str = "said") -> dict[str, Any]:
    return {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1"},
    }


@pytest.mark.parametrize(
    ("code", "status", "kind", "transient"),
    [
        ("AccessDeniedException", 403, AccessDenied, False),
        ("ExpiredToken", 400, AccessDenied, False),
        ("ServiceQuotaExceededException", 402, QuotaExceeded, False),
        ("ResourceNotFoundException", 404, NotFound, False),
        ("NoSuchKey", 404, NotFound, False),
        ("404", 404, NotFound, False),
        ("ConflictException", 409, Conflict, False),
        ("ThrottlingException", 400, Throttled, True),
        ("SlowDown", 503, Throttled, True),
        ("TooManyRequests", 429, Throttled, True),
        ("RequestTimeoutException", 408, ServiceError, True),
        ("InternalServerException", 500, ServiceError, True),
        ("ServiceUnavailable", 503, ServiceError, True),
        ("ValidationException", 400, ServiceError, False),
        ("NeverHeardOf", 418, ServiceError, False),
    ],
)
def test_an_answer_has_its_kind(code: str, status: int, kind: type, transient: bool) -> None:
    error = from_response("read run 1", _answer(code, status))
    assert type(error) is kind
    assert error.transient is transient
    assert error.message == f"cannot read run 1: said ({code})"
    assert (error.code, error.request_id) == (code, "r-1")


def test_every_error_of_the_model_has_a_kind() -> None:
    """HealthOmics' own errors: what is not transient and has no kind is a fault of ours."""
    model = get_session().get_service_model("omics")
    plain = set()
    for shape in model.error_shapes:
        status = shape.metadata["error"]["httpStatusCode"]
        error = from_response("do it", _answer(shape.name, status))
        if type(error) is ServiceError and not error.transient:
            plain.add(shape.name)
    assert plain == {
        "NotSupportedOperationException",
        "RangeNotSatisfiableException",
        "ValidationException",
    }


def test_a_head_without_a_body_is_told_by_its_status() -> None:
    error = from_response("look", {"Error": {"Code": "403", "Message": "Forbidden"}})
    assert isinstance(error, AccessDenied)


def test_an_empty_answer_is_an_error_too() -> None:
    error = from_response("look", {})
    assert error.message == "cannot look: Unknown"
    assert not error.transient


@pytest.mark.parametrize(
    ("raised", "kind", "says"),
    [
        (theirs.NoCredentialsError(), AccessDenied, "sign in"),
        (
            theirs.SSOTokenLoadError(error_msg="no token"),
            AccessDenied,
            "cannot read run 1: Error loading SSO Token",
        ),
        (theirs.NoRegionError(), SettingsError, "--omics-region us-east-1"),
        (theirs.ParamValidationError(report="bad id"), ServiceError, "bad id"),
        (theirs.EndpointConnectionError(endpoint_url="http://x"), ServiceError, "the network"),
        (theirs.ReadTimeoutError(endpoint_url="http://x"), ServiceError, "the network"),
        (theirs.UnknownServiceError(service_name="x", known_service_names=""), ServiceError, "x"),
    ],
)
def test_what_happened_without_an_answer_is_told(raised: Exception, kind: type, says: str) -> None:
    with pytest.raises(OmicsError) as caught, translated("read run 1"):
        raise raised
    assert type(caught.value) is kind
    assert says in str(caught.value)
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize(
    ("raised", "transient"),
    [
        (theirs.ConnectTimeoutError(endpoint_url="http://x"), True),
        (theirs.ConnectionClosedError(endpoint_url="http://x"), True),
        (theirs.ParamValidationError(report="x"), False),
    ],
)
def test_a_lost_connection_is_worth_another_try(raised: Exception, transient: bool) -> None:
    with pytest.raises(ServiceError) as caught, translated("poll"):
        raise raised
    assert caught.value.transient is transient


@pytest.mark.parametrize("ours", [ZeroDivisionError(), KeyError("ours")])
def test_what_has_nothing_to_do_with_an_answer_passes(ours: Exception) -> None:
    with pytest.raises(type(ours)), translated("x"):
        raise ours
