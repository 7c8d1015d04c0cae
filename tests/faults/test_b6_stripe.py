"""Faults of other systems between their books and Stripe, each with the proof that planctl does not have it.

Commands run against the fake of Stripe on loopback. nova owes 19.00 USD for Starter, `INV-2026-00001`.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from planctl.core.stripe.model import Operation, State
from planctl.store import stripe_account, stripe_outbox
from planctl.store.engine import open_store
from tests import stores
from tests.cli.conftest import SHOP, Result, Run, run, shop, template
from tests.cli.stripe_desk import done, number_of, one_clock, ours, planctl, sell, there
from tests.cli.stripe_shop import key_file
from tests.fakes.stripe import FakeStripe, Fault
from tests.fakes.stripe.fixture import stripe
from tests.fakes.stripe.signing import header_of

__all__ = ["one_clock", "planctl", "run", "shop", "stripe", "template", "there"]

NUMBER = "INV-2026-00001"
SECRET = "whsec_FakeStripeWebhookSecret00000000"
HOUR = 3_600


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr("planctl.stripe_bridge.gateway.backoff", lambda *_: 0)


@pytest.fixture(autouse=True)
def sound(run: Run) -> object:
    """However a fault ends, every law of the store holds after it."""
    yield
    assert done(run("doctor", "--quiet")).stdout == ""


@pytest.fixture
def told(planctl: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `stripe webhook` with a body on standard input, and the secret in a file."""
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_FILE", str(key_file(tmp_path / "webhook.secret", SECRET)))

    def tell(body: bytes, header: str) -> Result:
        class Stdin:
            buffer = io.BytesIO(body)

        with monkeypatch.context() as patch:
            patch.setattr("sys.stdin", Stdin)
            return planctl("stripe", "webhook", "--signature", header)

    return tell


def pushed(planctl: Run) -> None:
    done(planctl("stripe", "push"))


def calls(tmp_path: Path) -> list[Operation]:
    """Every call to Stripe that the store knows of."""
    with open_store(stores.url(tmp_path / "store.db")) as store, store.read() as tx:
        return stripe_outbox.in_state(tx, stripe_account.account(tx), set(State))


def status(planctl: Run) -> str:
    return str(planctl("invoice", "show", NUMBER, "-f", "json").json["status"])


def event_of(stripe: FakeStripe, type: str) -> str:
    return str(next(one["id"] for one in stripe.events if one["type"] == type))


def paid(planctl: Run, stripe: FakeStripe) -> str:
    """The invoice was paid at Stripe; the id of the event that says so."""
    pushed(planctl)
    stripe.pay_invoice(ours(stripe, "invoice", invoice_id(planctl))["id"])
    return event_of(stripe, "invoice_payment.paid")


def invoice_id(planctl: Run) -> str:
    return str(planctl("invoice", "show", NUMBER, "-f", "json").json["id"])


def test_F097_a_lost_answer_and_the_next_push_make_one_object(planctl: Run, there: FakeStripe) -> None:
    """The answer to a creation is lost and the next run repeats it: two objects. Source: stripe-python, measured."""
    there.faults.add(Fault("POST", "/v1/invoices$", "drop_after", times=99))
    assert planctl("stripe", "push").exit_code == 75
    there.faults.clear()
    pushed(planctl)
    assert len(there.objects("invoice")) == 1
    assert number_of(there) == [NUMBER]


def test_F099_no_two_actions_share_a_key_and_no_two_stores_do(planctl: Run, tmp_path: Path) -> None:
    """A key too coarse replays the answer of another action. Source: Flexprice@75b62384e, @768c80eca."""
    pushed(planctl)
    keys = [one.key for one in calls(tmp_path)]
    assert len(keys) == len(set(keys)) >= 8
    identity = planctl("store", "info", "-f", "json").json["id"]
    assert all(identity in key for key in keys)
    assert all(len(key) <= 255 for key in keys)


def test_F100_a_call_that_was_sent_is_sent_again_with_the_bytes_it_had(
    planctl: Run, there: FakeStripe
) -> None:
    """A key is used again with another body, and the push is stuck for ever. Source: Lago@937781bc8 (#1985)."""
    there.faults.add(Fault("POST", "/v1/customers$", "drop_after", times=99))
    assert planctl("stripe", "push").exit_code == 75
    there.faults.clear()
    done(planctl("customer", "update", "nova", "--name", "Nova, renamed meanwhile"))
    pushed(planctl)
    first, *again = there.posts("/v1/customers")
    assert [one.body for one in again if one.path == "/v1/customers"] != []
    assert {one.body for one in again if one.path == "/v1/customers"} == {first.body}
    assert len(there.objects("customer")) == 1


@pytest.mark.parametrize("was_made", [True, False])
def test_F101_after_a_day_nothing_is_sent_again_but_looked_for(
    planctl: Run, there: FakeStripe, was_made: bool
) -> None:
    """Stripe forgets keys after 24 hours, so that resending doubles. Source: Stripe, idempotent requests."""
    pushed_customers = ("stripe", "push", "--only", "customers")
    there.faults.add(Fault("POST", "/v1/customers$", "drop_after" if was_made else "drop_before", times=99))
    assert planctl(*pushed_customers).exit_code == 75
    there.faults.clear()
    there.clock.advance(25 * HOUR)
    there.requests.clear()
    again = planctl(*pushed_customers)
    assert again.exit_code == (0 if was_made else 1)
    assert there.posts("/v1/customers") == []
    if was_made:
        assert len(there.objects("customer")) == 1
    else:
        assert there.objects("customer") == []
        assert "--resend|--adopt ID|--drop --reason TEXT" in again.stdout


def test_F103_an_error_that_stripe_replays_is_not_asked_for_again(planctl: Run, there: FakeStripe) -> None:
    """A 500 is kept under its key and replayed for ever. Source: Stripe, idempotent requests."""
    there.faults.add(Fault("POST", "/v1/customers$", "500_after"))
    planctl("stripe", "push", "--only", "customers")
    done(planctl("stripe", "push", "--only", "customers"))
    sent = [one for one in there.posts("/v1/customers") if one.path == "/v1/customers"]
    assert len(sent) <= 3
    assert len(there.objects("customer")) == 1


@pytest.mark.parametrize(("kind", "says", "tries"), [("429", "", 3), ("409", "", 3), ("503", "false", 1)])
def test_F104_a_busy_stripe_is_left_alone_after_a_few_tries(
    planctl: Run, there: FakeStripe, kind: str, says: str, tries: int
) -> None:
    """Answers of 409 and 429, and what says not to try again, are hammered. Source: stripe-python, _http_client."""
    there.faults.add(Fault("POST", "/v1/customers$", kind, times=99, should_retry=says))  # type: ignore[arg-type]
    ended = planctl("stripe", "push", "--only", "customers")
    sent = [one for one in there.posts("/v1/customers") if one.path == "/v1/customers"]
    assert 1 <= len(sent) <= tries
    assert ended.exit_code in {1, 75}
    there.faults.clear()
    there.clock.advance(25 * HOUR)


def test_F105_nothing_is_ever_searched_for(planctl: Run, there: FakeStripe) -> None:
    """A search lags a minute behind, finds nothing, and a second object is made. Source: stripe-python, _invoice."""
    there.search_lag = 60
    there.faults.add(Fault("POST", "/v1/customers$", "drop_after", times=99))
    assert planctl("stripe", "push").exit_code == 75
    there.faults.clear()
    there.clock.advance(25 * HOUR)
    pushed(planctl)
    assert [one.path for one in there.requests if "search" in one.path] == []
    assert len(there.objects("customer")) == 1


def test_F107_no_lock_on_a_payment_outlives_the_process(
    planctl: Run, there: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock taken for a payment is never released, and dunning stops. Source: Polar@79d5aab981."""

    class Killed(BaseException):
        """The process is gone."""

    def dies(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("planctl.stripe_bridge.gateway.Gateway.send", dies)
        with pytest.raises(Killed):
            planctl("stripe", "push")
    there.clock.advance(20 * HOUR)
    pushed(planctl)
    assert number_of(there) == [NUMBER]
    paid(planctl, there)
    done(planctl("stripe", "pull"))
    assert status(planctl) == "paid"


def test_F108_the_amount_of_a_payment_is_the_one_that_stripe_took(planctl: Run, there: FakeStripe) -> None:
    """A payment is stored with what is due now, which is 0 by then. Source: Lago@4fb479eb5."""
    paid(planctl, there)
    done(planctl("stripe", "pull"))
    (payment,) = planctl("payment", "list", "-f", "json").json
    assert (payment["amount"], payment["currency"], payment["invoice"]) == ("19.00", "USD", NUMBER)


def test_F109_an_invoice_whose_total_differs_at_stripe_is_not_finalized(
    planctl: Run, there: FakeStripe
) -> None:
    """The total at Stripe is not the one here, and both stand. Source: planctl reliability rules, read back."""

    def dearer(request: object) -> None:
        for lines in there.books().lines.values():
            for line in lines:
                line["amount"] += 1

    there.hooks.after.append(dearer)
    ended = planctl("stripe", "push")
    assert ended.exit_code == 1
    assert NUMBER in ended.stdout
    assert [one["status"] for one in there.objects("invoice") if one["status"] != "draft"] == []


ORDERS = list(itertools.permutations(range(4)))


@pytest.mark.parametrize("order", ORDERS[::6], ids=str)
def test_F111_events_in_any_order_end_in_the_same(
    planctl: Run, there: FakeStripe, told: Callable[..., Result], order: Sequence[int]
) -> None:
    """Events out of order open a paid invoice again. Source: dj-stripe@4641921c, Polar@ecf2dc8259."""
    paid(planctl, there)
    wanted = ("invoice.finalized", "invoice.updated", "invoice_payment.paid", "invoice.paid")
    ids = [event_of(there, type) for type in wanted]
    for place in order:
        assert told(*there.signed(ids[place], SECRET)).exit_code == 0
    assert status(planctl) == "paid"
    assert [one["amount"] for one in planctl("payment", "list", "-f", "json").json] == ["19.00"]


def test_F112_events_of_others_on_the_same_account_are_left_alone(
    planctl: Run, there: FakeStripe, told: Callable[..., Result], tmp_path: Path
) -> None:
    """On an account that several use, what belongs to others is booked here. Source: Lago@800c7046a (#3511)."""
    pushed(planctl)
    other = stores.url(tmp_path / "other.db")

    def beside(*words: str) -> Result:
        return done(planctl("--store", other, *words))

    beside("init", str(tmp_path / "beside"), "--test")
    beside("catalog", "apply", str(SHOP), "--yes")
    beside("stripe", "setup")
    sell(beside, "nova")
    beside("stripe", "push")
    theirs = there.objects("invoice")[-1]["id"]
    there.pay_invoice(theirs)
    assert told(*there.signed(event_of(there, "invoice_payment.paid"), SECRET)).exit_code == 0
    assert (status(planctl), planctl("payment", "list", "-f", "json").json) == ("open", [])
    done(planctl("stripe", "pull"))
    assert status(planctl) == "open"
    beside("stripe", "pull")
    assert beside("invoice", "show", NUMBER, "-f", "json").json["status"] == "paid"


@pytest.mark.parametrize(
    "header", ["", "t=1767225600", "t=1767225600,v1=" + "0" * 64, "v1=", "t=,v1=", "t=x,v1=y"]
)
def test_F113_a_webhook_without_a_right_signature_is_refused(
    planctl: Run, there: FakeStripe, told: Callable[..., Result], header: str
) -> None:
    """Where no secret is set, everything unsigned is believed. Source: Flexprice@1c2f3c935, @baa278715."""
    event = paid(planctl, there)
    body, _ = there.signed(event, SECRET)
    assert told(body, header or "v1=").exit_code in {64, 77}
    assert status(planctl) == "open"


def test_F113_without_a_secret_nothing_is_taken_in(
    planctl: Run, there: FakeStripe, told: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no secret is set, everything unsigned is believed. Source: Flexprice@1c2f3c935, @baa278715."""
    event = paid(planctl, there)
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET_FILE")
    body, _ = there.signed(event, SECRET)
    assert told(body, header_of(body, [""], there.clock.now)).exit_code == 77
    assert status(planctl) == "open"


def test_F115_an_event_that_cannot_be_taken_in_leaves_a_trace(
    planctl: Run, there: FakeStripe, told: Callable[..., Result]
) -> None:
    """The note of a failure is rolled back with the failure. Source: dj-stripe@4d723c5e."""
    event = paid(planctl, there)
    done(planctl("config", "set", "books.closed_through", "2026-01-01", "--reason", "year end"))
    before = len(planctl("audit", "log", "-f", "json").json)
    assert told(*there.signed(event, SECRET)).exit_code == 1
    assert len(planctl("audit", "log", "-f", "json").json) == before + 1
    assert event in planctl("stripe", "status").stdout
    assert status(planctl) == "open"


def test_F116_a_failure_that_comes_late_does_not_undo_a_success(
    planctl: Run, there: FakeStripe, told: Callable[..., Result]
) -> None:
    """A failed try that is told after the payment shows it as failed. Source: Polar@1d4df3765c."""
    event = paid(planctl, there)
    assert told(*there.signed(event, SECRET)).exit_code == 0
    late = there._event(event) | {"id": "evt_late", "type": "invoice.payment_failed"}
    body = json.dumps(late).encode()
    told(body, header_of(body, [SECRET], there.clock.now))
    assert status(planctl) == "paid"


def test_F117_what_no_webhook_said_is_pulled(planctl: Run, there: FakeStripe) -> None:
    """A webhook never came, and the invoice stays unpaid for ever. Source: planctl reliability rules, pull."""
    paid(planctl, there)
    done(planctl("stripe", "pull"))
    first = planctl("payment", "list", "-f", "json").json
    done(planctl("stripe", "pull"))
    assert planctl("payment", "list", "-f", "json").json == first
    assert [one["amount"] for one in first] == ["19.00"]
    assert status(planctl) == "paid"
