"""Reads feature definitions, and what a plan grants of each feature; prices are read by their own kinds."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.field_reader import FieldReader, known_word, unique_texts
from planctl.core.catalog.fields import FEATURE_ENTRY
from planctl.core.catalog.model import Aggregate, Beyond, Entitlement, Feature, FeatureType, Meter, Reset
from planctl.core.document import Entry, Mapping, Node, Scalar
from planctl.core.metering.model import MODES, Rounding
from planctl.core.money import MAX_DECIMALS, MAX_INTEGER_DIGITS, decimal_text
from planctl.core.periods import Interval
from planctl.core.pricing.kinds import BESIDE, KINDS, Beside, read_beside, read_kind
from planctl.core.pricing.model import PriceKind
from planctl.core.reading import FALSE, TRUE, Reader, shown

METERED_KEYS = ("unit", "event", "aggregate", "value", "where", "round", "spends", "reset")
DEFINITION_KEYS = ("type", "name", "values", "archived", "was", *METERED_KEYS)
TYPES: tuple[FeatureType, ...] = ("boolean", "list", "metered")
AGGREGATES: tuple[Aggregate, ...] = ("sum", "count", "max", "last", "unique", "weighted")
RESETS: tuple[Reset, ...] = ("day", "week", "month", "interval", "never")
CHARGES = ("usage", "prepaid")
BEYOND_KEYS = ("charge", "up_to", *BESIDE)
UNLIMITED = "unlimited"

_METERED_ENTRY = tuple(sorted(FEATURE_ENTRY - {"values"}))
_MONTH = Interval("month")


@dataclass(slots=True)
class Context:
    """What a plan is read with: the findings so far, the features it may grant, the ids that are declared.

    `declared` also holds features whose own definition could not be read: naming one is no second mistake.
    """

    reader: Reader
    features: Map[str, Feature] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()


# --- definitions


def parse_feature(entry: Entry, reader: Reader) -> Feature | None:
    """A feature's definition, or None where its type cannot be read."""
    node = reader.mapping(entry.value, "a feature", DEFINITION_KEYS)
    if node is None:
        return None
    if node.get("type") is None:
        hint = f"write type: {' | '.join(TYPES)}"
        if reader.lacks(node, "type", DEFINITION_KEYS):
            reader.error(
                entry.key.place, "type-missing", f'feature "{entry.key.text}" has no type', hint=hint
            )
        return None
    if reader.choice(node.get("type"), "type", TYPES) is None:
        return None
    fields = FieldReader(node, reader)
    feature_type = fields.word("type", "metered", TYPES)
    _refuse_foreign_keys(node, feature_type, reader)
    return Feature(
        id=entry.key.text,
        type=feature_type,
        name=fields.text("name", entry.key.text),
        unit=fields.text("unit"),
        values=fields.texts("values"),
        meter=_meter(fields),
        reset=fields.word("reset", "interval", RESETS) if node.get("reset") is not None else None,
        spends=parse_spends(node.get("spends"), reader) or {},
        archived=fields.flag("archived"),
        was=fields.identifier("was"),
        place=entry.key.place,
    )


def _refuse_foreign_keys(node: Mapping, feature_type: FeatureType, reader: Reader) -> None:
    foreign = [] if feature_type == "metered" else list(METERED_KEYS)
    foreign += [] if feature_type == "list" else ["values"]
    for key in foreign:
        if node.get(key) is not None:
            hint = "values belongs to a list" if key == "values" else "write type: metered, or remove it"
            reader.error(
                node.key_place(key), "feature-type", f"a {feature_type} feature has no {key}", hint=hint
            )


def _meter(fields: FieldReader) -> Meter:
    meter = Meter(
        event=fields.text("event"),
        aggregate=fields.word("aggregate", "sum", AGGREGATES),
        value=fields.text("value"),
        where=fields.text_map("where"),
        rounding=_rounding(fields.node.get("round"), fields.reader),
    )
    if meter.aggregate == "unique" and not meter.value:
        fields.reader.error(
            fields.node.key_place("aggregate"), "value-missing", "aggregate: unique counts different values",
            hint="write value: PROPERTY, the property whose values are counted",
        )  # fmt: skip
    return meter


def _rounding(node: Node | None, reader: Reader) -> Rounding | None:
    """`round: {to: 2, mode: up}`: `to` is 0 and `mode` half_up where absent; -2 rounds to hundreds."""
    mapping = reader.mapping(node, "round", ("to", "mode"))
    if mapping is None:
        return None
    digits = reader.number(mapping.get("to"), "round.to", minimum=-MAX_INTEGER_DIGITS, decimals=0)
    if digits is not None and digits > MAX_DECIMALS:
        reader.error(mapping.key_place("to"), "range", f"round.to must be at most {MAX_DECIMALS}")
        return None
    return Rounding(int(digits or 0), FieldReader(mapping, reader).word("mode", "half_up", MODES))


def parse_spends(node: Node | None, reader: Reader) -> dict[str, Fraction] | None:
    """Units of other features per unit of this one (`{minutes: 1/10}`); None where nothing is written."""
    if node is None:
        return None
    found: dict[str, Fraction] = {}
    for entry in reader.by_id(node, "spends"):
        ratio = reader.ratio(entry.value, f"spends.{entry.key.text}")
        if ratio is not None:
            found[entry.key.text] = ratio
    return found


# --- what a plan grants


def parse_entitlements(
    node: Node | None, intervals: tuple[Interval, ...], context: Context
) -> dict[str, Entitlement]:
    """A plan's `features`: each entry by its feature's type, `false` left out.

    `intervals` are the plan's billing intervals (none: free); they decide how often an allowance resets
    where neither the plan nor the feature says so.
    """
    found: dict[str, Entitlement] = {}
    reset = default_reset(intervals)
    section = context.reader.mapping(node, "features")
    for entry in section.entries if section else ():
        if not known_word(entry.key, "feature", context.declared, context.reader, "feature-unknown"):
            continue
        feature = context.features.get(entry.key.text)
        granted = _entitlement(feature, entry, reset, context.reader) if feature else None
        if granted is not None:
            found[entry.key.text] = granted
    return found


def _entitlement(feature: Feature, entry: Entry, reset: Reset, reader: Reader) -> Entitlement | None:
    if _is_taken_away(feature, entry.value):
        return None
    if feature.type == "boolean":
        return _boolean(feature, entry.value, reader)
    if feature.type == "list":
        return _list(feature, entry.value, reader)
    return _metered(feature, entry.value, reset, reader)


def _is_taken_away(feature: Feature, node: Node) -> bool:
    """Whether an entry says no. `NO` and `Off` may be values of a list, so there only `no` and `off` do."""
    words = {"false", "no", "off"} if feature.type == "list" else FALSE
    return isinstance(node, Scalar) and not node.quoted and node.text in words


def _boolean(feature: Feature, node: Node, reader: Reader) -> Entitlement | None:
    if isinstance(node, Scalar) and node.text in TRUE:
        return Entitlement(feature, included=None)
    reader.error(
        node.place, "feature-type", f"{feature.id} is a boolean feature", expected="true or false",
        got=shown(node), hint=f"write {feature.id}: true, or make the feature metered",
    )  # fmt: skip
    return None


def _list(feature: Feature, node: Node, reader: Reader) -> Entitlement | None:
    if isinstance(node, Scalar) and (node.is_null or node.text in {"true", "yes", "on"}):
        hint = f"write {feature.id}: [{', '.join(feature.values[:2])}]"
        reader.error(
            node.place, "feature-type", f"{feature.id} is a list of values", expected="the values granted",
            got=shown(node), hint=hint,
        )  # fmt: skip
        return None
    if isinstance(node, Mapping):
        reader.mapping(node, f"the entry of {feature.id}", ("values",))
        node = node.get("values") or Scalar("", node.place)
    for item in reader.sequence(node, feature.id) if feature.values else ():
        if isinstance(item, Scalar):
            known_word(item, f"value of {feature.id}", frozenset(feature.values), reader, "value-unknown")
    values = tuple(sorted(unique_texts(node, feature.id, reader)))  # a set: order makes no new version
    return Entitlement(feature, values=values, included=None)


def _metered(feature: Feature, node: Node, reset: Reset, reader: Reader) -> Entitlement | None:
    if isinstance(node, Scalar):
        if node.is_null:
            hint = f"write {feature.id}: 100, or {feature.id}: unlimited"
            reader.error(node.place, "feature-type", f"{feature.id} says nothing", hint=hint)
            return None
        only = () if node.text in TRUE else (Entry(Scalar("included", node.place), node),)
        node = Mapping(only, node.place)
    mapping = reader.mapping(node, f"the entry of {feature.id}", _METERED_ENTRY)
    if mapping is None:
        return None
    fields = FieldReader(mapping, reader)
    override = parse_spends(mapping.get("spends"), reader)
    spends = dict(feature.spends) if override is None else override
    if not spends and all(reader.lacks(mapping, key, _METERED_ENTRY) for key in ("included", "beyond")):
        hint = f"write {feature.id}: 100 or {feature.id}: unlimited, or what it spends in its definition"
        reader.error(
            node.place, "allowance-missing", f"nothing says how many {feature.id} are granted", hint=hint
        )
    return Entitlement(
        feature,
        included=parse_included(mapping.get("included"), f"{feature.id}.included", reader),
        own_allowance=mapping.get("included") is not None or not spends,
        reset=fields.word("reset", feature.reset or reset, (*RESETS, "default")),
        rollover=_rollover(mapping.get("rollover"), reader),
        prorate_allowance=fields.flag("prorate_allowance"),
        late=fields.word("late", "bill", ("bill", "reject")),
        spends=spends,
        beyond=parse_beyond(mapping.get("beyond"), reader),
    )


def parse_included(node: Node | None, what: str, reader: Reader) -> Decimal | None:
    """An allowance: a number, None for `unlimited`, 0 where nothing is written."""
    if node is None:
        return Decimal(0)
    if isinstance(node, Scalar) and node.text == UNLIMITED:
        return None
    if isinstance(node, Scalar) and re.match("[A-Za-z]", node.text):
        reader.error(
            node.place, "number", f"{what} is not a number", got=node.text, expected="a number or unlimited"
        )
        return Decimal(0)
    value = reader.number(node, what)
    return Decimal(0) if value is None else value


def default_reset(intervals: tuple[Interval, ...]) -> Reset:
    """How often an allowance resets unless anybody says: each billing interval, each month where longer.

    `interval` in an Entitlement always means the billing interval itself, so the answer is `month` where
    every row is at least one. Free plans have monthly allowances; a plan that is only `once` resets nothing.
    Rows on both sides of a month leave it to the row that is paid: `default`.
    """
    recurring = tuple(interval for interval in intervals if interval.unit != "once")
    if not recurring:
        return "interval" if intervals else "month"
    if min(recurring) >= _MONTH:
        return "month"
    return "interval" if max(recurring) <= _MONTH else "default"


def _rollover(node: Node | None, reader: Reader) -> str:
    scalar = reader.scalar(node, "rollover")
    if scalar is None or scalar.text == "none":
        return ""
    if scalar.text == "all":
        return "all"
    units = reader.number(scalar, "rollover (all, none or a number of units)")
    if units is not None and units <= 0:
        reader.error(
            scalar.place, "range", "rollover must be above 0", expected="all, none or a number above 0"
        )
        return ""
    return decimal_text(units) if units is not None else ""


# --- beyond


def parse_beyond(node: Node | None, reader: Reader) -> Beyond | None:
    """What is charged past the included amount, or None where the limit is hard or the price unreadable."""
    mapping = reader.mapping(node, "beyond", (*BEYOND_KEYS, *KINDS))
    if mapping is None:
        return None
    fields = FieldReader(mapping, reader)
    if reader.lacks(mapping, "charge", (*BEYOND_KEYS, *KINDS)):
        hint = "charge: usage (billed after use) or charge: prepaid (bought ahead)"
        reader.error(mapping.place, "charge-missing", "beyond does not say how it is charged", hint=hint)
    prices = _prices(mapping, read_beside(mapping, reader), reader)
    return Beyond(
        charge=fields.word("charge", "usage", ("usage", "prepaid")),
        prices=prices,
        up_to=reader.number(mapping.get("up_to"), "up_to"),
    )


def _prices(mapping: Mapping, beside: Beside, reader: Reader) -> dict[str, PriceKind]:
    written = [name for name in KINDS if mapping.get(name) is not None]
    if len(written) != 1:
        found = " and ".join(written) or "none"
        reader.error(
            mapping.place, "price-kind", f"beyond needs exactly one price, found {found}",
            hint="write one of: " + ", ".join(KINDS),
        )  # fmt: skip
        return {}
    name = written[0]
    node = mapping.get(name)
    assert node is not None
    prices: dict[str, PriceKind] = {}
    for row, value in _by_row(node, reader):
        price = read_kind(name, value, reader, beside)
        if price is not None:
            prices[row] = price
    return prices


def _by_row(node: Node, reader: Reader) -> list[tuple[str, Node]]:
    """The price per billing row where every key is an interval; else one price for every row, under `""`."""
    if not isinstance(node, Mapping) or not node.entries:
        return [("", node)]
    rows = [_interval(entry.key.text) for entry in node.entries]
    if not any(rows):
        return [("", node)]
    found: dict[str, Node] = {}
    for entry in node.entries:
        interval = reader.interval(entry.key, "a row of the price")
        if interval is not None and str(interval) in found:
            reader.error(entry.key.place, "duplicate", f"the row {interval} is priced twice", hint="keep one")
        elif interval is not None:
            found[str(interval)] = entry.value
    return list(found.items())


def _interval(text: str) -> Interval | None:
    try:
        return Interval.parse(text)
    except ValueError:
        return None
