"""Knows the term `convert` beside a tier table: larger units, made before the tiers price them. No prices."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Self, cast

from planctl.core.money import decimal_text
from planctl.core.pricing.kinds.shared import ROUNDS, Round, exact, rounded
from planctl.core.pricing.model import Billable, Steps
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.document import Document, Node
    from planctl.core.reading import Reader


@dataclass(frozen=True, slots=True)
class Convert:
    """`convert: {by: 1_000, round: up}`: the total is divided by `by` and rounded before tiers look at it.

    `to` and `each` of the tiers then mean converted units. The allowance is taken off after that, divided
    but not rounded: 1,400 with 500 included are 2 − 0.5 = 1.5 converted units.
    """

    by: Decimal
    round: Round = "up"

    @classmethod
    def read(cls, node: Node, reader: Reader) -> Self | None:
        """A map with `by` (above 0); `round` is `up` where absent. None after a finding."""
        complaints = len(reader.findings)
        terms = reader.mapping(node, "convert", ("by", "round"))
        if terms is None:
            return None
        by = reader.number(terms.get("by"), "convert.by")
        if terms.get("by") is None:
            reader.error(
                node.place, "convert", "convert has no by", expected="by: the units in one converted unit"
            )
        elif by == 0:
            reader.error(terms.key_place("by"), "range", "convert.by must be above 0", got="0")
        mode = reader.choice(terms.get("round"), "convert.round", ROUNDS)
        if by is None or len(reader.findings) > complaints:
            return None
        return cls(by, cast(Round, mode or "up"))

    def document(self) -> Document:
        """Both terms."""
        return {"by": decimal_text(self.by), "round": self.round}

    def billable(self, given: Billable) -> Billable:
        """The same usage in converted units; what is within the allowance stays within it."""
        if given.total <= given.included:
            return Billable(given.included / exact(self.by), given.included / exact(self.by))
        total = rounded(given.total / exact(self.by), self.round)
        return Billable(total, given.included / exact(self.by))

    def edges(self, total: Fraction) -> tuple[Fraction, ...]:
        """The totals next to `total` at which the converted quantity jumps; none where nothing is rounded."""
        if self.round == "none":
            return ()
        below = rounded(total / exact(self.by), "down") * exact(self.by)
        return below, below + exact(self.by)

    def steps(self) -> Steps | None:
        """One step per converted unit, None where parts of one are priced as they are."""
        return None if self.round == "none" else Steps(Fraction(0), exact(self.by))
