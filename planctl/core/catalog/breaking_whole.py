"""The compatibility rules about objects as wholes: archiving, renaming, drift, currencies. It knows no terms.

Each function answers with the places where its rule is touched; levels and fingerprints are breaking.py's.
"""

from __future__ import annotations

from collections.abc import Iterator

from planctl.core.catalog.changeset import FieldChange
from planctl.core.catalog.references import SOLD
from planctl.core.catalog.subject import Hit, Subject, hit_of, is_below
from planctl.core.document import Document


def archive_with_subscribers(subject: Subject) -> Iterator[Hit]:
    """A plan that somebody holds is archived; they keep it, renewals included.

    How many they are is said but makes no other finding: who accepted it accepted it for one more too.
    """
    held = subject.holders.total
    if subject.action == "archive" and held and subject.section in SOLD:
        keep = "subscriptions keep" if held > 1 else "subscription keeps"
        yield Hit(detail=f"{held:,} running {keep} it")


def archive_referenced(subject: Subject) -> Iterator[Hit]:
    """Something that remains refers to what is archived."""
    referrers = subject.around.referrers.get(subject.address, ())
    if referrers:
        yield Hit(before=list(referrers), detail="still used by " + ", ".join(referrers))


def possible_rename(subject: Subject) -> Iterator[Hit]:
    """A new object looks like one that goes; a rename keeps its subscribers and says so with `was`."""
    other = subject.around.look_alikes.get(subject.address)
    if other:
        old_id = other.partition(".")[2]
        detail = f"it looks like {other}, which goes: to rename that, write was: {old_id}"
        yield Hit(before=other, detail=detail)


def overwrites_outside_edit(subject: Subject) -> Iterator[Hit]:
    """What somebody changed in the shell since the catalog was applied is replaced, or goes with its object.

    Where it is known what the catalog had written, that is said of each value, and a value that the files do
    not replace is none of it.
    """
    if subject.outside is None or subject.action == "create":
        return
    revision, actor = subject.outside
    since = f"changed outside git since revision {revision} by {actor}"
    drift = subject.around.drifts.get(subject.address)
    if drift is None or (subject.action == "archive" and not subject.change.fields):
        yield Hit(before=[str(revision), actor], detail=since)
        return
    for one in drift:
        if any(
            is_below(one.path, other.path) or is_below(other.path, one.path) for other in replaced(subject)
        ):
            yield hit_of(one, f"{one.path} {since}: {said(one.before)} → {said(one.after)}")


def replaced(subject: Subject) -> tuple[FieldChange, ...]:
    """The leaves that the change replaces, the flag that says whether the object is archived among them."""
    if subject.action not in {"archive", "unarchive"}:
        return subject.change.fields
    was_archived = subject.action == "unarchive"
    return (*subject.change.fields, FieldChange("archived", was_archived, not was_archived))


def said(value: Document) -> str:
    """A value in a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return f"[{', '.join(map(said, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {said(item)}" for key, item in value.items()) + "}"
    return value if isinstance(value, str) else str(value).lower()


def currency_decimals_changed(subject: Subject) -> Iterator[Hit]:
    """Every stored amount counts in the currency's smallest unit, so its decimals can never change."""
    if subject.section == "currencies" and subject.continues:
        yield from (hit_of(changed) for changed in subject.fields("decimals"))


def empty_catalog(subject: Subject) -> Iterator[Hit]:
    """Everything that is sold would be archived: more often a wrong directory than a decision."""
    yield from _of_catalog(subject, "empty-catalog")


def mass_archive(subject: Subject) -> Iterator[Hit]:
    """More than 30 % of at least 10 objects would be archived at once."""
    yield from _of_catalog(subject, "mass-archive")


def _of_catalog(subject: Subject, rule: str) -> Iterator[Hit]:
    sentence = subject.around.catalog_refusals.get(rule)
    if sentence and subject.action == "archive":
        yield Hit(detail=sentence)
