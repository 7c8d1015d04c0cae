"""The socket: HTTP/1.1 with keep-alive on a free loopback port. It knows bytes and headers, nothing of Stripe.

Writes are buffered and not held back: an answer in two packets would wait for the client's acknowledgement, 40 ms
each time.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.stripe.desk import Arrived, Reply

_AT_MOST_SECONDS = 10


class Server(ThreadingHTTPServer):
    """Serves until `close()`, which waits until every connection is closed."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Arrived], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self.connections += 1
            self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._open.discard(request)
                self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or a hook that raised, breaks its own connection and nothing else."""

    def close(self) -> None:
        """Stop listening and break what is still open."""
        self.shutdown()
        self._thread.join()
        with self._changed:
            for connection in self._open:
                _break(connection)
            self._changed.wait_for(lambda: not self._open, timeout=_AT_MOST_SECONDS)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _answer(self) -> None:
        reply = self.server.answer(self._arrived())
        if reply.lost:
            self.close_connection = True
            _break(self.connection)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _arrived(self) -> Arrived:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content_type = self.headers.get("Content-Type") or ""
        return Arrived(
            self.command,
            address.path,
            address.query,
            body,
            _secret(self.headers.get("Authorization") or ""),
            self.headers.get("Idempotency-Key"),
            self.headers.get("Stripe-Version") or "",
            content_type.startswith("application/x-www-form-urlencoded"),
        )


def _secret(authorization: str) -> str | None:
    """The key in a Bearer or Basic header."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            return base64.b64decode(value).decode().partition(":")[0]
        return None
    return value or None


def _break(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
