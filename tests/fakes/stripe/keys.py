"""Accounts and their keys: who asks, in which mode, and what a restricted key may do. It knows no endpoints.

Source: https://docs.stripe.com/keys, https://docs.stripe.com/keys/restricted-api-keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.stripe.books import Books
from tests.fakes.stripe.clock import Clock
from tests.fakes.stripe.errors import StripeError
from tests.fakes.stripe.idempotency import Keys
from tests.fakes.stripe.objects import Object, example

Right = Literal["none", "read", "write"]

ACCOUNT = "acct_1FakeStripeAccount"
SECRET = "sk_test_51FakeStripeAllRights000000000000"
LIVE_SECRET = "sk_live_51FakeStripeAllRights000000000000"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A secret and what it opens. `rights` None: everything."""

    secret: str
    account: str
    live: bool
    rights: Mapping[str, Right] | None

    def allow(self, resource: str, method: str) -> None:
        """403 where a restricted key lacks the right; writing includes reading."""
        if self.rights is None:
            return
        needed = "read" if method == "GET" else "write"
        has = self.rights.get(resource, "none")
        if has == "write" or has == needed:
            return
        permission = f"rak_{resource.removesuffix('s')}_{needed}"
        raise StripeError(
            403,
            f"The provided key '{masked(self.secret)}' does not have the required permissions for this endpoint on "
            f"account '{self.account}'. Having the '{permission}' permission would allow this request to continue.",
            kept=False,
        )


def masked(secret: str) -> str:
    """A key as Stripe shows it: its prefix and its last four characters."""
    head = "_".join(secret.split("_")[:2]) + "_"
    if not secret.startswith(("sk_", "rk_", "pk_")) or len(secret) < len(head) + 4:
        return "*" * len(secret)
    return head + "*" * (len(secret) - len(head) - 4) + secret[-4:]


@dataclass(slots=True)
class Accounts:
    """All accounts in both modes: the objects of the modes are apart, and so are their idempotency keys."""

    clock: Clock
    keys: dict[str, ApiKey] = field(default_factory=dict)
    accounts: dict[str, Object] = field(default_factory=dict)
    twice: Callable[[str], bool] = lambda _type: False
    """Which types of events are written as two."""
    _books: dict[tuple[str, bool], Books] = field(default_factory=dict)
    _keys: dict[tuple[str, bool], Keys] = field(default_factory=dict)

    def add_key(self, secret: str, rights: Mapping[str, Right] | None, account: str) -> ApiKey:
        """A key of an account, which comes into being with its first key; the secret says the mode."""
        if account not in self.accounts:
            self.accounts[account] = _account(account, self.clock.now)
        key = ApiKey(secret, account, "_live_" in secret, None if rights is None else dict(rights))
        self.keys[secret] = key
        return key

    def who(self, secret: str | None) -> ApiKey:
        """The key behind an `Authorization` header; 401 where there is none."""
        if not secret:
            raise StripeError(
                401,
                "You did not provide an API key. You need to provide your API key in the Authorization header, "
                "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
                kept=False,
            )
        if secret not in self.keys:
            raise StripeError(401, f"Invalid API Key provided: {masked(secret)}", kept=False)
        return self.keys[secret]

    def books(self, account: str = ACCOUNT, live: bool = False) -> Books:
        """What an account has in a mode."""
        where = (account, live)
        if where not in self._books:
            self._books[where] = Books(self.accounts[account], live, self.clock)
            self._books[where].journal.twice = self.twice
        return self._books[where]

    def idempotency(self, key: ApiKey) -> Keys:
        """The idempotency keys of an account in a mode."""
        return self._keys.setdefault((key.account, key.live), Keys(self.clock))

    def all_books(self) -> list[Books]:
        """Every account in every mode that was used."""
        return list(self._books.values())


def _account(id: str, now: int) -> Object:
    account = example("account") | {
        "id": id,
        "created": now,
        "charges_enabled": True,
        "payouts_enabled": True,
        "details_submitted": True,
        "country": "US",
        "default_currency": "usd",
    }
    account["business_profile"]["name"] = "Fake Stripe"
    account["settings"]["dashboard"]["display_name"] = "Fake Stripe"
    return account
