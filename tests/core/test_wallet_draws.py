"""What open allowance periods take from grants so far; every unit is worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import Aggregate, Beyond, Entitlement, Feature, Meter
from planctl.core.invoicing.lineup import LineUp
from planctl.core.invoicing.model import UsageWindow
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallet_draws import draw_windows, open_draws
from planctl.core.wallets import Grant
from tests.core.billing import canceled, metered, monthly, running, t
from tests.core.history import Used, events, given, measured


def sub(
    features: Mapping[str, Entitlement], start: str = "2026-01-01", name: str = "sub_1", pay: str = "month"
) -> Subscription:
    return running(monthly(features=features), start, id=name, pay=pay)


def hard(name: str = "minutes", included: int = 100) -> dict[str, Entitlement]:
    """An allowance above which nothing is billed."""
    return {name: replace(metered(name, included)[name], beyond=None)}


def seats(charge: bool) -> dict[str, Entitlement]:
    """Ten seats that are held; above them the highest level is billed, or there is no more."""
    feature = Feature("seats", "metered", unit="seat", meter=Meter(), reset="never")
    beyond = Beyond("usage", {"": Each({"USD": Decimal(4)})}) if charge else None
    return {"seats": Entitlement(feature, included=Decimal(10), beyond=beyond)}


def drawn(lineup: LineUp, at: str, *used: Used) -> dict[str, Fraction]:
    totals = measured(draw_windows(lineup, t(at)), lineup.subscriptions, events(*used))
    return open_draws(lineup, t(at), totals)


def alone(features: Mapping[str, Entitlement], *grants: Grant) -> LineUp:
    return LineUp([sub(features)], grants)


def spans(windows: Sequence[UsageWindow]) -> list[tuple[str, int, int]]:
    return [(one.feature, one.starts_at, one.ends_at) for one in windows]


GRANT = given("g1", 50, "2026-01-01")


def test_a_grant_pays_what_no_allowance_of_the_open_period_covers() -> None:
    # 120 of 100 minutes: 20 from the grant, which has them with and without a price above the allowance.
    used = ("minutes", "2026-01-10", 120)
    assert drawn(alone(metered(), GRANT), "2026-01-15", used) == {"g1": 20}
    assert drawn(alone(hard(), GRANT), "2026-01-15", used) == {"g1": 20}


def test_no_grant_pays_more_than_it_has_left() -> None:
    grants = (replace(GRANT, left=Fraction(15)), given("g2", 50, "2026-01-02"))
    assert drawn(alone(hard(), *grants), "2026-01-15", ("minutes", "2026-01-10", 180)) == {"g1": 15, "g2": 50}


def test_usage_counts_up_to_and_with_the_instant() -> None:
    lineup = alone(hard(included=0), GRANT)
    used = (("minutes", "2026-01-15", 5), ("minutes", "2026-01-15T00:00:00.000001Z", 7))
    assert spans(draw_windows(lineup, t("2026-01-15"))) == [
        ("minutes", t("2026-01-01"), t("2026-01-15T00:00:00.000001Z"))
    ]
    assert drawn(lineup, "2026-01-15", *used) == {"g1": 5}


def test_what_an_earlier_period_used_is_the_closings_to_draw() -> None:
    used = (("minutes", "2026-01-10", 130), ("minutes", "2026-02-10", 101))
    assert drawn(alone(hard(), GRANT), "2026-02-15", *used) == {"g1": 1}


def test_without_a_grant_or_a_holder_nothing_is_measured_and_nothing_drawn() -> None:
    assert draw_windows(alone(hard()), t("2026-01-15")) == ()
    over = LineUp([canceled(sub(hard()), "2026-01-12")], [GRANT])
    assert draw_windows(over, t("2026-01-15")) == ()
    assert drawn(over, "2026-01-15", ("minutes", "2026-01-10", 120)) == {}


def test_features_without_a_grant_are_not_measured() -> None:
    lineup = alone(hard() | hard("chats"), GRANT)
    assert [one.feature for one in draw_windows(lineup, t("2026-01-15"))] == ["minutes"]


def test_the_grants_of_several_features_are_drawn_each_by_its_own() -> None:
    chats = given("g2", 50, "2026-01-01", feature="chats")
    used = (("minutes", "2026-01-10", 120), ("chats", "2026-01-11", 103))
    assert drawn(alone(hard() | hard("chats"), GRANT, chats), "2026-01-15", *used) == {"g1": 20, "g2": 3}


def test_held_features_draw_on_grants_only_where_what_is_above_is_billed() -> None:
    grant = given("g1", 50, "2026-01-01", feature="seats")
    used = ("seats", "2026-01-10", 12)
    assert drawn(alone(seats(charge=True), grant), "2026-01-15", used) == {"g1": 2}
    assert draw_windows(alone(seats(charge=False), grant), t("2026-01-15")) == ()
    # In a trial nothing is billed.
    trial = replace(sub(seats(charge=True)), trial_ends_at=t("2026-01-15"))
    assert draw_windows(LineUp([trial], [grant]), t("2026-01-14")) == ()
    assert len(draw_windows(LineUp([trial], [grant]), t("2026-01-15"))) == 1


def test_a_feature_that_old_terms_call_otherwise_draws_on_the_same_grant() -> None:
    lineup = LineUp([sub(hard("calls"))], [GRANT], present={"calls": "minutes", "notes": "texts"})
    assert drawn(lineup, "2026-01-15", ("calls", "2026-01-10", 120)) == {"g1": 20}


def test_an_old_and_a_new_name_take_together_what_the_grant_has() -> None:
    # 120 of 100 minutes and 140 of 100 calls, which minutes were called: 20 and, of 40, the 30 that are left.
    lineup = LineUp([sub(hard()), sub(hard("calls"), name="sub_2")], [GRANT], present={"calls": "minutes"})
    minutes, calls = ("minutes", "2026-01-10", 120), ("calls", "2026-01-11", 140)
    assert drawn(lineup, "2026-01-15", minutes, ("calls", "2026-01-11", 107)) == {"g1": 27}
    assert drawn(lineup, "2026-01-15", minutes, calls) == {"g1": 50}


def test_what_another_account_of_the_same_time_drew_does_not_use_up_the_grant_again() -> None:
    # Until the 12th sub_1, the older, answers for what is used: 30, which its end closed and took from the 50. Of the
    # 20 that are left, 15 pay for what sub_2 answers for since.
    first = canceled(sub(hard(included=0), "2025-12-12"), "2026-01-12")
    second = sub(hard(included=0), "2026-01-01", "sub_2")
    lineup = LineUp([first, second], [replace(GRANT, left=Fraction(20))])
    used = (("minutes", "2026-01-05", 30), ("minutes", "2026-01-13", 15))
    assert drawn(lineup, "2026-01-15", *used) == {"g1": 15}


def test_levels_that_are_measured_twice_are_asked_for_once_each() -> None:
    # A largest value is measured from the period's start to the grant's, and from the start on: two windows.
    biggest = Feature("minutes", "metered", unit="minute", meter=Meter(aggregate=AGGREGATE))
    features = {"minutes": Entitlement(biggest, included=Decimal(10))}
    lineup = alone(features, given("g1", 50, "2026-01-06"))
    at = t("2026-01-15")
    end = t("2026-01-15T00:00:00.000001Z")
    assert spans(draw_windows(lineup, at)) == [
        ("minutes", t("2026-01-01"), t("2026-01-06")),
        ("minutes", t("2026-01-01"), end),
    ]
    used = (("minutes", "2026-01-03", 12), ("minutes", "2026-01-10", 17))
    # Above 10 the value was 2 before the grant, which pays for the 5 that it rose by since.
    assert drawn(lineup, "2026-01-15", *used) == {"g1": 5}


AGGREGATE: Aggregate = "max"
