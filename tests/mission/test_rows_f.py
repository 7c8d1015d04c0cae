"""Part F of the mission, what planctl adds: of its rows the one about Stripe as the real payment side."""

from __future__ import annotations

from tests.mission.conftest import AtStripe, Sell, Till


def tries(till: Till, number: str) -> int:
    """How often Stripe was asked to charge for an invoice."""
    return len(till.stripe.posts(f"/{till.invoice(number)['id']}/pay"))


def test_f5_stripe_charges_cards_on_its_own_side_and_dunning_follows_what_it_says(
    sell: Sell, at_stripe: AtStripe
) -> None:
    """F5: a good card pays the renewal; a declined one ends in a block, which ends once the invoice is paid."""
    shop = sell("quickstart")
    till = at_stripe(shop)
    for name in ("nova", "orbit"):
        till(f"customer add {name} --currency USD --payment-method card", "2026-01-01")
    till("stripe push", "2026-01-01")
    till.stripe.attach_card(till.customer("nova"))
    till.stripe.attach_card(till.customer("orbit"), declines=True)
    for name in ("nova", "orbit"):
        till(f"subscribe {name} starter --pay month --yes", "2026-01-01")
    for command in ("push", "pull"):
        till(f"stripe {command}", "2026-01-01")
    assert till.invoice("INV-2026-00001")["status"] == "paid"
    assert shop.json("invoice show INV-2026-00001", "2026-01-01")["status"] == "paid"
    assert shop.json("invoice show INV-2026-00002", "2026-01-01")["status"] == "open"
    (unpaid,) = till.shop.json("stripe status", "2026-01-01")["unpaid"]
    assert (unpaid["invoice"], unpaid["customer"]) == ("INV-2026-00002", "orbit")
    assert "declined" in unpaid["failure"]
    till("stripe push", "2026-01-03")
    assert tries(till, "INV-2026-00002") == 1
    till("stripe push", "2026-01-04")  # three days after the first try
    assert tries(till, "INV-2026-00002") == 2
    till("invoice run", "2026-01-12")  # due on the 8th, three days of grace
    assert shop.json("subscription show orbit", "2026-01-12")["status"] == "blocked"
    assert not shop.allowed("orbit api_calls", "2026-01-12")
    till.stripe.pay_invoice(till.invoice("INV-2026-00002")["id"])
    till("stripe pull", "2026-01-12T09:00:00Z")
    assert shop.json("subscription show orbit", "2026-01-12T09:00:00Z")["status"] == "active"
    assert shop.allowed("orbit api_calls", "2026-01-12T09:00:00Z")
    for command in ("invoice run", "stripe push", "stripe pull"):
        till(command, "2026-02-01")
    assert [one["status"] for one in shop.json("invoice list --customer nova", "2026-02-01")] == [
        "paid",
        "paid",
    ]
    till("doctor", "2026-02-01")
