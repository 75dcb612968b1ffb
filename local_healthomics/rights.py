"""Which rights were used since the server started: by its callers, and by the runs' roles.

`local-healthomics rights` prints them as a policy of IAM: the least that this work needs on AWS.
Objects are named by their bucket and first folder, resources of HealthOmics by their type. What no
policy of an identity says, and what cannot be seen here, is in `BESIDES`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from .arn import LOG_GROUP, REGION
from .removing import remove

FILE = "rights.json"
ROLE_AGENT = "healthomics-run-role"  # in the User-Agent of what engines ask for
CALLER, ROLE = "caller", "role"
_MOST = 10_000
_TARGETS = {"Logs_20140328": "logs", "AmazonEC2ContainerRegistry_V20150921": "ecr"}
_TYPES = {
    name.lower(): name
    for name in (
        "workflow", "run", "runGroup", "runCache", "runBatch", "configuration", "sequenceStore",
        "referenceStore", "variantStore", "annotationStore", "share",
    )
}  # fmt: skip
# What the service does with a run's role itself (user guide, "Service roles").
_ROLE_LOGS = (
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
)

_PULLING = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)")
_PRINCIPAL = {"Service": "omics.amazonaws.com"}
_PASSED = {"StringEquals": {"iam:PassedToService": "omics.amazonaws.com"}}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": _PRINCIPAL, "Action": "sts:AssumeRole"}],
}
REPOSITORY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "HealthOmics", "Effect": "Allow", "Principal": _PRINCIPAL, "Action": [*_PULLING]}
    ],
}
BESIDES = (
    "besides, the role has to trust omics.amazonaws.com (--trust prints how), and so have the"
    " repositories of images (--repository);",
    "buckets and repositories with a key of yours in KMS need kms:Decrypt and kms:GenerateDataKey"
    " on it, for the role and for who starts runs",
)

Right = tuple[str, str, str]  # who, action, resource


class Rights:
    """What was used; written down whenever something new is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._used: set[Right] = set()
        remove(path, within=path.parent)

    def note(self, rights: Iterable[Right]) -> None:
        new = {(who, action, _general(resource)) for who, action, resource in rights} - self._used
        if not new or len(self._used) >= _MOST:
            return
        with self._lock:
            self._used |= new
            draft = self._path.with_suffix(".new")
            with suppress(OSError):  # a full disk, which is not the request's fault
                draft.write_text(json.dumps(sorted(self._used)))
                draft.replace(self._path)


def of_operation(
    who: str, account: str, operation: str, raw_path: str, params: Mapping[str, Any], named: bool
) -> list[Right]:
    """The rights that an operation of HealthOmics takes; `named` if its path names a resource."""
    parts = unquote(raw_path).strip("/").split("/")
    type, id = _TYPES.get(parts[0].lower()), parts[1] if len(parts) > 1 else "*"
    resource = f"arn:aws:omics:{REGION}:{account}:{type}/{id}" if named and type else "*"
    found = [(who, f"omics:{operation}", resource)]
    if params.get("tags") and operation != "TagResource" and type:
        # "Actions, resources, and condition keys for AWS HealthOmics": of creating with tags.
        kind = f"arn:aws:omics:{REGION}:{account}:{type}/*"
        found.append((who, "omics:TagResource", kind))
    if operation in ("StartRun", "StartRunBatch"):
        setting = params.get("defaultRunSetting") or params
        found.append((who, "iam:PassRole", str(setting.get("roleArn"))))
        # User guide, "Define custom IAM permissions for runs".
        named_ids = ((kind, setting.get(f"{kind}Id")) for kind in ("workflow", "runGroup"))
        found += [
            (who, f"omics:{operation}", f"arn:aws:omics:{REGION}:{account}:{kind}/{id}")
            for kind, id in named_ids
            if id
        ]
    return found


def of_image(account: str, image: str) -> list[Right]:
    """What the role of a run needs for the image of a task, which has to be in ECR on AWS."""
    found = _ECR.match(image)
    owner, region, name = found.groups() if found else (account, REGION, "*")
    repository = f"arn:aws:ecr:{region}:{owner}:repository/{name}"
    return [(ROLE, action, repository) for action in _PULLING]


def of_reading(uri: str, who: str = ROLE) -> list[Right]:
    """What it takes to look for an object."""
    return [(who, "s3:GetObject", f"arn:aws:s3:::{uri.removeprefix('s3://')}")]


def of_writing(uri: str) -> list[Right]:
    """What the role of a run needs to make an object."""
    return [(ROLE, "s3:PutObject", f"arn:aws:s3:::{uri.removeprefix('s3://')}")]


def keys_of(
    environ: Mapping[str, Any], account: str, params: Mapping[str, Any] | None = None
) -> dict[str, tuple[str, ...]]:
    """What a request has for the conditions of a policy, as it would have on AWS."""
    now = datetime.now(UTC)
    tags = (params or {}).get("tags") or {}
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    found: dict[str, tuple[str, ...]] = {
        "aws:requestedregion": (REGION,),
        "aws:principalaccount": (account,),
        "aws:sourceip": (environ.get("REMOTE_ADDR") or "127.0.0.1",),
        "aws:securetransport": ("true",),  # it is not here, and has to be there
        "aws:viaawsservice": ("false",),
        "aws:currenttime": (now.isoformat(),),
        "aws:epochtime": (str(int(now.timestamp())),),
        "aws:useragent": (environ.get("HTTP_USER_AGENT", ""),),
    }
    if isinstance(tags, dict) and tags:
        found["aws:tagkeys"] = tuple(tags)
        found |= {f"aws:requesttag/{k.lower()}": (str(v),) for k, v in tags.items()}
    for name in ("prefix", "delimiter", "max-keys"):
        if name in query:
            found[f"s3:{name}"] = (query[name][0],)
    return found


def of_request(who: str, service: str, environ: Mapping[str, Any], raw_path: str) -> list[Right]:
    """The rights that a request to another service takes; none if it is not known."""
    if service == "s3":
        return [(who, f"s3:{action}", resource) for action, resource in _of_s3(environ, raw_path)]
    version, _, action = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
    return [(who, f"{_TARGETS[version]}:{action}", "*")] if version in _TARGETS else []


def _of_s3(environ: Mapping[str, Any], raw_path: str) -> list[tuple[str, str]]:
    method = environ["REQUEST_METHOD"]
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    bucket, _, key = unquote(raw_path).lstrip("/").partition("/")
    if not bucket:
        return [("ListAllMyBuckets", "*")]
    whole, objects = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{key}"
    if not key:
        if method == "POST" and "delete" in query:
            return [("DeleteObject", f"{whole}/*")]
        of_method = {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}
        action = "GetBucketLocation" if "location" in query else of_method.get(method, "ListBucket")
        return [(action, whole)]
    tagged = "Tagging" if "tagging" in query else ""
    if method in ("GET", "HEAD"):
        return [(f"GetObject{tagged}", objects)]
    if method == "DELETE":
        return [("AbortMultipartUpload" if "uploadId" in query else "DeleteObject", objects)]
    found = [(f"PutObject{tagged}", objects)]
    if source := unquote(environ.get("HTTP_X_AMZ_COPY_SOURCE", "")).lstrip("/"):
        from_bucket, _, from_key = source.partition("/")
        found.append(("GetObject", f"arn:aws:s3:::{from_bucket}/{from_key}"))
    return found


def _general(resource: str) -> str:
    """The resource with what is particular left open: an object's name, a run's id."""
    head, _, path = resource.rpartition(":")
    kind, slash, rest = path.partition("/")
    if head.startswith("arn:aws:s3:") and slash:
        first, inner, _ = rest.partition("/")
        return f"{head}:{kind}/{first}/*" if inner else f"{head}:{kind}/*"
    return f"{head}:{kind}/*" if head.startswith("arn:aws:omics:") else resource


def policy(path: Path, who: str) -> dict[str, Any] | None:
    """The policy of what was used; None if nothing was."""
    try:
        used = [(action, resource) for by, action, resource in json.loads(path.read_text())
                if by == who]  # fmt: skip
    except FileNotFoundError:
        return None
    if not used:
        return None
    if who == ROLE:
        group = f"arn:aws:logs:{REGION}:*:log-group:{LOG_GROUP}:*"
        used += [(action, group) for action in _ROLE_LOGS]
    by_resource: dict[str, set[str]] = {}
    for action, resource in used:
        by_resource.setdefault(resource, set()).add(action)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": sorted(actions),
                "Resource": resource,
                **({"Condition": _PASSED} if actions == {"iam:PassRole"} else {}),
            }
            for resource, actions in sorted(by_resource.items())
        ],
    }
