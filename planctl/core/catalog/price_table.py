"""Knows the prices of plans as cells: a row and a currency each. It reads no file and writes none.

A row is how often a fee is paid (`month`), or the path of a price below its plan
(`features.minutes.beyond.each`, `minimum`); each of its cells is an amount in one currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planctl.core.catalog.documents import Object, plan_document
from planctl.core.catalog.drift import flagged
from planctl.core.catalog.entries import path_of
from planctl.core.catalog.facts import section_of
from planctl.core.catalog.model import Catalog, Plan
from planctl.core.catalog.parse_features import Context
from planctl.core.catalog.parse_plans import Section, parse_plan
from planctl.core.document import Document, node_of
from planctl.core.document import Mapping as Node
from planctl.core.periods import Interval
from planctl.core.reading import Reader, closest
from planctl.errors import NotFound
from planctl.findings import Finding, Place
from planctl.values import dataclass

Steps = tuple[str | int, ...]

FREE = "free"
USAGE = "usage"


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One row of a plan: amounts by currency as decimal texts (`900..9000` for a range).

    `path` is that of the row below the plan. `says` stands in place of amounts: `free`, or `usage` for no fee.
    """

    plan: str
    row: str
    path: Steps
    cells: Mapping[str, str]
    says: str = ""

    @property
    def is_fee(self) -> bool:
        """Whether it is what a subscription pays by the period, so that amounts have the currency's decimals."""
        return self.path[0] in {"price", "minimum", "maximum"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One amount that is to be set, as it was asked for."""

    plan: str
    row: str
    currency: str
    amount: str

    def __str__(self) -> str:
        """`pro.month.USD`."""
        return f"{self.plan}.{self.row}.{self.currency}"


@dataclass(frozen=True, slots=True)
class CellSet:
    """A cell with its path below the plan, and what it was before; empty where there was none."""

    cell: Cell
    path: Steps
    before: str


@dataclass(frozen=True, slots=True)
class Repriced:
    """What plans shall mean with new amounts, by address, the cells as they were, and what could not be read."""

    wanted: Mapping[str, Object]
    cells: tuple[CellSet, ...]
    findings: tuple[Finding, ...] = ()


def price_table(catalog: Catalog, plans: tuple[str, ...] = ()) -> tuple[PriceRow, ...]:
    """Every row of the plans, add-ons and packs named, in that order; of all that are not archived without names.

    NotFound names the first one that the catalog does not have.
    """
    wanted = [_plan(catalog, plan_id) for plan_id in plans] or [
        plan for plan in catalog.plans.values() if not plan.offer.archived
    ]
    return tuple(row for plan in wanted for row in rows_of(plan, catalog))


def rows_of(plan: Plan, catalog: Catalog) -> Iterator[PriceRow]:
    """The rows of one plan: fees from the shortest interval to the longest, then what is charged beside them."""
    document = plan_document(plan)
    price = document["price"]
    if not isinstance(price, dict):
        yield PriceRow(plan.id, "price", ("price",), {}, FREE)
    for row, cells in price.items() if isinstance(price, dict) else ():
        amounts = _amounts(cells, catalog)
        yield PriceRow(plan.id, row, ("price", row), amounts, "" if amounts else USAGE)
    for key, value in document.items():
        if key not in {"price", "metadata"}:
            for path, amounts in _tables(value, (key,), catalog):
                yield PriceRow(plan.id, path_text(path), path, amounts)


def _tables(value: Document, path: Steps, catalog: Catalog) -> Iterator[tuple[Steps, dict[str, str]]]:
    """Every map of amounts by currency below a value, with its path."""
    amounts = _amounts(value, catalog)
    if amounts:
        yield path, amounts
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tables(item, (*path, key), catalog)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _tables(item, (*path, index), catalog)


def _amounts(value: Document, catalog: Catalog) -> dict[str, str]:
    """The amounts by currency, in the catalog's order of currencies; empty where it is no map of them."""
    if not isinstance(value, dict) or not value or not set(value) <= set(catalog.currencies):
        return {}
    return {code: str(value[code]) for code in catalog.currencies if code in value}


def path_text(path: Steps) -> str:
    """`features.calls.beyond.graduated[1].each`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


# --- setting amounts


def repriced(catalog: Catalog, cells: tuple[Cell, ...]) -> Repriced:
    """The plans with new amounts in these cells, read as a file would be.

    A fee may get a new row or currency, any other row a new currency. NotFound names a plan or a row that is not
    there. Findings name the cell; with one that is an error, nothing may be written.
    """
    documents: dict[str, Object] = {}
    findings: list[Finding] = []
    done: list[CellSet] = []
    for cell in cells:
        plan = _plan(catalog, cell.plan)
        address = f"{section_of(plan)}.{plan.id}"
        document = documents.get(address) or plan_document(plan)
        path = _row_path(cell, plan, catalog)
        done.append(CellSet(cell, (*path, cell.currency), _text(document, (*path, cell.currency))))
        changed = _with(document, (*path, cell.currency), cell.amount)
        assert isinstance(changed, dict), "a document with a new amount is a map"
        read, wrong = _read(plan, changed, cell, catalog)
        documents[address] = plan_document(read)
        findings += wrong
    wanted = {
        address: flagged(document, _plan(catalog, address.partition(".")[2]).offer.archived)
        for address, document in documents.items()
    }
    return Repriced(wanted, tuple(done), tuple(findings))


def _plan(catalog: Catalog, plan_id: str) -> Plan:
    if plan_id in catalog.plans:
        return catalog.plans[plan_id]
    hint = closest(plan_id, catalog.plans) or "planctl prices table shows all"
    raise NotFound(f"there is no plan {plan_id!r} in the catalog", where=f"plan {plan_id}", hint=hint)


def _row_path(cell: Cell, plan: Plan, catalog: Catalog) -> Steps:
    """The path of a row: a length of time is a fee's, anything else must be there."""
    try:
        return ("price", str(Interval.parse(cell.row)))
    except ValueError:
        rows = {row.row: row.path for row in rows_of(plan, catalog)}
    path = path_of(cell.row)
    if path[:1] == ("price",) and len(path) == 2:
        return path
    if path_text(path) not in rows or path == ("price",):
        raise NotFound(
            f"plan {plan.id} has no prices in a row {cell.row!r}",
            code="no-price-row",
            where=str(cell),
            expected=", ".join(row for row in rows if row != "price") or "a length of time such as month",
            hint=f"planctl prices table {plan.id} shows its rows",
        )
    return path


def _read(plan: Plan, document: Object, cell: Cell, catalog: Catalog) -> tuple[Plan, list[Finding]]:
    reader = Reader(dict(catalog.currencies))
    node = node_of(document, Place(str(cell), 1, 1, len(cell.amount)))
    assert isinstance(node, Node), "a document that is a map makes a map"
    context = Context(reader, catalog.features, frozenset(catalog.features))
    section: Section = "plans" if plan.kind == "plan" else "addons"
    return parse_plan(plan.id, section, node, context, plan.place), reader.findings


def _text(document: Document, path: Steps) -> str:
    for step in path:
        if isinstance(document, dict):
            document = document.get(str(step))
        else:
            document = document[step] if isinstance(document, list) and isinstance(step, int) else None
    return document if isinstance(document, str) else ""


def _with(document: Document, path: Steps, value: Document) -> Document:
    """The document with a value at a path; what is no map on the way (`free`, `usage`) gives way to one."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        assert isinstance(document, list), "a row of a tier table that is there"
        return [_with(item, rest, value) if index == step else item for index, item in enumerate(document)]
    whole = document if isinstance(document, dict) else {}
    return {**whole, step: _with(whole.get(step), rest, value)}
