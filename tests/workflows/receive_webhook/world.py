"""A business whose invoices are at a fake Stripe, and what comes in from there. Everything begins with 2026.

The business sells the catalog of tests/data/acme; `starter` costs 19.00 USD a month, due after 7 days, blocked after 3
more. Its invoices are put to Stripe with one line each, so that these tests stand on nothing but the outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planctl.core.invoicing.model import Invoice
from planctl.core.money import format_minor
from planctl.core.periods import Instant, instant_text
from planctl.core.stripe.amounts import at_stripe, code_at_stripe
from planctl.core.stripe.facts_notice import notice_of
from planctl.core.stripe.facts_told import Handled, Pulled
from planctl.core.stripe.model import Account, Call, State
from planctl.store import (
    credit_notes,
    customers,
    invoices,
    payments,
    refunds,
    stripe_account,
    stripe_outbox,
    subscriptions,
)
from planctl.store.balances import balances_of
from planctl.store.engine import Tx, open_store
from planctl.store.settings import identity
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.receive_webhook.handling import Receiver, handle
from planctl.workflows.receive_webhook.pulling import pull
from planctl.workflows.sync_stripe.sending import Talk, send
from tests import stores
from tests.fakes.stripe import FakeStripe
from tests.workflows.business import Business

DAY = 86_400


class Killed(BaseException):
    """The end of the process, as far as the code under test can tell."""


@dataclass
class World:
    """The business, the fake and the way in between. `audited` is what was told to the audit."""

    business: Business
    stripe: FakeStripe
    audited: list[Handled] = field(default_factory=list)
    commits: int = 0
    die_at_commit: int = 0

    def __post_init__(self) -> None:
        self.gateway = Gateway(
            Key(self.stripe.key, False, False, "test"), self.stripe.address, lambda _: None
        )
        account_id = str(self.gateway.get("/v1/account")["id"])
        with self.business.store.write() as tx:
            stripe_account.pin(tx, Account(account_id, live=False, set_up_at=self.now()))
            self.account = stripe_account.account(tx)
            self.store_id = identity(tx).store_id
        self.talk = Talk(
            self.gateway,
            self.account,
            self.store_id,
            self.business.store.read,
            self._write,
            lambda _tx, _operation: None,
            self.now,
        )
        self.receiver = Receiver(self.talk, "ci", lambda _tx, one: self.audited.append(one), self.now)

    def now(self) -> Instant:
        """Both sides have the fake's clock."""
        return Instant(self.stripe.clock.now * 1_000_000)

    def _write(self) -> AbstractContextManager[Tx]:
        """A transaction that is cut at its commit where the test says so."""
        self.commits += 1
        if self.commits == self.die_at_commit:
            raise Killed
        return self.business.store.write()

    @contextmanager
    def dry(self) -> Iterator[Tx]:
        """A transaction of which nothing is kept."""
        with self.business.store.write() as tx:
            tx.rollback_only()
            yield tx

    # --- what goes out

    def customer(self, name: str = "nova", **fields: Any) -> str:
        """A customer that is at Stripe too; its id there."""
        self.business.customer(name, **fields)
        call = Call("customer", name, "create", "/v1/customers", {"name": name}, links=True)
        return send(self.talk, call).stripe_id

    def sold(self, name: str = "nova", plan: str = "starter", at: str = "2026-01-01", **wanted: Any) -> str:
        """A customer with a plan, its first invoice at Stripe; the id of that there."""
        self.customer(name)
        self.business.subscribe(name, plan, at, **({"pay": "month"} | wanted))
        return self.put(self.business.invoices(name)[-1].number)

    def put(self, number: str) -> str:
        """Put an invoice to Stripe and finalize it; its id there."""
        with self.business.store.read() as tx:
            invoice = invoices.invoice(tx, number)
            customer = stripe_outbox.links(tx, self.account, "customer")[invoice.draft.customer].stripe_id
        currency = invoice.draft.currency
        draft: dict[str, Any] = {
            "customer": customer,
            "currency": code_at_stripe(currency),
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
        }
        made = send(self.talk, Call("invoice", invoice.id, "create", "/v1/invoices", draft, links=True))
        line: dict[str, Any] = {"amount": at_stripe(invoice.due_minor, currency), "description": "all of it"}
        path = f"/v1/invoices/{made.stripe_id}"
        self.talk.gateway.ask("post", f"{path}/add_lines", {"lines": [line]})
        self.talk.gateway.ask("post", f"{path}/finalize", {"auto_advance": False})
        return made.stripe_id

    # --- what comes in

    def days(self, days: int) -> None:
        """Let time pass on both sides."""
        self.stripe.clock.advance(days * DAY)

    def event(self, kind: str, nth: int = -1) -> dict[str, Any]:
        """An event of Stripe's of that type, the last one unless told otherwise."""
        return [one for one in self.stripe.events if one["type"] == kind][nth]

    def handle(self, event: dict[str, Any]) -> Handled:
        """Take in one event as a webhook does."""
        return handle(self.receiver, notice_of(event))

    def take(self, kind: str) -> Handled:
        """Take in the last event of a type."""
        return self.handle(self.event(kind))

    def pull(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Pulled:
        """Read the events that Stripe has kept."""
        return pull(self.receiver, progress)

    @contextmanager
    def killed_at_commit(self, number: int) -> Iterator[None]:
        """The `number`th commit from now on is the end."""
        self.commits, self.die_at_commit = 0, number
        try:
            yield
        finally:
            self.die_at_commit = 0

    @contextmanager
    def copied(self, path: Path) -> Iterator[World]:
        """A second store with the same content, for the same Stripe account."""
        stores.copy_open(self.business.store, path)
        with open_store(stores.url(path)) as store:
            yield World(Business(store), self.stripe)

    # --- what stands here

    def invoice(self, number: str = "INV-2026-00001") -> Invoice:
        """An invoice as it stands."""
        with self.business.store.read() as tx:
            return invoices.invoice(tx, number)

    def status(self, number: str = "INV-2026-00001") -> tuple[str, str]:
        """The status of an invoice and what is due."""
        one = self.invoice(number)
        return one.status.value, format_minor(one.due_minor, one.draft.currency)

    def paid(self) -> list[tuple[str, str, str, str]]:
        """Every payment: amount, day, method, reference."""
        with self.business.store.read() as tx:
            return [
                (
                    format_minor(one.amount_minor, one.currency),
                    instant_text(one.at),
                    one.method,
                    one.reference,
                )
                for one in payments.payments(tx)
            ]

    def kept(self) -> dict[str, tuple[str, str]]:
        """Every event that was kept: its state and why, by id."""
        with self.business.store.read() as tx:
            found = tx.connection.exec_driver_sql("SELECT event_id, state, detail FROM stripe_event")
            return {row.event_id: (row.state, row.detail) for row in found}

    def detail(self, kind: Any, local_id: str) -> dict[str, str]:
        """What a link says beside the id."""
        with self.business.store.read() as tx:
            return dict(stripe_outbox.links(tx, self.account, kind)[local_id].detail)

    def export(self) -> dict[str, Any]:
        """All that matters of the store, without ids of its own making: two stores with the same history are equal."""
        with self.business.store.read() as tx:
            return exported(tx, self.account)


def exported(tx: Tx, account: Account) -> dict[str, Any]:
    """Invoices, payments, refunds, credit notes, balances and lives, as plain values."""
    names = [one.id for one in customers.customers(tx)]
    all_invoices = invoices.listing(tx)
    number_of = {one.id: one.number for one in all_invoices}
    received = payments.payments(tx)
    given = refunds.refunds_of(tx, [one.id for one in received])
    lives = [one for several in subscriptions.of_customers(tx, names).values() for one in several]
    moves = subscriptions.transitions(tx, [one.id for one in lives])
    return {
        "customers": [(one.id, one.payment_method) for one in customers.customers(tx)],
        "invoices": [
            (
                one.number,
                one.status.value,
                one.total_minor,
                one.credit_minor,
                one.paid_minor,
                one.paid_at,
                one.voided_at,
                one.written_off_at,
            )
            for one in all_invoices
        ],
        "payments": sorted(
            (
                number_of[one.invoice],
                one.amount_minor,
                one.at,
                one.method,
                one.reference,
                one.status,
                one.to_balance_minor,
                tuple(
                    sorted(
                        (
                            back.amount_minor,
                            back.at,
                            back.method,
                            back.reference,
                            bool(back.credit_note),
                            back.from_balance_minor,
                        )
                        for back in given[one.id]
                    )
                ),
            )
            for one in received
        ),
        "notes": [
            (
                one.number,
                number_of[one.draft.invoice],
                one.draft.to,
                one.draft.issued_at,
                [(line.position, line.net_minor, line.tax_minor) for line in one.draft.lines],
            )
            for one in credit_notes.credit_notes(tx)
        ],
        "balances": balances_of(tx, names),
        "lives": [(one.customer, one.plan, one.status.value, len(one.blocked)) for one in lives],
        "moves": [
            [(move.before.value, move.after.value, move.at, move.reason) for move in moves[one.id]]
            for one in lives
        ],
        "open calls": len(stripe_outbox.in_state(tx, account, {State.PENDING, State.SENT, State.UNKNOWN})),
    }
