"""Whatever comes in on the port is answered: with no crash, no hang, no 500 and no lost update."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waiting import SECONDS

from local_healthomics.app import App
from local_healthomics.http.server import WebServer
from local_healthomics.operations.registry import HANDLERS
from local_healthomics.protocol.rest_json import Protocol

from .conftest import Clients

# Requests as they stand here are not signed; test_access.py tells which need to be.
SERVER_OPTIONS = ["--insecure"]

SCOPE = "Credential=local/20260101/us-east-1/omics/aws4_request"
AUTH = f"Authorization: AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host\r\n"
STS = AUTH.replace("omics", "sts")
CLIENTS = 200


def dial(fake: Clients) -> socket.socket:
    url = urlsplit(fake.service.endpoint_url)
    return socket.create_connection((url.hostname, url.port), timeout=SECONDS)


def exchange(fake: Clients, sent: bytes) -> bytes:
    """All that comes back for these bytes, after which we have nothing more to say."""
    with dial(fake) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while block := connection.recv(65536):
                got += block
        except ConnectionResetError:  # by a peer that did not wait for our last words
            return got
        return got


def request(method: str, target: str, body: bytes = b"", headers: str = AUTH) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer[9:12])


def sound(fake: Clients) -> None:
    """The server still answers."""
    assert fake.omics.list_runs()["ResponseMetadata"]["HTTPStatusCode"] == 200


BODIES = {
    "nothing": b"",
    "no object": b"[]",
    "deep": b'{"requestId":' + b"[" * 100_000,
    "deep and whole": b'{"parameters":' + b"[" * 900 + b"]" * 900 + b"}",
    "a number of 100,000 digits": b'{"storageCapacity":' + b"9" * 100_000 + b"}",
    "a number beyond any column": b'{"storageCapacity":' + b"9" * 300 + b"}",
    "NaN": b'{"storageCapacity":NaN}',
    "Infinity": b'{"parameters":{"a":Infinity}}',
    "an infinite float": b'{"parameters":{"a":1e999}}',
    "a lone surrogate": b'{"name":"\\ud800","requestId":"r"}',
    "a lone surrogate as a name": b'{"parameters":{"\\udfff":1}}',
    "a raw surrogate": b'{"name":"\xed\xa0\x80"}',
    "invalid UTF-8": b'{"name":"\xff\xfe"}',
    "UTF-16": '{"name":"a"}'.encode("utf-16"),
    "NUL": b'{"name":"a\\u0000b","requestId":"r"}',
    "raw control characters": b'{"name":"a\x00b"}',
    "half": b'{"name":"a',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
@pytest.mark.parametrize("target", ["/runGroup", "/run", "/workflow"])
def test_a_body_that_means_nothing_is_a_validation_exception(
    fake: Clients, target: str, body: bytes
) -> None:
    answer = exchange(fake, request("POST", target, body))
    assert status(answer) == 400
    assert b"ValidationException" in answer


def test_of_repeated_members_the_last_counts(fake: Clients) -> None:
    body = b'{"requestId":"twice","name":"first","name":"second"}'
    answer = exchange(fake, request("POST", "/runGroup", body))
    made = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert fake.omics.get_run_group(id=made["id"])["name"] == "second"


TARGETS = {
    "invalid UTF-8": "/run/%ff%fe",
    "NUL": "/run/%00",
    "a broken escape": "/run/%zz%",
    "a query of 1 MB": "/run?name=" + "a" * 1_000_000,
    "a number of 5,000 digits": "/run?maxResults=" + "9" * 5_000,
    "a token of rubbish": "/run?startingToken=%00%ff",
    "a token of our alphabet": "/run?startingToken=" + "W10=" * 100,
    "above the root": "/run/../../../etc/passwd",
    "an odd host": "//[",
    "a long path": "/run/" + "1" * 100_000,
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_an_address_that_means_nothing_is_refused(fake: Clients, target: str) -> None:
    assert 400 <= status(exchange(fake, request("GET", target))) < 500


def test_a_query_of_many_unknown_members_is_answered(fake: Clients) -> None:
    assert status(exchange(fake, request("GET", "/run?" + "a=1&" * 100_000))) == 200


def test_headers_without_end_are_refused(fake: Clients) -> None:
    endless = b"GET /run HTTP/1.1\r\n" + b"X-A: " + b"a" * 3_000_000
    assert status(exchange(fake, endless)) == 413
    many = b"GET /run HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(200_000))
    assert status(exchange(fake, many)) == 413


@pytest.mark.parametrize("target", ["/run", "/sequencestore/1234567890/upload/1/part?x"])
def test_a_huge_body_is_refused_before_it_comes(fake: Clients, target: str) -> None:
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 10000000000\r\n\r\n"
    with dial(fake) as connection:
        connection.sendall(head.encode())
        assert 400 <= status(connection.recv(65536)) < 500


def test_a_body_of_endless_chunks_is_cut_off(fake: Clients) -> None:
    head = f"POST /run HTTP/1.1\r\nHost: localhost\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with dial(fake) as connection:
        connection.sendall(head.encode())
        for _ in range(20):  # past the limit, and more is read and dropped
            connection.sendall(chunk)
        assert status(connection.recv(65536)) == 400


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-5\r\nabcde\r\n",
        b"5\r\nabcdefgh\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nabc",
        b"",
        b"5;" + b"x" * 100_000,
        b"5\r\nab",
        b"0\r\nTrailer: x",
    ],
)
def test_a_body_of_broken_chunks_is_refused(fake: Clients, body: bytes) -> None:
    head = f"POST /run HTTP/1.1\r\nHost: localhost\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n"
    assert status(exchange(fake, head.encode() + body)) == 400


def test_a_body_in_chunks_with_trailers_is_read(fake: Clients) -> None:
    head = f"POST /runGroup HTTP/1.1\r\nHost: localhost\r\n{AUTH}Transfer-Encoding: chunked\r\n"
    body = (
        b'16\r\n{"requestId":"chunks",\r\na;ext=1\r\n"maxRuns":\r\n2\r\n2}\r\n0\r\nX-Sum: 1\r\n\r\n'
    )
    answer = exchange(fake, head.encode() + b"Connection: close\r\n\r\n" + body)
    assert status(answer) == 201


@pytest.mark.parametrize("length", ["-1", "+5", "5_0", "x", "9" * 5_000, "0x10"])
def test_a_content_length_that_is_none_is_refused(fake: Clients, length: str) -> None:
    head = f"POST /run HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: {length}\r\n\r\n"
    assert 400 <= status(exchange(fake, head.encode())) < 500


def test_an_upload_that_is_cut_in_the_middle_leaves_no_object(fake: Clients) -> None:
    fake.s3.create_bucket(Bucket="cut")
    framings = {
        b"Content-Length: 1000": b"a" * 500,
        b"Transfer-Encoding: chunked": b"400\r\n" + b"a" * 500,
    }
    for header, body in framings.items():
        answer = exchange(
            fake, b"PUT /cut/half HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n" + body
        )
        assert status(answer) == 400
    assert "Contents" not in fake.s3.list_objects_v2(Bucket="cut")


def test_pipelined_requests_are_answered_in_order(fake: Clients) -> None:
    one = f"GET /run HTTP/1.1\r\nHost: localhost\r\n{AUTH}\r\n".encode()
    answer = exchange(fake, one * 5 + request("GET", "/runGroup/1"))
    assert answer.count(b"HTTP/1.1 200 OK") == 5
    assert answer.count(b"HTTP/1.1 404 ") == 1
    assert answer.rindex(b"404") > answer.rindex(b"200 OK")


def test_http_1_0_is_spoken(fake: Clients) -> None:
    answer = exchange(fake, f"GET /run HTTP/1.0\r\n{AUTH}\r\n".encode())
    assert status(answer) == 200
    assert answer.endswith(b'{"items":[]}') or b'"items":[' in answer


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/9", "HTTP/x.y", "", "SIP/1.1"])
def test_other_protocols_are_refused(fake: Clients, version: str) -> None:
    assert 400 <= status(exchange(fake, f"GET /run {version}\r\n\r\n".encode())) < 600


def test_what_does_not_begin_like_http_is_refused_at_once(fake: Clients) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200  # TLS
    with dial(fake) as connection:
        connection.sendall(hello)  # and we wait for more
        assert status(connection.recv(65536)) == 400


def test_an_answer_to_head_has_no_content(fake: Clients) -> None:
    answer = exchange(fake, request("HEAD", "/run"))
    assert answer.endswith(b"\r\n\r\n")


def test_a_web_page_may_not_ask(fake: Clients) -> None:
    headers = AUTH + "Origin: http://evil.example\r\n"
    assert status(exchange(fake, request("POST", "/runGroup", b"{}", headers))) == 403
    assert (
        status(exchange(fake, request("PUT", "/omics-local/x", b"x", headers[len(AUTH) :]))) == 403
    )


def test_clients_that_break_off_do_no_harm(fake: Clients) -> None:
    whole = request("POST", "/runGroup", b'{"requestId":"cut"}')
    for length in range(0, len(whole), 7):
        connection = dial(fake)
        connection.sendall(whole[:length])
        linger = struct.pack("ii", 1, 0)  # close with a reset
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()
    sound(fake)


def test_slow_and_silent_clients_do_not_keep_others_from_their_answers(fake: Clients) -> None:
    starts = [
        b"",
        b"G",
        b"GET /run HTT",
        f"GET /run HTTP/1.1\r\n{AUTH}".encode(),
        f"POST /run HTTP/1.1\r\n{AUTH}Content-Length: 9\r\n\r\n{{".encode(),
    ]
    with ExitStack() as held:
        for number in range(CLIENTS):
            connection = held.enter_context(dial(fake))
            connection.sendall(starts[number % len(starts)])
        sound(fake)


def test_a_request_that_comes_too_slowly_is_timed_out() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "0")])
        return []

    server = WebServer(("127.0.0.1", 0), application, patience=0.2)
    threading.Thread(target=server.serve, daemon=True).start()
    with closing(socket.create_connection(server.bind_addr, timeout=SECONDS)) as connection:
        beat = threading.Event()
        answer = b""
        connection.settimeout(0.02)
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(1000):  # never silent for long, and yet without end
            try:
                connection.sendall(b"a")
                answer = connection.recv(65536)
                break
            except TimeoutError:
                beat.wait(0.005)
        assert status(answer) == 408
    server.stop()


def test_a_body_that_comes_too_slowly_is_timed_out() -> None:
    said: list[int] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except Exception as error:
            said.append(getattr(error, "code", 0))
        start_response("408 Request Timeout", [("Content-Length", "0")])
        return []

    server = WebServer(("127.0.0.1", 0), application, patience=0.2)
    threading.Thread(target=server.serve, daemon=True).start()
    with closing(socket.create_connection(server.bind_addr, timeout=SECONDS)) as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        assert status(connection.recv(65536)) == 408
    server.stop()
    assert said == [408]


def test_many_clients_at_once_lose_nothing(fake: Clients) -> None:
    gate = threading.Barrier(CLIENTS)

    def client(number: int) -> str:
        gate.wait(SECONDS)
        url = urlsplit(fake.service.endpoint_url)
        with closing(http.client.HTTPConnection(url.netloc, timeout=SECONDS)) as connection:

            def ask(method: str, path: str, body: Any = None) -> Any:
                headers = dict([AUTH.strip().split(": ", 1)])
                connection.request(method, path, body and json.dumps(body), headers)
                answer = connection.getresponse()
                said = answer.read()
                assert answer.status < 300, (answer.status, said)
                return json.loads(said or b"null")

            name = f"client-{number}"
            made = ask("POST", "/runGroup", {"requestId": name, "name": name, "maxRuns": 1})
            ask("POST", f"/runGroup/{made['id']}", {"maxRuns": number + 1})
            assert ask("GET", f"/runGroup/{made['id']}")["maxRuns"] == number + 1
            assert [item["id"] for item in ask("GET", f"/runGroup?name={name}")["items"]] == [
                made["id"]
            ]
            return str(made["id"])

    with ThreadPoolExecutor(CLIENTS) as clients:
        ids = list(clients.map(client, range(CLIENTS)))
    assert len(set(ids)) == CLIENTS
    pages = fake.omics.get_paginator("list_run_groups").paginate(PaginationConfig={"PageSize": 50})
    limits = {item["id"]: item.get("maxRuns") for page in pages for item in page["items"]}
    assert {id: limits[id] for id in ids} == {id: n + 1 for n, id in enumerate(ids)}


def test_one_resource_changed_by_many_keeps_every_change(fake: Clients) -> None:
    group = fake.omics.create_run_group(name="shared")["id"]
    arn = fake.omics.get_run_group(id=group)["arn"]

    def tag(number: int) -> None:
        fake.omics.tag_resource(resourceArn=arn, tags={f"k{number}": str(number)})

    with ThreadPoolExecutor(20) as clients:
        list(clients.map(tag, range(40)))
    assert len(fake.omics.list_tags_for_resource(resourceArn=arn)["tags"]) == 40


VALID = [
    request("POST", "/runGroup", b'{"requestId":"x","name":"n","maxRuns":1,"tags":{"a":"b"}}'),
    request("PUT", "/omics-local/a/b?tagging&versionId=x", b"<a/>", ""),
    request("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", b"", STS),
]
BOUNDED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def unhurt(fake: Clients, sent: bytes) -> None:
    answer = exchange(fake, sent)
    assert not answer or status(answer) not in (500, 503), (sent, answer)


@BOUNDED
@given(sent=st.binary(max_size=2000))
def test_random_bytes_are_no_danger(fake: Clients, sent: bytes) -> None:
    unhurt(fake, sent)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A valid request with some bytes changed, left out, put in or repeated."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        until = min(len(text), at + draw(st.integers(0, 20)))
        put = draw(st.one_of(st.binary(max_size=8), st.just(text[at:until] * 2)))
        text = text[:at] + put + text[until:]
    return text


@BOUNDED
@given(sent=mutations())
def test_requests_that_are_nearly_right_are_no_danger(fake: Clients, sent: bytes) -> None:
    unhurt(fake, sent)


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def operations() -> Any:
    return Protocol()


@BOUNDED
@given(data=st.data())
def test_no_operation_fails_on_odd_values(fake: Clients, operations: Any, data: Any) -> None:
    name = data.draw(st.sampled_from(sorted(HANDLERS)))
    operation = operations.model.operation_model(name)
    path = operation.http["requestUri"].split("?")[0]
    words = st.sampled_from(["1234567", "1234567890", "a", "%00", "%ff", "arn%3Aaws%3Aomics"])
    while "{" in path:
        path = path[: path.index("{")] + data.draw(words) + path[path.index("}") + 1 :]
    shape = operation.input_shape
    members = {} if shape is None else shape.members
    document = {}
    for member, kind in members.items():
        likely: Any = {
            "string": words,
            "integer": st.integers(-1, 2**70),
            "timestamp": st.integers() | words,
            "boolean": st.booleans(),
            "blob": st.sampled_from(["", "YQ==", "a"]),
        }.get(kind.type_name, JSON)
        if data.draw(st.booleans()):
            document[member] = data.draw(likely | JSON)
    query = "&".join(f"{name}={data.draw(words)}" for name in list(members)[:3])
    body = json.dumps(document).encode()
    unhurt(fake, request(operation.http["method"], f"{path}?{query}", body))


def test_an_error_of_ours_tells_no_insides(tmp_path: Path, capsys: Any) -> None:
    def broken(account: str) -> Any:
        raise RuntimeError(f"{tmp_path} is broken")

    untroubled = SimpleNamespace(trouble=None)
    context: Any = SimpleNamespace(for_account=broken, scheduler=untroubled)
    unused: Any = None
    app = App(context, unused, unused, unused, tmp_path / "spool", unused, {})
    answer = app.answer({"REQUEST_METHOD": "GET"}, "/run", "123456789012")
    assert answer.status == 500
    assert answer.headers == (("x-amzn-errortype", "InternalServerException"),)
    assert str(tmp_path).encode() not in answer.body
    assert str(tmp_path) in capsys.readouterr().err
