"""Adding, changing, archiving, importing and showing customers. It sells them nothing but plans given to all.

Source: planctl billing rules, lifecycle (auto_enable), companies, moving in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from planctl.core.currencies import Currency, iso_currency
from planctl.core.customer_fields import FIELDS, Surroundings, customer_of
from planctl.core.customers import Customer
from planctl.core.invoicing.advance import advance_or_hold
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.invoicing.succession import check_run_first
from planctl.core.periods import Instant
from planctl.core.subscriptions.enabling import enabling
from planctl.core.subscriptions.model import ENDED, Subscription
from planctl.core.subscriptions.start import Offered, started
from planctl.errors import Conflict, Refused
from planctl.findings import NOWHERE, Finding, Place
from planctl.identifiers import new_id
from planctl.store import catalog, customers, subscriptions
from planctl.store.customers import CustomerFilter
from planctl.store.facts import customer_facts, facts_of_new, run_terms
from planctl.store.offers import auto_enabled, offered, taxes
from planctl.store.outcomes import write_start
from planctl.store.selling import existing
from planctl.store.settings import timezone
from planctl.store.trials import record_trials, trials_used
from planctl.store.usage_children import branch
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.files.table_reader import TableRow
    from planctl.store.engine import Tx

Said = Mapping[str, str]
"""What was said of a customer, as text by field; what is absent was not said."""

_NOT_IMPORTED = frozenset({"tax", "payment_method"})
COLUMNS = (
    "customer",
    *("email" if name == "emails" else name for name in FIELDS if name not in _NOT_IMPORTED),
)
"""The columns of an import."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A customer as it is kept now, and the plans that were started for it; with findings nothing may be kept.

    `existed`: it was there before, just as asked.
    """

    customer: Customer
    existed: bool = False
    enabled: tuple[Subscription, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedCustomers:
    """What an import did; with findings nothing may be kept."""

    added: tuple[str, ...] = ()
    existing: int = 0
    enabled: int = 0
    findings: tuple[Finding, ...] = ()


def add_customer(  # noqa: PLR0913 - two instants, and what comes next
    tx: Tx, customer_id: str, said: Said, at: Instant, recorded_at: Instant, plan: str = ""
) -> Kept:
    """Add a customer at `at`, and start every plan given to all. The same customer again changes nothing.

    `plan` is the one that is started for it next: no other of its exclusive group that costs money is started.
    Conflict where it is there with other content; findings where a field is wrong.
    """
    rules = _Rules(tx)
    customer, findings = rules.customer(customer_id, said, at, NOWHERE)
    if findings:
        return Kept(customer, findings=findings)
    before = customers.customer(tx, customer_id)
    if before is not None:
        if _same(before, customer):
            return Kept(before, existed=True)
        raise _conflict(before, customer)
    customers.add(tx, customer)
    group = offered(tx, plan).terms.group if plan else ""
    return Kept(customer, enabled=rules.enable(customer, at, recorded_at, group))


def update_customer(tx: Tx, customer_id: str, said: Said, at: Instant) -> Kept:
    """Change what is said of a customer, nothing else. Its running subscriptions keep currency and timezone.

    Everybody below it in a company is given its currency and timezone. Refused where the end of a trial has come
    by `at` that no run has written: how the customer pays decides about it, and is not changed afterwards.
    """
    before = existing(tx, customer_id)
    rules = _Rules(tx)
    parent = said.get("parent", before.parent).strip()
    customer, findings = customer_of(before, said, rules.around(parent))
    if findings:
        return Kept(customer, findings=findings)
    if customer == before:
        return Kept(before, existed=True)
    if (customer.payment_method, customer.parent) != (before.payment_method, before.parent):
        _check_run_first(tx, customer_id, at)
    if customer.parent and customer.parent != before.parent:
        _check_parent(tx, customer)
    customers.update(tx, customer)
    if (customer.currency, customer.timezone) != (before.currency, before.timezone):
        _pass_on(tx, customer)
    return Kept(customer)


def _check_run_first(tx: Tx, customer_id: str, at: Instant) -> None:
    (facts,) = customer_facts(tx, [customer_id], at)
    check_run_first(facts, at)


def _pass_on(tx: Tx, customer: Customer) -> None:
    """Give everybody below a customer its currency and timezone. Source: planctl billing rules, companies."""
    below = customers.get_many(tx, branch(tx, customer.id)[1:])
    for one in below.values():
        customers.update(tx, replace(one, currency=customer.currency, timezone=customer.timezone))


def archive_customer(tx: Tx, customer_id: str, at: Instant, *, off: bool = False) -> Kept:
    """Archive a customer: nothing new is sold to it. `off` takes it back. Refused while a subscription runs."""
    before = existing(tx, customer_id)
    if (before.archived_at is None) == off:
        return Kept(before, existed=True)
    _check_run_first(tx, customer_id, at)
    running = [] if off else [one for one in _own(tx, customer_id) if one.status not in ENDED]
    if running:
        raise Refused(
            f"customer {customer_id} still runs {running[0].plan}",
            code="customer-runs",
            where=customer_id,
            got=", ".join(one.id for one in running),
            hint=f"planctl subscription cancel {customer_id}/{running[0].plan} --at now",
        )
    customer = replace(before, archived_at=None if off else at)
    customers.update(tx, customer)
    return Kept(customer)


def import_customers(
    tx: Tx, rows: Iterable[TableRow], at: Instant, recorded_at: Instant, *, auto_enable: bool = False
) -> ImportedCustomers:
    """Add the customer of every row: all rows or, with findings, none. Those there already are left as they are.

    Conflict where some are there with other content. A parent stands before its children. No plan is
    started unless `auto_enable`.
    """
    rules = _Rules(tx)
    judged = _judged(rules, rows, at)
    if judged.findings:
        return ImportedCustomers(findings=tuple(judged.findings))
    if judged.clashes:
        raise _conflict(*judged.clashes[0], more=len(judged.clashes) - 1)
    fresh = list(judged.fresh.values())
    customers.add_all(tx, fresh)
    enabled = sum(len(rules.enable(one, at, recorded_at)) for one in fresh) if auto_enable else 0
    return ImportedCustomers(tuple(judged.fresh), judged.same, enabled)


def import_findings(tx: Tx, rows: Iterable[TableRow], at: Instant) -> tuple[Finding, ...]:
    """What is wrong with the rows of an import; nothing is written."""
    return tuple(_judged(_Rules(tx), rows, at).findings)


@dataclass(slots=True)
class _Judged:
    """The rows of an import: new customers by id, complaints, those there already, with other content or same."""

    fresh: dict[str, Customer] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    clashes: list[tuple[Customer, Customer]] = field(default_factory=list)
    same: int = 0


def _judged(rules: _Rules, rows: Iterable[TableRow], at: Instant) -> _Judged:
    judged = _Judged()
    tx = rules.tx
    read = [(row, _said(row.values)) for row in rows]
    known = customers.get_many(tx, [row.values.get("customer", "") for row, _ in read])
    rules.parents = known | customers.get_many(tx, [said.get("parent", "") for _, said in read])
    for row, said in read:
        name = row.values.get("customer", "")
        customer, wrong = rules.customer(name, said, at, Place(row.file, row.line, 1))
        before = known.get(name) or judged.fresh.get(name)
        if wrong:
            judged.findings += wrong
        elif before is None:
            judged.fresh[name] = rules.parents[name] = customer
        elif _same(before, customer):
            judged.same += 1
        else:
            judged.clashes.append((before, customer))
    return judged


def list_customers(tx: Tx, wanted: CustomerFilter) -> Sequence[Customer]:
    """The customers that match, oldest first."""
    return customers.customers(tx, wanted)


# --- one customer


class _Rules:
    """What new customers are checked against and given, read once for many."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.declared: Mapping[str, Currency] = catalog.catalog_currencies(tx)
        self.taxes: Collection[str] = tuple(taxes(tx))
        self.timezone = timezone(tx)
        self.parents: dict[str, Customer] = {}
        self._offers: list[Offered] | None = None

    def around(self, parent: str) -> Surroundings:
        """What the fields of a customer with this parent (empty: none) are checked against."""
        found = self.parents.get(parent) or (customers.customer(self.tx, parent) if parent else None)
        return Surroundings(tuple(self.declared), self.taxes, found)

    def customer(
        self, customer_id: str, said: Said, at: Instant, place: Place
    ) -> tuple[Customer, tuple[Finding, ...]]:
        """A new customer as it was said, and what is wrong with it."""
        base = Customer(customer_id, timezone=self.timezone, created_at=at)
        parent = said.get("parent", "").strip()
        return customer_of(base, said, self.around("" if parent == customer_id else parent), place)

    def enable(
        self, customer: Customer, at: Instant, recorded_at: Instant, group: str = ""
    ) -> tuple[Subscription, ...]:
        """Start every plan given to all for a new customer, with its first invoice; a child of a company gets none.

        Of an exclusive group the first one alone, and of `group`, where a start follows, none that costs money.
        """
        if self._offers is None:
            self._offers = [offered(self.tx, plan) for plan in auto_enabled(self.tx)]
        begun: dict[str, Subscription] = {}
        for offer in self._offers:
            slot = offer.terms.group if offer.exclusive else f"plan {offer.plan}"
            if slot in begun or (slot == group and not offer.terms.free):
                continue
            one = self._enabled(customer, offer, at, recorded_at)
            if one is not None:
                begun[slot] = one
        return tuple(begun.values())

    def _enabled(
        self, customer: Customer, offer: Offered, at: Instant, recorded_at: Instant
    ) -> Subscription | None:
        used = trials_used(self.tx, customer, offer.plan, offer.terms)
        ask = enabling(customer, offer, used, self.declared, at)
        if ask is None:
            return None
        sold_in = self._sold_in(customer) if offer.terms.free else self.declared
        starting = started(new_id("sub", at), customer, offer, ask, (), sold_in, used)
        facts = facts_of_new(self.tx, customer, starting.subscription, at)
        billed = advance_or_hold(facts, at, run_terms(self.tx))
        refuse_hold(billed)
        write_start(self.tx, starting, billed, customer, None, recorded_at)
        record_trials(self.tx, starting.trial_use)
        return billed.as_it_is(starting.subscription)

    def _sold_in(self, customer: Customer) -> Mapping[str, Currency]:
        """The currencies a free plan may be noted in: no amount is ever due, so the customer's own will do."""
        own = iso_currency(customer.currency or "USD")
        if customer.currency in self.declared or own is None or (self.declared and not customer.currency):
            return self.declared
        return {**self.declared, own.code: own}


def _same(before: Customer, asked: Customer) -> bool:
    """Whether it is there as asked; when it was added and archived does not count."""
    return replace(asked, created_at=before.created_at, archived_at=before.archived_at) == before


def _conflict(before: Customer, asked: Customer, more: int = 0) -> Conflict:
    differing = [name for name in FIELDS if getattr(before, name) != getattr(asked, name)]
    also = f"; so do {more} more" if more else ""
    return Conflict(
        f"customer {before.id} is there with other content{also}; nothing was written",
        code="customer-exists",
        where=f"customer {before.id}",
        expected="; ".join(f"{name} {_text(before, name)}" for name in differing),
        got="; ".join(f"{name} {_text(asked, name)}" for name in differing),
        hint=f"planctl customer update {before.id} changes it",
    )


def _text(customer: Customer, name: str) -> str:
    value = getattr(customer, name)
    return "; ".join(value) if isinstance(value, tuple) else value or "nothing"


def _check_parent(tx: Tx, customer: Customer) -> None:
    """A customer that runs plans cannot join a company, and no company is below itself."""
    running = [one for one in _own(tx, customer.id) if one.status not in ENDED]
    if running:
        first = running[0]
        raise Refused(
            f"customer {customer.id} runs {first.plan}, and only the root of a company holds plans"
            if first.live
            else f"customer {customer.id} is to start {first.plan}, and only the root of a company holds plans",
            code="child-customer",
            where=customer.id,
            got=", ".join(one.id for one in running),
            hint=f"planctl subscription cancel {customer.id}/{first.plan} --at now",
        )
    above = customer.parent
    while above:
        if above == customer.id:
            raise Refused(
                f"customer {customer.id} would stand below itself", code="parent-circle", where=customer.id
            )
        found = customers.customer(tx, above)
        above = "" if found is None else found.parent


def _own(tx: Tx, customer_id: str) -> list[Subscription]:
    return subscriptions.of_customers(tx, [customer_id])[customer_id]


def _said(values: Mapping[str, str]) -> dict[str, str]:
    """The columns of an import as fields."""
    names = {"email": "emails"}
    return {names.get(column, column): text for column, text in values.items() if column != "customer"}
