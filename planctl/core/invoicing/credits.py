"""What a credit note takes back of a finalized invoice, with its tax, and where the amount goes. It writes nothing.

Amounts are minor units. Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.currencies import Currency
from planctl.core.invoicing.model import (
    CreditDraft,
    CreditLine,
    CreditNote,
    CreditTarget,
    Invoice,
    InvoiceStatus,
    Line,
    TaxShare,
)
from planctl.core.money import NumberError, format_minor, round_minor, to_minor
from planctl.core.periods import Instant
from planctl.errors import InvalidInput, Refused

TaxKey = tuple[str, str, bool]
"""A tax of a line: code, rate as text, whether it is included."""


@dataclass(frozen=True, slots=True)
class LineChoice:
    """A line to credit, by its position from 1: all that is left of it, or `net_minor` of it.

    `net_minor` is after discounts and without the tax that is added, which goes back on top.
    """

    position: int
    net_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Crediting:
    """What is said about a credit note besides its lines; (invoice, occasion) happens once."""

    occasion: str
    issued_at: Instant
    to: CreditTarget = "balance"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LineCredit:
    """What credit notes have taken back of one line so far."""

    net_minor: int = 0
    taxes: Mapping[TaxKey, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parts:
    """Where a credit goes: against what its invoice still owes, back as money, and into the balance."""

    invoice_minor: int
    money_minor: int
    balance_minor: int


def credited(notes: Iterable[CreditNote]) -> dict[int, LineCredit]:
    """What notes on one invoice have taken back, by the position of the line."""
    found: dict[int, LineCredit] = {}
    for line in (line for note in notes for line in note.draft.lines):
        before = found.get(line.position, LineCredit())
        taxes = dict(before.taxes)
        for share in line.taxes:
            taxes[tax_key(share)] = taxes.get(tax_key(share), 0) + share.amount_minor
        found[line.position] = LineCredit(before.net_minor + line.net_minor, taxes)
    return found


def credit_of(
    invoice: Invoice, notes: Sequence[CreditNote], choices: Sequence[LineChoice], crediting: Crediting
) -> CreditDraft:
    """The credit note that takes back the chosen lines of an invoice, or all that is left of it for no choice.

    `notes` are those on the invoice so far. Each line goes back net of its discount, with its share of the
    tax: that of a part is rounded once, and the note that takes the last of a line takes what tax is left, so
    no tax goes back that was not charged. Refused for an invoice that is void, for a line that takes money
    off, and for more than is left; InvalidInput for a line that is not there or is named twice.
    """
    if invoice.status in {InvoiceStatus.VOID, InvoiceStatus.DRAFT}:
        raise Refused(
            f"invoice {invoice.number} is {invoice.status}: there is nothing to credit",
            code="nothing-to-credit",
            where=invoice.number,
        )
    so_far = credited(notes)
    wanted = _checked(invoice, choices) if choices else _everything(invoice)
    lines = [_taken(invoice, choice, so_far.get(choice.position, LineCredit())) for choice in wanted]
    draft = CreditDraft(
        customer=invoice.draft.customer,
        invoice=invoice.id,
        occasion=crediting.occasion,
        currency=invoice.draft.currency,
        lines=tuple(line for line in lines if line.net_minor or line.taxes),
        issued_at=crediting.issued_at,
        to=crediting.to,
        reason=crediting.reason,
    )
    left = invoice.total_minor - sum(note.draft.total_minor for note in notes)
    if draft.total_minor <= 0 or draft.total_minor > left:
        raise _too_much(invoice, left, draft.total_minor)
    return draft


def divided(total_minor: int, owed_minor: int, paid_minor: int, to: CreditTarget) -> Parts:
    """Where a credit goes: what the invoice still owes comes first, then money up to what was paid, then the balance.

    `paid_minor` is what payments brought and was not given back yet; money goes back only where `to` is
    `refund`. The parts sum to the whole.
    """
    against = min(total_minor, owed_minor)
    money = min(total_minor - against, paid_minor) if to == "refund" else 0
    return Parts(against, money, total_minor - against - money)


def wrong_credits(charged_lines: Iterable[Line], notes: Sequence[CreditNote]) -> Iterator[str]:
    """What is wrong with the credit notes on one invoice: no line, nor its tax, goes back more than it was charged.

    They may come to more than its total, which has its own credits taken off.
    """
    lines = dict(enumerate(charged_lines, start=1))
    for position, back in sorted(credited(notes).items()):
        line = lines.get(position)
        if line is None:
            yield f"credit notes take back line {position}, which there is not"
            continue
        if not _within(back.net_minor, line.net_minor):
            yield f"line {position} is credited with {back.net_minor} of {line.net_minor} (minor units)"
        charged = {tax_key(share): share.amount_minor for share in line.taxes}
        for key, amount in sorted(back.taxes.items()):
            if not _within(amount, charged.get(key, 0)):
                of = f"{amount} of {charged.get(key, 0)}"
                yield f"of the tax {key[0]} on line {position}, {of} are credited (minor units)"
    total = sum(note.draft.total_minor for note in notes)
    most = sum(line.net_minor + line.tax_minor for line in lines.values() if line.net_minor > 0)
    if total > most:
        yield f"{total} of {most} are credited (minor units)"


def minor_of(amount: Decimal, currency: Currency, what: str = "a payment") -> int:
    """An amount above 0 that a person gave, in minor units; InvalidInput where it is none."""
    try:
        minor = to_minor(amount, currency)
    except NumberError as problem:
        raise InvalidInput(str(problem), where="AMOUNT", got=str(amount)) from problem
    if minor <= 0:
        raise InvalidInput(
            f"{what} is more than 0", where="AMOUNT", got=str(amount), expected="an amount above 0"
        )
    return minor


def tax_key(share: TaxShare) -> TaxKey:
    """What a line's taxes are told apart by."""
    return (share.code, str(share.rate), share.included)


def _within(part: int, whole: int) -> bool:
    return min(whole, 0) <= part <= max(whole, 0)


def _everything(invoice: Invoice) -> list[LineChoice]:
    return [LineChoice(position) for position, _ in enumerate(invoice.draft.lines, start=1)]


def _checked(invoice: Invoice, choices: Sequence[LineChoice]) -> Sequence[LineChoice]:
    lines = invoice.draft.lines
    seen: set[int] = set()
    for choice in choices:
        where = f"--line {choice.position}"
        if not 1 <= choice.position <= len(lines):
            raise InvalidInput(
                f"invoice {invoice.number} has no such line",
                where=where,
                expected=f"1 to {len(lines)}",
                got=str(choice.position),
                hint=f"planctl invoice show {invoice.number}",
            )
        if choice.position in seen:
            raise InvalidInput("the line is named twice", where=where, got=str(choice.position))
        if lines[choice.position - 1].net_minor <= 0:
            raise Refused(
                f"line {choice.position} of {invoice.number} charges nothing that could be credited",
                code="nothing-to-credit",
                where=where,
            )
        seen.add(choice.position)
    return choices


def _taken(invoice: Invoice, choice: LineChoice, before: LineCredit) -> CreditLine:
    line = invoice.draft.lines[choice.position - 1]
    left = line.net_minor - before.net_minor
    net = left if choice.net_minor is None else choice.net_minor
    if choice.net_minor is not None and not 0 < net <= left:
        raise _too_much(invoice, left, net, f"line {choice.position} of ")
    return credit_line(line, choice.position, net, before)


def credit_line(
    line: Line, position: int, net_minor: int, before: LineCredit, reason: str = ""
) -> CreditLine:
    """`net_minor` of a line taken back with its share of the tax; `before` is what went back of it so far."""
    taxes = tuple(_share(share, line, net_minor, before) for share in line.taxes)
    kept = tuple(share for share in taxes if share.amount_minor)
    return CreditLine(position, line.description, net_minor, kept, reason)


def _share(share: TaxShare, line: Line, net_minor: int, before: LineCredit) -> TaxShare:
    """The tax that goes back with a part of a line: all that is left of it with the last part."""
    left = share.amount_minor - before.taxes.get(tax_key(share), 0)
    if before.net_minor + net_minor == line.net_minor:
        return replace(share, amount_minor=left)
    part = round_minor(Fraction(share.amount_minor * net_minor, line.net_minor), 0)
    return replace(share, amount_minor=min(part, left))


def _too_much(invoice: Invoice, left: int, wanted: int, of: str = "") -> Refused:
    currency: Currency = invoice.draft.currency
    if left <= 0:
        return Refused(
            f"{of}invoice {invoice.number} is credited whole already",
            code="nothing-to-credit",
            where=invoice.number,
        )
    return Refused(
        f"no more can be credited than is left of {of}invoice {invoice.number}",
        code="credit-too-large",
        where=invoice.number,
        expected=f"above 0, at most {format_minor(left, currency)} {currency.code}",
        got=f"{format_minor(wanted, currency)} {currency.code}",
    )
