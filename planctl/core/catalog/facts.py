"""What the rules of a catalog look at: the catalog, where everything stands, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import field

from planctl.core.catalog.model import Catalog, Plan
from planctl.core.document import Entry, Mapping, Node, Scalar, Sequence
from planctl.core.reading import Reader
from planctl.findings import NOWHERE, Finding, Level, Place
from planctl.values import dataclass

_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Facts:
    """A catalog as read, with `places` by path (`plans.pro.features.seats.beyond`).

    `broken` are ids of plans whose reading already failed: rules leave them alone, so that one mistake is
    one finding. `known` are the ids declared per section, whether or not they could be read.
    """

    catalog: Catalog
    places: dict[str, Place] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    known: dict[str, frozenset[str]] = field(default_factory=dict)
    near: Callable[[str, Collection[str]], str] = field(default_factory=lambda: Reader().near)
    """What the hint at an unknown word says, as `Reader.near` does."""

    def plans(self) -> Iterator[Plan]:
        """The plans, add-ons and packs that rules may look at."""
        return (plan for plan in self.catalog.plans.values() if plan.id not in self.broken)

    def at(self, plan: Plan, path: str = "") -> Place:
        """Where `path` below a plan is written, or the nearest thing above it that is."""
        address = f"{section_of(plan)}.{plan.id}"
        return self.place(f"{address}.{path}" if path else address)

    def place(self, path: str) -> Place:
        """Where a dotted path is written, or the nearest thing above it that is."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition("[" if path.endswith("]") else ".")[0]
        return NOWHERE


def section_of(plan: Plan) -> str:
    """The section a plan stands in: `plans` or `addons`."""
    return "plans" if plan.kind == "plan" else "addons"


def places_below(path: str, node: Node, place: Place, depth: int = 0) -> dict[str, Place]:
    """The place of everything below `node` by dotted path: a value's own, for a map or list its key's."""
    found = {path: node.place if isinstance(node, Scalar) and node.place != NOWHERE else place}
    if depth == _DEEPEST:
        return found
    if isinstance(node, Mapping):
        for entry in node.entries:
            found |= _below_entry(path, entry, depth)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            found |= places_below(f"{path}[{index}]", item, item.place, depth + 1)
    return found


def _below_entry(path: str, entry: Entry, depth: int) -> dict[str, Place]:
    return places_below(f"{path}.{entry.key.text}", entry.value, entry.key.place, depth + 1)


def error(rule: str, place: Place, message: str, hint: str = "") -> Finding:
    """An error that a rule found."""
    return Finding(rule, message, place, hint=hint)


def warning(rule: str, place: Place, message: str, hint: str = "") -> Finding:
    """A warning that a rule found."""
    return Finding(rule, message, place, Level.WARNING, hint=hint)
