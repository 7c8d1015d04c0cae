"""Which parts of an invoice a sum takes back that was given back at Stripe, with its tax. It writes nothing.

At Stripe somebody types one amount, tax and all; a credit note says what of each line goes back.
Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from dataclasses import replace

from planctl.core.invoicing.credits import (
    Crediting,
    GoneBack,
    LineCredit,
    all_left,
    credit_line,
    credited_total,
    drafted,
    tax_key,
)
from planctl.core.invoicing.model import CreditDraft, CreditLine, Invoice, Line
from planctl.core.money import allocate, format_minor
from planctl.errors import Refused


def credit_of_sum(invoice: Invoice, gone: GoneBack, sum_minor: int, crediting: Crediting) -> CreditDraft:
    """The credit note over exactly `sum_minor`, tax included: all that is left of an invoice, or a share of each line.

    `gone` is what went back of it so far. Lines share by what is left of each; where no net amount and its tax,
    rounded, make up a share, the unit that is missing is tax. Refused for more than is left to credit.
    """
    so_far = gone.by_line(invoice, whole=False)
    rest = [
        (position, line, so_far.get(position, LineCredit()))
        for position, line in enumerate(invoice.draft.lines, start=1)
    ]
    rest = [(position, line, before) for position, line, before in rest if line.net_minor > before.net_minor]
    wholes = [_all_of(line, position, before) for position, line, before in rest]
    whole = all_left(invoice, gone)
    if 0 < sum_minor == credited_total(whole):
        return drafted(invoice, whole, crediting)
    left = min(invoice.total_minor - gone.credited_minor, credited_total(wholes))
    if not 0 < sum_minor <= left:
        currency = invoice.draft.currency
        raise Refused(
            f"more was given back at Stripe than is left to credit of invoice {invoice.number}",
            code="credit-too-large",
            where=invoice.number,
            expected=f"at most {format_minor(max(left, 0), currency)} {currency.code}",
            got=f"{format_minor(sum_minor, currency)} {currency.code}",
            hint="record by hand what it was for, then drop the event",
        )
    shares = allocate(sum_minor, [gross_of(one) for one in wholes])
    lines = [
        _part(line, position, before, share)
        for (position, line, before), share in zip(rest, shares, strict=True)
        if share
    ]
    made = drafted(invoice, lines, crediting)
    assert made.total_minor == sum_minor, f"{made.total_minor} of {sum_minor} are credited"
    return made


def gross_of(line: CreditLine) -> int:
    """What of a credited line goes back in all: net, and the tax that was added."""
    return line.net_minor + line.tax_minor


def _all_of(line: Line, position: int, before: LineCredit) -> CreditLine:
    return credit_line(line, position, line.net_minor - before.net_minor, before)


def _part(line: Line, position: int, before: LineCredit, share: int) -> CreditLine:
    """So much of a line, tax included: the largest net amount that fits, and what is missing as tax."""
    low, high = 0, min(share, line.net_minor - before.net_minor)
    while low < high:
        middle = (low + high + 1) // 2
        if gross_of(credit_line(line, position, middle, before)) <= share:
            low = middle
        else:
            high = middle - 1
    found = credit_line(line, position, low, before)
    missing = share - gross_of(found)
    return found if not missing else _with_tax(found, credit_line(line, position, low + 1, before), missing)


def _with_tax(found: CreditLine, following: CreditLine, missing: int) -> CreditLine:
    """The line with so much more tax, of what one net unit more would bring: that is too much only with the unit."""
    have = {tax_key(share): share.amount_minor for share in found.taxes}
    taxes = []
    for share in following.taxes:
        amount = have.get(tax_key(share), 0)
        more = 0 if share.included else min(missing, share.amount_minor - amount)
        missing -= more
        taxes.append(replace(share, amount_minor=amount + more))
    return replace(found, taxes=tuple(share for share in taxes if share.amount_minor))
