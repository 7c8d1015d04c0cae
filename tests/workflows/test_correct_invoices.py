"""Credit notes, returned payments, write-offs and voids in a real store; the fixture checks every law at the end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from planctl.core.invoicing.model import Invoice, InvoiceStatus
from planctl.core.subscriptions.model import Status
from planctl.errors import InvalidInput, NotFound, PlanctlError, Refused
from planctl.store import balances, credit_notes, invoices, payments, refunds
from planctl.store.settings import put_setting
from planctl.workflows.collect_payments import Returned, Returning, refund_payment
from planctl.workflows.correct_invoices import CreditAsked, Credited, apply_credit, write_off
from planctl.workflows.record_usage import Recording, record
from tests.workflows.business import RECORDED, Business, t
from tests.workflows.business import lines as lines_of

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


# --- what other invoices gave back


def starts(business: Business, plan: str = "starter") -> None:
    """nova starts a plan for 30.00 a month on 1 April, and pays."""
    business.customer("nova")
    business.subscribe("nova", plan, "2026-04-01", pay="month", negotiated={"price.month.USD": "30"})
    business.pay(FIRST, "2026-04-02")


def goes_up(business: Business, at: str = "2026-04-16") -> None:
    """nova goes over to pro for 60.00: of 30 days what is left of 30.00 goes back, and 2.00 a day are charged."""
    business.subscribe("nova", "pro", at, pay="month", negotiated={"price.month.USD": "60"})


def total_of(done: Credited) -> int:
    return done.note.draft.total_minor


def test_what_a_change_gave_back_of_an_invoice_is_not_credited_again(business: Business) -> None:
    starts(business)
    goes_up(business)
    done = credit(business, FIRST, "2026-04-17")
    assert total_of(done) == 1500
    assert [(one.position, one.net_minor, one.number) for one in done.taken_off] == [
        (1, 1500, "INV-2026-00002")
    ]
    with pytest.raises(Refused, match="given back whole"):
        credit(business, FIRST, "2026-04-18")


def test_an_amount_that_a_change_did_not_leave_is_refused(business: Business) -> None:
    starts(business)
    goes_up(business)
    with pytest.raises(Refused) as refused:
        credit(business, FIRST, "2026-04-17", (1, "15.01"))
    assert refused.value.expected == "above 0, at most 15.00 USD"
    assert total_of(credit(business, FIRST, "2026-04-17", (1, "5"))) == 500
    assert total_of(credit(business, FIRST, "2026-04-17", (1, ""))) == 1000


def test_the_invoice_of_a_change_gives_back_what_it_came_to_and_its_credit_is_charged_again(
    business: Business,
) -> None:
    # -15.00 + 30.00: all of April is owed as before the change, and can be credited.
    starts(business)
    goes_up(business)
    assert total_of(credit(business, "INV-2026-00002", "2026-04-17")) == 1500
    business.check()
    assert total_of(credit(business, FIRST, "2026-04-18")) == 3000


def test_a_change_gives_back_only_what_a_credit_note_left_of_the_unused_days(business: Business) -> None:
    starts(business)
    credit(business, FIRST, "2026-04-10", (1, "20"))
    goes_up(business)
    # 15.00 of unused days are less than the 20.00 that went back; 10.00 are left.
    assert lines_of(business.invoices()[1]) == [("proration_charge", "30.00")]
    assert total_of(credit(business, FIRST, "2026-04-17")) == 1000


def test_what_a_pause_gave_back_is_not_credited_again_and_what_was_charged_since_is(
    business: Business,
) -> None:
    starts(business)
    business.pause("nova", "2026-04-11")
    business.resume("nova", "2026-04-16")
    assert total_of(credit(business, FIRST, "2026-04-17")) == 1000
    assert total_of(credit(business, "INV-2026-00002", "2026-04-17")) == 1500


def test_what_an_early_end_gave_back_is_not_credited_again(business: Business) -> None:
    starts(business)
    business.refund_at_once("nova", "2026-04-11")
    assert total_of(credit(business, FIRST, "2026-04-12")) == 1000


def uses_less(business: Business, before: str = "") -> list[Invoice]:
    """25 minutes above the allowance are 3.00; in May it turns out that 10 of them, 1.20, were none.

    `before` is credited of the 3.00 in between.
    """

    def use(quantity: str, at: str, id_: str = "", corrects: str = "") -> None:
        said = Recording("nova", "minutes", quantity, t("2026-04-05"), id_, corrects=corrects)
        with business.store.write() as tx:
            record(tx, said, t(at))

    starts(business, "metered")
    use("25", "2026-04-05", "calls")
    business.run("2026-05-01")
    business.pay("INV-2026-00002", "2026-05-01")
    if before:
        credit(business, "INV-2026-00002", "2026-05-02", (1, before))
    use("-10", "2026-05-03", corrects="calls")
    business.run("2026-06-01")
    return business.invoices()


def test_what_late_usage_gave_back_is_not_credited_again(business: Business) -> None:
    *_, may = uses_less(business)
    assert lines_of(may) == [("fee", "30.00"), ("late_usage", "-1.20")]
    assert total_of(credit(business, "INV-2026-00002", "2026-06-02", (1, ""))) == 180


def test_late_usage_gives_back_only_what_a_credit_note_left(business: Business) -> None:
    *_, may = uses_less(business, before="2.50")
    assert lines_of(may) == [("fee", "30.00"), ("late_usage", "-0.50")]


def test_late_usage_gives_nothing_back_of_what_was_credited_whole(business: Business) -> None:
    *_, may = uses_less(business, before="3")
    assert lines_of(may) == [("fee", "30.00")]


def test_an_invoice_that_another_gave_a_part_of_back_is_not_voided_for_good(business: Business) -> None:
    # 27 of 30 days went back.
    business.customer("nova")
    business.subscribe("nova", "starter", "2026-04-01", pay="month", negotiated={"price.month.USD": "30"})
    goes_up(business, "2026-04-04")
    with pytest.raises(Refused) as refused:
        business.void(FIRST, "2026-04-05")
    assert (refused.value.code, refused.value.where) == ("invoice-credited", FIRST)
    business.void(FIRST, "2026-04-05", reissue=True)
    business.run("2026-04-05")
    assert total_of(credit(business, "INV-2026-00003", "2026-04-06")) == 300
