"""Brings products, prices, coupons, tax rates and customers at Stripe to what the store says, and no further.

What is to be done is compared anew after every round, from what Stripe answers, so a push that was stopped anywhere
goes on from what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planctl.core.customers import Customer
from planctl.core.instants import DAY_MICROSECONDS, local_date, zone
from planctl.core.periods import Instant
from planctl.core.stripe.catalog_objects import catalog_at_stripe, desired_objects
from planctl.core.stripe.comparing import Comparison, Remote, compare
from planctl.core.stripe.customer_objects import customer_object, desired_customers
from planctl.core.stripe.fields import (
    Desired,
    Wanted,
    create_params,
    differences,
    digest,
    seen,
    update_params,
)
from planctl.core.stripe.guard import check_generation
from planctl.core.stripe.model import (
    LOCAL,
    NOT_THERE,
    STORE,
    Account,
    Call,
    Kind,
    LeftOut,
    Link,
    Object,
    Operation,
    State,
    StripeChange,
)
from planctl.core.stripe.outbox import collection
from planctl.core.stripe.reading import metadata_of
from planctl.store import customers, stripe_outbox
from planctl.store.catalog import stored_catalog
from planctl.store.settings import timezone
from planctl.workflows.sync_stripe.sending import Known, Talk, send_next

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.stripe_bridge.gateway import Gateway

OF_CATALOG: tuple[Kind, ...] = ("product", "price", "coupon", "tax_rate")
"""Kinds of objects in the order in which they need each other."""

ROUNDS = 5
"""More rounds than any order of creation, default price and archiving needs."""

Progress = Callable[[int, int], None]
"""Is told how many objects were looked at, and how many there are."""

_WITH_ALL_CURRENCIES = frozenset({"price", "coupon"})


@dataclass(slots=True)
class Pushed:
    """What a push did with objects: changes carried out, calls that wait for a person, and what one gave up."""

    changes: list[StripeChange] = field(default_factory=list)
    parked: list[Operation] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def keep(self, change: StripeChange, operation: Operation) -> bool:
        """Keep what became of one call; whether it was carried out."""
        if operation.state is State.CONFIRMED:
            self.changes.append(change)
            return True
        if operation.is_given_up:
            self.left_out.append(LeftOut(change.kind, change.local_id, operation.note))
        elif operation.state is State.PARKED and operation not in self.parked:
            self.parked.append(operation)
        return False


# --- what should be there, and what is


def wanted_of_catalog(tx: Tx, now: Instant) -> Wanted:
    """What the catalog should have at Stripe on the business's day."""
    today = local_date(now, zone(timezone(tx)))
    return desired_objects(catalog_at_stripe(stored_catalog(tx), today))


def wanted_of_customers(tx: Tx) -> Wanted:
    """The customers who should be at Stripe."""
    return desired_customers(customers.customers(tx))


def propose_customers(tx: Tx, account: Account) -> list[StripeChange]:
    """The customers that a push would make or change. What they changed at Stripe themselves is not compared.

    They may: the portal lets them keep their billing details, and that is not set back.
    """
    links = stripe_outbox.links(tx, account, "customer")
    found = []
    for one in wanted_of_customers(tx).objects:
        link = links.get(one.local_id)
        if link is None:
            found.append(StripeChange("customer", one.local_id, "create"))
        elif link.detail.get(NOT_THERE):
            found.append(
                StripeChange("customer", one.local_id, "recreate", link.stripe_id, why="gone at Stripe")
            )
        elif link.digest != digest(one.fields):
            found.append(StripeChange("customer", one.local_id, "update", link.stripe_id, why="changed here"))
    return found


def read_remote(gateway: Gateway, kinds: Iterable[Kind]) -> Remote:
    """Everything of these kinds that the account has, listed page by page."""
    return {kind: tuple(_listed(gateway, kind)) for kind in kinds}


def compare_with(
    tx: Tx, account: Account, wanted: Wanted, remote: Remote, store_id: str
) -> tuple[Comparison, dict[tuple[Kind, str], str]]:
    """What a push would do, and the Stripe ids of what is linked by kind and local id."""
    links = [one for kind in remote for one in stripe_outbox.links(tx, account, kind).values()]
    ids: dict[tuple[Kind, str], str] = {(one.kind, one.local_id): one.stripe_id for one in links}
    return compare(wanted, links, remote, store_id), ids


# --- pushing


def push_catalog(talk: Talk) -> Pushed:
    """Bring the catalog's objects to what they should be; a price that is dearer becomes a new one.

    The new price takes the lookup key, then the product's default moves to it, then the old one is archived.
    """
    pushed = Pushed()
    for _ in range(ROUNDS):
        known = _known(
            talk, OF_CATALOG
        )  # before Stripe is asked: what comes to be from now on is somebody else's
        remote = read_remote(talk.gateway, OF_CATALOG)
        for several in remote.values():
            check_generation(several, talk.store_id, talk.generation, talk.adoption)
        with talk.open_read() as tx:
            wanted = wanted_of_catalog(tx, talk.now())
            found, ids = compare_with(tx, talk.account, wanted, remote, talk.store_id)
        here = _Round(ids, known)
        by_key = {(one.kind, one.local_id): one for one in wanted.objects}
        before = len(pushed.changes)
        for change in found.changes:
            if change.action != "archive":
                _carry_out(talk, change, by_key[change.kind, change.local_id], here, pushed)
        if len(pushed.changes) > before:
            continue  # what is archived may still be in use until all that takes its place is there
        for change in found.changes:
            if change.action == "archive":
                _archive(talk, change, here, pushed)
        break
    return pushed


def push_customers(talk: Talk, progress: Progress = lambda _done, _of: None) -> Pushed:
    """Make the customers that Stripe lacks, and change those that changed here since they were last sent."""
    known = _known(talk, ("customer",))
    with talk.open_read() as tx:
        everybody = customers.customers(tx)
        links = stripe_outbox.links(tx, talk.account, "customer")
    wanted = desired_customers(everybody)
    new = [one.created_at for one in everybody if one.id not in links and _is_first(one.id, known)]
    here = _Round({}, known, min(new, default=0))
    pushed = Pushed()
    for done, one in enumerate(wanted.objects, start=1):
        _push_customer(talk, one, links.get(one.local_id), here, pushed)
        progress(done, len(wanted.objects))
    return pushed


def push_customer(talk: Talk, customer: Customer) -> str:
    """Make sure that one customer is at Stripe as it is here: its id there, empty where a call waits for a person."""
    here = _Round({}, _known(talk, ("customer",)), customer.created_at)
    with talk.open_read() as tx:
        link = stripe_outbox.links(tx, talk.account, "customer", [customer.id]).get(customer.id)
    _push_customer(talk, customer_object(customer), link, here, Pushed())
    with talk.open_read() as tx:
        link = stripe_outbox.links(tx, talk.account, "customer", [customer.id]).get(customer.id)
    return "" if link is None else link.stripe_id


@dataclass(slots=True)
class _Round:
    """What a round of a push goes by: Stripe ids by kind and local id, which grow, and the calls there were before.

    `customers` are those that this store made at Stripe from `since` on, by local id, None before that was asked.
    """

    ids: dict[tuple[Kind, str], str]
    known: Known
    since: int = 0
    customers: dict[str, str] | None = None


def _known(talk: Talk, kinds: Iterable[Kind]) -> Known:
    with talk.open_read() as tx:
        return stripe_outbox.revisions(tx, talk.account, tuple(kinds))


def _push_customer(talk: Talk, one: Desired, link: Link | None, here: _Round, pushed: Pushed) -> None:
    if link is None:
        link = _found_again(talk, one, here, pushed)
    if link is not None and link.digest == digest(one.fields) and not link.detail.get(NOT_THERE):
        return
    there = None if link is None else talk.gateway.find(f"{collection('customer')}/{link.stripe_id}")
    if link is None or there is None:
        change = StripeChange("customer", one.local_id, "create" if link is None else "recreate")
        pushed.keep(change, _create(talk, one, here))
        return
    changes = differences(one.fields, seen(there, one, {}), "customer")
    change = StripeChange("customer", one.local_id, "update", link.stripe_id, changes)
    if not changes:
        with talk.open_write() as tx:
            known = {name: text for name, text in link.detail.items() if name != NOT_THERE}
            relinked = replace(link, digest=digest(one.fields), detail=known)
            stripe_outbox.link(tx, talk.account, relinked)
            talk.adopted(tx, relinked)
        return
    pushed.keep(change, _update(talk, one, change, here))


def _found_again(talk: Talk, one: Desired, here: _Round, pushed: Pushed) -> Link | None:
    """The link of a customer that this store made and does not know of, as where it was put back from a backup.

    They are listed once in a push that makes any, those that are not older at Stripe than here; of several the oldest
    is it. Not where a call here made one.
    """
    if not _is_first(one.local_id, here.known):
        return None
    if here.customers is None:
        here.customers = _customers_of(talk, here.since)
    stripe_id = here.customers.get(one.local_id)
    if stripe_id is None:
        return None
    link = Link("customer", one.local_id, stripe_id)
    with talk.open_write() as tx:
        before = stripe_outbox.linked(tx, talk.account, stripe_id)
        if before is not None:  # somebody beside was faster, or it is another's now
            return before if before.local_id == one.local_id else None
        stripe_outbox.link(tx, talk.account, link)
        talk.adopted(tx, link)
    pushed.changes.append(StripeChange("customer", one.local_id, "adopt", stripe_id))
    return link


def _is_first(local_id: str, known: Known) -> bool:
    """Whether no call was ever made that makes the customer."""
    return ("customer", local_id, "create") not in known


def _customers_of(talk: Talk, since: int) -> dict[str, str]:
    """The customers at Stripe that this store made since an instant, by local id; a day more, as clocks differ."""
    found: dict[str, str] = {}
    from_second = max(min(since, talk.now()) - DAY_MICROSECONDS, 0) // 1_000_000
    for one in talk.gateway.list(collection("customer"), created={"gte": from_second}):
        check_generation([one], talk.store_id, talk.generation, talk.adoption)
        if metadata_of(one, STORE) == talk.store_id:
            found[metadata_of(one, LOCAL)] = str(one["id"])  # newest first, so the oldest stays
    return found


def _carry_out(
    talk: Talk,
    change: StripeChange,
    ours: Desired,
    here: _Round,
    pushed: Pushed,
) -> None:
    """Carry out one change; ids of new objects are known to those that come after it."""
    key, ids = (change.kind, change.local_id), here.ids
    if change.action == "adopt":
        made = Link(change.kind, change.local_id, change.stripe_id)
        with talk.open_write() as tx:
            stripe_outbox.link(tx, talk.account, made)
            talk.adopted(tx, made)
        pushed.changes.append(change)
        ids[key] = change.stripe_id
        return
    if change.action in {"update", "drift"}:
        params = update_params(ours, change.fields, ids)
        if params:  # else it waits for something that is made in this round
            pushed.keep(change, _update(talk, ours, change, here))
        return
    if change.kind == "price" and ("product", str(ours.fields.get("product"))) not in ids:
        return
    operation = _create(talk, ours, here)
    if pushed.keep(change, operation):
        ids[key] = operation.stripe_id


def _create(talk: Talk, one: Desired, here: _Round) -> Operation:
    call = Call(
        one.kind,
        one.local_id,
        "create",
        collection(one.kind),
        create_params(one, here.ids),
        links=True,
        digest=digest(one.created),
    )
    return send_next(talk, call, here.known)


def _update(talk: Talk, one: Desired, change: StripeChange, here: _Round) -> Operation:
    call = Call(
        one.kind,
        one.local_id,
        "update",
        f"{collection(one.kind)}/{change.stripe_id}",
        update_params(one, change.fields, here.ids),
        repeatable=True,
        digest=digest(one.fields),
    )
    return send_next(talk, call, here.known)


def _archive(talk: Talk, change: StripeChange, here: _Round, pushed: Pushed) -> None:
    """Take an object off the market; one that is sold again later is then changed by us, not by somebody there."""
    path = f"{collection(change.kind)}/{change.stripe_id}"
    if change.kind == "coupon":
        call = Call("coupon", change.local_id, "archive", path, method="DELETE", repeatable=True)
    else:
        call = Call(change.kind, change.local_id, "archive", path, {"active": False}, repeatable=True)
    if not pushed.keep(change, send_next(talk, call, here.known)):
        return
    with talk.open_write() as tx:
        link = stripe_outbox.linked(tx, talk.account, change.stripe_id)
        if link is not None:
            stripe_outbox.link(tx, talk.account, replace(link, digest=""))


def _listed(gateway: Gateway, kind: Kind) -> Iterator[Object]:
    if kind in _WITH_ALL_CURRENCIES:
        yield from gateway.list(collection(kind), expand=["data.currency_options"])
    else:
        yield from gateway.list(collection(kind))
