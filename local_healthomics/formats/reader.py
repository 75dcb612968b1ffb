"""The process that reads files, `python -m local_healthomics.formats.reader`.

Requests come to its standard input, a socket, each with a pipe for the answer. It forks for each:
the child works in a folder of its own, bounded in time, memory and what it writes, and answers with
JSON, or with nothing if it had to be ended. When the other end of the socket is closed, as when the
server is gone, all of them end.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ValidationFault
from . import alignments, reads, references

_REQUEST = 256 * 1024  # bytes
_HASHES = {"MD5up": "md5", "SHA256up": "sha256", "SHA512up": "sha512"}
_INDEX = Path("index")


def _surveys(request: dict[str, Any]) -> dict[str, Any]:
    file_type, surveys, index = request["file_type"], [], None
    sources = [Path(source) for source in request["sources"]]
    reference = request["reference"]
    fasta = references.placed(*map(Path, reference)) if reference else None
    for source in sources:
        digest = hashlib.new(_HASHES[request["family"]], usedforsecurity=False)
        if file_type == "FASTQ":
            count, bases = reads.read(source, digest)
        else:
            count, bases = alignments.read(source, file_type, digest, fasta)
        surveys.append({"etag": digest.hexdigest(), "reads": count, "bases": bases})
    if request["suffix"] and alignments.index(sources[0], _INDEX.with_suffix(request["suffix"])):
        index = f"{_INDEX}{request['suffix']}"
    return {"surveys": surveys, "index": index}


def _reference(request: dict[str, Any]) -> dict[str, Any]:
    index = _INDEX.with_suffix(".fai")
    references.index(Path(request["sources"][0]), index)
    return {"index": str(index)}


_WORK: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "reads": _surveys,
    "reference": _reference,
}


def _bound(seconds: int, deadline: int, memory: int, written: int) -> None:
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    signal.setitimer(signal.ITIMER_REAL, deadline or 1e-6)  # whose signal ends it


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        os.chdir(request["folder"])
        _bound(**request["limits"])
        return _WORK[request["what"]](request)
    except ValidationFault as fault:
        return {"refused": fault.message}
    except MemoryError:
        return {"refused": "what belongs together in the file is too large to be read"}
    except ModuleNotFoundError as error:
        return {"refused": f"{error.name} is not installed: install the extra `local`"}
    except OSError as error:
        return {"refused": f"the file cannot be read: {error}"}


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children leave nothing behind
    with suppress(ImportError):
        import dnaio  # noqa: F401
        import pysam  # noqa: F401
    with socket.socket(fileno=os.dup(0)) as requests:
        while True:
            text, descriptors, _, _ = socket.recv_fds(requests, _REQUEST, 1)
            if not text:
                os.killpg(0, signal.SIGKILL)
            (target,) = descriptors
            if not os.fork():
                try:
                    requests.close()
                    os.write(target, json.dumps(_answer(json.loads(text))).encode())
                except Exception:
                    traceback.print_exc()  # to the server's log
                finally:
                    os._exit(0)
            os.close(target)


if __name__ == "__main__":
    main()
