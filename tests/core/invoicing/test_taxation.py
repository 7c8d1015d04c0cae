"""Taxes: who pays which, at which day's rate, rounded once on the sum, and no cent between lines and tax."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Draft, Tax
from planctl.core.invoicing.taxation import applicable, spread, wrong_taxes
from planctl.errors import Refused
from tests.core.billing import t
from tests.core.discounting import draft, finish, fixed, line, percent, tax

VAT = tax("vat_de", "0.19")
GST = tax("gst_in", "0.18", country="IN", included=True)
YEN = Currency("JPY", "Yen", 0)


def shown(made: Draft) -> list[tuple[str, int, int]]:
    return [(one.code, one.base_minor, one.amount_minor) for one in made.taxes]


def shares(made: Draft) -> list[list[int]]:
    return [[share.amount_minor for share in one.taxes] for one in made.lines]


# Which taxes


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ({"country": "DE"}, ["vat_de"]),
        ({"country": "IN"}, ["gst_in"]),
        ({"country": "FR"}, []),
        ({}, []),
        ({"country": "DE", "tax": "exempt"}, []),
        ({"country": "DE", "tax": "reverse"}, []),
        ({"country": "DE", "tax": "gst_in"}, ["gst_in"]),
        ({"tax": "gst_in,vat_de"}, ["gst_in", "vat_de"]),
    ],
)
def test_taxes_follow_the_country_unless_the_customer_says_otherwise(
    said: dict[str, str], codes: list[str]
) -> None:
    assert [one.id for one in applicable(Customer("nova", **said), VAT | GST)] == codes  # type: ignore[arg-type]


def test_all_taxes_of_a_country_apply() -> None:
    several = VAT | tax("soli", "0.01") | GST
    assert [one.id for one in applicable(Customer("nova", country="DE"), several)] == ["soli", "vat_de"]


def test_a_customer_whose_tax_is_declared_no_more_is_refused_and_not_billed_without_tax() -> None:
    with pytest.raises(Refused, match="vat_uk of nova is not declared") as refused:
        applicable(Customer("nova", tax="vat_uk"), VAT)
    error = refused.value
    assert (error.code, error.where, error.expected, error.got, error.hint) == (
        "tax-unknown",
        "nova",
        "vat_de",
        "vat_uk",
        "planctl customer update nova --tax CODE",
    )
    assert error.message == "the tax vat_uk of nova is not declared"


def test_of_several_taxes_the_first_that_is_declared_no_more_is_named() -> None:
    with pytest.raises(Refused) as refused:
        applicable(Customer("nova", tax="vat_de,b_gone,a_gone"), VAT | GST)
    assert (refused.value.got, refused.value.expected) == ("a_gone", "gst_in, vat_de")
    with pytest.raises(Refused) as refused:
        applicable(Customer("nova", tax="gone"), {})
    assert refused.value.expected == "a declared tax"


def test_a_tax_named_twice_is_paid_once() -> None:
    assert [one.id for one in applicable(Customer("nova", tax="vat_de,vat_de"), VAT)] == ["vat_de"]


# What they come to


def test_an_exclusive_tax_is_added() -> None:
    """19 % of 49.00 is 9.31."""
    made = finish(draft(line(4900)), taxes=VAT)
    assert shown(made) == [("vat_de", 4900, 931)]
    assert (made.tax_minor, made.total_minor) == (931, 5831)


def test_a_tax_is_rounded_once_on_the_sum_and_shared_out_by_largest_remainder() -> None:
    """19 % of 3 × 0.33 = 0.99 is 0.1881, so 0.19; each line's 6.27 hundredths are cut to 6, one more to the first.

    Rounded by line it would be 3 × 0.06.
    """
    lines = (line(33), line(33, charge_key="a"), line(33, charge_key="b"))
    made = finish(draft(*lines), taxes=VAT)
    assert shown(made) == [("vat_de", 99, 19)]
    assert shares(made) == [[7], [6], [6]]
    by_line = finish(draft(*lines), taxes=VAT, rounding="line")
    assert shown(by_line) == [("vat_de", 99, 18)]
    assert shares(by_line) == [[6], [6], [6]]


def test_a_tax_is_computed_after_discounts() -> None:
    """49.00 - 20 % = 39.20, less 10.00 = 29.20; 19 % are 5.548, so 5.55."""
    made = finish(draft(line(4900)), percent("0.2"), fixed(EUR="10"), taxes=VAT)
    assert shown(made) == [("vat_de", 2920, 555)]
    assert made.total_minor == 3475


def test_a_discount_of_everything_leaves_nothing_to_tax() -> None:
    made = finish(draft(line(4900)), fixed(EUR="100"), taxes=VAT)
    assert shown(made) == [("vat_de", 0, 0)]
    assert made.total_minor == 0


def test_an_included_tax_is_shown_and_not_added() -> None:
    """11.80 with 18 % contains 1.80; 9.99 / 1.18 = 8.466…, so 8.47 and 1.52."""
    assert shown(finish(draft(line(1180)), taxes=GST, country="IN")) == [("gst_in", 1000, 180)]
    made = finish(draft(line(999)), taxes=GST, country="IN")
    assert shown(made) == [("gst_in", 847, 152)]
    assert (made.tax_minor, made.total_minor) == (0, 999)
    assert made.lines[0].taxes[0].included


def test_several_included_taxes_are_taken_out_together_and_split_by_rate() -> None:
    """12.00 with 5 % and 7 %: 12.00 / 1.12 = 10.714…, so 10.71 and 1.29 in all.

    By 5 to 7: 53.75 and 75.25 hundredths, cut 53 and 75, the cent to the first.
    """
    several = tax("cgst", "0.05", country="IN", included=True) | tax(
        "sgst", "0.07", country="IN", included=True
    )
    made = finish(draft(line(1200)), taxes=several, country="IN")
    assert shown(made) == [("cgst", 1071, 54), ("sgst", 1071, 75)]


def test_several_exclusive_taxes_are_added_on_the_same_base() -> None:
    """5 % and 9.975 % of 100.00: Canada's GST and QST, 5.00 and 9.975, so 9.98."""
    several = tax("gst", "0.05", country="CA") | tax("qst", "0.09975", country="CA")
    made = finish(draft(line(10000)), taxes=several, country="CA")
    assert shown(made) == [("gst", 10000, 500), ("qst", 10000, 998)]
    assert made.total_minor == 11498


def test_an_exclusive_tax_beside_an_included_one_is_computed_on_the_net() -> None:
    """11.00 with 10 % contains 1.00; 5 % of the 10.00 left are 0.50."""
    several = tax("inside", "0.10", included=True) | tax("onto", "0.05")
    made = finish(draft(line(1100)), taxes=several)
    assert shown(made) == [("inside", 1000, 100), ("onto", 1000, 50)]
    assert made.total_minor == 1150


def test_a_credit_reduces_the_tax_and_a_credit_alone_has_a_negative_one() -> None:
    """19 % of 30.00 - 20.00; and -10.125 hundredths of a 5 % tax round away from zero."""
    made = finish(draft(line(-2000, kind="proration_credit"), line(3000)), taxes=VAT)
    assert shown(made) == [("vat_de", 1000, 190)]
    assert shares(made) == [[-380], [570]]
    alone = finish(draft(line(-250, kind="proration_credit")), taxes=tax("five", "0.05"))
    assert shown(alone) == [("five", -250, -13)]


def test_a_charge_and_its_credit_have_no_tax_between_them() -> None:
    made = finish(draft(line(-33, kind="proration_credit"), line(33)), taxes=VAT)
    assert shown(made) == [("vat_de", 0, 0)]
    assert shares(made) == [[-6], [6]]


def test_a_rate_of_zero_is_shown() -> None:
    assert shown(finish(draft(line(4900)), taxes=tax("zero", "0"))) == [("zero", 4900, 0)]


def test_a_currency_without_decimals_is_taxed_in_whole_units() -> None:
    """10.5 % of 999 yen are 104.895, so 105."""
    made = finish(draft(line(999), currency=YEN), taxes=tax("jct", "0.105"))
    assert made.tax_minor == 105


# At which day's rate

DATED = tax("vat_de", ("2020-07-01", "0.16"), ("2026-02-01", "0.19"))


def test_a_fee_has_the_rate_of_its_start_and_usage_that_of_its_last_day() -> None:
    """January's usage and February's fee on one invoice: 16 % of 10.00 and 19 % of 49.00."""
    fee = line(4900, starts_at=t("2026-02-01"), ends_at=t("2026-03-01"))
    usage = line(1000, kind="usage", charge_key="usage:minutes")
    made = finish(draft(fee, usage), taxes=DATED)
    assert [(str(one.rate), one.base_minor, one.amount_minor) for one in made.taxes] == [
        ("0.16", 1000, 160),
        ("0.19", 4900, 931),
    ]
    assert made.total_minor == 5900 + 160 + 931


def test_a_fee_that_starts_before_a_new_rate_keeps_the_old_one_to_its_end() -> None:
    fee = line(4900, starts_at=t("2026-01-15"), ends_at=t("2026-02-15"))
    usage = line(1000, kind="usage", starts_at=t("2026-01-15"), ends_at=t("2026-02-15"))
    assert [str(one.rate) for one in finish(draft(fee), taxes=DATED).taxes] == ["0.16"]
    assert [str(one.rate) for one in finish(draft(usage), taxes=DATED).taxes] == ["0.19"]


def test_the_day_is_the_local_one() -> None:
    """Midnight of 1 February in Berlin is 23:00 of 31 January in UTC: the fee of February has February's rate."""
    fee = line(4900, starts_at=t("2026-02-01", "Europe/Berlin"), ends_at=t("2026-03-01", "Europe/Berlin"))
    berlin = finish(draft(fee, timezone="Europe/Berlin"), taxes=DATED)
    assert [str(one.rate) for one in berlin.taxes] == ["0.19"]
    assert [str(one.rate) for one in finish(draft(fee), taxes=DATED).taxes] == ["0.16"]


def test_usage_that_ends_at_midnight_belongs_to_the_day_before() -> None:
    usage = line(1000, kind="usage", ends_at=t("2026-02-01"))
    assert [str(one.rate) for one in finish(draft(usage), taxes=DATED).taxes] == ["0.16"]


def test_before_its_first_date_a_tax_is_none() -> None:
    made = finish(draft(line(4900)), taxes=tax("new", ("2026-06-01", "0.05")))
    assert made.taxes == ()
    assert made.total_minor == 4900


def test_a_line_without_end_has_the_rate_of_its_start() -> None:
    made = finish(draft(line(29900, kind="one_off", ends_at=None)), taxes=DATED)
    assert [str(one.rate) for one in made.taxes] == ["0.16"]


# Splitting, and telling what is wrong


def test_shares_are_split_with_their_signs_and_the_opposite_is_the_mirror() -> None:
    exact = [Fraction(57, 10), Fraction(-38, 10), Fraction(0), Fraction(5, 10)]
    assert spread(2, exact) == (5, -3, 0, 0)
    assert spread(-2, [-one for one in exact]) == (-5, 3, 0, 0)
    assert spread(3, exact) == (6, -3, 0, 0)


def test_a_finished_invoice_bears_out_its_taxes_in_either_rounding() -> None:
    several = VAT | tax("inside", "0.07", included=True)
    for rounding in ("invoice", "line"):
        made = finish(
            draft(line(3333), line(77, kind="usage"), line(-500, kind="proration_credit")),
            percent("0.15"),
            taxes=several,
            rounding=rounding,
        )
        assert list(wrong_taxes(made.lines, made.taxes)) == []


def test_a_tax_that_its_lines_do_not_bear_out_is_told() -> None:
    made = finish(draft(line(4900)), taxes=VAT)
    more = (replace(made.taxes[0], amount_minor=932),)
    assert list(wrong_taxes(made.lines, more)) == [
        "tax vat_de is 932, its lines' shares sum to 931",
        "its taxes are vat_de 932 on 4900, recomputed vat_de 931 on 4900",
    ]
    assert list(wrong_taxes(made.lines, ())) == ["its taxes are none, recomputed vat_de 931 on 4900"]
    elsewhere = Tax("x", "X", Decimal("0.5"), 10, 5)
    assert any("tax x is 5" in one for one in wrong_taxes(made.lines, (*made.taxes, elsewhere)))


def test_a_tax_is_shown_by_its_name_and_without_one_by_its_code() -> None:
    named = finish(draft(line(4900)), taxes=VAT)
    assert named.taxes == (Tax("vat_de", "VAT_DE", Decimal("0.19"), 4900, 931),)
    nameless = {code: replace(rate, name="") for code, rate in VAT.items()}
    assert [one.name for one in finish(draft(line(4900)), taxes=nameless).taxes] == ["vat_de"]


def test_the_last_instant_of_usage_decides_its_day() -> None:
    just_begun = line(1000, kind="usage", ends_at=t("2026-02-01T00:00:00.000001Z"))
    assert [str(one.rate) for one in finish(draft(just_begun), taxes=DATED).taxes] == ["0.19"]


def test_an_included_tax_of_two_rates_is_taken_out_of_each_ones_lines() -> None:
    """11.00 with 10 % contains 1.00, 12.00 with 20 % contains 2.00; 7.00 outside of both contain nothing."""
    dated = tax("inside", ("2026-01-10", "0.10"), ("2026-02-01", "0.20"), included=True)
    lines = (
        line(1100, starts_at=t("2026-01-15")),
        line(1200, starts_at=t("2026-02-01"), charge_key="a"),
        line(700, charge_key="b"),
    )
    made = finish(draft(*lines), taxes=dated)
    assert shown(made) == [("inside", 1000, 100), ("inside", 1000, 200)]
    assert shares(made) == [[100], [200], []]


def test_what_is_rounded_under_one_included_rate_does_not_look_at_lines_of_another() -> None:
    """0.07 with 10 % contains 0.0064, so 0.01; 0.08 with 20 % contains 0.0133, so 0.01."""
    dated = tax("inside", ("2026-01-10", "0.10"), ("2026-02-01", "0.20"), included=True)
    lines = (line(7, starts_at=t("2026-01-15")), line(8, starts_at=t("2026-02-01"), charge_key="a"))
    assert shares(finish(draft(*lines), taxes=dated)) == [[1], [1]]


def test_an_included_tax_is_shared_out_to_its_lines_by_their_amounts() -> None:
    """11.80 and 5.90 with 18 %: 2.70 in all, 1.80 and 0.90."""
    made = finish(draft(line(1180), line(590, charge_key="a")), taxes=GST, country="IN")
    assert shown(made) == [("gst_in", 1500, 270)]
    assert shares(made) == [[180], [90]]


@pytest.mark.parametrize(
    ("total", "exact", "whole"),
    [
        (1, ["1/5", "4/5"], (0, 1)),  # the second lost most
        (6, ["51/10", "4/5"], (5, 1)),
        (2, ["0", "1"], (0, 2)),  # a share of nothing gets nothing
        (-2, ["0", "-1"], (0, -2)),
        (1, ["0", "0"], (1, 0)),  # but there are no others
        (0, [], ()),
    ],
)
def test_what_cutting_left_over_goes_to_the_shares_that_lost_most(
    total: int, exact: list[str], whole: tuple[int, ...]
) -> None:
    assert spread(total, [Fraction(one) for one in exact]) == whole


def test_tax_without_a_line_to_carry_it_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="1 minor units of tax and no line to carry them"):
        spread(1, [])


def test_what_the_taxes_should_be_is_told_as_rounded_once_and_tax_by_tax() -> None:
    # 19 % of 3 × 0.33: 0.19 rounded once, 3 × 0.06 by line; 10 % are 0.10, and 3 × 0.03.
    lines = (line(33), line(33, charge_key="a"), line(33, charge_key="b"))
    made = finish(draft(*lines), taxes=VAT | tax("ten", "0.10"))
    wrong = tuple(replace(one, base_minor=98) for one in made.taxes)
    assert list(wrong_taxes(made.lines, wrong)) == [
        "its taxes are ten 10 on 98, vat_de 19 on 98, recomputed ten 10 on 99, vat_de 19 on 99"
    ]
    assert list(wrong_taxes([line(4900)], finish(draft(line(4900)), taxes=VAT).taxes)) == [
        "tax vat_de is 931, its lines' shares sum to 0",
        "its taxes are vat_de 931 on 4900, recomputed none",
    ]


def test_included_taxes_of_several_rates_are_taken_out_rate_by_rate() -> None:
    # 10 with 7 % inside have 0.65 of it, and 10 with 19 % have 1.60: a cent, and two.
    dated = tax("gst", "0.07", ("2026-02-01", "0.19"), included=True)
    later = line(10, charge_key="a", starts_at=t("2026-02-01"), ends_at=t("2026-03-01"))
    assert shares(finish(draft(line(10), later), taxes=dated)) == [[1], [2]]
    assert shares(finish(draft(line(10), later), taxes=dated, country="FR")) == [[], []]
