"""What people do at Stripe: customers add cards and pay, banks dispute, somebody edits in the dashboard."""

from __future__ import annotations

import copy
from typing import Any

from tests.fakes.stripe import checkout
from tests.fakes.stripe import invoice_states as states
from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.desk import Desk
from tests.fakes.stripe.errors import missing
from tests.fakes.stripe.objects import Object
from tests.fakes.stripe.payments import attach, detach, new_card
from tests.fakes.stripe.refunds import add_refund, close_dispute, fail_refund, open_dispute


class Acting:
    """Every act writes the events that Stripe writes; ids say where it happens."""

    desk: Desk

    def attach_card(self, customer: str, *, declines: bool = False, default: bool = True) -> str:
        """The customer leaves a card, in the portal for example; it becomes the one that invoices charge."""
        with self.desk.lock:
            books = self._where(customer)
            owner = books.find("customer", customer)
            card = new_card(books, None, declines)
            attach(books, card, owner)
            if default:
                before = snapshot(owner)
                owner["invoice_settings"]["default_payment_method"] = card["id"]
                books.updated(owner, before)
            return str(card["id"])

    def detach_card(self, payment_method: str) -> None:
        """The customer takes the card away."""
        with self.desk.lock:
            books = self._where(payment_method)
            detach(books, books.find("payment_method", payment_method))

    def pay_invoice(self, invoice: str) -> str:
        """The customer pays on the hosted page with a good card; the id of the payment intent."""
        return self._attempt(invoice, declines=False)

    def fail_payment(self, invoice: str) -> str:
        """Stripe tries by itself, and the card is declined; the id of the payment intent."""
        return self._attempt(invoice, declines=True)

    def finalize_invoice(self, invoice: str) -> None:
        """Somebody finalizes a draft in the dashboard."""
        with self.desk.lock:
            books = self._where(invoice)
            states.finalize(books, books.find("invoice", invoice))

    def void_invoice(self, invoice: str) -> None:
        """Somebody voids it in the dashboard."""
        with self.desk.lock:
            books = self._where(invoice)
            states.void(books, books.find("invoice", invoice))

    def mark_uncollectible(self, invoice: str) -> None:
        """Somebody writes it off in the dashboard."""
        with self.desk.lock:
            books = self._where(invoice)
            states.uncollectible(books, books.find("invoice", invoice))

    def pay_session(self, session: str, *, declines: bool = False, later: bool = False) -> None:
        """The customer fills in a Checkout page: pays, or leaves a card; `later`: the money is still on its way.

        A card that `declines` raises what the page would show, and the page stays open.
        """
        with self.desk.lock:
            books = self._where(session)
            found = books.find("checkout.session", session)
            checkout.complete(books, found, declines=declines, later=later)

    def settle_session(self, session: str, *, succeeds: bool = True) -> None:
        """The money that was on its way comes, or does not."""
        with self.desk.lock:
            books = self._where(session)
            checkout.settle(books, books.find("checkout.session", session), succeeds=succeeds)

    def expire_session(self, session: str) -> None:
        """The time of a Checkout page is over."""
        with self.desk.lock:
            books = self._where(session)
            checkout.close(books, books.find("checkout.session", session))

    def refund(self, payment_intent: str, amount: int | None = None) -> str:
        """Somebody gives money back in the dashboard, all of it without `amount`; the id of the refund."""
        with self.desk.lock:
            books, charge = self._charge(payment_intent)
            return str(add_refund(books, charge, {} if amount is None else {"amount": amount})["id"])

    def fail_refund(self, refund: str) -> None:
        """The bank sends a refund back."""
        with self.desk.lock:
            books = self._where(refund)
            fail_refund(books, books.find("refund", refund))

    def dispute(self, payment_intent: str, *, inquiry: bool = False) -> str:
        """The card's owner denies the payment, or only asks (no money moves); the id of the dispute."""
        with self.desk.lock:
            books, charge = self._charge(payment_intent)
            return str(open_dispute(books, charge, inquiry=inquiry)["id"])

    def close_dispute(self, dispute: str, *, won: bool = True) -> None:
        """The bank decides."""
        with self.desk.lock:
            books = self._where(dispute)
            close_dispute(books, books.find("dispute", dispute), won)

    def edit(self, id: str, **fields: Any) -> None:
        """Somebody changed these fields in the dashboard; no rule is checked."""
        with self.desk.lock:
            books = self._where(id)
            thing = books.objects[id]
            before = snapshot(thing)
            thing |= copy.deepcopy(fields)
            if "updated" in thing:
                thing["updated"] = books.clock.now
            books.updated(thing, before)

    def delete(self, id: str) -> None:
        """Somebody deleted it in the dashboard."""
        with self.desk.lock:
            books = self._where(id)
            thing = books.objects[id]
            books.emit(f"{thing['object']}.deleted", thing)
            books.remove(thing)

    def get(self, id: str) -> Object:
        """A copy of one object, wherever it is; an error where there is none."""
        with self.desk.lock:
            return copy.deepcopy(self._where(id).objects[id])

    def _attempt(self, invoice: str, *, declines: bool) -> str:
        with self.desk.lock:
            books = self._where(invoice)
            card = new_card(books, None, declines)
            found = books.find("invoice", invoice)
            return str(states.charge(books, found, card, automatic=declines)["id"])

    def _charge(self, payment_intent: str) -> tuple[Books, Object]:
        books = self._where(payment_intent)
        intent = books.find("payment_intent", payment_intent)
        return books, books.find("charge", intent["latest_charge"])

    def _where(self, id: str) -> Books:
        for books in self.desk.accounts.all_books():
            if id in books.objects:
                return books
        raise missing("object", id)
