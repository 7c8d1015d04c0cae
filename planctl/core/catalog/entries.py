"""Changes single values in the entry of a catalog object as people write it; it knows no object's fields.

An entry is the tree below an id: what stands under `pro:` in a catalog file.
"""

from __future__ import annotations

import re
from dataclasses import replace

from planctl.core.document import Entry, Mapping, Node, Scalar, Sequence
from planctl.findings import NOWHERE

Steps = tuple[str | int, ...]

_STEP = re.compile(r"([^.\[\]]+)((?:\[[0-9]{1,4}\])*)")
_QUANTITY = re.compile(r"[0-9][0-9_]*(?:\.[0-9]+)?|unlimited", re.ASCII)
_DAYS = re.compile(r"([0-9]{1,4}) days?", re.ASCII)


def path_of(text: str) -> Steps:
    """The steps of a dotted path, `features.calls.beyond.graduated[1]`; empty where it cannot be read."""
    steps: list[str | int] = []
    for part in text.split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            return ()
        steps.append(match[1])
        steps += [int(index) for index in re.findall("[0-9]+", match[2])]
    return tuple(steps)


def with_value(entry: Mapping, path: Steps, value: Node) -> Mapping:
    """The entry with `value` under `path`; a null (nothing written) takes the key or item away.

    Short forms on the way are opened: below `minutes: 1000` stands `included: 1000`, below `trial: 14 days`
    its `days`, below a list its `values`; any other single value on the way gives way. An index beyond a
    list's end adds to it.
    """
    changed = _put(entry, path, value)
    assert isinstance(changed, Mapping), "a path has at least one step, and the first is a key"
    return changed


def with_allowance(granted: Node | None, value: Node) -> Node:
    """A feature's entry after `value` is given for it.

    A single quantity changes how much is included and nothing else, so that a charge beyond it stays; any
    other value replaces the entry.
    """
    is_quantity = isinstance(value, Scalar) and not value.quoted and _QUANTITY.fullmatch(value.text)
    if is_quantity and isinstance(granted, Mapping):
        return with_value(granted, ("included",), value)
    return value


def _put(node: Node | None, path: Steps, value: Node) -> Node | None:
    if not path:
        return None if isinstance(value, Scalar) and value.is_null else value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return _put_item(node, step, rest, value)
    mapping = _opened(node)
    below = _put(mapping.get(step), rest, value)
    if below is None:
        kept = tuple(entry for entry in mapping.entries if entry.key.text != step)
    elif mapping.get(step) is None:
        kept = (*mapping.entries, Entry(Scalar(step, value.place), below))
    else:
        kept = tuple(
            replace(entry, value=below) if entry.key.text == step else entry for entry in mapping.entries
        )
    return replace(mapping, entries=kept)


def _put_item(node: Node | None, index: int, rest: Steps, value: Node) -> Node:
    items = list(node.items) if isinstance(node, Sequence) else []
    below = _put(items[index] if index < len(items) else None, rest, value)
    items[index : index + 1] = [] if below is None else [below]
    return Sequence(tuple(items), node.place if node else NOWHERE)


def _opened(node: Node | None) -> Mapping:
    """The map that a short form stands for."""
    if isinstance(node, Mapping):
        return node
    if isinstance(node, Sequence):
        return Mapping((Entry(Scalar("values", node.place), node),), node.place)
    if node is None:
        return Mapping(())
    days = _DAYS.fullmatch(node.text)
    if days:
        return Mapping((Entry(Scalar("days", node.place), Scalar(days[1], node.place)),), node.place)
    if _QUANTITY.fullmatch(node.text):
        return Mapping((Entry(Scalar("included", node.place), node),), node.place)
    return Mapping((), node.place)
