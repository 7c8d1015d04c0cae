"""Wallets in a real store: bought, drawn on by usage, closed by runs, given back, taken out, moved in."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.wallet_standing import Wallet
from planctl.errors import Refused
from planctl.store import invoices
from planctl.store.invoices import InvoiceFilter
from planctl.workflows.keep_wallets import (
    GrantWanted,
    PackWanted,
    apply_grant,
    apply_purchase,
    apply_void,
    propose_grant,
    propose_purchase,
    propose_void,
    read_ledger,
    read_wallets,
)
from tests.workflows.business import RECORDED, Business, lines, t, total

# nova's starter: 19.00 a month, 1,000 minutes included and then no more; 10 chats draw one minute


def buy(business: Business, at: str, quantity: int = 1, **wanted: str) -> str:
    """Buy packs of 1,000 minutes for 15.00; the grant's id."""
    with business.store.write() as tx:
        purchase = propose_purchase(tx, PackWanted("nova", "minutes_1k", quantity, **wanted), t(at))
        apply_purchase(tx, purchase, RECORDED)
    return purchase.grants[0].id


def give(business: Business, quantity: str, at: str, expires: str = "never") -> str:
    """Give minutes; the grant's id."""
    with business.store.write() as tx:
        grant = propose_grant(tx, GrantWanted("nova", "minutes", Decimal(quantity), "a gift", expires), t(at))
        apply_grant(tx, grant)
    return grant.id


def minutes(business: Business, at: str) -> Wallet:
    """nova's minutes as of an instant."""
    with business.store.read() as tx:
        (wallet,) = read_wallets(tx, "nova", t(at), "minutes")
    return wallet


def left(business: Business, at: str) -> list[int | Fraction]:
    """What is left of each grant, in the order of spending."""
    return [one.left for one in minutes(business, at).grants]


@pytest.fixture
def talking(business: Business) -> Business:
    """nova runs starter since New Year, and has paid for January."""
    business.customer("nova")
    business.subscribe("nova", "starter", pay="month")
    business.pay("INV-2026-00001", "2026-01-02")
    return business


def test_usage_above_the_allowance_is_taken_from_the_pack_and_posted_when_the_period_closes(
    talking: Business,
) -> None:
    talking.use("nova", "minutes", "900", "2026-01-05")
    buy(talking, "2026-01-10")
    talking.use("nova", "minutes", "400", "2026-01-20")
    before = minutes(talking, "2026-01-21")
    assert before.posted == 1000
    assert before.balance == 700  # 1,300 used, 1,000 included
    talking.run("2026-02-01")
    after = minutes(talking, "2026-02-01")
    assert after.posted == after.balance == 700
    with talking.store.read() as tx:
        causes = read_ledger(tx, "nova")
    assert [one.entry.amount for one in causes] == [1000, -300]
    assert [(one.text, one.invoice) for one in causes] == [
        ("bought minutes_1k", ""),
        ("usage", "INV-2026-00003"),
    ]


def test_before_and_after_the_run_the_same_is_left(talking: Business) -> None:
    buy(talking, "2026-01-10")
    talking.use("nova", "minutes", "1250.5", "2026-01-20")
    seen = left(talking, "2026-02-01")
    talking.run("2026-02-01")
    assert seen == left(talking, "2026-02-01") == [Fraction("749.5")]


def test_usage_before_the_purchase_is_not_paid_by_it(talking: Business) -> None:
    talking.use("nova", "minutes", "1100", "2026-01-05")
    buy(talking, "2026-01-10")
    talking.use("nova", "minutes", "50", "2026-01-20")
    assert left(talking, "2026-01-21") == [950]


def test_the_grant_that_ends_first_is_spent_first_and_only_in_its_life(talking: Business) -> None:
    talking.use("nova", "minutes", "1000", "2026-01-02")
    buy(talking, "2026-01-03")
    give(talking, "100", "2026-01-04", "2026-01-20")
    talking.use("nova", "minutes", "60", "2026-01-10")
    talking.use("nova", "minutes", "60", "2026-01-25")
    assert left(talking, "2026-01-26") == [0, 940]  # 40 of the gift ended unused on the 20th
    talking.run("2026-02-01")
    assert left(talking, "2026-02-01") == [0, 940]


def test_chats_draw_on_the_pack_through_minutes(talking: Business) -> None:
    talking.use("nova", "minutes", "1000", "2026-01-05")
    buy(talking, "2026-01-10")
    talking.use("nova", "chats", "25", "2026-01-20")
    assert left(talking, "2026-01-21") == [Fraction("997.5")]


def test_voiding_an_invoice_gives_back_what_its_closing_took(talking: Business) -> None:
    buy(talking, "2026-01-10")
    talking.use("nova", "minutes", "1300", "2026-01-20")
    talking.run("2026-02-01")
    assert left(talking, "2026-02-01") == [700]
    talking.void("INV-2026-00003", "2026-02-02")
    assert left(talking, "2026-02-02") == [1000]


def test_what_usage_needs_stays_when_the_rest_of_a_grant_is_taken_out(talking: Business) -> None:
    grant = buy(talking, "2026-01-10")
    talking.use("nova", "minutes", "1300", "2026-01-20")
    with talking.store.write() as tx:
        voiding = propose_void(tx, "nova", grant, t("2026-01-21"))
        apply_void(tx, voiding, t("2026-01-21"))
    assert voiding.out == 700
    assert voiding.kept == 300
    talking.use("nova", "minutes", "10", "2026-01-22")
    assert left(talking, "2026-01-23") == [0]
    talking.run("2026-02-01")
    wallet = minutes(talking, "2026-02-01")
    assert wallet.posted == wallet.balance == 0
    with talking.store.read() as tx, pytest.raises(Refused):
        propose_void(tx, "nova", grant, t("2026-02-01"))


def test_an_unpaid_pack_is_past_due_and_its_plan_is_not(talking: Business) -> None:
    buy(talking, "2026-01-10")  # to be paid by the 17th
    assert talking.shown("nova/starter", "2026-01-25").status.value == "active"
    report = talking.run("2026-01-25")
    assert report.transitions == []
    with talking.store.read() as tx:
        pack = invoices.listing(tx, InvoiceFilter(customers=("nova",)))[1]
    assert (pack.status_at(t("2026-01-25")).value, total(pack)) == ("past_due", "15.00")
    assert talking.shown("nova/starter", "2026-01-25").status.value == "active"
    talking.pay("INV-2026-00002", "2026-01-26")


def test_a_pack_bought_on_the_day_of_a_renewal_stands_on_an_invoice_of_its_own(talking: Business) -> None:
    talking.run("2026-02-01")
    buy(talking, "2026-02-01", 2)
    assert [lines(one) for one in talking.invoices("nova")] == [
        [("fee", "19.00")],
        [("fee", "19.00")],
        [("pack", "30.00")],
    ]


def test_a_pack_is_taxed_where_its_buyer_lives(business: Business) -> None:
    business.customer("nova", country="DE")
    business.subscribe("nova", "starter", pay="month")
    buy(business, "2026-01-02")
    pack = business.invoices("nova")[1]
    assert (pack.subtotal_minor, pack.tax_minor, total(pack)) == (1500, 285, "17.85")  # 19 % of 15.00


def test_units_move_in_with_a_subscription(business: Business) -> None:
    business.customer("nova")
    row = {
        "customer": "nova",
        "plan": "starter",
        "pay": "month",
        "start": "2025-11-10",
        "wallet:minutes": "250.5",
    }
    made = business.move_in([row], "2026-01-20")
    assert made.findings == ()
    (one,) = minutes(business, "2026-01-20").grants
    assert one.left == Fraction("250.5")
    assert (one.grant.reason, one.grant.expires_at) == ("moved in", None)
    assert business.move_in([row], "2026-01-21").existing == 1
    assert left(business, "2026-01-21") == [Fraction("250.5")]


@pytest.mark.parametrize(
    ("units", "code"), [({"wallet:minuts": "5"}, "not-found"), ({"wallet:minutes": "-5"}, "invalid-value")]
)
def test_units_that_cannot_be_are_a_finding(business: Business, units: dict[str, str], code: str) -> None:
    business.customer("nova")
    row = {"customer": "nova", "plan": "starter", "pay": "month"}
    (finding,) = business.move_in([row | units], "2026-01-20").findings
    assert finding.rule == code
