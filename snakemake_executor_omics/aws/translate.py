"""Turn botocore's exceptions into ours, so that nobody above this room sees them.

A message says what was being done, then what the service said; code and request id stay on the
error for a support case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb
from types import MappingProxyType
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import (
    RetriesExceededError,
    S3CopyFailedError,
    S3DownloadFailedError,
    S3UploadFailedError,
)

from ..errors import (
    AccessDenied,
    Conflict,
    NotFound,
    QuotaExceeded,
    ServiceError,
    SettingsError,
    Throttled,
    UnexpectedAnswer,
)

_BY_STATUS: Mapping[int, type[ServiceError]] = {
    401: AccessDenied,
    402: QuotaExceeded,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    429: Throttled,
}
# Codes whose HTTP status says something else or, in other protocols, nothing.
_BY_CODE: Mapping[str, type[ServiceError]] = {
    "AccessDeniedException": AccessDenied,
    "ExpiredToken": AccessDenied,
    "ExpiredTokenException": AccessDenied,
    "InvalidClientTokenId": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "InvalidAccessKeyId": AccessDenied,
    "SignatureDoesNotMatch": AccessDenied,
    "InvalidSignatureException": AccessDenied,
    "RequestTimeTooSkewed": AccessDenied,
    "ServiceQuotaExceededException": QuotaExceeded,
    "ResourceNotFoundException": NotFound,
    "NoSuchBucket": NotFound,
    "NoSuchKey": NotFound,
    "ConflictException": Conflict,
    "ThrottlingException": Throttled,
    "Throttling": Throttled,
    "SlowDown": Throttled,
    "TooManyRequestsException": Throttled,
}
_HINTS: Mapping[type[ServiceError], str] = {
    AccessDenied: "check the credentials (aws sts get-caller-identity) and their IAM rights",
    QuotaExceeded: "wait for other runs to end, remove what is not needed, or ask AWS for more "
    "in the Service Quotas console",
    Throttled: "the service asks for fewer requests; a larger --omics-poll-seconds helps",
}
_SIGN_IN = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)


@contextmanager
def translated(
    action: str, hints: Mapping[type[ServiceError], str] = MappingProxyType({})
) -> Iterator[None]:
    """Raise our errors for botocore's; `action` completes "cannot …".

    `hints` say for a kind of error what to do about it here, where that is not the same everywhere.
    """
    try:
        yield
    except ClientError as error:
        found = from_response(action, error.response)
        found.hint = hints.get(type(found), found.hint)
        raise found from error
    except _SIGN_IN as error:
        raise AccessDenied(
            f"cannot {action}: {error}",
            hint="sign in (aws configure, aws sso login) or name a profile with "
            "--omics-aws-profile",
        ) from error
    except NoRegionError as error:
        raise SettingsError(
            "--omics-region: is needed, as neither AWS_REGION nor the AWS profile names one",
            hint="write it as --omics-region us-east-1",
        ) from error
    except ParamValidationError as error:
        raise ServiceError(f"cannot {action}: {error}", code="ParamValidation") from error
    except (ConnectionError, HTTPClientError) as error:
        raise ServiceError(
            f"cannot {action}: {error}",
            hint="check the network, and that this is the right address",
            transient=True,
        ) from error
    except RetriesExceededError as error:
        lost = error.last_exception or error
        raise ServiceError(
            f"cannot {action}: {lost}", hint="check the network", transient=True
        ) from error
    except (S3DownloadFailedError, S3UploadFailedError, S3CopyFailedError) as error:
        raise ServiceError(
            f"cannot {action}: {error}", hint="the object changed meanwhile", transient=True
        ) from error
    except (BotoCoreError, Boto3Error) as error:
        raise ServiceError(f"cannot {action}: {error}") from error
    except (ResponseParserError, ValueError, TypeError, KeyError, AttributeError) as error:
        # botocore's parsers check nothing: a foreign body comes out of them as any of these.
        if not _is_of_botocore(error):
            raise
        raise UnexpectedAnswer(
            f"cannot {action}: the answer makes no sense ({type(error).__name__}: {error})"
        ) from error


def _is_of_botocore(error: Exception) -> bool:
    frames = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    return isinstance(error, ResponseParserError) or any(
        name.startswith("botocore.") for name in frames
    )


def from_response(action: str, response: Mapping[str, Any]) -> ServiceError:
    """The error that a service's answer stands for."""
    error = response.get("Error", {})
    meta = response.get("ResponseMetadata", {})
    code = str(error.get("Code", "Unknown"))
    status = int(meta.get("HTTPStatusCode", 0))
    # A HEAD request's answer has no body: botocore gives the HTTP status as the code.
    if not status and code.isdigit():
        status = int(code)
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, ServiceError)
    request_id = meta.get("RequestId")
    text = error.get("Message") or code
    return kind(
        f"cannot {action}: {text} ({code})" if text != code else f"cannot {action}: {code}",
        hint="the object changed meanwhile" if status == 412 else _HINTS.get(kind),
        code=code,
        request_id=request_id,
        transient=kind is Throttled or status >= 500 or status in (408, 412),
    )
