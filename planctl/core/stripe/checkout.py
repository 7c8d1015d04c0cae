"""Knows a Checkout page: for how much it asks, what its payment starts, and whether it still fits. It calls nobody.

A page is bound to a proposal: to what begins, and to the exact amount that is billed with it at once.
Source: planctl billing rules, lifecycle (groups, trial); https://docs.stripe.com/api/checkout/sessions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from typing import Literal
from urllib.parse import parse_qsl

from planctl.core.catalog.model import Group
from planctl.core.currencies import Currency
from planctl.core.document import Document, canonical
from planctl.core.instants import DAY, DAY_MICROSECONDS, MINUTE_MICROSECONDS, first_instant, local_date
from planctl.core.invoicing.facts import Advanced
from planctl.core.invoicing.model import Draft
from planctl.core.money import decimal_text, format_amount
from planctl.core.periods import Instant, zone
from planctl.core.promises import Promise
from planctl.core.stripe.amounts import at_stripe, code_at_stripe
from planctl.core.stripe.checkout_lines import LONGEST_NAME, Item, items_of, line_item
from planctl.core.stripe.model import LOCAL, STORE, Object, Value
from planctl.core.subscriptions.changes import Change
from planctl.core.subscriptions.model import Subscription
from planctl.errors import Refused
from planctl.values import dataclass

Mode = Literal["payment", "setup"]
"""payment: money is asked for, and the means of payment kept. setup: only a means of payment is put on file."""

PageState = Literal["open", "completed", "expired", "credited"]
"""completed: it started what it was for. expired: nobody paid, or there was nothing to start. credited: the money
that came did not fit any more and stands in the customer's balance."""

Fate = Literal["open", "waiting", "paid", "over"]
"""open: it can be paid. waiting: it was filled in, and the money is still to come. over: nothing comes of it."""

SHORTEST_LIFE = 31 * MINUTE_MICROSECONDS
LONGEST_LIFE = DAY_MICROSECONDS - 5 * MINUTE_MICROSECONDS
"""Stripe lets a page live between 30 minutes and 24 hours; the rest is for clocks that differ."""

_BY_THE_SECOND = "by the second"
_UNSTABLE = frozenset({"first day", "first request"})
"""What of a promise only says when: the amount is compared by itself."""

_FAILED = frozenset({"requires_payment_method", "canceled"})


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a page is for, as it was asked; what is empty was not said. `trial` None: as the plan has it."""

    customer: str
    plan: str
    pay: str = ""
    currency: str = ""
    quantity: int = 0
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    coupon: str = ""
    trial: bool | None = None
    plan_version: str = ""

    def document(self) -> dict[str, Document]:
        """It as a document, from which `purchase_of` makes it again."""
        return {
            "customer": self.customer,
            "plan": self.plan,
            "pay": self.pay,
            "currency": self.currency,
            "quantity": str(self.quantity),
            "quantities": {name: decimal_text(total) for name, total in sorted(self.quantities.items())},
            "coupon": self.coupon,
            "trial": self.trial,
            "plan_version": self.plan_version,
        }


@dataclass(frozen=True, slots=True)
class Proposed:
    """A start or a change as it was proposed: what begins, what is billed with it, what a yes stands for.

    `going_on`: nothing begins, what runs goes on after all. `names` are what plans are called today, by address.
    """

    subscription: Subscription
    billed: Advanced
    promise: Promise
    change: Change | None = None
    going_on: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def due_minor(self) -> int:
        """What is to be paid at once: every request, less what the customer's balance pays of it."""
        return sum(draft.total_minor - draft.credit_minor for draft in self.billed.drafts)

    @property
    def name(self) -> str:
        """What begins, in a few words: `Pro`, `Change from Starter to Pro`."""
        new, change = self._name_of(self.subscription), self.change
        whole = new if change is None else f"Change from {self._name_of(change.before)} to {new}"
        return whole[:LONGEST_NAME]

    def _name_of(self, one: Subscription) -> str:
        section = "addons" if one.terms.kind == "addon" else "plans"
        return self.names.get(f"{section}.{one.plan}", one.plan)


@dataclass(frozen=True, slots=True)
class Order:
    """What a page asks for, and what its payment starts. `amount_minor` 0: a means of payment alone.

    `until`: the end of the customer's day, where the amount is another tomorrow; None: it stays.
    """

    purchase: Purchase
    proposed: Proposed
    amount_minor: int
    currency: Currency
    items: tuple[Item, ...]
    until: Instant | None = None

    @property
    def mode(self) -> Mode:
        """Whether money is asked for."""
        return "payment" if self.amount_minor else "setup"

    @property
    def scope(self) -> str:
        """In what one page stands at a time: an exclusive group (`group:main`), else the plan (`plan:chat`)."""
        one = self.proposed.subscription
        return f"group:{one.exclusive_group}" if one.exclusive_group else f"plan:{one.plan}"

    @property
    def local_id(self) -> str:
        """Our name for the customer's page of that scope: `nova/group:main`."""
        return f"{self.purchase.customer}/{self.scope}"


@dataclass(frozen=True, slots=True)
class Returns:
    """Where the page sends people: once they have paid, and when they go back."""

    success: str
    cancel: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was opened, as it is kept. `note` says what came of it; `subscription` is what it started."""

    session: str
    purchase: Purchase
    promise: Promise
    amount_minor: int
    currency: Currency
    url: str
    made_at: Instant
    expires_at: Instant
    state: PageState = "open"
    subscription: str = ""
    note: str = ""

    @property
    def is_final(self) -> bool:
        """Whether its money was taken in, so that nothing more comes of it."""
        return self.state in {"completed", "credited"}


def purchase_of(document: Document) -> Purchase:
    """The purchase whose document it is."""
    assert isinstance(document, dict)
    totals, trial = document["quantities"], document["trial"]
    assert isinstance(totals, dict)
    assert trial is None or isinstance(trial, bool)
    said = {
        name: str(document[name])
        for name in ("customer", "plan", "pay", "currency", "coupon", "plan_version")
    }
    quantities = {name: Decimal(str(total)) for name, total in totals.items()}
    return Purchase(quantity=int(str(document["quantity"])), quantities=quantities, trial=trial, **said)


def order_of(purchase: Purchase, proposed: Proposed, now: Instant) -> Order:
    """What a page for a proposal asks for; its lines sum up to the amount exactly.

    Refused where nothing begins at once, where Stripe does not take the money, and where the amount changes by
    the second, so that no page could be bound to it.
    """
    _check_at_once(purchase, proposed)
    one, due = proposed.subscription, proposed.due_minor
    shares = _shares(proposed.billed.drafts)
    if due and _BY_THE_SECOND in shares:
        raise Refused(
            f"what {one.plan} costs changes by the second, so no page can ask for it",
            code="checkout-by-second",
            where=f"{one.customer}/{one.plan}",
            expected="terms with `proration: day` or `none`",
            hint=f"planctl subscribe {one.customer} {one.plan}, then collect its invoice",
        )
    total = at_stripe(due, one.currency)
    items = items_of(proposed.billed, proposed.name, total) if total else ()
    assert sum(item.amount for item in items) == total, f"{items} are not {total}"
    tz = zone(one.timezone)
    moves = due and (proposed.change is not None or shares)
    until = first_instant(local_date(now, tz) + DAY, tz) if moves else None
    return Order(purchase, proposed, due, one.currency, items, until)


def stable(promise: Promise) -> dict[str, str]:
    """What of a promise must still hold when it is paid: all but its instants, and the amount, compared apart."""
    return {name: said for name, said in promise.items() if name not in _UNSTABLE}


def digest(order: Order, returns: Returns) -> str:
    """What tells one page from another: the same to-day and to-morrow, where it asks for the same."""
    whole: Document = {
        "purchase": order.purchase.document(),
        "promise": {**stable(order.proposed.promise)},
        "amount": str(order.amount_minor),
        "currency": order.currency.code,
        "returns": [returns.success, returns.cancel],
    }
    return hashlib.sha256(canonical(whole).encode()).hexdigest()


def life_of(order: Order, as_of: Instant) -> int:
    """How long a page opened at `as_of` may be paid, in microseconds; 0: as long as Stripe lets one, 24 hours.

    To the end of the day where the amount is another then, but never less than Stripe takes.
    """
    if order.until is None:
        return 0
    return min(max(order.until - as_of, SHORTEST_LIFE), LONGEST_LIFE)


def lives_on(body: bytes, now: Instant) -> bool:
    """Whether the bytes that open a page ask for one that Stripe would still open: not for too short a life."""
    said = dict(parse_qsl(body.decode())).get("expires_at")
    return said is None or int(said) * 1_000_000 >= now + SHORTEST_LIFE - MINUTE_MICROSECONDS


def session_params(
    order: Order, customer: str, returns: Returns, marks: Mapping[str, str], expires_at: Instant | None
) -> dict[str, Value]:
    """The parameters that make the page, for a customer of Stripe's. `marks` say whose and which it is.

    They stand on the payment too, since refunds and disputes name that alone.
    """
    code = code_at_stripe(order.currency)
    metadata: dict[str, Value] = {name: marks[name] for name in (STORE, LOCAL)}
    params: dict[str, Value] = {
        "mode": order.mode,
        "customer": customer,
        "client_reference_id": order.purchase.customer,
        "success_url": returns.success,
        "cancel_url": returns.cancel,
    }
    if expires_at is not None:
        params["expires_at"] = expires_at // 1_000_000
    if order.mode == "setup":
        intent: dict[str, Value] = {"description": order.proposed.name, "metadata": metadata}
        return {**params, "currency": code, "setup_intent_data": intent}
    return {
        **params,
        "adaptive_pricing": {"enabled": False},  # the amount is bound, in the customer's own currency
        "line_items": [line_item(item, code) for item in order.items],
        "payment_intent_data": {
            "description": order.proposed.name,
            "setup_future_usage": "off_session",
            "metadata": metadata,
        },
    }


def fate_of(session: Object | None) -> Fate:
    """What a page's session says of it; None: Stripe has none any more.

    With its payment intent expanded, one that failed after all is told from one that is still to come.
    """
    if session is None or session.get("status") == "expired":
        return "over"
    if session.get("status") != "complete":
        return "open"
    if session.get("payment_status") != "unpaid":
        return "paid"
    intent = session.get("payment_intent")
    return "over" if isinstance(intent, dict) and intent.get("status") in _FAILED else "waiting"


def asks_otherwise(order: Order, session: Object) -> str:
    """What a page at Stripe asks for where that is not what it should; empty where it is.

    A page on which nothing is paid may say no currency.
    """
    asked = (order.mode, at_stripe(order.amount_minor, order.currency), code_at_stripe(order.currency))
    currency = session.get("currency") if order.amount_minor else asked[2]
    there = (session.get("mode"), session.get("amount_total") or 0, currency)
    return "" if there == asked else " ".join(map(str, there))


def misfit(page: Page, received_minor: int, proposed: Proposed) -> str:
    """Why what was paid is not what would be billed now, with both amounts; empty where it is.

    The same terms in the same place are promised, whatever the instants; the amount and the currency are exact.
    """
    currency = proposed.subscription.currency
    later = proposed.going_on or (proposed.change is not None and not proposed.change.at_once)
    if later:
        return f"{_paid(page, received_minor)}, and nothing would begin at once any more"
    before, after = stable(page.promise), stable(proposed.promise)
    moved = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    fits = (received_minor, page.currency) == (proposed.due_minor, currency)
    if fits and received_minor == page.amount_minor and not moved:
        return ""
    now = f"{format_amount(proposed.due_minor, currency)} {currency.code} would be billed now"
    told = [f"{name} {before.get(name) or 'none'} is now {after.get(name) or 'none'}" for name in moved]
    return "; ".join([f"{_paid(page, received_minor)}, and {now}", *told])


def next_plans(running: Iterable[Subscription], groups: Mapping[str, Group]) -> list[tuple[str, ...]]:
    """For every plan that runs in an ordered group the plans after it, the next first; nothing for the last one."""
    found = []
    for one in running:
        group = groups.get(one.exclusive_group)
        order = group.order if group is not None else ()
        if one.live and not one.base and one.plan in order:
            found.append(order[order.index(one.plan) + 1 :])
    return found


def _check_at_once(purchase: Purchase, proposed: Proposed) -> None:
    change = proposed.change
    where = f"{purchase.customer}/{proposed.subscription.plan}"
    if proposed.going_on:
        raise Refused(
            f"{where} runs and would go on: there is nothing to pay",
            code="checkout-nothing",
            where=where,
            hint=f"planctl subscribe {purchase.customer} {proposed.subscription.plan} takes its planned end back",
        )
    if change is None or change.at_once:
        return
    when = "an operator approves it" if change.timing == "approval" else "the running period ends"
    raise Refused(
        f"the change from {change.before.plan} to {change.successor.plan} waits until {when}:"
        " nothing is to be paid for it now",
        code="checkout-later",
        where=where,
        got=change.timing,
        hint=f"planctl subscribe {purchase.customer} {change.successor.plan} asks for it without a page;"
        f" planctl change now {purchase.customer} {change.successor.plan} changes at once",
    )


def _shares(drafts: Sequence[Draft]) -> set[str]:
    """Which parts of a period are charged or credited, as their lines say it: `14 of 28 days`."""
    details = (line.detail for draft in drafts for line in draft.lines)
    found = {str(detail.get("share_text", "")) for detail in details if isinstance(detail, dict)}
    return found - {""}


def _paid(page: Page, received_minor: int) -> str:
    return f"{format_amount(received_minor, page.currency)} {page.currency.code} were paid"
