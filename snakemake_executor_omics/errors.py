"""The errors people see: one hierarchy, one root, each with a message and a hint.

    OmicsError                     anything this plugin refuses or fails at
    ├── SettingsError              an `--omics-…` option is missing or out of range
    ├── SelectionError             the jobs chosen for a task cannot be put together
    ├── CompileError               a workflow cannot be turned into a definition
    │   ├── UnsupportedRule        one rule uses a thing the service has no form for
    │   ├── UnsupportedRules       all rules that do, told at once
    │   └── LimitExceeded          a number is above a limit of the service
    ├── ImageError                 an image or an environment cannot be made
    │   └── ChannelsUnreachable    there is no way to the packages of an environment
    ├── StagingError               files cannot be brought to or from S3
    ├── ServiceError               the service answered with an error, or not at all
    │   ├── AccessDenied           credentials missing, expired or without the right
    │   ├── QuotaExceeded          an account quota is used up
    │   ├── Throttled              too many requests, also after retries
    │   ├── NotFound               the named thing does not exist
    │   ├── Conflict               the named thing exists or is in another state
    │   └── UnexpectedAnswer       the answer is none that the service's documents know
    ├── WorkflowRejected           the service could not validate the definition
    ├── FileError                  the system refuses a file or folder of this machine
    ├── JournalError               the record of runs on disk cannot be read or written
    └── LocalServiceError          the local endpoint cannot be started or has stopped

`str(error)` is what a person reads: the message and, on a line of its own, the hint.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence


class OmicsError(Exception):
    """Root of all errors of this plugin."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class SettingsError(OmicsError):
    """An `--omics-…` option is missing or out of range; `setting` is the name of its field."""

    def __init__(self, message: str, *, hint: str | None = None, setting: str = "") -> None:
        super().__init__(message, hint=hint)
        self.setting = setting


class SelectionError(OmicsError):
    """The jobs chosen for a task cannot be put together."""


class CompileError(OmicsError):
    """A workflow cannot be turned into a definition."""


class UnsupportedRule(CompileError):
    """One rule uses a thing the service has no form for."""

    def __init__(
        self, rule: str, reason: str, hint: str | None = None, *, where: str | None = None
    ) -> None:
        super().__init__(
            f"rule {rule}: {reason}" + (f" ({where})" if where else ""),
            hint=hint,
        )
        self.rule = rule
        self.reason = reason
        self.where = where

    def at(self, where: str) -> UnsupportedRule:
        """The same, with the place of the rule."""
        return UnsupportedRule(self.rule, self.reason, self.hint, where=where)


class UnsupportedRules(CompileError):
    """All rules that use what the service has no form for, each with a place and a way out."""

    def __init__(self, rules: Sequence[UnsupportedRule]) -> None:
        if len(rules) == 1:
            super().__init__(str(rules[0].message), hint=rules[0].hint)
        else:
            lines = [f"{len(rules)} things cannot run on HealthOmics:"]
            for refused, following in itertools.zip_longest(rules, rules[1:]):
                lines.append(f"- {refused.message}")
                if refused.hint and (following is None or following.hint != refused.hint):
                    lines.append(f"  hint: {refused.hint}")  # once for those in a row
            super().__init__("\n".join(lines))
        self.rules = tuple(rules)


class LimitExceeded(CompileError):
    """A number is above a limit of the service."""

    def __init__(
        self, what: str, actual: int | float, limit: int | float, hint: str | None = None
    ) -> None:
        super().__init__(f"{what}: {actual:,} is above the limit of {limit:,}", hint=hint)
        self.what = what
        self.actual = actual
        self.limit = limit


class ImageError(OmicsError):
    """An image or an environment cannot be made."""


class ChannelsUnreachable(ImageError):
    """There is no way to the packages of an environment."""


class StagingError(OmicsError):
    """Files cannot be brought to or from S3."""


class ServiceError(OmicsError):
    """The service answered with an error, or not at all.

    Keeps the code and request id for support. `transient` says that asking again later may help:
    who polls goes on polling then.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
        transient: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.request_id = request_id
        self.transient = transient


class AccessDenied(ServiceError):
    """Credentials are missing, expired or lack the right."""


class QuotaExceeded(ServiceError):
    """An account quota is used up."""


class Throttled(ServiceError):
    """Too many requests, also after retries."""


class NotFound(ServiceError):
    """The named thing does not exist."""


class Conflict(ServiceError):
    """The named thing exists already or is in another state."""


class UnexpectedAnswer(ServiceError):
    """The answer is none that the service's documents know: cut, of another service, or newer.

    Asking again may help, so it is `transient`: what is in the way of one answer is seldom in the
    way of the next, and a run that is in flight goes on whatever is said of it.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, code="UnexpectedAnswer", transient=True)


class WorkflowRejected(OmicsError):
    """The service could not validate the definition; the message is the service's own."""

    def __init__(self, service_message: str, *, hint: str | None = None) -> None:
        super().__init__(service_message, hint=hint)
        self.service_message = service_message


class FileError(OmicsError):
    """The system refuses a file or folder of this machine."""

    def __init__(self, error: OSError) -> None:
        why = error.strerror or str(error)
        super().__init__(f"cannot use {error.filename}: {why}" if error.filename else why)


class JournalError(OmicsError):
    """The record of runs on disk cannot be read or written."""


class LocalServiceError(OmicsError):
    """The local endpoint cannot be started or has stopped."""
