"""Periods that were begun: those entered since the last run, without those that keep no local day."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.invoicing.drafting import begun_periods
from tests.core.billing import monthly, running, t


def test_a_period_that_was_begun_and_cut_on_one_local_day_is_none() -> None:
    before = replace(running(monthly(), "2026-01-01"), settled_at=t("2026-01-01"))
    anew = replace(before, anchors=(t("2026-02-01T10:00:00Z"), t("2026-02-01T15:00:00Z")))
    # January; 1 February until 10; until 15; from 15 on
    (begun,) = begun_periods(before, anew, t("2026-02-20"))
    assert (begun.index, begun.starts_at, begun.ends_at) == (
        3,
        t("2026-02-01T15:00:00Z"),
        t("2026-03-01T15:00:00Z"),
    )


def test_a_period_that_keeps_a_day_is_one_however_short() -> None:
    before = replace(running(monthly(), "2026-01-01"), settled_at=t("2026-01-01"))
    anew = replace(before, anchors=(t("2026-02-01T23:00:00Z"), t("2026-02-02T01:00:00Z")))
    assert [one.index for one in begun_periods(before, anew, t("2026-02-20"))] == [2, 3]
