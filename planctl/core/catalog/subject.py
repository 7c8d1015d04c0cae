"""What a compatibility rule looks at: one change, its two documents and what stands around. It has no rules.

Documents are the normalised ones of `emit.py`; the helpers here read single values out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from planctl.core.catalog.changeset import Action, Change, FieldChange, Holders, Severity
from planctl.core.catalog.documents import Object
from planctl.core.catalog.fields import BY_KEY
from planctl.core.catalog.references import SOLD
from planctl.core.currencies import Currency
from planctl.core.document import Document, leaves
from planctl.core.money import NumberError, parse_decimal
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Around:
    """What a rule may need to know of the rest of the diff.

    `referrers` lists for an archived address the remaining objects that refer to it, `look_alikes` for a
    created address the archived one it resembles. `catalog_refusals` maps the rule ids empty-catalog and
    mass-archive to their sentence where they apply; they are raised on every archived object. `drifts` are the
    leaves that were edited outside, by the address that the catalog gives, where it is known what the catalog had
    written. `is_first`: the base holds nothing yet.
    """

    max_price_change: Decimal = Decimal("0.25")
    currencies: Mapping[str, Currency] = field(default_factory=dict)
    referrers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    look_alikes: Mapping[str, str] = field(default_factory=dict)
    catalog_refusals: Mapping[str, str] = field(default_factory=dict)
    drifts: Mapping[str, tuple[FieldChange, ...]] = field(default_factory=dict)
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """One change under the rules: the documents before and after, empty where there is none.

    `before` already speaks of renamed objects by their new ids. `outside` says who edited the object in the
    shell since the catalog last wrote it. `inherited` are the paths of a plan's leaves that differ only
    because they follow a feature's definition.
    """

    change: Change
    before: Object
    after: Object
    outside: tuple[int, str] | None = None
    inherited: frozenset[str] = frozenset()
    around: Around = Around()

    @property
    def address(self) -> str:
        """`plans.pro`."""
        return self.change.address

    @property
    def action(self) -> Action:
        """What happens to the object."""
        return self.change.action

    @property
    def section(self) -> str:
        """`plans` of `plans.pro`, `page` of `page`."""
        return self.address.partition(".")[0]

    @property
    def sold(self) -> bool:
        """Whether it is a plan, add-on or pack that is there before and after."""
        return self.section in SOLD and self.continues

    @property
    def continues(self) -> bool:
        """Whether there is something to compare on both sides."""
        return bool(self.before) and bool(self.after)

    @property
    def holders(self) -> Holders:
        """Live subscriptions per version."""
        return self.change.holders

    def fields(self, *prefixes: str) -> Iterator[FieldChange]:
        """The changed leaves at or below the given paths."""
        for changed in self.change.fields:
            if any(is_below(changed.path, prefix) for prefix in prefixes):
                yield changed


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a rule found something. `level` None: the level that the rule's table row gives."""

    path: str = ""
    before: Document = None
    after: Document = None
    detail: str = ""
    level: Severity | None = None


Find = Callable[[Subject], Iterator[Hit]]


def hit_of(changed: FieldChange, detail: str = "", level: Severity | None = None) -> Hit:
    """The hit of one changed leaf."""
    return Hit(changed.path, changed.before, changed.after, detail, level)


def is_below(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix` or lies in it (`price.month.USD` in `price`)."""
    return path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))


def section_of(document: Document, key: str) -> Object:
    """The map under `key`; empty where there is none or something else stands there (`price: free`)."""
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def number_of(value: Document) -> Fraction | None:
    """An exact number: `49`, `1/10`, `25%`, `7 days`; None for anything else."""
    return _number_of(value) if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def _number_of(value: str) -> Fraction | None:
    """Read once for all the rules that look at the same leaf, and for all leaves that say the same."""
    text = value.removesuffix(" days").removesuffix(" day")
    scale = 100 if text.endswith("%") else 1
    above, slash, below = text.removesuffix("%").strip().partition("/")
    try:
        exact = Fraction(parse_decimal(above))
        divisor = Fraction(parse_decimal(below)) if slash else Fraction(1)
    except NumberError:
        return None
    return exact / divisor / scale if divisor else None


def range_of(value: Document) -> tuple[Fraction, Fraction] | None:
    """The ends of a price: the same number twice, or both of `900..9000`."""
    if isinstance(value, str) and ".." in value:
        low, _, high = value.partition("..")
        ends = number_of(low.strip()), number_of(high.strip())
        return (ends[0], ends[1]) if ends[0] is not None and ends[1] is not None else None
    number = number_of(value)
    return None if number is None else (number, number)


def texts_of(value: Document) -> frozenset[str]:
    """The texts of a list; empty where there is none."""
    items = value if isinstance(value, list) else []
    return frozenset(item for item in items if isinstance(item, str))


def field_changes(before: Object, after: Object) -> tuple[FieldChange, ...]:
    """Every leaf that differs, by its path below the address, in the order of the table of fields."""
    old = leaves(before) if before else {}
    new = leaves(after) if after else {}
    paths = [path for path in {**old, **new} if path not in old or path not in new or old[path] != new[path]]
    changed = [FieldChange(path, old.get(path), new.get(path)) for path in paths]
    return tuple(sorted((one for one in changed if not _hollow(one, paths)), key=_by_field))


_RANKS = {key: rank for rank, key in enumerate(BY_KEY)}


def _by_field(changed: FieldChange) -> tuple[int, str]:
    return _RANKS.get(changed.path.partition(".")[0], len(_RANKS)), changed.path


def _hollow(changed: FieldChange, paths: list[str]) -> bool:
    """An empty container that is filled or emptied says nothing beside what fills it."""
    sides = [side for side in (changed.before, changed.after) if side is not None]
    return sides in ([{}], [[]]) and any(
        path.startswith((f"{changed.path}.", f"{changed.path}[")) for path in paths
    )
