"""The last step of every draft: discounts, then taxes. It decides neither what is billed nor what is paid.

Source: planctl billing rules, money and rounding, coupons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from planctl.core.catalog.model import TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.discounts import discounted
from planctl.core.invoicing.model import Draft
from planctl.core.invoicing.taxation import Rounding, applicable, levied, levies


def finished(
    draft: Draft,
    customer: Customer,
    taxes: Mapping[str, TaxRate],
    redemptions: Sequence[Redemption],
    *,
    rounding: Rounding = "invoice",
) -> Draft:
    """The draft with every line's discount and taxes, and their sums; finishing it again changes nothing.

    Of the redemptions those count that belong to the draft's subscription and hold for its billing period;
    they cover its add-ons' lines too. `taxes` are all that are declared. A draft without either stays as it is.
    Refused where the customer's tax is not declared.
    """
    mine = [one for one in redemptions if one.subscription == draft.subscription]
    payable = applicable(customer, taxes)
    if not (mine or payable or draft.discounts or draft.taxes):
        return draft
    after = discounted(draft.lines, mine, draft.period_index, draft.currency)
    taxed = levied(
        [line.net_minor for line in after.lines],
        [levies(line, payable, draft.timezone) for line in after.lines],
        rounding,
    )
    lines = tuple(replace(line, taxes=shares) for line, shares in zip(after.lines, taxed.shares, strict=True))
    return replace(draft, lines=lines, discounts=after.discounts, taxes=taxed.taxes)


def redeemed(redemptions: Sequence[Redemption], draft: Draft) -> tuple[Redemption, ...]:
    """The redemptions after a draft: what took something off has used the draft's billing period."""
    taken: dict[str, int] = {}
    for discount in draft.discounts:
        taken[discount.redemption] = taken.get(discount.redemption, 0) + discount.amount_minor
    return tuple(
        replace(one, taken=_more(one.taken, draft.period_index, taken[one.id])) if one.id in taken else one
        for one in redemptions
    )


def _more(taken: Mapping[int, int], period: int, amount: int) -> Mapping[int, int]:
    return {**taken, period: taken.get(period, 0) + amount}
