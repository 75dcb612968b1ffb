"""Request tokens and page tokens: what they stand for, and for how long."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Clients


def _killed(clients: Clients) -> None:
    os.kill(clients.service.pid, signal.SIGKILL)
    clients.service._process.wait()  # type: ignore[union-attr]


def _without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _of_another_account(clients: Clients) -> Any:
    return clients.service.for_account("210987654321").client("omics")


def test_a_request_token_is_remembered_after_a_kill(starter: Callable[[], Clients]) -> None:
    request = {"name": "a", "tags": {"k": "v"}, "requestId": "t"}
    first = starter()
    answer = first.omics.create_run_group(**request)
    _killed(first)
    second = starter()
    again = second.omics.create_run_group(**request)
    assert _without_metadata(again) == _without_metadata(answer)
    assert len(second.omics.list_run_groups()["items"]) == 1
    with pytest.raises(second.omics.exceptions.ConflictException):
        second.omics.create_run_group(**request, maxRuns=1)


def test_a_request_that_failed_leaves_its_token_free(fake: Clients) -> None:
    with pytest.raises(fake.omics.exceptions.ValidationException):
        fake.omics.create_run_cache(cacheS3Location="s3://no-such-bucket/c", requestId="free")
    fake.omics.create_run_cache(cacheS3Location="s3://omics-local/c", requestId="free")


def test_operations_and_accounts_have_request_tokens_of_their_own(fake: Clients) -> None:
    group = fake.omics.create_run_group(name="a", requestId="own")["id"]
    fake.omics.create_run_cache(cacheS3Location="s3://omics-local/c", requestId="own")
    other = _of_another_account(fake)
    assert other.create_run_group(name="a", requestId="own")["id"] != group
    assert [item["name"] for item in other.list_run_groups()["items"]] == ["a"]


def test_a_page_token_survives_a_kill_and_what_is_made_and_deleted_meanwhile(
    starter: Callable[[], Clients],
) -> None:
    first = starter()
    made = [first.omics.create_run_group(name="g")["id"] for _ in range(4)]
    page = first.omics.list_run_groups(name="g", maxResults=2)
    assert [item["id"] for item in page["items"]] == made[:1:-1]
    first.omics.delete_run_group(id=made[2])
    first.omics.create_run_group(name="g")
    _killed(first)
    second = starter()
    rest = second.omics.list_run_groups(name="g", startingToken=page["nextToken"])
    assert [item["id"] for item in rest["items"]] == made[1::-1]
    assert "nextToken" not in rest


def test_a_page_token_is_of_one_query_but_of_any_page_size(fake: Clients) -> None:
    for _ in range(3):
        fake.omics.create_run_group(name="paged")
    token = fake.omics.list_run_groups(name="paged", maxResults=1)["nextToken"]
    assert len(fake.omics.list_run_groups(name="paged", startingToken=token)["items"]) == 2
    other = _of_another_account(fake)
    for list_others in (
        lambda: fake.omics.list_run_groups(startingToken=token),
        lambda: fake.omics.list_run_groups(name="other", startingToken=token),
        lambda: fake.omics.list_run_caches(startingToken=token),
        lambda: other.list_run_groups(name="paged", startingToken=token),
    ):
        with pytest.raises(Exception, match="ValidationException"):
            list_others()


@pytest.mark.parametrize("token", ["mine", "bnVsbA==", "WzEsMl0=", "é", "="])
def test_a_page_token_that_is_none_of_the_services_is_refused(fake: Clients, token: str) -> None:
    with pytest.raises(fake.omics.exceptions.ValidationException, match="startingToken"):
        fake.omics.list_run_groups(startingToken=token)
