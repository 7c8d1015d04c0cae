"""Plans that every new customer gets: whether this one gets it too, and how it starts. It starts nothing itself.

Source: planctl billing rules, lifecycle (auto_enable, trial).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from planctl.core.currencies import Currency
from planctl.core.customers import Customer, may_have
from planctl.core.periods import Instant
from planctl.core.subscriptions.offering import currencies_of
from planctl.core.subscriptions.start import Ask, Offered
from planctl.core.subscriptions.trials import TrialUse, may_try
from planctl.errors import Refused


def enabling(
    customer: Customer,
    offered: Offered,
    used: Collection[TrialUse],
    declared: Mapping[str, Currency],
    at: Instant,
) -> Ask | None:
    """How a plan given to everybody starts for a new customer at `at`; None where it is reserved for others.

    By its first price row, in the customer's currency or the only one in which that is sold; with its trial,
    unless that is used up or wants a payment method (`used` as for `check_trial`), then without. Refused where
    the customer has no currency and the plan several, or none that is the customer's.
    """
    if customer.parent or not may_have(offered.offer.only_for, customer, offered.listed):
        return None
    trial = None if may_try(customer, offered.plan, offered.terms, used) else False
    least = offered.terms.quantity[0]
    if offered.terms.free:
        return Ask(at, at, currency=customer.currency, quantity=least)
    rows = [str(row.interval) for row in offered.terms.rows]
    sold = {pay: currencies_of(offered, pay, declared) for pay in rows}
    pay = next((pay for pay in rows if customer.currency in sold[pay]), rows[0])
    code = customer.currency or (sold[pay][0] if len(sold[pay]) == 1 else "")
    if code not in sold[pay]:
        what = f"not in {code}" if code else f"and {customer.id} has no currency"
        raise Refused(
            f"every new customer gets {offered.plan}, which is sold in {', '.join(sold[pay])}, {what}",
            code="no-such-currency",
            where=f"plans.{offered.plan}",
            expected=" | ".join(sold[pay]),
            got=code,
            hint=f"--currency {sold[pay][0]}",
        )
    return Ask(at, at, pay, code, least, trial=trial)
