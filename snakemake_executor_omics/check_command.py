"""`snakemake-omics check`: tell what would become of a workflow, and what it would cost.

A mode of the executor, as packaging is: the tasks are those that a run of the same command would
have. Nothing is started or sent, and no service asked, but for prices where that is wanted. The
page goes to stdout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import copy
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from .aws.images import out_of_reach
from .aws.prices import ask_prices
from .aws.registry_map import read_registry_map
from .aws.session import connect, region_named
from .check.checked import Checked, looked_for, undeclared
from .check.document import document
from .check.estimate import Assumed, estimate
from .check.page import brief, page
from .check.request import REFUSED, CheckRequest
from .compile import compile_wave, spill
from .cost.instances import instance_of
from .cost.makespan import Service
from .cost.prices import Prices, prices_of
from .cost.quotas import Quotas
from .errors import CompileError, OmicsError, UnsupportedRule
from .graph.durations import Duration, benchmarked, known_durations
from .graph.internals import as_if_run
from .graph.output_cache import OutputCache
from .graph.partition import Partition
from .graph.planned import Planned, fetches, plan
from .graph.task_settings import included
from .graph.waves import decide_what_is_local, runs_of, settings_of
from .limits import COMMON_VCPUS, LARGE_REGIONS
from .log import Log
from .model import JobKey, Wave
from .runs.journal import durations_before
from .runs.quotas import quotas_before
from .settings.checking import resolve
from .settings.options import LOCAL_REGION, NetworkingMode, Options

_LARGEST_SCRIPT = 1024**2  # bytes


def check(workflow: Any, options: Options, workdir: Path, state: Path, log: Log) -> int:
    """Print what would become of the workflow; the exit status.

    Raises:
        OmicsError
    """
    request = CheckRequest.of(options.check or "")
    if request.for_aws:
        options = _for_aws(workflow)
    checked = look(workflow, options, workdir, state, request)
    if request.as_json:
        print(json.dumps(document(checked), indent=2))
    else:
        print(*page(checked), sep="\n")
    return REFUSED if checked.refused else 0


def _for_aws(workflow: Any) -> Options:
    """What the same settings are for AWS, some defaults of which are others."""
    settings = copy(workflow.executor_settings)
    settings.endpoint = None
    return resolve(settings, project=Path(workflow.workdir_init).resolve().name)


def tell_briefly(workflow: Any, options: Options, workdir: Path, log: Log) -> None:
    """Say in a dry run how much goes where, and what is in the way, as far as that is cheap."""
    if fetches(workflow):
        log.info("omics: `snakemake-omics check` tells what would run where, and what it costs")
        return
    with as_if_run(workflow):
        decide_what_is_local(workflow, options)
        region = region_named(options.region, options.aws_profile) or LOCAL_REGION
        state = workdir / ".snakemake" / "omics"
        quotas = _quotas(options, state)
        planned = _plan(workflow, options, workdir, region, state, quotas or Quotas())[0]
    refused = [*planned.refused, *_refused(planned, options, region)]
    for line in brief(_place(options, region), planned, refused, quotas):
        (log.warning if refused else log.info)(f"omics: {line}")


def look(
    workflow: Any, options: Options, workdir: Path, state: Path, request: CheckRequest
) -> Checked:
    """All that can be told of Snakemake's graph without a service."""
    region = region_named(options.region, options.aws_profile) or LOCAL_REGION
    quotas = _quotas(options, state)
    by = quotas or Quotas()
    planned, durations = _plan(workflow, options, workdir, region, state, by)
    refused = [
        *planned.refused,
        *_refused(planned, options, region),
        *_beyond_limits(planned, options),
    ]
    return Checked(
        place=_place(options, region),
        planned=planned,
        refused=tuple(refused),
        undeclared=undeclared(planned.jobs, included(workdir, options.include)),
        internet=tuple(looked_for(planned.jobs, planned.places, _reader(workdir))),
        reaches_internet=options.networking_mode is NetworkingMode.VPC,
        variables=tuple(sorted({*workflow.envvars, *workflow.remote_execution_settings.envvars})),
        quotas=quotas,
        estimate=estimate(
            planned,
            durations,
            _prices(options, region) if request.ask_prices else prices_of(region),
            Assumed.of(
                chain.from_iterable(planned.waves[:1]),
                options,
                workdir,
                request.minutes,
                request.storage_gib,
            ),
            Service(tasks_per_run=by.tasks_per_run, active_runs=by.active_runs),
        ),
    )


def _quotas(options: Options, state: Path) -> Quotas | None:
    """By what jobs are spread over runs, if the options leave that open; no service is asked."""
    if options.parallel_runs is not None:
        return None
    return quotas_before(state / "journal.sqlite", options)


def _prices(options: Options, region: str) -> Prices:
    """Those of AWS, whatever service the options name."""
    return ask_prices(connect(region, profile=options.aws_profile))


def _place(options: Options, region: str) -> str:
    if options.is_aws:
        return f"AWS HealthOmics in {region}"
    return options.endpoint_url or "the local HealthOmics"


def _plan(
    workflow: Any, options: Options, workdir: Path, region: str, state: Path, quotas: Quotas
) -> tuple[Planned, Mapping[JobKey, Duration]]:
    """The jobs, and how long they take as far as it is known."""
    settings = settings_of(workflow, options, workdir, region, from_registries=not options.local)
    cached = workflow.async_run(OutputCache(workflow).there())
    benchmarks = benchmarked(workflow.dag.jobs, workdir)
    earlier = durations_before(state / "journal.sqlite")
    durations: dict[JobKey, Duration] = {}

    def cut(wave: Wave) -> tuple[Partition[JobKey], list[Wave]]:
        durations.update(known_durations(wave.tasks, benchmarks, earlier))
        return runs_of(wave, options, durations, quotas=lambda: quotas)

    return plan(workflow.dag, settings, cut, cached.__contains__), durations


def _refused(planned: Planned, options: Options, region: str) -> Iterator[OmicsError]:
    """What AWS would refuse beside what no task can do."""
    if options.is_aws:
        path = options.container_registry_map
        registry_map = {} if path is None else read_registry_map(path)
        for error in out_of_reach(planned.images, region, registry_map):
            where = planned.places.get(error.rule.partition(", ")[0])
            yield error if where is None else error.at(where)
        yield from _too_large_there(planned, region)


def _beyond_limits(planned: Planned, options: Options) -> Iterator[OmicsError]:
    """What no definition can have."""
    known = [job.key for job in planned.jobs if job.task is not None]
    for run in chain.from_iterable(planned.waves):
        part = run.only(known)
        try:
            compile_wave(part, _literals(part, options))
        except CompileError as error:
            yield error


def _too_large_there(planned: Planned, region: str) -> Iterator[UnsupportedRule]:
    if region in LARGE_REGIONS:
        return
    told = set()
    for job in planned.jobs:
        instance = None if job.task is None else instance_of(job.task.resources)
        if instance is None or instance.vcpus <= COMMON_VCPUS or job.rules in told:
            continue
        told.add(job.rules)
        yield UnsupportedRule(
            job.rules[0],
            f"needs an {instance}, which {' and '.join(LARGE_REGIONS)} have only, and the runs are "
            f"in {region}",
            hint=f"--set-threads and --set-resources bound it to {COMMON_VCPUS} vCPUs",
            where=job.where,
        )


def _literals(wave: Wave, options: Options) -> dict[str, str]:
    """The inputs beyond the limit of parameters, by an address as long as theirs would be."""
    stored = {path: ref.uri for path, ref in wave.objects.items() if ref.uri is not None}
    folder = f"{options.output_uri or 's3://bucket'}/inputs/{'0' * 32}"
    sent = {path: f"{folder}/{PurePosixPath(path).name}.tar" for path in wave.raw_inputs}
    return spill(sent | stored)


def _reader(workdir: Path) -> Any:
    def read(name: str) -> str:
        path = workdir / name
        if not path.is_file() or path.stat().st_size > _LARGEST_SCRIPT:
            return ""
        return path.read_text("utf-8", errors="replace")

    return read
