"""`planctl stripe pull` and `stripe webhook`: what comes in from Stripe; the workflow looks again and decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planctl.cli.runtime import Kept, Runtime, Written
from planctl.cli.stripe_talk import Connected, KeyFile, Live, connected
from planctl.errors import Busy, InvalidInput, NotPermitted, PlanctlError, StoreFailure, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planctl.cli.options import App
    from planctl.core.periods import Instant
    from planctl.core.stripe.facts_notice import Notice
    from planctl.core.stripe.facts_told import Applied, Handled
    from planctl.store.engine import Tx
    from planctl.stripe_bridge.listener import Reply
    from planctl.views.sheet import Json
    from planctl.workflows.receive_webhook.handling import Receiver

NEEDS_PERSON = 1

_RECEIVED = frozenset({"payment", "reinstated", "checkout"})
"""What of an event brought money."""

_CUT = "What was taken in is kept; run it again and it goes on from there."


def register(app: App) -> None:
    """Add the commands to the group `stripe`."""
    app.writes("pull")(pull)
    app.writes("webhook", may_be_empty=("signature",))(webhook)


def pull(context: typer.Context, live: Live = False, key_file: KeyFile = "") -> None:
    """Take in what happened at Stripe since the last time: paid, failed, refunded, disputed, cards, pages.

    For cron; it needs no server. Events that webhooks brought are known already. Stopped anywhere, the next pull goes
    on from there. Exit code 1 where something waits for a person: planctl stripe resolve.
    """
    from planctl.views.stripe_events import pulled_answer, pulled_document, resolve_lines
    from planctl.workflows.receive_webhook import pulling

    runtime = Runtime.of(context)
    request: Json = {"live": live}
    written = runtime.first_answer(request)
    if written is None:
        where = connected(runtime, live=live, key_file=key_file)
        runtime.cut = _CUT
        progress = runtime.output.progress
        pulled = pulling.pull(
            receiving(runtime, where),
            lambda done, of: progress(f"events: {done:,} of {of:,}", last=done == of),
        )
        written = _answered(runtime, request, pulled_document(pulled, where.account.id))
        runtime.cut = ""
    runtime.show(pulled_answer(written.document))
    _leave(runtime, written, resolve_lines(written.document))


def webhook(
    context: typer.Context,
    signature: Annotated[
        str | None, typer.Option(metavar="HEADER", help="The request's Stripe-Signature; its body is stdin.")
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="127.0.0.1:PORT", help="Listen there for one request after another.")
    ] = "",
    live: Live = False,
    key_file: KeyFile = "",
) -> None:
    """Take in one event of Stripe's from standard input, or listen for them behind a web server.

    The signature is checked before anything else, with STRIPE_WEBHOOK_SECRET_FILE or the credential `stripe-webhook`.
    An event only says where to look: Stripe is asked what is so now, with the key. Exit code 0 also for an event that
    is known or of somebody else, 1 where it waits for a person, 77 where it is forged, too old, or no secret is there.
    """
    runtime = Runtime.of(context)
    if (signature is None) == (not listen):
        raise WrongUsage(
            "is one event on standard input, or are they to be listened for?",
            where="stripe webhook",
            expected="--signature HEADER or --listen 127.0.0.1:PORT",
        )
    if signature is None:
        _listen(runtime, listen, live=live, key_file=key_file)
        return
    notice = _read(signature)
    request: Json = {"event": notice.id, "live": live}
    written = runtime.first_answer(request)
    if written is None:
        written = _taken(runtime, notice, request, connected(runtime, live=live, key_file=key_file))
    from planctl.views.stripe_events import handled_answer, resolve_lines

    runtime.show(handled_answer(written.document))
    _leave(runtime, written, resolve_lines(written.document))


def resolve_event(runtime: Runtime, id: str, how: str, *, live: bool, key_file: str) -> None:
    """What a person decided about an event that waits: to take it in again (`retry`), or to let it be (`drop`)."""
    from planctl.views.stripe_events import dropped_document, handled_answer, handled_document, resolve_lines
    from planctl.workflows.receive_webhook.handling import drop_event, retry_event

    request: Json = {"id": id, "how": how}
    if how == "drop":

        def write(tx: Tx) -> Kept:
            from planctl.core.audit import Touched
            from planctl.store.stripe_account import account

            dropped = drop_event(tx, account(tx), id, runtime.reason)
            return Kept(dropped_document(dropped.notice, runtime.reason), (Touched("stripe_event", id),))

        written = runtime.run_write(request, write)
    else:
        first = runtime.first_answer(request)
        if first is None:
            handled = retry_event(receiving(runtime, connected(runtime, live=live, key_file=key_file)), id)
            first = _answered(runtime, request, handled_document(handled))
        written = first
    runtime.show(handled_answer(written.document))
    _leave(runtime, written, resolve_lines(written.document))


def receiving(runtime: Runtime, where: Connected) -> Receiver:
    """What events are taken in with by a command: `--as-of` says until when, else the clock, read each time."""
    from planctl import clock
    from planctl.core.periods import Instant
    from planctl.workflows.receive_webhook.handling import Receiver
    from planctl.workflows.sync_stripe.sending import Talk

    def now() -> Instant:
        return Instant(clock.now())

    said: Instant | None = None
    if runtime.settings.as_of:
        with runtime.open_read() as tx:
            said = runtime.as_of(tx)
    talk = Talk(
        where.gateway,
        where.account,
        where.store_id,
        runtime.open_read,
        runtime.open_write,
        lambda _tx, _operation: None,  # nothing is sent
        now,
    )
    return Receiver(
        talk,
        runtime.actor,
        lambda tx, handled: _record(runtime, tx, handled),
        lambda: now() if said is None else said,
    )


def _record(runtime: Runtime, tx: Tx, handled: Handled) -> None:
    """Audit what an event changed, or why it waits: ids and amounts, nobody's name."""
    from collections import Counter

    from planctl.core.audit import Touched
    from planctl.views.stripe_events import handled_document

    facts = handled.applied
    counts = Counter(str(one.what) for one in facts)
    touched = [Touched("stripe_event", handled.notice.id)]
    touched += [
        Touched("invoice", number) for number in dict.fromkeys(one.invoice for one in facts) if number
    ]
    totals = _totals(facts)
    runtime.record(tx, handled_document(handled), Kept(None, tuple(touched), counts, totals), answers=False)


def _totals(facts: Sequence[Applied]) -> dict[str, str]:
    """What came in, by currency."""
    from planctl.core.money import format_minor

    found: dict[str, str] = {}
    for currency in dict.fromkeys(one.currency for one in facts if one.currency is not None):
        received = [one.amount_minor for one in facts if one.what in _RECEIVED and one.currency == currency]
        if received:
            found[currency.code] = format_minor(sum(received), currency)
    return found


def _answered(runtime: Runtime, request: Json, document: Json) -> Written:
    """The answer, remembered under `--key`; what was done is audited event by event."""
    if runtime.given.key:
        with runtime.open_write(bookkeeping=True) as tx:
            runtime.record(tx, request, Kept(document, changed=False))
    return Written(document, discarded=runtime.given.dry_run)


def _leave(runtime: Runtime, written: Written, waiting: list[str]) -> None:
    runtime.done(written)
    if waiting:
        runtime.warn(*waiting)
        raise typer.Exit(NEEDS_PERSON)


# --- one event


def _read(signature: str) -> Notice:
    """The event on standard input, once its signature is found to be good."""
    from planctl.files.standard_input import standard_input
    from planctl.stripe_bridge.signatures import LONGEST_BODY

    return _notice(standard_input().read(LONGEST_BODY + 1), signature, _secrets())


def _notice(body: bytes, signature: str, secrets: Sequence[str]) -> Notice:
    """What an event says; NotPermitted or InvalidInput where it is not Stripe's, or not an event."""
    from planctl import clock
    from planctl.core.stripe.facts_notice import notice_of
    from planctl.stripe_bridge.signatures import event_of, verify

    verify(body, signature, secrets, clock.now() // 1_000_000)
    return notice_of(event_of(body))


def _secrets() -> tuple[str, ...]:
    from planctl.stripe_bridge.keys import no_core_dumps, read_webhook_secrets

    no_core_dumps()
    return read_webhook_secrets()


def _taken(runtime: Runtime, notice: Notice, request: Json, where: Connected) -> Written:
    from planctl.views.stripe_events import handled_document
    from planctl.workflows.receive_webhook.handling import handle

    return _answered(runtime, request, handled_document(handle(receiving(runtime, where), notice)))


# --- listening


def _listen(runtime: Runtime, address: str, *, live: bool, key_file: str) -> None:
    """Take in events until SIGTERM, which lets the running one end; each with a store and a clock of its own."""
    import signal

    from planctl.stripe_bridge.listener import Listener, loopback_address
    from planctl.stripe_bridge.signatures import verify
    from planctl.views.sheet import Answer

    host, port = loopback_address(address)
    for option, given in (("--dry-run", runtime.given.dry_run), ("--key", runtime.given.key)):
        if given:
            raise WrongUsage(f"{option} is for one event, not for listening", where="stripe webhook")
    secrets = _secrets()
    if not secrets:
        verify(b"", "", secrets, 0)  # which says what is missing
    where = connected(runtime, live=live, key_file=key_file)
    runtime.close()
    stopping: list[int] = []
    listener = Listener(host, port, lambda body, header: _replied(runtime, where, secrets, (body, header)))
    before = signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    try:
        runtime.output.show(Answer({"listening": listener.address}, (f"listening on {listener.address}",)))
        runtime.cut = "What was taken in is kept."
        listener.serve(lambda: bool(stopping))
    finally:
        signal.signal(signal.SIGTERM, before)
        listener.close()


def _replied(runtime: Runtime, where: Connected, secrets: Sequence[str], request: tuple[bytes, str]) -> Reply:
    """What one request is answered, and one line for the log, which names nobody."""
    from planctl.stripe_bridge.listener import Reply

    body, signature = request
    try:
        notice = _notice(body, signature, secrets)
    except (NotPermitted, InvalidInput) as problem:
        runtime.warn(f"refused: {problem.code}")
        return Reply(400, problem.code)
    event = Runtime(runtime.given, runtime.command, runtime.formats, runtime.is_write, needs=runtime.needs)
    try:
        outcome = _handled_alone(event, notice, where)
        runtime.committed = runtime.committed or event.committed
    except (Busy, NotPermitted, StoreFailure) as problem:
        runtime.warn(f"{notice.id} {notice.kind}: to come again: {problem.code}")
        return Reply(503, problem.code)
    except PlanctlError as problem:
        runtime.warn(f"{notice.id} {notice.kind}: {problem.code}")
        return Reply(500, problem.code)
    except Exception as mistake:
        from planctl.cli.boundary import written_report

        runtime.warn(f"{notice.id} {notice.kind}: planctl made a mistake; {written_report(mistake)}")
        return Reply(500, "bug")
    finally:
        event.close()
    tell = runtime.warn if outcome == "parked" else runtime.say
    tell(f"{notice.id} {notice.kind}: {outcome}")
    return Reply(200, outcome)


def _handled_alone(runtime: Runtime, notice: Notice, where: Connected) -> str:
    from planctl.workflows.receive_webhook.handling import handle

    return handle(receiving(runtime, where), notice).outcome
