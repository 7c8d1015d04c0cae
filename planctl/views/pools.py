"""How allowances, wallets and what is beyond them look: to people as lines that a terminal draws with bars.

It computes nothing but how full a bar is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from zoneinfo import ZoneInfo

from planctl.core.entitlements import OpenPool
from planctl.core.instants import Instant
from planctl.views.formats.table import grouped, padded
from planctl.views.safe import safe, width
from planctl.views.sheet import Gauge, Json
from planctl.views.words import day_text, exact_decimal, maybe

Pools = Mapping[str, OpenPool]
"""Pools by feature, in the order of the terms."""

Row = tuple[str, Fraction | None, str]
"""A label, how full its bar is (None: it has none), and what is told behind it."""


def pool_document(feature: str, unit: str, state: OpenPool) -> dict[str, Json]:
    """A feature's pool as JSON, in short; `usage show` tells more of it."""
    pool = state.pool
    return {
        "feature": feature,
        "unit": unit or None,
        "included": _exact(pool.included),
        "used": exact_decimal(pool.total),
        "remaining": _exact(state.remaining),
        "wallet": exact_decimal(state.wallet),
        "wallet_used": exact_decimal(pool.wallet),
        "excess": exact_decimal(state.excess),
        "over_limit": exact_decimal(state.over_limit),
        "unlimited": pool.included is None,
        "resets_at": maybe(state.period.ends_at),
    }


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else exact_decimal(value)


def pool_lines(pools: Pools, tz: ZoneInfo, ends_at: Instant | None, indent: str = "") -> list[str]:
    """One line for every metered feature: `minutes  250 of 1,000, 750 left · resets 2026-02-01`.

    `ends_at` is the end of the subscription, at which nothing resets.
    """
    rows = [
        (feature, _included_part(state), _told(state) + _resets(state, tz, ends_at))
        for feature, state in pools.items()
    ]
    return gauges(rows, indent)


def section_lines(pools: Pools, tz: ZoneInfo, ends_at: Instant | None) -> Iterator[str]:
    """Three sections: what is included, what wallets pay, what is beyond both."""
    sections: tuple[tuple[str, Iterable[Row]], ...] = (
        ("Included", _included(pools, tz, ends_at)),
        ("Wallet", _wallets(pools)),
        ("Excess", _excess(pools)),
    )
    for title, rows in sections:
        yield title
        yield from gauges(list(rows), "  ") or ["  none"]


def gauges(rows: list[Row], indent: str) -> list[str]:
    """Lines whose labels are as wide as the widest; those without any bar are plain text."""
    wide = max((width(safe(label)) for label, _, _ in rows), default=0)
    barred = any(part is not None for _, part, _ in rows)
    found: list[str] = []
    for label, part, text in rows:
        head = indent + padded(safe(label), wide, right=False)
        found.append(Gauge(head, part, text) if barred else f"{head}  {text}")
    return found


def number(value: Fraction | None) -> str:
    """A quantity with commas between thousands; `no limit` for None."""
    return "no limit" if value is None else grouped(exact_decimal(value))


def _resets(state: OpenPool, tz: ZoneInfo, ends_at: Instant | None) -> str:
    end = state.period.ends_at
    if end is None:
        return ""
    return f" · {'ends' if end == ends_at else 'resets'} {day_text(end, tz)}"


def _included_part(state: OpenPool) -> Fraction | None:
    pool = state.pool
    return pool.used / pool.included if pool.included else None


def _told(state: OpenPool) -> str:
    """Everything about a feature in one line."""
    pool = state.pool
    if pool.included is None:
        return f"{number(pool.total)} of unlimited"
    left = f"{number(state.remaining)} left" if state.remaining is not None else "no limit"
    if pool.passed_on:
        return f"{number(pool.total)}, {number(pool.passed_on)} drawn on others, {left}"
    wallet = f" · wallet {number(state.wallet)} left" if pool.wallet or state.wallet else ""
    beyond = _beyond(state)
    text = f"{number(pool.total)} of {number(pool.included)}"
    return text + (f"{wallet} · {beyond}" if beyond else wallet or f", {left}")


def _beyond(state: OpenPool) -> str:
    if state.excess:
        return f"{number(state.excess)} to be billed"
    return f"{number(state.over_limit)} over the limit" if state.over_limit else ""


# --- sections


def _included(pools: Pools, tz: ZoneInfo, ends_at: Instant | None) -> Iterator[Row]:
    for feature, state in pools.items():
        pool, resets = state.pool, _resets(state, tz, ends_at)
        if pool.included is None:
            yield feature, None, f"{number(pool.total)} of unlimited{resets}"
        elif pool.included:
            left = f"{number(state.remaining)} left" if state.remaining is not None else "no limit"
            rolled = f", {number(pool.rolled)} of it rolled over" if pool.rolled else ""
            text = f"{number(pool.used)} of {number(pool.included)}{rolled}, {left}{resets}"
            yield feature, _included_part(state), text
        elif pool.passed_on:
            yield feature, None, f"{number(pool.passed_on)} drawn on others{resets}"


def _wallets(pools: Pools) -> Iterator[Row]:
    for feature, state in pools.items():
        held = state.pool.wallet + state.wallet
        if held:
            used = state.pool.wallet
            yield feature, used / held, f"{number(used)} of {number(held)}, {number(state.wallet)} left"


def _excess(pools: Pools) -> Iterator[Row]:
    for feature, state in pools.items():
        if beyond := _beyond(state):
            yield feature, None, beyond
