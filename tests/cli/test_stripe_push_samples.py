"""A first `planctl stripe push` from an empty account: all of acme and of every sample, to the cent, once.

What invoices come to is worked out by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import ACME, Run
from tests.cli.stripe_desk import (
    done,
    marked,
    one_clock,
    there,
)
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe

__all__ = ["one_clock", "stripe", "there"]

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample-catalogs"
AT = ("--as-of", "2026-01-01")


@dataclass(frozen=True, slots=True)
class Sale:
    """So many customers who buy the same, and what each owes, in the smallest unit; 0: it cannot be at Stripe."""

    customers: int
    plan: str
    pay: str
    currency: str
    owes: int
    country: str = ""


SALES: dict[str, tuple[Sale, ...]] = {
    "acme": (
        Sale(40, "starter", "month", "USD", 1_900),
        Sale(25, "pro", "month", "USD", 4_900),
        Sale(5, "starter", "3 months", "USD", 5_400, "IN"),  # 18 % are included
        Sale(20, "starter", "month", "EUR", 2_142, "DE"),  # 18.00 and 19 %: 3.42
        Sale(10, "pro", "year", "EUR", 54_740, "DE"),  # 460.00 and 19 %: 87.40
        Sale(2, "starter", "month", "USDT", 0),
    ),
    "agency": (
        Sale(3, "solo", "month", "USD", 4_900),
        Sale(2, "team", "year", "USD", 99_000),
        Sale(1, "launch", "once", "USD", 45_000),
    ),
    "ai": (Sale(2, "team", "month", "EUR", 9_200), Sale(1, "team", "month", "USD", 9_900)),
    "chatbot": (Sale(2, "lite", "month", "USD", 2_900), Sale(1, "scale", "year", "EUR", 189_000)),
    "company": (
        Sale(2, "essential", "month", "EUR", 11_781, "DE"),  # 99.00 and 19 %: 18.81
        Sale(1, "business", "year", "EUR", 299_000),
    ),
    "groups": (
        Sale(2, "support_team", "month", "USD", 4_000),
        Sale(1, "sales_pro", "month", "USD", 9_000),
        Sale(1, "onboarding", "once", "USD", 50_000),
    ),
    "quickstart": (Sale(2, "starter", "month", "USD", 1_900), Sale(1, "pro", "year", "EUR", 46_000)),
    "voice": (
        Sale(2, "starter", "2 weeks", "USD", 2_500),
        Sale(1, "desk", "3 months", "USD", 29_000),
        Sale(1, "studio", "month", "USDT", 0),
    ),
}

OWED = {
    "acme": {"usd": (70, 225_500), "eur": (30, 590_240)},  # 760 + 1,225 + 270; 428.40 + 5,474
    "agency": {"usd": (6, 257_700)},
    "ai": {"eur": (2, 18_400), "usd": (1, 9_900)},
    "chatbot": {"usd": (2, 5_800), "eur": (1, 189_000)},
    "company": {"eur": (3, 322_562)},
    "groups": {"usd": (4, 67_000)},
    "quickstart": {"usd": (2, 3_800), "eur": (1, 46_000)},
    "voice": {"usd": (3, 34_000)},
}
"""How many invoices there are at Stripe by currency, and what they come to."""

AT_STRIPE = {
    "acme": (8, 9, 1, 2),
    "agency": (7, 10, 0, 0),
    "ai": (2, 1, 0, 0),
    "chatbot": (6, 9, 0, 0),
    "company": (4, 7, 0, 1),
    "groups": (7, 5, 0, 0),
    "quickstart": (3, 4, 0, 0),
    "voice": (5, 4, 0, 0),
}
"""How many products, prices, coupons and tax rates each catalog is."""


def test_no_sample_is_left_out() -> None:
    samples = {path.name for path in SAMPLES.iterdir() if path.is_dir()}
    assert set(SALES) == set(OWED) == set(AT_STRIPE) == samples | {"acme"}


def sell_all(run: Run, folder: Path, sales: tuple[Sale, ...]) -> dict[str, int]:
    """Move everybody in; what each customer is to owe at Stripe."""
    buyers = [
        (f"c{place}-{index}", sale) for place, sale in enumerate(sales) for index in range(sale.customers)
    ]
    customers, subscriptions = folder / "customers.csv", folder / "subscriptions.csv"
    people = [f"{name},{sale.currency},{sale.country}" for name, sale in buyers]
    customers.write_text("\n".join(["customer,currency,country", *people]), encoding="utf-8")
    bought = [f"{name},{sale.plan},{sale.pay}" for name, sale in buyers]
    subscriptions.write_text("\n".join(["customer,plan,pay", *bought]), encoding="utf-8")
    done(run("customer", "import", customers, "--quiet", *AT))
    done(run("subscription", "import", subscriptions, "--quiet", "--yes", *AT))
    return {name: sale.owes for name, sale in buyers}


def owed_there(stripe: FakeStripe) -> dict[str, tuple[int, int]]:
    """How many invoices there are by currency, and what they come to."""
    amounts: dict[str, list[int]] = {}
    for one in stripe.objects("invoice"):
        amounts.setdefault(one["currency"], []).append(one["amount_due"])
    return {currency: (len(several), sum(several)) for currency, several in amounts.items()}


@pytest.mark.slow
@pytest.mark.parametrize("catalog", SALES)
def test_a_first_push_brings_everything_to_the_cent_and_a_second_one_sends_nothing(
    run: Run, there: FakeStripe, one_clock: None, tmp_path: Path, catalog: str
) -> None:
    done(run("init", "--test", "--quiet", *AT))
    source = ACME if catalog == "acme" else SAMPLES / catalog
    done(run("catalog", "apply", source, "--yes", "--quiet", *AT))
    owes = sell_all(run, tmp_path, SALES[catalog])
    done(run("stripe", "setup"))
    pushed = done(run("stripe", "push", "-f", "json")).json
    assert owed_there(there) == OWED[catalog]
    by_customer = {one["id"]: one["metadata"]["planctl_id"] for one in there.objects("customer")}
    assert {by_customer[one["customer"]]: one["amount_due"] for one in there.objects("invoice")} == {
        name: amount for name, amount in owes.items() if amount
    }
    kinds = ("product", "price", "coupon", "tax_rate")
    assert tuple(len(marked(there, kind)) for kind in kinds) == AT_STRIPE[catalog]
    unsold = sorted(name for name, amount in owes.items() if not amount)
    assert sorted(one["customer"] for one in pushed["stopped"]) == unsold
    assert {one["outcome"] for one in pushed["stopped"]} <= {"left_out"}
    assert all("USDT is no currency of ISO 4217" in one["why"] for one in pushed["stopped"])
    there.requests.clear()
    again = done(run("stripe", "push", "-f", "json")).json
    assert (again["objects"], again["invoices"], again["finished"]) == ({}, {}, 0)
    assert there.posts() == []
    done(run("stripe", "diff", "--exit-code"))
    done(run("doctor", "--quiet"))
