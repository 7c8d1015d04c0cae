"""Where an invoice meets what Stripe's fields take: texts, taxes, least amounts; and what is to be read back of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant
from planctl.core.stripe.invoice_params import Expected, ExpectedLine, Outgoing, outgoing
from planctl.core.stripe.model import LeftOut
from tests.core.billing import t
from tests.core.stripe.owing import (
    BY_MAIL,
    CARD,
    NOW,
    currency,
    discount,
    fee,
    invoice,
    said,
    share,
    tax,
    why_not,
)


def only_line(one: Invoice) -> Any:
    ((line,),) = said(one).portions
    return line


def test_texts_are_cut_where_stripes_fields_end() -> None:
    """500 characters of a description and of a value of metadata, 140 of a shown field."""
    assert only_line(invoice(fee(100, description="d" * 500)))["description"] == "d" * 500
    assert only_line(invoice(fee(100, description="d" * 501)))["description"] == "d" * 500
    long = invoice(fee(100), number="N" * 501, buyer={"tax_id": "T" * 141})
    draft: Any = said(long).draft
    assert draft["description"] == "Invoice " + "N" * 492
    assert draft["metadata"]["planctl_number"] == "N" * 500
    assert [one["value"] for one in draft["custom_fields"]] == ["N" * 140, "T" * 140]


def test_a_line_without_a_text_says_none() -> None:
    assert "description" not in only_line(invoice(fee(100, description="")))


def test_a_line_of_less_than_a_second_ends_in_the_second_in_which_it_begins() -> None:
    begins = t("2026-01-01T00:00:05Z")
    brief = fee(100, starts_at=begins, ends_at=Instant(begins + 1))
    assert only_line(invoice(brief))["period"] == {"start": 1_767_225_605, "end": 1_767_225_605}
    ends = replace(brief, ends_at=t("2026-01-01T00:00:07Z"))
    assert only_line(invoice(ends))["period"] == {"start": 1_767_225_605, "end": 1_767_225_606}


# --- taxes


def taxed(rate: str, name: str = "VAT", code: str = "vat_de") -> Invoice:
    one = tax(rate, 10_000, 0, code)
    return invoice(fee(10_000, taxes=(share(rate, 0, code),)), taxes=(replace(one, name=name),))


def test_a_taxs_name_has_fifty_characters_and_is_its_code_where_it_has_none() -> None:
    def shown(one: Invoice) -> str:
        name = only_line(one)["tax_amounts"][0]["tax_rate_data"]["display_name"]
        assert isinstance(name, str)
        return name

    assert shown(taxed("0.19", "V" * 51)) == "V" * 50
    assert shown(taxed("0.19", "")) == "vat_de"
    assert shown(taxed("0.19", "", "c" * 51)) == "c" * 50
    # A tax of which the invoice has no sum: another rate, code, or way of being counted.
    of_another = replace(taxed("0.19"), draft=replace(taxed("0.19").draft, taxes=(tax("0.07", 1, 0),)))
    assert shown(of_another) == "vat_de"


def test_every_tax_of_a_line_has_its_own_amount_name_and_country() -> None:
    """100.00 with 5 % and, of another country, 7 %; the 20.00 beside them include 2.00 of a third."""
    one = invoice(
        fee(10_000, taxes=(share("0.05", 500, "gst"), share("0.07", 700, "pst"))),
        fee(2_000, taxes=(share("0.1111", 200, "in", included=True),)),
        taxes=(
            tax("0.05", 10_000, 500, "gst"),
            tax("0.07", 10_000, 700, "pst"),
            tax("0.1111", 1_800, 200, "in", included=True),
        ),
    )
    sent = said(one, countries={"gst": "CA", "vat_de": "DE"})
    ((first, second),) = sent.portions
    assert first["tax_amounts"] == [
        {
            "amount": 500,
            "taxable_amount": 10_000,
            "tax_rate_data": {"display_name": "GST", "percentage": "5", "inclusive": False, "country": "CA"},
        },
        {
            "amount": 700,
            "taxable_amount": 10_000,
            "tax_rate_data": {"display_name": "PST", "percentage": "7", "inclusive": False},
        },
    ]
    assert second["tax_amounts"] == [
        {
            "amount": 200,
            "taxable_amount": 1_800,
            "tax_rate_data": {"display_name": "IN", "percentage": "11.11", "inclusive": True},
        }
    ]
    assert sent.expected.lines == (
        ExpectedLine("inv_1:1", 10_000, 1_200, 0),
        ExpectedLine("inv_1:2", 2_000, 0, 200),
    )
    assert (sent.expected.tax, sent.expected.total, sent.expected.total_without_tax) == (
        1_400,
        13_200,
        11_800,
    )


@pytest.mark.parametrize("rate", ["0", "1", "0.999999"])
def test_rates_from_nothing_to_all_are_said(rate: str) -> None:
    assert isinstance(outgoing(taxed(rate), CARD, NOW, {}), Outgoing)


@pytest.mark.parametrize(
    ("rate", "percent"), [("-0.01", "-1"), ("1.01", "101"), ("2", "200"), ("0.1234567", "12.34567")]
)
def test_other_rates_are_not(rate: str, percent: str) -> None:
    assert (
        why_not(taxed(rate))
        == f"its tax vat_de is {percent} %, Stripe takes 0 to 100 with at most 4 decimals"
    )


def test_a_line_has_no_more_than_twenty_taxes() -> None:
    def with_taxes(count: int) -> Invoice:
        shares = tuple(share("0.01", 0, f"t{number}") for number in range(count))
        return invoice(fee(100), fee(100, taxes=shares))

    assert isinstance(outgoing(with_taxes(20), CARD, NOW, {}), Outgoing)
    assert why_not(with_taxes(21)) == "one of its lines has more than 20 taxes"


# --- amounts


def test_what_is_left_out_is_named_with_its_reason() -> None:
    assert outgoing(invoice(fee(49)), CARD, NOW, {}) == LeftOut(
        "invoice", "inv_1", "0.49 EUR is due, which is less than Stripe charges"
    )
    assert outgoing(invoice(fee(1_234), money=currency("KWD")), CARD, NOW, {}) == LeftOut(
        "invoice", "inv_1", "1.234 KWD is no amount that Stripe takes, but a multiple of 0.01 KWD"
    )


def test_where_stripe_names_no_least_amount_one_unit_is_enough() -> None:
    peso = currency("CLP")
    assert said(invoice(fee(1), money=peso)).expected.total == 1
    settled = invoice(fee(100), money=peso, credit_minor=100)
    assert why_not(settled) == "0 CLP is due, which is less than Stripe charges"


def test_every_kind_of_line_counts_towards_the_most() -> None:
    lines = tuple(fee(100, service_index=number) for number in range(249))
    two = (discount("a", 50), discount("b", 50))
    assert len(said(invoice(*lines, discounts=two[:1])).portions) == 5
    for more in ({"discounts": two}, {"credit_minor": 7, "paid_minor": 8}):
        changes: Any = more
        assert why_not(invoice(*lines, **changes)) == "it has 251 lines, an invoice at Stripe at most 250"
    for more in ({"credit_minor": 7}, {"paid_minor": 8}):
        changes = more
        assert isinstance(outgoing(invoice(*lines, **changes), CARD, NOW, {}), Outgoing)


def test_everything_that_must_be_read_back_is_said() -> None:
    one = invoice(
        fee(10_000, discount_minor=1_500, taxes=(share("0.19", 1_615),)),
        discounts=(discount("a", 1_000), discount("b", 500)),
        taxes=(tax("0.19", 8_500, 1_615),),
        credit_minor=100,
        paid_minor=15,
    )
    assert said(one).expected == Expected(
        "inv_1",
        "cus_1",
        "eur",
        (
            ExpectedLine("inv_1:1", 10_000, 1_615, 0),
            ExpectedLine("inv_1:discount:1", -1_000),
            ExpectedLine("inv_1:discount:2", -500),
            ExpectedLine("inv_1:balance", -100),
            ExpectedLine("inv_1:paid", -15),
        ),
    )
    taken_off: Any = said(one).portions[0][1:]
    assert [sorted(line) for line in taken_off] == [["amount", "description", "discountable", "metadata"]] * 4
    assert {line["discountable"] for line in taken_off} == {False}
    assert [line["description"] for line in taken_off[:2]] == ["Coupon a", "Coupon b"]


def test_other_lines_of_the_same_sum_make_another_digest() -> None:
    one, other = (invoice(fee(first), fee(300 - first)) for first in (100, 200))
    digests = {said(each, payer).digest for each in (one, other) for payer in (CARD, BY_MAIL)}
    assert len(digests) == 4
