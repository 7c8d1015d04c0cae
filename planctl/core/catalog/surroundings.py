"""Gathers what compatibility rules need to know of a whole diff; the rules judge it, not this module."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from planctl.core.catalog.changeset import Change, FieldChange, StoredCatalog
from planctl.core.catalog.drift import drifts
from planctl.core.catalog.matching import Pair, Sides
from planctl.core.catalog.model import Policy
from planctl.core.catalog.references import SOLD, mapped, references, renaming
from planctl.core.catalog.subject import Around
from planctl.core.currencies import Currency
from planctl.core.document import Document

MASS_OF_AT_LEAST = 10
MASS_PERCENT = 30
"""More than so many percent of at least so many objects is a mass archive."""

_CONTENT = ("price", "features", "wallet")


def around(sides: Sides, changes: Sequence[Change], policy: Policy) -> Around:
    """What stands around each of `changes`; `policy` holds the thresholds that apply."""
    gone = {change.address for change in changes if change.action == "archive"}
    return Around(
        max_price_change=policy.max_price_change,
        currencies=currencies_of(sides.stored) | dict(sides.desired.currencies),
        referrers=_referrers(sides, gone),
        look_alikes=_look_alikes(sides, changes),
        catalog_refusals=_catalog_refusals(sides, gone),
        drifts=_drifts(sides),
        is_first=not sides.stored.objects,
    )


def _drifts(sides: Sides) -> dict[str, tuple[FieldChange, ...]]:
    """What was edited outside, by the ids that the catalog gives to objects."""
    stored = sides.stored
    if sides.renames and any(one.written for one in stored.objects.values()):
        name = renaming(sides.renames)
        objects = {
            sides.renames.get(address, address): replace(
                one,
                document=mapped(address, one.document, name),
                written=one.written
                and replace(one.written, document=mapped(address, one.written.document, name)),
            )
            for address, one in stored.objects.items()
        }
        stored = replace(stored, objects=objects)
    return drifts(stored)


def currencies_of(stored: StoredCatalog) -> dict[str, Currency]:
    """The currencies that the store's objects declare."""
    found = {}
    for address, one in stored.objects.items():
        section, _, code = address.partition(".")
        if section == "currencies" and isinstance(one.document, dict):
            decimals, name = one.document.get("decimals"), one.document.get("name")
            iso = one.document.get("iso") is not False
            found[code] = Currency(code, str(name), int(str(decimals)), iso)
    return found


def _referrers(sides: Sides, gone: Collection[str]) -> dict[str, tuple[str, ...]]:
    """For each archived address the remaining objects, of whichever owner, that cannot be without it."""
    found: dict[str, list[str]] = {}
    if not gone:
        return {}
    for address, document in _remaining(sides, gone):
        for target in references(address, document):
            addon = target.replace("plans.", "addons.", 1)
            for one in {target, addon} & set(gone):
                if not _implicit(one, sides):
                    found.setdefault(one, []).append(address)
    return {target: tuple(sorted(addresses)) for target, addresses in found.items()}


def _remaining(sides: Sides, gone: Collection[str]) -> Iterator[tuple[str, Document]]:
    for pair in sides.pairs:
        if pair.wanted and not pair.wanted.archived and pair.address not in gone:
            yield pair.address, pair.after
    for address in sides.left_alone:
        yield address, sides.stored.objects[address].document


def _implicit(address: str, sides: Sides) -> bool:
    """Whether it is the built-in group, which stays although no file declares it."""
    section, _, identifier = address.partition(".")
    return section == "groups" and identifier in sides.desired.groups


def _look_alikes(sides: Sides, changes: Sequence[Change]) -> dict[str, str]:
    """For each new object the one that goes and has its name, or its prices and features."""
    pairs = {pair.address: pair for pair in sides.pairs}
    new = [pairs[change.address] for change in changes if change.action == "create"]
    going = {change.address for change in changes if change.action == "archive"}
    old = [pairs[address] for address in sorted(going) if pairs[address].wanted is None]
    return {one.address: other.address for one in new for other in reversed(old) if _alike(one, other)}


def _alike(new: Pair, old: Pair) -> bool:
    section = new.address.partition(".")[0]
    if section not in (*SOLD, "features") or old.address.partition(".")[0] != section:
        return False
    if new.after.get("name") and new.after.get("name") == old.before.get("name"):
        return True
    if section == "features":
        return False
    return bool(new.after.get("features") or new.after.get("wallet")) and all(
        new.after.get(key) == old.before.get(key) for key in _CONTENT
    )


def _catalog_refusals(sides: Sides, gone: Collection[str]) -> Mapping[str, str]:
    live = [
        pair.address
        for pair in sides.pairs
        if pair.stored and pair.stored.managed_by == sides.desired.name and not pair.stored.archived
    ]
    sold = [address for address in live if address.partition(".")[0] in SOLD]
    found = {}
    if sold and set(sold) <= set(gone) and not any(pair.wanted and pair.wanted.plan for pair in sides.pairs):
        found["empty-catalog"] = "the catalog sells nothing any more: is it the right directory?"
    countable = [address for address in live if not address.startswith("examples.")]
    for noun, addresses in (("plans and add-ons", sold), ("objects", countable)):
        going = sum(address in gone for address in addresses)
        if len(addresses) >= MASS_OF_AT_LEAST and going * 100 > MASS_PERCENT * len(addresses):
            found["mass-archive"] = (
                f"{going} of {len(addresses)} {noun} would be archived at once, more than {MASS_PERCENT} %; "
                f"archive them in smaller steps"
            )
            break
    return found
