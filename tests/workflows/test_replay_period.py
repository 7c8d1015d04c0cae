"""What a month that was billed would have come to under another catalog; every amount is worked out by hand."""

from __future__ import annotations

import pytest

from planctl.core.catalog.parse import parse
from planctl.core.document import Mapping as MappingNode
from planctl.core.replay.proposal import Stuck
from planctl.core.replay.simulation import Sides
from planctl.errors import InvalidInput
from planctl.files.yaml_reader import read_text
from planctl.workflows.replay_period import read_conditions, read_span
from tests.cli.conftest import run
from tests.stores import edited
from tests.workflows.replay_shop import HEAD, PRO, Shop, metered, shop, usd

__all__ = ["run", "shop"]


def test_three_customers_at_49_would_pay_55(shop: Shop) -> None:
    shop.sells(PRO)
    for customer in ("nova", "vega", "mira"):
        shop.joins(customer, "pro", "2026-09-01")
    shop.bills("2026-10-01")
    simulation = shop.proposes(PRO.replace("49", "55"), "2026-10")
    found = usd(simulation)
    assert found.revenue == found.total == Sides(147_00, 165_00)  # 3 × 49, 3 × 55
    assert (found.losers, found.winners, found.same) == (3, 0, 0)
    assert [one.revenue for one in found.more] == [Sides(49_00, 55_00)] * 3
    assert (simulation.invoices, simulation.subscriptions) == (3, 3)


def test_an_unchanged_catalog_changes_nothing(shop: Shop) -> None:
    shop.sells(metered())
    shop.joins("nova", "pro", "2026-09-01")
    shop.uses("nova", 130, "2026-09-02")
    shop.bills("2026-10-01")
    simulation = shop.proposes(metered(), "2026-10")
    found = usd(simulation)
    assert found.revenue == Sides(52_00, 52_00)  # 49 + 30 × 0.10
    assert (found.losers, found.winners, found.same) == (0, 0, 1)
    assert (simulation.about.plans, simulation.subscriptions) == ((), 0)


@pytest.mark.parametrize(
    ("coupon", "held", "moved"),
    [("{off: 50%, for: forever}", 24_50, 27_50), ("{off: {USD: 10}, for: forever}", 39_00, 45_00)],
)
def test_a_coupon_takes_its_part_of_the_new_price(shop: Shop, coupon: str, held: int, moved: int) -> None:
    with_coupon = f"{PRO}\ncoupons: {{less: {coupon}}}\n"
    shop.sells(with_coupon)
    shop.joins("nova", "pro", "2026-09-01")
    shop.does("coupon apply nova/pro less --yes --as-of 2026-09-02")
    shop.bills("2026-10-01")
    found = usd(shop.proposes(with_coupon.replace("49", "55"), "2026-10"))
    assert found.revenue == Sides(held, moved)  # half of 49 and 55; 49 - 10 and 55 - 10


def test_a_coupon_that_was_spent_before_the_period_is_spent(shop: Shop) -> None:
    with_coupon = f"{PRO}\ncoupons: {{less: {{off: 50%, for: once}}}}\n"
    shop.sells(with_coupon)
    shop.joins("nova", "pro", "2026-08-01")
    shop.does("coupon apply nova/pro less --yes --as-of 2026-08-02")
    shop.bills("2026-09-01", "2026-10-01")
    assert usd(shop.proposes(with_coupon, "2026-09")).revenue == Sides(24_50, 24_50)
    assert usd(shop.proposes(with_coupon.replace("49", "55"), "2026-10")).revenue == Sides(49_00, 55_00)


def test_revenue_is_without_a_tax_that_the_price_contains(shop: Shop) -> None:
    taxed = "taxes: {vat_de: {name: VAT, country: DE, rate: 19%, included: true}}\n"
    taxed += "plans: {pro: {price: {month: {USD: 119}}, due: 30 days}}"
    shop.sells(taxed)
    shop.does("customer add nova --currency USD --country DE --as-of 2026-09-01")
    shop.does("subscribe nova pro --yes --as-of 2026-09-01")
    shop.bills("2026-10-01")
    found = usd(shop.proposes(taxed.replace("119", "238"), "2026-10"))
    assert found.revenue == Sides(100_00, 200_00)  # 119 / 1.19, 238 / 1.19
    assert found.total == Sides(119_00, 238_00)


def test_a_tax_that_is_added_stands_in_the_total_alone(shop: Shop) -> None:
    taxed = f"taxes: {{vat_de: {{name: VAT, country: DE, rate: 19%}}}}\n{PRO}"
    shop.sells(taxed)
    shop.does("customer add nova --currency USD --country DE --as-of 2026-09-01")
    shop.does("subscribe nova pro --yes --as-of 2026-09-01")
    shop.bills("2026-10-01")
    found = usd(shop.proposes(taxed.replace("49", "50").replace("19%", "20%"), "2026-10"))
    assert found.revenue == Sides(49_00, 50_00)
    assert found.total == Sides(58_31, 60_00)  # 49 × 1.19, 50 × 1.20


def test_taxes_are_those_of_the_invoice_though_the_customer_has_moved_since(shop: Shop) -> None:
    taxed = f"taxes: {{vat_de: {{name: VAT, country: DE, rate: 19%}}}}\n{PRO}"
    shop.sells(taxed)
    shop.does("customer add nova --currency USD --country DE --as-of 2026-09-01")
    shop.does("subscribe nova pro --yes --as-of 2026-09-01")
    shop.bills("2026-10-01")
    shop.does("customer update nova --country FR --as-of 2026-10-02")
    found = usd(shop.proposes(taxed.replace("49", "100"), "2026-10"))
    assert found.total == Sides(58_31, 119_00)


def test_a_plan_that_would_be_archived_keeps_its_customers(shop: Shop) -> None:
    both = "plans: {pro: {price: {month: {USD: 49}}, due: 30 days}, old: {price: {month: {USD: 9}}, due: 30 days}}"
    shop.sells(both)
    shop.joins("nova", "old", "2026-09-01")
    shop.bills("2026-10-01")
    simulation = shop.proposes(PRO, "2026-10")
    assert usd(simulation).revenue == Sides(9_00, 9_00)
    assert simulation.stuck == ()


def test_a_first_part_of_a_month_is_prorated_on_both_sides(shop: Shop) -> None:
    stub = "plans: {pro: {price: {month: {USD: 31}}, due: 30 days, anchor: calendar}}"
    shop.sells(stub)
    shop.joins("nova", "pro", "2026-10-17")
    found = usd(shop.proposes(stub.replace("31", "62"), "2026-10"))
    assert found.revenue == Sides(15_00, 30_00)  # 17 to 31 October are 15 of 31 days


def test_currencies_stand_apart(shop: Shop) -> None:
    plan = "plans: {pro: {price: {month: {USD: 49, EUR: 45}}, due: 30 days}}"
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.joins("mira", "pro", "2026-09-01", currency="EUR")
    shop.bills("2026-10-01")
    found = shop.proposes(plan.replace("45", "40"), "2026-10").currencies
    assert [(one.currency.code, one.revenue) for one in found] == [
        ("EUR", Sides(45_00, 40_00)),
        ("USD", Sides(49_00, 49_00)),
    ]


def test_who_pays_for_what_is_not_sold_any_more_is_counted_and_keeps_its_terms(shop: Shop) -> None:
    plan = "plans: {pro: {price: {month: {USD: 49, EUR: 45}, year: {USD: 490}}, due: 30 days}}"
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-10-01", "--pay year")
    shop.joins("mira", "pro", "2026-10-01", "--pay month", currency="EUR")
    simulation = shop.proposes("plans: {pro: {price: {month: {USD: 55}}, due: 30 days}}", "2026-10")
    assert simulation.stuck == (
        (Stuck("pro", "month is not sold in EUR"), 1),
        (Stuck("pro", "year is not sold"), 1),
    )
    assert [one.revenue.change for one in simulation.currencies] == [0, 0]


def test_an_agreed_price_stays_agreed(shop: Shop) -> None:
    ranged = "plans: {pro: {price: {month: {USD: 30..60}}, due: 30 days, features: {minutes: 5}}}"
    shop.sells(ranged)
    shop.does(
        "customer add nova --currency USD --as-of 2026-09-01",
        "assign nova pro --price 40 --as-of 2026-09-01",
        "subscribe nova pro --yes --as-of 2026-09-01",
    )
    shop.bills("2026-10-01")
    simulation = shop.proposes(ranged.replace("30..60", "35..70"), "2026-10")
    assert usd(simulation).revenue == Sides(40_00, 40_00)
    assert (simulation.subscriptions, simulation.stuck) == (1, ())


def test_a_pack_is_sold_at_its_proposed_price(shop: Shop) -> None:
    plan = metered(100).replace("due: 30 days", "due: 30 days\n    packs: true")
    plan += (
        "addons: {more: {requires: [pro], price: {once: {USD: 5}}, wallet: {minutes: 30}, quantity: 1..5}}\n"
    )
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.does("wallet buy nova more --quantity 2 --yes --as-of 2026-10-02")
    simulation = shop.proposes(plan.replace("USD: 5}", "USD: 8}"), "2026-10")
    assert usd(simulation).revenue == Sides(10_00, 16_00)
    assert [(one.plan, one.revenue) for one in simulation.plans] == [("more", Sides(10_00, 16_00))]


def test_what_a_change_gives_back_is_the_same_share_of_the_proposed_price(shop: Shop) -> None:
    groups = """\
groups: {main: {order: [a, b]}}
plans:
  a: {group: main, price: {month: {USD: 30}}, due: 90 days}
  b: {group: main, price: {month: {USD: 60}}, due: 90 days}
"""
    shop.sells(groups)
    shop.joins("nova", "a", "2026-04-01")
    shop.does("subscribe nova b --yes --as-of 2026-04-16")
    dearer = groups.replace("30}", "40}").replace("60}", "80}")
    # 30 - 15 + 30 = 45; with 40 and 80 it is 40 - 20 + 40 = 60
    assert usd(shop.proposes(dearer, "2026-04")).revenue == Sides(45_00, 60_00)
    by_plan = {one.plan: one.revenue for one in shop.proposes(dearer, "2026-04").plans}
    assert by_plan == {"a": Sides(15_00, 20_00), "b": Sides(30_00, 40_00)}


def test_an_add_on_costs_its_proposed_price_on_its_bases_invoice(shop: Shop) -> None:
    plan = f"{PRO}\naddons: {{seat: {{requires: [pro], price: {{month: {{USD: 10}}}}, quantity: 1..9, due: 30 days}}}}"
    shop.sells(plan)
    shop.joins("nova", "pro", "2026-09-01")
    shop.does("subscribe nova seat --quantity 3 --yes --as-of 2026-09-01")
    shop.bills("2026-10-01")
    simulation = shop.proposes(plan.replace("USD: 10", "USD: 12"), "2026-10")
    assert usd(simulation).revenue == Sides(79_00, 85_00)
    assert (simulation.invoices, simulation.about.plans) == (1, ("seat",))


def test_a_void_invoice_is_left_out_and_its_next_revision_counts(shop: Shop) -> None:
    shop.sells(PRO)
    shop.joins("nova", "pro", "2026-10-01")
    shop.does("invoice void INV-2026-00001 --reissue --reason wrong --yes --as-of 2026-10-02")
    shop.bills("2026-10-03")
    simulation = shop.proposes(PRO.replace("49", "55"), "2026-10")
    assert (simulation.invoices, usd(simulation).revenue) == (1, Sides(49_00, 55_00))


def test_credit_notes_are_told_beside_the_sums(shop: Shop) -> None:
    shop.sells(PRO)
    shop.joins("nova", "pro", "2026-10-01")
    shop.does("credit-note create INV-2026-00001 --line 1=10 --reason sorry --yes --as-of 2026-10-02")
    simulation = shop.proposes(PRO, "2026-10")
    (note,) = simulation.about.credit_notes
    assert (note.count, note.total_minor, usd(simulation).revenue.held) == (1, 10_00, 49_00)


def test_an_invoice_that_its_terms_do_not_bear_out_is_named(shop: Shop) -> None:
    shop.sells(PRO)
    shop.joins("nova", "pro", "2026-10-01")
    edited(
        shop.directory / "store.db",
        "UPDATE invoice SET subtotal = 5000, total = 5000",
        "UPDATE invoice_line SET amount = 5000",
    )
    simulation = shop.proposes(PRO.replace("49", "55"), "2026-10")
    (found,) = simulation.differences
    assert (found.invoice, found.what) == ("INV-2026-00001", "line fee 0")
    assert (found.issued_minor, found.replayed_minor) == (50_00, 49_00)
    (book,) = simulation.currencies
    assert (book.issued_minor, book.revenue) == (50_00, Sides(49_00, 55_00))


def test_nothing_is_replayed_of_a_month_in_which_nothing_was_issued(shop: Shop) -> None:
    shop.sells(PRO)
    shop.joins("nova", "pro", "2026-10-01")
    assert shop.proposes(PRO, "2026-09").currencies == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("revenue", "it is no condition"),
        ("revenue < 2 GBP", "the catalog has no currency GBP"),
        ("losers > 2 USD", "losers are counted in customers, not in USD"),
    ],
)
def test_a_condition_that_cannot_be_read_names_what_one_looks_like(shop: Shop, given: str, said: str) -> None:
    source = read_text(HEAD + PRO, "proposed.yaml").files[0]
    assert isinstance(source.node, MappingNode)
    catalog = parse([(source.name, source.node)]).catalog
    assert catalog is not None
    with pytest.raises(InvalidInput) as raised:
        read_conditions([given], catalog)
    assert (raised.value.message, raised.value.where) == (said, "--fail-if")
    assert "loser > 20%" in f"{raised.value.expected}{raised.value.hint}"


def test_a_period_that_cannot_be_read_names_what_one_looks_like() -> None:
    with pytest.raises(InvalidInput) as raised:
        read_span("October", "UTC")
    assert "2026-10" in raised.value.expected
    assert raised.value.where == "--period"
