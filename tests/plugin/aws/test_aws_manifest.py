"""The manifest log of a run: published rows, odd rows, and none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from snakemake_executor_omics.aws.logs import LOG_GROUP
from snakemake_executor_omics.aws.manifest import Manifest, parse_manifest, read_manifest
from snakemake_executor_omics.aws.records import Run, RunStatus
from snakemake_executor_omics.aws.session import Services

RUN = Run(id="77", uuid="u", status=RunStatus.COMPLETED)

# Published rows of a run's manifest, cut to what is read (accounts and ids are made up).
PUBLISHED = [
    '{"arn":"arn:aws:omics:us-east-1:123456789012:run/8192875","creationTime":'
    '"2024-10-20T05:26:47.157Z","metrics":{"storageAverageGiB":110.415628,"storageMaximumGiB":'
    '121.5,"storageReservedGiB":1200.0,"runningSeconds":5095.015},"status":"COMPLETED"}',
    '{"arn":"arn:aws:omics:us-east-1:123456789012:task/4911","cpus":1.0,"instanceType":'
    '"omics.c.large","memory":1.0,"metrics":{"cpusAverage":0.5,"cpusMaximum":1.2,"cpusReserved":2,'
    '"gpusReserved":0,"memoryAverageGiB":0.37,"memoryMaximumGiB":0.4,"memoryReservedGiB":4,'
    '"runningSeconds":16.362},"name":"one","run":"arn:aws:omics:us-east-1:123456789012:run/8192875"'
    ',"status":"COMPLETED"}',
]
CACHED = '{"arn":"arn:aws:omics:us-east-1:123456789012:task/4912","name":"two"}'


def test_a_manifest_tells_what_was_used_and_what_was_reserved() -> None:
    found = parse_manifest([*PUBLISHED, CACHED])
    assert found.storage is not None
    assert (found.storage.reserved_gib, found.storage.average_gib) == (1200, 110.415628)
    (use,) = found.tasks.values()
    assert found.tasks["4911"] is use
    assert (use.seconds, use.cpus_maximum, use.cpus_reserved) == (16.362, 1.2, 2)
    assert (use.memory_maximum_gib, use.memory_reserved_gib, use.disk_used_gib) == (0.4, 4, None)


@pytest.mark.parametrize("odd", ["", "no JSON", "[]", "3", '{"metrics": 4}', '{"arn": 1}', "{}"])
def test_a_row_that_is_none_says_nothing(odd: str) -> None:
    assert not parse_manifest([odd])


@pytest.mark.parametrize("value", [None, "much", True, -1, [], float("inf"), float("nan")])
def test_a_number_that_is_none_is_not_there(value: Any) -> None:
    row = {"arn": "arn:aws:omics:r:1:task/5", "metrics": {"cpusMaximum": value, "cpusAverage": 1}}
    use = parse_manifest([json.dumps(row)]).tasks["5"]
    assert (use.cpus_maximum, use.cpus_average) == (None, 1)


def test_a_manifest_is_read_page_by_page_and_may_not_be_there(services: Services) -> None:
    assert read_manifest(services, RUN) == Manifest()
    stream = {"logGroupName": LOG_GROUP, "logStreamName": "manifest/run/77/u"}
    services.logs.create_log_group(logGroupName=LOG_GROUP)
    services.logs.create_log_stream(**stream)
    assert not read_manifest(services, RUN)
    when = int(datetime.now(UTC).timestamp() * 1000)
    rows = [PUBLISHED[0], *(PUBLISHED[1].replace("4911", str(id)) for id in range(10_050))]
    for begin in range(0, len(rows), 1000):
        events = [{"timestamp": when, "message": row} for row in rows[begin : begin + 1000]]
        services.logs.put_log_events(**stream, logEvents=events)
    found = read_manifest(services, RUN)
    assert (len(found.tasks), found.storage is None) == (10_050, False)
    assert not read_manifest(services, Run(id="77", status=RunStatus.COMPLETED))
