"""Form decoding: what a body or a query in Stripe's bracket notation says, as a tree of texts. It knows no types.

Source: https://docs.stripe.com/api, "form-encoded request bodies"; the bracket rules are Rack's.
"""

from __future__ import annotations

import re
from typing import Union
from urllib.parse import parse_qsl

from tests.fakes.stripe.errors import StripeError

Tree = Union[str, "Branch"]
Branch = dict[str, Tree]
"""Nested parameters; a list is a branch whose names are 0, 1, 2 ..."""

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decode(encoded: str) -> Branch:
    """`a[b]=1&c[0]=2&d[]=3` as `{"a": {"b": "1"}, "c": {"0": "2"}, "d": {"0": "3"}}`; 400 where names contradict."""
    tree: Branch = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, strict_parsing=False):
        found = _NAME.fullmatch(name)
        if found is None:
            raise StripeError(400, f"Invalid parameter name: {name}", param=name)
        _put(tree, [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])], value)
    return tree


def _put(tree: Branch, path: list[str], value: str) -> None:
    *above, last = path
    for position, part in enumerate(above):
        below = tree.setdefault(_index(tree, part, path[position + 1 :]), {})
        if isinstance(below, str):
            raise StripeError(400, f"Invalid object: {path[0]} is both a value and an object", param=path[0])
        tree = below
    tree[_index(tree, last, [])] = value


def _index(tree: Branch, part: str, rest: list[str]) -> str:
    """The name below which a part goes: `[]` is the next place, or the last one while its name is still free."""
    if part:
        return part
    newest = str(len(tree) - 1)
    current = tree.get(newest)
    if rest and rest[0] and isinstance(current, dict) and rest[0] not in current:
        return newest
    return str(len(tree))
