"""Compares what a store holds with what a catalog wants: the whole ChangeSet, before anything is written.

What to do with one object follows from its two documents, the archived flags and who manages it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from planctl.core.catalog import guards
from planctl.core.catalog.breaking import hits, stricter
from planctl.core.catalog.changeset import Action, Change, ChangeSet, FieldChange, Holders, StoredCatalog
from planctl.core.catalog.documents import Object
from planctl.core.catalog.emit import catalog_digest, snapshot_document, snapshot_hash
from planctl.core.catalog.fields import TERMS
from planctl.core.catalog.matching import Pair, Sides, matched
from planctl.core.catalog.model import Catalog, Policy
from planctl.core.catalog.parse_sections import parse_policy
from planctl.core.catalog.references import features_used
from planctl.core.catalog.subject import Subject, field_changes, is_below, section_of
from planctl.core.catalog.surroundings import around, currencies_of
from planctl.core.document import Document, node_of
from planctl.core.document import Mapping as MappingNode
from planctl.core.reading import Reader
from planctl.findings import in_order

PRESENTATION_OF_FEATURES = frozenset({"name", "values"})
"""What of a feature's definition changes neither amounts nor access, so that it makes no new plan version."""


def diff(
    stored: StoredCatalog,
    desired: Catalog,
    *,
    holders: Mapping[str, Holders],
    accept: Collection[str] = (),
    take_over: str = "",
) -> ChangeSet:
    """All that apply would do to bring `stored` to `desired`, the rules touched, and why apply refuses.

    `holders` is by address (`plans.pro`). `accept` are fingerprints or `RULE ADDRESS`; the catalog's change
    notes accept too, unless some revision already contained them. `take_over` names another catalog whose
    objects this one may adopt. Findings are about ownership, renames and acceptances; that the catalog is
    valid is taken for granted.
    """
    sides = matched(stored, desired, take_over)
    policies = (stored_policy(stored), desired.policy)
    policy = stricter(*policies)
    drafts = [(pair, change) for pair in sides.pairs if (change := _change(pair, sides, holders)) is not None]
    whole = around(sides, [change for _, change in drafts], policy)
    judged = []
    for pair, change in drafts:
        outside = pair.stored.outside if pair.stored and _overwrites(change) else None
        inherited = frozenset(one.path for one in change.fields if _by_definition(one, pair, sides))
        subject = Subject(change, pair.before, pair.after, outside, inherited, whole)
        judged.append(replace(change, rules=hits(subject, policies)))
    seen = notes_seen(stored, desired)
    given = guards.acceptances(accept, desired.notes, seen)
    changes, unused = guards.accepted(tuple(sorted(judged, key=lambda one: one.address)), given)
    findings = in_order([*sides.findings, *unused, *guards.spent_before(changes, desired.notes, seen)])
    return ChangeSet(
        catalog=desired.name,
        digest=catalog_digest(desired),
        base=stored,
        changes=changes,
        findings=findings,
        left_alone=tuple(sorted(sides.left_alone)),
        refusals=guards.refusals(changes, findings, policy),
        new_notes=tuple(one for one in desired.notes if one not in seen),
    )


def notes_seen(stored: StoredCatalog, desired: Catalog) -> frozenset[str]:
    """The catalog's change notes that an earlier revision of it contained, under this name or another."""
    return frozenset(
        name for name, note in desired.notes.items() if {name, *note.marks(desired.name)} & stored.notes_seen
    )


def stored_policy(stored: StoredCatalog) -> Policy:
    """The policy that the store holds; the built-in one where it has none."""
    found = stored.objects.get("policy")
    node = node_of(found.document) if found and not found.archived else None
    return parse_policy(node if isinstance(node, MappingNode) else None, Reader(currencies_of(stored)))


def _change(pair: Pair, sides: Sides, holders: Mapping[str, Holders]) -> Change | None:
    """What happens to one object, or None where both sides agree."""
    stored, wanted = pair.stored, pair.wanted
    held = holders.get(stored.address if stored else pair.address, Holders())
    if stored is None:
        assert wanted is not None
        fields = field_changes({}, wanted.document)
        return Change(pair.address, "create", 0, 1 if wanted.plan else 0, fields, place=wanted.place)
    if wanted is None:
        version, place = stored.version, stored.place
        archive = Change(pair.address, "archive", version, version, place=place, holders=held)
        return None if stored.archived else archive
    fields = field_changes(pair.before, pair.after)
    versioned = _new_version(pair, fields, sides)
    action = _action(pair, fields, versioned=versioned)
    if action is None:
        return None
    if stored.archived != wanted.archived and action not in {"archive", "unarchive"}:
        fields = (*fields, FieldChange("archived", stored.archived, wanted.archived))
    return Change(
        address=pair.address,
        action=action,
        from_version=stored.version,
        to_version=stored.version + versioned,
        fields=fields,
        place=wanted.place,
        renamed_from=pair.renamed_from,
        indirect=versioned and all(_by_definition(one, pair, sides) for one in fields if is_term(one)),
        holders=held,
    )


def _action(pair: Pair, fields: tuple[FieldChange, ...], *, versioned: bool) -> Action | None:
    """The name of the change: the first of several that fits; fields and versions tell the rest."""
    assert pair.stored is not None
    assert pair.wanted is not None
    if pair.renamed_from:
        return "rename"
    if pair.foreign or not pair.stored.managed_by:
        return "adopt"
    if pair.stored.archived != pair.wanted.archived:
        return "archive" if pair.wanted.archived else "unarchive"
    if versioned:
        return "version"
    return "update" if fields else None


def _overwrites(change: Change) -> bool:
    """Whether carrying it out replaces what somebody may have edited in the shell."""
    return bool(change.fields) or change.action in {"archive", "unarchive"}


# --- versions


def is_term(changed: FieldChange) -> bool:
    """Whether the leaf of a plan is a term, which a subscription snapshots."""
    return changed.path.partition(".")[0].partition("[")[0] in TERMS


def _new_version(pair: Pair, fields: tuple[FieldChange, ...], sides: Sides) -> bool:
    """Whether the terms that a new subscription would snapshot are others than those of the newest version.

    An equal hash says no. A different one may come from ids that a rename replaced, which changes no term:
    then the documents decide.
    """
    plan = pair.wanted.plan if pair.wanted else None
    if plan is None or pair.stored is None:
        return False
    if snapshot_hash(snapshot_document(plan, sides.desired.features)) == pair.stored.terms_hash:
        return False
    if any(is_term(one) for one in fields):
        return True
    features = {f"features.{name}": definition for name, definition in sides.features.items()}
    after = {address: definition.after for address, definition in features.items()} | {
        pair.address: pair.after
    }
    used = features_used(pair.address, after.get)
    return any(_redefined(features[address]) for address in used if address in features)


def _redefined(pair: Pair) -> bool:
    """Whether a feature's definition changes in more than how it is presented."""
    changed = field_changes(pair.before, pair.after) if pair.before and pair.after else ()
    return any(one.path.partition("[")[0] not in PRESENTATION_OF_FEATURES for one in changed)


def _by_definition(changed: FieldChange, pair: Pair, sides: Sides) -> bool:
    """Whether a plan's leaf differs only because it follows a feature's definition, which differs."""
    top, _, rest = changed.path.partition(".")
    feature, _, key = rest.partition(".")
    definition = sides.features.get(feature) if top == "features" else None
    if definition is None:
        return False
    if key == "reset":
        return definition.before.get(key) != definition.after.get(key)
    said = [(pair.before, definition.before), (pair.after, definition.after)]
    return is_below(key, "spends") and all(_spends(plan, feature) == one.get("spends") for plan, one in said)


def _spends(plan: Object, feature: str) -> Document:
    """What the plan's entry of a feature says that it spends."""
    entry = section_of(plan, "features").get(feature)
    return entry.get("spends") if isinstance(entry, dict) else None
