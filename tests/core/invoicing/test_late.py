"""Whether an event comes too late; every period is worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from planctl.core.catalog.model import Beyond, Entitlement, Feature, PriceRow, Terms
from planctl.core.currencies import Currency
from planctl.core.invoicing.late import lateness
from planctl.core.periods import Instant, Interval, parse_instant, zone
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.model import Subscription

USD = Currency("USD", "US Dollar", 2)
MONTH = PriceRow(Interval.parse("month"), {"USD": Decimal(19)})
BILLED = Beyond("usage", {"": Each({"USD": Decimal("0.02")})})
MINUTES = Feature("minutes", "metered")
CHATS = Feature("chats", "metered", spends={"minutes": Fraction(1, 10)})


def t(text: str) -> Instant:
    return parse_instant(text, zone("UTC"))


def settled(*entitlements: Entitlement, **more: Any) -> Subscription:
    """A monthly subscription of 1 January; everything due by 1 February is settled."""
    terms = Terms(rows=(MONTH,), features={one.feature.id: one for one in entitlements})
    started = t("2026-01-01")
    plain = Subscription(
        "sub_1", "nova", "starter", 1, terms, "", USD, "month", "UTC", started, started,
        fees_from=started, usage_from=started, settled_at=t("2026-02-01"),
    )  # fmt: skip
    return replace(plain, **more)


PRICED = Entitlement(MINUTES, included=Decimal(10), beyond=BILLED)


def test_an_event_of_a_billed_period_is_late_up_to_its_last_microsecond() -> None:
    assert lateness(settled(PRICED), ["minutes"], Instant(t("2026-02-01") - 1), ()) == "late"
    assert lateness(settled(PRICED), ["minutes"], t("2026-01-01"), ()) == "late"


def test_an_event_of_the_running_period_or_from_before_the_start_is_not() -> None:
    assert lateness(settled(PRICED), ["minutes"], t("2026-02-01"), ()) == ""
    assert lateness(settled(PRICED), ["minutes"], t("2025-12-31"), ()) == ""


def test_a_period_whose_end_has_passed_is_open_until_a_run_has_billed_it() -> None:
    waiting = settled(PRICED, settled_at=t("2026-01-15"))
    assert lateness(waiting, ["minutes"], t("2026-01-10"), ()) == ""
    assert lateness(settled(PRICED, settled_at=None), ["minutes"], t("2026-01-10"), ()) == ""


def test_usage_that_is_never_billed_is_never_late() -> None:
    hard = Entitlement(MINUTES, included=Decimal(10))
    assert lateness(settled(hard), ["minutes"], t("2026-01-10"), ()) == ""
    free = settled(PRICED)
    free = replace(free, terms=replace(free.terms, free=True))
    assert lateness(free, ["minutes"], t("2026-01-10"), ()) == ""


def test_a_feature_that_draws_on_a_billed_one_is_late_with_it() -> None:
    chats = Entitlement(CHATS, included=None, own_allowance=False, spends=CHATS.spends)
    assert lateness(settled(PRICED, chats), ["chats"], t("2026-01-10"), ()) == "late"


def test_the_terms_may_refuse_late_usage() -> None:
    strict = replace(PRICED, late="reject")
    assert lateness(settled(strict), ["minutes"], t("2026-01-10"), ()) == "reject"
    assert lateness(settled(strict), ["minutes"], t("2026-02-10"), ()) == ""


def test_usage_that_a_block_deferred_is_not_late() -> None:
    assert lateness(settled(PRICED), ["minutes"], t("2026-01-10"), {("usage", 0)}) == ""


def test_what_the_old_system_billed_is_not_late() -> None:
    moved = settled(PRICED, usage_from=t("2026-02-01"))
    assert lateness(moved, ["minutes"], t("2026-01-10"), ()) == ""


def test_a_feature_that_the_terms_do_not_grant_is_not_late() -> None:
    assert lateness(settled(PRICED), ["chats"], t("2026-01-10"), ()) == ""
