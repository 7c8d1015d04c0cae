"""The fake as tests hold it: a server, its state, and everything a test may look at or do.

It answers as https://docs.stripe.com/api says.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from tests.fakes.stripe import (
    absent,
    catalog,
    checkout,
    customers,
    discounts,
    invoices,
    looking,
    payments,
    portal,
    refunds,
)
from tests.fakes.stripe.acting import Acting
from tests.fakes.stripe.books import Books
from tests.fakes.stripe.clock import Clock
from tests.fakes.stripe.desk import Desk, Hooks, Request
from tests.fakes.stripe.errors import missing
from tests.fakes.stripe.faults import Faults
from tests.fakes.stripe.keys import ACCOUNT, LIVE_SECRET, SECRET, Accounts, Right
from tests.fakes.stripe.objects import Object
from tests.fakes.stripe.server import Server
from tests.fakes.stripe.signing import body_of, header_of, post

WEBHOOK_SECRET = "whsec_FakeStripeWebhookSecret00000000"

ENDPOINTS = (
    *looking.ENDPOINTS,
    *catalog.ENDPOINTS,
    *discounts.ENDPOINTS,
    *customers.ENDPOINTS,
    *invoices.ENDPOINTS,
    *payments.ENDPOINTS,
    *refunds.ENDPOINTS,
    *checkout.ENDPOINTS,
    *portal.ENDPOINTS,
    *absent.ENDPOINTS,
)


class FakeStripe(Acting):
    """Stripe on a loopback port, from `with` to the end of it; `at` is where its clock stands."""

    def __init__(self, at: int = 1_767_225_600) -> None:
        self.clock = Clock(at)
        self.desk = Desk(Accounts(self.clock), ENDPOINTS)
        self.desk.ticks.append(checkout.close_due)
        self.desk.accounts.twice = self._twice
        self.key = self.add_key(SECRET)
        self.live_key = self.add_key(LIVE_SECRET)
        self.webhook_secret = WEBHOOK_SECRET
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._server = Server(self.desk.answer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.release()
        assert self._server is not None
        self._server.close()

    @property
    def address(self) -> str:
        """What stands in the place of https://api.stripe.com."""
        assert self._server is not None, "the fake is not running: use `with`"
        return self._server.address

    @property
    def connections(self) -> int:
        """How many sockets were opened to it."""
        assert self._server is not None
        return self._server.connections

    @property
    def requests(self) -> list[Request]:
        """What reached it, in order; a test may clear it."""
        return self.desk.requests

    @property
    def violations(self) -> list[str]:
        """Parameters that Stripe does not know or take; a test may clear it."""
        return self.desk.violations

    @property
    def faults(self) -> Faults:
        """The fault script."""
        return self.desk.faults

    @property
    def hooks(self) -> Hooks:
        """Functions called before and after each request; one that raises breaks the connection."""
        return self.desk.hooks

    @property
    def search_lag(self) -> int:
        """Seconds until a search finds a new object."""
        return self.books().search_lag

    @search_lag.setter
    def search_lag(self, seconds: int) -> None:
        self.books().search_lag = seconds

    @property
    def events(self) -> list[Object]:
        """Everything that happened in test mode, oldest first."""
        return copy.deepcopy(self.books().journal.events)

    def add_key(
        self, secret: str, rights: Mapping[str, Right] | None = None, *, account: str = ACCOUNT
    ) -> str:
        """One more key: `rights` of a restricted one name resources as paths do (`products`, `checkout`)."""
        return self.desk.accounts.add_key(secret, rights, account).secret

    def books(self, *, live: bool = False, account: str = ACCOUNT) -> Books:
        """What an account has in a mode."""
        return self.desk.accounts.books(account, live)

    def posts(self, path: str = "") -> list[Request]:
        """What reached it as POST or DELETE, with `path` somewhere in the path."""
        return [one for one in self.requests if one.method in {"POST", "DELETE"} and path in one.path]

    def objects(self, kind: str, *, live: bool = False, account: str = ACCOUNT) -> list[Object]:
        """Copies of all objects of a kind (`invoice`, `checkout.session` ...), oldest first."""
        with self.desk.lock:
            return copy.deepcopy(self.books(live=live, account=account).of(kind))

    def lines(self, invoice: str) -> list[Object]:
        """Copies of all lines of an invoice or a Checkout session, in their order."""
        with self.desk.lock:
            return copy.deepcopy(self._where(invoice).lines.get(invoice, []))

    def signed(
        self, event_id: str, secret: str | Sequence[str] | None = None, at: int | None = None
    ) -> tuple[bytes, str]:
        """The body of a webhook and its header; signed by now with the right secret unless told otherwise."""
        body = body_of(self._event(event_id))
        secrets = [secret] if isinstance(secret, str) else list(secret or [self.webhook_secret])
        return body, header_of(body, secrets, self.clock.now if at is None else at)

    def post_webhook(
        self, url: str, event_id: str, secret: str | Sequence[str] | None = None, at: int | None = None
    ) -> int:
        """Deliver an event; the status of the answer."""
        return post(url, *self.signed(event_id, secret, at))

    def deliver(self, url: str, event_ids: Iterable[str] | None = None) -> list[int]:
        """Deliver events in the given order, all of them as they happened without one; the statuses."""
        ids = [event["id"] for event in self.events] if event_ids is None else list(event_ids)
        return [self.post_webhook(url, id) for id in ids]

    def _event(self, id: str) -> Object:
        for books in self.desk.accounts.all_books():
            for event in books.journal.events:
                if event["id"] == id:
                    return event
        raise missing("event", id)

    def _twice(self, type: str) -> bool:
        fault = self.faults.of("EVENT", type)
        return fault is not None and fault.kind == "twice"
