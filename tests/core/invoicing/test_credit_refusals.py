"""What a credit note and its refusals say in every field, and amounts that people give, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from planctl.core.currencies import Currency
from planctl.core.invoicing.credits import (
    Crediting,
    GoneBack,
    LineChoice,
    LineCredit,
    TakenOff,
    all_left,
    credit_line,
    credit_of,
    credited,
    minor_of,
    wrong_credits,
)
from planctl.core.invoicing.model import CreditDraft, CreditLine, CreditNote, Invoice, InvoiceStatus, TaxShare
from planctl.core.periods import Instant
from planctl.errors import InvalidInput, PlanctlError, Refused
from tests.core.invoicing.test_credits import AT, USD, invoice, line

VAT = ("vat", "0.19", False)
SAID = Crediting("op:1", AT, "refund", "a mistake")
Choices = tuple[tuple[int, int | None], ...]


def credited_now(
    made: Invoice, *choices: tuple[int, int | None], gone: GoneBack | None = None
) -> CreditDraft:
    return credit_of(made, gone or GoneBack(), [LineChoice(*choice) for choice in choices], SAID)


def told(error: PlanctlError) -> tuple[str, ...]:
    return (error.message, error.code, error.where, error.expected, error.got, error.hint)


def test_a_credit_note_fills_every_field() -> None:
    made = invoice(line(4900, discount=490, tax=838, name="Pro"))
    assert credited_now(made) == CreditDraft(
        customer="nova",
        invoice="inv_1",
        occasion="op:1",
        currency=USD,
        lines=(CreditLine(1, "Pro", 4410, (TaxShare("vat", Decimal("0.19"), 838),)),),
        issued_at=AT,
        to="refund",
        reason="a mistake",
    )


@pytest.mark.parametrize(
    ("made", "choices", "said"),
    [
        (
            invoice(line(1000), status=InvoiceStatus.VOID),
            (),
            ("invoice INV-1 is void: there is nothing to credit", "nothing-to-credit", "INV-1", "", "", ""),
        ),
        (
            invoice(line(1000), line(500)),
            ((3, None),),
            (
                "invoice INV-1 has no such line",
                "invalid-value",
                "--line 3",
                "1 to 2",
                "3",
                "planctl invoice show INV-1",
            ),
        ),
        (
            invoice(line(1000), line(500)),
            ((2, None), (2, 5)),
            ("the line is named twice", "invalid-value", "--line 2", "", "2", ""),
        ),
        (
            invoice(line(1000), line(0)),
            ((2, None),),
            (
                "line 2 of INV-1 charges nothing that could be credited",
                "nothing-to-credit",
                "--line 2",
                "",
                "",
                "",
            ),
        ),
        (
            invoice(line(1000, tax=190)),
            ((1, 1001),),
            (
                "no more can be credited than is left of line 1 of invoice INV-1",
                "credit-too-large",
                "INV-1",
                "above 0, at most 10.00 USD",
                "10.01 USD",
                "",
            ),
        ),
        (
            invoice(line(1000)),
            ((1, 0),),
            (
                "no more can be credited than is left of line 1 of invoice INV-1",
                "credit-too-large",
                "INV-1",
                "above 0, at most 10.00 USD",
                "0.00 USD",
                "",
            ),
        ),
        (
            invoice(line(6000), line(-2100)),
            ((1, None),),
            (
                "no more can be credited than is left of invoice INV-1",
                "credit-too-large",
                "INV-1",
                "above 0, at most 39.00 USD",
                "60.00 USD",
                "",
            ),
        ),
        (
            invoice(line(0)),
            (),
            ("invoice INV-1 is credited whole already", "nothing-to-credit", "INV-1", "", "", ""),
        ),
    ],
)
def test_a_refusal_says_where_what_it_expected_what_it_got_and_what_to_do(
    made: Invoice, choices: Choices, said: tuple[str, ...]
) -> None:
    with pytest.raises((Refused, InvalidInput)) as refused:
        credited_now(made, *choices)
    assert told(refused.value) == said


def test_what_went_back_on_other_invoices_is_named_with_each_of_them() -> None:
    made = invoice(line(1000, tax=190), line(500))
    gone = GoneBack(
        (),
        (
            TakenOff(1, "inv_2", 600, {VAT: 114}, "INV-2"),
            TakenOff(1, "inv_3", 400, {VAT: 76}, "INV-3"),
            TakenOff(2, "inv_4", 100, number="INV-4"),
            TakenOff(1, "inv_5", 0),
        ),
    )
    with pytest.raises(Refused) as refused:
        credited_now(made, (1, None), gone=gone)
    assert told(refused.value) == (
        "line 1 of invoice INV-1 is given back whole already",
        "nothing-to-credit",
        "INV-1",
        "",
        "",
        "7.14 USD of line 1 went back on INV-2; 4.76 USD of line 1 went back on INV-3",
    )
    with pytest.raises(Refused) as refused:
        credited_now(made, (2, 401), gone=gone)
    assert refused.value.hint == "1.00 USD of line 2 went back on INV-4"


def test_what_is_left_of_a_whole_is_told_by_the_smaller_of_the_total_and_the_lines() -> None:
    # 10.00 with 1.90, all of it credited but 1.00: 1.19 are left, of which the lines hold it all.
    made = invoice(line(1000, tax=190))
    first = credited_now(made, (1, 900))
    gone = GoneBack((CreditNote("cn_1", "CN-1", first),))
    assert gone.credited_minor == 1071
    rest = credited_now(made, gone=gone)
    assert (rest.total_minor, rest.tax_minor) == (119, 19)


# --- lines, and what is left of them


def test_credits_of_a_line_add_up_with_their_taxes() -> None:
    made = invoice(line(1000, tax=190), line(500, gst=45))
    notes = [
        CreditNote(f"cn_{number}", f"CN-{number}", credited_now(made, *choices))
        for number, choices in enumerate((((1, 100),), ((1, 200), (2, 50))))
    ]
    assert credited(notes) == {
        1: LineCredit(300, {VAT: 57}),
        2: LineCredit(50, {("gst", "0.1", True): 5}),  # 0.45 × 50/500 = 4.5 hundredths
    }


def test_a_line_that_charges_nothing_and_one_that_is_gone_are_not_left() -> None:
    made = invoice(line(1000), line(0), line(-300), line(500))
    gone = GoneBack((), (TakenOff(4, "inv_2", 500),))
    assert [(one.position, one.net_minor) for one in all_left(made, gone)] == [(1, 1000), (3, -300)]


def test_a_part_of_a_line_has_its_share_of_every_tax_and_leaves_out_a_share_of_nothing() -> None:
    # 10.00 with 1.90 and 0.03: of 1.00 goes 0.19 back, and 0.003, which is nothing.
    both = replace(
        line(1000, tax=190),
        taxes=(TaxShare("vat", Decimal("0.19"), 190), TaxShare("city", Decimal("0.003"), 3)),
    )
    assert credit_line(both, 4, 100, LineCredit(), "unused") == CreditLine(
        4, "Fee", 100, (TaxShare("vat", Decimal("0.19"), 19),), "unused"
    )
    rest = credit_line(both, 4, 900, LineCredit(100, {VAT: 19}))
    assert [share.amount_minor for share in rest.taxes] == [171, 3]


def test_no_more_tax_goes_back_with_a_part_than_is_left_of_it() -> None:
    # 10.00 with 1.90, of which 1.85 went back with 9.00: a part of 0.50 has 0.05 and not 0.095.
    back = credit_line(line(1000, tax=190), 1, 50, LineCredit(900, {VAT: 185}))
    assert [share.amount_minor for share in back.taxes] == [5]
    # And where more went back than was charged, nothing does.
    none = credit_line(line(1000, tax=190), 1, 100, LineCredit(900, {VAT: 195}))
    assert none.taxes == ()


def test_a_line_that_takes_money_off_is_taken_back_with_its_tax_below_zero() -> None:
    back = credit_line(line(-1000, tax=-190), 1, -1000, LineCredit())
    assert (back.net_minor, back.tax_minor) == (-1000, -190)


def test_a_line_of_a_single_cent_goes_back_as_any_other() -> None:
    made = invoice(line(1), line(500))
    assert credited_now(made, (1, None)).total_minor == 1
    with pytest.raises(Refused) as refused:
        credited_now(made, (1, 2))
    assert (refused.value.code, refused.value.expected) == ("credit-too-large", "above 0, at most 0.01 USD")
    # Of its tax of 0.01 went 0.02 back before: none is left, and none is charged again.
    assert credit_line(line(1, tax=1), 1, 1, LineCredit(0, {VAT: 2})).taxes == ()


def test_earlier_credits_and_the_tax_count_for_what_is_left_of_the_whole() -> None:
    # 60.00 − 21.00 = 39.00, of which 10.00 went back: 30.00 of the first line is more than the 29.00 left.
    made = invoice(line(6000), line(-2100))
    gone = GoneBack((CreditNote("cn_1", "CN-1", credited_now(made, (1, 1000))),))
    with pytest.raises(Refused) as refused:
        credited_now(made, (1, 3000), gone=gone)
    assert (refused.value.expected, refused.value.got) == ("above 0, at most 29.00 USD", "30.00 USD")
    # 10.00 with 1.90 less 3.00 are 8.90: 8.00 with 1.52 is more.
    with pytest.raises(Refused) as refused:
        credited_now(invoice(line(1000, tax=190), line(-300)), (1, 800))
    assert (refused.value.expected, refused.value.got) == ("above 0, at most 8.90 USD", "9.52 USD")


@pytest.mark.parametrize(("net", "tax"), [(1000, 190), (1, 1)])
def test_of_a_line_that_went_back_without_its_tax_nothing_is_left(net: int, tax: int) -> None:
    assert all_left(invoice(line(net, tax=tax)), GoneBack((), (TakenOff(1, "inv_2", net),))) == ()


def test_of_several_taxes_each_is_looked_at_for_what_went_back_too_much() -> None:
    # Of 1.00 with 0.19, and a city's tax that came to nothing, 0.97 with 0.20 went back: 0.02 are left.
    both = replace(
        line(100), taxes=(TaxShare("vat", Decimal("0.19"), 19), TaxShare("city", Decimal("0.001"), 0))
    )
    (left,) = all_left(invoice(both), GoneBack((), (TakenOff(1, "inv_2", 97, {VAT: 20}),)))
    assert (left.net_minor, left.taxes) == (2, ())


# --- what is wrong with notes


def noted(*lines: CreditLine) -> list[CreditNote]:
    return [CreditNote("cn_1", "CN-1", CreditDraft("nova", "inv_1", "op:1", USD, lines, Instant(0)))]


def share(amount: int, code: str = "vat") -> TaxShare:
    return TaxShare(code, Decimal("0.19"), amount)


def test_credits_of_just_what_was_charged_are_right_below_zero_too() -> None:
    made = invoice(line(1000, tax=190), line(-300, tax=-57))
    right = noted(CreditLine(1, "", 1000, (share(190),)), CreditLine(2, "", -300, (share(-57),)))
    assert [*wrong_credits(made.draft.lines, right)] == []
    assert [*wrong_credits(made.draft.lines, noted(CreditLine(1, "", 0), CreditLine(2, "", 0)))] == []


def test_each_way_of_taking_back_too_much_is_one_sentence() -> None:
    made = invoice(line(1000, tax=190), line(-300))
    assert [
        *wrong_credits(
            made.draft.lines,
            noted(
                CreditLine(3, "", 5),
                CreditLine(1, "", -1, (share(191), share(1, "city"))),
                CreditLine(2, "", -301),
            ),
        )
    ] == [
        "line 1 is credited with -1 of 1000 (minor units)",
        "of the tax city on line 1, 1 of 0 are credited (minor units)",
        "of the tax vat on line 1, 191 of 190 are credited (minor units)",
        "line 2 is credited with -301 of -300 (minor units)",
        "credit notes take back line 3, which there is not",
    ]
    assert [*wrong_credits(made.draft.lines, noted(CreditLine(2, "", 1)))] == [
        "line 2 is credited with 1 of -300 (minor units)"
    ]


def test_a_line_that_is_not_there_hides_no_other_and_a_single_cent_may_go_back() -> None:
    made = invoice(line(1))
    assert [*wrong_credits(made.draft.lines, noted(CreditLine(1, "", 1)))] == []
    assert [*wrong_credits(made.draft.lines, noted(CreditLine(0, "", 1), CreditLine(1, "", 2)))] == [
        "credit notes take back line 0, which there is not",
        "line 1 is credited with 2 of 1 (minor units)",
        "3 of 1 are credited (minor units)",
    ]


def test_notes_may_come_to_all_that_lines_charged_and_to_no_more() -> None:
    # 10.00 with 1.90 less 3.00 taken off: all of the first line may go back, though only 8.90 were asked for.
    made = invoice(line(1000, tax=190), line(-300))
    assert [*wrong_credits(made.draft.lines, noted(CreditLine(1, "", 1000, (share(190),))))] == []
    twice = noted(CreditLine(1, "", 1000, (share(190),)), CreditLine(3, "", 1))
    assert [*wrong_credits(made.draft.lines, twice)][-1] == "1191 of 1190 are credited (minor units)"


# --- amounts that people give


def test_an_amount_is_read_in_minor_units() -> None:
    assert minor_of(Decimal("0.01"), USD) == 1
    assert minor_of(Decimal(500), Currency("JPY", "Yen", 0)) == 500


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", ("a payment is more than 0", "invalid-value", "AMOUNT", "an amount above 0", "0", "")),
        ("-5", ("a payment is more than 0", "invalid-value", "AMOUNT", "an amount above 0", "-5", "")),
        (
            "1.234",
            (
                "1.234 has 3 decimals, USD has 2; write the amount with at most 2 decimals",
                "invalid-value",
                "AMOUNT",
                "",
                "1.234",
                "",
            ),
        ),
    ],
)
def test_an_amount_that_is_none_is_refused(amount: str, said: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as refused:
        minor_of(Decimal(amount), USD)
    assert told(refused.value) == said


def test_an_amount_is_called_by_what_it_is_for() -> None:
    with pytest.raises(InvalidInput, match="a refund is more than 0"):
        minor_of(Decimal(0), USD, "a refund")
