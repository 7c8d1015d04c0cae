"""What a command leaves in the audit, and where the settings keep the audit's tip. It opens no transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from planctl.cli.requests import impersonal, plain, without_secrets
from planctl.errors import InvalidInput, PlanctlError, Refused
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.cli.acting import Acting
    from planctl.core.audit import Anchor, Touched
    from planctl.files.anchors import Place
    from planctl.store.engine import Tx
    from planctl.views.sheet import Json

BEFORE_ADOPTING = frozenset({"store upgrade", "store restore", "store adopt"})
"""What may be done with a store that is older than its anchor: only a store of this schema can be adopted.

Another copy may have been adopted more often; then this one is adopted until its generation is no older.
"""


@dataclass(frozen=True, slots=True)
class Anchored:
    """The tips that are kept in a place, as it was told; of every store that keeps some there."""

    place: str
    anchors: Sequence[Anchor]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a write answers, with more for the audit: objects touched, rows by kind, amounts by currency.

    `changed` False: everything was as asked already, so there is nothing to audit and nothing to undo.
    """

    document: Json
    touched: tuple[Touched, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, str] = field(default_factory=dict)
    changed: bool = True


def append_entry(acting: Acting, tx: Tx, request: Json, kept: Kept) -> Anchor | None:
    """Audit a write in its own transaction; the tip to keep elsewhere once that is committed, if it is to be kept."""
    from planctl.cli.who import origin
    from planctl.core.audit import AuditEntry
    from planctl.store.audit import anchor_of, append

    said = without_secrets(plain(request))
    personal = acting.command.startswith("customer")
    entry = AuditEntry(
        at=acting.now,
        actor=acting.actor,
        command=acting.command,
        arguments=impersonal(said) if personal else said,
        as_of=acting.as_of(tx) if acting.settings.as_of else None,
        reason=acting.reason,
        key=acting.given.key or "",
        origin=origin(),
        touched=kept.touched,
        counts=kept.counts,
        totals=kept.totals,
    )
    is_kept = bool(acting.settings.anchor) and not tx.discards and _goes_on(acting, tx)
    append(tx, entry)
    return anchor_of(tx, acting.now) if is_kept else None


def has_rest(tx: Tx) -> bool:
    """Whether a transaction that is kept has changed rows that people set, and no entry names them yet."""
    if not tx.touched or tx.discards:
        return False
    from planctl.store.audit_objects import has_unnamed

    return has_unnamed(tx)


# --- the tip, kept elsewhere ---------------------------------------------------------------------


def keep_tip(acting: Acting, anchor: Anchor) -> str:
    """Keep the tip of what was committed where the settings say; a warning where that could not be done.

    The command has done what it was asked for: its exit code stays.
    """
    from planctl.files.anchors import keep

    try:
        place = place_of(acting)
        assert place is not None, "a tip is made where the settings name a place"
        keep(place, anchor)
    except PlanctlError as error:
        return (
            f"warning: audit entry {anchor.tip.seq} was written and not anchored: {error.where}: {error.got}"
        )
    return ""


def check_anchor(acting: Acting, tx: Tx) -> None:
    """Refused (`store-behind-anchor`) where the file that the settings anchor in knows more than the store does.

    Then the store is older than what was done with it: put back from a copy, or rolled back. A test store may be.
    """
    place = place_of(acting)
    if place is None or place.kind != "file":
        return
    from planctl.files.anchors import last_anchor
    from planctl.store.audit import check_reaches
    from planctl.store.settings import identity

    who = identity(tx)
    if not who.is_test:
        last = last_anchor(place, who.store_id, who.generation, who.adoption)
        check_reaches(tx, last, str(place))


def _goes_on(acting: Acting, tx: Tx) -> bool:
    """`check_anchor` before every entry: a store that was rolled back would catch up with its anchor unseen.

    False for what brings such a store to where it can be adopted: its tip is not kept. Where the place cannot be
    read nobody is stopped: that the tip is not kept there is said once it is written.
    """
    try:
        check_anchor(acting, tx)
    except Refused:
        if acting.command not in BEFORE_ADOPTING:
            raise
        return False
    except PlanctlError:
        return True
    return True


def place_of(acting: Acting, said: str = "", option: str = "") -> Place | None:
    """The place that an `option` said, else that of the setting; None where neither names one."""
    from planctl.files.anchors import Place

    if said:
        return Place.of(said, option)
    setting = acting.settings.values["anchor"]
    return Place.of(setting.text, setting.origin) if setting.text else None


def anchors_at(acting: Acting, said: str) -> Anchored | None:
    """The tips that were kept where `--anchor` says, or the setting; None where neither says anything.

    A file of the setting that is not there has none: nobody can tell whether it never was or was taken away.
    """
    from planctl.core.audit import Anchor
    from planctl.files.anchors import anchors

    typed = Anchor.of_line(said)
    if typed is not None:
        return Anchored(said, [typed])
    if said and said[0].isdigit() and " " in said:
        raise _no_tip(said)
    place = place_of(acting, said, "--anchor")
    if place is None:
        return None
    if place.is_there():
        return Anchored(str(place), list(anchors(place)))
    if said:
        raise _no_tip(said)
    return Anchored(str(place), [])


def _no_tip(said: str) -> InvalidInput:
    return InvalidInput(
        "that is no tip of an audit, and no file where some are kept",
        where="--anchor",
        expected="a file, journal, git[:REPOSITORY], or a number and 64 hexadecimal digits",
        got=said,
        hint="planctl audit anchor --to PLACE keeps the tip",
    )
