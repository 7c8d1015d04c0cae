"""Matches what a store holds with what a catalog declares, address by address. It compares nothing inside.

It knows renames (`was`) and ownership: what another catalog manages or the shell made is found here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from planctl.core.catalog.changeset import StoredCatalog, StoredObject
from planctl.core.catalog.documents import Object
from planctl.core.catalog.emit import catalog_documents
from planctl.core.catalog.model import Catalog, Plan
from planctl.core.catalog.references import SOLD, mapped, renaming
from planctl.core.document import Document
from planctl.findings import NOWHERE, Finding, Place
from planctl.values import dataclass

SHARED = frozenset({"currencies", "page", "policy"})
"""Sections that two catalogs of one store may both declare, as long as they say the same."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object as the catalog declares it; `plan` where it is one."""

    address: str
    document: Object
    place: Place = NOWHERE
    archived: bool = False
    was: str = ""
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """What is stored (None: nothing) and what is wanted (None: nothing) under one address.

    `before` is the stored document, speaking of renamed objects by their new ids. `foreign` is the other
    catalog that manages it, where it is taken over.
    """

    address: str
    stored: StoredObject | None
    wanted: Wanted | None
    before: Object
    foreign: str = ""

    @property
    def after(self) -> Object:
        """The wanted document; empty where nothing is wanted."""
        return self.wanted.document if self.wanted else {}

    @property
    def renamed_from(self) -> str:
        """The address it is stored under, where that is another one."""
        return self.stored.address if self.stored and self.stored.address != self.address else ""


@dataclass(slots=True)
class Sides:
    """Both sides, matched: `left_alone` are addresses not touched, `findings` are about ownership.

    `features` are the pairs of features, by id; `renames` are the new addresses by those stored.
    """

    stored: StoredCatalog
    desired: Catalog
    take_over: str = ""
    pairs: list[Pair] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    features: dict[str, Pair] = field(default_factory=dict)
    renames: dict[str, str] = field(default_factory=dict)


def matched(stored: StoredCatalog, desired: Catalog, take_over: str) -> Sides:
    """Every object of either side once; objects of another catalog only where `take_over` names it."""
    sides = Sides(stored, desired, take_over)
    documents = catalog_documents(desired)
    wanted = {address: _declared(address, document, desired) for address, document in documents.items()}
    origins = _origins(sides, wanted)
    renames = sides.renames
    renames |= {origin: address for address, origin in origins.items() if origin != address}
    for address, one in wanted.items():
        found = stored.objects.get(origins.get(address, address))
        foreign = found.managed_by if found and found.managed_by not in {"", desired.name} else ""
        before = _before(found, renames)
        if found and foreign and foreign != take_over:
            _refuse_foreign(sides, found, one, before)
        else:
            sides.pairs.append(Pair(address, found, one, before, foreign))
    for address, found in stored.objects.items():
        if address in wanted or address in renames:
            continue
        if found.managed_by == desired.name:
            sides.pairs.append(Pair(address, found, None, _before(found, renames)))
        elif not found.archived:
            sides.left_alone.append(address)
    for pair in sides.pairs:
        section, _, identifier = pair.address.partition(".")
        if section == "features":
            sides.features[identifier] = pair
    return sides


def _declared(address: str, document: Document, desired: Catalog) -> Wanted:
    assert isinstance(document, dict), f"the document of {address} is no map"
    section, _, identifier = address.partition(".")
    if section in SOLD:
        plan = desired.plans[identifier]
        return Wanted(address, document, plan.place, plan.offer.archived, plan.was, plan)
    if section == "features":
        feature = desired.features[identifier]
        return Wanted(address, document, feature.place, feature.archived, feature.was)
    if section == "groups":
        group = desired.groups[identifier]
        return Wanted(address, document, group.place, was=group.was)
    places: Mapping[str, Place] = desired.currency_places if section == "currencies" else {}
    if section == "taxes":
        places = {key: tax.place for key, tax in desired.taxes.items()}
    elif section == "coupons":
        places = {key: coupon.place for key, coupon in desired.coupons.items()}
    elif section == "examples":
        places = {key: example.place for key, example in desired.examples.items()}
    return Wanted(address, document, places.get(identifier, NOWHERE))


def _origins(sides: Sides, wanted: Mapping[str, Wanted]) -> dict[str, str]:
    """The stored address of every wanted object that is renamed: the one that `was` names.

    A rename that was carried out before is none any more: the new address is stored. What `was` names may have
    been renamed on since and be gone under that id too, as where the commit of the later rename is taken back.
    """
    origins = {}
    stored = sides.stored.objects
    former = _former(sides.stored, wanted)
    for address, one in wanted.items():
        section = address.partition(".")[0]
        sections = SOLD if section in SOLD else (section,)
        olds = [f"{other}.{one.was}" for other in sections] if one.was else []
        old = next((old for old in olds if old in stored), "")
        if not old:
            old = next((former[one] for one in olds if one in former), "")
        if not old or address in stored:
            continue
        if old in wanted:
            sides.findings.append(_still_declared(one, old))
        else:
            origins[address] = old
    return origins


def _former(stored: StoredCatalog, wanted: Mapping[str, Wanted]) -> dict[str, str]:
    """The present address by each former one, of objects that the catalog does not declare any more."""
    return {
        f"{address.partition('.')[0]}.{alias}": address
        for address, one in stored.objects.items()
        if address not in wanted
        for alias in one.aliases
    }


def _before(found: StoredObject | None, renames: Mapping[str, str]) -> Object:
    """The stored document with the ids that renames give to what it refers to."""
    if found is None:
        return {}
    document = mapped(found.address, found.document, renaming(renames)) if renames else found.document
    return document if isinstance(document, dict) else {}


def _refuse_foreign(sides: Sides, found: StoredObject, one: Wanted, before: Object) -> None:
    if one.address.partition(".")[0] in SHARED and not found.archived and before == one.document:
        sides.left_alone.append(one.address)
        return
    sides.findings.append(
        Finding(
            "managed-by-another",
            f'{one.address} is managed by the catalog "{found.managed_by}"',
            one.place,
            expected=f'an object of "{sides.desired.name}", or one made in the shell',
            got=found.managed_by,
            hint=f"remove it here, or take it over with --take-over {found.managed_by}",
        )
    )


def _still_declared(one: Wanted, old: str) -> Finding:
    return Finding(
        "was-still-declared",
        f'{one.address} says that it was "{one.was}", but {old} is still declared',
        one.place,
        hint=f"remove {old} to rename it, or remove was",
    )
