"""The audit as values: what one entry says, how entries are chained, where a chain breaks. It keeps nothing.

`hash = sha256("planctl-audit-v1" NUL previous-hash body)`, so that no entry can be changed or taken out of
the middle unseen. What was cut off the end, or written anew as a whole, shows only against a tip that was
kept elsewhere.
Source: RFC 6962, section 2.1, for the prefix that separates these hashes from all others.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from planctl.core.document import Document, canonical, document_of
from planctl.core.instants import Instant, instant_text
from planctl.values import dataclass

FIRST = "0" * 64
"""What the first entry follows."""

_PREFIX = b"planctl-audit-v1\0"


@dataclass(frozen=True, slots=True)
class Touched:
    """One object that a command changed: its table, its id, the hashes of its content before and after.

    A hash is empty where there was nothing before, or is nothing after.
    """

    table: str
    id: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One write: who, when, which command, why, and what it touched. It holds no secret and no personal data.

    `at` is the machine's clock, `as_of` the instant the command believed it was. `origin` says where the
    actor sat (uid, sudo_user, host, pid, tty …). `arguments` are the parsed ones. `counts` are rows by what
    they are; `totals` decimal amounts by currency. `key` is the operation's key.
    """

    at: Instant
    actor: str
    command: str
    arguments: Document = None
    as_of: Instant | None = None
    reason: str = ""
    key: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)
    touched: tuple[Touched, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """An entry as it is kept: number, the hash it follows, its own hash, and its body's canonical text."""

    seq: int
    prev: str
    hash: str
    body: str

    @property
    def document(self) -> Document:
        """The body as a document."""
        return document_of(self.body)


@dataclass(frozen=True, slots=True)
class Tip:
    """The last entry of a chain: what to keep in another place. `seq` 0 with FIRST: nothing yet."""

    seq: int = 0
    hash: str = FIRST


def body_text(entry: AuditEntry, program: Mapping[str, str]) -> str:
    """The canonical text of an entry, in Unicode's composed form; `program` says which planctl wrote it.

    What was not said is left out. Instants are RFC 3339, numbers decimal text.
    """
    said: dict[str, Document] = {
        "at": instant_text(entry.at),
        "actor": entry.actor,
        "origin": dict(entry.origin),
        "program": dict(program),
        "command": entry.command,
        "arguments": entry.arguments,
        "as_of": None if entry.as_of is None else instant_text(entry.as_of),
        "reason": entry.reason,
        "key": entry.key,
        "touched": [_touched(one) for one in entry.touched],
        "counts": {what: str(count) for what, count in entry.counts.items()},
        "totals": dict(entry.totals),
    }
    return canonical(
        _composed({key: value for key, value in said.items() if value not in (None, "", {}, [])})
    )


def chain_hash(prev: str, body: str) -> str:
    """The hash of an entry that follows the one with hash `prev`; 64 hexadecimal digits."""
    return hashlib.sha256(_PREFIX + prev.encode() + body.encode()).hexdigest()


def chained(tip: Tip, body: str) -> ChainedEntry:
    """The entry that goes on from `tip`."""
    return ChainedEntry(tip.seq + 1, tip.hash, chain_hash(tip.hash, body), body)


def broken(entries: Iterable[ChainedEntry], anchor: Tip | None = None) -> Iterator[str]:
    """A sentence for every place where the chain does not hold; `entries` in order of their numbers.

    `anchor` is a tip that was kept elsewhere: the chain must still contain it.
    """
    tip = Tip()
    anchored = anchor is None or anchor.seq == 0
    for entry in entries:
        if entry.seq != tip.seq + 1:
            yield f"audit entry {tip.seq + 1} is missing: the next one there is {entry.seq}"
        elif entry.prev != tip.hash:
            yield f"audit entry {entry.seq} follows {entry.prev[:12]}…, expected {tip.hash[:12]}…"
        expected = chain_hash(entry.prev, entry.body)
        if entry.hash != expected:
            yield (
                f"audit entry {entry.seq} has been altered: "
                f"its hash is {entry.hash[:12]}…, expected {expected[:12]}…"
            )
        if anchor is not None and entry.seq == anchor.seq:
            anchored = True
            if entry.hash != anchor.hash:
                yield f"audit entry {entry.seq} is not the one that was anchored ({anchor.hash[:12]}…)"
        tip = Tip(entry.seq, entry.hash)
    if not anchored and anchor is not None:
        yield f"the anchor has entry {anchor.seq} ({anchor.hash[:12]}…), the store ends at {tip.seq}"


def _touched(one: Touched) -> Document:
    return [one.table, one.id, one.before, one.after]


def _composed(document: Document) -> Document:
    if isinstance(document, str):
        return unicodedata.normalize("NFC", document)
    if isinstance(document, list):
        return [_composed(item) for item in document]
    if isinstance(document, dict):
        return {unicodedata.normalize("NFC", key): _composed(value) for key, value in document.items()}
    return document
