"""Annotation stores and their versions.

A store is made with a first version, which imports go to that name none. The members `storeOptions`
of a store and `versionOptions` of a version say how a TSV file is read; a version that is made
without them has its store's.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from ..arn import key_of
from ..clock import now
from ..context import Context, Handler, Params
from ..errors import Conflict, ValidationFault
from .analytics import (
    VERSION,
    cancel_imports,
    customers_only,
    delete_store,
    describe,
    list_stores,
    own_store,
    readable_store,
    running_imports,
    settler,
    store_document,
    store_key,
)
from .common import asked_states, given, not_found
from .sharing import forget_shares

_KIND = "annotationStore"
_FIRST_VERSION = "default_version"  # the service's own name for it is not documented
_SPAN = frozenset({"CHR", "START", "END"})
_ALLELES = frozenset({"REF", "ALT"})
_PLACES: Mapping[str, frozenset[str]] = {  # what formatToHeader must name, by annotationType
    "GENERIC": frozenset(),
    "CHR_POS": frozenset({"CHR", "POS"}),
    "CHR_POS_REF_ALT": frozenset({"CHR", "POS"}) | _ALLELES,
    "CHR_START_END_ONE_BASE": _SPAN,
    "CHR_START_END_REF_ALT_ONE_BASE": _SPAN | _ALLELES,
    "CHR_START_END_ZERO_BASE": _SPAN,
    "CHR_START_END_REF_ALT_ZERO_BASE": _SPAN | _ALLELES,
}


def create_annotation_store(context: Context, params: Params) -> dict[str, Any]:
    context.quotas.room("annotationStores", lambda: context.count(_KIND))
    options = _tsv_options(params.get("storeOptions"), "tsvStoreOptions", params["storeFormat"])
    generic = (options or {}).get("annotationType", "GENERIC") == "GENERIC"
    if not params.get("reference") and not (params["storeFormat"] == "TSV" and generic):
        raise ValidationFault("reference is required for all but TSV stores of type GENERIC")
    version = params.get("versionName") or _FIRST_VERSION
    document = {
        **store_document(context, _KIND, params),
        **given(params, "storeFormat", "storeOptions"),
        "firstVersion": version,
    }
    key = store_key({**document, "account": context.account})
    store = context.add(_KIND, document, id=key)
    made = _add_version(context, store, version, options, {})
    return {**store, "versionName": version, "follow_up": [(_KIND, key), *made["follow_up"]]}


def _tsv_options(
    given_options: dict[str, Any] | None, member: str, store_format: str
) -> dict[str, Any] | None:
    """The TSV options of a request, if they are none that contradict each other."""
    if given_options is None:
        return None
    if store_format != "TSV":
        raise ValidationFault(f"{member} is for TSV stores, not for {store_format}")
    options: dict[str, Any] = given_options.get(member) or {}
    places = options.get("formatToHeader")
    kind = options.get("annotationType", "GENERIC")
    if places is not None and (missing := sorted(_PLACES[kind] - set(places))):
        raise ValidationFault(f"formatToHeader has no {', '.join(missing)}, as {kind} needs")
    columns = [name for column in options.get("schema") or [] for name in column]
    if len(set(columns)) < len(columns):
        raise ValidationFault("the schema names a column twice")
    unknown = [name for name in (places or {}).values() if name.lower() not in columns]
    if columns and unknown:
        raise ValidationFault(f"formatToHeader names no columns of the schema: {unknown}")
    return options


def _add_version(
    context: Context,
    store: dict[str, Any],
    name: str,
    options: dict[str, Any] | None,
    params: Params,
) -> dict[str, Any]:
    moment = now()
    key = key_of(context.account, store["name"], name)
    document = {
        "id": str(uuid.uuid4()),
        "storeId": store["id"],
        "name": store["name"],
        "versionName": name,
        "versionArn": context.arn(f"{_KIND}/{store['name']}/version/{name}"),
        "description": params.get("description") or "",
        "status": "CREATING",
        "statusMessage": "",
        "versionSizeBytes": 0,
        "creationTime": moment,
        "updateTime": moment,
        "tags": dict(params.get("tags") or {}),
        **({} if options is None else {"versionOptions": {"tsvVersionOptions": options}}),
    }
    made = context.add(VERSION, document, id=key, parent=store_key(store))
    return {**made, "follow_up": [(VERSION, key)]}


def get_annotation_store(context: Context, params: Params) -> dict[str, Any]:
    store = readable_store(context, _KIND, params["name"])
    return {**store, "numVersions": context.store.count(VERSION, store_key(store))}


def list_annotation_stores(context: Context, params: Params) -> dict[str, Any]:
    return list_stores(context, _KIND, params, "annotationStores")


def update_annotation_store(context: Context, params: Params) -> dict[str, Any]:
    return describe(context, _KIND, key_of(context.account, params["name"]), params)


def delete_annotation_store(context: Context, params: Params) -> dict[str, Any]:
    """ConflictException while there is more than one version ("Deleting … analytics stores")."""
    store = own_store(context, _KIND, params["name"])
    if not params.get("force") and context.store.count(VERSION, store_key(store)) > 1:
        raise Conflict(f"store {params['name']} has more than one version; delete them first")
    return delete_store(context, _KIND, params)


def create_annotation_store_version(context: Context, params: Params) -> dict[str, Any]:
    store = own_store(context, _KIND, params["name"])
    if store["status"] != "ACTIVE":
        raise Conflict(f"store {params['name']} is {store['status']}, not ACTIVE")
    name = params["versionName"]
    if context.store.get(VERSION, key_of(context.account, params["name"], name)) is not None:
        raise Conflict(f"store {params['name']} has a version {name} already")
    context.quotas.room(
        "annotationStoreVersions", lambda: context.store.count(VERSION, store_key(store))
    )
    asked = params.get("versionOptions")
    options = _tsv_options(asked, "tsvVersionOptions", store["storeFormat"])
    if options is None:
        options = (store.get("storeOptions") or {}).get("tsvStoreOptions")
    return _add_version(context, store, name, options, params)


def get_annotation_store_version(context: Context, params: Params) -> dict[str, Any]:
    store = readable_store(context, _KIND, params["name"])
    key = key_of(store["account"], store["name"], params["versionName"])
    found = context.store.get(VERSION, key)
    if found is None:
        raise not_found(VERSION, params["versionName"])
    return found


def list_annotation_store_versions(context: Context, params: Params) -> dict[str, Any]:
    store = readable_store(context, _KIND, params["name"])
    wanted = params.get("filter") or {}
    return context.page(
        VERSION,
        params,
        key="annotationStoreVersions",
        owned=False,
        parent=store_key(store),
        statuses=asked_states(wanted),
    )


def update_annotation_store_version(context: Context, params: Params) -> dict[str, Any]:
    key = key_of(context.account, params["name"], params["versionName"])
    return describe(context, VERSION, key, params)


def delete_annotation_store_versions(context: Context, params: Params) -> dict[str, Any]:
    """What cannot be deleted is said in `errors`; the rest is."""
    store = own_store(context, _KIND, params["name"])
    errors, then = [], []
    for name in dict.fromkeys(params["versions"]):
        key = key_of(context.account, store["name"], name)
        jobs = running_imports(context, _KIND, store_key(store), name)
        if context.store.get(VERSION, key) is None:
            errors.append({"versionName": name, "message": f"version {name} does not exist"})
        elif jobs and not params.get("force"):
            message = f"version {name} has import jobs that are not done"
            errors.append({"versionName": name, "message": message})
        else:
            cancel_imports(context, _KIND, jobs)
            context.store.update(VERSION, key, {"status": "DELETING", "updateTime": now()})
            then.append((VERSION, key))
    return {"errors": errors, "follow_up": then}


def _version_gone(context: Context, document: dict[str, Any]) -> None:
    store = context.store.get(_KIND, store_key(document))
    if store is not None:
        size = store["storeSizeBytes"] - document["versionSizeBytes"]
        context.store.update(_KIND, store_key(document), {"storeSizeBytes": size})


def _store_gone(context: Context, document: dict[str, Any]) -> None:
    context.store.delete_children(VERSION, store_key(document))
    forget_shares(context, document["storeArn"])


def _version_key(document: dict[str, Any]) -> str:
    return key_of(document["account"], document["name"], document["versionName"])


HANDLERS: dict[str, Handler] = {
    "CreateAnnotationStore": customers_only(create_annotation_store),
    "GetAnnotationStore": get_annotation_store,
    "ListAnnotationStores": list_annotation_stores,
    "UpdateAnnotationStore": update_annotation_store,
    "DeleteAnnotationStore": delete_annotation_store,
    "CreateAnnotationStoreVersion": customers_only(create_annotation_store_version),
    "GetAnnotationStoreVersion": get_annotation_store_version,
    "ListAnnotationStoreVersions": list_annotation_store_versions,
    "UpdateAnnotationStoreVersion": update_annotation_store_version,
    "DeleteAnnotationStoreVersions": delete_annotation_store_versions,
}
JOBS = {
    _KIND: settler(_KIND, store_key, _store_gone),
    VERSION: settler(VERSION, _version_key, _version_gone),
}
