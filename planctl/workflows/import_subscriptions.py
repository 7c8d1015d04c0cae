"""Moving subscriptions in from another system: what it billed is not billed again, what closes later is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planctl.core.catalog.negotiate import check_price
from planctl.core.customers import Customer
from planctl.core.document import Scalar
from planctl.core.invoicing.advance import RunTerms, advance_or_hold
from planctl.core.invoicing.model import Invoice
from planctl.core.invoicing.stops import refuse_hold
from planctl.core.money import NumberError, parse_decimal, to_minor
from planctl.core.periods import Instant, instant_text, local_date, parse_instant, zone
from planctl.core.subscriptions.addons import addon_terms, begin
from planctl.core.subscriptions.model import Subscription
from planctl.core.subscriptions.start import (
    AlreadyRunning,
    Ask,
    Offered,
    choose_currency,
    choose_row,
    no_trial,
)
from planctl.core.subscriptions.trials import TrialUse, trial_uses
from planctl.core.unreadable import Unreadable
from planctl.errors import InvalidInput, PlanctlError, Refused
from planctl.files.table_reader import TableRow
from planctl.findings import Finding, Place
from planctl.identifiers import new_id
from planctl.store.balances import BalanceMove, post
from planctl.store.books import check_open
from planctl.store.facts import facts_of_new, run_terms
from planctl.store.granting import bring_in
from planctl.store.offers import offered
from planctl.store.outcomes import write_start
from planctl.store.selling import buyer, on_agreed_terms
from planctl.store.trials import record_trials, trials_used
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

COLUMNS = frozenset(
    {
        "customer", "plan", "pay", "currency", "start", "billed_through", "trial_ends", "price",
        "trial_used", "balance",
    }
)  # fmt: skip
PREFIXES = ("quantity:", "wallet:")
_YES, _NO = frozenset({"yes", "true", "1"}), frozenset({"", "no", "false", "0"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote; with findings nothing was. `existing` counts the rows that ran already, as asked."""

    subscriptions: tuple[Subscription, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    existing: int = 0
    findings: tuple[Finding, ...] = ()


def import_subscriptions(tx: Tx, rows: Iterable[TableRow], now: Instant, recorded_at: Instant) -> Imported:
    """Start every row's subscription as `subscribe` does; all rows or, with findings, none.

    A row whose customer runs the plan already by the same row, currency and start is counted and left alone;
    on other terms it is a finding, and so is a row that stands twice in the file.
    The caller must not keep the transaction where there are findings.
    """
    begun: list[Subscription] = []
    invoices: list[Invoice] = []
    findings: list[Finding] = []
    existing = 0
    terms = run_terms(tx)
    for row in rows:
        try:
            subscription, issued = _import_row(tx, row, terms, now, recorded_at)
        except AlreadyRunning as same:
            if any(one.id == same.where for one in begun):
                findings.append(_finding(row, same))
            else:
                existing += 1
            continue
        except PlanctlError as problem:
            findings.append(_finding(row, problem))
            continue
        begun.append(subscription)
        invoices += issued
    return Imported(tuple(begun), tuple(invoices), existing, tuple(findings))


def _import_row(
    tx: Tx, row: TableRow, terms: RunTerms, now: Instant, recorded_at: Instant
) -> tuple[Subscription, list[Invoice]]:
    values = row.values
    sold_to = buyer(tx, _needed(values, "customer"))
    offer = offered(tx, _needed(values, "plan"))
    pay = choose_row(offer, values.get("pay", ""))
    currency = choose_currency(offer, pay, values.get("currency", ""), sold_to.customer, sold_to.declared)
    negotiated = {}
    if values.get("price"):
        price = _number(values, "price")
        negotiated = {check_price(offer.plan, offer.terms, pay, currency, price): format(price, "f")}
    nodes = {path: Scalar(text) for path, text in negotiated.items()}
    nodes |= {
        path: Scalar(text) for path, text in addon_terms(sold_to.customer, offer, sold_to.running).items()
    }
    offer, made = on_agreed_terms(tx, offer, nodes, sold_to.declared)
    start = _instant(values, "start", sold_to.customer.timezone) if values.get("start") else now
    quantities = _by_feature(values, "quantity:")
    ask = Ask(start, now, pay, currency.code, 0, quantities, negotiated, trial=False, imported=True)
    ask = replace(ask, trial_ends_at=_trial_end(values, offer, ask, sold_to.customer))
    if ask.trial_ends_at is not None:
        _check_first_trial(tx, sold_to.customer, offer)
    starting = begin(new_id("sub", now), sold_to.customer, offer, ask, sold_to.running, sold_to.declared)
    moved = _moved_in(starting.subscription, values, now)
    _open_balance(tx, moved, values, now)
    facts = facts_of_new(tx, sold_to.customer, moved, now, starting.replaced)
    billed = advance_or_hold(facts, now, terms)
    refuse_hold(billed, "say billed_through: the day up to which the old system billed")
    snapshot = None if made is None else made.snapshot
    issued = write_start(
        tx, replace(starting, subscription=moved), billed, sold_to.customer, snapshot, recorded_at
    )
    record_trials(tx, starting.trial_use or _trial_used(values, offer, sold_to.customer, start))
    bring_in(tx, moved, _by_feature(values, "wallet:"), now)
    return billed.as_it_is(moved), issued


def _open_balance(tx: Tx, subscription: Subscription, values: Mapping[str, str], now: Instant) -> None:
    """Bring in what the old system owed the customer, in the subscription's currency: it pays the next invoices."""
    if not values.get("balance"):
        return
    currency, amount = subscription.currency, _number(values, "balance")
    try:
        minor = to_minor(amount, currency)
    except NumberError as problem:
        raise InvalidInput(str(problem), where="balance", got=values["balance"]) from problem
    if minor < 0:
        raise InvalidInput(
            "an opening balance is what the customer has left over",
            where="balance",
            expected="an amount from 0",
            got=values["balance"],
            hint="bill what is still owed in the old system, or as an invoice of its own",
        )
    if minor:
        check_open(tx, now, "the opening balance")
        key = f"opening:{subscription.id}"
        post(tx, [BalanceMove(subscription.customer, currency.code, key, minor, now)])


def _moved_in(subscription: Subscription, values: Mapping[str, str], now: Instant) -> Subscription:
    """The subscription with what the old system billed: fees up to `billed_through`, usage that closed by now.

    Without `billed_through` the old system billed the period that contains the import, where what is
    paid for began before the import's local day: at the start, or at the end of a trial; else it billed nothing.
    """
    tz = zone(subscription.timezone)
    paid_from = subscription.trial_ends_at or subscription.started_at
    if values.get("billed_through"):
        fees_from = _instant(values, "billed_through", subscription.timezone)
    elif local_date(paid_from, tz) < local_date(now, tz) and not subscription.terms.free:
        schedule = subscription.schedule()
        end = schedule.period_at(now).ends_at
        fees_from = now if end is None else end
    elif paid_from > subscription.started_at:
        fees_from = paid_from
    else:
        return subscription
    return replace(
        subscription,
        fees_from=Instant(max(fees_from, paid_from)),
        usage_from=max(now, subscription.started_at),
    )


def _trial_end(values: Mapping[str, str], offer: Offered, ask: Ask, customer: Customer) -> Instant | None:
    """The end of the trial that the old system gave, in the customer's zone; None where the row names none.

    It is over at that instant, so a day is the first one that is paid for. Refused where the plan can have no
    trial, InvalidInput where it would end at its start or before, or `trial_used` says it was none.
    """
    if not values.get("trial_ends"):
        return None
    ends_at = _instant(values, "trial_ends", customer.timezone)
    if offer.terms.kind != "plan" or offer.terms.free or ask.pay == "once":
        raise no_trial(customer, offer, "leave trial_ends empty")
    if ends_at <= ask.start_at:
        raise InvalidInput(
            "a trial ends after its start",
            where="trial_ends",
            expected=f"an instant after {instant_text(ask.start_at)}",
            got=values["trial_ends"],
        )
    if values.get("trial_used") and not _yes(values, "trial_used"):
        raise InvalidInput(
            "a trial that ends was taken",
            where="trial_used",
            expected="yes, or nothing",
            got=values["trial_used"],
        )
    return ends_at


def _check_first_trial(tx: Tx, customer: Customer, offer: Offered) -> None:
    """Refused where the customer had a trial of that group or plan: the old system cannot have given another."""
    used = trials_used(tx, customer, offer.plan, offer.terms)
    if any(use.who_kind == "customer" for use in used):
        raise Refused(
            f"{customer.id} had the trial already",
            code="trial-used",
            where="trial_ends",
            hint="leave trial_ends empty",
        )


def _trial_used(
    values: Mapping[str, str], offer: Offered, customer: Customer, start: Instant
) -> tuple[TrialUse, ...]:
    """What is remembered of a trial that was over in the old system, so that no second one begins here."""
    if not _yes(values, "trial_used"):
        return ()
    return trial_uses(customer, offer.plan, offer.terms, "", start)


def _yes(values: Mapping[str, str], column: str) -> bool:
    """Whether a column says yes; an empty one says no, another word is InvalidInput."""
    word = values.get(column, "").strip().lower()
    if word not in _YES | _NO:
        raise InvalidInput("neither yes nor no", where=column, expected="yes | no", got=values[column])
    return word in _YES


def _needed(values: Mapping[str, str], column: str) -> str:
    if not values.get(column):
        raise InvalidInput(f"{column} is missing", where=column)
    return values[column]


def _number(values: Mapping[str, str], column: str) -> Decimal:
    try:
        return parse_decimal(values[column])
    except NumberError as problem:
        raise InvalidInput(str(problem), where=column, got=values[column]) from problem


def _instant(values: Mapping[str, str], column: str, timezone: str) -> Instant:
    try:
        return parse_instant(values[column], zone(timezone))
    except Unreadable as problem:
        raise InvalidInput(problem.reason, where=column, got=values[column], hint=problem.fix) from problem


def _by_feature(values: Mapping[str, str], prefix: str) -> dict[str, Decimal]:
    """The numbers of the columns `PREFIX FEATURE`, by feature; an empty cell says nothing."""
    return {
        column.removeprefix(prefix): _number(values, column)
        for column, text in values.items()
        if column.startswith(prefix) and text
    }


def _finding(row: TableRow, problem: PlanctlError) -> Finding:
    return Finding(
        problem.code,
        problem.message,
        Place(row.file, row.line, 1),
        expected=problem.expected,
        got=problem.got,
        hint=problem.hint,
    )
