"""The audit as values: what one entry says, how entries are chained, where a chain breaks. It keeps nothing.

`hash = sha256("planctl-audit-v1" NUL previous-hash body)`, so that no entry can be changed or taken out of
the middle unseen. What was cut off the end, or written anew as a whole, shows only against a tip that was
kept elsewhere.
Source: RFC 6962, section 2.1, for the prefix that separates these hashes from all others.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal

from planctl.core.document import Document, canonical, document_of, quoted
from planctl.core.instants import Instant, instant_text
from planctl.values import dataclass

FIRST = "0" * 64
"""What the first entry follows."""

_PREFIX = b"planctl-audit-v1\0"
_ANCHOR = re.compile(
    r"(?:^|planctl-audit(?:\[\d+\])?:? +)(\d{1,15})[ :]([0-9a-f]{64})"
    r"(?: (\S{1,100})#(\d{1,9})(?:/(\S{1,60}))? (\S{1,40}))?$",
    re.ASCII,
)
_ROW_PREFIX = b"planctl-row-v1\0"
_OBJECTS_PREFIX = b"planctl-objects-v1\0"


@dataclass(frozen=True, slots=True)
class Touched:
    """One object that a command changed: its table, its id, the hashes of its content before and after.

    A hash is empty where there was nothing before, or is nothing after.
    """

    table: str
    id: str
    before: str = ""
    after: str = ""


class ObjectsDigest:
    """A running digest of the rows that an entry changed: what goes into its body, so that the chain covers them.

    Rows are added in the order of their table and id, by code point.
    """

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.sha256(_OBJECTS_PREFIX)

    def add(self, table: str, name: str, before: str, after: str) -> None:
        """Take one more row in."""
        self.count += 1
        self._hash.update(f'["{table}",{quoted(name)},"{before}","{after}"]\n'.encode())

    def document(self) -> dict[str, str]:
        """What the body says under `objects`; empty where no row changed."""
        if not self.count:
            return {}
        return {"count": str(self.count), "digest": self._hash.hexdigest()}


def row_hash(table: str, values: Sequence[int | str | bytes | None]) -> str:
    """The hash of a row: of a JSON list of its table's name and its columns' values, in their order; 64 hex digits.

    Bytes stand there as hexadecimal text.
    """
    said = ",".join([quoted(one) if one.__class__ is str else _plain(one) for one in values])
    return hashlib.sha256(_ROW_PREFIX + f'["{table}",{said}]'.encode()).hexdigest()


def _plain(value: int | str | bytes | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return quoted(str(value))
    return quoted(value.hex()) if isinstance(value, bytes) else str(int(value))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One write: who, when, which command, why, and what it touched. It holds no secret and no personal data.

    `at` is the machine's clock, `as_of` the instant the command believed it was. `origin` says where the
    actor sat (uid, sudo_user, host, pid, tty …). `arguments` are the parsed ones. `counts` are rows by what
    they are; `totals` decimal amounts by currency. `key` is the operation's key. `touched` is what the command says
    itself; `objects` how many rows of audited tables changed, and their digest.
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
    objects: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain does not hold: an entry was `edited` or taken out, the end `cut off`, or all of it `rewritten`.

    The last two show only against a tip that was kept elsewhere. `seq` is the entry at fault.
    """

    kind: Literal["edited", "cut off", "rewritten"]
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A tip as it is kept elsewhere: of which store in which generation, begun by which adoption, and when.

    Empty: not said, or never adopted.
    """

    tip: Tip
    store: str = ""
    generation: int = 0
    at: str = ""
    adoption: str = ""

    @property
    def line(self) -> str:
        """`SEQ HASH STORE#GENERATION AT`: the one line that is kept; once adopted `STORE#GENERATION/ADOPTION`."""
        adoption = f"/{self.adoption}" if self.adoption else ""
        return f"{self.tip.seq} {self.tip.hash} {self.store}#{self.generation}{adoption} {self.at}"

    @classmethod
    def of_line(cls, line: str) -> Anchor | None:
        """The anchor on a line, also one of a system log where `planctl-audit` stands before it; None for any other.

        `SEQ HASH` alone, as `audit verify` prints it, is one too.
        """
        match = _ANCHOR.search(line.strip())
        if match is None:
            return None
        seq, digest, store, generation, adoption, at = match.groups()
        return cls(Tip(int(seq), digest), store or "", int(generation or 0), at or "", adoption or "")


@dataclass(frozen=True, slots=True)
class Logged:
    """An audit entry with the rows that it names."""

    entry: ChainedEntry
    objects: tuple[Touched, ...]


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
        "objects": dict(entry.objects),
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


class Verifier:
    """Follows a chain from its first entry and compares it with tips that were kept elsewhere (`anchors`).

    After `faults` has gone through: `tip` is the chain's end, `good` the last anchor up to which nothing was wrong.
    """

    def __init__(self, anchors: Iterable[Tip] = ()) -> None:
        self._expected: dict[int, set[str]] = {}
        for one in anchors:
            if one.seq:
                self._expected.setdefault(one.seq, set()).add(one.hash)
        self.tip = Tip()
        self.good: Tip | None = None
        self._whole = True

    def faults(self, entries: Iterable[ChainedEntry]) -> Iterator[Fault]:
        """Every place where the chain does not hold; `entries` in order of their numbers, asked for once."""
        for entry in entries:
            for fault in self._of_entry(entry):
                self._whole = False
                yield fault
            anchored = self._expected.pop(entry.seq, set())
            for other in sorted(anchored - {entry.hash}):
                self._whole = False
                yield Fault(
                    "rewritten",
                    entry.seq,
                    f"audit entry {entry.seq} is not the one that was anchored ({other[:12]}…)",
                )
            self.tip = Tip(entry.seq, entry.hash)
            if anchored and self._whole:
                self.good = self.tip
        for seq in sorted(self._expected):
            for missing in sorted(self._expected[seq]):
                what = f"the anchor has entry {seq} ({missing[:12]}…), the store ends at {self.tip.seq}"
                yield Fault("cut off" if seq > self.tip.seq else "edited", seq, what)

    def _of_entry(self, entry: ChainedEntry) -> Iterator[Fault]:
        last = self.tip
        if entry.seq != last.seq + 1:
            what = f"audit entry {last.seq + 1} is missing: the next one there is {entry.seq}"
            yield Fault("edited", last.seq + 1, what)
        elif entry.prev != last.hash:
            what = f"audit entry {entry.seq} follows {entry.prev[:12]}…, expected {last.hash[:12]}…"
            yield Fault("edited", entry.seq, what)
        expected = chain_hash(entry.prev, entry.body)
        if entry.hash != expected:
            what = (
                f"audit entry {entry.seq} has been altered: "
                f"its hash is {entry.hash[:12]}…, expected {expected[:12]}…"
            )
            yield Fault("edited", entry.seq, what)


def broken(entries: Iterable[ChainedEntry], anchors: Iterable[Tip] = ()) -> Iterator[str]:
    """A sentence for every place where the chain does not hold; `entries` in order of their numbers.

    `anchors` are tips that were kept elsewhere: the chain must still contain each.
    """
    return (fault.what for fault in Verifier(anchors).faults(entries))


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
