"""What `setup` makes of an account, as CloudFormation and as Terraform: one template for both.

Terraform is given the template as a stack of CloudFormation. A translation into its own resources
would be a second account to keep right, and the one that nobody deploys would be the wrong one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .errors import SettingsError

_PACKAGE = Path(__file__).parent
# Regions with HealthOmics in whose CloudFormation there is no AWS::Budgets::Budget (cfn-lint).
WITHOUT_BUDGETS = frozenset({"il-central-1"})
_REGISTRY = "Registry"  # how the resources begin that a registry file adds
_UNFILLED = ":REGION:ACCOUNT:"
_TERRAFORM = "snakemake_omics"
_HOW = "snakemake-omics images map --write registry"


def text() -> str:
    """The template; in a checkout it stands beside the package, in a wheel inside."""
    for folder in (_PACKAGE, _PACKAGE.parent):
        path = folder / "templates" / "account.yaml"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise SettingsError("the package has no templates/account.yaml", hint="install it again")


def data(template: str) -> dict[str, Any]:
    """A template in YAML, its short forms (`!Ref`) written out as JSON has them."""
    found: dict[str, Any] = yaml.load(template, _Loader)
    return found


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags."""


def _function(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise TypeError(f"!{name} of a map")
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


def fitted(template: str, registry: Mapping[str, Any], region: str | None = None) -> str:
    """The template with resources of `registry_resources`, and without what a region lacks.

    It is the very text where neither is so.
    """
    if not registry and region not in WITHOUT_BUDGETS:
        return template
    found = data(template)
    found["Resources"].update(registry)
    if region in WITHOUT_BUDGETS:  # an unknown type is refused also where it is not wanted
        del found["Resources"]["Budget"]
    return json.dumps(found, indent=1)


def registry_resources(rules: Any, where: str) -> dict[str, Any]:
    """What ECR needs to pull images of other registries through.

    `rules` is what `images map` writes to registry-rules.json.

    Raises:
        SettingsError: it is something else, or has a secret that is not filled in.
    """
    try:
        found = {
            **{
                f"{_REGISTRY}Rule{_word(rule['ecrRepositoryPrefix'])}": _resource(
                    "AWS::ECR::PullThroughCacheRule", rule
                )
                for rule in rules["pullThroughCacheRules"]
            },
            **{
                f"{_REGISTRY}Template{_word(one['prefix'])}": _resource(
                    "AWS::ECR::RepositoryCreationTemplate", one
                )
                for one in rules["repositoryCreationTemplates"]
            },
        }
        if "registryPolicy" in rules:
            policy = {"policyText": dict(rules["registryPolicy"])}
            found[f"{_REGISTRY}Policy"] = _resource("AWS::ECR::RegistryPolicy", policy)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SettingsError(
            f"--registry-rules: {where} is not what `images map` writes ({error!r})", hint=_HOW
        ) from error
    unfilled = [rule["ecrRepositoryPrefix"] for rule in rules["pullThroughCacheRules"]
                if _UNFILLED in str(rule.get("credentialArn"))]  # fmt: skip
    if unfilled:
        raise SettingsError(
            f"--registry-rules: {where} lacks the secret for {', '.join(unfilled)}",
            hint=f"`{_HOW} --credential HOST=ARN` names it: one of Secrets Manager whose name "
            "begins with ecr-pullthroughcache/",
        )
    return found


def of_registry(template: Any) -> dict[str, Any]:
    """The resources that a registry file added to a deployed template."""
    found = data(template) if isinstance(template, str) else template
    resources = found.get("Resources") if isinstance(found, Mapping) else None
    return {name: body for name, body in (resources or {}).items() if name.startswith(_REGISTRY)}


def _resource(kind: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation has the members of ECR's requests, in capitals."""
    return {
        "Type": kind,
        "Properties": {name[0].upper() + name[1:]: value for name, value in members.items()},
    }


def _word(text: str) -> str:
    """A part of a name: letters and digits only."""
    return "".join(
        part.capitalize() for part in text.replace("/", "-").replace("_", "-").split("-")
    )


def terraform(stack: str, template: str, given: Mapping[str, str]) -> str:
    """A configuration in Terraform's JSON (main.tf.json): a stack of the template.

    What is `given` is the default of its variable.
    """
    parameters, outputs = data(template)["Parameters"], data(template)["Outputs"]
    return json.dumps(
        {
            "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
            "variable": {
                name: {
                    "type": "string",
                    "description": body["Description"],
                    "default": given.get(name, str(body["Default"])),
                }
                for name, body in parameters.items()
            },
            "resource": {
                "aws_cloudformation_stack": {
                    _TERRAFORM: {
                        "name": _escaped(stack),
                        "capabilities": ["CAPABILITY_IAM"],
                        "parameters": {name: f"${{var.{name}}}" for name in parameters},
                        "template_body": _escaped(template),
                    }
                }
            },
            "output": {
                name: {
                    "description": body["Description"],
                    "value": f'${{aws_cloudformation_stack.{_TERRAFORM}.outputs["{name}"]}}',
                }
                for name, body in outputs.items()
            },
        },
        indent=2,
    )


def _escaped(text: str) -> str:
    """What Terraform takes as it is: its templates begin with `${` and `%{`."""
    return text.replace("${", "$${").replace("%{", "%%{")
