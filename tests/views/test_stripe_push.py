"""How a push looks to people and to machines: what was done by kind, and everything that stopped, with what to say."""

from __future__ import annotations

from typing import Any

from planctl.core.currencies import Currency
from planctl.core.periods import Instant
from planctl.core.stripe.comparing import Comparison
from planctl.core.stripe.invoice_report import Outcome, Owed, ProposedInvoice, Stopped
from planctl.core.stripe.model import Account, LeftOut, Operation, StripeChange
from planctl.views.formats import Screen, render
from planctl.views.sheet import Answer
from planctl.views.stripe_push import (
    Push,
    differs,
    proposal_answer,
    push_answer,
    push_document,
    waits_for_person,
)

ACCOUNT = Account("acct_1ABC", live=False)
LIVE = Account("acct_1ABC", live=True)
USD = Currency("USD", "US Dollar", 2)
JPY = Currency("JPY", "Yen", 0)
AGAIN = Instant(1_767_484_800_000_000)  # 2026-01-04T00:00:00Z

NEW = StripeChange("product", "team", "create")
DEFAULT = StripeChange("product", "pro", "update", "prod_1")
PRICE = StripeChange("price", "pro/month", "replace", "price_1")
RENAMED = StripeChange("product", "solo", "drift", "prod_2")
USDT = LeftOut("price", "pro/month", "sold there without USDT: USDT is no currency of ISO 4217")

HELD = Operation(
    "op_1", "coupon", "tenner", "create", 1, "k", "POST", "/v1/coupons", b"", note="400 coupon_expired No"
)


def owed(number: str, amount_minor: int = 1_900, currency: Currency = USD) -> Owed:
    return Owed("invoice", f"id-{number}", number, "nova", amount_minor, currency)


def stopped(number: str, outcome: Outcome, why: str, **more: Any) -> Stopped:
    return Stopped(owed(number), outcome, why, **more)


def lines(answer: Answer, form: str = "table") -> list[str]:
    return list(render(answer, form, Screen()))


def told(push: Push) -> list[str]:
    return lines(push_answer(push_document(push)))


# --- what was done


def test_what_was_done_is_counted_by_kind_and_action() -> None:
    push = Push(
        ACCOUNT,
        finished=2,
        changes=(NEW, NEW, DEFAULT, RENAMED, PRICE),
        sent=(("create", 1_200), ("lines", 1_201), ("finalize", 1_200), ("pay", 1), ("credit_note", 3)),
    )
    assert told(push) == [
        "Stripe acct_1ABC, test mode:",
        "  2 calls of an earlier push finished",
        "  products: 2 made, 1 changed, 1 set back",
        "  prices: 1 replaced",
        "  invoices: 1,200 drafted, 1,201 given lines, 1,200 finalized, 1 paid, 3 reduced by a credit note",
    ]


def test_with_nothing_to_send_one_line_says_so_and_in_which_mode() -> None:
    assert told(Push(LIVE)) == ["Stripe acct_1ABC, live mode: nothing to send"]


def test_what_waits_for_a_person_comes_with_the_command_that_decides_it() -> None:
    parked = stopped("INV-7", "parked", "the draft is not what was sent: total 18.99 for 19.00", call="op_2")
    assert told(Push(ACCOUNT, parked=(HELD,), stopped=(parked,))) == [
        "Stripe acct_1ABC, test mode: nothing to send",
        "",
        "Waiting for a person:",
        "  coupon tenner: 400 coupon_expired No",
        "    planctl stripe resolve op_1 --resend|--adopt ID|--drop --reason TEXT",
        "  INV-7, nova, 19.00 USD: the draft is not what was sent: total 18.99 for 19.00",
        "    planctl stripe resolve op_2 --resend|--adopt ID|--drop --reason TEXT",
    ]


def test_a_declined_payment_says_when_it_is_tried_again() -> None:
    declined = stopped("INV-8", "declined", "Your card was declined.", call="op_3", again_at=AGAIN)
    given_up = stopped("INV-9", "declined", "Your card was declined.", call="op_4")
    left_out = Stopped(
        owed("INV-10", 250_000, JPY), "left_out", "customer nova is not at Stripe: push customers first"
    )
    assert told(Push(ACCOUNT, stopped=(declined, left_out, given_up)))[1:] == [
        "",
        "Declined:",
        "  INV-8, nova, 19.00 USD: Your card was declined.; tried again 2026-01-04T00:00:00Z",
        "  INV-9, nova, 19.00 USD: Your card was declined.",
        "",
        "Not sent:",
        "  INV-10, nova, 250000 JPY: customer nova is not at Stripe: push customers first",
    ]


def test_what_a_person_gave_up_is_told_with_what_takes_it_back_and_waits_for_nobody() -> None:
    given_up = stopped("INV-8", "dropped", "given up: collected by hand", call="op_3")
    push = Push(ACCOUNT, stopped=(given_up,))
    assert told(push)[1:] == [
        "",
        "Given up:",
        "  INV-8, nova, 19.00 USD: collected by hand",
        "    planctl stripe resolve op_3 --resend --reason TEXT takes it back",
    ]
    assert not waits_for_person(push_document(push))


def test_of_many_that_stopped_people_see_fifty_and_machines_all() -> None:
    push = Push(ACCOUNT, stopped=tuple(stopped(f"INV-{n}", "left_out", "why") for n in range(61)))
    shown = told(push)
    assert shown[-1] == "  and 11 more; -f json lists all"
    assert len(shown) == 1 + 2 + 50 + 1
    found = push_document(push)["stopped"]
    assert isinstance(found, list)
    assert len(found) == 61


def test_what_takes_two_lines_is_counted_as_one_thing() -> None:
    push = Push(ACCOUNT, stopped=tuple(stopped(f"INV-{n}", "parked", "why", call="op_1") for n in range(61)))
    shown = told(push)
    assert shown[-1] == "  and 11 more; -f json lists all"
    assert len(shown) == 1 + 2 + 2 * 50 + 1


def test_what_cannot_be_at_stripe_is_one_line() -> None:
    assert told(Push(ACCOUNT, left_out=(USDT, USDT)))[-1] == (
        "2 things of the catalog cannot be at Stripe: planctl stripe diff says why"
    )


def test_text_from_stripe_cannot_move_the_terminal() -> None:
    parked = stopped("INV-7", "parked", "no \x1b[2J such thing", call="op_2")
    assert "\x1b" not in "".join(told(Push(ACCOUNT, stopped=(parked,))))


def test_machines_read_amounts_as_text_and_names_of_every_call() -> None:
    declined = stopped("INV-8", "declined", "Your card was declined.", call="op_3", again_at=AGAIN)
    push = Push(ACCOUNT, 1, (NEW,), (("create", 1),), (HELD,), (declined,), (USDT,))
    assert push_document(push) == {
        "account": "acct_1ABC",
        "livemode": False,
        "finished": 1,
        "objects": {"product": {"create": 1}},
        "invoices": {"create": 1},
        "taken_in": 0,
        "stopped": [
            {
                "object": "coupon",
                "local_id": "tenner",
                "number": None,
                "customer": None,
                "amount": None,
                "currency": None,
                "outcome": "parked",
                "why": "400 coupon_expired No",
                "call": "op_1",
                "again_at": None,
            },
            {
                "object": "invoice",
                "local_id": "id-INV-8",
                "number": "INV-8",
                "customer": "nova",
                "amount": "19.00",
                "currency": "USD",
                "outcome": "declined",
                "why": "Your card was declined.",
                "call": "op_3",
                "again_at": "2026-01-04T00:00:00Z",
            },
        ],
        "left_out": [{"object": "price", "local_id": "pro/month", "why": USDT.why}],
    }


def test_a_table_file_has_a_row_for_what_was_done_and_for_each_that_stopped() -> None:
    push = Push(
        ACCOUNT,
        changes=(NEW, NEW),
        sent=(("create", 2),),
        stopped=(stopped("INV-8", "parked", "No", call="op_3"),),
    )
    assert lines(push_answer(push_document(push)), "csv") == [
        "object,id,what,number,customer,amount,currency,why,call",
        "product,,create,2,,,,,",
        "invoice,,create,2,,,,,",
        "invoice,INV-8,parked,,nova,19.00,USD,No,op_3",
    ]


def test_only_what_is_parked_waits_for_a_person() -> None:
    assert not waits_for_person(push_document(Push(ACCOUNT)))
    assert not waits_for_person(push_document(Push(ACCOUNT, stopped=(stopped("INV-8", "declined", "No"),))))
    assert waits_for_person(push_document(Push(ACCOUNT, stopped=(stopped("INV-8", "parked", "No"),))))
    assert waits_for_person(push_document(Push(ACCOUNT, parked=(HELD,))))


# --- what would be done


def test_a_proposal_shows_objects_then_invoices_and_counts_both() -> None:
    answer = proposal_answer(
        ACCOUNT,
        Comparison((NEW,), (USDT,), unchanged=3),
        [StripeChange("customer", "nova", "create")],
        [
            ProposedInvoice(owed("INV-1"), "issue"),
            ProposedInvoice(owed("INV-2"), "send"),
            ProposedInvoice(owed("INV-3"), "paid_elsewhere"),
            ProposedInvoice(owed("INV-4"), stopped=stopped("INV-4", "left_out", "more than 250 lines")),
        ],
    )
    assert lines(answer) == [
        "planctl → Stripe acct_1ABC, test mode: 2 to create, 3 invoices to act on, 3 unchanged",
        "",
        "+ product team",
        "+ customer nova",
        "",
        "Not sent:",
        "  price pro/month: sold there without USDT: USDT is no currency of ISO 4217",
        "",
        "Invoices and refunds:",
        "  INV-1, nova, 19.00 USD: issue",
        "  INV-2, nova, 19.00 USD: send its page",
        "  INV-3, nova, 19.00 USD: mark as paid elsewhere",
        "",
        "Not sent:",
        "  INV-4, nova, 19.00 USD: more than 250 lines",
    ]


def test_invoices_alone_are_not_told_as_no_changes() -> None:
    answer = proposal_answer(ACCOUNT, Comparison(unchanged=3), [], [ProposedInvoice(owed("INV-1"), "void")])
    assert lines(answer)[0] == "planctl → Stripe acct_1ABC, test mode: 1 invoice to act on, 3 unchanged"


def test_nothing_at_all_is_told_as_no_changes() -> None:
    answer = proposal_answer(ACCOUNT, Comparison(unchanged=3), [], [])
    assert lines(answer) == ["planctl → Stripe acct_1ABC, test mode: no changes, 3 unchanged"]


def test_a_proposal_for_machines_has_the_diff_and_every_invoice() -> None:
    answer = proposal_answer(
        ACCOUNT,
        Comparison((NEW,)),
        [],
        [
            ProposedInvoice(owed("INV-1"), "issue"),
            ProposedInvoice(owed("INV-4"), stopped=stopped("INV-4", "left_out", "no")),
        ],
    )
    document = answer.document
    assert isinstance(document, dict)
    assert document["format"] == "planctl.stripe-diff/1"
    assert document["invoices"] == [
        {
            "object": "invoice",
            "local_id": "id-INV-1",
            "number": "INV-1",
            "customer": "nova",
            "amount": "19.00",
            "currency": "USD",
            "action": "issue",
            "stopped": None,
        },
        {
            "object": "invoice",
            "local_id": "id-INV-4",
            "number": "INV-4",
            "customer": "nova",
            "amount": "19.00",
            "currency": "USD",
            "action": None,
            "stopped": {
                "object": "invoice",
                "local_id": "id-INV-4",
                "number": "INV-4",
                "customer": "nova",
                "amount": "19.00",
                "currency": "USD",
                "outcome": "left_out",
                "why": "no",
                "call": None,
                "again_at": None,
            },
        },
    ]


def test_a_table_file_of_a_proposal_has_invoices_beside_objects() -> None:
    waiting = ProposedInvoice(owed("INV-4"), stopped=stopped("INV-4", "left_out", "more than 250 lines"))
    answer = proposal_answer(
        ACCOUNT, Comparison((NEW,)), [], [ProposedInvoice(owed("INV-1"), "issue"), waiting]
    )
    assert lines(answer, "csv") == [
        "object,local_id,action,stripe_id,path,stripe,ours,why",
        "product,team,create,,,,,",
        "invoice,INV-1,issue,,,,19.00 USD,",
        "invoice,INV-4,left out,,,,19.00 USD,more than 250 lines",
    ]
    assert "| invoice | INV-1 | issue |" in "\n".join(lines(answer, "markdown"))


def test_what_only_waits_is_no_difference() -> None:
    waiting = ProposedInvoice(owed("INV-4"), stopped=stopped("INV-4", "parked", "no", call="op_1"))
    assert not differs(Comparison(left_out=(USDT,)), [], [waiting])
    assert differs(Comparison((NEW,)), [], [])
    assert differs(Comparison(), [NEW], [])
    assert differs(Comparison(), [], [ProposedInvoice(owed("INV-1"), "void")])
