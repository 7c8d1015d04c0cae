"""Billing again what was settled; amounts are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Beyond, Entitlement, Feature, PriceRow, Terms
from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Settlement, UsageClaim
from planctl.core.invoicing.rerate import billed_again, claim_keys, histories
from planctl.core.periods import Instant, Interval, parse_instant, zone
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.model import BlockedSpan, Subscription


def t(text: str) -> Instant:
    return parse_instant(text, zone("UTC"))


MINUTES = Entitlement(
    Feature("minutes", type="metered"),
    included=Decimal(100),
    beyond=Beyond("usage", {"": Each({"USD": Decimal("0.125")})}),
)
TERMS = Terms(rows=(PriceRow(Interval.parse("month"), {"USD": Decimal(49)}),), features={"minutes": MINUTES})
NOVA = Subscription(
    "sub_1", "nova", "pro", 1, TERMS, "", Currency("USD", "US Dollar", 2), "month", "UTC",
    t("2026-01-01"), t("2026-01-01"), fees_from=t("2026-01-01"), usage_from=t("2026-01-01"),
)  # fmt: skip
CLAIM = UsageClaim(
    "sub_1", "minutes", 0, t("2026-01-01"), t("2026-02-01"),
    quantity=Fraction(108), included=Fraction(100), wallet=Fraction(0), billed=Fraction(8),
    over_limit=Fraction(0),
)  # fmt: skip
USAGE = Settlement("sub_1", "usage", 0, "billed", t("2026-02-01"))
FEE = Settlement("sub_1", "fee", 1, "billed", t("2026-02-01"))


def test_fee_and_claimed_usage_give_their_lines_and_split_again() -> None:
    again = billed_again(NOVA, [USAGE, FEE], {("minutes", 0, "", 0): CLAIM})
    # 8 minutes above 100 at 0.125 are 1.00
    assert [(line.charge_key, line.service_index, line.amount_minor) for line in again.lines] == [
        ("usage:minutes", 0, 100),
        ("fee", 1, 4900),
    ]
    assert again.claims == {("minutes", 0, "", 0): CLAIM}


def test_usage_that_was_not_claimed_counts_as_none() -> None:
    assert billed_again(NOVA, [USAGE], {}).lines == ()


def test_what_a_payment_resumed_is_charged_from_the_end_of_the_block_on() -> None:
    late = replace(NOVA, blocked=(BlockedSpan(t("2026-01-11"), t("2026-02-11"), "pay_1"),))
    (line,) = billed_again(late, [replace(FEE, occasion="pay_1")], {}).lines
    # 18 of February's 28 days at 49.00
    assert (line.amount_minor, line.occasion, line.starts_at) == (3150, "pay_1", t("2026-02-11"))


def test_settled_usage_has_a_claim_for_each_feature_that_is_billed_with_it() -> None:
    assert claim_keys(NOVA, replace(USAGE, occasion="pay_1", revision=2)) == {
        "minutes": ("minutes", 0, "pay_1", 2)
    }
    assert claim_keys(NOVA, FEE) == {}


def test_a_part_that_the_terms_do_not_bill_is_impossible() -> None:
    with pytest.raises(AssertionError, match="nothing is billed as 'usage:day'"):
        billed_again(NOVA, [replace(USAGE, part="usage:day")], {})


def test_a_subscription_with_an_end_had_a_time_without_one() -> None:
    ended = replace(NOVA, ends_at=t("2026-03-10"), end_reason="canceled")
    assert histories(NOVA) == (NOVA,)
    assert histories(ended) == (ended, replace(ended, ends_at=None))
