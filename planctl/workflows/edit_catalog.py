"""The journey of a shell edit: one entry, judged as a catalog would be, then one revision. It prints nothing.

Drafting reads what is stored and what was asked, deciding says what comes of it or refuses, keeping writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from planctl.core.catalog.changeset import Change, ChangeSet, StoredCatalog, StoredObject
from planctl.core.catalog.edits import Proposal, entry_of, new_entry, propose
from planctl.core.catalog.entries import with_value
from planctl.core.catalog.references import SOLD
from planctl.core.catalog.standing import address_of, naming, standing
from planctl.core.document import Mapping as Node
from planctl.core.document import Scalar
from planctl.errors import Refused
from planctl.files.plan_options import Options, read_options
from planctl.findings import Finding, Place, in_order
from planctl.store import catalog as store
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Who:
    """Who edits, why and when (UTC microseconds), for the revision.

    `outside`: objects that a catalog manages may be edited, which is recorded and shown by its next diff.
    """

    actor: str
    at: int
    reason: str = ""
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """An edited entry as people write it, with what of the options could not be read, and their texts."""

    address: str
    entry: Node
    stored: StoredCatalog
    findings: tuple[Finding, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """What an edit does. Where `usable` is not said, findings stop it and there is nothing to keep."""

    address: str
    proposal: Proposal
    findings: tuple[Finding, ...]
    texts: Mapping[str, str]

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.is_error for finding in self.findings)

    @property
    def changes(self) -> ChangeSet:
        """The changes, without a catalog's name: no catalog made them."""
        return self.proposal.changes

    @property
    def takes_from_sale(self) -> tuple[Change, ...]:
        """The plans that are archived although somebody holds them."""
        return tuple(one for one in self.changes.changes if one.action == "archive" and one.holders.total)


# --- drafting


def draft_new(tx: Tx, address: str, options: Options) -> Draft:
    """A new plan, add-on or feature from options; Refused where its id is taken."""
    stored = store.stored_catalog(tx)
    section, _, object_id = address.partition(".")
    for other in SOLD if section in SOLD else (section,):
        taken = stored.objects.get(f"{other}.{object_id}")
        if taken is not None:
            raise _exists(taken)
    return _drafted(stored, address, new_entry(address), options)


def draft_edit(tx: Tx, noun: str, object_id: str, options: Options) -> Draft:
    """A stored plan or feature with options over its entry; NotFound where it is not there."""
    stored = store.stored_catalog(tx)
    address = address_of(stored, noun, object_id)
    entry = entry_of(stored, address)
    return _drafted(stored, address, new_entry(address) if options.file else entry, options)


def draft_value(tx: Tx, noun: str, object_id: str, key: str, value: str) -> Draft:
    """A stored object with one key of its entry set, such as `archived` or `visibility`."""
    stored = store.stored_catalog(tx)
    address = address_of(stored, noun, object_id)
    entry = with_value(entry_of(stored, address), (key,), Scalar(value, Place(address)))
    return Draft(address, entry, stored)


def _drafted(stored: StoredCatalog, address: str, entry: Node, options: Options) -> Draft:
    read = read_options(address, entry, options)
    return Draft(address, read.entry, stored, tuple(read.findings), read.texts)


def _exists(taken: StoredObject) -> Refused:
    section, _, object_id = taken.address.partition(".")
    noun = "feature" if section == "features" else "plan"
    if not taken.archived:
        fix = f"change it with: planctl {noun} edit {object_id}"
    elif noun == "plan":
        fix = f"bring it back with: planctl plan unarchive {object_id}"
    else:
        fix = f"bring it back with: planctl feature edit {object_id} --set archived=false"
    state = "is archived" if taken.archived else "exists"
    return Refused(f"{taken.address} {state}", code="exists-already", where=taken.address, hint=fix)


# --- deciding and keeping


def decide(tx: Tx, draft: Draft, *, outside: bool) -> Decided:
    """What the draft comes to against everything stored.

    Refused where it would change an object that a catalog manages (unless `outside`), or break a rule that
    no edit may break. Findings are answered, not raised.
    """
    proposal = propose(draft.stored, {draft.address: draft.entry}, store.holders(tx))
    decided = Decided(
        draft.address, proposal, in_order([*draft.findings, *proposal.findings]), dict(draft.texts)
    )
    for change in decided.changes.changes:
        _refuse_managed(draft.stored.objects.get(change.address), outside)
    for change in decided.changes.changes:
        _refuse_broken(change)
    return decided


def _refuse_managed(found: StoredObject | None, outside: bool) -> None:
    if found is None or not found.managed_by or outside:
        return
    where = f" in {found.place.file}:{found.place.line}" if found.place.file else ""
    raise Refused(
        f"{found.address} is managed by the catalog {found.managed_by}{where}",
        code="managed",
        where=found.address,
        expected="an edit of that file and catalog apply",
        hint="edit the file, or pass --outside: the next catalog diff will show it as drift",
    )


def _refuse_broken(change: Change) -> None:
    for hit in change.rules:
        if hit.level == "error":
            raise Refused(
                hit.detail or "no edit may do that",
                code=hit.id,
                where=change.address,
                hint="change what depends on it first",
            )


def keep(tx: Tx, decided: Decided, who: Who) -> int:
    """Write the changes as a revision; its number, or the last one's where nothing changes."""
    assert decided.usable, "an edit with errors is never kept"
    write = store.CatalogWrite.of(
        decided.changes, decided.proposal.catalog, actor=who.actor, at=who.at
    )  # an edit stands in no file
    return store.write_changes(tx, replace(write, reason=who.reason, places={}, outside=True))


def purge_plan(tx: Tx, plan_id: str, who: Who) -> int:
    """Delete a plan that was never assigned, with its versions; the revision's number.

    Refused where anybody ever had it, where a catalog manages it, and where something stored names it.
    """
    stored = store.stored_catalog(tx)
    address = address_of(stored, "plan", plan_id)
    _refuse_managed(stored.objects[address], who.outside)
    named = [one for one in naming(stored, plan_id) if one != address]
    if named:
        raise Refused(
            f"{', '.join(named)} still {'names' if len(named) == 1 else 'name'} {plan_id}",
            code="plan-named",
            where=address,
            hint=f"remove it there first, or keep it: planctl plan archive {plan_id}",
        )
    return store.purge_plan(tx, plan_id, actor=who.actor, at=who.at, reason=who.reason)


# --- named lists


def allow(tx: Tx, plan_id: str, entries: Sequence[str]) -> tuple[str, int]:
    """Put customers, e-mail addresses or domains on the plan's list; its name and how many were new."""
    name = _list_of(tx, plan_id)
    return name, store.allow(tx, name, [_entered(entry) for entry in entries])


def disallow(tx: Tx, plan_id: str, entries: Sequence[str]) -> tuple[str, int]:
    """Take entries off the plan's list; its name and how many were on it. Who holds the plan keeps it."""
    name = _list_of(tx, plan_id)
    both = {form for entry in entries for form in (entry.strip(), _entered(entry))}
    return name, store.disallow(tx, name, sorted(both))


def _list_of(tx: Tx, plan_id: str) -> str:
    stored = store.stored_catalog(tx)
    address = address_of(stored, "plan", plan_id)
    only_for = standing(stored, {}).plans[plan_id].plan.offer.only_for
    if only_for is None or not only_for.list:
        state = "is open to everybody" if only_for is None else "names its customers in the catalog"
        raise Refused(
            f"plan {plan_id} {state}: it has no list",
            code="no-list",
            where=address,
            expected="only_for: {list: NAME}",
            hint=f"planctl plan edit {plan_id} --set only_for.list={plan_id}",
        )
    return only_for.list


def _entered(entry: str) -> str:
    """An entry as it is kept: e-mail addresses in small letters, `@example.org` as its domain."""
    text = entry.strip()
    return text.lower().removeprefix("@") if "@" in text else text
