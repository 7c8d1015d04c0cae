"""Products, prices, coupons, tax rates and customers, as Stripe keeps them."""

from __future__ import annotations

import pytest
import stripe as library

from tests.fakes.stripe import FakeStripe


def price(client: library.StripeClient, product: str, **more: object) -> library.Price:
    params = {"product": product, "currency": "usd", "unit_amount": 1_000, **more}
    return client.v1.prices.create(params)  # type: ignore[arg-type]


@pytest.fixture
def product(client: library.StripeClient) -> str:
    return client.v1.products.create({"name": "Pro"}).id


def test_every_field_that_a_client_may_read_is_there(client: library.StripeClient) -> None:
    # the fields of https://docs.stripe.com/api/products/object
    made = client.v1.products.create({"name": "Pro", "metadata": {"planctl_id": "pro"}})
    assert made.id.startswith("prod_")
    assert made.created == 1_767_225_600
    assert (made.active, made.default_price, made.description, made.images) == (True, None, None, [])
    assert made.metadata.to_dict() == {"planctl_id": "pro"}
    assert (made.shippable, made.tax_code, made.unit_label, made.url) == (None, None, None, None)


def test_metadata_is_merged_and_an_empty_value_takes_a_name_away(
    client: library.StripeClient, product: str
) -> None:
    client.v1.products.update(product, {"metadata": {"a": "1", "b": "2"}})
    changed = client.v1.products.update(product, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    assert client.v1.products.update(product, {"metadata": ""}).metadata.to_dict() == {}


def test_a_default_price_cannot_be_archived_until_the_default_moves(
    client: library.StripeClient, product: str
) -> None:
    old, new = price(client, product), price(client, product)
    client.v1.products.update(product, {"default_price": old.id})
    with pytest.raises(library.InvalidRequestError, match="default price of its product"):
        client.v1.prices.update(old.id, {"active": False})
    client.v1.products.update(product, {"default_price": new.id})
    assert client.v1.prices.update(old.id, {"active": False}).active is False


def test_a_lookup_key_is_one_prices_and_moves_only_where_that_is_asked(
    stripe: FakeStripe, client: library.StripeClient, product: str
) -> None:
    old = price(client, product, lookup_key="planctl/acme/pro/month")
    with pytest.raises(library.InvalidRequestError, match=f"`{old.id}`"):
        price(client, product, lookup_key="planctl/acme/pro/month")
    new = price(client, product, lookup_key="planctl/acme/pro/month", transfer_lookup_key=True)
    found = client.v1.prices.list({"lookup_keys": ["planctl/acme/pro/month"]})
    assert [one.id for one in found.data] == [new.id]
    assert stripe.get(old.id)["lookup_key"] is None
    assert [event["type"] for event in stripe.events[-2:]] == ["price.updated", "price.created"]


def test_amounts_in_other_currencies_are_shown_only_where_they_are_asked_for(
    client: library.StripeClient, product: str
) -> None:
    made = price(client, product, currency_options={"eur": {"unit_amount": 900}})
    assert "currency_options" not in client.v1.prices.retrieve(made.id)
    shown = client.v1.prices.retrieve(made.id, {"expand": ["currency_options"]}).currency_options
    assert shown is not None
    assert {code: shown[code].unit_amount for code in ("usd", "eur")} == {"usd": 1_000, "eur": 900}


def test_the_amount_of_a_price_never_changes(client: library.StripeClient, stripe: FakeStripe) -> None:
    made = price(client, client.v1.products.create({"name": "Pro"}).id)
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.prices.update(made.id, {"unit_amount": 1_100})  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.param) == ("parameter_unknown", "unit_amount")
    stripe.violations.clear()


@pytest.mark.parametrize(
    ("currency", "amount", "fits"),
    [
        # https://docs.stripe.com/currencies: three decimals end in 0, ISK and UGX in 00, eight digits at most
        ("jpy", 501, True),
        ("huf", 17_501, True),
        ("kwd", 5_120, True),
        ("kwd", 5_124, False),
        ("isk", 500, True),
        ("isk", 550, False),
        ("ugx", 550, False),
        ("usd", 99_999_999, True),
        ("usd", 100_000_000, False),
        ("usd", -1, False),
        ("btc", 1, False),
    ],
)
def test_amounts_are_what_the_currency_allows(
    client: library.StripeClient, product: str, currency: str, amount: int, fits: bool
) -> None:
    if fits:
        assert price(client, product, currency=currency, unit_amount=amount).unit_amount == amount
    else:
        with pytest.raises(library.InvalidRequestError):
            price(client, product, currency=currency, unit_amount=amount)


def test_an_interval_is_three_years_at_most(client: library.StripeClient, product: str) -> None:
    assert price(client, product, recurring={"interval": "month", "interval_count": 36}).type == "recurring"
    with pytest.raises(library.InvalidRequestError, match="three years"):
        price(client, product, recurring={"interval": "month", "interval_count": 37})


def test_a_list_is_paged_newest_first(client: library.StripeClient) -> None:
    made = [client.v1.products.create({"name": f"P{number}"}).id for number in range(12)]
    first = client.v1.products.list()
    assert [one.id for one in first.data] == made[:1:-1]
    assert first.has_more is True
    rest = client.v1.products.list({"starting_after": first.data[-1].id})
    assert ([one.id for one in rest.data], rest.has_more) == (made[1::-1], False)
    back = client.v1.products.list({"ending_before": made[1], "limit": 3})
    assert ([one.id for one in back.data], back.has_more) == ([made[4], made[3], made[2]], True)


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_one_to_a_hundred(client: library.StripeClient, limit: int) -> None:
    with pytest.raises(library.InvalidRequestError) as caught:
        client.v1.products.list({"limit": limit})
    assert (caught.value.code, caught.value.param) == ("parameter_invalid_integer", "limit")


def test_a_coupon_takes_off_a_percentage_or_an_amount(
    stripe: FakeStripe, client: library.StripeClient
) -> None:
    made = client.v1.coupons.create({"id": "SPRING", "percent_off": 25, "duration": "once"})
    assert (made.id, made.percent_off, made.valid, made.times_redeemed) == ("SPRING", 25.0, True, 0)
    with pytest.raises(library.InvalidRequestError, match="already exists"):
        client.v1.coupons.create({"id": "SPRING", "percent_off": 10})
    with pytest.raises(library.InvalidRequestError, match="exactly one"):
        client.v1.coupons.create({"percent_off": 10, "amount_off": 10, "currency": "usd"})
    with pytest.raises(library.InvalidRequestError, match="duration_in_months"):
        client.v1.coupons.create({"percent_off": 10, "duration": "repeating"})
    assert client.v1.coupons.delete("SPRING").deleted is True
    with pytest.raises(library.InvalidRequestError, match="No such coupon: 'SPRING'"):
        client.v1.coupons.retrieve("SPRING")
    assert [event["type"] for event in stripe.events] == ["coupon.created", "coupon.deleted"]


def test_a_tax_rate_keeps_its_percentage(client: library.StripeClient) -> None:
    made = client.v1.tax_rates.create(
        {"display_name": "VAT", "percentage": 19.25, "inclusive": False, "country": "DE"}
    )
    assert (made.percentage, made.inclusive, made.country, made.active) == (19.25, False, "DE", True)
    assert client.v1.tax_rates.update(made.id, {"active": False}).active is False
    assert client.v1.tax_rates.list({"active": True}).data == []


def test_a_customer_is_emptied_field_by_field(client: library.StripeClient) -> None:
    made = client.v1.customers.create(
        {
            "name": "Nova",
            "email": "nova@example.com",
            "address": {"line1": "Main St 1", "country": "DE"},
            "preferred_locales": ["de"],
            "tax_exempt": "reverse",
            "invoice_settings": {"custom_fields": [{"name": "Tax ID", "value": "DE123"}]},
        }
    )
    assert made.address is not None
    assert (made.address.line1, made.address.line2, made.address.country) == ("Main St 1", None, "DE")
    emptied = client.v1.customers.update(
        made.id, {"email": "", "address": "", "tax_exempt": "", "invoice_settings": {"custom_fields": ""}}
    )
    assert (emptied.name, emptied.email, emptied.address, emptied.tax_exempt) == ("Nova", None, None, "none")
    assert emptied.invoice_settings is not None
    assert emptied.invoice_settings.custom_fields is None


def test_a_deleted_customer_is_told_to_be_deleted_and_is_in_no_list(
    stripe: FakeStripe, client: library.StripeClient
) -> None:
    made = client.v1.customers.create({"name": "Nova"})
    client.v1.customers.delete(made.id)
    assert client.v1.customers.retrieve(made.id).deleted is True
    assert client.v1.customers.list().data == []
    with pytest.raises(library.InvalidRequestError, match="No such customer"):
        client.v1.invoices.create({"customer": made.id, "currency": "usd"})
    assert stripe.events[-1]["type"] == "customer.deleted"


def test_a_search_finds_a_new_customer_only_after_its_lag(
    stripe: FakeStripe, client: library.StripeClient
) -> None:
    made = client.v1.customers.create({"name": "Nova", "metadata": {"planctl_id": "nova"}})
    query = {"query": "metadata['planctl_id']:'nova'"}
    assert client.v1.customers.search(query).data == []  # type: ignore[arg-type]
    assert [one.id for one in client.v1.customers.list().data] == [made.id]
    stripe.clock.advance(60)
    assert [one.id for one in client.v1.customers.search(query).data] == [made.id]  # type: ignore[arg-type]
