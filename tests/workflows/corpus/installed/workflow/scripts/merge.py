"""Called by path from a shell command; imports a module beside it and reads a table above it."""

import sys
from pathlib import Path

from layout import framed

names = Path(__file__).parent.parent / "resources" / "names.tsv"
known = dict(line.split("\t") for line in names.read_text().splitlines())
out, *reports = sys.argv[1:]
lines = [f"{path} {known.get(Path(path).stem, '?')}" for path in reports]
Path(out).write_text(framed(lines))
