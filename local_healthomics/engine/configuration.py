"""miniwdl's configuration for one run: our back end, our downloads, none of its own caches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from WDL.runtime import config

from . import miniwdl_internals as internals
from .session import Session

# Tasks that wait for a grant each hold one of miniwdl's threads; beyond this many they queue.
_TASK_THREADS = 200


class Configuration(config.Loader):
    """Reads each option once: nothing changes them, and a task asks for twenty."""

    def __init__(self, logger: logging.Logger, overrides: dict[str, dict[str, Any]]) -> None:
        self._found: dict[tuple[str, str, str | None], str] = {}
        super().__init__(logger, filenames=[], overrides=overrides)

    def get(self, section: str, key: str, default: str | None = None) -> str:
        asked = (section, key, default)
        found = self._found.get(asked)
        if found is None:
            found = self._found[asked] = super().get(section, key, default)
        return found


def configuration(session: Session, logger: logging.Logger) -> Configuration:
    overrides: dict[str, dict[str, Any]] = {
        "scheduler": {
            "container_backend": "omics",
            "task_concurrency": _TASK_THREADS,
            "fail_fast": True,
        },
        "call_cache": {"get": False, "put": False},
        "download_cache": {"get": False, "put": False},
        "logging": {"json": False},
    }
    if session.request.container_backend == "process":
        overrides["task_runtime"] = {"defaults": {}}
    else:
        from .containers import options  # which loads a client of Docker

        overrides |= options(session.request.readings)
    cfg = Configuration(logger, overrides)

    def fetcher(directory: bool) -> Callable[..., Iterator[dict[str, Any]]]:
        def fetch(
            cfg: config.Loader, logger: logging.Logger, uri: str, **_: Any
        ) -> Iterator[dict[str, Any]]:
            path = session.inputs.fetch(uri, directory)
            yield {"outputs": {"directory" if directory else "file": path}}

        return fetch

    # nothing else may be read, as in the service
    internals.use_downloaders(
        cfg, {"s3": fetcher(False), "omics": fetcher(False)}, {"s3": fetcher(True)}
    )
    return cfg
