"""A shop whose customers owe, at the fake of Stripe, for the tests of `planctl stripe push` and `diff`.

The machine's clock stands where the fake's does, at 1 January 2026. Import the fixtures that are used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from planctl import clock
from tests.cli.conftest import Result, Run
from tests.cli.stripe_shop import key_file
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe

__all__ = ["stripe"]

FIRST = "INV-2026-00001"


def done(result: Result) -> Result:
    """What ended well."""
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture
def there(stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeStripe:
    """The fake, at the other end of every command and process."""
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", str(key_file(tmp_path / "stripe.key", stripe.key)))
    return stripe


@pytest.fixture
def one_clock(there: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock is the fake's."""
    monkeypatch.setattr(clock, "now", lambda: there.clock.now * 1_000_000)


@pytest.fixture
def planctl(shop: Run, there: FakeStripe, one_clock: None) -> Run:
    """`run` with the catalog of tests/data/shop.yaml, set up, and nova, who owes 19.00 USD for Starter."""
    done(shop("stripe", "setup"))
    sell(shop, "nova")
    there.requests.clear()
    return shop


def sell(run: Run, *names: str, pays: str = "none") -> None:
    """Customers in USD who start Starter now, each of whom owes 19.00 USD."""
    for name in names:
        done(run("customer", "add", name, "--currency", "USD", "--payment-method", pays, "--quiet"))
        done(run("subscribe", name, "starter", "--pay", "month", "--no-trial", "--yes", "--quiet"))


def ours(stripe: FakeStripe, kind: str, name: str) -> dict[str, Any]:
    """The object at Stripe that stands for one of ours."""
    (found,) = [one for one in stripe.objects(kind) if one["metadata"].get("planctl_id") == name]
    return dict(found)


def marked(stripe: FakeStripe, *kinds: str) -> list[str]:
    """Our names of the objects of these kinds at Stripe that are marked as ours."""
    found = (one["metadata"].get("planctl_id") for kind in kinds for one in stripe.objects(kind))
    return [str(name) for name in found if name]


def number_of(stripe: FakeStripe) -> list[str]:
    """Our numbers of the invoices at Stripe, in order."""
    return sorted(str(one["metadata"]["planctl_number"]) for one in stripe.objects("invoice"))
