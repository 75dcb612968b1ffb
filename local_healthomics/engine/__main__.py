"""`python -m local_healthomics.engine [--publish URL] RUN_DIR`: run one request.

With `--publish` it only writes to the run cache, by the server at URL, what an earlier engine of
this run had finished.

Descriptors 0 and 1 are the server's; they are moved away before anything else can read from or
print to them.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

PUBLISH = "--publish"


def main(arguments: list[str]) -> int:
    publishes = arguments[:1] == [PUBLISH]
    if len(arguments) != 1 + 2 * publishes:
        print(f"usage: python -m local_healthomics.engine [{PUBLISH} URL] RUN_DIR", file=sys.stderr)
        return 2
    source = os.fdopen(os.dup(0), "r", encoding="utf-8")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    from .request import RunRequest  # imports miniwdl and boto3: after the descriptors are safe
    from .runner import publish, run

    request = RunRequest.load(Path(arguments[-1]).resolve())
    listened = True
    if publishes:
        publish(replace(request, endpoint_url=arguments[1]), out)
    else:
        listened = run(request, source, out)
    sys.stderr.flush()
    # Threads of libraries must not hold the process; everything of ours has been written.
    os._exit(0 if listened else 3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
