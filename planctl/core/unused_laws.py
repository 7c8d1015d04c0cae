"""What must hold of credits for unused time, as sentences: each is worked out again, and none that is due is missing.

It knows the lines that changes of plan put on invoices; what pauses and early ends give back are credit notes. It
fetches nothing. Source: planctl billing rules, lifecycle (groups) and laws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from planctl.core.document import Document
from planctl.core.invoicing.explain import unused_net
from planctl.core.invoicing.fees import share
from planctl.core.invoicing.model import Line
from planctl.core.invoicing.reclose import Charge, Past
from planctl.core.invoicing.unused import is_unused
from planctl.core.invoicing.usage_story import number_in, objects_in, text_in
from planctl.core.life_laws import never_ran
from planctl.core.money import fraction_text, round_minor
from planctl.core.periods import Instant, Period, instant_text
from planctl.core.subscriptions.model import Subscription

ZERO = Fraction(0)
Place = tuple[str, int]
"""An invoice's id and a line's position on it."""


def wrong_unused(past: Past, invoice: str) -> Iterator[str]:
    """Every credit on an invoice is the share of what was charged for that time, less what went back before."""
    by_id = {one.id: one for one in past.subscriptions}
    charges = {(one.invoice, one.position): one for one in past.charges}
    for credit in (one for one in past.charges if one.invoice == invoice and is_unused(one.line)):
        line, owner = credit.line, by_id.get(credit.line.subscription)
        named = f"its credit of {line.charge_key} {line.service_index}"
        if owner is None:
            yield f"{named} is of another customer's subscription"
            continue
        cause = by_id.get(line.occasion)
        if cause is None or cause.started_at > line.starts_at or not _takes_its_place(cause, owner, by_id):
            yield f"{named} from {instant_text(line.starts_at)} has no cause"
        yield from (f"{named} {what}" for what in _wrong_credit(owner, line, charges))


def _takes_its_place(cause: Subscription, owner: Subscription, by_id: Mapping[str, Subscription]) -> bool:
    """Whether a change to `cause` ends what `owner` was charged for: its own change, or as an add-on its base's."""
    bases = {owner.base}
    base = by_id.get(owner.base)
    while base is not None and base.follows not in bases:
        bases.add(base.follows)
        base = by_id.get(base.follows)
    return cause.follows == owner.id or bool({cause.id, cause.follows} & (bases - {""}))


def _wrong_credit(owner: Subscription, line: Line, charges: Mapping[Place, Charge]) -> Iterator[str]:
    """The line again, from the charges that it names; what it says had gone back before is bounded by what has now."""
    exact = ZERO
    for one in objects_in(line.detail, "charged"):
        charge = charges.get((text_in(one, "invoice"), int(number_in(one, "position") or 0)))
        if charge is None or not _same(charge.line, line):
            yield "names a charge that there is not"
            return
        part, back = _unused_part(owner, charge.line, line.starts_at), number_in(one, "credited") or ZERO
        charged = (Fraction(charge.line.amount_minor), Fraction(charge.line.net_minor), part)
        if _said(one, owner) != charged:
            yield f"says of {charge.line.charge_key} what it did not charge"
            return
        minor = 10**owner.currency.decimals
        paid = Fraction(charge.line.net_minor, charge.line.amount_minor) if charge.line.amount_minor else ZERO
        if not 0 <= back * minor * paid <= charge.credited_minor:
            yield f"counts {fraction_text(back)} as given back before, credit notes gave {charge.credited_minor}"
        unused = Fraction(charge.line.amount_minor) * part
        exact += unused if unused <= 0 else max(unused - back * minor, ZERO)
    amount = unused_net(line, -round_minor(exact, 0), owner.currency)
    if amount != line.amount_minor:
        yield f"has the amount {line.amount_minor}, billed again {amount}"


def _said(one: Document, owner: Subscription) -> tuple[Fraction, Fraction, Fraction]:
    minor = 10**owner.currency.decimals
    amount, net, part = (number_in(one, key) or ZERO for key in ("amount", "net", "part"))
    return (amount * minor, net * minor, part)


def _unused_part(owner: Subscription, line: Line, at: Instant) -> Fraction:
    """Which part of a charge is for time from `at` on."""
    full = owner.schedule().full_period(line.service_index)
    served = Period(full.index, line.starts_at, line.ends_at)
    whole = share(owner, line.starts_at, served, full).part
    return share(owner, Instant(max(at, line.starts_at)), served, full).part / whole if whole else ZERO


def _same(charge: Line, credit: Line) -> bool:
    return (charge.subscription, charge.charge_key, charge.service_index) == (
        credit.subscription,
        credit.charge_key,
        credit.service_index,
    )


def kept_for_nothing(past: Past) -> Iterator[str]:
    """Of what was charged ahead nothing is kept for the time after a change at once: it is charged to what follows.

    Half a minor unit for each line, and for each part that a credit note took back, may be lost in rounding. A credit
    that was given and taken back again, with its invoice, was given: what is charged then was decided by whoever did.
    """
    heirs = {one.follows: one for one in past.subscriptions if one.follows and not never_ran(one)}
    for old in past.subscriptions:
        new = heirs.get(old.id)
        if new is None or old.ends_at != new.started_at or old.end_reason != "changed":
            continue
        # A credit that was voided with its invoice counts as given: what is void is settled.
        ahead = [one for one in past.charges if _is_ahead(one, old, new.started_at)]
        mine = [one for one in ahead if not one.void or is_unused(one.line)]
        for key in dict.fromkeys((one.line.charge_key, one.line.service_index) for one in mine):
            yield from _kept(
                old, [one for one in mine if (one.line.charge_key, one.line.service_index) == key]
            )


def _is_ahead(charge: Charge, old: Subscription, at: Instant) -> bool:
    line = charge.line
    is_fee = line.charge_key == "fee" or line.charge_key.startswith("quantity:")
    return is_fee and line.subscription == old.id and line.ends_at is not None and line.ends_at > at


def _kept(old: Subscription, charges: Sequence[Charge]) -> Iterator[str]:
    at = old.ends_at
    assert at is not None
    charged = [one for one in charges if not is_unused(one.line)]
    used = sum(
        (Fraction(one.line.net_minor) * (1 - _unused_part(old, one.line, at)) for one in charged), ZERO
    )
    left = sum(one.line.net_minor - (0 if is_unused(one.line) else one.credited_minor) for one in charges)
    if left > used + len(charges):
        line = charges[0].line
        yield (
            f"{line.charge_key} {line.service_index} of {old.id} keeps {left} though it was changed at"
            f" {instant_text(at)}, its used part comes to {fraction_text(used)} (minor units)"
        )
