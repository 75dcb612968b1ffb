from pathlib import Path


def rows(paths):
    for path in paths:
        yield f"<tr>{path}<td>{Path(path).read_text().splitlines()[-1]}</tr>\n"
