"""How Checkout pages and portal links are shown: the address alone, the rest in words."""

from __future__ import annotations

from typing import Any

from planctl.views.formats import Screen, render
from planctl.views.sheet import Answer, Json
from planctl.views.stripe_checkout import checkout_answer, checkout_lines, portal_answer, portal_document

PAGE: dict[str, Any] = {
    "customer": "nova",
    "plan": "pro",
    "plan_version": 3,
    "starts": "Change from Starter to Pro",
    "mode": "payment",
    "amount": "36.13",
    "currency": "USD",
    "lines": [
        {"description": "Starter · unused (16 of 31 days)", "amount": "-14.97"},
        {"description": "Pro · Monthly (16 of 31 days)", "amount": "51.10"},
    ],
    "url": "https://checkout.stripe.com/c/pay/cs_test_1#fid%3D",
    "session": "cs_test_1",
    "expires_at": "2026-01-16T23:00:00Z",
    "timezone": "Europe/Berlin",
    "existed": False,
}


def printed(answer: Answer) -> list[str]:
    return list(render(answer, "table", Screen()))


def told(**changed: Json) -> list[str]:
    return checkout_lines(PAGE | changed)


def test_the_address_is_all_that_is_printed() -> None:
    assert printed(checkout_answer(PAGE)) == [PAGE["url"]]
    assert printed(portal_answer(portal_document("nova", "https://billing.stripe.com/p/1", ""))) == [
        "https://billing.stripe.com/p/1"
    ]


def test_people_are_told_what_it_asks_for_and_until_when_by_the_customer_s_clock() -> None:
    assert told() == [
        "nova: Change from Starter to Pro (pro v3), asks for 36.13 USD",
        "  Starter · unused (16 of 31 days): -14.97",
        "  Pro · Monthly (16 of 31 days): 51.10",
        "  open until 2026-01-17 00:00 (Europe/Berlin); nothing starts before it is paid",
    ]
    assert told(existed=True)[-1].startswith("  it was open already; open until")


def test_a_page_for_a_card_says_that_nothing_is_paid() -> None:
    lines = told(mode="setup", amount="0.00", lines=[])
    assert lines[0].endswith("asks for a means of payment; nothing is paid now")
    assert lines[-1].endswith("nothing starts before it is filled in")


def test_what_was_not_opened_says_what_it_would_ask_for() -> None:
    unopened = PAGE | {"url": None, "session": None, "expires_at": None}
    assert printed(checkout_answer(unopened)) == told()[:3]
    assert printed(portal_answer(portal_document("nova", None, ""))) == [
        "a link to the billing portal of nova"
    ]
