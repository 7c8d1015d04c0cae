"""How invoices look: every amount as it was computed, every instant in its place, nothing that a terminal obeys."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Discount, Draft, Invoice, InvoiceStatus, Line, Tax, TaxShare
from planctl.views.formats import Screen, render
from planctl.views.invoice import (
    invoice_answer,
    invoice_document,
    invoices_answer,
    line_document,
    preview_of,
    previews_answer,
    price_text,
    totals_document,
)
from planctl.views.words import exact_decimal
from tests.core.billing import DECLARED, t

USD = DECLARED["USD"]
YEN = Currency("JPY", "Yen", 0)
TETHER = Currency("USDT", "Tether", 6, iso=False)


def line(**changes: Any) -> Line:
    plain = Line(
        kind="fee",
        subscription="sub_1",
        plan="pro",
        plan_version=3,
        charge_key="fee",
        service_index=0,
        description="Pro · Monthly",
        quantity=Fraction(1),
        unit_price=Fraction(49),
        amount_minor=4900,
        starts_at=t("2026-01-01", "Europe/Berlin"),
        ends_at=t("2026-02-01", "Europe/Berlin"),
    )
    return replace(plain, **changes)


def draft(*lines: Line, **changes: Any) -> Draft:
    plain = Draft(
        customer="nova",
        subscription="sub_1",
        period_index=0,
        kind="renewal",
        currency=USD,
        at=t("2026-01-01", "Europe/Berlin"),
        starts_at=t("2026-01-01", "Europe/Berlin"),
        ends_at=t("2026-02-01", "Europe/Berlin"),
        due_at=t("2026-01-08", "Europe/Berlin"),
        grace_ends_at=t("2026-01-11", "Europe/Berlin"),
        issued_at=t("2026-01-01", "Europe/Berlin"),
        lines=lines or (line(),),
        timezone="Europe/Berlin",
    )
    return replace(plain, **changes)


def invoice(made: Draft | None = None, **changes: Any) -> Invoice:
    made = made or draft()
    plain = Invoice(
        id="inv_1",
        number="INV-2026-00001",
        status=InvoiceStatus.OPEN,
        draft=made,
        subtotal_minor=made.subtotal_minor,
        discount_minor=0,
        tax_minor=0,
        total_minor=made.subtotal_minor,
    )
    return replace(plain, **changes)


# --- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(12), "12"),
        (Fraction(1, 10), "0.1"),
        (Fraction(-5, 2), "-2.5"),
        (Fraction(1, 3), "0.333333333333"),
        (Fraction(2, 3), "0.666666666667"),
        (Fraction(10**18), "1000000000000000000"),
        (Fraction(1, 10**12), "0.000000000001"),
    ],
)
def test_a_quantity_is_exact_or_has_twelve_decimals(value: Fraction, text: str) -> None:
    assert exact_decimal(value) == text


@pytest.mark.parametrize(
    ("price", "currency", "text"),
    [
        (Fraction(49), USD, "49.00"),
        (Fraction(4, 10_000), USD, "0.0004"),
        (Fraction(19, 10), USD, "1.90"),
        (Fraction(500), YEN, "500"),
        (Fraction(1, 2), YEN, "0.5"),
        (Fraction(19), TETHER, "19.000000"),
    ],
)
def test_a_unit_price_has_the_currencys_decimals_at_least(
    price: Fraction, currency: Currency, text: str
) -> None:
    assert price_text(price, currency) == text


def test_totals_are_by_code_in_the_currencys_decimals() -> None:
    assert totals_document({USD: 4900, YEN: 500, TETHER: 1}) == {
        "JPY": "500",
        "USD": "49.00",
        "USDT": "0.000001",
    }


# --- documents


def test_an_invoice_says_every_amount_in_major_units_and_every_instant_in_utc() -> None:
    document = invoice_document(invoice(paid_minor=1000))
    assert {
        key: document[key] for key in ("number", "status", "currency", "total", "paid", "due", "discount")
    } == {
        "number": "INV-2026-00001",
        "status": "open",
        "currency": "USD",
        "total": "49.00",
        "paid": "10.00",
        "due": "39.00",
        "discount": "0.00",
    }
    assert document["due_at"] == "2026-01-07T23:00:00Z"
    assert document["period"] == {"starts_at": "2025-12-31T23:00:00Z", "ends_at": "2026-01-31T23:00:00Z"}


def test_what_is_absent_is_null() -> None:
    made = draft(line(ends_at=None, unit_price=None), ends_at=None, grace_ends_at=None)
    document = invoice_document(preview_of(made))
    assert (document["number"], document["id"], document["grace_ends_at"]) == (None, None, None)
    assert document["status"] == "draft"
    found = line_document(made.lines[0], USD)
    assert (found["unit_price"], found["feature"]) == (None, None)
    assert found["period"] == {"starts_at": "2025-12-31T23:00:00Z", "ends_at": None}


def test_a_void_invoice_owes_nothing() -> None:
    document = invoice_document(invoice(status=InvoiceStatus.VOID, voided_at=t("2026-01-02")))
    assert (document["total"], document["due"], document["voided_at"]) == (
        "49.00",
        "0.00",
        "2026-01-02T00:00:00Z",
    )


def test_a_preview_has_the_sums_of_its_lines() -> None:
    made = preview_of(draft(line(), line(kind="usage", charge_key="usage:minutes", amount_minor=300)))
    assert (made.subtotal_minor, made.total_minor, made.due_minor) == (5200, 5200, 5200)


# --- for people


def rendered(answer: Any) -> list[str]:
    return list(render(answer, "table", Screen()))


def test_days_are_those_of_the_customers_zone() -> None:
    assert rendered(invoice_answer(invoice()))[1] == (
        "issued 2026-01-01 · due 2026-01-08 · grace ends 2026-01-11 (Europe/Berlin)"
    )


def test_buyer_and_seller_are_named_as_they_were() -> None:
    shown = rendered(invoice_answer(invoice(seller={"name": "Acme Inc."}, buyer={"name": "Nova GmbH"})))
    assert shown[:2] == ["Invoice INV-2026-00001 · Nova GmbH · open", "from Acme Inc."]


def test_thousands_are_set_off_for_people_and_not_for_machines() -> None:
    made = draft(line(amount_minor=123_456_789, unit_price=None, quantity=Fraction(7)))
    shown = "\n".join(rendered(invoice_answer(invoice(made))))
    assert "total 1,234,567.89 USD" in shown
    assert invoice_document(invoice(made))["total"] == "1234567.89"


def test_a_discount_and_a_tax_are_said_where_there_are_some() -> None:
    plain = "\n".join(rendered(invoice_answer(invoice())))
    assert "discount" not in plain
    taxed = invoice(discount_minor=900, tax_minor=760, total_minor=4760)
    assert "subtotal 49.00 USD · discount 9.00 USD · tax 7.60 USD" in rendered(invoice_answer(taxed))


TAXED = draft(
    line(
        discount_minor=980,
        taxes=(
            TaxShare("gst", Decimal("0.07"), 257, included=True),
            TaxShare("vat_de", Decimal("0.19"), 696),
        ),
    ),
    discounts=(Discount("launch20", "cou_1", 980),),
    taxes=(
        Tax("gst", "GST", Decimal("0.07"), 3663, 257, included=True),
        Tax("vat_de", "MwSt.", Decimal("0.19"), 3663, 696),
    ),
)
"""49.00 - 20 % = 39.20, of which 2.57 are contained at 7 % (39.20 / 1.07 = 36.635…); 19 % of 36.63 are 6.9597."""


def test_a_preview_has_its_discounts_taxes_and_what_the_balance_pays() -> None:
    made = preview_of(replace(TAXED, credit_minor=1000), {"tax": "exempt"})
    assert (made.subtotal_minor, made.discount_minor, made.tax_minor) == (4900, 980, 696)
    assert (made.total_minor, made.credit_minor, made.due_minor) == (4616, 1000, 3616)
    assert invoice_document(made)["tax_note"] == "Exempt from tax"


def test_discounts_and_taxes_are_documents_of_their_own_and_stand_on_their_lines() -> None:
    document = invoice_document(preview_of(TAXED))
    assert {key: document[key] for key in ("discount", "tax", "total", "discounts", "taxes", "tax_note")} == {
        "discount": "9.80",
        "tax": "6.96",
        "total": "46.16",
        "discounts": [{"coupon": "launch20", "amount": "9.80"}],
        "taxes": [
            {
                "code": "gst",
                "name": "GST",
                "rate": "0.07",
                "base": "36.63",
                "amount": "2.57",
                "included": True,
            },
            {
                "code": "vat_de",
                "name": "MwSt.",
                "rate": "0.19",
                "base": "36.63",
                "amount": "6.96",
                "included": False,
            },
        ],
        "tax_note": None,
    }
    found = line_document(TAXED.lines[0], USD)
    assert found["discount"] == "9.80"
    assert found["taxes"] == [
        {"code": "gst", "rate": "0.07", "amount": "2.57", "included": True},
        {"code": "vat_de", "rate": "0.19", "amount": "6.96", "included": False},
    ]


def test_coupons_and_taxes_are_said_by_name() -> None:
    shown = rendered(invoice_answer(preview_of(TAXED, {"tax": "reverse"})))
    for said in (
        "coupon launch20: -9.80 USD",
        "GST 7% on 36.63 USD: 2.57 USD (contained in the prices)",
        "MwSt. 19% on 36.63 USD: 6.96 USD",
        "Reverse charge: the recipient owes the tax",
    ):
        assert said in shown


def test_a_name_cannot_command_the_terminal() -> None:
    evil = invoice(draft(line(description="Pro\x1b[2J\u202e")), buyer={"name": "No\x07va"})
    shown = "\n".join(rendered(invoice_answer(evil)))
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_several_previews_stand_below_each_other_with_their_lines() -> None:
    several = [preview_of(draft()), preview_of(draft(line(amount_minor=100, description="Seats")))]
    shown = rendered(previews_answer(several, ["a run now would issue 2 invoices for nova"]))
    assert shown[0] == "a run now would issue 2 invoices for nova"
    assert len([one for one in shown if one.startswith("Preview (no number yet)")]) == 2
    assert any("1.00 USD  Seats" in one for one in shown)


def test_a_list_without_invoices_says_so() -> None:
    assert rendered(invoices_answer([], "UTC")) == ["no invoices"]


def test_a_list_has_one_row_each_and_the_same_amounts_in_csv() -> None:
    answer = invoices_answer([invoice(), invoice(paid_minor=4900, status=InvoiceStatus.PAID)], "UTC")
    header, first, second = render(answer, "csv", Screen())
    assert header.split(",")[0] == "number"
    assert "49.00,49.00" in first
    assert "49.00,0.00" in second
