"""What an account lets work at once: asked of Service Quotas, kept in the journal.

The cut of a graph into runs goes by it, so it is asked before the first start of a plan. While runs
of this folder are in flight what was told then holds, whatever the account's quotas are now. An
account that does not answer has the documented defaults: nothing fails for that, or waits for long.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from ..aws.account_facts import quotas as told_by
from ..aws.session import Services
from ..cost.quotas import Quotas
from ..errors import OmicsError
from ..limits import QUOTA_DYNAMIC_RUNS, QUOTA_STATIC_RUNS, QUOTA_TASKS_PER_RUN
from ..settings.options import Options, StorageType
from .journal import Journal

_CODES = tuple(code for code, _ in (QUOTA_STATIC_RUNS, QUOTA_DYNAMIC_RUNS, QUOTA_TASKS_PER_RUN))


def ask_quotas(
    journal: Journal, options: Options, connect: Callable[[], Services], *, in_flight: bool
) -> Quotas:
    """The account's quotas as they are now, or with runs `in_flight` as they were then.

    Raises:
        JournalError
    """
    if in_flight:
        return known_quotas(journal, options)
    values: dict[str, float] = {}
    try:
        told = told_by(connect())
        values = {code: told[code] for code in _CODES if code in told}
    except (OmicsError, LookupError, TypeError, ValueError, AttributeError):
        pass  # the right is missing, or there is no such service
    journal.remember_quotas(_account(options), datetime.now(UTC).date().isoformat(), values)
    return known_quotas(journal, options)


def known_quotas(journal: Journal, options: Options) -> Quotas:
    """What was told the last time; the documented defaults if nothing ever was."""
    day, values = journal.quotas(_account(options)) or ("", {})
    if not values:
        return Quotas()
    return Quotas.of(values, static=options.storage_type is StorageType.STATIC, told=day)


def quotas_before(path: Path, options: Options) -> Quotas:
    """The same by the journal at `path`; none is made where none is."""
    if not path.exists():
        return Quotas()
    with closing(Journal(path)) as journal:
        return known_quotas(journal, options)


def _account(options: Options) -> str:
    """By what options name it."""
    return json.dumps([options.endpoint_url, options.region, options.aws_profile])
