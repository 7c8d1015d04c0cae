"""What a credit note takes back: never more than was charged, and the tax of the parts is the tax of the whole."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.currencies import Currency
from planctl.core.invoicing.credits import (
    Crediting,
    GoneBack,
    LineChoice,
    Parts,
    TakenOff,
    credit_of,
    divided,
    wrong_credits,
)
from planctl.core.invoicing.model import (
    CreditDraft,
    CreditNote,
    Draft,
    Invoice,
    InvoiceStatus,
    Line,
    Tax,
    TaxShare,
)
from planctl.core.periods import Instant
from planctl.errors import InvalidInput, Refused

USD = Currency("USD", "US Dollar", 2)
AT = Instant(5)


def line(amount: int, *, discount: int = 0, tax: int = 0, gst: int = 0, name: str = "Fee") -> Line:
    """A line with 19 % tax on top as `tax`, and an included one of 10 % as `gst`, in minor units."""
    taxes = [TaxShare("vat", Decimal("0.19"), tax)] if tax else []
    taxes += [TaxShare("gst", Decimal("0.1"), gst, included=True)] if gst else []
    return Line(
        "fee",
        "sub_1",
        "pro",
        1,
        name,
        0,
        name,
        Fraction(1),
        None,
        amount,
        Instant(0),
        Instant(9),
        discount_minor=discount,
        taxes=tuple(taxes),
    )


def invoice(*lines: Line, **changes: Any) -> Invoice:
    tax = sum(one.tax_minor for one in lines)
    discount = sum(one.discount_minor for one in lines)
    subtotal = sum(one.amount_minor for one in lines)
    draft = Draft(
        "nova",
        "sub_1",
        0,
        "renewal",
        USD,
        Instant(0),
        Instant(0),
        Instant(9),
        Instant(3),
        None,
        Instant(0),
        lines,
        taxes=(Tax("vat", "VAT", Decimal("0.19"), 0, tax),) if tax else (),
    )
    total = subtotal - discount + tax
    plain = Invoice("inv_1", "INV-1", InvoiceStatus.OPEN, draft, subtotal, discount, tax, total)
    return replace(plain, **changes)


def credit(
    one: Invoice,
    notes: list[CreditNote],
    *choices: tuple[int, int | None],
    taken_off: Sequence[TakenOff] = (),
) -> CreditDraft:
    """Credit and remember the note."""
    said = Crediting(f"op:{len(notes)}", AT, "balance", "why")
    draft = credit_of(one, GoneBack(notes, taken_off), [LineChoice(*choice) for choice in choices], said)
    notes.append(CreditNote(f"cn_{len(notes)}", f"CN-{len(notes)}", draft))
    return draft


def test_the_whole_invoice_goes_back_with_its_tax_and_without_its_discount() -> None:
    # 49.00 − 4.90 = 44.10, 19 % of it is 8.379, so 8.38; 5.00 has 0.95.
    made = invoice(line(4900, discount=490, tax=838), line(500, tax=95))
    draft = credit(made, [])
    assert [(one.position, one.net_minor, one.tax_minor) for one in draft.lines] == [
        (1, 4410, 838),
        (2, 500, 95),
    ]
    assert (draft.total_minor, draft.tax_minor) == (made.total_minor, 933) == (5843, 933)


def test_one_line_goes_back_whole_or_in_part() -> None:
    made = invoice(line(4900, tax=931), line(1000, tax=190))
    assert credit(made, [], (2, None)).total_minor == 1190
    part = credit(made, [], (2, 500), (1, 100))
    assert [(one.position, one.net_minor, one.tax_minor) for one in part.lines] == [
        (2, 500, 95),
        (1, 100, 19),
    ]


def test_the_last_part_of_a_line_takes_what_tax_is_left() -> None:
    # Three thirds of 10.00 with 1.90: 3.33 × 0.19 = 0.6327, twice 0.63, and 0.64 is left for the last.
    made, notes = invoice(line(1000, tax=190)), list[CreditNote]()
    taxes = [credit(made, notes, (1, part)).tax_minor for part in (333, 333, 334)]
    assert taxes == [63, 63, 64]


def test_an_included_tax_goes_back_inside_the_amount() -> None:
    made, notes = invoice(line(1100, gst=100)), list[CreditNote]()
    half = credit(made, notes, (1, 550))
    assert (half.total_minor, half.tax_minor) == (550, 0)
    assert [share.amount_minor for share in half.lines[0].taxes] == [50]
    rest = credit(made, notes)
    assert (rest.total_minor, [share.amount_minor for share in rest.lines[0].taxes]) == (550, [50])


def test_small_parts_never_give_back_more_tax_than_was_charged() -> None:
    # 0.03 × 0.19 = 0.0057 is rounded up to 0.01 each time, until the 0.19 are used up.
    made, notes = invoice(line(100, tax=19)), list[CreditNote]()
    for _ in range(33):
        credit(made, notes, (1, 3))
    assert credit(made, notes).lines[0].net_minor == 1
    assert sum(note.draft.tax_minor for note in notes) == 19
    assert sum(note.draft.total_minor for note in notes) == made.total_minor


def test_what_was_credited_is_not_credited_again() -> None:
    made, notes = invoice(line(1000), line(500)), list[CreditNote]()
    credit(made, notes, (1, 400))
    with pytest.raises(Refused) as refused:
        credit(made, notes, (1, 601))
    assert (refused.value.code, refused.value.expected) == ("credit-too-large", "above 0, at most 6.00 USD")
    assert credit(made, notes).total_minor == 1100
    with pytest.raises(Refused, match="credited whole already"):
        credit(made, notes)


def test_a_line_that_took_money_off_limits_what_can_be_credited() -> None:
    # 60.00 − 21.00 = 39.00 were asked for, so no more goes back.
    made, notes = invoice(line(6000), line(-2100, name="Unused days")), list[CreditNote]()
    with pytest.raises(Refused, match="no more can be credited"):
        credit(made, notes, (1, None))
    with pytest.raises(Refused, match="charges nothing"):
        credit(made, notes, (2, None))
    assert credit(made, notes, (1, 1000)).total_minor == 1000
    rest = credit(made, notes)
    assert [(one.position, one.net_minor) for one in rest.lines] == [(1, 5000), (2, -2100)]
    assert [*wrong_credits(made.draft.lines, notes)] == []


def test_lines_that_come_to_all_of_an_invoice_take_back_what_took_money_off_too() -> None:
    # 60.00 − 21.00 = 39.00: who credits 39.00 of the first line credits the invoice.
    made, notes = invoice(line(6000), line(-2100, name="Unused days")), list[CreditNote]()
    whole = credit(made, notes, (1, 3900))
    assert [(one.position, one.net_minor) for one in whole.lines] == [(1, 6000), (2, -2100)]
    with pytest.raises(Refused, match="credited whole already"):
        credit(made, notes)


VAT = ("vat", "0.19", False)
ELSEWHERE = TakenOff(1, "inv_2", 1900, {VAT: 361}, "INV-2")


def test_what_another_invoice_gave_back_of_a_line_is_not_credited_again() -> None:
    # 30.00 with 5.70; INV-2 gave 19.00 with 3.61 back: 11.00 with 2.09 are left.
    made, notes = invoice(line(3000, tax=570)), list[CreditNote]()
    left = credit(made, notes, taken_off=[ELSEWHERE])
    assert [(one.net_minor, one.tax_minor) for one in left.lines] == [(1100, 209)]
    with pytest.raises(Refused) as refused:
        credit(made, notes, taken_off=[ELSEWHERE])
    assert (refused.value.code, refused.value.hint) == (
        "nothing-to-credit",
        "22.61 USD of line 1 went back on INV-2",
    )


def test_more_than_another_invoice_left_of_a_line_is_refused_with_what_is_left() -> None:
    made = invoice(line(3000, tax=570))
    with pytest.raises(Refused) as refused:
        credit(made, [], (1, 1101), taken_off=[ELSEWHERE])
    assert (refused.value.code, refused.value.expected) == ("credit-too-large", "above 0, at most 11.00 USD")
    assert refused.value.hint == "22.61 USD of line 1 went back on INV-2"
    part = credit(made, [], (1, 100), taken_off=[ELSEWHERE])
    assert (part.total_minor, part.tax_minor) == (119, 19)


def test_a_unit_of_tax_that_went_back_too_much_is_kept_of_the_rest() -> None:
    # Of 1.00 with 0.19 all but 0.03 went back, with 0.20 of tax: 0.02 are left of 1.19.
    made = invoice(line(100, tax=19))
    left = credit(made, [], taken_off=[TakenOff(1, "inv_2", 97, {VAT: 20})])
    assert (left.total_minor, left.tax_minor) == (2, 0)


def test_of_the_whole_goes_back_what_its_own_lines_took_off_and_of_a_line_what_they_left() -> None:
    made = invoice(line(2000), line(-500, name="Fewer seats"))
    own = TakenOff(1, "inv_1", 500)
    assert [(one.position, one.net_minor) for one in credit(made, [], taken_off=[own]).lines] == [
        (1, 2000),
        (2, -500),
    ]
    with pytest.raises(Refused, match="no more can be credited than is left of line 1"):
        credit(made, [], (1, 1501), taken_off=[own])


def test_an_invoice_that_took_off_more_than_is_left_of_it_is_credited_by_the_line_alone() -> None:
    # 33.00 − 13.00; of the 33.00 went 32.00 back elsewhere: the whole comes to 1.00 − 13.00.
    made = invoice(line(-1300, name="Unused days"), line(3300))
    gone = [TakenOff(2, "inv_3", 3200, number="INV-3")]
    with pytest.raises(Refused) as refused:
        credit(made, [], taken_off=gone)
    assert refused.value.code == "nothing-to-credit"
    assert credit(made, [], (2, None), taken_off=gone).total_minor == 100


@pytest.mark.parametrize("status", [InvoiceStatus.VOID, InvoiceStatus.DRAFT])
def test_a_void_invoice_is_not_credited(status: InvoiceStatus) -> None:
    with pytest.raises(Refused, match="there is nothing to credit"):
        credit(invoice(line(1000), status=status), [])


@pytest.mark.parametrize("choices", [((0, None),), ((3, None),), ((1, None), (1, 5))])
def test_a_line_that_is_not_there_or_named_twice_is_refused(
    choices: tuple[tuple[int, int | None], ...],
) -> None:
    with pytest.raises(InvalidInput):
        credit(invoice(line(1000), line(500)), [], *choices)


@pytest.mark.parametrize(
    ("total", "owed", "paid", "to", "parts"),
    [
        (1000, 0, 1000, "balance", Parts(0, 0, 1000)),
        (1000, 0, 1000, "refund", Parts(0, 1000, 0)),
        (1000, 0, 600, "refund", Parts(0, 600, 400)),  # 400 were paid by the balance
        (1000, 700, 300, "balance", Parts(700, 0, 300)),
        (1000, 700, 300, "refund", Parts(700, 300, 0)),
        (1000, 1000, 0, "refund", Parts(1000, 0, 0)),
        (300, 700, 300, "refund", Parts(300, 0, 0)),
    ],
)
def test_what_is_owed_comes_first_then_money_then_the_balance(
    total: int, owed: int, paid: int, to: Any, parts: Parts
) -> None:
    assert divided(total, owed, paid, to) == parts


def test_notes_that_take_back_too_much_are_named() -> None:
    made, notes = invoice(line(1000, tax=190)), list[CreditNote]()
    draft = credit(made, notes)
    doubled = [*notes, CreditNote("cn_9", "CN-9", replace(draft, occasion="again"))]
    assert [*wrong_credits(made.draft.lines, doubled)] == [
        "line 1 is credited with 2000 of 1000 (minor units)",
        "of the tax vat on line 1, 380 of 190 are credited (minor units)",
        "2380 of 1190 are credited (minor units)",
    ]
    moved = replace(draft, lines=(replace(draft.lines[0], position=7),))
    assert next(wrong_credits(made.draft.lines, [CreditNote("cn_9", "CN-9", moved)])).startswith(
        "credit notes take back line 7"
    )


@pytest.mark.parametrize("seed", range(60))
def test_any_way_of_crediting_an_invoice_gives_back_exactly_what_was_charged(seed: int) -> None:
    random_ = random.Random(seed)
    amounts = [random_.randint(1, 9_999) for _ in range(random_.randint(1, 5))]
    made = invoice(
        *(line(amount, tax=round(amount * 19 / 100), name=str(n)) for n, amount in enumerate(amounts))
    )
    notes: list[CreditNote] = []
    for _ in range(random_.randint(0, 12)):
        position = random_.randint(1, len(amounts))
        with suppress(Refused):  # where less is left of the line
            credit(made, notes, (position, random_.randint(1, amounts[position - 1])))
    if sum(note.draft.total_minor for note in notes) < made.total_minor:
        credit(made, notes)
    assert sum(note.draft.total_minor for note in notes) == made.total_minor
    assert sum(note.draft.tax_minor for note in notes) == made.tax_minor
    assert [*wrong_credits(made.draft.lines, notes)] == []
