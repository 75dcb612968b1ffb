"""Who is served: whoever signs with the owner's secret, by the server's own name, and nobody else.

botocore's signers are the judge: what they sign is taken, what is changed afterwards is not.
"""

from __future__ import annotations

import http.client
import os
import pwd
import shutil
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

import local_healthomics as local
from local_healthomics.protocol.signatures import (
    SIGNED_HOST,
    SIGNED_URI,
    SignatureRefused,
    check,
    read,
)

from .conftest import Clients, connect, signing

pytestmark = pytest.mark.service

SERVICES = ["omics", "s3", "logs", "sts", "iam", "ecr", "pricing"]
CALLS = {
    "omics": ("list_runs", {}),
    "s3": ("list_buckets", {}),
    "logs": ("describe_log_groups", {}),
    "sts": ("get_caller_identity", {}),
    "iam": ("list_roles", {}),
    "ecr": ("describe_repositories", {}),
    "pricing": ("describe_services", {}),
}


def got(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("name", SERVICES)
def test_a_request_of_the_owner_is_served(fake: Clients, name: str) -> None:
    operation, params = CALLS[name]
    assert getattr(fake.service.client(name), operation)(**params)


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("wrong", ["secret", "key"])
def test_a_request_of_another_is_refused(fake: Clients, name: str, wrong: str) -> None:
    keys = {"secret": (fake.service.account, "guessed"), "key": ("local", "local")}[wrong]
    options = signing(fake.service)
    options |= {"aws_access_key_id": keys[0], "aws_secret_access_key": keys[1]}
    config = Config(inject_host_prefix=False, retries={"max_attempts": 0})
    client = boto3.client(name, config=config, **options)
    operation, params = CALLS[name]
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**params)
    assert (
        error.value.response["Error"]["Code"]
        in {
            "secret": {"SignatureDoesNotMatch", "InvalidSignatureException"},
            "key": {"InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId"},
        }[wrong]
    )
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_secret_of_an_account_is_not_that_of_another(fake: Clients) -> None:
    options = signing(fake.service) | {"aws_access_key_id": "222222222222"}
    with pytest.raises(ClientError):
        boto3.client("s3", **options).list_buckets()
    other = fake.service.for_account("222222222222")
    assert other.client("sts").get_caller_identity()["Account"] == "222222222222"


@pytest.mark.parametrize("path", ["/run", "/", "/omics-local/a", "/omics-local?list-type=2"])
def test_a_request_without_a_signature_is_refused(fake: Clients, path: str) -> None:
    assert got(fake.service.endpoint_url + path) == 403


def test_a_request_for_healthomics_lacks_its_authentication_token(fake: Clients) -> None:
    for path, host in (("/run", "localhost"), ("/nothing", "workflows-localhost")):
        connection = http.client.HTTPConnection(
            urlsplit(fake.service.endpoint_url).netloc, timeout=30
        )
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        assert answer.status == 403
        assert answer.getheader("x-amzn-errortype") == "MissingAuthenticationTokenException"
        assert answer.read() == b'{"message": "Missing Authentication Token"}'
        connection.close()


def test_not_even_a_public_object_is_for_everyone(fake: Clients) -> None:
    fake.s3.put_object(Bucket="omics-local", Key="public", Body=b"x", ACL="public-read")
    assert got(f"{fake.service.endpoint_url}/omics-local/public") == 403


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_link_is_for_whoever_has_it_until_it_expires(
    fake: Clients, version: str
) -> None:
    config = Config(signature_version=version, s3={"addressing_style": "path"})
    s3 = boto3.client("s3", config=config, **signing(fake.service))
    s3.put_object(Bucket="omics-local", Key="a b/ü+c", Body=b"content")
    asked = {"Bucket": "omics-local", "Key": "a b/ü+c", "ResponseContentType": "text/x"}
    link = s3.generate_presigned_url("get_object", asked)
    assert got(link) == 200
    assert got(link.replace("a%20b", "a%20c")) == 403
    assert got(link.replace("text", "html")) == 403
    assert got(s3.generate_presigned_url("get_object", asked, ExpiresIn=-1)) == 403
    put = s3.generate_presigned_url("put_object", {"Bucket": "omics-local", "Key": "put"})
    connection = http.client.HTTPConnection(urlsplit(put).netloc)
    connection.request("PUT", put.partition(urlsplit(put).netloc)[2], b"sent")
    assert connection.getresponse().status == 200
    connection.close()
    assert s3.get_object(Bucket="omics-local", Key="put")["Body"].read() == b"sent"


def test_the_link_to_a_definition_needs_no_key(fake: Clients) -> None:
    made = fake.active_workflow()
    link = fake.omics.get_workflow(id=made, export=["DEFINITION"])["definition"]
    assert got(link) == 200
    assert got(link[:-5]) == 403


HOSTS = {
    "127.0.0.1:1": 200,
    "localhost": 200,
    "workflows-127.0.0.1:1": 200,
    "omics-local.localhost": 200,
    "evil.example": 403,
    "127.0.0.1.evil.example": 403,
    "evil.example:80": 403,
    "127.0.0.1@evil.example": 403,
    "0": 403,
    "x" * 10_000: 400,
}


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host[:30])
def test_the_host_is_the_servers_own(tmp_path: Path, open_server: str, host: str) -> None:
    """A name of another site, which its resolver leads here, is not."""
    connection = http.client.HTTPConnection(urlsplit(open_server).netloc)
    connection.request("GET", "/omics-local?list-type=2", headers={"Host": host})
    status = connection.getresponse().status
    connection.close()
    assert (status if status != 404 else 200) == HOSTS[host]


# Stands before whatever removes a file in a process: what is not in FOLDER stays, and is told.
GUARD = """
import os, sys

def guard(event, arguments):
    if event in ("os.remove", "os.rmdir", "os.rename", "os.truncate", "shutil.rmtree"):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if not path.startswith(FOLDER + os.sep):
            with open(FOLDER + "/kept", "a") as told:
                told.write(path + "\\n")
            raise PermissionError(f"{path} is not to be removed")

sys.addaudithook(guard)
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder; what is started with it on its path removes nothing outside it."""
    folder = tmp_path_factory.mktemp("open").resolve()
    (folder / "sitecustomize.py").write_text(f"FOLDER = {str(folder)!r}\n{GUARD}")
    return folder


@pytest.fixture(scope="module")
def open_server(guarded: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(guarded), prepend=os.pathsep)
        service = local.start(guarded / "state", options=["--insecure"])
    yield service.endpoint_url
    service.stop()


def test_a_process_that_is_guarded_removes_nothing_outside(guarded: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("")
    code = f"import pathlib; pathlib.Path({str(place)!r}).unlink()"
    env = {**os.environ, "PYTHONPATH": str(guarded)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True)
    assert b"is not to be removed" in done.stderr
    assert place.exists()
    assert (guarded / "kept").read_text() == f"{place}\n"
    (guarded / "kept").unlink()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/moto-api/reset"),
        ("GET", "/moto-api/data.json"),
        ("POST", "/moto-api/state-manager/set-transition"),
        ("GET", "/latest/meta-data/iam/security-credentials/"),
        ("GET", "/favicon.ico"),
        ("GET", "/static/../../etc/passwd"),
    ],
)
def test_nothing_of_motos_own_is_served(
    open_server: str, guarded: Path, method: str, path: str
) -> None:
    """Even where no signature is checked, it is a path of S3 like any other.

    moto's own reset would unlink what its keys name: /dev/null, when that is a template's.
    """
    connection = http.client.HTTPConnection(urlsplit(open_server).netloc)
    connection.request(method, path)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert 400 <= answer.status < 600
    assert b"<Error>" in said
    assert got(f"{open_server}/omics-local?list-type=2") == 200
    assert not (guarded / "kept").exists()  # nothing tried to remove what is not the server's


@pytest.mark.parametrize(
    ("name", "operation", "params"),
    [
        ("sns", "list_topics", {}),
        ("sqs", "list_queues", {}),
        ("ec2", "describe_instances", {}),
        ("lambda", "list_functions", {}),
        ("logs", "describe_destinations", {}),
        ("sts", "get_session_token", {}),
        ("iam", "list_instance_profiles", {}),
        ("s3", "get_bucket_notification_configuration", {"Bucket": "omics-local"}),
        ("s3", "get_bucket_website", {"Bucket": "omics-local"}),
    ],
)
def test_what_runs_do_not_need_is_not_served(
    fake: Clients, name: str, operation: str, params: dict[str, Any]
) -> None:
    client = fake.service.client(name, config=Config(retries={"max_attempts": 0}))
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**params)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_hidden_operation_does_not_hide_behind_a_served_one(fake: Clients) -> None:
    """Whichever place moto reads the name from."""
    url = f"{fake.service.endpoint_url}/?Action=GetSessionToken&Version=2011-06-15"
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "x/y"})
    keys = Credentials(fake.service.account, fake.service.secret_access_key)
    SigV4Auth(keys, "sts", "us-east-1").add_auth(request)
    sent = request.prepare()
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(
            urllib.request.Request(sent.url, sent.body, dict(sent.headers.items()))
        )
    with error.value as answer:
        assert answer.code == 501


# The signature itself, without a server.

KEYS = Credentials("123456789012", "secret")


def environ(request: AWSRequest) -> dict[str, Any]:
    """What a server sees of a request that botocore has signed."""
    sent = request.prepare()
    url = urlsplit(sent.url)
    uri = url.path + (f"?{url.query}" if url.query else "")
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        if isinstance(value, str)
        else value.decode()
        for name, value in sent.headers.items()
    }
    return {
        **headers,
        "CONTENT_TYPE": headers.get("HTTP_CONTENT_TYPE", ""),
        "REQUEST_METHOD": sent.method,
        "REQUEST_URI": uri,
        "QUERY_STRING": url.query,
        SIGNED_HOST: url.netloc,
        SIGNED_URI: uri,
    }


def refusal(environ: dict[str, Any], now: datetime, secret: str = "secret") -> str:
    """The code of what is wrong with a request's signature; empty if nothing is."""
    import hashlib

    try:
        signed = read(environ)
        assert signed is not None
        check(signed, environ, secret, lambda: hashlib.sha256(b"{}").hexdigest(), now)
    except SignatureRefused as error:
        return error.code
    return ""


def signed(service: str = "omics", **headers: str) -> dict[str, Any]:
    url = "http://127.0.0.1:1/tags/arn%3Aaws%3A%2Fx?b=2&a=%2F&a=1"
    request = AWSRequest("POST", url, data=b"{}", headers={"X-Amz-Meta-A": "a  b ", **headers})
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(KEYS, service, "us-east-1").add_auth(request)
    return environ(request)


@pytest.mark.parametrize("service", ["omics", "s3", "logs"])
def test_what_botocore_signs_is_taken_and_what_is_changed_is_not(service: str) -> None:
    now, request = datetime.now(UTC), signed(service)
    assert refusal(request, now) == ""
    assert refusal(request, now, "other") == "SignatureDoesNotMatch"
    changes: dict[str, Any] = {
        "REQUEST_METHOD": "DELETE",
        SIGNED_URI: request[SIGNED_URI].replace("b=2", "b=3"),
        SIGNED_HOST: "localhost:1",
        "HTTP_X_AMZ_META_A": "b",
    }
    for name, value in changes.items():
        assert refusal(request | {name: value}, now) == "SignatureDoesNotMatch", name


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_is_not_good_for_long(minutes: int) -> None:
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    assert refusal(signed(), now) == "RequestTimeTooSkewed"


@pytest.mark.parametrize(
    "header",
    [
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=a/1/b/c/aws4_request, SignedHeaders=, Signature=",
        "Basic dXNlcjpwYXNz",
        "AWS",
        "AWS4-HMAC-SHA256 " + "Credential=" * 10_000,
    ],
)
def test_half_a_signature_is_none(header: str) -> None:
    request = signed() | {"HTTP_AUTHORIZATION": header}
    assert refusal(request, datetime.now(UTC)) == "IncompleteSignature"


# Files of the owner, and another user of the machine.


def test_the_state_is_its_owners(fake: Clients) -> None:
    state = fake.service.state
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for path in (p for p in state.iterdir() if p.is_file()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for path in (p for p in state.iterdir() if p.is_dir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_a_folder_that_was_open_is_closed_whatever_the_umask(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    before = os.umask(0)
    try:
        with local.running(tmp_path):
            assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
            opened = [path for path in tmp_path.rglob("*") if path.lstat().st_mode & 0o077]
            assert opened == []
    finally:
        os.umask(before)


def test_the_secret_is_told_to_nobody(fake: Clients) -> None:
    secret = (fake.service.state / "secret").read_text()
    told = [
        repr(fake.service),
        (fake.service.state / "server.log").read_text(),
        (fake.service.state / "server.json").read_text(),
        Path(f"/proc/{fake.service.pid}/cmdline").read_text(),
    ]
    assert not any(secret in text or fake.service.secret_access_key in text for text in told)


def test_another_server_on_the_port_is_not_taken_for_ours(fake: Clients, tmp_path: Path) -> None:
    """It has not our secret, so that it cannot prove that it is of this folder."""
    (tmp_path / "server.json").write_text((fake.service.state / "server.json").read_text())
    assert local.status(tmp_path) is None
    assert local.status(fake.service.state) == fake.service


THEIRS = """
import sys, urllib.request, urllib.error, pathlib
url, state = sys.argv[1:]
for name in ("secret", "server.json", "omics.sqlite", "server.log"):
    try:
        (pathlib.Path(state) / name).read_bytes()
    except PermissionError:
        continue
    sys.exit(f"{name} can be read")
for path, method in (("/run", "POST"), ("/run", "GET"), ("/omics-local?list-type=2", "GET")):
    key = "Credential=123456789012/20260101/us-east-1/omics/aws4_request"
    header = f"AWS4-HMAC-SHA256 {key}, SignedHeaders=host, Signature={'0' * 64}"
    for headers in ({}, {"Authorization": header}):
        try:
            asked = urllib.request.Request(url + path, method=method, headers=headers)
            urllib.request.urlopen(asked)
        except urllib.error.HTTPError as error:
            if error.code == 403:
                continue
        sys.exit(f"{method} {path} was served")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_can_neither_read_nor_run(fake_engine: list[str]) -> None:
    folder = Path(mkdtemp(prefix="theirs-"))  # which all may enter, unlike pytest's
    try:
        folder.chmod(0o755)
        with local.running(folder / "state", engine=fake_engine) as service:
            nobody = pwd.getpwnam("nobody")
            done = subprocess.run(
                ["/usr/bin/env", "python3", "-c", THEIRS, service.endpoint_url, service.state],
                user=nobody.pw_uid,
                group=nobody.pw_gid,
                extra_groups=[],
                cwd="/",
                env={"PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert not connect(service).omics.list_runs()["items"]
    finally:
        shutil.rmtree(folder)
