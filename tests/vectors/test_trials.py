"""Trials that other billing systems publish in their tests, each with its source in the data.

Every case is played through the journeys that the commands use, from the catalog to the invoice, or listed, with the
reason why planctl has another rule, in exceptions/trials.json. Never both. At the end of each the laws hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.model import Subscription
from planctl.files.yaml_reader import read_text
from tests.vectors.harness import Answers, Given, load
from tests.vectors.stories import Story, charge, major, price, text
from tests.workflows.business import t

VECTORS = load("trials")
CASES = VECTORS.cases
DAY = timedelta(days=1)


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()


def test_the_file_is_whole() -> None:
    VECTORS.check_whole(10)


@pytest.mark.parametrize("case_id", sorted(CASES))
def test_a_published_trial_comes_out_as_published_unless_it_is_an_exception(
    case_id: str, story: Story
) -> None:
    case = CASES[case_id]
    expected = case["expected"]
    answer = STORIES[case_id](story, case["input"])
    same = {name: answer[name] for name in expected} == expected
    assert same != (case_id in VECTORS.exceptions), answer


def on_trial(story: Story, given: Given, days: int, start: str, more: str = "") -> Subscription:
    """A plan whose trial begins; the customer pays by transfer, so it converts."""
    amount = (
        price(given["price_minor"]) if "price_minor" in given else given.get("plan_price", given.get("price"))
    )
    currency = given.get("currency", "EUR")
    anchor = "anchor: calendar, " if given.get("anchor") == "calendar" else ""
    terms = f"{anchor}trial: {days} days, price: {{{given['interval']}: {{{currency}: {amount}}}}}{more}"
    story.sell({"a": terms}, currency=currency)
    story.customer(payment_method="invoice")
    return story.start("a", start, trial=True)


def first_fee(story: Story, given: Given) -> Answers:
    """The rest of the calendar month from the day on which the trial ends."""
    one = on_trial(story, given, given["trial_days"], given["start"])
    assert one.trial_ends_at is not None
    assert story.business.invoices("nova") == []
    over = text(one.trial_ends_at)
    assert over is not None
    story.business.run(over)
    ((line,),) = [invoice.draft.lines for invoice in story.issued(over)]
    assert line.ends_at is not None
    days = (date.fromisoformat(text(line.ends_at)[:10]) - date.fromisoformat(over[:10])) // DAY  # type: ignore[index]
    full = one.schedule().full_period(line.service_index)
    assert full.ends_at is not None
    return {
        "trial_end": over,
        "billed_days": days,
        "period_days": (full.ends_at - full.starts_at) // DAY_MICROSECONDS,
        "first_subscription_fee_minor": str(line.amount_minor),
    }


def with_a_minimum(story: Story, given: Given) -> Answers:
    """A minimum is prorated by day like the fee in the month in which the trial ends."""
    used, least = price(given["usage_charge_april_minor"]), price(given["minimum_commitment_minor"])
    units = f", features: {{units: {{included: 0, beyond: {{charge: usage, each: {{EUR: {used}}}}}}}}}"
    on_trial(story, given, given["trial_days"], given["start"], f", minimum: {{EUR: {least}}}{units}")
    story.business.run("2024-04-20")
    fee = charge(story.money("2024-04-20"))
    story.business.use("nova", "units", "1", "2024-04-25")
    story.business.run("2024-05-01")
    short = [line.minor for line in story.money("2024-05-01") if line.kind == "minimum"]
    return {
        "subscription_fee_at_trial_end_minor": str(fee),
        "commitment_true_up_for_april_invoiced_2024-05-01_minor": str(sum(short)),
    }


def buckets(story: Story, given: Given) -> Answers:
    """The periods over which an allowance runs; a last day is inclusive in these cases, planctl's end is the next."""
    start = date.fromisoformat(given["start_date"])
    last = start + timedelta(days=given.get("trial_days_after_start", 0))
    if "trial_last_day" in given:
        last = date.fromisoformat(given["trial_last_day"])
    given = {**given, "plan_price": 1}
    one = on_trial(story, given, (last - start).days + 1, given["start_date"])
    assert one.trial_ends_at is not None
    found = [[day(period.starts_at), last_day(period)] for period in periods(one, 4)]
    return {
        "trial_last_day": day(Instant(one.trial_ends_at - 1)),
        "buckets": found[: given["wanted_buckets"]],
    }


def wanted(count: int) -> Callable[[Story, Given], Answers]:
    """So many buckets."""
    return lambda story, given: buckets(story, {**given, "wanted_buckets": count})


def agreed_days(story: Story, given: Given) -> Answers:
    """A trial of another length, agreed with the customer."""
    story.sell({"a": "trial: 14 days, price: {month: {USD: 1}}"})
    story.customer(payment_method="invoice")
    days = {"trial": f"{given['override_trial_days']} days"}
    one = story.start("a", given["start"], trial=True, negotiated=days)
    return {"trial_end": text(one.trial_ends_at)}


def two_lengths(_: Story, given: Given) -> Answers:
    """A plan has one trial for all that it charges: a second length for it is an error in its file."""
    trials = "".join(f"    trial: {days} days\n" for days in given["price_trial_days"])
    source = read_text(f"plans:\n  a:\n    price: {{month: {{USD: 1}}}}\n{trials}", "a.yaml")
    return {"error": "validation" if [one.rule for one in source.findings] == ["duplicate-key"] else ""}


def paid_months(story: Story, given: Given) -> Answers:
    """The trial bills nothing, and its end is the anchor of what follows."""
    one = on_trial(story, given, given["trial_days"], given["start_date"])
    trial_total = sum(invoice.total_minor for invoice in story.business.invoices("nova"))
    lines: list[list[str | None]] = [[day(one.started_at), None, major(trial_total)]]
    over = day(one.trial_ends_at)
    assert over is not None
    for at in (over, "2012-06-30", "2012-07-31"):
        story.business.run(at)
        (invoice,) = story.issued(at)
        (line,) = invoice.draft.lines
        lines.append([day(line.starts_at), day(line.ends_at), major(line.amount_minor)])
        story.business.pay(invoice.number, at)
    return {"trial_end": over, "lines": lines}


def usage_in_a_trial(story: Story, given: Given) -> Answers:
    """A trial that charges usage is a plan of its own: paid once at 0, its allowance is one pool, then a change."""
    start = date.fromisoformat(given["start_date"])
    over = start + timedelta(days=given["trial_days"])
    free, unit = given["trial_included_units"], given["unit_price"]
    used = given["trial_used_units"]
    story.sell(
        {
            "tried": "price: {once: {EUR: 0}}, features:"
            f" {{units: {{included: {free}, beyond: {{charge: usage, each: {{EUR: {unit}}}}}}}}}",
            "paid": f"anchor: calendar, price: {{month: {{EUR: {given['plan_price']}}}}}",
        },
        currency="EUR",
    )
    story.start("tried", given["start_date"])
    for month, quantity in (used if isinstance(used, dict) else {over.isoformat()[:7]: used}).items():
        moment = f"{month}-02T12:00:00Z" if month > given["start_date"] else f"{month}-25"
        story.business.use("nova", "units", quantity, moment)
    story.change("paid", over.isoformat(), pay="month")
    money = story.money(over.isoformat())
    fee = sum(line.minor for line in money if line.kind == "fee" or line.kind == "proration_charge")
    usage = sum(line.minor for line in money if line.kind == "usage")
    schedule = story.shown("paid", over.isoformat()).schedule()
    period = schedule.period(schedule.index_at(t(over.isoformat())))
    full = schedule.full_period(period.index)
    assert period.ends_at is not None
    assert full.ends_at is not None
    return {
        "trial_last_day": (over - DAY).isoformat(),
        "billed_days": (period.ends_at - t(over.isoformat())) // DAY_MICROSECONDS,
        "period_days": (full.ends_at - full.starts_at) // DAY_MICROSECONDS,
        "plan_fee": major(fee),
        "trial_overage": major(usage),
        "total": major(sum(one.total_minor for one in story.issued(over.isoformat()))),
    }


def shown_as_a_discount(story: Story, given: Given) -> Answers:
    """A trial issues nothing at all; what follows it is the rest of the month."""
    on_trial(story, given, given["trial_days"], given["start_date"])
    before = story.business.invoices("nova")
    story.business.run("2015-02-08")
    return {
        "trial_line": major(sum(one.subtotal_minor for one in before)) if before else None,
        "trial_discount_line": None,
        "after_trial_line": major(charge(story.money("2015-02-08"))),
    }


# --- small helpers


def periods(one: Subscription, count: int) -> Iterator[Period]:
    schedule = one.schedule()
    return (schedule.period(index) for index in range(count))


def day(at: Instant | None) -> str | None:
    found = text(at)
    return None if found is None else found[:10]


def last_day(period: Period) -> str | None:
    assert period.ends_at is not None
    return day(Instant(period.ends_at - 1))


STORIES: dict[str, Callable[[Story, Given], Answers]] = {
    "tr-lago-10d": first_fee,
    "tr-lago-commitment-in-trial": with_a_minimum,
    "tr-silver-usage-buckets": wanted(4),
    "tr-silver-year-buckets": wanted(3),
    "tr-flex-window-3": agreed_days,
    "tr-flex-window-mismatch": two_lengths,
    "tr-kb-30d": paid_months,
    "tr-silver-fee-24d": usage_in_a_trial,
    "tr-silver-fee-14d-may": usage_in_a_trial,
    "tr-silver-lines-7d": shown_as_a_discount,
}
