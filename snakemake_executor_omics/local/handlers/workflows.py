"""Workflows and their versions."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from typing import Any

import boto3
from botocore.config import Config

from ..arn import BUCKET, REGION
from ..clock import now
from ..errors import Conflict, ValidationFault
from .context import Context, Handler, Params, existing, given
from .sharing import accessible, check_export, forget_shares

_INLINE_ZIP = 4_400_000
_ZIP = 100 * 1024 * 1024
_TEMPLATE_ENTRIES = 1000
_README = 500 * 1024
_LINK_SECONDS = 3600
_KEPT = (
    "name", "description", "main", "parameterTemplate", "storageType", "storageCapacity",
    "accelerators", "containerRegistryMap", "readmeMarkdown", "workflowBucketOwnerId",
)  # fmt: skip


def _definition(context: Context, params: Params, id: str) -> str:
    """Put the definition's zip into the builder's folder; returns its digest."""
    sources = given(params, "definitionZip", "definitionUri", "definitionRepository")
    if len(sources) != 1:
        raise ValidationFault(
            "exactly one of definitionZip, definitionUri, definitionRepository is required"
        )
    archive = context.builder.archive(id)
    if "definitionZip" in sources:
        if len(sources["definitionZip"]) > _INLINE_ZIP:
            raise ValidationFault(f"definitionZip is larger than {_INLINE_ZIP} bytes")
        archive.write_bytes(sources["definitionZip"])
    elif "definitionUri" in sources:
        bucket, _, key = sources["definitionUri"].removeprefix("s3://").partition("/")
        source = context.peers.object_file(bucket, key)
        if not sources["definitionUri"].startswith("s3://") or source is None:
            raise ValidationFault(f"cannot read definitionUri {sources['definitionUri']}")
        if source.stat().st_size > _ZIP:
            raise ValidationFault(f"the definition is larger than {_ZIP} bytes")
        shutil.copyfile(source, archive)
    else:
        raise ValidationFault("the local HealthOmics reads no definitionRepository")
    with archive.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _document(context: Context, params: Params) -> dict[str, Any]:
    """The members that workflows and versions have in common."""
    if params.get("engine") not in (None, "WDL", "WDL_LENIENT"):
        raise ValidationFault("the local HealthOmics runs WDL only")
    if len(params.get("parameterTemplate") or {}) > _TEMPLATE_ENTRIES:
        raise ValidationFault(f"parameterTemplate has more than {_TEMPLATE_ENTRIES} entries")
    if len((params.get("readmeMarkdown") or "").encode()) > _README:
        raise ValidationFault(f"readmeMarkdown is larger than {_README} bytes")
    if params.get("containerRegistryMap") and params.get("containerRegistryMapUri"):
        raise ValidationFault("containerRegistryMap and containerRegistryMapUri exclude each other")
    if params.get("containerRegistryMapUri"):
        raise ValidationFault("the local HealthOmics reads no containerRegistryMapUri")
    id = str(uuid.uuid4())
    return {
        **given(params, *_KEPT),
        "digest": _definition(context, params, id),
        "uuid": id,
        "status": "CREATING",
        "type": "PRIVATE",
        "engine": params.get("engine") or "WDL",
        "creationTime": now(),
        "tags": dict(params.get("tags") or {}),
    }


def _with_exports(context: Context, document: dict[str, Any], params: Params) -> dict[str, Any]:
    """The document with what `export` asks for."""
    answer = dict(document)
    wanted = params.get("export") or []
    if "DEFINITION" in wanted:
        check_export(context, document["account"])
        answer["definition"] = definition_link(context, document["uuid"])
    if "README" in wanted and document.get("readmeMarkdown"):
        answer["readme"] = _link(
            context, f"definitions/{document['uuid']}.md", document["readmeMarkdown"].encode()
        )
    return answer


def definition_link(context: Context, uuid: str) -> str | None:
    """A presigned link to a definition's zip; None if it is gone with its workflow."""
    archive = context.builder.archive(uuid)
    if not archive.exists():
        return None
    return _link(context, f"definitions/{uuid}.zip", archive.read_bytes())


def _link(context: Context, key: str, value: bytes) -> str:
    """A presigned link; the old signature, as the model allows 256 characters."""
    if context.peers.object_file(BUCKET, key) is None:
        context.peers.put(BUCKET, key, value)
    client = boto3.client(
        "s3", region_name=REGION, endpoint_url=context.endpoint_url(),
        aws_access_key_id="local", aws_secret_access_key="local",
        config=Config(signature_version="s3", s3={"addressing_style": "path"}),
    )  # fmt: skip
    link: str = client.generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=_LINK_SECONDS
    )
    return link


def create_workflow(context: Context, params: Params) -> dict[str, Any]:
    context.quotas.room("workflows", lambda: context.count("workflow"))
    document = context.add("workflow", _document(context, params))
    id = document["id"]
    document = context.store.update("workflow", id, {"arn": context.arn(f"workflow/{id}")})
    return {**document, "then": [("workflow", id)]}


def get_workflow(context: Context, params: Params) -> dict[str, Any]:
    workflow = accessible(context, "workflow", params["id"], params.get("workflowOwnerId"))
    return _with_exports(context, workflow, params)


def list_workflows(context: Context, params: Params) -> dict[str, Any]:
    if params.get("type") == "READY2RUN":
        return {"items": []}
    return context.page("workflow", params, name=params.get("name"))


def update_workflow(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "workflow", params["id"])
    changes = given(
        params, "name", "description", "storageType", "storageCapacity", "readmeMarkdown"
    )
    context.store.update("workflow", params["id"], changes)
    return {}


def delete_workflow(context: Context, params: Params) -> dict[str, Any]:
    document = existing(context, "workflow", params["id"])
    if context.count("version", params["id"]):
        raise Conflict(f"workflow {params['id']} has versions; delete them first")
    context.store.delete("workflow", params["id"])
    forget_shares(context, document["arn"])
    _forget_files(context, document)
    return {}


def _forget_files(context: Context, document: dict[str, Any]) -> None:
    """Drop the zip; the unpacked folder stays, as runs in flight may read it."""
    context.builder.archive(document["uuid"]).unlink(missing_ok=True)


def create_workflow_version(context: Context, params: Params) -> dict[str, Any]:
    workflow_id, name = params["workflowId"], params["versionName"]
    existing(context, "workflow", workflow_id)
    id = f"{workflow_id}/{name}"
    if context.store.get("version", id) is not None:
        raise Conflict(f"workflow {workflow_id} has a version {name} already")
    context.quotas.room("versions", lambda: context.count("version", workflow_id))
    document = {
        **_document(context, params),
        "workflowId": workflow_id,
        "versionName": name,
        "arn": context.arn(f"workflow/{workflow_id}/version/{name}"),
    }
    context.add("version", document, id=id, parent=workflow_id)
    return {**document, "then": [("version", id)]}


def _version(context: Context, params: Params) -> dict[str, Any]:
    owner = params.get("workflowOwnerId")
    accessible(context, "workflow", params["workflowId"], owner)
    return accessible(context, "version", f"{params['workflowId']}/{params['versionName']}", owner)


def get_workflow_version(context: Context, params: Params) -> dict[str, Any]:
    return _with_exports(context, _version(context, params), params)


def list_workflow_versions(context: Context, params: Params) -> dict[str, Any]:
    accessible(context, "workflow", params["workflowId"], params.get("workflowOwnerId"))
    return context.page("version", params, owned=False, parent=params["workflowId"])


def update_workflow_version(context: Context, params: Params) -> dict[str, Any]:
    _version(context, params)
    changes = given(params, "description", "storageType", "storageCapacity", "readmeMarkdown")
    context.store.update("version", f"{params['workflowId']}/{params['versionName']}", changes)
    return {}


def delete_workflow_version(context: Context, params: Params) -> dict[str, Any]:
    document = _version(context, params)
    context.store.delete("version", f"{params['workflowId']}/{params['versionName']}")
    _forget_files(context, document)
    return {}


HANDLERS: dict[str, Handler] = {
    "CreateWorkflow": create_workflow,
    "GetWorkflow": get_workflow,
    "ListWorkflows": list_workflows,
    "UpdateWorkflow": update_workflow,
    "DeleteWorkflow": delete_workflow,
    "CreateWorkflowVersion": create_workflow_version,
    "GetWorkflowVersion": get_workflow_version,
    "ListWorkflowVersions": list_workflow_versions,
    "UpdateWorkflowVersion": update_workflow_version,
    "DeleteWorkflowVersion": delete_workflow_version,
}
