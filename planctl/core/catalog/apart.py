"""Knows how terms that are held differ from the newest ones; it says neither who holds them nor what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field

from planctl.core.catalog.subject import field_changes, is_below
from planctl.core.document import Document
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Apart:
    """How terms that are held differ from the newest version's.

    `keeps` are leaves of the terms held that the newest version no longer has or has otherwise, `lacks` the
    newest version's, both by path (`features.minutes.included`). `dropped` are features that the newest version
    grants no more and `added` those it grants in addition; their leaves are among the others.
    """

    keeps: Mapping[str, Document] = field(default_factory=dict)
    lacks: Mapping[str, Document] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def apart_of(held: Document, newest: Document, agreed: Collection[str] = ()) -> Apart:
    """How the snapshot `held` differs from the newest one, but for what lies at the paths that were `agreed`."""
    keeps, lacks = (
        {path: value for path, value in leaves.items() if not any(is_below(path, one) for one in agreed)}
        for leaves in terms_apart(held, newest)
    )
    old, new = (_granted(snapshot) for snapshot in (held, newest))
    names = {path.split(".")[1] for path in (*keeps, *lacks) if path.startswith("features.")}
    dropped = tuple(name for name in old if name not in new and name in names)
    added = tuple(name for name in new if name not in old and name in names)
    return Apart(keeps, lacks, dropped, added)


def terms_apart(held: Document, newest: Document) -> tuple[dict[str, Document], dict[str, Document]]:
    """What the snapshot `held` keeps and lacks against the newest one; both empty where terms are equal.

    Definitions of features count below `definitions` where both use the feature.
    """
    old, new = _parts(held), _parts(newest)
    both = old["features"].keys() & new["features"].keys()
    changed = [
        *field_changes(old["plan"], new["plan"]),
        *field_changes(_definitions(old, both), _definitions(new, both)),
    ]
    keeps: dict[str, Document] = {one.path: one.before for one in changed if one.before is not None}
    lacks: dict[str, Document] = {one.path: one.after for one in changed if one.after is not None}
    return keeps, lacks


def _granted(snapshot: Document) -> list[str]:
    """The features that a snapshot's plan has, in its order; `false` grants nothing."""
    features = _parts(snapshot)["plan"].get("features")
    if not isinstance(features, dict):
        return []
    return [name for name, entry in features.items() if entry not in (False, None)]


def _parts(snapshot: Document) -> dict[str, dict[str, Document]]:
    assert isinstance(snapshot, dict), "a snapshot is a map"
    found = {}
    for key in ("plan", "features"):
        value = snapshot.get(key)
        found[key] = value if isinstance(value, dict) else {}
    return found


def _definitions(parts: dict[str, dict[str, Document]], features: Collection[str]) -> dict[str, Document]:
    return {f"definitions.{name}": parts["features"][name] for name in sorted(features)}
