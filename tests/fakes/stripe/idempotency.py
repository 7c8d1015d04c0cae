"""Idempotency keys: what is replayed, what is refused, and when a key is forgotten. It knows no endpoints.

Source: https://docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.fakes.stripe.clock import DAY, Clock
from tests.fakes.stripe.errors import StripeError
from tests.fakes.stripe.wire import Branch

LONGEST = 255
FORGOTTEN_AFTER = DAY


@dataclass(slots=True)
class Kept:
    """What is known under one key. `status` 0: the first request still runs."""

    path: str
    params: Branch
    first_used: int
    request_id: str
    status: int = 0
    body: bytes = b""


@dataclass(slots=True)
class Keys:
    """The keys of one account in one mode."""

    clock: Clock
    kept: dict[str, Kept] = field(default_factory=dict)

    def begin(self, key: str, path: str, params: Branch, request_id: str) -> Kept | None:
        """None where the request is to be executed, else what the first one was answered; 400 and 409 are raised."""
        if len(key) > LONGEST:
            raise StripeError(
                400, f"Idempotency key is too long; it may have {LONGEST} characters", kept=False
            )
        known = self.kept.get(key)
        if known is not None and self.clock.now - known.first_used >= FORGOTTEN_AFTER:
            known = None
        if known is None:
            self.kept[key] = Kept(path, params, self.clock.now, request_id)
            return None
        if (known.path, known.params) != (path, params):
            raise _different(key, known, path)
        if not known.status:
            raise StripeError(
                409,
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later.",
                code="idempotency_key_in_use",
                kept=False,
            )
        return known

    def finish(self, key: str, status: int, body: bytes) -> None:
        """Keep what the first request was answered."""
        if key in self.kept:
            self.kept[key].status, self.kept[key].body = status, body

    def drop(self, key: str) -> None:
        """Forget a key whose request did not begin to run."""
        self.kept.pop(key, None)


def _different(key: str, known: Kept, path: str) -> StripeError:
    """Never kept: the first request's answer stays."""
    if known.path != path:
        said = (
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{path}' vs. '{known.path}')."
        )
    else:
        said = "Keys for idempotent requests can only be used with the same parameters they were first used with."
    return StripeError(
        400,
        f"{said} Try using a key other than '{key}' if you meant to execute a different request.",
        kind="idempotency_error",
        kept=False,
    )
