"""A store with a key and a webhook secret, the fake at the other end, and nova's first invoice there: for tests of what
comes in by the command line. It asserts nothing but that this was set up.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from planctl import clock
from tests import stores
from tests.cli.conftest import Result, Run
from tests.fakes.stripe import FakeStripe

SECRET = "whsec_FakeStripeWebhookSecret00000000"


def kept_file(path: Path, text: str) -> str:
    path.write_text(text, encoding="ascii")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def ready(acme: Run, stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run` with a key and a webhook secret in files, the fake at the other end, and its clock."""
    monkeypatch.setattr(clock, "now", lambda: stripe.clock.now * 1_000_000)
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", kept_file(tmp_path / "stripe.key", stripe.key))
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_FILE", kept_file(tmp_path / "webhook.secret", SECRET))
    return acme


@pytest.fixture
def planctl(ready: Run) -> Run:
    """`ready` with nova's first invoice at the fake."""
    for words in (
        ["stripe", "setup"],
        ["subscribe", "nova", "starter", "--pay", "month", "--no-trial", "--yes"],
        ["stripe", "push", "--only", "customers", "--only", "invoices"],
    ):
        assert ready(*words).exit_code == 0
    return ready


@pytest.fixture
def paid(planctl: Run, stripe: FakeStripe) -> str:
    """The invoice was paid at Stripe; the id of the event that says so."""
    (invoice,) = stripe.objects("invoice")
    stripe.pay_invoice(invoice["id"])
    return str(next(one["id"] for one in stripe.events if one["type"] == "invoice.paid"))


@pytest.fixture
def tell(ready: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `stripe webhook` with a body on standard input."""

    def told(body: bytes, header: str, *words: str) -> Result:
        class Stdin:
            buffer = io.BytesIO(body)

        with monkeypatch.context() as patch:
            patch.setattr("sys.stdin", Stdin)
            return ready("stripe", "webhook", "--signature", header, *words)

    return told


def status(planctl: Run) -> str:
    shown = planctl("invoice", "show", "INV-2026-00001", "-f", "json")
    return str(shown.json["status"])


def close_books(planctl: Run, day: str) -> None:
    assert planctl("config", "set", "books.closed_through", day, "--reason", "year end").exit_code == 0


def events_kept(tmp_path: Path) -> dict[str, str]:
    with stores.raw(tmp_path / "store.db") as store:
        return dict(store.execute("SELECT event_id, state FROM stripe_event").fetchall())
