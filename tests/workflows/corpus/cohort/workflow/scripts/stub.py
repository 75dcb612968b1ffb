"""Stands for a tool: writes what it was called with and a digest of each file that it read."""

import hashlib
import sys
from pathlib import Path

tool, *rest = sys.argv[1:]
out = Path(rest[rest.index("-o") + 1])
words = [word for number, word in enumerate(rest) if word != "-o" and rest[number - 1] != "-o"]
lines = [tool]
for word in words:
    path = Path(word)
    if path.is_file():
        lines.append(f"{word} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}")
    else:
        lines.append(word)
out.write_text("\n".join(lines) + "\n")
