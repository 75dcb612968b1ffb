"""Make an AWS account ready: one CloudFormation template, deployed after a yes, or removed."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from .aws.session import connect
from .aws.stacks import carry_out, drop, propose, remove
from .errors import SettingsError, UnexpectedAnswer

STACK = "snakemake-omics"
_PACKAGE = Path(__file__).parent
_PARAMETERS = {  # option of `setup`: parameter of the template
    "project": "Project",
    "existing_bucket": "ExistingBucket",
    "input_buckets": "InputBuckets",
    "kms_key_arn": "KmsKeyArn",
    "keep_days": "KeepDays",
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


def template() -> str:
    """The text of the template; in a checkout it stands beside the package, in a wheel inside."""
    for folder in (_PACKAGE, _PACKAGE.parent):
        path = folder / "templates" / "account.yaml"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise SettingsError("the package has no templates/account.yaml", hint="install it again")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--print", action="store_true", help="print the CloudFormation template")
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
    if arguments.print:
        print(template(), end="")
        return 0
    services = connect(arguments.region, arguments.aws_profile)
    if arguments.delete:
        if not _agreed(arguments, f"remove the stack {arguments.stack}", ask):
            return 1
        remove(services, arguments.stack)
        _say(
            f"the stack {arguments.stack} is gone. A bucket that it made is still there with what "
            "is in it, and so are workflows, runs, run caches, run groups, repositories of images "
            "and logs: nothing of it was touched"
        )
        return 0
    changes = propose(
        services, arguments.stack, template(), parameters(arguments), f"setup-{uuid.uuid4().hex}"
    )
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
    _write_profile(arguments.profile, outputs, services.region)
    _say(f"attach {outputs['HeadPolicyArn']} to who calls Snakemake")
    return 0


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


def _write_profile(folder: Path, outputs: Mapping[str, str], region: str) -> None:
    """The three lines that a project needs; a profile that is there already is its user's."""
    text = _PROFILE.format(
        folder=folder, role=outputs["RoleArn"], uri=outputs["OutputUri"], region=region
    )
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
