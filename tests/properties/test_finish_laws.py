"""Laws of discounts and taxes: no cent is lost or made, the order of what comes in does not matter, credits mirror."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.catalog.model import Coupon, TaxRate
from planctl.core.coupons import Redemption
from planctl.core.invoicing.discounts import wrong_discounts
from planctl.core.invoicing.finish import redeemed
from planctl.core.invoicing.model import Draft, Line
from planctl.core.invoicing.taxation import Levy, Rounding, levied, spread, wrong_taxes
from tests.core.discounting import JANUARY, draft, finish, line, tax

amounts = st.integers(-(10**6), 10**6) | st.integers(-(10**12), 10**12)
rates = st.integers(0, 100_000).map(lambda units: Decimal(units) / 100_000)
plans = st.sampled_from(["pro", "seat", "pack"])
kinds = st.sampled_from(["fee", "usage", "quantity", "proration_credit", "minimum"])
roundings: st.SearchStrategy[Rounding] = st.sampled_from(["invoice", "line"])


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """A line of one of three plans; credits are below 0."""
    amount, kind = draw(amounts), draw(kinds)
    amount = -abs(amount) if kind == "proration_credit" else amount
    return line(amount, kind=kind, plan=draw(plans))


@st.composite
def redemptions(draw: st.DrawFn) -> Redemption:
    """A coupon of a percentage or of an amount, for all plans or some."""
    name = draw(st.integers(0, 10**9))
    only = tuple(draw(st.sets(plans, max_size=2)))
    if draw(st.booleans()):
        coupon = Coupon(f"c{name}", percent=draw(rates), plans=only)
    else:
        coupon = Coupon(f"c{name}", amounts={"EUR": Decimal(draw(st.integers(1, 10**8))) / 100}, plans=only)
    return Redemption(f"cou_{name}", "nova", "sub_1", coupon, JANUARY)


drafts = st.lists(lines(), min_size=1, max_size=8).map(lambda several: draft(*several))
coupons = st.lists(redemptions(), max_size=4, unique_by=lambda one: one.id)
taxes = st.lists(st.tuples(rates, st.booleans()), max_size=3).map(
    lambda several: {
        code: one
        for place, (rate, included) in enumerate(several)
        for code, one in tax(f"tax{place}", str(rate), included=included).items()
    }
)


@given(drafts, coupons, taxes, roundings)
def test_every_cent_of_discounts_and_taxes_stands_on_a_line(
    made: Draft, given_coupons: list[Redemption], declared: dict[str, TaxRate], rounding: Rounding
) -> None:
    done = finish(made, *given_coupons, taxes=declared, rounding=rounding)
    assert list(wrong_discounts(done.lines, done.discounts)) == []
    assert list(wrong_taxes(done.lines, done.taxes)) == []
    assert done.total_minor == sum(one.net_minor + one.tax_minor for one in done.lines)
    assert [replace(one, discount_minor=0, taxes=()) for one in done.lines] == list(made.lines)
    assert all(one.amount_minor > 0 for one in done.discounts)


@given(drafts, st.permutations(range(3)), st.lists(redemptions(), min_size=3, max_size=3), taxes)
def test_the_order_in_which_coupons_and_taxes_come_does_not_matter(
    made: Draft, order: list[int], several: list[Redemption], declared: dict[str, TaxRate]
) -> None:
    named = [replace(one, id=f"cou_{place}") for place, one in enumerate(several)]
    backwards = dict(reversed(list(declared.items())))
    shuffled = finish(made, *(named[place] for place in order), taxes=backwards)
    assert shuffled == finish(made, *named, taxes=declared)


@given(drafts, coupons)
def test_a_fixed_amount_never_takes_an_invoice_below_what_its_credits_leave(
    made: Draft, several: list[Redemption]
) -> None:
    amounts_only = [one for one in several if one.coupon.percent is None]
    done = finish(made, *amounts_only)
    assert done.total_minor >= min(0, made.total_minor)


@given(drafts, coupons)
def test_a_redemption_takes_no_more_in_a_period_than_its_amount(
    made: Draft, several: list[Redemption]
) -> None:
    held = tuple(several)
    for _ in range(3):
        held = redeemed(held, finish(made, *held))
    for one in held:
        if one.coupon.percent is None:
            assert one.taken.get(0, 0) <= one.coupon.amounts["EUR"] * 100


@given(st.lists(amounts, min_size=1, max_size=8), taxes, roundings)
def test_the_opposite_of_an_invoice_has_the_opposite_taxes(
    nets: list[int], declared: dict[str, TaxRate], rounding: Rounding
) -> None:
    owed = tuple(Levy(one.id, one.name, one.rates[0][1], one.included) for one in declared.values())
    charge = levied(nets, [owed] * len(nets), rounding)
    credit = levied([-net for net in nets], [owed] * len(nets), rounding)
    assert [one.amount_minor for one in credit.taxes] == [-one.amount_minor for one in charge.taxes]
    assert [one.base_minor for one in credit.taxes] == [-one.base_minor for one in charge.taxes]
    assert [[share.amount_minor for share in several] for several in credit.shares] == [
        [-share.amount_minor for share in several] for several in charge.shares
    ]


@given(st.lists(amounts, min_size=1, max_size=8), rates)
def test_an_exclusive_tax_is_off_by_half_a_unit_at_most_and_a_line_by_less_than_one(
    nets: list[int], rate: Decimal
) -> None:
    owed = (Levy("vat", "VAT", rate),)
    done = levied(nets, [owed] * len(nets))
    (only,) = done.taxes
    assert abs(only.amount_minor - Fraction(rate) * sum(nets)) <= Fraction(1, 2)
    for net, several in zip(nets, done.shares, strict=True):
        assert abs(several[0].amount_minor - Fraction(rate) * net) < 1


@given(st.lists(st.fractions(-1000, 1000), min_size=1, max_size=8), st.integers(-1, 1))
def test_a_split_sums_to_its_total_whatever_the_signs(exact: list[Fraction], more: int) -> None:
    total = round(sum(exact)) + more
    assert sum(spread(total, exact)) == total
    assert spread(-total, [-one for one in exact]) == tuple(-one for one in spread(total, exact))
