"""An invoice in Stripe's words, to the unit: every expected amount is worked out by hand.

Source of the currency rules: https://docs.stripe.com/currencies; of the limits: https://docs.stripe.com/invoicing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Line
from planctl.core.stripe.invoice_params import Outgoing, Payer, outgoing
from tests.core.billing import t
from tests.core.stripe.owing import (
    BY_MAIL,
    CARD,
    NOBODY,
    currency,
    discount,
    fee,
    invoice,
    said,
    share,
    tax,
    why_not,
)


def lines(sent: Outgoing) -> list[Any]:
    return [line for portion in sent.portions for line in portion]


def amounts(sent: Outgoing) -> list[tuple[str, int]]:
    """Every line's id and amount."""
    return [(line["metadata"]["planctl_id"], line["amount"]) for line in lines(sent)]


def test_a_line_is_said_with_its_amount_its_text_and_its_period() -> None:
    """January ends with its last second: a period at Stripe includes its end."""
    (line,) = lines(said(invoice(fee(1_900, description="Starter, monthly"))))
    assert line == {
        "amount": 1_900,
        "description": "Starter, monthly",
        "discountable": False,
        "metadata": {"planctl_id": "inv_1:1"},
        "period": {"start": 1_767_225_600, "end": 1_769_903_999},
    }


def test_a_line_without_an_end_is_of_one_second() -> None:
    (line,) = lines(said(invoice(fee(1_900, kind="one_off", ends_at=None))))
    assert line["period"] == {"start": 1_767_225_600, "end": 1_767_225_600}


def test_the_draft_collects_nothing_else_and_says_which_invoice_it_is() -> None:
    draft = dict(said(invoice(fee(1_900)), CARD).draft)
    assert draft == {
        "customer": "cus_1",
        "currency": "eur",
        "auto_advance": False,
        "automatic_tax": {"enabled": False},
        "pending_invoice_items_behavior": "exclude",
        "discounts": "",
        "collection_method": "charge_automatically",
        "description": "Invoice INV-2026-00001",
        "custom_fields": [{"name": "Invoice", "value": "INV-2026-00001"}],
        "metadata": {"planctl_number": "INV-2026-00001", "planctl_hash": "c0ffee", "planctl_due": "1900"},
    }


def test_a_tax_number_stays_on_the_invoice() -> None:
    """What an invoice shows takes the place of what its customer's settings show."""
    shown = said(invoice(fee(1_900), buyer={"tax_id": "DE123456789"})).draft["custom_fields"]
    assert shown == [
        {"name": "Invoice", "value": "INV-2026-00001"},
        {"name": "Tax ID", "value": "DE123456789"},
    ]


@pytest.mark.parametrize("payer", [BY_MAIL, NOBODY])
def test_an_invoice_that_no_card_pays_is_due_on_its_due_date(payer: Payer) -> None:
    draft = said(invoice(fee(1_900)), payer).draft
    assert (draft["collection_method"], draft["due_date"]) == ("send_invoice", t("2026-02-01") // 1_000_000)


@pytest.mark.parametrize("payer", [BY_MAIL, NOBODY])
def test_without_an_address_it_is_none_that_is_sent_and_has_no_due_date_there(payer: Payer) -> None:
    """ "Missing email. In order to create invoices that are sent to the customer, ..."; `auto_advance` stays false."""
    draft = said(invoice(fee(1_900)), replace(payer, has_address=False)).draft
    assert (draft["collection_method"], draft["auto_advance"]) == ("charge_automatically", False)
    assert "due_date" not in draft


@pytest.mark.parametrize("due", ["2025-12-01", "2026-01-02T09:59:59Z"])
def test_a_due_date_that_is_over_or_near_is_a_day_from_now(due: str) -> None:
    """Stripe takes none in the past, and the call may be sent again for 23 hours."""
    one = replace(invoice(fee(1_900)), extended_due_at=t(due))
    assert said(one, BY_MAIL).draft["due_date"] == t("2026-01-02T10:00:00Z") // 1_000_000


def test_an_added_tax_is_an_amount_of_ours() -> None:
    """100.00 and 19 % of it: 119.00."""
    one = invoice(fee(10_000, taxes=(share("0.19", 1_900),)), taxes=(tax("0.19", 10_000, 1_900),))
    sent = said(one, countries={"vat_de": "DE"})
    assert lines(sent)[0]["tax_amounts"] == [
        {
            "amount": 1_900,
            "taxable_amount": 10_000,
            "tax_rate_data": {
                "display_name": "VAT_DE",
                "percentage": "19",
                "inclusive": False,
                "country": "DE",
            },
        }
    ]
    assert (sent.expected.total, sent.expected.tax, sent.expected.total_without_tax) == (
        11_900,
        1_900,
        10_000,
    )


def test_an_included_tax_stays_in_its_line() -> None:
    """118.00 with 18 % inside is 100.00 and 18.00."""
    one = invoice(
        fee(11_800, taxes=(share("0.18", 1_800, "gst_in", included=True),)),
        taxes=(tax("0.18", 10_000, 1_800, "gst_in", included=True),),
    )
    sent = said(one)
    (line,) = lines(sent)
    assert line["amount"] == 11_800
    assert line["tax_amounts"] == [
        {
            "amount": 1_800,
            "taxable_amount": 10_000,
            "tax_rate_data": {"display_name": "GST_IN", "percentage": "18", "inclusive": True},
        }
    ]
    assert (sent.expected.total, sent.expected.tax, sent.expected.total_without_tax) == (
        11_800,
        1_800,
        10_000,
    )


def test_a_tax_that_was_computed_after_a_discount_comes_out() -> None:
    """100.00 less 20.00 is 80.00, and 19 % of that is 15.20: 95.20."""
    one = invoice(
        fee(10_000, discount_minor=2_000, taxes=(share("0.19", 1_520),)),
        discounts=(discount("fifth", 2_000),),
        taxes=(tax("0.19", 8_000, 1_520),),
    )
    sent = said(one)
    assert amounts(sent) == [("inv_1:1", 10_000), ("inv_1:discount:1", -2_000)]
    assert lines(sent)[0]["tax_amounts"][0]["taxable_amount"] == 8_000
    assert lines(sent)[1]["description"] == "Coupon fifth"
    assert (sent.expected.total, sent.expected.tax, sent.expected.total_without_tax) == (9_520, 1_520, 8_000)


def test_every_coupon_is_a_line_of_its_own() -> None:
    one = invoice(
        fee(10_000, discount_minor=2_500),
        discounts=(discount("fifth", 2_000), discount("five", 500)),
    )
    assert amounts(said(one)) == [
        ("inv_1:1", 10_000),
        ("inv_1:discount:1", -2_000),
        ("inv_1:discount:2", -500),
    ]


def test_what_the_balance_and_others_paid_is_taken_off() -> None:
    """Of 100.00 the balance paid 30.00 and a transfer 20.00: 50.00 is due, here and there."""
    one = invoice(fee(10_000), credit_minor=3_000, paid_minor=2_000)
    sent = said(one)
    assert amounts(sent) == [("inv_1:1", 10_000), ("inv_1:balance", -3_000), ("inv_1:paid", -2_000)]
    assert [line["description"] for line in lines(sent)[1:]] == ["From your balance", "Paid already"]
    assert sent.expected.total == 5_000
    metadata = sent.draft["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["planctl_due"] == "5000"


def test_a_line_that_credits_has_its_tax_back() -> None:
    """-10.00 with -1.90, and 50.00 with 9.50: 47.60."""
    one = invoice(
        fee(-1_000, kind="proration_credit", taxes=(share("0.19", -190),)),
        fee(5_000, taxes=(share("0.19", 950),)),
        taxes=(tax("0.19", 4_000, 760),),
    )
    sent = said(one)
    assert [(line.amount, line.tax_added) for line in sent.expected.lines] == [(-1_000, -190), (5_000, 950)]
    assert sent.expected.total == 4_760


@pytest.mark.parametrize(
    ("code", "minor", "unit"),
    [
        ("USD", 1_990, 1_990),
        ("JPY", 500, 500),  # "to charge 500 JPY, provide an amount value of 500"
        ("ISK", 500, 50_000),  # "to charge 5 ISK, provide an amount value of 500"
        ("HUF", 20_000, 20_000),  # whole only for payouts
        ("KWD", 1_230, 1_230),  # "require the least-significant (last) digit to be 0"
        ("MGA", 1_200, 12),  # two decimals in ISO 4217, none at Stripe
    ],
)
def test_an_amount_is_said_in_stripes_unit(code: str, minor: int, unit: int) -> None:
    assert said(invoice(fee(minor), money=currency(code))).expected.total == unit


@pytest.mark.parametrize(
    ("code", "minor", "why"),
    [
        ("KWD", 1_234, "1.234 KWD is no amount that Stripe takes, but a multiple of 0.01 KWD"),
        ("MGA", 1_250, "12.50 MGA is no amount that Stripe takes, but a multiple of 1 MGA"),
        ("USD", 100_000_000, "1,000,000.00 USD is no amount that Stripe takes, but at most 999,999.99 USD"),
        ("GHS", 1_000, "Stripe takes no payments in GHS"),
    ],
)
def test_what_cannot_be_said_is_left_out_and_not_rounded(code: str, minor: int, why: str) -> None:
    assert why_not(invoice(fee(minor), money=currency(code))) == why


def test_one_line_that_cannot_be_said_leaves_the_whole_invoice_out() -> None:
    """1.234 and 1.236 are 2.470, which Stripe would take."""
    assert "1.234 KWD" in why_not(invoice(fee(1_234), fee(1_236), money=currency("KWD")))


def test_a_currency_of_ones_own_never_goes_to_stripe() -> None:
    tether = Currency("USDT", "Tether", 6, iso=False)
    assert why_not(invoice(fee(19_000_000), money=tether)) == "USDT is no currency of ISO 4217"


@pytest.mark.parametrize(
    ("code", "minor", "why"),
    [
        ("USD", 49, "0.49 USD is due, which is less than Stripe charges"),
        ("JPY", 49, "49 JPY is due, which is less than Stripe charges"),
        ("CZK", 1_499, "14.99 CZK is due, which is less than Stripe charges"),
    ],
)
def test_too_little_to_be_charged_is_left_out(code: str, minor: int, why: str) -> None:
    """Stripe would mark it as paid and add it to the customer's balance there."""
    assert why_not(invoice(fee(minor), money=currency(code))) == why
    assert said(invoice(fee(minor + 1), money=currency(code))).expected.total == minor + 1


def test_lines_go_in_portions_of_fifty_and_no_more_than_250() -> None:
    assert [len(one) for one in said(invoice(*several(120))).portions] == [50, 50, 20]
    assert [len(one) for one in said(invoice(*several(250))).portions] == [50, 50, 50, 50, 50]
    assert why_not(invoice(*several(251))) == "it has 251 lines, an invoice at Stripe at most 250"


def test_discounts_and_what_is_settled_count_as_lines() -> None:
    one = invoice(*several(249), credit_minor=100, paid_minor=100)
    assert why_not(one) == "it has 251 lines, an invoice at Stripe at most 250"


def several(count: int) -> tuple[Line, ...]:
    return tuple(fee(100, service_index=index) for index in range(count))


@pytest.mark.parametrize(("rate", "percentage"), [("0.088755", "8.8755"), ("0.07", "7"), ("0", "0")])
def test_a_percentage_has_at_most_four_decimals(rate: str, percentage: str) -> None:
    one = invoice(fee(10_000, taxes=(share(rate, 0),)), taxes=(tax(rate, 10_000, 0),))
    assert lines(said(one))[0]["tax_amounts"][0]["tax_rate_data"]["percentage"] == percentage


@pytest.mark.parametrize(
    ("rate", "why"),
    [
        ("0.0887555", "its tax vat_de is 8.87555 %, Stripe takes 0 to 100 with at most 4 decimals"),
        ("1.5", "its tax vat_de is 150 %, Stripe takes 0 to 100 with at most 4 decimals"),
    ],
)
def test_a_rate_that_stripe_cannot_show_leaves_the_invoice_out(rate: str, why: str) -> None:
    one = invoice(fee(10_000, taxes=(share(rate, 0),)), taxes=(tax(rate, 10_000, 0),))
    assert why_not(one) == why


def test_the_same_invoice_is_the_same_whenever_it_is_sent() -> None:
    """But for the due date that Stripe forces on it; another amount, payer or content makes another."""
    one = invoice(fee(1_900))
    first = said(one, BY_MAIL).digest
    late = outgoing(one, BY_MAIL, t("2026-03-01"), {})
    assert isinstance(late, Outgoing)
    assert late.draft["due_date"] != said(one, BY_MAIL).draft["due_date"]
    assert late.digest == first
    others = {
        said(one, CARD).digest,
        said(replace(one, paid_minor=900), BY_MAIL).digest,
        said(invoice(fee(1_901)), BY_MAIL).digest,
        said(one, Payer("cus_2", "invoice")).digest,
    }
    assert len(others - {first}) == 4


def test_it_does_not_depend_on_the_instant() -> None:
    assert said(invoice(fee(1_900)), CARD) == outgoing(invoice(fee(1_900)), CARD, t("2027-01-01"), {})
