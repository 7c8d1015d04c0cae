"""A business with customers and invoices, a fake account at Stripe, and one clock for both. It computes nothing.

It sells in several currencies; amounts at Stripe are in its unit. Everything begins with 2026, in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planctl.core.invoicing.model import Invoice
from planctl.core.periods import Instant, instant_text
from planctl.core.stripe.invoice_report import PushedInvoices
from planctl.core.stripe.model import Account, Answer, Operation, Outcome, State
from planctl.store import customers, invoices, payments, stripe_account, stripe_outbox
from planctl.store.engine import Tx, open_store
from planctl.store.payments import PaymentFilter
from planctl.store.settings import identity
from planctl.store.sqlite_link import SqliteLink
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.collect_payments import Receipt, Returning, record_payment, refund_payment
from planctl.workflows.correct_invoices import CreditAsked, apply_credit, write_off
from planctl.workflows.sync_stripe.push_invoices import push_invoices
from planctl.workflows.sync_stripe.push_objects import push_customer
from planctl.workflows.sync_stripe.sending import Talk
from tests import stores
from tests.fakes.stripe import FakeStripe, Fault
from tests.workflows.business import NEW_YEAR, Business, t
from tests.workflows.world import apply

CATALOG = """\
format: planctl.catalog/1
catalog: books
currencies: {USD: , EUR: , INR: , JPY: , KWD: , ISK: , MGA: , USDT: {name: Tether, decimals: 6, iso: false}}
defaults: {due: 7 days, grace: 3 days}
taxes:
  vat_de: {country: DE, name: VAT, rate: 19%}
  gst_in: {country: IN, name: GST, rate: 18%, included: true}
features:
  seats: {type: metered, name: Seats, unit: seat, reset: never}
  calls: {type: metered, name: Calls, unit: call}
groups:
  main: {order: [starter, pro], switch: {up: now, down: at renewal}}
plans:
  starter:
    name: Starter
    group: main
    price: {month: {USD: 19, EUR: 18, INR: 1_499, JPY: 2_900, KWD: 6.250, ISK: 2_500, MGA: 85_000, USDT: 19}}
    features: {seats: 3}
  pro:
    name: Pro
    group: main
    price: {month: {USD: 49.90, EUR: 47.90}}
    features:
      seats: {included: 3, beyond: {charge: prepaid, each: {USD: 7, EUR: 6.50}}}
      calls: {included: 100, beyond: {charge: usage, each: {USD: 0.03, EUR: 0.03}}}
  odd: {name: Odd, price: {month: {KWD: 6.254, MGA: 85_000.50, USD: 0.40}}, features: {seats: 1}}
  dear: {name: Dear, price: {month: {USD: 1_200_000}}, features: {seats: 1}}
coupons:
  fifth: {off: 20%, for: forever}
  tenner: {off: {USD: 10, EUR: 9}, for: once}
"""


class Killed(BaseException):
    """The end of the process, as far as the code under test can tell."""


def make_books(path: Path) -> None:
    """A test store that sells the catalog; copy it, never open it."""
    with open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True) as store, store.write() as tx:
        apply(tx, CATALOG)


class DyingGateway(Gateway):
    """A gateway whose process ends at one of its requests: before it is sent, once it was done, or once it is heard.

    `die_at` counts from 1 over all requests, 0 never; `how` is before, effect (the answer is lost) or answer.
    `before` is called before each request, `lose` to lose the answer of the next one.
    """

    die_at: int = 0
    how: str = "before"
    asked: int = 0
    lose: Callable[[], object] = staticmethod(lambda: None)
    before: Callable[[], object] = staticmethod(lambda: None)

    def _heard(self, method: str, path: str, params: Mapping[str, Any]) -> Answer:
        self.asked += 1
        self.before()
        if self.asked != self.die_at:
            return super()._heard(method, path, params)
        if self.how == "before":
            raise Killed
        if self.how == "effect":
            self.lose()
        answer = super()._heard(method, path, params)
        assert (answer.outcome is Outcome.LOST) == (self.how == "effect"), answer
        raise Killed


@dataclass
class World:
    """The business, the fake, and what goes from the one to the other. `die_at_commit` counts transactions, 0 never.

    `transactions` are open now: those of a push.
    """

    business: Business
    stripe: FakeStripe
    transactions: int = 0
    commits: int = 0
    die_at_commit: int = 0
    audited: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        link = self.business.store.link
        if isinstance(link, SqliteLink):
            link.raw.execute("PRAGMA synchronous = OFF")  # processes die here, the machine does not
        self.gateway = self.new_gateway()
        account_id = str(self.gateway.get("/v1/account")["id"])
        with self.business.store.write() as tx:
            if stripe_account.pinned(tx) is None:
                stripe_account.pin(tx, Account(account_id, live=False, set_up_at=self.now))
            self.account = stripe_account.account(tx)
            self.store_id = identity(tx).store_id

    def new_gateway(self) -> DyingGateway:
        """A gateway as a new process would have it."""
        return DyingGateway(Key(self.stripe.key, False, False, "test"), self.stripe.address, lambda _: None)

    @property
    def now(self) -> Instant:
        """The clock of the machine and of Stripe."""
        return Instant(self.stripe.clock.now * 1_000_000)

    def at(self, text: str) -> None:
        """Let the time come."""
        self.stripe.clock.now = t(text) // 1_000_000

    def talk(self) -> Talk:
        """A journey to Stripe."""
        return Talk(
            self.gateway,
            self.account,
            self.store_id,
            lambda: self._counted(self.business.store.read),
            self._writing,
            lambda _, operation: self.audited.append(operation),
            lambda: self.now,
        )

    def _writing(self) -> AbstractContextManager[Tx]:
        self.commits += 1
        if self.commits == self.die_at_commit:
            raise Killed
        return self._counted(self.business.store.write)

    @contextmanager
    def _counted(self, begin: Callable[[], AbstractContextManager[Tx]]) -> Iterator[Tx]:
        self.transactions += 1
        try:
            with begin() as tx:
                yield tx
        finally:
            self.transactions -= 1

    # --- here

    def customer(self, *names: str, pays: str = "none", **fields: Any) -> None:
        """Customers in USD who are at Stripe too; those who pay by card have a good one there."""
        mails = {"emails": fields.pop("emails", None)}
        for name in names:
            said = {"emails": mails["emails"] or (f"{name}@books.example",), "payment_method": pays}
            self.business.customer(name, **(said | fields))
            self.push_customer(name)
            if pays == "card":
                self.stripe.attach_card(self.there("customer", name))

    def push_customer(self, name: str) -> None:
        """Push one customer."""
        with self.business.store.read() as tx:
            one = customers.get_many(tx, [name])[name]
        assert push_customer(self.talk(), one)

    def pays_by(self, name: str, method: str) -> None:
        """Say how a customer pays."""
        self.change(name, payment_method=method)

    def change(self, name: str, **fields: Any) -> None:
        """Change a customer."""
        with self.business.store.write() as tx:
            one = customers.get_many(tx, [name])[name]
            customers.update(tx, replace(one, **fields))

    def hold(self, name: str, reason: str) -> None:
        """A person is to look at a customer."""
        with self.business.store.write() as tx:
            customers.put_hold(tx, name, reason, "", self.now)

    def unhold(self, name: str) -> None:
        """A person has looked."""
        with self.business.store.write() as tx:
            customers.clear_hold(tx, name)

    def on_file(self, name: str, method: str) -> None:
        """An event said which of a customer's cards is on file."""
        with self.business.store.write() as tx:
            link = stripe_outbox.links(tx, self.account, "customer", [name])[name]
            stripe_outbox.link(tx, self.account, replace(link, detail={"payment_method": method}))

    def sold(self, *names: str, plan: str = "starter", pays: str = "none", **wanted: Any) -> None:
        """Customers who start a plan on New Year's Day, each with an invoice."""
        of_customer = {"currency", "country", "tax", "tax_id", "emails"}
        fields = {name: wanted.pop(name) for name in of_customer & set(wanted)}
        self.customer(*names, pays=pays, **fields)
        for name in names:
            self.business.subscribe(name, plan, **wanted)

    def pay(self, number: str, amount: str = "") -> None:
        """A payment that came some other way, now."""
        receipt = Receipt(number, Decimal(amount) if amount else None, self.now, "transfer", "SEPA")
        with self.business.store.write() as tx:
            record_payment(tx, receipt, self.now)

    def pulled(self) -> None:
        """All events were read until now."""
        with self.business.store.write() as tx:
            stripe_account.move_cursor(tx, self.stripe.clock.now)
            self.account = stripe_account.account(tx)

    def paid_by_stripe(self, number: str, amount: str = "", *, intent: str = "") -> str:
        """A payment that Stripe took, as an event has it recorded; the payment intent."""
        intent = intent or self.intent(number)
        receipt = Receipt(number, Decimal(amount) if amount else None, self.now, "stripe", intent)
        with self.business.store.write() as tx:
            record_payment(tx, receipt, self.now)
        return intent

    def give_back(self, number: str, method: str = "transfer") -> None:
        """The one payment of an invoice goes back, so that it is owed again."""
        name = self.invoice(number).id
        with self.business.store.write() as tx:
            (paid,) = payments.payments(tx, PaymentFilter(invoices=(name,)))
            refund_payment(tx, Returning(paid.id, None, self.now, method, "back"), self.now)

    def credit(self, number: str, amount: str = "", to: Any = "balance") -> None:
        """Credit the first line of an invoice, or a part of it, now."""
        lines = ((1, Decimal(amount)),) if amount else ()
        with self.business.store.write() as tx:
            apply_credit(tx, CreditAsked(number, lines, self.now, to, "a mistake"), self.now)

    def write_off(self, number: str) -> None:
        """Give an invoice up, now."""
        with self.business.store.write() as tx:
            write_off(tx, number, self.now, self.now)

    def void(self, number: str) -> None:
        """Void an invoice, now."""
        self.business.void(number, instant_text(self.now))

    def invoice(self, number: str) -> Invoice:
        """An invoice as it stands here."""
        with self.business.store.read() as tx:
            return invoices.invoice(tx, number)

    # --- there

    def die_at(self, number: int, how: str) -> None:
        """Push with a process that dies at one of its requests, counted from 1."""
        self.gateway.die_at, self.gateway.how = self.gateway.asked + number, how
        self.gateway.lose = lambda: self.stripe.faults.add(Fault("*", ".", "drop_after"))
        with pytest.raises(Killed):
            self.push()
        self.gateway = self.new_gateway()

    def push(self) -> PushedInvoices:
        """Push invoices, as the command does."""
        return push_invoices(self.talk())

    def posted(self) -> list[str]:
        """What the next push sends: the last words of paths, in order."""
        before = len(self.stripe.posts())
        self.push()
        return [f"{one.method} {one.path.rpartition('/')[2]}" for one in self.stripe.posts()[before:]]

    def there(self, kind: str, local_id: str) -> str:
        """The id of the object at Stripe that stands for one of ours."""
        (found,) = [one for one in self.stripe.objects(kind) if one["metadata"].get("planctl_id") == local_id]
        return str(found["id"])

    def at_stripe(self, number: str) -> dict[str, Any]:
        """The one invoice at Stripe with our number."""
        (found,) = self.all_at_stripe(number)
        return found

    def all_at_stripe(self, number: str) -> list[dict[str, Any]]:
        """Every invoice at Stripe with our number."""
        return [one for one in self.stripe.objects("invoice") if one["metadata"]["planctl_number"] == number]

    def lines(self, number: str) -> list[tuple[str, int]]:
        """Description and amount of an invoice's lines at Stripe."""
        return [
            (str(one["description"]), int(one["amount"]))
            for one in self.stripe.lines(str(self.at_stripe(number)["id"]))
        ]

    def intent(self, number: str) -> str:
        """The payment intent of an invoice at Stripe."""
        there = self.at_stripe(number)["id"]
        (found,) = [one for one in self.stripe.objects("invoice_payment") if one["invoice"] == there]
        return str(found["payment"]["payment_intent"])

    def calls(self, number: str) -> list[tuple[str, int, str]]:
        """Action, revision and state of every call about an invoice, in their order."""
        name = self.invoice(number).id
        with self.business.store.read() as tx:
            made = stripe_outbox.operations_of(tx, self.account, "invoice", [name])[name]
        return [(one.action, one.revision, one.state.value) for one in made]

    def waiting(self) -> list[Operation]:
        """The calls that wait for a person."""
        with self.business.store.read() as tx:
            return stripe_outbox.in_state(tx, self.account, {State.PARKED})

    def unfinished(self) -> list[Operation]:
        """The calls without an end."""
        with self.business.store.read() as tx:
            return stripe_outbox.unfinished(tx, self.account)

    def status_kept(self, number: str) -> str:
        """The status at Stripe that is kept here; empty where nothing stands there."""
        return self.known(number).get("status", "")

    def known(self, number: str) -> Mapping[str, str]:
        """What is kept here of an invoice at Stripe."""
        name = self.invoice(number).id
        with self.business.store.read() as tx:
            link = stripe_outbox.links(tx, self.account, "invoice", [name]).get(name)
        return link.detail if link else {}

    def was_told(self, number: str, **detail: str) -> None:
        """An event said how an invoice stands at Stripe."""
        name = self.invoice(number).id
        with self.business.store.write() as tx:
            link = stripe_outbox.links(tx, self.account, "invoice", [name])[name]
            stripe_outbox.link(tx, self.account, replace(link, detail=detail))
