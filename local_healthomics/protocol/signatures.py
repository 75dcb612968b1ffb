"""Who signed a request: AWS's signatures checked, in a header or in the query of a presigned link.

Version 4 for all services, and the one that S3 had before it, which boto3 still makes for presigned
links ("Signing and authenticating REST requests" of the S3 user guide). What was signed is what the
client sent, so host and path are those from before any rewriting.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from botocore.auth import HmacV1Auth
from botocore.utils import normalize_url_path

# Where the front puts the host and the path and query that were signed.
SIGNED_HOST, SIGNED_URI = "local_healthomics.host", "local_healthomics.uri"
_V4 = "AWS4-HMAC-SHA256"
_DATE = "%Y%m%dT%H%M%SZ"
_SKEW = timedelta(minutes=15)
_LONGEST_LINK = timedelta(days=7)
_UNSIGNED = "UNSIGNED-PAYLOAD"
_SAFE = "-_.~"
_HEADER = re.compile(
    rf"{_V4}\s+Credential=(?P<key>[^/,\s]+)/(?P<day>\d{{8}})/(?P<region>[\w-]+)/(?P<service>[\w-]+)"
    r"/aws4_request\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,\s*Signature=(?P<signature>\w+)\s*"
)
_SCOPE = re.compile(r"([^/]+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request")
_CLAIM = re.compile(r"Credential=([^/,\s]+)/\d*/[\w-]+/([\w-]+)/aws4_request")
_OLD_HEADER = re.compile(r"AWS ([^:\s]+):(\S+)")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says of its signer, before anything is checked."""

    key: str
    service: str
    signature: str
    token: str | None
    presigned: bool = False
    region: str = ""
    day: str = ""
    at: str = ""  # as the request has it
    expires: str = ""
    headers: tuple[str, ...] = ()

    @property
    def is_old(self) -> bool:
        """Of S3's earlier kind."""
        return not self.day


class SignatureRefused(Exception):
    """A request is not signed by whom it says; `code` is S3's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def read(environ: Mapping[str, Any]) -> Signature | None:
    """The signature of a request; None if it has none, SignatureRefused if it is malformed."""
    header: str = environ.get("HTTP_AUTHORIZATION", "")
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN")
    if header:
        if (found := _HEADER.fullmatch(header)) is not None:
            at = environ.get("HTTP_X_AMZ_DATE") or ""
            return Signature(
                found["key"], found["service"], found["signature"], token, region=found["region"],
                day=found["day"], at=at, headers=tuple(found["headers"].split(";")),
            )  # fmt: skip
        if (old := _OLD_HEADER.fullmatch(header)) is not None:
            at = environ.get("HTTP_X_AMZ_DATE") or environ.get("HTTP_DATE") or ""
            return Signature(old[1], "s3", old[2], token, at=at)
        raise SignatureRefused("IncompleteSignature", "the Authorization header is incomplete")
    query = {k: v[0] for k, v in parse_qs(environ.get("QUERY_STRING", "")).items()}
    if "X-Amz-Signature" in query:
        scope = _SCOPE.fullmatch(query.get("X-Amz-Credential", ""))
        if scope is None:
            raise SignatureRefused("AuthorizationQueryParametersError", "Credential is malformed")
        return Signature(
            scope[1], scope[4], query["X-Amz-Signature"], query.get("X-Amz-Security-Token"),
            presigned=True, region=scope[3], day=scope[2], at=query.get("X-Amz-Date", ""),
            expires=query.get("X-Amz-Expires", ""),
            headers=tuple(query.get("X-Amz-SignedHeaders", "").split(";")),
        )  # fmt: skip
    if "AWSAccessKeyId" in query and "Signature" in query:
        return Signature(
            query["AWSAccessKeyId"], "s3", query["Signature"],
            query.get("x-amz-security-token"), presigned=True, expires=query.get("Expires", ""),
        )  # fmt: skip
    return None


def claims(environ: Mapping[str, Any]) -> tuple[str, str] | None:
    """Key and service in whatever a request has of a signature; None if it has nothing of one."""
    header: str = environ.get("HTTP_AUTHORIZATION", "")
    said = header or unquote(environ.get("QUERY_STRING", ""))
    if (found := _CLAIM.search(said)) is not None:
        return found[1], found[2]
    if (old := _OLD_HEADER.match(header) or re.search(r"AWSAccessKeyId=([^&]+)", said)) is not None:
        return old[1], "s3"
    if header:
        raise SignatureRefused("IncompleteSignature", "the Authorization header is incomplete")
    return None


def check(
    signed: Signature,
    environ: Mapping[str, Any],
    secret: str,
    body_digest: Callable[[], str],
    now: datetime,
) -> None:
    """Raise SignatureRefused unless the request was signed with this secret, and recently.

    `body_digest` is asked for the SHA-256 of the body, in hexadecimal, where the request does not
    say it.
    """
    _check_time(signed, now)
    made = (
        _old(signed, environ, secret)
        if signed.is_old
        else _version_4(signed, environ, secret, body_digest)
    )
    if not hmac.compare_digest(made.encode(), signed.signature.encode()):
        raise SignatureRefused(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check "
            "your key and signing method.",
        )


def _check_time(signed: Signature, now: datetime) -> None:
    expired = SignatureRefused("AccessDenied", "Request has expired")
    try:
        if signed.is_old and signed.presigned:
            if datetime.fromtimestamp(int(signed.expires), UTC) < now:
                raise expired
            return
        if signed.is_old:  # its date may have any of HTTP's forms: the scope of a key is enough
            return
        at = datetime.strptime(signed.at, _DATE).replace(tzinfo=UTC)
        if not signed.at.startswith(signed.day):
            raise ValueError
        if not signed.presigned:
            if abs(now - at) > _SKEW:
                raise SignatureRefused(
                    "RequestTimeTooSkewed", "The request's time and the server's are too far apart."
                )
            return
        lasts = timedelta(seconds=int(signed.expires))
    except (ValueError, OverflowError, OSError) as error:
        raise SignatureRefused("AccessDenied", "the request has no valid date") from error
    if not timedelta(0) < lasts <= _LONGEST_LINK or not at - _SKEW <= now <= at + lasts:
        raise expired


def _version_4(
    signed: Signature, environ: Mapping[str, Any], secret: str, body_digest: Callable[[], str]
) -> str:
    path, _, query = environ[SIGNED_URI].partition("?")
    is_s3 = signed.service in ("s3", "s3express")
    pairs = sorted(
        tuple(quote(unquote(part), safe=_SAFE) for part in pair.partition("=")[::2])
        for pair in query.split("&")
        if pair and not (signed.presigned and pair.startswith("X-Amz-Signature="))
    )
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if not payload:
        payload = _UNSIGNED if is_s3 else body_digest()
    canonical = "\n".join(
        (
            environ["REQUEST_METHOD"],
            _s3_path(path) if is_s3 else quote(normalize_url_path(path), safe=f"/{_SAFE}"),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(f"{name}:{_header(environ, name)}\n" for name in signed.headers),
            ";".join(signed.headers),
            payload,
        )
    )
    scope = f"{signed.day}/{signed.region}/{signed.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
    text = f"{_V4}\n{signed.at}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _s3_path(path: str) -> str:
    """Encoded once, as it is sent; every other service encodes it once more."""
    return "/".join(quote(unquote(part), safe=_SAFE) for part in path.split("/"))


def _header(environ: Mapping[str, Any], name: str) -> str:
    if name == "host":
        return str(environ[SIGNED_HOST])
    key = name.upper().replace("-", "_")
    value = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")
    return " ".join(str(value).split())


def _old(signed: Signature, environ: Mapping[str, Any], secret: str) -> str:
    names = sorted(name for name in environ if name.startswith("HTTP_X_AMZ_"))
    resource, _, query = environ["REQUEST_URI"].partition("?")  # with the bucket, wherever it was
    pairs = [pair.partition("=") for pair in query.split("&")]
    told = sorted(pair for pair in pairs if pair[0] in HmacV1Auth.QSAOfInterest)
    if told:
        resource += "?" + "&".join(f"{name}{sign}{unquote(value)}" for name, sign, value in told)
    dated = "" if "HTTP_X_AMZ_DATE" in environ else environ.get("HTTP_DATE", "")
    text = "\n".join(
        (
            environ["REQUEST_METHOD"],
            environ.get("HTTP_CONTENT_MD5", ""),
            environ.get("CONTENT_TYPE", ""),
            signed.expires if signed.presigned else dated,
            *(f"{name[5:].replace('_', '-').lower()}:{environ[name].strip()}" for name in names),
            resource,
        )
    )
    made = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(made).decode()
