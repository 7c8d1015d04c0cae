"""Whether money that a credit note gives back is to be refunded at Stripe, which took it. It calls nobody.

Source: planctl billing rules, invoices, credit and payments; https://docs.stripe.com/api/refunds/create.
"""

from __future__ import annotations

from collections.abc import Sequence

from planctl.core.invoicing.model import Payment, Refund
from planctl.core.money import format_amount
from planctl.core.stripe.amounts import at_stripe, from_stripe
from planctl.core.stripe.model import OPEN, Call, Object, Operation, State, Value
from planctl.core.stripe.outbox import collection
from planctl.core.stripe.reading import number_of
from planctl.core.stripe.steps import Ask, Finish, Rest, Send
from planctl.errors import Refused
from planctl.values import dataclass

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

    @property
    def last(self) -> Operation | None:
        """What was asked of Stripe for it last."""
        return max(self.calls, key=lambda one: one.revision, default=None)


def next_refund_step(
    giving: GivingBack, there: Sequence[Object] | None = None, read_until: int = 0
) -> Send | Finish | Ask | Rest | None:
    """What a refund needs next; None: first its payment's refunds at Stripe must be listed, and given as `there`.

    Never is more given back at Stripe than credit notes gave back here: somebody may have done it there by hand.
    `read_until` is the second up to which events were read: what was given back there before is known here, as far as
    it ever will be.
    """
    if not giving.payment.reference.startswith(_TAKEN):
        return Rest(
            "left_out",
            f"payment {giving.payment.id} names no payment that Stripe took: give it back by hand",
        )
    last = giving.last
    if last is not None and last.state in OPEN:
        return Finish(last)
    if last is not None and last.state is State.PARKED:
        return Rest("parked", last.note, last)
    if last is not None and last.is_given_up:
        return Rest("dropped", last.note, last)
    if last is not None and last.state is State.CONFIRMED:
        return Rest()
    if there is None:
        return None
    try:
        return _asked(giving, [one for one in there if one.get("status") not in _NOT_GIVEN], read_until)
    except Refused as refused:
        return Rest("left_out", f"{refused.message}, but {refused.expected}")


def _asked(giving: GivingBack, there: Sequence[Object], read_until: int) -> Send | Ask | Rest:
    """The refund, or what is missing of it where a person says that what was done by hand is a part of it."""
    currency = giving.refund.currency
    amount = at_stripe(giving.refund.amount_minor, currency)
    given = sum(number_of(one, "amount") for one in there)
    missing = at_stripe(giving.credited_minor, currency) - given
    if amount <= missing or (missing > 0 and giving.last is not None and giving.last.is_let_go):
        return Send(_call(giving, min(amount, missing)))
    back, here, rest = (
        f"{format_amount(minor, currency)} {currency.code}"
        for minor in (
            from_stripe(given, currency),
            giving.credited_minor,
            from_stripe(max(missing, 0), currency),
        )
    )
    why = f"{back} went back at Stripe already, and {here} is to go back in all"
    if missing > 0 and all(number_of(one, "created") < read_until for one in there):
        return Ask(_call(giving, missing), f"{why}: --resend gives back the {rest} that are missing")
    return Rest("left_out", f"{why}: pull first, and look at it in the dashboard")


def _call(giving: GivingBack, amount: int) -> Call:
    params: dict[str, Value] = {"payment_intent": giving.payment.reference, "amount": amount}
    revision = giving.last.revision + 1 if giving.last else 1
    return Call("refund", giving.refund.id, "create", collection("refund"), params, revision, links=True)
