"""botocore's models of services, read once: a session would read the user's profile as well."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import create_loader
from botocore.model import ServiceModel


@cache
def service_model(service: str) -> Any:
    """The newest model of a service."""
    model: Any = ServiceModel
    return model(create_loader().load_service_model(service, "service-2"), service)
