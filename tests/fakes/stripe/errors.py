"""What Stripe says no with: status, type, code, parameter and message. It decides nothing.

Source: https://docs.stripe.com/api/errors, https://docs.stripe.com/error-codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class StripeError(Exception):
    """An answer that is an error. `kept`: an idempotency key replays it, as execution had begun."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str = "",
        param: str = "",
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        kept: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.message = message
        self.more = dict(more or {})
        self.headers = dict(headers or {})
        self.kept = kept

    def body(self, request_id: str, live: bool) -> dict[str, Any]:
        """The JSON of it, with the address of the request's log."""
        details: dict[str, Any] = {"message": self.message, "type": self.kind, **self.more}
        if self.code:
            details["code"] = self.code
            details["doc_url"] = "https://stripe.com/docs/error-codes/" + self.code.replace("_", "-")
        if self.param:
            details["param"] = self.param
        mode = "" if live else "test/"
        details["request_log_url"] = f"https://dashboard.stripe.com/{mode}logs/{request_id}"
        return {"error": details}


def missing(kind: str, id: str, param: str = "") -> StripeError:
    """There is no such object: 404 where the path names it, 400 where a parameter does."""
    return StripeError(
        400 if param else 404, f"No such {kind}: '{id}'", code="resource_missing", param=param or "id"
    )


def invalid(message: str, param: str = "", code: str = "") -> StripeError:
    """A 400 of a request that was executed: an idempotency key replays it."""
    return StripeError(400, message, code=code, param=param)
