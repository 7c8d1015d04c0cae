"""Knows where the document of one catalog object names others; it decides nothing about them.

Source: planctl catalog format; the shapes are those of the normalised documents of `emit.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from planctl.core.document import Document

SOLD = ("plans", "addons")
"""The sections of what is sold: they have terms, versions and holders, and their ids are one namespace."""

Name = Callable[[str, str], str]
"""`name(section, id)` answers with the id to write; sections are features, groups and plans (add-ons too)."""

_CURRENCY = re.compile("[A-Z][A-Z0-9]{1,11}", re.ASCII)


def mapped(address: str, document: Document, name: Name) -> Document:
    """The document with every id it refers to replaced by what `name` answers.

    A set of ids, written in their order, stays in order.
    """
    section = address.partition(".")[0]
    if not isinstance(document, dict) or section not in _PLACES:
        return document
    return {key: _replaced(section, key, value, name) for key, value in document.items()}


def renaming(renames: Mapping[str, str]) -> Name:
    """The ids that renames give, by former address (`{"plans.pro": "plans.max"}`); any other id stays."""

    def name(section: str, identifier: str) -> str:
        for one in SOLD if section == "plans" else (section,):
            if f"{one}.{identifier}" in renames:
                return renames[f"{one}.{identifier}"].partition(".")[2]
        return identifier

    return name


def followed(addresses: Iterable[str], renames: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The present addresses, by former one, of those of `addresses` that were renamed since.

    `renames` are the new addresses by old ones, of one revision after the other. What took a freed id later is
    another object, and none of `addresses`.
    """
    present = {address: address for address in addresses}
    for several in renames:
        present = {old: several.get(new, new) for old, new in present.items()}
    return {old: new for old, new in present.items() if old != new}


def references(address: str, document: Document) -> frozenset[str]:
    """The addresses without which the object cannot be: its group, features and currencies.

    What merely mentions others (a group's order, a coupon's plans, an example) needs none of them. Nor does
    an add-on need the plans it requires: an archived plan is still held, and its holders may buy on.
    """
    found: set[str] = set()

    def note(section: str, identifier: str) -> str:
        if identifier:
            found.add(f"{section}.{identifier}")
        return identifier

    if address.partition(".")[0] in {"plans", "addons", "features"}:
        needing = (
            {key: value for key, value in document.items() if key != "requires"}
            if isinstance(document, dict)
            else document
        )
        mapped(address, needing, note)
        found |= {f"currencies.{code}" for code in currencies_in(document)}
    return frozenset(found)


def names(address: str, document: Document) -> frozenset[str]:
    """The addresses of everything that the object mentions, needed or not; add-ons go by `plans.` too."""
    found = set(references(address, document))

    def note(section: str, identifier: str) -> str:
        if identifier:
            found.add(f"{section}.{identifier}")
        return identifier

    mapped(address, document, note)
    return frozenset(found)


def features_used(address: str, document_at: Callable[[str], Document]) -> frozenset[str]:
    """The addresses of the features that an object uses, and of those that they spend in turn.

    `document_at` answers with the document of an address, None where there is none.
    """
    waiting, used = [address], set[str]()
    while waiting:
        one = waiting.pop()
        new = {
            target for target in references(one, document_at(one)) if target.startswith("features.")
        } - used
        used |= new
        waiting += new
    return frozenset(used)


def _replaced(section: str, key: str, value: Document, name: Name) -> Document:
    referred = _PLACES[section].get(key)
    if referred is None:
        return value
    if key == "features" and section in {"plans", "addons"} and isinstance(value, dict):
        return {name("features", feature): _entry(entry, name) for feature, entry in value.items()}
    if isinstance(value, dict):
        return {name(referred, identifier): inner for identifier, inner in value.items()}
    if isinstance(value, list):
        named: list[Document] = [name(referred, item) if isinstance(item, str) else item for item in value]
        in_order = key != "order" and value == sorted(value, key=str)
        return sorted(named, key=str) if in_order else named
    return name(referred, value) if isinstance(value, str) else value


def _entry(entry: Document, name: Name) -> Document:
    """A feature's entry in a plan, which may spend other features."""
    spends = entry.get("spends") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(spends, dict):
        return entry
    renamed: Document = {name("features", target): ratio for target, ratio in spends.items()}
    return {**entry, "spends": renamed}


def currencies_in(document: Document) -> Iterator[str]:
    """The currency codes used: the only keys in capitals, metadata and event properties aside."""
    if isinstance(document, list):
        for item in document:
            yield from currencies_in(item)
    elif isinstance(document, dict):
        for key, value in document.items():
            if key in {"metadata", "where"}:
                continue
            if _CURRENCY.fullmatch(key):
                yield key
            yield from currencies_in(value)


_PLAN = {"group": "groups", "features": "features", "wallet": "features", "requires": "plans"}
_PLACES: Mapping[str, Mapping[str, str]] = {
    "plans": _PLAN,
    "addons": _PLAN,
    "features": {"spends": "features"},
    "groups": {"order": "plans"},
    "coupons": {"plans": "plans"},
    "examples": {"plan": "plans", "use": "features"},
}
"""Which keys of a section's documents hold ids, and of what."""
