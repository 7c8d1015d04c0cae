"""The order of things for one request: key, right, parameters, idempotency, effect, answer. It opens no socket.

Source: https://docs.stripe.com/api/errors, https://docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.fakes.stripe.books import Books
from tests.fakes.stripe.checks import checked
from tests.fakes.stripe.errors import StripeError
from tests.fakes.stripe.expanding import expanded
from tests.fakes.stripe.faults import Fault, Faults
from tests.fakes.stripe.idempotency import Kept
from tests.fakes.stripe.keys import Accounts, ApiKey
from tests.fakes.stripe.objects import Object, new_id
from tests.fakes.stripe.routing import Call, Endpoint
from tests.fakes.stripe.wire import Branch, decode

DECLINED = 402


@dataclass(slots=True)
class Request:
    """One request that reached the fake. `params` are typed where they passed the checks, else texts.

    `key` is the idempotency key, `body` what was sent byte by byte. `status` is 0 before the answer, and stays 0
    where the connection was broken before anything was done.
    """

    method: str
    path: str
    params: Object
    key: str | None
    body: bytes
    version: str = ""
    status: int = 0
    replayed: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came in over the wire."""

    method: str
    path: str
    query: str
    body: bytes
    secret: str | None
    key: str | None
    version: str
    form: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; one that is `lost` breaks the connection instead."""

    status: int
    body: bytes
    headers: dict[str, str]
    lost: bool = False


@dataclass(slots=True)
class Hooks:
    """Called with each request: `before` anything is done, and `after` everything is, before the answer leaves."""

    before: list[Callable[[Request], object]] = field(default_factory=list)
    after: list[Callable[[Request], object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A request whose key, right and parameters are good."""

    request: Request
    key: ApiKey
    endpoint: Endpoint
    call: Call
    fault: Fault | None
    headers: dict[str, str]


@dataclass(slots=True)
class Desk:
    """The state machine behind the socket; endpoints run one at a time."""

    accounts: Accounts
    endpoints: tuple[Endpoint, ...]
    faults: Faults = field(default_factory=Faults)
    hooks: Hooks = field(default_factory=Hooks)
    requests: list[Request] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    ticks: list[Callable[[Books], object]] = field(default_factory=list)
    """What happens by itself as the clock moves, looked at before each request."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, arrived: Arrived) -> Reply:
        """Everything that happens with one request."""
        request = self._received(arrived)
        for hook in tuple(self.hooks.before):
            hook(request)
        with self.lock:
            fault = self.faults.of(request.method, request.path)
        if fault is not None and fault.kind == "drop_before":
            return Reply(0, b"", {}, lost=True)
        reply = self._answered(arrived, request, fault)
        request.status = reply.status
        for hook in tuple(self.hooks.after):
            hook(request)
        if fault is not None and fault.kind == "drop_after":
            return Reply(reply.status, b"", {}, lost=True)
        return reply

    def _received(self, arrived: Arrived) -> Request:
        with self.lock:
            number = len(self.requests) + 1
            request = Request(
                arrived.method,
                arrived.path,
                {},
                arrived.key if arrived.method == "POST" else None,
                arrived.body,
                arrived.version,
                id=new_id("request", "requests", number),
            )
            self.requests.append(request)
        # What it says is shown to hooks too; whether it may be said is checked later, in Stripe's order.
        with contextlib.suppress(StripeError):
            tree = decode("&".join(part for part in (arrived.query, arrived.body.decode()) if part))
            found = _route(self.endpoints, arrived.method, arrived.path)
            request.params = dict(tree)
            if found is not None and not (result := _check(found[0], tree)).errors:
                request.params = result.params
        return request

    def _answered(self, arrived: Arrived, request: Request, fault: Fault | None) -> Reply:
        live = bool(arrived.secret and "_live_" in arrived.secret)
        headers = {"Request-Id": request.id, "Stripe-Version": arrived.version}
        if request.key:
            headers["Idempotency-Key"] = request.key
        try:
            key = self.accounts.who(arrived.secret)
            endpoint, names = self._endpoint(request)
            key.allow(endpoint.right, request.method)
            _refuse(fault)
            tree, params = self._checked(endpoint, arrived)
            call = Call(self.accounts.books(key.account, key.live), params, names, request.path)
            return self._once(_Turn(request, key, endpoint, call, fault, headers), tree)
        except StripeError as error:
            if error.param == "expand":
                self.violations.append(f"{request.method} {request.path}: {error.message}")
            return _failed(error, request.id, live, headers)
        except Exception as error:  # a mistake of the fake's own must not look like a lost connection
            self.violations.append(f"{request.method} {request.path}: the fake broke: {error!r}")
            return _failed(_broken(), request.id, live, headers)

    def _once(self, turn: _Turn, tree: Branch) -> Reply:
        """Run an endpoint, at most once for one idempotency key."""
        request = turn.request
        if not request.key:
            return self._run(turn)
        keys = self.accounts.idempotency(turn.key)
        with self.lock:
            kept = keys.begin(request.key, request.path, tree, request.id)
        if kept is not None:
            return _replayed(kept, request, turn.headers)
        try:
            reply = self._run(turn)
        except StripeError as error:
            if not error.kept:
                keys.drop(request.key)
                raise
            reply = _failed(error, request.id, turn.key.live, turn.headers)
        except Exception:
            keys.drop(request.key)
            raise
        keys.finish(request.key, reply.status, reply.body)
        return reply

    def _run(self, turn: _Turn) -> Reply:
        """The effect itself, with what a fault makes of it."""
        kind = turn.fault.kind if turn.fault is not None else ""
        if turn.fault is not None and kind == "delay":
            turn.fault.wait()
        if turn.fault is not None and kind == "500":
            raise _broken(turn.fault)
        with self.lock:
            books = turn.call.books
            for tick in self.ticks:
                tick(books)
            books.journal.request_id, books.journal.key = turn.request.id, turn.request.key
            there = books.mark()
            try:
                found = turn.endpoint.run(turn.call)
                body = encoded(expanded(books, found, turn.call.params.get("expand", [])))
            except StripeError as error:
                if error.status != DECLINED:  # a card that was declined leaves its traces
                    books.back_to(there)
                raise
            finally:
                books.journal.request_id = books.journal.key = None
        if turn.fault is not None and kind == "500_after":
            raise _broken(turn.fault)
        return Reply(200, body, turn.headers)

    def _endpoint(self, request: Request) -> tuple[Endpoint, tuple[str, ...]]:
        found = _route(self.endpoints, request.method, request.path)
        if found is None:
            self.violations.append(f"{request.method} {request.path}: the fake has no such endpoint")
            raise StripeError(
                404,
                f"Unrecognized request URL ({request.method}: {request.path}). Please see "
                "https://stripe.com/docs or we can help at https://support.stripe.com/.",
                kept=False,
            )
        return found

    def _checked(self, endpoint: Endpoint, arrived: Arrived) -> tuple[Branch, Object]:
        """The parameters, as texts and typed; what is wrong with them is written down, and the first is answered."""
        where = f"{arrived.method} {arrived.path}"
        if arrived.body and not arrived.form:
            self.violations.append(f"{where}: the body is not form-encoded")
            raise StripeError(400, "Invalid request: the body is not form-encoded", kept=False)
        tree = decode("&".join(part for part in (arrived.query, arrived.body.decode()) if part))
        result = _check(endpoint, tree)
        said = [error.message for error in result.errors] + result.warnings
        self.violations.extend(f"{where}: {text}" for text in said)
        if result.errors:
            raise result.errors[0]
        return tree, result.params


def encoded(thing: Object) -> bytes:
    """JSON as Stripe sends it."""
    return json.dumps(thing, indent=2, default=_number).encode()


def _number(value: Any) -> float | str:
    return float(value) if isinstance(value, Decimal) else str(value)


def _route(
    endpoints: tuple[Endpoint, ...], method: str, path: str
) -> tuple[Endpoint, tuple[str, ...]] | None:
    for endpoint in endpoints:
        if endpoint.method == method and (found := endpoint.pattern.fullmatch(path)):
            return endpoint, found.groups()
    return None


def _check(endpoint: Endpoint, tree: Branch) -> Any:
    return checked(endpoint.params, tree, updates=endpoint.changes, emptied=endpoint.emptied)


def _refuse(fault: Fault | None) -> None:
    """What Stripe answers before it begins."""
    if fault is None:
        return
    if fault.kind == "429":
        raise StripeError(
            429,
            "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
            code="rate_limit",
            headers=fault.headers(),
            kept=False,
        )
    if fault.kind == "409":
        raise StripeError(
            409,
            "This object cannot be accessed right now because another API request or Stripe process is currently "
            "accessing it. If you see this error intermittently, retry the request.",
            code="lock_timeout",
            headers=fault.headers(),
            kept=False,
        )
    if fault.kind == "503":
        raise StripeError(
            503,
            "Stripe is temporarily unavailable. Please try again.",
            kind="api_error",
            headers={"Stripe-Should-Retry": "true"} | fault.headers(),
            kept=False,
        )


def _broken(fault: Fault | None = None) -> StripeError:
    return StripeError(
        500,
        "Sorry! There was an error while talking to Stripe. Please contact us at https://support.stripe.com/.",
        kind="api_error",
        headers=fault.headers() if fault is not None else {},
    )


def _failed(error: StripeError, request_id: str, live: bool, headers: dict[str, str]) -> Reply:
    return Reply(error.status, encoded(error.body(request_id, live)), headers | error.headers)


def _replayed(kept: Kept, request: Request, headers: dict[str, str]) -> Reply:
    request.replayed = True
    replayed = {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
    return Reply(kept.status, kept.body, headers | replayed)
