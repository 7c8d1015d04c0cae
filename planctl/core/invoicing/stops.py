"""Why a run leaves a customer alone, and whom nothing says a tax for. It decides nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.catalog.model import TaxRate
from planctl.core.customers import Customer
from planctl.core.invoicing.facts import Advanced
from planctl.errors import Refused


def lacks_country(customer: Customer, taxes: Mapping[str, TaxRate]) -> bool:
    """Whether nothing says which tax applies, although some are declared: then none is charged.

    Source: planctl billing rules, money and rounding: no country, no tax, one warning a run.
    """
    return bool(taxes) and not customer.country and not customer.tax


def stop_reason(holds: Sequence[str]) -> str:
    """The reason as it is printed; `""` where the run may go on."""
    return f"hold: {', '.join(holds)}" if holds else ""


def refuse_hold(billed: Advanced, instead: str = "") -> None:
    """Refuse what would bill or bind a customer whom a run would have to hold (Refused, by the hold's reason).

    `instead` is what to do about too many periods, where that is not a run which bills them.
    """
    if not billed.hold:
        return
    reason, name = billed.hold.partition(": ")[0], billed.customer
    hints = {
        "catch-up": instead or f"planctl invoice run --customer {name} --catch-up N --reason TEXT",
        "hold": f"look at it, then planctl hold clear {name} --reason TEXT",
    }
    raise Refused(
        f"a run would leave {name} alone: {billed.hold}",
        code=reason,
        where=name,
        hint=hints.get(reason, "planctl doctor names what does not fit"),
    )
