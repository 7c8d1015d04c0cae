"""What a credit note takes back of a finalized invoice, with its tax, and where the amount goes. It writes nothing.

Amounts are minor units. Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
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
from planctl.values import dataclass

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
    """What was taken back of one line so far."""

    net_minor: int = 0
    taxes: Mapping[TaxKey, int] = field(default_factory=dict)

    def plus(self, net_minor: int, taxes: Mapping[TaxKey, int]) -> LineCredit:
        """It with so much more."""
        together = {key: self.taxes.get(key, 0) + taxes.get(key, 0) for key in {**self.taxes, **taxes}}
        return LineCredit(self.net_minor + net_minor, together)


@dataclass(frozen=True, slots=True)
class TakenOff:
    """What a line that takes money off, of unused time say, gave back of one line (`position`, from 1) of an invoice.

    `invoice` is the id of the one it stands on and `number` its number; amounts are above 0, after discounts.
    """

    position: int
    invoice: str
    net_minor: int
    taxes: Mapping[TaxKey, int] = field(default_factory=dict)
    number: str = ""

    @property
    def tax_minor(self) -> int:
        """The added tax that went back with it."""
        return sum(amount for (_, _, included), amount in self.taxes.items() if not included)


@dataclass(frozen=True, slots=True)
class GoneBack:
    """What went back of one invoice so far: by credit notes on it, and by lines that took money off, on any invoice."""

    notes: Sequence[CreditNote] = ()
    taken_off: Sequence[TakenOff] = ()

    @property
    def credited_minor(self) -> int:
        """The sum of the credit notes, with tax."""
        return sum(note.draft.total_minor for note in self.notes)

    def by_line(self, invoice: Invoice, *, whole: bool) -> dict[int, LineCredit]:
        """What went back of each line, by position; where the `whole` goes back, what its own lines took off does too.

        Where the tax that went back was rounded to more than the line's, that counts as the line's amount.
        """
        found = credited(self.notes)
        for one in self.taken_off:
            if not (whole and one.invoice == invoice.id):
                found[one.position] = found.get(one.position, LineCredit()).plus(one.net_minor, one.taxes)
        for position, line in enumerate(invoice.draft.lines, start=1):
            if position in found and line.net_minor > 0:
                found[position] = found[position].plus(_too_much_tax(line, found[position]), {})
        return found


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
        taxes = {tax_key(share): share.amount_minor for share in line.taxes}
        found[line.position] = found.get(line.position, LineCredit()).plus(line.net_minor, taxes)
    return found


def credit_of(
    invoice: Invoice, gone: GoneBack, choices: Sequence[LineChoice], crediting: Crediting
) -> CreditDraft:
    """The credit note that takes back the chosen lines of an invoice, or all that is left of it for no choice.

    `gone` is what went back of it so far, by credit notes and by lines of any invoice. Each line goes back net of
    its discount, with its share of the tax: that of a part is rounded once, and the note that takes the last of a
    line takes what tax is left, so no tax goes back that was not charged. A line that takes money off is taken back
    with the whole, and with lines that come to as much. Refused for an invoice that is void, for a line that takes
    money off, and for more than is left; InvalidInput for a line that is not there or is named twice.
    """
    if invoice.status in {InvoiceStatus.VOID, InvoiceStatus.DRAFT}:
        raise Refused(
            f"invoice {invoice.number} is {invoice.status}: there is nothing to credit",
            code="nothing-to-credit",
            where=invoice.number,
        )
    lines, left = all_left(invoice, gone), invoice.total_minor - gone.credited_minor
    if choices:
        before = gone.by_line(invoice, whole=False)
        chosen = tuple(
            _taken(invoice, gone, choice, before.get(choice.position, LineCredit()))
            for choice in _checked(invoice, choices)
        )
        lines = lines if credited_total(chosen) == credited_total(lines) == left else chosen
    total = credited_total(lines)
    if not 0 < total <= left:
        raise _too_much(invoice, gone, left if choices else min(left, total), total)
    return drafted(invoice, lines, crediting)


def all_left(invoice: Invoice, gone: GoneBack) -> tuple[CreditLine, ...]:
    """All that is left of an invoice, line by line; below 0 for the lines that took money off, which is charged again.

    It may come to nothing, or less, where what they took off is more than what is left of the others.
    """
    so_far = gone.by_line(invoice, whole=True)
    found = []
    for position, line in enumerate(invoice.draft.lines, start=1):
        before = so_far.get(position, LineCredit())
        left = line.net_minor - before.net_minor
        if left > 0 or line.net_minor <= 0:
            found.append(credit_line(line, position, left, before))
    return tuple(line for line in found if line.net_minor or line.taxes)


def credited_total(lines: Iterable[CreditLine]) -> int:
    """What lines of a credit note come to, with the tax that was added."""
    return sum(line.net_minor + line.tax_minor for line in lines)


def drafted(invoice: Invoice, lines: Sequence[CreditLine], crediting: Crediting) -> CreditDraft:
    """The credit note over these lines of an invoice."""
    return CreditDraft(
        customer=invoice.draft.customer,
        invoice=invoice.id,
        occasion=crediting.occasion,
        currency=invoice.draft.currency,
        lines=tuple(lines),
        issued_at=crediting.issued_at,
        to=crediting.to,
        reason=crediting.reason,
    )


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


def _taken(invoice: Invoice, gone: GoneBack, choice: LineChoice, before: LineCredit) -> CreditLine:
    line = invoice.draft.lines[choice.position - 1]
    left = line.net_minor - before.net_minor
    net = left if choice.net_minor is None else choice.net_minor
    if not 0 < net <= left:
        raise _too_much(invoice, gone, left, net, choice.position)
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
    left = left if line.net_minor <= 0 else max(left, 0)
    if before.net_minor + net_minor == line.net_minor:
        return replace(share, amount_minor=left)
    part = round_minor(Fraction(share.amount_minor * net_minor, line.net_minor), 0)
    return replace(share, amount_minor=min(part, left))


def _too_much_tax(line: Line, back: LineCredit) -> int:
    """By how much the added tax that went back of a line is above what was charged with it."""
    added = (share for share in line.taxes if not share.included)
    return sum(max(back.taxes.get(tax_key(share), 0) - share.amount_minor, 0) for share in added)


def _too_much(
    invoice: Invoice, gone: GoneBack, left: int, wanted: int, position: int | None = None
) -> Refused:
    currency: Currency = invoice.draft.currency
    of = "" if position is None else f"line {position} of "
    earlier = [one for one in gone.taken_off if position in {None, one.position} and one.number]
    hint = "; ".join(
        f"{format_minor(one.net_minor + one.tax_minor, currency)} {currency.code} of line {one.position} went back"
        f" on {one.number}"
        for one in earlier
    )
    if left <= 0:
        what = "given back" if earlier else "credited"
        return Refused(
            f"{of}invoice {invoice.number} is {what} whole already",
            code="nothing-to-credit",
            where=invoice.number,
            hint=hint,
        )
    return Refused(
        f"no more can be credited than is left of {of}invoice {invoice.number}",
        code="credit-too-large",
        where=invoice.number,
        expected=f"above 0, at most {format_minor(left, currency)} {currency.code}",
        got=f"{format_minor(wanted, currency)} {currency.code}",
        hint=hint,
    )
