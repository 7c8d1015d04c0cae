"""A server on a loopback port that says what a test tells it, well-formed or not. It knows nothing of Stripe."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from planctl.core.stripe.model import Operation
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key

SECRET = "sk_test_51ScriptedServerSecret000000abcd"
MS = 1_000_000
SECOND = 1_000 * MS


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. `announced` is a Content-Length other than the body's; `held`: it never comes."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Got:
    """One request; the names of its headers are in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Scripted(ThreadingHTTPServer):
    """Serves from `with` to the end of it: each answer once, the last for ever."""

    daemon_threads = True

    def __init__(self, *answers: Said) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.got: list[Got] = []
        self.let_go = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def address(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_answer(self) -> Said:
        """What is said to this request."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append(Got(self.command, self.path, headers, self.rfile.read(length)))
        said = self.server.next_answer()
        if said.held:
            self.server.let_go.wait(10)
            return
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said.body) if said.announced is None else said.announced))
        self.end_headers()
        self.wfile.write(said.body)

    do_POST = do_GET
    do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Clock:
    """A monotonic clock that moves only when somebody sleeps or says so; `slept` in milliseconds."""

    def __init__(self) -> None:
        self.now = 5_000 * MS
        self.slept: list[int] = []

    def read(self) -> int:
        """Nanoseconds."""
        return self.now

    def sleep(self, nanoseconds: int) -> None:
        """Move on."""
        self.slept.append(nanoseconds // MS)
        self.now += nanoseconds

    def takes(self, seconds: int) -> Callable[[object], None]:
        """A hook that lets so much time go by."""

        def passes(_: object) -> None:
            self.now += seconds * SECOND

        return passes


def said(document: object, status: int = 200, **headers: str) -> Said:
    """An answer in JSON; `Retry_After="3"` is the header Retry-After."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(json.dumps(document).encode(), status, names)


def error(status: int, kind: str = "invalid_request_error", **more: str) -> Said:
    """An error as Stripe writes one; names that begin with a capital are headers."""
    headers = {name: value for name, value in more.items() if name[0].isupper()}
    details = {name: value for name, value in more.items() if name not in headers}
    return said({"error": {"type": kind, **details}}, status, **headers)


def gateway_to(address: str, clock: Clock | None = None, secret: str = SECRET) -> Gateway:
    """A gateway that never really sleeps."""
    moving = clock or Clock()
    return Gateway(Key(secret, False, False, "test"), address, moving.sleep, moving.read)


def stored(body: bytes = b"name=Pro", path: str = "/v1/products", method: Any = "POST") -> Operation:
    """A call as the outbox keeps it."""
    return Operation(
        "op_1", "product", "pro", "create", 1, "planctl:st:product:pro:create:1", method, path, body
    )
