"""Of which lines those give back that take money off: unused time, usage rated again. It decides no amount.

An invoice says what a credit on it comes to, and of which charge; of which line of that charge it is follows from what
the credit names and from what is left of each. Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from planctl.core.invoicing.credits import LineCredit, TakenOff, TaxKey, tax_key
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.usage_story import number_in, objects_in, text_in
from planctl.core.money import allocate, round_minor

ZERO = Fraction(0)
Place = tuple[str, int]
"""A line of a finalized invoice: the invoice's id and the position."""
Charge = tuple[str, str, int]
"""What is charged for a billing period: the subscription, the charge without its steps, and the period's index."""


def charge_of(subscription: str, charge_key: str, service_index: int) -> Charge:
    """The charge that a line belongs to: what was bought or paused within a period in arrears is of the same."""
    parts = charge_key.split(":")
    steps = {"fee": 1, "quantity": 2}.get(parts[0], len(parts))
    return (subscription, ":".join(parts[:steps]), service_index)


def taken_off(billed: Iterable[BilledLine]) -> dict[Place, tuple[TakenOff, ...]]:
    """What was taken off each line by others of its charge, by the line's place; lines of void invoices do nothing.

    `billed` are all lines of the charges, the oldest invoice first. What a credit note took back of a line that takes
    off counts no more. What no line has room for is left out.
    """
    by_charge: dict[Charge, list[BilledLine]] = {}
    for one in (one for one in billed if not one.void and one.line.net_minor):
        line = one.line
        by_charge.setdefault(charge_of(line.subscription, line.charge_key, line.service_index), []).append(
            one
        )
    found: dict[Place, list[TakenOff]] = {}
    for lines in by_charge.values():
        if any(one.line.net_minor < 0 for one in lines):
            for place, taken in _of_charge(lines):
                found.setdefault(place, []).append(taken)
    return {place: tuple(several) for place, several in found.items()}


def with_taken_off(billed: Sequence[BilledLine]) -> tuple[BilledLine, ...]:
    """The lines, each with what others of them took off it; they are as `taken_off` wants them."""
    found = taken_off(billed)
    return tuple(
        replace(one, taken_off=_together(found[one.invoice, one.position]))
        if (one.invoice, one.position) in found
        else one
        for one in billed
    )


def _together(several: Iterable[TakenOff]) -> LineCredit:
    whole = LineCredit()
    for one in several:
        whole = whole.plus(one.net_minor, one.taxes)
    return whole


def _of_charge(lines: Sequence[BilledLine]) -> Iterator[tuple[Place, TakenOff]]:
    room = {
        (one.invoice, one.position): one.line.net_minor - one.credited.net_minor
        for one in lines
        if one.line.net_minor > 0
    }
    for number, credit in enumerate(lines):
        if credit.line.net_minor > 0:
            continue
        parts = _parts(credit, _in_turn(lines, number), room)
        taxes = _taxes(credit, [net for _, net in parts])
        for (place, net), back in zip(parts, taxes, strict=True):
            room[place] -= net
            yield place, TakenOff(place[1], credit.invoice, net, back)


def _in_turn(lines: Sequence[BilledLine], number: int) -> list[BilledLine]:
    """The lines that charge, the latest before the credit first; those after it, issued again since, come last."""
    order = [*reversed(lines[:number]), *lines[number + 1 :]]
    return [one for one in order if one.line.net_minor > 0]


def _parts(
    credit: BilledLine, charged: Sequence[BilledLine], room: Mapping[Place, int]
) -> list[tuple[Place, int]]:
    """How much of which line a credit gives back, after discounts: first as it says itself, then what is left."""
    left = credit.credited.net_minor - credit.line.net_minor
    nets = dict.fromkeys(((one.invoice, one.position) for one in charged), 0)
    for is_named in (True, False):
        for one in charged:
            place = (one.invoice, one.position)
            most = min(room[place] - nets[place], left)
            net = max(min(most, _named(credit, one)) if is_named else most, 0)
            nets[place] += net
            left -= net
    return [(place, net) for place, net in nets.items() if net]


def _named(credit: BilledLine, charge: BilledLine) -> int:
    """What a credit for unused time says that it gives back of a line."""
    for one in objects_in(credit.line.detail, "charged"):
        place = (text_in(one, "invoice"), int(number_in(one, "position") or 0))
        amount, part, back = (number_in(one, key) or ZERO for key in ("amount", "part", "credited"))
        if place == (charge.invoice, charge.position) and amount > 0:
            return round_minor(max(part - back / amount, ZERO) * charge.line.net_minor, 0)
    return 0


def _taxes(credit: BilledLine, nets: Sequence[int]) -> list[dict[TaxKey, int]]:
    """The tax that went back with each part of a credit."""
    found: list[dict[TaxKey, int]] = [{} for _ in nets]
    for share in credit.line.taxes if nets else ():
        key = tax_key(share)
        back = credit.credited.taxes.get(key, 0) - share.amount_minor
        for taxes, part in zip(found, allocate(back, nets), strict=True):
            taxes[key] = part
    return found
