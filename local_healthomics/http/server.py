"""The HTTP server: cheroot's, made to bear clients that are slow, cut off, hostile or many.

A connection costs a thread only while a request is on its way; a request must come at a pace, so a
client that sends a byte a second is answered 408 and let go, and more threads come as others are
held. Bodies are read by whoever wants them, never ahead; an answer that leaves some of a body
unread ends its connection, after listening long enough for the client to hear it.
"""

from __future__ import annotations

import io
import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cheroot import server as cheroot_server
from cheroot import wsgi
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout

_MAX_HEADERS = 1024 * 1024  # bytes: a query may be long, S3's metadata and tags are not
_MAX_BODY = 5 * 1024**3  # what S3 takes in one request ("Amazon S3 multipart upload limits")
_PATIENCE = 10.0  # seconds that a request may keep us waiting in all …
_PACE = 64 * 1024  # … and a second more for each so many bytes that it brought
_THREADS, _MORE_THREADS, _MOST_THREADS = 32, 16, 512
_KEPT_CONNECTIONS = 512
_BACKLOG = 1024
_LISTEN_BYTES, _LISTEN_SECONDS = 32 * 1024 * 1024, 2.0  # to a client that has its answer
_BLOCK = 64 * 1024
_CHUNK_LINE = 1024
_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a `token` of RFC 9110
Application = Callable[[dict[str, Any], Any], Any]


class PacedSocket(socket.socket):
    """A socket whose `recv_into` times out on a sender that is slow on the whole."""

    def at_pace(self, patience: float) -> None:
        """A new request begins."""
        self._patience, self._waited, self._got = patience, 0.0, 0

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        left = self._patience + self._got / _PACE - self._waited
        if left <= 0:
            raise TimeoutError("timed out")  # cheroot knows it by these words
        began = time.monotonic()
        self.settimeout(min(left, self._patience))
        try:
            received = super().recv_into(*args, **kwargs)
        finally:
            self.settimeout(self._patience)
            self._waited += time.monotonic() - began
        self._got += received
        return received


class _Body(io.RawIOBase):
    """A request's body; what is wrong with it is raised as moto's framework answers it."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._read(len(buffer))
        except TimeoutError as error:
            raise RequestTimeout("the body of the request did not arrive in time") from error
        buffer[: len(block)] = block
        return len(block)

    def _read(self, size: int) -> bytes:
        raise NotImplementedError

    def _some(self, size: int) -> bytes:
        block: bytes = self._source.read1(size)
        if not block:
            raise BadRequest("the body of the request ended too early")
        return block


class _Sized(_Body):
    """A body of a known length."""

    def __init__(self, source: Any, length: int) -> None:
        super().__init__(source)
        self._left = length
        self.ended = not length

    def _read(self, size: int) -> bytes:
        block = self._some(min(size, self._left, _BLOCK)) if self._left else b""
        self._left -= len(block)
        self.ended = not self._left
        return block


class _Chunked(_Body):
    """A body in chunks; trailers are read and dropped."""

    def __init__(self, source: Any) -> None:
        super().__init__(source)
        self._left = 0  # of the chunk
        self._got = 0

    def _read(self, size: int) -> bytes:
        if not self._left and not self.ended:
            self._begin_chunk()
        if self.ended:
            return b""
        block = self._some(min(size, self._left, _BLOCK))
        self._left -= len(block)
        if not self._left and self._line():
            raise BadRequest("a chunk of the body is longer than it says")
        self._got += len(block)
        if self._got > _MAX_BODY:
            raise RequestEntityTooLarge
        return block

    def _begin_chunk(self) -> None:
        digits = self._line().partition(b";")[0].strip()
        if not digits or digits.strip(b"0123456789abcdefABCDEF"):
            raise BadRequest("a chunk of the body has no size")
        self._left = int(digits, 16)
        if not self._left:
            while self._line():
                continue
            self.ended = True

    def _line(self) -> bytes:
        line: bytes = self._source.readline(_CHUNK_LINE)
        if not line.endswith(b"\r\n"):
            raise BadRequest("the chunks of the body are cut off")
        return line[:-2]


# cheroot's stubs know the half of it.
_HTTPRequest: Any = cheroot_server.HTTPRequest
_HTTPConnection: Any = cheroot_server.HTTPConnection
_WSGIServer: Any = wsgi.Server


class _Request(_HTTPRequest):
    """A request that may name an absolute URI, as clients behind HTTP_PROXY send it."""

    def __init__(self, server: Any, conn: Any) -> None:
        super().__init__(server, conn, proxy_mode=True)
        self._body: _Body | None = None
        self._head = b""

    def read_request_line(self) -> bool:
        first = self.conn.rfile.peek(1)[:1]
        if first and not first.isupper() and first != b"\r":
            self.simple_response("400 Bad Request", "this is no HTTP")
            return False
        try:
            return bool(super().read_request_line())
        except ValueError:  # an address that cannot be one, in an absolute URI
            self.simple_response("400 Bad Request", "Malformed Request-URI")
            return False

    def read_request_headers(self) -> bool:
        if not super().read_request_headers():
            return False
        if not self.inheaders.get(b"Content-Length", b"0").isdigit():
            self.simple_response("400 Bad Request", "Malformed Content-Length Header.")
            return False
        if not all(map(_HEADER.fullmatch, self.inheaders)) or b"\0" in b"".join(
            self.inheaders.values()
        ):
            self.simple_response("400 Bad Request", "Illegal header line.")
            return False
        return True

    def respond(self) -> None:
        if self.chunked_read:
            self._body = _Chunked(self.conn.rfile)
        else:
            length = int(self.inheaders.get(b"Content-Length", 0))
            self._body = _Sized(self.conn.rfile, length)
        self.rfile = io.BufferedReader(self._body, _BLOCK)
        self.server.gateway(self).respond()
        self.ensure_headers_sent()
        self._send(b"0\r\n\r\n" if self.chunked_write else b"")

    def send_headers(self) -> None:
        if self._body is not None and not self._body.ended:
            self.close_connection = self.conn.unread = True
        wfile, self.conn.wfile = self.conn.wfile, io.BytesIO()
        super().send_headers()
        self._head, self.conn.wfile = self.conn.wfile.getvalue(), wfile

    def write(self, chunk: bytes) -> None:
        self._send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self.chunked_write and chunk else chunk)

    def _send(self, data: bytes) -> None:
        """The headers go with the first of the content: boto3 takes headers alone for an answer."""
        head, self._head = self._head, b""
        if head or data:
            self.conn.wfile.write(head + data)

    def simple_response(self, status: str, msg: str = "") -> None:
        """An answer of the server itself, after which the connection ends."""
        self.close_connection = self.conn.unread = True
        body = json.dumps({"message": msg or status[4:]}).encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with suppress(OSError):  # the client is gone
            self.conn.wfile.write(head.encode("latin-1") + body)


class _Connection(_HTTPConnection):
    RequestHandlerClass = _Request
    rbufsize = _BLOCK

    def __init__(self, server: Any, sock: socket.socket, makefile: Any) -> None:
        paced = PacedSocket(fileno=sock.detach())
        paced.settimeout(server.timeout)
        paced.at_pace(server.timeout)
        super().__init__(server, paced, makefile)
        self.unread = False

    def communicate(self) -> bool:
        self.socket.at_pace(self.server.timeout)
        return bool(super().communicate())

    def close(self) -> None:
        if self.unread:
            # Closing on bytes that nobody read resets the connection, and with it our answer.
            with suppress(OSError):
                self._hear_out()
        super().close()

    def _hear_out(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)
        end, heard = time.monotonic() + _LISTEN_SECONDS, 0
        while heard < _LISTEN_BYTES and (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            block = self.socket.recv(_BLOCK)
            if not block:
                return
            heard += len(block)


class WebServer(_WSGIServer):
    """Serves one WSGI application; `url` is known as soon as it is made."""

    ConnectionClass = _Connection
    max_request_header_size = _MAX_HEADERS
    max_request_body_size = _MAX_BODY
    keep_alive_conn_limit = _KEPT_CONNECTIONS

    def __init__(
        self, address: tuple[str, int], application: Application, patience: float = _PATIENCE
    ) -> None:
        super().__init__(
            address,
            application,
            numthreads=_THREADS,
            max=_MOST_THREADS,
            request_queue_size=_BACKLOG,
            timeout=patience,
        )
        self.prepare()
        self.url = f"http://{address[0]}:{self.bind_addr[1]}"

    def process_conn(self, conn: Any) -> None:
        """Give a connection that has something to say to a thread."""
        if conn.last_used is None:  # new: it may stay silent for long
            self._connections.put(conn)
            return
        if self.requests.qsize >= self.requests.idle:
            self.requests.grow(_MORE_THREADS)
        super().process_conn(conn)

    def stop(self) -> None:
        """End when the requests that are on their way are answered."""
        self._connections._stop_requested = True
        with suppress(OSError), socket.create_connection(self.bind_addr, _LISTEN_SECONDS):
            pass  # else what waits for connections sees it half a second later
        super().stop()

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Clients that are gone are no news; the rest goes to the server's log."""
        if level >= 30:
            super().error_log(msg, level, traceback)
