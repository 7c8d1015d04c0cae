"""Says which edits of a catalog entry, as people wrote it, make it mean another document; it writes no text.

There are three ways, each coarser than the one before. Whoever carries the edits out reads the entry again and
takes the next way where it does not mean yet what it should.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum

from planctl.core.catalog.documents import Object
from planctl.core.catalog.drift import ABSENT, Difference, Value, differences
from planctl.core.catalog.parse_sections import ALWAYS
from planctl.core.catalog.references import SOLD
from planctl.core.document import Document, Edit, Node, Put, Scalar, Sequence, Take
from planctl.core.document import Mapping as MappingNode
from planctl.core.periods import Interval
from planctl.findings import Place
from planctl.values import dataclass

Steps = tuple[str | int, ...]


class Way(IntEnum):
    """How an entry is edited.

    `VALUES`: single values where they are written, in short forms too. `FIELDS`: whole fields, as an export
    writes them, which leaves out what is a default. `FULL`: whole fields with everything they mean, which holds
    against what is inherited too.
    """

    VALUES = 0
    FIELDS = 1
    FULL = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One object in its file: what is written, what that means now and what it shall mean.

    `root` is the path of its entry, `short` what an export would write for `wanted`. Documents have `archived`
    beside their keys where the object can be.
    """

    root: tuple[str, ...]
    node: Node
    now: Object
    wanted: Object
    short: Document

    @property
    def own(self) -> MappingNode:
        """The entry as a map; empty where nothing is written, as for an ISO currency."""
        return self.node if isinstance(self.node, MappingNode) else MappingNode(())


def edits_for(entry: Entry, way: Way) -> tuple[Edit, ...]:
    """The edits, in order; none where this way has nothing to say."""
    found: list[Edit] = []
    for one in differences(entry.now, entry.wanted):
        single = way is Way.VALUES
        edit = _value_edit(entry, one) if single else _field_edit(entry, one.path, full=way is Way.FULL)
        if edit is not None and edit not in found:
            found.append(edit)
    return tuple(found)


# --- single values


def _value_edit(entry: Entry, one: Difference) -> Edit | None:
    """The edit of one value in its own entry, None where it is not written there as it can be edited."""
    if one.path == ("archived",) and one.value is False:
        return Take((*entry.root, "archived")) if entry.own.get("archived") is not None else None
    path = one.path
    if entry.root == ("policy",) and path[0] == "levels" and entry.own.get("levels") is None:
        path = path[1:]  # levels may stand beside the thresholds
    at, left, node = _written(entry.own, path)
    if not left:
        return _replaced(entry, at, node, one.value)
    if one.value is ABSENT:
        return None
    if not isinstance(node, MappingNode):
        return _in_short_form((*entry.root, *at), left, one.value)
    if not at:  # a field that is not written here is written whole
        return Put((*entry.root, *left), one.value) if len(left) == 1 and _is_single(one.value) else None
    is_feature = entry.root[0] in SOLD and at == ("features",)
    return None if is_feature else Put((*entry.root, *at, *left), one.value)


def _is_single(value: Document) -> bool:
    return not isinstance(value, dict)


def _written(node: Node, path: Steps) -> tuple[Steps, Steps, Node]:
    """How far a path of the document is written: the steps as written, those left over, and the node there."""
    at: list[str | int] = []
    for place, step in enumerate(path):
        below = _below(node, step)
        if below is None:
            return tuple(at), path[place:], node
        key, node = below
        at.append(key)
    return tuple(at), (), node


def _below(node: Node, step: str | int) -> tuple[str | int, Node] | None:
    """The step as it is written and the node there; a row of prices may be written another way (`1 month`)."""
    if isinstance(step, int):
        there = isinstance(node, Sequence) and step < len(node.items)
        return (step, node.items[step]) if there and isinstance(node, Sequence) else None
    if not isinstance(node, MappingNode):
        return None
    for entry in node.entries:
        if entry.key.text == step or _interval(entry.key.text) == step:
            return entry.key.text, entry.value
    return None


def _interval(text: str) -> str:
    try:
        return str(Interval.parse(text))
    except ValueError:
        return ""


def _replaced(entry: Entry, at: Steps, node: Node, value: Value) -> Edit | None:
    """Another value in place of one that is written: no map in place of a value or the reverse.

    A key goes only where others stay beside it. What a plan is like would come back: it is refused instead.
    """
    path = (*entry.root, *at)
    if value is ABSENT:
        if at[:1] == ("features",) and len(at) == 2 and entry.own.get("like") is not None:
            return Put(path, False)
        above = _written(entry.own, at[:-1])[2]
        others = isinstance(above, MappingNode) and len(above.entries) > 1
        return Take(path) if others and isinstance(at[-1], str) else None
    if isinstance(node, Scalar) and node.is_null:
        return None
    return Put(path, value) if _is_single(value) and not isinstance(node, MappingNode) else None


def _in_short_form(path: Steps, left: Steps, value: Document) -> Edit | None:
    """A value that stands alone where the document has a map: `50` for how much is included, `14 days` of a trial."""
    if left in {("included",), ("values",), (ALWAYS.isoformat(),)}:
        return Put(path, value)
    if left == ("days",):
        return Put(path, "1 day" if value == "1" else f"{value} days")
    return None


# --- whole fields


def _field_edit(entry: Entry, path: Steps, *, full: bool) -> Edit | None:
    """The field of the object that a path lies in, or the plan's entry for one feature, written anew."""
    depth = 2 if path[0] == "features" and entry.root[0] in SOLD and len(path) > 1 else 1
    field = path[:depth]
    if full:
        return Put((*entry.root, *field), _full(entry, field))
    value = _at(entry.short, field)
    if value is not ABSENT:
        return Put((*entry.root, *field), value)
    return Take((*entry.root, *field)) if _at_node(entry.own, field) is not None else None


def _full(entry: Entry, field: Steps) -> Document:
    """All that the field means; a feature that is not granted is `false`."""
    value = _at(entry.wanted, field)
    return False if value is ABSENT else value


def _at(document: Value, path: Steps) -> Value:
    for step in path:
        document = document.get(str(step), ABSENT) if isinstance(document, dict) else ABSENT
    return document


def _at_node(node: Node | None, path: Steps) -> Node | None:
    for step in path:
        node = node.get(str(step)) if isinstance(node, MappingNode) else None
    return node


# --- where things stand


def place_of(node: Node, path: Steps) -> Place:
    """Where a path of an object's document is written in its entry, or the nearest thing above it that is."""
    at, _, found = _written(node, path)
    if isinstance(found, Scalar) or not at:
        return found.place
    above = _written(node, at[:-1])[2]
    return above.key_place(str(at[-1])) if isinstance(above, MappingNode) else found.place


# --- which objects go first


def ready(off: Mapping[str, Entry]) -> Iterator[str]:
    """Those objects whose meaning does not wait for another one that is also to be edited.

    A plan waits for the definitions of features, and for the one that it is like.
    """
    others = [address for address in off if address.partition(".")[0] not in SOLD]
    if others:
        yield from others
        return
    for address, entry in off.items():
        like = entry.own.get("like")
        parent = f"{entry.root[0]}.{like.text}" if isinstance(like, Scalar) else ""
        if parent not in off:
            yield address
