"""What a catalog should have at Stripe, worked out from the catalogs' own texts (F062, F063)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from planctl.core.catalog.changeset import StoredCatalog, StoredObject
from planctl.core.catalog.emit import catalog_documents
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.parse import parse
from planctl.core.stripe.catalog_objects import (
    CatalogAtStripe,
    catalog_at_stripe,
    desired_objects,
    lookup_key,
    price_id,
)
from planctl.core.stripe.fields import Desired, Wanted
from planctl.core.stripe.model import LeftOut
from planctl.files.yaml_reader import read_catalog
from planctl.findings import Place
from tests.core.catalog.helpers import acme_catalog, catalog

SAMPLES = Path(__file__).parents[3] / "sample-catalogs"
NEW_YEAR = date(2026, 1, 1)


def sold(whole: Catalog, on: date = NEW_YEAR) -> Wanted:
    """What the catalog of that name has at Stripe when it manages all its plans."""
    owners = {f"{section}.{plan}": whole.name for plan in whole.plans for section in ("plans", "addons")}
    return desired_objects(CatalogAtStripe(whole, on, owners))


def named(wanted: Wanted, kind: str, local_id: str) -> Desired:
    return next(one for one in wanted.objects if (one.kind, one.local_id) == (kind, local_id))


def ids(wanted: Wanted, kind: str) -> list[str]:
    return [one.local_id for one in wanted.objects if one.kind == kind]


def sample(name: str) -> Wanted:
    source = read_catalog(SAMPLES / name)
    found = parse([(file.name, file.node) for file in source.files if file.node is not None])
    assert found.usable
    assert found.catalog is not None
    return sold(found.catalog)


def plan(price: str, more: str = "") -> Wanted:
    """One plan `solo` with that price; the head knows USD and EUR, `more` is written beside the plans."""
    features = "features: {minutes: {beyond: {charge: usage, each: {USD: 0.1, EUR: 0.1}}}}"
    return sold(catalog(f"{more}\nplans: {{solo: {{price: {price}, {features}}}}}"))


# --- products and prices


def test_every_plan_add_on_and_pack_is_a_product() -> None:
    wanted = sold(acme_catalog())
    assert ids(wanted, "product") == [
        "enterprise", "extra_seat", "free", "metered", "minutes_1k", "pro", "setup", "starter",
    ]  # fmt: skip
    assert named(wanted, "product", "starter").fields == {
        "name": "Starter",
        "description": "For a first bot in production",
        "active": True,
        "default_price": "starter/month",
        "metadata": {"planctl_id": "starter", "planctl_catalog": "acme"},
    }
    assert named(wanted, "product", "free").fields == {
        "name": "Free",
        "active": True,
        "metadata": {"planctl_id": "free", "planctl_catalog": "acme"},
    }


def test_a_row_is_one_price_in_all_its_currencies_the_declared_first_one_first() -> None:
    # starter: 3 months: {USD: 54, EUR: 51, USDT: 54}
    assert named(sold(acme_catalog()), "price", "starter/3 months").fields == {
        "product": "starter",
        "active": True,
        "currency": "usd",
        "unit_amount": 5400,
        "currency_options": {"eur": {"unit_amount": 5100}},
        "recurring": {"interval": "month", "interval_count": 3},
        "lookup_key": "planctl/acme/starter/3 months",
        "nickname": "Starter, 3× Monthly",
        "metadata": {"planctl_id": "starter/3 months", "planctl_catalog": "acme"},
    }


def test_rows_without_a_fixed_fee_have_no_price() -> None:
    # free: free, metered: usage, enterprise: a range
    wanted = sold(acme_catalog())
    assert ids(wanted, "price") == [
        "extra_seat/month", "extra_seat/year", "minutes_1k/once", "pro/month", "pro/year", "setup/once",
        "starter/month", "starter/3 months", "starter/year",
    ]  # fmt: skip
    assert LeftOut("price", "enterprise/year", "USD: the amount is agreed at assignment") in wanted.left_out


def test_what_is_paid_once_is_a_price_that_does_not_recur() -> None:
    setup = named(sold(acme_catalog()), "price", "setup/once")
    assert "recurring" not in setup.fields
    assert (setup.fields["unit_amount"], setup.fields["nickname"]) == (29_900, "Onboarding, One-off")


def test_a_currency_that_stripe_does_not_take_is_left_out_of_its_rows_and_named_f063() -> None:
    wanted = sold(acme_catalog())
    why = "sold there without USDT: USDT is no currency of ISO 4217"
    assert [one for one in wanted.left_out if one.why == why] == [
        LeftOut("price", local_id, why)
        for local_id in ("pro/month", "pro/year", "starter/month", "starter/3 months", "starter/year")
    ]
    assert "usdt" not in str([one.fields for one in wanted.objects])


def test_a_row_of_such_currencies_alone_is_left_out_whole_f063() -> None:
    head = "format: planctl.catalog/1\ncatalog: t\ncurrencies: {USDT: {decimals: 6, iso: false}, IRR: }"
    wanted = sold(catalog("plans: {solo: {price: {month: {USDT: 5, IRR: 9}}}}", head=head))
    assert ids(wanted, "price") == []
    assert wanted.left_out == (
        LeftOut(
            "price",
            "solo/month",
            "USDT: USDT is no currency of ISO 4217; IRR: Stripe takes no payments in IRR",
        ),
    )
    assert "default_price" not in named(wanted, "product", "solo").fields


def test_amounts_are_in_stripes_unit_f062_f063() -> None:
    head = "format: planctl.catalog/1\ncatalog: t\ncurrencies: {JPY: , KWD: , ISK: , MGA: , HUF: }"
    row = "{JPY: 500, KWD: 1.23, ISK: 500, MGA: 12, HUF: 10.45}"
    fields = named(
        sold(catalog(f"plans: {{solo: {{price: {{month: {row}}}}}}}", head=head)), "price", "solo/month"
    )
    assert fields.fields["currency"] == "jpy"
    assert fields.fields["unit_amount"] == 500
    assert fields.fields["currency_options"] == {
        "kwd": {"unit_amount": 1230},
        "isk": {"unit_amount": 50_000},
        "mga": {"unit_amount": 12},
        "huf": {"unit_amount": 1045},
    }


def test_an_amount_that_stripe_does_not_take_is_left_out_with_the_reason_f063() -> None:
    head = "format: planctl.catalog/1\ncatalog: t\ncurrencies: {USD: , KWD: , MGA: }"
    wanted = sold(catalog("plans: {solo: {price: {month: {USD: 9, KWD: 1.234, MGA: 12.34}}}}", head=head))
    assert "currency_options" not in named(wanted, "price", "solo/month").fields
    assert wanted.left_out == (
        LeftOut(
            "price",
            "solo/month",
            "sold there without KWD: 1.234 KWD is no amount that Stripe takes; "
            "MGA: 12.34 MGA is no amount that Stripe takes",
        ),
    )


@pytest.mark.parametrize(
    ("interval", "recurring"),
    [
        ("day", {"interval": "day", "interval_count": 1}),
        ("2 weeks", {"interval": "week", "interval_count": 2}),
        ("156 weeks", {"interval": "week", "interval_count": 156}),
        ("36 months", {"interval": "month", "interval_count": 36}),
        ("3 years", {"interval": "year", "interval_count": 3}),
    ],
)
def test_intervals_of_up_to_three_years_recur_at_stripe(interval: str, recurring: object) -> None:
    price = named(plan(f"{{{interval}: {{USD: 9}}}}"), "price", f"solo/{interval}")
    assert price.fields["recurring"] == recurring


@pytest.mark.parametrize("interval", ["157 weeks", "37 months", "4 years", "1096 days"])
def test_longer_ones_are_left_out(interval: str) -> None:
    # "Maximum of three years interval allowed (3 years, 36 months, or 156 weeks)"
    wanted = plan(f"{{month: {{USD: 9}}, {interval}: {{USD: 90}}}}")
    assert ids(wanted, "price") == ["solo/month"]
    assert wanted.left_out == (
        LeftOut("price", f"solo/{interval}", f"Stripe bills at most every 3 years, not every {interval}"),
    )


def test_a_free_price_is_a_price() -> None:
    assert named(plan("{month: {USD: 0}}"), "price", "solo/month").fields["unit_amount"] == 0


def test_an_archived_plan_is_a_product_that_is_not_active_and_has_no_prices() -> None:
    wanted = sold(catalog("plans: {solo: {price: {month: {USD: 9}}, archived: true}}"))
    assert [(one.kind, one.on_sale) for one in wanted.objects] == [("product", False)]
    assert wanted.objects[0].fields == {
        "name": "solo",
        "active": False,
        "metadata": {"planctl_id": "solo", "planctl_catalog": "test"},
    }


def test_a_plan_made_in_the_shell_has_the_shell_for_a_catalog() -> None:
    wanted = desired_objects(CatalogAtStripe(catalog("plans: {solo: {price: {month: {USD: 9}}}}"), NEW_YEAR))
    assert named(wanted, "price", "solo/month").fields["lookup_key"] == "planctl/shell/solo/month"
    assert named(wanted, "product", "solo").fields["metadata"] == {
        "planctl_id": "solo",
        "planctl_catalog": "shell",
    }


def test_the_longest_lookup_key_fits() -> None:
    # "This may be up to 200 characters": ids have 63 at most, an interval has 12
    assert len(lookup_key("c" * 63, "p" * 63, "1200 months")) == 8 + 63 + 1 + 63 + 1 + 11
    assert price_id("pro", "month") == "pro/month"


def test_its_own_metadata_stays_here() -> None:
    wanted = sold(catalog("plans: {solo: {price: {month: {USD: 9}}, metadata: {sku: S1}}}"))
    assert "S1" not in str([one.fields for one in wanted.objects])


# --- coupons


def test_an_amount_off_once() -> None:
    # tenner: {off: {USD: 10, EUR: 9}, for: once}
    assert named(sold(acme_catalog()), "coupon", "tenner").fields == {
        "name": "tenner",
        "currency": "usd",
        "amount_off": 1000,
        "currency_options": {"eur": {"amount_off": 900}},
        "duration": "once",
        "metadata": {"planctl_id": "tenner"},
    }


def test_periods_of_plans_paid_differently_are_no_months() -> None:
    # launch20: {off: 20%, for: 3 periods, plans: [starter, pro]}, paid by month, 3 months and year
    wanted = sold(acme_catalog())
    assert ids(wanted, "coupon") == ["tenner"]
    assert wanted.left_out[-1] == LeftOut(
        "coupon",
        "launch20",
        "3 periods are no number of months: it holds for plans paid by month, 3 months, year",
    )


def coupon(terms: str, *plans: str) -> Wanted:
    entries = ", ".join(f"p{number}: {{{entry}}}" for number, entry in enumerate(plans))
    return sold(catalog(f"coupons: {{c: {terms}}}\nplans: {{{entries}}}"))


@pytest.mark.parametrize(
    ("rows", "months"),
    [
        ("{month: {USD: 9}}", 3),
        ("{3 months: {USD: 9}}", 9),
        ("{year: {USD: 9}}", 36),
        ("{12 months: {USD: 9}}", 36),
        ("{month: {USD: 9}, once: {USD: 100}}", 3),
    ],
)
def test_periods_of_plans_paid_alike_are_months(rows: str, months: int) -> None:
    fields = named(coupon("{off: 12.5%, for: 3 periods}", f"price: {rows}"), "coupon", "c").fields
    assert fields == {
        "name": "c",
        "percent_off": "12.5",
        "duration": "repeating",
        "duration_in_months": months,
        "metadata": {"planctl_id": "c"},
    }


@pytest.mark.parametrize(
    ("plans", "paid"),
    [
        (("price: {week: {USD: 9}}",), "week"),
        (("price: {month: {USD: 9}}", "price: {year: {USD: 9}}"), "month, year"),
        (("price: free",), "nothing that recurs"),
    ],
)
def test_other_periods_are_none(plans: tuple[str, ...], paid: str) -> None:
    wanted = coupon("{off: 10%, for: 2 periods}", *plans)
    assert ids(wanted, "coupon") == []
    assert wanted.left_out == (
        LeftOut("coupon", "c", f"2 periods are no number of months: it holds for plans paid by {paid}"),
    )


def test_only_the_plans_that_it_holds_for_count() -> None:
    plans = ("price: {month: {USD: 9}}", "price: {year: {USD: 9}}")
    wanted = coupon("{off: 10%, for: 2 periods, plans: [p0]}", *plans)
    assert named(wanted, "coupon", "c").fields["duration_in_months"] == 2
    archived = coupon("{off: 10%, for: 2 periods}", plans[0], f"{plans[1]}, archived: true")
    assert named(archived, "coupon", "c").fields["duration_in_months"] == 2


def test_forever_is_forever_and_limits_stay_here() -> None:
    wanted = coupon("{off: 100%, for: forever, until: 2026-12-31, max: 5}", "price: {month: {USD: 9}}")
    assert named(wanted, "coupon", "c").fields == {
        "name": "c",
        "percent_off": "100",
        "duration": "forever",
        "metadata": {"planctl_id": "c"},
    }


def test_a_percentage_finer_than_stripe_keeps_is_left_out() -> None:
    assert coupon("{off: 33.33%}", "price: free").left_out == ()
    assert coupon("{off: 33.333%}", "price: free").left_out == (
        LeftOut("coupon", "c", "percent_off: 33.333 % has more than 2 decimals"),
    )


def test_a_coupon_is_left_without_what_stripe_does_not_take() -> None:
    head = (
        "format: planctl.catalog/1\ncatalog: t\ncurrencies: {USD: , USDT: {decimals: 6, iso: false}, EUR: }"
    )
    both = catalog("coupons: {c: {off: {USD: 5, USDT: 5, EUR: 0}}}\nplans: {p: {price: free}}", head=head)
    wanted = sold(both)
    assert "currency_options" not in named(wanted, "coupon", "c").fields
    assert wanted.left_out == (
        LeftOut("coupon", "c", "sold there without USDT: USDT is no currency of ISO 4217"),
    )
    alone = sold(catalog("coupons: {c: {off: {USDT: 5}}}\nplans: {p: {price: free}}", head=head))
    assert ids(alone, "coupon") == []
    assert alone.left_out == (LeftOut("coupon", "c", "USDT: USDT is no currency of ISO 4217"),)


def test_a_long_coupon_name_is_cut() -> None:
    long = "c" * 63
    wanted = sold(catalog(f"coupons: {{{long}: {{off: 10%}}}}\nplans: {{p: {{price: free}}}}"))
    assert named(wanted, "coupon", long).fields["name"] == "c" * 40


# --- tax rates


def test_the_rate_in_force_is_a_tax_rate_and_its_id_says_which() -> None:
    # vat_de: {name: MwSt., country: DE, rate: {2020-07-01: 16%, 2021-01-01: 19%}}
    rates = named(sold(acme_catalog()), "tax_rate", "vat_de/19")
    assert rates.fields == {
        "display_name": "MwSt.",
        "percentage": "19",
        "inclusive": False,
        "country": "DE",
        "jurisdiction": "DE",
        "active": True,
        "metadata": {"planctl_id": "vat_de/19"},
    }
    assert ids(sold(acme_catalog(), date(2020, 12, 31)), "tax_rate") == ["gst_in/18", "vat_de/16"]
    assert named(sold(acme_catalog()), "tax_rate", "gst_in/18").fields["inclusive"] is True


def test_before_its_first_date_a_tax_has_no_rate() -> None:
    wanted = sold(acme_catalog(), date(2020, 6, 30))
    assert ids(wanted, "tax_rate") == ["gst_in/18"]
    assert wanted.left_out[-1] == LeftOut(
        "tax_rate", "vat_de", "no rate is in force on 2020-06-30, its first rate holds from 2020-07-01"
    )


def test_a_rate_has_at_most_four_decimals() -> None:
    texts = "taxes: {fine: {rate: 8.1234%}, finer: {rate: 8.12345%}}\nplans: {p: {price: free}}"
    wanted = sold(catalog(texts))
    assert named(wanted, "tax_rate", "fine/8.1234").fields["percentage"] == "8.1234"
    assert wanted.left_out == (
        LeftOut("tax_rate", "finer/8.12345", "a tax rate has at most 4 decimals at Stripe"),
    )


# --- what the store holds


def stored(
    whole: Catalog, archived: frozenset[str] = frozenset(), shell: frozenset[str] = frozenset()
) -> StoredCatalog:
    """The catalog as the store holds it, each currency declared on a line of its own."""
    objects = {}
    for line, (address, document) in enumerate(catalog_documents(whole).items(), start=1):
        place = whole.currency_places.get(address.removeprefix("currencies."))
        objects[address] = StoredObject(
            address,
            document,
            archived=address in archived,
            managed_by="" if address in shell else whole.name,
            place=place or Place("catalog.yaml", 100 + line),
        )
    return StoredCatalog("store", objects=objects)


def test_what_is_stored_has_the_same_objects_as_what_was_applied() -> None:
    assert desired_objects(catalog_at_stripe(stored(acme_catalog()), NEW_YEAR)) == sold(acme_catalog())


def test_archived_plans_keep_a_product_and_archived_coupons_and_taxes_have_nothing() -> None:
    gone = frozenset({"plans.starter", "coupons.tenner", "taxes.vat_de"})
    wanted = desired_objects(catalog_at_stripe(stored(acme_catalog(), gone), NEW_YEAR))
    assert not named(wanted, "product", "starter").on_sale
    assert not [one for one in ids(wanted, "price") if one.startswith("starter")]
    assert "tenner" not in ids(wanted, "coupon")
    assert ids(wanted, "tax_rate") == ["gst_in/18"]


def test_the_store_knows_who_manages_a_plan() -> None:
    wanted = desired_objects(
        catalog_at_stripe(stored(acme_catalog(), shell=frozenset({"plans.pro"})), NEW_YEAR)
    )
    keys = [named(wanted, "price", one).fields["lookup_key"] for one in ("pro/month", "starter/month")]
    assert keys == ["planctl/shell/pro/month", "planctl/acme/starter/month"]


# --- the catalogs that come with planctl


@pytest.mark.parametrize(
    ("name", "products", "prices"),
    [
        ("agency", 7, 10),
        ("ai", 2, 1),
        ("chatbot", 7, 9),
        ("company", 4, 7),
        ("groups", 7, 5),
        ("quickstart", 3, 4),
        ("voice", 5, 4),
    ],
)
def test_sample_catalogs_have_their_plans_and_rows_at_stripe(name: str, products: int, prices: int) -> None:
    wanted = sample(name)
    assert (len(ids(wanted, "product")), len(ids(wanted, "price"))) == (products, prices)
    refusals = [one.why for one in wanted.left_out if "USDT" not in one.why]
    assert refusals == []


def test_the_sample_with_its_own_intervals() -> None:
    wanted = sample("voice")
    starter = named(wanted, "price", "starter/2 weeks").fields
    assert (starter["unit_amount"], starter["recurring"]) == (2500, {"interval": "week", "interval_count": 2})
    desk = named(wanted, "price", "desk/3 months").fields
    assert (desk["unit_amount"], desk["recurring"]) == (29_000, {"interval": "month", "interval_count": 3})
    assert named(wanted, "price", "minutes_1k/once").fields["unit_amount"] == 9000
