"""A second implementation of prices, written from the billing rules alone, against the first on 10^5 cases.

It shares no code with the first: it knows terms as a catalog writes them and counts with fractions. Every
sentence of the rules that it follows stands above its lines. The cases come from `random.Random`, seeded, so
a failing one comes back; PLANCTL_SEED tries others.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.currencies import Currency
from planctl.core.document import Mapping, node_of
from planctl.core.pricing.kinds import KINDS, read_beside, read_kind
from planctl.core.pricing.model import EventAmount, PriceKind
from planctl.core.pricing.rate import FeatureUsage, rate
from planctl.core.reading import Reader

SEED = int(os.environ.get("PLANCTL_SEED", "20261122"))
CHUNKS, TABLES, USAGES = 5, 400, 50  # 100,000 cases
Terms = dict[str, Any]
Event = tuple[Fraction, Fraction]


# --- the second opinion


def bill(terms: Terms, usage: Terms, events: list[Event]) -> Fraction:
    """What one feature costs in one allowance period, in major units."""
    # usage quantity -> included -> wallet -> excess
    included: Fraction = usage["included"]
    above: Fraction = usage["quantity"] - min(usage["quantity"], included)
    above -= min(above, usage["wallet"])
    # up_to is a total with the allowance; usage above it is kept, not billed
    if usage["up_to"] is not None:
        above = min(above, max(usage["up_to"] - included, Fraction(0)))
    if "each" in terms:  # q × price
        return number(terms["each"]) * above
    if "package" in terms:
        return packages(terms["package"], above)
    if "percentage" in terms:
        return shares(terms["percentage"], usage, events, above)
    return tiers(terms, included, above)


def packages(terms: Terms, above: Fraction) -> Fraction:
    """ceil(q / of) × price, or another rounding; at least minimum_packages, without usage too."""
    count = whole(above / Fraction(terms["of"]), terms["round"])
    return max(count, Fraction(terms["minimum_packages"])) * number(terms["price"])


def tiers(terms: Terms, included: Fraction, above: Fraction) -> Fraction:
    """Graduated: a tier prices the units that fall in it; volume: one tier prices all."""
    rows = terms.get("graduated") or terms["volume"]
    # zero usage costs zero, the first tier's flat included only with flat_at_zero
    at_zero = number(rows[0].get("flat")) if terms.get("flat_at_zero") else Fraction(0)
    if above <= 0:
        return at_zero
    # positions count with the allowance included; wallet-paid units do not advance tiers
    total, free = included + above, included
    if "convert" in terms:
        # the total is converted and rounded first, what is free is taken off the converted total
        by = Fraction(terms["convert"]["by"])
        total, free = whole(total / by, terms["convert"]["round"]), included / by
        if total <= free:
            return at_zero
    bounds = [Fraction(row["to"]) if "to" in row else None for row in rows]
    if "volume" in terms:
        first = free if terms.get("included_as") == "tier" else Fraction(0)
        for row, bound in zip(rows, bounds, strict=True):
            if bound is None or total <= bound + first:
                charged = total if terms.get("included_as") == "tier" else total - free
                return charged * number(row.get("each")) + number(row.get("flat"))
    cost, low = Fraction(0), Fraction(0)
    for index, (row, bound) in enumerate(zip(rows, bounds, strict=True)):
        high = total if bound is None else min(bound, total)
        inside = high - max(low, free)
        if inside > 0:
            # flat is added once the tier holds any
            cost += inside * number(row.get("each")) + number(row.get("flat"))
        elif index == 0:
            cost += at_zero
        low = high
    return cost


def shares(terms: Terms, usage: Terms, events: list[Event], above: Fraction) -> Fraction:
    """Rate × amount + fixed per event, with min and max per event; the earliest units are covered."""
    # units paid by allowance and wallet come first, units over the limit last
    included = min(usage["quantity"], usage["included"])
    start = included + min(usage["quantity"] - included, usage["wallet"])
    end = start + above
    free_count = terms.get("free_events", 0) or None
    free_amount = number(terms["free_amount"]) if "free_amount" in terms else None
    cost, place = Fraction(0), Fraction(0)
    open_free = free_count is not None or free_amount is not None
    for units, amount in events:
        low, high = max(place, start), min(place + units, end)
        place += units
        if high <= low:
            continue
        paid = amount * (high - low) / units
        if open_free and free_count != 0 and (free_amount is None or paid <= free_amount):
            free_count = None if free_count is None else free_count - 1
            free_amount = None if free_amount is None else free_amount - paid
            continue
        if open_free and free_count != 0 and free_amount is not None:
            paid -= free_amount  # the event that uses the free amount up pays on its excess
        open_free = False
        price = paid * Fraction(terms["rate"][:-1]) / 100 + number(terms.get("fixed"))
        price = max(price, number(terms.get("min")))
        cost += min(price, number(terms["max"])) if "max" in terms else price
    return cost


def whole(count: Fraction, mode: str) -> Fraction:
    below = Fraction(count.numerator // count.denominator)
    return count if mode == "none" or below == count else below + (mode == "up")


def number(price: Any) -> Fraction:
    return Fraction(price["USD"]) if price else Fraction(0)


# --- the cases


def any_terms(dice: random.Random) -> Terms:
    name = dice.choice(["each", "package", "graduated", "graduated", "volume", "volume", "percentage"])
    if name == "each":
        return {"each": usd(dice)}
    if name == "package":
        return {
            "package": {
                "of": decimal(dice, 1, 400),
                "price": usd(dice),
                "round": dice.choice(["up", "down", "none"]),
                "minimum_packages": str(dice.choice([0, 0, 1, 3])),
            }
        }
    if name == "percentage":
        return {"percentage": any_percentage(dice)}
    terms: Terms = {name: any_rows(dice)}
    if dice.random() < 0.3:
        terms["flat_at_zero"] = True
    if dice.random() < 0.4:
        by = decimal(dice, 1, 300)
        terms["convert"] = {"by": by, "round": dice.choice(["up", "down", "none"])}
    if name == "volume" and dice.random() < 0.4:
        terms["included_as"] = "tier"
    return terms


def any_rows(dice: random.Random) -> list[Terms]:
    """Up to five rows with bounds of one decimal; all have the same kinds of price."""
    bounds = sorted({dice.randint(1, 6_000) for _ in range(dice.randint(0, 4))})
    each, flat = dice.choice([(True, False), (False, True), (True, True)])
    rows: list[Terms] = []
    for bound in [*bounds, None]:
        row: Terms = {} if bound is None else {"to": f"{bound // 10}.{bound % 10}"}
        if each:
            row["each"] = usd(dice)
        if flat:
            row["flat"] = usd(dice)
        rows.append(row)
    return rows


def any_percentage(dice: random.Random) -> Terms:
    low = dice.randint(1, 300)
    terms: Terms = {"rate": f"{decimal(dice, 0, 300)}%", "of": "amount"}
    terms |= {"fixed": usd(dice)} if dice.random() < 0.5 else {}
    terms |= {"min": {"USD": cents(low)}} if dice.random() < 0.4 else {}
    terms |= {"max": {"USD": cents(low + dice.randint(0, 900))}} if dice.random() < 0.4 else {}
    terms |= {"free_events": dice.randint(1, 4)} if dice.random() < 0.4 else {}
    terms |= {"free_amount": {"USD": cents(dice.randint(0, 30_000))}} if dice.random() < 0.4 else {}
    return terms


def any_usage(dice: random.Random) -> Terms:
    included = tenth(dice, dice.choice([0, 50, 400]))
    return {
        "quantity": tenth(dice, dice.choice([0, 60, 900])),
        "included": included,
        "wallet": tenth(dice, 200) if dice.random() < 0.3 else Fraction(0),
        "up_to": included + tenth(dice, 500) if dice.random() < 0.3 else None,
    }


def any_events(dice: random.Random, quantity: Fraction) -> list[Event]:
    """The quantity cut into up to six events, with any amounts."""
    cuts = sorted(quantity * dice.randint(1, 9) / 10 for _ in range(dice.randint(0, 5)))
    sizes = [high - low for low, high in zip([Fraction(0), *cuts], [*cuts, quantity], strict=True)]
    return [(size, Fraction(dice.randint(0, 40_000), 100)) for size in sizes if size]


def usd(dice: random.Random) -> Terms:
    return {"USD": decimal(dice, 0, 2_000)}


def decimal(dice: random.Random, low: int, high: int) -> str:
    """A number with one, two or four decimals; `low` and `high` are in tenths."""
    digits = dice.choice([1, 2, 4])
    value = dice.randint(low * 10 ** (digits - 1), high * 10 ** (digits - 1))
    text = str(value).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}"


def cents(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def tenth(dice: random.Random, most: int) -> Fraction:
    return Fraction(dice.randint(0, most * 10), 10)


def core_kind(terms: Terms) -> PriceKind:
    reader = Reader(currencies={"USD": Currency("USD", "US Dollar", 2)})
    node = node_of(as_document(terms))
    assert isinstance(node, Mapping)
    (name,) = KINDS.keys() & terms.keys()
    value = node.get(name)
    assert value
    kind = read_kind(name, value, reader, read_beside(node, reader))
    assert kind, (terms, reader.findings)
    return kind


def as_document(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_document(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_document(item) for item in value]
    return value if isinstance(value, bool) else str(value)


def cases(chunk: int) -> Iterator[tuple[Terms, PriceKind, Terms, list[Event]]]:
    dice = random.Random(f"{SEED}/{chunk}")
    for _ in range(TABLES):
        terms = any_terms(dice)
        kind = core_kind(terms)
        for _ in range(USAGES):
            usage = any_usage(dice)
            events = any_events(dice, usage["quantity"]) if "percentage" in terms else []
            yield terms, kind, usage, events


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_two_implementations_agree_and_parts_sum_to_the_whole(chunk: int) -> None:
    looked_at, charged = 0, 0
    for terms, kind, usage, events in cases(chunk):
        amounts = tuple(EventAmount(at, units, amount) for at, (units, amount) in enumerate(events))
        rated = rate(
            FeatureUsage(
                usage["quantity"], usage["included"], kind, usage["up_to"], usage["wallet"], amounts
            ),
            "USD",
            2,
        )
        assert rated.exact == bill(terms, usage, events), (terms, usage, events)
        assert sum(part.amount for part in rated.parts) == rated.exact
        assert sum(rated.parts_minor()) == rated.amount_minor
        looked_at += 1
        charged += rated.exact > 0
    assert looked_at == TABLES * USAGES
    assert charged > looked_at // 4  # enough of the cases are about money
