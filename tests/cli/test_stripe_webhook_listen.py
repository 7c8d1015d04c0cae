"""`planctl stripe webhook --listen` against the fake, mostly as a process: what it answers, logs, and ends with.

nova runs starter for 19.00 USD a month, and its first invoice was pushed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from planctl import clock
from tests import stores
from tests.cli.conftest import Run
from tests.cli.stripe_hooks import SECRET, kept_file, planctl, ready, status
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.fixture import stripe
from tests.fakes.stripe.signing import post

__all__ = ["planctl", "ready", "stripe"]

ROOT = Path(__file__).parents[2]

HEARING = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "import runpy; runpy.run_module('planctl', run_name='__main__', alter_sys=True)"
)
"""planctl as at a terminal: a shell starts what runs in the background deaf to SIGINT, and its children inherit it."""


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("0.0.0.0:4242", 4),
        ("192.168.1.5:4242", 4),
        ("[::]:4242", 4),
        ("4242", 64),
        ("127.0.0.1", 64),
        ("127.0.0.1:66666", 64),
        ("example.com:4242", 64),
        ("127.0.0.1:-1", 64),
    ],
)
def test_nothing_but_this_machine_is_listened_to(ready: Run, address: str, code: int) -> None:
    assert ready("stripe", "webhook", "--listen", address).exit_code == code


@pytest.mark.parametrize("words", [["--dry-run"], ["--key", "k"]])
def test_what_is_for_one_event_is_not_for_listening(ready: Run, words: list[str]) -> None:
    assert ready("stripe", "webhook", "--listen", "127.0.0.1:0", *words).exit_code == 64


def test_F113_without_a_secret_nobody_listens(ready: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET_FILE")
    assert ready("stripe", "webhook", "--listen", "127.0.0.1:0").exit_code == 77


@dataclass
class Listening:
    """`stripe webhook --listen` as a process: its address, and what it writes to stderr."""

    process: subprocess.Popen[str]
    address: str
    log: Path

    def get(self, event_id: str, stripe: FakeStripe, secret: str = SECRET) -> int:
        """Deliver an event; the status of the answer."""
        return post(f"http://{self.address}/stripe", *stripe.signed(event_id, secret))

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(300)

    def said(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def listening(
    acme: Run, stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Listening]:
    """It listens, with nova's first invoice at the fake."""
    # A process has no clock but the machine's, and takes no signature that is older than 300 s by it.
    stripe.clock.now = clock.now() // 1_000_000
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", kept_file(tmp_path / "stripe.key", stripe.key))
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_FILE", kept_file(tmp_path / "webhook.secret", SECRET))
    monkeypatch.setenv("PLANCTL_WAIT", "0")
    for words in (
        ["stripe", "setup"],
        ["subscribe", "nova", "starter", "--pay", "month", "--no-trial", "--yes"],
        ["stripe", "push", "--only", "customers", "--only", "invoices"],
    ):
        assert acme(*words).exit_code == 0
    with listening_process(tmp_path) as found:
        yield found


@contextmanager
def listening_process(tmp_path: Path) -> Iterator[Listening]:
    log = tmp_path / "listen.log"
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", HEARING, "stripe", "webhook", "--listen", "127.0.0.1:0"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on 127.0.0.1:"), log.read_text(encoding="utf-8")
            yield Listening(process, line.removeprefix("listening on ").strip(), log)
        finally:
            process.kill()
            process.wait(300)
            assert process.stdout is not None
            process.stdout.close()


def pay(stripe: FakeStripe) -> str:
    """The invoice is paid at Stripe; the id of the event that says so."""
    (invoice,) = stripe.objects("invoice")
    stripe.pay_invoice(invoice["id"])
    return str(next(one["id"] for one in stripe.events if one["type"] == "invoice.paid"))


@pytest.mark.slow
def test_what_comes_while_listening_is_taken_in_once_with_a_line_for_each_and_no_name(
    listening: Listening, acme: Run, stripe: FakeStripe
) -> None:
    event = pay(stripe)
    answers = [
        listening.get(event, stripe),
        listening.get(event, stripe),
        listening.get(event, stripe, "whsec_x"),
    ]
    assert answers == [200, 200, 400]
    created = next(one["id"] for one in stripe.events if one["type"] == "customer.created")
    assert listening.get(created, stripe) == 200
    assert status(acme) == "paid"
    assert listening.end(signal.SIGTERM) == 0
    assert listening.said()[-4:] == [
        f"{event} invoice.paid: done",
        f"{event} invoice.paid: duplicate",
        "refused: webhook-signature",
        f"{created} customer.created: ignored",
    ]
    assert "Nova" not in listening.log.read_text(encoding="utf-8")


@pytest.mark.slow
def test_while_the_store_is_busy_stripe_is_asked_to_send_it_again(
    listening: Listening, acme: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    event = pay(stripe)
    with stores.busy(tmp_path / "store.db"):
        assert listening.get(event, stripe) == 503
    stripe.faults.add(Fault("GET", "/v1/invoices/", "503", times=3))
    assert listening.get(event, stripe) == 503
    assert listening.get(event, stripe) == 200
    assert status(acme) == "paid"


@pytest.mark.slow
def test_what_waits_for_a_person_is_kept_and_not_sent_again(
    listening: Listening, acme: Run, stripe: FakeStripe
) -> None:
    event = pay(stripe)
    (payment,) = stripe.objects("invoice_payment")
    stripe.edit(payment["id"], currency="eur")
    assert listening.get(event, stripe) == 200
    assert listening.said()[-1] == f"{event} invoice.paid: parked"
    assert acme("stripe", "status").exit_code == 1


@pytest.mark.slow
def test_interrupted_it_ends_as_every_command_does(listening: Listening, stripe: FakeStripe) -> None:
    assert listening.get(pay(stripe), stripe) == 200
    assert listening.end(signal.SIGINT) == 130
    assert listening.said()[-2:] == ["interrupted", "What was taken in is kept."]


def test_a_port_that_is_taken_is_said(planctl: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        shown = planctl("stripe", "webhook", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "-f", "json")
    assert (shown.exit_code, shown.error["code"]) == (74, "cannot-listen")
