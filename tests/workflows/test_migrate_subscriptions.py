"""Moving subscriptions to newer terms: who is moved and who stays, once each, and taken back as if it never was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from planctl.core.subscriptions.change_requests import wish_for
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.waves.model import Select
from planctl.errors import Conflict, InvalidInput, NotFound, Refused
from planctl.store import change_requests, customers, subscriptions
from planctl.store.engine import open_store
from planctl.store.settings import put_setting
from planctl.workflows.assign_plan import Wanted as Assign
from planctl.workflows.assign_plan import propose_reassignment
from planctl.workflows.lock_subscription import lock
from planctl.workflows.migrate_subscriptions import apply_some, members_to_move
from planctl.workflows.subscribe import Wanted, apply_subscription, propose_subscription
from tests import stores
from tests.workflows.business import RECORDED, Business, rows, t
from tests.workflows.moving import (
    FIRST,
    SECOND,
    Moving,
    a_month,
    make_store,
    migration,
    moved,
    stays,
    today,
)


@pytest.fixture(scope="session")
def moving_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells Pro v1; copy it, never open it."""
    path = tmp_path_factory.mktemp("moving") / "books.db"
    make_store(path)
    return path


@pytest.fixture
def moving(moving_store: Path, tmp_path: Path) -> Iterator[Moving]:
    """A business without customers that sells Pro v1. At the end of the test every law holds in its store."""
    path = tmp_path / "moving.db"
    stores.copy(moving_store, path)
    with open_store(stores.url(path)) as store:
        business = Business(store)
        yield Moving(business, tmp_path)
        business.check()


def start(moving: Moving, *names: str, **wanted: object) -> None:
    """Customers that run Pro v1 by the month since 1 January, and then v2 is sold."""
    moving.business.customer(*names)
    for name in names:
        moving.business.subscribe(name, "pro", **({"pay": "month"} | wanted))  # type: ignore[arg-type]


def family(moving: Moving, customer: str = "nova") -> list[Subscription]:
    with moving.business.store.read() as tx:
        return subscriptions.of_customers(tx, [customer])[customer]


# --- moving


def test_a_move_is_scheduled_for_the_renewal_and_billed_there_on_the_new_terms(moving: Moving) -> None:
    start(moving, "nova")
    moving.sell()
    assert a_month(moving.apply(migration())) == ["nova 30 36"]
    old, new = family(moving)
    assert (old.plan_version, old.ends_at, old.end_reason) == (1, t("2026-02-01"), "changed")
    assert (new.plan_version, new.started_at, new.status, new.follows) == (
        2, t("2026-02-01"), Status.PENDING, old.id,
    )  # fmt: skip
    report = moving.business.run("2026-02-01")
    assert [total for _, _, total in moving.business.bills("nova")] == ["30.00", "36.00"]
    assert len(report.invoices) == 1
    assert moving.subscription("nova/pro", "2026-02-02").plan_version == 2


def test_it_is_the_change_that_assigning_the_plan_again_makes(moving: Moving) -> None:
    start(moving, "nova", "orion", quantity=2, quantities={"seats": Decimal(5)})
    moving.sell()
    moving.apply(migration(select=Select(customers=("nova",))))
    now = t("2026-01-10")
    with moving.business.store.write() as tx:
        again = propose_reassignment(tx, Assign("orion", "pro"), now)
        assert again is not None
        asked = Wanted(
            "orion", "pro", negotiated=again.kept.terms, plan_version="newest", when="renewal", reassign=True
        )
        apply_subscription(tx, propose_subscription(tx, asked, now), RECORDED)
    by_file, by_hand = family(moving, "nova"), family(moving, "orion")
    for one, other in zip(by_file, by_hand, strict=True):
        assert replace(one, id=other.id, customer="orion", follows=other.follows) == other


def test_who_began_before_a_day_began_with_the_first_subscription_of_the_chain(moving: Moving) -> None:
    moving.business.customer("nova", "orion")
    moving.business.subscribe("nova", "basic", pay="month")
    moving.business.subscribe("nova", "pro", "2026-01-04", pay="month")  # a change at once
    moving.business.subscribe("orion", "pro", "2026-01-04", pay="month")
    moving.sell()
    early = migration(select=Select(started_before=date(2026, 1, 2)))
    assert moved(moving.preview(early)) == ["nova"]
    assert moved(moving.apply(early)) == ["nova"]


def test_now_credits_the_rest_of_the_old_fee_and_charges_the_new_one(moving: Moving) -> None:
    start(moving, "nova")
    moving.sell()
    # 16 January to 1 February is 16 of 31 days: 30.00 × 16/31 = 15.48 back, 36.00 × 16/31 = 18.58 charged.
    wanted = migration(at="now")
    assert today(moving.preview(wanted, "2026-01-16")) == ["nova 310 0"]
    assert today(moving.apply(wanted, "2026-01-16")) == ["nova 310 0"]
    assert [total for _, _, total in moving.business.bills("nova")] == ["30.00", "3.10"]
    assert moving.subscription("nova/pro", "2026-01-16").plan_version == 2


def test_what_becomes_cheaper_now_is_credited(moving: Moving) -> None:
    start(moving, "nova")
    moving.sell(FIRST.replace("month: {USD: 30, EUR: 27}", "month: {USD: 20, EUR: 18}"))
    # 30.00 × 16/31 = 15.48 to the balance, of which 20.00 × 16/31 = 10.32 is paid: 5.16 is left there.
    assert today(moving.apply(migration(at="now"), "2026-01-16")) == ["nova 1032 1548"]
    assert moving.business.balance("nova") == "5.16"


def test_within_a_trial_it_changes_at_once_and_costs_nothing_today(moving: Moving) -> None:
    moving.business.customer("nova", payment_method="card")
    moving.business.subscribe("nova", "tried", trial=True)
    moving.sell()
    assert today(moving.apply(migration(plan="tried"), "2026-01-06")) == ["nova 0 0"]
    one = moving.subscription("nova/tried", "2026-01-06")
    assert (one.plan_version, one.status, one.trial_ends_at) == (2, Status.TRIALING, t("2026-01-11"))
    assert moving.undo(at="2026-01-06") == ([], ["in-effect"])


def test_agreed_terms_are_laid_over_the_new_version(moving: Moving) -> None:
    start(moving, "nova", negotiated={"price.month.USD": "25", "due": "30 days"})
    moving.sell()
    assert a_month(moving.apply(migration())) == ["nova 25 25"]
    new = family(moving)[-1]
    assert new.negotiated == {"price.month.USD": "25", "due": "30 days"}
    assert new.terms.due_days == 30
    assert new.terms.features["minutes"].included == Decimal(80)


def test_quantities_and_addons_go_along(moving: Moving) -> None:
    start(moving, "nova", quantity=2, quantities={"seats": Decimal(5)})
    moving.business.subscribe("nova", "extra", pay="month")
    moving.sell()
    # Two at 30.00 and 3 seats at 5.00, then two at 36.00 and the seats.
    assert a_month(moving.apply(migration())) == ["nova 75 87"]
    moving.business.run("2026-02-01")
    base, addon = (
        moving.subscription("nova/pro", "2026-02-02"),
        moving.subscription("nova/extra", "2026-02-02"),
    )
    assert (base.quantity, addon.base) == (2, base.id)
    assert base.quantities == {"seats": Decimal(5)}


# --- staying


def test_who_cannot_be_moved_stays_and_the_reason_is_kept(moving: Moving) -> None:
    names = [
        "agreed", "asked", "canceled", "dear", "excluded", "fine", "held", "locked", "paused", "planned", "yearly",
    ]  # fmt: skip
    moving.business.customer(*names, country="US")
    for name in names:
        pay = "year" if name == "yearly" else "month"
        terms = {"features.calls.beyond.up_to": "50"} if name == "agreed" else {}
        moving.business.subscribe(name, "pro", pay=pay, negotiated=terms)
    moving.sell()
    moving.business.cancel("canceled/pro", "2026-01-06")
    moving.business.pause("paused/pro", "2026-01-06")
    moving.business.subscribe("planned", "basic", "2026-01-06", when="renewal")
    with moving.business.store.write() as tx:
        lock(tx, "locked/pro", "talks", t("2026-01-06"))
        customers.put_hold(tx, "held", "looked-at", "by ada", t("2026-01-06"))
        found = subscriptions.of_customers(tx, ["asked"])["asked"][0]
        wish = replace(wish_for(found), plan="basic")
        change_requests.file_request(tx, found, wish, t("2026-01-06"))
    wanted = migration(spared=("excluded",), spares_negotiated=False)
    expected = {
        "agreed": "negotiated",
        "asked": "change-requested",
        "canceled": "ending",
        "excluded": "excluded",
        "held": "hold",
        "locked": "locked",
        "paused": "transition",
        "planned": "change-scheduled",
        "yearly": "no-such-row",
    }
    planned = moving.preview(wanted)
    assert stays(planned) == expected
    assert moved(planned) == ["dear", "fine"]
    done = moving.apply(wanted)
    assert (moved(done), stays(done)) == (["dear", "fine"], expected)
    skipped = {one.reason: one.why for member, _ in moving.status().members if (one := member.skip)}
    assert skipped["locked"] == "it is locked: talks"
    assert set(skipped) == set(expected.values())
    assert moving.subscription("canceled/pro").end_reason == "canceled"


def test_what_is_skipped_is_tried_again_when_its_batch_is_asked_for_again(moving: Moving) -> None:
    start(moving, "fine", "locked")
    moving.sell()
    with moving.business.store.write() as tx:
        lock(tx, "locked/pro", "talks", t("2026-01-06"))
    assert moved(moving.apply(migration())) == ["fine"]
    with moving.business.store.write() as tx:
        lock(tx, "locked/pro", "", t("2026-01-07"))
    assert moving.apply(migration()) == []
    assert moved(moving.apply(migration(), number=1)) == ["locked"]


def test_a_currency_that_is_no_longer_sold_keeps_its_payers(moving: Moving) -> None:
    moving.business.customer("euro", currency="EUR")
    moving.business.subscribe("euro", "pro", pay="month")
    text = FIRST
    for old, new in (
        ("{USD: 30, EUR: 27}, year: {USD: 300, EUR: 270}", "{USD: 36}"),
        (", EUR: 0.09", ""),
        ("{USD: 1, EUR: 1}", "{USD: 1}"),
    ):
        assert old in text
        text = text.replace(old, new)
    moving.sell(text.replace("{month: {USD: 5, EUR: 5}, year: {USD: 50, EUR: 50}}", "{month: {USD: 5}}"))
    assert stays(moving.preview(migration())) == {"euro": "no-such-currency"}


def test_the_limit_counts_each_subscription_by_itself(moving: Moving) -> None:
    start(moving, "nova")
    moving.business.customer("orion")
    moving.business.subscribe("orion", "pro", pay="month", quantities={"seats": Decimal(14)})
    moving.sell()
    # 30.00 to 36.00 is 20 %; with 12 seats more 90.00 to 96.00 is less than 7 %.
    done = moving.preview(migration(max_increase=Decimal("0.1")))
    assert (moved(done), stays(done)) == (["orion"], {"nova": "increase"})
    assert moved(moving.preview(migration(max_increase=Decimal("0.2")))) == ["nova", "orion"]


def test_a_running_addon_is_not_moved_yet(moving: Moving) -> None:
    start(moving, "nova")
    moving.business.subscribe("nova", "extra", pay="month")
    moving.sell(FIRST.replace("{USD: 3, EUR: 3}", "{USD: 4, EUR: 4}"))
    assert stays(moving.preview(migration(plan="extra"))) == {"nova": "not-yet"}


def test_whatever_time_has_moved_and_no_run_has_written_waits_for_the_run(moving: Moving) -> None:
    moving.business.customer("nova", payment_method="card")
    moving.business.subscribe("nova", "tried", trial=True)
    moving.sell()
    assert stays(moving.preview(migration(plan="tried"), "2026-01-12")) == {"nova": "run-first"}


# --- batches


def several(moving: Moving, number: int = 12) -> list[str]:
    names = [f"c{index:02}" for index in range(number)]
    start(moving, *names)
    moving.sell()
    return names


def test_one_batch_after_the_other_is_moved_and_then_there_is_nothing_to_do(moving: Moving) -> None:
    names = several(moving)
    wanted = migration(batches=3)
    planned = [moved([one]) for one in moving.preview(wanted)]
    assert sorted(name for batch in planned for name in batch) == names
    for number, expected in enumerate(planned, 1):
        assert moved(moving.apply(wanted, every=False)) == expected
        words = [one.word for one in moving.status().batches]
        assert words == ["done"] * number + ["open"] * (3 - number)
    assert moving.apply(wanted, every=False) == []
    with moving.business.store.read() as tx:
        assert rows(tx, "migration_member") == len(names)


def test_a_batch_that_was_cut_short_goes_on_where_it_stopped(moving: Moving) -> None:
    several(moving)
    wanted = migration()
    course = moving.course(wanted, "2026-01-10")
    with moving.business.store.read() as tx:
        waiting = members_to_move(tx, course, 1)
    with moving.business.store.write() as tx:
        first = apply_some(tx, course, 1, waiting[:5])
    assert [one.word for one in moving.status().batches] == ["begun"]
    assert moving.status().batches[0].planned == 7
    rest = moving.apply(wanted)
    assert len(first.moves) + sum(len(one.moves) for one in rest) == 12
    assert sorted(moved([first]) + moved(rest)) == sorted({*moved([first]), *moved(rest)})


def test_two_at_once_move_each_subscription_once(moving: Moving) -> None:
    several(moving)
    one, other = (moving.course(migration(), "2026-01-10", actor) for actor in ("ada", "ben"))
    store = moving.business.store
    with store.read() as tx:
        lists = members_to_move(tx, one, 1), members_to_move(tx, other, 1)
    found = []
    for start_at in range(0, 12, 4):
        for course, waiting in zip((one, other), lists, strict=True):
            with store.write() as tx:
                found.append(apply_some(tx, course, 1, waiting[start_at : start_at + 4]))
    assert [len(part.moves) for part in found] == [4, 0, 4, 0, 4, 0]
    assert {member.actor for member, _ in moving.status().members} == {"ada"}


def test_a_subscription_that_ended_since_it_was_listed_is_passed_over(moving: Moving) -> None:
    several(moving, 2)
    course = moving.course(migration(), "2026-01-10")
    with moving.business.store.read() as tx:
        waiting = members_to_move(tx, course, 1)
    moving.business.cancel("c00/pro", "2026-01-09", at_once=True)
    with moving.business.store.write() as tx:
        done = apply_some(tx, course, 1, waiting)
    assert (moved([done]), stays([done])) == (["c01"], {})


def test_newest_stays_the_version_that_it_was_when_the_migration_began(moving: Moving) -> None:
    several(moving)
    wanted = migration(batches=2)
    moving.apply(wanted, every=False)
    moving.sell(SECOND.replace("USD: 36, EUR: 27", "USD: 39, EUR: 29"), "2026-01-07")
    (done,) = moving.apply(wanted, every=False)
    assert {move.successor.plan_version for move in done.moves} == {2}


def test_a_file_that_was_edited_after_it_moved_somebody_is_another_one(moving: Moving) -> None:
    several(moving)
    moving.apply(migration(batches=2), every=False)
    edited = migration(batches=2, max_increase=Decimal("0.5"))
    with pytest.raises(Conflict, match="has moved"):
        moving.course(edited, "2026-01-10")
    moving.undo()
    assert len(moved(moving.apply(edited))) == 12


def test_what_a_file_names_must_be_there(moving: Moving) -> None:
    several(moving, 1)
    for wrong in (
        migration(plan="prp"),
        migration(to=9),
        migration(spared=("acmee",)),
        migration(select=Select(customers=("c99",))),
    ):
        with pytest.raises(NotFound):
            moving.course(wrong, "2026-01-10")
    with pytest.raises(InvalidInput, match="no such batch"):
        moving.apply(migration(), number=2)


def test_what_changes_today_is_not_dated_into_closed_books(moving: Moving) -> None:
    several(moving, 1)
    with moving.business.store.write() as tx:
        put_setting(tx, "books.closed_through", "2026-01-15")
    with pytest.raises(Refused) as caught:
        moving.course(migration(at="now"), "2026-01-10")
    assert caught.value.code == "books-closed"
    moving.course(migration(), "2026-01-10")


# --- taking back


def test_undone_before_the_renewal_everything_is_as_before(moving: Moving) -> None:
    start(moving, "nova", quantity=2, quantities={"seats": Decimal(5)}, negotiated={"due": "30 days"})
    moving.business.subscribe("nova", "extra", pay="month")
    moving.sell()
    before = [moving.subscription(name) for name in ("nova/pro", "nova/extra")]
    moving.apply(migration())
    assert moving.subscription("nova/pro") != before[0]
    undone, left = moving.undo()
    assert (len(undone), left) == (1, [])
    assert [moving.subscription(name) for name in ("nova/pro", "nova/extra")] == before
    assert moving.undo() == ([], [])
    moving.business.run("2026-02-01")
    assert moving.business.bills("nova")[-1][2] == "78.00", "two at 30.00, 3 seats at 5.00, an add-on at 3.00"


def test_what_is_in_effect_is_left_and_only_one_batch_is_taken_back(moving: Moving) -> None:
    moving.business.customer("early", "late")
    moving.business.subscribe("early", "pro", "2026-01-01", pay="month")
    moving.business.subscribe("late", "pro", "2026-01-04", pay="month")
    moving.sell()
    wanted = migration()
    moving.apply(wanted)
    undone, left = moving.undo(at="2026-02-02")
    assert left == ["in-effect"]
    assert [moving.subscription("late/pro", "2026-02-02").id] == undone
    standings = {standing for _, standing in moving.status("2026-02-02").members}
    assert standings == {"in effect", "undone"}


def test_undoing_a_batch_opens_it_again_and_leaves_the_others(moving: Moving) -> None:
    several(moving)
    wanted = migration(batches=2)
    first, second = moving.apply(wanted)
    undone, _ = moving.undo(batch=1)
    assert len(undone) == len(first.moves)
    assert [one.word for one in moving.status().batches] == ["begun", "done"]
    assert moved(moving.apply(wanted)) == moved([first])
    assert [one.standings for one in moving.status().batches] == [
        {"waiting": len(first.moves)},
        {"waiting": len(second.moves)},
    ]


def test_what_somebody_called_off_is_not_called_off_twice(moving: Moving) -> None:
    several(moving, 2)
    moving.apply(migration())
    new = family(moving, "c00")[-1]
    moving.business.cancel(new.id, "2026-01-11")
    assert {standing for _, standing in moving.status("2026-01-12").members} == {"called off", "waiting"}
    undone, left = moving.undo(at="2026-01-12")
    assert (len(undone), left) == (2, [])


def test_undoing_what_was_never_applied_names_what_was(moving: Moving) -> None:
    several(moving, 1)
    moving.apply(migration())
    with pytest.raises(NotFound) as caught:
        moving.undo("pro-v3")
    assert caught.value.expected == "pro-v2"
