"""Knows the order of inheritance: built-in < defaults < like < own; it reads no value.

Exactly two levels merge: a field replaces the one before it, and `features` merge by id, each entry replaced
whole. Built-in defaults are not written here: they hold where a field is absent.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field

from planctl.core.catalog.field_reader import known_word
from planctl.core.catalog.fields import BY_KEY, IN_DEFAULTS, INHERITED
from planctl.core.document import Entry, Mapping, Node, Scalar
from planctl.core.reading import Reader
from planctl.findings import Finding

PLAN_KEYS = (*BY_KEY, "like", "was")
"""Every key of a plan or add-on as people write it."""

MOST_INHERITED = 200_000
"""Keys and values of all plans (or all add-ons) with what they inherit: twice what a catalog may write out."""

_OWN_ONLY = ("was",)


@dataclass(slots=True)
class Inheritance:
    """The plans (or the add-ons) of a catalog as written, and the defaults they start from.

    `like` names another one of the same section.
    """

    defaults: Mapping
    own: Map[str, Mapping]
    reader: Reader
    declared: frozenset[str]
    lost: set[str] = field(default_factory=set)
    """The ids whose `like` leads nowhere or in a circle: what they lack may be what they would inherit."""

    _merged: dict[str, Mapping] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _left: int = MOST_INHERITED

    def merged(self, plan_id: str) -> Mapping:
        """All fields of a plan, its own and inherited ones, without `like`; a cycle is reported and cut.

        Nothing at all once the plans together have inherited too much, which is reported too.
        """
        chain = self._chain(plan_id)
        for ancestor in reversed(chain):
            if ancestor not in self._merged:
                parent = self._parent(ancestor)
                base = self._merged.get(parent)
                if self.own[ancestor].get("like") is not None and (base is None or parent in self.lost):
                    self.lost.add(ancestor)
                self._merged[ancestor] = self._counted(ancestor, base)
        return self._merged[plan_id]

    @property
    def beyond_limit(self) -> bool:
        """Whether the plans inherit so much that they should not be read; it has been reported."""
        return self._left < 0

    def _counted(self, plan_id: str, base: Mapping | None) -> Mapping:
        """The fields of a plan over those of `base`, or none where the limit of all plans is reached."""
        own = self.own[plan_id]
        if self._left >= 0:
            merged = self._over(base, own)
            self._left -= sum(self._size(entry.value) for entry in merged.entries)
            if self._left >= 0:
                return merged
            self.reader.error(
                own.key_place("like"), "too-many-values", "the plans inherit too many keys and values",
                expected=f"at most {MOST_INHERITED:,} in all, own and inherited",
                hint="let fewer plans start from a large one, or spread them over several catalogs",
            )  # fmt: skip
        self.lost.add(plan_id)
        return Mapping((), own.place)

    def _size(self, node: Node) -> int:
        """How many keys and values stand below a node of a plan; each entry's is counted once."""
        if isinstance(node, Scalar):
            return 1
        below = [entry.value for entry in node.entries] if isinstance(node, Mapping) else node.items
        size = 1
        for one in below:
            if id(one) not in self._sizes:
                self._sizes[id(one)] = self._size(one)
            size += self._sizes[id(one)]
        return size

    def _chain(self, plan_id: str) -> list[str]:
        """The plan and what it is like, nearest first, up to one already merged, the root or a repetition."""
        chain: list[str] = []
        current = plan_id
        while current and current not in chain:
            chain.append(current)
            if current in self._merged:
                return chain
            current = self._parent(current)
        if current:
            self._report_cycle([*chain[chain.index(current) :], current])
        return chain

    def _parent(self, plan_id: str) -> str:
        """The id after `like`, empty where there is none that can be used."""
        node = self.own[plan_id].get("like")
        if not isinstance(node, Scalar) or node.text not in self.own:
            return ""
        return node.text

    def _over(self, base: Mapping | None, own: Mapping) -> Mapping:
        """Own fields over the parent's inherited ones over the defaults."""
        fields: dict[str, Entry] = {entry.key.text: entry for entry in self.defaults.entries}
        for entry in base.entries if base else ():
            if entry.key.text in INHERITED:
                fields[entry.key.text] = entry
        inherited_features = fields.get("features")
        for entry in own.entries:
            if entry.key.text in BY_KEY or entry.key.text in _OWN_ONLY:
                fields[entry.key.text] = entry
        mine = own.get("features")
        if isinstance(mine, Scalar) and mine.is_null:
            mine = Mapping((), mine.place)
        if inherited_features and isinstance(mine, Mapping) and isinstance(inherited_features.value, Mapping):
            merged = {entry.key.text: entry for entry in inherited_features.value.entries}
            merged |= {entry.key.text: entry for entry in mine.entries}
            key = fields["features"].key
            fields["features"] = Entry(key, Mapping(tuple(merged.values()), mine.place))
        return Mapping(tuple(fields.values()), own.place)

    def check(self) -> frozenset[str]:
        """Report unknown keys, a `like` that names no plan and circles; answer the ids concerned."""
        broken: set[str] = set()
        for plan_id, own in self.own.items():
            before = len(self.reader.findings)
            self.reader.mapping(own, "a plan", PLAN_KEYS)
            like = self.reader.scalar(own.get("like"), "like")
            if like is not None:
                known_word(like, "plan", self.declared, self.reader, "like-unknown")
            self.merged(plan_id)
            if len(self.reader.findings) > before:
                broken.add(plan_id)
        return frozenset(broken)

    def _report_cycle(self, cycle: list[str]) -> None:
        first = min(cycle[:-1])  # the same cycle, met from any of its plans, is one finding
        turned = cycle[:-1][cycle.index(first) :] + cycle[:-1][: cycle.index(first)]
        place = self.own[first].key_place("like")
        self.reader.findings.append(
            Finding(
                "like-cycle",
                "like goes in a circle: " + " → ".join([*turned, first]),
                place,
                hint="remove one like and write its terms out",
            )
        )


def usable_defaults(node: Mapping | None, reader: Reader) -> Mapping:
    """The `defaults` section without keys that may not stand there; each of those is reported."""
    if node is None:
        return Mapping(())
    reader.mapping(node, "defaults", sorted(IN_DEFAULTS))
    kept = tuple(entry for entry in node.entries if entry.key.text in IN_DEFAULTS)
    return Mapping(kept, node.place)
