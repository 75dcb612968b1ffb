"""The AWS Price List service, as far as HealthOmics goes: what runs like these cost on AWS.

Clients that estimate a run's cost ask it. It knows us-east-1's prices of private workflows on
instances without GPU, and of run storage (Price List, service code AmazonOmics, read in 2025); of
anything else it says, as AWS does of what it does not sell, that there is no such product.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ValidationFault
from ..instances import VCPUS
from .questions import Answer, answer

SERVICE = "pricing"  # its name in a SigV4 credential scope
_CODE = "AmazonOmics"
_REGION = {"regionCode": "us-east-1", "location": "US East (N. Virginia)"}
_VCPU_HOUR = {"c": 0.0574, "m": 0.0648, "r": 0.08505}  # USD; sizes cost in proportion
_GB_HOUR = {"Run Storage": 0.0001918, "Dynamic Run Storage": 0.000411}  # USD
_ATTRIBUTES = ("servicecode", "resourceType", *_REGION)


def _product(resource: str, unit: str, usd: float) -> dict[str, Any]:
    """A product in the Price List's shape, with the one rate that it has."""
    term = f"{resource}.OnDemand"
    rate = {"unit": unit, "pricePerUnit": {"USD": f"{usd:.10f}"}, "rateCode": f"{term}.1"}
    return {
        "product": {
            "sku": resource,
            "attributes": {"servicecode": _CODE, "resourceType": resource, **_REGION},
        },
        "serviceCode": _CODE,
        "terms": {"OnDemand": {term: {"sku": resource, "priceDimensions": {f"{term}.1": rate}}}},
    }


_PRODUCTS = [
    _product(f"omics.{family}.{size}", "Hours", usd * vcpus)
    for family, usd in _VCPU_HOUR.items()
    for size, vcpus in VCPUS.items()
] + [_product(name, "GB-Hours", usd) for name, usd in _GB_HOUR.items()]


def _describe_services(params: Mapping[str, Any]) -> dict[str, Any]:
    _check_code(params.get("ServiceCode", _CODE))
    return {
        "FormatVersion": "aws_v1",
        "Services": [{"ServiceCode": _CODE, "AttributeNames": list(_ATTRIBUTES)}],
    }


def _get_attribute_values(params: Mapping[str, Any]) -> dict[str, Any]:
    _check_code(params.get("ServiceCode"))
    name = params.get("AttributeName")
    values = {product["product"]["attributes"].get(name) for product in _PRODUCTS} - {None}
    return {"AttributeValues": [{"Value": value} for value in sorted(values)]}


def _get_products(params: Mapping[str, Any]) -> dict[str, Any]:
    _check_code(params.get("ServiceCode"))
    wanted = {item["Field"]: item["Value"] for item in params.get("Filters", ())}
    found = [
        json.dumps(product)
        for product in _PRODUCTS
        if wanted.items() <= product["product"]["attributes"].items()
    ]
    return {"FormatVersion": "aws_v1", "PriceList": found}


def _check_code(code: str | None) -> None:
    if code != _CODE:
        raise ValidationFault(f"the local Price List knows {_CODE} only, not {code}")


_OPERATIONS: Mapping[str, Answer] = {
    "DescribeServices": _describe_services,
    "GetAttributeValues": _get_attribute_values,
    "GetProducts": _get_products,
}


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one request."""
    return answer(
        environ,
        start_response,
        _OPERATIONS,
        name="Price List",
        refusal="InvalidParameterException",
    )
