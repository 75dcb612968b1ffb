"""What activates an environment: one small script in it, for images and for folders alike.

It does what `conda activate` does, for a shell that has nothing of conda: PATH, the variables that
the environment and its packages set, and the scripts of packages (R, Java, compilers). Pure but
for reading what the packages left.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

SCRIPT = "activate.sh"
VARIABLE = "OMICS_ACTIVATE"  # names the script; templates/task.sh.j2 sources it

_TEXT = """\
# Makes the conda environment in this folder active.
export CONDA_PREFIX={prefix} CONDA_DEFAULT_ENV={prefix} CONDA_SHLVL=1
case :$PATH: in
  *:"$CONDA_PREFIX/bin":*) ;;
  *) export PATH="$CONDA_PREFIX/bin:$PATH" ;;
esac
{variables}for omics_script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do
  if [ -r "$omics_script" ]; then
    . "$omics_script"
  fi
done
unset omics_script
"""


def write_activation(folder: Path, prefix: str, variables: Mapping[str, str]) -> None:
    """Write the script of the environment in `folder`, for use at `prefix`."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("etc/conda/env_vars.d/*.json")):
        found.update(json.loads(path.read_text()))
    found.update(variables)
    (folder / SCRIPT).write_text(activation(prefix, found))


def activation(prefix: str, variables: Mapping[str, str]) -> str:
    """The text of the script."""
    items = sorted(variables.items())
    lines = [f"export {name}={shlex.quote(str(value))}\n" for name, value in items]
    return _TEXT.format(prefix=shlex.quote(prefix), variables="".join(lines))


def image_environment(prefix: str) -> dict[str, str]:
    """The variables of an image with an environment at `prefix`, but for the rest of PATH."""
    return {
        "PATH": f"{prefix}/bin",
        "CONDA_PREFIX": prefix,
        VARIABLE: f"{prefix}/{SCRIPT}",
    }
