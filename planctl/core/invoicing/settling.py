"""What drafts come to for one customer: discounts, taxes, what is credited instead of charged, what the balance pays.

Drafts in time order in, the same finished out. It decides nothing about what is billed.
Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction

from planctl.core.catalog.model import TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.credits import LineCredit, credit_line, tax_key
from planctl.core.invoicing.facts import BilledLine
from planctl.core.invoicing.finish import finished, redeemed
from planctl.core.invoicing.model import CreditDraft, CreditLine, Draft, Line
from planctl.core.invoicing.moved_coupons import handed_over, moved_over
from planctl.core.invoicing.taxation import Rounding
from planctl.core.invoicing.usage_story import number_in
from planctl.core.money import MAX_MINOR, format_minor, round_half_up
from planctl.core.subscriptions.model import Subscription
from planctl.errors import Refused
from planctl.values import dataclass

_OF_A_DRAFT = re.compile(r"(renewal|usage|final|resume|change|late):[0-9]+:.*:[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Purse:
    """What a customer's drafts are finished with; `billed` are the lines that a credit can take back from.

    `subscriptions` are the customer's: a coupon goes over to the one that follows another.
    """

    customer: Customer
    taxes: Mapping[str, TaxRate] = field(default_factory=dict)
    redemptions: Sequence[Redemption] = ()
    balance: Mapping[str, int] = field(default_factory=dict)
    billed: Sequence[BilledLine] = ()
    rounding: Rounding = "invoice"
    subscriptions: Sequence[Subscription] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """Finished drafts, in the order given, those without a line left out; and the credit notes beside them.

    `emptied` are drafts of which only credit notes remain.
    """

    drafts: tuple[Draft, ...]
    credits: tuple[CreditDraft, ...]
    emptied: tuple[Draft, ...]


def settled(drafts: Sequence[Draft], purse: Purse) -> Settled:
    """Discount and tax every draft, credit what would push one below zero or is taxed otherwise now; the balance pays.

    A coupon is used and the balance spent by the earlier draft first; a credit note's amount can pay the
    draft it came with already.
    """
    redemptions = tuple(purse.redemptions)
    balance = dict(purse.balance)
    taken_back: dict[Place, LineCredit] = {}
    done, credits, emptied = [], [], []
    for draft in drafts:
        redemptions = handed_over(redemptions, draft.subscription, purse.subscriptions)
        lines, given = _with_given(draft.lines, purse.billed, taken_back)
        discounted = tuple(map(_after_discounts, lines, given))
        whole = _finished(replace(draft, lines=discounted), purse, redemptions)
        notes: list[CreditDraft] = []
        if whole.total_minor < 0 or _taxed_otherwise(whole, given):
            notes = _notes(draft, [back for several in given for back in several], taken_back)
            kept = tuple(line for line in draft.lines if not _is_credit(line))
            whole = _finished(replace(draft, lines=kept), purse, redemptions)
        code = draft.currency.code
        credits += notes
        balance[code] = balance.get(code, 0) + sum(note.total_minor for note in notes)
        if draft.lines and not whole.lines:
            emptied.append(whole)
            continue
        _check_size(whole)
        redemptions = redeemed(redemptions, whole)
        paid = min(balance[code], whole.total_minor)
        balance[code] -= paid
        done.append(replace(whole, credit_minor=paid))
    return Settled(tuple(done), tuple(credits), tuple(emptied))


Place = tuple[str, int]
"""A line of a finalized invoice: the invoice's id and the position."""


@dataclass(frozen=True, slots=True)
class _Back:
    """A part of a credit: what is taken back of one billed line, after its discounts."""

    billed: BilledLine
    net_minor: int
    reason: str

    @property
    def place(self) -> Place:
        """The line's."""
        return self.billed.invoice, self.billed.position


def _finished(draft: Draft, purse: Purse, redemptions: Sequence[Redemption]) -> Draft:
    holding = [moved_over(one, purse.subscriptions) for one in redemptions]
    return finished(draft, purse.customer, purse.taxes, holding, rounding=purse.rounding)


def _check_size(draft: Draft) -> None:
    """Refused where the sum of the lines, or the total with its tax, is more than an amount may be."""
    most = max(draft.total_minor, sum(line.amount_minor for line in draft.lines))
    if most > MAX_MINOR:
        currency = draft.currency
        raise Refused(
            f"an invoice of {draft.customer} would come to {format_minor(most, currency)} {currency.code}",
            code="invoice-too-large",
            where=draft.customer,
            expected=f"at most {format_minor(MAX_MINOR, currency)} {currency.code}",
            hint="correct the usage or the price that it comes from",
        )


def _is_credit(line: Line) -> bool:
    return line.amount_minor < 0


def _after_discounts(line: Line, given: Sequence[_Back]) -> Line:
    """A credit on an invoice is as much lower as the discounts that the charge had; it stays whole without a charge."""
    if not given:
        return line
    return replace(line, amount_minor=-sum(back.net_minor for back in given))


def _with_given(
    lines: Sequence[Line], billed: Sequence[BilledLine], taken_back: Mapping[Place, LineCredit]
) -> tuple[list[Line], list[list[_Back]]]:
    """The lines, each with what it takes back after those before it; without credits of which nothing is left."""
    nets = {place: one.net_minor for place, one in taken_back.items()}
    kept: list[Line] = []
    given: list[list[_Back]] = []
    for line in lines:
        several = _given_back(line, billed, nets)
        if not several and _is_of_charge(line, billed):
            continue
        for back in several:
            nets[back.place] = nets.get(back.place, 0) + back.net_minor
        kept.append(line)
        given.append(several)
    return kept, given


def _is_of_charge(line: Line, billed: Sequence[BilledLine]) -> bool:
    """Whether a line is a credit of charges that were billed, though they be credited, discounted whole or voided."""
    return _is_credit(line) and any(
        one.line.amount_minor > 0 and _same_charge(one.line, line) for one in billed
    )


def _taxed_otherwise(draft: Draft, given: Sequence[Sequence[_Back]]) -> bool:
    """Whether a credit on the draft would give back other taxes than were charged: then a credit note has to."""
    return any(
        {(tax.code, tax.rate, tax.included) for tax in back.billed.line.taxes}
        != {(tax.code, tax.rate, tax.included) for tax in line.taxes}
        for line, several in zip(draft.lines, given, strict=True)
        for back in several
    )


def _given_back(line: Line, billed: Sequence[BilledLine], taken_back: Mapping[Place, int]) -> list[_Back]:
    """Of which billed lines a credit takes back, latest first: of 8.00 discounted to 6.40, 1.00 gives 0.80.

    Each gives first what it charged for the credit's own days, since another may have had another discount or
    tax; what that leaves over comes from any of them. Never more than is left of them; a charge that was
    discounted whole gives nothing back.
    """
    if not _is_credit(line):
        return []
    charged = [one for one in reversed(billed) if one.line.amount_minor > 0 and _same_charge(one.line, line)]
    nets, used = [0] * len(charged), [Fraction(0)] * len(charged)
    left = Fraction(-line.amount_minor)
    for of_these_days in (True, False):
        for place, one in enumerate(charged):
            paid = Fraction(max(one.line.net_minor, 0), one.line.amount_minor)
            before = taken_back.get((one.invoice, one.position), 0) + nets[place]
            most = _for_days(one, line, before) if of_these_days else one.line.amount_minor - used[place]
            wanted = max(min(left, most), Fraction(0))
            creditable = max(one.creditable_minor - before, 0)
            net = min(round_half_up(wanted * paid, 0), creditable)
            gone = wanted if not paid or (net < creditable and wanted == left) else net / paid
            nets[place], used[place], left = (
                nets[place] + net,
                used[place] + gone,
                max(left - gone, Fraction(0)),
            )
    return [_Back(one, net, line.description) for one, net in zip(charged, nets, strict=True) if net]


def _for_days(one: BilledLine, credit: Line, taken_before: int) -> Fraction:
    """What a billed line charged for the days of a credit and did not give back yet, before its discounts."""
    part, of = number_in(credit.detail, "share"), number_in(one.line.detail, "share")
    if credit.kind != "proration_credit" or part is None or not of:
        return Fraction(one.line.amount_minor)
    amount = one.line.amount_minor * min(part / of, Fraction(1))
    paid = Fraction(max(one.line.net_minor, 0), one.line.amount_minor)
    return amount if not paid else max(amount - (one.credited.net_minor + taken_before) / paid, Fraction(0))


def _notes(draft: Draft, given: Sequence[_Back], taken_back: dict[Place, LineCredit]) -> list[CreditDraft]:
    """What is taken back as credit notes, one for each invoice that charged it; `taken_back` grows by it.

    What earlier drafts of the run took back counts with its tax, so that the last part of a line takes what is left.
    """
    by_invoice: dict[str, list[CreditLine]] = {}
    for back in given:
        one = back.billed
        gone = taken_back.get(back.place, LineCredit())
        before = one.credited.plus(one.taken_off.net_minor, one.taken_off.taxes)
        before = before.plus(gone.net_minor, gone.taxes)
        credited = credit_line(one.line, one.position, back.net_minor, before, reason=back.reason)
        taken_back[back.place] = gone.plus(
            credited.net_minor, {tax_key(share): share.amount_minor for share in credited.taxes}
        )
        by_invoice.setdefault(one.invoice, []).append(credited)
    return [
        CreditDraft(
            draft.customer,
            invoice,
            f"{draft.kind}:{draft.period_index}:{draft.occasion}:{draft.revision}",
            draft.currency,
            tuple(lines),
            draft.issued_at,
        )
        for invoice, lines in by_invoice.items()
    ]


def made_by_itself(occasion: str) -> bool:
    """Whether a credit note was made of what would have been below zero, and not by an operator."""
    return _OF_A_DRAFT.fullmatch(occasion) is not None


def _same_charge(one: Line, other: Line) -> bool:
    return (one.subscription, one.charge_key, one.service_index) == (
        other.subscription,
        other.charge_key,
        other.service_index,
    )
