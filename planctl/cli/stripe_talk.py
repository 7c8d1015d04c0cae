"""Begins to talk with Stripe for a command: the key, the guards, the gateway. It sends nothing but one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.runtime import Kept, Runtime
from planctl.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from planctl.core.periods import Instant
    from planctl.core.stripe.model import Account, Link, Operation
    from planctl.store.engine import Tx
    from planctl.stripe_bridge.gateway import Gateway
    from planctl.workflows.sync_stripe.sending import Talk

Live = Annotated[bool, typer.Option("--live", help="Real money is meant: needed with a live key.")]
KeyFile = Annotated[
    str, typer.Option("--stripe-key-file", metavar="PATH", help="The file that holds Stripe's key.")
]


def gateway_for(runtime: Runtime, *, live: bool, key_file: str) -> Gateway:
    """The gateway of a command, its guards passed, no connection opened yet.

    NotPermitted without a key, Refused where key, store and `--live` do not say the same mode, and for a command that
    writes where the store is not at home.
    """
    from planctl.core.stripe.guard import check_mode
    from planctl.store.places import check_home
    from planctl.store.settings import identity
    from planctl.store.stripe_account import pinned
    from planctl.stripe_bridge.keys import address, check_surroundings, no_core_dumps, read_key

    no_core_dumps()
    key = read_key(key_file)
    with runtime.open_read() as tx:
        account, is_test = pinned(tx), identity(tx).is_test
        if runtime.is_write and not runtime.given.dry_run:
            check_home(tx)
            runtime.check_anchor(tx)
    check_mode(key_is_live=key.live, said_live=live, store_is_test=is_test, pinned=account)
    check_surroundings(key)
    from planctl.stripe_bridge.gateway import Gateway

    return Gateway(key, address(key))


@dataclass(frozen=True, slots=True)
class Connected:
    """A gateway that speaks for the account that the store is pinned to; the store's name, generation and adoption."""

    gateway: Gateway
    account: Account
    store_id: str
    generation: int = 1
    adoption: str = ""


def connected(runtime: Runtime, *, live: bool, key_file: str) -> Connected:
    """The gateway, once Stripe has said that the key is of the store's account.

    Refused where Stripe was never set up, or where it is another account.
    """
    from planctl.core.stripe.guard import check_account
    from planctl.store.settings import identity
    from planctl.store.stripe_account import account

    gateway = gateway_for(runtime, live=live, key_file=key_file)
    with runtime.open_read() as tx:
        pinned, who = account(tx), identity(tx)
    check_account(pinned, str(gateway.get("/v1/account").get("id")))
    return Connected(gateway, pinned, who.store_id, who.generation, who.adoption)


def talk_to_stripe(runtime: Runtime, *, live: bool, key_file: str) -> Talk:
    """What a journey to Stripe goes with. Not for a dry run, which sends nothing."""
    return talk_through(runtime, connected(runtime, live=live, key_file=key_file))


def talk_through(runtime: Runtime, where: Connected) -> Talk:
    """The same through a gateway that is there already. Whatever stops it from here on, it may be run again."""
    runtime.cut = "What was sent is kept; run it again and it goes on from there."
    assert not runtime.given.dry_run, "a dry run sends nothing to Stripe"
    from planctl.workflows.sync_stripe.sending import Talk

    return Talk(
        where.gateway,
        where.account,
        where.store_id,
        runtime.open_read,
        runtime.open_write,
        _recorder(runtime),
        _now,
        _adopter(runtime),
        generation=where.generation,
        adoption=where.adoption,
    )


def _now() -> Instant:
    from planctl import clock
    from planctl.core.periods import Instant

    return Instant(clock.now())


def _recorder(runtime: Runtime) -> Callable[[Tx, Operation], None]:
    """Audits a call at its end, in the transaction that keeps it: what it was for, never what was sent."""

    def record(tx: Tx, operation: Operation) -> None:
        request = {
            "call": operation.id,
            "object": operation.kind,
            "id": operation.local_id,
            "action": operation.action,
            "state": operation.state.value,
            "stripe": operation.stripe_id,
        }
        runtime.record(tx, request, Kept(None, counts={"stripe call": 1}), answers=False)

    return record


def _adopter(runtime: Runtime) -> Callable[[Tx, Link], None]:
    """Audits that an object at Stripe was taken for one of ours."""

    def adopted(tx: Tx, link: Link) -> None:
        request = {"object": link.kind, "id": link.local_id, "action": "adopt", "stripe": link.stripe_id}
        runtime.record(tx, request, Kept(None, counts={"stripe link": 1}), answers=False)

    return adopted
