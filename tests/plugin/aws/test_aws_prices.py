"""What AWS's Price List says stands in place of the file's prices."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from snakemake_executor_omics.aws.prices import ask_prices
from snakemake_executor_omics.aws.session import Services
from snakemake_executor_omics.cost.prices import prices_of
from snakemake_executor_omics.errors import AccessDenied, UnexpectedAnswer

ASKED = {
    "ServiceCode": "AmazonOmics",
    "Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"}],
}


def product(name: str, usd: str, published: str = "2026-11-20T10:00:00Z") -> str:
    dimensions = {"x.y.z": {"pricePerUnit": {"USD": usd}, "unit": "Hours"}}
    return json.dumps(
        {
            "product": {"attributes": {"resourceType": name}},
            "terms": {"OnDemand": {"x.y": {"priceDimensions": dimensions}}},
            "publicationDate": published,
        }
    )


@pytest.fixture
def pricing() -> Any:
    return boto3.client(
        "pricing", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


def there(services: Services, pricing: Any) -> Services:
    return replace(services, region="eu-west-1", client=lambda *_: pricing)


def test_the_prices_of_a_region_are_those_of_the_list(services: Services, pricing: Any) -> None:
    first = [product("omics.c.large", "0.2000000000"), product("Run Storage", "0.0003")]
    second = [product("omics.g5.xlarge", "1.5"), product("Ready2Run", "0.0000000000")]
    with Stubber(pricing) as stubber:
        stubber.add_response("get_products", {"PriceList": first, "NextToken": "more"}, ASKED)
        stubber.add_response("get_products", {"PriceList": second}, ASKED | {"NextToken": "more"})
        found = ask_prices(there(services, pricing))
    assert (found.region, found.noted) == ("eu-west-1", "2026-11-20")
    assert found.of_instance("omics.c.4xlarge") == pytest.approx(8 * 0.2)
    assert found.of_instance("omics.g5.xlarge") == 1.5
    assert (found.static, found.dynamic) == (0.0003, prices_of(None).dynamic)
    assert found.of_instance("omics.m.large") == prices_of(None).of_instance("omics.m.large")


def test_a_list_without_the_region_and_a_missing_right_are_told(
    services: Services, pricing: Any
) -> None:
    with Stubber(pricing) as stubber:
        stubber.add_response("get_products", {"PriceList": []}, ASKED)
        with pytest.raises(UnexpectedAnswer, match="names no instance of AmazonOmics in eu-west-1"):
            ask_prices(there(services, pricing))
        stubber.add_client_error("get_products", "AccessDeniedException", http_status_code=400)
        with pytest.raises(AccessDenied):
            ask_prices(there(services, pricing))
