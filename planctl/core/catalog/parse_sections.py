"""Reads the small sections of a catalog: currencies, groups, taxes, page, policy and change notes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from planctl.core.catalog.field_reader import FieldReader, calendar_date, known_word
from planctl.core.catalog.model import ChangeNote, Group, Policy, TaxRate
from planctl.core.currencies import MAX_DECIMALS, Currency, iso_codes, iso_currency
from planctl.core.document import Entry, Mapping, Node, Scalar
from planctl.core.reading import Reader, closest, shown

CURRENCY_CODE = re.compile(r"[A-Z][A-Z0-9]{1,11}", re.ASCII)
PAGE_KEYS = ("title", "intro", "colour", "button", "contact")
LEVELS = ("safe", "caution", "breaking", "error")
CHANGE_RULES = frozenset(
    {
        "price-decrease",
        "price-increase",
        "price-curve-dearer",
        "price-to-zero",
        "allowance-decrease",
        "feature-removed",
        "conversion-worse",
        "currency-removed",
        "interval-removed",
        "charge-mode-changed",
        "policy-loosened",
        "grace-shorter",
        "due-shorter",
        "trial-shorter",
        "expiry-shorter",
        "requires-narrowed",
        "only-for-narrowed",
        "hidden",
        "archive-with-subscribers",
        "auto-enable-changed",
        "possible-rename",
        "overwrites-outside-edit",
        "archive-referenced",
        "currency-decimals-changed",
        "empty-catalog",
        "mass-archive",
    }
)
"""The rules of a catalog diff whose level a policy may change. Source: planctl catalog rules, diff."""

THRESHOLDS = ("max_price_change", "max_subscribers_touched", "max_mrr_at_risk")
ALWAYS = date(1970, 1, 1)
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})|[a-z]{3,30}", re.ASCII)
_LINK = re.compile(r"(?:https?://|mailto:|/)[^\s<>\"']*", re.ASCII)


# --- currencies


def parse_currencies(entries: Sequence[Entry], reader: Reader) -> dict[str, Currency]:
    """The declared currencies; ISO 4217 ones need only their code, others their decimals and `iso: false`."""
    found: dict[str, Currency] = {}
    for entry in entries:
        currency = _currency(entry, reader)
        if currency is not None:
            found[currency.code] = currency
    return found


def _currency(entry: Entry, reader: Reader) -> Currency | None:
    code = entry.key.text
    node = reader.mapping(entry.value, f"currency {code}", ("name", "decimals", "iso"))
    if node is None:
        return None
    if not CURRENCY_CODE.fullmatch(code):
        expected = "capital letters and digits, 2 to 12, a letter first"
        reader.error(entry.key.place, "currency-code", "not a currency code", expected=expected, got=code)
        return None
    fields = FieldReader(node, reader)
    decimals = fields.whole("decimals")
    if decimals is not None and decimals > MAX_DECIMALS:
        reader.error(node.key_place("decimals"), "range", f"a currency has at most {MAX_DECIMALS} decimals")
        return None
    listed = iso_currency(code)
    if fields.flag("iso", True):
        return _iso(entry.key, fields, listed, decimals)
    if listed is not None:
        hint = f"remove iso: false, or use another code than {code}"
        reader.error(node.key_place("iso"), "currency-iso", f"{code} is an ISO 4217 currency", hint=hint)
        return listed
    if decimals is None and node.get("decimals") is not None:
        return None
    if decimals is None:
        hint = f"write {code}: {{decimals: 2, iso: false}} with the decimals its amounts have"
        reader.error(entry.key.place, "currency-decimals", f"{code} has no decimals", hint=hint)
        return None
    return Currency(code, fields.text("name", code), decimals, iso=False)


def _iso(key: Scalar, fields: FieldReader, listed: Currency | None, decimals: int | None) -> Currency | None:
    if listed is None:
        near = closest(key.text, iso_codes())
        own = f"a currency of your own is written {key.text}: {{decimals: 2, iso: false}}"
        fields.reader.error(
            key.place, "currency-not-iso", f"{key.text} is no ISO 4217 currency",
            hint=f"{near} {own}".strip(),
        )  # fmt: skip
        return None
    if decimals is not None and decimals != listed.decimals:
        fields.reader.error(
            fields.node.key_place("decimals"), "currency-decimals",
            f"{key.text} has {listed.decimals} decimals in ISO 4217", got=str(decimals),
            expected=str(listed.decimals), hint="remove decimals",
        )  # fmt: skip
    return Currency(listed.code, fields.text("name", listed.name), listed.decimals)


# --- groups and taxes


def parse_group(entry: Entry, reader: Reader) -> Group | None:
    """A group of plans."""
    node = reader.mapping(entry.value, "a group", ("name", "exclusive", "order", "switch", "was"))
    if node is None:
        return None
    fields = FieldReader(node, reader)
    switch = FieldReader(
        reader.mapping(node.get("switch"), "switch", ("up", "down")) or Mapping((), node.place), reader
    )
    return Group(
        id=entry.key.text,
        name=fields.text("name", entry.key.text),
        exclusive=fields.flag("exclusive", True),
        order=fields.texts("order"),
        switch_up=switch.word("up", "now", ("now", "restart")),
        switch_down=switch.word("down", "at renewal", ("at renewal", "on approval", "now")),
        was=fields.identifier("was"),
        place=entry.key.place,
    )


def parse_tax(entry: Entry, reader: Reader) -> TaxRate | None:
    """A tax code with its dated rates, earliest first."""
    node = reader.mapping(entry.value, "a tax", ("name", "country", "rate", "included"))
    if node is None:
        return None
    fields = FieldReader(node, reader)
    country = fields.text("country")
    if country and not re.fullmatch("[A-Z]{2}", country, re.ASCII):
        reader.error(
            node.key_place("country"), "country", "not a country code", got=country,
            expected="two capital letters of ISO 3166, such as DE",
        )  # fmt: skip
    rate = node.get("rate")
    if rate is None:
        hint = "write rate: 19%, or dates with their rates"
        reader.error(entry.key.place, "rate-missing", f"tax {entry.key.text} has no rate", hint=hint)
    return TaxRate(
        id=entry.key.text,
        name=fields.text("name", entry.key.text),
        country=country,
        rates=_rates(rate, reader) if rate is not None else (),
        included=fields.flag("included"),
        place=entry.key.place,
    )


def _rates(node: Node, reader: Reader) -> tuple[tuple[date, Decimal], ...]:
    if not isinstance(node, Mapping):
        single = percentage(node, "rate", reader)
        return ((ALWAYS, single),) if single is not None else ()
    dated: list[tuple[date, Decimal]] = []
    for entry in node.entries:
        from_on = calendar_date(entry.key, "a key of rate", reader)
        rate = percentage(entry.value, f"rate.{entry.key.text}", reader)
        if from_on is not None and rate is not None:
            dated.append((from_on, rate))
    return tuple(sorted(dated))


def percentage(node: Node | None, what: str, reader: Reader) -> Decimal | None:
    """A percentage from 0 % to 100 % as a fraction of 1."""
    value = reader.percent(node, what)
    if value is not None and node is not None and not 0 <= value <= 1:
        reader.error(node.place, "range", f"{what} must be from 0% to 100%", got=shown(node))
        return None
    return value


# --- page and policy


def parse_page(node: Mapping | None, reader: Reader) -> dict[str, str]:
    """The texts of the customer pricing page."""
    section = reader.mapping(node, "page", PAGE_KEYS)
    found: dict[str, str] = {}
    for entry in section.entries if section else ():
        text = reader.text(entry.value, f"page.{entry.key.text}")
        if text and entry.key.text in PAGE_KEYS:
            found[entry.key.text] = text
    if section and "colour" in found and not _COLOUR.fullmatch(found["colour"]):
        expected = 'a colour such as "#0b5"'
        place = section.key_place("colour")
        reader.error(place, "colour", "not a colour", got=found["colour"], expected=expected)
    if section and "button" in found and not _LINK.fullmatch(found["button"]):
        expected = "https://…, http://…, mailto:… or a path"
        place = section.key_place("button")
        reader.error(place, "link", "the button is not a link", got=found["button"], expected=expected)
    return found


def parse_policy(node: Mapping | None, reader: Reader) -> Policy:
    """Levels by rule id, beside the thresholds or below `levels`, and the thresholds."""
    section = reader.mapping(node, "policy")
    if section is None:
        return Policy()
    levels: dict[str, str] = {}
    for entry in section.entries:
        if entry.key.text == "levels":
            below = reader.mapping(entry.value, "policy.levels")
            for level in below.entries if below else ():
                _read_level(level, levels, reader)
        elif entry.key.text not in THRESHOLDS:
            _read_level(entry, levels, reader)
    fields = FieldReader(section, reader)
    change = reader.percent(section.get("max_price_change"), "max_price_change")
    return Policy(
        levels=levels,
        max_price_change=Policy().max_price_change if change is None else change,
        max_subscribers_touched=fields.whole("max_subscribers_touched"),
        max_mrr_at_risk=fields.fees("max_mrr_at_risk"),
    )


def _read_level(entry: Entry, levels: dict[str, str], reader: Reader) -> None:
    known = CHANGE_RULES | frozenset(THRESHOLDS)
    if not known_word(entry.key, "rule or threshold", known, reader, "unknown-key"):
        return
    level = reader.choice(entry.value, f"the level of {entry.key.text}", LEVELS)
    if level is not None:
        levels[entry.key.text] = level


# --- change notes


def parse_note(note_id: str, node: Node, reader: Reader) -> ChangeNote | None:
    """A reviewed acceptance of breaking changes: title, why, and what it accepts."""
    section = reader.mapping(node, "a change note", ("title", "why", "accept"))
    if section is None:
        return None
    fields = FieldReader(section, reader)
    note = ChangeNote(
        note_id, fields.text("title"), fields.text("why"), fields.texts("accept"), section.place
    )
    if not note.accept:
        hint = "write accept: [fingerprint], as catalog diff prints it"
        reader.error(section.place, "note-empty", "the change note accepts nothing", hint=hint)
    if not note.why:
        reader.warn(section.place, "note-why", "the change note does not say why", hint="write why: …")
    return note
