"""The local HealthOmics: a server of its own, on the loopback."""

from .cli import main
from .errors import LocalError, RunsOtherwise
from .options import add_server_options
from .service import LocalService, start, status, stop
from .shell import enter, leave

__all__ = [
    "LocalError",
    "LocalService",
    "RunsOtherwise",
    "add_server_options",
    "enter",
    "leave",
    "main",
    "start",
    "status",
    "stop",
]
