"""Make the clients of the AWS services that the plugin uses."""

from __future__ import annotations

import gzip
import ipaddress
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ProfileNotFound
from botocore.httpsession import URLLib3Session
from botocore.loaders import JSONFileLoader
from botocore.utils import get_environ_proxies, parse_timestamp

from ..errors import SettingsError, UnexpectedAnswer
from .translate import translated

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_omics import OmicsClient
    from types_boto3_s3 import S3Client

TRANSFER_CONCURRENCY = 16  # S3 requests at once
_PROFILES = "aws configure list-profiles shows what there is"
# The root of the documents: ListBucketResult, ListPartsResult (some say …Response), …
_LIST = re.compile(rb"<(\w+:)?List\w+(Result|Response)\b")
_LINK_SECONDS = 60  # for an answer
_HURRIED_SECONDS = 5
_LOOK_SECONDS, _LOOK_PART = 0.005, 0.05  # between looks at `last_end`: and of the time so far
_SPARE_CONNECTIONS = 4  # for what is asked of S3 while files move


def _no_client(name: str, region: str | None = None) -> Any:
    raise NotImplementedError(name)


def _never() -> object:
    return None


def _nowhere(uris: Sequence[str]) -> Sequence[tuple[str, str] | None]:
    return [None] * len(uris)


@dataclass(frozen=True, slots=True)
class Services:
    """Clients of one account and region; `client` makes one of another service, or region.

    `ending` is set when the process ends: files that are on their way stop then. `last_end` is
    another value once something that is waited for may have ended, where a service tells that
    without being asked; AWS does not. `files` has the file of each object, given by URI, and its
    ETag, where S3 is on this machine and they may be read without asking it.
    """

    omics: OmicsClient
    s3: S3Client
    logs: CloudWatchLogsClient
    region: str
    concurrency: int = TRANSFER_CONCURRENCY
    client: Callable[[str, str | None], Any] = field(default=_no_client, repr=False)
    ending: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    last_end: Callable[[], object] = field(default=_never, repr=False, compare=False)
    files: Callable[[Sequence[str]], Sequence[tuple[str, str] | None]] = field(
        default=_nowhere, repr=False, compare=False
    )

    def pauses(self, seconds: float, since: object) -> Iterator[float]:
        """Seconds to wait, one after the other: until all are over, or something ended `since`."""
        begun = monotonic()
        while (left := seconds - (over := monotonic() - begun)) > 0 and self.last_end() == since:
            yield left if since is None else min(left, _LOOK_SECONDS + _LOOK_PART * over)

    def close(self) -> None:
        """Close the connections; who asks still, in a thread of its own, makes new ones."""
        for client in (self.omics, self.s3, self.logs):
            client.close()


def connect(
    region: str | None = None,
    profile: str | None = None,
    endpoint_url: str | None = None,
    environment: Mapping[str, str] | None = None,
    concurrency: int = TRANSFER_CONCURRENCY,
    *,
    in_a_hurry: bool = False,
) -> Services:
    """Connect to AWS, or to the one address that speaks for all its services.

    `environment` holds credentials as `AWS_…` variables, for a service with credentials of its
    own: the local one must never be sent those of a real account. `concurrency` is that of files.
    `in_a_hurry` is for questions whose answer can be done without: each has seconds, not minutes.
    """
    config = partial(_client_config, in_a_hurry=in_a_hurry)
    with translated("read the AWS configuration"):
        session = _session(region, profile, environment)
        omics = session.client(
            "omics", endpoint_url=endpoint_url, config=config(endpoint_url, "adaptive")
        )
        s3 = session.client(
            "s3",
            endpoint_url=endpoint_url,
            # Adaptive mode would slow all transfers down for one SlowDown.
            config=config(endpoint_url, "standard").merge(
                Config(
                    max_pool_connections=concurrency + _SPARE_CONNECTIONS,
                    # Also where the environment says otherwise: snakemake-storage-plugin-s3 sets
                    # it for the whole process.
                    request_checksum_calculation="when_supported",
                    response_checksum_validation="when_supported",
                    s3={
                        "addressing_style": "path" if endpoint_url else "auto",
                        # The signed checksum speaks for the content; signing it as well would
                        # read every file once more.
                        "payload_signing_enabled": False,
                    },
                )
            ),
        )
        logs = session.client(
            "logs", endpoint_url=endpoint_url, config=config(endpoint_url, "adaptive")
        )
    for checked in (omics, logs):
        check = partial(_check_answer, endpoint_url=checked.meta.endpoint_url)
        checked.meta.events.register("before-parse", check)
    # The lists of S3, out of which what is no list would come as an empty one.
    for name in ("ListObjectsV2", "ListParts", "ListMultipartUploads"):
        check = partial(_check_list, endpoint_url=s3.meta.endpoint_url)
        s3.meta.events.register(f"before-parse.s3.{name}", check)

    made: Any = session.client  # its types know services by literals only

    def client(name: str, region: str | None = None) -> Any:
        with translated("read the AWS configuration"):
            return made(
                name, region, endpoint_url=endpoint_url, config=config(endpoint_url, "standard")
            )

    return Services(
        omics=omics,
        s3=s3,
        logs=logs,
        region=str(omics.meta.region_name),
        concurrency=concurrency,
        client=client,
    )


def account_of(services: Services) -> str:
    """The account that the credentials are of."""
    with translated("ask whose credentials these are"):
        answer: str = services.client("sts", None).get_caller_identity()["Account"]
    return answer


def check_session(region: str | None, profile: str | None) -> None:
    """Refuse a profile that is not there, and runs without a region; asks no service."""
    if _session(region, profile, None).region_name is None:
        raise SettingsError(
            "--omics-region: is needed, as neither AWS_REGION nor the AWS profile names one",
            hint="write it as --omics-region us-east-1",
        )


def region_named(region: str | None, profile: str | None) -> str | None:
    """The region of runs, as far as options, environment and profile tell; asks no service."""
    try:
        found: str | None = _session(region, profile, None).region_name
    except SettingsError:
        return region
    return found


def _session(
    region: str | None, profile: str | None, environment: Mapping[str, str] | None
) -> boto3.Session:
    # boto3 itself looks at AWS_DEFAULT_REGION only, unlike AWS's other SDKs.
    region = region or os.environ.get("AWS_REGION") or None
    if environment is not None:
        # Nothing of ~/.aws may matter then, nor AWS_PROFILE, which may name what is not there.
        core = botocore.session.Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )
        session = boto3.Session(
            botocore_session=core,
            region_name=region,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        )
    else:
        core = botocore.session.Session()
        try:
            session = boto3.Session(botocore_session=core, profile_name=profile, region_name=region)
        except ProfileNotFound as error:
            if profile is not None:
                raise SettingsError(f"--omics-aws-profile: {error}", hint=_PROFILES) from error
            raise SettingsError(
                f"AWS_PROFILE: {error}", hint=f"unset the variable or correct it; {_PROFILES}"
            ) from error
    core.get_component("data_loader").file_loader = _Models()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment)
    return session


class _Models(JSONFileLoader):
    """Reads the models of services without their documents, a third of the memory that they take.

    Nor are they of `OrderedDict`s, as botocore has them of the time before Python 3.7.
    """

    def load_file(self, file_path: str) -> Any:
        for suffix, opened in ((".json", open), (".json.gz", gzip.open)):
            with suppress(FileNotFoundError), opened(file_path + suffix, "rb") as file:
                return json.loads(file.read(), object_pairs_hook=_undocumented)
        return None


def _undocumented(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if isinstance(found.get("documentation"), str):  # and no member of that name
        found["documentation"] = ""
    return found


def moment(value: Any) -> datetime:
    """The time that an answer tells, as botocore reads it, in a tenth of the time.

    A listing has three for each task, a result its own; all of them share one time zone here.
    """
    if isinstance(value, str):
        read = datetime.fromisoformat if value[:1].isdigit() else parsedate_to_datetime
        with suppress(ValueError):
            if (found := read(value)).tzinfo is not None:
                return found
    found = parse_timestamp(value)
    return found


def _check_answer(
    operation_model: OperationModel,
    response_dict: Mapping[str, Any],
    *,
    endpoint_url: str,
    **_: Any,
) -> None:
    """Refuse what is no JSON: botocore takes it for an answer that says nothing.

    A list would come out empty then, and what is not in it be made a second time.
    """
    output = operation_model.output_shape
    if response_dict["status_code"] >= 300 or output is None or not output.members:
        return
    try:
        is_answer = isinstance(json.loads(response_dict["body"]), dict)
    except ValueError:
        is_answer = False
    if not is_answer:
        raise _foreign(operation_model, response_dict, endpoint_url, "JSON")


def _check_list(
    operation_model: OperationModel,
    response_dict: Mapping[str, Any],
    *,
    endpoint_url: str,
    **_: Any,
) -> None:
    """Refuse another document than a list of S3's."""
    if response_dict["status_code"] < 300 and not _LIST.search(response_dict["body"][:1000]):
        raise _foreign(operation_model, response_dict, endpoint_url, "XML")


def _foreign(
    operation_model: OperationModel, response: Mapping[str, Any], endpoint_url: str, what: str
) -> UnexpectedAnswer:
    body = response["body"]
    kind = response["headers"].get("content-type") or "no content type"
    begin = body[:60].decode(errors="replace").strip()
    return UnexpectedAnswer(
        f"{operation_model.name}: {endpoint_url} answered with something that is not the "
        f"service's {what} ({kind}, {len(body)} bytes): {begin!r}",
        hint="look whether this is the right address, and what is on the way there",
    )


def _client_config(
    endpoint_url: str | None, retry_mode: Literal["adaptive", "standard"], *, in_a_hurry: bool
) -> Config:
    config = Config(
        retries={"mode": retry_mode, "total_max_attempts": 2 if in_a_hurry else 8},
        connect_timeout=_HURRIED_SECONDS if in_a_hurry else 10,
        read_timeout=_HURRIED_SECONDS if in_a_hurry else 60,
        # A proxy set for the internet cannot reach this machine's loopback.
        proxies={} if _is_loopback(endpoint_url) else None,
        user_agent_extra="snakemake-executor-plugin-omics",
    )
    if endpoint_url is None:  # AWS_DISABLE_HOST_PREFIX_INJECTION says, which endpoints of one
        return config  # service (AWS_ENDPOINT_URL_OMICS) need
    # Else requests would go to http://workflows-127.0.0.1.
    return config.merge(Config(inject_host_prefix=False))


def fetch(link: str) -> bytes | None:
    """What a link of a service leads to, None if to nothing; it carries its own right."""
    proxies = {} if _is_loopback(link) else get_environ_proxies(link)
    session = URLLib3Session(proxies=proxies, timeout=_LINK_SECONDS)
    try:
        answer = session.send(AWSRequest("GET", link).prepare())
        content: bytes = answer.content
        return content if answer.status_code == 200 else None
    finally:
        session.close()


def _is_loopback(endpoint_url: str | None) -> bool:
    host = urlsplit(endpoint_url).hostname if endpoint_url else None
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
