"""A plan as it can be sold now: its version, terms, offer, group and list, in one value. It decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.core.catalog.model import Group, OnlyFor, TaxRate
from planctl.core.catalog.parse_plans import parse_offer
from planctl.core.catalog.parse_sections import parse_group, parse_tax
from planctl.core.catalog.references import SOLD
from planctl.core.document import Entry, Scalar, document_of, node_of
from planctl.core.document import Mapping as Node
from planctl.core.reading import Reader, closest
from planctl.core.subscriptions.start import Offered
from planctl.errors import NotFound
from planctl.store import catalog
from planctl.store.mapping import terms_of_text
from planctl.store.sets import table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_O = table("catalog_object")
_V = table("plan_version")
_T = table("terms")


def offered(tx: Tx, plan: str, version: int = 0) -> Offered:
    """The newest version of a plan (or the one asked for), with its offer as it is today; NotFound without one."""
    rows = tx.connection.execute(
        select(_O).where(_O.c.address.in_([f"{section}.{plan}" for section in SOLD]))
    ).all()
    if not rows:
        raise _unknown(tx, plan)
    found = rows[0]
    wanted = version or found.version
    row = tx.connection.execute(
        select(_V.c.terms_hash, _V.c.revision, _T.c.document)
        .join(_T, _T.c.hash == _V.c.terms_hash)
        .where(_V.c.plan == plan, _V.c.version == wanted)
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"plan {plan} has no version {wanted}",
            where=found.address,
            expected=f"1 to {found.version}",
            hint=f"planctl plan versions {plan}",
        )
    terms = terms_of_text(row.terms_hash, row.document)
    group = group_of(tx, terms.group)
    offer = parse_offer(plan, _node(found.document), Reader())
    if found.archived:
        offer = replace(offer, archived=True)
    return Offered(
        plan,
        wanted,
        terms,
        row.terms_hash,
        offer,
        exclusive=terms.kind == "plan" and group is not None and group.exclusive,
        revision=row.revision,
        listed=listed(tx, offer.only_for),
        group=group,
    )


def auto_enabled(tx: Tx) -> list[str]:
    """The ids of plans that every new customer gets, in order; archived ones are none."""
    rows = tx.connection.execute(
        select(_O.c.address, _O.c.document)
        .where(_O.c.address.like("plans.%"), _O.c.archived == 0)
        .order_by(_O.c.address)
    )
    return [
        row.address.partition(".")[2]
        for row in rows
        if parse_offer("", _node(row.document), Reader()).auto_enable
    ]


def group_of(tx: Tx, group: str) -> Group | None:
    """A group of plans; an undeclared one is exclusive with the usual switches, and `""` is none."""
    if not group:
        return None
    row = tx.connection.execute(
        select(_O.c.document).where(_O.c.address == f"groups.{group}")
    ).scalar_one_or_none()
    parsed = None if row is None else parse_group(Entry(Scalar(group), _node(row)), Reader())
    return parsed or Group(group)


def listed(tx: Tx, only_for: OnlyFor | None) -> frozenset[str]:
    """The members of the allowlist's named list, and whoever was allowed by hand."""
    if only_for is None or not only_for.list:
        return frozenset()
    return frozenset(catalog.allow_entries(tx, only_for.list))


def names(tx: Tx) -> Mapping[str, str]:
    """What plans, add-ons and features are called today, by address."""
    rows = tx.connection.execute(
        select(_O.c.address, _O.c.document).where(
            _O.c.address.like("plans.%") | _O.c.address.like("addons.%") | _O.c.address.like("features.%")
        )
    )
    found = {}
    for row in rows:
        document = document_of(row.document)
        name = document.get("name") if isinstance(document, dict) else None
        if isinstance(name, str) and name:
            found[row.address] = name
    return found


def taxes(tx: Tx) -> dict[str, TaxRate]:
    """The tax codes in force, by id; archived ones are left out."""
    rows = tx.connection.execute(
        select(_O.c.address, _O.c.document).where(_O.c.address.like("taxes.%"), _O.c.archived == 0)
    )
    found = {}
    for row in rows:
        code = row.address.partition(".")[2]
        tax = parse_tax(Entry(Scalar(code), node_of(document_of(row.document))), Reader())
        if tax is not None:
            found[code] = tax
    return found


def newest_versions(tx: Tx, plans: Collection[str]) -> dict[str, int]:
    """The newest version's number of each plan that exists."""
    addresses = [f"{section}.{plan}" for plan in plans for section in SOLD]
    rows = tx.connection.execute(select(_O.c.address, _O.c.version).where(_O.c.address.in_(addresses)))
    return {row.address.partition(".")[2]: row.version for row in rows}


def _node(text: str) -> Node:
    node = node_of(document_of(text))
    assert isinstance(node, Node), f"{text!r} is no object"
    return node


def _unknown(tx: Tx, plan: str) -> NotFound:
    addresses = tx.connection.execute(select(_O.c.address)).scalars()
    known = [address.partition(".")[2] for address in addresses if address.partition(".")[0] in SOLD]
    return NotFound(
        f"there is no plan {plan!r}", where=f"plans.{plan}", hint=closest(plan, known) or "planctl plan list"
    )
