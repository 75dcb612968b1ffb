"""What moto's account tells the doctor."""

from __future__ import annotations

import json

import pytest
from botocore.stub import Stubber

from snakemake_executor_omics.aws import account_facts as facts
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.errors import AccessDenied, NotFound

ARN = "arn:aws:iam::123456789012:role/Run"
TRUST = {"Version": "2012-10-17", "Statement": []}


def test_the_caller_has_an_account_and_the_answer_a_time(services: Services) -> None:
    caller = facts.who_calls(services)
    assert caller.account == "123456789012"
    assert caller.arn.startswith("arn:aws:sts::123456789012:")


def test_a_role_is_found_with_its_trust(services: Services) -> None:
    iam = services.client("iam", None)
    arn = iam.create_role(
        RoleName="Run", Path="/deep/", AssumeRolePolicyDocument=json.dumps(TRUST)
    )["Role"]["Arn"]
    assert facts.role_of(services, arn) == facts.Role(arn, TRUST)
    with pytest.raises(NotFound):
        facts.role_of(services, f"{arn}2")
    session = "arn:aws:sts::123456789012:assumed-role/Run/me"
    assert facts.simulated_as(services, session) == arn
    assert facts.simulated_as(services, "arn:aws:iam::123456789012:root") is None
    user = "arn:aws:iam::123456789012:user/me"
    assert facts.simulated_as(services, user) == user


def test_a_bucket_tells_its_region_its_policy_and_its_key(services: Services) -> None:
    services.s3.create_bucket(
        Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert facts.bucket_of(services, "far").region == "eu-west-1"
    assert not facts.has_policy(services, "far")
    services.s3.put_bucket_policy(Bucket="far", Policy=json.dumps(TRUST))
    assert facts.has_policy(services, "far")
    assert facts.key_of(services, "far") is None
    key = services.client("kms", None).create_key()["KeyMetadata"]
    services.s3.put_bucket_encryption(
        Bucket="far",
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": key["KeyId"],
                    }
                }
            ]
        },
    )
    assert facts.key_of(services, "far") == facts.Key(key["Arn"], "Enabled", "us-east-1")
    with pytest.raises(NotFound):
        facts.bucket_of(services, "nowhere")


def test_logs_tell_whether_there_is_a_group(services: Services) -> None:
    assert facts.reads_logs(services) is False
    with Stubber(services.logs) as logs:
        absent = "The specified log stream does not exist."  # moto says group here, too
        logs.add_client_error("get_log_events", "ResourceNotFoundException", absent)
        assert facts.reads_logs(services) is True
        logs.add_client_error("get_log_events", "AccessDeniedException", http_status_code=400)
        with pytest.raises(AccessDenied):
            facts.reads_logs(services)


def test_runs_at_work_are_counted_by_their_storage(services: Services, omics: Stubber) -> None:
    items = [
        {"id": "1", "status": "RUNNING", "storageType": "DYNAMIC"},
        {"id": "2", "status": "PENDING"},
        {"id": "3", "status": "COMPLETED", "storageType": "DYNAMIC"},
    ]
    omics.add_response("list_runs", {"items": items[:2], "nextToken": "more"})
    omics.add_response("list_runs", {"items": items[2:]})
    assert facts.in_use(services) == facts.InUse(static=1, dynamic=1, kept=3)


def test_caches_and_groups_are_listed(services: Services, omics: Stubber) -> None:
    omics.add_response(
        "list_run_caches",
        {"items": [{"id": "1", "name": "n", "status": "ACTIVE", "cacheS3Uri": "s3://b/c"}]},
    )
    omics.add_response("list_run_groups", {"items": [{"id": "2", "name": "g"}]})
    assert facts.caches(services) == [facts.Named("1", "n", "ACTIVE", "s3://b/c")]
    assert facts.groups(services) == [facts.Named("2", "g")]


def test_ecr_without_anything_of_pull_through_is_no_error(services: Services) -> None:
    client = services.client("ecr", None)
    with Stubber(client) as ecr:
        ecr.add_response("describe_pull_through_cache_rules",
                         {"pullThroughCacheRules": [{"ecrRepositoryPrefix": "quay"}]})  # fmt: skip
        ecr.add_response("describe_repository_creation_templates", {"repositoryCreationTemplates": [
            {"prefix": "quay", "appliedFor": ["PULL_THROUGH_CACHE"], "repositoryPolicy": "{}"},
            {"prefix": "other", "appliedFor": ["REPLICATION"]}]})  # fmt: skip
        ecr.add_client_error("get_registry_policy", "RegistryPolicyNotFoundException")
        found = facts.pull_through(_with(services, client))
    assert found == facts.PullThrough(frozenset({"quay"}), {"quay": {}}, {})


def _with(services: Services, client: object) -> Services:
    return Services(
        services.omics, services.s3, services.logs, "us-east-1", client=lambda *_: client
    )


def test_service_quotas_are_told_by_code(services: Services) -> None:
    client = services.client("service-quotas", None)
    with Stubber(client) as stub:
        quota = {"QuotaCode": "L-BE38079A", "Value": 80.0}
        stub.add_response("list_service_quotas", {"Quotas": [quota, {"QuotaName": "odd"}]})
        assert facts.quotas(_with(services, client)) == {"L-BE38079A": 80.0}


def test_what_an_organization_forbids_is_forbidden(services: Services) -> None:
    client = services.client("iam", None)
    results = [
        {"EvalActionName": "s3:GetObject", "EvalDecision": "allowed",
         "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
        {"EvalActionName": "s3:PutObject", "EvalDecision": "implicitDeny"},
        {"EvalActionName": "s3:ListBucket", "EvalDecision": "implicitDeny",
         "MissingContextValues": ["s3:prefix"]},
    ]  # fmt: skip
    with Stubber(client) as stub:
        stub.add_response("simulate_principal_policy", {"EvaluationResults": results})
        found = facts.denied(_with(services, client), ARN, ["s3:GetObject"], ["*"])
    assert found == facts.Denied(("s3:PutObject",), ("s3:GetObject",), ("s3:ListBucket",))
