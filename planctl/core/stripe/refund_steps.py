"""Whether money that a credit note gives back is to be refunded at Stripe, which took it. It calls nobody.

Source: planctl billing rules, invoices, credit and payments; https://docs.stripe.com/api/refunds/create.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from planctl.core.invoicing.model import Payment, Refund
from planctl.core.money import format_amount
from planctl.core.stripe.amounts import at_stripe, from_stripe
from planctl.core.stripe.model import OPEN, Call, Object, Operation, State, Value
from planctl.core.stripe.outbox import collection
from planctl.core.stripe.steps import Finish, Rest, Send
from planctl.errors import Refused

_NOT_GIVEN = frozenset({"failed", "canceled"})

_TAKEN = "pi_"
"""How the id of a payment begins that Stripe took, and can give back."""


@dataclass(frozen=True, slots=True)
class GivingBack:
    """A refund here, the payment it is of, and what was asked of Stripe for it.

    `credited_minor` is what credit notes gave back in all of what Stripe took in one go, this refund included: one
    payment there may have paid several invoices here.
    """

    refund: Refund
    payment: Payment
    credited_minor: int
    calls: tuple[Operation, ...] = ()


def next_refund_step(
    giving: GivingBack, there: Iterable[Object] | None = None
) -> Send | Finish | Rest | None:
    """What a refund needs next; None: first its payment's refunds at Stripe must be listed, and given as `there`.

    Never is more given back at Stripe than credit notes gave back here: somebody may have done it there by hand.
    """
    if not giving.payment.reference.startswith(_TAKEN):
        return Rest(
            "left_out",
            f"payment {giving.payment.id} names no payment that Stripe took: give it back by hand",
        )
    last = max(giving.calls, key=lambda one: one.revision, default=None)
    if last is not None and last.state in OPEN:
        return Finish(last)
    if last is not None and last.state is State.PARKED:
        return Rest("parked", last.note, last)
    if last is not None and last.is_given_up:
        return Rest("dropped", last.note, last)
    if last is not None and last.state is State.CONFIRMED:
        return Rest()
    return None if there is None else _asked(giving, there, last.revision + 1 if last else 1)


def _asked(giving: GivingBack, there: Iterable[Object], revision: int) -> Send | Rest:
    refund = giving.refund
    try:
        amount = at_stripe(refund.amount_minor, refund.currency)
        most = at_stripe(giving.credited_minor, refund.currency)
    except Refused as refused:
        return Rest("left_out", f"{refused.message}, but {refused.expected}")
    given = 0
    for one in there:
        part = one.get("amount")
        if one.get("status") not in _NOT_GIVEN and isinstance(part, int):
            given += part
    if given + amount > most:
        currency = refund.currency
        back = format_amount(from_stripe(given, currency), currency)
        here = format_amount(giving.credited_minor, currency)
        return Rest(
            "left_out",
            f"{back} {currency.code} went back at Stripe already, and {here} {currency.code} is to go back in all: "
            "pull first; what is then still missing is to be given back in Stripe's dashboard",
        )
    params: dict[str, Value] = {"payment_intent": giving.payment.reference, "amount": amount}
    return Send(Call("refund", refund.id, "create", collection("refund"), params, revision, links=True))
