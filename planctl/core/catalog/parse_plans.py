"""Reads one plan, add-on or pack after inheritance; files, shell edits and snapshots all come this way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeVar

from planctl.core.catalog.field_reader import FieldReader
from planctl.core.catalog.model import AmountRange, Kind, Offer, OnlyFor, Plan, PriceRow, Terms, Trial
from planctl.core.catalog.parse_features import Context, parse_entitlements
from planctl.core.document import Mapping, Node, Scalar
from planctl.core.periods import Anchor, Interval
from planctl.core.reading import Reader, shown
from planctl.findings import NOWHERE, Place

Section = Literal["plans", "addons"]
Value = TypeVar("Value")

NO_GROUP = "none"
IMPLICIT_GROUP = "default"
"""The built-in group of plans that name none; it need not be declared."""

ONCE_PER = ("customer", "fingerprint")
LONGEST_QUANTITY = 10**9


def parse_plan(
    plan_id: str, section: Section, node: Mapping, context: Context, place: Place = NOWHERE
) -> Plan:
    """A plan from its merged fields; what cannot be read is reported and takes its built-in default.

    `node` holds the keys of `fields.FIELDS` and `was`, nothing inherited left to look up. A normalised
    document from emit.py, made a tree with `node_of`, reads back to an equal plan.
    """
    return Plan(
        id=plan_id,
        terms=parse_terms(section, node, context),
        offer=parse_offer(plan_id, node, context.reader),
        was=FieldReader(node, context.reader).identifier("was"),
        place=place,
    )


def parse_terms(section: Section, node: Mapping, context: Context) -> Terms:
    """The terms alone; see parse_plan."""
    reader = context.reader
    fields = FieldReader(node, reader)
    free, rows = _price(node, reader)
    intervals = tuple(row.interval for row in rows)
    wallet = _wallet(node.get("wallet"), context)
    return Terms(
        kind=_kind(section, node),
        group=_group(node, section, intervals, reader),
        free=free,
        rows=rows,
        features=parse_entitlements(node.get("features"), intervals, context),
        due_days=_read(node, "due", reader.days, 14),
        grace_days=_days_or_never(node, "grace", reader),
        on_past_due=fields.word("on_past_due", "keep", ("keep", "block")),
        on_blocked=fields.word("on_blocked", "recover", ("recover", "final")),
        renewal_anchor=fields.word("renewal_anchor", "keep", ("keep", "shift")),
        anchor=_anchor(node, reader),
        proration=fields.word("proration", "day", ("day", "second", "none")),
        bill=fields.word("bill", "in advance", ("in advance", "in arrears")),
        decrease=fields.word("decrease", "renewal", ("renewal", "now"), {"at renewal": "renewal"}),
        pause=fields.word("pause", "credit", ("credit", "keep")),
        settle=fields.word(
            "settle", "allowance", ("allowance", "renewal"),
            {"with the allowance period": "allowance", "at renewal": "renewal"},
        ),
        packs=fields.flag("packs"),
        trial=_trial(node.get("trial"), reader),
        expires=_expires(node.get("expires"), reader),
        quantity=_quantity(node.get("quantity"), reader),
        requires=tuple(sorted(fields.texts("requires"))),
        wallet=wallet,
        minimum=fields.fees("minimum"),
        maximum=fields.fees("maximum"),
    )  # fmt: skip


def _read(node: Mapping, key: str, read: Callable[[Node | None, str], Value | None], default: Value) -> Value:
    value = read(node.get(key), key)
    return default if value is None else value


def _kind(section: Section, node: Mapping) -> Kind:
    if section == "plans":
        return "plan"
    return "pack" if node.get("wallet") is not None else "addon"


def _group(node: Mapping, section: Section, intervals: tuple[Interval, ...], reader: Reader) -> str:
    """The group's id, empty for none: by default an add-on and a plan that is only `once` are in none."""
    written = reader.identifier(node.get("group"), "group")
    if written is not None:
        return "" if written == NO_GROUP else written
    only_once = bool(intervals) and all(interval.unit == "once" for interval in intervals)
    return "" if section == "addons" or only_once else IMPLICIT_GROUP


# --- price rows


def _price(node: Mapping, reader: Reader) -> tuple[bool, tuple[PriceRow, ...]]:
    """Whether the plan is free, and its rows from the shortest interval to the longest."""
    price = node.get("price")
    if price is None:
        hint = "write price: {month: {USD: 19}}, price: {month: usage} or price: free"
        reader.error(node.place, "price-missing", "the plan has no price", hint=hint)
        return False, ()
    if isinstance(price, Scalar):
        if price.text != "free":
            reader.error(
                price.place, "price", "price is neither rows nor free", got=shown(price),
                expected="rows such as {month: {USD: 19}}, or free",
            )  # fmt: skip
        return True, ()
    rows: dict[str, PriceRow] = {}
    section = reader.mapping(price, "price")
    for entry in section.entries if section else ():
        interval = reader.interval(entry.key, "a row of price")
        if interval is None:
            continue
        if str(interval) in rows:
            reader.error(entry.key.place, "duplicate", f"price has the row {interval} twice", hint="keep one")
            continue
        rows[str(interval)] = _row(interval, entry.value, reader)
    if section is not None and not section.entries:
        reader.error(price.place, "price-missing", "price has no row", hint="write one, or price: free")
    return False, tuple(sorted(rows.values(), key=lambda row: row.interval))


def _row(interval: Interval, node: Node, reader: Reader) -> PriceRow:
    if isinstance(node, Scalar) and node.text == "usage":
        return PriceRow(interval, usage_only=True)
    fee: dict[str, Decimal | AmountRange] = {}
    section = reader.mapping(node, f"price.{interval}")
    for entry in section.entries if section else ():
        currency = reader.currency(entry.key)
        if currency is None:
            continue
        amount = _fee(entry.value, f"price.{interval}.{currency.code}", currency.decimals, reader)
        if amount is not None:
            fee[currency.code] = amount
    if section is not None and not section.entries:
        hint = f"write an amount per currency, or {interval}: usage"
        reader.error(node.place, "price-missing", f"price.{interval} has no amount", hint=hint)
    return PriceRow(interval, fee)


def _fee(node: Node, what: str, decimals: int, reader: Reader) -> Decimal | AmountRange | None:
    if isinstance(node, Scalar) and ".." in node.text:
        low, _, high = node.text.partition("..")
        bounds = [
            reader.number(Scalar(text.strip(), node.place), f"{what}, {name},", decimals=decimals)
            for name, text in (("from", low), ("to", high))
        ]
        if bounds[0] is None or bounds[1] is None:
            return None
        if bounds[0] > bounds[1]:
            reader.error(node.place, "range", f"{what} ends below its start", got=node.text)
            return None
        return AmountRange(bounds[0], bounds[1])
    return reader.number(node, what, decimals=decimals)


# --- single terms


def _days_or_never(node: Mapping, key: str, reader: Reader) -> int | None:
    value = node.get(key)
    if value is None or (isinstance(value, Scalar) and value.text == "never"):
        return None
    return reader.days(value, key)


def _anchor(node: Mapping, reader: Reader) -> Anchor:
    scalar = reader.scalar(node.get("anchor"), "anchor")
    if scalar is None:
        return Anchor("start")
    try:
        return Anchor.parse(scalar.text)
    except ValueError as problem:
        reader.error(
            scalar.place, "anchor", f"anchor cannot be read: {problem}", got=scalar.text,
            expected="start | calendar | day 17",
        )  # fmt: skip
        return Anchor("start")


def _trial(node: Node | None, reader: Reader) -> Trial | None:
    """`none`, `14 days`, or a map of days, card and once_per."""
    if node is None or (isinstance(node, Scalar) and node.text == "none"):
        return None
    if isinstance(node, Scalar):
        days = reader.days(node, "trial")
        return Trial(days) if days is not None and _at_least_a_day(days, node, reader) else None
    mapping = reader.mapping(node, "trial", ("days", "card", "once_per"))
    if mapping is None:
        return None
    fields = FieldReader(mapping, reader)
    if mapping.get("days") is None:
        reader.error(node.place, "trial", "the trial has no days", hint="write days: 14, or trial: none")
        return None
    days = fields.whole("days", minimum=1)
    return Trial(days, fields.flag("card"), _once_per(mapping, reader)) if days else None


def _at_least_a_day(days: int, node: Scalar, reader: Reader) -> bool:
    if days < 1:
        reader.error(
            node.place, "range", "a trial has at least one day", got=node.text, hint="or trial: none"
        )
    return days >= 1


def _once_per(mapping: Mapping, reader: Reader) -> tuple[str, ...]:
    node = mapping.get("once_per")
    if node is None:
        return ("customer",)
    words = [reader.choice(item, "once_per", ONCE_PER) for item in reader.sequence(node, "once_per")]
    if not words:
        reader.error(node.place, "trial", "once_per names nothing", expected=" or ".join(ONCE_PER))
    return tuple(word for word in ONCE_PER if word in words) or ("customer",)


def _expires(node: Node | None, reader: Reader) -> str:
    scalar = reader.scalar(node, "expires")
    if scalar is None or scalar.text in {"never", "period", "subscription"}:
        return scalar.text if scalar else "never"
    try:
        interval = Interval.parse(scalar.text)
    except ValueError:
        interval = Interval("once")
    if interval.unit == "once":
        reader.error(
            scalar.place, "expires", f"expires cannot be {scalar.text!r}", got=scalar.text,
            expected="never | period | subscription, or a length such as 12 months",
        )  # fmt: skip
        return "never"
    return str(interval)


def _quantity(node: Node | None, reader: Reader) -> tuple[int, int]:
    """`1..20`, or one number where exactly that many are sold."""
    scalar = reader.scalar(node, "quantity")
    if scalar is None:
        return (1, 1)
    low_text, dots, high_text = scalar.text.partition("..")
    low = reader.integer(
        Scalar(low_text.strip(), scalar.place), "quantity", minimum=1, maximum=LONGEST_QUANTITY
    )
    high = low
    if dots:
        text = Scalar(high_text.strip(), scalar.place)
        high = reader.integer(text, "quantity", minimum=1, maximum=LONGEST_QUANTITY)
    if low is None or high is None:
        return (1, 1)
    if low > high:
        reader.error(scalar.place, "range", "quantity ends below its start", got=scalar.text)
        return (1, 1)
    return (low, high)


def _wallet(node: Node | None, context: Context) -> dict[str, Decimal]:
    reader = context.reader
    found: dict[str, Decimal] = {}
    section = reader.mapping(node, "wallet")
    for entry in section.entries if section else ():
        if not isinstance(entry.value, Scalar) or entry.value.text == "unlimited":
            reader.error(
                entry.value.place, "number", "a wallet holds a number of units", got=shown(entry.value)
            )
            continue
        units = reader.number(entry.value, f"wallet.{entry.key.text}")
        if units:
            found[entry.key.text] = units
        elif units is not None:
            reader.error(entry.value.place, "range", "a wallet's units must be above 0", got=entry.value.text)
    if section is not None and not section.entries:
        hint = "write wallet: {FEATURE: units}"
        reader.error(section.place, "wallet-empty", "the pack's wallet holds nothing", hint=hint)
    return found


# --- offer


def parse_offer(plan_id: str, node: Mapping, reader: Reader) -> Offer:
    """How a plan is presented and to whom it is offered; what cannot be read takes its default."""
    fields = FieldReader(node, reader)
    return Offer(
        name=fields.text("name", plan_id),
        description=fields.text("description"),
        visibility=fields.word("visibility", "active", ("active", "inactive")),
        recommended=fields.flag("recommended"),
        auto_enable=fields.flag("auto_enable"),
        archived=fields.flag("archived"),
        only_for=_only_for(node.get("only_for"), reader),
        metadata=fields.text_map("metadata"),
    )


def _only_for(node: Node | None, reader: Reader) -> OnlyFor | None:
    if node is None or (isinstance(node, Scalar) and node.text == "none"):
        return None
    mapping = reader.mapping(node, "only_for", ("emails", "domains", "list"))
    if mapping is None:
        return None
    fields = FieldReader(mapping, reader)
    allowed = OnlyFor(
        tuple(sorted(fields.texts("emails"))), tuple(sorted(fields.texts("domains"))), fields.text("list")
    )
    if not (allowed.emails or allowed.domains or allowed.list):
        reader.error(
            node.place, "only-for-empty", "only_for names nobody, so nobody could have the plan",
            hint="write emails, domains or list, or remove only_for",
        )  # fmt: skip
    return allowed
