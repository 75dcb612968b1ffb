"""The numbers of the service are those of botocore's model, where the model knows them."""

from typing import Any

import botocore.session
import pytest

from snakemake_executor_omics import limits

MODEL = botocore.session.get_session().get_service_model("omics")


def shape(operation: str, *members: str) -> Any:
    found: Any = MODEL.operation_model(operation).input_shape
    for member in members:
        found = found.value if found.type_name == "map" else found.members[member]
    return found


@pytest.mark.parametrize(
    ("limit", "operation", "member"),
    [
        (limits.MAX_DESCRIPTION, "CreateWorkflow", "description"),
        (limits.MAX_DEFINITION_URI, "CreateWorkflow", "definitionUri"),
        (limits.MAX_ROLE_ARN, "StartRun", "roleArn"),
        (limits.MAX_OUTPUT_URI, "StartRun", "outputUri"),
        (limits.MAX_REQUEST_ID, "StartRun", "requestId"),
        (limits.MAX_NAME, "StartRun", "name"),
        (limits.MAX_NAME, "CreateWorkflow", "name"),
        (limits.MAX_NAME, "CreateRunGroup", "name"),
        (limits.MAX_NUMBER, "StartRun", "priority"),
        (limits.MAX_NUMBER, "StartRun", "storageCapacity"),
        (limits.MAX_NUMBER, "CreateRunGroup", "maxCpus"),
        (limits.MAX_PAGE, "ListRuns", "maxResults"),
        (limits.MAX_PAGE, "ListRunTasks", "maxResults"),
    ],
)
def test_a_limit_is_that_of_the_model(limit: int, operation: str, member: str) -> None:
    assert shape(operation, member).metadata["max"] == limit


def test_a_limit_of_the_quotas_is_none_that_the_model_forbids() -> None:
    template = shape("CreateWorkflow", "parameterTemplate")
    assert template.metadata["max"] >= limits.MAX_TEMPLATE_ENTRIES
    description = template.value.members["description"]
    assert description.metadata["max"] == limits.MAX_PARAMETER_DESCRIPTION
    tags = shape("StartRun", "tags")
    assert tags.key.metadata["max"] == limits.MAX_TAG_KEY
    assert tags.value.metadata["max"] == limits.MAX_TAG_VALUE
