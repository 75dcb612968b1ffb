"""What is served of the services beside HealthOmics, and how a refusal reads for each.

moto has far more than runs need, and an administration of its own that erases and unlinks: only
what is named here reaches it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Operations by service, where the request names them: in a header (JSON) or in the query or body.
OPERATIONS: Mapping[str, frozenset[str]] = {
    "logs": _names(
        """
        CreateLogGroup DeleteLogGroup DescribeLogGroups CreateLogStream DeleteLogStream
        DescribeLogStreams PutLogEvents GetLogEvents FilterLogEvents PutRetentionPolicy
        DeleteRetentionPolicy TagLogGroup UntagLogGroup ListTagsLogGroup TagResource UntagResource
        ListTagsForResource StartQuery DescribeQueries GetQueryResults
        """
    ),
    "sts": frozenset(["GetCallerIdentity", "AssumeRole"]),
    "iam": _names(
        """
        CreateRole GetRole ListRoles UpdateRole DeleteRole TagRole UntagRole ListRoleTags
        UpdateAssumeRolePolicy PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy
        AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies CreatePolicy GetPolicy
        ListPolicies DeletePolicy CreatePolicyVersion GetPolicyVersion ListPolicyVersions
        DeletePolicyVersion CreateUser GetUser ListUsers DeleteUser PutUserPolicy GetUserPolicy
        ListUserPolicies DeleteUserPolicy AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies
        CreateAccessKey ListAccessKeys DeleteAccessKey UpdateAccessKey SimulatePrincipalPolicy
        SimulateCustomPolicy
        """
    ),
    "ecr": _names(
        """
        CreateRepository DescribeRepositories DeleteRepository SetRepositoryPolicy
        GetRepositoryPolicy DeleteRepositoryPolicy PutImage BatchGetImage BatchDeleteImage
        DescribeImages ListImages BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart
        CompleteLayerUpload GetDownloadUrlForLayer GetAuthorizationToken CreatePullThroughCacheRule
        DescribePullThroughCacheRules DeletePullThroughCacheRule PutRegistryPolicy GetRegistryPolicy
        DeleteRegistryPolicy CreateRepositoryCreationTemplate
        DescribeRepositoryCreationTemplates DeleteRepositoryCreationTemplate DescribeRegistry
        PutImageTagMutability PutImageScanningConfiguration
        PutLifecyclePolicy GetLifecyclePolicy DeleteLifecyclePolicy TagResource UntagResource
        ListTagsForResource
        """
    ),
}
# Of S3: what the query of a request may ask for. What would call other services (notifications),
# or has no use here (websites, replication, queries of objects), is not there.
_S3 = _names(
    """
        list-type prefix delimiter marker max-keys continuation-token start-after fetch-owner
        encoding-type key-marker version-id-marker upload-id-marker max-uploads max-buckets
        bucket-region x-id uploads uploadid partnumber max-parts part-number-marker versionid
        versions versioning tagging acl policy policystatus lifecycle cors encryption location
        delete attributes restore object-lock retention legal-hold publicaccessblock
        ownershipcontrols requestpayment accelerate logging response-content-type
        response-content-language response-expires response-cache-control
        response-content-disposition response-content-encoding awsaccesskeyid signature expires
        bypass-governance-retention
        """
)
_QUERY_STYLE = ("sts", "iam")
_OTHER_WORDS = {  # for S3's own, by kind of protocol: query, JSON
    "InvalidAccessKeyId": ("InvalidClientTokenId", "UnrecognizedClientException"),
    "SignatureDoesNotMatch": ("SignatureDoesNotMatch", "InvalidSignatureException"),
    "RequestTimeTooSkewed": ("SignatureDoesNotMatch", "InvalidSignatureException"),
    "IncompleteSignature": ("IncompleteSignature", "IncompleteSignatureException"),
    "AccessDenied": ("AccessDenied", "AccessDeniedException"),
    "ExpiredToken": ("ExpiredToken", "ExpiredTokenException"),
    "NotImplemented": ("InvalidAction", "UnknownOperationException"),
    "InternalError": ("InternalFailure", "InternalFailure"),
}
StartResponse = Callable[..., Any]


def is_served(service: str, environ: Mapping[str, Any], body: bytes) -> bool:
    """Whether a request is for something that is served; `body` is nothing to S3."""
    query = environ.get("QUERY_STRING", "")
    if service == "s3":
        names = [name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)]
        # A form is how web pages upload.
        is_form = environ.get("CONTENT_TYPE", "").lower().startswith("multipart/form-data")
        return not (is_form and environ["REQUEST_METHOD"] == "POST") and all(
            name in _S3 or name.startswith("x-amz-") for name in names
        )
    asked = [value for name, value in parse_qsl(query) if name == "Action"]
    if service in _QUERY_STYLE:
        form = body.decode("utf-8", "replace")
        asked += [value for name, value in parse_qsl(form) if name == "Action"]
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        asked.append(target.rpartition(".")[2])
    # Whichever of them moto looks at, it is one of those that are served.
    return bool(asked) and set(asked) <= OPERATIONS.get(service, frozenset())


def refused(
    environ: Mapping[str, Any],
    start_response: StartResponse,
    service: str,
    status: str,
    code: str,
    message: str = "",
) -> Iterable[bytes]:
    """An error in the words and the form of a service; `code` is S3's."""
    text = message = message or code
    message = escape(message)
    kind = "application/xml"
    headers: list[tuple[str, str]] = []
    if service == "s3":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
    elif "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        code = _OTHER_WORDS.get(code, (code, code))[0]
        body = (
            "<ErrorResponse><Error><Type>Sender</Type>"
            f"<Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    else:
        code = _OTHER_WORDS.get(code, (code, code))[1]
        kind = "application/x-amz-json-1.1"
        body = json.dumps({"__type": code, "message": text})
        headers.append(("x-amzn-errortype", code))
    content = body.encode()
    headers += [("Content-Type", kind), ("Content-Length", str(len(content)))]
    start_response(status, headers)
    return [content]
