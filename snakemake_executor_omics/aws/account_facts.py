"""What an account tells of itself, for the doctor: nothing here makes, changes or costs anything.

Each function asks for one fact and raises our errors; what a fact means is said elsewhere.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

import botocore.session

from ..errors import NotFound, ServiceError, UnexpectedAnswer
from ..limits import MAX_PAGE
from .logs import LOG_GROUP
from .session import Services
from .translate import translated

OMICS = "omics.amazonaws.com"
_ACTIVE = ("PENDING", "STARTING", "RUNNING", "STOPPING")
_MOST_PAGES = 60  # of 100 runs: the documented quota is 5,000
_NO_SUCH = "0000000000"  # an id that is no resource's, and no stream's name


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose the credentials are; `skew` is how far AWS's clock is ahead of ours, in seconds."""

    account: str
    arn: str
    skew: float | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A role of IAM, and the policy that says who may take it."""

    arn: str
    trust: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Denied:
    """Actions that a principal's policies do not allow, those that one of them forbids, and those
    where that depends on what IAM was not told (from which network a request comes, say).
    """

    missing: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is; None if it was not told."""

    name: str
    region: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key of KMS."""

    arn: str
    state: str
    region: str


@dataclass(frozen=True, slots=True)
class Named:
    """A run cache or a run group; `place` is that of a cache."""

    id: str
    name: str
    status: str = "ACTIVE"
    place: str = ""


@dataclass(frozen=True, slots=True)
class InUse:
    """Runs that count for quotas: at work by the storage that they have, and kept in all.

    `cut` says that there are more.
    """

    static: int
    dynamic: int
    kept: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class PullThrough:
    """What ECR has for images of other registries: prefixes with a rule, and with a template whose
    repositories HealthOmics may pull from; `makes` says whether it may make them.
    """

    rules: frozenset[str]
    templates: Mapping[str, Mapping[str, Any]]
    registry: Mapping[str, Any]


def regions() -> list[str]:
    """Regions that the installed boto3 knows to have HealthOmics."""
    session: Any = botocore.session.get_session()
    found: list[str] = session.get_available_regions("omics")
    return sorted(found)


def who_calls(services: Services) -> Caller:
    with translated("ask whose credentials these are"):
        answer = services.client("sts", None).get_caller_identity()
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    try:
        skew = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        skew = None
    return Caller(_text(answer, "Account"), _text(answer, "Arn"), skew)


def answers(services: Services) -> None:
    """Whether HealthOmics of the region takes a request of ours."""
    with translated(f"list runs in {services.region}"):
        services.omics.list_runs(maxResults=1)


def role_of(services: Services, arn: str) -> Role:
    name = arn.rpartition("/")[2]
    with translated(f"look at the role {name}"):
        found = services.client("iam", None).get_role(RoleName=name).get("Role", {})
    trust = found.get("AssumeRolePolicyDocument") or {}
    return Role(_text(found, "Arn"), _policy(trust))


def simulated_as(services: Services, caller: str) -> str | None:
    """Under which ARN IAM knows a caller's policies; None for the account itself (root).

    A session of a role is named by the role, whose path only IAM knows.
    """
    kind, _, rest = caller.rpartition(":")[2].partition("/")
    if kind == "root":
        return None
    if kind != "assumed-role":
        return caller
    name = rest.partition("/")[0]
    with translated(f"look at the role {name}"):
        return _text(services.client("iam", None).get_role(RoleName=name).get("Role", {}), "Arn")


def denied(
    services: Services, principal: str, actions: Sequence[str], resources: Sequence[str]
) -> Denied:
    """What IAM says would be refused; policies of buckets and keys are not among what it reads."""
    decided: dict[str, str] = {}
    with translated(f"have IAM simulate the rights of {principal.rpartition('/')[2]}"):
        pages = (
            services.client("iam", None)
            .get_paginator("simulate_principal_policy")
            .paginate(
                PolicySourceArn=principal,
                ActionNames=list(actions),
                ResourceArns=list(resources),
                ContextEntries=[
                    {
                        "ContextKeyName": "iam:PassedToService",
                        "ContextKeyValues": [OMICS],
                        "ContextKeyType": "string",
                    }
                ],
            )
        )
        for page in pages:
            for result in page.get("EvaluationResults", ()):
                by_organization = result.get("OrganizationsDecisionDetail") or {}
                decision = str(result.get("EvalDecision"))
                if by_organization.get("AllowedByOrganizations") is False:
                    decision = "explicitDeny"
                elif decision != "allowed" and result.get("MissingContextValues"):
                    decision = "unclear"
                decided[str(result.get("EvalActionName"))] = decision

    def those(decision: str) -> tuple[str, ...]:
        return tuple(sorted(action for action, found in decided.items() if found == decision))

    return Denied(those("implicitDeny"), those("explicitDeny"), those("unclear"))


def bucket_of(services: Services, name: str) -> Bucket:
    with translated(f"use bucket {name}"):
        answer = services.s3.head_bucket(Bucket=name)
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    return Bucket(name, answer.get("BucketRegion") or headers.get("x-amz-bucket-region"))


def is_of_account(services: Services, bucket: str, account: str) -> None:
    """AccessDenied if the bucket, which can be used, is another account's."""
    with translated(f"use bucket {bucket} as one of {account}"):
        services.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)


def lists(services: Services, bucket: str, prefix: str) -> None:
    with translated(f"list s3://{bucket}/{prefix}"):
        services.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)


def has_policy(services: Services, bucket: str) -> bool:
    """Whether a bucket has a policy of its own."""
    try:
        with translated(f"look for a policy of {bucket}"):
            services.s3.get_bucket_policy(Bucket=bucket)
    except ServiceError as error:
        if error.code == "NoSuchBucketPolicy":
            return False
        raise
    return True


def key_of(services: Services, bucket: str) -> Key | None:
    """The key of KMS that a bucket encrypts with, None if S3's own or AWS's for S3."""
    try:
        with translated(f"ask how {bucket} is encrypted"):
            answer = services.s3.get_bucket_encryption(Bucket=bucket)
    except ServiceError as error:
        if error.code == "ServerSideEncryptionConfigurationNotFoundError":
            return None  # S3 encrypts with its own key all the same
        raise
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules") or [{}]
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {})
    if default.get("SSEAlgorithm") not in ("aws:kms", "aws:kms:dsse"):
        return None
    name = default.get("KMSMasterKeyID")
    if not name or name.endswith("alias/aws/s3"):
        return None
    with translated(f"look at the key {name}"):
        found = services.client("kms", None).describe_key(KeyId=name).get("KeyMetadata", {})
    arn = _text(found, "Arn")
    return Key(arn, _text(found, "KeyState"), arn.split(":")[3])


def reads_logs(services: Services) -> bool:
    """Whether there is a log group yet; AccessDenied if its streams may not be read."""
    try:
        with translated(f"read {LOG_GROUP}"):
            services.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=_NO_SUCH, limit=1)
    except NotFound as error:
        return "log group" not in error.message  # else it is the stream that is not there
    return True


def caches(services: Services) -> list[Named]:
    with translated("list the run caches"):
        pages = services.omics.get_paginator("list_run_caches").paginate(
            PaginationConfig={"PageSize": MAX_PAGE}
        )
        return [
            Named(
                item.get("id", ""),
                item.get("name", ""),
                item.get("status", ""),
                item.get("cacheS3Uri", ""),
            )
            for page in pages
            for item in page.get("items", ())
        ]


def groups(services: Services) -> list[Named]:
    with translated("list the run groups"):
        pages = services.omics.get_paginator("list_run_groups").paginate(
            PaginationConfig={"PageSize": MAX_PAGE}
        )
        return [
            Named(item.get("id", ""), item.get("name", ""))
            for page in pages
            for item in page.get("items", ())
        ]


def quotas(services: Services) -> dict[str, float]:
    """What Service Quotas has of HealthOmics, by code."""
    with translated("ask Service Quotas"):
        pages = (
            services.client("service-quotas", None)
            .get_paginator("list_service_quotas")
            .paginate(ServiceCode="omics")
        )
        return {
            item["QuotaCode"]: float(item["Value"])
            for page in pages
            for item in page.get("Quotas", ())
            if "QuotaCode" in item and "Value" in item
        }


def in_use(services: Services) -> InUse:
    at_work: Counter[str] = Counter()
    kept = pages = 0
    with translated("list the runs"):
        for page in services.omics.get_paginator("list_runs").paginate(
            PaginationConfig={"PageSize": MAX_PAGE}
        ):
            items = page.get("items", ())
            kept, pages = kept + len(items), pages + 1
            for item in items:
                if item.get("status") in _ACTIVE:
                    at_work[item.get("storageType", "STATIC")] += 1
            if pages == _MOST_PAGES:
                break
    return InUse(at_work["STATIC"], at_work["DYNAMIC"], kept, cut=pages == _MOST_PAGES)


def pull_through(services: Services) -> PullThrough:
    """What ECR of the region has for images of other registries."""
    client = services.client("ecr", None)
    with translated("look at the pull-through cache rules of ECR"):
        rules = frozenset(
            rule.get("ecrRepositoryPrefix", "")
            for page in client.get_paginator("describe_pull_through_cache_rules").paginate()
            for rule in page.get("pullThroughCacheRules", ())
        )
    return PullThrough(rules, dict(_templates(client)), _registry_policy(client))


def _templates(client: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with translated("look at the repository creation templates of ECR"):
        for page in client.get_paginator("describe_repository_creation_templates").paginate():
            for item in page.get("repositoryCreationTemplates", ()):
                if "PULL_THROUGH_CACHE" in item.get("appliedFor", ()):
                    yield item.get("prefix", ""), _policy(item.get("repositoryPolicy") or "{}")


def _registry_policy(client: Any) -> Mapping[str, Any]:
    try:
        with translated("read the policy of the registry"):
            return _policy(client.get_registry_policy().get("policyText") or "{}")
    except ServiceError as error:
        if error.code == "RegistryPolicyNotFoundException":
            return {}
        raise


def _policy(found: Any) -> Mapping[str, Any]:
    """A policy document: botocore parses some, others are text, percent-encoded or not."""
    if isinstance(found, str):
        try:
            found = json.loads(unquote(found) if found.startswith("%") else found)
        except ValueError:
            found = None
    if not isinstance(found, Mapping):
        raise UnexpectedAnswer("a policy of the account is no JSON object")
    return found


def _text(answer: Mapping[str, Any], member: str) -> str:
    found = answer.get(member)
    if not isinstance(found, str):
        raise UnexpectedAnswer(f"the answer has no {member}")
    return found
