"""How much of the run's storage is in use: its folder, looked at from time to time."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from .resources import GIB

_EVERY = 5.0  # seconds between looks,
_SHARE = 100  # or this many times what a look takes, if that is longer


class StorageMeter(threading.Thread):
    """Samples the size of a folder until `metrics` is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(name="storage", daemon=True)
        self._folder = folder
        self._done = threading.Event()
        self._sizes: list[int] = []

    def run(self) -> None:
        pause = 0.0
        while not self._done.wait(pause):
            began = time.monotonic()
            self._sizes.append(folder_size(self._folder))
            pause = max(_EVERY, _SHARE * (time.monotonic() - began))

    def metrics(self) -> dict[str, float]:
        """Largest and mean size in GiB."""
        self._done.set()
        self.join()
        self._sizes.append(folder_size(self._folder))
        return {
            "storageMaximumGiB": round(max(self._sizes) / GIB, 6),
            "storageAverageGiB": round(sum(self._sizes) / len(self._sizes) / GIB, 6),
        }


def folder_size(folder: Path) -> int:
    """Bytes of the files below a folder; links are not followed."""
    total, unseen = 0, [os.fspath(folder)]
    while unseen:
        with suppress(OSError), os.scandir(unseen.pop()) as entries:  # gone meanwhile
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    unseen.append(entry.path)
                    continue
                with suppress(OSError):  # likewise
                    total += entry.stat(follow_symlinks=False).st_size
    return total
