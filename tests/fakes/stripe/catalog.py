"""Products and prices: lookup keys are one price's, amounts never change, a default price cannot be archived.

Source: https://docs.stripe.com/api/products, https://docs.stripe.com/api/prices.
"""

from __future__ import annotations

from typing import Any

from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.errors import invalid
from tests.fakes.stripe.money import check_amount, currency_of
from tests.fakes.stripe.objects import Object, patch
from tests.fakes.stripe.paging import page
from tests.fakes.stripe.routing import Call, Endpoint, reading

_PRODUCT_FIELDS = (
    "active",
    "name",
    "description",
    "images",
    "marketing_features",
    "package_dimensions",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
)
_NEW_PRODUCT: Object = {
    "active": True,
    "default_price": None,
    "description": None,
    "package_dimensions": None,
    "metadata": {},
    "type": "service",
}
_NEW_PRICE: Object = {
    "active": True,
    "billing_scheme": "per_unit",
    "custom_unit_amount": None,
    "lookup_key": None,
    "metadata": {},
    "nickname": None,
    "recurring": None,
    "tax_behavior": "unspecified",
    "tiers_mode": None,
    "transform_quantity": None,
}
LONGEST_INTERVALS = {"day": 1_095, "week": 156, "month": 36, "year": 3}
LONGEST_LOOKUP_KEY = 200
MOST_LOOKUP_KEYS = 10


def create_product(call: Call) -> Object:
    """A product, with its first price where `default_price_data` is given."""
    books, params = call.books, call.params
    if params.get("id") in books.objects:
        raise invalid("Product already exists.", "id", "resource_already_exists")
    product = books.make(
        "product", dict(_NEW_PRODUCT) | {"updated": books.clock.now}, str(params.get("id", ""))
    )
    patch(product, params, *_PRODUCT_FIELDS)
    books.emit("product.created", product)
    if "default_price_data" in params:
        price = add_price(books, params["default_price_data"] | {"product": product["id"]})
        product["default_price"] = price["id"]
    return product


def update_product(call: Call) -> Object:
    """Change what may change; the default price must be an active one of the product's own."""
    books, params = call.books, call.params
    product = books.find("product", call.id)
    before = snapshot(product)
    if params.get("default_price"):
        price = books.find("price", params["default_price"], "default_price")
        if price["product"] != product["id"]:
            raise invalid(
                f"The price {price['id']} does not belong to the product {product['id']}.", "default_price"
            )
        if not price["active"]:
            raise invalid("The default price of a product must be active.", "default_price")
    patch(product, params, *_PRODUCT_FIELDS, "default_price")
    if product != before:
        product["updated"] = books.clock.now
    books.updated(product, before)
    return product


def delete_product(call: Call) -> Object:
    """Take a product away that never had a price."""
    product = call.books.find("product", call.id)
    if any(price["product"] == product["id"] for price in call.books.of("price")):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.", "id")
    call.books.emit("product.deleted", product)
    return call.books.remove(product)


def list_products(call: Call) -> Object:
    """Filters: `active`, `ids`, `shippable`, `url`, `created`."""
    ids = call.params.get("ids")
    return page(
        call, "product", "active", "shippable", "url", keep=lambda thing: ids is None or thing["id"] in ids
    )


def create_price(call: Call) -> Object:
    """A price of a product that is there or made with it."""
    books, params = call.books, call.params
    if "product_data" in params and "product" not in params:
        product = books.make(
            "product",
            dict(_NEW_PRODUCT) | {"name": params["product_data"]["name"], "updated": books.clock.now},
        )
        patch(product, params["product_data"], *_PRODUCT_FIELDS)
        books.emit("product.created", product)
        params = params | {"product": product["id"]}
    if "product" not in params:
        raise invalid("Missing required param: product.", "product", "parameter_missing")
    books.find("product", params["product"], "product")
    return add_price(books, params)


def add_price(books: Books, params: Object) -> Object:
    """Put a price into the books, its options by currency aside."""
    currency = currency_of(params["currency"])
    options = {
        currency_of(code, f"currency_options[{code}]"): _option(code.lower(), value, params)
        for code, value in params.get("currency_options", {}).items()
    }
    if currency in options:
        raise invalid(
            "You are specifying a currency option that matches the top-level currency for this price.",
            f"currency_options[{currency}]",
        )
    own = _amounts(params, currency, "")
    _claim_lookup_key(books, params, None)
    price = books.make("price", dict(_NEW_PRICE) | {"currency": currency, "product": params["product"]} | own)
    patch(
        price,
        params,
        "active",
        "billing_scheme",
        "lookup_key",
        "nickname",
        "tax_behavior",
        "tiers_mode",
        "transform_quantity",
    )
    price["type"] = "recurring" if "recurring" in params else "one_time"
    if "recurring" in params:
        price["recurring"] = _recurring(params["recurring"])
    first = {currency: _option(currency, params, params)}
    books.aside[price["id"]] = {"currency_options": first | options}
    books.emit("price.created", price)
    return price


def update_price(call: Call) -> Object:
    """Change what may change: never the amount, the currency or the interval."""
    books, params = call.books, call.params
    price = books.find("price", call.id)
    before = snapshot(price)
    if (
        params.get("active") is False
        and books.find("product", price["product"])["default_price"] == price["id"]
    ):
        raise invalid("This price cannot be archived because it is the default price of its product.")
    _claim_lookup_key(books, params, price)
    _update_options(books, price, params)
    patch(price, params, "active", "lookup_key", "nickname", "tax_behavior")
    books.updated(price, before)
    return price


def list_prices(call: Call) -> Object:
    """Filters: `active`, `currency`, `product`, `type`, up to ten `lookup_keys`, `created`."""
    keys = call.params.get("lookup_keys")
    if keys is not None and len(keys) > MOST_LOOKUP_KEYS:
        raise invalid(f"You may only specify up to {MOST_LOOKUP_KEYS} lookup_keys.", "lookup_keys")
    wanted = call.params.get("recurring", {})

    def keep(price: Object) -> bool:
        named = keys is None or price["lookup_key"] in keys
        return named and all((price["recurring"] or {}).get(name) == value for name, value in wanted.items())

    return page(call, "price", "active", "currency", "product", "type", keep=keep)


def _claim_lookup_key(books: Books, params: Object, price: Object | None) -> None:
    """A lookup key is one price's; another one gives it up where it is to be transferred."""
    key = params.get("lookup_key")
    if not key:
        return
    if len(key) > LONGEST_LOOKUP_KEY:
        raise invalid(f"Invalid string: must be at most {LONGEST_LOOKUP_KEY} characters", "lookup_key")
    for other in books.of("price"):
        if other["lookup_key"] != key or other is price:
            continue
        if not params.get("transfer_lookup_key"):
            raise invalid(f"A price (`{other['id']}`) already uses that lookup key.", "lookup_key")
        before = snapshot(other)
        other["lookup_key"] = None
        books.updated(other, before)


def _amounts(params: Object, currency: str, at: str) -> Object:
    """`unit_amount` and its decimal text; a price with decimals of a cent has no whole amount."""
    if params.get("billing_scheme") == "tiered" or "custom_unit_amount" in params:
        return {"unit_amount": None, "unit_amount_decimal": None}
    where = f"{at}[unit_amount]" if at else "unit_amount"
    if "unit_amount" in params:
        amount = check_amount(params["unit_amount"], currency, where)
        return {"unit_amount": amount, "unit_amount_decimal": str(amount)}
    if "unit_amount_decimal" in params:
        exact = params["unit_amount_decimal"]
        whole = int(exact) if exact == int(exact) else None
        return {"unit_amount": whole, "unit_amount_decimal": str(exact)}
    raise invalid(f"Missing required param: {where}.", where, "parameter_missing")


def _option(currency: str, value: Object, params: Object) -> Object:
    behavior = value.get("tax_behavior", params.get("tax_behavior", "unspecified"))
    option: Object = {"custom_unit_amount": None, "tax_behavior": behavior}
    return option | _amounts(value, currency, f"currency_options[{currency}]")


def _update_options(books: Books, price: Object, params: Object) -> None:
    """Other currencies may be added, replaced and taken away; the price's own may not."""
    if "currency_options" not in params:
        return
    options: dict[str, Any] = books.aside[price["id"]]["currency_options"]
    own = price["currency"]
    given = params["currency_options"] or dict.fromkeys(set(options) - {own}, "")
    for code, value in given.items():
        currency = currency_of(code, f"currency_options[{code}]")
        if currency == own:
            raise invalid(
                "You are specifying an update to a currency option that matches the top-level currency for this price. "
                "Please remove this currency option and update the top-level params instead.",
                f"currency_options[{currency}]",
            )
        if value == "":
            options.pop(currency, None)
        else:
            options[currency] = _option(currency, value, price)


def _recurring(given: Object) -> Object:
    interval, count = given["interval"], given.get("interval_count", 1)
    if not 1 <= count <= LONGEST_INTERVALS[interval]:
        raise invalid(
            "Invalid interval: the maximum is three years (3 years, 36 months, 156 weeks, or 1095 days).",
            "recurring[interval_count]",
        )
    return {
        "interval": interval,
        "interval_count": count,
        "meter": given.get("meter"),
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": given.get("usage_type", "licensed"),
    }


ENDPOINTS = (
    Endpoint("POST", "/v1/products", create_product, "ProductCreateParams"),
    Endpoint("GET", "/v1/products", list_products, "ProductListParams"),
    Endpoint("POST", "/v1/products/{}", update_product, "ProductUpdateParams"),
    Endpoint("GET", "/v1/products/{}", reading("product"), "ProductRetrieveParams"),
    Endpoint("DELETE", "/v1/products/{}", delete_product, "ProductDeleteParams"),
    Endpoint("POST", "/v1/prices", create_price, "PriceCreateParams"),
    Endpoint("GET", "/v1/prices", list_prices, "PriceListParams"),
    Endpoint("POST", "/v1/prices/{}", update_price, "PriceUpdateParams"),
    Endpoint("GET", "/v1/prices/{}", reading("price"), "PriceRetrieveParams"),
)
