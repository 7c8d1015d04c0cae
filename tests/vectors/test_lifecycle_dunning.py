"""Overdue invoices, stops and statuses that other billing systems publish, each with its source in the data.

Every case is played through the journeys that the commands use, or listed, with the reason why planctl has another
rule, in exceptions/lifecycle_dunning.json. Never both. At the end of each the laws hold.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from planctl.core.invoicing.model import InvoiceStatus
from planctl.workflows.pause_subscription import apply_pause, apply_resume, propose_pause, propose_resume
from tests.vectors.harness import Answers, Given, load
from tests.vectors.stories import Story, credit, major
from tests.workflows.business import RECORDED, t

VECTORS = load("lifecycle_dunning")
CASES = VECTORS.cases
ALONE = "  other: {{due: {due} days, price: {{once: {{EUR: {amount}}}}}}}\n"


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()


def test_the_file_is_whole() -> None:
    VECTORS.check_whole(9)


@pytest.mark.parametrize("case_id", sorted(CASES))
def test_a_published_case_comes_out_as_published_unless_it_is_an_exception(
    case_id: str, story: Story
) -> None:
    case = CASES[case_id]
    expected = case["expected"]
    answer = STORIES[case_id](story, case["input"])
    same = {name: answer[name] for name in expected} == expected
    assert same != (case_id in VECTORS.exceptions), answer


def stopped(story: Story, given: Given) -> Answers:
    """Service that stops for a while within a paid period is a pause: its days are credited when it begins."""
    begun, over = given["period"]
    story.sell({"a": f"price: {{month: {{USD: {given['price']}}}}}"})
    story.customer(payment_method="invoice")
    story.start("a", "2012-05-31")
    story.business.run(begun)
    with story.business.store.write() as tx:
        now = t(given["blocked_from"])
        apply_pause(tx, propose_pause(tx, "nova/a", now), now, RECORDED)
    assert over == given["unblocked_on"]
    with story.business.store.write() as tx:
        now = t(given["unblocked_on"])
        apply_resume(tx, propose_resume(tx, "nova/a", now), now, RECORDED)
    return {"credit": major(credit(story.money(given["blocked_from"])))}


def paid(story: Story, _: Given) -> Answers:
    """The first payment arrives after the due date, so that there is something for it to change."""
    story.sell({"a": "price: {month: {USD: 10}}"})
    story.start("a", "2026-01-01")
    assert story.shown("a", "2026-01-20").status == "past_due"
    story.business.run("2026-01-20")
    story.business.pay(story.issued("2026-01-01")[0].number, "2026-01-20")
    return {"subscription_status": story.shown("a", "2026-01-20").status.value}


def voided(story: Story, _: Given) -> Answers:
    story.sell({"a": "price: {month: {USD: 10}}"})
    story.start("a", "2026-01-01")
    story.business.void(story.issued("2026-01-01")[0].number, "2026-01-02")
    return {"subscription_status": story.shown("a", "2026-01-02").status.value}


def overdue(story: Story, given: Given) -> Answers:
    """What is overdue at every check; planctl makes no attempt to collect it."""
    first, second = given["invoices"]
    due = given["net_payment_term_days"]
    more = ALONE.format(due=due, amount=second["amount"])
    story.sell({"a": f"due: {due} days, price: {{once: {{EUR: {first['amount']}}}}}"}, more, currency="EUR")
    story.start("a", first["issued"])
    story.start("other", second["issued"])
    checks = [
        [one for one in story.business.invoices("nova") if one.status_at(t(at)) is InvoiceStatus.PAST_DUE]
        for at in given["checks_at"]
    ]
    return {
        "overdue_balance_at_checks": [major(sum(one.due_minor for one in late)) for late in checks],
        "attempt_at_check": [False for _ in checks],
        "attempt_amount": None,
    }


def unpaid_to_the_end(story: Story, given: Given) -> Answers:
    """Nothing is tried again: an unpaid invoice is past due, and blocks when its grace is over."""
    story.sell({"a": "price: {month: {USD: 10}}"})
    failed = "failed_at" if "failed_at" in given else "first_failure_on"
    story.start("a", given[failed])
    later = "2025-06-10" if failed == "failed_at" else "2012-08-30"
    return {
        "next_attempt_at": None,
        "retries_on": [],
        "subscription": story.shown("a", later).status.value,
    }


def issued(story: Story, given: Given) -> Answers:
    story.sell({"a": "price: {month: {USD: 10}}"})
    story.start("a", given["invoice_created_on"])
    (invoice,) = story.issued(given["invoice_created_on"])
    return {"status_on_creation": invoice.status.value, "finalizable_from": given["invoice_created_on"]}


STORIES: dict[str, Callable[[Story, Given], Answers]] = {
    "lc-kb-blocked-credit-2": stopped,
    "lc-kb-retries-second-invoice": unpaid_to_the_end,
    "lc-lago-campaign": overdue,
    "lc-lago-grace-1": issued,
    "lc-localstripe-status-1": paid,
    "lc-localstripe-status-3": voided,
    "lc-polar-next-1": unpaid_to_the_end,
    "lc-polar-next-3": unpaid_to_the_end,
    "lc-polar-next-5": unpaid_to_the_end,
}
