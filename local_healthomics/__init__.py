"""The local HealthOmics: AWS HealthOmics, with the services around it, on this machine's loopback.

    with local_healthomics.running() as service:
        omics = service.client("omics")

Importing it loads nothing heavy: the server is a process of its own.
"""

from importlib.metadata import PackageNotFoundError, version

from .errors import LocalError, RunsOtherwise, StartFailed
from .service import LocalService, running, start, status, stop

try:
    __version__ = version("snakemake-executor-plugin-omics")
except PackageNotFoundError:  # imported from a folder that is not installed
    __version__ = "unknown"

__all__ = [
    "LocalError",
    "LocalService",
    "RunsOtherwise",
    "StartFailed",
    "__version__",
    "running",
    "start",
    "status",
    "stop",
]
