"""Calls whose answer is good to have and that no result depends on: reasons, logs, details.

One that fails is said once of its kind, with the right that is missing, and the work goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import AccessDenied, ServiceError
from ..log import Log
from .patience import is_expired

T = TypeVar("T")


class Courtesy:
    """What is asked for as a courtesy, in one invocation."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._said: set[str] = set()

    def ask(
        self, what: str, right: str, call: Callable[[], T], otherwise: T, *, again: bool = False
    ) -> T:
        """The answer, or `otherwise`; credentials that have expired are for others to wait for.

        `what` begins the sentence "… not to be had", `right` is the IAM action that it takes.
        `again` raises what goes by, for who will ask again.
        """
        try:
            return call()
        except ServiceError as error:
            if is_expired(error) or (again and error.transient):
                raise
            if what not in self._said:
                self._said.add(what)
                need = f"; it takes the right {right}" if isinstance(error, AccessDenied) else ""
                self._log.warning(f"omics: {what} not to be had: {error.message}{need}")
            return otherwise
