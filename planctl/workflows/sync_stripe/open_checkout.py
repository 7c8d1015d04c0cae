"""Opens a Checkout page: one that can be paid for each customer and group, whatever happened to an answer.

What the page starts is decided elsewhere and handed in. Source: planctl reliability rules, idempotency: push.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.core.stripe.checkout import (
    Order,
    Page,
    Returns,
    asks_otherwise,
    digest,
    fate_of,
    life_of,
    lives_on,
    next_plans,
    session_params,
)
from planctl.core.stripe.model import LOCAL, OPEN, STORE, Account, Call, Object, Operation, State
from planctl.core.stripe.outbox import after_look, collection, next_step, reached
from planctl.core.subscriptions.start import Offered
from planctl.errors import Conflict, InvalidInput, Refused, WrongUsage
from planctl.store import customers, stripe_checkouts, stripe_outbox, subscriptions
from planctl.store.offers import group_of, offered
from planctl.store.selling import holding
from planctl.values import dataclass
from planctl.workflows.sync_stripe.push_objects import push_customer
from planctl.workflows.sync_stripe.sending import finish, send, send_next, settle
from planctl.workflows.sync_stripe.set_up import check_return_url

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.workflows.sync_stripe.sending import Talk

_SESSIONS = collection("checkout")


@dataclass(frozen=True, slots=True)
class Opening:
    """A page to be opened: what it asks for, of whom, where it sends people, and the instant it was proposed for."""

    order: Order
    customer: Customer
    returns: Returns
    as_of: Instant


@dataclass(frozen=True, slots=True)
class Opened:
    """The page that can be paid now; `existed`: it was opened before, for the same."""

    page: Page
    existed: bool


def plan_to_sell(tx: Tx, customer_id: str) -> str:
    """The plan of a page where none was said: the one that is assigned, else the next of the group that runs.

    Plans that are archived or hidden from customers are passed over. WrongUsage where several fit, or nothing runs;
    Refused where there is no next one.
    """
    customer = holding(tx, customer_id)
    waiting = subscriptions.assignments(tx, [customer.id])[customer.id]
    if waiting:
        return _only_one(customer.id, [one.plan for one in waiting], "are assigned")
    running = subscriptions.of_customers(tx, [customer.id])[customer.id]
    live = [one for one in running if one.live and not one.base]
    found = {name: group_of(tx, name) for name in {one.exclusive_group for one in live}}
    after = next_plans(live, {name: group for name, group in found.items() if group is not None})
    following = [next((plan for plan in plans if _on_sale(tx, plan)), "") for plans in after]
    named = [plan for plan in following if plan]
    if named:
        return _only_one(customer.id, named, "are next")
    if not after:
        raise _say_which(customer.id, "no plan of a group with an order runs, and none is assigned")
    raise Refused(
        f"{customer.id} runs the last plan of its group: there is none to move up to",
        code="checkout-nothing",
        where=customer.id,
        got=", ".join(one.plan for one in live),
        hint=f"planctl stripe checkout {customer.id} PLAN names another",
    )


def check_on_sale(offer: Offered, *, assigned: bool) -> None:
    """Refused for a plan that is hidden from customers, unless somebody assigned it to this one."""
    if offer.offer.visibility == "inactive" and not assigned:
        raise Refused(
            f"plan {offer.plan} is hidden from customers, so no page sells it",
            code="plan-inactive",
            where=f"plans.{offer.plan}",
            hint=f"planctl assign CUSTOMER {offer.plan} sets it aside for one; planctl plan activate {offer.plan}"
            " offers it to all",
        )


def with_means_of_payment(tx: Tx, customer_id: str) -> None:
    """Say that a customer pays by card where nothing says how: so it is once a page has been filled in."""
    customer = holding(tx, customer_id)
    if customer.payment_method == "none":
        customers.update(tx, replace(customer, payment_method="card"))


def customer_there(talk: Talk, customer: Customer) -> str:
    """The id that stands for a customer at Stripe, made or brought up to date there first.

    Refused where that waits for a person.
    """
    stripe_id = push_customer(talk, customer)
    if stripe_id:
        return stripe_id
    raise Refused(
        f"customer {customer.id} is not at Stripe: a call waits for a person",
        code="customer-refused",
        where=customer.id,
        hint="planctl stripe status names the call and what Stripe said",
    )


def returns_for(account: Account, success: str, cancel: str) -> Returns:
    """Where a page sends people back to: as said, else to the account's address.

    WrongUsage where nothing says, InvalidInput where an address is none.
    """
    found = Returns(
        checked_url("--success-url", success, account) or account.return_url,
        checked_url("--cancel-url", cancel, account) or account.return_url,
    )
    if found.success and found.cancel:
        return found
    missing = [option for option, url in (("--success-url", success), ("--cancel-url", cancel)) if not url]
    raise WrongUsage(
        "the page must know where to send people back to",
        code="needs-return-url",
        where="stripe checkout",
        expected=" and ".join(missing),
        hint="give --success-url URL and --cancel-url URL, or planctl stripe setup --return-url URL once",
    )


def checked_url(option: str, url: str, account: Account) -> str:
    """The address that an option gives, empty where it gives none; InvalidInput where Stripe could not lead there."""
    try:
        return check_return_url(url, live=account.live) if url else ""
    except InvalidInput as wrong:
        raise InvalidInput(
            wrong.message, code=wrong.code, where=option, expected=wrong.expected, got=wrong.got
        ) from wrong


def open_page(talk: Talk, opening: Opening, keep: Callable[[Tx, Opened], None]) -> Opened:
    """The page for an order; the one that is open where it asks for the same.

    One that asks for something else is expired first, so that never two can be paid. `keep` is called in the
    transaction that keeps the page. Refused where the earlier one was paid meanwhile, and where Stripe refuses.
    """
    order, mark = opening.order, digest(opening.order, opening.returns)
    customer = customer_there(talk, opening.customer)
    before = _last(talk, order.local_id, mark)
    if before is not None and before.state is State.CONFIRMED and not _is_over(talk, before.stripe_id):
        session = _look(talk, before.stripe_id)
        if before.digest == mark and fate_of(session) == "open":
            return _kept(talk, opening, before, session, keep)
        _put_away(talk, order, before.stripe_id, session)
    made = send(talk, _call(talk, opening, customer, before))
    if made.state is not State.CONFIRMED:
        raise _not_opened(order, made)
    if made.digest != mark:
        raise Conflict(
            f"another page for {order.local_id} was opened at the same moment",
            code="checkout-raced",
            where=order.local_id,
            hint="run it again: the other one is expired then",
        )
    return _kept(talk, opening, made, _look(talk, made.stripe_id), keep)


def _last(talk: Talk, local_id: str, mark: str) -> Operation | None:
    """The last call that opened a page of that name, brought to its end.

    It is sent again only where it still asks for the same, for as long as Stripe wants; else it is looked whether it
    opened a page. Where none carries its key it opened none.
    """
    with talk.open_read() as tx:
        made = stripe_outbox.operations_of(tx, talk.account, "checkout", [local_id])[local_id]
    opened = [one for one in made if one.action == "open"]
    if not opened:
        return None
    last = max(opened, key=lambda one: one.revision)
    if last.state not in OPEN:
        return last
    now = talk.now()
    if last.digest == mark and next_step(last, now) == "send" and lives_on(last.body, now):
        return finish(talk, last)
    ended = settle(talk, last)
    return ended if ended.state is not State.PARKED else _opened_none(talk, ended)


def _opened_none(talk: Talk, operation: Operation) -> Operation:
    dropped = replace(operation, state=State.DROPPED, note="it opened no page")
    with talk.open_write() as tx:
        stripe_outbox.save(tx, dropped)
        talk.record(tx, dropped)
    return dropped


def _call(talk: Talk, opening: Opening, customer: str, before: Operation | None) -> Call:
    order = opening.order
    if before is not None and before.state is State.PARKED:
        raise _not_opened(order, before)
    life = life_of(order, opening.as_of)
    expires_at = Instant(talk.now() + life) if life else None
    marks = {STORE: talk.store_id, LOCAL: order.local_id}
    return Call(
        "checkout",
        order.local_id,
        "open",
        _SESSIONS,
        session_params(order, customer, opening.returns, marks, expires_at),
        revision=1 if before is None else before.revision + 1,
        links=True,
        digest=digest(order, opening.returns),
    )


def _is_over(talk: Talk, session: str) -> bool:
    """Whether it is kept that nothing more comes of a page."""
    with talk.open_read() as tx:
        page = stripe_checkouts.page(tx, session)
    return page is not None and page.state != "open"


def _look(talk: Talk, session: str) -> Object | None:
    """What Stripe has of a page, with its payment; None where it has none any more."""
    return talk.gateway.find(f"{_SESSIONS}/{session}", expand=["payment_intent"])


def _put_away(talk: Talk, order: Order, session: str, found: Object | None) -> None:
    """Make sure that a page cannot be paid any more; Refused where it has been paid."""
    path = f"{_SESSIONS}/{session}"
    call = Call("checkout", session, "expire", f"{path}/expire", repeatable=True)
    if fate_of(found) == "open" or _unfinished(talk, session):
        made = send_next(talk, call)
        found = _look(talk, session)
        if made.state is State.PARKED:
            _settle(talk, made, found)
    if fate_of(found) == "open":
        raise Refused(
            f"the page that is open for {order.local_id} could not be expired",
            code="checkout-open",
            where=session,
            hint="expire it in Stripe's dashboard, or wait until it expires; then run it again",
        )
    if fate_of(found) in {"paid", "waiting"}:
        raise Refused(
            f"the page that was open for {order.local_id} has been filled in meanwhile",
            code="checkout-paid",
            where=session,
            got="paid" if fate_of(found) == "paid" else "its payment is on the way",
            hint="planctl stripe pull takes in what it started; nothing else was opened",
        )
    with talk.open_write() as tx:
        page = stripe_checkouts.page(tx, session)
        if page is not None and page.state == "open":
            stripe_checkouts.save(tx, replace(page, state="expired"))


def _unfinished(talk: Talk, session: str) -> bool:
    """Whether a page was to be expired, and nobody knows whether it was."""
    with talk.open_read() as tx:
        made = stripe_outbox.operations_of(tx, talk.account, "checkout", [session])[session]
    return any(one.state in OPEN for one in made)


def _settle(talk: Talk, operation: Operation, found: Object | None) -> None:
    """End a call that Stripe refused since the page was over already: what was seen tells, no person needs to."""
    seen = "it is gone at Stripe" if found is None else f"its status is {found.get('status')}"
    after = after_look(operation, reached(operation, found), seen)
    with talk.open_write() as tx:
        stripe_outbox.save(tx, after)
        talk.record(tx, after)


def _kept(
    talk: Talk,
    opening: Opening,
    made: Operation,
    session: Object | None,
    keep: Callable[[Tx, Opened], None],
) -> Opened:
    """The page as it is kept; put away, and Refused, where Stripe would ask for something else."""
    order = opening.order
    differs = "it is gone" if session is None else asks_otherwise(order, session)
    if session is None or differs:
        _put_away(talk, order, made.stripe_id, session)
        raise Refused(
            f"the page for {order.local_id} does not ask for what it should: it was expired",
            code="checkout-differs",
            where=made.stripe_id,
            got=differs,
            hint="nobody can pay it; run it again, and tell planctl's makers if it stays so",
        )
    page = Page(
        made.stripe_id,
        order.purchase,
        order.proposed.promise,
        order.amount_minor,
        order.currency,
        str(session.get("url") or ""),
        made.made_at,
        Instant(_seconds(session.get("expires_at")) * 1_000_000),
    )
    with talk.open_write() as tx:
        existed = stripe_checkouts.page(tx, page.session)
        if existed is None:
            stripe_checkouts.add(tx, page)
        opened = Opened(existed or page, existed is not None)
        keep(tx, opened)
    return opened


def _not_opened(order: Order, operation: Operation) -> Refused:
    waits = operation.state is State.PARKED
    return Refused(
        f"Stripe opened no page for {order.local_id}",
        code="checkout-refused",
        where=operation.id,
        got=operation.note,
        hint=f"once it is mended: planctl stripe resolve {operation.id} --resend --reason TEXT, then run it again"
        if waits
        else "run it again",
    )


def _on_sale(tx: Tx, plan: str) -> bool:
    offer = offered(tx, plan).offer
    return not offer.archived and offer.visibility == "active"


def _only_one(customer: str, plans: list[str], what: str) -> str:
    if len(plans) == 1:
        return plans[0]
    raise _say_which(customer, f"{', '.join(plans)} {what}")


def _say_which(customer: str, why: str) -> WrongUsage:
    return WrongUsage(
        f"say which plan {customer} is to pay for: {why}",
        where=customer,
        hint=f"planctl stripe checkout {customer} PLAN",
    )


def _seconds(value: object) -> int:
    assert isinstance(value, int), f"{value!r} is no time of Stripe's"
    return value
