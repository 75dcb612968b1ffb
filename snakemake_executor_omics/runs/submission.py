"""Bring a prepared wave to the service: inputs to S3, workflow version, run group, cache, run.

The order keeps mistakes cheap: everything that can be refused is checked before `StartRun`, and
the journal knows the run before the service does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..aws.caches import ensure_run_cache
from ..aws.groups import ensure_run_group
from ..aws.records import GRAPH_TAG, OWNER_TAG, WORK_TAG, Run, RunStatus, WorkflowVersion
from ..aws.runs import RunRequest, get_run, start_run
from ..aws.session import Services
from ..aws.transfer import check_bucket
from ..aws.workflows import begin_versions, ensure_workflow_version
from ..errors import NotFound, OmicsError, QuotaExceeded, ServiceError
from ..files.upload import send
from ..log import Log
from ..settings.options import Options
from .connection import Connection
from .failures import page_of
from .followed import FollowedRun
from .journal import Entry, Start
from .known import command_line
from .patience import Patience
from .prepare import Prepared
from .reasons import is_fault
from .request import run_request
from .surroundings import Surroundings, in_flight_with, look_around, started_elsewhere, wait_for

T = TypeVar("T")

_BEGINS = (RunStatus.PENDING, RunStatus.STARTING, RunStatus.RUNNING)
_CHECK_SECONDS = 3.0  # between two looks at a definition's check
_QUOTA_PAUSE_SECONDS = 30.0
_QUOTA_PATIENCE_SECONDS = 24 * 3600.0
_UNSEEN_TRIES = 4


def submit(
    connection: Connection,
    options: Options,
    prepared: Prepared,
    state: Path,
    log: Log,
    around: Surroundings | None = None,
    expected: Mapping[str, Any] | None = None,
) -> FollowedRun:
    """Start a run of a prepared wave, or attach to the one in flight for the same plan.

    `around` is what it is started with, None if nothing, `expected` is noted for its report.

    Raises:
        OmicsError: anything that the user or the service can be asked to mend; no run is started
            then, unless `StartRun` itself was not answered, in which case the next call finds it.
    """
    around = around or look_around(connection, options, [prepared])
    run = _run_of(connection, options, prepared, around, state, log, expected)
    connection.journal.carries(run.id, prepared.identities.values())
    return FollowedRun(
        run,
        prepared.wave,
        prepared.names,
        identities=prepared.identities,
        page=page_of(connection.services, run),
    )


def begin_checks(
    connection: Connection, options: Options, waves: Sequence[Prepared], log: Log
) -> None:
    """Have the definitions of several runs checked side by side: each takes minutes if large."""
    begin_versions(
        connection.services,
        [wave.version for wave in waves],
        poll_seconds=_check_seconds(options),
        say=log.info,
    )


def _check_seconds(options: Options) -> float:
    return min(options.poll_seconds, _CHECK_SECONDS)


def _run_of(
    connection: Connection,
    options: Options,
    prepared: Prepared,
    around: Surroundings,
    state: Path,
    log: Log,
    expected: Mapping[str, Any] | None = None,
) -> Run:
    entry = connection.journal.open(prepared.plan, options.request_id)
    run = _in_flight(connection, entry, around)
    if run is not None and _is_answer(run):
        return _attach(connection, entry, run, log)
    if entry.is_new and (left := _left_by_a_part(connection, prepared)) is not None:
        connection.journal.drop(entry)
        log.info(f"omics: run {left.id} of an earlier call has these jobs: its results are taken")
        return left
    if run is not None:
        entry = _anew(connection, entry, run, options, log)
    run = _start(connection, options, prepared, around, entry, state, log, expected)
    if entry.is_new:
        return run
    # The old token gives the old run.
    now = _as_it_is(connection, run)
    if now is not None and _is_answer(now):
        return _attach(connection, entry, now, log) if now.status.is_final else run
    entry = _anew(connection, entry, now, options, log)
    return _start(connection, options, prepared, around, entry, state, log, expected)


def _attach(connection: Connection, entry: Entry, run: Run, log: Log) -> Run:
    connection.journal.started(entry, run.id)
    if run.status is RunStatus.FAILED:
        log.warning(
            f"omics: run {run.id}, which was started for the same plan before, failed while nobody "
            "followed it: what it finished is taken, and its failure is told. The next call starts "
            "a new run"
        )
    else:
        log.info(f"omics: attached to run {run.id}, which was started for the same plan before")
    return run


def _is_answer(run: Run) -> bool:
    """Whether a run of an earlier call tells what became of its jobs.

    One that was cancelled, or that a fault of the service ended (its own end, say), does not: its
    jobs start anew, and the run cache has what was done.
    """
    if run.status in (RunStatus.CANCELLED, RunStatus.DELETED):
        return False
    return run.status is not RunStatus.FAILED or not is_fault(run.failure_reason)


def _anew(
    connection: Connection, entry: Entry, run: Run | None, options: Options, log: Log
) -> Entry:
    """The entry of a new run, with a token of its own, in place of one that is no answer."""
    if run is not None:
        why = ": ".join(part for part in (run.failure_reason, run.status_message) if part)
        log.info(
            f"omics: run {run.id} of an earlier call ended {run.status}"
            f"{f' ({why})' if why else ''}: its jobs go into a new run"
        )
    connection.journal.drop(entry)
    return connection.journal.open(entry.plan, options.request_id)


def _in_flight(connection: Connection, entry: Entry, around: Surroundings) -> Run | None:
    """The run of the same plan that an earlier invocation left behind, by journal, then by tag."""
    if entry.run_id is not None:
        try:
            run = get_run(connection.services, entry.run_id)
        except NotFound:
            return None
        # Ids are used again: only its tag says that it is ours.
        return run if run.tags.get(OWNER_TAG) == entry.plan else None
    ended = connection.journal.others(entry.plan)
    found = (run for run in around.found if run.tags.get(OWNER_TAG) == entry.plan)
    return next((run for run in found if run.id not in ended), None)


def _first_of_plan(
    connection: Connection, entry: Entry, run: Run, around: Surroundings, options: Options, log: Log
) -> Run:
    """`run`, or another one of its plan that another head started in the same moment.

    Each head has looked before it started its own, and looks once more: all give way to the same
    run, and cancel their own before anything of it works.

    Raises:
        OmicsError: it gives way to a run that has its jobs otherwise.
    """
    tags = {OWNER_TAG: {entry.plan}, GRAPH_TAG: {around.graph}}
    others = {*connection.journal.others(entry.plan), run.id}
    try:
        found = [
            one
            for one in in_flight_with(connection, tags, options, others)
            if one.status in _BEGINS
            and (one.tags.get(OWNER_TAG) == entry.plan or around.is_unmet(one))
        ]
        if found:
            found.append(get_run(connection.services, run.id))
    except ServiceError:
        return run  # it is started, whatever is not answered now
    first = min(found, key=lambda one: (one.created is None, one.created, one.id), default=run)
    if first.id == run.id:
        return run
    is_same = first.tags.get(OWNER_TAG) == entry.plan
    log.info(
        f"omics: run {first.id} was started for the same {'plan' if is_same else 'jobs'} in the "
        f"same moment, from another folder{': attached to it' if is_same else ''}; run {run.id} is "
        "cancelled"
    )
    try:
        connection.cancel(run.id)
    except ServiceError as error:
        log.warning(f"omics: cannot cancel run {run.id}: {error}")
    connection.journal.ended(run.id)
    if not is_same:
        raise started_elsewhere(first)
    connection.journal.started(connection.journal.open(entry.plan, options.request_id), first.id)
    return first


def _left_by_a_part(connection: Connection, prepared: Prepared) -> Run | None:
    """A run that has all these jobs and others, which Snakemake has recorded or no longer wants.

    A head that died while Snakemake recorded the jobs of its run leaves such a one, and one whose
    user has changed the workflow since: what a run in flight carries is not started again.
    """
    for run_id in connection.journal.carrying(set(prepared.identities.values())):
        try:
            run = get_run(connection.services, run_id)
        except NotFound:
            continue
        if OWNER_TAG in run.tags and run.status in (
            *_BEGINS,
            RunStatus.STOPPING,
            RunStatus.COMPLETED,
        ):
            return run
    return None


def _as_it_is(connection: Connection, run: Run) -> Run | None:
    """A run that `StartRun` gave for a token of an earlier call; None if it is nowhere."""
    for _ in range(_UNSEEN_TRIES):
        try:
            return get_run(connection.services, run.id)
        except NotFound:
            threading.Event().wait(1.0)  # not seen yet, or deleted
    return None


def _start(
    connection: Connection,
    options: Options,
    prepared: Prepared,
    around: Surroundings,
    entry: Entry,
    state: Path,
    log: Log,
    expected: Mapping[str, Any] | None,
) -> Run:
    services = connection.services
    check_bucket(services, options.output_uri, services.region)
    send(services, prepared.uploads, state, log.info)
    if prepared.wave.objects:
        log.info(f"omics: {len(prepared.wave.objects)} inputs lie in S3 and are read from there")
    version = ensure_workflow_version(
        services,
        prepared.version,
        poll_seconds=_check_seconds(options),
        say=log.info,
    )
    request = _request(services, options, prepared, around, entry, version)
    if entry.run_id is None:
        # Files may have been on their way for hours since it was looked for the first time.
        same = _started_since(connection, options, prepared, around, entry)
        if same is not None:
            return _attach(connection, entry, same, log)
    run = _within_quotas(lambda: start_run(services, request), log)
    connection.journal.started(entry, run.id)
    connection.journal.remember_start(
        Start(
            run.id,
            entry.plan,
            options.place,
            prepared.folder.relative_to(state).as_posix(),
            *command_line(state.parent.parent),
            connection.call,
            expected,
        )
    )
    log.info(
        f"omics: started run {run.id} of workflow {version.workflow_id} ({options.workflow_name}), "
        f"version {version.name}; definition in {prepared.folder}"
    )
    return _first_of_plan(connection, entry, run, around, options, log)


def _request(
    services: Services,
    options: Options,
    prepared: Prepared,
    around: Surroundings,
    entry: Entry,
    version: WorkflowVersion,
) -> RunRequest:
    """What the service is asked for; the run's group and cache are made if there are none."""
    tags = dict(options.tags)
    return run_request(
        options,
        plan=entry.plan,
        work=prepared.work,
        graph=around.graph,
        token=entry.request_id,
        workflow_id=version.workflow_id,
        version_name=version.name,
        jobs=len(prepared.wave.tasks),
        parameters=prepared.parameters,
        run_group_id=None
        if options.run_group is None
        else ensure_run_group(services, options.run_group, options.run_group_limits, tags),
        cache_id=None
        if options.run_cache is None
        else ensure_run_cache(
            services, options.run_cache, options.output_uri, options.cache_behavior, tags
        ),
    )


def _started_since(
    connection: Connection,
    options: Options,
    prepared: Prepared,
    around: Surroundings,
    entry: Entry,
) -> Run | None:
    """A run of the same plan that another head has started since it was looked around.

    Raises:
        OmicsError: one has the same jobs, put together otherwise.
    """
    tags = {OWNER_TAG: {entry.plan}, WORK_TAG: {prepared.work}, GRAPH_TAG: {around.graph}}
    others = connection.journal.others(entry.plan)
    found = in_flight_with(connection, tags, options, others)
    if same := [run for run in found if run.tags.get(OWNER_TAG) == entry.plan]:
        return same[0]
    if unmet := [run for run in found if around.is_unmet(run)]:
        connection.journal.drop(entry)
        raise started_elsewhere(unmet[0])
    if found := [run for run in found if run.tags.get(WORK_TAG) == prepared.work]:
        connection.journal.drop(entry)
        raise OmicsError(
            f"run {found[0].id} does the same jobs: it was started from another folder, with "
            "another --omics-pack. A second run would do and bill them again",
            hint=f"{wait_for(found[0])}; folders with the same --omics-pack meet in one run",
        )
    return None


def _within_quotas(call: Callable[[], T], log: Log) -> T:
    """Wait while a quota of the account is used up: runs of others end, or are deleted."""
    patience = Patience(_QUOTA_PATIENCE_SECONDS)
    while True:
        try:
            return call()
        except QuotaExceeded as error:
            if not patience.goes_on():
                raise
            if (line := patience.says(error)) is not None:
                log.warning(f"omics: {line}; Ctrl-C ends the wait")
            threading.Event().wait(_QUOTA_PAUSE_SECONDS)


def persistently(connection: Connection, options: Options, log: Log, call: Callable[[], T]) -> T:
    """Repeat what is safe to repeat while runs are in flight: errors that go by are waited for."""
    patience = Patience(options.give_up_seconds)
    while True:
        try:
            return call()
        except ServiceError as error:
            if not patience.bears(error):
                raise patience.given_up(error) from error
            if (line := patience.says(error)) is not None:
                log.warning(f"omics: {line}")
            threading.Event().wait(options.poll_seconds)
            connection.mend(error)
