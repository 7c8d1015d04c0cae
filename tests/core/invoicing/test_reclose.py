"""Closed allowance periods, closed again from what was recorded; amounts are worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.model import Beyond, Entitlement, Feature, PriceRow, Terms
from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Line, Settlement, UsageClaim, WindowKey
from planctl.core.invoicing.reclose import (
    Charge,
    ClosedPeriod,
    Closer,
    Past,
    closed_periods,
    given_back,
    lasting,
    needed,
)
from planctl.core.periods import Instant, Interval, parse_instant, zone
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.model import Subscription
from planctl.core.usage_laws import wrong_charges, wrong_parts, wrong_quantities, wrong_rollover


def t(text: str) -> Instant:
    return parse_instant(text, zone("UTC"))


MINUTES = Entitlement(
    Feature("minutes", type="metered"),
    included=Decimal(100),
    beyond=Beyond("usage", {"": Each({"USD": Decimal("0.125")})}),
)
ROW = PriceRow(Interval.parse("month"), {"USD": Decimal(49)})
NOVA = Subscription(
    "sub_1", "nova", "pro", 1, Terms(rows=(ROW,), features={"minutes": MINUTES}), "",
    Currency("USD", "US Dollar", 2), "month", "UTC", t("2026-01-01"), t("2026-01-01"),
    fees_from=t("2026-01-01"), usage_from=t("2026-01-01"),
)  # fmt: skip
CLAIM = UsageClaim(
    "sub_1", "minutes", 0, t("2026-01-01"), t("2026-02-01"),
    quantity=Fraction(108), included=Fraction(100), wallet=Fraction(0), billed=Fraction(8),
    over_limit=Fraction(0),
)  # fmt: skip
USAGE = Settlement("sub_1", "usage", 0, "billed", t("2026-02-01"))
# 8 minutes above 100 at 0.125
LINE = Line(
    "usage", "sub_1", "pro", 1, "usage:minutes", 0, "", Fraction(8), Fraction(1, 8), 100,
    t("2026-01-01"), t("2026-02-01"), feature="minutes",
)  # fmt: skip
JANUARY = ("sub_1", "minutes", t("2026-01-01"), t("2026-02-01"))


def past(**changes: object) -> Past:
    whole = Past(
        (NOVA,), [(USAGE, "inv_1")], [(CLAIM, "inv_1")], [Charge("inv_1", 0, LINE)],
        {"inv_1": t("2026-02-01")},
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


def found(of: Past, totals: Mapping[WindowKey, Fraction]) -> list[str]:
    """What is wrong with the only period."""
    closer = Closer(of, totals, {})
    (period,) = closer.periods
    (again,) = closer.again(period)
    return [
        *wrong_quantities(period, again),
        *wrong_parts(period, again),
        *wrong_rollover(closer, period),
        *wrong_charges(closer, period, again),
    ]


def test_what_was_recorded_gives_the_claim_and_the_line_again() -> None:
    assert [window.key for window in needed(past(), period_of(past()))] == [JANUARY]
    assert found(past(), {JANUARY: Fraction(108)}) == []
    assert found(past(), {JANUARY: Fraction(116)}) == [
        "minutes: 108 were claimed, the events recorded give 116",
        "the claim on minutes 0 is split 100 + 0 + 8 + 0, the terms say 100 + 0 + 16 + 0",
        "its line usage:minutes 0 has the amount 100, billed again 200",
    ]


def period_of(of: Past) -> ClosedPeriod:
    (period,) = closed_periods(of)
    return period


def test_what_grants_paid_is_taken_from_the_claim_and_the_rest_is_billed() -> None:
    claim = replace(CLAIM, wallet=Fraction(4), billed=Fraction(4))
    line = replace(LINE, quantity=Fraction(4), amount_minor=50)
    told = past(claims=[(claim, "inv_1")], charges=[Charge("inv_1", 0, line)])
    assert found(told, {JANUARY: Fraction(108)}) == []
    assert found(past(claims=[(claim, "inv_1")]), {JANUARY: Fraction(108)}) == [
        "its line usage:minutes 0 has the amount 100, billed again 50"
    ]


def test_of_what_was_issued_again_only_the_last_revision_counts() -> None:
    again = replace(USAGE, revision=1)
    void = replace(USAGE, outcome="void")
    claims = [(replace(CLAIM, billed=Fraction(1), quantity=Fraction(101)), "inv_1")]
    claims += [(replace(CLAIM, revision=1), "inv_2")]
    charges = [Charge("inv_1", 0, replace(LINE, amount_minor=13), void=True), Charge("inv_2", 1, LINE)]
    settled = [(void, "inv_1"), (again, "inv_2")]
    told = past(settled=settled, claims=claims, charges=charges)
    assert found(told, {JANUARY: Fraction(108)}) == []
    assert lasting(charges) == [charges[1]]


@pytest.mark.parametrize("outcome", ["reissue", "blocked"])
def test_what_is_still_to_be_billed_is_not_closed(outcome: str) -> None:
    waiting = replace(USAGE, outcome=outcome)  # type: ignore[arg-type]
    assert list(closed_periods(past(settled=[(waiting, "")]))) == []


LATE_CLAIM = replace(CLAIM, quantity=Fraction(8), included=Fraction(0), occasion="late:1")
LATE_LINE = replace(
    LINE, kind="late_usage", unit_price=None, occasion="late:1", detail={"difference_minor": "100"}
)
LATE = replace(USAGE, occasion="late:1", due_at=t("2026-03-01"))


def rated_again(**changes: object) -> Past:
    return past(
        settled=[(USAGE, "inv_1"), (LATE, "inv_2")],
        claims=[(CLAIM, "inv_1"), (LATE_CLAIM, "inv_2")],
        charges=[
            Charge("inv_1", 0, LINE),
            Charge("inv_2", 0, replace(LATE_LINE, **changes)),  # type: ignore[arg-type]
        ],
    )


def test_a_charge_and_its_differences_are_what_the_period_costs_now() -> None:
    assert found(rated_again(), {JANUARY: Fraction(116)}) == []
    more = rated_again(amount_minor=101, detail={"difference_minor": "101"})
    assert found(more, {JANUARY: Fraction(116)}) == [
        "usage:minutes: 201 were charged in all, billed again it costs 200 (minor units)"
    ]
    assert found(rated_again(amount_minor=99), {JANUARY: Fraction(116)}) == [
        "usage:minutes: the line of late:1 charges 99, its difference comes to 100 (minor units)"
    ]


def test_what_would_have_been_below_zero_was_credited_after_discounts() -> None:
    claims = [(CLAIM, "inv_1"), (replace(LATE_CLAIM, quantity=Fraction(-8), billed=Fraction(-8)), "")]
    half = replace(LINE, discount_minor=50)
    settled = [(USAGE, "inv_1"), (replace(LATE, outcome="credited"), "")]

    def told(credited: int) -> Past:
        charge = Charge("inv_1", 0, half, credited_minor=credited, settled_minor=credited)
        # nothing shows that the period was rated again but its settlement
        return past(settled=settled, claims=claims, charges=[charge])

    assert found(told(50), {JANUARY: Fraction(100)}) == []
    assert found(told(40), {JANUARY: Fraction(100)}) == [
        "usage:minutes: 100 were charged and 40 credited in all, billed again it costs 0 (minor units)"
    ]


def test_a_credit_goes_to_the_latest_charge_first_and_leaves_out_what_was_discounted() -> None:
    whole, half = Charge("inv_1", 0, LINE), Charge("inv_2", 0, replace(LINE, discount_minor=50))
    assert given_back(120, [whole, half]) == 70  # 50 of the 100 of the later one, 20 of the earlier
    assert given_back(120, [half, whole]) == 110
    assert given_back(120, []) == 120
    assert given_back(-5, [whole]) == 0


CALLS = Entitlement(Feature("calls", type="metered"), included=Decimal(10), rollover="15")
ROLLING = replace(NOVA, terms=Terms(rows=(ROW,), features={"calls": CALLS}))


def rolled(index: int, used: int, **changes: int) -> UsageClaim:
    starts, ends = t(f"2026-0{index + 1}-01"), t(f"2026-0{index + 2}-01")
    units = {name: Fraction(value) for name, value in changes.items()}
    claim = UsageClaim(
        "sub_1", "calls", index, starts, ends, Fraction(used), Fraction(used), Fraction(0), Fraction(0),
        Fraction(0),
    )  # fmt: skip
    return replace(claim, **units)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("january", "february", "expected"),
    [
        ({"carried": 6}, {"rolled": 6, "carried": 14}, []),
        ({"carried": 6}, {"rolled": 5, "carried": 13},
         ["calls: 5 were brought in, the period before carried 6 on"]),
        ({"carried": 7}, {"rolled": 7, "carried": 15}, ["calls: 7 are carried on, the terms say 6"]),
        # 10 and 6 less 2 are 14; never more than 15
        ({"carried": 6}, {"rolled": 6, "carried": 15}, ["calls: 15 are carried on, the terms say 14"]),
    ],
)  # fmt: skip
def test_what_is_left_goes_on_to_the_next_period(
    january: dict[str, int], february: dict[str, int], expected: list[str]
) -> None:
    claims = [(rolled(0, 4, **january), ""), (rolled(1, 2, **february), "")]
    settled = [
        (replace(USAGE, outcome="zero"), ""),
        (replace(USAGE, index=1, outcome="zero", due_at=t("2026-03-01")), ""),
    ]
    closer = Closer(Past((ROLLING,), settled, claims), {}, {})
    assert [what for period in closer.periods for what in wrong_rollover(closer, period)] == expected


OTHER = replace(
    NOVA, id="sub_2", plan="booster", started_at=t("2026-01-15"), anchor_at=t("2026-01-15"),
    created_at=t("2026-01-15"), usage_from=t("2026-01-15"),
)  # fmt: skip


def test_a_plan_that_began_after_the_closing_is_left_out_of_a_second_line_up() -> None:
    known = past(subscriptions=(NOVA, replace(OTHER, created_at=t("2026-01-15"))))
    dated_back = past(subscriptions=(NOVA, replace(OTHER, created_at=t("2026-02-15"))))
    totals = {JANUARY: Fraction(108)}
    assert len(list(Closer(known, totals, {}).again(period_of(known)))) == 1
    assert len(list(Closer(dated_back, totals, {}).again(period_of(dated_back)))) == 2
    # the second one measures January whole, as it was closed
    _, then = Closer(dated_back, totals, {}).again(period_of(dated_back))
    assert list(wrong_quantities(period_of(dated_back), then)) == []
