"""Which taxes a customer pays, and what they come to on lines. It knows neither coupons nor invoices.

Per tax code and rate the lines after discounts are summed and the tax is rounded once, then shared out to the
lines so that the shares sum to it. Source: EN 16931, BR-CO-17; planctl billing rules, money and rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from planctl.core.catalog.model import TaxRate
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Line, Tax, TaxShare
from planctl.core.money import allocate, round_half_up
from planctl.core.periods import Instant, local_date, zone
from planctl.errors import Refused
from planctl.values import dataclass

Rounding = Literal["invoice", "line"]
"""Where a tax is rounded: once on the sum of its lines, or on each of them."""

UNTAXED = ("exempt", "reverse")
"""What a customer's tax says where none is charged: exempt, or owed by the recipient (reverse charge)."""

_AT_END = frozenset({"usage", "late_usage", "minimum"})


@dataclass(frozen=True, slots=True)
class Levy:
    """One tax at the rate that is in force for a line; `rate` is a fraction of 1."""

    code: str
    name: str
    rate: Decimal
    included: bool = False


@dataclass(frozen=True, slots=True)
class Taxed:
    """The shares of each line, in the lines' order, and the taxes that they are shares of."""

    shares: tuple[tuple[TaxShare, ...], ...]
    taxes: tuple[Tax, ...]


def applicable(customer: Customer, taxes: Mapping[str, TaxRate]) -> tuple[TaxRate, ...]:
    """The taxes that the customer pays, by code: its own where it has some, else all of its country.

    None for `exempt`, for `reverse`, and without country and code. Refused where it names a code that is not
    declared (any more): nothing is guessed.
    """
    if customer.tax in UNTAXED:
        return ()
    if customer.tax:
        codes = sorted(set(customer.tax.split(",")))
        missing = [code for code in codes if code not in taxes]
        if missing:
            raise Refused(
                f"the tax {missing[0]} of {customer.id} is not declared",
                code="tax-unknown",
                where=customer.id,
                expected=", ".join(sorted(taxes)) or "a declared tax",
                got=missing[0],
                hint=f"planctl customer update {customer.id} --tax CODE",
            )
        return tuple(taxes[code] for code in codes)
    if not customer.country:
        return ()
    return tuple(taxes[code] for code in sorted(taxes) if taxes[code].country == customer.country)


def levies(line: Line, payable: Sequence[TaxRate], timezone: str) -> tuple[Levy, ...]:
    """The taxes of one line at the rates in force on its day; before a tax's first date there is none.

    The day is the local one on which the service period starts (fees, quantities, packs, changes) or its last
    one inside (usage, late usage, a minimum), which is the day before an end at midnight.
    """
    if not payable:
        return ()
    day = tax_day(line, timezone)
    found = []
    for tax in payable:
        rates = [rate for from_on, rate in tax.rates if from_on <= day]
        if rates:
            found.append(Levy(tax.id, tax.name or tax.id, rates[-1], tax.included))
    return tuple(found)


def tax_day(line: Line, timezone: str) -> date:
    """The local day whose tax rates a line pays; see `levies`."""
    late = line.kind in _AT_END and line.ends_at is not None
    at = Instant(line.ends_at - 1) if late and line.ends_at is not None else line.starts_at
    return local_date(Instant(max(at, line.starts_at)), zone(timezone))


def levied(nets: Sequence[int], owed: Sequence[tuple[Levy, ...]], rounding: Rounding = "invoice") -> Taxed:
    """What the taxes come to on lines of `nets` minor units after discounts, each under its own levies.

    Included taxes are taken out of the lines first, `gross - round(gross / (1 + all included rates))`, and split
    by rate; exclusive ones are then computed on what is left. Credits (negative lines) reduce their group; a
    negative group has a negative tax, the mirror of its opposite. Taxes are in the order of code and rate.
    """
    assert len(nets) == len(owed), f"{len(nets)} lines, {len(owed)} lists of taxes"
    if rounding == "line":
        return _by_line(nets, owed)
    places = range(len(nets))
    shares: dict[tuple[int, Levy], int] = {}
    for profile in dict.fromkeys(_included(one) for one in owed):
        inside = [place for place in places if profile and _included(owed[place]) == profile]
        shares |= _contained([nets[place] for place in inside], inside, profile)
    bases = _bases(nets, owed, shares)
    for levy in dict.fromkeys(levy for one in owed for levy in one if not levy.included):
        inside = [place for place in places if levy in owed[place]]
        exact = [bases[place] * Fraction(levy.rate) for place in inside]
        parts = spread(round_half_up(sum(exact, Fraction(0)), 0), exact)
        shares |= {(place, levy): part for place, part in zip(inside, parts, strict=True)}
    return _taxed(nets, owed, shares)


def spread(total: int, exact: Sequence[Fraction]) -> tuple[int, ...]:
    """Round exact shares to whole ones that sum to `total`, by largest remainder; shares may be below 0.

    `total` is the sum of the shares rounded, give or take a unit. Each share is cut towards zero and the units
    left go one each to the shares that lost most by it, ties to the earlier. The opposite of all is split as
    the opposite. A share of 0 gets nothing as long as there is another.
    """
    cut = [_towards_zero(share) for share in exact]
    missing = total - sum(cut)
    sign = 1 if missing >= 0 else -1
    weighty = [place for place, share in enumerate(exact) if share] or list(range(len(exact)))
    order = sorted(weighty, key=lambda place: (-sign * (exact[place] - cut[place]), place))
    assert order or not missing, f"{total} minor units of tax and no line to carry them"
    for turn in range(abs(missing)):
        cut[order[turn % len(order)]] += sign
    return tuple(cut)


def wrong_taxes(lines: Sequence[Line], taxes: Sequence[Tax]) -> Iterator[str]:
    """One sentence for every tax that its lines do not bear out, recomputed from their codes and rates.

    Either rounding is right: the setting may have been another one when the invoice was issued.
    """
    names = {(tax.code, tax.rate): tax.name for tax in taxes}
    owed = [
        tuple(
            Levy(share.code, names.get((share.code, share.rate), ""), share.rate, share.included)
            for share in line.taxes
        )
        for line in lines
    ]
    shown = {(tax.code, tax.rate, tax.included): tax for tax in taxes}
    for key, tax in shown.items():
        of_lines = sum(
            share.amount_minor
            for line in lines
            for share in line.taxes
            if (share.code, share.rate, share.included) == key
        )
        if of_lines != tax.amount_minor:
            yield f"tax {tax.code} is {tax.amount_minor}, its lines' shares sum to {of_lines}"
    roundings: tuple[Rounding, ...] = ("invoice", "line")
    again = [levied([line.net_minor for line in lines], owed, rounding) for rounding in roundings]
    if not any(one.taxes == tuple(taxes) for one in again):
        wanted = ", ".join(f"{tax.code} {tax.amount_minor} on {tax.base_minor}" for tax in again[0].taxes)
        said = ", ".join(f"{tax.code} {tax.amount_minor} on {tax.base_minor}" for tax in taxes)
        yield f"its taxes are {said or 'none'}, recomputed {wanted or 'none'}"


def _by_line(nets: Sequence[int], owed: Sequence[tuple[Levy, ...]]) -> Taxed:
    """Every line for itself, then summed."""
    shares: dict[tuple[int, Levy], int] = {}
    for place, (net, several) in enumerate(zip(nets, owed, strict=True)):
        alone = levied([net], [several])
        by_code = {(share.code, share.rate): share.amount_minor for share in alone.shares[0]}
        shares |= {(place, levy): by_code[levy.code, levy.rate] for levy in several}
    return _taxed(nets, owed, shares)


def _contained(
    nets: Sequence[int], places: Sequence[int], profile: tuple[Levy, ...]
) -> dict[tuple[int, Levy], int]:
    """The taxes contained in lines that include the same ones."""
    rates = [Fraction(levy.rate) for levy in profile]
    divisor = 1 + sum(rates, Fraction(0))
    gross = sum(nets)
    contained = gross - round_half_up(Fraction(gross) / divisor, 0)
    found: dict[tuple[int, Levy], int] = {}
    for levy, rate, amount in zip(profile, rates, allocate(contained, rates), strict=True):
        parts = spread(amount, [net * rate / divisor for net in nets])
        found |= {(place, levy): part for place, part in zip(places, parts, strict=True)}
    return found


def _bases(
    nets: Sequence[int], owed: Sequence[tuple[Levy, ...]], shares: Mapping[tuple[int, Levy], int]
) -> list[int]:
    """Each line without the taxes that it includes."""
    return [
        net - sum(shares[place, levy] for levy in _included(several))
        for place, (net, several) in enumerate(zip(nets, owed, strict=True))
    ]


def _taxed(
    nets: Sequence[int], owed: Sequence[tuple[Levy, ...]], shares: Mapping[tuple[int, Levy], int]
) -> Taxed:
    bases = _bases(nets, owed, shares)
    taxes = []
    for levy in sorted(
        {levy for several in owed for levy in several}, key=lambda one: (one.code, one.rate, one.included)
    ):
        inside = [place for place, several in enumerate(owed) if levy in several]
        amount = sum(shares[place, levy] for place in inside)
        base = sum(bases[place] for place in inside)
        taxes.append(Tax(levy.code, levy.name, levy.rate, base, amount, levy.included))
    by_line = tuple(
        tuple(TaxShare(levy.code, levy.rate, shares[place, levy], levy.included) for levy in several)
        for place, several in enumerate(owed)
    )
    return Taxed(by_line, tuple(taxes))


def _included(several: tuple[Levy, ...]) -> tuple[Levy, ...]:
    return tuple(levy for levy in several if levy.included)


def _towards_zero(value: Fraction) -> int:
    whole = abs(value.numerator) // value.denominator
    return whole if value >= 0 else -whole
