"""Payments and voids in a real store: what they pay, what they unblock, what is issued again."""

from __future__ import annotations

import pytest

from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.periods import instant_text
from planctl.core.subscriptions.model import Status
from planctl.errors import InvalidInput, NotFound, PlanctlError, Refused
from planctl.store import payments, subscriptions
from planctl.store.as_of import customer_as_of
from planctl.store.balances import balances_of
from tests.workflows.business import Business, lines, rows, t, total


def talks(business: Business, customer: str = "nova", at: str = "2026-02-01", **negotiated: str) -> None:
    """A customer who pays 31.00 a month and 0.12 a minute."""
    business.customer(customer)
    terms = {"price.month.USD": "31"} | {path.replace("_", "."): value for path, value in negotiated.items()}
    business.subscribe(customer, "metered", at, negotiated=terms)


# --- paying


def test_without_an_amount_what_is_due_is_paid(business: Business) -> None:
    talks(business)
    paid = business.pay("INV-2026-00001", "2026-02-03")
    assert (paid.payment.amount_minor, paid.invoice.status, paid.invoice.paid_at) == (
        3100,
        InvoiceStatus.PAID,
        t("2026-02-03"),
    )
    assert paid.transitions == ()


def test_parts_add_up_to_the_whole(business: Business) -> None:
    talks(business)
    first = business.pay("INV-2026-00001", "2026-02-03", "10.50")
    assert (first.invoice.status, first.invoice.due_minor) == (InvoiceStatus.OPEN, 2050)
    second = business.pay("INV-2026-00001", "2026-02-04", "20.49")
    assert (second.invoice.status, second.invoice.due_minor) == (InvoiceStatus.OPEN, 1)
    last = business.pay("INV-2026-00001", "2026-02-05")
    assert (last.payment.amount_minor, last.invoice.status, last.invoice.paid_at) == (
        1,
        InvoiceStatus.PAID,
        t("2026-02-05"),
    )
    with business.store.read() as tx:
        assert sum(one.amount_minor for one in payments.payments(tx)) == 3100


def test_an_invoice_may_be_named_by_its_id(business: Business) -> None:
    talks(business)
    (invoice,) = business.invoices()
    assert business.pay(invoice.id, "2026-02-03").invoice.number == invoice.number


@pytest.mark.parametrize(
    ("amount", "error"),
    [("0", InvalidInput), ("-5", InvalidInput), ("1.005", InvalidInput)],
)
def test_an_amount_that_does_not_fit_is_refused_and_nothing_is_kept(
    business: Business, amount: str, error: type[PlanctlError]
) -> None:
    talks(business)
    with pytest.raises(error):
        business.pay("INV-2026-00001", "2026-02-03", amount)
    with business.store.read() as tx:
        assert rows(tx, "payment") == 0


def test_what_is_more_than_due_goes_to_the_balance(business: Business) -> None:
    talks(business)
    business.pay("INV-2026-00001", "2026-02-03", "30")
    paid = business.pay("INV-2026-00001", "2026-02-03", "26.01")
    assert (paid.payment.amount_minor, paid.payment.to_balance_minor) == (2601, 2501)
    assert (paid.invoice.status, paid.invoice.paid_minor) == (InvoiceStatus.PAID, 3100)
    assert balance(business) == 2501


def balance(business: Business, customer: str = "nova") -> int:
    with business.store.read() as tx:
        return balances_of(tx, [customer])[customer].get("USD", 0)


def test_nothing_is_taken_for_an_invoice_that_owes_nothing(business: Business) -> None:
    talks(business)
    business.pay("INV-2026-00001", "2026-02-03")
    with pytest.raises(Refused, match="it is paid"):
        business.pay("INV-2026-00001", "2026-02-04")
    with pytest.raises(NotFound):
        business.pay("INV-2026-00009", "2026-02-04")


# --- past due, blocked and back


def test_paying_before_any_run_has_looked_writes_down_how_late_it_was(business: Business) -> None:
    talks(business)
    paid = business.pay("INV-2026-00001", "2026-02-20")
    assert [(one.before.value, one.after.value) for one in paid.transitions] == [("blocked", "active")]
    with business.store.read() as tx:
        (sub,) = subscriptions.of_customers(tx, ["nova"])["nova"]
        history = subscriptions.transitions(tx, [sub.id])[sub.id]
    assert [(one.after.value, instant_text(one.at)) for one in history] == [
        ("past_due", "2026-02-08T00:00:00Z"),
        ("blocked", "2026-02-11T00:00:00Z"),
        ("active", "2026-02-20T00:00:00Z"),
    ]
    (span,) = sub.blocked
    assert (span.starts_at, span.ends_at, span.payment) == (t("2026-02-11"), t("2026-02-20"), paid.payment.id)


def test_a_part_does_not_unblock(business: Business) -> None:
    talks(business)
    business.run("2026-02-12")
    assert business.pay("INV-2026-00001", "2026-02-13", "30.99").transitions == ()
    assert business.shown("nova", "2026-02-13").status is Status.BLOCKED
    assert [one.after.value for one in business.pay("INV-2026-00001", "2026-02-14").transitions] == ["active"]


def test_coming_back_charges_the_days_left_and_the_usage_of_the_block(business: Business) -> None:
    # 16 to 31 March are 16 of 31 days of 31.00: 16.00; February: 25 × 0.12 = 3.00.
    talks(business)
    business.use("nova", "minutes", "20", "2026-02-05")
    business.run("2026-02-12")
    business.use("nova", "minutes", "5", "2026-02-20")
    assert business.run("2026-03-01").invoices == []
    business.pay("INV-2026-00001", "2026-03-16")
    (invoice,) = business.run("2026-03-16").invoices
    assert sorted(lines(invoice)) == [("proration_charge", "16.00"), ("usage", "3.00")]
    assert invoice.draft.kind == "resume"
    assert business.run("2026-03-17").invoices == []
    business.pay("INV-2026-00002", "2026-03-17")
    (april,) = business.run("2026-04-01").invoices
    assert lines(april) == [("fee", "31.00")]


def test_coming_back_is_billed_the_same_where_no_run_came_in_between(business: Business) -> None:
    talks(business)
    business.use("nova", "minutes", "25", "2026-02-05")
    business.pay("INV-2026-00001", "2026-03-16")
    (invoice,) = business.run("2026-03-16").invoices
    assert sorted(lines(invoice)) == [("proration_charge", "16.00"), ("usage", "3.00")]


def test_paying_within_the_period_that_was_paid_for_charges_nothing_more(business: Business) -> None:
    talks(business)
    business.run("2026-02-12")
    business.pay("INV-2026-00001", "2026-02-20")
    assert business.run("2026-02-20").invoices == []
    (march,) = business.run("2026-03-01").invoices
    assert lines(march) == [("fee", "31.00")]


def test_a_payment_dated_back_before_a_boundary_owes_the_month_that_was_not_charged(
    business: Business,
) -> None:
    talks(business)
    business.run("2026-03-01")
    business.pay("INV-2026-00001", "2026-02-25")
    (march,) = business.run("2026-03-02").invoices
    assert (lines(march), march.draft.starts_at) == ([("fee", "31.00")], t("2026-03-01"))


def test_paying_one_of_two_overdue_invoices_is_not_enough(business: Business) -> None:
    talks(business, grace="never")
    business.run("2026-03-10")
    assert business.bills() == [("INV-2026-00001", "past_due", "31.00"), ("INV-2026-00002", "open", "31.00")]
    assert business.pay("INV-2026-00001", "2026-03-17").transitions == ()
    assert business.shown("nova", "2026-03-17").status is Status.PAST_DUE
    assert [one.after for one in business.pay("INV-2026-00002", "2026-03-18").transitions] == [Status.ACTIVE]


def test_paying_one_plan_leaves_the_other_as_it_is(business: Business) -> None:
    talks(business)
    business.subscribe("nova", "setup", "2026-02-01")
    business.run("2026-02-12")
    business.pay("INV-2026-00001", "2026-02-13")
    assert business.shown("nova/metered", "2026-02-13").status is Status.ACTIVE
    assert business.shown("nova/setup", "2026-02-13").status is Status.BLOCKED


def test_paying_after_the_end_does_not_bring_it_back(business: Business) -> None:
    talks(business)
    business.cancel("nova", "2026-02-02")
    business.run("2026-03-01")
    paid = business.pay("INV-2026-00001", "2026-03-05")
    assert (paid.transitions, paid.invoice.status) == ((), InvoiceStatus.PAID)
    assert business.shown("nova", "2026-03-05").status is Status.CANCELED
    assert business.run("2026-04-01").invoices == []


# --- void


def test_a_void_invoice_keeps_its_number_and_owes_nothing(business: Business) -> None:
    talks(business)
    made = business.void("INV-2026-00001", "2026-02-03")
    assert (made.number, made.status, made.due_minor, made.voided_at) == (
        "INV-2026-00001",
        InvoiceStatus.VOID,
        0,
        t("2026-02-03"),
    )
    assert business.run("2026-02-20").invoices == [], "it counts as settled"
    assert business.shown("nova", "2026-02-20").status is Status.ACTIVE
    assert [lines(one) for one in business.run("2026-03-01").invoices] == [[("fee", "31.00")]]


def test_issued_again_it_has_the_same_amounts_and_the_next_number(business: Business) -> None:
    talks(business)
    business.use("nova", "minutes", "25", "2026-02-05")
    business.pay("INV-2026-00001", "2026-02-05")
    business.run("2026-03-01")
    first = business.void("INV-2026-00002", "2026-03-02", reissue=True)
    (again,) = business.run("2026-03-02").invoices
    assert (again.number, again.draft.revision, again.draft.kind) == ("INV-2026-00003", 1, "renewal")
    assert sorted(lines(again)) == sorted(lines(first)) == [("fee", "31.00"), ("usage", "3.00")]
    assert (again.draft.period_index, again.draft.starts_at) == (
        first.draft.period_index,
        first.draft.starts_at,
    )
    assert instant_text(again.draft.due_at) == "2026-03-09T00:00:00Z"
    for day in ("2026-03-02", "2026-03-03", "2026-03-09"):
        assert business.run(day).invoices == []


def test_it_may_be_voided_and_issued_again_twice(business: Business) -> None:
    talks(business)
    business.void("INV-2026-00001", "2026-02-02", reissue=True)
    business.run("2026-02-02")
    business.void("INV-2026-00002", "2026-02-03", reissue=True)
    (third,) = business.run("2026-02-03").invoices
    assert (third.number, third.draft.revision, total(third)) == ("INV-2026-00003", 2, "31.00")
    assert business.run("2026-02-04").invoices == []
    assert [status for _, status, _ in business.bills()] == ["void", "void", "open"]


def test_usage_recorded_late_is_in_the_invoice_that_is_issued_again(business: Business) -> None:
    talks(business)
    business.pay("INV-2026-00001", "2026-02-05")
    business.use("nova", "minutes", "25", "2026-02-05")
    business.run("2026-03-01")
    business.void("INV-2026-00002", "2026-03-02", reissue=True)
    business.use("nova", "minutes", "10", "2026-02-28")
    (again,) = business.run("2026-03-03").invoices
    assert sorted(lines(again)) == [("fee", "31.00"), ("usage", "4.20")]  # 35 × 0.12


def test_what_is_to_be_issued_again_does_not_wait_for_another_payment(business: Business) -> None:
    talks(business, grace="never")
    business.run("2026-03-01")
    business.void("INV-2026-00001", "2026-03-02", reissue=True)
    business.pay("INV-2026-00002", "2026-03-03")
    assert [one.draft.revision for one in business.run("2026-03-03").invoices] == [1]


def test_voiding_what_was_overdue_unblocks(business: Business) -> None:
    talks(business)
    business.run("2026-02-12")
    assert business.shown("nova", "2026-02-12").status is Status.BLOCKED
    business.void("INV-2026-00001", "2026-02-13")
    assert business.shown("nova", "2026-02-13").status is Status.ACTIVE
    with business.store.read() as tx:
        (holding,) = customer_as_of(tx, "nova", t("2026-02-13")).holdings
    assert holding.subscription.blocked[0].ends_at == t("2026-02-13")


def test_voiding_in_a_later_period_charges_its_rest(business: Business) -> None:
    talks(business)
    business.run("2026-03-05")
    business.void("INV-2026-00001", "2026-03-16")
    (invoice,) = business.run("2026-03-16").invoices
    assert lines(invoice) == [("proration_charge", "16.00")]


def test_a_final_invoice_is_issued_again_after_the_end(business: Business) -> None:
    talks(business)
    business.pay("INV-2026-00001", "2026-02-05")
    business.use("nova", "minutes", "25", "2026-02-05")
    business.cancel("nova", "2026-02-10", at_once=True)
    business.void("INV-2026-00002", "2026-02-11", reissue=True)
    (again,) = business.run("2026-02-11").invoices
    assert (again.draft.kind, again.draft.revision, lines(again)) == ("final", 1, [("usage", "3.00")])


@pytest.mark.parametrize("paid", ["31.00", "0.01"])
def test_what_is_paid_is_not_voided(business: Business, paid: str) -> None:
    talks(business)
    business.pay("INV-2026-00001", "2026-02-03", paid)
    with pytest.raises(Refused) as refused:
        business.void("INV-2026-00001", "2026-02-04")
    assert refused.value.code == "invoice-paid"


def test_what_is_void_is_not_voided_again_or_paid(business: Business) -> None:
    talks(business)
    business.void("INV-2026-00001", "2026-02-03")
    for attempt in (
        lambda: business.void("INV-2026-00001", "2026-02-04"),
        lambda: business.pay("INV-2026-00001", "2026-02-04"),
    ):
        with pytest.raises(PlanctlError) as refused:
            attempt()
        assert refused.value.exit_code == 4


def test_paying_after_a_planned_end_that_no_run_has_seen_changes_nothing_of_what_is_billed(
    business: Business,
) -> None:
    talks(business)
    business.use("nova", "minutes", "25", "2026-02-05")
    business.cancel("nova", "2026-02-09")
    business.pay("INV-2026-00001", "2026-03-05")
    (final,) = business.run("2026-03-06").invoices
    assert (final.draft.kind, lines(final)) == ("final", [("usage", "3.00")])
    ended = business.shown("nova", "2026-03-06")
    assert (ended.status, ended.ends_at) == (Status.CANCELED, t("2026-03-01"))
