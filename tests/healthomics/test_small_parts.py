"""Names, times, JSON, parameters, manifests: the parts that need nothing to be tried."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_healthomics.arn import arn, document_of, key_of, object_of
from local_healthomics.clock import epoch_ms, now, written
from local_healthomics.errors import ValidationFault
from local_healthomics.protocol.strict_json import MAX_DEPTH, loads
from local_healthomics.runs import parameters
from local_healthomics.runs.manifest import manifest

# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind", "key"),
    [
        ("workflow/1234567", "workflow", "1234567"),
        ("workflow/1234567/version/v1", "version", "1234567/v1"),
        ("run/1234567", "run", "1234567"),
        ("sequenceStore/1000000001/readSet/1000000002", "readSet", "1000000002"),
        ("configuration/vpc", "configuration", "123456789012/vpc"),
        ("annotationStore/a/version/b", "annotationStoreVersion", "123456789012/a/b"),
    ],
)
def test_an_arn_leads_to_a_document(path: str, kind: str, key: str) -> None:
    assert document_of(arn(path)) == ("123456789012", kind, key)


def test_names_are_keys_in_their_account() -> None:
    assert document_of(arn("variantStore/v", "2" * 12)) == (
        "2" * 12,
        "variantStore",
        "2" * 12 + "/v",
    )
    assert key_of("a", "b") == "a/b"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "arn:aws:s3:::bucket",
        arn("workflow"),
        arn("workflow/1/version"),
        arn("runGroup/1/version/2"),
        arn("share/1"),
        arn("run/1", "12"),
        f"x{arn('run/1')}",
    ],
)
def test_what_is_no_name_of_ours_leads_nowhere(name: str) -> None:
    assert document_of(name) is None


@given(st.text())
def test_no_text_breaks_the_reading_of_names(text: str) -> None:
    assert document_of(text) is None or text.startswith("arn:aws")


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("s3://b/k/l", ("b", "k/l")), ("s3://b/", ("b", "")), ("s3://b", ("b", ""))],
)
def test_a_uri_has_a_bucket_and_a_key(uri: str, parts: tuple[str, str]) -> None:
    assert object_of(uri) == parts


# --- times ---------------------------------------------------------------------------------------


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_a_time_is_written_so_that_texts_compare_as_moments(moment: datetime) -> None:
    later = moment + timedelta(milliseconds=1) if moment.year < 9999 else moment
    if moment.year > 1:
        assert datetime.fromisoformat(written(moment)) <= moment
        assert written(moment) <= written(later)


def test_a_time_without_a_zone_is_utc() -> None:
    assert written(datetime(2026, 1, 2, 3, 4, 5, 678900)) == "2026-01-02T03:04:05.678Z"
    assert abs(datetime.fromisoformat(now()).timestamp() * 1000 - epoch_ms()) < 60_000


# --- JSON ----------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=8,
)


@given(_JSON)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "Expecting value"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"-Infinity", "Infinity is no JSON"),
        (b"1e999", "too large"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"\\udc00": 1}', "half of a surrogate pair"),
        (b"\xff", "utf-8"),
        (b"[" * 200 + b"]" * 200, "nested"),
        (b"[" * 200_000, "nested"),
    ],
)
def test_json_that_others_could_not_read_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        loads(body)


def test_lists_may_be_as_deep_as_is_said() -> None:
    loads(b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1))


# --- parameters ----------------------------------------------------------------------------------

_TEMPLATE = {"reads": {"optional": False}, "threads": {"optional": True}, "plain": {}}


@pytest.mark.parametrize(
    "given_",
    [
        {"reads": "s3://b/x", "plain": 1},
        {"reads": 0, "plain": "", "threads": None},
        {"w.reads": 0, "plain": "", "the engine refuses it later": 1},
    ],
)
def test_parameters_that_miss_nothing_are_taken(given_: dict[str, Any]) -> None:
    parameters.check(given_, _TEMPLATE)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ([], "must be a JSON object"),
        ({}, "missing required parameters: plain, reads"),
        ({"reads": None, "plain": 1}, "missing required parameters: reads"),
    ],
)
def test_parameters_that_are_missing_are_all_named(given_: Any, says: str) -> None:
    with pytest.raises(ValidationFault, match=says):
        parameters.check(given_, _TEMPLATE)


def test_the_size_of_parameters_counts_bytes() -> None:
    parameters.check_size({"a": "é" * 24_990}, 50_000)
    with pytest.raises(ValidationFault, match="are 50002 bytes"):
        parameters.check_size({"a": "é" * 24_997}, 50_000)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot read parametersUri s3://b/p"), ("{", "is no JSON"), ("[]", "a JSON object")],
)
def test_a_file_of_parameters_is_checked(tmp_path: Path, content: str | None, says: str) -> None:
    path = None if content is None else tmp_path / "p.json"
    if path is not None:
        path.write_text(content or "")
    with pytest.raises(ValidationFault, match=says):
        parameters.read(path, "s3://b/p", {})
    (tmp_path / "good.json").write_text('{"plain": 1, "reads": "x"}')
    found = parameters.read(tmp_path / "good.json", "s3://b/p", _TEMPLATE)
    assert found == {"plain": 1, "reads": "x"}


# --- the manifest --------------------------------------------------------------------------------

_RUN: dict[str, Any] = {
    "arn": arn("run/1"),
    "account": "123456789012",
    "workflowId": "7",
    "storageType": "DYNAMIC",
    "creationTime": "2026-01-01T00:00:00.000Z",
    "startTime": "2026-01-01T00:00:01.000Z",
    "stopTime": "2026-01-01T00:01:01.500Z",
    "secret": "of the server's own",
}
_TASK: dict[str, Any] = {"id": "9", "name": "t", "cpus": 2, "memory": 4, "gpus": 0}


def _lines(run: dict[str, Any], *tasks: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest(run, tasks)]


def test_a_manifest_is_the_run_and_then_its_tasks() -> None:
    run, first, second = _lines(_RUN, _TASK, {**_TASK, "id": "8"})
    assert run["metrics"]["runningSeconds"] == 60.5
    assert "secret" not in run
    assert [first["arn"], second["arn"]] == [arn("task/9"), arn("task/8")]
    assert first["run"] == run["arn"]
    assert first["metrics"] == {
        "cpusReserved": 2,
        "memoryReservedGiB": 4,
        "gpusReserved": 0,
        "runningSeconds": 0.0,
    }


def test_a_manifest_tells_what_the_instance_of_a_task_has() -> None:
    """Published: 2 and 4 of a task that asked for 1 and 1."""
    asked = {**_TASK, "cpus": 1, "memory": 1, "instanceType": "omics.m.large"}
    _, task = _lines(_RUN, asked)
    assert (task["cpus"], task["memory"]) == (1, 1)
    assert (task["metrics"]["cpusReserved"], task["metrics"]["memoryReservedGiB"]) == (2, 8)


@pytest.mark.parametrize(
    ("storage", "reserved"),
    [({"storageType": "DYNAMIC"}, 0), ({"storageType": "STATIC", "storageCapacity": 1200}, 1200)],
)
def test_a_manifest_tells_reserved_storage(storage: dict[str, Any], reserved: int) -> None:
    (run,) = _lines({**_RUN, **storage})
    assert run["metrics"]["storageReservedGiB"] == reserved


def test_a_manifest_names_what_the_run_was_started_with() -> None:
    more = {"workflowVersionName": "v", "runGroupId": "3", "cacheId": "4", "cacheBehavior": "X"}
    (run,) = _lines({**_RUN, **more, "workflowOwnerId": "2" * 12})
    assert run["workflow"] == arn("workflow/7", "2" * 12)
    assert run["workflowVersion"] == arn("workflow/7/version/v", "2" * 12)
    assert run["runGroup"] == arn("runGroup/3")
    assert (run["runCache"], run["runCacheBehavior"]) == (arn("runCache/4"), "X")


def test_what_a_task_used_goes_over_what_it_reserved() -> None:
    _, task = _lines(
        _RUN, {**_TASK, "metrics": {"cpusMaximum": 1.5}, "imageDetails": {"image": "x"}}
    )
    assert task["metrics"]["cpusMaximum"] == 1.5
    assert task["image"] == "x"
