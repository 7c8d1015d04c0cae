"""A sum given back at Stripe as parts of an invoice's lines: exactly the sum, never more tax than was charged.

The amounts are worked out by hand: net, tax and their sum are written out.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planctl.core.invoicing.credits import Crediting, GoneBack, wrong_credits
from planctl.core.invoicing.model import CreditNote, Invoice, Line, TaxShare
from planctl.core.money import round_half_up
from planctl.core.periods import Instant
from planctl.core.stripe.facts_refund import credit_of_sum
from planctl.errors import Refused
from tests.core.stripe.owing import fee, invoice, share, tax

SAID = Crediting("stripe:re_1", Instant(5), "refund", "refunded at Stripe: re_1")


def taxed(amount: int, tax_minor: int, rate: str = "0.19") -> Line:
    """A line with a tax on top."""
    return fee(amount, taxes=(share(rate, tax_minor),))


def of(*lines: Line) -> Invoice:
    """An invoice of those lines, its tax the sum of theirs."""
    added = sum(line.tax_minor for line in lines)
    base = sum(line.net_minor for line in lines)
    return invoice(*lines, taxes=(tax("0.19", base, added),) if added else ())


def back(one: Invoice, sum_minor: int, notes: list[CreditNote] | None = None) -> list[tuple[int, int, int]]:
    """Position, net and tax of what goes back; the note is added to `notes`."""
    notes = [] if notes is None else notes
    made = credit_of_sum(one, GoneBack(notes), sum_minor, SAID)
    assert made.total_minor == sum_minor
    assert list(wrong_credits(one.draft.lines, [*notes, CreditNote("cn_1", "CN-1", made)])) == []
    notes.append(CreditNote(f"cn_{len(notes)}", f"CN-{len(notes)}", made))
    return [(line.position, line.net_minor, line.tax_minor) for line in made.lines]


def test_all_of_an_invoice_goes_back_as_it_was_charged() -> None:
    assert back(of(taxed(1_000, 190), fee(500)), 1_690) == [(1, 1_000, 190), (2, 500, 0)]


def test_a_part_of_the_only_line_is_net_and_tax() -> None:
    # 5.95 is 5.00 and 19 % of it.
    assert back(of(taxed(1_000, 190)), 595) == [(1, 500, 95)]


def test_lines_share_by_what_each_came_to_with_its_tax() -> None:
    # 11.90 and 5.95 are two thirds and one third: 7.93 and 3.97 of 11.90. 6.66 + 1.27 and 3.34 + 0.63.
    assert back(of(taxed(1_000, 190), taxed(500, 95)), 1_190) == [(1, 666, 127), (2, 334, 63)]


def test_where_no_net_amount_and_its_tax_make_the_sum_a_unit_of_it_is_tax() -> None:
    # 2 + 19 % is 2.38, so 2; 3 + 19 % is 3.57, so 4: there is no 3.
    assert back(of(taxed(1_000, 190)), 3) == [(1, 2, 1)]


def test_a_tax_that_is_inside_the_price_goes_back_with_it() -> None:
    inside = fee(1_190, taxes=(share("0.19", 190, included=True),))
    made = credit_of_sum(of(inside), GoneBack(), 595, SAID)
    assert [(line.net_minor, line.tax_minor, line.taxes[0].amount_minor) for line in made.lines] == [
        (595, 0, 95)
    ]


def test_what_is_left_after_several_parts_goes_back_to_the_last_unit() -> None:
    one, notes = of(taxed(1_000, 190)), list[CreditNote]()
    assert back(one, 333, notes) == [(1, 280, 53)]  # 19 % of 2.80 is 0.532
    assert back(one, 333, notes) == [(1, 280, 53)]
    assert back(one, 524, notes) == [(1, 440, 84)]
    with pytest.raises(Refused):
        back(one, 1, notes)


def test_a_line_that_takes_money_off_shares_nothing() -> None:
    made = of(fee(3_000), fee(-1_000, kind="proration_credit", charge_key="credit"))
    assert back(made, 500) == [(1, 500, 0)]
    assert back(made, 2_000) == [(1, 3_000, 0), (2, -1_000, 0)]


def test_more_than_is_left_is_refused_with_both_amounts() -> None:
    with pytest.raises(Refused) as refused:
        credit_of_sum(of(fee(1_000)), GoneBack(), 1_001, SAID)
    assert (refused.value.expected, refused.value.got) == ("at most 10.00 EUR", "10.01 EUR")


@given(
    st.lists(
        st.tuples(st.integers(1, 5_000), st.sampled_from(["0", "0.07", "0.19", "0.25"]), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.integers(1, 4_000), max_size=5),
)
def test_any_sums_are_credited_exactly_until_nothing_is_left(
    lines: list[tuple[int, str, bool]], sums: list[int]
) -> None:
    made = of(*(_line(*one) for one in lines))
    notes = list[CreditNote]()
    left = made.total_minor
    for wanted in [*sums, None]:
        amount = left if wanted is None else min(wanted, left)
        if amount:
            back(made, amount, notes)
            left -= amount
    assert left == 0


def _line(amount: int, rate: str, twice: bool) -> Line:
    """A line with one tax, or with two of the same rate."""
    fraction = Decimal(rate)
    one = round_half_up(amount * Fraction(fraction), 0)
    shares = [TaxShare("a", fraction, one), TaxShare("b", fraction, one)][: 1 + twice]
    return fee(amount, taxes=tuple(share for share in shares if share.amount_minor))
