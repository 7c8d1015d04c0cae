"""Says where the business stands; it reads nothing."""

from __future__ import annotations

from typing import Any

from planctl.core.currencies import Currency
from planctl.core.instants import instant_text
from planctl.core.money import format_minor
from planctl.views.hold import hold_document
from planctl.views.sheet import Answer, Json
from planctl.views.words import age_text, count, maybe


def status_answer(standing: Any) -> Answer:
    """What is due, overdue and on hold, what ends soon, and the last run."""
    due, last = standing.due, standing.last_run
    lines = [
        f"as of {instant_text(standing.as_of)}{' (test store)' if standing.store.is_test else ''}",
        f"due: {count(due.customers, 'customer')}" + (f", first {maybe(due.since)}" if due.since else ""),
    ]
    lines += [
        f"unpaid: {count(one.invoices, 'invoice')}, {amount(one.amount_minor, one)} {one.currency};"
        f" overdue: {one.overdue:,}, {amount(one.overdue_minor, one)} {one.currency}"
        for one in standing.unpaid
    ] or ["unpaid: nothing"]
    lines += _soon_lines(standing)
    lines += [
        f"on hold: {hold.customer}, {hold.reason}, since {instant_text(hold.since)}"
        f"{f': {hold.detail}' if hold.detail else ''}"
        for hold in standing.holds
    ] or ["on hold: nobody"]
    if last is None:
        lines.append("last run: never")
    else:
        lines.append(f"last run: as of {instant_text(last.as_of)}, {age_text(standing.age)} ago")
    return Answer(status_document(standing), tuple(lines))


def _soon_lines(standing: Any) -> list[str]:
    """Trials and plans that end by themselves soon; nothing where none does."""
    soon = standing.soon
    days = age_text(soon.until - standing.as_of)
    told = (
        ("trials end", soon.trials, soon.first_trial_at),
        ("plans expire", soon.expiries, soon.first_expiry_at),
    )
    return [
        f"{what} within {days}: {number:,}, first {maybe(first)}" for what, number, first in told if number
    ]


def status_document(standing: Any) -> dict[str, Json]:
    """The same for machines."""
    last = standing.last_run
    return {
        "as_of": instant_text(standing.as_of),
        "store": standing.store.store_id,
        "is_test": standing.store.is_test,
        "due": {"customers": standing.due.customers, "since": maybe(standing.due.since)},
        "unpaid": [
            {
                "currency": one.currency,
                "invoices": one.invoices,
                "amount": amount(one.amount_minor, one),
                "overdue": one.overdue,
                "overdue_amount": amount(one.overdue_minor, one),
            }
            for one in standing.unpaid
        ],
        "soon": {
            "until": instant_text(standing.soon.until),
            "trials": standing.soon.trials,
            "first_trial_at": maybe(standing.soon.first_trial_at),
            "expiries": standing.soon.expiries,
            "first_expiry_at": maybe(standing.soon.first_expiry_at),
        },
        "held": [hold_document(hold) for hold in standing.holds],
        "last_run": None
        if last is None
        else {"id": last.id, "as_of": instant_text(last.as_of), "finished_at": maybe(last.finished_at)},
        "too_old": standing.too_old,
    }


def amount(minor: int, one: Any) -> str:
    """Minor units as a decimal text in major units."""
    return format_minor(minor, Currency(one.currency, one.currency, one.decimals))
