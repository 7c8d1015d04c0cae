"""`planctl stripe diff` and `stripe push`: what Stripe lacks, and bringing it there; the workflows decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.runtime import Kept, Runtime, Written
from planctl.cli.stripe_talk import Connected, KeyFile, Live, connected, talk_through
from planctl.errors import WrongUsage

if TYPE_CHECKING:
    from planctl.cli.options import App
    from planctl.core.stripe.comparing import Comparison
    from planctl.core.stripe.facts_told import Handled
    from planctl.core.stripe.invoice_report import ProposedInvoice
    from planctl.core.stripe.model import StripeChange
    from planctl.views.sheet import Answer, Json
    from planctl.views.stripe_push import Push

PARTS = ("catalog", "customers", "invoices")
NEEDS_PERSON = 1
DIFFERS = 2

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="PART", help=f"Only this part: {', '.join(PARTS)}. May be repeated."),
]


def register(app: App) -> None:
    """Add the commands to the group `stripe`."""
    app.reads("diff")(diff)
    app.writes("push")(push)


def diff(
    context: typer.Context,
    only: Only = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="2 where a push would do anything.")] = False,
    live: Live = False,
    key_file: KeyFile = "",
) -> None:
    """Compare the catalog, what was sent, and what Stripe has now; nothing is sent.

    What somebody changed at Stripe is told apart: a push sets it back. What customers change in the portal is theirs.
    """
    from planctl.views.stripe_push import differs, proposal_answer

    runtime = Runtime.of(context)
    parts = _parts(only)
    where = connected(runtime, live=live, key_file=key_file)
    found, customers, invoices = _proposed(runtime, where, parts)
    runtime.show(proposal_answer(where.account, found, customers, invoices))
    if differs(found, customers, invoices):
        runtime.say("nothing was sent: planctl stripe push does it")
        if exit_code:
            raise typer.Exit(DIFFERS)


def push(context: typer.Context, only: Only = None, live: Live = False, key_file: KeyFile = "") -> None:
    """Send Stripe what it lacks: products, prices, coupons, tax rates, customers, then invoices.

    Stopped anywhere, or run twice at once, it makes nothing twice. With --live it asks. Exit code 1 where a call
    waits for a person: planctl stripe status.
    """
    from planctl.views.stripe_push import push_answer, waits_for_person

    runtime = Runtime.of(context)
    parts = _parts(only)
    request: Json = {"only": list(parts), "live": live}
    written = runtime.first_answer(request)
    if written is None:
        where = connected(runtime, live=live, key_file=key_file)
        if runtime.given.dry_run:
            _show_instead(runtime, where, parts)
            return
        if live:
            runtime.confirm(_answer(runtime, where, parts).lines, "Send this to live Stripe?")
        else:
            runtime.name_store()
        written = Written(_push(runtime, where, parts, request))
    runtime.show(push_answer(written.document))
    runtime.say_store()
    runtime.done(written)
    if waits_for_person(written.document):
        runtime.warn("something waits for a person: planctl stripe status")
        raise typer.Exit(NEEDS_PERSON)


def _push(runtime: Runtime, where: Connected, parts: tuple[str, ...], request: Json) -> Json:
    from planctl.views.stripe_push import push_document

    pushed = _pushed(runtime, where, parts)
    document = push_document(pushed)
    with runtime.open_write(bookkeeping=True) as tx:
        runtime.record(tx, request, Kept(document, changed=bool(pushed.calls)))
    runtime.cut = ""
    return document


def _pushed(runtime: Runtime, where: Connected, parts: tuple[str, ...]) -> Push:
    from planctl.core.stripe.model import State
    from planctl.views.stripe_push import Push
    from planctl.workflows.sync_stripe.push_invoices import push_invoices
    from planctl.workflows.sync_stripe.push_objects import push_catalog, push_customers, wanted_of_catalog
    from planctl.workflows.sync_stripe.sending import finish_all

    talk = talk_through(runtime, where)

    def progress(noun: str, done: int, of: int) -> None:
        runtime.output.progress(f"{noun}: {done:,} of {of:,}", last=done == of)

    earlier = finish_all(talk)
    objects = [push_catalog(talk)] if "catalog" in parts else []
    if "customers" in parts:
        objects.append(push_customers(talk, lambda done, of: progress("customers", done, of)))
    with runtime.open_read() as tx:
        left_out = wanted_of_catalog(tx, talk.now()).left_out if "catalog" in parts else ()
    invoices = (
        push_invoices(talk, lambda done, of: progress("invoices", done, of)) if "invoices" in parts else None
    )
    taken_in = [] if invoices is None else _taken_in(runtime, where)
    parked = {one.id: one for one in earlier if one.state is State.PARKED and one.kind != "invoice"}
    parked |= {one.id: one for pushed in objects for one in pushed.parked}
    return Push(
        where.account,
        sum(one.state is State.CONFIRMED for one in earlier),
        tuple(change for pushed in objects for change in pushed.changes),
        () if invoices is None else tuple(invoices.sent.items()),
        tuple(parked.values()),
        () if invoices is None else tuple(invoices.stopped),
        (*left_out, *(one for pushed in objects for one in pushed.left_out)),
        tuple(taken_in),
    )


def _taken_in(runtime: Runtime, where: Connected) -> list[Handled]:
    """What Stripe says is paid is paid here at once, before any event tells so.

    Else an invoice whose card was just charged could be voided and issued again, or its customer blocked.
    """
    from planctl.cli.stripe_webhook import receiving
    from planctl.core.stripe.facts_notice import LOOK
    from planctl.core.stripe.invoice_calls import STATUS
    from planctl.store.stripe_standing import unpaid_there
    from planctl.workflows.receive_webhook.handling import look_at

    with runtime.open_read() as tx:
        paid = [one for one in unpaid_there(tx, where.account) if one.detail.get(STATUS) == "paid"]
    receiver = receiving(runtime, where)
    return [look_at(receiver, LOOK, one.stripe_id) for one in paid]


def _proposed(
    runtime: Runtime, where: Connected, parts: tuple[str, ...]
) -> tuple[Comparison, list[StripeChange], list[ProposedInvoice]]:
    from planctl.core.stripe.comparing import Comparison
    from planctl.core.stripe.fields import Wanted
    from planctl.workflows.sync_stripe.push_invoices import propose_invoices
    from planctl.workflows.sync_stripe.push_objects import (
        OF_CATALOG,
        compare_with,
        propose_customers,
        read_remote,
        wanted_of_catalog,
    )

    remote = read_remote(where.gateway, OF_CATALOG if "catalog" in parts else ())
    with runtime.open_read() as tx:
        wanted = wanted_of_catalog(tx, runtime.now) if "catalog" in parts else Wanted()
        found = compare_with(tx, where.account, wanted, remote, where.store_id)[0] if remote else Comparison()
        customers = propose_customers(tx, where.account) if "customers" in parts else []
        invoices = (
            list(propose_invoices(tx, where.account, where.store_id, runtime.now))
            if "invoices" in parts
            else []
        )
    return found, customers, invoices


def _show_instead(runtime: Runtime, where: Connected, parts: tuple[str, ...]) -> None:
    answer = _answer(runtime, where, parts)
    runtime.show(answer)
    runtime.done(Written(answer.document, discarded=True))


def _answer(runtime: Runtime, where: Connected, parts: tuple[str, ...]) -> Answer:
    from planctl.views.stripe_push import proposal_answer

    return proposal_answer(where.account, *_proposed(runtime, where, parts))


def _parts(only: list[str] | None) -> tuple[str, ...]:
    """The parts that were asked for, all of them where none was named, in the order in which they need each other."""
    unknown = [one for one in only or () if one not in PARTS]
    if unknown:
        raise WrongUsage(
            "that is no part of what is pushed", where="--only", expected=", ".join(PARTS), got=unknown[0]
        )
    return tuple(one for one in PARTS if not only or one in only)
