"""Inputs in read sets and references: the S3 object that an `omics://` URI stands for.

    omics://<account>.storage.<region>.amazonaws.com/<store>/readSet/<id>[/source1|/source2|/index]
    omics://<account>.storage.<region>.amazonaws.com/<store>/reference/<id>[/source|/index]

Without a file the first source is meant; an index comes only where it is asked for. The service is
asked as any client asks it, by the account of the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..rights import ROLE_AGENT
from .errors import ImportFailed, InactiveStorage, InputNotFound, InvalidUri

SCHEME = "omics://"
_URI = re.compile(
    r"omics://(\d{12})\.storage\.([a-z0-9-]+)\.amazonaws\.com/(\d{10,36})/"
    r"(?:readSet/(\d{10,36})(?:/(source1|source2|index))?"
    r"|reference/(\d{10,36})(?:/(source|index))?)"
)
_MISSING = "ResourceNotFoundException"


class OmicsUris:
    """The run's view of the stores."""

    def __init__(self, endpoint_url: str, region: str, account: str) -> None:
        self._endpoint_url, self._region, self._account = endpoint_url, region, account

    @cached_property
    def _api(self) -> Any:
        # With the keys of the run's account, from the environment. Few runs need it, and it takes a
        # while to make.
        return boto3.client(
            "omics",
            region_name=self._region,
            endpoint_url=self._endpoint_url,
            config=Config(
                inject_host_prefix=False, retries={"mode": "standard"}, user_agent_extra=ROLE_AGENT
            ),
        )

    def locate(self, uri: str) -> str:
        """The S3 URI of the file; an EngineError if the run cannot have it."""
        found = _URI.fullmatch(uri)
        if found is None:
            raise InvalidUri(f"not the URI of a read set or reference: {uri}")
        account, region, store, read_set, of_read_set, reference, of_reference = found.groups()
        if (account, region) != (self._account, self._region):
            raise InputNotFound(uri)
        if read_set:
            data = self._ask(
                uri, lambda: self._api.get_read_set_metadata(sequenceStoreId=store, id=read_set)
            )
        else:
            data = self._ask(
                uri, lambda: self._api.get_reference_metadata(referenceStoreId=store, id=reference)
            )
        if data["status"] != "ACTIVE":
            raise InactiveStorage(uri, data["status"])
        file = of_read_set or of_reference or ("source1" if read_set else "source")
        if file not in data["files"]:
            raise InputNotFound(uri)
        return str(data["files"][file]["s3Access"]["s3Uri"])

    @staticmethod
    def _ask(uri: str, question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return question()
        except ClientError as error:
            if error.response["Error"]["Code"] == _MISSING:
                raise InputNotFound(uri) from error
            raise ImportFailed(f"could not read {uri}: {error}") from error
        except BotoCoreError as error:
            raise ImportFailed(f"could not read {uri}: {error}") from error
