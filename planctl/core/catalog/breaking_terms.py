"""The compatibility rules about what a plan gives and asks: allowances, features, days, access.

Each function answers with the places where its rule is touched; levels and fingerprints are breaking.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from planctl.core.catalog.documents import Object
from planctl.core.catalog.subject import Hit, Subject, hit_of, number_of, section_of, texts_of
from planctl.core.document import Document
from planctl.core.periods import Interval

_RESETS = ("day", "week", "month", "default", "interval", "never")
"""How often an allowance comes back, from the most to the least often."""


# --- allowances and features


def allowance_decrease(subject: Subject) -> Iterator[Hit]:
    """Less is included, it comes back less often, less rolls over, a wallet or `up_to` is smaller."""
    for feature, old, new in _entries(subject):
        path = f"features.{feature}"
        if _less(old.get("included"), new.get("included"), missing=Fraction(0)):
            yield Hit(f"{path}.included", old.get("included"), new.get("included"))
        if _less_often(old, new):
            yield Hit(f"{path}.reset", old.get("reset"), new.get("reset"), "the same amount must last longer")
        if _less_rollover(old.get("rollover"), new.get("rollover")):
            yield Hit(f"{path}.rollover", old.get("rollover"), new.get("rollover"))
        before, after = section_of(old, "beyond"), section_of(new, "beyond")
        if before and after and _less(before.get("up_to"), after.get("up_to"), missing=None):
            yield Hit(f"{path}.beyond.up_to", before.get("up_to"), after.get("up_to"))
    if subject.sold:
        old_wallet, new_wallet = section_of(subject.before, "wallet"), section_of(subject.after, "wallet")
        for feature in sorted(old_wallet):
            if _less(old_wallet[feature], new_wallet.get(feature), missing=Fraction(0)):
                yield Hit(f"wallet.{feature}", old_wallet[feature], new_wallet.get(feature))


def feature_removed(subject: Subject) -> Iterator[Hit]:
    """A feature or a value of a list is granted no more."""
    if subject.section == "features" and subject.continues:
        gone = texts_of(subject.before.get("values")) - texts_of(subject.after.get("values"))
        if gone and subject.after.get("values"):
            yield _values_gone("values", subject.before, subject.after, gone)
    if not subject.sold:
        return
    old, new = section_of(subject.before, "features"), section_of(subject.after, "features")
    for feature in sorted(old):
        if _granted(old[feature]) and not _granted(new.get(feature)):
            yield Hit(f"features.{feature}", old[feature], new.get(feature))
    for feature, before, after in _entries(subject):
        gone = texts_of(before.get("values")) - texts_of(after.get("values"))
        if gone:
            yield _values_gone(f"features.{feature}.values", before, after, gone)


def conversion_worse(subject: Subject) -> Iterator[Hit]:
    """A unit spends more of another feature than before, or may not spend it any more.

    A plan that only follows the feature's definition is told there, once.
    """
    sides: list[tuple[str, Object, Object]] = []
    if subject.section == "features" and subject.continues:
        sides.append(("spends", section_of(subject.before, "spends"), section_of(subject.after, "spends")))
    for feature, old, new in _entries(subject):
        sides.append((f"features.{feature}.spends", section_of(old, "spends"), section_of(new, "spends")))
    for path, before, after in sides:
        for target in sorted(before):
            if f"{path}.{target}" in subject.inherited:
                continue
            ratios = number_of(before[target]), number_of(after.get(target))
            if ratios[0] is not None and (ratios[1] is None or ratios[1] > ratios[0]):
                yield Hit(f"{path}.{target}", before[target], after.get(target))


def _entries(
    subject: Subject,
) -> Iterator[tuple[str, Object, Object]]:
    """The features that both sides grant; `true` and lists are entries with one key or none."""
    if not subject.sold:
        return
    old, new = section_of(subject.before, "features"), section_of(subject.after, "features")
    for feature in sorted(set(old) & set(new)):
        if old[feature] != new[feature] and _granted(old[feature]) and _granted(new[feature]):
            yield feature, _entry(old[feature]), _entry(new[feature])


def _granted(entry: Document) -> bool:
    return entry is not None and entry is not False and entry != "false"


def _entry(entry: Document) -> Object:
    if isinstance(entry, dict):
        return entry
    return {"values": entry} if isinstance(entry, list) else {}


def _values_gone(path: str, before: Object, after: Object, gone: frozenset[str]) -> Hit:
    return Hit(path, before.get("values"), after.get("values"), "gone: " + ", ".join(sorted(gone)))


def _less(before: Document, after: Document, *, missing: Fraction | None) -> bool:
    """Whether a limit is lower; `unlimited` is above every number, as an absent one with `missing=None`."""
    old, new = (_limit(value, missing) for value in (before, after))
    return new is not None and (old is None or new < old)


def _limit(value: Document, missing: Fraction | None) -> Fraction | None:
    if value is None:
        return missing
    return None if value in {"unlimited", "none"} else number_of(value)


def _less_often(old: Object, new: Object) -> bool:
    before, after = old.get("reset"), new.get("reset")
    if before == after or before not in _RESETS or after not in _RESETS or new.get("included") == "unlimited":
        return False
    return _RESETS.index(str(after)) > _RESETS.index(str(before))


def _less_rollover(before: Document, after: Document) -> bool:
    if before == after or before in {None, "", "none"} or after == "all":
        return False
    old, new = number_of(before), number_of(after)
    return before == "all" or (old is not None and (new is None or new < old))


# --- days


def due_shorter(subject: Subject) -> Iterator[Hit]:
    """An invoice must be paid sooner."""
    yield from _fewer_days(subject, "due")


def grace_shorter(subject: Subject) -> Iterator[Hit]:
    """Service stops sooner after the due day; `never` is longer than any number of days."""
    yield from _fewer_days(subject, "grace")


def trial_shorter(subject: Subject) -> Iterator[Hit]:
    """The trial has fewer days or is gone."""
    if subject.sold:
        before, after = (section_of(side, "trial").get("days") for side in (subject.before, subject.after))
        old, new = number_of(before) or 0, number_of(after) or 0
        if new < old:
            yield Hit("trial.days", before, after)


def expiry_shorter(subject: Subject) -> Iterator[Hit]:
    """It ends sooner, or may: `period` and `subscription` have no length of their own to compare."""
    for changed in subject.fields("expires"):
        if subject.sold and _ends_sooner(str(changed.before), str(changed.after)):
            yield hit_of(changed)


def _fewer_days(subject: Subject, key: str) -> Iterator[Hit]:
    for changed in subject.fields(key):
        old, new = number_of(changed.before), number_of(changed.after)
        if subject.sold and new is not None and (old is None or new < old):
            yield hit_of(changed)


def _ends_sooner(before: str, after: str) -> bool:
    if after == "never" or (before, after) == ("period", "subscription"):
        return False
    try:
        return Interval.parse(after) < Interval.parse(before)
    except ValueError:
        return True


# --- access


def requires_narrowed(subject: Subject) -> Iterator[Hit]:
    """Fewer plans allow the add-on: one less in the list, or a list where every plan did."""
    for changed in subject.fields("requires"):
        old, new = texts_of(changed.before), texts_of(changed.after)
        if subject.sold and new and (not old or old - new):
            yield hit_of(changed)


def only_for_narrowed(subject: Subject) -> Iterator[Hit]:
    """Fewer people may have the plan; a list in the store that is named anew or no more may be either."""
    old, new = section_of(subject.before, "only_for"), section_of(subject.after, "only_for")
    if not subject.sold or not new or old == new:
        return
    if not old:
        yield Hit("only_for", subject.before.get("only_for"), new, "it was for everybody")
        return
    for key in ("emails", "domains"):
        if texts_of(old.get(key)) - texts_of(new.get(key)):
            yield Hit(f"only_for.{key}", old.get(key), new.get(key))
    if old.get("list") and old.get("list") != new.get("list"):
        yield Hit("only_for.list", old.get("list"), new.get("list"))


def hidden(subject: Subject) -> Iterator[Hit]:
    """Customers do not see the plan any more; those who have it keep it."""
    for changed in subject.fields("visibility"):
        if subject.sold and changed.after == "inactive":
            yield hit_of(changed)


def auto_enable_changed(subject: Subject) -> Iterator[Hit]:
    """New customers get the plan by themselves from now on, or no more."""
    if subject.sold:
        yield from (hit_of(changed) for changed in subject.fields("auto_enable"))
