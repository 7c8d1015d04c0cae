"""What is read back from Stripe's objects, what differs, and which parameters make it so.

Stripe's own example objects are those of tests/data/stripe (its openapi repository).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planctl.core.stripe.fields import (
    Desired,
    create_params,
    differences,
    digest,
    is_fixed,
    seen,
    update_params,
    without_empty,
)
from planctl.core.stripe.model import FieldChange, Kind, Object, Value

EXAMPLES = json.loads(
    (Path(__file__).parents[2] / "data" / "stripe" / "fixtures3.json").read_text(encoding="utf-8")
)["resources"]


def example(kind: Kind, **over: Value) -> Object:
    found: dict[str, Value] = {**EXAMPLES[kind], **over}
    return found


PRODUCT = Desired(
    "product",
    "pro",
    {
        "name": "Pro",
        "active": True,
        "default_price": "pro/month",
        "metadata": {"planctl_id": "pro", "planctl_catalog": "acme"},
    },
)
PRICE = Desired(
    "price",
    "pro/month",
    {
        "product": "pro",
        "active": True,
        "currency": "usd",
        "unit_amount": 4900,
        "currency_options": {"eur": {"unit_amount": 4600}},
        "recurring": {"interval": "month", "interval_count": 1},
        "lookup_key": "planctl/acme/pro/month",
        "nickname": "Pro, Monthly",
        "metadata": {"planctl_id": "pro/month", "planctl_catalog": "acme"},
    },
)
CUSTOMER = Desired(
    "customer",
    "c1",
    {
        "name": "Ada",
        "description": "c1",
        "address": {"line1": "Main St 1", "country": "DE"},
        "tax_exempt": "none",
        "metadata": {"planctl_id": "c1"},
    },
)


def price_there(**over: Value) -> Object:
    """The price as Stripe lists it once it was made from PRICE, with all that Stripe adds."""
    options: dict[str, Value] = {
        "usd": {"unit_amount": 4900, "unit_amount_decimal": "4900", "tax_behavior": "unspecified"},
        "eur": {"unit_amount": 4600, "unit_amount_decimal": "4600", "tax_behavior": "unspecified"},
    }
    made: dict[str, Value] = {
        "id": "price_1",
        "product": "prod_1",
        "currency": "usd",
        "unit_amount": 4900,
        "currency_options": options,
        "lookup_key": "planctl/acme/pro/month",
        "nickname": "Pro, Monthly",
        "metadata": {"planctl_id": "pro/month", "planctl_catalog": "acme", "planctl_store": "s", "x": "y"},
    }
    return example("price", **{**made, **over})


NAMES: dict[tuple[Kind, str], str] = {("product", "prod_1"): "pro", ("price", "price_1"): "pro/month"}


# --- reading


def test_a_price_reads_back_as_it_was_made_whatever_stripe_adds() -> None:
    assert seen(price_there(), PRICE, NAMES) == PRICE.fields


def test_which_currency_is_the_default_at_stripe_makes_no_difference() -> None:
    turned = price_there(currency="eur", unit_amount=4600)
    assert seen(turned, PRICE, NAMES) == PRICE.fields


def test_a_price_without_our_currency_is_told_as_it_is() -> None:
    found = seen(price_there(currency="gbp", unit_amount=4200, currency_options={}), PRICE, NAMES)
    assert (found["currency"], found["unit_amount"]) == ("gbp", 4200)
    assert "currency_options" not in found


def test_an_object_is_named_by_our_id_and_a_strange_one_by_stripes() -> None:
    assert seen(price_there(product="prod_9"), PRICE, NAMES)["product"] == "prod_9"
    whole: dict[str, Value] = {"id": "prod_1", "object": "product"}
    assert seen(price_there(product=whole), PRICE, NAMES)["product"] == "pro"
    product = example("product", default_price="price_1")
    assert seen(product, PRODUCT, NAMES)["default_price"] == "pro/month"


def test_stripes_example_of_a_product() -> None:
    assert seen(example("product"), PRODUCT, {}) == {
        "name": "T-shirt",
        "description": "Comfortable gray cotton t-shirt",
        "active": True,
        "default_price": "price_1PgafmB7WZ01zgkW02Hf9z6c",
    }


def test_stripes_example_of_a_tax_rate() -> None:
    assert seen(example("tax_rate"), Desired("tax_rate", "vat/19", {}), {}) == {
        "display_name": "VAT",
        "inclusive": False,
        "country": "DE",
        "jurisdiction": "DE",
        "active": True,
        "percentage": "19",
    }


@pytest.mark.parametrize(("said", "read"), [(19, "19"), ("19.0", "19"), ("25.50", "25.5"), ("1e-5", "1e-5")])
def test_percentages_are_compared_as_numbers(said: Value, read: str) -> None:
    found = seen(example("tax_rate", percentage=said), Desired("tax_rate", "vat/19", {}), {})
    assert found["percentage"] == read


def test_stripes_example_of_a_coupon_has_months_only_where_it_repeats() -> None:
    ours = Desired("coupon", "x", {})
    read = {"name": "25.5% off", "duration": "forever", "percent_off": "25.5"}
    assert seen(example("coupon", percent_off="25.5"), ours, {}) == read
    repeating = seen(example("coupon", percent_off="25.5", duration="repeating"), ours, {})
    assert repeating == {**read, "duration": "repeating", "duration_in_months": 3}


def test_a_coupon_of_amounts_reads_back() -> None:
    fields: dict[str, Value] = {
        "name": "tenner",
        "currency": "usd",
        "amount_off": 1000,
        "currency_options": {"eur": {"amount_off": 900}},
        "duration": "once",
    }
    there = example(
        "coupon",
        name="tenner",
        percent_off=None,
        currency="eur",
        amount_off=900,
        currency_options={"usd": {"amount_off": 1000}, "eur": {"amount_off": 900}},
        duration="once",
        duration_in_months=None,
    )
    assert seen(there, Desired("coupon", "tenner", fields), {}) == fields


def test_a_customer_reads_back_and_what_is_not_ours_is_not_read() -> None:
    there = example(
        "customer",
        name="Ada",
        description="c1",
        address={"city": "Ulm", "country": "DE", "line1": "Main St 1", "line2": None, "postal_code": "1"},
        phone="+49",
        metadata={"planctl_id": "c1", "crm": "7"},
    )
    assert seen(there, CUSTOMER, {}) == CUSTOMER.fields


# --- what differs


def test_differences_have_paths_in_our_order_and_lists_are_one_value() -> None:
    ours: dict[str, Value] = {
        "name": "Ada",
        "address": {"line1": "A", "line2": "B"},
        "preferred_locales": ["de"],
    }
    stripe: dict[str, Value] = {"address": {"line1": "C"}, "preferred_locales": ["en", "de"], "name": "Ada"}
    assert differences(ours, stripe, "customer") == (
        FieldChange("address.line1", "A", "C"),
        FieldChange("address.line2", "B", None),
        FieldChange("preferred_locales", ["de"], ["en", "de"]),
    )


def test_what_we_emptied_differs_until_it_is_unset_there() -> None:
    ours = without_empty({"name": "Ada", "email": "", "address": {"line1": "", "country": None}})
    assert ours == {"name": "Ada"}
    stripe: dict[str, Value] = {"name": "Ada", "email": "a@b.example", "address": {"line1": "A"}}
    changes = differences(ours, stripe, "customer")
    assert changes == (FieldChange("email", None, "a@b.example"), FieldChange("address.line1", None, "A"))
    customer = Desired("customer", "c1", ours)
    # "Individual keys can be unset by posting an empty value to them"
    assert update_params(customer, changes, {}) == {
        "email": "",
        "address": {"line1": "", "line2": "", "country": ""},
    }


def test_false_and_zero_are_values() -> None:
    assert without_empty({"active": False, "unit_amount": 0}) == {"active": False, "unit_amount": 0}


def test_what_stripe_cannot_empty_is_left() -> None:
    assert differences({"name": "Pro"}, {"name": "Pro", "default_price": "price_1"}, "product") == ()
    assert differences({}, {"preferred_locales": ["de"]}, "customer") == ()
    assert differences({}, {"description": "x"}, "product") != ()


@pytest.mark.parametrize(
    ("kind", "path", "fixed"),
    [
        ("price", "unit_amount", True),
        ("price", "currency_options.eur.unit_amount", True),
        ("price", "recurring.interval", True),
        ("price", "product", True),
        ("price", "nickname", False),
        ("price", "lookup_key", False),
        ("coupon", "percent_off", True),
        ("coupon", "duration_in_months", True),
        ("coupon", "name", False),
        ("tax_rate", "percentage", True),
        ("tax_rate", "inclusive", True),
        ("tax_rate", "display_name", False),
        ("product", "name", False),
        ("customer", "email", False),
    ],
)
def test_what_stripe_never_changes_makes_another_object(kind: Kind, path: str, fixed: bool) -> None:
    assert is_fixed(FieldChange(path, 1, 2), kind) is fixed


def test_a_digest_does_not_know_the_order_of_fields() -> None:
    turned = dict(reversed(list(PRICE.fields.items())))
    assert digest(turned) == digest(PRICE.fields)
    assert digest({**PRICE.fields, "unit_amount": 4901}) != digest(PRICE.fields)
    # printf '{"name":"A"}' | sha256sum
    assert digest({"name": "A"}) == "b2c9ee672db13673e38e84d0da1a6e765c88b3d0f1dc65244d3f736045aa5c84"


# --- what is sent


IDS: dict[tuple[Kind, str], str] = {("product", "pro"): "prod_1", ("price", "pro/month"): "price_1"}


def test_a_price_is_made_for_its_product_and_takes_its_lookup_key() -> None:
    assert create_params(PRICE, IDS) == {
        **PRICE.fields,
        "product": "prod_1",
        "transfer_lookup_key": True,
    }


def test_a_product_is_made_without_its_default_price_which_follows() -> None:
    assert create_params(PRODUCT, {}) == {
        "name": "Pro",
        "active": True,
        "metadata": {"planctl_id": "pro", "planctl_catalog": "acme"},
    }
    assert "default_price" not in PRODUCT.created
    later = (FieldChange("default_price", "pro/month", None),)
    assert update_params(PRODUCT, later, {}) == {}
    assert update_params(PRODUCT, later, IDS) == {"default_price": "price_1"}


def test_an_update_sets_what_changed_and_nothing_else() -> None:
    changes = (
        FieldChange("nickname", "Pro, Monthly", "x"),
        FieldChange("metadata.planctl_id", "pro/month", None),
    )
    assert update_params(PRICE, changes, IDS) == {
        "nickname": "Pro, Monthly",
        "metadata": {"planctl_id": "pro/month"},
    }


def test_a_lookup_key_is_taken_over() -> None:
    changes = (FieldChange("lookup_key", "planctl/acme/pro/month", None),)
    assert update_params(PRICE, changes, IDS) == {
        "lookup_key": "planctl/acme/pro/month",
        "transfer_lookup_key": True,
    }


def test_a_list_is_sent_whole() -> None:
    fields: dict[str, Value] = {"invoice_settings": {"custom_fields": [{"name": "Tax ID", "value": "DE1"}]}}
    ours = Desired("customer", "c1", fields)
    changes = differences(fields, {}, "customer")
    assert changes == (
        FieldChange("invoice_settings.custom_fields", [{"name": "Tax ID", "value": "DE1"}], None),
    )
    assert update_params(ours, changes, {}) == fields
    emptied = differences({}, fields, "customer")
    assert update_params(ours, emptied, {}) == {"invoice_settings": {"custom_fields": ""}}
