"""What an operation works with: the parts of the service, and the account that asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from . import arn
from .background import Background
from .definitions import DefinitionChecker
from .formats import Reader
from .keys import OwnerKey
from .objects import Objects
from .quotas import Quotas
from .readings import DEFAULTS, Readings
from .runs.run_log import Logs
from .runs.scheduler import Scheduler
from .store.documents import ID_DIGITS, Store
from .store.paging import page

Params = Mapping[str, Any]
# An answer may hold `follow_up`, pairs of kind and id: what to work on once it is committed.
Handler = Callable[["Context", Params], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The rooms behind the API, and the account that asks."""

    store: Store
    objects: Objects
    logs: Logs
    checker: DefinitionChecker
    scheduler: Scheduler
    background: Background[Context]
    quotas: Quotas
    readings: Readings = field(default_factory=lambda: DEFAULTS)
    analytics_open: bool = True  # or closed, as to new customers (see `analytics`)
    endpoint_url: Callable[[], str]
    owner: OwnerKey
    uploads: Path  # the parts of read sets that are on their way, in a folder per upload
    reader: Reader  # of what is in files
    archive_after: timedelta  # a read set that nobody has read for so long is archived
    account: str = arn.ACCOUNT

    def for_account(self, account: str) -> Self:
        """The same parts, for another account."""
        return replace(self, account=account)

    def arn(self, path: str) -> str:
        """The ARN of a resource of this account."""
        return arn.arn(path, self.account)

    def add(
        self, kind: str, body: Mapping[str, Any], *, id: str | None = None, parent: str = "",
        digits: int = ID_DIGITS,
    ) -> dict[str, Any]:  # fmt: skip
        """Keep a new document of this account."""
        return self.store.add(kind, body, id=id, parent=parent, account=self.account, digits=digits)

    def page(self, kind: str, params: Params, **options: Any) -> dict[str, Any]:
        """One page of this account's documents (see `paging.page`)."""
        return page(self.store, kind, params, account=self.account, **options)

    def count(self, kind: str, parent: str | None = None) -> int:
        return self.store.count(kind, parent, account=self.account)
