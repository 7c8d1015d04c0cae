"""Fixtures for pytest: import them into a conftest.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
import stripe as library

from tests.fakes.stripe.fake import FakeStripe


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    """A running fake; at the end no request may have broken a rule, unless the test cleared `violations`."""
    with FakeStripe() as fake:
        yield fake
        assert fake.violations == []


@pytest.fixture
def client(stripe: FakeStripe) -> Iterator[library.StripeClient]:
    """Stripe's own library against the fake, with all rights, which tries nothing twice."""
    with requests.Session() as session:
        yield client_of(stripe, stripe.key, session)


def client_of(fake: FakeStripe, key: str, session: requests.Session) -> library.StripeClient:
    """Stripe's own library against the fake with a key."""
    session.trust_env = False
    library.enable_telemetry = False
    return library.StripeClient(
        key,
        base_addresses={"api": fake.address},
        max_network_retries=0,
        http_client=library.RequestsClient(session=session),
    )
