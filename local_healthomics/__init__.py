"""The local HealthOmics: AWS HealthOmics, with the services around it, on this machine's loopback.

    with local_healthomics.running() as service:
        omics = service.client("omics")

Importing it loads nothing heavy: the server is a process of its own.
"""

from importlib.metadata import version

from .errors import LocalError, RunsOtherwise, StartFailed
from .service import LocalService, running, start, status, stop

__version__ = version("snakemake-executor-plugin-omics")

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
