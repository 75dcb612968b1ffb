"""The Dockerfile of an environment's image, for builders that can run what is in it. Pure.

The packages are installed by micromamba in a stage of its own, whose image stays out of the result;
pip parts and post-deploy scripts run in the image itself, with the environment active.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..model import Environment
from .activation import VARIABLE, activation
from .assemble import LABEL, LOCK, PREFIX
from .recipe import PIP, Recipe
from .solver import CUDA, GLIBC

_MICROMAMBA = "docker.io/mambaorg/micromamba:2.6.1"


def context(environment: Environment) -> Mapping[str, bytes]:
    """The files of the build, `Dockerfile` among them."""
    recipe = Recipe.of(environment)
    source = LOCK if recipe.pins else "environment.yaml"
    files = {
        source: environment.pins if recipe.pins else environment.content,
        "activate.sh": activation(PREFIX, recipe.variables).encode(),
    }
    lines = [
        f"# The image of {environment}, made from {environment.file}.",
        f"FROM --platform=linux/amd64 {_MICROMAMBA} AS build",
        "USER 0",
        f"ENV CONDA_OVERRIDE_GLIBC={GLIBC}" + (f" CONDA_OVERRIDE_CUDA={CUDA}" * environment.gpu),
        f"COPY {source} /omics/{source}",
        f"RUN micromamba create --yes --always-copy --platform linux-64 --prefix {PREFIX} "
        f"--file /omics/{source} \\",
        f" && micromamba list --prefix {PREFIX} --explicit --md5 > {PREFIX}/{LOCK} \\",
        f" && rm -rf {PREFIX}/pkgs",
        "",
        f"FROM --platform=linux/amd64 {environment.base}",
        "USER 0",
        f"COPY --from=build {PREFIX} {PREFIX}",
        f"COPY activate.sh {PREFIX}/activate.sh",
        f"ENV PATH={PREFIX}/bin:$PATH CONDA_PREFIX={PREFIX} {VARIABLE}={PREFIX}/activate.sh",
    ]
    if recipe.pins and recipe.pip:  # else micromamba takes the pip part of the file
        files[PIP] = recipe.requirements.encode()
        lines.append(f"COPY {PIP} /omics/{PIP}")
        lines.append(_active(f"python -m pip install --no-input --no-cache-dir -r /omics/{PIP}"))
    if environment.post_deploy is not None:
        files["post-deploy.sh"] = environment.post_deploy
        interpreter = "" if environment.post_deploy.startswith(b"#!") else "sh "
        lines.append("COPY --chmod=755 post-deploy.sh /omics/post-deploy.sh")
        lines.append(_active(f"{interpreter}/omics/post-deploy.sh"))
    lines += [f'LABEL {LABEL}="{environment}"', "ENTRYPOINT []", 'CMD ["/bin/bash"]', ""]
    files["Dockerfile"] = "\n".join(lines).encode()
    return {name: content or b"" for name, content in files.items()}


def _active(command: str) -> str:
    """A RUN line in the environment."""
    return f"RUN . {PREFIX}/activate.sh && {command}"
