"""Every cent of an issued invoice back to its formula: gathers what the steps need and lets the core compare.

It reads only. An invoice that was altered is explained as it stands, with what does not agree.
Source: planctl billing rules, money and rounding, rating, invoices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from planctl.core.catalog.model import Feature, TaxRate
from planctl.core.coupons import Redemption
from planctl.core.invoicing.explain import Around, ExplainedLine, explain_line
from planctl.core.invoicing.explain_money import (
    DiscountShare,
    discount_shares,
    tax_parts,
    wrong_money,
)
from planctl.core.invoicing.lineup import bought
from planctl.core.invoicing.model import Invoice, Line, UsageWindow
from planctl.core.invoicing.story import FEW, CountedEvent, InvoiceStory, LineStory, MeasuredFeature, Pool
from planctl.core.laws import InvoiceSums, wrong_sums
from planctl.core.metering.aggregate import reading_of, rounded
from planctl.core.metering.model import event_key, property_text
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from planctl.errors import InvalidInput, NotFound
from planctl.store import catalog, invoices, payments, subscriptions, usage
from planctl.store.coupons import named_redemptions
from planctl.store.credit_notes import notes_on
from planctl.store.explaining import altered, earlier_lines, origin
from planctl.store.feature_names import names_of
from planctl.store.offers import taxes
from planctl.store.usage import UsageRequest
from planctl.store.wallets import grants_of
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class _Known:
    """What several lines of one invoice share."""

    invoice: Invoice
    subscriptions: Mapping[str, Subscription]
    redemptions: Mapping[str, Redemption]
    taxes: Mapping[str, TaxRate]
    grants: tuple[Grant, ...]
    keep: int | None


def explain_invoice(tx: Tx, address: str, as_of: Instant, keep: int | None = FEW) -> InvoiceStory:
    """Explain an invoice by number or id, or with `#LINE` one of its lines; `keep` None keeps every event.

    NotFound for an unknown number, InvalidInput for a line that it does not have. All lines are worked out, so
    that what does not agree is found whichever is asked for.
    """
    stored, wanted = _found(tx, address)
    _check_line(stored, address, wanted)
    invoice = replace(stored, status=stored.status_at(as_of))
    known = _known(tx, invoice, keep)
    explained = [
        explain_line(position, line, _around(tx, known, line))
        for position, line in enumerate(invoice.draft.lines, start=1)
    ]
    shares = discount_shares(invoice.draft, known.redemptions)
    told = tuple(
        _story(tx, known, one, shares[one.position - 1])
        for one in explained
        if wanted in {None, str(one.position)}
    )
    wrong = [sentence for one in explained for sentence in one.wrong]
    wrong += wrong_sums(_sums(invoice))
    wrong += wrong_money(invoice, known.redemptions)
    wrong += [sentence for sentence in [altered(invoice)] if sentence]
    return InvoiceStory(
        invoice,
        told,
        tuple(payments.payments(tx, payments.PaymentFilter(invoices=(invoice.id,)))),
        tuple(notes_on(tx, [invoice.id])[invoice.id]),
        tuple(wrong),
    )


def _found(tx: Tx, address: str) -> tuple[Invoice, str | None]:
    """The invoice and the line of `INV-2026-00001#2`; no line without a `#`, unless a number has one itself."""
    name, sharp, line = address.rpartition("#")
    try:
        return invoices.as_stored(tx, address), None
    except NotFound:
        if not sharp:
            raise
    return invoices.as_stored(tx, name), line


def _check_line(invoice: Invoice, address: str, wanted: str | None) -> None:
    count = len(invoice.draft.lines)
    if wanted is None or wanted in {str(position) for position in range(1, count + 1)}:
        return
    name = invoice.number
    raise InvalidInput(
        f"{name} has no line {wanted!r}",
        where=address,
        expected=f"{name}#1" if count == 1 else f"{name}#1 to {name}#{count}",
        got=f"#{wanted}"[:60],
        hint=f"planctl invoice explain {name} explains every line",
    )


def _sums(invoice: Invoice) -> InvoiceSums:
    draft = invoice.draft
    return InvoiceSums(
        invoice.subtotal_minor,
        invoice.discount_minor,
        invoice.tax_minor,
        invoice.total_minor,
        invoice.credit_minor,
        invoice.paid_minor,
        lines=draft.subtotal_minor,
        taxes=draft.tax_minor,
    )


def _known(tx: Tx, invoice: Invoice, keep: int | None) -> _Known:
    draft = invoice.draft
    redemptions = named_redemptions(tx, [one.redemption for one in draft.discounts])
    return _Known(
        invoice,
        subscriptions.get_many(tx, {line.subscription for line in draft.lines}),
        {one.id: one for one in redemptions},
        taxes(tx) if draft.taxes else {},
        grants_of(tx, [draft.customer])[draft.customer],
        keep,
    )


def _around(tx: Tx, known: _Known, line: Line) -> Around:
    is_late = isinstance(line.detail, dict) and "difference_minor" in line.detail
    return Around(
        known.invoice.draft.currency,
        known.subscriptions.get(line.subscription),
        known.invoice.draft.lines,
        earlier_lines(tx, known.invoice, line) if is_late else (),
    )


def _story(
    tx: Tx, known: _Known, explained: ExplainedLine, discounts: tuple[DiscountShare, ...]
) -> LineStory:
    line = explained.line
    subscription = known.subscriptions.get(line.subscription)
    return LineStory(
        explained,
        origin(tx, line, subscription),
        subscription,
        _unit(subscription, line.feature),
        _pool(subscription, explained),
        discounts,
        tax_parts(known.invoice.draft, line, known.taxes),
        tuple(_measured(tx, known, explained)),
        tuple(_grants(known, explained)),
    )


def _unit(subscription: Subscription | None, feature: str) -> str:
    entitlement = None if subscription is None else subscription.terms.features.get(feature)
    return "" if entitlement is None else entitlement.feature.unit


def _pool(subscription: Subscription | None, explained: ExplainedLine) -> Pool | None:
    """What the allowance that a line counts from is made of, as it is at the end of its period."""
    line, story = explained.line, explained.usage
    if subscription is None or story is None or story.allowance is None or line.ends_at is None:
        return None
    entitlement = subscription.terms.features.get(line.feature)
    if entitlement is None:
        return None
    last = Instant(max(line.ends_at - 1, line.starts_at))
    included = Fraction(entitlement.included or 0) if entitlement.own_allowance else Fraction(0)
    plans = subscription.quantity_at(last)
    ahead = bought(subscription, line.feature, last)
    others = story.allowance - included * plans - ahead - story.rolled
    return Pool(included, plans, ahead, story.rolled, others)


def _grants(known: _Known, explained: ExplainedLine) -> Iterable[Grant]:
    """The grants that paid for units of the line; of a pack those that it brought."""
    line = explained.line
    if line.kind == "pack":
        return [one for one in known.grants if one.key.endswith(f":{line.occasion}")]
    paid = {name for name, _ in explained.usage.grants} if explained.usage is not None else set()
    return [one for one in known.grants if one.id in paid]


# --- usage


def _measured(tx: Tx, known: _Known, explained: ExplainedLine) -> Iterator[MeasuredFeature]:
    """The line's own feature, then those that drew on it."""
    line, story = explained.line, explained.usage
    subscription = known.subscriptions.get(line.subscription)
    if story is None or subscription is None or line.ends_at is None:
        return
    declared: Mapping[str, Feature] = {}
    for feature in (line.feature, *(one.feature for one in story.drawn)):
        entitlement = subscription.terms.features.get(feature)
        if entitlement is None:
            declared = declared or catalog.features(tx)
        definition = declared.get(feature) if entitlement is None else entitlement.feature
        if definition is not None:
            yield _measure(tx, line, subscription, definition, known.keep)


def _measure(
    tx: Tx, line: Line, subscription: Subscription, feature: Feature, keep: int | None
) -> MeasuredFeature:
    assert line.ends_at is not None
    window = UsageWindow(
        subscription.id,
        subscription.customer,
        feature.id,
        line.starts_at,
        line.ends_at,
        line.ends_at,
        "peak" if feature.held else "total",
    )
    former = catalog.aliases(tx, "features")
    request = UsageRequest(window, feature.meter, tuple(sorted(names_of(feature.id, former) - {feature.id})))
    total = usage.totals(tx, [request]).get(window.key, Fraction(0))
    kept: list[CountedEvent] = []
    count = 0
    for counted in _counted(tx, request, subscription):
        count += 1
        if keep is None or count <= keep:
            kept.append(counted)
    return MeasuredFeature(
        feature.id,
        feature.unit,
        feature.meter.aggregate,
        rounded(feature.meter, total),
        count,
        tuple(kept),
    )


def _counted(tx: Tx, request: UsageRequest, subscription: Subscription) -> Iterator[CountedEvent]:
    """The events that feed the feature in the window, streamed in time order."""
    window = request.window
    late = {
        (mark.meter, mark.at, mark.reference[1])
        for mark in usage.late_marks(tx, [window.customer])[window.customer]
    }
    of_amount = _amount_property(subscription, window.feature)
    names = request.names
    for event in usage.events(tx, window.customer, list(names), window.starts_at, window.ends_at):
        reading = reading_of(request.meter, window.feature, replace(event, event=names[event.event]))
        if reading is not None:
            is_late = (event.event, event.at, event_key(event.id, event.child)) in late
            amount = property_text(event.properties[of_amount]) if of_amount in event.properties else ""
            yield CountedEvent(event, reading.number, reading.value, amount, is_late)


def _amount_property(subscription: Subscription, feature: str) -> str:
    """The property whose amounts the price looks at one by one; empty where it looks at none."""
    entitlement = subscription.terms.features.get(feature)
    beyond = None if entitlement is None else entitlement.beyond
    price = None if beyond is None else beyond.price_for(subscription.pay)
    return "" if price is None else price.amount_property
