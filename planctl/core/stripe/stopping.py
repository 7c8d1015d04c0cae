"""What ends a talk with Stripe before its end: nobody answers, or the key may not. It says so and asks nobody."""

from __future__ import annotations

from planctl.core.stripe.model import Answer, Outcome
from planctl.errors import Busy, NotPermitted

UNANSWERED = frozenset({Outcome.AGAIN, Outcome.LOST, Outcome.FAILED})
"""Outcomes after which the same may be asked again later."""

DENIED = frozenset({401, 403})
"""Statuses with which Stripe says that it does not know the key, or that the key may not."""


def unreachable(answer: Answer, where: str, hint: str) -> Busy:
    """That Stripe did not answer, or asked to wait; `hint` says what a later run does."""
    heard = "asks to wait" if answer.outcome is Outcome.AGAIN else "does not answer"
    return Busy(
        f"Stripe {heard}",
        code="stripe-unreachable",
        where=where,
        got=answer.message or str(answer.status),
        hint=hint,
    )


def denied(answer: Answer, where: str) -> NotPermitted:
    """That Stripe does not let the key do something."""
    return NotPermitted(
        "Stripe does not let this key do that",
        code="stripe-key-denied",
        where=where,
        got=answer.code or str(answer.status),
        hint="planctl stripe setup lists the key's rights; a restricted key needs each of them",
    )
