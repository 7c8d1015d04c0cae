"""Changes of plans that other billing systems publish in their tests, each with its source in the data.

Every case is played through the journeys that the commands use, from the catalog to the invoice, or listed, with the
reason why planctl has another rule, in exceptions/plan_changes.json. Never both. At the end of each the laws hold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.instants import DAY_MICROSECONDS
from tests.vectors.harness import Answers, Given, load
from tests.vectors.stories import Story, charge, credit, major, price, text

VECTORS = load("plan_changes")
CASES = VECTORS.cases


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()


def test_the_file_is_whole() -> None:
    VECTORS.check_whole(25)


@pytest.mark.parametrize("case_id", sorted(CASES))
def test_a_published_change_comes_out_as_published_unless_it_is_an_exception(
    case_id: str, story: Story
) -> None:
    case = CASES[case_id]
    given, expected = case["input"], case["expected"]
    answer = player_of(case_id, given)(story, given)
    same = {name: answer[name] for name in expected} == expected
    assert same != (case_id in VECTORS.exceptions), answer


def player_of(case_id: str, given: Given) -> Callable[[Story, Given], Answers]:
    """How a case is played: most by their shape, some by their story."""
    if case_id in STORIES:
        return STORIES[case_id]
    if "seat_price_minor" in given:
        return seats_while_a_change_waits
    if "period_last_day_inclusive" in given:
        return a_removal if "removed" in given else by_days
    if "fraction_remaining" in given or "days_left" in given:
        return in_a_month_of_30_days
    return by_seconds


# --- one plan for another


def by_seconds(story: Story, given: Given) -> Answers:
    """The rest of the period credited and charged by the second; another interval begins a new period."""
    old, new = given["old"], given["new"]
    story.sell({name: sold(one, "second") for name, one in (("a", old), ("b", new))})
    story.start("a", given["period_start"])
    before = story.period("a", given["change_at"])
    story.change("b", given["change_at"])
    money, after = story.money(given["change_at"]), story.period("b", given["change_at"])
    return {
        "credit_minor": str(credit(money)),
        "debit_minor": str(charge(money)),
        "period_end_before": text(before.ends_at),
        "period_start_after": text(after.starts_at),
        "period_end_after": text(after.ends_at),
    }


def to_free(story: Story, given: Given) -> Answers:
    """A plan without a price takes the place of one that is paid."""
    story.sell(
        {
            "a": sold({"interval": "month", "price_minor": given["old_price_minor"]}, "second"),
            "b": "price: free",
        }
    )
    assert given["new_price_minor"] == "0"
    story.start("a", given["period_start"])
    assert text(story.period("a", given["period_start"]).ends_at) == given["period_end"]
    story.change("b", given["change_at"])
    money = story.money(given["change_at"])
    return {"credit_minor": str(credit(money)), "debit_minor": str(charge(money))}


def by_days(story: Story, given: Given) -> Answers:
    """Days of a period whose last day is given: it ends with the first instant of the next one."""
    assert date.fromisoformat(given["period_last_day_inclusive"]) + timedelta(days=1) == date(2024, 4, 1)
    plans = {
        name: f"quantity: 1..99, price: {{month: {{USD: {given[key]['unit_price']}}}}}"
        for name, key in (("a", "old"), ("b", "new"))
    }
    story.sell(plans)
    story.start("a", given["period_first_day"], quantity=given["old"]["quantity"])
    assert story.owed() == int(Decimal(given["amount_paid"]) * 100)
    story.change("b", given["change_date"], quantity=given["new"]["quantity"])
    return amounts(story, given["change_date"])


def in_a_month_of_30_days(story: Story, given: Given) -> Answers:
    """So many days of a month of 30 are left; what is owed after the next request is asked for in two of them."""
    left = given.get("days_left") or int(Fraction(given["fraction_remaining"]) * 30)
    assert given.get("period_days", 30) == 30
    story.sell(
        {
            name: f"price: {{month: {{USD: {given[key]}}}}}"
            for name, key in (("a", "old_price"), ("b", "new_price"))
        }
    )
    story.start("a", "2026-09-01")
    story.business.pay(story.issued("2026-09-01")[0].number, "2026-09-02")
    day = (date(2026, 10, 1) - timedelta(days=left)).isoformat()
    story.change("b", day)
    answer = amounts(story, day)
    story.business.run("2026-10-01")
    return answer | {"next_invoice_total": major(story.owed())}


def with_a_new_anchor(story: Story, given: Given) -> Answers:
    """Up with `restart`: a whole new period begins that day, less the unused part of the old one."""
    plans = {
        name: f"price: {{year: {{USD: {given[key]}}}}}"
        for name, key in (("a", "old_price"), ("b", "new_price"))
    }
    story.sell(plans, up="restart")
    story.start("a", "2025-01-01")
    day = (date(2025, 1, 1) + timedelta(days=given["days_used"])).isoformat()
    story.change("b", day)
    assert given["period_days"] == 365
    assert text(story.period("b", day).starts_at) == f"{day}T00:00:00Z"
    money = story.money(day)
    back, charged = credit(money), charge(money)
    return {"credit": major(back), "charge": major(charged), "net": major(charged - back)}


def reset_without_credit(story: Story, given: Given) -> Answers:
    """planctl credits what is unused; a new cycle without that is an end without refund and a new start."""
    plans = {
        name: f"price: {{month: {{USD: {price(given[f'{key}_price_minor'])}}}}}"
        for name, key in (("a", "old"), ("b", "new"))
    }
    story.sell(plans)
    story.start("a", given["period_start"])
    story.business.cancel("nova/a", given["change_at"], at_once=True, refund="none")
    story.start("b", given["change_at"])
    money, after = story.money(given["change_at"]), story.period("b", given["change_at"])
    return {
        "credit_minor": str(credit(money)),
        "debit_minor": str(charge(money)),
        "period_after": [text(after.starts_at), text(after.ends_at)],
    }


def keeps_the_anniversary(story: Story, given: Given) -> Answers:
    """By the year instead of by the month: planctl begins a whole year that day."""
    story.sell({"a": sold(given["old"], "day"), "b": sold(given["new"], "day")}, currency="EUR")
    story.start("a", given["start"])
    for day in ("2023-07-29T12:12:00Z", "2023-08-29T12:12:00Z"):
        story.business.run(day)
    story.change("b", given["change_at"])
    money, after = story.money(given["change_at"]), story.period("b", given["change_at"])
    assert after.ends_at is not None
    return {
        "credit_note_minor": str(credit(money)),
        "new_fee_minor": str(charge(money)),
        "days": (after.ends_at - after.starts_at) // DAY_MICROSECONDS,
    }


def two_in_a_day(story: Story, given: Given) -> Answers:
    """Two upgrades an hour apart: the second gives back in full what the first charged, with its tax."""
    plans = {
        name: f"anchor: calendar, price: {{month: {{EUR: {price(minor)}}}}}"
        for name, minor in zip("abc", given["plans_minor"], strict=True)
    }
    tax = f"taxes:\n  vat: {{country: DE, rate: {given['tax_percent']}%}}\n"
    story.sell(plans, tax, currency="EUR")
    story.customer(country="DE")
    story.start("a", given["start"])
    moments = [given["start"], *given["upgrades_at"]]
    for plan, moment in zip("bc", given["upgrades_at"], strict=True):
        story.change(plan, moment)
    money = [story.money(moment) for moment in moments]
    return {
        "subscription_fees_minor_excl_tax": [str(charge(one)) for one in money],
        "credit_notes_minor_incl_tax": [
            str(-sum(line.gross for line in one if line.minor < 0)) for one in money[1:]
        ],
    }


def money_as_time(story: Story, given: Given) -> Answers:
    """Unused money becomes time of the new plan: the balance pays for so many of its months."""
    months, old = given["remaining_months"], Decimal(given["old_price_per_month"])
    plans = {
        "a": f"price: {{{months} months: {{USD: {old * months}}}}}",
        "b": f"price: {{month: {{USD: {given['new_price_per_month']}}}}}",
    }
    story.sell(plans)
    story.start("a", "2026-01-01")
    story.business.pay(story.issued("2026-01-01")[0].number, "2026-01-01")
    story.change("b", "2026-01-01T12:00:00Z", pay="month")
    unused = credit(story.money("2026-01-01T12:00:00Z"))
    for month in range(2, 8):
        story.business.run(f"2026-{month:02}-02")
    new = [one for one in story.business.invoices("nova") if one.draft.lines[-1].plan == "b"]
    return {
        "unused_amount": major(unused),
        "months_on_new_plan": len([one for one in new if one.credit_minor == one.total_minor]),
    }


# --- ends


def a_removal(story: Story, given: Given) -> Answers:
    """What is charged ahead and taken away gives its unused days back."""
    story.sell({"a": f"price: {{month: {{USD: {given['removed']}}}}}"})
    story.start("a", given["period_first_day"])
    story.business.cancel("nova/a", given["change_date"], at_once=True, refund="prorated")
    return amounts(story, given["change_date"])


def an_early_end(story: Story, given: Given) -> Answers:
    story.sell({"a": f"price: {{month: {{USD: {given['price']}}}}}"})
    story.start("a", given["period_start"])
    assert text(story.period("a", given["period_start"]).ends_at) == f"{given['period_end']}T00:00:00Z"
    story.business.cancel("nova/a", given["cancelled_on"], at_once=True, refund="prorated")
    return {"amount": amounts(story, given["cancelled_on"])["net"]}


def an_end_beside_a_renewal(story: Story, given: Given) -> Answers:
    """What one gives back pays for the other that is billed that day: the total is what is still asked for.

    A change to a plan without a price takes it away with its credit on the balance; `cancel` would pay it out.
    """
    story.sell(
        {"extra": f"price: {{month: {{USD: {given['addon_price']}}}}}", "none": "price: free"},
        f"  other: {{price: {{month: {{USD: {given['other_plan_due_same_day']}}}}}}}\n",
    )
    story.start("other", "2011-09-07")
    story.start("extra", given["addon_period_start"])
    for invoice in story.business.invoices("nova"):
        story.business.pay(invoice.number, given["addon_period_start"])
    story.change("none", given["cancelled_on"])
    given_back = credit(story.money(given["cancelled_on"]))
    story.business.run(given["cancelled_on"])
    return {"credit": major(-given_back), "invoice_total": major(story.owed())}


def an_end_in_arrears(story: Story, given: Given) -> Answers:
    """The peer bills the day of an end, which is a last day: planctl's subscription ends when that day is over."""
    story.sell(
        {
            name: f"anchor: calendar, bill: in arrears, price: {{month: {{EUR: {price(given['price_minor'])}}}}}"
            for name in "ab"
        },
        currency="EUR",
    )
    day = "2024-12-18"
    story.start("a", "2024-12-01")
    story.change("b", day)
    upgraded = charge(story.money(day))
    story.business.customer("other", currency="EUR", created_at=0)
    story.business.subscribe("other", "a", "2024-12-01")
    (_, invoices) = story.business.cancel("other/a", "2024-12-19", at_once=True)
    return {
        "if_upgraded_old_plan_minor": str(upgraded),
        "if_terminated_minor": str(sum(one.total_minor for one in invoices)),
    }


def history_again(story: Story, given: Given) -> Answers:
    """What was billed wrongly is voided, and what should have been billed begins on the same days."""
    base, right = given["base_price_billed"], given["correction_as_of_start"]
    extras = given["addons_billed_from_2012_04_28"]
    begun, later = given["base_period"][0], "2012-04-28"
    addons = "".join(
        f"  extra_{number}: {{requires: [wrong, right], price: {{month: {{USD: {amount}}}}}}}\n"
        for number, amount in enumerate(extras)
    )
    plans = "".join(
        f"  {name}: {{group: several, price: {{month: {{USD: {amount}}}}}}}\n"
        for name, amount in (("wrong", base), ("right", right["base_price"]))
    )
    story.sell({}, f"{plans}addons:\n{addons}")
    story.start("wrong", begun)
    for number in range(len(extras)):
        story.start(f"extra_{number}", later)
    billed = [one for one in story.business.invoices("nova") if one.unpaid]
    before = sum(one.total_minor for one in billed)
    story.business.cancel("nova/wrong", "2012-04-29", at_once=True)
    for invoice in billed:
        story.business.void(invoice.number, "2012-04-29")
    story.business.subscribe("nova", "right", "2012-04-29", start=begun)
    for amount in right["addons_kept"]:
        story.business.subscribe("nova", f"extra_{extras.index(amount)}", "2012-04-29", start=later)
    return {
        "billed_before": major(before),
        "should_be": major(story.owed()),
        "invoice_total": major(story.owed() - before),
    }


# --- seats and discounts


def seats_while_a_change_waits(story: Story, given: Given) -> Answers:
    """More seats cost what the plan that runs takes for them; the change that is scheduled has them too."""
    seat = "quantity: 1..99, proration: second, price: {{month: {{USD: {}}}}}".format
    later = given["scheduled_at_period_end"]["new_seat_price_minor"]
    story.sell({"a": seat(price(given["seat_price_minor"])), "b": seat(price(later))})
    story.start("a", given["period_start"], quantity=given["seats_before"])
    story.change("b", "2025-06-10", "renewal")
    story.hold("nova/a", given["seats_after"], given["seats_changed_at"])
    money = story.money(given["seats_changed_at"])
    story.business.run(given["period_end"])
    return {
        "proration_minor": str(charge(money)),
        "direction": "debit" if not credit(money) else "credit",
        "next_period_price_minor": str(charge(story.money(given["period_end"]))),
    }


FIXED = """\
coupons:
  less: {{off: {{USD: {}}}, for: forever}}
"""


def with_seats(base: Decimal, seat: Decimal) -> str:
    beyond = f"{{charge: prepaid, each: {{USD: {seat}}}}}"
    return f"price: {{month: {{USD: {base}}}}}, features: {{units: {{included: 0, beyond: {beyond}}}}}"


def a_discount_on_two_lines(story: Story, given: Given) -> Answers:
    """A fixed discount is spread over a fee and a prepaid quantity, before a change and after it."""
    plans = {
        name: with_seats(*(price(minor) for minor in given[f"{key}_lines_minor"]))
        for name, key in (("a", "old"), ("b", "new"))
    }
    story.sell(plans, FIXED.format(price(given["fixed_discount_minor"])))
    story.start("a", given["period_start"], coupon="less", quantities={"units": Decimal(1)})
    story.change("b", given["change_at"])
    money = story.money(given["change_at"])
    return {
        "credits_minor": [str(-one.minor) for one in money if one.minor < 0],
        "debits_minor": [str(one.minor) for one in money if one.minor > 0],
    }


def more_seats_discounted(story: Story, given: Given) -> Answers:
    """More seats by a change to a plan of the same prices, which spreads the discount anew; the seats' lines count."""
    plan = with_seats(price(given["base_minor"]), price(given["seat_price_minor"]))
    story.sell({"a": plan, "b": plan}, FIXED.format(price(given["fixed_discount_minor"])))
    seats = [{"units": Decimal(given[key])} for key in ("seats_before", "seats_after")]
    story.start("a", given["period_start"], coupon="less", quantities=seats[0])
    story.change("b", given["change_at"], quantities=seats[1])
    (invoice,) = story.issued(given["change_at"])
    net = sum(line.net_minor for line in invoice.draft.lines if line.feature == "units")
    return {"proration_minor": str(net), "direction": "debit" if net > 0 else "credit"}


# --- small helpers


def sold(one: Given, proration: str) -> str:
    """A plan by its interval and its price in minor units."""
    currency = "EUR" if proration == "day" else "USD"
    return (
        f"proration: {proration}, price: {{{one['interval']}: {{{currency}: {price(one['price_minor'])}}}}}"
    )


def amounts(story: Story, at: str) -> Answers:
    """What was given back and charged at an instant, in major units."""
    money = story.money(at)
    back, charged = credit(money), charge(money)
    return {"credit": major(-back), "charge": major(charged), "net": major(charged - back)}


STORIES: dict[str, Callable[[Story, Given], Answers]] = {
    "pc-polar-to-free": to_free,
    "pc-polar-alloc-fixed": a_discount_on_two_lines,
    "pc-polar-seat-discount": more_seats_discounted,
    "pc-lago-double-upgrade-calendar": two_in_a_day,
    "pc-lago-month-to-year": keeps_the_anniversary,
    "pc-lago-terminate-vs-upgrade": an_end_in_arrears,
    "pc-kb-cancel-immediate": an_early_end,
    "pc-kb-addon-cancel": an_end_beside_a_renewal,
    "pc-kb-full-repair": history_again,
    "pc-polar-reset": reset_without_credit,
    "pc-lokalise-annual": with_a_new_anchor,
    "pc-mumbleboxes-time": money_as_time,
}
