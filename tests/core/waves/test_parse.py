"""The file of a migration: what it may say, what is taken where nothing is said, and every complaint in one run."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.document import Mapping, node_of
from planctl.core.reading import Reader
from planctl.core.waves.model import Migration, Select, document_of
from planctl.core.waves.parse import parse
from planctl.files.yaml_reader import read_text

WHOLE = """\
title: Pro v5-v6 to v8
why: two price rounds behind
plan: pro
from: [6, 5]
to: 8
at: now
select: {customers: [nova, orion], currency: [USD], pay: [1 month, year], country: [DE], started_before: 2025-01-01}
exclude: {customers: [acme], negotiated: true}
batches: {percent: [5, 25, 70]}
max_increase: 20%
"""

SHORT = "plan: pro\nfrom: older\nto: newest\n"


def read(text: str, name: str = "pro-v8") -> tuple[Migration | None, Reader]:
    node, reader = read_text(text, "pro-v8.yaml").files[0].node, Reader()
    assert node is not None
    return parse(name, node, reader), reader


def usable(text: str) -> Migration:
    found, reader = read(text)
    assert reader.findings == []
    assert found is not None
    return found


def complaints(text: str, name: str = "pro-v8") -> list[tuple[str, int, int]]:
    _, reader = read(text, name)
    return [(one.rule, one.place.line, one.place.column) for one in reader.findings]


def test_everything_that_a_file_can_say_is_read() -> None:
    assert usable(WHOLE) == Migration(
        name="pro-v8",
        plan="pro",
        versions=(5, 6),
        to=8,
        title="Pro v5-v6 to v8",
        why="two price rounds behind",
        at="now",
        select=Select(("nova", "orion"), ("USD",), ("month", "year"), ("DE",), date(2025, 1, 1)),
        spared=("acme",),
        spares_negotiated=True,
        batches=3,
        percent=(5, 25, 70),
        max_increase=Decimal("0.20"),
    )


def test_where_nothing_is_said_all_older_ones_are_moved_at_their_renewal_in_one_batch() -> None:
    found = usable(SHORT)
    assert found == Migration("pro-v8", "pro", (), 0)
    assert (found.at, found.batches, found.bounds, found.max_increase) == ("renewal", 1, (Fraction(1),), None)


@pytest.mark.parametrize("text", [WHOLE, SHORT], ids=["whole", "short"])
def test_a_migration_is_read_back_from_its_own_document(text: str) -> None:
    found, reader = usable(text), Reader()
    node = node_of(dict(document_of(found)))
    assert isinstance(node, Mapping)
    assert parse(found.name, node, reader) == found
    assert reader.findings == []


def test_a_title_decides_nothing_and_a_price_limit_does() -> None:
    first = usable(WHOLE)
    retitled = usable(WHOLE.replace("two price rounds behind", "they are two rounds behind"))
    wider = usable(WHOLE.replace("20%", "25%"))
    assert first.digest == retitled.digest
    assert first.digest != wider.digest


def test_three_batches_are_thirds_and_shares_add_up() -> None:
    assert usable(SHORT + "batches: 3\n").bounds == (Fraction(1, 3), Fraction(2, 3), Fraction(1))
    assert usable(WHOLE).bounds == (Fraction(1, 20), Fraction(3, 10), Fraction(1))


FINDINGS = {
    "an unknown key": ("plan: pro\nfrom: older\nto: 8\nbatch: 3\n", [("unknown-key", 4, 1)]),
    "nothing but a title": ("title: x\n", [("migration-missing", 1, 1)] * 3),
    "a list of no version": ("plan: pro\nfrom: []\nto: 8\n", [("migration-version", 2, 7)]),
    "a version twice": ("plan: pro\nfrom: [5, 5]\nto: 8\n", [("duplicate", 2, 11)]),
    "a version that is none": ("plan: pro\nfrom: [five]\nto: 8\n", [("number", 2, 8)]),
    "the version it moves to": ("plan: pro\nfrom: [5, 8]\nto: 8\n", [("migration-version", 2, 7)]),
    "another word for when": (SHORT + "at: tomorrow\n", [("choice", 4, 5)]),
    "shares that are not all": (SHORT + "batches: {percent: [5, 25]}\n", [("migration-batches", 4, 10)]),
    "a share of nothing": (SHORT + "batches: {percent: [0, 100]}\n", [("migration-batches", 4, 10)]),
    "no batch": (SHORT + "batches: 0\n", [("range", 4, 10)]),
    "a percentage without a sign": (SHORT + "max_increase: 20\n", [("percent", 4, 15)]),
    "less than nothing": (SHORT + "max_increase: -1%\n", [("range", 4, 15)]),
    "an interval that is none": (SHORT + "select: {pay: [monthly]}\n", [("interval", 4, 16)]),
    "a country that is none": (SHORT + "select: {country: [Germany]}\n", [("country", 4, 19)]),
    "a day that is none": (SHORT + "select: {started_before: 2025-02-30}\n", [("date", 4, 26)]),
    "somebody in and out": (
        SHORT + "select: {customers: [nova]}\nexclude: {customers: [nova]}\n",
        [("duplicate", 5, 10)],
    ),
}


@pytest.mark.parametrize("what", FINDINGS)
def test_what_cannot_be_meant_is_a_finding_with_its_place(what: str) -> None:
    text, expected = FINDINGS[what]
    assert complaints(text) == expected


@pytest.mark.parametrize("name", ["Pro v8", "-pro", "", "x" * 64])
def test_a_name_that_no_command_could_take_is_a_finding_of_the_file(name: str) -> None:
    assert complaints(SHORT, name) == [("migration-name", 0, 0)]


def test_a_name_may_begin_with_a_date() -> None:
    assert complaints(SHORT, "2026-10-pro-v8") == []
