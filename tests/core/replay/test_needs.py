"""Which windows are asked for: those of the statements that matter, on either side."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from planctl.core.catalog.model import Terms
from planctl.core.replay.needs import bounded, held_needs, moved_needs, moved_past
from planctl.core.subscriptions.model import Subscription
from tests.core.billing import metered, monthly, running, t
from tests.core.replay.books import account, settled, statement

HELD = running(monthly(features=metered()), "2026-01-01")
ACCOUNT = account(
    HELD,
    [
        statement("inv_1", "2026-02-01", [], [settled("usage", 0, "2026-02-01")]),
        statement("inv_2", "2026-03-01", [], [settled("usage", 1, "2026-03-01")]),
    ],
    "inv_2",
)
FEBRUARY = ("minutes", t("2026-02-01"), t("2026-03-01"))


def on(terms: Terms) -> dict[str, Subscription]:
    """The subscription on other terms."""
    return {"sub_1": replace(HELD, terms=terms)}


def test_only_the_usage_of_the_period_is_measured() -> None:
    assert [window.key[1:] for window, _ in held_needs(ACCOUNT, {})] == [FEBRUARY]


def test_nothing_is_measured_for_a_proposal_that_moves_nobody() -> None:
    assert [*moved_needs(ACCOUNT, {})] == []


def test_a_proposal_is_measured_by_its_own_features_and_resets() -> None:
    assert [*moved_needs(ACCOUNT, on(monthly()))] == []  # it has no usage
    weekly = [window for window, _ in moved_needs(ACCOUNT, on(monthly(features=metered(reset="week"))))]
    # weeks from Thursday 1 January on that closed after 1 February and by 1 March
    assert [(one.starts_at, one.ends_at) for one in weekly] == [
        (t("2026-01-29"), t("2026-02-05")),
        (t("2026-02-05"), t("2026-02-12")),
        (t("2026-02-12"), t("2026-02-19")),
        (t("2026-02-19"), t("2026-02-26")),
    ]


def test_a_bound_on_either_side_needs_what_was_billed_before() -> None:
    capped = monthly(features=metered(), maximum={"USD": Decimal(40)})
    assert bounded(ACCOUNT, {}) == frozenset()
    assert bounded(ACCOUNT, on(capped)) == {"sub_1"}
    now = replace(ACCOUNT, past=moved_past(ACCOUNT, on(capped)))
    assert bounded(now, on(monthly())) == {"sub_1"}
