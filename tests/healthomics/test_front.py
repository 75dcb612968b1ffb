"""The server as a proxy for itself: prefixed hosts, buckets as hosts, and nothing else."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from .conftest import Clients, signing, zipped

# Requests as they stand here are not signed; test_access.py tells which need to be.
SERVER_OPTIONS = ["--insecure"]

SIGNED = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/{}/aws4_request, Signature=0"


def ask(
    fake: Clients, method: str, target: str, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """A request whose target goes out as it is written; `{port}` is the server's."""
    address = urlsplit(fake.service.endpoint_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 0)
    try:
        connection.request(method, target.format(port=address.port), headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def through_proxy(fake: Clients, service: str, **config: Any) -> Any:
    """A client as botocore makes it where only the environment is set."""
    url = fake.service.endpoint_url
    config = Config(proxies={"http": url}, **config)
    return boto3.client(service, config=config, **signing(fake.service))


def test_a_client_with_its_host_prefix_comes_through_the_proxy(fake: Clients) -> None:
    omics = through_proxy(fake, "omics")
    made = omics.create_workflow(definitionZip=zipped(main="version 1.0"))
    assert omics.get_workflow(id=made["id"])["id"] == made["id"]
    omics.tag_resource(resourceArn=made["arn"], tags={"a": "b"})  # another prefix
    assert omics.list_tags_for_resource(resourceArn=made["arn"])["tags"] == {"a": "b"}


def test_the_other_services_come_through_the_proxy(fake: Clients) -> None:
    s3 = through_proxy(fake, "s3")
    s3.put_object(Bucket="omics-local", Key="a b/ü?x.txt", Body=b"content")
    assert s3.get_object(Bucket="omics-local", Key="a b/ü?x.txt")["Body"].read() == b"content"
    assert fake.s3.get_object(Bucket="omics-local", Key="a b/ü?x.txt")["Body"].read() == b"content"
    assert through_proxy(fake, "sts").get_caller_identity()["Account"] == fake.service.account
    through_proxy(fake, "logs").create_log_group(logGroupName="mine")
    assert fake.logs.describe_log_groups(logGroupNamePrefix="mine")["logGroups"]


@pytest.mark.parametrize("host", ["hosted.localhost:{port}", "hosted.127.0.0.1:{port}"])
def test_a_bucket_may_be_part_of_the_host(fake: Clients, host: str) -> None:
    fake.s3.create_bucket(Bucket="hosted")
    fake.s3.put_object(Bucket="hosted", Key="in/a.txt", Body=b"content")
    signed = {"Authorization": SIGNED.format("s3")}
    assert ask(fake, "GET", f"http://{host}/in/a.txt", signed) == (200, "content")
    link = fake.s3.generate_presigned_url("get_object", {"Bucket": "hosted", "Key": "in/a.txt"})
    query = urlsplit(link).query
    assert ask(fake, "GET", f"http://{host}/in/a.txt?{query}") == (200, "content")


def test_a_presigned_link_comes_through_the_proxy(fake: Clients) -> None:
    fake.s3.put_object(Bucket="omics-local", Key="linked", Body=b"content")
    link = fake.s3.generate_presigned_url("get_object", {"Bucket": "omics-local", "Key": "linked"})
    assert ask(fake, "GET", link) == (200, "content")


@pytest.mark.parametrize(
    "target",
    [
        "http://example.com/",
        "http://169.254.169.254/latest/meta-data/",
        "http://s3.amazonaws.com/omics-local?list-type=2",
        "http://127.0.0.1:1/other/server",
        "http://127.0.0.1:{port}.example.com/",
        "http://user@example.com/",
        "http://omics-local.127.0.0.1.example.com/",
    ],
)
def test_what_is_for_another_server_is_refused_not_forwarded(fake: Clients, target: str) -> None:
    status, said = ask(fake, "GET", target, {"Authorization": SIGNED.format("s3")})
    assert status == 403
    assert "a proxy for itself only" in said
    assert "local-healthomics env --unset" in said


@pytest.mark.parametrize("target", ["example.com:443", "127.0.0.1:443"])
def test_a_tunnel_is_refused(fake: Clients, target: str) -> None:
    status, said = ask(fake, "CONNECT", target)
    assert status == 405
    assert target in said


def test_prices_are_those_of_aws_where_they_are_known(fake: Clients) -> None:
    prices = through_proxy(fake, "pricing")
    assert prices.describe_services(ServiceCode="AmazonOmics")["Services"][0]["AttributeNames"]

    def usd(resource: str, region: str = "us-east-1") -> list[float]:
        wanted = {"resourceType": resource, "regionCode": region}
        filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in wanted.items()]
        found = prices.get_products(ServiceCode="AmazonOmics", Filters=filters)["PriceList"]
        rates = [
            rate
            for product in map(json.loads, found)
            for term in product["terms"]["OnDemand"].values()
            for rate in term["priceDimensions"].values()
        ]
        return [float(rate["pricePerUnit"]["USD"]) for rate in rates]

    assert usd("omics.r.2xlarge") == [0.6804]
    assert usd("Run Storage") == [0.0001918]
    assert usd("omics.g5.xlarge") == []
    assert usd("omics.c.large", "eu-west-1") == []
    types = prices.get_attribute_values(ServiceCode="AmazonOmics", AttributeName="resourceType")
    assert {"Value": "Dynamic Run Storage"} in types["AttributeValues"]


def test_prices_of_other_services_are_refused(fake: Clients) -> None:
    prices = through_proxy(fake, "pricing")
    with pytest.raises(prices.exceptions.InvalidParameterException, match="not AmazonEC2"):
        prices.get_products(ServiceCode="AmazonEC2")


def test_quotas_of_runs_are_told_as_service_quotas_does(fake: Clients) -> None:
    quotas = through_proxy(fake, "service-quotas")
    found = quotas.list_service_quotas(ServiceCode="omics")["Quotas"]
    by_code = {quota["QuotaCode"]: quota["Value"] for quota in found}
    assert (by_code["L-A30FD31B"], by_code["L-25504C8C"]) == (10, 25)
    told = quotas.get_service_quota(ServiceCode="omics", QuotaCode="L-BE38079A")["Quota"]
    assert told["Value"] == 50
    with pytest.raises(quotas.exceptions.NoSuchResourceException, match="has no ec2"):
        quotas.list_service_quotas(ServiceCode="ec2")


def test_the_role_of_runs_is_found_by_its_name(fake: Clients) -> None:
    role = through_proxy(fake, "iam").get_role(RoleName="LocalHealthOmics")["Role"]
    assert role["Arn"] == fake.service.role_arn
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert trusted == {"Service": "omics.amazonaws.com"}
