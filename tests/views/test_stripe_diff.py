"""How a diff with Stripe looks to people, in a comment, in a table file, and the shape that machines read."""

from __future__ import annotations

from planctl.core.stripe.comparing import Comparison
from planctl.core.stripe.model import Account, FieldChange, LeftOut, StripeChange
from planctl.views.formats import Screen, render
from planctl.views.stripe_diff import stripe_diff_answer, stripe_diff_document

ACCOUNT = Account("acct_1ABC", live=False)

NEW = StripeChange("product", "team", "create")
DEARER = StripeChange(
    "price",
    "pro/month",
    "replace",
    "price_1",
    (FieldChange("unit_amount", 5500, 4900), FieldChange("nickname", "Pro", None)),
    "49.00 → 55.00 USD; a new price takes its lookup key",
)
RENAMED = StripeChange(
    "product", "pro", "drift", "prod_1", (FieldChange("name", "Pro", "Pr*"),), "changed at Stripe"
)
OLD = StripeChange("coupon", "tenner", "archive", "co_1", (), "no longer sold")
USDT = LeftOut("price", "pro/month", "sold there without USDT: USDT is no currency of ISO 4217")

FOUND = Comparison((RENAMED, NEW, DEARER, OLD), (USDT,), foreign=2, unchanged=7)


def shown(found: Comparison, form: str = "table", account: Account = ACCOUNT) -> list[str]:
    return list(render(stripe_diff_answer(account, found), form, Screen()))


def test_people_see_what_a_push_does_apart_from_what_was_changed_at_stripe() -> None:
    assert shown(FOUND) == [
        "planctl → Stripe acct_1ABC, test mode: "
        "1 to create, 1 to replace, 1 to archive, 1 changed at Stripe, 7 unchanged",
        "",
        "+ product team",
        "± price pro/month replace price_1",
        "    unit_amount  4900 → 5500",
        "    nickname     — → Pro",
        "    49.00 → 55.00 USD; a new price takes its lookup key",
        "- coupon tenner archive co_1",
        "    no longer sold",
        "",
        "Changed at Stripe; a push sets it back:",
        "! product pro prod_1",
        "    name  Pr* → Pro",
        "",
        "Not sent:",
        "  price pro/month: sold there without USDT: USDT is no currency of ISO 4217",
        "",
        "Left alone: 2 objects at Stripe that belong to other stores",
    ]


def test_no_difference_is_one_line() -> None:
    live = Account("acct_1ABC", live=True)
    assert shown(Comparison(unchanged=1_200), account=live) == [
        "planctl → Stripe acct_1ABC, live mode: no changes, 1,200 unchanged"
    ]


def test_what_is_left_out_and_left_alone_is_said_without_changes_too() -> None:
    assert shown(Comparison((), (USDT,), foreign=1))[2:] == [
        "Not sent:",
        "  price pro/month: sold there without USDT: USDT is no currency of ISO 4217",
        "",
        "Left alone: 1 object at Stripe that belongs to another store",
    ]


def test_of_many_alike_people_see_the_first_and_machines_all() -> None:
    many = Comparison(tuple(StripeChange("customer", f"c{number:03}", "create") for number in range(120)))
    lines = shown(many)
    assert lines[2:4] == ["+ customer c000", "+ customer c001"]
    assert lines[51:] == [
        "+ customer c049",
        "+ and 70 more of kind customer to create; -f json lists all",
    ]
    changes = stripe_diff_document(ACCOUNT, many)["changes"]
    assert isinstance(changes, list)
    assert len(changes) == 120
    left = Comparison((), tuple(LeftOut("invoice", f"i{number}", "no") for number in range(51)))
    assert shown(left)[-1] == "  and 1 more; -f json lists all"


def test_machines_get_every_change_with_both_values() -> None:
    assert stripe_diff_document(ACCOUNT, FOUND) == {
        "format": "planctl.stripe-diff/1",
        "account": "acct_1ABC",
        "livemode": False,
        "summary": {
            "create": 1,
            "adopt": 0,
            "update": 0,
            "replace": 1,
            "archive": 1,
            "drift": 1,
            "recreate": 0,
            "unchanged": 7,
        },
        "changes": [
            {
                "object": "product",
                "local_id": "pro",
                "stripe_id": "prod_1",
                "action": "drift",
                "fields": [{"path": "name", "ours": "Pro", "stripe": "Pr*"}],
                "why": "changed at Stripe",
            },
            {
                "object": "product",
                "local_id": "team",
                "stripe_id": None,
                "action": "create",
                "fields": [],
                "why": "",
            },
            {
                "object": "price",
                "local_id": "pro/month",
                "stripe_id": "price_1",
                "action": "replace",
                "fields": [
                    {"path": "unit_amount", "ours": 5500, "stripe": 4900},
                    {"path": "nickname", "ours": "Pro", "stripe": None},
                ],
                "why": "49.00 → 55.00 USD; a new price takes its lookup key",
            },
            {
                "object": "coupon",
                "local_id": "tenner",
                "stripe_id": "co_1",
                "action": "archive",
                "fields": [],
                "why": "no longer sold",
            },
        ],
        "left_out": [
            {
                "object": "price",
                "local_id": "pro/month",
                "why": "sold there without USDT: USDT is no currency of ISO 4217",
            }
        ],
        "foreign": 2,
    }


def test_a_comment_has_a_table_in_which_nothing_is_markup() -> None:
    lines = shown(FOUND, "markdown")
    assert lines[0].startswith("**planctl → Stripe acct\\_1ABC, test mode: 1 to create")
    assert lines[2] == "| object | id | action | at Stripe | field | Stripe has | planctl has | why |"
    assert lines[4] == "| product | pro | drift | prod\\_1 | name | Pr\\* | Pro | changed at Stripe |"
    assert lines[5] == "| product | team | create |  |  |  |  |  |"
    assert lines[9].startswith("| price | pro/month | not sent |")
    assert lines[-1] == "Left alone: 2 objects at Stripe that belong to other stores"
    assert shown(Comparison(), "markdown") == [
        "**planctl → Stripe acct\\_1ABC, test mode: no changes, 0 unchanged**"
    ]


def test_a_table_file_has_a_row_for_every_field() -> None:
    assert shown(Comparison((DEARER,)), "csv") == [
        "object,local_id,action,stripe_id,path,stripe,ours,why",
        "price,pro/month,replace,price_1,unit_amount,4900,5500,49.00 → 55.00 USD; a new price takes its lookup key",
        "price,pro/month,replace,price_1,nickname,,Pro,49.00 → 55.00 USD; a new price takes its lookup key",
    ]


def test_values_are_said_in_words_and_cut() -> None:
    change = StripeChange(
        "customer",
        "c1",
        "update",
        "cus_1",
        (
            FieldChange("active", True, False),
            FieldChange("preferred_locales", ["de", "en"], None),
            FieldChange("invoice_settings.custom_fields", [{"name": "Tax ID", "value": "DE1"}], None),
            FieldChange("name", "N" * 70, "\x1b[31mred"),
        ),
    )
    assert shown(Comparison((change,)))[2:7] == [
        "~ customer c1 cus_1",
        "    active                          no → yes",
        "    preferred_locales               — → de, en",
        "    invoice_settings.custom_fields  — → Tax ID DE1",
        f"    name                            ␛[31mred → {'N' * 59}…",
    ]
