"""Every line of the doctor both ways: from what was found to what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snakemake_executor_omics.aws.account_facts import (
    Bucket,
    Caller,
    Denied,
    InUse,
    Key,
    Named,
    PullThrough,
    Role,
)
from snakemake_executor_omics.doctor import checks
from snakemake_executor_omics.doctor.findings import Finding, State, as_json, status
from snakemake_executor_omics.errors import (
    AccessDenied,
    LocalServiceError,
    NotFound,
    ServiceError,
    SettingsError,
    UnexpectedAnswer,
)
from snakemake_executor_omics.settings.checking import resolve, resolve_all
from snakemake_executor_omics.settings.options import NamedOrId, Options, Retention, StorageType

ACCOUNT, OTHER, REGION = "123456789012", "210987654321", "us-east-1"
ARN = f"arn:aws:iam::{ACCOUNT}:role/Run"
URI = "s3://bucket/project"
FINE, WRONG, UNKNOWN = State.FINE, State.WRONG, State.UNKNOWN
DENIED = AccessDenied("not authorized", code="AccessDenied")
EXPIRED = AccessDenied("the token is expired", hint="sign in", code="ExpiredToken")
NOBODY = AccessDenied("no credentials", hint="sign in")
GONE = NotFound("there is none")
SILENT = ServiceError("no route", transient=True)
FOREIGN = UnexpectedAnswer("makes no sense")
CALLER = Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/me", 0.4)
ROLE = Role(ARN, {})
TRUST = {"Effect": "Allow", "Principal": {"Service": "omics.amazonaws.com"},
         "Action": "sts:AssumeRole"}  # fmt: skip
SETTINGS = SimpleNamespace(role_arn=ARN, output_uri=URI)
OPTIONS = resolve(SETTINGS, project="p")
CACHE = Named("1", "p", "ACTIVE", f"{URI}/cache/some-uuid")
USED = InUse(static=1, dynamic=2, kept=3)
MAP = {"registryMappings": [{"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "quay"}]}
PULL: dict[str, Any] = {"Statement": [{**TRUST, "Action": ["ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}]}  # fmt: skip
MAKE: dict[str, Any] = {"Statement": [{**TRUST, "Action": ["ecr:BatchImportUpstreamImage",
        "ecr:CreateRepository"]}]}  # fmt: skip
THROUGH = PullThrough(frozenset({"quay"}), {"quay": PULL}, MAKE)
NO_OPTION = SettingsError("--omics-priority: is out of range", setting="priority")


def trusted(**more: Any) -> Role:
    return Role(ARN, {"Statement": [{**TRUST, **more}]})


def condition(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


SOURCE = "aws:SourceAccount"
ONE = [
    (checks.python((3, 11, 7)), FINE, "3.11.7"),
    (checks.python((3, 10, 1)), WRONG, "too old"),
    (checks.snakemake("9.20", True, "snakemake>=9"), FINE, "9.20"),
    (checks.snakemake("8.1", False, "snakemake>=9"), WRONG, "does not know 8.1"),
    (checks.snakemake(None, False, "snakemake>=9"), WRONG, "not installed"),
    (checks.registry_map(None, {}), FINE, "none"),
    (checks.registry_map(Path("m.json"), MAP), FINE, "1 places"),
    (checks.registry_map(Path("m.json"), SettingsError("no JSON")), WRONG, "no JSON"),
    (checks.local_service(None, True), FINE, "starts its own"),
    (checks.local_service("http://x", True), FINE, "http://x"),
    (checks.local_service("http://x", False), UNKNOWN, "not AWS"),
    (checks.local_service(LocalServiceError("needs the extra"), True), WRONG, "extra"),
    (checks.local_service(LocalServiceError("needs the extra"), False), FINE, "nor needed"),
    (checks.credentials(CALLER), FINE, "user/me"),
    (checks.credentials(EXPIRED), WRONG, "expired"),
    (checks.credentials(NOBODY), WRONG, "no credentials"),
    (checks.credentials(DENIED), UNKNOWN, "not authorized"),  # by the policy of an endpoint
    (checks.credentials(SILENT), UNKNOWN, "no route"),
    (checks.credentials(AccessDenied("Signature expired: x is now earlier")), UNKNOWN, "expired"),
    (checks.clock(CALLER), FINE, "within 1 s"),
    (checks.clock(replace(CALLER, skew=-301)), WRONG, "301 s ahead"),
    (checks.clock(replace(CALLER, skew=900)), WRONG, "900 s behind"),
    (checks.clock(replace(CALLER, skew=None)), UNKNOWN, "no date"),
    (checks.clock(AccessDenied("too far", code="RequestTimeTooSkewed")), WRONG, "too far"),
    (checks.clock(DENIED), UNKNOWN, "nobody"),
    (checks.region(REGION, [REGION], None), FINE, "answers"),
    (checks.region("new-region-1", [REGION], None), FINE, "answers"),
    (checks.region("eu-north-1", [REGION], SILENT), WRONG, "eu-north-1 has no HealthOmics"),
    (checks.region(REGION, [REGION], SILENT), UNKNOWN, "no route"),
    (checks.region(REGION, [REGION], DENIED), WRONG, "refuses to list"),
    (checks.role(ARN, ROLE, ACCOUNT, is_aws=True), FINE, ARN),
    (checks.role(ARN, GONE, ACCOUNT, is_aws=True), WRONG, "there is no role"),
    (checks.role(ARN, GONE, ACCOUNT, is_aws=False), UNKNOWN, "may do without"),
    (checks.role(ARN, DENIED, ACCOUNT, is_aws=True), UNKNOWN, "not authorized"),
    (checks.role(ARN, ROLE, OTHER, is_aws=True), WRONG, "of account"),
    (checks.role(ARN, Role(f"{ARN}/Run", {}), ACCOUNT, is_aws=True), WRONG, f"{ARN}/Run"),
    (checks.trust(trusted(), ACCOUNT, REGION), FINE, "trusts"),
    (checks.trust(trusted(**condition("StringEquals", SOURCE, ACCOUNT)), ACCOUNT, REGION),
     FINE, "trusts"),
    (checks.trust(trusted(**condition("StringEquals", SOURCE, OTHER)), ACCOUNT, REGION),
     WRONG, "other runs"),
    (checks.trust(trusted(**condition("ArnLike", "aws:SourceArn",
                                      f"arn:aws:omics:{REGION}:{ACCOUNT}:run/*")),
                  ACCOUNT, REGION), FINE, "trusts"),
    (checks.trust(trusted(**condition("ArnLike", "aws:SourceArn",
                                      f"arn:aws:omics:eu-west-1:{ACCOUNT}:run/*")),
                  ACCOUNT, REGION), WRONG, "other runs"),
    (checks.trust(trusted(**condition("Bool", "aws:SecureTransport", "true")), ACCOUNT, REGION),
     UNKNOWN, "conditions"),
    (checks.trust(trusted(Principal={"Service": "ec2.amazonaws.com"}), ACCOUNT, REGION),
     WRONG, "does not trust"),
    (checks.trust(trusted(Effect="Deny"), ACCOUNT, REGION), WRONG, "does not trust"),
    (checks.trust(trusted(Action="sts:TagSession"), ACCOUNT, REGION), WRONG, "does not trust"),
    (checks.trust(Role(ARN, {"Statement": "nonsense"}), ACCOUNT, REGION), WRONG, "does not"),
    (checks.bucket("b", Bucket("b", REGION), REGION), FINE, REGION),
    (checks.bucket("b", Bucket("b", None), REGION), FINE, "b in"),
    (checks.bucket("b", Bucket("b", "eu-west-1"), REGION), WRONG, "is in eu-west-1"),
    (checks.bucket("b", GONE, REGION), WRONG, "there is no bucket"),
    (checks.bucket("b", DENIED, REGION), WRONG, "not authorized"),
    (checks.bucket("b", SILENT, REGION), UNKNOWN, "no route"),
    (checks.owner("b", None, ACCOUNT), FINE, ACCOUNT),
    (checks.owner("b", DENIED, ACCOUNT), UNKNOWN, "another account"),
    (checks.owner("b", SILENT, ACCOUNT), UNKNOWN, "no route"),
    (checks.listing(URI, None), FINE, URI),
    (checks.listing(URI, DENIED), WRONG, "not authorized"),
    (checks.listing(URI, SILENT), UNKNOWN, "no route"),
    (checks.encryption(None, REGION), FINE, "no rights"),
    (checks.encryption(Key("arn:k", "Enabled", REGION), REGION), FINE, "arn:k"),
    (checks.encryption(Key("arn:k", "PendingDeletion", REGION), REGION), WRONG, "PendingDeletion"),
    (checks.encryption(Key("arn:k", "Enabled", "eu-west-1"), REGION), WRONG, "not in"),
    (checks.encryption(DENIED, REGION), UNKNOWN, "not authorized"),
    (checks.logs(True), FINE, "can be read"),
    (checks.logs(False), FINE, "none yet"),
    (checks.logs(DENIED), WRONG, "not authorized"),
    (checks.logs(SILENT), UNKNOWN, "no route"),
    (checks.run_cache(None, URI, []), FINE, "none"),
    (checks.run_cache(NamedOrId(name="p"), URI, []), FINE, "by the first run"),
    (checks.run_cache(NamedOrId(name="p"), URI, [CACHE]), FINE, "some-uuid"),
    (checks.run_cache(NamedOrId(name="p"), "s3://other", [CACHE]), WRONG, "not below s3://other"),
    (checks.run_cache(NamedOrId(id="1"), URI, [CACHE]), FINE, "some-uuid"),
    (checks.run_cache(NamedOrId(id="2"), URI, [CACHE]), WRONG, "none of id 2"),
    (checks.run_cache(NamedOrId(id="1"), URI, [replace(CACHE, status="GONE")]), WRONG, "GONE"),
    (checks.run_cache(NamedOrId(name="p"), URI, DENIED), WRONG, "not authorized"),
    (checks.run_cache(NamedOrId(name="p"), URI, FOREIGN), UNKNOWN, "no sense"),
    (checks.run_group(None, []), FINE, "none"),
    (checks.run_group(NamedOrId(name="g"), []), FINE, "by the first run"),
    (checks.run_group(NamedOrId(id="7"), [Named("7", "g")]), FINE, "7"),
    (checks.run_group(NamedOrId(id="8"), [Named("7", "g")]), WRONG, "none of id 8"),
    (checks.run_group(NamedOrId(id="8"), DENIED), WRONG, "not authorized"),
    (checks.run_group(NamedOrId(id="8"), SILENT), UNKNOWN, "no route"),
]  # fmt: skip


@pytest.mark.parametrize(("finding", "state", "text"), ONE)
def test_a_line_says_what_was_found(finding: Finding, state: State, text: str) -> None:
    assert finding.state is state, finding
    assert text in finding.line


@pytest.mark.parametrize("finding", [one[0] for one in ONE if one[1] is WRONG])
def test_whatever_is_wrong_has_something_that_mends_it(finding: Finding) -> None:
    if "not authorized" not in finding.text and "needs the extra" not in finding.text:
        assert finding.mend or finding.name in ("registry map", "clock")


def test_each_wrong_setting_has_a_line_of_its_own() -> None:
    bad = SimpleNamespace(priority=-1, output_uri="bucket", storage_capacity=5, region=REGION)
    options, problems = resolve_all(bad, project="p")
    found = checks.settings(problems, options)
    assert {problem.setting for problem in problems} == {
        *("priority", "output_uri", "storage_capacity", "role_arn"),
    }
    assert len(found) == 4
    assert all(one.state is WRONG for one in found)
    assert [one.state for one in checks.settings([], OPTIONS)] == [FINE]


def test_settings_that_are_right_are_resolved_as_they_are() -> None:
    assert resolve_all(SETTINGS, project="p") == (OPTIONS, [])


@pytest.mark.parametrize(
    ("answers", "elsewhere", "states"),
    [
        ({"files": Denied(), "logs": Denied()}, (), [FINE]),
        ({"files": Denied(missing=("s3:GetObject",))}, (), [WRONG]),
        ({"files": Denied(missing=("s3:GetObject",))}, ("files",), [UNKNOWN]),
        ({"files": Denied(forbidden=("s3:GetObject",))}, ("files",), [WRONG]),
        ({"files": DENIED}, (), [UNKNOWN]),
        ({"files": Denied(unclear=("s3:GetObject",))}, (), [UNKNOWN]),
        ({"files": Denied(forbidden=("s3:PutObject",)), "logs": SILENT}, (), [WRONG, UNKNOWN]),
    ],
)
def test_rights_that_a_policy_elsewhere_may_give_are_not_said_to_be_lacking(
    answers: dict[str, Any], elsewhere: tuple[str, ...], states: list[State]
) -> None:
    assert [one.state for one in checks.rights("r", answers, "mend", elsewhere)] == states


def _with(**changes: Any) -> Options:
    return replace(OPTIONS, **changes)


@pytest.mark.parametrize(
    ("options", "values", "used", "states"),
    [
        (OPTIONS, {}, USED, [FINE, FINE]),
        (OPTIONS, SILENT, USED, [FINE, FINE]),
        (OPTIONS, {"L-BE38079A": 2.0}, USED, [WRONG, FINE]),
        (OPTIONS, {}, InUse(0, 50, 60), [WRONG, FINE]),
        (_with(storage_type=StorageType.STATIC), {}, InUse(10, 0, 10), [WRONG, FINE]),
        (OPTIONS, {}, InUse(0, 0, 5000), [FINE, WRONG]),
        (_with(retention=Retention.REMOVE), {}, InUse(0, 0, 5000), [FINE, FINE]),
        (OPTIONS, {"L-C9679DBC": 9000.0}, InUse(0, 0, 5000), [FINE, FINE]),
        (OPTIONS, {}, DENIED, [UNKNOWN]),
    ],
)
def test_what_is_in_use_is_held_against_the_quotas(
    options: Options, values: Any, used: Any, states: list[State]
) -> None:
    assert [one.state for one in checks.quotas(options, values, used)] == states


def test_a_quota_that_nobody_told_is_named_as_the_documented_one() -> None:
    told, documented = checks.quotas(OPTIONS, {"L-BE38079A": 2.0}, USED)
    assert "documented" not in told.text
    assert "L-BE38079A --desired-value 4" in told.mend
    assert "5,000" in documented.text
    assert "documented" in documented.text


@pytest.mark.parametrize(
    ("registries", "answer", "states"),
    [
        ({}, THROUGH, []),
        (MAP, THROUGH, [FINE]),
        (MAP, replace(THROUGH, templates={"ROOT": PULL}), [FINE]),
        (MAP, replace(THROUGH, rules=frozenset()), [WRONG]),
        (MAP, replace(THROUGH, templates={}), [WRONG]),
        (MAP, replace(THROUGH, templates={"quay": {}}), [WRONG]),
        (MAP, replace(THROUGH, registry={}), [WRONG]),
        (MAP, DENIED, [UNKNOWN]),
        ({"registryMappings": [{"upstreamRegistryUrl": "nvcr.io", "ecrRepositoryPrefix": "n"}]},
         PullThrough(frozenset(), {}, {}), []),
    ],
)  # fmt: skip
def test_what_the_registry_map_leads_through_is_looked_for_in_ecr(
    registries: dict[str, Any], answer: Any, states: list[State]
) -> None:
    found = checks.pull_through(registries, answer, ACCOUNT, REGION)
    assert [one.state for one in found] == states


@pytest.mark.parametrize(
    ("found", "states"),
    [
        ([], [FINE]),
        ([{"image": "i", "state": "there"}, {"image": "j", "state": "mapped"}], [FINE]),
        ([{"image": "i", "state": "missing", "rules": ["a", "b"]}], [WRONG]),
        ([{"image": "i", "state": "not in ECR", "rules": ["a"]}], [WRONG]),
        ([{"image": "i", "state": "unknown"}], [UNKNOWN]),
        (SILENT, [UNKNOWN]),
    ],
)
def test_each_image_that_lacks_something_has_a_line(found: Any, states: list[State]) -> None:
    assert [one.state for one in checks.images(found)] == states


def test_only_what_is_wrong_fails_and_programs_can_read_it() -> None:
    good, bad = checks.python((3, 12, 0)), checks.python((3, 9, 0))
    unsure = checks.credentials(SILENT)
    assert status([good, unsure]) == 0
    assert status([good, bad]) == 1
    told = json.loads(as_json([good, bad]))
    assert [one["state"] for one in told] == ["fine", "wrong"]
    assert set(told[1]) == {"name", "state", "text", "mend"}
    first, second = good.line, bad.line
    assert first.startswith("✓")
    assert second.startswith("✗")
    assert "mend: use Python" in second
