"""What can go wrong in the local HealthOmics.

`Fault` and its subclasses are answers to a client, named as the service names them; their HTTP
status is not here, as it is in botocore's model. `LocalError` is for whoever starts the server.

    LocalError
    ├── StartFailed        the server process ended before it was ready
    └── AlreadyRunning     another server holds the state folder
    Fault
    ├── ValidationFault, NotFound, Conflict, QuotaExceeded, Throttled, AccessDenied
    └── NotSupported, RangeNotSatisfiable, RequestTimeout
"""

from __future__ import annotations


class LocalError(Exception):
    """The local HealthOmics cannot be started, reached or stopped."""


class StartFailed(LocalError):
    """The server process ended before it was ready."""


class AlreadyRunning(LocalError):
    """Another server holds the state folder."""

    def __init__(self, state: object) -> None:
        super().__init__(f"another local HealthOmics is running on {state}")


class Fault(Exception):
    """An error answer of the service."""

    code = "InternalServerException"

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
