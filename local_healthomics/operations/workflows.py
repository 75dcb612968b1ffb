"""Workflows and their versions."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from ..arn import BUCKET, REGION
from ..context import Context, Handler, Params
from ..errors import Conflict, NotFound
from ..removing import remove
from .common import existing, given
from .sharing import accessible, check_export, forget_shares
from .workflow_requests import checked_readme, new_document

_LINK_SECONDS = 3600


def create_workflow(context: Context, params: Params) -> dict[str, Any]:
    context.quotas.room("workflows", lambda: context.count("workflow"))
    document = context.add("workflow", new_document(context, params))
    id = document["id"]
    document = context.store.update("workflow", id, {"arn": context.arn(f"workflow/{id}")})
    return {**document, "follow_up": [("workflow", id)]}


def get_workflow(context: Context, params: Params) -> dict[str, Any]:
    return _with_exports(context, _workflow(context, params["id"], params), params)


def list_workflows(context: Context, params: Params) -> dict[str, Any]:
    if params.get("type") == "READY2RUN":
        return {"items": []}
    return context.page("workflow", params, name=params.get("name"))


def update_workflow(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "workflow", params["id"])
    context.store.update("workflow", params["id"], given(params, "name") | _changes(params))
    return {}


def delete_workflow(context: Context, params: Params) -> dict[str, Any]:
    document = existing(context, "workflow", params["id"])
    if context.count("version", params["id"]):
        raise Conflict(f"workflow {params['id']} has versions; delete them first")
    context.store.delete("workflow", params["id"])
    forget_shares(context, document["arn"])
    _forget_files(context, document)
    return {}


def create_workflow_version(context: Context, params: Params) -> dict[str, Any]:
    workflow_id, name = params["workflowId"], params["versionName"]
    existing(context, "workflow", workflow_id)
    id = f"{workflow_id}/{name}"
    if context.store.get("version", id) is not None:
        raise Conflict(f"workflow {workflow_id} has a version {name} already")
    context.quotas.room("versions", lambda: context.count("version", workflow_id))
    document = {
        **new_document(context, params),
        "workflowId": workflow_id,
        "versionName": name,
        "arn": context.arn(f"workflow/{workflow_id}/version/{name}"),
    }
    context.add("version", document, id=id, parent=workflow_id)
    return {**document, "follow_up": [("version", id)]}


def get_workflow_version(context: Context, params: Params) -> dict[str, Any]:
    _workflow(context, params["workflowId"], params)
    return _with_exports(context, _version(context, params), params)


def list_workflow_versions(context: Context, params: Params) -> dict[str, Any]:
    _workflow(context, params["workflowId"], params)
    return context.page("version", params, owned=False, parent=params["workflowId"])


def update_workflow_version(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "workflow", params["workflowId"])
    _version(context, params)
    context.store.update("version", _version_key(params), _changes(params))
    return {}


def delete_workflow_version(context: Context, params: Params) -> dict[str, Any]:
    existing(context, "workflow", params["workflowId"])
    document = _version(context, params)
    context.store.delete("version", _version_key(params))
    _forget_files(context, document)
    return {}


def _workflow(context: Context, id: str, params: Params) -> dict[str, Any]:
    """The workflow that a reader asks for, by its type and owner too."""
    if params.get("type") == "READY2RUN":
        raise NotFound("Ready2Run workflow", id)
    return accessible(context, "workflow", id, params.get("workflowOwnerId"))


def _version(context: Context, params: Params) -> dict[str, Any]:
    return accessible(context, "version", _version_key(params), params.get("workflowOwnerId"))


def _version_key(params: Params) -> str:
    return f"{params['workflowId']}/{params['versionName']}"


def _changes(params: Params) -> dict[str, Any]:
    """What may be changed of a workflow and of a version."""
    changes = given(params, "description", "storageType", "storageCapacity")
    if (readme := params.get("readmeMarkdown")) is not None:
        changes["readmeMarkdown"] = checked_readme(readme)
    return changes


def _with_exports(context: Context, document: dict[str, Any], params: Params) -> dict[str, Any]:
    """The document with links to what `export` asks for."""
    answer = dict(document)
    wanted = params.get("export") or []
    if "DEFINITION" in wanted:
        check_export(context, document["account"])
        answer["definition"] = definition_link(context, document["uuid"])
    if "README" in wanted and document.get("readmeMarkdown") is not None:
        _, key = _export_keys(document["uuid"])
        context.objects.put(BUCKET, key, document["readmeMarkdown"].encode())
        answer["readme"] = _link(context, key)
    return answer


def definition_link(context: Context, uuid: str) -> str | None:
    """A presigned link to a definition's zip; None if it is gone with its workflow."""
    archive, (key, _) = context.checker.archive(uuid), _export_keys(uuid)
    if not archive.exists():
        return None
    if context.objects.file(BUCKET, key) is None:
        context.objects.link(BUCKET, key, archive)
    return _link(context, key)


def _export_keys(uuid: str) -> tuple[str, str]:
    """Where the exports of a workflow or version lie in the service's own bucket."""
    return f"definitions/{uuid}.zip", f"definitions/{uuid}.md"


def _link(context: Context, key: str) -> str:
    """A presigned link; the old signature, as the model allows 256 characters."""
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=context.endpoint_url(),
        aws_access_key_id=context.account,
        aws_secret_access_key=context.owner.secret_access_key(context.account),
        config=Config(signature_version="s3", s3={"addressing_style": "path"}),
    )
    link: str = client.generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=_LINK_SECONDS
    )
    return link


def _forget_files(context: Context, document: dict[str, Any]) -> None:
    """Drop the zip and its exports.

    The unpacked folder stays until the next server sweeps, as runs in flight may read it.
    """
    remove(context.checker.archive(document["uuid"]), within=context.checker.folder)
    for key in _export_keys(document["uuid"]):
        if context.objects.file(BUCKET, key) is not None:
            context.objects.remove(BUCKET, key)


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
