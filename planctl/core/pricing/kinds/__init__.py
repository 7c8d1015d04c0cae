"""Knows which price kinds there are: one module each, one list. Nothing outside asks which kind it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.package import Package
from planctl.core.pricing.kinds.percentage import Percentage
from planctl.core.pricing.kinds.tiers import TierTable
from planctl.core.pricing.kinds.volume import Volume
from planctl.core.pricing.model import PriceKind

if TYPE_CHECKING:
    from planctl.core.document import Node
    from planctl.core.reading import Reader

_ALL: tuple[type[PriceKind], ...] = (Each, Package, Graduated, Volume, Percentage)

KINDS: Mapping[str, type[PriceKind]] = MappingProxyType({kind.name: kind for kind in _ALL})
"""Every price kind by its key in YAML."""


def read_kind(name: str, node: Node, reader: Reader, flat_at_zero: bool = False) -> PriceKind | None:
    """The price written under the key `name` of `KINDS`, or None after reporting findings to `reader`.

    `flat_at_zero` is the term that may stand beside a tier table: the first tier's flat amount is charged
    without usage too. On a kind without tiers it is a finding.
    """
    kind = KINDS[name].read(node, reader)
    if not flat_at_zero or kind is None:
        return kind
    if not isinstance(kind, TierTable):
        reader.error(
            node.place,
            "flat-at-zero",
            f"flat_at_zero has no meaning with {name}",
            expected="graduated or volume beside it",
            hint="remove flat_at_zero",
        )
        return None
    return replace(kind, flat_at_zero=True)


def flat_at_zero(kind: PriceKind) -> bool:
    """Whether `flat_at_zero: true` has to be written beside the kind's document."""
    return isinstance(kind, TierTable) and kind.flat_at_zero
