"""Turns YAML text into a document tree with places, and every wrong thing in it into a finding.

It opens no file and knows nothing of catalogs but their limits. Only the event stream of the C parser is
used: PyYAML's composer expands aliases and recurses, its constructor guesses types. Here a plain scalar
keeps the text it was written with, so no number passes through a float, and anchors, aliases, tags, merge
keys and directives are findings. The scan stops at the first limit, so no input costs much.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import field

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from planctl.core.document import Entry, Mapping, Node, Scalar, Sequence
from planctl.files.yaml_syntax import syntax_finding
from planctl.findings import Finding, Level, Place, in_order
from planctl.values import dataclass

MAX_DEPTH = 32
"""Maps and lists inside one another; the top level is 1."""

MAX_CATALOG_EVENTS = 100_000
"""Keys, values and brackets in all files of a catalog together: 1,000 plans of 100 each."""

MAX_EVENTS = MAX_CATALOG_EVENTS
"""The same for a text that is read alone."""

MAX_PLANS = 1_000
"""Plans in one file, and add-ons in one file."""

MAX_ENTRIES = 5_000
"""Entries of one list, and of one map inside an object; a longer list of customers is kept in the store."""

MAX_FINDINGS = 100
"""Findings of one file; whoever makes more has one mistake, not a hundred."""

_LIKE = "write the terms out, or let a plan start from another with `like: other_plan`"
_LONGEST_QUOTE = 60
_SECTION = 2
"""Sections are maps at this depth; they may hold any number of objects."""

# What YAML calls printable, less the line breaks that editors and git do not show as such (NEL, LS, PS and
# a carriage return alone) and the byte order mark. Source: YAML 1.1, 5.1 Character Set, and 5.4 Line Breaks.
_WRONG_CHARACTER = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)
# What an escape such as "\x1b" may not put into a value.
_WRONG_ESCAPED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_DIRECTIVE = re.compile(r"^%.*", re.MULTILINE)
_TAB_INDENT = re.compile(r"^ *(\t)[\t ]*[^\s]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Composed:
    """What a text held: its tree (None where it could not be read to the end) and its findings, in order.

    A text with nothing in it but comments has an empty mapping and the warning `empty-file`.
    """

    node: Node | None
    findings: tuple[Finding, ...]
    events: int = 0
    """Keys, values and brackets read."""


def compose(text: str, name: str, most_events: int = MAX_EVENTS) -> Composed:
    """Compose the one document in `text`; places name the file `name`. Never raises.

    `most_events` lowers the limit of one file for a reader that has read others before.

    Rules: `character`, `directive`, `syntax`, `tab`, `second-document`, `too-deep`, `too-many-values`,
    `too-many-plans`, `too-many-entries`, `too-many-findings`, `anchor`, `tag`, `merge-key`, `key`,
    `duplicate-key`, `empty-file`.
    """
    composer = _Composer(name, text, min(most_events, MAX_EVENTS))
    limit = composer.events_left
    try:
        node = composer.document()
    except _Stop:
        node = None
    return Composed(node, in_order(composer.findings), limit - composer.events_left)


class _Stop(Exception):
    """Says that the rest of the file is not read; the reason is already among the findings."""


@dataclass(slots=True)
class _Composer:
    name: str
    text: str
    events_left: int
    findings: list[Finding] = field(default_factory=list)
    lines: list[str] = field(init=False)
    events: Iterator[Event] = field(init=False)
    section: str = ""
    folded: list[tuple[int, int]] = field(default_factory=list)
    """Scalars of several lines as 0-based first and last line; a tab inside them indents nothing."""

    def __post_init__(self) -> None:
        self.lines = self.text.split("\n")
        self.events = iter(())

    # -- the document ---------------------------------------------------------------------------------

    def document(self) -> Node | None:
        """The tree, or None after a finding that leaves none."""
        self.characters()
        self.directives()
        self.events = yaml.parse(self.text, Loader=yaml.CSafeLoader)
        try:
            node = self.root()
        except yaml.YAMLError as problem:
            self.tabs()
            finding = syntax_finding(problem, self.name, self.lines)
            reported = {found.place.line for found in self.findings if found.rule == "tab"}
            if finding.rule != "tab" or finding.place.line not in reported:
                self.add(finding)
            return None
        self.tabs()
        return node

    def root(self) -> Node | None:
        """The first document; a second one is an error, none at all a warning."""
        self.next()
        if isinstance(self.next(), StreamEndEvent):
            return self.nothing()
        node = self.node(self.next(), depth=1)
        self.next()
        following = self.next()
        if isinstance(following, DocumentStartEvent):
            self.error(
                self.place(following),
                "second-document",
                "a second document begins here",
                hint="one file is one document: remove the ---, or move what follows to a file of its own",
            )
        return self.nothing() if isinstance(node, Scalar) and node.is_null else node

    def nothing(self) -> Mapping:
        """The tree of an empty file."""
        place = Place(self.name, 1, 1)
        self.add(
            Finding("empty-file", "the file says nothing", place, Level.WARNING, hint="fill it or remove it")
        )
        return Mapping((), place)

    def node(self, event: Event, depth: int) -> Node | None:
        """The node that begins with `event`, or None where it is left out after a finding."""
        if isinstance(event, AliasEvent):
            self.error(self.place(event), "anchor", "anchors and aliases are not allowed", hint=_LIKE)
            return None
        if isinstance(event, ScalarEvent):
            self.properties(event)
            return self.scalar(event)
        assert isinstance(event, CollectionStartEvent), event
        self.properties(event)
        if depth > MAX_DEPTH:
            self.error(
                self.place(event),
                "too-deep",
                f"maps and lists are nested deeper than {MAX_DEPTH}",
                expected=f"at most {MAX_DEPTH} levels",
            )
            raise _Stop
        return (
            self.sequence(event, depth)
            if isinstance(event, SequenceStartEvent)
            else self.mapping(event, depth)
        )

    def mapping(self, event: CollectionStartEvent, depth: int) -> Mapping:
        """A map; of two entries with one key the first is kept."""
        entries: dict[str, Entry] = {}
        limited = depth == 2 and self.section in {"plans", "addons"}
        while not isinstance(following := self.next(), MappingEndEvent):
            key = self.key(following, depth)
            if key is not None and depth == 1:
                self.section = key.text
            if key is not None and limited and len(entries) == MAX_PLANS:
                self.too_many_plans(key.place)
            if key is not None and depth > _SECTION and len(entries) == MAX_ENTRIES:
                self.too_many_entries(key.place, "map")
            value = self.node(self.next(), depth + 1)
            if key is not None and key.text in entries:
                self.duplicate(key, entries[key.text].key.place)
            elif key is not None and value is not None:
                entries[key.text] = Entry(key, value)
        return Mapping(tuple(entries.values()), self.place(event, following))

    def sequence(self, event: CollectionStartEvent, depth: int) -> Sequence:
        """A list."""
        items: list[Node] = []
        while not isinstance(following := self.next(), SequenceEndEvent):
            if len(items) == MAX_ENTRIES:
                self.too_many_entries(self.place(following), "list")
            item = self.node(following, depth + 1)
            if item is not None:
                items.append(item)
        return Sequence(tuple(items), self.place(event, following))

    def key(self, event: Event, depth: int) -> Scalar | None:
        """The key that begins with `event`, or None where its entry is left out after a finding."""
        if not isinstance(event, ScalarEvent):
            place = self.place(event)
            node = self.node(event, depth + 1)
            if node is not None:
                what = "a map" if isinstance(node, Mapping) else "a list"
                self.error(place, "key", f"a key cannot be {what}", hint="a key is one word or text")
            return None
        self.properties(event)
        key = self.scalar(event)
        if key.text == "<<" and not key.quoted:
            self.error(key.place, "merge-key", "the merge key << is not allowed", hint=_LIKE)
            return None
        if not key.text and not key.quoted:
            self.error(key.place, "key", "a key is missing before the colon")
            return None
        return key

    def scalar(self, event: ScalarEvent) -> Scalar:
        """A value with its text as written; folded and unescaped where it is quoted or has several lines."""
        place, text = self.place(event), event.value
        start, end = event.start_mark, event.end_mark
        assert start is not None
        assert end is not None
        if end.line > start.line:
            self.folded.append((start.line, end.line if end.column else end.line - 1))
        if event.style == '"' and (wrong := _WRONG_ESCAPED.search(text)):
            self.error(
                place, "character", f"the text holds the character U+{ord(wrong[0]):04X}", hint="remove it"
            )
            text = _WRONG_ESCAPED.sub("", text)
        return Scalar(text, place, quoted=bool(event.style))

    # -- what is not allowed --------------------------------------------------------------------------

    def properties(self, event: ScalarEvent | CollectionStartEvent) -> None:
        """Refuse the anchor and the tag of a node."""
        if event.anchor is None and event.tag is None:
            return
        if event.anchor is not None:
            self.error(self.place(event), "anchor", "anchors and aliases are not allowed", hint=_LIKE)
        if event.tag is not None:
            short = event.tag.replace("tag:yaml.org,2002:", "!!", 1)
            self.error(self.place(event), "tag", f"the tag {_cut(short)} is not allowed", hint="remove it")

    def duplicate(self, key: Scalar, first: Place) -> None:
        """Report a key that its map already has."""
        message = f'duplicate key "{_cut(key.text)}" (first at {first.line}:{first.column})'
        self.add(Finding("duplicate-key", message, key.place, hint="keep one of them", also=first))

    def too_many_plans(self, place: Place) -> None:
        """Stop at a section that is too long for one file."""
        self.error(
            place,
            "too-many-plans",
            f"the file has more than {MAX_PLANS:,} {self.section}",
            expected=f"at most {MAX_PLANS:,} a file",
            hint="spread them over several files in plans/",
        )
        raise _Stop

    def too_many_entries(self, place: Place, what: str) -> None:
        """Stop at a list or map that nobody wrote."""
        self.error(
            place,
            "too-many-entries",
            f"the {what} has more than {MAX_ENTRIES:,} entries",
            expected=f"at most {MAX_ENTRIES:,}",
            hint="many customers of one plan stand on a list in the store: only_for: {list: NAME}",
        )
        raise _Stop

    def characters(self) -> None:
        """Stop at a file with characters that YAML forbids or that hide a line."""
        if _WRONG_CHARACTER.search(self.text) is None:
            return
        for number, line in enumerate(self.lines, 1):
            whole = line if number == len(self.lines) else line + "\n"
            for wrong in _WRONG_CHARACTER.finditer(whole):
                code = f"U+{ord(wrong[0]):04X}"
                self.error(
                    Place(self.name, number, wrong.start() + 1),
                    "character",
                    f"the file holds the character {code}",
                    hint="remove it",
                )
        raise _Stop

    def directives(self) -> None:
        """Stop at a % line: %TAG only serves tags, and many of them take the parser minutes."""
        found = _DIRECTIVE.search(self.text)
        if found is not None:
            line = self.text.count("\n", 0, found.start()) + 1
            self.error(
                Place(self.name, line, 1, len(found[0].rstrip("\r"))),
                "directive",
                "a line cannot begin with %",
                hint="remove the directive, or indent the text",
            )
            raise _Stop

    def tabs(self) -> None:
        """Report each line that is indented with a tab, but those inside a text of several lines."""
        line, position = 0, 0
        for found in _TAB_INDENT.finditer(self.text):
            line += self.text.count("\n", position, found.start())
            position = found.start()
            before = bisect_left(self.folded, (line, 0)) - 1
            if before < 0 or line > self.folded[before][1]:
                column = found.start(1) - found.start() + 1
                self.error(
                    Place(self.name, line + 1, column),
                    "tab",
                    "a tab cannot indent a line",
                    hint="indent with spaces",
                )

    # -- the event stream and the findings ------------------------------------------------------------

    def next(self) -> Event:
        """The next event; stops at the limit of events."""
        self.events_left -= 1
        if self.events_left < 0:
            self.events_left = 0
            self.add(too_many_values(Place(self.name)))
            raise _Stop
        return next(self.events)

    def place(self, event: Event, last: Event | None = None) -> Place:
        """Where `event` stands, up to the end of its line; with `last`, where the collection between stands.

        A block collection is one character long, for it ends where the next key begins.
        """
        start, end = event.start_mark, event.end_mark
        if last is not None and isinstance(event, CollectionStartEvent) and event.flow_style:
            end = last.end_mark
        assert start is not None
        assert end is not None
        line, column = start.line, start.column
        length = (end.column if end.line == line else len(self.lines[line].rstrip())) - column
        return Place(self.name, line + 1, column + 1, length if length > 0 else 1)

    def error(self, place: Place, rule: str, message: str, *, expected: str = "", hint: str = "") -> None:
        """Report an error."""
        self.add(Finding(rule, message, place, expected=expected, hint=hint))

    def add(self, finding: Finding) -> None:
        """Report a finding; stops when there are too many."""
        self.findings.append(finding)
        if len(self.findings) == MAX_FINDINGS:
            self.findings.append(
                Finding(
                    "too-many-findings",
                    f"reading stopped after {MAX_FINDINGS} findings",
                    Place(self.name),
                    hint="mend these first",
                )
            )
            raise _Stop


def too_many_values(place: Place) -> Finding:
    """The finding for a catalog with more than `MAX_CATALOG_EVENTS` keys, values and brackets."""
    return Finding(
        "too-many-values",
        "the catalog has too many keys and values",
        place,
        expected=f"at most {MAX_CATALOG_EVENTS:,} in all its files",
        hint="spread the plans over several catalogs",
    )


def has_directive(text: str) -> bool:
    """Whether a line begins with %; many %TAG lines take the parser minutes."""
    return _DIRECTIVE.search(text) is not None


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"
