"""What the plugin relies upon in Snakemake, tried on its real objects.

A failure here names the member that a new version of Snakemake has changed, and who needs it.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from snakemake import script as snakemake_script
from snakemake.api import SnakemakeApi
from snakemake.exceptions import RuleException, WorkflowError
from snakemake.io import flag
from snakemake.iocontainers import Namedlist
from snakemake.jobs import GroupJob
from snakemake.persistence import MetadataRecord
from snakemake.resources import Resource
from snakemake.scheduling.job_scheduler import JobRateLimiter, JobScheduler
from snakemake.settings.types import (
    DAGSettings,
    MaxJobsPerTimespan,
    OutputSettings,
    ResourceSettings,
    SharedFSUsage,
)
from snakemake.sourcecache import LocalSourceFile
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from snakemake_executor_omics.graph import internals

ROOT = Path(__file__).parents[3]
SNAKEFILE = """
rule all:
    input: "b.txt"
rule make:
    output: first="a.txt"
    params: word="hi"
    log: "a.log"
    resources: mem_mb=lambda wildcards, input, attempt: 100 * attempt
    conda: "environment.yaml"
    script: "scripts/make.sh"
rule join:
    input: "a.txt"
    output: protected("b.txt")
    shell: "cat {input} > {output}"
"""


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real workflow with its graph and its scheduler, after a dry run."""
    folder = tmp_path_factory.mktemp("workflow")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "environment.yaml").write_text("dependencies: [zlib]\n")
    (folder / "scripts").mkdir()
    (folder / "scripts/make.sh").write_text("echo\n")
    with pytest.MonkeyPatch.context() as patch, SnakemakeApi(OutputSettings(dryrun=True)) as api:
        patch.chdir(folder)
        workflow_api = api.workflow(
            resource_settings=ResourceSettings(cores=1, resources={"license": 3, "mem_mb": 1000}),
            snakefile=folder / "Snakefile",
        )
        workflow_api.dag(DAGSettings()).execute_workflow(executor="dryrun")
        yield workflow_api._workflow


@pytest.fixture
def jobs(workflow: Any) -> dict[str, Any]:
    return {job.rule.name: job for job in workflow.dag.jobs}


def told(owner: object, member: str, user: str) -> None:
    """Fail with a sentence unless `owner` has `member`."""
    assert hasattr(owner, member), (
        f"this version of Snakemake has no {type(owner).__name__}.{member} any more, which "
        f"graph/internals.py needs for {user}(): find what took its place there"
    )


@pytest.mark.parametrize(
    ("member", "user"),
    [
        ("_lock", "give_back"),
        ("_toerror", "give_back"),
        ("_free_resources", "give_back"),
        ("_open_jobs", "give_back"),
        ("running", "running"),
        ("failed", "given_up"),
        ("job_rate_limiter", "without_job_rate"),
    ],
)
def test_the_scheduler_has(member: str, user: str, workflow: Any) -> None:
    told(workflow.scheduler, member, user)


@pytest.mark.parametrize(
    ("member", "user"),
    [
        ("backup_output", "back_up"),
        ("restore_output", "restore"),
        ("cleanup_backup", "forget_backup"),
    ],
)
def test_the_persistence_has(member: str, user: str, workflow: Any) -> None:
    told(workflow.persistence, member, user)


@pytest.mark.parametrize(
    ("member", "user"), [("_ready_jobs", "give_back"), ("handle_protected", "write_protect")]
)
def test_the_graph_has(member: str, user: str, workflow: Any) -> None:
    told(workflow.dag, member, user)


@pytest.mark.parametrize(
    ("member", "user"),
    [
        ("_params_and_resources_resetted", "evaluate_again"),
        ("_path_to_source_file", "script_file"),
        ("remove_existing_output", "fetch_from_cache"),
    ],
)
def test_a_job_has(member: str, user: str, jobs: dict[str, Any]) -> None:
    told(jobs["make"], member, user)


@pytest.mark.parametrize(
    ("protocol", "real"),
    [
        (internals.Job, "job"),
        (internals.Dag, "dag"),
        (internals.Scheduler, "scheduler"),
        (internals.Workflow, "workflow"),
    ],
)
def test_what_the_protocols_name_is_there(
    protocol: type, real: str, workflow: Any, jobs: dict[str, Any]
) -> None:
    owner = {
        "job": jobs["make"],
        "dag": workflow.dag,
        "scheduler": workflow.scheduler,
        "workflow": workflow,
    }[real]
    names = {
        name
        for base in protocol.__mro__
        if getattr(base, "_is_protocol", False)
        for name in (*inspect.get_annotations(base), *vars(base))
        if not name.startswith("_")
    }
    assert names
    # Settings of an execution are set by the execution alone, so the class is asked as well.
    missing = {name for name in names if not hasattr(owner, name) and name not in dir(type(owner))}
    assert not missing, f"Snakemake's {real} has no {', '.join(sorted(missing))} any more"


def test_failed_jobs_and_stopped_ones_are_given_back_at_once(
    workflow: Any, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, make, join = workflow.scheduler, jobs["make"], jobs["join"]
    monkeypatch.setattr(scheduler, "_toerror", [])
    monkeypatch.setattr(scheduler, "running", {make, join})
    monkeypatch.setattr(workflow.dag, "_ready_jobs", set())
    while scheduler._open_jobs.acquire(blocking=False):
        pass
    internals.give_back(workflow, [make], [join])
    assert scheduler._toerror == [make]
    assert scheduler.running == {make}
    assert workflow.dag._ready_jobs == {join}
    assert scheduler._open_jobs.acquire(blocking=False), "the scheduler would sleep on"
    assert internals.given_up(workflow) == []


def test_jobs_are_handed_over_at_any_rate(workflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = workflow.scheduler
    monkeypatch.setattr(scheduler, "job_rate_limiter", JobRateLimiter(MaxJobsPerTimespan(1)))
    monkeypatch.setitem(scheduler.resources, "_job_count", 1)
    internals.without_job_rate(workflow)
    # Snakemake asserts that nothing bounds the count where there is no limiter.
    assert not scheduler.job_selector([])


def test_the_limits_of_the_scheduler_are_those_of_the_command_line(workflow: Any) -> None:
    assert internals.scheduler_limits(workflow) == {"license": 3}


def test_a_local_rule_that_runs_something_becomes_a_task(
    workflow: Any, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "_localrules", {"all", "make", "join"})
    internals.make_tasks_of_local_rules(workflow)
    assert workflow._localrules == {"all"}, "Snakemake keeps its local rules elsewhere now"


def test_a_job_that_reads_a_file_marked_local_is_not_local_and_one_that_writes_it_is(
    workflow: Any, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow.storage_settings, "shared_fs_usage", frozenset())
    monkeypatch.setattr(type(workflow), "local_exec", False)
    make, join = jobs["make"], jobs["join"]
    file = flag("a.txt", "local")
    monkeypatch.setattr(join, "_input", [file])
    monkeypatch.setattr(make, "_output", [file])
    assert (make.is_local, join.is_local) == (True, True), "Snakemake goes by another flag now"
    internals.send_local_inputs(workflow)
    assert (make.is_local, join.is_local) == (True, False)
    monkeypatch.delattr(workflow, "omics_sends_local_inputs")
    assert join.is_local, "another workflow of this process is as it was"


def test_scripts_begin_with_the_values_in_their_language() -> None:
    files, values = Namedlist(fromdict={"first": "a.txt"}), Namedlist(fromdict={"word": "hi"})
    given = {
        "path": LocalSourceFile("scripts/x"),
        **dict.fromkeys(("input_", "output", "log"), files),
        **dict.fromkeys(("params", "wildcards", "resources"), values),
        **{"config": {}, "threads": 3, "rulename": "r"},
    }
    for language, pair in (
        ("r", "\"first\" = 'a.txt'"),
        ("bash", "[first]=a.txt"),
        ("julia", '"first" => "a.txt"'),
        ("rust", '"first": "a.txt"'),
    ):
        assert pair in internals.preamble_of(language, given), language
    assert internals.rust_parts("//! A crate\n//! ```cargo\n//! ```\nfn main() {}") == (
        "//! A crate\n//! ```cargo\n//! ```\n",
        "fn main() {}",
    )
    assert "serde_json=" in internals.rust_dependencies()[0]


def test_a_submission_is_reported_without_being_polled(jobs: dict[str, Any]) -> None:
    told_to: list[object] = []

    class Executor(RemoteExecutor):
        def __init__(self) -> None:
            self.active_jobs: list[object] = []
            self.workflow = type(
                "W", (), {"scheduler": type("S", (), {"submit_callback": told_to.append})}
            )

        run_job = cancel_jobs = check_active_jobs = lambda self, *_: None

    executor = Executor()
    info = SubmittedJobInfo(job=type("J", (), {"register": lambda self, **_: None})())
    internals.report_submission_without_polling(executor, info)
    assert told_to == [info.job]
    assert executor.active_jobs == []


def test_what_is_changed_in_place_can_be_put_back(workflow: Any) -> None:
    path = Path("changed.txt")
    path.write_text("before")
    internals.back_up(workflow, path)
    path.write_text("after")
    assert internals.restore(workflow, path)
    assert path.read_text() == "before"
    internals.back_up(workflow, path)
    internals.forget_backup(workflow, path)
    assert not internals.restore(workflow, path)


def test_a_protected_output_cannot_be_written_to(workflow: Any, jobs: dict[str, Any]) -> None:
    Path("b.txt").write_text("")
    internals.write_protect(workflow.dag, jobs["join"])
    assert not Path("b.txt").stat().st_mode & 0o222


@pytest.mark.parametrize("shared", [SharedFSUsage.all(), frozenset()], ids=["shared", "apart"])
def test_a_job_is_done_without_outputs_that_exist_nowhere(
    workflow: Any,
    jobs: dict[str, Any],
    shared: frozenset[SharedFSUsage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make, tell = jobs["make"], "Snakemake finishes jobs in another way now: see finish_without()"
    for name, settings in (
        ("execution_settings", {"latency_wait": 0}),
        ("storage_settings", {"shared_fs_usage": shared}),
    ):
        monkeypatch.setattr(workflow, name, replace(getattr(workflow, name), **settings))
    recorded: list[object] = []

    async def finished(job: object) -> None:
        recorded.append(job)

    monkeypatch.setattr(workflow.persistence, "finished", finished)
    monkeypatch.setattr(make, "postprocess", make.postprocess)  # as it is, afterwards
    with pytest.raises((OSError, RuleException), match=r"a\.txt"):
        asyncio.run(make.postprocess())
    internals.finish_without(make, make.output)
    asyncio.run(make.postprocess())
    assert not Path("a.txt").exists(), tell
    assert recorded == [make], tell
    called = [inspect.getsource(GroupJob.postprocess), inspect.getsource(JobScheduler._finish_jobs)]
    assert all("ignore_missing_output" in text for text in called), tell


def test_a_job_is_evaluated_again_as_often_as_asked(jobs: dict[str, Any]) -> None:
    make = jobs["make"]
    for _ in range(2):
        before = make.resources
        internals.evaluate_again([make])
        assert make.resources is not before, "Snakemake keeps a job's first resources"
    before = make.resources
    make.reset_params_and_resources()
    assert make.resources is before, "Snakemake resets more than once now: evaluate_again can go"


def test_names_have_positions_and_files_are_plain(jobs: dict[str, Any]) -> None:
    output = jobs["make"].output
    assert internals.positions_of_names(output) == {"first": (0, None)}
    plain = internals.plain(output)
    assert type(plain[0]) is str
    assert plain.first == "a.txt"


def test_an_environment_has_its_name_without_a_conda(
    workflow: Any, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    digits = internals.environment_hash(workflow, jobs["make"].conda_env_spec)
    assert len(digits) == 32
    assert set(digits) <= set("0123456789abcdef")


def test_an_environment_tells_its_files_without_a_conda(
    workflow: Any, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    specification = jobs["make"].conda_env_spec
    content = b"dependencies: [zlib]\n"
    assert internals.environment_files(workflow, specification) == (content, None, None)
    file = Path(specification.file.get_path_or_uri(secret_free=True))
    beside = [file.with_suffix(s) for s in (".linux-64.pin.txt", ".post-deploy.sh")]
    try:
        for path in beside:
            path.write_text("@EXPLICIT\n")
        assert internals.environment_files(workflow, specification)[1:] == (b"@EXPLICIT\n",) * 2
    finally:
        for path in beside:
            path.unlink()


@pytest.mark.parametrize(("seconds", "began"), [(2.5, 7.5), (None, 10.0)])
def test_a_record_says_how_long_a_job_worked(
    workflow: Any, jobs: dict[str, Any], seconds: float | None, began: float
) -> None:
    tell = "Snakemake records a job in another way now: see tell_duration()"
    (file,) = jobs["join"].output
    key = workflow.persistence._get_key(file)
    internals.tell_duration(workflow, jobs["join"], seconds)  # no record, nothing to say
    record = MetadataRecord(starttime=12.0, endtime=10.0)
    workflow.persistence._write_record(key, record)
    try:
        internals.tell_duration(workflow, jobs["join"], seconds)
        workflow.persistence._clear_cache()
        assert workflow.persistence.metadata(file).starttime == began, tell
    finally:
        workflow.persistence.cleanup_metadata(file)


def test_the_environment_of_a_rule_is_recorded_with_its_results(
    workflow: Any, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    environments: dict[Any, Any] = {}
    monkeypatch.setattr(workflow.dag, "conda_envs", environments)
    monkeypatch.setattr(jobs["make"], "_conda_env", None)
    for name in ("make", "join"):
        internals.know_environment(workflow.dag, jobs[name])
    tell = "Snakemake records environments in another way now: see know_environment()"
    assert [found.content for found in environments.values()] == [b"dependencies: [zlib]\n"], tell
    assert workflow.persistence._conda_env(jobs["make"]), tell
    assert workflow.persistence._conda_env(jobs["join"]) is None, tell


def test_a_rule_has_the_line_of_its_snakefile(jobs: dict[str, Any]) -> None:
    lines = SNAKEFILE.splitlines()
    for name in ("make", "join"):
        assert lines[internals.line_of(jobs[name].rule) - 1] == f"rule {name}:"


def test_threads_that_depend_on_an_input_are_told_by_a_message(
    jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    join = jobs["join"]
    threads = Resource("_cores", lambda wildcards, input: Path(input[0]).stat().st_size)
    monkeypatch.setitem(join.rule.resources._data, "_cores", threads)
    internals.evaluate_again([join])
    with pytest.raises(WorkflowError) as raised:
        _ = join.threads
    assert internals.is_about_unknown_threads(raised.value)
    monkeypatch.undo()
    internals.forget_values([join])


def test_values_that_were_looked_at_too_early_leave_no_trace(jobs: dict[str, Any]) -> None:
    make = jobs["make"]
    before = make.resources
    internals.forget_values([make])
    early = make.resources
    assert early is not before
    make.reset_params_and_resources()
    assert make.resources is not early, "Snakemake would keep the values of too early"


def test_a_script_is_found_and_gets_its_values(jobs: dict[str, Any]) -> None:
    make = jobs["make"]
    file = internals.script_file(make, make.rule.script)
    assert Path(file.get_path_or_uri(secret_free=True)).name == "make.sh"
    for language in ("r", "bash"):
        kind = snakemake_script.RScript if language == "r" else snakemake_script.BashScript
        taken = inspect.signature(kind.generate_preamble).parameters
        wanted = {name for name, value in taken.items() if value.default is value.empty}
        given = internals.SCRIPT_VALUES | ({"is_local"} if language == "bash" else set())
        assert given == wanted, f"Snakemake's {language} preamble takes {sorted(wanted ^ given)}"


def test_strict_mode_is_snakemakes_own() -> None:
    assert internals.strict_mode("bash") == ("set -euo pipefail; ", "")
    assert internals.strict_mode("zsh") == ("", "")


def test_a_resource_holds_its_function(jobs: dict[str, Any]) -> None:
    resource = jobs["make"].rule.resources["mem_mb"]
    assert internals.evaluator_of(resource) is not None
    assert internals.evaluator_of(3) is None
    internals.with_evaluator(resource, resource._evaluator)
    assert internals.cli_evaluator_of(Resource) is not None
    assert internals.cli_evaluator_of(resource) is None


class _Cache:
    """Snakemake's cache of outputs, with one entry."""

    def __init__(self, known: bool) -> None:
        self.known, self.stored, self.fetched = known, False, False

    async def exists(self, job: Any) -> bool:
        return self.known

    async def fetch(self, job: Any) -> None:
        self.fetched = True

    async def store(self, job: Any) -> None:
        self.stored = True


@pytest.mark.parametrize("known", [True, False])
def test_results_come_from_snakemakes_cache_and_go_there(
    known: bool, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, cache = jobs["make"], _Cache(known)
    monkeypatch.setattr(make.rule, "cache", cache)
    assert asyncio.run(internals.fetch_from_cache(make)) is known
    assert cache.fetched is known
    asyncio.run(internals.store_in_cache(make))
    assert cache.stored


def test_the_caches_of_snakemake_have_these_members() -> None:
    from snakemake.caching import AbstractOutputFileCache

    for member in ("exists", "fetch", "store"):
        told(AbstractOutputFileCache, member, "fetch_from_cache")


def test_private_members_of_snakemake_are_used_in_one_file() -> None:
    """An underscored attribute of something that is not our own, outside graph/internals.py."""
    found = []
    package = ROOT / "snakemake_executor_omics"
    for path in (package / "executor.py", *package.glob("graph/**/*.py")):
        tree = ast.parse(path.read_text())
        own = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("self", "cls")
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                own.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                own.add(node.target.id)
        if path.name != "internals.py":
            found += [
                f"{path.relative_to(ROOT)}:{node.lineno} .{node.attr}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute)
                and node.attr.startswith("_")
                and not node.attr.startswith("__")
                and node.attr not in own
            ]
    assert not found


def test_a_copy_of_a_source_file_has_its_path_at_its_end(workflow: Any) -> None:
    file = Path(workflow.basedir, "scripts/make.sh")
    copy = workflow.sourcecache.get_path(LocalSourceFile(str(file)))
    assert copy != str(file), "SourceCache.get_path"
    text, files = internals.with_own_sources(f"cat {copy} '{copy}'")
    assert text == f"cat {file} '{file}'"
    assert files == [str(file)] * 2
    assert internals.with_own_sources("/x/snakemake-runtime-cache/t/file/wf/rules/../s/y.sh>o") == (
        "/wf/s/y.sh>o",
        ["/wf/s/y.sh"],
    )
    assert internals.with_own_sources("sh /x/file/y.sh") == ("sh /x/file/y.sh", [])


def test_a_command_line_is_read_with_its_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    profile = tmp_path / "mine/config.yaml"
    profile.parent.mkdir()
    profile.write_text("executor: omics\nomics-region: eu-west-2\n")
    words = ["--profile", "mine", "--jobs", "1", "--omics-priority", "5"]
    found = internals.command_line_of(words)
    assert (found.settings.region, found.settings.priority) == ("eu-west-2", 5)
    assert found.folder.resolve() == tmp_path.resolve()
    assert not found.has_snakefile
    (tmp_path / "Snakefile").write_text("")
    assert internals.command_line_of(words).has_snakefile


def test_within_a_dry_run_jobs_can_be_what_they_are_for_a_run(
    workflow: Any, jobs: dict[str, Any]
) -> None:
    told(workflow, "_executor_plugin", "as_if_run")
    before = (workflow._executor_plugin, set(workflow._localrules))
    with internals.as_if_run(workflow):
        internals.send_local_inputs(workflow)
        internals.make_tasks_of_local_rules(workflow)
        found = {name: job.is_local for name, job in jobs.items()}
    assert found == {"all": True, "make": False, "join": False}
    assert all(job.is_local for job in jobs.values())
    assert (workflow._executor_plugin, workflow._localrules) == before
    assert not hasattr(workflow, "omics_sends_local_inputs")


def test_a_dry_run_is_told_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = ExecutorPluginRegistry().get_plugin("dryrun")
    monkeypatch.setattr(plugin, "executor", plugin.executor)
    told: list[str] = []
    internals.before_dry_runs(lambda workflow, log: told.append("first"))
    internals.before_dry_runs(lambda workflow, log: told.append(f"{len(workflow.dag)} jobs"))
    (tmp_path / "Snakefile").write_text("rule a:\n    output: 'a'\n    shell: 'touch a'\n")
    monkeypatch.chdir(tmp_path)
    with SnakemakeApi(OutputSettings(quiet=set())) as api:
        api.workflow(
            resource_settings=ResourceSettings(cores=1), snakefile=tmp_path / "Snakefile"
        ).dag(dag_settings=DAGSettings()).execute_workflow(executor="dryrun")
    assert told == ["1 jobs"]
