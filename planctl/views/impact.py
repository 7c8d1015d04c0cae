"""Shows whom a change touches and with how much money, as lines for people and for machines; it computes nothing.

Amounts are rounded here, once, to their currency's decimals. Customers are named only where the impact has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from planctl.core.catalog.changeset import DEARER, Change, Holders, Impact, Overuse
from planctl.core.currencies import Currency, iso_currency
from planctl.core.money import format_amount, format_minor, round_half_up
from planctl.views.safe import safe
from planctl.views.words import exact_decimal

Decimals = Mapping[str, int]
"""The decimals of currencies by code, where those are not the ISO ones."""

_ISO: Decimals = {}
_MOST_NAMED = 10
_SHOWN_DECIMALS = 2
_LAST = {"day": "yesterday", "week": "last week", "month": "last month", "year": "last year"}


def overuse_line(overuse: Overuse, unit: str) -> str:
    """How many used more than a lowered allowance, and how much was used: half of them, 95 % and all at most.

    `unit` is the feature's, in the singular; may be empty.
    """
    among = f"{_how_many(overuse)} of {overuse.subscriptions:,}"
    if overuse.every == "granted":
        return f"{among} {_verb(overuse.over, 'has it', 'have it')}{_named(overuse.customers)}"
    limit = _quantity(overuse.limit, unit)
    if overuse.every == "once":
        text = f"{among} {_verb(overuse.over, 'holds', 'hold')} more than {limit}"
    else:
        text = f"{among} used more than {limit} {_LAST.get(overuse.every, 'in the last period')}"
    median, p95, most = (_quantity(one, "") for one in (overuse.median, overuse.p95, overuse.most))
    return f"{text} (median {median}, 95 % up to {p95}, most {most}){_named(overuse.customers)}"


def recurring_lines(impact: Impact, holders: Holders, decimals: Decimals = _ISO) -> list[str]:
    """Who keeps their terms and what they pay by the month; then what would be if all of them moved.

    The second line only where something can move. Each currency stands for itself.
    """
    lines = [_keeping(impact, holders, decimals)]
    if impact.compared:
        lines.append(f"if all moved: {_difference(impact, decimals)}; {_dearer(impact)}")
    if impact.stuck:
        whose = _verb(impact.stuck, "as it is: its", "as they are: their")
        lines.append(
            f"{impact.stuck:,} cannot be moved {whose} row, currency or agreed terms do not fit the new ones"
        )
    return lines


def impact_document(change: Change, decimals: Decimals = _ISO) -> dict[str, object]:
    """The impact for machines: live subscriptions by version, and what else the base knows.

    Amounts are texts with their currency's decimals, quantities exact ones (12 decimals where they do not end).
    `customers` (who would pay more; who used more) are there only where somebody is named.
    """
    held = {str(version): number for version, number in sorted(change.holders.by_version.items())}
    document: dict[str, object] = {"subscriptions": held}
    impact = change.impact
    if impact is None:
        return document
    document |= {
        "recurring": [
            {
                "currency": one.currency,
                "now": _plain(one.now, one.currency, decimals),
                "moved": _plain(one.moved, one.currency, decimals),
            }
            for one in impact.recurring
        ],
        "compared": impact.compared,
        "dearer": impact.dearer,
        "stuck": impact.stuck,
        "by_fees": impact.by_fees,
        "overuse": [_overuse_document(one) for one in impact.overuse],
    }
    if impact.dearer_customers:
        document["customers"] = list(impact.dearer_customers)
    return document


def _overuse_document(one: Overuse) -> dict[str, object]:
    document: dict[str, object] = {
        "path": one.path,
        "limit": exact_decimal(one.limit),
        "over": one.over,
        "subscriptions": one.subscriptions,
        "median": exact_decimal(one.median),
        "p95": exact_decimal(one.p95),
        "most": exact_decimal(one.most),
        "about": one.about,
    }
    if one.customers:
        document["customers"] = list(one.customers)
    return document


# --- words


def _keeping(impact: Impact, holders: Holders, decimals: Decimals) -> str:
    """`377 running on v5–v7 keep their terms   MRR 18,473.00 USD`."""
    held = sorted(version for version, number in holders.by_version.items() if number)
    versions = "" if not held else f" on v{held[0]}" if len(held) == 1 else f" on v{held[0]}–v{held[-1]}"
    text = f"{holders.total:,} running{versions} {_verb(holders.total, 'keeps its', 'keep their')} terms"
    amounts = [amount_text(one.now, one.currency, decimals) for one in impact.recurring]
    return f"{text}   MRR {', '.join(amounts)}" if amounts else text


def _difference(impact: Impact, decimals: Decimals) -> str:
    """`+2,262.00 USD, −12.00 EUR a month`; what stays the same is left out."""
    found = []
    for one in impact.recurring:
        difference = one.moved - one.now
        if difference:
            sign = "+" if difference > 0 else "−"
            found.append(f"{sign}{amount_text(abs(difference), one.currency, decimals)}")
    return f"{', '.join(found)} a month" if found else "the same a month"


def _dearer(impact: Impact) -> str:
    """`none would pay over 20 % more`; where only fees were compared, that."""
    more = f"would pay over {exact_decimal(DEARER * 100)} % more"
    by_fees = " by the fees alone" if impact.by_fees else ""
    if not impact.dearer:
        return f"none {more}{by_fees}"
    text = f"{impact.dearer:,} of {impact.compared:,} {more}{by_fees}"
    return f"{text}{_named(impact.dearer_customers)}"


def _how_many(overuse: Overuse) -> str:
    """`31`, or `at most 31` where it was counted from quantiles."""
    return f"at most {overuse.over:,}" if overuse.about and overuse.over else f"{overuse.over:,}"


def _verb(number: int, one: str, several: str) -> str:
    return one if number == 1 else several


def _named(customers: tuple[str, ...]) -> str:
    """`: acme, nova and 3 more`; nothing where nobody is named."""
    if not customers:
        return ""
    shown = ", ".join(safe(name) for name in customers[:_MOST_NAMED])
    left = len(customers) - _MOST_NAMED
    return f": {shown} and {left:,} more" if left > 0 else f": {shown}"


def _quantity(quantity: Fraction, unit: str) -> str:
    """`4,000 minutes`; a quantity that does not end is shown with a few decimals."""
    rounded = Fraction(round_half_up(quantity, _SHOWN_DECIMALS), 10**_SHOWN_DECIMALS)
    text = exact_decimal(quantity if quantity.denominator == 1 else rounded)
    whole, point, rest = text.partition(".")
    number = f"{int(whole):,}{point}{rest}"
    if not unit:
        return number
    return f"{number} {safe(unit) if quantity == 1 else safe(unit) + 's'}"


def amount_text(exact: Fraction, code: str, decimals: Decimals) -> str:
    """`18,473.00 USD`, rounded once."""
    currency = _currency(code, decimals)
    return f"{format_amount(round_half_up(exact, currency.decimals), currency)} {safe(code)}"


def _plain(exact: Fraction, code: str, decimals: Decimals) -> str:
    currency = _currency(code, decimals)
    return format_minor(round_half_up(exact, currency.decimals), currency)


def _currency(code: str, decimals: Decimals) -> Currency:
    """The currency as it is shown; one that is neither declared nor known has two decimals."""
    iso = iso_currency(code)
    places = decimals.get(code, iso.decimals if iso is not None else _SHOWN_DECIMALS)
    return Currency(code, code, places, iso=False)
