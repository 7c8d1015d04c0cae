"""What a later end costs at once: the rest of the period that the former end had shortened. It writes nothing.

A period charged ahead is charged up to the end that the terms foresaw when it began, so what an extension adds to
it is charged with the extension, however late the period's own fee is billed. Later periods bill themselves.
Source: planctl billing rules, fees (proration) and lifecycle (expiry).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from planctl.core.invoicing.drafting import empty_draft
from planctl.core.invoicing.fees import Names, fee_lines
from planctl.core.invoicing.model import Draft, Line
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.dues import FEE, Due
from planctl.core.subscriptions.model import Extension, Subscription

EXTEND = "extend:"
"""How the causes of extensions begin."""


def extension_lines(subscription: Subscription, extension: Extension, names: Names) -> Iterator[Line]:
    """The fee and the prepaid quantities of the days that an extension adds to a period charged ahead.

    Nothing where the former end was a boundary or lies in a period that begins after the extension, in a trial,
    in arrears, for what is paid once or for nothing, and with `proration: none`, which charged it whole.
    """
    terms = subscription.terms
    unshared = terms.bill == "in arrears" or terms.proration == "none" or subscription.pay == "once"
    if terms.free or unshared or extension.before <= subscription.started_at:
        return
    schedule = subscription.schedule()
    index = schedule.index_at(Instant(extension.before - 1))
    period = schedule.period(index)
    begins = Instant(max(period.starts_at, subscription.started_at))
    if not subscription.fees_from <= begins <= extension.at:
        return
    added = Period(index, extension.before, period.ends_at).cut_at(extension.after)
    if added.ends_at == added.starts_at:
        return
    due = Due(extension.before, FEE, index, added, schedule.full_period(index))
    for line in fee_lines(subscription, due, names, resumed_at=extension.before):
        yield replace(line, occasion=extension.cause)


def extension_again(subscription: Subscription, cause: str, names: Names | None = None) -> Iterator[Line]:
    """The lines that an extension was billed with for one of the subscriptions whose end it moved."""
    for extension in subscription.extensions:
        if extension.cause == cause:
            yield from extension_lines(subscription, extension, names or {})


def extension_draft(moved: Sequence[Subscription], cause: str, names: Names, now: Instant) -> Draft | None:
    """The request for what an extension costs at once, before discounts and tax; None where it costs nothing.

    `moved` are the subscription and its add-ons with the extension among theirs; the request is the first one's.
    """
    lines = [line for one in moved for line in extension_again(one, cause, names)]
    if not lines:
        return None
    first = moved[0]
    index = first.schedule().index_at(Instant(max(now, first.anchor_at)))
    return replace(empty_draft(first, "change", index, cause, now, now), lines=tuple(lines))
