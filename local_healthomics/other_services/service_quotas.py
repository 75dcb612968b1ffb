"""Service Quotas, as far as runs go: the quotas in force here, else AWS's documented defaults.

Codes and names are those that users of the real service published; quotas that it has beside these
are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ..errors import ValidationFault
from ..quotas import RESOURCES
from .questions import answer

SERVICE = "servicequotas"  # its name in a SigV4 credential scope
_CODE = "omics"
_NAMES = {  # ours, by code
    "L-7CAE62CF": ("workflows", "Workflows - Maximum workflows"),
    "L-C9679DBC": ("runs", "Workflows - Maximum runs (active or inactive)"),
    "L-A30FD31B": (
        "activeRunsStatic",
        "Workflows - Maximum concurrent active runs using static run storage",
    ),
    "L-BE38079A": (
        "activeRunsDynamic",
        "Workflows - Maximum concurrent active runs using dynamic run storage",
    ),
    "L-25504C8C": ("tasksPerRun", "Workflows - Maximum concurrent tasks per run"),
    "L-AFB19B96": ("activeGpus", "Workflows - Maximum active GPUs"),
    "L-D91CDC5E": ("configurations", "Configurations - Maximum configurations"),
}


def _quota(code: str, in_force: Mapping[str, int]) -> dict[str, Any]:
    ours, name = _NAMES[code]
    return {
        "ServiceCode": _CODE,
        "ServiceName": "AWS HealthOmics",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(in_force.get(ours, RESOURCES[ours])),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _list(params: Mapping[str, Any], in_force: Mapping[str, int]) -> dict[str, Any]:
    _check(params.get("ServiceCode"), _CODE)
    return {"Quotas": [_quota(code, in_force) for code in _NAMES]}


def _get(params: Mapping[str, Any], in_force: Mapping[str, int]) -> dict[str, Any]:
    _check(params.get("ServiceCode"), _CODE)
    _check(params.get("QuotaCode"), *_NAMES)
    return {"Quota": _quota(params["QuotaCode"], in_force)}


def _check(code: str | None, *known: str) -> None:
    if code not in known:
        raise ValidationFault(f"the local Service Quotas has no {code}")


def application(
    environ: dict[str, Any], start_response: Any, in_force: Mapping[str, int]
) -> Iterable[bytes]:
    """Answer one request; `in_force` are the quotas that the service goes by."""
    operations = {
        "ListServiceQuotas": partial(_list, in_force=in_force),
        "GetServiceQuota": partial(_get, in_force=in_force),
    }
    return answer(
        environ,
        start_response,
        operations,
        name="Service Quotas",
        refusal="NoSuchResourceException",
    )
