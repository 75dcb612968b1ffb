"""Run Snakemake with either executor, and look at what it leaves."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

Done = subprocess.CompletedProcess[str]

STARTED = "omics: started run"
_SECONDS = 300


def environment() -> dict[str, str]:
    """That of an activated virtual environment."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def snakemake(folder: Path, *options: str, seconds: int = _SECONDS) -> Done:
    """As a user calls it."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        env=environment(),
    )


# Importing Snakemake takes longer than most of the workflows here: it is done once, and each call
# is a fork of that process.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["snakemake.cli", "snakemake_executor_omics.executor", "boto3"])


def forked(folder: Path, *options: str, **variables: str) -> Done:
    """As `snakemake`, in a fraction of the time, with `variables` in its environment."""
    said = folder.parent / f"{folder.name}.said"
    process = _forks.Process(
        target=_become, args=(folder, options, {**environment(), **variables}, said)
    )
    process.start()
    process.join(_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    text = said.read_text(errors="replace")
    said.unlink()
    assert process.exitcode is not None
    return Done(options, process.exitcode, "", text)


def _become(folder: Path, options: tuple[str, ...], environ: dict[str, str], said: Path) -> None:
    from snakemake.cli import main

    descriptor = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = ["snakemake", *options]
    code: object = 1
    try:
        main(list(options))
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def files(folder: Path, *, without: tuple[str, ...] = (".snakemake",)) -> dict[str, bytes]:
    """What lies in `folder`: a file's content, a relative link's target, `b"folder"` for an empty
    folder.

    A file that may not be written to says so: that is what `protected()` does.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(without):
            continue
        if path.is_symlink() and not path.readlink().is_absolute():
            found[name] = f"link to {path.readlink()}".encode()
        elif path.is_file():
            writable = path.stat().st_mode & stat.S_IWUSR
            found[name if writable else f"{name} (protected)"] = path.read_bytes()
        elif path.is_dir() and not any(path.iterdir()):
            found[name] = b"folder"
    return found


def as_local(folder: Path, beside: Path) -> Path:
    """A copy of the project, run by the local executor."""
    shutil.copytree(folder, beside, symlinks=True)
    done = forked(beside, "--executor", "local", "--cores", "2")
    assert done.returncode == 0, done.stderr
    return beside
