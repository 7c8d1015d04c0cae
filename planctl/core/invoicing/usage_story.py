"""Who used what and who paid for it, read back from the detail of a usage line. It rates nothing.

Source: planctl billing rules, rating a feature for one allowance period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from fractions import Fraction

from planctl.core.document import Document
from planctl.core.invoicing.model import Line
from planctl.core.money import fraction_text
from planctl.values import dataclass

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Drawn:
    """`quantity` units of another feature that drew `units` of this one; `rate` is units per unit of it."""

    feature: str
    quantity: Fraction
    units: Fraction

    @property
    def rate(self) -> Fraction:
        """The conversion; 0 where nothing was drawn."""
        return self.units / self.quantity if self.quantity else ZERO


@dataclass(frozen=True, slots=True)
class UsageStory:
    """One feature's allowance period: `own` + what others drew = `total` = paid by whom, in the feature's unit.

    `allowance` is what the price counts from (None: unlimited), of which `rolled` came in from the period before;
    `included` was used up of it. `grants` are units paid by each grant of the wallet, `excess` is what the steps
    price, `over_limit` was kept and not billed. `by_customer` is what everybody of a company used, which adds up to
    `own` where the feature is counted by a sum. `before` units of the allowance were used before a change of plan.
    `wrong` is empty where the sums agree.
    """

    own: Fraction
    drawn: tuple[Drawn, ...]
    total: Fraction
    allowance: Fraction | None
    rolled: Fraction
    included: Fraction
    wallet: Fraction
    grants: tuple[tuple[str, Fraction], ...]
    over_limit: Fraction
    by_customer: Mapping[str, Fraction] = field(default_factory=dict)
    before: Fraction = ZERO
    wrong: tuple[str, ...] = ()

    @property
    def excess(self) -> Fraction:
        """The rest, which is charged."""
        return self.total - self.included - self.wallet - self.over_limit


def usage_story(line: Line) -> UsageStory | None:
    """What the detail of a usage or late usage line tells; None for lines of other kinds."""
    detail = line.detail
    if not isinstance(detail, dict) or number_in(detail, "own") is None:
        return None
    drawn = tuple(
        Drawn(text_in(one, "feature"), _number(one, "quantity"), _number(one, "units"))
        for one in objects_in(detail, "drawn")
    )
    grants = detail.get("grants")
    paid = tuple((name, _number(grants, name)) for name in sorted(grants)) if isinstance(grants, dict) else ()
    story = UsageStory(
        own=_number(detail, "own"),
        drawn=drawn,
        total=_number(detail, "quantity"),
        allowance=number_in(detail, "allowance"),
        rolled=_number(detail, "rolled"),
        included=_number(detail, "included"),
        wallet=_number(detail, "wallet"),
        grants=paid,
        over_limit=_number(detail, "over_limit"),
        by_customer=by_customer_of(line),
        before=_number(detail, "before"),
    )
    return _checked(story, line)


def by_customer_of(line: Line) -> dict[str, Fraction]:
    """What everybody of a company used, by customer id, as a usage line tells it; nothing on any other line."""
    several = line.detail.get("by_customer") if isinstance(line.detail, dict) else None
    return {name: _number(several, name) for name in sorted(several)} if isinstance(several, dict) else {}


def _checked(story: UsageStory, line: Line) -> UsageStory:
    return replace(story, wrong=tuple(_wrong(story, line)))


def _wrong(story: UsageStory, line: Line) -> Iterator[str]:
    came = sum((one.units for one in story.drawn), story.own)
    if came != story.total:
        yield f"own and drawn units sum to {fraction_text(came)}, rated were {fraction_text(story.total)}"
    paid = sum((units for _, units in story.grants), ZERO)
    if paid != story.wallet:
        yield f"its grants paid {fraction_text(paid)} units, the wallet {fraction_text(story.wallet)}"
    if line.kind == "usage" and story.excess != line.quantity:
        yield f"{fraction_text(story.excess)} units are left to charge, charged were {fraction_text(line.quantity)}"


# --- reading details, which are documents with numbers as text


def number_in(detail: Document, key: str) -> Fraction | None:
    """The number kept under a key; None where there is none that can be read."""
    value = detail.get(key) if isinstance(detail, dict) else None
    if not isinstance(value, str):
        return None
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        return None


def text_in(detail: Document, key: str) -> str:
    """The text kept under a key; empty where there is none."""
    value = detail.get(key) if isinstance(detail, dict) else None
    return value if isinstance(value, str) else ""


def objects_in(detail: Document, key: str) -> list[Document]:
    """The list kept under a key; empty where there is none."""
    value = detail.get(key) if isinstance(detail, dict) else None
    return list(value) if isinstance(value, list) else []


def _number(detail: Document, key: str) -> Fraction:
    value = number_in(detail, key)
    return ZERO if value is None else value
