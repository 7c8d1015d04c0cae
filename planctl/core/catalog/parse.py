"""Knows how the trees of a catalog's files become one Catalog with every finding; it reads no file itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from planctl.core.catalog import examples, rules
from planctl.core.catalog.facts import Facts, places_below
from planctl.core.catalog.inherit import PLAN_KEYS, Inheritance, usable_defaults
from planctl.core.catalog.model import Catalog, ChangeNote, Group, Parsed, Plan
from planctl.core.catalog.parse_coupons import parse_coupon
from planctl.core.catalog.parse_examples import parse_example
from planctl.core.catalog.parse_features import Context, parse_feature
from planctl.core.catalog.parse_plans import IMPLICIT_GROUP, Section, parse_plan
from planctl.core.catalog.parse_sections import (
    parse_currencies,
    parse_group,
    parse_note,
    parse_page,
    parse_policy,
    parse_tax,
)
from planctl.core.catalog.sources import Sections, gather
from planctl.core.document import Entry, Mapping
from planctl.core.reading import Reader
from planctl.findings import Finding, Level, Place, in_order

Value = TypeVar("Value")

MOST_FINDINGS = 1_000
"""Findings of one catalog; whoever makes more has one mistake, not a thousand."""


def parse(sources: Sequence[tuple[str, Mapping]], *, complete: bool = True) -> Parsed:
    """Read a catalog from its files: file names (relative to the catalog) and their trees, in any order.

    Answers the catalog after inheritance and all findings at once, sorted by place: what cannot be read, what
    breaks a rule, and price examples that do not come out. The catalog is there even with errors, as far as
    it could be read, for showing; use it only where `usable`. Not `complete`: a file could not be read, so
    the header may stand there.
    """
    reader = Reader()
    merged = gather(sources, reader, complete=complete)
    reader.currencies = parse_currencies(merged.entries("currencies"), reader)
    features = _each(merged, "features", parse_feature, reader)
    context = Context(reader, features, merged.ids("features"))
    known = {name: merged.ids(name) for name in ("groups", "features")}
    facts = Facts(Catalog(merged.name), known=known, near=reader.near)
    for section in ("features", "groups", "coupons"):
        for entry in merged.entries(section):
            facts.places.update(places_below(f"{section}.{entry.key.text}", entry.value, entry.key.place))
    plans = _plans(merged, context, facts)
    facts.known["plans"] = merged.ids("plans") | merged.ids("addons")
    catalog = Catalog(
        name=merged.name,
        currencies=reader.currencies,
        features=features,
        groups=_groups(merged, plans, reader),
        plans=plans,
        taxes=_each(merged, "taxes", parse_tax, reader),
        coupons=_each(merged, "coupons", parse_coupon, reader),
        examples=_each(
            merged, "examples",
            lambda entry, _: parse_example(entry, plans, facts.known["plans"], context), reader,
        ),
        notes=_notes(merged, reader),
        page=parse_page(merged.sections.get("page"), reader),
        policy=parse_policy(merged.sections.get("policy"), reader),
        currency_places={entry.key.text: entry.key.place for entry in merged.entries("currencies")},
    )  # fmt: skip
    facts = replace(facts, catalog=catalog)
    return Parsed(
        catalog, _first(chain(in_order(reader.findings), rules.check(facts), examples.check(facts)))
    )


def _first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """As many findings as anybody reads, errors before warnings, and where there are more a finding that says so.

    That is as bad as what it stands for: whoever has too many warnings has no error yet.
    """
    kept: dict[Level, dict[Finding, None]] = {level: {} for level in Level}
    for finding in findings:
        if len(kept[finding.level]) <= MOST_FINDINGS:
            kept[finding.level][finding] = None
        elif finding.is_error:
            break
    errors, warnings = in_order([*kept[Level.ERROR]]), in_order([*kept[Level.WARNING]])
    if len(errors) + len(warnings) <= MOST_FINDINGS:
        return in_order((*errors, *warnings))
    told = (*errors, *warnings)[:MOST_FINDINGS]
    level, what = Level.WARNING, "findings"
    if len(errors) > MOST_FINDINGS:
        level, what = Level.ERROR, "errors"
    message = f"the catalog has more than {MOST_FINDINGS:,} {what}"
    more = Finding("too-many-findings", message, level=level, hint="mend these first")
    return (*in_order(told), more)


def _each(
    merged: Sections, section: str, read: Callable[[Entry, Reader], Value | None], reader: Reader
) -> dict[str, Value]:
    """Every entry of a section keyed by id that can be read."""
    found: dict[str, Value] = {}
    for entry in reader.by_id(merged.sections.get(section), section):
        value = read(entry, reader)
        if value is not None:
            found[entry.key.text] = value
    return found


def _plans(merged: Sections, context: Context, facts: Facts) -> dict[str, Plan]:
    """All plans and add-ons; which of them had errors, and where everything stands, goes into `facts`."""
    reader = context.reader
    defaults = usable_defaults(merged.sections.get("defaults"), reader)
    plans: dict[str, Plan] = {}
    sections: tuple[Section, ...] = ("plans", "addons")
    for section in sections:
        entries = list(reader.by_id(merged.sections.get(section), section))
        own = {
            entry.key.text: node
            for entry in entries
            if (node := reader.mapping(entry.value, "a plan")) is not None
        }
        family = Inheritance(defaults, own, reader, merged.ids(section))
        broken = family.check()
        if family.beyond_limit:
            facts.broken.update(own)
            continue
        for entry in entries:
            plan_id = entry.key.text
            if plan_id not in own:
                continue
            before = len(reader.findings)
            node = family.merged(plan_id)
            plans[plan_id] = parse_plan(plan_id, section, node, context, entry.key.place)
            facts.places.update(places_below(f"{section}.{plan_id}", node, entry.key.place))
            misspelt = own[plan_id].get("price") is None and not reader.lacks(
                own[plan_id], "price", PLAN_KEYS
            )
            if plan_id in family.lost or misspelt:
                _forget(reader, before, "price-missing")
            if plan_id in broken | family.lost or any(
                finding.is_error for finding in reader.findings[before:]
            ):
                facts.broken.add(plan_id)
    return plans


def _forget(reader: Reader, start: int, rule: str) -> None:
    """Take back findings of a rule made since `start`, where another finding already says the cause."""
    reader.findings[start:] = [finding for finding in reader.findings[start:] if finding.rule != rule]


def _groups(merged: Sections, plans: dict[str, Plan], reader: Reader) -> dict[str, Group]:
    """The declared groups, and the built-in one where plans name no other."""
    groups = _each(merged, "groups", parse_group, reader)
    if IMPLICIT_GROUP not in groups and any(plan.terms.group == IMPLICIT_GROUP for plan in plans.values()):
        groups[IMPLICIT_GROUP] = Group(IMPLICIT_GROUP, IMPLICIT_GROUP)
    return groups


def _notes(merged: Sections, reader: Reader) -> dict[str, ChangeNote]:
    written: list[tuple[str, Mapping, Place]] = [
        (note_id, node, node.place) for note_id, node in merged.notes
    ]
    for entry in merged.entries("changes"):
        node = reader.mapping(entry.value, "a change note")
        if node is not None:
            written.append((entry.key.text, node, entry.key.place))
    notes: dict[str, ChangeNote] = {}
    for note_id, node, place in written:
        if note_id in notes:
            reader.error(place, "duplicate-id", f"the change note {note_id} is there twice", hint="keep one")
            continue
        note = parse_note(note_id, node, reader)
        if note is not None:
            notes[note_id] = replace(note, place=place)
    return notes
