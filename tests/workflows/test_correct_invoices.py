"""Credit notes, returned payments, write-offs and voids in a real store; the fixture checks every law at the end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.subscriptions.model import Status
from planctl.errors import InvalidInput, NotFound, PlanctlError, Refused
from planctl.store import balances, credit_notes, invoices, payments, refunds
from planctl.store.settings import put_setting
from planctl.workflows.collect_payments import Returned, Returning, refund_payment
from planctl.workflows.correct_invoices import CreditAsked, Credited, apply_credit, write_off
from tests.workflows.business import RECORDED, Business, t

FIRST = "INV-2026-00001"


def talks(business: Business, customer: str = "nova", at: str = "2026-02-01") -> None:
    """A customer who pays 31.00 a month."""
    business.customer(customer)
    business.subscribe(customer, "metered", at, negotiated={"price.month.USD": "31"})


def credit(
    business: Business, number: str, at: str, *lines: tuple[int, str], to: Any = "balance"
) -> Credited:
    """Credit an invoice, or amounts of its lines."""
    chosen = tuple((position, Decimal(amount) if amount else None) for position, amount in lines)
    with business.store.write() as tx:
        return apply_credit(tx, CreditAsked(number, chosen, t(at), to, "why"), RECORDED)


def give_back(business: Business, payment: str, at: str, amount: str = "") -> Returned:
    """A payment comes back."""
    asked = Returning(payment, Decimal(amount) if amount else None, t(at))
    with business.store.write() as tx:
        return refund_payment(tx, asked, RECORDED)


def give_up(business: Business, number: str, at: str) -> None:
    with business.store.write() as tx:
        write_off(tx, number, t(at), RECORDED)


def balance(business: Business, customer: str = "nova") -> int:
    with business.store.read() as tx:
        return balances.balances_of(tx, [customer])[customer].get("USD", 0)


def standing(business: Business, number: str) -> tuple[str, int, int, int]:
    """Status, credited, paid and owed."""
    with business.store.read() as tx:
        one = invoices.invoice(tx, number)
    return one.status.value, one.credit_minor, one.paid_minor, one.owed_minor


# --- credit notes


def test_a_credit_on_a_paid_invoice_goes_to_the_balance(business: Business) -> None:
    talks(business)
    business.pay(FIRST, "2026-02-03")
    done = credit(business, FIRST, "2026-02-04", (1, "10"))
    assert (done.note.number, done.note.draft.total_minor) == ("CN-2026-00001", 1000)
    assert standing(business, FIRST) == ("paid", 0, 3100, 0)
    assert balance(business) == 1000


def test_a_credit_on_an_unpaid_invoice_lowers_what_it_owes(business: Business) -> None:
    talks(business)
    credit(business, FIRST, "2026-02-04", (1, "10"))
    assert standing(business, FIRST) == ("open", 1000, 0, 2100)
    assert balance(business) == 0
    business.pay(FIRST, "2026-02-05")
    assert standing(business, FIRST) == ("paid", 1000, 2100, 0)


def test_a_partly_paid_invoice_credited_whole_is_settled_and_the_rest_is_in_the_balance(
    business: Business,
) -> None:
    talks(business)
    business.pay(FIRST, "2026-02-03", "11")
    done = credit(business, FIRST, "2026-02-04")
    assert standing(business, FIRST) == ("paid", 2000, 1100, 0)
    assert done.invoice.paid_at == t("2026-02-04")
    assert balance(business) == 1100


def test_to_refund_the_newest_payment_goes_back_first_and_no_more_than_was_paid(business: Business) -> None:
    talks(business)
    first = business.pay(FIRST, "2026-02-03", "11").payment.id
    second = business.pay(FIRST, "2026-02-04", "12").payment.id
    done = credit(business, FIRST, "2026-02-05", to="refund")
    # 31 − 23 = 8 were still owed; of the 23 paid, 12 came last.
    assert [(one.payment, one.amount_minor) for one in done.refunds] == [(second, 1200), (first, 1100)]
    assert (done.parts.invoice_minor, done.parts.money_minor, balance(business)) == (800, 2300, 0)
    with business.store.read() as tx:
        assert [one.status for one in payments.payments(tx)] == ["refunded", "refunded"]
        assert [one.amount_minor for one in refunds.refunds_by(tx, done.note.id)] == [1200, 1100]


def test_what_the_balance_paid_goes_back_to_the_balance_even_to_refund(business: Business) -> None:
    talks(business)
    business.pay(FIRST, "2026-02-03", "41")  # 10.00 too much
    (second,) = business.run("2026-03-01").invoices
    assert (second.credit_minor, second.due_minor, balance(business)) == (1000, 2100, 0)
    business.pay(second.number, "2026-03-02")
    done = credit(business, second.number, "2026-03-03", to="refund")
    assert (done.parts.money_minor, done.parts.balance_minor, balance(business)) == (2100, 1000, 1000)


def test_crediting_what_was_overdue_unblocks(business: Business) -> None:
    talks(business)
    business.run("2026-02-12")
    assert business.shown("nova", "2026-02-12").status is Status.BLOCKED
    done = credit(business, FIRST, "2026-02-13")
    assert [one.after for one in done.transitions] == [Status.ACTIVE]
    assert business.shown("nova", "2026-02-13").status is Status.ACTIVE


def test_a_void_invoice_is_not_credited_and_a_credited_one_not_voided(business: Business) -> None:
    talks(business)
    credit(business, FIRST, "2026-02-03", (1, "5"))
    with pytest.raises(Refused) as refused:
        business.void(FIRST, "2026-02-04")
    assert refused.value.code == "invoice-credited"
    talks(business, "lune")
    business.void("INV-2026-00002", "2026-02-04")
    with pytest.raises(Refused, match="nothing to credit"):
        credit(business, "INV-2026-00002", "2026-02-05")


def test_no_more_is_credited_than_was_charged(business: Business) -> None:
    talks(business)
    credit(business, FIRST, "2026-02-03", (1, "30"))
    for lines, error in (((1, "1.01"),), Refused), (((2, ""),), InvalidInput), (((1, "0"),), InvalidInput):
        with pytest.raises(error):
            credit(business, FIRST, "2026-02-03", *lines)
    credit(business, FIRST, "2026-02-03")
    with pytest.raises(Refused, match="credited whole"):
        credit(business, FIRST, "2026-02-03")
    with business.store.read() as tx:
        assert [one.number for one in credit_notes.credit_notes(tx)] == ["CN-2026-00001", "CN-2026-00002"]


# --- payments that come back


def test_a_returned_payment_is_owed_again(business: Business) -> None:
    talks(business)
    paid = business.pay(FIRST, "2026-02-03").payment.id
    done = give_back(business, paid, "2026-02-04")
    assert standing(business, FIRST) == ("open", 0, 0, 3100)
    assert (done.invoice.paid_at, done.transitions) == (None, ())
    with business.store.read() as tx:
        assert (payments.payment(tx, paid).status, payments.payment(tx, paid).left_minor) == ("refunded", 0)
    business.run("2026-02-12")
    assert business.shown("nova", "2026-02-12").status is Status.BLOCKED


def test_returned_after_the_due_date_it_is_past_due_at_once_and_never_before(business: Business) -> None:
    # due on the 8th, grace to the 11th: returned on the 9th it is past due from then on, blocked from the 11th.
    talks(business)
    paid = business.pay(FIRST, "2026-02-03").payment.id
    done = give_back(business, paid, "2026-02-09")
    assert standing(business, FIRST)[0] == "past_due"
    assert [(one.after, one.at) for one in done.transitions] == [(Status.PAST_DUE, t("2026-02-09"))]
    assert business.shown("nova", "2026-02-11").status is Status.BLOCKED
    business.pay(FIRST, "2026-02-12")
    assert business.shown("nova", "2026-02-12").status is Status.ACTIVE


def test_returned_after_the_grace_it_blocks_from_then_on(business: Business) -> None:
    talks(business)
    paid = business.pay(FIRST, "2026-02-03").payment.id
    done = give_back(business, paid, "2026-02-20")
    assert [(one.after, one.at) for one in done.transitions] == [
        (Status.PAST_DUE, t("2026-02-20")),
        (Status.BLOCKED, t("2026-02-20")),
    ]
    business.run("2026-02-21")
    business.pay(FIRST, "2026-02-22")
    assert business.shown("nova", "2026-02-22").status is Status.ACTIVE


def test_parts_come_back_one_after_the_other_and_never_more_than_came(business: Business) -> None:
    talks(business)
    paid = business.pay(FIRST, "2026-02-03").payment.id
    give_back(business, paid, "2026-02-04", "10")
    assert standing(business, FIRST) == ("open", 0, 2100, 1000)
    with pytest.raises(Refused) as refused:
        give_back(business, paid, "2026-02-04", "21.01")
    assert (refused.value.code, refused.value.expected) == ("refund-too-large", "at most 21.00 USD")
    give_back(business, paid, "2026-02-05")
    with pytest.raises(Refused):
        give_back(business, paid, "2026-02-05")
    with pytest.raises(NotFound):
        give_back(business, "pay_none", "2026-02-05")
    assert standing(business, FIRST) == ("open", 0, 0, 3100)


def test_what_went_to_the_balance_comes_out_of_it_first(business: Business) -> None:
    talks(business)
    paid = business.pay(FIRST, "2026-02-03", "41").payment.id
    give_back(business, paid, "2026-02-04", "4")
    assert (standing(business, FIRST), balance(business)) == (("paid", 0, 3100, 0), 600)
    give_back(business, paid, "2026-02-04", "7")
    assert (standing(business, FIRST), balance(business)) == (("open", 0, 3000, 100), 0)


def test_what_the_balance_has_spent_does_not_come_back(business: Business) -> None:
    talks(business)
    paid = business.pay(FIRST, "2026-02-03", "41").payment.id
    business.run("2026-03-01")
    with pytest.raises(Refused, match="no more of payment") as refused:
        give_back(business, paid, "2026-03-02")
    assert "spent on other invoices" in refused.value.hint
    give_back(business, paid, "2026-03-02", "31")
    assert standing(business, FIRST)[2:] == (0, 3100)


def test_a_credited_refund_and_a_returned_payment_do_not_give_back_the_same_money(business: Business) -> None:
    talks(business)
    paid = business.pay(FIRST, "2026-02-03").payment.id
    credit(business, FIRST, "2026-02-04", (1, "10"), to="refund")
    with pytest.raises(Refused):
        give_back(business, paid, "2026-02-05", "21.01")
    give_back(business, paid, "2026-02-05")
    assert standing(business, FIRST) == ("open", 0, 1000, 2100)


# --- write-off


def test_a_written_off_invoice_is_not_asked_for_any_more_and_can_still_be_paid(business: Business) -> None:
    talks(business)
    business.run("2026-02-12")
    give_up(business, FIRST, "2026-02-13")
    assert standing(business, FIRST) == ("uncollectible", 0, 0, 3100)
    assert business.shown("nova", "2026-02-13").status is Status.ACTIVE
    assert business.pay(FIRST, "2026-02-20", "1").invoice.status is InvoiceStatus.UNCOLLECTIBLE
    paid = business.pay(FIRST, "2026-02-21").payment.id
    assert standing(business, FIRST) == ("paid", 0, 3100, 0)
    give_back(business, paid, "2026-02-22")
    assert standing(business, FIRST) == ("uncollectible", 0, 100, 3000)
    credit(business, FIRST, "2026-02-23")
    assert (standing(business, FIRST), balance(business)) == (("paid", 3000, 100, 0), 100)


def test_what_owes_nothing_is_not_written_off(business: Business) -> None:
    talks(business)
    business.pay(FIRST, "2026-02-03")
    with pytest.raises(Refused, match="cannot be written off: it is paid"):
        give_up(business, FIRST, "2026-02-04")


# --- void


def test_voiding_gives_the_credit_back_once(business: Business) -> None:
    talks(business)
    business.pay(FIRST, "2026-02-03", "131")
    (second,) = business.run("2026-03-01").invoices
    assert (second.status, balance(business)) == (InvoiceStatus.PAID, 6900)
    business.void(second.number, "2026-03-02")
    assert (standing(business, second.number), balance(business)) == (("void", 0, 0, 0), 10000)
    with pytest.raises(Refused):
        business.void(second.number, "2026-03-02")
    assert balance(business) == 10000


# --- closed books


def test_nothing_is_dated_into_closed_books(business: Business) -> None:
    talks(business)
    talks(business, "lune")
    paid = business.pay(FIRST, "2026-02-03").payment.id
    with business.store.write() as tx:
        put_setting(tx, "books.closed_through", "2026-02-28")
    for attempt in (
        lambda: business.pay("INV-2026-00002", "2026-02-28"),
        lambda: give_back(business, paid, "2026-02-28"),
        lambda: credit(business, FIRST, "2026-02-28"),
        lambda: give_up(business, "INV-2026-00002", "2026-02-28"),
        lambda: business.void("INV-2026-00002", "2026-02-28"),
    ):
        with pytest.raises(PlanctlError) as refused:
            attempt()
        assert (refused.value.code, refused.value.exit_code) == ("books-closed", 4)
    business.pay("INV-2026-00002", "2026-03-01")


def test_nothing_is_credited_while_an_invoice_that_gives_unused_time_back_is_still_to_be_issued_again(
    business: Business,
) -> None:
    """The change gave 28/31 of January (17.16) back: crediting January now would give that twice."""
    business.customer("nova")
    business.subscribe("nova", "starter", "2026-01-01", pay="month", trial=False)
    business.pay(FIRST, "2026-01-01")
    business.subscribe("nova", "pro", "2026-01-04", pay="year")
    business.void("INV-2026-00002", "2026-01-04", reissue=True)
    with pytest.raises(Refused) as refused:
        credit(business, FIRST, "2026-01-05")
    assert (refused.value.code, refused.value.hint) == ("run-first", "planctl invoice run --customer nova")
    business.run("2026-01-05")
    credit(business, FIRST, "2026-01-05", (1, "1"))
