"""Terms agreed with one customer, laid over a plan version's snapshot; the plan itself stays as it is."""

from __future__ import annotations

from collections.abc import Mapping as Map
from decimal import Decimal

from planctl.core.catalog.emit import snapshot_document, snapshot_hash
from planctl.core.catalog.entries import path_of, with_value
from planctl.core.catalog.fields import TERMS
from planctl.core.catalog.model import AmountRange, Plan, Terms
from planctl.core.catalog.parse_plans import Section, parse_terms
from planctl.core.catalog.snapshots import context_of
from planctl.core.currencies import Currency
from planctl.core.document import Document, Mapping, Node, node_of
from planctl.core.money import decimals_used
from planctl.core.reading import closest
from planctl.errors import InvalidInput, Refused
from planctl.values import dataclass

_NOT_NEGOTIABLE = frozenset({"group", "requires", "wallet"})


@dataclass(frozen=True, slots=True)
class Agreed:
    """Negotiated terms: the snapshot to keep, its hash, and the terms it reads back to."""

    snapshot: Document
    hash: str
    terms: Terms


def agreed(plan: str, snapshot: Document, changes: Map[str, Node], declared: Map[str, Currency]) -> Agreed:
    """A snapshot with the values at these paths below the plan (`due`, `price.year.USD`) put over it.

    InvalidInput naming the path where a value cannot be read; Refused for a path that is no negotiable term.
    """
    assert isinstance(snapshot, dict)
    node = node_of(snapshot["plan"])
    assert isinstance(node, Mapping)
    for path, value in changes.items():
        _check_path(path)
        node = with_value(node, path_of(path), value)
    context = context_of(snapshot, declared)
    section: Section = "plans" if snapshot.get("kind") == "plan" else "addons"
    terms = parse_terms(section, node, context)
    if context.reader.findings:
        finding = context.reader.findings[0]
        raise InvalidInput(
            f"negotiated terms of {plan}: {finding.message}",
            code=finding.rule,
            where=f"plans.{plan}",
            expected=finding.expected,
            got=finding.got,
            hint=finding.hint,
        )
    document = snapshot_document(Plan(plan, terms), context.features)
    return Agreed(document, snapshot_hash(document), terms)


def _check_path(path: str) -> None:
    steps = path_of(path)
    if steps and steps[0] in TERMS - _NOT_NEGOTIABLE:
        return
    raise Refused(
        f"{path!r} is not a term that can be agreed with one customer",
        code="not-negotiable",
        where="--set",
        expected=", ".join(sorted(TERMS - _NOT_NEGOTIABLE)),
        hint=closest(path.partition(".")[0], TERMS),
    )


def check_price(plan: str, terms: Terms, pay: str, currency: Currency, price: Decimal) -> str:
    """The path of an agreed price; Refused where the plan's range does not hold it, or it has too many decimals."""
    row = terms.row(pay)
    offered = row.fee.get(currency.code) if row is not None else None
    if decimals_used(price) > currency.decimals or price < 0:
        raise InvalidInput(
            f"{price} is no price in {currency.code}",
            where="--price",
            expected=f"at least 0, at most {currency.decimals} decimals",
            got=str(price),
        )
    if isinstance(offered, AmountRange) and not offered.low <= price <= offered.high:
        raise Refused(
            f"{price} {currency.code} is outside the range of {plan}",
            code="price-out-of-range",
            where=f"plans.{plan}.price.{pay}.{currency.code}",
            expected=f"{offered.low} to {offered.high}",
            got=str(price),
        )
    return f"price.{pay}.{currency.code}"
