"""What falls due on one customer's subscriptions over several runs; every amount and date is worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from planctl.core.catalog.model import Entitlement, Feature, PriceRow, Terms
from planctl.core.invoicing.facts import Advanced
from planctl.core.invoicing.model import UsageClaim
from planctl.core.periods import Anchor, Interval
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription
from tests.core.billing import bill, canceled, metered, monthly, running, settled, sold, t, values
from tests.core.history import Diary, given

MINUTES = Feature("minutes", "metered", unit="minute")
NEW_YEAR = "2026-01-01"


def hard(included: int = 100, **more: Any) -> dict[str, Entitlement]:
    """Minutes with a hard limit."""
    return {"minutes": Entitlement(MINUTES, included=Decimal(included), **more)}


def diary(*subscriptions: Subscription, **more: Any) -> Diary:
    return Diary(list(subscriptions), **more)


def lines(result: Advanced) -> list[tuple[str, str, int]]:
    """Subscription, kind and amount of every line, invoice by invoice."""
    return [
        (line.subscription, line.kind, line.amount_minor) for draft in result.drafts for line in draft.lines
    ]


def claimed(claims: list[UsageClaim]) -> list[tuple[Any, ...]]:
    return [values(one, "allowance_index quantity included wallet billed over_limit") for one in claims]


# --- closings of features without a price


def test_a_feature_with_a_hard_limit_is_closed_with_a_claim_and_bills_nothing() -> None:
    book = diary(running(monthly(features=hard()), NEW_YEAR))
    book.run(NEW_YEAR)
    book.use("minutes", "2026-01-15", 130)
    result = book.run("2026-02-01")
    assert lines(result) == [("sub_1", "fee", 1900)]
    assert claimed(book.claims) == [(0, 130, 100, 0, 0, 30)]
    assert ("usage", 0, "billed") in [(one.part, one.index, one.outcome) for one in book.settlements]


def test_a_wallet_pays_past_a_hard_limit_when_the_period_closes() -> None:
    book = diary(running(monthly(features=hard()), NEW_YEAR), grants=[given("wg_1", 20, NEW_YEAR)])
    book.run(NEW_YEAR)
    book.use("minutes", "2026-01-15", 130)
    result = book.run("2026-02-01")
    assert claimed(book.claims) == [(0, 130, 100, 20, 0, 10)]
    (move,) = result.wallet
    assert values(move, "customer feature grant key amount at") == (
        "nova", "minutes", "wg_1", "close:sub_1:usage:0::0:wg_1", -20, t("2026-02-01"),
    )  # fmt: skip


def test_a_period_without_use_leaves_no_claim_where_nothing_is_charged() -> None:
    book = diary(running(monthly(features=hard()), NEW_YEAR))
    book.run("2026-02-01")
    assert book.claims == []


def test_a_free_plan_closes_only_where_packs_may_be_bought_on_it() -> None:
    free = Terms(free=True, features=hard())
    plain = diary(running(free, NEW_YEAR))
    plain.use("minutes", "2026-01-15", 130)
    assert plain.run("2026-02-01").idle
    packs = diary(running(replace(free, packs=True), NEW_YEAR), grants=[given("wg_1", 20, "2026-01-10")])
    packs.use("minutes", "2026-01-15", 130)
    result = packs.run("2026-02-01")
    assert (result.drafts, settled(result)) == ((), [("usage", 0, "zero")])
    assert claimed(packs.claims) == [(0, 130, 100, 20, 0, 10)]
    assert packs.grants[0].left == 0


def test_pools_that_earlier_versions_did_not_close_are_closed_from_then_on() -> None:
    moved = running(monthly(features=hard()), NEW_YEAR, pools_from=t("2026-02-01"))
    book = diary(moved)
    for month in ("01", "02"):
        book.use("minutes", f"2026-{month}-15", 130)
    book.run("2026-03-01")
    assert claimed(book.claims) == [(1, 130, 100, 0, 0, 30)]


# --- settle: renewal


def yearly(**more: Any) -> Subscription:
    terms = replace(sold(year="190"), features=metered(), **more)
    return running(terms, NEW_YEAR, pay="year")


def test_allowances_settled_at_renewal_wait_for_the_end_of_the_billing_period() -> None:
    # January 150, June 120: 5.00 and 2.00, each month by its own allowance, on 1 January 2027 with the next fee.
    book = diary(yearly(settle="renewal"))
    assert bill(book.run(NEW_YEAR)) == [("renewal", "2026-01-01T00:00:00Z", 19000)]
    book.use("minutes", "2026-01-15", 150)
    book.use("minutes", "2026-06-15", 120)
    assert book.run("2026-12-31").drafts == ()
    (draft,) = book.run("2027-01-01").drafts
    assert values(draft, "kind period_index total_minor") == ("renewal", 1, 500 + 200 + 19000)
    assert [(one.service_index, one.amount_minor) for one in draft.lines if one.kind == "usage"] == [
        (0, 500),
        (5, 200),
    ]
    assert [one.allowance_index for one in draft.claims] == list(range(12))


def test_a_wallet_pays_for_periods_settled_at_renewal_in_their_order() -> None:
    # 60 in the wallet: January takes 50, June 10 of its 20: 10 × 0.10.
    book = diary(yearly(settle="renewal"), grants=[given("wg_1", 60, NEW_YEAR)])
    book.use("minutes", "2026-01-15", 150)
    book.use("minutes", "2026-06-15", 120)
    book.run("2027-01-01")
    usage = [line for draft in book.invoices for line in draft.lines if line.kind == "usage"]
    assert [(line.service_index, line.amount_minor) for line in usage] == [(5, 100)]


def test_an_end_settles_what_waited_for_the_renewal() -> None:
    book = diary(canceled(yearly(settle="renewal"), "2026-03-16"))
    book.run(NEW_YEAR)
    for month, units in (("01", 150), ("02", 90), ("03", 110)):
        book.use("minutes", f"2026-{month}-10", units)
    (draft,) = book.run("2026-04-01").drafts
    assert values(draft, "kind at total_minor") == ("final", t("2026-03-16"), 500 + 100)


def test_late_usage_waits_for_the_renewal_like_the_period_it_belongs_to() -> None:
    # January's use recorded in May is in time: nothing of it was settled.
    book = diary(yearly(settle="renewal"))
    book.run("2026-05-01")
    book.use("minutes", "2026-01-15", 150)
    (draft,) = book.run("2027-01-01").drafts
    assert [values(one, "kind amount_minor") for one in draft.lines] == [("usage", 500), ("fee", 19000)]


# --- rollover


def rolling(rollover: str, included: int = 100, **more: Any) -> Subscription:
    (plain,) = metered(included=included).values()
    return running(monthly(features={"minutes": replace(plain, rollover=rollover, **more)}), NEW_YEAR)


def used_by_month(book: Diary, *units: int) -> list[tuple[Any, ...]]:
    """Use minutes on the 15th of each month and close each; what rolled in, what was included, billed, carried."""
    book.run(NEW_YEAR)
    for month, quantity in enumerate(units, 1):
        book.use("minutes", f"2026-{month:02d}-15", quantity)
        book.run(f"2026-{month + 1:02d}-01")
    return [values(one, "rolled included billed carried") for one in book.claims]


def test_everything_that_is_left_rolls_over() -> None:
    # 100 each: 60 used, 40 on; 20 used of 140, 120 on; 250 used of 220: 30 billed, nothing on; 100.
    assert used_by_month(diary(rolling("all")), 60, 20, 250, 110) == [
        (0, 60, 0, 40),
        (40, 20, 0, 120),
        (120, 220, 30, 0),
        (0, 100, 10, 0),
    ]


def test_at_most_the_cap_rolls_over() -> None:
    # Capped at 50: 60 used, 40 on; none used of 140, 50 on (the oldest 90 are trimmed); 150 of 150 used.
    assert used_by_month(diary(rolling("50")), 60, 0, 150, 101) == [
        (0, 60, 0, 40),
        (40, 0, 0, 50),
        (50, 150, 0, 0),
        (0, 100, 1, 0),
    ]


def test_one_late_run_rolls_over_like_a_run_every_month() -> None:
    book = diary(rolling("50"))
    for month, units in (("01", 60), ("02", 0), ("03", 150), ("04", 101)):
        book.use("minutes", f"2026-{month}-15", units)
    book.run("2026-05-01")
    assert [values(one, "rolled included billed carried") for one in book.claims] == [
        (0, 60, 0, 40),
        (40, 0, 0, 50),
        (50, 150, 0, 0),
        (0, 100, 1, 0),
    ]


def test_a_planned_end_carries_nothing_on() -> None:
    book = diary(canceled(rolling("all"), "2026-02-16"))
    book.run(NEW_YEAR)
    book.use("minutes", "2026-02-10", 130)
    book.run("2026-03-01")
    # February to its end: 100 of January and 100 of its own, 130 used, nothing goes on.
    claims = sorted(book.claims, key=lambda one: one.allowance_index)
    assert [values(one, "rolled included billed carried") for one in claims] == [
        (0, 0, 0, 100),
        (100, 130, 0, 0),
    ]


def test_a_prorated_first_period_carries_on_what_is_left_of_its_part() -> None:
    # 93 × 15/31 = 45 from 17 January on; 20 used, 25 on; February 93 + 25 = 118 of 120: 2 billed.
    (plain,) = metered(included=93).values()
    features = {"minutes": replace(plain, rollover="all", prorate_allowance=True)}
    book = diary(running(monthly(features=features, anchor=Anchor("calendar")), "2026-01-17"))
    book.use("minutes", "2026-01-20", 20)
    book.use("minutes", "2026-02-20", 120)
    book.run("2026-03-01")
    assert [values(one, "rolled included billed carried") for one in book.claims] == [
        (0, 20, 0, 25),
        (25, 118, 2, 0),
    ]


def test_what_rolled_in_counts_for_the_price_as_included() -> None:
    book = diary(rolling("all", included=10))
    used_by_month(book, 4, 20)
    (line,) = [line for line in book.invoices[-1].lines if line.kind == "usage"]
    # 10 + 6 included, 4 × 0.10.
    assert values(line, "quantity amount_minor") == (4, 40)
    assert isinstance(line.detail, dict)
    assert (line.detail["rolled"], line.detail["allowance"]) == ("6", "16")


def test_wallets_pay_after_what_rolled_in() -> None:
    book = diary(rolling("all", included=10), grants=[given("wg_1", 3, NEW_YEAR)])
    used_by_month(book, 4, 20)
    assert claimed(book.claims) == [(0, 4, 4, 0, 0, 0), (1, 20, 16, 3, 1, 0)]


# --- base and add-on


def addon(price: str = "5", start: str = NEW_YEAR, name: str = "sub_2", **more: Any) -> Subscription:
    terms = replace(sold(month=price), kind="addon", features=more.pop("features", {}))
    return running(terms, start, id=name, plan="extra", base="sub_1", anchor_at=t(NEW_YEAR), **more)


def test_an_add_on_is_billed_on_the_invoice_of_its_base() -> None:
    book = diary(running(monthly(), NEW_YEAR), addon())
    (draft,) = book.run(NEW_YEAR).drafts
    assert values(draft, "subscription kind total_minor") == ("sub_1", "renewal", 2400)
    assert [values(one, "subscription kind amount_minor") for one in draft.lines] == [
        ("sub_1", "fee", 1900),
        ("sub_2", "addon", 500),
    ]
    assert {one.subscription for one in draft.settlements} == {"sub_1", "sub_2"}
    (second,) = book.run("2026-02-01").drafts
    assert second.total_minor == 2400


def test_the_features_of_an_add_on_add_to_those_of_its_base() -> None:
    # 100 of the plan and 50 of the add-on; 170 used: 20 × 0.10. Both periods end together: the older pays first.
    book = diary(running(monthly(features=metered()), NEW_YEAR), addon(features=hard(50), start="2026-01-02"))
    book.use("minutes", "2026-01-15", 170)
    book.run("2026-02-01")
    assert [values(one, "subscription quantity included billed") for one in book.claims] == [
        ("sub_1", 120, 100, 20),
        ("sub_2", 50, 50, 0),
    ]
    usage = [line for draft in book.invoices for line in draft.lines if line.kind == "usage"]
    assert [values(one, "subscription amount_minor") for one in usage] == [("sub_1", 200)]


def test_an_add_on_bought_within_a_period_is_prorated_on_an_invoice_of_its_own() -> None:
    # 17 January: 15 of 31 days of 31.00.
    book = diary(running(monthly(), NEW_YEAR))
    book.run("2026-01-10")
    book.subscriptions.append(addon("31", "2026-01-17"))
    (draft,) = book.run("2026-01-17").drafts
    assert values(draft, "subscription total_minor") == ("sub_2", 1500)
    (renewal,) = book.run("2026-02-01").drafts
    assert values(renewal, "subscription total_minor") == ("sub_1", 5000)


def test_an_add_on_ends_with_its_base() -> None:
    book = diary(canceled(running(monthly(), NEW_YEAR), "2026-02-01"), addon(features=metered()))
    book.run(NEW_YEAR)
    book.use("minutes", "2026-01-15", 110)
    result = book.run("2026-02-03")
    assert bill(result) == [("final", "2026-02-01T00:00:00Z", 100)]
    assert {one.id: one.status for one in book.subscriptions} == {
        "sub_1": Status.CANCELED,
        "sub_2": Status.CANCELED,
    }
    assert book.run("2026-03-03").idle


def test_a_monthly_add_on_of_a_yearly_base_has_invoices_between() -> None:
    base = running(sold(year="190"), NEW_YEAR, pay="year")
    book = diary(base, addon())
    assert bill(book.run("2026-03-01")) == [
        ("renewal", "2026-01-01T00:00:00Z", 19500),
        ("renewal", "2026-02-01T00:00:00Z", 500),
        ("renewal", "2026-03-01T00:00:00Z", 500),
    ]


# --- minimum and maximum


def test_a_minimum_looks_at_all_closings_of_its_period() -> None:
    # Weekly allowances of 100 in February (4 weeks): 110, 100, 130, 100 → 1.00 + 3.00. Fee 19.00, minimum 40.00:
    # 17.00 short at its end.
    terms = monthly(features=metered(reset="week"), minimum={"USD": Decimal(40)})
    book = diary(running(terms, "2026-02-01"))
    for day, units in (("03", 110), ("10", 100), ("17", 130), ("24", 100)):
        book.use("minutes", f"2026-02-{day}", units)
    for day in ("2026-02-01", "2026-02-08", "2026-02-22", "2026-03-01"):
        book.run(day)
    assert [(line.kind, line.amount_minor) for line in book.invoices[-1].lines] == [
        ("minimum", 1700),
        ("fee", 1900),
    ]


def test_one_late_run_compares_the_minimum_with_the_same() -> None:
    terms = monthly(features=metered(reset="week"), minimum={"USD": Decimal(40)})
    book = diary(running(terms, "2026-02-01"))
    for day, units in (("03", 110), ("10", 100), ("17", 130), ("24", 100)):
        book.use("minutes", f"2026-02-{day}", units)
    book.run("2026-03-01")
    assert [
        line.amount_minor for draft in book.invoices for line in draft.lines if line.kind == "minimum"
    ] == [1700]


def test_a_maximum_caps_the_usage_of_the_whole_billing_period() -> None:
    # Weeks of 100: 130, 150, 120 → 3.00, 5.00, 2.00; at most 7.00: 3.00, 4.00, 0.
    terms = monthly(features=metered(reset="week"), maximum={"USD": Decimal(7)})
    book = diary(running(terms, "2026-02-01"))
    for day, units in (("03", 130), ("10", 150), ("17", 120)):
        book.use("minutes", f"2026-02-{day}", units)
    for day in ("2026-02-01", "2026-02-08", "2026-02-15", "2026-02-22"):
        book.run(day)
    usage = [line.amount_minor for draft in book.invoices for line in draft.lines if line.kind == "usage"]
    assert usage == [300, 400]


def test_late_usage_of_two_weeks_of_one_month_shares_its_minimum_and_maximum() -> None:
    # Minimum 30.00: 19.00 + 1.00 + 1.00, 9.00 short. Late: 20 more in each week, 2.00 each, 4.00 less short.
    terms = monthly(features=metered(reset="week"), minimum={"USD": Decimal(30)})
    book = diary(running(terms, "2026-02-01"))
    for day in ("03", "10"):
        book.use("minutes", f"2026-02-{day}", 110)
    book.run("2026-03-01")
    for day in ("04", "11"):
        book.use("minutes", f"2026-02-{day}", 20, late=True)
    result = book.run("2026-04-01")
    late = [line.amount_minor for draft in result.drafts for line in draft.lines if line.kind == "late_usage"]
    assert sorted(late) == [-400, 200, 200]


def test_late_usage_of_two_weeks_shares_what_the_maximum_leaves() -> None:
    # Maximum 5.00: 1.00 + 1.00 in time; 40 more in each week: 4.00 each, of which 3.00 are left together.
    terms = monthly(features=metered(reset="week"), maximum={"USD": Decimal(5)})
    book = diary(running(terms, "2026-02-01"))
    for day in ("03", "10"):
        book.use("minutes", f"2026-02-{day}", 110)
    book.run("2026-03-01")
    for day in ("04", "11"):
        book.use("minutes", f"2026-02-{day}", 40, late=True)
    result = book.run("2026-04-01")
    late = [line.amount_minor for draft in result.drafts for line in draft.lines if line.kind == "late_usage"]
    assert sum(late) == 300


# --- one wallet, two subscriptions


def test_subscriptions_spend_one_wallet_in_time_order() -> None:
    # sub_1 closes on the 1st, sub_2 (calls apart, minutes on both) on the 16th. 50 in the wallet: sub_1 takes 30
    # for January, sub_2's own calls none of it.
    one = running(monthly(features=metered(included=0)), NEW_YEAR)
    two = running(monthly("7", features=metered("calls", included=0)), "2026-01-16", id="sub_2")
    book = diary(one, two, grants=[given("wg_1", 50, NEW_YEAR)])
    book.use("minutes", "2026-01-15", 30)
    book.use("calls", "2026-01-20", 30)
    book.run("2026-03-01")
    usage = [line for draft in book.invoices for line in draft.lines if line.kind == "usage"]
    assert [values(one, "subscription feature amount_minor") for one in usage] == [("sub_2", "calls", 300)]
    assert book.grants[0].left == 20


def test_what_late_usage_of_an_ended_plan_gives_back_can_be_spent_at_once() -> None:
    # sub_1 took 40 of 50 before it ended; 25 of them come back. sub_2 then takes 30 of 35.
    one = canceled(running(monthly(features=metered()), NEW_YEAR), "2026-02-01")
    two = running(monthly("7", features=metered(included=0)), "2026-01-16", id="sub_2")
    book = diary(one, two, grants=[given("wg_1", 50, NEW_YEAR)])
    book.use("minutes", "2026-01-10", 140)
    book.use("minutes", "2026-02-10", 30)
    book.run("2026-02-01")
    assert book.grants[0].left == 10
    book.use("minutes", "2026-01-11", -25, late=True)
    result = book.run("2026-02-16")
    assert [values(move, "amount") for move in result.wallet] == [(25,), (-30,)], "or it fell below zero"
    assert book.grants[0].left == 5


def test_a_give_back_that_waits_for_its_invoice_cannot_be_spent_yet() -> None:
    one = running(monthly(features=metered()), NEW_YEAR)
    two = running(monthly("7", features=hard(0)), "2026-01-16", id="sub_2")
    book = diary(one, two, grants=[given("wg_1", 50, NEW_YEAR)])
    book.use("minutes", "2026-01-10", 140)
    book.run("2026-02-01")
    book.use("minutes", "2026-01-11", -25, late=True)
    result = book.run("2026-02-16")
    assert [draft.subscription for draft in result.drafts] == ["sub_2"]
    assert result.wallet == ()
    assert len(book.late) == 1
    assert book.run("2026-03-01").wallet[0].amount == 25


# --- blocks


def test_usage_that_a_block_deferred_takes_in_what_was_recorded_since() -> None:
    span = BlockedSpan(t("2026-01-20"), t("2026-02-11"), "pay_1")
    book = diary(running(monthly("28", features=metered()), NEW_YEAR))
    book.run(NEW_YEAR)
    book.subscriptions = [
        replace(one, status=Status.BLOCKED, blocked=(replace(span, ends_at=None, payment=""),))
        for one in book.subscriptions
    ]
    book.use("minutes", "2026-01-15", 110)
    book.run("2026-02-01")
    book.use("minutes", "2026-01-19", 20)
    book.subscriptions = [replace(one, status=Status.ACTIVE, blocked=(span,)) for one in book.subscriptions]
    (draft,) = book.run("2026-02-11").drafts
    # 130: 3.00; 11 to 28 February are 18 of 28 days of 28.00.
    assert sorted(values(one, "kind amount_minor") for one in draft.lines) == [
        ("proration_charge", 1800),
        ("usage", 300),
    ]


# --- issue again


def test_a_reissue_gives_the_same_whatever_rolled_over() -> None:
    book = diary(rolling("all"))
    used_by_month(book, 60, 150)
    before = book.invoices[-1]
    book.void(len(book.invoices) - 1)
    (again,) = book.run("2026-03-02").drafts
    assert again.total_minor == before.total_minor
    assert [values(one, "quantity included billed rolled carried") for one in again.claims] == [
        values(one, "quantity included billed rolled carried") for one in before.claims
    ]


def test_a_reissue_pays_with_the_same_grants() -> None:
    book = diary(running(monthly(features=metered()), NEW_YEAR), grants=[given("wg_1", 50, NEW_YEAR)])
    book.run(NEW_YEAR)
    book.use("minutes", "2026-01-15", 140)
    book.run("2026-02-01")
    book.void(1)
    assert book.grants[0].left == 50
    result = book.run("2026-02-02")
    assert [values(move, "key amount") for move in result.wallet] == [("close:sub_1:usage:0::1:wg_1", -40)]
    assert book.grants[0].left == 10


@pytest.mark.parametrize("runs", [("2026-04-01",), ("2026-02-01", "2026-02-16", "2026-03-01", "2026-04-01")])
def test_two_plans_and_a_wallet_come_out_the_same_run_by_run_and_at_once(runs: tuple[str, ...]) -> None:
    # sub_1: months from the 1st, 100, 0.10 beyond. sub_2: months from the 16th, 50, hard. 40 in the wallet from
    # 1 February to 20 February.
    # January: 10th 120: 100 + 20 above. 20th 70: 50 of sub_2, 20 above. → 40 × 0.10 = 4.00.
    # February: 5th 150: 100 (sub_2's 50 are used up to the 16th), 40 wallet, 10 above. 18th 30: sub_1 ends sooner
    # (1 March) but is empty: 30 of sub_2. → 10 × 0.10 = 1.00.
    # March: 10th 160: sub_2 ends sooner (16 March): 20 left; 100 of sub_1; 40 above. 20th 60: 50 of sub_2
    # (from the 16th), 10 above → 5.00.
    row = PriceRow(Interval.parse("month"), usage_only=True)
    one = running(monthly(rows=(row,), features=metered()), NEW_YEAR)
    two = running(monthly("7", features=hard(50)), "2026-01-16", id="sub_2")
    book = diary(one, two, grants=[given("wg_1", 40, "2026-02-01", "2026-02-20")])
    for day, units in (
        ("01-10", 120),
        ("01-20", 70),
        ("02-05", 150),
        ("02-18", 30),
        ("03-10", 160),
        ("03-20", 60),
    ):
        book.use("minutes", f"2026-{day}", units)
    for day in runs:
        book.run(day)
    usage = [line for draft in book.invoices for line in draft.lines if line.kind == "usage"]
    assert sorted(values(line, "service_index amount_minor") for line in usage) == [
        (0, 400), (1, 100), (2, 500),
    ]  # fmt: skip
    mine = [claim for claim in book.claims if claim.subscription == "sub_1"]
    assert claimed(mine) == [(0, 140, 100, 0, 40, 0), (1, 150, 100, 40, 10, 0), (2, 150, 100, 0, 50, 0)]
    theirs = [claim for claim in book.claims if claim.subscription == "sub_2"]
    assert claimed(theirs) == [(0, 50, 50, 0, 0, 0), (1, 50, 50, 0, 0, 0)]
