"""What closing one allowance period of one subscription takes and bills, each amount worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Entitlement, Feature, Meter, Terms
from planctl.core.invoicing.lineup import LineUp, bought
from planctl.core.invoicing.model import Line, UsageClaim
from planctl.core.invoicing.usage import Book, close, features_of, usage_line, windows
from planctl.core.subscriptions.dues import due_of
from planctl.core.subscriptions.model import Subscription
from tests.core.billing import metered, monthly, prepaid, running, t, values

VOICE = {"features.minutes": "Voice"}


def usage(
    subscription: Subscription, used: Mapping[str, int]
) -> tuple[tuple[Line, ...], tuple[UsageClaim, ...]]:
    """The lines worth something, and the claims, of the first allowance period."""
    due = due_of(subscription, "usage", 0)
    lineup = LineUp((subscription,))
    totals = {one.key: Fraction(used.get(one.feature, 0)) for one in windows(lineup, subscription, due)}
    found = close(subscription, due, Book(lineup, totals))
    lines = (usage_line(subscription, due, one, VOICE) for one in found if one.rated.amount_minor)
    return tuple(lines), tuple(one.claim for one in found)


def talk(included: int = 100, each: str = "0.10") -> Terms:
    """Minutes with an allowance, and chats that spend a tenth of a minute."""
    chats = Feature("chats", "metered", unit="chat", meter=Meter())
    spending = Entitlement(
        chats, included=Decimal(0), own_allowance=False, spends={"minutes": Fraction(1, 10)}
    )
    return monthly(features=metered(included=included, each=each) | {"chats": spending})


def test_usage_is_claimed_and_what_is_beyond_the_allowance_is_a_line() -> None:
    (line,), (claim,) = usage(running(monthly(features=metered()), "2026-01-01"), {"minutes": 130})
    assert values(line, "kind charge_key description") == (
        "usage",
        "usage:minutes",
        "Voice · 0.10 USD / minute",
    )
    assert values(line, "quantity unit_price amount_minor") == (30, Fraction(1, 10), 300)
    assert values(line, "starts_at ends_at") == (t("2026-01-01"), t("2026-02-01"))
    assert values(claim, "quantity included wallet billed over_limit") == (
        130,
        100,
        0,
        30,
        0,
    )


@pytest.mark.parametrize(("minutes", "lines"), [(0, 0), (99, 0), (100, 0), (101, 1)])
def test_the_last_unit_of_the_allowance_is_included(minutes: int, lines: int) -> None:
    found, claims = usage(running(monthly(features=metered()), "2026-01-01"), {"minutes": minutes})
    assert (len(found), len(claims)) == (lines, 1)


def test_chats_draw_tenths_of_minutes_and_are_priced_as_minutes() -> None:
    # 90 minutes + 250 chats / 10 = 115; 15 beyond 100 × 0.10 = 1.50.
    (line,), (claim,) = usage(running(talk(), "2026-01-01"), {"minutes": 90, "chats": 250})
    assert values(line, "feature quantity amount_minor") == ("minutes", 15, 150)
    assert values(claim, "feature quantity included billed") == ("minutes", 115, 100, 15)
    assert isinstance(line.detail, dict)
    assert line.detail["own"] == "90"
    assert line.detail["drawn"] == [{"feature": "chats", "quantity": "250", "units": "25"}]


def test_a_single_chat_beyond_is_a_tenth_of_a_minute_and_the_line_is_rounded_once() -> None:
    # 100 + 1/10 minutes: 0.1 × 0.10 = 0.01.
    (line,), _ = usage(running(talk(), "2026-01-01"), {"minutes": 100, "chats": 1})
    assert values(line, "quantity amount_minor") == (Fraction(1, 10), 1)
    lines, (claim,) = usage(running(talk(each="0.04"), "2026-01-01"), {"minutes": 100, "chats": 1})
    assert (lines, claim.billed) == ((), Fraction(1, 10))  # 0.004 is nothing, and is claimed


def test_what_spends_another_feature_is_asked_for_with_it() -> None:
    subscription = running(talk(), "2026-01-01")
    lineup = LineUp((subscription,))
    asked = {window.feature for window in windows(lineup, subscription, due_of(subscription, "usage", 0))}
    assert asked == {"minutes", "chats"}
    assert lineup.feeders("minutes") == ("chats",)


def test_a_fee_needs_no_usage() -> None:
    subscription = running(talk(), "2026-01-01")
    due = due_of(subscription, "fee", 0)
    assert features_of(subscription, due) == ()
    assert list(windows(LineUp((subscription,)), subscription, due)) == []


def test_units_beyond_the_limit_are_claimed_and_not_billed() -> None:
    (entry,) = metered().values()
    assert entry.beyond is not None
    limited = replace(entry, beyond=replace(entry.beyond, up_to=Decimal(120)))
    (line,), (claim,) = usage(running(monthly(features={"minutes": limited}), "2026-01-01"), {"minutes": 150})
    assert values(line, "quantity amount_minor") == (20, 200)
    assert values(claim, "included billed over_limit") == (100, 20, 30)


def test_an_unlimited_feature_is_never_billed() -> None:
    lines, (claim,) = usage(
        running(monthly(features=metered(included=None)), "2026-01-01"), {"minutes": 10**9}
    )
    assert lines == ()
    assert values(claim, "included billed") == (10**9, 0)


def test_what_is_bought_ahead_makes_the_pool_larger() -> None:
    subscription = running(
        monthly(features=prepaid(included=10)), "2026-01-01", quantities={"seats": Decimal(12)}
    )
    (seats,) = LineUp((subscription,)).grantors("seats")
    assert seats.included(seats.period_at(t("2026-01-20")), Fraction(0)) == 12
    assert bought(subscription, "seats", t("2026-01-20")) == 2
    for total in (Decimal(10), Decimal(3)):
        assert bought(replace(subscription, quantities={"seats": total}), "seats", t("2026-01-20")) == 0


def test_a_canceled_plan_bills_only_what_was_used_until_then_with_the_whole_allowance() -> None:
    subscription = running(
        monthly(features=metered()), "2026-01-01", ends_at=t("2026-01-11"), end_reason="canceled"
    )
    due = due_of(subscription, "usage", 0)
    (window,) = windows(LineUp((subscription,)), subscription, due)
    assert (window.starts_at, window.ends_at) == (t("2026-01-01"), t("2026-01-11"))
    (line,), (claim,) = usage(subscription, {"minutes": 130})
    assert line.ends_at == claim.ends_at == t("2026-01-11")
    assert claim.included == 100
