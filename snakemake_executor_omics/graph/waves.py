"""What goes into runs now: the largest part of the graph that can be decided, cut into waves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..aws.image_checks import look_at_images
from ..aws.images import out_of_reach
from ..aws.registry_map import read_registry_map
from ..aws.session import Services
from ..compile import task_name
from ..cost.quotas import Quotas
from ..errors import UnsupportedRules
from ..images.chosen import read_chosen
from ..images.naming import ImageNames
from ..log import Log
from ..model import JobKey, Wave
from ..settings.options import Environments, LocalRules, Options
from . import internals
from .durations import Duration, benchmarked, known_durations
from .packing import pack
from .partition import SMALLEST_RUN, Partition, partition
from .selection import Selection, look_over, tell_selection
from .storage import Storage, check_buckets, survey
from .task_settings import TaskSettings, task_settings
from .units import job_key, members


def decide_what_is_local(workflow: Any, options: Options) -> None:
    """Have Snakemake take for local what is local here, before anyone asks which jobs are."""
    internals.send_local_inputs(workflow)
    if options.local_rules is LocalRules.RUN:
        internals.make_tasks_of_local_rules(workflow)


def settings_of(
    workflow: Any,
    options: Options,
    workdir: Path,
    region: str | None,
    *,
    from_registries: bool = True,
    storage: Storage | None = None,
    cache_busters: Mapping[JobKey, str] = MappingProxyType({}),
    max_jobs: int | None = None,
) -> TaskSettings:
    """What the tasks of a workflow depend on, for whatever is done with them."""
    return task_settings(
        workflow,
        workdir,
        options.include,
        cache_busters=cache_busters,
        storage=storage,
        own_disk=options.has_own_disks,
        images=ImageNames.of(options, region, read_chosen(workdir)),
        environments=options.environments is Environments.ON,
        from_registries=from_registries,
        gpu_fallback=options.gpu_fallback,
        max_jobs=max_jobs,
    )


def cut(
    wave: Wave,
    options: Options,
    left: Sequence[Collection[JobKey]] = (),
    quotas: Callable[[], Quotas] = Quotas,
) -> Partition[JobKey]:
    """The runs of a wave; `left` are the jobs of each run that is in flight already.

    `quotas` are those of the account, which only a graph that may be worth several runs asks for.
    """
    order = [task.key for task in wave.tasks]
    limits = (options.max_tasks_per_run, options.parallel_runs)
    tasks = {key: pack[0] for key, pack in wave.packed.items()}
    are_many = len(order) - len(tasks) + len(wave.packs) >= 2 * SMALLEST_RUN
    known = quotas() if options.parallel_runs is None and are_many else Quotas()
    return partition(order, wave.parents, *limits, left, tasks, known)


def durations_of(
    workflow: Any, wave: Wave, workdir: Path, earlier: Mapping[JobKey, float]
) -> dict[JobKey, Duration]:
    """How long the jobs of a wave take, as far as that is known.

    `earlier` are the seconds of tasks of earlier runs.
    """
    return known_durations(wave.tasks, benchmarked(workflow.dag.jobs, workdir), earlier)


def runs_of(
    wave: Wave,
    options: Options,
    durations: Mapping[JobKey, Duration],
    left: Sequence[Sequence[Collection[JobKey]]] = (),
    quotas: Callable[[], Quotas] = Quotas,
) -> tuple[Partition[JobKey], list[Wave]]:
    """The runs of a wave, with the jobs in each that share tasks.

    `left` has the jobs of each task of each run that is in flight already, `quotas` tells those of
    the account.
    """
    before = [jobs for tasks in left for jobs in tasks]
    whole = pack(wave, durations, options.pack, before=before)  # tells how many tasks there are
    together = [[key for jobs in tasks for key in jobs] for tasks in left]
    parts = cut(whole, options, together, quotas)
    waves = (wave.only(keys) for keys in parts.runs)
    return parts, [pack(part, durations, options.pack, before=before) for part in waves]


def tell_packs(waves: Sequence[Wave], log: Log) -> None:
    """How many jobs share tasks."""
    packs = [pack for wave in waves for pack in wave.packs]
    if packs:
        tasks = "one task" if len(packs) == 1 else f"{len(packs)} tasks"
        log.info(f"omics: {sum(map(len, packs))} of the jobs share {tasks}")


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What earlier waves of a call of Snakemake were found to be, so that no wave looks again.

    `jobs` are those that waited and can be tasks (`look_over`), `images` tells how each image is
    named (`_with_images`), `notes` are those that people have been told.
    """

    jobs: set[JobKey] = field(default_factory=set)
    images: dict[str, str] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)


def next_waves(
    workflow: Any,
    ready: list[Any],
    services: Services,
    options: Options,
    workdir: Path,
    log: Log,
    *,
    cache_busters: Mapping[JobKey, str],
    in_flight: Callable[[JobKey], bool],
    is_here: Callable[[JobKey], bool],
    left: Sequence[Sequence[Collection[str]]],
    earlier: Mapping[JobKey, float],
    quotas: Callable[[], Quotas],
    looked_at: LookedAt,
) -> tuple[list[Wave], dict[JobKey, Duration]]:
    """The waves that have the `ready` jobs, each for a run of its own, and what their jobs take.

    `in_flight` tells jobs that a run carries already, `is_here` those whose results are here,
    `left` has the names of the jobs of each task of each run that an earlier call left in flight,
    `earlier` the seconds that tasks of earlier runs took, `quotas` tells those of the account,
    `looked_at` has, and gets, what each wave of this call finds.

    Raises:
        OmicsError: a job cannot be a task, or its files cannot be reached.
    """
    failed = internals.given_up(workflow)
    looked = look_over(
        workflow.dag,
        ready,
        settings_of(
            workflow,
            options,
            workdir,
            services.region,
            from_registries=not options.local,
            storage=_storage(workflow, services, is_here, log),
            cache_busters=cache_busters,
            max_jobs=None if options.run_group_limits else workflow.nodes,
        ),
        in_flight=in_flight,
        is_here=is_here,
        failed=frozenset(job_key(part) for unit in failed for part in (unit, *members(unit))),
        looked_at=looked_at.jobs,
    )
    selection = looked.accepted
    if options.is_aws:
        path = options.container_registry_map
        registry_map = None if path is None else read_registry_map(path)
        selection = _with_images(
            selection, options, services, registry_map or {}, looked_at.images, log
        )
    check_buckets(services, selection.wave)
    durations = durations_of(workflow, selection.wave, workdir, earlier)
    before = _by_key(selection.wave, left)
    parts, waves = runs_of(selection.wave, options, durations, before, quotas)
    tell_selection(selection, parts, log, looked_at.notes)
    if options.parallel_runs is None and len(waves) > 1:
        log.info(f"omics:   so many runs since {quotas()}")
    tell_packs(waves, log)
    if staying := sum(len(wave.internal) for wave in waves):
        log.info(
            f"omics: {staying} temporary results stay in their run, for the jobs that read them"
        )
    return waves, durations


def _storage(
    workflow: Any, services: Services, is_here: Callable[[JobKey], bool], log: Log
) -> Storage:
    """What lies in S3 of what jobs read; files that HealthOmics does not reach are fetched."""
    dag = workflow.dag

    def is_made(job: Any) -> bool:
        group = dag.get_job_group(job)
        return any(is_here(job_key(unit)) for unit in (job, group) if unit is not None)

    def retrieve(files: list[Any]) -> None:
        async def fetch() -> None:
            await asyncio.gather(*(file.retrieve_from_storage() for file in files))

        log.info(f"omics: fetching {len(files)} inputs that are not in the S3 of the runs")
        workflow.async_run(fetch())

    return survey(dag, services, is_made, retrieve)


def _by_key(wave: Wave, left: Sequence[Sequence[Collection[str]]]) -> list[list[list[JobKey]]]:
    """The jobs of each task of each run in flight, as far as the wave has them, by their names."""
    keys = {task_name(task.key): task.key for task in wave.tasks} if left else {}
    return [[[keys[name] for name in names if name in keys] for names in tasks] for tasks in left]


def _with_images(
    selection: Selection,
    options: Options,
    services: Services,
    registry_map: Mapping[str, Any],
    names: dict[str, str],
    log: Log,
) -> Selection:
    """The selection, its images looked at where HealthOmics pulls them from.

    One whose tag may move is named by its digest: the run cache then knows what the task ran in.
    `names` has, and gets, how each image that was looked at is named: once for all waves of a call
    of Snakemake, whose jobs of one rule run in one image.

    Raises:
        UnsupportedRules: images lack something, all at once.
    """
    rules = {image: rule for image, rule in selection.images.items() if image not in names}
    account = options.registry(services.region).partition(".")[0]
    if options.role_arn:
        account = options.role_arn.split(":")[4]
    looked = look_at_images(services, rules, selection.made_images, registry_map, account)
    refused = [*out_of_reach(rules, services.region, registry_map), *looked.lacks]
    if refused:
        raise UnsupportedRules(refused)
    for note in looked.notes:
        log.warning(f"omics: {note}")
    names.update({image: looked.pinned.get(image, image) for image in rules})
    tasks = (
        replace(task, container=names.get(task.container, task.container))
        for task in selection.wave.tasks
    )
    return replace(selection, wave=replace(selection.wave, tasks=tuple(tasks)))
