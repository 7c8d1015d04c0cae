"""What terms foresee before anything has started: a trial, and an end. It decides nothing."""

from __future__ import annotations

from planctl.core.catalog.model import Terms
from planctl.core.instants import zone
from planctl.core.periods import Instant
from planctl.core.subscriptions.trials import expiry
from planctl.views.words import day_text


def foreseen_lines(terms: Terms, at: Instant, timezone: str) -> list[str]:
    """The trial with which a start begins, and when it would end by its terms if it began at `at`."""
    lines = []
    if terms.trial is not None:
        days = f"{terms.trial.days} days" if terms.trial.days > 1 else "1 day"
        card = ", with a payment method on file" if terms.trial.card else ""
        lines.append(f"Trial · {days}{card}")
    ends_at = expiry(terms, at, timezone)
    if ends_at is not None:
        day = day_text(ends_at, zone(timezone))
        length = terms.expires if terms.expires[0].isdigit() else f"1 {terms.expires}"
        lines.append(f"Expires · {length} after it starts: {day} if that is now")
    return lines
