"""A hundred invoices of the acme catalog at an empty account: due to the cent what they are here, and each sent once.

The amounts are those that the store holds; a few of each kind are worked out by hand.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from planctl.core.invoicing.model import Invoice
from tests.fakes.stripe import FakeStripe
from tests.workflows.business import Business
from tests.workflows.sync_stripe.world import World

NUMBER = 100

KINDS: tuple[dict[str, Any], ...] = (
    {"plan": "starter", "pays": "card"},
    {"plan": "pro", "pays": "invoice", "country": "DE", "tax_id": "DE136695976"},
    {"plan": "starter", "country": "DE", "currency": "EUR", "coupon": "launch20"},
    {"plan": "pro", "pays": "card", "country": "IN", "coupon": "tenner"},
    {"plan": "pro", "pays": "card", "country": "DE", "currency": "EUR", "tax": "reverse"},
)
"""Twenty customers of each. Every second customer paid January by transfer, and owes February."""

BY_HAND = {
    "c00": 1_900,  # January: 19.00
    # February: 49.00, and 19 % of it 9.31
    "c01": 5_831,
    # January: 18.00 less 3.60, and 19 % of 14.40 are 2.736
    "c02": 1_714,
    # February, the coupon was for once; 20,000 calls more than 100,000 for 0.0004 are 8.00, all with its tax inside
    "c03": 5_700,
    "c04": 4_600,  # January: 46.00, the customer owes the tax itself
    # February: 19.00, 110,000 calls more than 10,000 in packages of 1,000 for 0.50 are 55.00; less a balance of 5.00
    "c05": 6_900,
}
"""What some invoices come to, in cents."""


@pytest.fixture
def acme(business: Business, stripe: FakeStripe) -> World:
    """The acme business with a hundred customers, who each owe one invoice."""
    world = World(business, stripe)
    for index in range(NUMBER):
        kind = dict(KINDS[index % len(KINDS)])
        world.sold(f"c{index:02}", **({"pay": "month", "currency": "USD"} | kind))
    for index, invoice in enumerate(business.invoices()):
        if index % 2:
            over = 5 if index % 10 == 5 else 0
            world.pay(invoice.number, str(invoice.total_minor / 100 + over))
            if index in {3, 5, 23, 45}:
                business.use(f"c{index:02}", "api_calls", "120000", "2026-01-20")
    business.run("2026-02-01")
    world.at("2026-02-01")
    return world


def test_a_hundred_invoices_come_out_to_the_cent(acme: World) -> None:
    here = {one.draft.customer: one for one in acme.business.invoices() if one.due_minor}
    assert len(here) == NUMBER
    assert {name: here[name].due_minor for name in BY_HAND} == BY_HAND
    pushed = acme.push()
    assert pushed.stopped == []
    assert len(acme.stripe.objects("invoice")) == NUMBER
    there = {one["metadata"]["planctl_number"]: one for one in acme.stripe.objects("invoice")}
    for name, invoice in here.items():
        assert amounts(there[invoice.number]) == owed(invoice), name
    assert Counter(one["status"] for one in there.values()) == {"paid": 60, "open": 40}
    assert pushed.sent == {"create": 100, "lines": 100, "finalize": 100, "pay": 60, "send": 20}
    sent = len(acme.stripe.posts())
    again = acme.push()
    assert (again.sent, again.stopped, len(acme.stripe.posts())) == ({}, [], sent)


def owed(invoice: Invoice) -> tuple[str, int, int, int]:
    """Currency, what is due, the taxes in it and its lines; dollars and euros have cents on both sides."""
    lines = len(invoice.draft.lines) + len(invoice.draft.discounts) + bool(invoice.credit_minor)
    taxes = sum(tax.amount_minor for tax in invoice.draft.taxes)
    return invoice.draft.currency.code.lower(), invoice.due_minor, taxes, lines


def amounts(there: dict[str, Any]) -> tuple[str, int, int, int]:
    """The same of an invoice at Stripe."""
    taxes = sum(tax["amount"] for tax in there["total_taxes"])
    assert there["total"] == there["amount_due"]
    return there["currency"], there["total"], taxes, len(there["lines"]["data"])
