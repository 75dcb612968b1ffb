"""Variant stores."""

from __future__ import annotations

from typing import Any

from ..arn import key_of
from ..context import Context, Handler, Params
from .analytics import (
    customers_only,
    delete_store,
    describe,
    list_stores,
    readable_store,
    settler,
    store_document,
    store_key,
)
from .sharing import forget_shares

_KIND = "variantStore"


def create_variant_store(context: Context, params: Params) -> dict[str, Any]:
    context.quotas.room("variantStores", lambda: context.count(_KIND))
    document = store_document(context, _KIND, params)
    key = key_of(context.account, document["name"])
    return {**context.add(_KIND, document, id=key), "follow_up": [(_KIND, key)]}


def get_variant_store(context: Context, params: Params) -> dict[str, Any]:
    return readable_store(context, _KIND, params["name"])


def list_variant_stores(context: Context, params: Params) -> dict[str, Any]:
    return list_stores(context, _KIND, params, "variantStores")


def update_variant_store(context: Context, params: Params) -> dict[str, Any]:
    return describe(context, _KIND, key_of(context.account, params["name"]), params)


def delete_variant_store(context: Context, params: Params) -> dict[str, Any]:
    return delete_store(context, _KIND, params)


HANDLERS: dict[str, Handler] = {
    "CreateVariantStore": customers_only(create_variant_store),
    "GetVariantStore": get_variant_store,
    "ListVariantStores": list_variant_stores,
    "UpdateVariantStore": update_variant_store,
    "DeleteVariantStore": delete_variant_store,
}
JOBS = {
    _KIND: settler(
        _KIND, store_key, lambda context, document: forget_shares(context, document["storeArn"])
    )
}
