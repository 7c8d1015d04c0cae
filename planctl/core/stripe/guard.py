"""Whether a key may be used with a store: three yeses for real money. It reads no key and opens no connection.

Source: planctl reliability rules, security: secrets, the live guard.
"""

from __future__ import annotations

from collections.abc import Iterable

from planctl.core.stripe.model import ADOPTION, GENERATION, LOCAL, STORE, Account, Object
from planctl.core.stripe.reading import metadata_of
from planctl.errors import Refused


class MadeLater(Refused):
    """Stripe has an object that a later generation of the store made, or another adoption of it: a copy (exit 4)."""

    default_code = "stripe-generation"


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


def check_generation(found: Iterable[Object], store_id: str, generation: int, adoption: str) -> None:
    """Refuse to go on where one of the store's own objects at Stripe is of a later generation than the store.

    An older copy of it, put in its place, would send again what was sent, and so would another copy that was adopted
    when this one was (`adoption` is this one's mark). An object that says nothing is of the first generation.
    """
    for one in found:
        if metadata_of(one, STORE) != store_id:
            continue
        said, mark = metadata_of(one, GENERATION), metadata_of(one, ADOPTION)
        made = int(said) if said.isascii() and said.isdigit() else 1
        if made > generation:
            what = "this store is older than what it made at Stripe"
            raise _made_by_another(one, what, f"generation {generation} or before", f"generation {made}")
        if made == generation > 1 and mark != adoption:
            what = "another copy of this store was adopted, and has made this at Stripe"
            raise _made_by_another(one, what, adoption or "no adoption", mark or "no adoption")


def _made_by_another(one: Object, what: str, expected: str, got: str) -> MadeLater:
    return MadeLater(
        f"{what}: {metadata_of(one, LOCAL)}",
        where=str(one.get("id", "stripe")),
        expected=expected,
        got=got,
        hint="find the store that goes on; if it is this one: planctl store adopt --reason TEXT",
    )
