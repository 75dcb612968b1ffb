"""The prices of a region, as AWS's Price List tells them today.

The service code, and the resource types of storage, are those that AWS's run analyzer asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..cost.prices import Prices, prices_of
from ..errors import UnexpectedAnswer
from .session import Services
from .translate import translated

_SERVICE = "AmazonOmics"
_REGION = "us-east-1"  # of the Price List, whatever region is asked about
_STATIC, _DYNAMIC = "Run Storage", "Dynamic Run Storage"


def ask_prices(services: Services) -> Prices:
    """The prices of the services' region; what the list does not name is as in the file.

    Raises:
        ServiceError: there is no answer, or it names no price of the region.
    """
    known = prices_of(services.region)
    listed: dict[str, float] = {}
    published = ""
    for product in _products(services):
        name = str(product.get("product", {}).get("attributes", {}).get("resourceType", ""))
        price = _price(product)
        if name and price is not None:
            listed[name] = price
            published = max(published, str(product.get("publicationDate", ""))[:10])
    instances = {name: price for name, price in listed.items() if name.startswith("omics.")}
    if not instances:
        raise UnexpectedAnswer(
            f"AWS's Price List names no instance of {_SERVICE} in {services.region}",
            hint="leave --ask-prices out: the prices of the file stand then",
        )
    return replace(
        known,
        region=services.region,
        asked=services.region,
        noted=published or known.noted,
        source=f"AWS Price List, service code {_SERVICE}",
        instances={**known.instances, **instances},
        static=listed.get(_STATIC, known.static),
        dynamic=listed.get(_DYNAMIC, known.dynamic),
    )


def _products(services: Services) -> Iterator[Mapping[str, Any]]:
    with translated("ask for the prices of HealthOmics"):
        pages = services.client("pricing", _REGION).get_paginator("get_products")
        for page in pages.paginate(
            ServiceCode=_SERVICE,
            Filters=[{"Type": "TERM_MATCH", "Field": "regionCode", "Value": services.region}],
        ):
            for text in page["PriceList"]:
                with suppress(ValueError):
                    yield json.loads(text)


def _price(product: Mapping[str, Any]) -> float | None:
    """Dollars for an hour, None if the product is sold otherwise."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            price = dimension.get("pricePerUnit", {}).get("USD")
            if price is not None and float(price) > 0:
                return float(price)
    return None
