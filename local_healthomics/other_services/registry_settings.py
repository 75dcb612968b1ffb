"""The settings of ECR's registries: policy, rules for pull-through, templates of new repositories.

moto has none of them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from .registry_answers import Operation, Params, Refused, paged

# API Reference, CreatePullThroughCacheRule, "upstreamRegistryUrl".
_UPSTREAMS = (
    "registry-1.docker.io", "quay.io", "public.ecr.aws", "registry.k8s.io", "ghcr.io",
    "registry.gitlab.com", ".azurecr.io", ".amazonaws.com", "cgr.dev",
)  # fmt: skip
_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (account TEXT, kind TEXT, name TEXT, body TEXT,
    PRIMARY KEY (account, kind, name));
"""


class RegistrySettings:
    """Those of all accounts; whoever holds `db` holds its lock, too."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)
        self.operations: Mapping[str, Operation] = {
            "PutRegistryPolicy": self._put_policy,
            "GetRegistryPolicy": self._get_policy,
            "DeleteRegistryPolicy": self._delete_policy,
            "CreatePullThroughCacheRule": self._create_rule,
            "DescribePullThroughCacheRules": self._describe_rules,
            "DeletePullThroughCacheRule": self._delete_rule,
            "CreateRepositoryCreationTemplate": self._create_template,
            "DescribeRepositoryCreationTemplates": self._describe_templates,
            "DeleteRepositoryCreationTemplate": self._delete_template,
        }

    def _put_policy(self, account: str, params: Params) -> dict[str, Any]:
        try:
            json.loads(params["policyText"])
        except ValueError as error:
            raise Refused(
                "InvalidParameterException",
                "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid "
                "registry policy provided'",
            ) from error
        self._set(account, "policy", "", params["policyText"])
        return {"registryId": account, "policyText": params["policyText"]}

    def _get_policy(self, account: str, params: Params) -> dict[str, Any]:
        found = self._settings(account, "policy")
        if not found:
            raise Refused(
                "RegistryPolicyNotFoundException",
                f"Registry policy does not exist in the registry with id '{account}'",
            )
        return {"registryId": account, "policyText": found[""]}

    def _delete_policy(self, account: str, params: Params) -> dict[str, Any]:
        answer = self._get_policy(account, params)
        self._unset(account, "policy", "")
        return answer

    def _create_rule(self, account: str, params: Params) -> dict[str, Any]:
        prefix, upstream = params["ecrRepositoryPrefix"], params["upstreamRegistryUrl"]
        if not any(upstream == host or upstream.endswith(host) for host in _UPSTREAMS):
            raise Refused(
                "UnsupportedUpstreamRegistryException",
                f"The upstream registry '{upstream}' is not supported",
            )
        return self._create(
            account, "rule", prefix, {**params, "createdAt": time.time()},
            "PullThroughCacheRuleAlreadyExistsException",
        )  # fmt: skip

    def _describe_rules(self, account: str, params: Params) -> dict[str, Any]:
        found = self._described(
            account, "rule", params.get("ecrRepositoryPrefixes"),
            "PullThroughCacheRuleNotFoundException",
        )  # fmt: skip
        return paged(params, "pullThroughCacheRules", found)

    def _delete_rule(self, account: str, params: Params) -> dict[str, Any]:
        prefix = params["ecrRepositoryPrefix"]
        (found,) = self._described(
            account, "rule", [prefix], "PullThroughCacheRuleNotFoundException"
        )
        self._unset(account, "rule", prefix)
        return found

    def pull_through(self, account: str) -> tuple[str | None, dict[str, str], dict[str, str]]:
        """The registry's policy; upstream registries and policies of new repositories by prefix."""

        def by_prefix(kind: str, member: str) -> dict[str, str]:
            found = self._settings(account, kind)
            return {name: json.loads(body).get(member) or "" for name, body in found.items()}

        return (
            self._settings(account, "policy").get(""),
            by_prefix("rule", "upstreamRegistryUrl"),
            by_prefix("template", "repositoryPolicy"),
        )

    def _create_template(self, account: str, params: Params) -> dict[str, Any]:
        at = time.time()
        made = self._create(
            account, "template", params["prefix"], {**params, "createdAt": at, "updatedAt": at},
            "TemplateAlreadyExistsException",
        )  # fmt: skip
        return {"registryId": account, "repositoryCreationTemplate": made}

    def _describe_templates(self, account: str, params: Params) -> dict[str, Any]:
        found = self._described(
            account, "template", params.get("prefixes"), "TemplateNotFoundException"
        )
        return {"registryId": account, **paged(params, "repositoryCreationTemplates", found)}

    def _delete_template(self, account: str, params: Params) -> dict[str, Any]:
        (found,) = self._described(
            account, "template", [params["prefix"]], "TemplateNotFoundException"
        )
        self._unset(account, "template", params["prefix"])
        return {"registryId": account, "repositoryCreationTemplate": found}

    def _create(
        self, account: str, kind: str, name: str, body: Mapping[str, Any], exists: str
    ) -> dict[str, Any]:
        if name in self._settings(account, kind):
            raise Refused(exists, f"There is one with the prefix '{name}' already")
        made = {**body, "registryId": account} if kind == "rule" else dict(body)
        self._set(account, kind, name, json.dumps(made))
        return made

    def _described(
        self, account: str, kind: str, names: list[str] | None, missing: str
    ) -> list[dict[str, Any]]:
        found = self._settings(account, kind)
        for name in names or ():
            if name not in found:
                raise Refused(missing, f"There is none with the prefix '{name}'")
        return [json.loads(body) for name, body in found.items() if names is None or name in names]

    def _settings(self, account: str, kind: str) -> dict[str, str]:
        query = "SELECT name, body FROM setting WHERE account = ? AND kind = ? ORDER BY name"
        return dict(self._db.execute(query, (account, kind)).fetchall())

    def _set(self, account: str, kind: str, name: str, body: str) -> None:
        row = (account, kind, name, body)
        self._db.execute("INSERT OR REPLACE INTO setting VALUES (?,?,?,?)", row)

    def _unset(self, account: str, kind: str, name: str) -> None:
        self._db.execute(
            "DELETE FROM setting WHERE account = ? AND kind = ? AND name = ?", (account, kind, name)
        )
