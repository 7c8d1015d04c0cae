"""The contract's two sides, and Stripe's own command where it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.conftest import NEEDS_STRIPE, STRIPE_KEY
from tests.stripe_bridge.sides import Side, fake_side, stripe_side


@pytest.fixture(params=["fake", "stripe"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """The fake always, and Stripe itself where the environment has a key of its test mode."""
    if request.param == "fake":
        with fake_side() as made:
            yield made
        return
    secret = os.environ.get(STRIPE_KEY)
    if not secret:
        pytest.skip(f"{NEEDS_STRIPE} in {STRIPE_KEY}")
    with stripe_side(secret) as made:
        yield made
