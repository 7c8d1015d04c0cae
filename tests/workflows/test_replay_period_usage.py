"""What usage and quantities of a billed month would have come to under another catalog, worked out by hand."""

from __future__ import annotations

from planctl.core.replay.simulation import Sides
from tests.cli.conftest import run
from tests.stores import edited
from tests.workflows.replay_shop import HEAD, Shop, metered, of_feature, shop, units, usd

__all__ = ["run", "shop"]


def test_a_lower_allowance_bills_what_it_does_not_cover_any_more(shop: Shop) -> None:
    shop.sells(metered(100))
    for customer, used in (("nova", 290), ("vega", 90), ("mira", 80)):
        shop.joins(customer, "pro", "2026-09-01")
        shop.uses(customer, used, "2026-09-02")
    shop.bills("2026-10-01")
    simulation = shop.proposes(metered(80), "2026-10")
    found = usd(simulation)
    # nova 49 + 19.00 to 49 + 21.00, vega 49 to 49 + 1.00, mira used no more than 80
    assert found.revenue == Sides(166_00, 169_00)
    assert [(one.customer, one.revenue.change) for one in found.more] == [("nova", 2_00), ("vega", 1_00)]
    assert found.same == 1
    assert of_feature(simulation) == (units(460, 270, billed=190), units(460, 240, billed=220))


def test_what_was_used_above_a_lower_hard_limit_is_counted_and_not_charged(shop: Shop) -> None:
    plan = "plans: {pro: {price: {month: {USD: 49}}, due: 30 days, features: {minutes: 100}}}"
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 90, "2026-09-02")
    shop.bills("2026-10-01")
    simulation = shop.proposes(plan.replace("100", "80"), "2026-10")
    assert usd(simulation).revenue == Sides(49_00, 49_00)
    assert of_feature(simulation) == (units(90, 90), units(90, 80, over=10))


def test_tiers_can_be_cheaper_for_one_and_dearer_for_another(shop: Shop) -> None:
    flat = "{charge: usage, each: {USD: 0.10}}"
    tiers = "{charge: usage, graduated: [{to: 100, each: {USD: 0.05}}, {each: {USD: 0.20}}]}"
    plan = "plans: {pro: {price: {month: usage}, due: 30 days, features: {minutes: {beyond: %s}}}}"
    shop.sells(plan % flat)
    for customer, used in (("nova", 80), ("vega", 300)):
        shop.joins(customer, "pro", "2026-09-01")
        shop.uses(customer, used, "2026-09-02")
    shop.bills("2026-10-01")
    found = usd(shop.proposes(plan % tiers, "2026-10"))
    # nova 8.00 to 80 × 0.05 = 4.00; vega 30.00 to 5.00 + 200 × 0.20 = 45.00
    assert found.revenue == Sides(38_00, 49_00)
    assert found.more[0].revenue == Sides(30_00, 45_00)
    assert found.less[0].revenue == Sides(8_00, 4_00)
    assert (found.losers, found.winners) == (1, 1)


def test_a_yearly_plan_bills_its_usage_by_the_month(shop: Shop) -> None:
    plan = metered(10, "0.10").replace("month: {USD: 49}", "year: {USD: 490}")
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-01-01")
    shop.uses("nova", 60, "2026-09-10")
    shop.bills("2026-02-01", "2026-10-01")
    dearer = plan.replace("0.10", "0.20").replace("490", "600")
    # the year was paid in January; of September 50 × 0.10 to 50 × 0.20
    assert usd(shop.proposes(dearer, "2026-10")).revenue == Sides(5_00, 10_00)
    assert usd(shop.proposes(dearer, "2026-01")).revenue == Sides(490_00, 600_00)


def test_a_company_pays_for_what_all_of_it_used(shop: Shop) -> None:
    shop.sells(metered(100))
    shop.joins("group", "pro", "2026-09-01")
    for child, used in (("north", 70), ("south", 60)):
        shop.does(f"customer add {child} --parent group --as-of 2026-09-01")
        shop.uses(child, used, "2026-09-02")
    shop.bills("2026-10-01")
    found = usd(shop.proposes(metered(100, "0.30"), "2026-10"))
    assert found.revenue == Sides(52_00, 58_00)  # 130 - 100 = 30: 3.00, 9.00
    assert [one.customer for one in found.more] == ["group"]


def test_what_came_to_nothing_may_come_to_something(shop: Shop) -> None:
    plan = metered(100).replace("month: {USD: 49}", "month: usage")
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 90, "2026-09-02")
    shop.bills("2026-10-01")
    simulation = shop.proposes(plan.replace("100", "80"), "2026-10")
    found = usd(simulation)
    assert (simulation.invoices, simulation.silent) == (0, 1)
    assert found.revenue == Sides(0, 1_00)
    assert found.revenue.part is None


def test_a_lower_allowance_draws_more_on_the_wallet_first(shop: Shop) -> None:
    plan = metered(100).replace("due: 30 days", "due: 30 days\n    packs: true")
    plan += (
        "addons: {more: {requires: [pro], price: {once: {USD: 5}}, wallet: {minutes: 30}, due: 30 days}}\n"
    )
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.does("wallet buy nova more --yes --as-of 2026-09-02")
    shop.uses("nova", 120, "2026-09-03")
    shop.bills("2026-10-01")
    simulation = shop.proposes(plan.replace("included: 100", "included: 80"), "2026-10")
    # 40 are above 80: 30 from the wallet, 10 × 0.10
    assert usd(simulation).revenue == Sides(49_00, 50_00)
    assert of_feature(simulation) == (units(120, 100, wallet=20), units(120, 80, wallet=30, billed=10))


def test_a_wallet_is_drawn_on_once_by_two_closings_of_the_period(shop: Shop) -> None:
    plan = metered("100").replace("included: 100", "included: 100, reset: week")
    plan = plan.replace("due: 30 days", "due: 30 days\n    packs: true")
    plan += (
        "addons: {more: {requires: [pro], price: {once: {USD: 5}}, wallet: {minutes: 30}, due: 30 days}}\n"
    )
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.does("wallet buy nova more --yes --as-of 2026-09-01")
    shop.uses("nova", 110, "2026-09-02")
    shop.uses("nova", 110, "2026-09-09")
    shop.bills("2026-09-08", "2026-09-15")
    simulation = shop.proposes(plan.replace("included: 100", "included: 90"), "2026-09")
    # 10 and 10 of the wallet; at 90 it is 20, then the 10 that are left and 10 × 0.10. 49 and the pack of 5 beside it.
    assert usd(simulation).revenue == Sides(54_00, 55_00)
    assert of_feature(simulation) == (units(220, 200, wallet=20), units(220, 180, wallet=30, billed=10))


def test_a_feature_that_the_proposal_renames_keeps_its_usage_and_its_wallet(shop: Shop) -> None:
    plan = metered(100).replace("due: 30 days", "due: 30 days\n    packs: true")
    plan += (
        "addons: {more: {requires: [pro], price: {once: {USD: 5}}, wallet: {minutes: 30}, due: 30 days}}\n"
    )
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.does("wallet buy nova more --yes --as-of 2026-09-02")
    shop.uses("nova", 160, "2026-09-03")
    shop.bills("2026-10-01")
    head = HEAD.replace("  minutes: {", "  calls: {was: minutes, ")
    dearer = plan.replace("minutes:", "calls:").replace("0.10", "0.20")
    simulation = shop.proposes(dearer, "2026-10", head=head)
    assert usd(simulation).revenue == Sides(
        52_00, 55_00
    )  # 160 - 100 - 30 = 30 × 0.10, × 0.20 with the fee of 49


def test_a_minimum_compares_with_the_proposed_fee_of_the_same_month(shop: Shop) -> None:
    plan = metered(0).replace("due: 30 days", "due: 30 days\n    minimum: {USD: 100}")
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 100, "2026-09-02")
    shop.bills("2026-10-01")
    found = usd(shop.proposes(plan.replace("USD: 49", "USD: 60"), "2026-10"))
    # usage 10, short 100 - 49 - 10 = 41, fee 49: 100; with 60 usage 10, short 30, fee 60: 100
    assert found.revenue == Sides(100_00, 100_00)
    lower = plan.replace("USD: 49", "USD: 60").replace("minimum: {USD: 100}", "minimum: {USD: 50}")
    assert usd(shop.proposes(lower, "2026-10")).revenue == Sides(100_00, 70_00)  # nothing is short


def test_a_minimum_that_is_new_is_compared_too(shop: Shop) -> None:
    plan = metered(0)
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 100, "2026-09-02")
    shop.bills("2026-10-01")
    proposed = plan.replace("due: 30 days", "due: 30 days\n    minimum: {USD: 80}")
    # usage 10 and fee 49; with the minimum 80 - 49 - 10 = 21 more
    assert usd(shop.proposes(proposed, "2026-10")).revenue == Sides(59_00, 80_00)


def test_a_maximum_caps_what_the_proposed_prices_come_to(shop: Shop) -> None:
    plan = metered(0)
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 300, "2026-09-02")
    shop.bills("2026-10-01")
    proposed = metered(0, "0.50").replace("due: 30 days", "due: 30 days\n    maximum: {USD: 40}")
    assert usd(shop.proposes(proposed, "2026-10")).revenue == Sides(79_00, 89_00)  # 49 + 30, 49 + 40


def test_usage_that_only_the_proposal_bills_is_closed_where_its_time_is(shop: Shop) -> None:
    held = "plans: {pro: {price: {month: {USD: 49}}, due: 30 days, features: {minutes: unlimited}}}"
    shop.sells(held)
    shop.joins("nova", "pro", "2026-08-01")
    shop.uses("nova", 300, "2026-09-02")
    shop.bills("2026-09-01", "2026-10-01")
    simulation = shop.proposes(metered(100), "2026-10")
    assert usd(simulation).revenue == Sides(49_00, 69_00)  # 200 × 0.10 of September
    assert usd(shop.proposes(metered(100), "2026-09")).revenue == Sides(49_00, 49_00)  # nothing in August


def test_another_reset_gives_the_allowance_as_often(shop: Shop) -> None:
    shop.sells(metered(100))
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 110, "2026-09-02")
    shop.uses("nova", 90, "2026-09-10")
    shop.bills("2026-10-01")
    weekly = metered("100").replace("included: 100", "included: 100, reset: week")
    # 200 - 100 = 100 × 0.10; by the week 10 of the first are above
    assert usd(shop.proposes(weekly, "2026-10")).revenue == Sides(59_00, 50_00)


SEATS = """\
plans:
  pro:
    price: {month: {USD: 10}}
    due: 30 days
    features: {seats: {included: 10, beyond: {charge: prepaid, each: {USD: 4}, up_to: 50}}}
"""


def held_seats(shop: Shop) -> None:
    """nova holds 20 seats and uses 18; February was billed with 10 + 10 × 4."""
    shop.sells(SEATS)
    shop.joins("nova", "pro", "2026-01-01", "--quantity seats=20")
    shop.uses("nova", 18, "2026-01-05", "seats")
    shop.bills("2026-02-01")


def test_what_was_bought_ahead_is_charged_by_use_where_the_proposal_charges_so(shop: Shop) -> None:
    held_seats(shop)
    proposed = SEATS.replace(
        "{charge: prepaid, each: {USD: 4}, up_to: 50}", "{charge: usage, each: {USD: 5}}"
    )
    simulation = shop.proposes(proposed, "2026-02")
    assert usd(simulation).revenue == Sides(50_00, 50_00)  # 10 + 8 × 5: the ten are no allowance
    assert of_feature(simulation)[1] == units(18, 10, billed=8)


def test_of_what_was_bought_ahead_goes_on_what_the_proposal_sells(shop: Shop) -> None:
    held_seats(shop)
    found = usd(shop.proposes(SEATS.replace("up_to: 50", "up_to: 15"), "2026-02"))
    assert found.revenue == Sides(50_00, 30_00)  # 10 + (15 - 10) × 4


def test_a_higher_allowance_replaces_what_was_bought_ahead(shop: Shop) -> None:
    held_seats(shop)
    assert usd(shop.proposes(SEATS.replace("included: 10", "included: 16"), "2026-02")).revenue == Sides(
        50_00,
        26_00,  # 10 + (20 - 16) × 4
    )
    assert usd(shop.proposes(SEATS.replace("included: 10", "included: 20"), "2026-02")).revenue == Sides(
        50_00, 10_00
    )


def test_seats_given_up_before_the_proposal_would_sell_them_are_given_up(shop: Shop) -> None:
    shop.sells(SEATS)
    shop.joins("nova", "pro", "2026-01-01", "--quantity seats=20")
    shop.does("subscription quantity nova seats=10 --yes --as-of 2026-01-10")  # from the renewal on
    shop.bills("2026-02-01")
    proposed = SEATS.replace("included: 10", "included: 12")
    assert usd(shop.proposes(proposed, "2026-01")).revenue == Sides(50_00, 42_00)  # 10 + 8 × 4
    assert usd(shop.proposes(proposed, "2026-02")).revenue == Sides(10_00, 10_00)


def test_units_are_as_many_as_the_proposal_sells(shop: Shop) -> None:
    plan = (
        "plans: {pro: {price: {month: {USD: 31}}, due: 30 days, quantity: 1..20, features: {minutes: 100}}}"
    )
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-10-01", "--quantity 5")
    shop.does("subscription quantity nova 8 --yes --as-of 2026-10-17")
    # 5 × 31, then 3 × 31 × 15/31 for the rest of October
    assert usd(shop.proposes(plan, "2026-10")).revenue == Sides(200_00, 200_00)
    # 2 × 31, and no third; 6 × 31, and two more for the rest
    assert usd(shop.proposes(plan.replace("1..20", "1..2"), "2026-10")).revenue == Sides(200_00, 62_00)
    assert usd(shop.proposes(plan.replace("1..20", "6..20"), "2026-10")).revenue == Sides(200_00, 216_00)


def test_seats_bought_ahead_cost_their_proposed_price(shop: Shop) -> None:
    plan = """\
plans:
  pro:
    price: {month: {USD: 49}}
    due: 30 days
    features: {seats: {included: 10, beyond: {charge: prepaid, each: {USD: 4}, up_to: 50}}}
"""
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-10-01", "--quantity seats=12")
    shop.does("subscription quantity nova seats=15 --yes --as-of 2026-10-17")
    # 49 + 2 × 4, then 3 × 4 × 15/31 = 5.806...; with 6 it is 49 + 12, and 3 × 6 × 15/31 = 8.709...
    found = usd(shop.proposes(plan.replace("USD: 4}", "USD: 6}"), "2026-10"))
    assert found.revenue == Sides(62_81, 69_71)


def test_late_usage_is_the_difference_at_the_proposed_price(shop: Shop) -> None:
    shop.sells(metered(10))
    shop.joins("nova", "pro", "2026-08-01")
    shop.uses("nova", 20, "2026-08-10")
    shop.bills("2026-09-01")
    shop.does("usage record nova minutes 4 --at 2026-08-11 --as-of 2026-09-02")
    shop.bills("2026-10-01")
    dearer = metered(10, "0.50")
    # 10 × 0.10 in September, though 14 are known now; 4 × 0.10 late in October
    assert usd(shop.proposes(dearer, "2026-09")).revenue == Sides(50_00, 54_00)
    assert usd(shop.proposes(dearer, "2026-10")).revenue == Sides(49_40, 51_00)


def test_late_usage_that_is_priced_by_event_stays_as_issued_and_is_counted(shop: Shop) -> None:
    head = HEAD + "  payments: {type: metered, unit: payment, event: payment, aggregate: count}\n"
    plan = """\
plans:
  pro:
    price: {month: usage}
    due: 30 days
    features: {payments: {beyond: {charge: usage, percentage: {rate: 2%, of: amount}}}}
"""
    shop.sells(plan, head=head)
    shop.joins("nova", "pro", "2026-08-01")
    for number, (day, as_of) in enumerate((("2026-08-10", "2026-08-10"), ("2026-08-11", "2026-09-02"))):
        line = f'{{"id": "p{number}", "customer": "nova", "event": "payment", "at": "{day}T00:00:00Z"'
        (shop.directory / "one.ndjson").write_text(
            f'{line}, "properties": {{"amount": 100}}}}\n', encoding="utf-8"
        )
        shop.does(f"usage import one.ndjson --as-of {as_of}")
        shop.bills("2026-09-01" if not number else "2026-10-01")
    dearer = plan.replace("2%", "3%")
    simulation = shop.proposes(dearer, "2026-09", head=head)
    assert simulation.kept == (("usage that came late", 1),)  # which of the two was known then, no claim says
    (found,) = simulation.currencies
    assert (found.revenue, simulation.differences) == (Sides(2_00, 2_00), ())
    after = shop.proposes(dearer, "2026-10", head=head)  # so a difference to that cannot be told either
    assert (after.kept, after.currencies[0].revenue) == (simulation.kept, Sides(2_00, 2_00))


def test_what_rolls_over_within_the_period_is_what_the_proposal_leaves(shop: Shop) -> None:
    plan = metered("100").replace("included: 100", "included: 100, reset: week, rollover: all")
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 20, "2026-09-02")
    shop.uses("nova", 150, "2026-09-09")
    shop.bills("2026-09-08", "2026-09-15")
    # 80 roll over, 180 cover 150; at 60 a week 40 do, and 100 cover it but for 50 × 0.10; 49 beside it
    found = usd(shop.proposes(plan.replace("included: 100", "included: 60"), "2026-09"))
    assert found.revenue == Sides(49_00, 54_00)


def test_usage_that_was_altered_is_named_with_both_amounts(shop: Shop) -> None:
    shop.sells(metered(100))
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 130, "2026-09-02")
    shop.bills("2026-10-01")
    edited(shop.directory / "store.db", "UPDATE usage_event SET quantity = 150")
    (found,) = shop.proposes(metered(100), "2026-10").differences
    assert (found.what, found.issued_minor, found.replayed_minor) == ("line usage:minutes 0", 3_00, 5_00)
