import os


def kind(path):
    return "link" if os.path.islink(path) else "file"
