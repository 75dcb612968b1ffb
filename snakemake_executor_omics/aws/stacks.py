"""CloudFormation: what a stack would change, and the change itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NotFound, ServiceError, UnexpectedAnswer
from .session import Services
from .translate import translated

_PAUSE = 3.0  # seconds
_PATIENCE = 1800.0  # seconds; roles and a bucket take a minute
_ONLY_PROPOSED = "REVIEW_IN_PROGRESS"  # a stack that has nothing but a change set
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What CloudFormation would do to a stack: a line for each resource."""

    stack: str
    id: str
    is_new: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack that is there: its parameters, its template (text, or an object for JSON), and the
    name of each resource in the account by that in the template.
    """

    parameters: frozenset[str]
    template: Any
    resources: Mapping[str, str]


def deployed(services: Services, stack: str) -> Deployed | None:
    client = services.client("cloudformation", None)
    with translated(f"look at the stack {stack}"):
        if (found := _stack(client, stack)) is None or found["StackStatus"] == _ONLY_PROPOSED:
            return None
        template = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
        resources = client.describe_stack_resources(StackName=stack)["StackResources"]
    return Deployed(
        frozenset(item["ParameterKey"] for item in found.get("Parameters", ())),
        template,
        {
            item["LogicalResourceId"]: item["PhysicalResourceId"]
            for item in resources
            if "PhysicalResourceId" in item
        },
    )


def propose(
    services: Services,
    stack: str,
    template: str,
    parameters: Mapping[str, str],
    name: str,
    keep: Collection[str] = (),
) -> ChangeSet | None:
    """Have CloudFormation work out what would change; None where the stack is so already.

    `keep` are parameters that stay as they are. Nothing is made yet: `drop` leaves no trace of it,
    `carry_out` does it.
    """
    client = services.client("cloudformation", None)
    with translated(f"ask CloudFormation what the stack {stack} would change"):
        status = _status(client, stack)
        made = client.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="CREATE" if status in (None, _ONLY_PROPOSED) else "UPDATE",
            TemplateBody=template,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in sorted(parameters.items())
            ]
            + [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(keep)],
            Capabilities=["CAPABILITY_IAM"],
            # A log group that the first run made, or an earlier stack has left, is taken over.
            ImportExistingResources=True,
        )

        def answer() -> dict[str, Any] | None:
            found: dict[str, Any] = client.describe_change_set(
                StackName=stack, ChangeSetName=made["Id"]
            )
            return None if found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS") else found

        told = _until(answer, f"CloudFormation's answer about the stack {stack}")
    changes = ChangeSet(
        stack, made["Id"], status is None, tuple(_line(item) for item in told.get("Changes", ()))
    )
    if told["Status"] == "FAILED":
        drop(services, changes)
        reason = told.get("StatusReason", "")
        if any(text in reason for text in _NO_CHANGES):
            return None
        raise ServiceError(f"CloudFormation refuses the stack {stack}: {reason}")
    return changes


def drop(services: Services, changes: ChangeSet) -> None:
    """Leave things as they are."""
    client = services.client("cloudformation", None)
    with translated("drop what was proposed to CloudFormation"):
        client.delete_change_set(StackName=changes.stack, ChangeSetName=changes.id)
        if changes.is_new:  # the stack has nothing but this proposal
            client.delete_stack(StackName=changes.stack)


def carry_out(services: Services, changes: ChangeSet) -> dict[str, str]:
    """Change the stack, wait for it, and give its outputs.

    Raises:
        ServiceError: it failed; CloudFormation has undone what it did.
    """
    client = services.client("cloudformation", None)
    with translated(f"change the stack {changes.stack}"):
        client.execute_change_set(StackName=changes.stack, ChangeSetName=changes.id)
        status = _until(
            lambda: _final(_status(client, changes.stack)), f"the stack {changes.stack}"
        )
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise _failed(client, changes.stack, status)
        stack = _stack(client, changes.stack) or {}
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}


def remove(services: Services, stack: str) -> None:
    """Delete the stack, but for what its template says is retained.

    Raises:
        NotFound: there is none.
    """
    client = services.client("cloudformation", None)
    with translated(f"delete the stack {stack}"):
        if _status(client, stack) is None:
            raise NotFound(f"there is no stack {stack} in {services.region}")
        client.delete_stack(StackName=stack)
        status = _until(
            lambda: _final(_status(client, stack) or "DELETE_COMPLETE"), f"the stack {stack}"
        )
        if status != "DELETE_COMPLETE":
            raise _failed(client, stack, status)


def _failed(client: Any, stack: str, status: str) -> ServiceError:
    """With what CloudFormation says of each resource that it could not change."""
    events = client.describe_stack_events(StackName=stack)["StackEvents"]
    reasons = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event
    ]
    return ServiceError(f"the stack {stack} is {status}", hint="; ".join(reversed(reasons)))


def _stack(client: Any, stack: str) -> dict[str, Any] | None:
    try:
        (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    except client.exceptions.ClientError as error:
        # It has no code of its own for this.
        if "does not exist" in str(error):
            return None
        raise
    return dict(found)


def _status(client: Any, stack: str) -> str | None:
    found = _stack(client, stack)
    return None if found is None else str(found["StackStatus"])


def _final(status: str | None) -> str | None:
    return None if status is None or status.endswith("_IN_PROGRESS") else status


def _line(change: Mapping[str, Any]) -> str:
    what = change["ResourceChange"]
    action = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "<"}.get(
        what["Action"], what["Action"]
    )
    replaced = " (made anew)" if what.get("Replacement") == "True" else ""
    return f"{action} {what['LogicalResourceId']}  {what['ResourceType']}{replaced}"


def _until(look: Callable[[], Any], what: str) -> Any:
    """What `look` gives that is not None, within `_PATIENCE`."""
    pause = threading.Event()
    for _ in range(int(_PATIENCE / _PAUSE)):
        if (found := look()) is not None:
            return found
        pause.wait(_PAUSE)
    raise UnexpectedAnswer(f"{what} is not there after {_PATIENCE / 60:.0f} minutes")
