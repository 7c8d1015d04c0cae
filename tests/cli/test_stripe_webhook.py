"""`planctl stripe pull` and `stripe webhook` against the fake: exit codes, what is said, audited and answered.

The machine's clock stands where the fake's does, at the beginning of 2026. nova runs starter for 19.00 USD a month,
and its first invoice was pushed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import Result, Run
from tests.cli.stripe_hooks import (
    SECRET,
    close_books,
    events_kept,
    kept_file,
    paid,
    planctl,
    ready,
    status,
    tell,
)
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.fixture import stripe
from tests.fakes.stripe.signing import header_of
from tests.stores import edited

__all__ = ["paid", "planctl", "ready", "stripe", "tell"]


# --- pull


def test_pull_takes_in_what_happened_and_says_what_changed(
    planctl: Run, paid: str, stripe: FakeStripe
) -> None:
    shown = planctl("stripe", "pull")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.startswith("2 events since 2026-01-01T00:00:00Z: 2 taken in\n")
    assert "INV-2026-00001" in shown.stdout
    assert status(planctl) == "paid"
    again = planctl("stripe", "pull", "-f", "json").json
    assert again["counts"] == {"done": 0, "duplicate": 2, "ignored": 0, "parked": 0}
    assert again["events"] == []


def test_pull_in_json_names_event_object_amount_and_instant(
    planctl: Run, paid: str, stripe: FakeStripe
) -> None:
    document = planctl("stripe", "pull", "-f", "json").json
    (event,) = document["events"]
    assert (event["type"], event["outcome"]) == ("invoice_payment.paid", "done")
    (fact,) = event["facts"]
    assert fact == {
        "what": "payment",
        "stripe_id": stripe.objects("payment_intent")[0]["id"],
        "customer": "nova",
        "invoice": "INV-2026-00001",
        "amount": "19.00",
        "currency": "USD",
        "at": "2026-01-01T00:00:00Z",
        "note": None,
    }


def test_a_dry_run_shows_the_same_once_and_keeps_nothing(planctl: Run, paid: str, tmp_path: Path) -> None:
    shown = planctl("stripe", "pull", "--dry-run", "-f", "json")
    assert shown.exit_code == 0, shown.stderr
    assert [fact["what"] for event in shown.json["events"] for fact in event["facts"]] == ["payment"]
    assert "nothing was written (dry run)" in shown.stderr
    assert (status(planctl), events_kept(tmp_path)) == ("open", {})


def test_the_same_key_answers_the_same(planctl: Run, paid: str) -> None:
    first = planctl("stripe", "pull", "--key", "monday", "-f", "json")
    again = planctl("stripe", "pull", "--key", "monday", "-f", "json")
    assert first.json == again.json
    assert "exists" in again.stderr


def test_what_waits_for_a_person_is_exit_code_1_with_the_way_on(
    planctl: Run, paid: str, stripe: FakeStripe
) -> None:
    close_books(planctl, "2026-01-01")
    shown = planctl("stripe", "pull")
    assert shown.exit_code == 1
    first = next(one["id"] for one in stripe.events if one["type"] == "invoice_payment.paid")
    assert f"planctl stripe resolve {first} --retry|--drop --reason TEXT" in shown.stderr
    assert planctl("stripe", "status").exit_code == 1


def test_every_change_is_audited_with_ids_and_amounts_and_no_name(planctl: Run, paid: str) -> None:
    planctl("stripe", "pull")
    entries = planctl("audit", "log", "-f", "json").json
    (entry,) = [one for one in entries if one["command"] == "stripe pull" and "counts" in one]
    assert entry["counts"] == {"payment": "1"}
    assert entry["totals"] == {"USD": "19.00"}
    assert "Nova GmbH" not in json.dumps(entry)


def test_a_store_that_was_never_set_up_says_so(
    acme: Run, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY", stripe.key)
    shown = acme("stripe", "pull", "-f", "json")
    assert (shown.exit_code, shown.error["code"]) == (4, "stripe-not-set-up")


def test_where_stripe_does_not_answer_the_exit_code_says_to_come_again(
    planctl: Run, paid: str, stripe: FakeStripe
) -> None:
    stripe.faults.add(Fault("GET", "/v1/events", "drop_before", times=9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("planctl.stripe_bridge.gateway.backoff", lambda *_: 0)
        assert planctl("stripe", "pull").exit_code == 75
    assert status(planctl) == "open"


# --- one event on standard input


def test_an_event_is_taken_in_once(
    paid: str, tell: Callable[..., Result], planctl: Run, stripe: FakeStripe
) -> None:
    shown = tell(*stripe.signed(paid))
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.startswith(
        f"{paid} invoice.paid: taken in\n  payment · 19.00 USD · INV-2026-00001 of nova"
    )
    assert status(planctl) == "paid"
    again = tell(*stripe.signed(paid), "-f", "json")
    assert (again.exit_code, again.json["outcome"]) == (0, "duplicate")


def test_an_event_that_pull_has_read_is_known_to_the_webhook_and_the_other_way_round(
    paid: str, tell: Callable[..., Result], planctl: Run, stripe: FakeStripe
) -> None:
    tell(*stripe.signed(paid))
    counts = planctl("stripe", "pull", "-f", "json").json["counts"]
    assert (counts["done"], counts["duplicate"]) == (1, 1)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_signature_of_300_seconds_ago_or_ahead_is_good(
    paid: str, tell: Callable[..., Result], stripe: FakeStripe, seconds: int
) -> None:
    assert tell(*stripe.signed(paid, at=stripe.clock.now + seconds)).exit_code == 0


@pytest.mark.parametrize(
    ("secret", "seconds", "code"),
    [
        ("whsec_SomebodyElses", 0, "webhook-signature"),
        (SECRET, -301, "webhook-time"),
        (SECRET, 301, "webhook-time"),
    ],
)
def test_forged_old_and_future_events_change_nothing_and_open_no_socket(
    paid: str,
    tell: Callable[..., Result],
    planctl: Run,
    stripe: FakeStripe,
    tmp_path: Path,
    secret: str,
    seconds: int,
    code: str,
) -> None:
    asked = len(stripe.requests)
    shown = tell(*stripe.signed(paid, secret, stripe.clock.now + seconds), "-f", "json")
    assert (shown.exit_code, shown.error["code"]) == (77, code)
    assert len(stripe.requests) == asked
    assert (status(planctl), events_kept(tmp_path)) == ("open", {})


@pytest.mark.parametrize("header", ["", "t=1,v1=00", "nonsense"])
def test_a_header_that_is_empty_or_none_of_stripes_is_forged(
    paid: str, tell: Callable[..., Result], stripe: FakeStripe, header: str
) -> None:
    body, _ = stripe.signed(paid)
    assert tell(body, header).exit_code == 77


def test_a_body_that_was_changed_on_the_way_is_forged(
    paid: str, tell: Callable[..., Result], stripe: FakeStripe
) -> None:
    body, header = stripe.signed(paid)
    assert tell(body.replace(b"1900", b"9900"), header).exit_code == 77


def test_F113_without_a_secret_nothing_is_accepted(
    paid: str, tell: Callable[..., Result], stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET_FILE")
    shown = tell(*stripe.signed(paid), "-f", "json")
    assert (shown.exit_code, shown.error["code"]) == (77, "no-webhook-secret")


def test_the_signature_is_looked_at_before_the_store(
    paid: str,
    tell: Callable[..., Result],
    stripe: FakeStripe,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("PLANCTL_STORE", str(tmp_path / "nowhere" / "store.db"))
    assert tell(*stripe.signed(paid, "whsec_SomebodyElses")).exit_code == 77
    assert tell(*stripe.signed(paid)).exit_code == 74


def test_while_a_secret_is_rotated_both_are_good(
    paid: str,
    tell: Callable[..., Result],
    stripe: FakeStripe,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    both = kept_file(tmp_path / "both.secret", f"whsec_TheNewOne\n{SECRET}")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_FILE", both)
    assert tell(*stripe.signed(paid)).exit_code == 0
    assert tell(*stripe.signed(paid, "whsec_TheNewOne")).exit_code == 0


def test_what_is_longer_than_any_event_is_believed_of_nobody(
    tell: Callable[..., Result], stripe: FakeStripe
) -> None:
    body = b" " * 1_048_577
    shown = tell(body, header_of(body, [SECRET], stripe.clock.now), "-f", "json")
    assert (shown.exit_code, shown.error["code"]) == (77, "webhook-signature")


def test_two_events_of_one_payment_that_cannot_be_written_are_one_decision(
    paid: str, tell: Callable[..., Result], planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    close_books(planctl, "2026-01-01")
    other = next(one["id"] for one in stripe.events if one["type"] == "invoice_payment.paid")
    assert tell(*stripe.signed(other)).exit_code == 1
    second = tell(*stripe.signed(paid))
    assert second.exit_code == 0
    assert f"the rest waits already: {other}" in second.stdout
    assert "hint: date it later" in planctl("stripe", "status").stdout
    assert planctl("stripe", "resolve", other, "--drop", "--reason", "by hand").exit_code == 0
    assert planctl("stripe", "status").exit_code == 0
    assert events_kept(tmp_path) == {other: "dropped", paid: "done"}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": 1}', b"\xff", b"{" * 50_000])
def test_what_is_signed_and_no_event_is_invalid_input(
    tell: Callable[..., Result], stripe: FakeStripe, body: bytes
) -> None:
    shown = tell(body, header_of(body, [SECRET], stripe.clock.now), "-f", "json")
    assert (shown.exit_code, shown.error["code"]) == (3, "webhook-body")


def test_an_event_of_somebody_else_is_0_and_one_that_waits_1(
    paid: str, tell: Callable[..., Result], planctl: Run, stripe: FakeStripe
) -> None:
    close_books(planctl, "2026-01-01")
    assert tell(*stripe.signed(paid)).exit_code == 1
    created = next(one["id"] for one in stripe.events if one["type"] == "customer.created")
    shown = tell(*stripe.signed(created), "-f", "json")
    assert (shown.exit_code, shown.json["outcome"]) == (0, "ignored")


def test_what_waits_is_taken_in_or_let_be_by_a_person(
    paid: str, tell: Callable[..., Result], planctl: Run, stripe: FakeStripe, tmp_path: Path
) -> None:
    close_books(planctl, "2026-01-01")
    tell(*stripe.signed(paid))
    retry = ("stripe", "resolve", paid, "--retry", "--reason", "books are open again")
    assert planctl(*retry).exit_code == 1
    close_books(planctl, "2025-12-31")
    assert planctl(*retry).exit_code == 0
    assert status(planctl) == "paid"
    other = next(one["id"] for one in stripe.events if one["type"] == "invoice_payment.paid")
    close_books(planctl, "2026-01-01")
    edited(tmp_path / "store.db", "DELETE FROM operation WHERE key LIKE 'stripe:%'")
    tell(*stripe.signed(other))
    shown = planctl("stripe", "resolve", other, "--drop", "--reason", "it is here already", "-f", "json")
    assert (shown.exit_code, shown.json["outcome"]) == (0, "dropped")
    assert events_kept(tmp_path) == {paid: "done", other: "dropped"}
    assert planctl("stripe", "resolve", other, "--drop", "--reason", "again").exit_code == 4


@pytest.mark.parametrize("words", [[], ["--signature", "t=1,v1=00", "--listen", "127.0.0.1:0"]])
def test_one_event_or_listening_must_be_said(ready: Run, words: list[str]) -> None:
    assert ready("stripe", "webhook", *words).exit_code == 64


def test_where_the_store_is_busy_nothing_is_kept_and_it_may_come_again(
    paid: str,
    tell: Callable[..., Result],
    planctl: Run,
    stripe: FakeStripe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLANCTL_WAIT", "0")
    with stores.busy(tmp_path / "store.db"):
        assert tell(*stripe.signed(paid)).exit_code == 75
        assert planctl("stripe", "pull").exit_code == 75
    assert events_kept(tmp_path) == {}
    assert tell(*stripe.signed(paid)).exit_code == 0
