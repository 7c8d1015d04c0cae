"""How what happens next looks, to machines and to people. It decides nothing: `core/upcoming.py` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from planctl.core.currencies import Currency
from planctl.core.money import format_amount, format_minor
from planctl.core.upcoming import Upcoming
from planctl.views.formats.table import grouped
from planctl.views.sheet import Json
from planctl.views.words import day_text, exact_decimal, maybe

UNDATED = "now"
"""Stands where a date would, for what waits for a person."""

_WORDS = {
    "resume": "is paused: planctl subscription resume {about}",
    "held": "waits for a person ({reason}): planctl hold list",
    "requested": "is to change to {plan}: planctl change approve {about}",
    "starts": "starts",
    "changes": "changes to {plan}",
    "trial_converts": "ends its trial and goes on",
    "trial_expires": "ends its trial and expires: there is no payment method",
    "renews": "renews",
    "quantity_changes": "has another quantity: {what} {units}",
    "usage_closes": "usage is billed",
    "allowance_resets": "allowances reset",
    "cancels": "ends, canceled",
    "expires": "expires",
    "ends": "ends",
    "due": "is due",
    "blocked": "grace ends, access is blocked",
    "grant_expires": "{units} units of its wallet end",
}
"""What is told of each kind behind what it happens to."""

_FEES = frozenset({"starts", "changes", "trial_converts", "renews"})
"""The kinds whose amount is a fee, to which usage, discounts and taxes are still to come."""


def next_documents(events: Iterable[Upcoming]) -> list[Json]:
    """Events as JSON, in the order given; `at` null: as soon as a person does it."""
    return [_document(event) for event in events]


def _document(event: Upcoming) -> dict[str, Json]:
    amount, currency = event.amount_minor, event.currency
    return {
        "at": maybe(event.at),
        "what": event.what,
        "about": event.about,
        "subscription": event.subscription or None,
        "invoice": event.invoice or None,
        "plan": event.plan or None,
        "features": list(event.features),
        "units": None if event.units is None else exact_decimal(event.units),
        "amount": None if amount is None or currency is None else format_minor(amount, currency),
        "currency": None if currency is None else currency.code,
        "reason": event.reason or None,
    }


def next_lines(events: Sequence[Upcoming], tz: ZoneInfo) -> list[str]:
    """One line for each day and object, soonest first: `2026-02-01  nova/pro renews, fee 49.00 USD`."""
    together: dict[tuple[str, str], list[str]] = {}
    for event in events:
        key = (day_text(event.at, tz, UNDATED), event.about)
        together.setdefault(key, []).append(_told(event))
    return [f"{day:10}  {about} {'; '.join(told)}" for (day, about), told in together.items()]


def _told(event: Upcoming) -> str:
    units = "" if event.units is None else grouped(exact_decimal(event.units))
    what = ", ".join(event.features) or "quantity"
    text = _WORDS[event.what].format(
        about=event.about, plan=event.plan, reason=event.reason, units=units, what=what
    )
    if event.amount_minor is None or event.currency is None or event.what == "blocked":
        return text
    return f"{text}{', fee ' if event.what in _FEES else ': '}{_money(event.amount_minor, event.currency)}"


def _money(minor: int, currency: Currency) -> str:
    return f"{format_amount(minor, currency)} {currency.code}"
