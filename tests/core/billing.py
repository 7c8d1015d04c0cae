"""Small terms, subscriptions and offers to bill; it computes no amount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from planctl.core.catalog.model import Beyond, Entitlement, Feature, Meter, Offer, PriceRow, Reset, Terms
from planctl.core.currencies import iso_currency
from planctl.core.customers import Customer
from planctl.core.invoicing.advance import RunTerms, advance
from planctl.core.invoicing.facts import Advanced, CustomerFacts
from planctl.core.invoicing.model import Draft, OpenInvoice, Settlement, WindowKey
from planctl.core.periods import Instant, Interval, instant_text, parse_instant, zone
from planctl.core.pricing.kinds.each import Each
from planctl.core.subscriptions.dues import allowance_schedule, closing_reset
from planctl.core.subscriptions.model import Subscription
from planctl.core.subscriptions.start import Offered

USD = iso_currency("USD")
EUR = iso_currency("EUR")
assert USD is not None
assert EUR is not None
DECLARED = {"USD": USD, "EUR": EUR}
RUN = RunTerms()


def t(text: str, timezone: str = "UTC") -> Instant:
    """A date's first instant in a zone, or an RFC 3339 instant."""
    return parse_instant(text, zone(timezone))


def sold(**prices: str) -> Terms:
    """Terms with one row in USD per interval: `sold(month="19", year="190")`; due 7 days, grace 3."""
    rows = tuple(PriceRow(Interval.parse(pay), {"USD": Decimal(price)}) for pay, price in prices.items())
    return Terms(rows=rows, due_days=7, grace_days=3)


def monthly(price: str = "19", **more: Any) -> Terms:
    """A plan with one monthly row in USD."""
    return replace(sold(month=price), **more)


def metered(
    name: str = "minutes", included: int | None = 100, each: str = "0.10", reset: Reset = "default"
) -> dict[str, Entitlement]:
    """One feature with an allowance, billed after use beyond it."""
    feature = Feature(name, "metered", unit=name.removesuffix("s"), meter=Meter())
    beyond = Beyond("usage", {"": Each({"USD": Decimal(each)})})
    amount = None if included is None else Decimal(included)
    return {name: Entitlement(feature, included=amount, beyond=beyond, reset=reset)}


def prepaid(
    name: str = "seats", included: int = 10, each: str = "4", up_to: int | None = 50
) -> dict[str, Entitlement]:
    """One held feature that is bought ahead beyond its allowance."""
    feature = Feature(name, "metered", unit="seat", meter=Meter(), reset="never")
    limit = None if up_to is None else Decimal(up_to)
    beyond = Beyond("prepaid", {"": Each({"USD": Decimal(each)})}, limit)
    return {name: Entitlement(feature, included=Decimal(included), beyond=beyond)}


def running(
    terms: Terms, start: str = "2026-01-31", timezone: str = "UTC", pay: str = "month", **more: Any
) -> Subscription:
    """`sub_1` of nova, begun at `start` in its zone, with nothing settled yet."""
    started = t(start, timezone)
    plain = Subscription(
        "sub_1", "nova", "starter", 1, terms, "", DECLARED["USD"], pay, timezone, started, started,
        fees_from=started, usage_from=started,
    )  # fmt: skip
    return replace(plain, **more)


def canceled(subscription: Subscription, ends_at: str) -> Subscription:
    """The subscription with a planned end, by whom it was canceled."""
    return replace(subscription, ends_at=t(ends_at, subscription.timezone), end_reason="canceled")


def facts_of(
    subscription: Subscription,
    used: Mapping[int, int] | None = None,
    unpaid: tuple[OpenInvoice, ...] = (),
    deferred: tuple[Settlement, ...] = (),
    **more: Any,
) -> CustomerFacts:
    """nova with one subscription; `used` minutes by allowance period."""
    totals = dict(total_of(subscription, "minutes", index, units) for index, units in (used or {}).items())
    return CustomerFacts(Customer("nova"), (subscription,), unpaid, deferred, totals=totals, **more)


def total_of(
    subscription: Subscription, feature: str, index: int, units: int | Fraction
) -> tuple[WindowKey, Fraction]:
    """What was used of a feature in one of its allowance periods, as totals hold it."""
    reset = closing_reset(subscription.terms.features[feature], Interval.parse(subscription.pay))
    period = allowance_schedule(subscription, reset).period(index)
    period = period if subscription.ends_at is None else period.cut_at(subscription.ends_at)
    assert period.ends_at is not None
    return (subscription.id, feature, period.starts_at, period.ends_at), Fraction(units)


def go(subscription: Subscription, until: str, *arguments: Any, **more: Any) -> Advanced:
    """Bring nova with that subscription to `until`; the arguments are those of `facts_of`."""
    return advance(facts_of(subscription, *arguments, **more), t(until), RUN)


def after(result: Advanced) -> Subscription:
    """The one subscription that changed."""
    (changed,) = result.subscriptions
    return changed[0]


def amounts(draft: Draft) -> list[tuple[str, int]]:
    """The lines' kinds and amounts in cents."""
    return [(line.kind, line.amount_minor) for line in draft.lines]


def bill(result: Advanced) -> list[tuple[str, str, int]]:
    """Every invoice to be: its kind, the instant it bills for, its total in cents."""
    return [(draft.kind, instant_text(draft.at), draft.total_minor) for draft in result.drafts]


def settled(result: Advanced) -> list[tuple[str, int, str]]:
    """Part, index and outcome of what no invoice settles."""
    return [(one.part, one.index, one.outcome) for one in result.settlements]


def moves(result: Advanced) -> list[tuple[str, str, str]]:
    """From, to and when of every transition."""
    return [(move.before.value, move.after.value, instant_text(move.at)) for move in result.transitions]


def offer(terms: Terms, plan: str = "starter", *, exclusive: bool = True, **more: Any) -> Offered:
    """A plan of version 1 as it is sold."""
    return Offered(plan, 1, terms, "hash", Offer(**more), exclusive=exclusive)


def values(thing: object, names: str) -> tuple[Any, ...]:
    """Some fields of a thing, named in a text: `values(line, "quantity amount_minor")`."""
    return tuple(getattr(thing, name) for name in names.split())
