"""What follows from what stands at Stripe: facts, each with the key under which it is taken once. It reads nothing.

Facts follow from the objects as they are read again, never from an event's copy of them.
Source: planctl reliability rules, Stripe and webhooks; https://docs.stripe.com/api.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from planctl.core.instants import local_date
from planctl.core.periods import Instant, zone
from planctl.core.stripe.model import LOCAL, METHOD, OUTSIDE, STORE, Object
from planctl.core.stripe.reading import id_of, instant_of, map_of, metadata_of, number_of, text_of
from planctl.values import dataclass

# --- what stands at Stripe


@dataclass(frozen=True, slots=True)
class InvoiceSeen:
    """An invoice as it was read again, with its payments, and what went wrong with the open one last."""

    invoice: Object
    payments: tuple[Object, ...] = ()
    error: Object | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return id_of(self.invoice)


@dataclass(frozen=True, slots=True)
class MoneySeen:
    """What went back of payments, and what was disputed, as it was read again."""

    refunds: tuple[Object, ...] = ()
    disputes: tuple[Object, ...] = ()


@dataclass(frozen=True, slots=True)
class CardsSeen:
    """A customer's means of payment as they were read again, newest first; `customer` None: deleted at Stripe."""

    customer: Object | None
    methods: tuple[Object, ...] = ()


# --- what follows


@dataclass(frozen=True, slots=True)
class Received:
    """Money that came in for an invoice, in Stripe's unit; its key is the payment's id at Stripe.

    `method` says whether Stripe took it, or was only told of it. `elsewhere`: somebody at Stripe marked the invoice as
    paid. It is what is still due here then, at most `amount`.
    """

    key: str
    reference: str
    amount: int
    currency: str
    at: Instant
    method: str = METHOD
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money of a payment that somebody gave back at Stripe, for good."""

    key: str
    intent: str
    amount: int
    currency: str
    at: Instant


@dataclass(frozen=True, slots=True)
class FailedRefund:
    """A refund that its bank sent back: the money is still here, whatever was told to the customer."""

    refund: str
    intent: str
    why: str
    at: Instant

    @property
    def key(self) -> str:
        """Its natural key."""
        return f"{self.refund}:failed"


@dataclass(frozen=True, slots=True)
class Disputed:
    """Money of a payment that its bank took back (`withdrawn`), or gave us again (`reinstated`).

    `came_back`: what was withdrawn has been reinstated since, so that nothing is left of it.
    """

    dispute: str
    step: Literal["withdrawn", "reinstated"]
    intent: str
    amount: int
    currency: str
    at: Instant
    came_back: bool = False

    @property
    def key(self) -> str:
        """Its natural key: one dispute does each once."""
        return f"{self.dispute}:{self.step}"


@dataclass(frozen=True, slots=True)
class Ended:
    """An invoice that nobody will be asked to pay any more."""

    invoice: str
    how: Literal["void", "uncollectible"]
    at: Instant

    @property
    def key(self) -> str:
        """Its natural key."""
        return f"{self.invoice}:{self.how}"


Fact = Received | Refunded | FailedRefund | Disputed | Ended

_RANKS: tuple[type, ...] = (Received, Refunded, FailedRefund, Disputed, Ended)
"""What comes first of what happened in one second."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last try to collect an open invoice failed, and when the next one is; None: there is none."""

    code: str
    message: str
    next_at: Instant | None = None


def invoice_facts(seen: InvoiceSeen) -> list[Fact]:
    """What follows from an invoice and its payments: what was received, and whether it was given up."""
    facts: list[Fact] = [_received(one) for one in seen.payments if _is_paid(one)]
    elsewhere = number_of(seen.invoice, "amount_due") - sum(
        number_of(one, "amount_paid") for one in seen.payments
    )
    times = map_of(seen.invoice.get("status_transitions"))
    if seen.invoice.get("status") == "paid" and elsewhere > 0:
        at = _at(times, "paid_at", number_of(seen.invoice, "created"))
        currency = str(seen.invoice.get("currency"))
        key = f"{seen.id}:elsewhere"
        facts.append(Received(key, seen.id, elsewhere, currency, at, OUTSIDE, elsewhere=True))
    if isinstance(times.get("marked_uncollectible_at"), int):
        facts.append(Ended(seen.id, "uncollectible", _at(times, "marked_uncollectible_at")))
    if isinstance(times.get("voided_at"), int):
        facts.append(Ended(seen.id, "void", _at(times, "voided_at")))
    return facts


def money_facts(seen: MoneySeen, store_id: str) -> list[Fact]:
    """What follows from the refunds and disputes of payments.

    Refunds that this store asked for are in it already; one that failed counts whoever asked for it.
    """
    facts: list[Fact] = []
    for one in seen.refunds:
        at = instant_of(number_of(one, "created"))
        if one.get("status") == "failed":
            facts.append(FailedRefund(id_of(one), intent_of(one), text_of(one, "failure_reason"), at))
        elif one.get("status") == "succeeded" and owner_of(one)[0] != store_id:
            amount = number_of(one, "amount")
            facts.append(Refunded(id_of(one), intent_of(one), amount, str(one.get("currency")), at))
    for dispute in seen.disputes:
        facts += _disputed(dispute)
    return facts


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Facts in the order in which they happened; in one second money comes in before it goes."""

    def place(fact: Fact) -> tuple[int, int, bool, str]:
        comes_again = isinstance(fact, Disputed) and fact.step == "reinstated"
        return fact.at, _RANKS.index(type(fact)), comes_again, fact.key

    return sorted(facts, key=place)


def failure_of(seen: InvoiceSeen) -> Failure | None:
    """Why an open invoice is not paid; None where nothing failed, or it is open no more: success is later."""
    if seen.invoice.get("status") != "open" or not seen.error:
        return None
    code = text_of(seen.error, "decline_code") or text_of(seen.error, "code") or text_of(seen.error, "type")
    again = seen.invoice.get("next_payment_attempt")
    next_at = instant_of(again) if isinstance(again, int) else None
    return Failure(code, text_of(seen.error, "message"), next_at)


def method_on_file(seen: CardsSeen, now: Instant) -> str:
    """The means of payment to charge: the customer's default, else the newest; empty where none can be charged.

    A card can be charged until the end of the month that is written on it.
    """
    if seen.customer is None:
        return ""
    usable = [id_of(one) for one in seen.methods if not _is_expired(one, now)]
    chosen = id_of(map_of(seen.customer.get("invoice_settings")).get("default_payment_method"))
    return chosen if chosen in usable else next(iter(usable), "")


def owner_of(found: Object) -> tuple[str, str]:
    """The store that made an object, and which of its own it stands for; both empty where metadata says nothing."""
    return metadata_of(found, STORE), metadata_of(found, LOCAL)


def paid_at(session: Object) -> Instant | None:
    """When a page was paid, by its charge; None where nothing was charged, or its charge is not unfolded."""
    charge = map_of(map_of(session.get("payment_intent")).get("latest_charge"))
    return instant_of(number_of(charge, "created")) if charge else None


def intent_of(found: Object) -> str:
    """The payment intent that an object names: a payment of an invoice, a refund, a dispute or a page."""
    payment = found.get("payment")
    return id_of((map_of(payment) if payment else found).get("payment_intent"))


def open_intents(payments: Sequence[Object]) -> list[str]:
    """The payment intents of the payments that are still open."""
    return [intent_of(one) for one in payments if one.get("status") == "open" and intent_of(one)]


def _received(payment: Object) -> Received:
    of = map_of(payment.get("payment"))
    record = id_of(of.get("payment_record"))
    name = intent_of(payment) or id_of(of.get("charge")) or record or id_of(payment)
    at = _at(map_of(payment.get("status_transitions")), "paid_at", number_of(payment, "created"))
    method = OUTSIDE if name == record else METHOD
    return Received(name, name, number_of(payment, "amount_paid"), str(payment.get("currency")), at, method)


def _disputed(dispute: Object) -> Iterable[Disputed]:
    """The money that moved because of a dispute: an inquiry moves none. Fees are between the bank and us."""
    moved = dispute.get("balance_transactions")
    transactions = [map_of(one) for one in moved] if isinstance(moved, list) else []
    came_back = any(number_of(one, "amount") >= 0 for one in transactions)
    for one in transactions:
        yield Disputed(
            id_of(dispute),
            "withdrawn" if number_of(one, "amount") < 0 else "reinstated",
            intent_of(dispute),
            number_of(dispute, "amount"),
            str(dispute.get("currency")),
            _at(one, "created", number_of(dispute, "created")),
            came_back,
        )


def _is_paid(payment: Object) -> bool:
    return payment.get("status") == "paid" and number_of(payment, "amount_paid") > 0


def _is_expired(method: Object, now: Instant) -> bool:
    card = method.get("card")
    if not isinstance(card, dict):
        return False
    today = local_date(now, zone("UTC"))
    return (number_of(card, "exp_year"), number_of(card, "exp_month")) < (today.year, today.month)


def _at(times: Mapping[str, object], name: str, otherwise: int = 0) -> Instant:
    found = times.get(name)
    return instant_of(found if isinstance(found, int) else otherwise)
