"""A shop whose customers pay on Checkout pages: a store, a fake Stripe, and the clock of both. It computes nothing.

All plans are sold from 1 January 2026 on; instants are RFC 3339 texts or dates, in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planctl.core.customers import Customer
from planctl.core.invoicing.model import Invoice
from planctl.core.money import format_minor
from planctl.core.periods import Instant, instant_text, parse_instant, zone
from planctl.core.stripe.checkout import Order, Purchase, Returns, order_of
from planctl.core.stripe.model import Account, Object, Operation
from planctl.core.subscriptions.model import Subscription
from planctl.errors import PlanctlError
from planctl.store import customers, invoices, payments, stripe_account, stripe_checkouts, stripe_outbox
from planctl.store.balances import balances_of
from planctl.store.engine import Store, Tx, open_store
from planctl.store.offers import names
from planctl.store.payments import PaymentFilter
from planctl.store.settings import identity, put_setting
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from planctl.workflows.collect_payments import Receipt, record_payment
from planctl.workflows.maintain_store import examine
from planctl.workflows.read_subscriptions import read_one
from planctl.workflows.receive_webhook.complete_checkout import Completed, complete, proposed, wanted
from planctl.workflows.subscribe import Wanted, apply_subscription, propose_subscription
from planctl.workflows.sync_stripe.open_checkout import Opened, Opening, open_page, with_means_of_payment
from planctl.workflows.sync_stripe.sending import Talk
from tests import stores
from tests.fakes.stripe import FakeStripe
from tests.workflows.world import apply

CATALOG = """\
format: planctl.catalog/1
catalog: desk
currencies: {USD: , EUR: , JPY: , ISK: , KWD: , USDT: {name: Tether, decimals: 6, iso: false}}
taxes:
  vat_de: {country: DE, name: VAT, rate: 19%}
  gst_in: {country: IN, name: GST, rate: 18%, included: true}
features:
  seats: {type: metered, name: Seats, unit: seat, reset: never}
groups:
  main: {order: [free, starter, pro, top], switch: {up: now, down: at renewal}}
  desk: {order: [first, second, third], switch: {up: now, down: on approval}}
plans:
  free: {name: Free, group: main, price: free, features: {seats: 1}}
  starter:
    name: Starter
    group: main
    price: {month: {USD: 29, EUR: 27, JPY: 4_200, ISK: 3_900, KWD: 8.990, USDT: 29}, year: {USD: 290}}
    features: {seats: 3}
  pro:
    name: Pro
    group: main
    price: {month: {USD: 99, EUR: 95}}
    features: {seats: {included: 10, beyond: {charge: prepaid, each: {USD: 5, EUR: 5}}}}
  top: {name: Top, group: main, price: {month: {USD: 0.20}}, features: {seats: 50}}
  tried:
    name: Tried
    group: none
    price: {month: {USD: 12}}
    trial: {days: 14, card: true}
    features: {seats: 1}
  first: {name: First, group: desk, price: {month: {USD: 10}}, proration: second, features: {seats: 1}}
  second: {name: Second, group: desk, price: {month: {USD: 20}}, proration: second, features: {seats: 1}}
  third: {name: Third, group: desk, visibility: inactive, price: {month: {USD: 30}}, features: {seats: 1}}
coupons:
  quarter: {off: 25%, for: once}
"""

RETURNS = Returns("https://desk.example/paid", "https://desk.example/back")
NEW_YEAR = 1_767_225_600
"""2026-01-01T00:00:00Z, in seconds."""


def t(text: str, timezone: str = "UTC") -> Instant:
    """A date's first instant, or an RFC 3339 instant."""
    return parse_instant(text, zone(timezone))


class Killed(BaseException):
    """The end of the process, as far as the code under test can tell."""


@dataclass
class Shop:
    """A store and a fake account. `before_commit` is called before each transaction that writes.

    `microseconds` have gone by of the second.
    """

    store: Store
    stripe: FakeStripe
    before_commit: Callable[[], None] = lambda: None
    audited: list[Operation] = field(default_factory=list)
    microseconds: int = 0

    def __post_init__(self) -> None:
        key = Key(self.stripe.key, False, False, "test")
        self.gateway = Gateway(key, self.stripe.address, lambda _: None)
        with self.store.write() as tx:
            self.account = Account(str(self.gateway.get("/v1/account")["id"]), live=False)
            stripe_account.pin(tx, self.account)
            self.store_id = identity(tx).store_id
            apply(tx, CATALOG)

    @property
    def now(self) -> Instant:
        """The clock of the machine and of Stripe, which knows whole seconds alone."""
        return Instant(self.stripe.clock.now * 1_000_000 + self.microseconds)

    def at(self, text: str) -> None:
        """Let the time come."""
        self.stripe.clock.now = t(text) // 1_000_000

    def customer(self, name: str = "nova", **fields: Any) -> None:
        """A customer in USD and UTC, unless told otherwise."""
        plain: dict[str, Any] = {"currency": "USD", "emails": (f"{name}@desk.example",)}
        with self.store.write() as tx:
            customers.add(tx, Customer(name, **(plain | {"created_at": self.now} | fields)))

    def catalog(self, before: str, after: str) -> None:
        """Apply the catalog with one text replaced."""
        assert CATALOG.count(before) == 1, before
        self.apply(CATALOG.replace(before, after))

    def apply(self, catalog: str) -> None:
        """Apply a catalog."""
        with self.store.write() as tx:
            apply(tx, catalog)

    def subscribe(self, plan: str, customer: str = "nova", **fields: Any) -> Subscription:
        """Start or change a plan by hand, now."""
        with self.store.write() as tx:
            asked = Wanted(customer, plan, **fields)
            return apply_subscription(tx, propose_subscription(tx, asked, self.now), self.now).subscription

    def pay(self, number: str) -> None:
        """Record a payment of what is due, by hand."""
        with self.store.write() as tx:
            record_payment(tx, Receipt(number, None, self.now, "transfer"), self.now)

    def overpay(self, number: str, amount: str) -> None:
        """Record a payment of an amount, by hand."""
        with self.store.write() as tx:
            record_payment(tx, Receipt(number, Decimal(amount), self.now, "transfer"), self.now)

    def clear_holds(self) -> None:
        """A person has looked."""
        with self.store.write() as tx:
            customers.clear_hold(tx, "nova")

    def close_books(self, through: str) -> None:
        """Close the books through a day."""
        with self.store.write() as tx:
            put_setting(tx, "books.closed_through", through)

    # --- pages

    def order(self, plan: str, customer: str = "nova", **fields: Any) -> Order:
        """What a page would ask for now."""
        purchase = Purchase(customer, plan, **fields)
        with self.store.write() as tx:
            tx.rollback_only()
            with_means_of_payment(tx, customer)
            proposal = propose_subscription(tx, wanted(purchase), self.now)
            return order_of(purchase, proposed(proposal, names(tx)), self.now)

    def open(self, plan: str, customer: str = "nova", *, returns: Returns = RETURNS, **fields: Any) -> Opened:
        """Open a page, as the command does."""
        order = self.order(plan, customer, **fields)
        with self.store.read() as tx:
            buyer = customers.get_many(tx, [customer])[customer]
        return open_page(self.talk(), Opening(order, buyer, returns, self.now), lambda _tx, _opened: None)

    def paid(self, opened: Opened) -> Completed:
        """The customer fills the page in, and planctl takes it in."""
        self.stripe.pay_session(opened.page.session)
        return self.complete(opened)

    def complete(self, opened: Opened, at: str = "") -> Completed:
        """Take in a page as Stripe has it now."""
        session = self.session(opened)
        with self.store.write() as tx:
            return complete(tx, self.account, session, t(at) if at else self.now, self.now)

    def session(self, opened: Opened) -> Object:
        """A page as it is read at Stripe."""
        path = f"/v1/checkout/sessions/{opened.page.session}"
        return self.gateway.get(path, expand=["payment_intent"])

    def talk(self) -> Talk:
        """A journey to Stripe."""
        return Talk(
            self.gateway,
            self.account,
            self.store_id,
            self.store.read,
            self._writing,
            lambda _, operation: self.audited.append(operation),
            lambda: self.now,
        )

    def _writing(self) -> AbstractContextManager[Tx]:
        self.before_commit()
        return self.store.write()

    # --- what is there now

    def payable(self) -> list[dict[str, Any]]:
        """The pages at Stripe that can be paid."""
        return [one for one in self.stripe.objects("checkout.session") if one["status"] == "open"]

    def posts(self) -> list[str]:
        """The paths of what was asked of Stripe, a session's id left out."""
        return [one.path for one in self.stripe.posts()]

    def state(self, opened: Opened) -> str:
        """The state in which a page is kept."""
        with self.store.read() as tx:
            page = stripe_checkouts.page(tx, opened.page.session)
        assert page is not None
        return page.state

    def calls(self, local_id: str) -> list[tuple[str, int, str]]:
        """Action, revision and state of every call about a page."""
        with self.store.read() as tx:
            made = stripe_outbox.operations_of(tx, self.account, "checkout", [local_id])[local_id]
        return [(one.action, one.revision, one.state.value) for one in made]

    def shown(self, address: str = "nova") -> Subscription:
        """A subscription as it stands now."""
        with self.store.read() as tx:
            return read_one(tx, address, self.now).subscription

    def bills(self, customer: str = "nova") -> list[tuple[str, str, str]]:
        """Number, status and total of every invoice."""
        with self.store.read() as tx:
            found = invoices.listing(tx, invoices.InvoiceFilter(customers=(customer,)))
        return [(one.number, one.status.value, _total(one)) for one in found]

    def payments(self) -> list[tuple[str, str, str, str]]:
        """Amount, method, reference and day of every payment."""
        with self.store.read() as tx:
            found = payments.payments(tx, PaymentFilter())
        return [
            (format_minor(one.amount_minor, one.currency), one.method, one.reference, instant_text(one.at))
            for one in found
        ]

    def balance(self, customer: str = "nova") -> dict[str, int]:
        """What stands in the customer's balance, in minor units."""
        with self.store.read() as tx:
            return balances_of(tx, [customer])[customer]

    def holds(self) -> list[tuple[str, str]]:
        """Who is on hold, and why."""
        with self.store.read() as tx:
            return [(one.customer, one.reason) for one in customers.holds(tx)]

    def pays_by(self, customer: str = "nova") -> str:
        """The customer's payment method."""
        with self.store.read() as tx:
            return customers.get_many(tx, [customer])[customer].payment_method

    def check(self) -> None:
        """Every law holds."""
        with self.store.read() as tx:
            broken = {
                verdict.law.id: [str(one) for one in verdict.violations]
                for verdict in examine(tx)
                if not verdict.holds
            }
        assert broken == {}


def _total(invoice: Invoice) -> str:
    return format_minor(invoice.total_minor, invoice.draft.currency)


def refused(code: str, do: Callable[[], object]) -> PlanctlError:
    """What is said where something is refused with a code."""
    with pytest.raises(PlanctlError) as raised:
        do()
    assert raised.value.code == code, raised.value.message
    return raised.value


@pytest.fixture
def shop(stripe: FakeStripe, tmp_path: Path) -> Iterator[Shop]:
    """A shop with one customer, nova; at the end of each test every law holds, the trial balance among them."""
    with open_store(
        stores.url(tmp_path / "books.db"), create=True, at=NEW_YEAR * 1_000_000, is_test=True
    ) as store:
        made = Shop(store, stripe)
        made.customer()
        yield made
        made.check()
