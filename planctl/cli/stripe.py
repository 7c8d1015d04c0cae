"""`planctl stripe …`: the account, where things stand, and what a person decides; other files have the journeys."""

from __future__ import annotations

from os.path import abspath
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli import stripe_checkout, stripe_push, stripe_webhook
from planctl.cli.options import App
from planctl.cli.runtime import Kept, Runtime, Written
from planctl.cli.stripe_talk import Connected, KeyFile, Live, connected, gateway_for
from planctl.errors import InvalidInput, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable

    from planctl.core.stripe.model import Operation
    from planctl.store.engine import Tx
    from planctl.stripe_bridge.gateway import Gateway
    from planctl.views.sheet import Json
    from planctl.workflows.sync_stripe.set_up import Reading

app = App("Take the money through Stripe: set up, push, pull, resolve.")

NEEDS_PERSON = 1


@app.writes("setup", needs="owner")
def setup(
    context: typer.Context,
    return_url: Annotated[
        str, typer.Option("--return-url", metavar="URL", help="Where Stripe's pages send people back to.")
    ] = "",
    live: Live = False,
    key_file: KeyFile = "",
) -> None:
    """Pin this store to the key's account and mode, and list what the key may do.

    A store belongs to one account and one mode for good. Live mode asks before the store is pinned to it. The key's
    rights are found out by asking for objects that do not exist, with --dry-run too: nothing is made or changed there.
    """
    from planctl.views.stripe import setup_answer, setup_asked, setup_next, setup_warnings

    runtime = Runtime.of(context)
    gateway = gateway_for(runtime, live=live, key_file=key_file)
    url = _checked(return_url, live=gateway.live)
    written = _pinned(runtime, gateway, url, {"live": live, "return_url": url, "key": gateway.key.shown})
    options = " --live" * gateway.live + (
        f" --stripe-key-file {quote(abspath(key_file))}" if key_file else ""
    )
    runtime.show(setup_answer(written.document, _event_types()))
    runtime.warn(*gateway.key.warnings, *setup_warnings(written.document))
    runtime.done(written, "" if written.changed else "all of it was kept already")
    if written.discarded:
        runtime.say(setup_asked(written.document))
    runtime.say(*setup_next(_event_types(), options))


def _checked(return_url: str, *, live: bool) -> str:
    from planctl.views.safe import redacted
    from planctl.workflows.sync_stripe.set_up import check_return_url

    if redacted(return_url) != return_url:
        raise InvalidInput(
            "every customer would see the secret in it", code="return-url", where="--return-url"
        )
    return check_return_url(return_url, live=live) if return_url else ""


def _pinned(runtime: Runtime, gateway: Gateway, url: str, request: Json) -> Written:
    """Ask Stripe whose key it is and what it may do, ask for a yes where it is live, and keep the account."""
    from planctl.core.audit import Touched
    from planctl.store.stripe_account import pinned
    from planctl.views.stripe import asking_lines, setup_document
    from planctl.workflows.sync_stripe.set_up import pin_account, propose_account, read_account

    found: list[Reading] = []

    def ask() -> None:
        found.append(read_account(gateway))
        with runtime.open_read() as tx:
            proposed = propose_account(pinned(tx), found[0].account, url, runtime.now)
        if gateway.live and proposed.changed:
            lines = asking_lines(proposed.after, proposed.before)
            runtime.confirm(lines, "Take real money with this account?")

    def write(tx: Tx) -> Kept:
        read = found[0]
        done = pin_account(tx, read.account, url, runtime.now)
        document = setup_document(done.after, read.rights, charges=read.charges, first=done.before is None)
        return Kept(document, (Touched("stripe_account", done.after.id),), changed=done.changed)

    return runtime.run_write(request, write, ask=ask)


stripe_push.register(app)
stripe_webhook.register(app)
stripe_checkout.register(app)


@app.reads("status")
def status(context: typer.Context) -> None:
    """Show where the store stands with Stripe, and what waits for a person; exit code 1 where something does.

    It says what the store knows: it needs no key and asks Stripe nothing.
    """
    from planctl.views.stripe import standing_answer
    from planctl.workflows.sync_stripe.read_status import read_standing

    runtime = Runtime.of(context)
    with runtime.open_read() as tx:
        standing = read_standing(tx, runtime.as_of(tx))
    runtime.show(standing_answer(standing))
    if standing.needs_person:
        raise typer.Exit(NEEDS_PERSON)


@app.writes("resolve")
def resolve(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The id of the call (op_…) or event (evt_…).")],
    resend: Annotated[bool, typer.Option("--resend", help="Ask for it again: it was not done.")] = False,
    adopt: Annotated[
        str,
        typer.Option("--adopt", metavar="STRIPE_ID", help="It was done: this object was made or changed."),
    ] = "",
    drop: Annotated[bool, typer.Option("--drop", help="Never do it.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Handle the event again.")] = False,
    live: Live = False,
    key_file: KeyFile = "",
) -> None:
    """Decide about a call or an event that waits for a person; needs --reason.

    Look in Stripe's dashboard first. A call takes --resend, --adopt or --drop, an event --retry or --drop.
    --adopt looks at the object and wants the key, as --retry does; the others do without.
    """
    runtime = Runtime.of(context)
    runtime.require_reason()
    chosen = [
        name
        for name, given in (("resend", resend), ("adopt", adopt), ("drop", drop), ("retry", retry))
        if given
    ]
    is_event = id.startswith("evt_")
    fitting = ("retry", "drop") if is_event else ("resend", "adopt", "drop")
    if len(chosen) != 1 or chosen[0] not in fitting:
        raise WrongUsage(
            f"what is to be done with the {'event' if is_event else 'call'}?",
            where="stripe resolve",
            expected="one of " + ", ".join(f"--{name}" for name in fitting),
            got=" ".join(f"--{name}" for name in chosen) or "none",
            hint="planctl stripe status says why it waits",
        )
    if is_event:
        stripe_webhook.resolve_event(runtime, id, chosen[0], live=live, key_file=key_file)
    else:
        _resolve_call(runtime, id, chosen[0], adopt, lambda: connected(runtime, live=live, key_file=key_file))


def _resolve_call(
    runtime: Runtime, id: str, how: str, stripe_id: str, connect: Callable[[], Connected]
) -> None:
    from planctl.core.audit import Touched
    from planctl.views.stripe import call_document, next_of, resolved_answer

    decided = {"resend": "let go", "adopt": "adopted", "drop": "dropped"}[how]

    def write(tx: Tx) -> Kept:
        done = _decided(tx, id, how, stripe_id, runtime.reason)
        document = {
            **call_document(done),
            "decided": decided,
            "next": next_of(done.kind, decided),
        }
        return Kept(document, (Touched("stripe_operation", id),))

    def ask() -> None:
        if how == "adopt":
            _look(runtime, id, stripe_id, connect())

    request: Json = {"id": id, "how": how, "stripe_id": stripe_id}
    written = runtime.run_write(request, write, ask=ask)
    runtime.show(resolved_answer(written.document))
    undo = f"planctl stripe resolve {id} --resend --reason TEXT" if how == "drop" else ""
    runtime.done(written, undo=undo)


def _look(runtime: Runtime, id: str, stripe_id: str, where: Connected) -> None:
    """Make sure that the object at Stripe can be the one that the call is about."""
    from planctl.workflows.sync_stripe.resolve import check_adoption, waiting_call

    with runtime.open_read() as tx:
        operation = waiting_call(tx, id)
    check_adoption(where.gateway, where.store_id, operation, stripe_id)


def _decided(tx: Tx, id: str, how: str, stripe_id: str, reason: str) -> Operation:
    from planctl.store.stripe_account import account
    from planctl.workflows.sync_stripe import resolve as decisions

    if how == "adopt":
        return decisions.adopt(tx, account(tx), id, stripe_id)
    return decisions.let_go(tx, id, reason) if how == "resend" else decisions.give_up(tx, id, reason)


def _event_types() -> tuple[str, ...]:
    """The types of events that an endpoint at Stripe is to be registered for."""
    from planctl.core.stripe.facts_notice import TOPICS

    return tuple(TOPICS)
