"""Pins a store to one Stripe account and mode, and finds out what the key may do. A probe never makes anything.

Source: planctl reliability rules, security: secrets; https://docs.stripe.com/keys/restricted-api-keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from planctl.core.periods import Instant
from planctl.core.stripe.guard import check_account, check_mode
from planctl.core.stripe.model import Account, Answer, Outcome
from planctl.core.stripe.rights import RIGHTS, Held
from planctl.core.stripe.stopping import UNANSWERED, unreachable
from planctl.errors import InvalidInput, NotPermitted
from planctl.store import stripe_account
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.stripe_bridge.gateway import Gateway

LONGEST_URL = 2_048


@dataclass(frozen=True, slots=True)
class Reading:
    """What Stripe says of the account and of the key. `charges`: whether the account may take money."""

    account: Account
    charges: bool
    rights: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Pinned:
    """The account as the store kept it before, None where it kept none, and as it keeps it now."""

    before: Account | None
    after: Account

    @property
    def changed(self) -> bool:
        """Whether anything is kept that was not."""
        return self.before != self.after


def read_account(gateway: Gateway) -> Reading:
    """Ask Stripe whose key it is and what it may do: about twenty requests that change nothing.

    NotPermitted where Stripe does not know the key or the key may not read its account, Busy where Stripe
    cannot be reached.
    """
    answer = gateway.ask("get", "/v1/account", {})
    _check_known(answer)
    if answer.outcome is not Outcome.DONE:
        raise NotPermitted(
            "the key may not read which account it belongs to",
            code="stripe-key-denied",
            where="/v1/account",
            expected=_permission(answer),
            hint="give the restricted key the right to read the account, in Stripe's dashboard",
        )
    one = Account(answer.id, gateway.live, gateway.key.shown, str(answer.body.get("country") or ""))
    return Reading(one, answer.body.get("charges_enabled") is True, tuple(_rights(gateway)))


def propose_account(before: Account | None, read: Account, return_url: str, at: Instant) -> Pinned:
    """What the store will keep: the account the first time, later what may change of it.

    `return_url` empty keeps the one there is. Refused where the store is pinned to another account, or to the
    other mode of it.
    """
    if before is None:
        return Pinned(None, replace(read, return_url=return_url, set_up_at=at))
    check_mode(key_is_live=read.live, said_live=read.live, store_is_test=False, pinned=before)
    check_account(before, read.id)
    kept_url = return_url or before.return_url
    return Pinned(before, replace(before, key=read.key, country=read.country, return_url=kept_url))


def pin_account(tx: Tx, read: Account, return_url: str, at: Instant) -> Pinned:
    """Keep the account, the mode, the country, what may be shown of the key, and where people are sent back to."""
    pinned = propose_account(stripe_account.pinned(tx), read, return_url, at)
    if pinned.changed:
        stripe_account.pin(tx, pinned.after)
    return pinned


def check_return_url(url: str, *, live: bool) -> str:
    """The address as it was given; InvalidInput where Stripe could not send anybody there.

    In live mode Stripe takes https alone. A name or password in it would be shown to every customer.
    Source: https://docs.stripe.com/api/checkout/sessions/create (success_url).
    """
    wanted = "https://HOST/PATH" if live else "https://HOST/PATH or http://HOST/PATH"
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ({"https"} if live else {"https", "http"}) and bool(parts.hostname)
        fits = fits and parts.username is None and parts.password is None
    except ValueError:  # brackets that do not close
        fits = False
    if fits and len(url) <= LONGEST_URL and url.isprintable() and not re.search(r"\s", url):
        return url
    raise InvalidInput(
        "people cannot be sent back there",
        code="return-url",
        where="--return-url",
        expected=f"{wanted}, at most {LONGEST_URL:,} characters",
        got=url,
    )


def _rights(gateway: Gateway) -> Iterator[Held]:
    for right in RIGHTS:
        answer = gateway.ask("get" if right.need == "read" else "post", right.probe, {})
        _check_known(answer)
        has = answer.status != _DENIED
        yield Held(right, has, "" if has else _permission(answer))


def _check_known(answer: Answer) -> None:
    """Raise where Stripe does not know the key, or does not answer."""
    if answer.status == _UNKNOWN_KEY:
        raise NotPermitted(
            "Stripe does not know the key",
            code="stripe-key-denied",
            where="/v1/account",
            hint="it was rolled or deleted, or copied in part: make another in Stripe's dashboard",
        )
    if answer.outcome in UNANSWERED:
        raise unreachable(answer, "stripe setup", "run it again later: nothing was kept")


def _permission(answer: Answer) -> str:
    """The permission that Stripe names in a refusal, such as `rak_product_write`; nothing else of it is kept."""
    found = re.search(r"rak_[a-z_]{1,60}", answer.message)
    return found[0] if found else ""


_UNKNOWN_KEY = 401
_DENIED = 403
