"""The order in which statements were issued."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.replay.account import in_order
from tests.core.billing import t
from tests.core.replay.books import statement


def test_of_what_was_issued_at_one_instant_the_earlier_is_billed_first() -> None:
    late = replace(statement("inv_a", "2026-03-01"), issued_at=t("2026-03-05"))
    early = replace(statement("inv_b", "2026-02-01"), issued_at=t("2026-03-05"))
    before = statement("inv_c", "2026-03-04")  # bills for a later day, was issued sooner
    assert in_order([late, early, before]) == (before, early, late)
