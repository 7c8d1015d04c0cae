"""Decides what a catalog's files shall say once shell edits are pulled into them; it knows no text and no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from planctl.core.catalog.changeset import FieldChange, StoredCatalog, StoredObject
from planctl.core.catalog.documents import Object
from planctl.core.catalog.drift import flagged, merged
from planctl.core.catalog.edits import FLAGGED
from planctl.core.catalog.matching import Pair, Sides, matched
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.references import SOLD, mapped, references, renaming
from planctl.core.catalog.subject import field_changes, texts_of
from planctl.findings import Finding
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """An object that was edited outside, and what the files shall say of it.

    `fields` are the leaves that change in the files, `replaced` those of them that the files had changed too: of
    both `before` is what the files say and `after` what the store says. `again`: the files had dropped it.
    """

    address: str
    since: int
    actor: str
    fields: tuple[FieldChange, ...]
    replaced: tuple[FieldChange, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Pull:
    """What every object of the files shall mean (None: its entry goes), and why.

    `adopted` are objects made in the shell that get an entry; each with the objects taken that cannot be without
    it, none where it was asked for. `left_alone` were made in the shell too and get none.
    """

    wanted: Mapping[str, Object | None] = field(default_factory=dict)
    taken: tuple[Taken, ...] = ()
    adopted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_alone: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the files say already all that the store holds of what they manage."""
        return not self.taken and not self.adopted


def propose_pull(stored: StoredCatalog, desired: Catalog, *, adopt: bool) -> Pull:
    """What the files of `desired` shall say, so that applying them replaces no edit that the shell made.

    Where both changed the same leaf, the store wins. What the files changed on their own stays, and so does what
    an edited plan hands on to those that are like it. `adopt`: objects made in the shell get entries too; those
    that an edited object cannot be without get them in any case.
    """
    sides = matched(stored, desired, "")
    wanted: dict[str, Object | None] = {}
    taken: list[Taken] = []
    for pair in sides.pairs:
        files = flagged(pair.wanted.document, pair.wanted.archived) if pair.wanted else None
        found = _taken(pair, files, sides)
        if found is None:
            if files is not None:
                wanted[pair.address] = files
            continue
        document, one = found
        wanted[pair.address] = document
        if one.fields or one.again:
            taken.append(one)
    _keep_what_is_used(sides.pairs, wanted, taken)
    shell = {address: one for address, one in stored.objects.items() if _is_shells(one, sides.left_alone)}
    adopted = dict.fromkeys(shell, ()) if adopt else _needed(shell, wanted, taken)
    wanted |= {address: flagged(shell[address].document, archived=False) for address in adopted}
    left = tuple(address for address in sorted(shell) if address not in adopted)
    return Pull(wanted, tuple(taken), adopted, left, tuple(sides.findings))


def _keep_what_is_used(pairs: list[Pair], wanted: dict[str, Object | None], taken: list[Taken]) -> None:
    """An entry does not go while another one cannot be without it, be that an archived plan's group."""
    used = {
        target
        for address, document in wanted.items()
        if document is not None
        for target in references(address, document)
    }
    for pair in pairs:
        if pair.address in used and pair.wanted and wanted[pair.address] is None:
            wanted[pair.address] = flagged(pair.wanted.document, pair.wanted.archived)
            taken[:] = [one for one in taken if one.address != pair.address]


def _is_shells(one: StoredObject, left_alone: list[str]) -> bool:
    return not one.managed_by and one.address in left_alone


def _taken(pair: Pair, files: Object | None, sides: Sides) -> tuple[Object | None, Taken] | None:
    """The document that an object edited outside shall have, and what that changes; None for any other."""
    one = pair.stored
    if one is None or one.outside is None or one.managed_by != sides.desired.name:
        return None
    store = flagged(pair.before, one.archived)
    since, actor = one.outside
    goes = one.archived and pair.address.partition(".")[0] not in FLAGGED
    if files is None:
        return None if one.archived else (store, Taken(pair.address, since, actor, (), again=True))
    if goes:
        gone = FieldChange("archived", before=False, after=True)
        return None, Taken(pair.address, since, actor, (gone,))
    merge = merged(_written(one, sides) or files, files, store)
    fields = field_changes(files, merge.document)
    return merge.document, Taken(pair.address, since, actor, fields, merge.replaced)


def _written(one: StoredObject, sides: Sides) -> Object | None:
    """What the catalog last wrote of an object, speaking of what the files rename by its new ids, as they do."""
    if one.written is None:
        return None
    document = mapped(one.address, one.written.document, renaming(sides.renames))
    return flagged(document, one.written.archived)


def _needed(
    shell: Mapping[str, StoredObject], wanted: Mapping[str, Object | None], taken: list[Taken]
) -> dict[str, tuple[str, ...]]:
    """What the taken objects cannot be without, and what that cannot be without in turn."""
    found: dict[str, tuple[str, ...]] = {}
    waiting = [(one.address, wanted[one.address]) for one in taken]
    while waiting:
        address, document = waiting.pop(0)
        for target in _named(address, document) if document is not None else ():
            if target in shell and address not in found.get(target, ()):
                if target not in found:
                    needed = shell[target].document
                    assert isinstance(needed, dict)
                    waiting.append((target, needed))
                found[target] = (*found.get(target, ()), address)
    return found


def _named(address: str, document: Object) -> Iterator[str]:
    yield from sorted(references(address, document))
    for plan in sorted(texts_of(document.get("requires"))):
        yield from (f"{section}.{plan}" for section in SOLD)
