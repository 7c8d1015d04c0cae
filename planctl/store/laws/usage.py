"""Laws of usage and amounts: closed usage is claimed once and whole, and billing again gives the same lines.

Three laws stand on one another: events give the claims, claims give the lines, lines give the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.build import pools, windows
from planctl.core.invoicing.model import Settlement, UsageClaim
from planctl.core.invoicing.rerate import ClaimKey, Claims, billed_again, claim_keys, histories
from planctl.core.laws import wrong_lines, wrong_split
from planctl.core.metering.aggregate import Span, aggregate
from planctl.core.metering.model import UsageEvent, event_key
from planctl.core.money import fraction_text
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import billed_features, due_of, usage_part
from planctl.core.subscriptions.model import Subscription
from planctl.store import catalog
from planctl.store.feature_names import names_of
from planctl.store.invoice_mapping import line_of
from planctl.store.laws.model import DAMAGE, Breach, guarded
from planctl.store.laws.reading import Page, lines_of, of_subscriptions, subscription_pages
from planctl.store.mapping import exact_of, settlement_of
from planctl.store.sets import grouped
from planctl.store.usage import LateEvent, UsageRequest, events, late_events, totals

if TYPE_CHECKING:
    from planctl.store.engine import Tx

WindowKey = tuple[str, str, int]
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of one subscription: outcomes, claims, and on which invoice each is (`""`: none)."""

    settled: Sequence[tuple[Settlement, str]]
    claims: Mapping[ClaimKey, UsageClaim]
    invoices: Mapping[ClaimKey, str]
    unreadable: Sequence[str] = ()


def claimed(tx: Tx) -> Iterator[Breach]:
    """Settled usage has a claim for each feature billed with it, over its period and on its invoice.

    Every claim belongs to such usage, and of one allowance period only one is not void.
    """
    for page in subscription_pages(tx):
        void = _void(tx, page.subscriptions)
        for name, recorded in _recorded(tx, page).items():
            subject = f"subscription {name}"
            yield from guarded(subject, recorded.unreadable)
            yield from guarded(subject, _wrong_claims(page.subscriptions[name], recorded))
            yield from guarded(subject, _claimed_twice(recorded, void))


def complete(tx: Tx) -> Iterator[Breach]:
    """A claim that is not void has the quantity that the events give now, and its parts sum to it.

    Events that came after the period was closed are left out: their difference is billed by itself.
    """
    for page in subscription_pages(tx):
        void = _void(tx, page.subscriptions)
        living = {
            name: [claim for key, claim in one.claims.items() if one.invoices[key] not in void]
            for name, one in _recorded(tx, page).items()
        }
        used = _used(tx, page, living)
        for name, claims in living.items():
            for (part, index), several in _by_period(page.subscriptions[name], claims).items():
                subject = f"usage {name}/{part} {index}"
                yield from guarded(subject, _incomplete(page.subscriptions[name], part, several, used))


def rerated(tx: Tx) -> Iterator[Breach]:
    """Every invoice's lines, and the split of every claim, are those that billing again gives.

    What was settled as zero comes to zero again. Void invoices are billed again too: they keep their lines.
    """
    for page in subscription_pages(tx):
        made = of_subscriptions(tx, "invoice", page.subscriptions, "id")
        lines = lines_of(tx, [row.id for rows in made.values() for row in rows])
        for name, recorded in _recorded(tx, page).items():
            subscription = page.subscriptions[name]
            settled = grouped(recorded.settled, [row.id for row in made[name]], lambda pair: pair[1])
            for row in made[name]:
                parts = [part for part, _ in settled[row.id]]
                wrong = _billed_otherwise(subscription, recorded.claims, parts, lines[row.id])
                yield from guarded(f"invoice {row.number}", wrong)
            unbilled = [part for part, _ in settled.get("", ()) if part.outcome != "blocked"]
            yield from guarded(f"subscription {name}", _not_zero(subscription, recorded.claims, unbilled))


# What is recorded


def _recorded(tx: Tx, page: Page) -> dict[str, Recorded]:
    settled = of_subscriptions(tx, "settlement", page.subscriptions, "due_at", "part", "idx", "revision")
    claims = of_subscriptions(tx, "usage_claim", page.subscriptions, "starts_at", "feature", "revision")
    return {name: _of_one(settled[name], claims[name]) for name in page.subscriptions}


def _of_one(settlement_rows: Sequence[Any], claim_rows: Sequence[Any]) -> Recorded:
    settled: list[tuple[Settlement, str]] = []
    claims: dict[ClaimKey, UsageClaim] = {}
    invoices: dict[ClaimKey, str] = {}
    unreadable: list[str] = []
    for row in settlement_rows:
        try:
            settled.append((settlement_of(row), row.invoice))
        except DAMAGE as problem:
            unreadable.append(f"{row.part} {row.idx} cannot be read: {problem}")
    for row in claim_rows:
        key = (row.feature, row.allowance_idx, row.occasion, row.revision)
        try:
            claims[key] = _claim_of(row)
            invoices[key] = row.invoice
        except DAMAGE as problem:
            unreadable.append(f"the claim on {row.feature} {row.allowance_idx} cannot be read: {problem}")
    return Recorded(settled, claims, invoices, unreadable)


def _claim_of(row: Any) -> UsageClaim:
    """The claim of a row, whether its parts sum to its quantity or not: that is a law's question here."""
    return UsageClaim(
        row.subscription, row.feature, row.allowance_idx, Instant(row.starts_at), Instant(row.ends_at),
        _exact(row.quantity), _exact(row.included), _exact(row.wallet), _exact(row.billed),
        _exact(row.over_limit), row.occasion, row.revision,
    )  # fmt: skip


@lru_cache(maxsize=65_536)
def _exact(text: str) -> Fraction:
    """An exact number's text read once: quantities are mostly the same few."""
    return exact_of(text)


def _void(tx: Tx, ids: Iterable[str]) -> frozenset[str]:
    """The ids of these subscriptions' void invoices."""
    found = of_subscriptions(tx, "invoice", ids, "id", where="invoice.status = 'void'")
    return frozenset(row.id for rows in found.values() for row in rows)


# What is wrong with it


def _wrong_claims(subscription: Subscription, recorded: Recorded) -> Iterator[str]:
    left = dict(recorded.claims)
    for settled, invoice in recorded.settled:
        if settled.outcome == "blocked":
            continue
        keys = claim_keys(subscription, settled)
        if not keys:
            continue
        period = due_of(subscription, settled.part, settled.index).period
        for feature, key in keys.items():
            claim = left.pop(key, None)
            if claim is None:
                yield f"{settled.part} {settled.index} is settled and {feature} is not claimed"
            elif recorded.invoices[key] != invoice:
                yield f"the claim on {feature} {settled.index} is not on the invoice that settled it"
            elif (claim.starts_at, claim.ends_at) != (period.starts_at, period.ends_at):
                yield f"the claim on {feature} {settled.index} is of another time than its period"
    for feature, index, occasion, revision in left:
        at = f"{feature} {index}{f' ({occasion})' if occasion else ''}, revision {revision}"
        yield f"the claim on {at} belongs to nothing that was settled"


def _claimed_twice(recorded: Recorded, void: frozenset[str]) -> Iterator[str]:
    living: dict[tuple[str, int], int] = {}
    for (feature, index, _, _), invoice in recorded.invoices.items():
        if invoice not in void:
            living[(feature, index)] = living.get((feature, index), 0) + 1
    for (feature, index), times in living.items():
        if times > 1:
            yield f"{feature} {index} is claimed {times} times"


def _by_period(
    subscription: Subscription, claims: Iterable[UsageClaim]
) -> dict[tuple[str, int], list[UsageClaim]]:
    """Claims by the part and allowance period that settles them; `""` where the terms do not bill the feature."""
    part_of = {
        feature: usage_part(subscription, reset)
        for reset, features in billed_features(subscription).items()
        for feature in features
    }
    found: dict[tuple[str, int], list[UsageClaim]] = {}
    for claim in claims:
        found.setdefault((part_of.get(claim.feature, ""), claim.allowance_index), []).append(claim)
    return found


def _incomplete(
    subscription: Subscription, part: str, claims: Sequence[UsageClaim], used: Mapping[WindowKey, Fraction]
) -> Iterator[str]:
    for claim in claims:
        for what in wrong_split(claim):
            yield f"{claim.feature}: {what}"
    index = claims[0].allowance_index
    of_features = {
        window.feature: used.get(window.key, ZERO)
        for window in windows(subscription, due_of(subscription, part, index))
    }
    now = pools(subscription, of_features)
    for claim in claims:
        found = max(now[claim.feature].kept, ZERO)
        if found != claim.quantity:
            claimed = fraction_text(claim.quantity)
            yield f"{claim.feature}: {claimed} were claimed, the events recorded give {fraction_text(found)}"


def _billed_otherwise(
    subscription: Subscription, claims: Claims, parts: Sequence[Settlement], rows: Sequence[Any]
) -> Iterator[str]:
    again = [billed_again(one, parts, claims) for one in histories(subscription)]
    yield from wrong_lines([line_of(row) for row in rows], [one.lines for one in again])
    yield from _wrong_splits(claims, again[0].claims)


def _not_zero(subscription: Subscription, claims: Claims, parts: Sequence[Settlement]) -> Iterator[str]:
    for settled in parts:
        again = [billed_again(one, [settled], claims) for one in histories(subscription)]
        amounts = [sum(line.amount_minor for line in one.lines) for one in again]
        if all(amounts):
            what = f"{settled.part} {settled.index}"
            yield f"{what} is settled as {settled.outcome}, billed again it comes to {amounts[0]} (minor units)"
        yield from _wrong_splits(claims, again[0].claims)


def _wrong_splits(claims: Claims, again: Claims) -> Iterator[str]:
    for key, right in again.items():
        claim = claims.get(key, right)
        got = (claim.included, claim.wallet, claim.billed, claim.over_limit)
        wanted = (right.included, right.wallet, right.billed, right.over_limit)
        if got != wanted:
            yield f"the claim on {key[0]} {key[1]} is split {_parts(got)}, the terms say {_parts(wanted)}"


def _parts(parts: Iterable[Fraction]) -> str:
    return " + ".join(fraction_text(part) for part in parts)


# What the events give now


def _used(tx: Tx, page: Page, claims: Mapping[str, Sequence[UsageClaim]]) -> Mapping[WindowKey, Fraction]:
    """The usage of every window that these claims were made from, without what came late."""
    former = catalog.aliases(tx, "features")
    requests: dict[WindowKey, UsageRequest] = {}
    for name, several in claims.items():
        subscription = page.subscriptions[name]
        for part, index in _by_period(subscription, several):
            try:
                needed = windows(subscription, due_of(subscription, part, index))
            except DAMAGE:
                continue  # named when the claims themselves are looked at
            for window in needed:
                meter = subscription.terms.features[window.feature].feature.meter
                aliases = tuple(names_of(window.feature, former) - {window.feature})
                requests[window.key] = UsageRequest(window, meter, aliases)
    used = dict(totals(tx, list(requests.values())))
    late = late_events(tx, {one.customer for one in page.subscriptions.values()})
    for key, request in requests.items():
        marked = _marked(late.get(request.window.customer, ()), request)
        if marked:
            used[key] = _without(tx, request, marked)
    return used


def _marked(late: Sequence[LateEvent], request: UsageRequest) -> set[tuple[str, int, bytes]]:
    window = request.window
    return {
        (one.meter, one.day, one.key)
        for one in late
        if window.starts_at <= one.at < window.ends_at and one.meter in request.names
    }


def _without(tx: Tx, request: UsageRequest, late: set[tuple[str, int, bytes]]) -> Fraction:
    window, names = request.window, request.names

    def in_time() -> Iterator[UsageEvent]:
        for event in events(tx, window.customer, list(names), window.starts_at, window.ends_at):
            if (event.event, event.at // DAY_MICROSECONDS, event_key(event.id)) not in late:
                yield UsageEvent(
                    event.id, event.customer, names[event.event], event.at, event.quantity, event.properties,
                    event.corrects,
                )  # fmt: skip

    return aggregate(request.meter, window.feature, in_time(), Span(window.starts_at, window.ends_at))
