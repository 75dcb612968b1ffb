"""Everything of Snakemake that the plugin uses although no interface promises it.

Each use is a function of its own that says what it is for and since which version its members
stand as they are used here; `tests/plugin/graph/test_internals.py` fails with the member's name
when Snakemake changes one. The `Protocol`s list what is relied upon of Snakemake's objects, which
carry no types of their own; members with an underscore are used in this file alone.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableSet, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from snakemake import script as snakemake_script
from snakemake.api import resolve_snakefile
from snakemake.cli import parse_args
from snakemake.exceptions import WorkflowError
from snakemake.io import is_flagged
from snakemake.jobs import Job as SnakemakeJob
from snakemake.logging import logger
from snakemake.parser import parse
from snakemake.settings.types import DeploymentMethod
from snakemake.shell import shell
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry


class File(Protocol):
    """A path of a job: a string with flags (`snakemake.io.AnnotatedString`, `_IOFile`)."""

    flags: Mapping[str, Any]
    is_storage: bool
    storage_object: Any


class Unit(Protocol):
    """What a job and a group have in common (`snakemake.jobs.AbstractJob`)."""

    input: Iterable[File]
    output: Iterable[File]
    resources: Mapping[str, Any]
    threads: int
    attempt: int
    restart_times: int
    is_local: bool
    is_checkpoint: bool

    def is_group(self) -> bool: ...
    def reset_params_and_resources(self) -> None: ...


class Job(Unit, Protocol):
    """One job (`snakemake.jobs.Job`)."""

    rule: Any
    wildcards: Any
    wildcards_dict: Mapping[str, str]
    params: Any
    log: Any
    benchmark: Any
    protected_output: Collection[File]
    is_shell: bool
    is_script: bool
    is_wrapper: bool
    is_cwl: bool
    container_img_url: str | None
    conda_env_spec: Any
    pipe_group: Any
    dag: Any


class Group(Unit, Protocol):
    """Jobs that run together (`snakemake.jobs.GroupJob`)."""

    jobs: Collection[Job]
    toposorted: Sequence[Iterable[Job]]


class Dag(Protocol):
    """The graph of jobs (`snakemake.dag.DAG`)."""

    jobs: Iterable[Job]
    dependencies: Mapping[Job, Mapping[Job, Collection[File]]]
    depending: Mapping[Job, Mapping[Job, Collection[File]]]
    targetfiles: Collection[File]
    derived_targetfiles: Collection[File]
    targetjobs: Collection[Job]
    checkpoint_jobs: Collection[Job]

    def has_unfinished_queue_input_jobs(self) -> bool: ...
    def needrun_jobs(self) -> Iterable[Job]: ...
    def needrun(self, job: Job) -> bool: ...
    def finished(self, job: Job) -> bool: ...
    def get_job_group(self, job: Job) -> Group | None: ...
    def toposorted(self, jobs: Collection[Job]) -> Iterator[Iterable[Job]]: ...
    def handle_protected(self, job: Job) -> None: ...


class Scheduler(Protocol):
    """Which jobs run (`snakemake.scheduling.job_scheduler.JobScheduler`)."""

    running: MutableSet[Unit]
    failed: Collection[Unit]


class Workflow(Protocol):
    """The workflow and its settings (`snakemake.workflow.Workflow`)."""

    dag: Dag
    scheduler: Scheduler
    persistence: Any
    rules: Iterable[Any]
    main_snakefile: str
    workdir_init: str
    envvars: Collection[str]
    execution_settings: Any
    remote_execution_settings: Any
    deployment_settings: Any
    workflow_settings: Any
    storage_settings: Any
    resource_settings: Any
    config_settings: Any


# --- the scheduler ---------------------------------------------------------------------------


def give_back(workflow: Any, failed: Iterable[Any], stopped: Iterable[Any]) -> None:
    """Let Snakemake retry or give up the jobs that failed; what was stopped is ready again.

    Its interface takes one failed job after another, and acts on the first before it hears of the
    second: a run for each retry would come of that. And it has no call for a job that did not fail
    but was stopped. Since 8.0: `scheduler._lock`, `_toerror`, `_free_resources`, `_open_jobs`,
    `running`, `dag._ready_jobs`.
    """
    scheduler = workflow.scheduler
    with scheduler._lock:
        scheduler._toerror.extend(failed)
        for job in stopped:
            scheduler.running.remove(job)
            scheduler._free_resources(job)
            workflow.dag._ready_jobs.add(job)
    scheduler._open_jobs.release()


def is_tried_again(job: Any) -> bool:
    """Whether Snakemake will try a failed job or group again, by its `retries`.

    Since 8.0: `restart_times` and `attempt`, compared as `scheduler._handle_error` does.
    """
    again: bool = job.restart_times > job.attempt - 1
    return again


def fail_before_start(workflow: Any, job: Any) -> None:
    """A job or group failed that Snakemake has not asked for yet, and may never ask for.

    It counts as an error and is given up, or its next try is its next attempt, which is told as
    `scheduler._handle_error` tells it. Since 8.0: `scheduler._lock`, `_errors`, `_open_jobs`,
    `failed`, `job.attempt`.
    """
    scheduler = workflow.scheduler
    with scheduler._lock:
        if is_tried_again(job):
            logger.info(f"Trying to restart job {workflow.dag.jobid(job)}.")
            job.attempt += 1
        else:
            scheduler._errors = True
            scheduler.failed.add(job)
    scheduler._open_jobs.release()


def needed_jobs(workflow: Any) -> list[Any]:
    """The jobs that need to run, read while Snakemake does not change its graph.

    Since 8.0: `scheduler._lock`, which is held while jobs are finished.
    """
    with workflow.scheduler._lock:
        return list(workflow.dag.needrun_jobs())


def goes_on(workflow: Any) -> bool:
    """Whether Snakemake starts jobs still: it does not after an error, but with `--keep-going`.

    Since 8.0: `scheduler._errors`.
    """
    return bool(workflow.execution_settings.keep_going or not workflow.scheduler._errors)


def unlock(workflow: Any) -> None:
    """Remove the lock of the project's folder, before the process leaves at once.

    Since 8.0: `persistence.unlock`.
    """
    workflow.persistence.unlock()


def given_up(workflow: Any) -> list[Any]:
    """The jobs and groups that failed and that Snakemake will not try again.

    Since 8.0: `scheduler.failed`, which the interface does not have.
    """
    return list(workflow.scheduler.failed)


def without_job_rate(workflow: Any) -> None:
    """Let Snakemake hand over all jobs that are ready at once.

    `--max-jobs-per-timespan`, 100 a second if nobody asks for less, is for submissions. A job that
    is attached to its run is none: 10,000 of them would take 100 s and as many rounds of the
    scheduler. Since 9.6: `scheduler.job_rate_limiter`, and `scheduler.resources["_job_count"]`,
    which has no bound where there is no limiter.
    """
    workflow.scheduler.job_rate_limiter = None
    workflow.scheduler.resources["_job_count"] = sys.maxsize


def scheduler_limits(workflow: Any) -> dict[str, int]:
    """How much of each resource all jobs together may use at once, by `--resources`.

    Those that count per machine (`mem_mb`, `disk_mb`) bound no remote job. Since 9.16.3:
    `workflow.global_resources`, read as the scheduler reads it.
    """
    found = workflow.global_resources.expand_items(
        constraints={}, evaluate=None, expand_sized=False
    )
    return {
        name: value
        for name, value in found
        if isinstance(value, int)
        and not name.startswith("_")
        and not workflow.resource_scopes.is_local(name)
    }


def make_tasks_of_local_rules(workflow: Any) -> None:
    """Local rules that run something are local no more; those that only gather files stay so.

    There is `localrules:` to add to them and nothing to take away. Since 8.0:
    `workflow._localrules`.
    """
    chosen = {rule.name for rule in workflow.rules if not rule.norun}
    workflow.omics_local_rules = workflow._localrules & chosen
    workflow._localrules -= chosen


def is_made_a_task(rule: Any) -> bool:
    """Whether a rule is local by its author, and its jobs are tasks all the same."""
    return rule.name in getattr(rule.workflow, "omics_local_rules", ())


def send_local_inputs(workflow: Any) -> None:
    """A job is not local because an input of it is marked with `local()`: that file is sent.

    For Snakemake only this machine has such a file. A job that writes one stays local. Since
    9.18.1: `Job.is_local`, which looks at both, and which the scheduler goes by.
    """
    workflow.omics_sends_local_inputs = True
    if not hasattr(SnakemakeJob.is_local, "replaced"):
        SnakemakeJob.is_local = _IsLocal(SnakemakeJob.is_local)


class _IsLocal(property):
    """What is asked of jobs in place of `Job.is_local`."""

    def __init__(self, replaced: Any) -> None:
        super().__init__(self._of)
        self.replaced = replaced

    def _of(self, job: Any) -> bool:
        workflow = job.dag.workflow
        if not hasattr(workflow, "omics_sends_local_inputs"):
            return bool(self.replaced.fget(job))
        return bool(
            workflow.is_local(job.rule) or any(is_flagged(file, "local") for file in job.output)
        )


def report_submission_without_polling(executor: RealExecutor, info: SubmittedJobInfo) -> None:
    """Tell Snakemake that a job whose end is known already has begun.

    `RemoteExecutor`'s own way would put it among the jobs that are asked about at the next poll.
    Since interface 8.0: `RealExecutor.report_job_submission` registers a job and nothing else.
    """
    RealExecutor.report_job_submission(executor, info)


# --- the command line --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a `snakemake` command would use: our settings, its folder, whether it has a workflow."""

    settings: Any
    folder: Path
    has_snakefile: bool


def command_line_of(words: Sequence[str]) -> CommandLine:
    """Read a command as Snakemake does, with profiles and environment variables.

    Ends the process with Snakemake's own message for an option that it does not know. Since 9.18.1:
    `cli.parse_args`, and `snakefile` and `directory` of what it returns.
    """
    _, arguments = parse_args(list(words))
    plugin = ExecutorPluginRegistry().get_plugin("omics")
    folder = Path(arguments.directory or Path.cwd())
    snakefile = resolve_snakefile(arguments.snakefile, allow_missing=True)
    return CommandLine(plugin.get_settings(arguments), folder, snakefile is not None)


def before_dry_runs(tell: Callable[[Any, Any], None]) -> None:
    """Have `tell` called, with the workflow and Snakemake's logger, when a dry run begins.

    Snakemake swaps the executor for its own there, and asks nothing of the plugin but its settings.
    Since 9.27: the plugin `dryrun` of the registry, whose `executor` it makes; 9.18.1 does not
    even read the settings then, and nothing is said.
    """
    plugin = ExecutorPluginRegistry().get_plugin("dryrun")
    original = getattr(plugin.executor, "replaced", plugin.executor)

    class Telling(original):  # type: ignore[misc, valid-type]
        replaced = original

        def __init__(self, workflow: Any, logger: Any) -> None:
            tell(workflow, logger)
            super().__init__(workflow, logger)

    plugin.executor = Telling


@contextmanager
def as_if_run(workflow: Any) -> Iterator[None]:
    """Have the jobs of a dry run be what they are for a run with this executor.

    Snakemake takes all of them for local ones there. What was changed or evaluated meanwhile is
    put back. Since 9.18.1: `workflow._executor_plugin`, `_localrules`.
    """
    plugin, local = workflow._executor_plugin, set(workflow._localrules)
    workflow._executor_plugin = ExecutorPluginRegistry().get_plugin("omics")
    try:
        yield
    finally:
        workflow._executor_plugin, workflow._localrules = plugin, local
        if hasattr(workflow, "omics_sends_local_inputs"):
            del workflow.omics_sends_local_inputs
        forget_values(workflow.dag.jobs)


# --- a job's outputs -------------------------------------------------------------------------


def back_up(workflow: Any, path: Path) -> None:
    """Keep a copy of what a job changes in place (`update()`), in case it fails.

    Snakemake does so where the job runs, which a task cannot. Since 9.13:
    `persistence.backup_output`.
    """
    workflow.persistence.backup_output(path)


def restore(workflow: Any, path: Path) -> bool:
    """Put that copy back; False where there is none. Since 9.13: `persistence.restore_output`."""
    restored: bool = workflow.persistence.restore_output(path)
    return restored


def forget_backup(workflow: Any, path: Path) -> None:
    """Remove that copy. Since 9.13: `persistence.cleanup_backup`."""
    workflow.persistence.cleanup_backup(path)


def finish_without(job: Any, files: Collection[Any]) -> None:
    """Let Snakemake take a job as done without some of its outputs, which exist nowhere.

    It waits for every output after a success, and then records it in its provenance, as it does
    for those that it has removed itself; nothing stands in for one that a later call could take
    for data. Since 8.0: `Job.postprocess` with `ignore_missing_output`, called by that name.
    """
    postprocess = job.postprocess

    async def without(
        *, error: bool = False, ignore_missing_output: Any = False, **settings: Any
    ) -> None:
        if not error and ignore_missing_output is not True:
            ignore_missing_output = [*(ignore_missing_output or ()), *files]
        await postprocess(error=error, ignore_missing_output=ignore_missing_output, **settings)

    job.postprocess = without


def write_protect(dag: Any, job: Any) -> None:
    """Take the right to write from outputs that are marked with `protected()`.

    Snakemake does so where the job runs. Since 8.0: `dag.handle_protected`.
    """
    dag.handle_protected(job)


def look_again(file: Any) -> None:
    """Have the S3 storage plugin ask anew whether `file` is a directory; it keeps its first answer.

    Since snakemake-storage-plugin-s3 0.3: `_is_dir` of its objects, None for "not asked yet".
    """
    file.storage_object._is_dir = None


# --- a job's values --------------------------------------------------------------------------


def evaluate_again(jobs: Iterable[Any]) -> None:
    """Let Snakemake evaluate params and resources anew.

    It allows that once, when a job or its group becomes ready; for the later jobs of a group that
    is no single task that is too early. Since 8.0: `job._params_and_resources_resetted`.
    """
    for job in jobs:
        job._params_and_resources_resetted = False
        job.reset_params_and_resources()


def is_about_unknown_threads(error: WorkflowError) -> bool:
    """Whether Snakemake cannot tell a job's threads yet, since they depend on its inputs.

    Other resources are then `TBDString`; for threads it raises. Since 8.0: the message.
    """
    return "Threads must be given as an int" in str(error)


def forget_values(jobs: Iterable[Any]) -> None:
    """Drop params and resources that were looked at before the job's inputs were there.

    Snakemake keeps what it evaluated, and its provenance would record values that are not known
    yet. Since 8.0: `job._params`, `_resources`, `_params_and_resources_resetted`.
    """
    for job in jobs:
        evaluate_again([job])
        job._params_and_resources_resetted = False


def positions_of_names(values: Any) -> dict[str, tuple[int, int | None]]:
    """The names of a job's files or params, with the (start, end) of each; end None for one item.

    `items()` has no positions, and one file may have a name and none. Since 8.0:
    `Namedlist._get_names`.
    """
    return dict(values._get_names())


def plain(values: Any) -> Any:
    """A job's files as commands see them: strings, with their names. Since 8.0: `_plainstrings`."""
    return values._plainstrings()


def environment_files(
    workflow: Any, specification: Any
) -> tuple[bytes, bytes | None, bytes | None]:
    """What a conda environment's files hold: itself, its pins for linux-64, its post-deploy script.

    Snakemake finds the pin file by the platform, for which it would ask a conda of this machine,
    which may have none. Since 8.0: `Env._conda`, read as `Env.conda`.
    """
    environment = specification.get_conda_env(workflow)
    environment._conda = SimpleNamespace(platform="linux-64")
    return environment.content, environment.content_pin, environment.content_deploy


def environment_hash(workflow: Any, specification: Any) -> str:
    """The name that `snakemake --containerize` gives to a conda environment in its image.

    It counts the platform in, for which Snakemake would ask a conda of this machine, which may
    have none; tasks are linux-64. Since 8.0: `Env._conda`, read as `Env.conda`.
    """
    environment = specification.get_conda_env(workflow)
    environment._conda = SimpleNamespace(platform="linux-64")
    digits: str = environment.content_hash
    return digits


def tell_duration(workflow: Any, job: Any, seconds: float | None) -> None:
    """Have Snakemake's record of a job's results say how long it worked, which `--report` shows.

    Snakemake counts from when it asked for the job to the date of its results: with a wait, and
    less than nothing for one that came with the run of another. Since 9.18: `_clear_cache`,
    `_get_key`, `_read_record` and `_write_record` of the persistence.
    """
    persistence = workflow.persistence
    persistence._clear_cache()  # it would tell what was there before the job
    for file in job.output:
        key = persistence._get_key(file)
        record = persistence._read_record(key)
        if record is None or record.starttime is None or record.endtime is None:
            continue  # with --drop-metadata
        began = min(record.starttime, record.endtime)
        record.starttime = began if seconds is None else record.endtime - seconds
        persistence._write_record(key, record)


def know_environment(dag: Any, job: Any) -> None:
    """Have Snakemake record the environment that a job's rule names, which `--report` shows.

    It does so by itself where jobs run on its own file system. With `--sdm conda` it would also ask
    a conda of this machine for the environment's hash. Since 8.0: `dag.conda_envs`.
    """
    methods = dag.workflow.deployment_settings.deployment_method
    specification = job.conda_env_spec
    if specification is None or not specification.is_file or DeploymentMethod.CONDA in methods:
        return
    environment = specification.get_conda_env(dag.workflow)
    with suppress(WorkflowError, OSError):  # a file that is gone since
        environment.content  # noqa: B018  # it keeps what it reads
        dag.conda_envs.setdefault((specification, job.container_img_url), environment)


def line_of(rule: Any) -> int:
    """The line of its Snakefile at which a rule begins.

    `rule.lineno` counts in the Python that the Snakefile became. Since 8.0: `workflow.linemaps`.
    """
    line: int = rule.workflow.linemaps.get(rule.snakefile, {}).get(rule.lineno, rule.lineno)
    return line


def script_file(job: Any, script: Any) -> Any:
    """Where a rule's script is, its wildcards and params filled in.

    Since 8.27: `job._path_to_source_file`.
    """
    return job._path_to_source_file(script)


def strict_mode(executable: str) -> tuple[str, str]:
    """What Snakemake puts before and after a shell command, such as `set -euo pipefail; `.

    `shell.prefix()` only sets it. Since 8.18: `shell._get_process_prefix`, `shell._process_suffix`.
    """
    return shell._get_process_prefix(executable), shell._process_suffix


def shell_settings() -> tuple[str, str | None, str]:
    """What a Snakefile set for `shell()`: the shell, prefix (None for its own) and suffix.

    Since 8.0: `shell._process_prefix`, `shell._process_suffix`.
    """
    name = Path(shell.get_executable() or "bash").name
    return name, shell._process_prefix, shell._process_suffix


# What `generate_preamble` takes; those of Bash and Rust also want `is_local`.
SCRIPT_VALUES = frozenset(
    {
        *("path", "source", "basedir", "rulename", "config", "jobid", "shadow_dir"),
        *("input_", "output", "params", "wildcards", "threads", "resources", "log"),
        *("conda_env", "container_img", "singularity_args", "env_modules"),
        *("bench_record", "bench_iteration", "cleanup_scripts"),
    }
)


def preamble_of(language: str, values: Mapping[str, Any]) -> str:
    """What Snakemake writes before a script: the job's `values` in its language.

    A value that is not given is None. Raises ValueError or TypeError for one that the language has
    no form for. Since 9.0: `generate_preamble` of RScript, BashScript and RustScript and what they
    take, `JuliaScript.get_preamble`, which reads the same values as attributes.
    """
    given = {**dict.fromkeys(SCRIPT_VALUES), **values}
    preamble: str
    if language == "julia":
        preamble = snakemake_script.JuliaScript.get_preamble(
            SimpleNamespace(**given, input=given["input_"])
        )
        return preamble
    script = {
        "r": snakemake_script.RScript,
        "bash": snakemake_script.BashScript,
        "rust": snakemake_script.RustScript,
    }[language]
    preamble = script.generate_preamble(**given, **({"is_local": True} if language != "r" else {}))
    return preamble


def rust_parts(source: str) -> tuple[str, str]:
    """The manifest at the top of a Rust script, before which no value may stand, and the rest.

    Since 9.0: `RustScript.extract_manifest`.
    """
    manifest, rest = snakemake_script.RustScript.extract_manifest(source)
    return manifest, rest


def rust_dependencies() -> tuple[str, str]:
    """The crates and the features that Snakemake's Rust needs, as it writes them for `rust-script`.

    Since 9.0: `RustScript.default_dependencies`, `RustScript.default_features`.
    """
    script = snakemake_script.RustScript
    return script.default_dependencies(), script.default_features()


_SOURCE_COPY = re.compile(
    r"(?<![\w.~-])/[^\s'\"]*/snakemake-runtime-cache/[^/\s]+/file(/[^\s'\"`;|&<>()=,$\\]*)"
)


def with_own_sources(text: str) -> tuple[str, list[str]]:
    """`text` with each file of the workflow by its own path, not that of a copy; and these files.

    `workflow.source_path` tells a copy in a folder of a random name, which no other call has, nor
    any task. Since 8.0: `SourceCache.runtime_cache_path` below `snakemake-runtime-cache`, and
    `LocalSourceFile.get_cache_path`.
    """
    found: list[str] = []
    if "/snakemake-runtime-cache/" not in text:
        return text, found

    def own(match: re.Match[str]) -> str:
        # From `rules/x.smk` it is rules/../scripts/y, where a task may have no folder `rules`.
        found.append(os.path.normpath(match[1]))
        return found[-1]

    return _SOURCE_COPY.sub(own, text), found


def python_of(workflow: Any, snakefile: Any) -> str:
    """The Python that Snakemake makes of a Snakefile, one of `workflow.included`.

    It keeps none, so its parser reads the file again. Since 9.0: `snakemake.parser.parse` with
    `linemap`, which returns the text first.
    """
    text: str = parse(snakefile, workflow, linemap={})[0]
    return text


# --- resources -------------------------------------------------------------------------------


def evaluator_of(value: Any) -> Any | None:
    """The function inside a rule's resource, None for what is no resource or holds a plain value.

    Since 9.16.3: `snakemake.resources.Resource._evaluator`.
    """
    evaluator = getattr(value, "_evaluator", None)
    return evaluator if callable(evaluator) else None


def with_evaluator(resource: Any, evaluator: Any) -> None:
    """Put another function into a copy of a rule's resource. Since 9.16.3, as `evaluator_of`."""
    resource._evaluator = evaluator


def cli_evaluator_of(value: Any) -> Any | None:
    """What evaluates `--default-resources` and `--set-resources`, None if `value` is no Resource.

    Since 9.16.3: `Resource.from_cli_expression` closes over its class, and uses `cli_evaluator`
    of it alone.
    """
    return getattr(value, "cli_evaluator", None) if isinstance(value, type) else None


# --- Snakemake's cache between workflows -----------------------------------------------------


async def is_in_cache(job: Any) -> bool:
    """Whether a job's results of an earlier workflow are there. Since 8.0: `rule.cache.exists`."""
    return bool(await job.rule.cache.exists(job))


async def fetch_from_cache(job: Any) -> bool:
    """Put a job's results of an earlier workflow in their place (`cache:`); False if there is none.

    Since 8.0: `rule.cache.fetch`, `job.remove_existing_output`.
    """
    if not await is_in_cache(job):
        return False
    await job.remove_existing_output()
    for path in job.output:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    await job.rule.cache.fetch(job)
    return True


async def store_in_cache(job: Any) -> None:
    """Keep a job's results for later workflows (`cache:`). Since 8.0: `rule.cache.store`."""
    await job.rule.cache.store(job)
