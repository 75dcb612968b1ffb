"""Every operation of the model: requests of its own shape, and requests broken in one constraint.

Nothing is written down here about an operation but the scenarios, in which each gets a request
that succeeds; a new operation needs a line or two there.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from waiting import until

from local_healthomics.operations.registry import HANDLERS
from local_healthomics.protocol.rest_json import Protocol
from local_healthomics.protocol.validation import problems

from .conftest import Clients, connect
from .model_requests import Wire, broken, valid
from .model_scenarios import OBJECTS, SCENARIOS, Step

# Requests as they stand here are not signed; test_access.py tells which need to be.
SERVER_OPTIONS = ["--insecure"]

MODEL = Protocol().model
EVERY = sorted(MODEL.operation_names)
_REQUEST_TOKENS = ("requestId", "clientToken")
_PAGE_TOKENS = ("startingToken", "nextToken")


@pytest.fixture(scope="module")
def wire(fake: Clients) -> Iterator[Wire]:
    wire = Wire(fake.service.endpoint_url)
    yield wire
    wire.close()


def test_every_operation_has_a_handler() -> None:
    assert sorted(HANDLERS) == EVERY


def test_every_operation_is_in_a_scenario() -> None:
    assert sorted({step.operation for steps in SCENARIOS.values() for step in steps}) == EVERY


@pytest.mark.parametrize("name", EVERY)
def test_a_request_broken_in_one_constraint_is_refused_naming_the_member(
    wire: Wire, name: str
) -> None:
    operation = MODEL.operation_model(name)
    let_through = []
    for wrong in broken(operation.input_shape):
        reply = wire.send(operation, wrong.value)
        said = reply.parsed(operation).get("Error", {})
        names_it = re.search(
            rf"at '([^']*\.)?{wrong.member}(\.[^']*)?' failed to satisfy", said.get("Message", "")
        )
        if (reply.status, said.get("Code")) != (400, "ValidationException") or not names_it:
            let_through.append(f"{wrong} -> {reply.status} {said}")
    assert let_through == []


@pytest.mark.parametrize("full", [False, True], ids=["minimal", "full"])
@pytest.mark.parametrize("name", EVERY)
def test_a_request_of_the_models_shape_gets_an_answer_of_the_models_shape(
    wire: Wire, name: str, full: bool
) -> None:
    operation = MODEL.operation_model(name)
    request = valid(operation.input_shape, full=full)
    for token in _PAGE_TOKENS:  # of which the shape says nothing
        request.pop(token, None)
    for token in _REQUEST_TOKENS:
        request |= {token: str(uuid.uuid4())} if token in request else {}
    reply = wire.send(operation, request)
    parsed = reply.parsed(operation)
    if reply.status < 300:
        assert reply.status == operation.http["responseCode"]
        assert list(_wrong(operation, parsed)) == []
        return
    error = parsed["Error"]
    statuses = {
        shape.name: shape.metadata["error"]["httpStatusCode"] for shape in operation.error_shapes
    }
    assert statuses.get(error["Code"]) == reply.status < 500, error
    assert "failed to satisfy constraint" not in error["Message"]


def _wrong(operation: Any, parsed: dict[str, Any]) -> Iterator[str]:
    """What an answer has that the model forbids, or lacks that it requires."""
    answer = {k: v for k, v in parsed.items() if k != "ResponseMetadata"}
    if operation.output_shape is not None and not operation.has_streaming_output:
        for problem in problems(operation.output_shape, answer, ""):
            # The text of a WDL check has lines, which the model's pattern forbids.
            if "statusMessage' failed to satisfy constraint: Member must satisfy" not in problem:
                yield problem


@pytest.mark.parametrize("family", SCENARIOS)
def test_a_family_of_operations_does_its_work(fake: Clients, family: str) -> None:
    """Answers are wholly of the model's shape; tokens stand for one request, or one listing."""
    inputs = f"{fake.service.default_output_uri}/inputs"
    bucket, _, prefix = inputs.removeprefix("s3://").partition("/")
    for name, content in OBJECTS.items():
        fake.s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=content)
    world = {
        "role": fake.service.role_arn,
        "output": fake.service.default_output_uri,
        "inputs": inputs,
    }
    for step in SCENARIOS[family]:
        clients = connect(fake.service, step.account) if step.account else fake
        answer = _done(clients, step, _filled(step.request, world))
        for name, place in step.keep.items():
            world[name] = _at(answer, place)


def _done(clients: Clients, step: Step, request: dict[str, Any]) -> dict[str, Any]:
    operation = MODEL.operation_model(step.operation)
    call = getattr(clients.omics, xform_name(step.operation))
    members = operation.input_shape.members
    if (token := next((name for name in _REQUEST_TOKENS if name in members), None)) is not None:
        return _repeated(operation, call, {**request, token: str(uuid.uuid4())})
    if (token := next((name for name in _PAGE_TOKENS if name in members), None)) is not None:
        _check_pages(clients, step.operation, token, request)
    if step.too_late:
        with contextlib.suppress(getattr(clients.omics.exceptions, step.too_late)):
            call(**request)
        return {}

    def answered() -> dict[str, Any]:
        answer: dict[str, Any] = call(**request)
        assert list(_wrong(operation, answer)) == []
        return answer

    return until(
        answered, lambda answer: step.until in ("", answer.get("share", answer).get("status"))
    )


def _check_pages(clients: Clients, operation: str, token: str, request: dict[str, Any]) -> None:
    """Pages of one item hold together what one page holds; no other listing's token is taken."""
    name = xform_name(operation)
    call = getattr(clients.omics, name)
    paginator = clients.omics.get_paginator(name)
    [key] = [result.expression for result in paginator.result_keys]
    pages = list(paginator.paginate(**request, PaginationConfig={"PageSize": 1}))
    assert [len(page[key]) for page in pages] == [1] * len(pages)
    assert [page[key][0] for page in pages] == call(**request)[key]
    with pytest.raises(clients.omics.exceptions.ValidationException, match=token):
        call(**request, **{token: _token_of_another_listing(clients)})


def _repeated(operation: Any, call: Any, request: dict[str, Any]) -> dict[str, Any]:
    """The answer, which a repeated request gets too, and no other with the same token."""
    answer: dict[str, Any] = call(**request)
    assert list(_wrong(operation, answer)) == []
    again = call(**request)
    assert {**again, "ResponseMetadata": 0} == {**answer, "ResponseMetadata": 0}
    others = {
        "description": "another",
        "tags": {"another": "one"},
        "sources": request.get("sources", []) * 2,
    }
    changed = next(name for name in others if name in operation.input_shape.members)
    declared = {shape.name for shape in operation.error_shapes}
    refused = "ConflictException" if "ConflictException" in declared else "ValidationException"
    with pytest.raises(ClientError, match=rf"\({refused}\).*token"):
        call(**{**request, changed: others[changed]})
    return answer


def _token_of_another_listing(clients: Clients) -> str:
    for _ in range(2):
        clients.omics.create_run_group(name="another listing")
    page = clients.omics.list_run_groups(name="another listing", maxResults=1)
    return str(page["nextToken"])


def _filled(value: Any, world: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(world)
    if isinstance(value, list):
        return [_filled(item, world) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, world) for key, item in value.items()}
    return value


def _at(answer: Any, place: str) -> str:
    for part in place.split("."):
        answer = answer[int(part)] if part.isdigit() else answer[part]
    return str(answer)
