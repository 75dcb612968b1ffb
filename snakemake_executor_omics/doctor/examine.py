"""Ask one thing after the other and say what comes of each, whatever is answered.

Three depths: what this machine knows (no network), what a run that starts now would fail by (a few
requests), and everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar

from ..aws import account_facts as facts
from ..aws.registry_map import read_registry_map
from ..aws.session import Services, check_session, connect
from ..aws.transfer import split_uri
from ..errors import OmicsError, UnexpectedAnswer
from ..runs.connection import local_package, standing_service
from ..settings.checking import resolve_all
from ..settings.options import Options
from ..versions import is_supported, requirement
from . import checks
from .findings import Finding, State, refused, unknown, untold

_Rights: TypeAlias = tuple[tuple[str, ...], str]  # actions, and the ARN that they are on
P = ParamSpec("P")
T = TypeVar("T")

# What the run's role does below the output URI, and who calls Snakemake.
_BUCKET = ("s3:ListBucket",)
_OBJECTS = ("s3:GetObject", "s3:PutObject")
_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_PASS = ("iam:PassRole",)
_KEY = ("kms:Decrypt", "kms:GenerateDataKey")
_MADE = (
    *("omics:CreateWorkflow", "omics:CreateRunCache", "omics:CreateRunGroup"),
    *("omics:ListRuns", "omics:ListRunCaches", "omics:ListRunGroups", "omics:ListWorkflows"),
)
_OF_WORKFLOWS = (
    *("omics:CreateWorkflowVersion", "omics:GetWorkflow", "omics:GetWorkflowVersion"),
    *("omics:ListWorkflowVersions", "omics:TagResource"),
)
_OF_RUNS = (
    *("omics:StartRun", "omics:GetRun", "omics:ListRunTasks", "omics:GetRunTask"),
    *("omics:CancelRun", "omics:TagResource"),
)
# Buckets, repositories and keys have policies too, of which IAM's simulation knows nothing.
_HAVE_POLICIES = frozenset({"images", "its key"})


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known without a network; `options` have stand-ins for the settings in `wrong`."""

    findings: list[Finding]
    options: Options | None
    wrong: frozenset[str]


def on_this_machine(settings: Any, workdir: Path) -> Machine:
    """What needs no network."""
    options, problems = resolve_all(settings, project=workdir.resolve().name)
    wrong = frozenset(problem.setting for problem in problems)
    found = [
        checks.python(sys.version_info[:3]),
        snakemake_version(),
        *checks.settings(problems, options),
    ]
    if options is None:
        return Machine(found, None, wrong)
    if options.is_aws:
        session = ask(check_session, options.region, options.aws_profile)
        found += [] if session is None else [refused("AWS profile", session)]
    path = options.container_registry_map
    if not options.local:
        found.append(checks.registry_map(path, _map(path)))
    found.append(_local_service(workdir / ".snakemake" / "omics", options))
    return Machine(found, options, wrong)


def before_a_start(services: Services, options: Options) -> list[Finding]:
    """What a run would fail by, minutes later and billed: six requests."""
    caller = ask(facts.who_calls, services)
    found = [checks.credentials(caller), checks.clock(caller)]
    if any(one.state is State.WRONG for one in found):
        return found
    name, _ = split_uri(options.output_uri)
    bucket = ask(facts.bucket_of, services, name)
    found.append(checks.bucket(name, bucket, services.region))
    return [*found, *_role(services, options, caller, thoroughly=False)]


def everything(
    services: Services,
    options: Options,
    wrong: frozenset[str],
    images: Callable[[], list[Mapping[str, Any]]] | None,
) -> Iterator[Finding]:
    """All that can be asked; `wrong` are settings of which nothing can be said.

    `images` tells of those of a workflow, None where none is at hand.
    """
    caller = ask(facts.who_calls, services)
    who = checks.credentials(caller)
    yield from (who, checks.clock(caller))
    if who.state is State.WRONG:
        yield unknown("account", "not asked, as there are no credentials that it takes")
        return
    answer = ask(facts.answers, services)
    known = facts.regions() if options.is_aws else ()
    yield checks.region(services.region, known or (services.region,), answer)
    # On the local service any role will do, and each call makes the bucket that is not there.
    if "role_arn" not in wrong and not options.local:
        yield from _role(services, options, caller, thoroughly=True)
        yield from _own_rights(services, options, caller)
    if "output_uri" not in wrong and not options.local:
        yield from _bucket(services, options, caller)
    yield checks.logs(ask(facts.reads_logs, services))
    yield checks.run_cache(options.run_cache, options.output_uri, ask(facts.caches, services))
    yield checks.run_group(options.run_group, ask(facts.groups, services))
    used = ask(facts.in_use, services)
    yield from checks.quotas(options, ask(facts.quotas, services), used)
    registries = _map(options.container_registry_map)
    if registries and isinstance(registries, Mapping) and isinstance(caller, facts.Caller):
        through = ask(facts.pull_through, services)
        yield from checks.pull_through(registries, through, caller.account, services.region)
    if images is not None:
        yield from checks.images(ask(images))


def ask(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | OmicsError:
    """The answer, or why there is none: nothing that a service says may end the doctor."""
    try:
        return call(*args, **kwargs)
    except OmicsError as error:
        return error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return UnexpectedAnswer(f"the answer makes no sense ({type(error).__name__}: {error})")


def refuse_a_bad_start(options: Options) -> None:
    """Refuse what a run would fail by, all of it at once; what cannot be told is let pass.

    Raises:
        OmicsError
    """
    services = connect(options.region, options.aws_profile, options.endpoint_url, in_a_hurry=True)
    found = [one for one in before_a_start(services, options) if one.state is State.WRONG]
    if found:
        lines = "\n".join(one.line for one in found)
        raise OmicsError(
            f"no run is started:\n{lines}", hint="`snakemake-omics doctor` looks at everything"
        )


def _local_service(state: Path, options: Options) -> Finding:
    local = ask(standing_service, state)
    if local is None and options.local:
        package = ask(local_package)  # which a call of Snakemake would start
        local = package if isinstance(package, OmicsError) else None
    address = local if isinstance(local, OmicsError) else getattr(local, "endpoint_url", None)
    return checks.local_service(address, options.local)


def snakemake_version() -> Finding:
    try:
        found = version("snakemake")
    except PackageNotFoundError:
        return checks.snakemake(None, False, requirement())
    return checks.snakemake(found, is_supported(found), requirement())


def _map(path: Path | None) -> Mapping[str, Any] | OmicsError:
    return {} if path is None else ask(read_registry_map, path)


def _role(
    services: Services, options: Options, caller: facts.Caller | OmicsError, *, thoroughly: bool
) -> Iterator[Finding]:
    arn = options.role_arn
    account = caller.account if isinstance(caller, facts.Caller) else arn.split(":")[4]
    role = ask(facts.role_of, services, arn)
    line = checks.role(arn, role, account, is_aws=options.is_aws)
    yield line
    if line.state is not State.FINE or isinstance(role, OmicsError):
        return
    yield checks.trust(role, account, services.region)
    asked = _on_files(options)
    elsewhere = set(_HAVE_POLICIES)
    name, _ = split_uri(options.output_uri)
    # An alias of an access point stands for another resource than a bucket of that name.
    if name.endswith("-s3alias") or ask(facts.has_policy, services, name) is not False:
        elsewhere |= asked.keys()
    if thoroughly:
        partition, place = arn.split(":")[1], f"{services.region}:{account}"
        stream = "log-group:/aws/omics/WorkflowLog:log-stream:run/1"
        repository = f"repository/{options.image_prefix}/x"
        asked["its log"] = (_LOGS, f"arn:{partition}:logs:{place}:{stream}")
        asked["images"] = (_PULL, f"arn:{partition}:ecr:{place}:{repository}")
        key = ask(facts.key_of, services, name)
        if isinstance(key, facts.Key):
            asked["its key"] = (_KEY, key.arn)
    answers = _simulated(services, arn, asked)
    yield from checks.rights("role's rights", answers, checks.SETUP, elsewhere)


def _on_files(options: Options) -> dict[str, _Rights]:
    """What the role of the runs does with the bucket, and so does who calls Snakemake."""
    partition = options.role_arn.split(":")[1]
    name, prefix = split_uri(options.output_uri)
    below = f"{prefix}/x" if prefix else "x"
    return {
        f"s3://{name}": (_BUCKET, f"arn:{partition}:s3:::{name}"),
        f"files below {options.output_uri}": (_OBJECTS, f"arn:{partition}:s3:::{name}/{below}"),
    }


def _simulated(
    services: Services, principal: str, asked: Mapping[str, _Rights]
) -> dict[str, facts.Denied | OmicsError]:
    """By what it is about; where IAM does not simulate at all it is asked once."""
    answers: dict[str, facts.Denied | OmicsError] = {}
    for about, (actions, resource) in asked.items():
        answers[about] = ask(facts.denied, services, principal, actions, [resource])
        if isinstance(answers[about], OmicsError):
            break
    return answers


def _own_rights(
    services: Services, options: Options, caller: facts.Caller | OmicsError
) -> Iterator[Finding]:
    if isinstance(caller, OmicsError):
        return
    name = "your rights"
    principal = ask(facts.simulated_as, services, caller.arn)
    if principal is None:
        yield Finding(name, State.FINE, "all: these are the credentials of the account itself")
        return
    if isinstance(principal, OmicsError):
        yield untold(name, principal)
        return
    partition = options.role_arn.split(":")[1]
    omics = f"arn:{partition}:omics:{services.region}:{caller.account}"
    on_files = _on_files(options)
    asked: dict[str, _Rights] = {
        "HealthOmics": (_MADE, "*"),
        "workflows": (_OF_WORKFLOWS, f"{omics}:workflow/1"),
        "runs": (_OF_RUNS, f"{omics}:run/1"),
        options.role_arn: (_PASS, options.role_arn),
        **on_files,
    }
    answers = _simulated(services, principal, asked)
    mend = f"attach the policy that `{checks.SETUP}` makes to {principal}"
    yield from checks.rights(name, answers, mend, on_files)


def _bucket(
    services: Services, options: Options, caller: facts.Caller | OmicsError
) -> Iterator[Finding]:
    name, prefix = split_uri(options.output_uri)
    answer = ask(facts.bucket_of, services, name)
    yield checks.bucket(name, answer, services.region)
    if isinstance(answer, OmicsError):
        return
    if isinstance(caller, facts.Caller):
        whose = ask(facts.is_of_account, services, name, caller.account)
        yield checks.owner(name, whose, caller.account)
    below = ask(facts.lists, services, name, f"{prefix}/" if prefix else "")
    yield checks.listing(options.output_uri, below)
    yield checks.encryption(ask(facts.key_of, services, name), services.region)
