"""What can go wrong in the local HealthOmics.

`Fault` and its subclasses are answers to a client, named as the service names them; the HTTP status
is in botocore's model, except for what concerns no operation. `LocalError` is for whoever starts
the server.

    LocalError
    ├── StartFailed        the server process ended before it was ready
    ├── AlreadyRunning     another server holds the state folder
    ├── StateUnreadable    the state folder is of another version, or damaged
    └── RunsOtherwise      the server that runs is not the one that was asked for
    Fault
    ├── ValidationFault, NotFound, Conflict, QuotaExceeded, Throttled, AccessDenied
    ├── NotSupported, RangeNotSatisfiable, RequestTimeout
    └── UnknownOperation, MissingAuthenticationToken, NotSigned   of no operation
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence


class LocalError(Exception):
    """The local HealthOmics cannot be started, reached or stopped."""


class StartFailed(LocalError):
    """The server process ended before it was ready."""


class AlreadyRunning(LocalError):
    """Another server holds the state folder."""

    def __init__(self, state: object) -> None:
        super().__init__(f"another local HealthOmics is running on {state}")


class StateUnreadable(LocalError):
    """What is in the state folder was written by another version, or is damaged."""

    def __init__(self, state: object, why: str) -> None:
        super().__init__(
            f"{state} cannot be used: {why}; move it away, with its runs, its run cache and its S3 "
            "(what was fetched is not in it), or name another with --state"
        )


class RunsOtherwise(LocalError):
    """The server that runs on the state folder has another port, or other options."""

    def __init__(self, url: str, options: Sequence[str]) -> None:
        how = f"with {shlex.join(options)}" if options else "without options"
        super().__init__(f"the local HealthOmics runs already, at {url} {how}")


class Fault(Exception):
    """An error answer of the service."""

    code = "InternalServerException"
    status: int | None = None  # None: the model's

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ValidationFault(Fault):
    code = "ValidationException"


class NotFound(Fault):
    code = "ResourceNotFoundException"

    def __init__(self, what: str, id: str) -> None:
        super().__init__(f"{what} {id} does not exist")


class NotActive(Fault):
    """The service treats what is not (yet, or any more) active as not found."""

    code = "ResourceNotFoundException"


class Conflict(Fault):
    code = "ConflictException"


class QuotaExceeded(Fault):
    code = "ServiceQuotaExceededException"


class Throttled(Fault):
    code = "ThrottlingException"


class AccessDenied(Fault):
    code = "AccessDeniedException"


class NotSupported(Fault):
    code = "NotSupportedOperationException"


class RangeNotSatisfiable(Fault):
    code = "RangeNotSatisfiableException"


class RequestTimeout(Fault):
    code = "RequestTimeoutException"


class UnknownOperation(Fault):
    """What AWS's REST services answer where no operation is."""

    code = "UnknownOperationException"
    status = 404

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is no path of an operation of HealthOmics")


class MissingAuthenticationToken(Fault):
    code = "MissingAuthenticationTokenException"
    status = 403

    def __init__(self) -> None:
        super().__init__("Missing Authentication Token")


class NotSigned(Fault):
    """The signature is not that of whom the request says it is from."""

    code = "InvalidSignatureException"
    status = 403

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
