"""How wallets, packs bought and grants look, to machines and to people. Units are shown, never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planctl.core.instants import instant_text, zone
from planctl.core.invoicing.model import Invoice
from planctl.core.packs import Purchase
from planctl.core.wallet_standing import Cause, GrantStanding, Wallet
from planctl.core.wallets import Grant
from planctl.views.invoice import invoice_document, issued_text, request_text
from planctl.views.sheet import Answer, Column, Json, Sheet
from planctl.views.words import day_text, exact_decimal, maybe

COLUMNS = (
    Column("feature"),
    Column("id"),
    Column("pack"),
    Column("amount", "quantity"),
    Column("left", "quantity"),
    Column("state"),
    Column("granted_at", "instant", "granted"),
    Column("expires_at", "instant", "expires"),
    Column("priority", "quantity"),
)
LEDGER_COLUMNS = (
    Column("feature"),
    Column("seq", "quantity", "no"),
    Column("at", "instant"),
    Column("amount", "quantity"),
    Column("balance", "quantity"),
    Column("grant"),
    Column("cause"),
    Column("invoice"),
    Column("key"),
)


# --- reading


def wallet_document(wallet: Wallet) -> dict[str, Json]:
    """A wallet as JSON: `balance` is what usage could still take now, `posted` what the entries say."""
    return {
        "customer": wallet.customer,
        "feature": wallet.feature,
        "unit": wallet.unit or None,
        "balance": exact_decimal(wallet.balance),
        "posted": exact_decimal(wallet.posted),
        "grants": [_standing_document(one) for one in wallet.grants],
    }


def grant_document(grant: Grant) -> dict[str, Json]:
    """A grant as JSON."""
    return {
        "id": grant.id,
        "feature": grant.feature,
        "pack": grant.pack or None,
        "amount": exact_decimal(grant.amount),
        "left": exact_decimal(grant.left),
        "granted_at": instant_text(grant.granted_at),
        "expires_at": maybe(grant.expires_at),
        "priority": grant.priority,
        "reason": grant.reason or None,
    }


def _standing_document(one: GrantStanding) -> dict[str, Json]:
    more: dict[str, Json] = {
        "left": exact_decimal(one.left),
        "drawn": exact_decimal(one.drawn),
        "state": one.state,
    }
    return grant_document(one.grant) | more


def wallets_answer(customer: str, wallets: Sequence[Wallet], timezone: str, *, one: bool) -> Answer:
    """A customer's wallets with every grant; `one`: a single feature was asked about, so JSON is one object."""
    documents = [wallet_document(wallet) for wallet in wallets]
    rows = tuple(
        (
            standing.grant.feature,
            standing.grant.id,
            standing.grant.pack or None,
            exact_decimal(standing.grant.amount),
            exact_decimal(standing.left),
            standing.state,
            standing.grant.granted_at,
            standing.grant.expires_at,
            standing.grant.priority,
        )
        for wallet in wallets
        for standing in wallet.grants
    )
    lines = tuple(
        f"{wallet.feature}: {exact_decimal(wallet.balance)} {wallet.unit or 'units'} left"
        for wallet in wallets
    )
    document: Json = documents[0] if one else documents
    empty = f"{customer} has nothing in a wallet"
    return Answer(document, lines, Sheet(COLUMNS, rows, timezone), empty)


def ledger_answer(customer: str, causes: Sequence[Cause], timezone: str) -> Answer:
    """Every entry of a customer's wallets with what caused it."""
    rows = tuple(
        (
            one.entry.feature,
            one.entry.seq,
            one.entry.at,
            exact_decimal(one.entry.amount),
            exact_decimal(one.entry.balance),
            one.entry.grant,
            one.text,
            one.invoice or None,
            one.entry.key,
        )
        for one in causes
    )
    documents: list[Json] = [
        {
            "customer": one.entry.customer,
            "feature": one.entry.feature,
            "seq": one.entry.seq,
            "at": instant_text(one.entry.at),
            "amount": exact_decimal(one.entry.amount),
            "balance": exact_decimal(one.entry.balance),
            "grant": one.entry.grant,
            "cause": one.text,
            "invoice": one.invoice or None,
            "key": one.entry.key,
            "reverses": one.entry.reverses or None,
        }
        for one in causes
    ]
    sheet = Sheet(LEDGER_COLUMNS, rows, timezone)
    return Answer(documents, (), sheet, f"nothing ever moved in a wallet of {customer}")


# --- writing


def purchase_lines(purchase: Purchase) -> list[str]:
    """What buying will do, for the question before it."""
    draft = purchase.draft
    lines = [f"{draft.customer} buys {purchase.quantity} x {purchase.pack} on {purchase.plan}"]
    for grant in purchase.grants:
        lines.append(f"  {_given(grant, draft.timezone)}, usable at once")
    lines.append(f"  request: {request_text(draft)}")
    return lines


def purchase_document(purchase: Purchase, invoice: Invoice | None) -> dict[str, Json]:
    """A pack bought as JSON, with its grants and its invoice (null: nothing was to be paid)."""
    return {
        "id": purchase.id,
        "customer": purchase.customer.id,
        "pack": purchase.pack,
        "quantity": purchase.quantity,
        "subscription": purchase.draft.subscription,
        "timezone": purchase.draft.timezone,
        "grants": [grant_document(grant) for grant in purchase.grants],
        "invoice": None if invoice is None else invoice_document(invoice),
    }


def purchase_answer(document: Json) -> Answer:
    """What a purchase did, from its document."""
    one = _object(document)
    lines = [f"{one['customer']} bought {one['quantity']} x {one['pack']} ({one['id']})"]
    lines += [_granted(grant) for grant in _objects(one["grants"])]
    if one["invoice"] is None:
        lines.append("nothing is to be paid")
    else:
        lines.append(issued_text(one["invoice"]))
    return Answer(document, tuple(lines))


def purchase_undo(document: Json) -> str:
    """What takes a purchase back: its units, then its invoice."""
    one = _object(document)
    voids = [
        f"planctl wallet void {one['customer']} {grant['id']} --reason TEXT"
        for grant in _objects(one["grants"])
    ]
    if one["invoice"] is not None:
        voids.append(f"planctl invoice void {_object(one['invoice'])['number']} --reason TEXT")
    return "; ".join(voids)


def grant_lines(grant: Grant, timezone: str) -> list[str]:
    """What giving units will do, for the question before it."""
    return [f"{grant.customer} gets {_given(grant, timezone)}: {grant.reason}"]


def given_document(grant: Grant) -> dict[str, Json]:
    """Units given as JSON."""
    return {"customer": grant.customer} | grant_document(grant)


def given_answer(document: Json) -> Answer:
    """What giving units did, from its document."""
    one = _object(document)
    return Answer(document, (f"{one['customer']}: {_granted(one)}",))


def given_undo(document: Json) -> str:
    """What takes given units back."""
    one = _object(document)
    return f"planctl wallet void {one['customer']} {one['id']} --reason TEXT"


def void_lines(grant: Grant, out: str, kept: str) -> list[str]:
    """What taking a grant out will do, for the question before it."""
    lines = [f"{grant.customer} loses {out} of {exact_decimal(grant.amount)} {grant.feature} ({grant.id})"]
    return lines if kept == "0" else [*lines, f"  {kept} stay for usage that is not closed yet"]


def voided_document(grant: Grant, out: str, kept: str) -> dict[str, Json]:
    """A grant taken out as JSON."""
    return {"customer": grant.customer} | grant_document(grant) | {"left": "0", "voided": out, "kept": kept}


def voided_answer(document: Json) -> Answer:
    """What taking a grant out did, from its document."""
    one = _object(document)
    return Answer(document, (f"{one['customer']}: {one['voided']} {one['feature']} taken out ({one['id']})",))


def voided_undo(document: Json) -> str:
    """What gives units back that were taken out."""
    one = _object(document)
    end = f" --expires {one['expires_at']}" if one["expires_at"] else ""
    return f"planctl wallet grant {one['customer']} {one['feature']} {one['voided']}{end} --reason TEXT"


def _given(grant: Grant, timezone: str) -> str:
    end = "for ever" if grant.expires_at is None else f"until {day_text(grant.expires_at, zone(timezone))}"
    return f"{exact_decimal(grant.amount)} {grant.feature} {end}"


def _granted(grant: Mapping[str, Json]) -> str:
    end = f"until {grant['expires_at']}" if grant["expires_at"] else "for ever"
    return f"{grant['amount']} {grant['feature']} usable now, {end} ({grant['id']})"


def _object(document: Json) -> Mapping[str, Json]:
    assert isinstance(document, Mapping)
    return document


def _objects(documents: Json) -> list[Mapping[str, Json]]:
    assert isinstance(documents, Sequence)
    return [_object(one) for one in documents]
