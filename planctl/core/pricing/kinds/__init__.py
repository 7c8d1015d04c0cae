"""Knows which price kinds there are: one module each, one list. Nothing outside asks which kind it is."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from planctl.core.pricing.kinds.convert import Convert
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.package import Package
from planctl.core.pricing.kinds.percentage import Percentage
from planctl.core.pricing.kinds.tiers import TierTable
from planctl.core.pricing.kinds.volume import Volume
from planctl.core.pricing.model import PriceKind
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.core.document import Document, Mapping, Node
    from planctl.core.reading import Reader

_ALL: tuple[type[PriceKind], ...] = (Each, Package, Graduated, Volume, Percentage)

KINDS: Map[str, type[PriceKind]] = MappingProxyType({kind.name: kind for kind in _ALL})
"""Every price kind by its key in YAML."""


BESIDE = ("flat_at_zero", "convert", "included_as")
"""The keys that may stand beside a price kind and change how it prices."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is written beside a price kind: flat at zero, a conversion, the allowance as a free tier."""

    flat_at_zero: bool = False
    convert: Convert | None = None
    included_as_tier: bool = False


NOTHING_BESIDE = Beside()


def read_beside(mapping: Mapping, reader: Reader) -> Beside:
    """The terms of `BESIDE` in the map that holds the kind; unreadable ones are findings and count as absent."""
    convert = mapping.get("convert")
    return Beside(
        flat_at_zero=reader.boolean(mapping.get("flat_at_zero"), "flat_at_zero") or False,
        convert=None if convert is None else Convert.read(convert, reader),
        included_as_tier=reader.choice(mapping.get("included_as"), "included_as", ("units", "tier"))
        == "tier",
    )


def read_kind(name: str, node: Node, reader: Reader, beside: Beside = NOTHING_BESIDE) -> PriceKind | None:
    """The price written under the key `name` of `KINDS`, or None after reporting findings to `reader`.

    A term of `beside` that has no meaning with the kind is a finding too.
    """
    kind = KINDS[name].read(node, reader)
    if kind is None or beside == NOTHING_BESIDE:
        return kind
    complaints = len(reader.findings)
    if beside.flat_at_zero and not isinstance(kind, TierTable):
        _meaningless("flat_at_zero", "flat-at-zero", "graduated or volume", kind, node, reader)
    if beside.convert and not isinstance(kind, TierTable):
        _meaningless("convert", "convert", "graduated or volume", kind, node, reader)
    if beside.included_as_tier and not isinstance(kind, Volume):
        _meaningless("included_as: tier", "included-as", "volume", kind, node, reader)
    if len(reader.findings) > complaints:
        return None
    if isinstance(kind, Volume):
        kind = replace(kind, included_as_tier=beside.included_as_tier)
    assert isinstance(kind, TierTable)
    return replace(kind, flat_at_zero=beside.flat_at_zero, convert=beside.convert)


def _meaningless(  # noqa: PLR0913 - a finding's fields
    term: str, rule: str, fits: str, kind: PriceKind, node: Node, reader: Reader
) -> None:
    reader.error(
        node.place,
        rule,
        f"{term} has no meaning with {kind.name}",
        expected=f"{fits} beside it",
        hint=f"remove {term.partition(':')[0]}",
    )


def beside_document(kind: PriceKind) -> dict[str, Document]:
    """What has to be written beside the kind's document to read it back; only what is not the default."""
    found: dict[str, Document] = {}
    if isinstance(kind, TierTable) and kind.flat_at_zero:
        found["flat_at_zero"] = True
    if isinstance(kind, TierTable) and kind.convert:
        found["convert"] = kind.convert.document()
    if isinstance(kind, Volume) and kind.included_as_tier:
        found["included_as"] = "tier"
    return found
