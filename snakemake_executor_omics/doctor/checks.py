"""What each fact means: pure functions from what was found to what is said of it.

An answer that could not be had is an error here, and what that means is each check's to say: a
refusal of credentials is wrong, a network without a way to IAM is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ..aws.account_facts import Bucket, Caller, Denied, InUse, Key, Named, PullThrough, Role
from ..errors import AccessDenied, NotFound, OmicsError, ServiceError, SettingsError
from ..images.upstreams import is_pulled_through
from ..images.uses import State
from ..limits import (
    MAX_SKEW,
    QUOTA_DYNAMIC_RUNS,
    QUOTA_RUNS,
    QUOTA_STATIC_RUNS,
)
from ..settings.options import NamedOrId, Options, Retention, StorageType
from .findings import Finding, fine, refused, unknown, untold, wrong
from .policies import Verdict, lets_service

SETUP = "snakemake-omics setup --deploy"
PYTHON = (3, 11)
_CLOCK_CODES = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_CLOCK_WORDS = ("signature expired", "signature not yet current", "is too skewed")
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_MAKE = ("ecr:BatchImportUpstreamImage", "ecr:CreateRepository")

Version: TypeAlias = tuple[int, ...]


# --- this machine ------------------------------------------------------------------------------


def python(found: Version) -> Finding:
    text = ".".join(map(str, found[:3]))
    if found[:2] >= PYTHON:
        return fine("Python", text)
    wanted = ".".join(map(str, PYTHON))
    return wrong("Python", f"{text} is too old", f"use Python {wanted} or later")


def snakemake(found: str | None, is_supported: bool, wanted: str) -> Finding:
    install = f"pip install '{wanted}'"
    if found is None:
        return wrong("Snakemake", "is not installed", install)
    if is_supported:
        return fine("Snakemake", found)
    return wrong("Snakemake", f"the plugin does not know {found}", install)


def settings(problems: Sequence[SettingsError], options: Options | None) -> list[Finding]:
    if problems or options is None:
        return [refused("settings", problem) for problem in problems]
    if options.local:
        return [fine("settings", f"{options.workflow_name} on the local HealthOmics")]
    return [fine("settings", f"{options.workflow_name}, with its files below {options.output_uri}")]


def registry_map(path: Path | None, answer: Mapping[str, Any] | OmicsError) -> Finding:
    if isinstance(answer, OmicsError):
        return refused("registry map", answer)
    if path is None:
        return fine("registry map", "none: images are those of ECR")
    count = sum(len(answer.get(part) or ()) for part in ("registryMappings", "imageMappings"))
    return fine("registry map", f"{path} leads to ECR from {count} places")


def local_service(address: str | OmicsError | None, is_asked: bool) -> Finding:
    """`address` is that of the service of this project which stays, None if there is none."""
    name = "local service"
    if isinstance(address, OmicsError):
        return refused(name, address) if is_asked else fine(name, "not installed, nor needed")
    if address is None:
        return fine(name, "none stays; each call with --omics-endpoint local starts its own")
    if is_asked:
        return fine(name, f"at {address}")
    return unknown(
        name,
        f"at {address}: `snakemake-omics runs` and its like ask it, not AWS",
        "snakemake-omics local down",
    )


# --- who asks, and where -----------------------------------------------------------------------


def credentials(answer: Caller | OmicsError) -> Finding:
    if isinstance(answer, Caller):
        return fine("credentials", answer.arn)
    code = answer.code if isinstance(answer, ServiceError) else None
    is_forbidden = code in ("AccessDenied", "AccessDeniedException")  # by an endpoint's policy
    is_refused = isinstance(answer, AccessDenied | SettingsError) and not is_forbidden
    if is_refused and not _is_about_clock(answer):
        return refused("credentials", answer)
    return untold("credentials", answer)


def clock(answer: Caller | OmicsError) -> Finding:
    set_it = "set the clock: sudo timedatectl set-ntp true"
    if isinstance(answer, OmicsError):
        if _is_about_clock(answer):
            return refused("clock", answer, set_it)
        return unknown("clock", "cannot be told, as nobody said the time")
    if answer.skew is None:
        return unknown("clock", "cannot be told: the answer had no date")
    if abs(answer.skew) > MAX_SKEW:
        side = "behind" if answer.skew > 0 else "ahead"
        return wrong(
            "clock",
            f"{abs(answer.skew):.0f} s {side} of AWS's, which refuses what is {MAX_SKEW} s off",
            set_it,
        )
    return fine("clock", f"within {max(1, round(abs(answer.skew)))} s of the service's")


def _is_about_clock(error: OmicsError) -> bool:
    code = error.code if isinstance(error, ServiceError) else None
    return code in _CLOCK_CODES or any(word in error.message.lower() for word in _CLOCK_WORDS)


def region(name: str, known: Collection[str], answer: OmicsError | None) -> Finding:
    """`answer` is what HealthOmics of the region said, None if it answered."""
    if answer is None:
        return fine("region", f"HealthOmics answers in {name}")
    if isinstance(answer, AccessDenied):
        return wrong(
            "region",
            f"HealthOmics answers in {name}, and refuses to list runs: {answer.message}",
            f"attach the policy that `{SETUP}` makes (omics:ListRuns)",
        )
    if name not in known:
        return wrong(
            "region",
            f"{name} has no HealthOmics that this boto3 knows",
            f"choose with --omics-region one of {', '.join(known)}",
        )
    return untold("region", answer)


# --- the role of the runs ----------------------------------------------------------------------


def role(arn: str, answer: Role | OmicsError, account: str, *, is_aws: bool) -> Finding:
    owner = arn.split(":")[4]
    if not is_aws and not isinstance(answer, Role):
        return unknown("role", f"{arn} is not in this service's IAM, which may do without it")
    if owner != account:
        return wrong(
            "role",
            f"{arn} is of account {owner}, and the credentials are of {account}",
            "name a role of that account with --omics-role-arn, or other credentials",
        )
    if isinstance(answer, NotFound):
        return wrong("role", f"there is no role {arn}", f"{SETUP}, or correct --omics-role-arn")
    if isinstance(answer, OmicsError):
        return untold("role", answer)
    if answer.arn != arn:
        return wrong("role", f"the role's ARN is {answer.arn}", f"--omics-role-arn {answer.arn}")
    return fine("role", arn)


def trust(found: Role, account: str, where: str) -> Finding:
    verdict = lets_service(found.trust, ["sts:AssumeRole"], account, where)
    name, mend = "trust", f"{SETUP} makes a role that does (docs/aws.md)"
    if verdict is Verdict.YES:
        return fine(name, "the role trusts omics.amazonaws.com")
    if verdict is Verdict.NO:
        return wrong(name, "the role does not trust omics.amazonaws.com", mend)
    if verdict is Verdict.OTHERS:
        return wrong(
            name,
            f"the role trusts omics.amazonaws.com for other runs than those of {account}",
            mend,
        )
    return unknown(name, "the role's trust has conditions that are not understood here")


def rights(
    name: str, answers: Mapping[str, Denied | OmicsError], mend: str, elsewhere: Collection[str]
) -> list[Finding]:
    """What a principal may not do; `answers` are by what it is about.

    What is in `elsewhere` may also be allowed by a policy that IAM did not look at: there only
    what is forbidden is certain.
    """
    found, unasked = [], []
    for about, answer in answers.items():
        if isinstance(answer, OmicsError):
            unasked.append(answer)
            continue
        lacking = (*answer.forbidden, *(() if about in elsewhere else answer.missing))
        if lacking:
            found.append(wrong(name, f"no {', '.join(lacking)} on {about}", mend))
        elif answer.missing:
            what = ", ".join(answer.missing)
            found.append(
                unknown(name, f"{what} on {about}: only its own policy could allow it", mend)
            )
        elif answer.unclear:
            what = ", ".join(answer.unclear)
            found.append(unknown(name, f"{what} on {about}: by conditions that IAM was not told"))
    if unasked:
        found.append(untold(name, unasked[0]))
    return found or [fine(name, f"what is needed on {', '.join(answers)}")]


# --- the bucket --------------------------------------------------------------------------------


def bucket(name: str, answer: Bucket | OmicsError, where: str) -> Finding:
    if isinstance(answer, NotFound):
        return wrong("bucket", f"there is no bucket {name}", f"{SETUP}, or aws s3 mb s3://{name}")
    if isinstance(answer, AccessDenied):
        return refused("bucket", answer, "correct --omics-output-uri, or the rights to it")
    if isinstance(answer, OmicsError):
        return untold("bucket", answer)
    if answer.region is not None and answer.region != where:
        return wrong(
            "bucket",
            f"{name} is in {answer.region}, the runs are in {where}",
            f"use a bucket in {where}, or --omics-region {answer.region}",
        )
    return fine("bucket", f"{name} in {answer.region or where}")


def owner(name: str, answer: OmicsError | None, account: str) -> Finding:
    if answer is None:
        return fine("bucket's owner", account)
    if isinstance(answer, AccessDenied):
        return unknown(
            "bucket's owner",
            f"{name} is of another account than {account}: its policy must let the role in",
        )
    return untold("bucket's owner", answer)


def listing(uri: str, answer: OmicsError | None) -> Finding:
    if isinstance(answer, AccessDenied):
        return refused("your files", answer, f"attach the policy that `{SETUP}` makes")
    return (
        fine("your files", f"{uri} can be listed")
        if answer is None
        else untold("your files", answer)
    )


def encryption(answer: Key | OmicsError | None, where: str) -> Finding:
    name = "encryption"
    if answer is None:
        return fine(name, "by a key that needs no rights of yours")
    if isinstance(answer, OmicsError):
        return untold(name, answer)
    if answer.state != "Enabled":
        return wrong(
            name, f"the key {answer.arn} is {answer.state}", "enable it, or give the bucket another"
        )
    if answer.region != where:
        return wrong(
            name, f"the key {answer.arn} is not in {where}", "give the bucket one of there"
        )
    return fine(name, answer.arn)


# --- what runs take ----------------------------------------------------------------------------


def logs(answer: bool | OmicsError) -> Finding:
    if isinstance(answer, AccessDenied):
        return refused(
            "logs", answer, f"attach the policy that `{SETUP}` makes (logs:GetLogEvents)"
        )
    if isinstance(answer, OmicsError):
        return untold("logs", answer)
    return fine("logs", "can be read" if answer else "none yet: the first run makes their group")


def run_cache(wanted: NamedOrId | None, uri: str, answer: list[Named] | OmicsError) -> Finding:
    name = "run cache"
    if wanted is None:
        return fine(name, "none")
    if isinstance(answer, AccessDenied):
        return refused(name, answer, f"attach the policy that `{SETUP}` makes")
    if isinstance(answer, OmicsError):
        return untold(name, answer)
    place = f"{uri}/cache"
    if wanted.id is not None:
        found = next((cache for cache in answer if cache.id == wanted.id), None)
        if found is None:
            return wrong(name, f"there is none of id {wanted.id}", "correct --omics-run-cache")
        if found.status != "ACTIVE":
            return wrong(
                name, f"{found.id} is {found.status}", "name another with --omics-run-cache"
            )
        return fine(name, f"{found.id} at {found.place}")
    active = [cache for cache in answer if (cache.name, cache.status) == (wanted.name, "ACTIVE")]
    here = [cache for cache in active if f"{cache.place}/".startswith(f"{place}/")]
    if here:
        return fine(name, f"{wanted.name} at {here[0].place}")
    if active:
        return wrong(
            name,
            f"{wanted.name} is at {active[0].place}, not below {uri}",
            "name another with --omics-run-cache, or go back to that --omics-output-uri",
        )
    return fine(name, f"{wanted.name} is made at {place} by the first run")


def run_group(wanted: NamedOrId | None, answer: list[Named] | OmicsError) -> Finding:
    name = "run group"
    if wanted is None:
        return fine(name, "none")
    if isinstance(answer, AccessDenied):
        return refused(name, answer, f"attach the policy that `{SETUP}` makes")
    if isinstance(answer, OmicsError):
        return untold(name, answer)
    if wanted.id is None:
        exists = any(group.name == wanted.name for group in answer)
        return fine(name, f"{wanted.name}" if exists else f"{wanted.name} is made by the first run")
    if any(group.id == wanted.id for group in answer):
        return fine(name, wanted.id)
    return wrong(name, f"there is none of id {wanted.id}", "correct --omics-run-group")


def quotas(
    options: Options, values: Mapping[str, float] | OmicsError, used: InUse | OmicsError
) -> list[Finding]:
    if isinstance(used, OmicsError):
        return [untold("quotas", used)]
    told = {} if isinstance(values, OmicsError) else values
    is_static = options.storage_type is StorageType.STATIC
    code, default = QUOTA_STATIC_RUNS if is_static else QUOTA_DYNAMIC_RUNS
    at_work = used.static if is_static else used.dynamic
    kind = options.storage_type.value.lower()
    ask = (
        "aws service-quotas request-service-quota-increase --service-code omics "
        "--quota-code {code} --desired-value {value}"
    )
    found = [
        _quota("runs at work", f"with {kind} storage", at_work, told, code, default, used.cut,
               f"wait, or {ask}"),
    ]  # fmt: skip
    code, default = QUOTA_RUNS
    if options.retention is Retention.REMOVE:
        return [*found, fine("runs kept", f"{used.kept:,}: the oldest give way")]
    return [
        *found,
        _quota("runs kept", "of any age", used.kept, told, code, default, False,
               f"--omics-retention REMOVE, delete old ones, or {ask}"),
    ]  # fmt: skip


def _quota(
    name: str,
    of: str,
    used: int,
    told: Mapping[str, float],
    code: str,
    default: int,
    cut: bool,
    mend: str,
) -> Finding:
    value = int(told.get(code, default))
    source = "" if code in told else " (the documented default: Service Quotas does not say)"
    text = f"{'at least ' if cut else ''}{used:,} of {value:,} {of}{source}"
    if used < value:
        return fine(name, text)
    return wrong(name, text, mend.format(code=code, value=2 * value))


def pull_through(
    registries: Mapping[str, Any], answer: PullThrough | OmicsError, account: str, where: str
) -> list[Finding]:
    """Whether ECR has what the map leads through; what HealthOmics copies itself needs nothing."""
    name = "pull-through"
    mappings = registries.get("registryMappings") or ()
    wanted = {
        str(mapping.get("ecrRepositoryPrefix")): str(mapping.get("upstreamRegistryUrl"))
        for mapping in mappings
        if is_pulled_through(str(mapping.get("upstreamRegistryUrl")))
        and mapping.get("ecrAccountId") in (None, account)
    }
    if not wanted:
        return []
    if isinstance(answer, OmicsError):
        return [untold(name, answer)]
    mend = "snakemake-omics images map --write registry && " + (
        f"{SETUP} --registry-rules registry/registry-rules.json"
    )
    found = []
    for prefix, host in sorted(wanted.items()):
        template = answer.templates.get(prefix) or answer.templates.get("ROOT")
        if prefix not in answer.rules:
            found.append(wrong(name, f"ECR has no rule that leads from {prefix} to {host}", mend))
        elif template is None or _forbids(template, _PULL, account, where):
            found.append(
                wrong(
                    name,
                    f"repositories that ECR makes below {prefix} do not let HealthOmics pull",
                    mend,
                )
            )
    if _forbids(answer.registry, _MAKE, account, where):
        found.append(
            wrong(name, "the registry's policy does not let HealthOmics make repositories", mend)
        )
    return found or [fine(name, f"from {', '.join(sorted(wanted.values()))}")]


def _forbids(policy: Mapping[str, Any], actions: Sequence[str], account: str, where: str) -> bool:
    return lets_service(policy, actions, account, where) in (Verdict.NO, Verdict.OTHERS)


def images(found: Sequence[Mapping[str, Any]] | OmicsError) -> list[Finding]:
    """What `snakemake-omics images list --json` told."""
    if isinstance(found, OmicsError):
        return [untold("images", found)]
    ends = {
        State.MISSING: "snakemake-omics images build, or push it",
        State.ELSEWHERE: "snakemake-omics images map --write registry",
    }
    lines = []
    for image in found:
        state, name = str(image.get("state")), str(image.get("image"))
        if state in ends:
            rules = ", ".join(map(str, image.get("rules") or ()))
            lines.append(wrong("images", f"{name} of {rules} is {state}", ends[State(state)]))
        elif state == State.UNKNOWN:
            lines.append(unknown("images", f"{name}: {image.get('why')}"))
    return lines or [fine("images", f"{len(found)} can be pulled")]
