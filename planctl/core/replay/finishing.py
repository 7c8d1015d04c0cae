"""What a statement's lines come to on each side: discounts and taxes, by the code that finished the invoice.

A coupon counts as it stood when the invoice was issued. Taxes are those of today; where the invoice had others, because
the customer moved or a rate was corrected since, they are those on the invoice. Source: planctl billing rules, money
and rounding, coupons; docs/decisions/029.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from planctl.core.catalog.model import TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.finish import finished
from planctl.core.invoicing.model import Discount, Draft, Line
from planctl.core.invoicing.moved_coupons import moved_over
from planctl.core.invoicing.taxation import Rounding, tax_day
from planctl.core.replay.account import Account, CouponUse, House, Statement
from planctl.errors import Refused
from planctl.values import dataclass

Period = TypeVar("Period")


@dataclass(frozen=True, slots=True)
class Taxing:
    """Who pays which taxes on one invoice, and where they are rounded."""

    customer: Customer
    taxes: Mapping[str, TaxRate]
    rounding: Rounding


class Finisher:
    """Finishes one customer's statements on one side, in the order in which they were issued."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._by_id = {one.id: one for one in account.past.subscriptions}
        self._order = {one.id: place for place, one in enumerate(account.statements)}
        self._uses = [use for use in account.uses if use.statement not in account.inside]

    def finish(self, statement: Statement, draft: Draft, taxing: Taxing) -> Draft:
        """The draft with discounts and taxes. What would come to less than zero is left to credit notes."""
        redemptions = [*self._holding(statement, draft)]
        done = self._finished(draft, taxing, redemptions)
        if done.total_minor < 0:
            kept = tuple(line for line in draft.lines if line.amount_minor >= 0)
            done = self._finished(replace(draft, lines=kept), taxing, redemptions)
        return done

    def keep(self, statement: Statement, discounts: Iterable[Discount], draft: Draft) -> None:
        """Count what coupons took off, for the statements to come."""
        self._uses += [
            CouponUse(one.redemption, statement.id, draft.subscription, draft.period_index, one.amount_minor)
            for one in discounts
        ]

    def _finished(self, draft: Draft, taxing: Taxing, redemptions: Sequence[Redemption]) -> Draft:
        bare = replace(draft, discounts=(), taxes=(), lines=tuple(map(_bare, draft.lines)))
        return finished(bare, taxing.customer, taxing.taxes, redemptions, rounding=taxing.rounding)

    def _holding(self, statement: Statement, draft: Draft) -> Iterator[Redemption]:
        """The coupons of a draft's subscription as they stood when it was issued."""
        order = self._order
        line = self._line_of(draft.subscription)
        for one in self.account.redeemed:
            removed = one.removed_at is not None and one.removed_at <= statement.issued_at
            mine = one.redemption.subscription == draft.subscription
            mine = mine or draft.subscription in self._line_of(one.redemption.subscription)
            if removed or not mine or one.redemption.applied_at > statement.issued_at:
                continue
            uses = [
                use
                for use in self._uses
                if use.redemption == one.redemption.id and order[use.statement] < order[statement.id]
            ]
            own = _taken(
                (use.period_index, use.amount_minor) for use in uses if use.subscription == draft.subscription
            )
            earlier = _taken(
                ((use.subscription, use.period_index), use.amount_minor)
                for use in uses
                if use.subscription in line
            )
            held = replace(
                one.redemption, subscription=draft.subscription, taken=own, earlier=earlier, removed=False
            )
            yield moved_over(held, self.account.past.subscriptions)

    def _line_of(self, name: str) -> list[str]:
        """The subscriptions that one took the place of, the latest first."""
        found: list[str] = []
        one = self._by_id.get(name)
        while one is not None and one.follows and one.follows not in found:
            found.append(one.follows)
            one = self._by_id.get(one.follows)
        return found


def taxings(account: Account, house: House, draft: Draft) -> Iterator[Taxing]:
    """How an invoice may have been taxed: as today's declarations say, else with the taxes that stand on it."""
    roundings: tuple[Rounding, ...] = ("line", "invoice") if house.rounding == "line" else ("invoice", "line")
    for rounding in roundings:
        yield Taxing(account.customer, house.taxes, rounding)
    shown, customer = _on_invoice(draft), account.customer
    for rounding in roundings:
        codes = ",".join(sorted(shown))
        yield Taxing(replace(customer, tax=codes or "exempt"), shown, rounding)


def proposed_taxing(taxing: Taxing, house: House) -> Taxing:
    """The same taxes, those that the proposal declares otherwise as it declares them."""
    changed = {
        code: tax
        for code, tax in house.proposed_taxes.items()
        if code not in house.taxes or _meaning(tax) != _meaning(house.taxes[code])
    }
    return replace(taxing, taxes={**taxing.taxes, **changed}) if changed else taxing


def held_draft(finisher: Finisher, house: House, statement: Statement, draft: Draft) -> tuple[Draft, Taxing]:
    """The side that was billed, with the way of taxing under which it comes out as issued; else the first."""
    issued = finisher.account.drafts.get(statement.id)
    found: list[tuple[Draft, Taxing]] = []
    for taxing in taxings(finisher.account, house, draft if issued is None else issued):
        try:
            done = finisher.finish(statement, draft, taxing)
        except Refused:  # a tax of the customer is not declared any more
            continue
        if issued is None or done.taxes == issued.taxes:
            return done, taxing
        found.append((done, taxing))
    return found[0]


def _on_invoice(draft: Draft) -> dict[str, TaxRate]:
    """The taxes that stand on an invoice as declarations: each rate from the first day on which a line paid it."""
    names = {tax.code: tax for tax in draft.taxes}
    days: dict[str, dict[date, TaxRate]] = {}
    for line in draft.lines:
        for share in line.taxes:
            days.setdefault(share.code, {})[tax_day(line, draft.timezone)] = TaxRate(
                share.code, names[share.code].name, rates=((date.min, share.rate),), included=share.included
            )
    found = {}
    for code, by_day in days.items():
        rates = [(day, by_day[day].rates[0][1]) for day in sorted(by_day)]
        found[code] = replace(by_day[min(by_day)], rates=((date.min, rates[0][1]), *rates[1:]))
    return found


def _meaning(tax: TaxRate) -> tuple[object, ...]:
    return (tax.country, tax.rates, tax.included)


def _bare(line: Line) -> Line:
    return replace(line, discount_minor=0, taxes=())


def _taken(pairs: Iterable[tuple[Period, int]]) -> dict[Period, int]:
    found: dict[Period, int] = {}
    for place, amount in pairs:
        found[place] = found.get(place, 0) + amount
    return found
