"""`planctl stripe status`: what the store knows of Stripe, what waits for a person, and what is unpaid there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from planctl.core.stripe.model import Call
from tests import stores
from tests.cli.conftest import Run
from tests.cli.stripe_shop import AT, keep, made_up, parked_event, planctl
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe

__all__ = ["keep", "planctl", "stripe"]


def test_before_the_setup_there_is_nothing_to_say(shop: Run) -> None:
    result = shop("stripe", "status", "-f", "json")
    assert (result.exit_code, result.error["code"]) == (4, "stripe-not-set-up")


def test_a_store_that_was_just_set_up_waits_for_nobody(planctl: Run, stripe: FakeStripe) -> None:
    planctl("stripe", "setup")
    stripe.requests.clear()
    result = planctl("stripe", "status")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        "account acct_1FakeStripeAccount (US), test mode, key rk_test_…0042",
        "events: none was read yet",
        "calls: none was made yet",
        "waits for a person: nothing",
        "unpaid at Stripe: nothing",
    ]
    assert stripe.requests == []


def test_what_waits_for_a_person_is_listed_with_why_and_what_can_be_said(
    planctl: Run, keep: Callable[..., Any]
) -> None:
    planctl("stripe", "setup")
    call = Call("product", "pro", "create", "/v1/products", links=True)
    waiting = keep(lambda tx: made_up(tx, call))
    keep(lambda tx: parked_event(tx, "evt_1Lost", "parked", "the invoice is void here"))
    result = planctl("stripe", "status")
    assert result.exit_code == 1
    assert f"waits for a person: {waiting}, product pro (create), since 2026-01-01T00:00:00Z" in result.stdout
    assert "  why: 400 parameter_invalid No such thing" in result.stdout
    assert (
        f"  planctl stripe resolve {waiting} --resend | --adopt STRIPE_ID | --drop --reason" in result.stdout
    )
    assert "waits for a person: evt_1Lost, invoice.paid of in_1, since 2026-01-01" in result.stdout
    assert "  planctl stripe resolve evt_1Lost --retry | --drop --reason TEXT" in result.stdout
    assert "calls for product: 1 parked" in result.stdout
    document = planctl("stripe", "status", "-f", "json").json
    assert [one["id"] for one in document["waiting"]] == [waiting, "evt_1Lost"]
    assert document["calls"] == [{"object": "product", "state": "parked", "count": 1}]
    assert document["events"]["counts"] == {"parked": 1}


def test_how_long_ago_the_last_event_was_read_is_told(planctl: Run, keep: Callable[..., Any]) -> None:
    planctl("stripe", "setup")
    keep(lambda tx: parked_event(tx, "evt_1A", "done", ""))
    result = planctl("stripe", "status", "--as-of", "2026-01-01T05:00:00Z")
    assert "events: 1 done; the last, invoice.paid, read 5 h ago" in result.stdout


def test_invoices_at_stripe_and_open_pages_are_shown(shop: Run, planctl: Run, tmp_path: Path) -> None:
    new_year = ("--as-of", "2026-01-01")
    shop("customer", "add", "nova", "--currency", "USD", *new_year)
    shop("subscribe", "nova", "starter", "--pay", "month", "--yes", *new_year)
    [invoice] = shop("invoice", "list", "-f", "json", *new_year).json
    planctl("stripe", "setup")
    with stores.unguarded(tmp_path / "store.db") as raw:
        raw.execute(
            "INSERT INTO stripe_link VALUES ('acct_1FakeStripeAccount', 'invoice', ?, 'in_7', '', ?)",
            (invoice["id"], '{"failure":"card_declined","next_try":"2026-01-04T00:00:00Z"}'),
        )
        raw.execute(
            "INSERT INTO stripe_checkout VALUES ('cs_1', (SELECT seq FROM customer), 'team', '{}', '{}', 4900,"
            " 'USD', 2, 'https://checkout', 'open', ?, ?, '', '')",
            (AT, AT + 86_400_000_000),
        )
    result = planctl("stripe", "status", *new_year, "-f", "json")
    assert result.exit_code == 0
    [unpaid], [page] = result.json["unpaid"], result.json["pages"]
    assert (unpaid["invoice"], unpaid["customer"], unpaid["stripe_id"]) == (invoice["number"], "nova", "in_7")
    assert (unpaid["due"], unpaid["currency"], unpaid["failure"]) == ("19.00", "USD", "card_declined")
    assert (page["session"], page["plan"], page["amount"], page["expired"]) == (
        "cs_1",
        "team",
        "49.00",
        False,
    )
    lines = planctl("stripe", "status", *new_year).stdout
    assert f"unpaid at Stripe: {invoice['number']} of nova, 19.00 USD, due " in lines
    assert "; the last try failed: card_declined; the next is 2026-01-04T00:00:00Z" in lines
    assert "page open: nova, team, 49.00 USD, until 2026-01-02T00:00:00Z" in lines
    later = planctl("stripe", "status", "--as-of", "2026-01-03").stdout
    assert "page open: nova, team, 49.00 USD, has closed, which the next pull reads" in later
