"""Which rights were used since the server started: by its callers, and by the runs' roles.

`local-healthomics rights` prints them as a policy of IAM: the least that this work needs on AWS.
Objects are named by their bucket and first folder, resources of HealthOmics by their type.
Condition keys, KMS and what the console needs besides are not told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
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
    if operation in ("StartRun", "StartRunBatch"):
        setting = params.get("defaultRunSetting") or params
        found.append((who, "iam:PassRole", str(setting.get("roleArn"))))
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
            {"Effect": "Allow", "Action": sorted(actions), "Resource": resource}
            for resource, actions in sorted(by_resource.items())
        ],
    }
