"""Every `--omics-…` option: its type, help and environment variable.

Imported by every `snakemake` command, so it imports next to nothing.
Only declared here; `checking.resolve` checks the values. Snakemake builds its command line from
the fields at run time, which is why this module has real types: no postponed annotations, and
`Optional[…]`, the only union that Snakemake's plugin interface reads.
"""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from snakemake_interface_executor_plugins.settings import CommonSettings, ExecutorSettingsBase

from ..limits import ACCELERATORS
from . import options, started  # noqa: F401  (early: it keeps the environment variables)

# What the executor is to Snakemake.
common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=False,
    pass_default_storage_provider_args=False,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=0,
    can_transfer_local_files=True,
)


def _option(help: str, *, env_var: bool = False, **metadata: Any) -> Any:
    return field(default=None, metadata=_metadata(help, env_var, metadata))


def _list(help: str, **metadata: Any) -> Any:
    return field(default_factory=list, metadata=_metadata(help, False, metadata) | {"nargs": "+"})


def _metadata(help: str, env_var: bool, others: Dict[str, Any]) -> Dict[str, Any]:
    """`--help` names the values of an option in the place of its metavar."""
    values = "|".join(others.get("choices", ()))
    named = {"metavar": values} if values else {}
    return {"help": help, "env_var": env_var, "required": False, **named, **others}


def _values(kind: Any) -> List[str]:
    return [member.value for member in kind]


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """What a user may say to the executor."""

    role_arn: Optional[str] = _option(
        "ARN of the IAM role whose rights HealthOmics uses to read inputs, write results and "
        "pull images (StartRun roleArn, at most 128 characters). Needed unless the endpoint is "
        "'local'.",
        env_var=True,
        metavar="ARN",
    )
    output_uri: Optional[str] = _option(
        "S3 folder, in the region of the runs, below which inputs, results and the run cache are "
        "kept, as s3://bucket/prefix (at most 730 characters). Needed unless "
        "the endpoint is 'local'.",
        env_var=True,
        metavar="S3_URI",
    )
    region: Optional[str] = _option(
        "AWS region, for example us-east-1. Default: AWS_REGION, or that of the AWS profile.",
        env_var=True,
        metavar="REGION",
    )
    aws_profile: Optional[str] = _option(
        "Profile of ~/.aws/config to take credentials and region from. Default: AWS's own chain "
        "(environment, AWS_PROFILE, instance role).",
        env_var=True,
        metavar="NAME",
    )
    endpoint: Optional[str] = _option(
        "'local' starts a HealthOmics on this machine, for as long as Snakemake runs, that needs "
        "no AWS account; a URL names a service that speaks the HealthOmics, S3 and CloudWatch "
        "Logs APIs. Default: AWS.",
        env_var=True,
        metavar="local|URL",
    )
    workflow_name: Optional[str] = _option(
        "Name of the HealthOmics workflow that holds a version for each state of this Snakemake "
        "workflow; created on first use, 1 to 128 characters. Default: the name of the working "
        "directory.",
        env_var=True,
        metavar="NAME",
    )
    run_group: Optional[str] = _option(
        "Run group for the runs: the id of one (digits) or a name, created if there is none. "
        "Default: no group, or one named like the workflow if a limit is given.",
        env_var=True,
        metavar="ID|NAME",
    )
    run_group_max_cpus: Optional[int] = _option(
        "Most vCPUs that the run group may use at once, 1 to 100,000 (CreateRunGroup maxCpus).",
        metavar="N",
    )
    run_group_max_runs: Optional[int] = _option(
        "Most runs of the run group that may be active at once, 1 to 100,000 (maxRuns).",
        metavar="N",
    )
    run_group_max_duration: Optional[int] = _option(
        "Longest time of each run of the run group, in minutes, 1 to 100,000; a longer run fails "
        "(maxDuration).",
        metavar="MINUTES",
    )
    run_group_max_gpus: Optional[int] = _option(
        "Most GPUs that the run group may use at once, 1 to 100,000 (maxGpus).",
        metavar="N",
    )
    run_cache: Optional[str] = _option(
        "Run cache: the id of one (digits), or a name, created if there is none, with its files "
        "below the output URI; 'none' switches caching off. Default: one named like the workflow.",
        env_var=True,
        metavar="ID|NAME|none",
    )
    cache_behavior: Optional[str] = _option(
        "CACHE_ON_FAILURE keeps the results of the tasks of failed runs, which is what a mended "
        "workflow goes on from; CACHE_ALWAYS keeps those of every run, a second copy of each "
        "result in S3, from which lost results come back. A rule with `resources: omics_cache=0` "
        "is kept by neither. Default: CACHE_ON_FAILURE.",
        choices=_values(options.CacheBehavior),
    )
    priority: Optional[int] = _option(
        "Priority of the runs among those of their group, or among all without a group, 0 to "
        "100,000 (StartRun priority).",
        metavar="N",
    )
    storage_type: Optional[str] = _option(
        "File system of a run: DYNAMIC grows and shrinks with its files, STATIC has a reserved "
        "size. Default: DYNAMIC.",
        choices=_values(options.StorageType),
    )
    storage_capacity: Optional[int] = _option(
        "Size of STATIC storage in GiB, 1 to 100,000; the service rounds up to 1,200 or a "
        "multiple of 2,400. Default: 1,200.",
        metavar="GIB",
    )
    scratch_storage: Optional[str] = _option(
        "Where /tmp of a task without GPU lies (StartRun scratchStorageMode): LOCAL is a disk of "
        "its own, of 16 GiB or as large as the rule's disk_mb, SHARED the run's file system. "
        "Default: the service's.",
        choices=_values(options.ScratchStorage),
    )
    gpu_fallback: List[str] = _list(
        "What tasks with GPUs take, in this order, where those that their rule asks for are not to "
        "be had: accelerator types, and 'cpu' for no GPU, each with the minutes for which it is "
        "waited as TYPE=MINUTES (omicsResourceFallbackOrder). The number of GPUs, CPUs and the "
        f"memory stay the rule's. Types are {', '.join(ACCELERATORS)}. Default: none, the task "
        "waits and may fail.",
        metavar="TYPE[=MINUTES]|cpu",
    )
    retention: Optional[str] = _option(
        "REMOVE lets the service forget the oldest runs when the account's quota of stored runs "
        "is reached; with RETAIN new runs fail then. Default: the service's, RETAIN.",
        choices=_values(options.Retention),
    )
    log_level: Optional[str] = _option(
        "What the service writes to CloudWatch. With less than ALL the log of a failed job may "
        "not be shown. Default: the service's, ALL.",
        choices=_values(options.LogLevel),
    )
    run_name: Optional[str] = _option(
        "Name of the runs in the HealthOmics console, at most 128 characters. Default: the "
        "workflow's name.",
        env_var=True,
        metavar="NAME",
    )
    tags: List[str] = _list(
        "Tags for everything that is created, as KEY=VALUE, at most 45; keys of at most 128, "
        "values of at most 256 characters. In a profile, write a list: Snakemake drops "
        "a mapping.",
        metavar="KEY=VALUE",
    )
    networking_mode: Optional[str] = _option(
        "RESTRICTED tasks reach S3 and ECR of their region only; VPC tasks reach what a "
        "configuration allows. Default: the service's, RESTRICTED.",
        choices=_values(options.NetworkingMode),
    )
    configuration: Optional[str] = _option(
        "Name of the HealthOmics configuration that holds subnets and security groups; with "
        "networking mode VPC only.",
        metavar="NAME",
    )
    accelerators: Optional[str] = _option(
        "Say in the workflow's description that it uses GPUs (CreateWorkflow accelerators).",
        choices=_values(options.Accelerators),
    )
    request_id: Optional[str] = _option(
        "Idempotency token, at most 100 characters: a start repeated with the same token and the "
        "same jobs starts no second run. Default: derived from the jobs.",
        metavar="TOKEN",
    )
    container_registry_map: Optional[str] = _option(
        "JSON file with registryMappings and imageMappings (CreateWorkflowVersion "
        "containerRegistryMap), which lead from public images to ECR.",
        env_var=True,
        metavar="FILE",
    )
    environments: Optional[str] = _option(
        "Whether rules with `conda:` work in that environment: 'on', in an image made of "
        "it, on the local service in a folder of the project; "
        "'off', where they have only what their container has. Default: on.",
        env_var=True,
        choices=_values(options.Environments),
    )
    image_registry: Optional[str] = _option(
        "Registry of the images of environments. Default: ECR of the run role's account in the "
        "region of the runs.",
        env_var=True,
        metavar="HOST",
    )
    image_prefix: Optional[str] = _option(
        "What the repositories of these images begin with, at most 128 characters. Default: "
        "snakemake.",
        env_var=True,
        metavar="NAME",
    )
    image_base: Optional[str] = _option(
        "Image below an environment whose rule has no `container:`; it needs bash, findutils, tar "
        "and glibc, and a Python where scripts of an environment without one run. Default: "
        f"{options.IMAGE_BASE}.",
        env_var=True,
        metavar="IMAGE",
    )
    max_tasks_per_run: Optional[int] = _option(
        "Most jobs in one run, 1 to 100,000; more are spread over several runs. The service's "
        "engine takes minutes to load a run of 5,000. Default: 1,000.",
        metavar="N",
    )
    parallel_runs: Optional[str] = _option(
        "Spread the jobs over this many runs where the graph allows, 1 to 1,000: each run creates "
        "its tasks one by one and has a quota of tasks at work of its own. 'auto': one, or as many "
        "as a wide graph of more than 200 jobs is worth and the account lets work at once, at most "
        "50. Default: auto; 1 on a local service, whose runs share a machine.",
        metavar="N|auto",
    )
    pack: Optional[str] = _option(
        "Whether jobs share a task, one after the other: a task waits minutes for its instance and "
        "is billed a minute at least. 'auto': chains and siblings that are known to be short, by "
        "their benchmark files, by earlier runs from this folder or by their runtime; 'off': none; "
        "a number: so many of those that ask for the same, however long they take. Default: auto; "
        "off on a local service, which bills nothing.",
        metavar="auto|off|N",
    )
    local_rules: Optional[str] = _option(
        "Where local rules that run something run: 'here', as Snakemake has it, which cuts the "
        "graph into several runs where they are in its middle, or in the 'run', as any other rule. "
        "Default: here.",
        choices=_values(options.LocalRules),
    )
    package: Optional[str] = _option(
        "Write the workflow definition of each run to this folder, with its parameter template and "
        "parameters, and end: nothing is started, no service is asked, no AWS account needed. "
        "`snakemake-omics package` calls it.",
        metavar="DIR",
    )
    images: Optional[str] = _option(
        "Look after the images of the workflow, and end; `snakemake-omics images` calls it.",
        metavar="COMMAND",
    )
    check: Optional[str] = _option(
        "Tell what would become of the workflow and what it would cost, and end: nothing is "
        "started, no service is asked; `snakemake-omics check` calls it.",
        metavar="WORDS",
    )
    include: List[str] = _list(
        "Globs, relative to the working directory, of files that jobs use without declaring "
        "them as input, such as 'scripts/*.py'.",
        metavar="GLOB",
    )
    local_backend: Optional[str] = _option(
        "How the local service runs jobs: 'process' runs commands with the programs of this "
        "machine and ignores containers; the others run the containers. Default: process.",
        env_var=True,
        choices=_values(options.LocalBackend),
    )
    local_isolation: Optional[str] = _option(
        "Whether the local service hides this machine's files and network from jobs that are plain "
        "processes, as AWS would: 'auto' where bubblewrap can, 'on' ends with an error where it "
        "cannot, 'off' never. Default: auto.",
        env_var=True,
        choices=_values(options.LocalIsolation),
    )
    local_strict: List[str] = _list(
        "What the local service holds jobs to as AWS does, beyond the default: 'images' refuses "
        "those outside ECR that no registry map leads there, 'isolation' is "
        "--omics-local-isolation on, 'quotas' enforces the default ones.",
        choices=_values(options.LocalStrictness),
    )
    local_reading: List[str] = _list(
        "How the local service answers where AWS's documents leave it open, each as NAME=VALUE "
        "(docs/readings.md).",
        metavar="NAME=VALUE",
    )
    transfer_concurrency: Optional[int] = _option(
        "Most requests to S3 at once while inputs are sent and results fetched, 1 to 256. "
        "Default: 16.",
        metavar="N",
    )
    give_up_after: Optional[float] = _option(
        "Minutes for which a service that does not answer, or credentials that have expired, are "
        "waited for while runs are in flight, 0.1 to 10,000. Snakemake ends then, the runs go on, "
        "and the same command attaches to them. Default: 30, for a service on this machine 1.",
        metavar="MINUTES",
    )
    on_interrupt: Optional[str] = _option(
        "What Ctrl-C, SIGTERM and SIGHUP do with the runs in flight: 'cancel' asks the service to "
        "stop them, 'detach' lets them go on, and the same command attaches to them. "
        "Default: cancel.",
        env_var=True,
        choices=_values(options.OnInterrupt),
    )
    poll_seconds: Optional[float] = _option(
        "Seconds between two looks at a run, 0.1 to 3,600; with endpoint 'local' at most. "
        "Default: 10, with endpoint 'local' 1.",
        metavar="SECONDS",
    )
