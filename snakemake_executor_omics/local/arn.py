"""Names of resources, and which document a name stands for."""

from __future__ import annotations

import re

ACCOUNT = "123456789012"  # moto's account for everyone
REGION = "us-east-1"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/LocalHealthOmics"
BUCKET = "omics-local"
OUTPUT_URI = f"s3://{BUCKET}/runs"
LOG_GROUP = "/aws/omics/WorkflowLog"
ALIAS = "-s3alias"  # how the names of the stores' own buckets, and of no other, end
_PATTERN = re.compile(r"arn:aws[\w-]*:omics:[\w-]+:\d{12}:(.+)")
_KINDS = {
    "workflow": "workflow", "run": "run", "runGroup": "group", "runCache": "cache",
    "sequenceStore": "sequenceStore", "referenceStore": "referenceStore",
}  # fmt: skip
_SETS = {("sequenceStore", "readSet"), ("referenceStore", "reference")}


def arn(path: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:omics:{REGION}:{account}:{path}"


def log_stream_arn(stream: str) -> str:
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{LOG_GROUP}:log-stream:{stream}"


def document_of(name: str) -> tuple[str, str] | None:
    """Kind and id of the document that an ARN names; None if it is none of ours."""
    found = _PATTERN.fullmatch(name)
    parts = found.group(1).split("/") if found else []
    if len(parts) == 4 and parts[0] == "workflow" and parts[2] == "version":
        return "version", f"{parts[1]}/{parts[3]}"
    if len(parts) == 4 and (parts[0], parts[2]) in _SETS:
        return parts[2], parts[3]
    if len(parts) == 2 and parts[0] in _KINDS:
        return _KINDS[parts[0]], parts[1]
    return None
