"""What was charged ahead for time that is not used any more, as credits: by a change, a pause, an early end.

A credit is the same share of what was charged for those days; `settled` takes off the discounts it had and what
was credited already, and gives the tax back. It writes nothing.
Source: planctl billing rules, lifecycle (groups).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.invoicing.facts import BilledLine, GivesBack
from planctl.core.invoicing.fees import Names, share
from planctl.core.invoicing.model import Line
from planctl.core.invoicing.usage_story import number_in, objects_in
from planctl.core.money import fraction_text, round_minor
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.model import Subscription

ZERO = Fraction(0)

Charge = tuple[str, int]
"""A charge for one billing period: its key and the period's index."""


def unused_lines(
    subscription: Subscription, at: Instant, billed: Iterable[BilledLine], names: Names, occasion: str
) -> Iterator[Line]:
    """One credit for each fee or quantity that was charged for time from `at` on, in the order of the charges.

    `billed` are lines of any subscription; those of this one count, void ones left out. A part of a period is
    counted as the terms prorate; with `proration: none` a period that has begun goes back whole. What has no
    end, a one-off, is never given back. `occasion` is the purchase or change that causes it.
    """
    charged: dict[Charge, list[BilledLine]] = {}
    for one in billed:
        line = one.line
        mine = line.subscription == subscription.id and not one.void and line.ends_at is not None
        ahead = line.charge_key == "fee" or line.charge_key.startswith("quantity:")
        if mine and ahead and line.ends_at is not None and line.ends_at > at:
            charged.setdefault((line.charge_key, line.service_index), []).append(one)
    for lines in charged.values():
        found = _credit(subscription, at, lines, names, occasion)
        if found is not None:
            yield found


def is_unused(line: Line) -> bool:
    """Whether a line is such a credit."""
    return bool(objects_in(line.detail, "charged"))


def gross_credit(line: Line, currency: Currency) -> Line:
    """A credit as it was before the discounts of its charges were taken off it."""
    exact = number_in(line.detail, "exact") or ZERO
    return replace(line, amount_minor=round_minor(exact, currency.decimals), discount_minor=0, taxes=())


def shifted(subscription: Subscription) -> GivesBack | None:
    """The shift of its periods by a payment that no run has billed yet: what is left of the old one goes back."""
    lifted = [span for span in subscription.blocked if span.kind == "blocked" and span.ends_at is not None]
    if not lifted or not subscription.anchors or not subscription.live:
        return None
    at, settled = subscription.anchors[-1], subscription.settled_at
    if (
        at == subscription.trial_ends_at
        or at <= lifted[-1].starts_at
        or (settled is not None and settled >= at)
    ):
        return None
    return GivesBack(at, lifted[-1].payment)


def _credit(
    subscription: Subscription, at: Instant, billed: Sequence[BilledLine], names: Names, occasion: str
) -> Line | None:
    """The credit of one charge's lines: each gives the part of its own time that comes after `at`."""
    lines = [one.line for one in billed]
    first, decimals = lines[0], subscription.currency.decimals
    full = subscription.schedule().full_period(first.service_index)
    shares = [(one, *_unused(subscription, at, one, full)) for one in billed]
    exact = sum((_left(one.line.amount_minor * part, back) for one, part, back in shares), ZERO)
    amount = round_minor(exact, 0)
    if amount <= 0:
        return None
    begins = Instant(max(at, min(line.starts_at for line in lines)))
    ends_at = max(line.ends_at for line in lines if line.ends_at is not None)
    rest = share(subscription, begins, Period(full.index, begins, ends_at), full)
    section = "plans" if subscription.terms.kind == "plan" else "addons"
    name = names.get(f"{section}.{first.plan}", first.plan)
    if first.feature:
        name = names.get(f"features.{first.feature}", first.feature)
    return Line(
        kind="proration_credit",
        subscription=subscription.id,
        plan=subscription.plan,
        plan_version=subscription.plan_version,
        charge_key=first.charge_key,
        service_index=first.service_index,
        description=f"{name} · unused" + (f" ({rest.text})" if rest.text else ""),
        quantity=Fraction(1),
        unit_price=None,
        amount_minor=-amount,
        starts_at=begins,
        ends_at=ends_at,
        occasion=occasion,
        feature=first.feature,
        detail={
            "exact": fraction_text(-exact / 10**decimals),
            "share": fraction_text(rest.part),
            "share_text": rest.text,
            "charged": [
                {
                    "invoice": one.invoice,
                    "position": str(one.position),
                    "amount": fraction_text(Fraction(one.line.amount_minor, 10**decimals)),
                    "net": fraction_text(Fraction(one.line.net_minor, 10**decimals)),
                    "part": fraction_text(part),
                    "credited": fraction_text(back / 10**decimals),
                }
                for one, part, back in shares
            ],
        },
    )


def _left(unused: Fraction, back: Fraction) -> Fraction:
    """What is left to give back of a line; a line that took money off counts as it is."""
    return unused if unused <= 0 else max(unused - back, ZERO)


def _unused(
    subscription: Subscription, at: Instant, one: BilledLine, full: Period
) -> tuple[Fraction, Fraction]:
    """Which part of a line is for time from `at` on, and what credit notes took back of it, in minor units.

    What went back counts as for that time: nothing goes back twice.
    """
    line = one.line
    served = Period(full.index, line.starts_at, line.ends_at)
    whole = share(subscription, line.starts_at, served, full).part
    rest = share(subscription, Instant(max(at, line.starts_at)), served, full).part
    paid = Fraction(line.net_minor, line.amount_minor) if line.amount_minor else ZERO
    back = Fraction(one.credited.net_minor) / paid if paid > 0 else ZERO
    return (rest / whole if whole else ZERO), back
