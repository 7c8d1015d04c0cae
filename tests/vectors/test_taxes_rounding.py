"""Rounded amounts and taxes that other billing systems publish in their tests, each with its source in the data.

Every case is run with planctl's own code or listed, with the reason why its rule is another one, in
exceptions/taxes_rounding.json. Never both.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.currencies import Currency, iso_currency
from planctl.core.invoicing.credits import Crediting, GoneBack, LineChoice, credit_of
from planctl.core.invoicing.model import Draft, Invoice, InvoiceStatus
from planctl.core.invoicing.taxation import Rounding
from planctl.core.money import format_minor, parse_decimal, round_minor, to_minor
from tests.core.discounting import JANUARY, draft, finish, line, tax
from tests.vectors.harness import load

VECTORS = load("taxes_rounding")
CASES, EXCEPTIONS = VECTORS.cases, VECTORS.exceptions
Answers = dict[str, Any]


def test_the_file_is_whole_and_names_its_sources() -> None:
    VECTORS.check_whole(21)


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()
    assert len(EXCEPTIONS) * 10 < len(CASES)


@pytest.mark.parametrize("case_id", sorted(EXCEPTIONS))
def test_a_listed_case_cannot_be_run(case_id: str) -> None:
    assert mapping_of(CASES[case_id]["input"]) is None


@pytest.mark.parametrize("case_id", VECTORS.played)
def test_a_published_case_gives_the_published_amounts(case_id: str) -> None:
    case = CASES[case_id]
    mapping = mapping_of(case["input"])
    assert mapping, "no mapping understands all fields of this input: map it, or list it with a reason"
    got = mapping(case["input"])
    assert {name: got[name] for name in case["expected"]} == case["expected"]


def currency_of(given: dict[str, Any]) -> Currency:
    """An ISO currency, or one of as many decimals as the case says."""
    if "minor_unit_decimals" in given:
        return Currency("TST", "Test", given["minor_unit_decimals"], iso=False)
    found = iso_currency(given["currency"])
    assert found
    return found


def rounded_amounts(given: dict[str, Any]) -> Answers:
    """Several amounts, each rounded for itself."""
    return {"rounded": [rounded(amount, currency_of(given)) for amount in given["amounts"]]}


def rounded_amount(given: dict[str, Any]) -> Answers:
    return {"rounded": rounded(given["amount"], currency_of(given))}


def rounded(amount: str, currency: Currency) -> str:
    return format_minor(round_minor(Fraction(amount), currency.decimals), currency)


def minor_units(given: dict[str, Any]) -> Answers:
    """How many decimals the currencies have, all of them the same."""
    (decimals,) = {currency_of({"currency": code}).decimals for code in given["currencies"]}
    return {"minor_unit_decimals": decimals}


def one_rate(given: dict[str, Any]) -> Answers:
    """A tax on one amount, added or contained."""
    currency = currency_of(given)
    amount = to_minor(parse_decimal(given.get("taxable") or given["amount"]), currency)
    made = taxed(draft(line(amount), currency=currency), given["rate_percent"], given.get("inclusive", False))
    (only,) = made.taxes
    return {
        "tax": format_minor(only.amount_minor, currency),
        "net": format_minor(only.base_minor, currency),
        "total": format_minor(made.total_minor, currency),
    }


def by_line(given: dict[str, Any]) -> Answers:
    """Lines of one rate, each rounded: `tax.rounding line`."""
    (rate,) = {one["rate_percent"] for one in given["lines"]}
    lines = [
        line(int(one["amount_minor"]), charge_key=str(place)) for place, one in enumerate(given["lines"])
    ]
    who = "exempt" if given.get("customer", "").startswith("tax exempt") else ""
    made = taxed(draft(*lines), rate, rounding="line", customer_tax=who)
    return {
        "line_taxes_minor": [str(one.tax_minor) for one in made.lines],
        "tax_minor": str(made.tax_minor),
        "total_minor": str(made.total_minor),
    }


def credit_note(given: dict[str, Any]) -> Answers:
    """The unused days of a paid period go back with their share of its tax."""
    assert given["rule"] == "terminated on the first day, that day is used"
    made = taxed(draft(line(int(given["price_minor"]))), given["tax_percent"])
    invoice = Invoice(
        "inv_1", "INV-1", InvoiceStatus.OPEN, made, made.subtotal_minor, 0, made.tax_minor, made.total_minor
    )
    unused = Fraction(given["unused_days"], given["paid_period_days"])
    net = round_minor(Fraction(given["price_minor"]) / 100 * unused, 2)
    note = credit_of(invoice, GoneBack(), [LineChoice(1, net)], Crediting("end", JANUARY))
    return {
        "credit_excl_tax_minor": str(note.lines[0].net_minor),
        "tax_minor": str(note.tax_minor),
        "credit_total_minor": str(note.total_minor),
    }


def taxed(
    made: Draft,
    rate_percent: str,
    included: bool = False,
    rounding: Rounding = "invoice",
    customer_tax: str = "",
) -> Draft:
    declared = tax("tax", str(Decimal(rate_percent) / 100), included=included)
    return finish(made, taxes=declared, rounding=rounding, tax=customer_tax)


CREDITED = {"price_minor", "paid_period_days", "unused_days", "tax_percent", "currency", "rule"}
MAPPINGS: tuple[tuple[set[str], set[str], Callable[[dict[str, Any]], Answers]], ...] = (
    ({"currency", "amounts"}, {"amounts"}, rounded_amounts),
    ({"currency", "minor_unit_decimals", "amount"}, {"minor_unit_decimals"}, rounded_amount),
    ({"currencies"}, {"currencies"}, minor_units),
    ({"taxable", "rate_percent", "currency"}, {"taxable"}, one_rate),
    ({"amount", "rate_percent", "inclusive", "currency"}, {"amount"}, one_rate),
    ({"lines", "customer", "currency"}, {"lines"}, by_line),
    (CREDITED, CREDITED, credit_note),
)
"""The fields a mapping understands, those it needs, and the mapping."""


def mapping_of(given: dict[str, Any]) -> Callable[[dict[str, Any]], Answers] | None:
    """The mapping that understands every field of the input, or None."""
    for understood, needed, mapping in MAPPINGS:
        if needed <= given.keys() <= understood:
            return mapping
    return None
