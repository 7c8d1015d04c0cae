"""Fees, quantities, packs and minimums billed again; amounts are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.model import Beyond, Entitlement, Feature, PriceRow, Terms
from planctl.core.currencies import Currency
from planctl.core.invoicing.model import Line, Settlement
from planctl.core.invoicing.reclose import Charge, Past
from planctl.core.periods import Instant, Interval, parse_instant, zone
from planctl.core.pricing.kinds.each import Each
from planctl.core.rerate import change_again, fees_again, histories, wrong_minimums, wrong_packs
from planctl.core.subscriptions.model import BlockedSpan, QuantityStep, Subscription


def t(text: str) -> Instant:
    return parse_instant(text, zone("UTC"))


SEATS = Entitlement(
    Feature("seats", type="metered", reset="never"),
    included=Decimal(2),
    beyond=Beyond("prepaid", {"": Each({"USD": Decimal(7)})}),
)
TERMS = Terms(rows=(PriceRow(Interval.parse("month"), {"USD": Decimal(49)}),), features={"seats": SEATS})
NOVA = Subscription(
    "sub_1", "nova", "pro", 1, TERMS, "", Currency("USD", "US Dollar", 2), "month", "UTC",
    t("2026-01-01"), t("2026-01-01"), fees_from=t("2026-01-01"), usage_from=t("2026-01-01"),
)  # fmt: skip
FEE = Settlement("sub_1", "fee", 1, "billed", t("2026-02-01"))


def test_a_fee_is_billed_again_with_its_occasion() -> None:
    (line,) = fees_again(NOVA, [replace(FEE, part="usage"), FEE])
    assert (line.charge_key, line.service_index, line.amount_minor) == ("fee", 1, 4900)


def test_what_a_payment_resumed_is_charged_from_the_end_of_the_block_on() -> None:
    late = replace(NOVA, blocked=(BlockedSpan(t("2026-01-11"), t("2026-02-11"), "pay_1"),))
    (line,) = fees_again(late, [replace(FEE, occasion="pay_1")])
    # 18 of February's 28 days at 49.00
    assert (line.amount_minor, line.occasion, line.starts_at) == (3150, "pay_1", t("2026-02-11"))


def test_a_subscription_with_an_end_had_a_time_without_one() -> None:
    ended = replace(NOVA, ends_at=t("2026-03-10"), end_reason="canceled")
    assert histories(NOVA) == (NOVA,)
    assert histories(ended) == (ended, replace(ended, ends_at=None))


def test_a_quantity_bought_within_a_period_is_billed_again_from_its_step() -> None:
    step = QuantityStep(t("2026-01-22"), "seats", Decimal(5), 3, charged=True)
    ended = replace(NOVA, steps=(step,), ends_at=t("2026-01-27"))
    # 3 seats at 7 for 5 days and for 10 of January's 31
    assert [line.amount_minor for (line,) in change_again(ended, "change:3")] == [339, 677]
    assert change_again(NOVA, "change:3") == ((),)


def charge(line: Line, invoice: str = "inv_1", **changes: object) -> Charge:
    return replace(Charge(invoice, 0, line), **changes)  # type: ignore[arg-type]


PACK = Line(
    "pack", "sub_1", "minutes", 1, "pack:minutes", 0, "Minutes", Fraction(3), Fraction(25, 2), 3750,
    t("2026-01-05"), None, "pur_1",
)  # fmt: skip


def test_a_pack_costs_its_price_times_its_number() -> None:
    assert list(wrong_packs([charge(PACK)], 2)) == []
    assert list(wrong_packs([charge(replace(PACK, amount_minor=3751))], 2)) == [
        "its line pack:minutes has the amount 3751, its price comes to 3750"
    ]


PROMISED = replace(NOVA, terms=replace(TERMS, minimum={"USD": Decimal(100)}))
JANUARY = (t("2026-01-01"), t("2026-02-01"))
FEE_LINE = Line("fee", "sub_1", "pro", 1, "fee", 0, "Pro", Fraction(1), Fraction(49), 4900, *JANUARY)
SHORT = Line("minimum", "sub_1", "pro", 1, "minimum", 0, "Pro", Fraction(1), None, 5100, *JANUARY)
SETTLED = Settlement("sub_1", "minimum", 0, "billed", t("2026-02-01"))


def wrong(*charges: Charge, settled: str = "inv_2") -> list[tuple[str, str]]:
    outcome = replace(SETTLED, outcome="billed" if settled else "zero")
    return list(wrong_minimums(Past((PROMISED,), [(outcome, settled)], charges=charges)))


def test_a_minimum_is_what_the_period_was_short_of_when_it_was_billed() -> None:
    fee, short = charge(FEE_LINE), charge(SHORT, "inv_2")
    usage = replace(FEE_LINE, kind="usage", charge_key="usage:calls", amount_minor=1000)
    assert wrong(fee, short) == []
    assert wrong(fee, charge(usage, "inv_2"), charge(replace(SHORT, amount_minor=4100), "inv_2")) == []
    # what was charged later did not count yet
    assert wrong(fee, short, charge(usage, "inv_3")) == []
    assert wrong(fee, charge(replace(SHORT, amount_minor=5000), "inv_2")) == [
        ("inv_2", "its line minimum 0 has the amount 5000, billed again 5100")
    ]


def test_a_minimum_that_was_reached_is_billed_with_nothing() -> None:
    dear = charge(replace(FEE_LINE, amount_minor=10_000))
    assert wrong(dear, settled="") == []
    assert wrong(charge(FEE_LINE), settled="") == [("", "it has no line minimum 0, billed again it has one")]


def late(line: Line, amount: int) -> Line:
    return replace(
        line, kind="late_usage", amount_minor=amount, occasion="late:1",
        detail={"difference_minor": str(amount)},
    )  # fmt: skip


def test_late_usage_lowers_the_minimum_by_what_it_costs() -> None:
    usage = late(replace(FEE_LINE, charge_key="usage:calls"), 300)
    before = charge(FEE_LINE), charge(SHORT, "inv_2"), charge(usage, "inv_3")
    assert wrong(*before, charge(late(SHORT, -300), "inv_3")) == []
    assert wrong(*before, charge(late(SHORT, -600), "inv_3")) == [
        ("inv_3", "its minimum 0 comes to 4500 with what was late, billed again to 4800 (minor units)")
    ]
    # credited instead, where there was no invoice to lower
    credited = charge(SHORT, "inv_2", credited_minor=300, settled_minor=300)
    assert wrong(charge(FEE_LINE), credited, charge(usage, "inv_3")) == []
