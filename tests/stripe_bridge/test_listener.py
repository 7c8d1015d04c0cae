"""The small server for webhooks: what it answers, and that nothing a client sends stops it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection

import pytest

from planctl.errors import PlanctlError, Refused, WrongUsage
from planctl.stripe_bridge import listener
from planctl.stripe_bridge.listener import Listener, Reply, loopback_address

MIB = 1_048_576


@dataclass
class Standing:
    """A server that is running, and what it took in: bodies and signatures."""

    port: int = 0
    taken: list[tuple[bytes, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    fails: bool = False

    def take(self, body: bytes, signature: str) -> Reply:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.taken.append((body, signature))
        self.at_once -= 1
        if self.fails:
            raise ConnectionError("as if the client were gone")
        return Reply(200, "done")

    def ask(self, method: str, path: str = "/", body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """One request; the status and the text of the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode().strip()
        finally:
            connection.close()

    def raw(self, sent: bytes) -> bytes:
        """Bytes as they are, and what comes back until it hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            found = b""
            while part := client.recv(65_536):
                found += part
            return found


@contextmanager
def serving(found: Standing) -> Iterator[Standing]:
    """Serve on a thread until the end of the block."""
    over = threading.Event()
    server = Listener("127.0.0.1", 0, found.take)
    found.port = int(server.address.rpartition(":")[2])
    thread = threading.Thread(target=server.serve, args=(over.is_set,))
    thread.start()
    yield found
    over.set()
    thread.join(30)
    server.close()
    assert not thread.is_alive()


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standing]:
    monkeypatch.setattr(listener, "_TICK_SECONDS", 0.01)
    with serving(Standing()) as found:
        yield found


def test_a_body_is_handed_on_with_its_signature_as_it_came(standing: Standing) -> None:
    assert standing.ask("POST", "/stripe", b'{"id": "evt_1"}', Stripe_Signature="t=1,v1=ab") == (200, "done")
    assert standing.taken == [(b'{"id": "evt_1"}', "t=1,v1=ab")]


def test_health_is_asked_for_without_a_body(standing: Standing) -> None:
    assert standing.ask("GET", "/health") == (200, "ok")
    assert standing.taken == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_nothing_but_posts_is_taken(standing: Standing, method: str) -> None:
    assert standing.ask(method, "/stripe") == (405, "only POST")


def test_a_head_has_no_body_in_its_answer(standing: Standing) -> None:
    answer = standing.raw(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.endswith(b"\r\n\r\n")


def test_a_mebibyte_is_taken_and_more_is_not(standing: Standing) -> None:
    assert standing.ask("POST", "/", b"x" * MIB)[0] == 200
    assert standing.ask("POST", "/", b"x" * (MIB + 1)) == (413, "the body is longer than 1 MiB")
    assert len(standing.taken) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"", 411),
        (b"Transfer-Encoding: chunked\r\n", 411),
        (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 411),
        (b"Content-Length: three\r\n", 400),
        (b"Content-Length: -3\r\n", 400),
        (b"Content-Length: 3\r\nContent-Length: 3\r\n", 400),
        (b"Content-Length: " + b"9" * 5_000 + b"\r\n", 413),
    ],
)
def test_the_length_must_be_said_once_and_be_one(standing: Standing, headers: bytes, status: int) -> None:
    answer = standing.raw(b"POST / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\nabc")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert standing.taken == []


def test_two_signatures_are_none(standing: Standing) -> None:
    standing.raw(
        b"POST / HTTP/1.1\r\nStripe-Signature: a\r\nStripe-Signature: b\r\nContent-Length: 1\r\n\r\nx"
    )
    assert standing.taken == [(b"x", "")]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"\x00\xff\x16\x03\x01",
        b"POST\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"POST " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\ntoo little",
        b"<script>alert(1)</script> <b> HTTP/1.1\r\n\r\n",
    ],
)
def test_whatever_is_sent_it_goes_on_and_repeats_nothing_of_it(standing: Standing, sent: bytes) -> None:
    assert b"script" not in standing.raw(sent)
    assert standing.taken == []
    assert standing.ask("POST", "/", b"x") == (200, "done")


def test_a_client_that_is_gone_before_the_answer_stops_nothing(standing: Standing) -> None:
    standing.fails = True
    assert standing.raw(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx") == b""
    standing.fails = False
    assert standing.ask("POST", "/", b"x") == (200, "done")


@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_client_that_is_too_slow_is_cut_off(
    standing: Standing, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(listener, "PATIENCE_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", standing.port), timeout=30) as client:
        client.sendall(sent)
        assert client.recv(1) == b""
    monkeypatch.setattr(listener, "PATIENCE_SECONDS", 10)
    assert standing.ask("POST", "/", b"x") == (200, "done")
    assert len(standing.taken) == 1


def test_a_client_that_drips_has_no_more_time_than_any_other(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "PATIENCE_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", standing.port), timeout=0.01) as client:
        cut = False
        for _ in range(10_000):  # each byte comes in time, all together do not
            try:
                client.sendall(b"P")
                cut = client.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                cut = True
            if cut:
                break
    assert cut


def test_clients_that_say_nothing_hold_nobody_up(standing: Standing) -> None:
    """Each of them has ten seconds, and the request less than forty."""
    idle = [socket.create_connection(("127.0.0.1", standing.port), timeout=30) for _ in range(4)]
    assert standing.ask("POST", "/", b"x") == (200, "done")
    for one in idle:
        one.close()


def test_more_clients_than_are_read_at_once_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_TICK_SECONDS", 0.01)
    monkeypatch.setattr(listener, "MOST_CLIENTS", 1)
    monkeypatch.setattr(listener, "PATIENCE_SECONDS", 0.5)
    with serving(Standing()) as standing, socket.create_connection(("127.0.0.1", standing.port), timeout=30):
        assert standing.ask("POST", "/", b"x") == (200, "done")


def test_what_still_waits_when_it_ends_is_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_TICK_SECONDS", 0.01)
    over, answers = threading.Event(), list[int]()
    standing = Standing()
    clients = [
        threading.Thread(target=lambda: answers.append(standing.ask("POST", "/", b"x")[0])) for _ in range(2)
    ]

    def take(_body: bytes, _signature: str) -> Reply:
        clients[1].start()
        while server._server.waiting.empty():
            clients[1].join(0.01)
        over.set()
        return Reply(200, "done")

    server = Listener("127.0.0.1", 0, take)
    standing.port = int(server.address.rpartition(":")[2])
    clients[0].start()
    server.serve(over.is_set)
    server.close()
    for client in clients:
        client.join(30)
    assert sorted(answers) == [200, 503]


def test_one_request_is_answered_after_the_other(standing: Standing) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(standing.ask("POST", "/", b"x")[0])) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (answers, standing.most_at_once) == ([200] * 20, 1)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4242", ("127.0.0.1", 4242)),
        ("127.9.9.9:0", ("127.9.9.9", 0)),
        ("localhost:1", ("127.0.0.1", 1)),
        ("[::1]:65535", ("::1", 65_535)),
    ],
)
def test_an_address_of_this_machine_alone_is_one(text: str, address: tuple[str, int]) -> None:
    assert loopback_address(text) == address


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("0.0.0.0:1", Refused),
        ("10.0.0.1:1", Refused),
        ("[2001:db8::1]:1", Refused),
        ("127.0.0.1", WrongUsage),
        (":1", WrongUsage),
        ("127.0.0.1:", WrongUsage),
        ("127.0.0.1:65536", WrongUsage),
        ("127.0.0.1:\u0661", WrongUsage),
        ("stripe.example:1", WrongUsage),
        ("", WrongUsage),
    ],
)
def test_every_other_address_is_refused(text: str, error: type[PlanctlError]) -> None:
    with pytest.raises(error):
        loopback_address(text)


def test_ipv6_is_listened_to_where_the_machine_has_it() -> None:
    if not socket.has_ipv6:
        return
    try:
        server = Listener("::1", 0, lambda _body, _signature: Reply(200, ""))
    except PlanctlError:
        return  # no loopback of its own
    assert server.address.startswith("[::1]:")
    server.close()
