"""Why a run ends FAILED, in the service's own vocabulary of reasons."""

from __future__ import annotations


class EngineError(Exception):
    """A run cannot go on; `reason` is one of the service's failure reasons."""

    reason = "WORKFLOW_RUN_FAILED"


class DefinitionError(EngineError):
    """The WDL does not load."""

    reason = "WORKFLOW_VER_VALIDATION_FAILED"


class ParameterError(EngineError):
    """A parameter does not fit the type of its workflow input."""


class InvalidUri(EngineError):
    """A File or Directory is given by something else than an S3 or omics URI."""

    reason = "INVALID_URI_INPUT"


class InputNotFound(EngineError):
    """An input object does not exist."""

    reason = "INPUT_URI_NOT_FOUND"

    def __init__(self, uri: str) -> None:
        super().__init__(f"The provided URI does not exist: {uri}")  # the user guide's words
        self.uri = uri


class InactiveStorage(EngineError):
    """A read set or reference is not in a state in which it can be read."""

    reason = "INACTIVE_OMICS_STORAGE_RESOURCE"

    def __init__(self, uri: str, status: str = "ARCHIVED") -> None:
        super().__init__(f"{uri} is {status}, not ACTIVE")
        self.uri, self.status = uri, status


class ImportFailed(EngineError):
    """An input object exists and cannot be read."""

    reason = "IMPORT_FAILED"


class ExportFailed(EngineError):
    """The outputs could not be written to the output URI."""

    reason = "EXPORT_FAILED"


class CannotStartContainer(EngineError):
    """The image of a task cannot be had."""

    reason = "CANNOT_START_CONTAINER_ERROR"


class InvalidImage(EngineError):
    """The image of a task is not one in ECR."""

    reason = "INVALID_ECR_IMAGE_URI"

    def __init__(self, image: str) -> None:
        super().__init__(f"{image} has an invalid structure. Provide a valid ECR image URI")


class NoImageAccess(EngineError):
    """The repository of an image is not there, or does not let the service pull."""

    reason = "ECR_PERMISSION_ERROR"

    def __init__(self, image: str) -> None:
        super().__init__(
            f"HealthOmics doesn't have permission to access the image URI {image}. Confirm that the"
            " Amazon ECR private repository exists and has granted access to the HealthOmics"
            " service principal."
        )


class OutOfSpace(EngineError):
    """The file system of the runs is full."""

    reason = "FILE_SYSTEM_OUT_OF_SPACE"


class Cancelled(EngineError):
    """The server asked to stop (or died)."""
