"""A fake of Stripe on a loopback port, for tests: a server in front of a state machine that keeps Stripe's rules."""

from __future__ import annotations

from tests.fakes.stripe.desk import Request
from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.faults import Fault

__all__ = ["FakeStripe", "Fault", "Request"]
