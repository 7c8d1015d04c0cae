"""A small HTTP server on this machine's loopback that takes in webhooks, one after another. It decides nothing.

It stands behind a real web server, which ends TLS. Whatever a client sends, it answers or hangs up, and goes on. Each
connection is read on a thread of its own, so that a slow client holds nobody up; what is read is taken in by one.
"""

from __future__ import annotations

import io
import queue
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import field
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv6Address, ip_address
from typing import Any

from planctl import clock
from planctl.errors import Refused, StoreFailure, WrongUsage
from planctl.stripe_bridge.signatures import LONGEST_BODY
from planctl.values import dataclass

PATIENCE_SECONDS = 10
"""How long a client may take to send its whole request, and then to read the answer."""

SIGNATURE = "Stripe-Signature"
HEALTH = "/health"

_MOST_WASTED = 16 * LONGEST_BODY
"""Bytes of a body that is too long that are read and thrown away, so that the client reads the answer."""

MOST_CLIENTS = 64
"""Connections that are read at once; the others wait in the system's queue."""

_TICK_SECONDS = 0.5
_HIGHEST_PORT = 65_535
_LONGEST_LINE = 65_536


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: a status and one line of text, which Stripe's dashboard shows."""

    status: int
    text: str


_GOING = Reply(503, "it ends")

Take = Callable[[bytes, str], Reply]
"""What is done with a body and the text of its Stripe-Signature; empty where it has none."""


def loopback_address(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:4242`; port 0 is any that is free.

    WrongUsage where it is no address, Refused where it could be reached from another machine.
    """
    host, colon, port = text.rpartition(":")
    digits = port.isascii() and port.isdigit() and len(port) <= len(str(_HIGHEST_PORT))
    if not colon or not digits or int(port) > _HIGHEST_PORT:
        raise WrongUsage("that is no address", where="--listen", expected="127.0.0.1:PORT", got=text)
    name = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    try:
        found = ip_address("127.0.0.1" if name == "localhost" else name)
    except ValueError:
        raise WrongUsage(
            "that is no address", where="--listen", expected="127.0.0.1:PORT", got=text
        ) from None
    if not found.is_loopback:
        raise Refused(
            "webhooks are taken in on this machine's loopback alone",
            code="not-loopback",
            where="--listen",
            expected="127.0.0.1:PORT",
            got=text,
            hint="let a web server in front of it end TLS and pass the request on",
        )
    return str(found), int(port)


@dataclass(slots=True)
class _Waiting:
    """A request that was read whole, until it is taken in; without a reply, nobody will."""

    body: bytes
    signature: str
    reply: Reply | None = None
    is_over: threading.Event = field(default_factory=threading.Event)


class Listener:
    """Listens from its making on, answers in `serve`, and lets the port go in `close`."""

    def __init__(self, host: str, port: int, take: Take) -> None:
        kind = _V6 if isinstance(ip_address(host), IPv6Address) else _V4
        self._take = take
        try:
            self._server = kind((host, port))
        except OSError as error:
            raise StoreFailure(
                f"nothing can listen there: {error.strerror}",
                code="cannot-listen",
                where=f"{host}:{port}",
                hint="choose another port; something may listen there already",
            ) from error

    @property
    def address(self) -> str:
        """Where it listens: `127.0.0.1:4242`."""
        host, port = self._server.server_address[:2]
        name = str(host)
        return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"

    def serve(self, is_over: Callable[[], bool]) -> None:
        """Take in one request after another until `is_over` says so, which is asked between two of them.

        What waits then is answered with 503, so that it comes again.
        """
        reading = threading.Thread(target=self._server.serve_forever, args=(_TICK_SECONDS,), daemon=True)
        reading.start()
        try:
            while not is_over():
                self._take_next()
        finally:
            self._server.is_over = True  # first: who waits leaves room for who is being let in
            self._server.shutdown()
            reading.join()

    def close(self) -> None:
        """Let the port go."""
        self._server.server_close()

    def _take_next(self) -> None:
        try:
            waiting = self._server.waiting.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            return
        try:
            waiting.reply = self._take(waiting.body, waiting.signature)
        except OSError:  # as if the client were gone
            pass
        finally:
            waiting.is_over.set()


class _V4(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int]) -> None:
        self.waiting: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
        self.is_over = False
        self._free = threading.BoundedSemaphore(MOST_CLIENTS)
        super().__init__(address, _Handler)

    def taken(self, body: bytes, signature: str) -> Reply | None:
        """What a request is answered once its turn has come; None where nothing is to be answered."""
        waiting = _Waiting(body, signature)
        self.waiting.put(waiting)
        while not waiting.is_over.wait(_TICK_SECONDS):
            if self.is_over:
                return _GOING
        return waiting.reply

    def process_request(self, request: Any, client_address: Any) -> None:
        """Read it on a thread of its own, once there is room for one more."""
        self._free.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread began that would make room again
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Read one connection, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is its own business."""


class _V6(_V4):
    address_family = socket.AF_INET6


class _Punctual(io.RawIOBase):
    """What a client sends, until its time is over: however it drips, everything together takes no longer."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._began = clock.ticks()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_ms = PATIENCE_SECONDS * 1_000 - clock.elapsed_ms(self._began)
        if left_ms <= 0:
            raise TimeoutError
        self._connection.settimeout(left_ms / 1_000)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    """One request and its answer; then the connection is closed, since the next client waits for the thread."""

    protocol_version = "HTTP/1.1"
    server: _V4

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_Punctual(self.connection))

    def handle(self) -> None:
        self.close_connection = True
        try:
            self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
            if len(self.raw_requestline) > _LONGEST_LINE:
                self.requestline = self.request_version = self.command = ""
                self._reply(Reply(414, "the request line is too long"))
            elif self.raw_requestline and self.parse_request():
                self.close_connection = True
                self._answer()
        except OSError:  # too slow, or gone
            pass

    def _answer(self) -> None:
        if self.command == "GET" and self.path == HEALTH:
            self._reply(Reply(200, "ok"))
        elif self.command != "POST":
            self._reply(Reply(405, "only POST"))
        else:
            self._take()

    def _take(self) -> None:
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or not lengths:
            self._reply(Reply(411, "the length must be said"))
            return
        if len(lengths) != 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            self._reply(Reply(400, "the length is none"))
            return
        length = int(lengths[0][:20])
        if length > LONGEST_BODY:
            self._reply(Reply(413, "the body is longer than 1 MiB"))
            self._waste(min(length, _MOST_WASTED))
            return
        body = self.rfile.read(length)
        if len(body) < length:
            return
        signatures = self.headers.get_all(SIGNATURE, [])
        reply = self.server.taken(body, signatures[0] if len(signatures) == 1 else "")
        if reply is not None:
            self._reply(reply)

    def _waste(self, length: int) -> None:
        """Read what is still coming: to hang up before would take the answer away from the client."""
        while length > 0 and (found := len(self.rfile.read1(min(length, _LONGEST_LINE)))):
            length -= found

    def _reply(self, reply: Reply) -> None:
        content = f"{reply.text}\n".encode()
        self.connection.settimeout(PATIENCE_SECONDS)
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        if reply.status == 405:
            self.send_header("Allow", "POST")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the parser refuses, without a word of what was sent."""
        self._reply(Reply(int(code), "that is no request"))

    def version_string(self) -> str:
        """Nobody needs to know what runs here."""
        return "planctl"

    def log_message(self, format: str, *args: Any) -> None:
        """What is worth a line is written by whoever takes the body."""
