"""A small catalog, the store that holds it, and what changes when words of its text are replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from planctl.core.catalog.changeset import Change, ChangeSet, Holders, StoredCatalog, StoredObject
from planctl.core.catalog.diff import diff
from planctl.core.catalog.emit import catalog_documents, snapshot_document, snapshot_hash
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.files.yaml_reader import read_text

CATALOG = """\
format: planctl.catalog/1
catalog: acme
currencies: {USD: , EUR: , PTS: {name: Points, decimals: 3, iso: false}}
features:
  sso: {type: boolean, name: Single sign-on}
  connectors: {type: list, name: Integrations, values: [hubspot, zapier]}
  minutes: {type: metered, name: Voice, unit: minute}
  chats: {type: metered, name: Chats, unit: chat, spends: {minutes: 1/10}}
  calls: {type: metered, name: Calls, unit: call, event: api.call}
groups:
  main: {name: Plans}
plans:
  basic:
    name: Basic
    group: main
    price: {month: {USD: 19, EUR: 18}}
    features: {minutes: 100}
  pro:
    name: Pro
    group: main
    due: 14 days
    grace: 7 days
    trial: 14 days
    expires: 12 months
    only_for: {domains: [one.example, two.example]}
    price:
      month: {USD: 49, EUR: 46}
      year: {USD: 490, EUR: 460}
    features:
      sso: true
      connectors: [hubspot, zapier]
      minutes: 5_000
      chats: true
      calls: {included: 1_000, beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}}
addons:
  boost:
    name: Boost
    requires: [basic, pro]
    price: {month: {USD: 6, EUR: 5}}
    features: {minutes: 500}
  pack:
    name: Pack
    price: {once: {USD: 15, EUR: 14}}
    wallet: {minutes: 1_000}
coupons:
  tenner: {off: {USD: 10}, for: once}
policy: {max_subscribers_touched: 1_000}
"""


def catalog(text: str = CATALOG) -> Catalog:
    """The catalog of a text that has no errors."""
    source = read_text(text, "catalog.yaml")
    nodes = [(one.name, one.node) for one in source.files if one.node is not None]
    parsed = parse(nodes)
    errors = [finding for finding in (*source.findings, *parsed.findings) if finding.is_error]
    assert not errors, errors
    assert parsed.catalog is not None
    return parsed.catalog


def edited(*replacements: tuple[str, str], text: str = CATALOG) -> str:
    """The text with each pair replaced; each must stand in it exactly once."""
    for old, new in replacements:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the catalog"
        text = text.replace(old, new)
    return text


def stored(of: Catalog, **overrides: Mapping[str, object]) -> StoredCatalog:
    """A store that holds exactly this catalog, applied as revision 41.

    `overrides` replace fields of single objects; the address is written with `__` for the dot.
    """
    objects = {}
    for address, document in catalog_documents(of).items():
        plan = of.plans.get(address.partition(".")[2]) if address.startswith(("plans.", "addons.")) else None
        terms_hash = snapshot_hash(snapshot_document(plan, of.features)) if plan else ""
        objects[address] = StoredObject(
            address, document, version=7 if plan else 0, terms_hash=terms_hash, managed_by=of.name
        )
    for name, fields in overrides.items():
        address = name.replace("__", ".")
        objects[address] = replace(objects[address], **fields)  # type: ignore[arg-type]
    return StoredCatalog("store-1", "prod", 41, objects)


def changed(*replacements: tuple[str, str], held: int = 0, accept: tuple[str, ...] = ()) -> ChangeSet:
    """The diff from the catalog above to its edited text; `held` subscriptions on version 7 of each plan."""
    before = stored(catalog())
    holders = {address: Holders({7: held}) for address in before.objects if address.startswith("plans.")}
    return diff(before, catalog(edited(*replacements)), holders=holders, accept=accept)


def only(changeset: ChangeSet) -> Change:
    """The one change there is."""
    assert len(changeset.changes) == 1, [change.address for change in changeset.changes]
    return changeset.changes[0]


def rules(changeset: ChangeSet) -> list[tuple[str, str, str, str]]:
    """(address, rule, path, level) of every hit."""
    return [
        (change.address, hit.id, hit.path, hit.level) for change in changeset.changes for hit in change.rules
    ]
