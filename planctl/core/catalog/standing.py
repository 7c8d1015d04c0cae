"""Knows stored plans and features as they stand: value, owner, holders. It reads no store, prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from planctl.core.catalog.apart import Apart
from planctl.core.catalog.changeset import Holders, StoredCatalog, StoredObject
from planctl.core.catalog.edits import everything
from planctl.core.catalog.facts import section_of
from planctl.core.catalog.model import Feature, Plan
from planctl.core.catalog.references import SOLD, mapped, references
from planctl.core.currencies import Currency
from planctl.core.reading import closest
from planctl.errors import NotFound
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class StandingPlan:
    """A plan, add-on or pack with what the store knows about it."""

    plan: Plan
    stored: StoredObject
    holders: Holders = field(default_factory=Holders)


@dataclass(frozen=True, slots=True)
class StandingFeature:
    """A feature's definition with what the store knows about it, and the plans and features that use it."""

    feature: Feature
    stored: StoredObject
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything sold, by id, with the features and currencies it is shown with."""

    plans: Mapping[str, StandingPlan] = field(default_factory=dict)
    features: Mapping[str, StandingFeature] = field(default_factory=dict)
    currencies: Mapping[str, Currency] = field(default_factory=dict)

    @property
    def definitions(self) -> dict[str, Feature]:
        """The features' definitions."""
        return {feature_id: one.feature for feature_id, one in self.features.items()}


def standing(stored: StoredCatalog, holders: Mapping[str, Holders]) -> Standing:
    """What is stored, read back into values; `holders` is by address."""
    catalog = everything(stored)
    plans = {}
    for plan_id, plan in sorted(catalog.plans.items()):
        address = f"{section_of(plan)}.{plan_id}"
        plans[plan_id] = StandingPlan(plan, stored.objects[address], holders.get(address, Holders()))
    users = _users(stored)
    features = {
        feature_id: StandingFeature(
            feature, stored.objects[f"features.{feature_id}"], users.get(f"features.{feature_id}", ())
        )
        for feature_id, feature in sorted(catalog.features.items())
    }
    return Standing(plans, features, _as_declared(catalog.currencies, stored))


def _as_declared(currencies: Mapping[str, Currency], stored: StoredCatalog) -> dict[str, Currency]:
    """Currencies in the order in which the catalog's files declare them; those of the shell come last, by code."""

    def order(code: str) -> tuple[bool, str, int, str]:
        place = stored.objects[f"currencies.{code}"].place
        return not place.line, place.file, place.line, code

    return {code: currencies[code] for code in sorted(currencies, key=order)}


def address_of(stored: StoredCatalog, noun: str, object_id: str) -> str:
    """The address of a `plan` (add-ons and packs too) or a `feature`; NotFound with the nearest id."""
    sections = SOLD if noun == "plan" else (f"{noun}s",)
    for section in sections:
        if f"{section}.{object_id}" in stored.objects:
            return f"{section}.{object_id}"
    known = [one.partition(".")[2] for one in stored.objects if one.partition(".")[0] in sections]
    hint = closest(object_id, known) or f"planctl {noun} list shows them all"
    raise NotFound(f"there is no {noun} {object_id!r}", where=f"{noun} {object_id}", hint=hint)


def naming(stored: StoredCatalog, plan_id: str) -> tuple[str, ...]:
    """The addresses of objects that name a plan: in a group's order, a coupon, an example, `requires`."""
    found: dict[str, None] = {}
    for address, one in sorted(stored.objects.items()):

        def note(section: str, identifier: str, address: str = address) -> str:
            if section == "plans" and identifier == plan_id:
                found[address] = None
            return identifier

        mapped(address, one.document, note)
    return tuple(found)


def _users(stored: StoredCatalog) -> dict[str, tuple[str, ...]]:
    """The addresses that refer to each feature."""
    found: dict[str, tuple[str, ...]] = {}
    for address, one in sorted(stored.objects.items()):
        for target in references(address, one.document):
            if target.startswith("features."):
                found[target] = (*found.get(target, ()), address)
    return found


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a plan, and how the terms held differ from the newest version's.

    `negotiated` are terms agreed with this customer, by path; they are held whatever the version says, and are
    not among the differences.
    """

    subscription: str
    customer: str
    version: int
    status: str
    is_behind: bool = False
    apart: Apart = field(default_factory=Apart)
    negotiated: Mapping[str, str] = field(default_factory=dict)
