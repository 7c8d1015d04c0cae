"""Whether a key may be used with a store: three yeses for real money. It reads no key and opens no connection.

Source: planctl reliability rules, security: secrets, the live guard.
"""

from __future__ import annotations

from planctl.core.stripe.model import Account
from planctl.errors import Refused


def check_mode(*, key_is_live: bool, said_live: bool, store_is_test: bool, pinned: Account | None) -> None:
    """Refuse a key of another mode than the store's, a live one without `--live`, and `--live` without one.

    A test store (`init --test`) never takes a live key: its clock is free. To be called before any connection.
    """
    if key_is_live and store_is_test:
        raise Refused(
            "a test store takes no live key",
            code="stripe-test-store",
            where="store",
            expected="a key of Stripe's test mode",
            hint="a store made without `init --test` can be set up for live mode",
        )
    if key_is_live and not said_live:
        raise Refused(
            "this is a live key: real money would move",
            code="stripe-live",
            where="--live",
            expected="--live",
            hint="say --live if that is meant; use a test key if not",
        )
    if said_live and not key_is_live:
        raise Refused(
            "--live was said, but the key is of Stripe's test mode",
            code="stripe-live",
            where="--live",
            expected="a live key",
            hint="leave --live out, or give the live key",
        )
    if pinned is not None and pinned.live != key_is_live:
        was, now = ("live", "test") if pinned.live else ("test", "live")
        raise Refused(
            f"this store is set up for Stripe's {was} mode",
            code="stripe-mode",
            where="store",
            expected=f"a key of {was} mode",
            got=f"a key of {now} mode",
            hint="keep one store for test mode and one for live mode",
        )


def check_account(pinned: Account, account_id: str) -> None:
    """Refuse a key of another account than the one that the store is pinned to."""
    if pinned.id != account_id:
        raise Refused(
            "the key belongs to another Stripe account than this store",
            code="stripe-account",
            where="stripe",
            expected=pinned.id,
            got=account_id,
            hint="use a key of the account that the store was set up with",
        )
