"""Edits the texts of a catalog until its objects mean what they should; it decides nothing and writes no file.

Each object is edited in its own entry, first value by value, then by whole fields. After every step the whole
catalog is read again, so that what inherits from an edited entry, and should not follow, gets its own value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from planctl.core.catalog.documents import Object
from planctl.core.catalog.drift import flagged
from planctl.core.catalog.emit import archived_addresses, catalog_documents, catalog_file_document
from planctl.core.catalog.model import Parsed
from planctl.core.catalog.parse import parse
from planctl.core.catalog.references import SOLD
from planctl.core.catalog.respelling import Entry, Way, edits_for, ready
from planctl.core.document import Document, Edit, Put, Scalar, Take
from planctl.core.document import Mapping as Node
from planctl.core.periods import Interval
from planctl.errors import InvalidInput
from planctl.files.replaced_files import NewText
from planctl.files.write_back import rewritten
from planctl.files.yaml_reader import read_texts
from planctl.values import dataclass

_AMOUNTS = frozenset({"price", "features", "wallet", "minimum", "maximum"})
_FIRST = ("included", "to", "charge", "of")
_BY_THOUSANDS = re.compile(r"[ :][0-9]{1,3}_[0-9]{3}\b", re.ASCII)
_LONG = re.compile(r"[1-9][0-9]{3,}(?:\.[0-9]+)?", re.ASCII)

Wanted = Mapping[str, Object | None]
"""What objects shall mean, by address: their documents with `archived` beside the keys; None: they go."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the files of a catalog say: their trees by name, what the parser made of them, documents by address."""

    trees: Mapping[str, Node]
    parsed: Parsed
    documents: Mapping[str, Object]

    def entry(self, address: str) -> tuple[str, Node | Scalar] | None:
        """The file in which an object has its entry, and the entry; None where it has none."""
        section, _, object_id = address.partition(".")
        for name, tree in self.trees.items():
            below = tree.get(section)
            found = below.get(object_id) if object_id and isinstance(below, Node) else below
            if isinstance(found, Node | Scalar) and (not object_id or isinstance(below, Node)):
                return name, found
        return None

    def home(self, section: str) -> str:
        """The file for a new object: one with its section, else the one with the catalog's name."""
        homes = [name for name, tree in self.trees.items() if tree.get(section) is not None]
        named = [name for name, tree in self.trees.items() if tree.get("catalog") is not None]
        return [*homes, *named, *self.trees][0]


@dataclass(frozen=True, slots=True)
class Settled:
    """The texts of those files that change, what all files say before and after, and whose entries were edited."""

    texts: Mapping[str, NewText]
    before: Said
    after: Said
    edited: tuple[str, ...]


def said_by(texts: Mapping[str, str]) -> Said:
    """Read the texts of a catalog's files."""
    source = read_texts(texts)
    trees = {file.name: file.node for file in source.files if file.node is not None}
    parsed = parse([*trees.items()], complete=not source.unread)
    assert parsed.catalog is not None, "a reading always answers with a catalog"
    archived = set(archived_addresses(parsed.catalog))
    documents = {
        address: flagged(document, address in archived)
        for address, document in catalog_documents(parsed.catalog).items()
    }
    return Said(trees, parsed, documents)


def settled(texts: Mapping[str, str], wanted: Wanted) -> Settled:
    """The texts with which every object in `wanted` means just that; the others mean what follows from it.

    InvalidInput naming the object whose entry cannot be brought to it.
    """
    return _Settling(dict(texts), wanted).run()


@dataclass(slots=True)
class _Settling:
    texts: dict[str, str]
    wanted: Wanted
    ways: dict[str, int] = field(default_factory=dict)
    edited: dict[str, None] = field(default_factory=dict)

    def run(self) -> Settled:
        texts = dict(self.texts)
        before = said = said_by(texts)
        short = self.short(said)
        while off := self.off(said, short):
            turn = list(ready(off))
            stuck = [one for one in turn if self.ways.get(one, 0) > Way.FULL] if turn else list(off)
            if stuck:
                raise _stuck(stuck[0], said)
            self.edit({address: off[address] for address in turn}, said)
            said = said_by(self.texts)
        changed = {
            name: NewText(text, self.texts[name]) for name, text in texts.items() if text != self.texts[name]
        }
        return Settled(changed, before, said, tuple(self.edited))

    def off(self, said: Said, short: Mapping[str, Document]) -> dict[str, Entry]:
        """Those objects that do not mean yet what they should, with their entries."""
        found = {}
        for address, wanted in self.wanted.items():
            now = said.documents.get(address)
            if now != wanted:
                root = tuple(part for part in address.partition(".")[::2] if part)
                _, node = said.entry(address) or ("", Node(()))
                found[address] = Entry(root, node, now or {}, wanted or {}, short.get(address))
        return found

    def short(self, said: Said) -> dict[str, Document]:
        """What an export would write for each object that is wanted, by address."""
        objects: dict[str, Document] = {}
        for address, document in {**said.documents, **self.wanted}.items():
            if document is not None:
                objects[address] = {
                    key: value for key, value in document.items() if key != "archived" or value
                }
        whole = catalog_file_document(objects, "any")
        style = _Style.of(said, self.texts)
        found = {}
        for address in self.wanted:
            section, _, object_id = address.partition(".")
            below = whole.get(section)
            entry = below.get(object_id) if object_id and isinstance(below, dict) else below
            found[address] = style.plan(entry) if section in SOLD else entry
        return found

    def edit(self, entries: Mapping[str, Entry], said: Said) -> None:
        """Edit entries, each by its next way, all of a file at once where it takes them all."""
        by_file: dict[str, dict[str, tuple[Edit, ...]]] = {}
        for address, entry in entries.items():
            way = self.ways.get(address, 0)
            self.ways[address] = way + 1
            found = said.entry(address)
            name = found[0] if found else said.home(entry.root[0])
            if edits := _edits(entry, Way(way)):
                by_file.setdefault(name, {})[address] = edits
        for name, together in by_file.items():
            if not self.take(name, together):
                for address, own in together.items():
                    self.take(name, {address: own})

    def take(self, name: str, edits: Mapping[str, tuple[Edit, ...]]) -> bool:
        """Edit the text of a file; False where it does not take the edits, so that another way is tried."""
        try:
            self.texts[name] = rewritten(
                self.texts[name], name, [one for own in edits.values() for one in own]
            )
        except InvalidInput as error:
            if error.code != "write-back":
                raise
            return False
        self.edited |= dict.fromkeys(edits)
        return True


def _edits(entry: Entry, way: Way) -> tuple[Edit, ...]:
    """The edits of an entry: one that goes or comes is taken or put as a whole."""
    if not entry.wanted:
        return (Take(entry.root),)
    return edits_for(entry, way) if entry.now else (Put(entry.root, entry.short),)


@dataclass(frozen=True, slots=True)
class _Style:
    """How these files write amounts: in which order of currencies, and thousands with a line between."""

    codes: tuple[str, ...]
    by_thousands: bool

    @classmethod
    def of(cls, said: Said, texts: Mapping[str, str]) -> _Style:
        codes = said.parsed.catalog.currencies if said.parsed.catalog else ()
        return cls(tuple(codes), any(_BY_THOUSANDS.search(text) for text in texts.values()))

    def plan(self, entry: Document) -> Document:
        """A plan's entry with its amounts written so; texts are left as they are."""
        if not isinstance(entry, dict):
            return entry
        return {key: self.value(value) if key in _AMOUNTS else value for key, value in entry.items()}

    def value(self, value: Document) -> Document:
        if isinstance(value, dict):
            keys = self.codes if set(value) <= set(self.codes) else sorted(value, key=_rank)
            return {key: self.value(value[key]) for key in keys if key in value}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if self.by_thousands and isinstance(value, str) and _LONG.fullmatch(value):
            whole, point, decimals = value.partition(".")
            return f"{int(whole):_}{point}{decimals}"
        return value


def _rank(key: str) -> tuple[int, Interval | int]:
    """What people write first; rows of prices from the shortest to the longest; the rest as it stands."""
    try:
        return 0, Interval.parse(key)
    except ValueError:
        return (1, _FIRST.index(key)) if key in _FIRST else (2, 0)


def _stuck(address: str, said: Said) -> InvalidInput:
    found = said.entry(address)
    place = f"{found[0]}:{found[1].place.line}" if found else address
    return InvalidInput(
        f"{address} cannot be written into the files as they are laid out",
        code="write-back",
        where=place,
        hint="change it by hand",
    )
