"""Reads which period is to be replayed: a month, or from a day to before another one."""

from __future__ import annotations

import re
from datetime import date

from planctl.core.instants import first_instant, parse_date, zone
from planctl.core.replay.simulation import Span
from planctl.core.unreadable import Unreadable

EXPECTED = "a month such as 2026-10, or two days such as 2026-10-01..2026-11-01 (the second is not in it)"

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


class SpanError(Unreadable):
    """A text is no period."""


def span_of(text: str, timezone: str) -> Span:
    """The period of a text, from the first instant of its first day in a zone to before that of the day after its last.

    SpanError where it is neither a month nor two days in order.
    """
    first, last = _days(text)
    if first >= last:
        raise SpanError("its second day does not come after its first", EXPECTED)
    tz = zone(timezone)
    return Span(text, first_instant(first, tz), first_instant(last, tz))


def _days(text: str) -> tuple[date, date]:
    if _MONTH.fullmatch(text):
        first = parse_date(f"{text}-01")
        year, month = (first.year + 1, 1) if first.month == 12 else (first.year, first.month + 1)
        return first, parse_date(f"{year:04}-{month:02}-01")
    begin, dots, end = text.partition("..")
    if not dots:
        raise SpanError("it is no period", EXPECTED)
    return parse_date(begin), parse_date(end)
