"""Whose subscriptions a migration means, and in which batch each one is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from planctl.core.customers import Customer
from planctl.core.instants import Instant
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.waves.model import Migration, Select, Skip
from planctl.core.waves.selecting import asks_for, batch_of, spared
from tests.core.billing import DECLARED, monthly, running, t

NOVA = Customer("nova", country="DE")
OLDER = Migration("pro-v8", "pro", (), 8)


def runs(**more: Any) -> Subscription:
    """nova's Pro v5 by the month in USD, since 31 January 2026."""
    said: dict[str, Any] = {"plan": "pro", "plan_version": 5}
    return running(monthly(), **(said | more))


def asked(migration: Migration, one: Subscription, began_at: Instant | None = None) -> bool:
    """Whether the migration to v8 asks for it, whose chain began with itself unless said."""
    return asks_for(migration, 8, one, NOVA, one.started_at if began_at is None else began_at)


@pytest.mark.parametrize(
    ("version", "older", "named"), [(4, True, False), (5, True, True), (8, False, False), (9, False, False)]
)
def test_older_means_every_lower_number_and_a_list_the_numbers_in_it(
    version: int, older: bool, named: bool
) -> None:
    one = runs(plan_version=version)
    assert asked(OLDER, one) is older
    assert asked(replace(OLDER, versions=(5, 6)), one) is named


def test_a_list_may_name_newer_versions_to_go_back_from() -> None:
    assert asked(replace(OLDER, versions=(9,)), runs(plan_version=9))


def test_what_is_on_the_version_already_is_not_asked_for_even_where_newest_came_to_be_one_of_the_list() -> (
    None
):
    assert not asked(replace(OLDER, versions=(5, 8), to=0), runs(plan_version=8))


@pytest.mark.parametrize("status", [Status.CANCELED, Status.EXPIRED])
def test_what_has_ended_is_not_asked_for(status: Status) -> None:
    assert not asked(OLDER, runs(status=status))


def test_another_plan_is_not_asked_for() -> None:
    assert not asked(OLDER, runs(plan="starter"))


SELECTS = [
    (Select(customers=("nova", "orion")), Select(customers=("orion",))),
    (Select(currency=("USD",)), Select(currency=("EUR",))),
    (Select(pay=("year", "month")), Select(pay=("year",))),
    (Select(country=("DE",)), Select(country=("FR",))),
    (Select(started_before=date(2026, 2, 1)), Select(started_before=date(2026, 1, 31))),
]


@pytest.mark.parametrize(("holds", "fails"), SELECTS)
def test_everything_that_is_selected_must_hold(holds: Select, fails: Select) -> None:
    assert asked(replace(OLDER, select=holds), runs())
    assert not asked(replace(OLDER, select=fails), runs())
    both = replace(fails, currency=fails.currency or ("EUR",))
    assert not asked(replace(OLDER, select=both), runs())


def test_a_day_is_the_local_one_of_the_subscription() -> None:
    # 23:30 on 31 December in New York is 04:30 on 1 January in UTC.
    begun = t("2026-01-01T04:30:00Z")
    before = replace(OLDER, select=Select(started_before=date(2026, 1, 1)))
    assert asked(before, runs(started_at=begun, timezone="America/New_York"))
    assert not asked(before, runs(started_at=begun, timezone="UTC"))


def test_whoever_was_moved_since_began_with_the_first_of_its_chain() -> None:
    before = replace(OLDER, select=Select(started_before=date(2025, 1, 1)))
    moved = runs(started_at=t("2026-01-31"), follows="sub_0")
    assert asked(before, moved, t("2024-12-31"))
    assert not asked(before, moved, t("2025-01-01"))


def test_the_file_leaves_out_customers_and_whoever_has_terms_of_its_own() -> None:
    agreed = runs(negotiated={"due": "30 days"})
    assert spared(OLDER, agreed) is None
    assert spared(replace(OLDER, spared=("nova",)), runs()) == Skip("excluded", "the file leaves nova out")
    assert spared(replace(OLDER, spares_negotiated=True), runs()) is None
    left_out = spared(replace(OLDER, spares_negotiated=True), agreed)
    assert left_out == Skip("excluded", "the file leaves out who has terms of its own (due)")


def test_a_batch_is_a_hash_of_the_id_alone() -> None:
    # sha256sum prints 13a076fc…, a6dacc1b… and e460e143…: of all hashes that is 0.077, 0.652 and 0.892.
    names = ("sub_1", "sub_2", "sub_3")
    thirds = replace(OLDER, batches=3)
    assert [batch_of(thirds, name) for name in names] == [1, 2, 3]
    shares = replace(OLDER, batches=3, percent=(5, 60, 35))
    assert [batch_of(shares, name) for name in names] == [2, 3, 3]
    assert [batch_of(OLDER, name) for name in names] == [1, 1, 1]


def test_batches_are_about_as_large_as_they_are_asked_for() -> None:
    shares = replace(OLDER, batches=3, percent=(10, 30, 60))
    found = [batch_of(shares, f"sub_{number}") for number in range(10_000)]
    assert [abs(found.count(number) - 100 * share) < 200 for number, share in enumerate((10, 30, 60), 1)] == [
        True
    ] * 3


def test_the_codes_of_currencies_are_compared_as_they_are_written() -> None:
    euros = runs(currency=DECLARED["EUR"])
    assert not asked(replace(OLDER, select=Select(currency=("USD",))), euros)
