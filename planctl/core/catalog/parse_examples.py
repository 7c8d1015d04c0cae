"""Reads price examples; whether a bill is right is worked out in examples.py."""

from __future__ import annotations

from collections.abc import Mapping as Map
from decimal import Decimal

from planctl.core.catalog.field_reader import known_word
from planctl.core.catalog.model import Example, Plan
from planctl.core.catalog.parse_features import Context
from planctl.core.document import Entry, Mapping, Scalar, Sequence
from planctl.core.periods import Interval
from planctl.core.reading import Reader

KEYS = ("plan", "pay", "in", "use", "bill")


def parse_example(
    entry: Entry, plans: Map[str, Plan], declared: frozenset[str], context: Context
) -> Example | None:
    """What one billing period must cost: `plan`, `pay`, `in`, `use` by feature, `bill`.

    `use` is a quantity, or the list of its events' amounts for a feature that is priced by event.
    `pay` and `in` may be left out where the plan has one row, or the catalog or row one currency. None where
    the plan, the currency or the bill cannot be read; `declared` are the ids of plans and add-ons.
    """
    reader = context.reader
    node = reader.mapping(entry.value, "an example", KEYS)
    if node is None:
        return None
    for key in ("plan", "bill"):
        if reader.lacks(node, key, KEYS):
            reader.error(
                entry.key.place, "example-missing", f"the example has no {key}", hint=f"write {key}:"
            )
    plan_id = reader.scalar(node.get("plan"), "plan")
    if plan_id is None or not known_word(plan_id, "plan", declared, reader, "plan-unknown"):
        return None
    plan = plans.get(plan_id.text)
    pay = _pay(node, plan, reader) if plan else None
    currency = _currency(node, plan, pay, reader) if plan and pay is not None else None
    use, events = _use(node, context)
    if plan is None or pay is None or currency is None:
        return None
    bill = reader.number(node.get("bill"), "bill", decimals=reader.currencies[currency].decimals)
    if bill is None:
        return None
    return Example(entry.key.text, plan.id, pay, currency, use, bill, entry.key.place, events)


def _pay(node: Mapping, plan: Plan, reader: Reader) -> str | None:
    """The billing row, empty for a free plan."""
    rows = [str(row.interval) for row in plan.terms.rows]
    written = node.get("pay")
    if written is None:
        if len(rows) <= 1:
            return rows[0] if rows else ""
        reader.error(node.place, "example-missing", "the example has no pay", hint="rows: " + ", ".join(rows))
        return None
    scalar = reader.scalar(written, "pay")
    if scalar is None:
        return None
    pay = _normal(scalar.text)
    if pay in rows:
        return pay
    known_word(Scalar(pay, scalar.place), f"row of plan {plan.id}", frozenset(rows), reader, "row-unknown")
    return None


def _normal(text: str) -> str:
    try:
        return str(Interval.parse(text))
    except ValueError:
        return text


def _currency(node: Mapping, plan: Plan, pay: str, reader: Reader) -> str | None:
    written = node.get("in")
    if written is not None:
        currency = reader.currency(written)
        return currency.code if currency else None
    row = plan.terms.row(pay)
    codes = list(row.fee if row and row.fee else reader.currencies)
    if len(codes) == 1 and codes[0] in reader.currencies:
        return codes[0]
    reader.error(
        node.place, "example-missing", "the example has no in", hint="write in: " + " | ".join(codes)
    )
    return None


def _use(node: Mapping, context: Context) -> tuple[dict[str, Decimal], dict[str, tuple[Decimal, ...]]]:
    """Quantities, and amounts of events, by feature."""
    found: dict[str, Decimal] = {}
    events: dict[str, tuple[Decimal, ...]] = {}
    section = context.reader.mapping(node.get("use"), "use")
    for entry in section.entries if section else ():
        if known_word(entry.key, "feature", context.declared, context.reader, "feature-unknown"):
            what = f"use.{entry.key.text}"
            if isinstance(entry.value, Sequence):
                amounts = (context.reader.number(item, what) for item in entry.value.items)
                events[entry.key.text] = tuple(amount for amount in amounts if amount is not None)
            else:
                quantity = context.reader.number(entry.value, what)
                if quantity is not None:
                    found[entry.key.text] = quantity
    return found, events
