"""Three ways: what is wanted, what was sent, what is there; each action with what leads to it."""

from __future__ import annotations

from datetime import date

from planctl.core.stripe.catalog_objects import CatalogAtStripe, desired_objects
from planctl.core.stripe.comparing import Comparison, compare
from planctl.core.stripe.fields import Desired, Wanted, digest, update_params
from planctl.core.stripe.model import FieldChange, Kind, LeftOut, Link, Object, StripeChange, Value
from tests.core.catalog.helpers import acme_catalog, catalog

US = "store-1"

PRODUCT = Desired(
    "product",
    "pro",
    {"name": "Pro", "active": True, "default_price": "pro/month", "metadata": {"planctl_id": "pro"}},
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
        "metadata": {"planctl_id": "pro/month"},
    },
)
COUPON = Desired(
    "coupon",
    "c",
    {"name": "c", "percent_off": "20", "duration": "once", "metadata": {"planctl_id": "c"}},
)
TAX = Desired(
    "tax_rate",
    "vat/19",
    {
        "display_name": "VAT",
        "percentage": "19",
        "inclusive": False,
        "active": True,
        "metadata": {"planctl_id": "vat/19"},
    },
)
ADA = Desired(
    "customer",
    "ada",
    {"name": "Ada", "description": "ada", "tax_exempt": "none", "metadata": {"planctl_id": "ada"}},
)

MARK: dict[str, Value] = {"planctl_store": US}


def there(ours: Desired, stripe_id: str, **over: Value) -> Object:
    """The object as Stripe has it after it was made: our fields, our mark, its own id."""
    metadata = ours.fields["metadata"]
    assert isinstance(metadata, dict)
    made: dict[str, Value] = {**ours.fields, "id": stripe_id, "created": 1, "metadata": {**metadata, **MARK}}
    if ours.kind == "product":
        made["default_price"] = "price_1"
    if ours.kind == "price":
        made["product"] = "prod_1"
    return {**made, **over}


def link(ours: Desired, stripe_id: str, sent: Desired | None = None) -> Link:
    """What was last sent; other fields than today's where `sent` says so."""
    return Link(ours.kind, ours.local_id, stripe_id, digest((sent or ours).fields))


def with_fields(ours: Desired, **over: Value) -> Desired:
    return Desired(ours.kind, ours.local_id, {**ours.fields, **over})


PRODUCT_THERE, PRICE_THERE = there(PRODUCT, "prod_1"), there(PRICE, "price_1")
LINKS = (link(PRODUCT, "prod_1"), link(PRICE, "price_1"))


def plans(
    *wanted: Desired,
    links: tuple[Link, ...] = LINKS,
    products: tuple[Object, ...] = (PRODUCT_THERE,),
    prices: tuple[Object, ...] = (PRICE_THERE,),
) -> Comparison:
    return compare(Wanted(wanted), links, {"product": list(products), "price": list(prices)}, US)


def one_kind(
    kind: Kind, wanted: tuple[Desired, ...], links: tuple[Link, ...], *objects: Object
) -> Comparison:
    return compare(Wanted(wanted), links, {kind: list(objects)}, US)


# --- nothing to do, and everything


def test_what_was_sent_and_is_there_needs_nothing() -> None:
    assert plans(PRODUCT, PRICE) == Comparison(unchanged=2)


def test_in_an_empty_account_everything_is_created_products_first() -> None:
    found = plans(PRICE, PRODUCT, links=(), products=(), prices=())
    assert found.changes == (
        StripeChange("product", "pro", "create"),
        StripeChange("price", "pro/month", "create"),
    )
    assert found.count_of("create") == 2


def test_a_whole_catalog_from_an_empty_account() -> None:
    wanted = desired_objects(CatalogAtStripe(acme_catalog(), date(2026, 1, 1)))
    found = compare(wanted, (), {"product": [], "price": [], "coupon": [], "tax_rate": []}, US)
    # 8 products, 9 prices, 1 coupon and 2 tax rates; 5 rows lose USDT, one is a range, one coupon has no months
    assert [found.count_of("create"), len(found.changes), len(found.left_out)] == [20, 20, 7]


def test_kinds_that_were_not_listed_are_not_compared() -> None:
    found = compare(Wanted((PRODUCT, PRICE, ADA)), LINKS, {"price": [PRICE_THERE]}, US)
    assert found == Comparison(unchanged=1)


def test_an_archived_plan_is_not_created() -> None:
    gone = with_fields(PRODUCT, active=False)
    assert plans(gone, links=(), products=(), prices=()) == Comparison()


# --- we changed something


def test_a_changed_name_is_an_update() -> None:
    found = plans(with_fields(PRODUCT, name="Professional"), PRICE)
    assert found.changes == (
        StripeChange("product", "pro", "update", "prod_1", (FieldChange("name", "Professional", "Pro"),)),
    )
    assert found.unchanged == 1


def test_an_emptied_value_is_unset_at_stripe() -> None:
    before = with_fields(ADA, email="ada@ada.example", address={"line1": "A", "country": "DE"})
    now = with_fields(ADA, address={"country": "DE"})
    found = one_kind("customer", (now,), (link(ADA, "cus_1", before),), there(before, "cus_1"))
    (change,) = found.changes
    assert change.action == "update"
    assert change.fields == (
        FieldChange("address.line1", None, "A"),
        FieldChange("email", None, "ada@ada.example"),
    )
    assert update_params(now, change.fields, {}) == {
        "address": {"line1": "", "line2": "", "country": "DE"},
        "email": "",
    }


def test_a_new_amount_is_a_new_price_and_why_says_the_order() -> None:
    found = plans(PRODUCT, with_fields(PRICE, unit_amount=5500))
    assert found.changes == (
        StripeChange(
            "price",
            "pro/month",
            "replace",
            "price_1",
            (FieldChange("unit_amount", 5500, 4900),),
            "49.00 → 55.00 USD; a new price takes its lookup key, then its place as the product's default,"
            " then this one is archived",
        ),
    )


def test_a_new_amount_in_a_further_currency_is_a_new_price_too() -> None:
    dearer: dict[str, Value] = {"eur": {"unit_amount": 5000}, "jpy": {"unit_amount": 7000}}
    (change,) = plans(PRODUCT, with_fields(PRICE, currency_options=dearer)).changes
    assert change.action == "replace"
    assert change.why.startswith("46.00 → 50.00 EUR; none → 7,000 JPY; a new price")


def test_a_new_rate_of_a_tax_is_another_object_and_the_old_one_is_archived() -> None:
    now = Desired(
        "tax_rate", "vat/20", {**TAX.fields, "percentage": "20", "metadata": {"planctl_id": "vat/20"}}
    )
    found = one_kind("tax_rate", (now,), (link(TAX, "txr_1"),), there(TAX, "txr_1"))
    assert found.changes == (
        StripeChange("tax_rate", "vat/19", "archive", "txr_1", (), "no longer sold"),
        StripeChange("tax_rate", "vat/20", "create"),
    )


def test_an_included_tax_takes_another_rate() -> None:
    (change,) = one_kind(
        "tax_rate", (with_fields(TAX, inclusive=True),), (link(TAX, "txr_1"),), there(TAX, "txr_1")
    ).changes
    assert (change.action, change.why) == (
        "replace", "a new rate takes its place, then this one is archived",
    )  # fmt: skip


def test_another_discount_takes_another_coupon() -> None:
    (change,) = one_kind(
        "coupon", (with_fields(COUPON, percent_off="25"),), (link(COUPON, "co_1"),), there(COUPON, "co_1")
    ).changes
    assert (change.action, change.why) == (
        "replace", "a new coupon takes its place, then this one is deleted",
    )  # fmt: skip
    assert change.fields == (FieldChange("percent_off", "25", "20"),)


# --- archiving and its end


def test_an_archived_plan_is_archived_and_its_default_price_stays() -> None:
    yearly = Desired(
        "price",
        "pro/year",
        {**PRICE.fields, "lookup_key": "planctl/acme/pro/year", "metadata": {"planctl_id": "pro/year"}},
    )
    gone = Desired("product", "pro", {"name": "Pro", "active": False, "metadata": {"planctl_id": "pro"}})
    found = plans(
        gone, links=(*LINKS, link(yearly, "price_2")), prices=(PRICE_THERE, there(yearly, "price_2"))
    )
    assert found.changes == (
        StripeChange("product", "pro", "archive", "prod_1", (), "archived here"),
        StripeChange("price", "pro/year", "archive", "price_2", (), "no longer sold"),
    )
    assert found.left_out == ()


def test_what_is_archived_on_both_sides_needs_nothing() -> None:
    gone = Desired("product", "pro", {"name": "Old", "active": False, "metadata": {"planctl_id": "pro"}})
    found = plans(gone, products=(there(PRODUCT, "prod_1", active=False),))
    assert found == Comparison(unchanged=1)


def test_a_plan_on_sale_again_is_an_update() -> None:
    off = with_fields(PRODUCT, active=False)
    (change,) = plans(
        PRODUCT,
        PRICE,
        links=(link(PRODUCT, "prod_1", off), LINKS[1]),
        products=(there(off, "prod_1", active=False),),
    ).changes
    assert (change.action, change.fields) == ("update", (FieldChange("active", True, False),))


def test_a_row_that_is_gone_is_archived_once_another_is_the_default() -> None:
    yearly = Desired(
        "price",
        "pro/year",
        {**PRICE.fields, "lookup_key": "planctl/acme/pro/year", "metadata": {"planctl_id": "pro/year"}},
    )
    found = plans(with_fields(PRODUCT, default_price="pro/year"), yearly)
    assert [(one.local_id, one.action) for one in found.changes] == [
        ("pro", "update"),
        ("pro/month", "archive"),
        ("pro/year", "create"),
    ]
    assert found.changes[0].fields == (FieldChange("default_price", "pro/year", "pro/month"),)


def test_the_last_price_of_a_plan_on_sale_stays_and_that_is_said() -> None:
    free = Desired("product", "pro", {"name": "Pro", "active": True, "metadata": {"planctl_id": "pro"}})
    found = plans(free)
    assert found.changes == ()
    assert found.left_out == (LeftOut("price", "pro/month", "Stripe keeps it as the default price of pro"),)


def test_a_coupon_that_is_gone_is_archived_and_a_customer_is_not() -> None:
    assert one_kind("coupon", (), (link(COUPON, "co_1"),), there(COUPON, "co_1")).changes == (
        StripeChange("coupon", "c", "archive", "co_1", (), "no longer sold"),
    )
    assert one_kind("customer", (), (link(ADA, "cus_1"),), there(ADA, "cus_1")) == Comparison()


# --- Stripe changed something


def test_what_somebody_changed_at_stripe_is_drift() -> None:
    found = plans(PRODUCT, PRICE, products=(there(PRODUCT, "prod_1", name="X", description="cheap"),))
    assert found.changes == (
        StripeChange(
            "product",
            "pro",
            "drift",
            "prod_1",
            (FieldChange("name", "Pro", "X"), FieldChange("description", None, "cheap")),
            "changed at Stripe",
        ),
    )


def test_what_both_changed_is_an_update() -> None:
    found = plans(
        with_fields(PRODUCT, name="Professional"), PRICE, products=(there(PRODUCT, "prod_1", name="X"),)
    )
    assert (found.changes[0].action, found.changes[0].fields) == (
        "update", (FieldChange("name", "Professional", "X"),),
    )  # fmt: skip


def test_what_both_changed_to_the_same_needs_nothing() -> None:
    now = with_fields(PRODUCT, name="Professional")
    assert plans(now, PRICE, products=(there(now, "prod_1"),)).changes == ()


def test_a_default_price_a_lookup_key_and_a_mark_taken_away_are_set_back() -> None:
    metadata: dict[str, Value] = {}
    found = plans(
        PRODUCT,
        PRICE,
        products=(there(PRODUCT, "prod_1", default_price="price_9"),),
        prices=(there(PRICE, "price_1", lookup_key=None, active=False, metadata=metadata),),
    )
    assert [one.action for one in found.changes] == ["drift", "drift"]
    assert found.changes[0].fields == (FieldChange("default_price", "pro/month", "price_9"),)
    assert found.changes[1].fields == (
        FieldChange("active", True, False),
        FieldChange("lookup_key", "planctl/acme/pro/month", None),
        FieldChange("metadata.planctl_id", "pro/month", None),
        FieldChange("metadata.planctl_store", US, None),
    )
    assert found.foreign == 0


def test_amounts_changed_at_stripe_are_set_back_by_a_new_price() -> None:
    # of a price, Stripe lets the amounts in further currencies be changed
    (change,) = plans(PRODUCT, PRICE, prices=(there(PRICE, "price_1", currency_options={}),)).changes
    assert change.action == "replace"
    assert change.why.startswith("changed at Stripe; none → 46.00 EUR; a new price")


def test_what_is_gone_at_stripe_is_made_again() -> None:
    gone = one_kind("customer", (ADA,), (link(ADA, "cus_1"),))
    deleted = one_kind("customer", (ADA,), (link(ADA, "cus_1"),), {"id": "cus_1", "deleted": True})
    assert gone == deleted
    assert gone.changes == (StripeChange("customer", "ada", "recreate", "cus_1", (), "gone at Stripe"),)


def test_the_prices_of_a_product_that_is_gone_are_replaced() -> None:
    found = plans(PRODUCT, PRICE, products=())
    assert [(one.kind, one.action) for one in found.changes] == [
        ("product", "recreate"),
        ("price", "replace"),
    ]
    assert found.changes[1].fields == (FieldChange("product", "pro", "prod_1"),)


# --- links that were lost


def test_what_this_store_made_is_adopted_not_made_again() -> None:
    found = plans(PRODUCT, PRICE, links=())
    why = "this store made it, and no link says so"
    assert found.changes == (
        StripeChange("product", "pro", "adopt", "prod_1", (), why),
        StripeChange("price", "pro/month", "adopt", "price_1", (), why),
    )


def test_an_adopted_object_brings_its_differences_along() -> None:
    (change,) = one_kind("customer", (ADA,), (), there(ADA, "cus_1", name="Eve")).changes
    assert (change.action, change.fields) == ("adopt", (FieldChange("name", "Ada", "Eve"),))


def test_of_several_the_oldest_is_adopted() -> None:
    found = one_kind("customer", (ADA,), (), there(ADA, "cus_2", created=20), there(ADA, "cus_1", created=10))
    assert found.changes == (
        StripeChange(
            "customer", "ada", "adopt", "cus_1", (), "this store made it, and no link says so; 1 more like it"
        ),
    )


def test_a_price_of_another_amount_is_not_adopted() -> None:
    found = plans(PRODUCT, with_fields(PRICE, unit_amount=5500), links=(LINKS[0],))
    assert [(one.local_id, one.action, one.stripe_id, one.why) for one in found.changes] == [
        ("pro", "update", "prod_1", ""),
        ("pro/month", "create", "", ""),
        ("pro/month", "archive", "price_1", "another took its place"),
    ]


def test_a_replacement_whose_link_was_lost_is_adopted() -> None:
    now = with_fields(PRICE, unit_amount=5500)
    found = plans(
        PRODUCT,
        now,
        products=(there(PRODUCT, "prod_1", default_price="price_2"),),
        prices=(there(PRICE, "price_1", lookup_key=None), there(now, "price_2", created=2)),
    )
    assert [(one.local_id, one.action, one.stripe_id) for one in found.changes] == [
        ("pro/month", "adopt", "price_2"),
        ("pro/month", "archive", "price_1"),
    ]


def test_an_old_price_that_was_replaced_and_not_yet_archived_is_archived() -> None:
    old = there(PRICE, "price_0", unit_amount=3900, lookup_key=None, created=0)
    assert plans(PRODUCT, PRICE, prices=(old, PRICE_THERE)).changes == (
        StripeChange("price", "pro/month", "archive", "price_0", (), "another took its place"),
    )
    archived = {**old, "active": False}
    assert plans(PRODUCT, PRICE, prices=(archived, PRICE_THERE)).changes == ()


def test_what_this_store_made_and_nobody_links_or_wants_is_archived() -> None:
    assert one_kind("tax_rate", (), (), there(TAX, "txr_1")).changes == (
        StripeChange("tax_rate", "vat/19", "archive", "txr_1", (), "no longer sold"),
    )


# --- somebody else's


def theirs(ours: Desired, stripe_id: str, **over: Value) -> Object:
    return there(ours, stripe_id, metadata={"planctl_store": "store-2", "planctl_id": ours.local_id}, **over)


def test_objects_of_another_store_are_left_alone_and_counted() -> None:
    found = plans(
        PRODUCT,
        links=(),
        products=(theirs(PRODUCT, "prod_8"), {"id": "prod_9", "name": "T-shirt", "metadata": {}}),
        prices=(theirs(with_fields(PRICE, lookup_key="planctl/other/pro/month"), "price_8"),),
    )
    assert found == Comparison((StripeChange("product", "pro", "create"),), foreign=2)


def test_a_linked_object_of_another_store_is_not_touched() -> None:
    # a copy of another store's database: its links lead to what that store made
    found = plans(PRODUCT, PRICE, products=(theirs(PRODUCT, "prod_1"),), prices=(theirs(PRICE, "price_1"),))
    assert found.changes == ()
    assert found.left_out == (
        LeftOut("product", "pro", "prod_1 belongs to another store, store-2"),
        LeftOut("price", "pro/month", "price_1 belongs to another store, store-2"),
    )
    assert found.foreign == 2


def test_nothing_is_made_below_a_product_that_is_left_out() -> None:
    found = plans(PRODUCT, PRICE, links=(LINKS[0],), products=(theirs(PRODUCT, "prod_1"),), prices=())
    assert found.changes == ()
    assert found.left_out[1] == LeftOut("price", "pro/month", "its product is left out")


def test_a_lookup_key_of_somebody_else_is_never_taken() -> None:
    metadata: dict[str, Value] = {}
    holder = there(PRICE, "price_9", metadata=metadata)
    found = plans(PRODUCT, PRICE, links=(LINKS[0],), prices=(holder,))
    assert found.changes == (
        StripeChange(
            "product",
            "pro",
            "drift",
            "prod_1",
            (FieldChange("default_price", "pro/month", "price_1"),),
            "changed at Stripe",
        ),
    )
    assert found.left_out == (
        LeftOut("price", "pro/month", "its lookup key is taken by price_9, which this store did not make"),
    )
    assert found.foreign == 1


def test_what_was_left_out_before_is_said_too() -> None:
    left = LeftOut("price", "voice/month", "USDT: USDT is no currency of ISO 4217")
    assert compare(Wanted((), (left,)), (), {"price": []}, US).left_out == (left,)


def test_the_price_change_of_a_real_catalog_touches_that_price_alone() -> None:
    text = "plans: {{solo: {{price: {{month: {{USD: {amount}}}, year: {{USD: 90}}}}}}}}"
    before, after = (
        desired_objects(CatalogAtStripe(catalog(text.format(amount=amount)), date(2026, 1, 1))).objects
        for amount in (9, 10)
    )
    ids = {"solo": "prod_1", "solo/month": "price_1", "solo/year": "price_2"}
    links = tuple(link(one, ids[one.local_id]) for one in before)
    objects = {one.local_id: there(one, ids[one.local_id]) for one in before}
    remote: dict[Kind, list[Object]] = {
        "product": [objects["solo"]],
        "price": [objects["solo/month"], objects["solo/year"]],
    }
    assert compare(Wanted(before), links, remote, US) == Comparison(unchanged=3)
    (change,) = compare(Wanted(after), links, remote, US).changes
    assert (change.local_id, change.action) == ("solo/month", "replace")
    assert change.why.startswith("9.00 → 10.00 USD; ")
