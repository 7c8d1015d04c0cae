"""`planctl coupon …`, `subscribe --coupon` and taxes on invoices, from the catalog to the amount that is due.

The amounts are worked out by hand beside the tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from planctl.__main__ import main
from tests import stores
from tests.cli.conftest import Run

CATALOG = """\
format: planctl.catalog/1
catalog: shop
currencies: {EUR: , USD: }
features:
  calls: {type: metered, unit: call}
taxes:
  vat_de: {name: MwSt., country: DE, rate: {2020-07-01: 16%, 2026-02-01: 19%}}
  gst_in: {name: GST, country: IN, rate: 18%, included: true}
coupons:
  launch20: {off: 20%, for: 3 periods, plans: [pro], until: 2026-02-28, max: 2}
  tenner: {off: {EUR: 10}, for: once}
  welcome: {off: 100%, for: 2 periods}
plans:
  pro:
    price: {month: {EUR: 49, USD: 49}}
    due: 60 days
    features: {calls: {included: 10, beyond: {charge: usage, each: {EUR: 1, USD: 1}}}}
  lite: {price: {month: {EUR: 9.99, USD: 9.99}}, due: 60 days}
"""
DAY = "2026-01-01"


@pytest.fixture(scope="session")
def discounting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells the catalog above to nova of Germany and indra of India, made once."""
    folder = tmp_path_factory.mktemp("discounts")
    store = folder / "store.db"
    (folder / "catalog.yaml").write_text(CATALOG)
    for words in (
        ["init", str(folder), "--test"],
        ["catalog", "apply", str(folder / "catalog.yaml"), "--yes"],
        ["customer", "add", "nova", "--currency", "EUR", "--country", "DE"],
        ["customer", "add", "indra", "--currency", "EUR", "--country", "IN"],
    ):
        assert main(["--store", stores.url(store), "--as-of", DAY, "--quiet", *words]) == 0
    return store


@pytest.fixture
def sells(run: Run, discounting: Path, tmp_path: Path) -> Run:
    """`run` with a store of its own that sells the catalog above."""
    stores.copy(discounting, tmp_path / "store.db")
    return run


def done(run: Run, at: str, *words: str) -> Any:
    """What a command that must succeed prints."""
    result = run(*words, "--as-of", at, "--yes", "-f", "json")
    assert result.exit_code == 0, result.stderr
    return result.json


def refused(run: Run, at: str, *words: str) -> tuple[int, str]:
    result = run(*words, "--as-of", at, "--yes", "-f", "json")
    return result.exit_code, result.error["code"]


def sums(invoice: dict[str, Any]) -> list[str]:
    return [invoice[name] for name in ("subtotal", "discount", "tax", "total", "due")]


def test_the_first_invoice_has_the_coupon_and_the_tax(sells: Run) -> None:
    """49.00 - 20 % = 39.20; 16 % are 6.272, so 6.27."""
    (invoice,) = done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "launch20")["invoices"]
    assert sums(invoice) == ["49.00", "9.80", "6.27", "45.47", "45.47"]
    assert invoice["discounts"] == [{"coupon": "launch20", "amount": "9.80"}]
    assert invoice["taxes"] == [
        {
            "code": "vat_de",
            "name": "MwSt.",
            "rate": "0.16",
            "base": "39.20",
            "amount": "6.27",
            "included": False,
        }
    ]
    (line,) = invoice["lines"]
    assert (line["amount"], line["discount"]) == ("49.00", "9.80")
    assert [share["amount"] for share in line["taxes"]] == ["6.27"]


def test_a_renewal_has_two_coupons_and_two_rates_and_the_preview_says_the_same(sells: Run) -> None:
    """Usage of January 5.00, fee of February 49.00: 54.00 - 10.80 - 10.00 = 33.20.

    10.80 is 1.00 and 9.80; 10.00 is 0.926 and 9.074, so 0.93 and 9.07. 16 % of 3.07 = 0.4912 and 19 % of
    30.13 = 5.7247 are 0.49 and 5.72.
    """
    done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "launch20")
    applied = done(sells, "2026-01-15", "coupon", "apply", "nova", "tenner")
    assert {name: applied[name] for name in ("coupon", "plan", "off", "for", "periods_left")} == {
        "coupon": "tenner",
        "plan": "pro",
        "off": {"EUR": "10"},
        "for": "once",
        "periods_left": 1,
    }
    done(sells, "2026-01-20", "usage", "record", "nova", "calls", "15")
    (preview,) = sells("invoice", "preview", "nova", "--as-of", "2026-02-01", "-f", "json").json
    done(sells, "2026-02-01", "invoice", "run")
    invoice = done(sells, "2026-02-01", "invoice", "show", "INV-2026-00002")
    assert sums(invoice) == sums(preview) == ["54.00", "20.80", "6.21", "39.41", "39.41"]
    assert invoice["lines"] == preview["lines"]
    assert {line["kind"]: line["discount"] for line in invoice["lines"]} == {"usage": "1.93", "fee": "18.87"}
    assert [(tax["rate"], tax["base"], tax["amount"]) for tax in invoice["taxes"]] == [
        ("0.16", "3.07", "0.49"),
        ("0.19", "30.13", "5.72"),
    ]
    assert sells("doctor").exit_code == 0


def test_a_coupon_of_three_periods_is_used_up_after_three(sells: Run) -> None:
    """39.20 with 16 %, twice 39.20 with 19 % (7.448), then 49.00 with 19 % (9.31)."""
    done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "launch20")
    done(sells, "2026-04-01", "invoice", "run")
    totals = [one["total"] for one in done(sells, "2026-04-01", "invoice", "list")]
    assert totals == ["45.47", "46.65", "46.65", "58.31"]
    (held,) = done(sells, "2026-04-01", "coupon", "list", "nova")
    assert (held["periods_used"], held["periods_left"], held["discounted"]) == (3, 0, "29.40")


def test_an_invoice_that_a_coupon_brings_to_nothing_is_issued_and_uses_its_period(sells: Run) -> None:
    """Skipped, it would leave the coupon unused, and the plan free for ever."""
    done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "welcome")
    done(sells, "2026-03-01", "invoice", "run")
    found = done(sells, "2026-03-01", "invoice", "list")
    assert [(one["discount"], one["total"], one["status"]) for one in found] == [
        ("49.00", "0.00", "paid"),
        ("49.00", "0.00", "paid"),
        ("0.00", "58.31", "open"),
    ]


def test_a_voided_invoice_gives_its_period_back(sells: Run) -> None:
    done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "tenner")
    done(sells, DAY, "invoice", "void", "INV-2026-00001", "--reissue", "--reason", "typo")
    assert done(sells, DAY, "coupon", "list", "nova")[0]["periods_used"] == 0
    done(sells, "2026-01-02", "invoice", "run")
    again = done(sells, "2026-01-02", "invoice", "show", "INV-2026-00002")
    assert again["discount"] == "10.00"
    assert done(sells, "2026-01-02", "coupon", "list", "nova")[0]["periods_used"] == 1


def test_a_removed_coupon_leaves_issued_invoices_alone(sells: Run) -> None:
    done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "launch20")
    done(sells, "2026-01-10", "coupon", "remove", "nova/pro", "launch20")
    assert done(sells, "2026-01-10", "coupon", "list", "nova") == []
    done(sells, "2026-02-01", "invoice", "run")
    first, second = done(sells, "2026-02-01", "invoice", "list")
    assert (first["discount"], second["discount"]) == ("9.80", "0.00")
    assert refused(sells, "2026-02-01", "coupon", "remove", "nova", "launch20") == (4, "not-found")


def test_every_limit_of_a_coupon_is_refused_by_its_name(sells: Run) -> None:
    done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "launch20")
    assert refused(sells, DAY, "coupon", "apply", "nova", "launch20") == (4, "coupon-again")
    assert refused(sells, DAY, "coupon", "apply", "nova", "lunch20") == (4, "not-found")
    assert refused(sells, DAY, "subscribe", "indra", "lite", "--coupon", "launch20") == (4, "coupon-plan")
    assert refused(sells, "2026-03-01", "subscribe", "indra", "pro", "--coupon", "launch20") == (
        4,
        "coupon-over",
    )
    assert refused(sells, DAY, "subscribe", "indra", "pro", "--in", "USD", "--coupon", "tenner") == (
        4,
        "coupon-currency",
    )
    done(sells, DAY, "subscribe", "indra", "pro", "--coupon", "launch20")
    done(sells, DAY, "customer", "add", "ada", "--currency", "EUR")
    assert refused(sells, DAY, "subscribe", "ada", "pro", "--coupon", "launch20") == (4, "coupon-spent")
    assert done(sells, DAY, "coupon", "list")[0]["redeemed"] == 2


def test_a_refused_coupon_starts_nothing(sells: Run) -> None:
    assert refused(sells, DAY, "subscribe", "nova", "lite", "--coupon", "launch20")[0] == 4
    assert done(sells, DAY, "subscription", "list", "--customer", "nova") == []


def test_applying_with_one_key_twice_applies_once(sells: Run) -> None:
    done(sells, DAY, "subscribe", "nova", "pro")
    first = done(sells, DAY, "coupon", "apply", "nova", "tenner", "--key", "k1")
    assert done(sells, DAY, "coupon", "apply", "nova", "tenner", "--key", "k1") == first
    assert len(done(sells, DAY, "coupon", "list", "nova")) == 1


def test_a_dry_run_shows_the_discount_and_keeps_nothing(sells: Run) -> None:
    shown = done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "tenner", "--dry-run")
    assert shown["invoices"][0]["discount"] == "10.00"
    assert done(sells, DAY, "coupon", "list", "nova") == []


def test_an_included_tax_is_shown_and_not_added(sells: Run) -> None:
    """9.99 / 1.18 = 8.466…, so 8.47, and the rest is tax."""
    (invoice,) = done(sells, DAY, "subscribe", "indra", "lite")["invoices"]
    assert sums(invoice) == ["9.99", "0.00", "0.00", "9.99", "9.99"]
    assert [(one["base"], one["amount"], one["included"]) for one in invoice["taxes"]] == [
        ("8.47", "1.52", True)
    ]


@pytest.mark.parametrize(
    ("word", "note"),
    [
        ("reverse", "Reverse charge: the recipient owes the tax"),
        ("exempt", "Exempt from tax"),
    ],
)
def test_who_pays_no_tax_is_told_why_on_the_invoice(sells: Run, word: str, note: str) -> None:
    done(sells, DAY, "customer", "update", "nova", "--tax", word)
    done(sells, DAY, "subscribe", "nova", "pro")
    invoice = done(sells, DAY, "invoice", "show", "INV-2026-00001")
    assert (invoice["tax"], invoice["taxes"], invoice["tax_note"]) == ("0.00", [], note)
    assert note in sells("invoice", "show", "INV-2026-00001", "--as-of", DAY).stdout


def test_a_customer_can_be_told_several_taxes(sells: Run) -> None:
    """49.00 contains 18 %: 49.00 / 1.18 = 41.525…, so 41.53 and 7.47; 16 % on 41.53 are 6.6448."""
    done(sells, DAY, "customer", "update", "nova", "--tax", "vat_de,gst_in")
    (invoice,) = done(sells, DAY, "subscribe", "nova", "pro")["invoices"]
    assert [(one["code"], one["base"], one["amount"]) for one in invoice["taxes"]] == [
        ("gst_in", "41.53", "7.47"),
        ("vat_de", "41.53", "6.64"),
    ]
    assert invoice["total"] == "55.64"


def test_tax_is_rounded_by_line_where_the_setting_says_so(sells: Run) -> None:
    """16 % of 3.00 and of 49.00 would be 0.48 + 7.84 either way; discounted by 20 %: 0.384 and 6.272.

    Together 6.656, so 6.66; by line 0.38 + 6.27 = 6.65.
    """
    assert sells("config", "set", "tax.rounding", "line", "--as-of", DAY).exit_code == 0
    done(sells, "2025-12-01", "subscribe", "nova", "pro", "--coupon", "launch20")
    done(sells, "2025-12-20", "usage", "record", "nova", "calls", "13")
    done(sells, "2026-01-01", "invoice", "run")
    invoice = done(sells, "2026-01-01", "invoice", "list")[-1]
    assert (invoice["subtotal"], invoice["discount"], invoice["tax"]) == ("52.00", "10.40", "6.65")
    assert sells("config", "set", "tax.rounding", "").exit_code == 0
    assert sells("doctor").exit_code == 0


def test_the_head_of_an_invoice_says_coupons_and_taxes_to_people(sells: Run) -> None:
    done(sells, DAY, "subscribe", "nova", "pro", "--coupon", "launch20")
    shown = sells("invoice", "show", "INV-2026-00001", "--as-of", DAY).stdout
    assert "subtotal 49.00 EUR · discount 9.80 EUR · tax 6.27 EUR" in shown
    assert "coupon launch20: -9.80 EUR" in shown
    assert "MwSt. 16% on 39.20 EUR: 6.27 EUR" in shown


def test_coupons_are_listed_for_people(sells: Run) -> None:
    shown = sells("coupon", "list", "--as-of", DAY).stdout
    assert "launch20" in shown
    assert "20%" in shown
    assert "10 EUR" in shown
    done(sells, DAY, "subscribe", "nova", "pro")
    told = sells("coupon", "apply", "nova", "tenner", "--as-of", DAY)
    assert "nova/pro: coupon tenner (10 EUR off, once) holds from the next invoice on" in told.stdout
    assert "undo with: planctl coupon remove nova tenner" in told.stderr
    assert "nova/pro" in sells("coupon", "list", "nova", "--as-of", DAY).stdout
