"""Sums of a simulation: parts of nothing, the ten who differ most, and the steepest."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.customers import Customer
from planctl.core.instants import Instant
from planctl.core.invoicing.drafting import empty_draft
from planctl.core.invoicing.model import Draft, Line, TaxShare
from planctl.core.invoicing.reclose import Past
from planctl.core.replay.account import Account
from planctl.core.replay.replayed import Replayed, Side
from planctl.core.replay.simulation import About, Sides, Span, Tally, revenue_minor
from tests.core.billing import monthly, running, t


def draft(minor: int, contained: int = 0) -> Draft:
    """An invoice with one fee; `contained` of it is a tax."""
    subscription = running(monthly())
    shares = (TaxShare("vat", Decimal("0.19"), contained, included=True),) if contained else ()
    line = Line(
        "fee", subscription.id, "pro", 1, "fee", 0, "Pro", Fraction(1), None, minor, t("2026-10-01"), None, taxes=shares
    )  # fmt: skip
    empty = empty_draft(subscription, "renewal", 0, "", t("2026-10-01"), t("2026-10-01"))
    return replace(empty, lines=(line,))


def billed(tally: Tally, customer: str, held: int, moved: int) -> None:
    """Let a customer be billed one amount that would be another."""
    now, then = draft(held), draft(moved)
    account = Account(Customer(customer), Past((running(monthly()),)), (), frozenset(), {"inv": now})
    tally.take(account, [Replayed("INV-1", Side(now), Side(then))])


@pytest.mark.parametrize(
    ("sides", "part"),
    [
        (Sides(200, 150), Fraction(-1, 4)),
        (Sides(0, 0), Fraction(0)),
        (Sides(0, 1), None),
        (Sides(-100, -50), Fraction(1, 2)),
    ],
)
def test_the_change_is_a_part_of_what_it_was(sides: Sides, part: Fraction | None) -> None:
    assert sides.part == part


def test_a_contained_tax_is_no_revenue() -> None:
    assert revenue_minor(draft(119_00, contained=19_00)) == 100_00


def test_ten_are_told_and_all_are_counted() -> None:
    tally = Tally()
    for number in range(12):
        billed(tally, f"c{number:02}", 100, 101 + number)
        billed(tally, f"d{number:02}", 100, 99 - number)
    billed(tally, "same", 100, 100)
    (book,) = tally.simulation(Span("2026-10", Instant(0), Instant(1)), About()).currencies
    assert (book.losers, book.winners, book.same, book.customers) == (12, 12, 1, 25)
    assert [one.customer for one in book.more] == [f"c{number:02}" for number in range(11, 1, -1)]
    assert [one.customer for one in book.less] == [f"d{number:02}" for number in range(11, 1, -1)]
    assert book.revenue == Sides(2_500, 2_500)
    assert book.issued_minor == 2_500


def test_from_nothing_to_something_is_the_steepest() -> None:
    tally = Tally()
    for customer, held in (("nova", 100), ("vega", 0), ("mira", 1)):
        billed(tally, customer, held, 200)
    (book,) = tally.simulation(Span("2026-10", Instant(0), Instant(1)), About()).currencies
    assert book.steepest is not None
    assert book.steepest.customer == "vega"
