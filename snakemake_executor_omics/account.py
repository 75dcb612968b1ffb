"""Make an AWS account ready: one CloudFormation template, deployed after a yes, or removed."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .account_template import (
    WITHOUT_BUDGETS,
    data,
    fitted,
    of_registry,
    registry_resources,
    terraform,
    text,
)
from .aws.account_facts import pull_through
from .aws.session import Services, account_of, connect
from .aws.stacks import Deployed, carry_out, deployed, drop, propose, remove
from .doctor.policies import Verdict, lets_service
from .errors import NotFound, SettingsError, UnexpectedAnswer

STACK = "snakemake-omics"
_PARAMETERS = {  # option of `setup`: parameter of the template
    "project": "Project",
    "existing_bucket": "ExistingBucket",
    "input_buckets": "InputBuckets",
    "kms_key_arn": "KmsKeyArn",
    "keep_days": "KeepDays",
    "log_days": "LogDays",
    "budget_email": "BudgetEmail",
    "budget_amount": "BudgetAmount",
}
# What of a stack outlives it, and how a person removes it.
_RETAINED = {
    "Bucket": "aws s3 rb s3://{} --force",
    "RunLogs": "aws logs delete-log-group --log-group-name {}",
}
_OUTPUTS = {"RoleArn", "OutputUri", "HeadPolicyArn"}
_PROFILE = """\
# snakemake --workflow-profile {folder}
executor: omics
jobs: 1000
omics-role-arn: {role}
omics-output-uri: {uri}
omics-region: {region}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--print", action="store_true", help="print the CloudFormation template")
    what.add_argument(
        "--terraform",
        action="store_true",
        help="print the same as Terraform's JSON (main.tf.json): a stack of the template",
    )
    what.add_argument(
        "--deploy", action="store_true", help="make or change the stack; shows what, and asks first"
    )
    what.add_argument(
        "--delete", action="store_true", help="remove the stack; the bucket and runs stay"
    )
    parser.add_argument("--stack", default=STACK, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--region", metavar="REGION", help="default: that of the AWS profile")
    parser.add_argument("--aws-profile", metavar="NAME", help="of ~/.aws/config")
    parser.add_argument("--project", metavar="NAME", help="folder of the bucket (snakemake)")
    parser.add_argument("--existing-bucket", metavar="NAME", help="instead of a new one")
    parser.add_argument(
        "--input-buckets", metavar="ARN,ARN", help="what runs may read besides, also /* of each"
    )
    parser.add_argument("--kms-key-arn", metavar="ARN", help="the key of the bucket")
    parser.add_argument("--keep-days", metavar="DAYS", help="how long files of runs stay (90)")
    parser.add_argument(
        "--codebuild", action="store_true", help="a CodeBuild project for images of environments"
    )
    parser.add_argument(
        "--registry-rules",
        type=Path,
        metavar="FILE",
        help="registry-rules.json of `images map`: pull-through rules of ECR, the registry's "
        "policy, templates of repositories",
    )
    parser.add_argument(
        "--log-days", metavar="DAYS", help="keep logs of runs for so long (else: for ever)"
    )
    parser.add_argument(
        "--budget-email", metavar="ADDRESS", help="write there when costs near the budget"
    )
    parser.add_argument(
        "--budget-amount", metavar="USD", help="the budget, a month, of the account (100)"
    )
    parser.add_argument(
        "--profile",
        type=Path,
        default=Path("profiles/aws"),
        metavar="DIR",
        help="where the Snakemake profile is written (%(default)s)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def setup(arguments: argparse.Namespace, ask: Callable[[str], str] = input) -> int:
    """Print, deploy or delete; the exit status.

    Raises:
        OmicsError: CloudFormation refuses, or the account cannot be reached.
    """
    rules = _registry(arguments.registry_rules)
    if arguments.print:
        print(fitted(text(), rules, arguments.region), end="")
        return 0
    if arguments.terraform:
        print(
            terraform(
                arguments.stack, fitted(text(), rules, arguments.region), parameters(arguments)
            )
        )
        return 0
    services = connect(arguments.region, arguments.aws_profile)
    if arguments.budget_email and services.region in WITHOUT_BUDGETS:
        raise SettingsError(
            f"--budget-email: CloudFormation in {services.region} has no budgets",
            hint="make one in the console, under Billing and Cost Management",
        )
    there = deployed(services, arguments.stack)
    if arguments.delete:
        return _delete(services, arguments, there, ask)
    ours = {} if there is None else of_registry(there.template)
    registry = _not_of_others(services, rules, ours) if rules else ours
    template = fitted(text(), registry, services.region)
    given = parameters(arguments)
    keep = (
        ()
        if there is None
        else there.parameters & data(template)["Parameters"].keys() - given.keys()
    )
    changes = propose(services, arguments.stack, template, given, f"setup-{uuid.uuid4().hex}", keep)
    if changes is None:
        _say(f"the stack {arguments.stack} is as it should be: nothing to change")
        return 0
    print(*changes.lines, sep="\n")
    if not _agreed(arguments, f"do this in {services.region}", ask):
        drop(services, changes)
        return 1
    outputs = carry_out(services, changes)
    if missing := sorted(_OUTPUTS - outputs.keys()):
        raise UnexpectedAnswer(f"the stack {arguments.stack} has no output {', '.join(missing)}")
    _write_profile(arguments.profile, outputs, services.region, arguments.registry_rules)
    _say(f"attach {outputs['HeadPolicyArn']} to who calls Snakemake")
    return 0


def _delete(
    services: Services,
    arguments: argparse.Namespace,
    there: Deployed | None,
    ask: Callable[[str], str],
) -> int:
    """Remove the stack, and say before and after what of it stays."""
    if there is None:
        raise NotFound(
            f"there is no stack {arguments.stack} in {services.region}",
            hint="--stack and --region name another",
        )
    for resource, place in sorted(there.resources.items()):
        print(f"{'  stays' if resource in _RETAINED else '- ' + resource}  {place}")
    if not _agreed(arguments, f"remove the stack {arguments.stack}", ask):
        return 1
    remove(services, arguments.stack)
    _say(
        f"the stack {arguments.stack} is gone. Workflows, runs, run caches, run groups, images and "
        "logs are still there: nothing of them was touched"
    )
    for resource, command in _RETAINED.items():
        if resource in there.resources:
            place = there.resources[resource]
            _say(f"{place} stays with what is in it; away with it: {command.format(place)}")
    return 0


def _registry(path: Path | None) -> dict[str, Any]:
    """What a registry file adds to the template."""
    if path is None:
        return {}
    try:
        rules = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"--registry-rules: cannot read {path}: {error}") from error
    return registry_resources(rules, str(path))


def _not_of_others(
    services: Services, wanted: Mapping[str, Any], ours: Mapping[str, Any]
) -> dict[str, Any]:
    """Of the registry's resources, those that nobody else has made.

    Raises:
        SettingsError: the registry has a policy of somebody else's, which would be replaced.
    """
    found = pull_through(services)
    left: dict[str, Any] = {}
    for name, body in wanted.items():
        members, kind = body["Properties"], body["Type"]
        if name in ours:
            left[name] = body
        elif kind == "AWS::ECR::RegistryPolicy" and found.registry:
            if not _lets_make(services, found.registry, members["PolicyText"]):
                raise SettingsError(
                    "the registry has a policy already, which does not let HealthOmics make "
                    "repositories",
                    hint="add this statement to it (aws ecr put-registry-policy), and call this "
                    f"again: {json.dumps(members['PolicyText']['Statement'][0])}",
                )
            _say("the registry's policy lets HealthOmics make repositories already")
        elif members.get("EcrRepositoryPrefix") in found.rules:
            _say(f"ECR has a rule for {members['EcrRepositoryPrefix']} already: it stays as it is")
        elif members.get("Prefix") in found.templates:
            _say(f"ECR has a template for {members['Prefix']} already: it stays as it is")
        else:
            left[name] = body
    return left


def _lets_make(services: Services, policy: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    actions = [action for statement in wanted["Statement"] for action in statement["Action"]]
    verdict = lets_service(policy, actions, account_of(services), services.region)
    return verdict in (Verdict.YES, Verdict.UNCLEAR)


def parameters(arguments: argparse.Namespace) -> dict[str, str]:
    """What the template is given; what is left out has its default there."""
    given = {
        name: str(value)
        for option, name in _PARAMETERS.items()
        if (value := getattr(arguments, option)) is not None
    }
    return given | ({"CodeBuild": "yes"} if arguments.codebuild else {})


def _agreed(arguments: argparse.Namespace, what: str, ask: Callable[[str], str]) -> bool:
    try:
        agreed: bool = arguments.yes or ask(f"{what}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        agreed = False
    if not agreed:
        _say("nothing was changed")
    return agreed


def _write_profile(
    folder: Path, outputs: Mapping[str, str], region: str, rules: Path | None
) -> None:
    """The three lines that a project needs, and the registry map that was written with `rules`.

    A profile that is there already is its user's.
    """
    text = _PROFILE.format(
        folder=folder, role=outputs["RoleArn"], uri=outputs["OutputUri"], region=region
    )
    registries = None if rules is None else rules.with_name("registry-map.json")
    if registries is not None and registries.is_file():
        text += f"omics-container-registry-map: {registries}\n"
    path = folder / "config.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _say(f"{path} is there already and stays as it is; the lines for it:")
        print(text, end="")
        return
    except OSError as error:
        _say(f"cannot write {path}: {error.strerror}; the lines for it:")
        print(text, end="")
        return
    _say(f"wrote {path}")


def _say(text: str) -> None:
    print(f"snakemake-omics: {text}", file=sys.stderr)
