"""Reads the file of a migration; which plans, versions and customers a store has it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from planctl.core.catalog.field_reader import FieldReader
from planctl.core.customer_fields import is_country
from planctl.core.document import Mapping, Node, Scalar
from planctl.core.reading import Reader, shown
from planctl.core.waves.model import NEWEST, OLDER, At, Migration, Select
from planctl.findings import Place

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
"""What the file of a migration may be called, without its ending."""

KEYS = (
    "title", "why", "plan", "from", "to", "at", "select", "exclude", "batches", "max_increase",
)  # fmt: skip
SELECT = ("customers", "currency", "pay", "country", "started_before")
EXCLUDE = ("customers", "negotiated")
MOST_BATCHES = 100

_AT: tuple[At, ...] = ("renewal", "now")


def parse(name: str, node: Mapping, reader: Reader) -> Migration | None:
    """The migration that a file says; None where something that every one needs is missing or unreadable."""
    reader.mapping(node, "a migration", KEYS)
    fields = FieldReader(node, reader)
    _check_head(name, node, reader)
    plan, versions = fields.identifier("plan"), _versions(node.get("from"), reader)
    to = _to(node.get("to"), reader)
    if to and versions and to in versions:
        place = _place(node, "from")
        reader.error(place, "migration-version", f"v{to} is what it moves to", hint=f"take {to} out of from")
    select = _select(reader.mapping(node.get("select"), "select", SELECT) or _nothing(node), reader)
    exclude = FieldReader(reader.mapping(node.get("exclude"), "exclude", EXCLUDE) or _nothing(node), reader)
    spared = exclude.texts("customers")
    _check_apart(select.customers, spared, _place(node, "exclude"), reader)
    batches, percent = _batches(node.get("batches"), reader)
    found = Migration(
        name=name,
        plan=plan,
        versions=versions or (),
        to=to or 0,
        title=fields.text("title"),
        why=fields.text("why"),
        at=fields.word("at", "renewal", _AT),
        select=select,
        spared=spared,
        spares_negotiated=exclude.flag("negotiated"),
        batches=batches,
        percent=percent,
        max_increase=_increase(node.get("max_increase"), reader),
    )
    return None if not plan or versions is None or to is None else found


def _increase(node: Node | None, reader: Reader) -> Decimal | None:
    increase = reader.percent(node, "max_increase")
    if increase is not None and node is not None and increase < 0:
        reader.error(node.place, "range", "max_increase must be at least 0%", got=shown(node))
    return increase


def _check_head(name: str, node: Mapping, reader: Reader) -> None:
    """The file's name is that of the migration, and it says what it moves."""
    for key, example in (("plan", "pro"), ("from", "[5, 6]"), ("to", NEWEST)):
        if node.get(key) is None:
            reader.error(
                node.place, "migration-missing", f"the migration has no {key}", hint=f"write {key}: {example}"
            )
    if NAME.fullmatch(name) is None:
        expected = "lower-case letters, digits, _ or - (at most 63), not beginning with a sign"
        place = Place(node.place.file)
        reader.error(
            place, "migration-name", "the file's name is that of the migration", got=name, expected=expected
        )


def _versions(node: Node | None, reader: Reader) -> tuple[int, ...] | None:
    """The versions to move from; empty for all older ones, None where that cannot be read."""
    if node is None or (isinstance(node, Scalar) and node.text == OLDER):
        return None if node is None else ()
    found: list[int] = []
    items = reader.sequence(node, "from")
    word = isinstance(node, Scalar) and not node.text[:1].isdigit()
    if isinstance(node, Mapping):
        return None
    if not items or word:
        expected = f"{OLDER}, or version numbers such as [5, 6]"
        reader.error(
            node.place, "migration-version", "from names no version", got=shown(node), expected=expected
        )
        return None
    for item in items:
        version = reader.integer(item, "a version in from", minimum=1)
        if version in found:
            reader.error(item.place, "duplicate", f"from names {version} twice", hint="remove one")
        elif version is not None:
            found.append(version)
    return tuple(sorted(found)) or None


def _to(node: Node | None, reader: Reader) -> int | None:
    if isinstance(node, Scalar) and node.text == NEWEST:
        return 0
    return reader.integer(node, "to", minimum=1)


def _select(node: Mapping, reader: Reader) -> Select:
    fields = FieldReader(node, reader)
    rows = (reader.interval(item, "an entry of pay") for item in reader.sequence(node.get("pay"), "pay"))
    countries = fields.texts("country")
    for code in countries:
        if not is_country(code):
            expected = "two letters of ISO 3166-1, such as DE"
            reader.error(_place(node, "country"), "country", "unknown country", got=code, expected=expected)
    return Select(
        customers=fields.texts("customers"),
        currency=fields.texts("currency"),
        pay=tuple(dict.fromkeys(str(row) for row in rows if row is not None)),
        country=countries,
        started_before=fields.day("started_before"),
    )


def _batches(node: Node | None, reader: Reader) -> tuple[int, tuple[int, ...]]:
    """How many batches, and their shares where those are said."""
    if not isinstance(node, Mapping):
        number = reader.integer(node, "batches", minimum=1, maximum=MOST_BATCHES)
        return number or 1, ()
    section = reader.mapping(node, "batches", ("percent",))
    shares = tuple(_shares(section.get("percent") if section else None, reader))
    if sum(shares) != 100 or 0 in shares or len(shares) > MOST_BATCHES:
        reader.error(
            node.place,
            "migration-batches",
            "the shares of the batches do not make up the whole",
            expected="whole percentages above 0 that add up to 100, such as [5, 25, 70]",
            got=" + ".join(map(str, shares)) or "nothing",
        )
        return 1, ()
    return len(shares), shares


def _shares(node: Node | None, reader: Reader) -> Iterator[int]:
    for item in reader.sequence(node, "percent"):
        yield reader.integer(item, "an entry of percent", maximum=100) or 0


def _check_apart(chosen: tuple[str, ...], spared: tuple[str, ...], place: Place, reader: Reader) -> None:
    """Nobody is chosen by name and left out by name."""
    for customer in sorted({*chosen} & {*spared}):
        reader.error(
            place, "duplicate", f"{customer} is selected and excluded by name", hint="take it out of one"
        )


def _place(node: Mapping, key: str) -> Place:
    value = node.get(key)
    return node.place if value is None else value.place


def _nothing(node: Mapping) -> Mapping:
    return Mapping((), node.place)
