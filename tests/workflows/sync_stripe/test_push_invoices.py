"""Invoices at Stripe are due what they are due here, to the unit; what they come to is worked out by hand.

The catalog is in world.py: Starter costs 19.00 USD, 18.00 EUR a month, Pro 49.90 USD, 47.90 EUR.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.event import listen

from planctl.core.stripe.invoice_report import Stopped
from planctl.workflows.sync_stripe.push_invoices import propose_invoices, push_invoices
from tests.workflows.sync_stripe.world import World

ONE, TWO = "INV-2026-00001", "INV-2026-00002"


def told(several: list[Stopped]) -> list[tuple[str, str]]:
    """Customer and reason of what stopped."""
    return [(one.owed.customer, one.why) for one in several]


def test_an_invoice_is_at_stripe_with_its_number_and_its_line(world: World) -> None:
    world.sold("nova")
    pushed = world.push()
    assert pushed.sent == {"create": 1, "lines": 1, "finalize": 1}
    assert world.lines(ONE) == [("Starter · Monthly", 1_900)]
    there = world.at_stripe(ONE)
    assert (there["status"], there["currency"], there["total"], there["amount_due"]) == (
        "open",
        "usd",
        1_900,
        1_900,
    )
    assert there["custom_fields"] == [{"name": "Invoice", "value": ONE}]
    assert there["metadata"]["planctl_hash"] == world.invoice(ONE).content_hash
    assert there["metadata"]["planctl_store"] == world.store_id


def test_a_discount_and_an_added_tax_come_out(world: World) -> None:
    """47.90 less 20 % (9.58) is 38.32, 19 % of that 7.2808: 7.28, together 45.60."""
    world.sold("nova", plan="pro", currency="EUR", country="DE", coupon="fifth")
    world.push()
    assert world.lines(ONE) == [("Pro · Monthly", 4_790), ("Coupon fifth", -958)]
    there = world.at_stripe(ONE)
    assert (there["total_excluding_tax"], there["total"], there["amount_due"]) == (3_832, 4_560, 4_560)
    assert [tax["amount"] for tax in there["total_taxes"]] == [728]


def test_a_tax_that_is_included_is_not_added(world: World) -> None:
    """1,499.00 less 1,499 / 1.18 = 1,270.338...: 1,270.34, so 228.66 of it are tax."""
    world.sold("nova", currency="INR", country="IN")
    world.push()
    there = world.at_stripe(ONE)
    assert (there["total"], there["total_excluding_tax"]) == (149_900, 127_034)
    assert [(tax["amount"], tax["tax_behavior"]) for tax in there["total_taxes"]] == [(22_866, "inclusive")]


def test_several_lines_with_quantities_and_taxes_come_out(world: World) -> None:
    """47.90 and 2 seats more than 3 for 6.50 each are 60.90, 19 % of that 11.571: 11.57, together 72.47."""
    world.sold("nova", plan="pro", currency="EUR", country="DE", quantities={"seats": Decimal(5)})
    world.push()
    assert [amount for _, amount in world.lines(ONE)] == [4_790, 1_300]
    there = world.at_stripe(ONE)
    assert (there["total_excluding_tax"], there["total"]) == (6_090, 7_247)


def test_what_the_balance_paid_is_taken_off(world: World) -> None:
    """25.00 was paid for 19.00, so 6.00 pays of the next 19.00: 13.00 is due. The first is paid, and never sent."""
    world.sold("nova")
    world.pay(ONE, "25")
    world.business.run("2026-02-01")
    world.at("2026-02-01")
    assert world.business.bills() == [(ONE, "paid", "19.00"), (TWO, "open", "19.00")]
    world.push()
    assert world.all_at_stripe(ONE) == []
    assert world.lines(TWO) == [("Starter · Monthly", 1_900), ("From your balance", -600)]
    assert world.at_stripe(TWO)["amount_due"] == 1_300


def test_what_was_paid_in_part_before_is_taken_off(world: World) -> None:
    world.sold("nova", plan="pro")
    world.pay(ONE, "20")
    world.push()
    assert world.lines(ONE) == [("Pro · Monthly", 4_990), ("Paid already", -2_000)]
    assert world.at_stripe(ONE)["amount_due"] == 2_990


@pytest.mark.parametrize(
    ("currency", "unit"),
    [("JPY", 2_900), ("KWD", 6_250), ("ISK", 250_000), ("MGA", 85_000), ("EUR", 1_800)],
)
def test_every_currency_is_in_stripes_unit(world: World, currency: str, unit: int) -> None:
    """2,900 yen; 6.250 dinars in thousandths; 2,500 krónur in hundredths; 85,000.00 ariary in whole ones."""
    world.sold("nova", currency=currency)
    world.push()
    there = world.at_stripe(ONE)
    assert (there["currency"], there["amount_due"]) == (currency.lower(), unit)


@pytest.mark.parametrize(
    ("plan", "currency", "why"),
    [
        ("odd", "KWD", "6.254 KWD is no amount that Stripe takes, but a multiple of 0.01 KWD"),
        ("odd", "MGA", "85,000.50 MGA is no amount that Stripe takes, but a multiple of 1 MGA"),
        ("odd", "USD", "0.40 USD is due, which is less than Stripe charges"),
        ("dear", "USD", "1,200,000.00 USD is no amount that Stripe takes, but at most 999,999.99 USD"),
        ("starter", "USDT", "USDT is no currency of ISO 4217"),
    ],
)
def test_what_stripe_cannot_say_is_left_out_with_the_reason(
    world: World, plan: str, currency: str, why: str
) -> None:
    world.sold("nova", plan=plan, currency=currency)
    world.sold("mira")
    pushed = world.push()
    assert told(pushed.of("left_out")) == [("nova", why)]
    assert [one["metadata"]["planctl_number"] for one in world.stripe.objects("invoice")] == [TWO]


def test_a_customer_who_is_not_at_stripe_is_skipped_and_named(world: World) -> None:
    world.business.customer("nova")
    world.business.subscribe("nova", "starter")
    assert told(world.push().of("left_out")) == [("nova", "its customer nova is not at Stripe")]
    assert world.stripe.posts() == []


def test_a_card_is_charged_at_once(world: World) -> None:
    world.sold("nova", pays="card")
    assert world.push().sent == {"create": 1, "lines": 1, "finalize": 1, "pay": 1}
    there = world.at_stripe(ONE)
    assert (there["status"], there["amount_paid"], there["collection_method"]) == (
        "paid",
        1_900,
        "charge_automatically",
    )
    assert world.status_kept(ONE) == "paid"


def test_the_card_that_is_on_file_is_charged(world: World) -> None:
    """The customer has two; the one that an event told of is charged, which is not the default there."""
    world.sold("nova", pays="card")
    other = world.stripe.attach_card(world.there("customer", "nova"), default=False)
    world.on_file("nova", other)
    world.push()
    (paid,) = world.stripe.posts("/pay")
    assert paid.params == {"payment_method": other}


def test_who_pays_by_invoice_is_sent_it_with_its_due_date(world: World) -> None:
    """Due 7 days after 1 January, which is 604,800 s."""
    world.sold("nova", pays="invoice")
    assert world.push().sent == {"create": 1, "lines": 1, "finalize": 1, "send": 1}
    there = world.at_stripe(ONE)
    assert (there["status"], there["collection_method"]) == ("open", "send_invoice")
    assert there["due_date"] == 1_767_225_600 + 604_800
    assert "invoice.sent" in [event["type"] for event in world.stripe.events]


def test_of_everybody_else_it_is_finalized_and_not_sent(world: World) -> None:
    world.sold("nova", pays="none")
    world.push()
    assert world.at_stripe(ONE)["status"] == "open"
    assert "invoice.sent" not in [event["type"] for event in world.stripe.events]


@pytest.mark.parametrize("pays", ["card", "invoice", "none"])
def test_a_second_push_sends_nothing(world: World, pays: str) -> None:
    world.sold("nova", "mira", pays=pays)
    world.push()
    asked = len(world.stripe.requests)
    pushed = world.push()
    assert (pushed.sent, pushed.stopped) == ({}, [])
    assert len(world.stripe.requests) == asked  # not even a question


def test_no_call_is_made_while_a_transaction_is_open(world: World) -> None:
    """The store has one transaction at a time: a test that opens one at each request would wait for itself."""
    world.sold("nova", pays="card")
    open_now: list[bool] = []
    world.gateway.before = lambda: open_now.append(world.transactions > 0)
    world.push()
    assert len(open_now) == 10
    assert not any(open_now)


def test_every_request_of_an_invoice_is_known(world: World) -> None:
    """What is there of the customer's, draft, lines, read back twice, finalize, look and at the card too, pay, look."""
    world.sold("nova", pays="card")
    before = len(world.stripe.requests)
    world.push()
    made = [f"{one.method} {one.path}" for one in world.stripe.requests[before:]]
    there = f"/v1/invoices/{world.at_stripe(ONE)['id']}"
    assert made == [
        "GET /v1/invoices",
        "POST /v1/invoices",
        f"POST {there}/add_lines",
        f"GET {there}",
        f"GET {there}/lines",
        f"POST {there}/finalize",
        f"GET {there}",
        f"GET /v1/customers/{world.there('customer', 'nova')}",
        f"POST {there}/pay",
        f"GET {there}",
    ]


def test_it_tells_how_far_it_is(world: World) -> None:
    world.sold("nova", "mira", "leo")
    seen: list[tuple[int, int]] = []
    push_invoices(world.talk(), lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_every_call_is_audited(world: World) -> None:
    world.sold("nova", pays="card")
    world.audited.clear()
    world.push()
    said = [(one.kind, one.action, one.state.value) for one in world.audited]
    assert said == [
        ("invoice", "create", "confirmed"),
        ("invoice", "lines-1", "confirmed"),
        ("invoice", "finalize", "confirmed"),
        ("invoice", "pay", "confirmed"),
    ]


# --- what would be done


def proposed(world: World) -> list[tuple[str, str, str]]:
    """Number, action and reason of every proposal, without asking Stripe."""
    asked = len(world.stripe.requests)
    with world.business.store.read() as tx:
        found = sorted(
            (one.owed.number, one.action, one.stopped.why if one.stopped else "")
            for one in propose_invoices(tx, world.account, world.store_id, world.now)
        )
    assert len(world.stripe.requests) == asked
    return found


def test_it_is_told_what_a_push_would_do(world: World) -> None:
    world.sold("nova", pays="card")
    world.sold("mira", plan="odd")
    assert proposed(world) == [
        (ONE, "issue", ""),
        (TWO, "", "0.40 USD is due, which is less than Stripe charges"),
    ]
    world.push()
    assert proposed(world) == [(TWO, "", "0.40 USD is due, which is less than Stripe charges")]


def test_a_customer_who_would_be_pushed_first_is_no_hindrance(world: World) -> None:
    world.business.customer("nova")
    world.business.subscribe("nova", "starter")
    assert proposed(world) == [(ONE, "issue", "")]


def test_what_became_of_an_invoice_is_told_too(world: World) -> None:
    world.sold("nova", "mira", "leo")
    world.push()
    world.at("2026-01-02")
    world.void(ONE)
    world.pay(TWO)
    world.pay("INV-2026-00003", "9")
    assert proposed(world) == [
        (ONE, "void", ""),
        (TWO, "paid_elsewhere", ""),
        ("INV-2026-00003", "credit_note", ""),
    ]


# --- many


def test_pages_follow_one_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five invoices and three refunds, two on a page; one of the invoices is left out."""
    for module in ("push_invoices", "push_refunds"):
        monkeypatch.setattr(f"planctl.workflows.sync_stripe.{module}.PAGE", 2)
    world.sold("a", "b", "c", pays="card")
    world.sold("d", plan="odd")
    world.sold("e", pays="card")
    pushed = world.push()
    assert (pushed.sent["pay"], told(pushed.stopped)) == (
        4,
        [("d", "0.40 USD is due, which is less than Stripe charges")],
    )
    for number in (ONE, TWO, "INV-2026-00003"):
        world.paid_by_stripe(number)
        world.credit(number, "5", "refund")
    assert len(proposed(world)) == 4
    assert world.push().sent == {"refund": 3}
    assert world.posted() == []


def test_what_happens_here_during_a_push_counts(world: World) -> None:
    """While the first invoice is sent, the second is voided: it never goes out, though it was read with the first."""
    world.sold("nova", "mira")

    def beside() -> None:
        world.gateway.before = lambda: None
        world.void(TWO)

    world.gateway.before = beside
    world.push()
    assert world.at_stripe(ONE)["status"] == "open"
    assert world.all_at_stripe(TWO) == []


def test_a_page_is_read_with_as_many_queries_whatever_it_holds(world: World) -> None:
    counts = []
    for names in (["a"], [f"b{number}" for number in range(12)]):
        world.sold(*names)
        with world.business.store.read() as tx:
            asked: list[str] = []
            listen(tx.connection, "before_cursor_execute", lambda *given, asked=asked: asked.append(given[2]))
            list(propose_invoices(tx, world.account, world.store_id, world.now))
        counts.append(len(asked))
    assert counts[0] == counts[1]
