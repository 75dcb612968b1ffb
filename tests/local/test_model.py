"""Every operation of the model: requests of its own shape, and requests broken in one constraint.

Nothing is written down here about an operation but the scenarios, in which each gets a request
that succeeds; a new operation needs a line or two there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from snakemake_executor_omics import local
from snakemake_executor_omics.local.handlers import HANDLERS
from snakemake_executor_omics.local.protocol import Protocol
from snakemake_executor_omics.local.validation import problems

from .model_requests import Wire, broken, valid

MODEL = Protocol().model
EVERY = sorted(MODEL.operation_names)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory, fake_engine: list[str]) -> Iterator[Wire]:
    service = local.start(tmp_path_factory.mktemp("model"), engine=fake_engine)
    wire = Wire(service.endpoint_url)
    yield wire
    wire.close()
    service.stop()


@pytest.mark.xfail(strict=True, reason="families are still being written")
def test_every_operation_has_a_handler() -> None:
    assert sorted(HANDLERS) == EVERY


@pytest.mark.parametrize("name", EVERY)
def test_a_request_broken_in_one_constraint_is_refused_naming_the_member(
    wire: Wire, name: str
) -> None:
    operation = MODEL.operation_model(name)
    let_through = []
    for wrong in broken(operation.input_shape) if operation.input_shape.members else ():
        if not wrong.member:  # the request as a whole is always an object
            continue
        reply = wire.send(operation, wrong.value)
        said = reply.parsed(operation).get("Error", {})
        names_it = re.search(
            rf"at '([^']*\.)?{wrong.member}(\.[^']*)?' failed to satisfy", said.get("Message", "")
        )
        if (reply.status, said.get("Code")) != (400, "ValidationException") or not names_it:
            let_through.append(f"{wrong} -> {reply.status} {said}")
    assert let_through == []


@pytest.mark.parametrize("full", [False, True], ids=["minimal", "full"])
@pytest.mark.parametrize("name", sorted(HANDLERS))
def test_a_request_of_the_models_shape_gets_an_answer_of_the_models_shape(
    wire: Wire, name: str, full: bool
) -> None:
    operation = MODEL.operation_model(name)
    reply = wire.send(operation, valid(operation.input_shape, full=full))
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
        yield from problems(operation.output_shape, answer, "")
