"""Fees, quantities, minimums and packs that were billed, computed again from the frozen terms. It reads no store.

The functions are those that billed it the first time, asked with what was recorded; so a line that differs
now was altered. Usage is closed again in `reclose`. Source: planctl billing rules, laws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core.invoicing.extending import EXTEND, extension_again
from planctl.core.invoicing.fees import fee_lines, minimum_lines
from planctl.core.invoicing.late import LATE, difference_minor
from planctl.core.invoicing.model import Line, Settlement
from planctl.core.invoicing.quantities import charged_step
from planctl.core.invoicing.reclose import Charge, Past, is_difference, last_revisions, lasting
from planctl.core.invoicing.tallies import charged_in
from planctl.core.laws import wrong_lines
from planctl.core.money import round_minor
from planctl.core.subscriptions.dues import FEE, MINIMUM, charged_to, due_of, resumed_at
from planctl.core.subscriptions.model import Subscription


def fees_again(subscription: Subscription, settled: Iterable[Settlement]) -> Iterator[Line]:
    """The lines of the fees among these settlements."""
    for one in settled:
        if one.part == FEE:
            due = due_of(subscription, one.part, one.index)
            begins = resumed_at(subscription, due, one.occasion)
            for line in fee_lines(subscription, charged_to(subscription, due, begins), {}, resumed_at=begins):
                yield line if line.occasion == one.occasion else replace(line, occasion=one.occasion)


def change_again(subscription: Subscription, occasion: str) -> tuple[tuple[Line, ...], ...]:
    """The line of a quantity bought within a period, by each history that the subscription may have had then.

    Or those of an extension, which says itself what its former end was.
    """
    if occasion.startswith(EXTEND):
        return (tuple(extension_again(subscription, occasion)),)
    found = (charged_step(one, occasion, {}) for one in histories(subscription))
    return tuple(() if line is None else (line,) for line in found)


def histories(subscription: Subscription) -> tuple[Subscription, ...]:
    """The subscription as it may have been when it was billed: as it is, and before its end was known."""
    if subscription.ends_at is None:
        return (subscription,)
    return (subscription, replace(subscription, ends_at=None))


def wrong_packs(charges: Iterable[Charge], decimals: int) -> Iterator[str]:
    """A pack costs its price times how many were bought: its terms then are on no subscription."""
    for line in (one.line for one in charges if one.line.kind == "pack"):
        price = Fraction(0) if line.unit_price is None else line.unit_price
        amount = round_minor(price * line.quantity, decimals)
        if line.amount_minor != amount:
            yield f"its line {line.charge_key} has the amount {line.amount_minor}, its price comes to {amount}"


def wrong_minimums(past: Past) -> Iterator[tuple[str, str]]:
    """What is wrong with the minimums billed, each with the id of its invoice (`""`: none).

    Compared is with what the billing period was charged by then: what was billed late changes them later.
    """
    by_id = {one.id: one for one in past.subscriptions}
    settled: dict[tuple[str, int], list[tuple[Settlement, str]]] = {}
    for pair in past.settled:
        if pair[0].part == MINIMUM and pair[0].subscription in by_id:
            settled.setdefault((pair[0].subscription, pair[0].index), []).append(pair)
    for (name, index), several in settled.items():
        lasting_pairs = last_revisions(several).values()
        if any(one.outcome == "reissue" for one, _ in lasting_pairs):
            continue
        for one, invoice in lasting_pairs:
            if not one.is_deferred and not one.occasion.startswith(LATE):
                for what in _wrong_minimum(past, by_id[name], one, invoice):
                    yield invoice, what
        yield from _wrong_late_minimums(past, by_id[name], index)


def _wrong_minimum(past: Past, subscription: Subscription, one: Settlement, invoice: str) -> Iterator[str]:
    if any(charge.settled_minor for charge in _in_period(past, subscription, one.index)):
        return  # whether that was credited before or later is not known: the whole is compared at the end
    due = due_of(subscription, MINIMUM, one.index)
    charged = charged_in(subscription, one.index, _billed_by(past, invoice))
    fresh = minimum_lines(subscription, due, charged, {}, resumed_at(subscription, due))
    wanted = [replace(line, occasion=one.occasion) for line in fresh]
    stored = [
        charge.line
        for charge in past.charges
        if _is_minimum(charge, subscription, one.index)
        and (charge.line.occasion, charge.revision) == (one.occasion, one.revision)
        and not is_difference(charge.line)
    ]
    yield from wrong_lines(stored, [wanted])


def _wrong_late_minimums(past: Past, subscription: Subscription, index: int) -> Iterator[tuple[str, str]]:
    """What was short of a minimum after late usage, compared with all that the period comes to now."""
    mine = _in_period(past, subscription, index)
    changed = [one for one in mine if is_difference(one.line) or one.settled_minor]
    if not changed:
        return
    minimums = [one for one in mine if _is_minimum(one, subscription, index)]
    charged = sum(_kept(one) for one in mine if one not in minimums)
    due = due_of(subscription, MINIMUM, index)
    fresh = minimum_lines(subscription, due, charged, {}, resumed_at(subscription, due))
    short = sum(line.amount_minor for line in fresh)
    amount = sum(map(_kept, minimums))
    # Discounts make what was credited a rounded part of what it was.
    rounded = sum(1 for one in mine if one.settled_minor and one.line.discount_minor)
    if abs(amount - short) > rounded:
        invoice = (minimums or changed)[-1].invoice
        yield (
            invoice,
            f"its minimum {index} comes to {amount} with what was late, billed again to {short} (minor units)",
        )


def _in_period(past: Past, subscription: Subscription, index: int) -> list[Charge]:
    """What a billing period was charged, of every charge the last revision; its minimum is among it."""
    return [
        one
        for one in lasting(past.charges)
        if _is_minimum(one, subscription, index) or charged_in(subscription, index, [one.line])
    ]


def _kept(charge: Charge) -> int:
    """What a line charges before discounts, without what closing its period again took back."""
    return difference_minor(charge.line) - charge.given_back_minor


def _is_minimum(charge: Charge, subscription: Subscription, index: int) -> bool:
    line = charge.line
    return (line.subscription, line.charge_key, line.service_index) == (subscription.id, MINIMUM, index)


def _billed_by(past: Past, invoice: str) -> list[Line]:
    """The lines billed when an invoice was issued, its own with them; without one, those that were not late."""
    if invoice:
        return [one.line for one in lasting(_through(past, invoice))]
    return [one.line for one in lasting(past.charges) if not is_difference(one.line)]


def _through(past: Past, invoice: str) -> Sequence[Charge]:
    """The charges up to an invoice, in the order in which they were issued, its own with them."""
    last = max((place for place, one in enumerate(past.charges) if one.invoice == invoice), default=-1)
    return past.charges[: last + 1]
