"""How coupons look, declared and applied, to machines and to people. It applies none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from planctl.core.catalog.model import Coupon
from planctl.core.coupons import Redemption
from planctl.core.currencies import Currency
from planctl.core.instants import instant_text
from planctl.core.money import decimal_text, format_minor
from planctl.core.subscriptions.model import Subscription
from planctl.views.sheet import Answer, Column, Json, Sheet

_DECLARED = (
    Column("id"),
    Column("off"),
    Column("for"),
    Column("plans"),
    Column("until"),
    Column("max", "quantity"),
    Column("redeemed", "quantity"),
    Column("archived", "flag"),
)
_APPLIED = (
    Column("coupon"),
    Column("subscription"),
    Column("off"),
    Column("for"),
    Column("applied_at", "instant", "applied"),
    Column("periods_used", "quantity", "periods used"),
    Column("periods_left", "quantity", "left"),
    Column("discounted", "amount"),
    Column("currency"),
)


class DeclaredLike(Protocol):
    """What is shown of a coupon of the catalog."""

    @property
    def coupon(self) -> Coupon:
        """Its terms."""

    @property
    def redeemed(self) -> int:
        """How often it was redeemed."""

    @property
    def archived(self) -> bool:
        """Whether it can be had no more."""


class AppliedLike(Protocol):
    """What is shown of a coupon that was applied."""

    @property
    def redemption(self) -> Redemption:
        """The coupon, with its terms as they were then."""

    @property
    def subscription(self) -> Subscription:
        """Which subscription has it."""


def off_text(coupon: Coupon) -> str:
    """What it takes off: `20%`, or `10 USD, 9 EUR`."""
    if coupon.percent is not None:
        return f"{decimal_text(coupon.percent * 100)}%"
    return ", ".join(f"{decimal_text(amount)} {code}" for code, amount in sorted(coupon.amounts.items()))


def for_text(coupon: Coupon) -> str:
    """How long it holds: `once`, `3 periods`, `forever`."""
    periods = coupon.periods
    return "forever" if periods is None else "once" if periods == 1 else f"{periods} periods"


def declared_answer(found: Sequence[DeclaredLike]) -> Answer:
    """The coupons of the catalog."""
    rows = tuple(
        (
            one.coupon.id,
            off_text(one.coupon),
            for_text(one.coupon),
            ", ".join(one.coupon.plans) or None,
            None if one.coupon.until is None else one.coupon.until.isoformat(),
            one.coupon.max_redemptions,
            one.redeemed,
            one.archived,
        )
        for one in found
    )
    documents = [declared_document(one) for one in found]
    return Answer(documents, (), Sheet(_DECLARED, rows), "no coupons in the catalog")


def declared_document(one: DeclaredLike) -> dict[str, Json]:
    """A coupon of the catalog as JSON."""
    return _terms_document(one.coupon) | {
        "id": one.coupon.id,
        "until": None if one.coupon.until is None else one.coupon.until.isoformat(),
        "max": one.coupon.max_redemptions,
        "redeemed": one.redeemed,
        "archived": one.archived,
    }


def applied_list_answer(found: Sequence[AppliedLike], timezone: str) -> Answer:
    """The coupons that a customer's subscriptions have."""
    rows = tuple(
        (
            one.redemption.coupon.id,
            f"{one.subscription.customer}/{one.subscription.plan}",
            off_text(one.redemption.coupon),
            for_text(one.redemption.coupon),
            one.redemption.applied_at,
            len(one.redemption.taken),
            _left(one.redemption),
            _discounted(one.redemption, one.subscription.currency),
            one.subscription.currency.code,
        )
        for one in found
    )
    documents = [applied_document(one) for one in found]
    return Answer(documents, (), Sheet(_APPLIED, rows, timezone), "no coupons")


def applied_document(one: AppliedLike) -> dict[str, Json]:
    """A coupon that a subscription has, as JSON; `periods_left` is null where it holds for ever."""
    redemption, subscription = one.redemption, one.subscription
    return {
        "id": redemption.id,
        "coupon": redemption.coupon.id,
        "customer": redemption.customer,
        "subscription": redemption.subscription,
        "plan": subscription.plan,
        **_terms_document(redemption.coupon),
        "applied_at": instant_text(redemption.applied_at),
        "periods_used": len(redemption.taken),
        "periods_left": _left(redemption),
        "discounted": _discounted(redemption, subscription.currency),
        "currency": subscription.currency.code,
    }


def coupon_applied_answer(document: Json) -> Answer:
    """What applying a coupon did, from its document."""
    assert isinstance(document, Mapping)
    sentence = (
        f"{document['customer']}/{document['plan']}: coupon {document['coupon']} ({_off(document)},"
        f" {document['for']}) holds from the next invoice on"
    )
    return Answer(document, (sentence,))


def coupon_removed_answer(document: Json) -> Answer:
    """What removing a coupon did, from its document."""
    assert isinstance(document, Mapping)
    sentence = (
        f"{document['customer']}/{document['plan']}: coupon {document['coupon']} is off;"
        " issued invoices keep their discount"
    )
    return Answer(document, (sentence,))


def _terms_document(coupon: Coupon) -> dict[str, Json]:
    off: Json = (
        off_text(coupon)
        if coupon.percent is not None
        else {code: decimal_text(amount) for code, amount in sorted(coupon.amounts.items())}
    )
    return {"off": off, "for": for_text(coupon), "plans": list(coupon.plans)}


def _off(document: Mapping[str, Json]) -> str:
    off = document["off"]
    if not isinstance(off, Mapping):
        return f"{off} off"
    return " or ".join(f"{amount} {code}" for code, amount in off.items()) + " off"


def _left(redemption: Redemption) -> int | None:
    periods = redemption.coupon.periods
    return None if periods is None else max(0, periods - len(redemption.taken))


def _discounted(redemption: Redemption, currency: Currency) -> str:
    return format_minor(sum(redemption.taken.values()), currency)
