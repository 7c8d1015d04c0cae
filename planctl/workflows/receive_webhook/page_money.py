"""Money of Checkout pages that started nothing and stands in a balance: it leaves that where it went back at Stripe.

Source: planctl billing rules, invoices, credit and payments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.money import format_amount
from planctl.core.stripe.facts import Disputed, Refunded
from planctl.core.stripe.facts_told import Applied, What
from planctl.errors import Refused
from planctl.store.balances import BalanceMove, balances_of, post, total_under
from planctl.workflows.receive_webhook.given_back import withdrawn

if TYPE_CHECKING:
    from planctl.core.document import Document
    from planctl.core.stripe.checkout import Page
    from planctl.workflows.receive_webhook.desk import Desk

BROUGHT, WENT_BACK = "checkout", "checkout_back"
"""How the keys of a balance begin for what a page brought, and for what of that went back: `checkout:SESSION`."""


def write_back(desk: Desk, page: Page, fact: Refunded | Disputed) -> None:
    """Take out of the balance what of a credited page's money went back, or put in again what its bank reinstated.

    What is spent cannot be taken out: a person decides.
    """
    request: Document = {"intent": fact.intent, "amount": str(fact.amount), "currency": fact.currency}

    def do() -> Document:
        amount = desk.minor(fact.amount, fact.currency, page.currency, page.session)
        if isinstance(fact, Refunded):
            _move(desk, page, fact, -amount)
        elif fact.step == "withdrawn":
            if fact.came_back and amount > _left(desk, page):
                return []
            _move(desk, page, fact, -amount)
        elif withdrawn(desk, fact, request):
            _move(desk, page, fact, amount)
        return [[page.session, str(amount)]]

    desk.once(fact.key, request, do)


def _left(desk: Desk, page: Page) -> int:
    """How much of a page's money is still in the balance."""
    customer, code = page.purchase.customer, page.currency.code
    keys = (f"{BROUGHT}:{page.session}", f"{WENT_BACK}:{page.session}:")
    there = balances_of(desk.tx, [customer])[customer].get(code, 0)
    return min(there, total_under(desk.tx, customer, code, keys))


def _move(desk: Desk, page: Page, fact: Refunded | Disputed, amount: int) -> None:
    """Enter it in the balance; Refused where that has no more so much of the page's money."""
    left, currency = _left(desk, page), page.currency
    if -amount > left:
        raise Refused(
            f"{fact.key} takes back money of {page.session}, which stood in the customer's balance and is spent",
            code="stripe-unmatched",
            where=page.session,
            expected=f"at most {format_amount(left, currency)} {currency.code}",
            got=f"{format_amount(-amount, currency)} {currency.code}",
            hint="have it paid some other way, then drop the event",
        )
    dated = desk.dated(fact.at, page.made_at)
    key = f"{WENT_BACK}:{page.session}:{fact.key}"
    post(desk.tx, [BalanceMove(page.purchase.customer, currency.code, key, amount, dated.at)])
    what: What = "refund"
    if isinstance(fact, Disputed):
        what = "chargeback" if amount < 0 else "reinstated"
    note = dated.because(f"{'into' if amount > 0 else 'from'} the customer's balance").note
    thing = fact.key if isinstance(fact, Refunded) else fact.dispute
    customer = page.purchase.customer
    desk.applied.append(Applied(what, thing, customer, "", abs(amount), currency, dated.at, note))
