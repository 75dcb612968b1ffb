"""What CreateWorkflow and CreateWorkflowVersion have in common: the members and where they are.

A definition, a readme and a registry map come with the request or lie on S3. What the check of a
definition finds out later is not here (see `definitions`).
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from functools import cache
from pathlib import Path
from typing import Any

from ..arn import ACCOUNT, object_of
from ..clock import now
from ..context import Context, Params
from ..definitions.checker import README_BYTES
from ..errors import NotFound, ValidationFault
from ..protocol.rest_json import Protocol
from ..protocol.validation import problems
from .common import check_region, given

_REGISTRY_MAP_BYTES = 1024 * 1024  # ours: such a map is read into the document
_CONNECTIONS = (":codeconnections:", ":codestar-connections:")
_KEPT = (
    "name",
    "description",
    "engine",
    "main",
    "parameterTemplate",
    "storageType",
    "storageCapacity",
    "accelerators",
    "workflowBucketOwnerId",
)


def new_document(context: Context, params: Params) -> dict[str, Any]:
    """The members of a workflow or version in its first state; its zip file is in place."""
    source = _only_one(
        params, "definitionZip", "definitionUri", "definitionRepository", required=True
    )
    readme = _only_one(params, "readmeMarkdown", "readmeUri", "readmePath")
    registries = _only_one(params, "containerRegistryMap", "containerRegistryMapUri")
    if source != "definitionRepository":
        for member in ("parameterTemplatePath", "readmePath"):
            if params.get(member) is not None:
                raise ValidationFault(f"{member} is a path in a definitionRepository")
    _check_template(context, params)
    id = str(uuid.uuid4())
    document = {
        **given(params, *_KEPT),
        "uuid": id,
        "status": "CREATING",
        "type": "PRIVATE",
        "creationTime": now(),
        "tags": dict(params.get("tags") or {}),
    }
    if readme == "readmeMarkdown":
        document["readmeMarkdown"] = checked_readme(params["readmeMarkdown"])
    elif readme == "readmeUri":
        document["readmeMarkdown"] = _readme_on_s3(context, params["readmeUri"])
    if registries is not None:
        document["containerRegistryMap"] = (
            params["containerRegistryMap"]
            if registries == "containerRegistryMap"
            else _registry_map_on_s3(context, params["containerRegistryMapUri"])
        )
    _place_definition(context, params, str(source), context.checker.archive(id))
    return document


def checked_readme(text: str) -> str:
    if len(text.encode()) > README_BYTES:
        raise ValidationFault(f"readmeMarkdown is larger than {README_BYTES} bytes")
    return text


def _only_one(params: Params, *names: str, required: bool = False) -> str | None:
    """Which one of members that exclude each other the request has."""
    found = list(given(params, *names))
    if len(found) > 1:
        raise ValidationFault(f"{' and '.join(found)} exclude each other")
    if required and not found:
        raise ValidationFault(f"exactly one of {', '.join(names)} is required")
    return found[0] if found else None


def _check_template(context: Context, params: Params) -> None:
    template = params.get("parameterTemplate") or {}
    entries = int(context.readings["template-entries"])
    if len(template) > entries:
        raise ValidationFault(f"parameterTemplate has more than {entries} entries")
    most = int(context.readings["template-bytes"])
    if len(json.dumps(template, ensure_ascii=False).encode()) > most:
        raise ValidationFault(f"parameterTemplate is larger than {most} bytes")


def _place_definition(context: Context, params: Params, source: str, archive: Path) -> None:
    if source == "definitionZip":
        inline = int(context.readings["inline-zip-bytes"])
        if len(params["definitionZip"]) > inline:
            raise ValidationFault(f"definitionZip is larger than {inline} bytes")
        archive.write_bytes(params["definitionZip"])
    elif source == "definitionUri":
        # All buckets are the default account's here.
        if params.get("workflowBucketOwnerId") not in (None, ACCOUNT):
            raise ValidationFault("workflowBucketOwnerId does not own the bucket of definitionUri")
        most = int(context.readings["zip-bytes"])
        _link(_object(context, "definitionUri", params["definitionUri"], most), archive)
    else:
        connection = params["definitionRepository"]["connectionArn"]
        if not any(service in connection for service in _CONNECTIONS):
            raise ValidationFault(f"connectionArn {connection} is no ARN of a code connection")
        raise NotFound("connection", connection)  # there are none on this machine


def _link(source: Path, target: Path) -> None:
    """A file of S3 never changes, so the same bytes can have two names."""
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _object(context: Context, member: str, uri: str, most: int) -> Path:
    """The file that holds what an S3 URI of the request names."""
    bucket, key = object_of(uri)
    if not uri.startswith("s3://") or not bucket or not key:
        raise ValidationFault(f"{member} {uri} is no URI of an S3 object")
    if not context.objects.has_bucket(bucket):
        raise ValidationFault(f"the bucket of {member} {uri} does not exist")
    check_region(context, member, uri)
    file = context.objects.file(bucket, key)
    if file is None:
        raise ValidationFault(f"{member} {uri} does not exist")
    if file.stat().st_size > most:
        raise ValidationFault(f"{member} {uri} is larger than {most} bytes")
    return file


def _readme_on_s3(context: Context, uri: str) -> str:
    try:
        return _object(context, "readmeUri", uri, README_BYTES).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValidationFault(f"readmeUri {uri} is no UTF-8 text") from error


def _registry_map_on_s3(context: Context, uri: str) -> dict[str, Any]:
    file = _object(context, "containerRegistryMapUri", uri, _REGISTRY_MAP_BYTES)
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValidationFault(f"containerRegistryMapUri {uri} is no JSON: {error}") from error
    wrong = list(problems(_registry_map_shape(), found, "containerRegistryMap"))
    if wrong:
        raise ValidationFault(f"containerRegistryMapUri {uri}: {'; '.join(wrong[:20])}")
    return dict(found)


@cache
def _registry_map_shape() -> Any:
    return Protocol().model.shape_for("ContainerRegistryMap")
