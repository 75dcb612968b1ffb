"""The local HealthOmics: a server of its own, on the loopback."""

from .service import LocalService, start, status, stop

__all__ = ["LocalService", "start", "status", "stop"]
