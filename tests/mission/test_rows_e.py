"""Part E of the mission, how plans are run: of its rows the one about payment requests that Stripe is part of."""

from __future__ import annotations

import pytest

from tests.mission.conftest import AtStripe, Sell, Shell


@pytest.fixture
def shop(sell: Sell) -> Shell:
    """The quickstart sample with nova and orbit, whose requests of 19.00 USD are due on 8 January."""
    shell = sell("quickstart")
    for name in ("nova", "orbit"):
        shell.all(
            [
                f"customer add {name} --currency USD --email {name}@shop.example --payment-method invoice",
                f"subscribe {name} starter --pay month --yes",
            ]
        )
    return shell


def statuses(shop: Shell, at: str) -> dict[str, str]:
    """The status of every invoice by its customer."""
    return {one["customer"]: one["status"] for one in shop.json("invoice list", at)}


def test_e12_a_request_is_paid_or_overdue_as_the_operator_or_stripe_says(
    shop: Shell, at_stripe: AtStripe
) -> None:
    """E12: requests with due dates; the operator marks one as paid, the other is overdue until Stripe has the money."""
    till = at_stripe(shop)
    till("stripe push", "2026-01-01")
    asked = till.invoice("INV-2026-00001")
    assert (asked["status"], asked["amount_due"]) == ("open", 1_900)
    assert asked["due_date"] == 1_767_830_400  # 2026-01-08T00:00:00Z
    assert statuses(shop, "2026-01-02") == {"nova": "open", "orbit": "open"}
    till("payment record INV-2026-00002 --method transfer", "2026-01-05")
    till("stripe push", "2026-01-05")
    elsewhere = till.invoice("INV-2026-00002")
    assert (elsewhere["status"], till.stripe.objects("charge")) == ("paid", []), (
        "marked as paid, nobody is charged"
    )
    till("invoice run", "2026-01-09")
    assert statuses(shop, "2026-01-09") == {"nova": "past_due", "orbit": "paid"}
    till.stripe.pay_invoice(asked["id"])
    till("stripe pull", "2026-01-09T12:00:00Z")
    assert statuses(shop, "2026-01-09T12:00:00Z") == {"nova": "paid", "orbit": "paid"}
    methods = {one["customer"]: one["method"] for one in shop.json("payment list", "2026-01-10")}
    assert methods == {"nova": "stripe", "orbit": "transfer"}
    till("doctor", "2026-01-10")
