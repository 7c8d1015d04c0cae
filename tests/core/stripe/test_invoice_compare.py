"""A draft that is not what was sent is found out, whatever of it is another (F109)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from planctl.core.stripe.invoice_compare import differences, in_words, wrongly_opened
from tests.core.stripe.owing import discount, fee, invoice, said, share, tax

EXPECTED = said(
    invoice(
        fee(10_000, discount_minor=2_000, taxes=(share("0.19", 1_520),)),
        fee(1_180, taxes=(share("0.18", 180, "gst", included=True),)),
        discounts=(discount("fifth", 2_000),),
        taxes=(tax("0.19", 8_000, 1_520), tax("0.18", 1_000, 180, "gst", included=True)),
    )
).expected
"""100.00 less 20.00, 15.20 added, and 11.80 with 1.80 inside: 107.00, of it 17.00 taxes."""

DRAFT: dict[str, Any] = {
    "status": "draft",
    "metadata": {"planctl_store": "st_1", "planctl_id": "inv_1"},
    "customer": "cus_1",
    "currency": "eur",
    "starting_balance": 0,
    "total": 10_700,
    "total_excluding_tax": 9_000,
    "total_taxes": [{"amount": 1_520}, {"amount": 180}],
    "amount_due": 10_700,
}
LINES: list[dict[str, Any]] = [
    {
        "id": "il_1",
        "amount": 10_000,
        "metadata": {"planctl_id": "inv_1:1"},
        "taxes": [{"amount": 1_520, "tax_behavior": "exclusive"}],
    },
    {
        "id": "il_2",
        "amount": 1_180,
        "metadata": {"planctl_id": "inv_1:2"},
        "taxes": [{"amount": 180, "tax_behavior": "inclusive"}],
    },
    {"id": "il_3", "amount": -2_000, "metadata": {"planctl_id": "inv_1:discount:1"}, "taxes": []},
]


def found(change: Callable[[dict[str, Any], list[dict[str, Any]]], object] = lambda *_: None) -> list[str]:
    """What is found where something of the draft or its lines is changed."""
    draft, lines = copy.deepcopy(DRAFT), copy.deepcopy(LINES)
    change(draft, lines)
    return [str(one) for one in differences(EXPECTED, draft, lines, "st_1")]


def test_what_was_sent_is_found_equal() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("field", "value", "said_of_it"),
    [
        ("customer", "cus_2", "customer: cus_1 here, cus_2 at Stripe"),
        ("currency", "usd", "currency: eur here, usd at Stripe"),
        ("starting_balance", 500, "customer's balance there: 0 here, 500 at Stripe (+500)"),
        ("total", 10_701, "total: 10700 here, 10701 at Stripe (+1)"),
        ("total_excluding_tax", 8_999, "total without tax: 9000 here, 8999 at Stripe (-1)"),
        ("amount_due", 0, "amount due: 10700 here, 0 at Stripe (-10700)"),
        ("total_taxes", [{"amount": 1_520}], "tax: 1700 here, 1520 at Stripe (-180)"),
        ("total_taxes", None, "tax: 1700 here, 0 at Stripe (-1700)"),
        ("metadata", {"planctl_store": "st_2", "planctl_id": "inv_1"}, "store: st_1 here, st_2 at Stripe"),
    ],
)
def test_anything_else_of_the_draft_is_told(field: str, value: Any, said_of_it: str) -> None:
    assert found(lambda draft, _: draft.update({field: value})) == [said_of_it]


def test_a_line_with_another_amount_is_told() -> None:
    assert found(lambda _, lines: lines[0].update(amount=10_001)) == [
        "line inv_1:1: 10000 here, 10001 at Stripe (+1)"
    ]


def test_a_line_with_another_tax_is_told() -> None:
    def change(_: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        lines[0]["taxes"][0]["tax_behavior"] = "inclusive"

    assert found(change) == [
        "line inv_1:1, added tax: 1520 here, 0 at Stripe (-1520)",
        "line inv_1:1, included tax: 0 here, 1520 at Stripe (+1520)",
    ]


def test_a_line_that_is_missing_is_told() -> None:
    assert found(lambda _, lines: lines.pop()) == ["line inv_1:discount:1: -2000 here, none at Stripe"]


def test_a_line_that_nobody_sent_is_told() -> None:
    extra = {"id": "il_9", "amount": 300, "metadata": {}, "taxes": []}
    assert found(lambda _, lines: lines.append(extra)) == ["line il_9: none here, 300 at Stripe"]


def test_a_line_that_is_there_twice_is_told() -> None:
    assert found(lambda _, lines: lines.append(lines[0])) == ["line inv_1:1: none here, 10000 at Stripe"]


def test_a_note_names_the_first_three_differences() -> None:
    several = differences(EXPECTED, DRAFT | {"total": 10_701, "currency": "usd"}, LINES[:1], "st_1")
    assert in_words(several) == (
        "currency: eur here, usd at Stripe; line inv_1:2: 1180 here, none at Stripe; "
        "line inv_1:discount:1: -2000 here, none at Stripe and 1 more"
    )


def test_a_finalized_invoice_is_due_whole_or_paid() -> None:
    assert wrongly_opened(1_900, {"status": "open", "amount_due": 1_900, "amount_paid": 0}) == ""
    assert wrongly_opened(1_900, {"status": "paid", "amount_due": 1_900, "amount_paid": 1_900}) == ""


def test_one_that_stripe_marked_as_paid_though_nothing_was_is_told() -> None:
    """ "If the invoice's total is smaller than the minimum charge amount ... the `amount_due` may be 0."

    Source: https://docs.stripe.com/api/invoices/object#invoice_object-amount_due.
    """
    said_of_it = wrongly_opened(30, {"status": "paid", "amount_due": 0, "amount_paid": 0})
    assert (
        said_of_it
        == "Stripe charges nothing for an invoice of 30, which is too little, and marked it as paid"
    )


def test_one_of_which_something_else_is_due_is_told() -> None:
    said_of_it = wrongly_opened(1_900, {"status": "open", "amount_due": 1_400, "amount_paid": 0})
    assert said_of_it == "amount due: 1900 here, 1400 at Stripe (-500)"
