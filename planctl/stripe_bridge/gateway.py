"""The one door to Stripe: sends stored calls, reads objects, and says what became of it. It decides nothing.

Source: https://docs.stripe.com/api (errors, idempotent requests, pagination, rate limits).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import stripe

from planctl import clock
from planctl.core.stripe.model import GONE, Answer, Object, Operation, Outcome, Value
from planctl.core.stripe.reading import text_of
from planctl.core.stripe.stopping import DENIED, UNANSWERED, denied, unreachable
from planctl.errors import Refused
from planctl.stripe_bridge.keys import Key
from planctl.stripe_bridge.pace import PER_SECOND, Pace, backoff, sleep
from planctl.stripe_bridge.wire import Encoded, Encoder, Heard, Lost, Wire

VERSION = "2026-10-28.endive"
"""The API version that every request names: the one whose parameters stripe-python 16.1 ships."""

TRIES = 3
DEADLINE_MS = 60_000
PAGE = 100

stripe.enable_telemetry = False  # it would write a file into the user's configuration directory


@dataclass(slots=True)
class Gateway:
    """Talks to Stripe with one key. `address` empty is Stripe's own; another one is a test's, and is not paced."""

    key: Key
    address: str = ""
    sleep: Callable[[int], None] = sleep
    """Waits so many nanoseconds."""
    ticks: Callable[[], int] = clock.ticks
    """Reads a monotonic clock, in nanoseconds."""
    _wire: Wire = field(init=False)
    _client: stripe.StripeClient = field(init=False)
    _encoder: stripe.StripeClient = field(init=False)

    def __post_init__(self) -> None:
        pace = Pace(0 if self.address else PER_SECOND, self.ticks, self.sleep)
        self._wire = Wire(pace.wait)
        self._client = self._made(self._wire)
        self._encoder = self._made(Encoder())

    @property
    def live(self) -> bool:
        """Whether it moves real money."""
        return self.key.live

    def encode(self, path: str, params: Mapping[str, Value]) -> bytes:
        """The body of a POST, form-encoded as stripe-python does it; nothing is sent."""
        try:
            self._encoder.raw_request("post", path, **params)
        except Encoded as made:
            return made.body
        raise AssertionError("the encoder sends nothing")

    def send(self, operation: Operation) -> Answer:
        """Send a stored call with its stored key and bytes, up to three times while Stripe asks for it or is silent.

        NotPermitted where the key is refused or lacks the right: nothing was done then.
        """
        answer = self._tried(lambda: self._once(operation), _SENT_AGAIN)
        if answer.status in DENIED:
            raise denied(answer, operation.path)
        return answer

    def get(self, path: str, **params: Value) -> Object:
        """Read one object; Refused (`gone-at-stripe`) where there is none, Busy where Stripe cannot be reached."""
        found = self.find(path, **params)
        if found is None:
            raise Refused("Stripe has no such object", code="gone-at-stripe", where=path)
        return found

    def find(self, path: str, **params: Value) -> Object | None:
        """Read one object; None where Stripe has none, or has deleted it."""
        answer = self.ask("get", path, params)
        if answer.outcome is Outcome.DONE:
            return None if answer.body.get("deleted") is True else answer.body
        if answer.status == _MISSING and answer.code == GONE:
            return None
        _raise_unread(path, answer)

    def list(self, path: str, **params: Value) -> Iterator[Object]:
        """Read all objects of a list, page by page, newest first as Stripe gives them."""
        after: dict[str, Value] = {}
        while True:
            answer = self.ask("get", path, {"limit": PAGE, **params, **after})
            if answer.outcome is not Outcome.DONE:
                _raise_unread(path, answer)
            page = _page(path, answer)
            yield from page
            if not page or answer.body.get("has_more") is not True:
                return
            after = {"starting_after": page[-1]["id"]}

    def ask(self, method: str, path: str, params: Mapping[str, Value]) -> Answer:
        """One request that needs no key of its own, tried again while Stripe asks for it, fails or is silent."""
        return self._tried(lambda: self._heard(method, path, params), _ASKED_AGAIN)

    def _tried(self, once: Callable[[], Answer], again: frozenset[Outcome]) -> Answer:
        """What a request is answered in the end: asked up to three times, the last within a minute of the first."""
        began = self.ticks()
        answer = once()
        for attempt in range(1, TRIES):
            wait = _wait_ms(attempt, answer) * _MILLISECOND
            late = self.ticks() - began + wait > DEADLINE_MS * _MILLISECOND
            if answer.outcome not in again or answer.stop or late:
                break
            self.sleep(wait)
            heard = once()
            if heard.status in DENIED:
                break  # that says nothing of the tries before, which may have been carried out
            answer = heard
        return answer

    def _once(self, operation: Operation) -> Answer:
        self._wire.body = operation.body if operation.method == "POST" else None
        keyed = {"idempotency_key": operation.key} if operation.method == "POST" else {}
        answer = self._heard(operation.method.lower(), operation.path, keyed)
        if answer.outcome is Outcome.DONE and not answer.id:
            return replace(answer, outcome=Outcome.LOST, message="Stripe's answer names no object")
        return answer

    def _heard(self, method: str, path: str, params: Mapping[str, Any]) -> Answer:
        try:
            self._client.raw_request(method, path, **params)
        except Heard as heard:
            answer = _understood(heard)
            return replace(answer, message=answer.message.replace(self.key.secret, self.key.shown))
        except Lost:
            return Answer(Outcome.LOST, message="the connection to Stripe broke")
        finally:
            self._wire.body = None
        raise AssertionError("the wire answers with what it heard")

    def _made(self, http: stripe.HTTPClient) -> stripe.StripeClient:
        bases: Any = {"api": self.address} if self.address else None
        return stripe.StripeClient(
            self.key.secret,
            stripe_version=VERSION,
            base_addresses=bases,
            max_network_retries=0,
            http_client=http,
        )


_MILLISECOND = 1_000_000
_MISSING = 404
_CONFLICT = 409
_DECLINED = 402
_TOO_MANY = 429
_BROKEN = 500
_SUCCESS = range(200, 300)
_LONGEST_WAIT = 5
"""Digits of a number of seconds that is still meant."""
_CLEAR = DENIED | {_CONFLICT, _TOO_MANY}
"""What says enough by itself, whoever says it and in whatever form."""

_SENT_AGAIN = frozenset({Outcome.AGAIN, Outcome.LOST})
_ASKED_AGAIN = _SENT_AGAIN | {Outcome.FAILED}


def _understood(heard: Heard) -> Answer:
    """What came over the wire, as an answer. What Stripe did not write says as much as a connection that broke."""
    body = _read(heard.body)
    request_id = heard.headers.get("request-id", "")
    if body is not None and heard.status in _SUCCESS:
        return Answer(Outcome.DONE, heard.status, body, request_id=request_id)
    said = None if body is None else body.get("error")
    if not isinstance(said, dict) and heard.status not in _CLEAR:
        return Answer(Outcome.LOST, heard.status, message="the answer is not Stripe's", request_id=request_id)
    details = said if isinstance(said, dict) else {}
    should_retry = heard.headers.get("stripe-should-retry", "")
    return Answer(
        _outcome(heard.status, text_of(details, "type"), should_retry),
        heard.status,
        code=text_of(details, "code") or text_of(details, "type"),
        message=text_of(details, "message"),
        param=text_of(details, "param"),
        request_id=request_id,
        wait_seconds=_seconds(heard.headers.get("retry-after", "")),
        stop=should_retry == "false",
    )


def _outcome(status: int, kind: str, should_retry: str) -> Outcome:
    """Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-low-level."""
    if status in {_CONFLICT, _TOO_MANY}:
        return Outcome.AGAIN
    if status >= _BROKEN:
        # Asked to try again, Stripe promises that nothing was kept under the key.
        return Outcome.AGAIN if should_retry == "true" else Outcome.FAILED
    if kind == "idempotency_error":
        return Outcome.DIFFERS
    return Outcome.DECLINED if status == _DECLINED else Outcome.REFUSED


def _seconds(text: str) -> int:
    """How long Stripe asks to wait; 0 where it says no number. More than a day is a day, and nobody waits so long."""
    if not (text.isascii() and text.isdigit()):
        return 0
    return int(text) if len(text) <= _LONGEST_WAIT else 86_400


def _wait_ms(attempt: int, answer: Answer) -> int:
    return backoff(attempt, answer.wait_seconds, random.randrange(1_001))


def _read(body: bytes) -> dict[str, Value] | None:
    """The JSON of an answer, numbers with fractions as their text; None where it is no object that can be told."""
    try:
        found = json.loads(
            body.decode(), parse_float=str, parse_constant=_no_number, object_pairs_hook=_unambiguous
        )
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _unambiguous(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _page(path: str, answer: Answer) -> list[dict[str, Value]]:
    """The objects of one page; Busy where it is none, since what is not listed would count as not there."""
    data = answer.body.get("data")
    said = data if isinstance(data, list) else [data]
    page = [one for one in said if isinstance(one, dict) and one.get("id")]
    if len(page) != len(said):
        _raise_unread(path, replace(answer, outcome=Outcome.LOST, message="the answer is no list"))
    return page


def _raise_unread(path: str, answer: Answer) -> NoReturn:
    if answer.status in DENIED:
        raise denied(answer, path)
    if answer.outcome in UNANSWERED:
        raise unreachable(answer, path, "run it again later: it goes on from where it stopped")
    raise Refused(
        f"Stripe refuses to answer: {answer.message}", code="stripe-refused", where=path, got=answer.code
    )
