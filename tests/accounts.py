"""`snakemake-omics setup` in an account of moto's, whose CloudFormation is helped where it errs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from snakemake_executor_omics import account, account_template
from snakemake_executor_omics.aws import stacks
from snakemake_executor_omics.aws.session import Services

_NO_VALUE = {"Ref": "AWS::NoValue"}


class Setup:
    """Calls of it; `conditions` are those of the template that hold."""

    def __init__(
        self,
        services: Services,
        monkeypatch: pytest.MonkeyPatch,
        conditions: Iterable[str] = (),
    ) -> None:
        template = _without_holes(
            account_template.data(account_template.text()), frozenset(conditions)
        )
        told = _Told(services.client("cloudformation", None))
        self.services = replace(
            services,
            client=lambda name, region: (
                told if name == "cloudformation" else services.client(name, region)
            ),
        )
        monkeypatch.setattr(account, "connect", lambda *_: self.services)
        monkeypatch.setattr(account, "text", lambda: json.dumps(template))
        monkeypatch.setattr(stacks, "_PAUSE", 0.001)

    def __call__(self, *words: str, answer: str = "y") -> int:
        parser = argparse.ArgumentParser()
        account.add_arguments(parser)
        return account.setup(parser.parse_args(words), lambda _: answer)


def _without_holes(value: Any, holds: frozenset[str]) -> Any:
    """What CloudFormation makes of conditional members of lists; moto leaves a hole for each."""
    if isinstance(value, dict):
        return {key: _without_holes(inner, holds) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    found = []
    for one in value:
        if isinstance(one, dict) and "Fn::If" in one and _NO_VALUE in one["Fn::If"]:
            condition, then, _ = one["Fn::If"]
            if condition not in holds:
                continue
            one = then
        found.append(_without_holes(one, holds))
    return found


class _Told:
    """CloudFormation, which in moto forgets the outputs of a change set: it is told them after."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._asked: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_change_set(self, **asked: Any) -> Any:
        self._asked = asked
        return self._client.create_change_set(**asked)

    def execute_change_set(self, **which: Any) -> None:
        self._client.execute_change_set(**which)
        if self._asked["ChangeSetType"] == "CREATE":
            names = ("StackName", "TemplateBody", "Parameters", "Capabilities")
            self._client.update_stack(**{name: self._asked[name] for name in names})
