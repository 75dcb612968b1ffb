"""The conda environments of Snakemake's jobs become ours, each read once.

A `container:` beside `conda:` is what Snakemake makes the environment in: its image is the base of
the environment's. One that no registry has (`oras://`, a file of Apptainer) cannot be: then the
environment is all that the rule has, as with Snakemake's `--sdm conda`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from ..errors import UnsupportedRule
from ..images.naming import environment_name
from ..model import Environment
from .internals import environment_files
from .resources import GPU_NAMES

_NO_REGISTRY = re.compile(r".*://.*|.*\.(sif|simg|img)|[./~].*")


def is_of_a_registry(image: str) -> bool:
    """Whether an image is none of a file of Apptainer, or of its libraries."""
    return _NO_REGISTRY.fullmatch(image) is None


class EnvironmentReader:
    """Reads environments of jobs; the files of one are read once.

    `left_out` has the images that no environment is made in, by rule.
    """

    def __init__(self, workdir: Path, base: str, *, from_registries: bool = False) -> None:
        self.left_out: dict[str, str] = {}
        self._workdir = workdir
        self._base = base
        self._from_registries = from_registries
        self._found: dict[tuple[str, str, bool], Environment] = {}

    def of(self, job: Any) -> Environment | None:
        """The environment that a job's task has to bring along, if any.

        Raises:
            UnsupportedRule: it is one of this machine, or its files cannot be read.
        """
        if job.rule.conda_env is None or job.is_containerized:
            return None
        # Not by the job where no function asks for its params: they may not be known yet.
        specification = (
            job.conda_env_spec
            if callable(job.rule.conda_env)
            else job.rule.expand_conda_env(job.wildcards_dict)
        )
        if specification is None:
            return None
        file = getattr(specification, "file", None)
        if file is None:
            name = str(getattr(specification, "name", "") or getattr(specification, "path", ""))
            export = f"--prefix {name}" if os.path.isabs(name) else f"--name {name}"
            raise UnsupportedRule(
                job.rule.name,
                f"has the conda environment {name!r} of this machine, whose content no file tells",
                hint=f"`conda env export {export} > environment.yaml`, and name that file",
            )
        place = str(file.get_path_or_uri(secret_free=True))
        image = job.container_img_url
        base = self._base if not image else str(image).removeprefix("docker://")
        if self._from_registries and not is_of_a_registry(base):
            self.left_out[job.rule.name] = base
            base = self._base
        gpu = _has_gpu(job)
        if (place, base, gpu) not in self._found:
            self._found[place, base, gpu] = self._read(job, specification, place, base, gpu)
        return self._found[place, base, gpu]

    def _read(self, job: Any, specification: Any, place: str, base: str, gpu: bool) -> Environment:
        shown = os.path.relpath(place, self._workdir) if os.path.isabs(place) else place
        try:
            content, pins, post_deploy = environment_files(job.rule.workflow, specification)
        except (OSError, WorkflowError) as error:
            raise UnsupportedRule(
                job.rule.name,
                f"has an environment whose file {shown} cannot be read: {error}",
                hint="a relative path of `conda:` begins in the folder of its Snakefile",
            ) from error
        return Environment(
            name=environment_name(shown),
            content=content,
            pins=pins,
            post_deploy=post_deploy,
            base=base,
            gpu=gpu,
            file=shown,
        )


def _has_gpu(job: Any) -> bool:
    """Whether the rule asks for a GPU; what is computed counts as one.

    Not the job's own resources: they may not be looked at before its inputs are there.
    """
    named = (job.rule.resources.get(name) for name in (*GPU_NAMES, "gpu_model"))
    return any(value not in (None, 0, "", "0") for value in named)
