"""A bank's statement pays the invoices it names, or the only one it can mean; nothing is guessed or taken twice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from planctl.files.bank_reader import BankRow
from planctl.store.settings import put_setting
from planctl.workflows.collect_payments import Imported, Importing, import_payments
from tests.workflows.business import RECORDED, Business, t


def row(amount: str, reference: str = "", day: str = "2026-02-03", currency: str = "USD") -> BankRow:
    key = f"{amount}|{reference}|{day}|{currency}"
    return BankRow(2, key, date.fromisoformat(day), Decimal(amount), currency, reference)


def imported(business: Business, *rows: BankRow) -> Imported:
    with business.store.write() as tx:
        return import_payments(tx, rows, Importing("ci", t("2026-02-10"), RECORDED))


def why(result: Imported) -> list[str]:
    return [one.why for one in result.unmatched]


@pytest.fixture
def owing(business: Business) -> Business:
    """nova owes 31.00 for INV-2026-00001, lune 31.00 and max 19.50 for the next two."""
    for customer, price in (("nova", "31"), ("lune", "31"), ("max", "19.50")):
        business.customer(customer)
        business.subscribe(customer, "metered", "2026-02-01", negotiated={"price.month.USD": price})
    return business


def test_a_row_that_names_an_invoice_pays_it_in_part_whole_or_more(owing: Business) -> None:
    done = imported(
        owing, row("10", "INV-2026-00001"), row("31", "inv 2026 00002"), row("20", "INV202600003")
    )
    assert [(one.invoice.number, one.invoice.due_minor) for one in done.recorded] == [
        ("INV-2026-00001", 2100),
        ("INV-2026-00002", 0),
        ("INV-2026-00003", 0),
    ]
    assert done.recorded[2].payment.to_balance_minor == 50
    assert (done.recorded[0].payment.at, done.recorded[0].payment.method) == (t("2026-02-03"), "bank")


def test_an_amount_that_only_one_invoice_owes_pays_it(owing: Business) -> None:
    done = imported(owing, row("19.50", "Max says hi"), row("31.00", "no number"), row("7", "no number"))
    assert [one.invoice.number for one in done.recorded] == ["INV-2026-00003"]
    assert why(done) == [
        "names no invoice, and 2 open ones of 2 customers have that amount",
        "names no invoice, and no open one has that amount",
    ]
    assert imported(owing, row("19.50", "again", "2026-02-04")).recorded == ()


def test_the_same_row_is_recorded_once_and_an_unmatched_one_may_come_again(owing: Business) -> None:
    rows = (row("31", "?"), row("10", "INV-2026-00001"))
    first = imported(owing, *rows)
    assert (first.read, len(first.recorded), first.already, len(first.unmatched)) == (2, 1, 0, 1)
    owing.pay("INV-2026-00002", "2026-02-04")
    owing.pay("INV-2026-00001", "2026-02-04", "1")
    again = imported(owing, *rows, row("20", "?"))
    assert (again.read, len(again.recorded), again.already, why(again)) == (
        3,
        1,
        1,
        ["names no invoice, and no open one has that amount"],
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("-31", "INV-2026-00001"), "is no money that came in"),
        (row("0", "INV-2026-00001"), "is no money that came in"),
        (row("31", "INV-2026-00001", currency="EUR"), "is in EUR, INV-2026-00001 is in USD"),
        (row("1.005", "INV-2026-00001"), "1.005 has 3 decimals, USD has 2"),
        (row("31", "INV-2026-00001", day="2026-02-11"), "is dated in the future"),
        (
            row("31", "INV-2026-00001 INV-2026-00002"),
            "names several invoices: INV-2026-00001, INV-2026-00002",
        ),
    ],
)
def test_what_cannot_be_recorded_is_listed_with_its_reason(
    owing: Business, bad: BankRow, reason: str
) -> None:
    done = imported(owing, bad)
    assert (done.recorded, why(done)) == ((), [reason])


def test_an_invoice_that_owes_nothing_and_closed_books_are_reasons_too(owing: Business) -> None:
    owing.pay("INV-2026-00001", "2026-02-02")
    with owing.store.write() as tx:
        put_setting(tx, "books.closed_through", "2026-02-03")
    done = imported(owing, row("31", "INV-2026-00001", "2026-02-05"), row("31", "INV-2026-00002"))
    assert done.recorded == ()
    assert why(done)[0] == (
        "invoice INV-2026-00001 owes nothing (to the balance: planctl payment record INV-2026-00001 AMOUNT)"
    )
    assert "the books are closed through 2026-02-03" in why(done)[1]
