"""A shop at the fake of Stripe, for the tests of `planctl stripe …`: a key with all rights, and what waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.facts_notice import Notice
from planctl.core.stripe.model import Call, State
from planctl.store import stripe_account, stripe_events, stripe_outbox
from planctl.store.engine import Tx, open_store
from planctl.store.stripe_events import EventState, KeptEvent
from tests import stores
from tests.cli.conftest import Run
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe

__all__ = ["stripe"]

RESTRICTED = "rk_test_51RestrictedForTheTests0000000042"
ALL_RIGHTS = {
    "account": "read",
    "products": "write",
    "prices": "write",
    "coupons": "write",
    "tax_rates": "write",
    "customers": "write",
    "invoices": "write",
    "credit_notes": "write",
    "refunds": "write",
    "checkout": "write",
    "billing_portal": "write",
    "events": "read",
    "payment_intents": "read",
    "payment_methods": "read",
    "setup_intents": "read",
    "disputes": "read",
}
"""What planctl needs, by the names that the fake has."""

AT = Instant(1_767_225_600_000_000)  # 2026-01-01T00:00:00Z


@pytest.fixture
def planctl(shop: Run, stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run` with a test store, the fake at the other end, and a restricted key in a file that a variable names."""
    stripe.add_key(RESTRICTED, ALL_RIGHTS)  # type: ignore[arg-type]
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", str(key_file(tmp_path / "stripe.key", RESTRICTED)))
    return shop


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[Callable[[Tx], Any]], Any]:
    """Does something in a transaction of the store of `run`."""

    def kept(work: Callable[[Tx], Any]) -> Any:
        with open_store(stores.url(tmp_path / "store.db")) as store, store.write() as tx:
            return work(tx)

    return kept


def key_file(path: Path, key: str) -> Path:
    """A file with a key that only its owner can read."""
    path.write_text(f"{key}\n", encoding="ascii")
    path.chmod(0o600)
    return path


def made_up(tx: Tx, call: Call, body: bytes = b"", note: str = "400 parameter_invalid No such thing") -> str:
    """A call that was sent and waits for a person; its id."""
    account = stripe_account.account(tx)
    key = f"planctl:test:{call.kind}:{call.local_id}:{call.action}:{call.revision}"
    one = stripe_outbox.add(tx, account, call, key, body, AT)
    parked = replace(one, state=State.PARKED, first_sent_at=AT, tries=1, request_id="req_1", note=note)
    stripe_outbox.save(tx, parked)
    return one.id


def parked_event(tx: Tx, event_id: str, state: EventState, why: str) -> None:
    """An event that was read on 2026-01-01."""
    notice = Notice(event_id, "invoice.paid", "in_1", "in_1", AT, live=False)
    stripe_events.keep(tx, KeptEvent(notice, state, AT, why))
