"""`python -m local_healthomics.engine RUN_DIR`: run one request.

Descriptors 0 and 1 are the server's; they are moved away before anything else can read from or
print to them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m local_healthomics.engine RUN_DIR", file=sys.stderr)
        return 2
    source = os.fdopen(os.dup(0), "r", encoding="utf-8")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    from .request import RunRequest  # imports miniwdl and boto3: after the descriptors are safe
    from .runner import run

    listened = run(RunRequest.load(Path(arguments[0]).resolve()), source, out)
    sys.stderr.flush()
    # Threads of libraries must not hold the process; everything of ours has been written.
    os._exit(0 if listened else 3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
