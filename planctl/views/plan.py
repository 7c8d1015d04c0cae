"""How a plan, its versions and its holders look, to machines and to people. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from planctl.core.catalog.emit import terms_document
from planctl.core.catalog.faces import badges, label
from planctl.core.catalog.model import AmountRange, Beyond, Entitlement, PriceRow
from planctl.core.catalog.selling import sold_in
from planctl.core.catalog.standing import Standing, StandingPlan
from planctl.core.currencies import Currency, iso_currency
from planctl.core.document import Document
from planctl.core.instants import instant_text
from planctl.core.money import decimal_text, format_minor, fraction_text, round_minor
from planctl.core.periods import Instant
from planctl.core.pricing.kinds.shared import plural, singular
from planctl.views.formats.table import grouped
from planctl.views.sheet import Answer, Cell, Column, Json, Sheet
from planctl.views.words import said_text

LIST = (
    Column("id", heading="plan"),
    Column("label", heading="shown as"),
    Column("group"),
    Column("status"),
    Column("recommended", "flag"),
    Column("version", "quantity"),
    Column("holders", "quantity"),
    Column("managed_by", heading="managed by"),
)

_SHOWN_ABOVE = frozenset({"price", "features", "group", "wallet"})
"""Terms that the page of a plan shows in places of their own."""

_SAYS_NOTHING: tuple[Document, ...] = ({}, [], "", None)


class VersionLike(Protocol):
    """What is shown of a plan's version."""

    @property
    def version(self) -> int:
        """Its number, from 1."""

    @property
    def revision(self) -> int:
        """The revision of the catalog that made it."""

    @property
    def recorded_at(self) -> int:
        """When it was made, UTC microseconds."""

    @property
    def terms_hash(self) -> str:
        """The SHA-256 of its terms."""

    @property
    def holders(self) -> int:
        """Live subscriptions on it."""

    @property
    def changed(self) -> tuple[str, ...]:
        """The paths of the terms in which it differs from the version before."""


# --- one plan


def plan_document(one: StandingPlan, standing: Standing, code: str = "") -> dict[str, Json]:
    """A plan for machines; `code` is the currency that badges and label are in, by default its first."""
    plan, stored = one.plan, one.stored
    currency = _currency(one, standing, code)
    terms = terms_document(plan.terms)
    place = stored.place
    return {
        "id": plan.id,
        "kind": plan.kind,
        "name": plan.offer.name,
        "description": plan.offer.description or None,
        "version": stored.version,
        "group": plan.terms.group or None,
        "visibility": plan.offer.visibility,
        "archived": stored.archived,
        "recommended": plan.offer.recommended,
        "auto_enable": plan.offer.auto_enable,
        "badges": list(badges(plan, currency, standing.definitions)),
        "label": label(plan, currency, standing.definitions),
        "price": {str(row.interval): _row(row, standing) for row in plan.terms.rows},
        "features": terms["features"],
        "terms": terms,
        "only_for": _json_of(stored.document, "only_for"),
        "metadata": dict(plan.offer.metadata),
        "managed_by": stored.managed_by or None,
        "file": place.file or None,
        "line": place.line or None,
        "outside": _outside(one),
        "holders": one.holders.total,
        "holders_by_version": _by_version(one),
    }


def _row(row: PriceRow, standing: Standing) -> dict[str, Json]:
    return {code: "..".join(_bounds(fee, _known(code, standing))) for code, fee in row.fee.items()}


def _json_of(document: Document, key: str) -> Json:
    value = document.get(key) if isinstance(document, dict) else None
    return None if value == "none" else value


def _outside(one: StandingPlan) -> Json:
    if one.stored.outside is None:
        return None
    revision, actor = one.stored.outside
    return {"revision": revision, "actor": actor}


def _by_version(one: StandingPlan) -> dict[str, Json]:
    return {str(version): number for version, number in sorted(one.holders.by_version.items())}


def plan_answer(one: StandingPlan, standing: Standing, code: str = "", yaml: str = "") -> Answer:
    """Everything about a plan; `yaml` is what `-f yaml` prints."""
    return Answer(
        plan_document(one, standing, code),
        tuple(_page(one, standing, code)),
        sources={"yaml": yaml} if yaml else None,
    )


def _page(one: StandingPlan, standing: Standing, code: str) -> Iterator[str]:
    """The page for people."""
    plan = one.plan
    currency = _currency(one, standing, code)
    yield label(plan, currency, standing.definitions)
    if plan.offer.description:
        yield plan.offer.description
    yield from (f"  {badge}" for badge in badges(plan, currency, standing.definitions))
    yield ""
    yield from _columns(_about(one))
    if plan.terms.rows:
        yield from _titled(
            "Price", [(str(row.interval), _fees(row, one, standing)) for row in plan.terms.rows]
        )
    if plan.terms.wallet:
        filled = [(name, grouped(decimal_text(units))) for name, units in plan.terms.wallet.items()]
        yield from _titled("Wallet", filled)
    if plan.terms.features:
        granted = plan.terms.features.items()
        yield from _titled("Features", [(name, granted_text(entry, currency)) for name, entry in granted])
    terms = terms_document(plan.terms)
    said = [
        (key, said_text(value))
        for key, value in terms.items()
        if key not in _SHOWN_ABOVE and value not in _SAYS_NOTHING
    ]
    yield from _titled("Terms", said)


def _about(one: StandingPlan) -> Iterator[tuple[str, str]]:
    """Who it is: id, status, owner, holders."""
    plan, stored = one.plan, one.stored
    words = [plan.kind, f"version {stored.version}", status(one)]
    words += ["recommended"] if plan.offer.recommended else []
    words += ["given to every new customer"] if plan.offer.auto_enable else []
    yield plan.id, ", ".join(words)
    yield "group", plan.terms.group or "none"
    only_for = _json_of(stored.document, "only_for")
    if isinstance(only_for, dict):
        yield "only for", said_text(only_for)
    yield "managed by", owner(one)
    if stored.outside:
        yield "edited outside", f"in revision {stored.outside[0]} by {stored.outside[1]}"
    held = ", ".join(
        f"{number:,} on v{version}" for version, number in sorted(one.holders.by_version.items())
    )
    yield "holders", held or "none"


def status(one: StandingPlan) -> str:
    """`archived`, else its visibility."""
    return "archived" if one.stored.archived else one.plan.offer.visibility


def owner(one: StandingPlan) -> str:
    """The catalog that manages it with its place, or the shell."""
    stored = one.stored
    if not stored.managed_by:
        return "nobody: it was made in the shell"
    return (
        f"{stored.managed_by}, {stored.place.file}:{stored.place.line}"
        if stored.place.file
        else stored.managed_by
    )


def _titled(title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield ""
    yield title
    yield from (f"  {line}" for line in _columns(rows))


def _columns(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    pairs = list(rows)
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        yield f"{name:{width}}  {value}".rstrip()


# --- amounts and features in words


def _fees(row: PriceRow, one: StandingPlan, standing: Standing) -> str:
    if row.usage_only:
        return f"no fee, sold in {', '.join(sorted(sold_in(one.plan.terms, row))) or 'no currency'}"
    fees = {code: _bounds(fee, _known(code, standing)) for code, fee in row.fee.items()}
    return "   ".join(f"{'–'.join(map(grouped, bounds))} {code}" for code, bounds in fees.items())


def _bounds(fee: Decimal | AmountRange, currency: Currency) -> list[str]:
    """The amount, or both ends of a range, with all the currency's decimals."""
    bounds = (fee.low, fee.high) if isinstance(fee, AmountRange) else (fee,)
    return [format_minor(round_minor(Fraction(bound), currency.decimals), currency) for bound in bounds]


def _known(code: str, standing: Standing) -> Currency:
    """A currency of the store; one that is declared no more is ISO, or has two decimals."""
    return standing.currencies.get(code) or iso_currency(code) or Currency(code, code, 2, iso=False)


def _currency(one: StandingPlan, standing: Standing, code: str) -> Currency:
    """The currency asked for, else the first declared that the first row is sold in, else the first declared."""
    declared = list(standing.currencies)
    for row in one.plan.terms.rows if not code else ():
        sold = row.fee or sold_in(one.plan.terms, row)
        code = next((name for name in declared if name in sold), "") or next(iter(sorted(sold)), "")
        if code:
            break
    return _known(code or next(iter(declared), "USD"), standing)


def granted_text(entry: Entitlement, currency: Currency) -> str:
    """What a plan grants of a feature: `5,000 minutes a month, then 0.12 USD / minute`."""
    if entry.feature.type == "boolean":
        return "yes"
    if entry.feature.type == "list":
        return ", ".join(entry.values) or "none"
    if not entry.own_allowance and entry.spends:
        return "spends " + ", ".join(
            f"{fraction_text(ratio)} {target} each" for target, ratio in sorted(entry.spends.items())
        )
    if entry.included is None:
        return "unlimited"
    unit = entry.feature.unit or entry.feature.id
    named = singular(unit) if entry.included == 1 else plural(unit)
    rhythm = {"never": "", "interval": " a period", "default": " a period"}.get(
        entry.reset, f" a {entry.reset}"
    )
    return f"{grouped(decimal_text(entry.included))} {named}{rhythm}, {_beyond(entry.beyond, unit, currency)}"


def _beyond(beyond: Beyond | None, unit: str, currency: Currency) -> str:
    if beyond is None:
        return "then stop"
    prices = [
        f"{f'{row}: ' if row else ''}{kind.describe(unit, currency.code)}"
        for row, kind in beyond.prices.items()
        if currency.code in kind.currencies()
    ]
    more = "bought ahead" if beyond.charge == "prepaid" else "then"
    limit = f", up to {grouped(decimal_text(beyond.up_to))}" if beyond.up_to is not None else ""
    return f"{more} {'; '.join(prices) or f'not sold in {currency.code}'}{limit}"


# --- lists


def plans_answer(plans: Sequence[StandingPlan], standing: Standing, code: str = "") -> Answer:
    """Plans in the order given, one a row."""
    documents = [plan_document(one, standing, code) for one in plans]
    rows = tuple(
        (*(_cell(document, column.name, one) for column in LIST),)
        for document, one in zip(documents, plans, strict=True)
    )
    return Answer(documents, sheet=Sheet(LIST, rows), empty="no plan yet; make one: planctl plan create ID")


def _cell(document: Mapping[str, Json], name: str, one: StandingPlan) -> Cell:
    if name == "status":
        return status(one)
    value = document[name]
    return value if isinstance(value, str | bool | int) else None


def versions_answer(plan_id: str, versions: Sequence[VersionLike], timezone: str) -> Answer:
    """A plan's versions, oldest first."""
    columns = (
        Column("version", "quantity"),
        Column("recorded_at", "instant", "made at"),
        Column("revision", "quantity"),
        Column("holders", "quantity"),
        Column("changed"),
    )
    rows = tuple(
        (one.version, one.recorded_at, one.revision, one.holders, ", ".join(one.changed) or None)
        for one in versions
    )
    documents: list[Json] = [
        {
            "plan": plan_id,
            "version": one.version,
            "recorded_at": instant_text(Instant(one.recorded_at)),
            "revision": one.revision,
            "holders": one.holders,
            "changed": list(one.changed),
            "terms_hash": one.terms_hash,
        }
        for one in versions
    ]
    return Answer(documents, sheet=Sheet(columns, rows, timezone))
