"""The image that a job's task runs in: a container that its rule names, or its environment's."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import UnsupportedRule
from ..model import Environment
from .environments import is_of_a_registry
from .task_settings import TaskSettings
from .units import Job


def container_of(job: Job, settings: TaskSettings) -> str:
    """The image that a job's task runs in.

    Raises:
        UnsupportedRule: there is none, or no task can have it.
    """
    environment = environment_of(job, settings)
    if environment is not None:
        _refuse_what_no_registry_has(job, environment.base, settings)
        return settings.images.of_environment(environment)
    image = job.container_img_url or settings.default_container
    if not image:
        raise UnsupportedRule(
            job.rule.name,
            "has no container, and HealthOmics runs every task in one",
            hint='add `container: "…"` to the rule, or a global `container:` to the Snakefile, or '
            "give --container-image; a rule with `conda:` has the image of its environment, unless "
            "--omics-environments is off",
        )
    name = str(image).removeprefix("docker://")
    _refuse_what_no_registry_has(job, name, settings)
    return settings.images.of_container(name)


def environment_of(job: Job, settings: TaskSettings) -> Environment | None:
    """The conda environment that a job's image is made of, None if there is none."""
    return None if settings.environments is None else settings.environments.of(job)


def _refuse_what_no_registry_has(job: Job, image: str, settings: TaskSettings) -> None:
    """Files of Apptainer and its libraries are images that HealthOmics has no way to."""
    if settings.from_registries and not is_of_a_registry(image):
        raise UnsupportedRule(
            job.rule.name,
            f"has the image {image}, and HealthOmics pulls images from registries only",
            hint="name an image of a registry (docker://…); `apptainer build --sandbox` and "
            "`docker import` make one of an image file; or give the rule a `conda:` environment",
        )


def shared_container(jobs: Iterable[Job], settings: TaskSettings) -> tuple[str, Environment | None]:
    """The image of jobs that are one task, and the environment that it is made of.

    Raises:
        UnsupportedRule: they have several.
    """
    jobs = list(jobs)
    containers = sorted({container_of(job, settings) for job in jobs})
    environments = {environment_of(job, settings) for job in jobs}
    if len(containers) > 1 or len(environments) > 1:
        raise UnsupportedRule(
            jobs[0].rule.name,
            f"is joined by service() to rules of other containers: {', '.join(containers)}",
            hint="give the joined rules one container that has the tools of them all; for conda "
            "environments `omics-images.yaml` may name the same image, and --omics-environments "
            "off does without them",
        )
    return containers[0], environments.pop()


def ignores_environment(job: Job, settings: TaskSettings) -> bool:
    """Whether the job's conda environment is used nowhere, as the user said."""
    named = job.rule.conda_env is not None
    return named and not job.is_containerized and settings.environments is None
