"""The fake and Stripe's own library against it, for the tests of the fake itself."""

from __future__ import annotations

from tests.fakes.stripe.fixture import client, stripe

__all__ = ["client", "stripe"]
