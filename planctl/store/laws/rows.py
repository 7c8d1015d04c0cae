"""Laws of what the audit recorded: entries name the rows they changed; rows are as they were left, and no others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from planctl.core.audit import ObjectsDigest
from planctl.core.document import document_of
from planctl.store.audit import entries
from planctl.store.audit_objects import UNSAID, by_entry, by_object, finder, unnamed
from planctl.store.laws.model import Breach
from planctl.store.laws.reading import count_of
from planctl.store.sets import chunks
from planctl.store.touching import AUDITED, hashes

if TYPE_CHECKING:
    from planctl.store.audit_objects import Finder
    from planctl.store.engine import Tx
    from planctl.store.touching import Key

Past = list[tuple[int, str, str]]
"""Number, hash before and hash after of each entry that names a row, oldest first."""

_NEVER = ("the audit names a row that there cannot be",)


def named(tx: Tx) -> Iterator[Breach]:
    """The rows that an entry names are those that its body counts, with the hashes it was written with."""
    kept = by_entry(tx)
    seq, rows = next(kept, (0, iter(())))
    for entry in entries(tx):
        while seq and seq < entry.seq:  # an entry that is missing; the chain says so
            seq, rows = next(kept, (0, iter(())))
        digest = ObjectsDigest()
        if seq == entry.seq:
            for one in rows:
                digest.add(*one)
            seq, rows = next(kept, (0, iter(())))
        expected, found = _said(entry.body), digest.document()
        if expected != found:
            yield Breach(
                f"audit entry {entry.seq}",
                f"it names {expected.get('count', '0')} rows ({expected.get('digest', 'none')[:12]}…), "
                f"{found.get('count', '0')} are kept ({found.get('digest', 'none')[:12]}…)",
            )


def as_audited(tx: Tx) -> Iterator[Breach]:
    """Every row that an entry names is as the last one left it, and was so before each entry that changed it.

    No other row is there, but in tables that are written without an entry: the first entry of a store named all that
    were, and so did the entries of an upgrade. Where no entry names anything yet, nothing is known of any row.
    """
    find, there = finder(tx), Counter[str]()
    for name, objects in groupby(by_object(tx), key=itemgetter(0)):
        if name not in AUDITED:
            for _, said, _ in objects:
                yield Breach(f"{name} {said}", "the audit names a row of a table that is not audited")
            continue
        for some in chunks((said, past) for _, said, past in objects):
            pasts = dict(some)
            for said, now in _as_they_are(tx, name, pasts, find):
                there[name] += bool(now)
                for what in _NEVER if now is None else _breaches(pasts[said], now):
                    yield Breach(f"{name} {said}", what)
    if there:
        yield from _put_in(tx, there)


def _as_they_are(tx: Tx, name: str, said: Iterable[str], find: Finder) -> Iterator[tuple[str, str | None]]:
    """The hash of each of these rows of a table; empty where it is not there, None where it cannot be."""
    named: dict[Key, str] = {}
    for one in said:
        try:
            key = find(name, one)
        except ValueError:
            yield one, None
            continue
        if key is None:
            yield one, ""
        else:
            named[key] = one
    for key, now in hashes(tx, name, named):
        yield named[key], now


def _put_in(tx: Tx, there: Counter[str]) -> Iterator[Breach]:
    """The rows that no entry names; they are looked for where a table has more than those that entries do."""
    for name in AUDITED:
        if name not in UNSAID and count_of(tx, name) > there[name]:
            for said in unnamed(tx, name):
                yield Breach(
                    f"{name} {said}",
                    "no audit entry names it: planctl did not write it, or the audit was edited",
                )


def _breaches(past: Past, now: str) -> Iterator[str]:
    """What happened to a row without an entry."""
    for (earlier, _, left), (seq, found, _) in pairwise(past):
        if found not in ("", left):
            yield f"it was changed between audit entries {earlier} and {seq} without one"
    seq, _, left = past[-1]
    if now == left:
        return
    if not now:
        yield f"it is gone; audit entry {seq} left it with the hash {left[:12]}…"
    elif not left:
        yield f"it is there again; audit entry {seq} removed it"
    else:
        yield f"it was changed past planctl: its hash is {now[:12]}…, audit entry {seq} left it with {left[:12]}…"


def _said(body: str) -> dict[str, str]:
    """What a body says of its rows; nothing where it cannot be read, which the chain tells."""
    try:
        document = document_of(body)
    except ValueError:
        return {}
    objects = document.get("objects") if isinstance(document, dict) else None
    return {key: str(value) for key, value in objects.items()} if isinstance(objects, dict) else {}
