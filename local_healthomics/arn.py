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
_PATTERN = re.compile(r"arn:aws[\w-]*:omics:[\w-]+:(\d{12}):(.+)")
# Kinds of documents by the types of resources that an ARN passes through. What is named rather
# than numbered has the account in its key, as names are unique in an account only.
_KINDS = {
    ("workflow",): "workflow",
    ("workflow", "version"): "version",
    ("run",): "run",
    ("task",): "task",
    ("runGroup",): "group",
    ("runCache",): "cache",
    ("runBatch",): "batch",
    ("configuration",): "configuration",
    ("referenceStore",): "referenceStore",
    ("referenceStore", "reference"): "reference",
    ("sequenceStore",): "sequenceStore",
    ("sequenceStore", "readSet"): "readSet",
    ("variantStore",): "variantStore",
    ("annotationStore",): "annotationStore",
    ("annotationStore", "version"): "annotationStoreVersion",
}
_BY_NAME = ("configuration", "variantStore", "annotationStore")


def arn(path: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:omics:{REGION}:{account}:{path}"


def log_stream_arn(stream: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:logs:{REGION}:{account}:log-group:{LOG_GROUP}:log-stream:{stream}"


def object_of(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix, or nothing) of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def key_of(*names: str) -> str:
    """The key, in the store, of what has names in place of numbers."""
    return "/".join(names)


def document_of(name: str) -> tuple[str, str, str] | None:
    """Account, kind and key of the document that an ARN may name; None if it can be none of ours.

    Whether there is such a document, and under this very ARN, only the store knows.
    """
    found = _PATTERN.fullmatch(name)
    if found is None:
        return None
    account, path = found.groups()
    parts = path.split("/")
    types, names = tuple(parts[::2]), parts[1::2]
    kind = _KINDS.get(types)
    if kind is None or len(names) != len(types):
        return None
    if types[0] in _BY_NAME:
        return account, kind, key_of(account, *names)
    return account, kind, key_of(*names) if kind == "version" else names[-1]
