"""A business that sells the catalog of tests/data/acme, driven by its journeys; it decides and computes nothing.

Instants are dates or RFC 3339 texts in UTC; amounts are shown as text in major units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from planctl.core.currencies import iso_currency
from planctl.core.customers import Customer
from planctl.core.invoicing.model import CreditDraft, Invoice
from planctl.core.invoicing.reporting import Held, PageDone
from planctl.core.money import format_minor
from planctl.core.periods import Instant, instant_text, parse_instant, zone
from planctl.core.subscriptions.model import Subscription, Transition
from planctl.errors import Conflict
from planctl.files.table_reader import TableRow
from planctl.store import customers, invoices
from planctl.store.balances import balances_of
from planctl.store.engine import Store, Tx, open_store
from planctl.store.selling import subscription_at
from planctl.workflows import apply_catalog, read_subscriptions
from planctl.workflows.change_subscription import Ended, apply_cancel, propose_cancel
from planctl.workflows.collect_payments import Paid, Receipt, record_payment
from planctl.workflows.correct_invoices import void_invoice
from planctl.workflows.import_subscriptions import Imported, import_subscriptions
from planctl.workflows.maintain_store import examine
from planctl.workflows.pause_subscription import (
    Stood,
    apply_pause,
    apply_resume,
    propose_pause,
    propose_resume,
)
from planctl.workflows.record_usage import Recording, record
from planctl.workflows.run_invoices import (
    RunRequest,
    bill_page,
    check_clock,
    due_pages,
    finish,
    hold_page,
    start,
)
from planctl.workflows.subscribe import Subscribed, Wanted, apply_subscription, propose_subscription
from tests import stores

ACME = Path(__file__).parents[1] / "data" / "acme"


def t(text: str, timezone: str = "UTC") -> Instant:
    """A date's first instant, or an RFC 3339 instant."""
    return parse_instant(text, zone(timezone))


NEW_YEAR = t("2026-01-01")
RECORDED = t("2026-06-01")
"""The machine's clock, which nothing that is billed depends on."""


def make_store(path: Path) -> None:
    """A test store that sells the acme catalog."""
    with open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True) as store:
        read = apply_catalog.read_catalog(ACME)
        with store.write() as tx:
            who = apply_catalog.Who("ci", "a start", NEW_YEAR)
            apply_catalog.apply_changes(tx, read, apply_catalog.Terms(), who, None)


@dataclass
class Ran:
    """Everything that the pages of a run did, with the invoices that the run itself does not keep."""

    pages: list[PageDone] = field(default_factory=list)

    @property
    def invoices(self) -> list[Invoice]:
        """Those issued, in the order of their numbers."""
        return [one for page in self.pages for one in page.invoices]

    @property
    def credits(self) -> list[CreditDraft]:
        """Credit notes beside the invoices."""
        return [one for page in self.pages for one in page.credits]

    @property
    def held(self) -> list[Held]:
        """Customers left alone."""
        return [one for page in self.pages for one in page.held]

    @property
    def transitions(self) -> list[Transition]:
        """What moved."""
        return [one for page in self.pages for one in page.transitions]


@dataclass
class Business:
    """A store and what is done in it, each journey in a transaction of its own."""

    store: Store
    reports: list[Ran] = field(default_factory=list)

    def customer(self, *names: str, **fields: Any) -> None:
        """Customers in USD and UTC, unless told otherwise."""
        plain: dict[str, Any] = {"currency": "USD", "created_at": NEW_YEAR} | fields
        with self.store.write() as tx:
            customers.add_all(tx, [Customer(name, **plain) for name in names])

    def subscribe(self, customer: str, plan: str = "", at: str = "2026-01-01", **wanted: Any) -> Subscribed:
        """Start a plan, without its trial."""
        asked = Wanted(customer, plan, **({"trial": False} | wanted))
        with self.store.write() as tx:
            return apply_subscription(tx, propose_subscription(tx, asked, t(at)), RECORDED)

    def use(self, customer: str, feature: str, quantity: str, at: str) -> None:
        """Record usage when it happens."""
        with self.store.write() as tx:
            record(tx, Recording(customer, feature, quantity, t(at)), t(at))

    def run(self, as_of: str, **request: Any) -> Ran:
        """A billing run as the command does it; its report."""
        asked = RunRequest(t(as_of), **({"now": RECORDED} | request))
        with self.store.write() as tx:
            check_clock(tx, asked)
            run_id = start(tx, asked)
        with self.store.read() as tx:
            pages = due_pages(tx, asked)
        report = Ran([done for page in pages for done in self._page(page, asked)])
        with self.store.write() as tx:
            finish(tx, asked, run_id, None)
        self.reports.append(report)
        return report

    def _page(self, page: Sequence[int], asked: RunRequest) -> list[PageDone]:
        try:
            with self.store.write() as tx:
                return [bill_page(tx, page, asked)]
        except Conflict as problem:
            if len(page) > 1:
                return [done for one in page for done in self._page([one], asked)]
            with self.store.write() as tx:
                return [hold_page(tx, page, asked, problem.message)]

    def pay(self, number: str, at: str, amount: str = "") -> Paid:
        """Record a payment of what is due, or of an amount."""
        receipt = Receipt(number, Decimal(amount) if amount else None, t(at), "transfer", "SEPA")
        with self.store.write() as tx:
            return record_payment(tx, receipt, RECORDED)

    def void(self, number: str, at: str, *, reissue: bool = False) -> Invoice:
        """Void an invoice."""
        with self.store.write() as tx:
            return void_invoice(tx, number, t(at), reissue=reissue, recorded_at=RECORDED)

    def cancel(
        self, address: str, at: str, *, at_once: bool = False, refund: str = "none"
    ) -> tuple[Subscription, list[Invoice]]:
        """Cancel a subscription."""
        with self.store.write() as tx:
            found = subscription_at(tx, address)
            ending = propose_cancel(tx, found, t(at), at_once=at_once, refund=refund)
            done = apply_cancel(tx, ending, t(at), RECORDED)
            return done.subscription, list(done.invoices)

    def refund_at_once(self, address: str, at: str) -> Ended:
        """Cancel a subscription at once, with what is unused given back."""
        with self.store.write() as tx:
            found = subscription_at(tx, address)
            ending = propose_cancel(tx, found, t(at), at_once=True, refund="prorated")
            return apply_cancel(tx, ending, t(at), RECORDED)

    def pause(self, address: str, at: str) -> Stood:
        """Pause a subscription."""
        with self.store.write() as tx:
            return apply_pause(tx, propose_pause(tx, address, t(at)), t(at), RECORDED)

    def resume(self, address: str, at: str) -> Stood:
        """Resume a subscription, or let one go on that is to end."""
        with self.store.write() as tx:
            return apply_resume(tx, propose_resume(tx, address, t(at)), t(at), RECORDED)

    def balance(self, customer: str) -> str:
        """What stands in a customer's balance, in USD."""
        dollars = iso_currency("USD")
        assert dollars is not None
        with self.store.read() as tx:
            return format_minor(balances_of(tx, [customer])[customer].get("USD", 0), dollars)

    def move_in(self, rows: Sequence[dict[str, str]], at: str) -> Imported:
        """Import subscriptions; nothing is kept where there are findings."""
        lines = [TableRow("moved.csv", number, row) for number, row in enumerate(rows, start=2)]
        with self.store.write() as tx:
            made = import_subscriptions(tx, lines, t(at), RECORDED)
            if made.findings:
                tx.rollback_only()
            return made

    def invoices(self, *customer: str) -> list[Invoice]:
        """Every invoice, in the order of numbers."""
        with self.store.read() as tx:
            return invoices.listing(tx, invoices.InvoiceFilter(customers=customer))

    def bills(self, *customer: str) -> list[tuple[str, str, str]]:
        """Number, status and total of every invoice."""
        return [(one.number, one.status.value, total(one)) for one in self.invoices(*customer)]

    def shown(self, address: str, as_of: str) -> Subscription:
        """A subscription as it stands at an instant."""
        with self.store.read() as tx:
            return read_subscriptions.read_one(tx, address, t(as_of)).subscription

    def check(self) -> None:
        """Every law that holds in every store holds in this one."""
        with self.store.read() as tx:
            broken = {
                verdict.law.id: [str(one) for one in verdict.violations]
                for verdict in examine(tx)
                if not verdict.holds
            }
        assert broken == {}


def total(invoice: Invoice) -> str:
    """The invoice's total in major units."""
    return format_minor(invoice.total_minor, invoice.draft.currency)


def lines(invoice: Invoice) -> list[tuple[str, str]]:
    """Kind and amount of every line."""
    return [
        (line.kind, format_minor(line.amount_minor, invoice.draft.currency)) for line in invoice.draft.lines
    ]


def told(report: Ran) -> list[tuple[str, str, str]]:
    """From, to and when of every transition of a run."""
    return [(move.before.value, move.after.value, instant_text(move.at)) for move in report.transitions]


def rows(tx: Tx, table: str) -> int:
    """How many rows a table has."""
    count: int = tx.connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    return count
