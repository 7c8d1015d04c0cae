"""A world of its own for every test: a business, a fake Stripe, and every law of the store checked at the end."""

from __future__ import annotations

import pytest

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe
from tests.workflows.business import Business
from tests.workflows.receive_webhook.world import World
from tests.workflows.sync_stripe.paying import shop

__all__ = ["shop", "stripe", "world"]


@pytest.fixture
def world(business: Business, stripe: FakeStripe) -> World:
    return World(business, stripe)
