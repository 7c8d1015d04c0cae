"""The journey of a price that is set in a catalog's files: read, decide, edit, check; the store takes no part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from planctl.core.catalog.examples import softened
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.price_table import Cell, CellSet, PriceRow, repriced
from planctl.core.catalog.respelling import place_of
from planctl.core.document import Mapping as Node
from planctl.core.document import Scalar
from planctl.files.replaced_files import NewText, replace_files
from planctl.files.settling import Said, said_by, settled
from planctl.findings import NOWHERE, Finding, Place
from planctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a row of prices is written; `from_plan` where the plan has it from the one it is like."""

    place: Place = NOWHERE
    from_plan: str = ""


@dataclass(frozen=True, slots=True)
class Priced:
    """What setting prices does to the files: their texts by name, those that change alone.

    `inherited` are the plans that had the prices from another one and now have their own, with that other one;
    `followers` the plans that change too because they are like an edited one. `findings` are those of the values
    and of the files after it.
    """

    cells: tuple[CellSet, ...] = ()
    texts: Mapping[str, NewText] = field(default_factory=dict)
    inherited: Mapping[str, str] = field(default_factory=dict)
    followers: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def standings(texts: Mapping[str, str], rows: tuple[PriceRow, ...]) -> tuple[Standing, ...]:
    """Where each row is written in the files with these texts."""
    said = said_by(texts)
    return tuple(_standing(said, row) for row in rows)


def _standing(said: Said, row: PriceRow) -> Standing:
    depth = 2 if row.path[0] == "features" else 1
    plan, first = row.plan, ""
    while plan:
        section = next((one for one in ("plans", "addons") if said.entry(f"{one}.{plan}")), "")
        _, node = said.entry(f"{section}.{plan}") or ("", Scalar(""))
        if _has(node, row.path[:depth]):
            return Standing(place_of(node, row.path), first)
        like = node.get("like") if isinstance(node, Node) else None
        plan = first = like.text if isinstance(like, Scalar) else ""
    return Standing()


def _has(node: Node | Scalar, path: tuple[str | int, ...]) -> bool:
    found: object = node
    for step in path:
        found = found.get(str(step)) if isinstance(found, Node) else None
    return found is not None


def propose_prices(catalog: Catalog, texts: Mapping[str, str], cells: tuple[Cell, ...]) -> Priced:
    """What the files with these texts, which say `catalog`, shall say instead; nothing is written.

    NotFound names a plan or row that is not there, InvalidInput a plan whose entry cannot be brought to it.
    """
    asked = repriced(catalog, cells)
    if any(finding.is_error for finding in asked.findings):
        return Priced(asked.cells, findings=asked.findings)
    done = settled(texts, asked.wanted)
    followers = tuple(
        address
        for address, document in done.after.documents.items()
        if address not in asked.wanted and document != done.before.documents.get(address)
    )
    return Priced(
        asked.cells,
        done.texts,
        _inherited(asked.cells, done.before, done.after),
        followers,
        tuple(map(softened, done.after.parsed.findings)),
    )


def _inherited(cells: tuple[CellSet, ...], before: Said, after: Said) -> dict[str, str]:
    found = {}
    for one in cells:
        row = PriceRow(one.cell.plan, one.cell.row, one.path[:-1], {})
        was, is_now = _standing(before, row), _standing(after, row)
        if was.from_plan and not is_now.from_plan:
            found[one.cell.plan] = was.from_plan
    return found


def keep(priced: Priced, path: Path) -> None:
    """Write the files of the catalog at `path`, all or none; Conflict where one was changed meanwhile."""
    replace_files(path, priced.texts)
