"""Prices of quantities that other billing systems publish in their tests, each with its source in the data.

Every case is run with planctl's price kinds or listed, with the reason why its rule is another one, in
exceptions/charge_models.json. Never both. A mapping must understand every field of a case's input.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.currencies import Currency
from planctl.core.document import Document, Mapping, node_of
from planctl.core.money import format_minor, fraction_text, round_half_up
from planctl.core.pricing.kinds import NOTHING_BESIDE, Beside, read_beside, read_kind
from planctl.core.pricing.model import EventAmount, PriceKind
from planctl.core.pricing.rate import FeatureUsage, RatedUsage, rate
from planctl.core.reading import Reader
from tests.vectors.harness import load

VECTORS = load("charge_models")
CASES, EXCEPTIONS = VECTORS.cases, VECTORS.exceptions

USD = Currency("USD", "US Dollar", 2)
Answers = dict[str, Any]


def test_the_file_is_whole_and_names_its_sources() -> None:
    VECTORS.check_whole(89)
    assert {case["input"]["currency"] for case in CASES.values()} == {"USD"}


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()


def test_fewer_than_a_tenth_are_exceptions() -> None:
    assert len(EXCEPTIONS) * 10 < len(CASES)


@pytest.mark.parametrize("case_id", sorted(EXCEPTIONS))
def test_a_listed_case_cannot_be_run(case_id: str) -> None:
    assert mapping_of(CASES[case_id]["input"]) is None


@pytest.mark.parametrize("case_id", VECTORS.played)
def test_a_published_case_costs_the_published_amount(case_id: str) -> None:
    case = CASES[case_id]
    mapping = mapping_of(case["input"])
    assert mapping, "no mapping understands all fields of this input: map it, or list it with a reason"
    expected = {
        name: Fraction(value) if name.endswith(("exact", "quantity")) else value
        for name, value in case["expected"].items()
    }
    got = mapping(case["input"])
    assert {name: got[name] for name in expected} == expected


def simple(given: dict[str, Any]) -> Answers:
    """One quantity at one price, the free units being the allowance."""
    usage = FeatureUsage(Fraction(given["quantity"]), Fraction(given.get("free_units", 0)), price_of(given))
    rated = rate(usage, "USD", 2)
    return {"amount": shown(rated), "amount_exact": rated.exact}


def split_period(given: dict[str, Any]) -> Answers:
    """A second line in one period is the price of all so far less the price of what was billed before."""
    already = Fraction(given["already_billed_quantity"])
    before = rate(FeatureUsage(already, price=price_of(given)), "USD", 2)
    after = rate(FeatureUsage(already + Fraction(given["line_quantity"]), price=price_of(given)), "USD", 2)
    by_label = {part.label: part.amount for part in after.parts}
    for part in before.parts:
        by_label[part.label] -= part.amount
    by_tier = [usd(int(amount * 100)) for amount in by_label.values() if amount]
    return {"amount": usd(after.amount_minor - before.amount_minor), "line_amounts_by_tier": by_tier}


def buckets(given: dict[str, Any]) -> Answers:
    """Each bucket of time is an allowance period of its own (`reset: day`), rated alone; lines are summed."""
    price = price_of(given)
    lines = [rate(FeatureUsage(Fraction(value), price=price), "USD", 2) for value in given["bucket_values"]]
    return {"amount": usd(sum(line.amount_minor for line in lines))}


def converted(given: dict[str, Any]) -> Answers:
    """Dividing by a number and rounding up is a package of that size, or `convert` beside a tier table."""
    conversion = given["unit_conversion"]
    assert conversion["operation"] == "divide"
    assert conversion["rounding"] == "ceiling"
    if "tiers" in given:
        price = beside("graduated", given["tiers"], convert={"by": conversion["by"], "round": "up"})
    else:
        price = read("package", {"of": conversion["by"], "price": {"USD": given["unit_price"]}})
    rated = rate(FeatureUsage(Fraction(given["raw_quantity"]), price=price), "USD", 2)
    return {"amount": shown(rated), "billed_quantity": sum(part.quantity for part in rated.parts)}


def packages_in_tiers(given: dict[str, Any]) -> Answers:
    """Whole packages first, then the tier: `convert`, whose tiers count packages where the peer counts units."""
    assert given["tier_edges_in"] == "raw units"
    size = Decimal(given["package_size"])
    rows = [
        {**row, "up_to": row["up_to"] and str(Decimal(row["up_to"]) / size)}
        for row in given["tiers_price_per_package"]
    ]
    convert = {"by": given["package_size"], "round": given["rounding_of_packages"]}
    price = beside(given["charge_model"], rows, convert=convert)
    return {"amount": shown(rate(FeatureUsage(Fraction(given["quantity"]), price=price), "USD", 2))}


def included_as_tier(given: dict[str, Any]) -> Answers:
    """`included_as: tier`: the allowance is a free tier in front of the others, which it moves up."""
    assert given["included_units_mode"].startswith("prepended free tier that shifts every edge up")
    price = beside("volume", given["tiers"], included_as="tier")
    usage = FeatureUsage(Fraction(given["quantity"]), Fraction(given["included_units"]), price)
    return {"amount": shown(rate(usage, "USD", 2))}


def percentage(given: dict[str, Any]) -> Answers:
    """A share of each event's amount, the earliest ones free."""
    names = {
        "fixed_amount_per_event": "fixed",
        "per_event_min": "min",
        "per_event_max": "max",
        "free_amount": "free_amount",
    }
    terms: dict[str, Document] = {"rate": f"{given['rate_percent']}%", "of": "amount"}
    terms |= {ours: {"USD": given[theirs]} for theirs, ours in names.items() if given[theirs] is not None}
    if given["free_events"] is not None:
        terms["free_events"] = str(given["free_events"])
    events = tuple(
        EventAmount(at, Fraction(1), Fraction(amount)) for at, amount in enumerate(given["events_in_order"])
    )
    rated = rate(
        FeatureUsage(Fraction(len(events)), price=read("percentage", terms), events=events), "USD", 2
    )
    return {"amount": shown(rated), "amount_exact": rated.exact}


def dynamic(given: dict[str, Any]) -> Answers:
    """An event that brings its own amount pays the whole of it: 100 % of the amount."""
    events = tuple(
        EventAmount(at, Fraction(event["units"]), Fraction(event["amount"]))
        for at, event in enumerate(given["events"])
    )
    units = sum((event.quantity for event in events), Fraction(0))
    price = read("percentage", {"rate": "100%", "of": "amount"})
    rated = rate(FeatureUsage(units, price=price, events=events), "USD", 2)
    a_unit = fraction_text(Fraction(round_half_up(rated.exact / units, 6), 10**6))
    return {"units": str(rated.quantity), "amount": shown(rated), "unit_amount_6dp": a_unit}


def running_percentage(given: dict[str, Any]) -> Answers:
    """A rate on a running amount is a graduated price per unit of the amount, which a sum meter counts."""
    rows = [
        {**row, "unit_price": str(Decimal(row["rate_percent"]) / 100), "rate_percent": None}
        for row in given["tiers"]
    ]
    price = read("graduated", table([{k: v for k, v in row.items() if k != "rate_percent"} for row in rows]))
    reached, billed, amounts = Fraction(0), 0, []
    for transaction in given["transactions_in_order"]:
        reached += Fraction(transaction)
        total = rate(FeatureUsage(reached, price=price), "USD", 2).amount_minor
        amounts.append(usd(total - billed))
        billed = total
    return {"incremental_amounts": amounts, "total": usd(billed)}


def filled_blocks(given: dict[str, Any]) -> Answers:
    """Tiers filled with blocks of one unit; edges are sums of their sizes. Meters are features, summed."""
    kind = {"ALL_TIERS": "graduated", "TOP_TIER": "volume"}[given["tier_policy"]]
    amount = 0
    for meter in given.get("meters", [given]):
        edge, rows = 0, []
        for row in meter["tiers"]:
            edge += int(row["max_blocks"])
            rows.append({"up_to": str(edge), "unit_price": row["price_per_block"]})
        assert int(meter["quantity"]) <= edge
        rows[-1]["up_to"] = None  # the last row is open; the quantities stay within it
        price = read(kind, table(rows))
        amount += rate(FeatureUsage(Fraction(meter["quantity"]), price=price), "USD", 2).amount_minor
    return {"amount": usd(amount)}


def first_units(given: dict[str, Any]) -> Answers:
    """A tier that says how many units come before it: its bound is the next one's number."""
    rows = given["tiers_by_first_unit"]
    bounds = [row["first_unit"] for row in rows[1:]] + [None]
    tiers = [{"up_to": to, "unit_price": row["unit_price"]} for to, row in zip(bounds, rows, strict=True)]
    return simple({"charge_model": given["charge_model"], "tiers": tiers, "quantity": given["quantity"]})


RUNNING = {"transactions_in_order"}
BY_FIRST = {"tiers_by_first_unit", "edge_rule"}
PACKAGED = {"package_size", "tiers_price_per_package", "tier_edges_in", "rounding_of_packages"}
INCLUDED = {"included_units", "included_units_mode"}
PERCENTAGE = {
    "rate_percent", "fixed_amount_per_event", "free_events", "free_amount", "per_event_min", "per_event_max",
    "events_in_order",
}  # fmt: skip
PRICE = {
    "charge_model", "currency", "tiers", "unit_price", "package_size", "package_price",
    "first_tier_flat_fee_at_zero_usage", "rounding_of_packages",
}  # fmt: skip
MAPPINGS: tuple[tuple[set[str], set[str], Callable[[dict[str, Any]], Answers]], ...] = (
    (PRICE | {"quantity", "free_units"}, {"quantity"}, simple),
    (PRICE | {"already_billed_quantity", "line_quantity"}, {"already_billed_quantity"}, split_period),
    (PRICE | {"bucket_values"}, {"bucket_values"}, buckets),
    (PRICE | {"unit_conversion", "raw_quantity"}, {"unit_conversion"}, converted),
    (PACKAGED | {"charge_model", "currency", "quantity"}, PACKAGED, packages_in_tiers),
    (PRICE | INCLUDED | {"quantity"}, INCLUDED, included_as_tier),
    (PERCENTAGE | {"charge_model", "currency"}, PERCENTAGE, percentage),
    ({"charge_model", "currency", "events"}, {"events"}, dynamic),
    ({"charge_model", "currency", "tiers"} | RUNNING, RUNNING, running_percentage),
    ({"charge_model", "currency", "tier_policy", "meters"}, {"meters"}, filled_blocks),
    ({"charge_model", "currency", "tier_policy", "tiers", "quantity"}, {"tier_policy"}, filled_blocks),
    ({"charge_model", "currency", "quantity"} | BY_FIRST, BY_FIRST, first_units),
)  # fmt: skip
"""The fields a mapping understands, those it needs, and the mapping."""

KINDS = {
    "graduated", "volume", "package", "unit", "graduated_percentage", "block_tiers", "percentage", "dynamic",
}  # fmt: skip


def mapping_of(given: dict[str, Any]) -> Callable[[dict[str, Any]], Answers] | None:
    """The mapping that understands every field of the input, or None."""
    if given["charge_model"] not in KINDS or not one_unit_blocks(given) or grouped(given):
        return None
    for understood, needed, mapping in MAPPINGS:
        if needed <= given.keys() <= understood:
            return mapping
    return None


def one_unit_blocks(given: dict[str, Any]) -> bool:
    tiers = given.get("tiers", []) + [row for meter in given.get("meters", []) for row in meter["tiers"]]
    return all(row.get("block_size", "1") == "1" for row in tiers)


def grouped(given: dict[str, Any]) -> bool:
    """The one case of buckets that are groups: it prices by volume, where only groups matter."""
    return "bucket_values" in given and given["charge_model"] == "volume"


def price_of(given: dict[str, Any]) -> PriceKind:
    match given["charge_model"]:
        case "unit":
            return read("each", {"USD": given["unit_price"]})
        case "package":
            size, price = given["package_size"], {"USD": given["package_price"]}
            return read(
                "package", {"of": size, "price": price, "round": given.get("rounding_of_packages", "up")}
            )
        case kind:
            at_zero = bool(given.get("first_tier_flat_fee_at_zero_usage"))
            return read(kind, table(given["tiers"]), Beside(flat_at_zero=at_zero))


def beside(kind: str, tiers: list[dict[str, Any]], **terms: Document) -> PriceKind:
    """A tier table with what is written beside it."""
    reader = Reader(currencies={"USD": USD})
    node = node_of({**terms})
    assert isinstance(node, Mapping)
    written = read_beside(node, reader)
    assert not reader.findings
    return read(kind, table(tiers), written)


def table(tiers: list[dict[str, Any]]) -> Document:
    """Tiers as a catalog writes them. A hard end of the last one is not part of a price, but a limit."""
    rows: list[Document] = []
    for tier in tiers:
        assert tier.keys() <= {"up_to", "unit_price", "flat_fee"}
        row: dict[str, Document] = {"each": {"USD": tier["unit_price"]}}
        if tier["up_to"] is not None and tier is not tiers[-1]:
            row["to"] = tier["up_to"]
        if Decimal(tier.get("flat_fee", 0)):
            row["flat"] = {"USD": tier["flat_fee"]}
        rows.append(row)
    return rows


def read(kind: str, document: Document, written: Beside = NOTHING_BESIDE) -> PriceKind:
    reader = Reader(currencies={"USD": USD})
    price = read_kind(kind, node_of(document), reader, written)
    assert price, reader.findings
    return price


def usd(minor: int) -> str:
    return format_minor(minor, USD)


def shown(rated: RatedUsage) -> str:
    return usd(rated.amount_minor)
