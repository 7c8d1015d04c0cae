"""How a replayed period looks, to machines (`planctl.simulation/1`) and to people; it adds nothing up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planctl.core.currencies import Currency
from planctl.core.instants import instant_text
from planctl.core.money import format_amount, format_minor
from planctl.core.replay.conditions import Condition, Fired, percent_text
from planctl.core.replay.replayed import Difference
from planctl.core.replay.simulation import InCurrency, OfFeature, Payer, Sides, Simulation, Units
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import count, exact_decimal

FORMAT = "planctl.simulation/1"

_COLUMNS = (
    Column("currency"),
    Column("revenue", "amount"),
    Column("revenue_proposed", "amount", "would be"),
    Column("change", "amount"),
    Column("percent", "amount", "%"),
    Column("total", "amount", "with tax"),
    Column("total_proposed", "amount", "would be"),
    Column("customers", "quantity"),
    Column("losers", "quantity", "pay more"),
    Column("winners", "quantity", "pay less"),
)
_UNITS = (
    ("used", "used"),
    ("included", "included"),
    ("wallet", "from wallets"),
    ("billed", "billed"),
    ("over", "over the limit"),
)
DIFFERS = "replay-differs"
UNREADABLE = "replay-unreadable"
HOLDS = "simulate-condition"
_MOST_SHOWN = 20
"""How many differences people are told one by one; machines get all."""


def simulation_answer(simulation: Simulation, fired: Sequence[Fired], *, names: bool) -> Answer:
    """A simulation in every form; customers are named only with `names`."""
    empty = "" if simulation.invoices else f"nothing was issued in {simulation.span.text}"
    return Answer(
        simulation_document(simulation, fired, names=names),
        tuple(_lines(simulation, names=names)),
        Sheet(_COLUMNS, tuple(map(_row, simulation.currencies))),
        empty,
    )


def simulation_document(simulation: Simulation, fired: Sequence[Fired], *, names: bool) -> dict[str, Json]:
    """The document `planctl.simulation/1`: amounts in major units, percentages with two decimals.

    A percentage is null where there was nothing. Who would pay the most more or less is there with `names` alone.
    """
    span, about = simulation.span, simulation.about
    return {
        "format": FORMAT,
        "period": {
            "text": span.text,
            "starts_at": instant_text(span.starts_at),
            "ends_at": instant_text(span.ends_at),
        },
        "catalog": about.catalog,
        "digest": about.digest,
        "revision": about.revision,
        "plans": [*about.plans],
        "invoices": simulation.invoices,
        "without_invoice": simulation.silent,
        "subscriptions_moved": simulation.subscriptions,
        "currencies": [_currency_document(one, names=names) for one in simulation.currencies],
        "by_plan": [
            {"plan": one.plan, "currency": one.currency.code, **_sides_document(one.revenue, one.currency)}
            for one in simulation.plans
        ],
        "usage": [
            {
                "plan": one.plan,
                "feature": one.feature,
                "live": _units_document(one.held),
                "proposed": _units_document(one.moved),
            }
            for one in simulation.features
        ],
        **_outside_document(simulation),
        "fired": [
            {"condition": one.condition.text, "currency": one.currency or None, "found": one.found}
            for one in fired
        ],
    }


def differs_lines(simulation: Simulation) -> Iterator[str]:
    """Warnings for what rating again does not bear out, and for what could not be read."""
    for one in simulation.differences[:_MOST_SHOWN]:
        was, found = (format_minor(minor, one.currency) for minor in (one.issued_minor, one.replayed_minor))
        name = f"{one.invoice}: " if one.invoice else ""
        code = one.currency.code
        yield f"warning: {name}{one.what} was issued as {was} {code}, rated again it is {found} {code} [{DIFFERS}]"
    left = len(simulation.differences) - _MOST_SHOWN
    if left > 0:
        yield f"warning: {left:,} more differ; -f json lists them all [{DIFFERS}]"
    if simulation.differences:
        yield "  hint: planctl doctor says which records do not agree"
    for what in simulation.unreadable:
        yield f"warning: {what} cannot be read and is left out; planctl doctor says why [{UNREADABLE}]"


def fired_lines(fired: Sequence[Fired]) -> Iterator[str]:
    """One line for each condition that holds, with what was found."""
    for one in fired:
        where = f" in {one.currency}" if one.currency else ""
        yield f"error: {one.condition.text}{where}: it is {one.found} [{HOLDS}]"


def part_lines(
    simulation: Simulation, conditions: Sequence[Condition], fired: Sequence[Fired]
) -> Iterator[str]:
    """That no condition holds is said of a part alone, where not everything was rated again as it was billed."""
    if conditions and not fired and (simulation.unreadable or simulation.differences):
        what = "what is left out" if simulation.unreadable else "what differs"
        yield f"  hint: no condition of --fail-if holds, but {what} may hide one that would; mend the records first"


# --- machines


def _outside_document(simulation: Simulation) -> dict[str, Json]:
    """What was not moved, not rated again, or not rated at all."""
    return {
        "not_moved": [
            {"plan": stuck.plan, "why": stuck.why, "subscriptions": times}
            for stuck, times in simulation.stuck
        ],
        "kept_as_issued": [{"why": why, "lines": times} for why, times in simulation.kept],
        "credit_notes": [
            {
                "currency": one.currency.code,
                "count": one.count,
                "total": format_minor(one.total_minor, one.currency),
            }
            for one in simulation.about.credit_notes
        ],
        "differences": [_difference_document(one) for one in simulation.differences],
        "unreadable": [*simulation.unreadable],
    }


def _currency_document(one: InCurrency, *, names: bool) -> dict[str, Json]:
    steepest = one.steepest
    return {
        "currency": one.currency.code,
        "revenue": _sides_document(one.revenue, one.currency),
        "total": _sides_document(one.total, one.currency),
        "issued": format_minor(one.issued_minor, one.currency),
        "customers": one.customers,
        "losers": one.losers,
        "winners": one.winners,
        "same": one.same,
        "steepest": None if steepest is None else _sides_document(steepest.revenue, one.currency),
        **(
            {"more": _payers(one.more, one.currency), "less": _payers(one.less, one.currency)}
            if names
            else {}
        ),
    }


def _payers(payers: Sequence[Payer], currency: Currency) -> list[dict[str, Json]]:
    return [{"customer": one.customer, **_sides_document(one.revenue, currency)} for one in payers]


def _sides_document(sides: Sides, currency: Currency) -> dict[str, Json]:
    return {
        "live": format_minor(sides.held, currency),
        "proposed": format_minor(sides.moved, currency),
        "change": format_minor(sides.change, currency),
        "percent": None if sides.part is None else _percent(sides),
    }


def _percent(sides: Sides) -> str:
    return "" if sides.part is None else percent_text(100 * sides.part).removesuffix("%")


def _units_document(units: Units) -> dict[str, Json]:
    return {
        name if name != "over" else "over_limit": exact_decimal(getattr(units, name)) for name, _ in _UNITS
    }


def _difference_document(one: Difference) -> dict[str, Json]:
    return {
        "code": DIFFERS,
        "invoice": one.invoice or None,
        "what": one.what,
        "issued": format_minor(one.issued_minor, one.currency),
        "replayed": format_minor(one.replayed_minor, one.currency),
        "currency": one.currency.code,
    }


# --- people


def _row(one: InCurrency) -> tuple[str | int, ...]:
    currency = one.currency

    def text(minor: int) -> str:
        return format_minor(minor, currency)

    revenue, total = one.revenue, one.total
    return (
        currency.code,
        text(revenue.held),
        text(revenue.moved),
        text(revenue.change),
        _percent(revenue) or "new",
        text(total.held),
        text(total.moved),
        one.customers,
        one.losers,
        one.winners,
    )


def _lines(simulation: Simulation, *, names: bool) -> Iterator[str]:
    about = simulation.about
    what = f"{count(simulation.subscriptions, 'subscription')} on new terms of {', '.join(about.plans)}"
    yield (
        f"{simulation.span.text}: {count(simulation.invoices, 'invoice')}, rated again"
        f" · {about.catalog}, digest {about.digest}: {what if about.plans else 'no plan gets new terms'}"
    )
    if not simulation.invoices and not simulation.currencies:
        return
    for title, block in (
        ("By plan", [*_plan_lines(simulation)]),
        ("Usage", [*map(_usage_line, simulation.features)]),
        ("Who", [*_who_lines(simulation)] if names else []),
        ("Left out", [*_outside_lines(simulation)]),
    ):
        if block:
            yield from ("", title, *(f"  {line}" for line in block))
    yield ""


def _plan_lines(simulation: Simulation) -> Iterator[str]:
    for one in simulation.plans:
        yield f"{one.plan}  {_moved_text(one.revenue, one.currency)}"


def _moved_text(sides: Sides, currency: Currency) -> str:
    held, moved = (format_amount(minor, currency) for minor in (sides.held, sides.moved))
    if not sides.change:
        return f"{held} {currency.code}, the same"
    sign = "+" if sides.change > 0 else ""
    part = "" if sides.part is None else f", {'+' if sides.part > 0 else ''}{percent_text(100 * sides.part)}"
    return f"{held} → {moved} {currency.code} ({sign}{format_amount(sides.change, currency)}{part})"


def _usage_line(one: OfFeature) -> str:
    told = []
    for name, words in _UNITS:
        held, moved = (exact_decimal(getattr(units, name)) for units in (one.held, one.moved))
        if held != moved:
            told.append(f"{words} {held} → {moved}")
        elif held != "0":
            told.append(f"{words} {held}")
    return f"{one.plan} {one.feature}: {', '.join(told) or 'none used'}"


def _who_lines(simulation: Simulation) -> Iterator[str]:
    for book in simulation.currencies:
        for one in (*book.more, *book.less):
            yield f"{one.customer}  {_moved_text(one.revenue, book.currency)}"


def _outside_lines(simulation: Simulation) -> Iterator[str]:
    for stuck, times in simulation.stuck:
        yield f"{count(times, 'subscription')} of {stuck.plan} could not be moved: {stuck.why}"
    for why, times in simulation.kept:
        yield f"{count(times, 'line')} as issued: {why}"
    for one in simulation.about.credit_notes:
        total = format_amount(one.total_minor, one.currency)
        yield f"{count(one.count, 'credit note')} of {total} {one.currency.code}"
