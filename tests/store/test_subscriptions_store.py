"""Subscriptions and what belongs to them come back as they were stored, for many at once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.currencies import Currency, iso_currency
from planctl.core.invoicing.model import Settlement, UsageClaim
from planctl.core.periods import Instant, Period
from planctl.core.subscriptions.model import Assignment, BlockedSpan, Status, Transition
from planctl.errors import Conflict, NotFound, Refused
from planctl.store import subscriptions
from planctl.store.engine import Store
from planctl.store.mapping import terms_of_text
from planctl.store.subscriptions import SubscriptionFilter
from tests.store.samples import (
    SNAPSHOT,
    TERMS_HASH,
    a_subscription,
    on_day,
    with_customers,
    with_subscriptions,
)


def iso(code: str) -> Currency:
    """A currency of ISO 4217."""
    found = iso_currency(code)
    assert found is not None
    return found


def test_a_subscription_comes_back_as_it_was_with_its_terms(store: Store) -> None:
    full = a_subscription(
        status=Status.PAST_DUE,
        timezone="Europe/Berlin",
        settled_at=on_day(3),
        fees_from=on_day(1),
        usage_from=on_day(2),
        ends_at=on_day(90),
        end_reason="canceled",
        quantity=3,
        quantities={"seats": Decimal("12.5")},
        negotiated={"price.month.USD": "45.00"},
        blocked=(BlockedSpan(on_day(5), on_day(6), "pay_1"), BlockedSpan(on_day(8))),
        catalog_revision=7,
    )
    with store.write() as tx:
        with_customers(tx, ["nova"])
        subscriptions.keep_terms(tx, SNAPSHOT)
        subscriptions.insert(tx, full, on_day(31))
    with store.read() as tx:
        assert subscriptions.get(tx, "sub_1") == full
        assert subscriptions.get(tx, "sub_2") is None


def test_terms_are_parsed_once_for_many_subscriptions(store: Store) -> None:
    terms_of_text.cache_clear()
    with store.write() as tx:
        with_subscriptions(tx, 3)
        found = subscriptions.get_many(tx, ["sub_1", "sub_2", "sub_3"])
    assert {id(value.terms) for value in found.values()} == {id(found["sub_1"].terms)}
    assert terms_of_text.cache_info().misses == 1


def test_altered_terms_are_not_believed(store: Store) -> None:
    terms_of_text.cache_clear()
    with store.write() as tx:
        with_subscriptions(tx)
        with pytest.raises(AssertionError, match="altered"):
            terms_of_text(TERMS_HASH, '{"format":"planctl.terms/1"}')


def test_of_one_that_was_read_only_what_differs_is_written(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 2)
        before = subscriptions.get_many(tx, ["sub_1", "sub_2"])
        tx.change("UPDATE subscription SET locked = ?", [("by hand",)])  # as if it had been written since
        settled = replace(before["sub_1"], settled_at=on_day(31))
        dearer = replace(before["sub_2"], currency=iso("JPY"), quantities={"seats": Decimal(5)})
        subscriptions.update_many(tx, [(settled, on_day(59)), (dearer, None)], before)
        after = subscriptions.get_many(tx, ["sub_1", "sub_2"])
        due = {name: at for name, at in tx.rows("SELECT id, next_action_at FROM subscription")}  # noqa: C416 - dict() would be given rows of any length
    assert after["sub_1"] == replace(settled, locked="by hand")
    assert after["sub_2"] == replace(dearer, locked="by hand")
    assert due == {"sub_1": on_day(59), "sub_2": None}


def test_one_that_ends_makes_room_for_one_that_begins_in_the_same_update(store: Store) -> None:
    with store.write() as tx:
        with_customers(tx, ["nova"])
        subscriptions.keep_terms(tx, SNAPSHOT)
        old, new = a_subscription("sub_1"), a_subscription("sub_2", status=Status.PENDING)
        subscriptions.insert_many(tx, [(old, None), (new, None)])
        ended = replace(old, status=Status.CANCELED, ends_at=on_day(1), end_reason="changed")
        begun = replace(new, status=Status.ACTIVE)
        subscriptions.update_many(tx, [(begun, None), (ended, None)], {"sub_1": old, "sub_2": new})
        assert subscriptions.get_many(tx, ["sub_1", "sub_2"]) == {"sub_1": ended, "sub_2": begun}


def test_an_update_writes_everything_and_ends_a_blocked_time(store: Store) -> None:
    with store.write() as tx:
        before = with_subscriptions(tx)[0]
        blocked = replace(before, status=Status.BLOCKED, blocked=(BlockedSpan(on_day(40)),))
        subscriptions.update(tx, blocked, None)
        assert subscriptions.get(tx, "sub_1") == blocked
        paid = replace(blocked, status=Status.ACTIVE, blocked=(BlockedSpan(on_day(40), on_day(50), "pay_7"),))
        subscriptions.update(tx, paid, on_day(60))
        assert subscriptions.get(tx, "sub_1") == paid


def test_an_update_of_what_is_not_stored_is_our_mistake(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        with pytest.raises(AssertionError, match="1 subscriptions to update, 0 are stored"):
            subscriptions.update(tx, a_subscription("sub_9"), None)


def test_one_live_subscription_per_exclusive_group(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        subscriptions.insert(tx, a_subscription("sub_old", status=Status.CANCELED), None)
    with pytest.raises(Conflict), store.write() as tx:
        subscriptions.insert(tx, a_subscription("sub_second"), None)
    with store.read() as tx:
        assert subscriptions.get(tx, "sub_second") is None


def test_an_unknown_customer_is_named(store: Store) -> None:
    with store.write() as tx:
        with_customers(tx, ["nova"])
        with pytest.raises(NotFound, match="nobody"):
            subscriptions.insert(tx, a_subscription(customer="nobody"), None)


def test_more_subscriptions_than_one_statement_may_name(store: Store) -> None:
    with store.write() as tx:
        made = with_subscriptions(tx, 1201)
        names = [value.customer for value in made]
        found = subscriptions.of_customers(tx, [*names, "stranger"])
        subscriptions.update_many(tx, [(replace(value, quantity=2), None) for value in made])
        changed = subscriptions.get_many(tx, [value.id for value in made])
    assert [found[value.customer] for value in made] == [[value] for value in made]
    assert found["stranger"] == []
    assert len(changed) == 1201
    assert all(value.quantity == 2 for value in changed.values())


def test_a_customer_s_subscriptions_come_oldest_first_and_ended_ones_too(store: Store) -> None:
    ended = a_subscription("sub_a", status=Status.CANCELED, started_at=on_day(2), exclusive_group="")
    with store.write() as tx:
        live = with_subscriptions(tx)[0]
        subscriptions.insert(tx, ended, None)
        assert subscriptions.of_customers(tx, ["nova"]) == {"nova": [live, ended]}


def test_a_listing_filters_and_pages(store: Store) -> None:
    other = a_subscription("sub_x", exclusive_group="", plan="pro", plan_version=2, status=Status.PENDING)
    with store.write() as tx:
        with_subscriptions(tx, 3)
        subscriptions.insert(tx, other, None)

        def ids(wanted: SubscriptionFilter | None = None) -> list[str]:
            return [value.id for value in subscriptions.listing(tx, wanted)]

        assert ids() == ["sub_1", "sub_2", "sub_3", "sub_x"]
        assert ids(SubscriptionFilter(plan="pro", version=2)) == ["sub_x"]
        assert ids(SubscriptionFilter(plan="pro", version=1)) == []
        assert ids(SubscriptionFilter(statuses=(Status.PENDING,))) == ["sub_x"]
        assert ids(SubscriptionFilter(customers=("nova", "c3"))) == ["sub_1", "sub_3", "sub_x"]
        assert ids(SubscriptionFilter(after="sub_1", limit=2)) == ["sub_2", "sub_3"]


def test_transitions_are_numbered_on_in_order(store: Store) -> None:
    late = Transition("sub_1", Status.ACTIVE, Status.PAST_DUE, on_day(14), "due")
    other = Transition("sub_2", Status.ACTIVE, Status.PAUSED, on_day(14), "paused")
    paid = Transition("sub_1", Status.PAST_DUE, Status.ACTIVE, on_day(15), "paid")
    again = Transition("sub_1", Status.ACTIVE, Status.PAST_DUE, on_day(45), "due")
    with store.write() as tx:
        with_subscriptions(tx, 2)
        subscriptions.add_transitions(tx, [late, other, paid], on_day(16))
        subscriptions.add_transitions(tx, [again], on_day(46))
        found = subscriptions.transitions(tx, ["sub_1", "sub_2", "sub_3"])
    assert found == {"sub_1": [late, paid, again], "sub_2": [other], "sub_3": []}


def test_periods_are_fixed_once_and_an_open_end_stays_open(store: Store) -> None:
    january = Period(0, on_day(0), on_day(31))
    february = Period(1, on_day(31), on_day(59))
    once = Period(0, on_day(0), None)
    with store.write() as tx:
        with_subscriptions(tx, 2)
        subscriptions.add_periods(
            tx,
            {
                "sub_1": [(january, "2026-01-01", "2026-02-01"), (february, "2026-02-01", "2026-03-01")],
                "sub_2": [(once, "2026-01-01", "")],
            },
        )
        found = subscriptions.periods(tx, ["sub_1", "sub_2", "sub_3"])
        later = subscriptions.periods(tx, ["sub_1", "sub_2"], from_at=on_day(31))
    assert found == {"sub_1": [january, february], "sub_2": [once], "sub_3": []}
    assert later == {"sub_1": [february], "sub_2": [once]}
    with pytest.raises((Conflict, Refused)), store.write() as tx:
        subscriptions.add_periods(tx, {"sub_1": [(replace(february, index=2), "2026-02-01", "2026-03-01")]})


def test_a_period_is_cut_where_new_ones_begin_and_removed_where_it_would_keep_no_day(store: Store) -> None:
    noon = Instant(on_day(31) + 12 * 3_600_000_000)
    january = Period(0, on_day(0), on_day(31))
    with store.write() as tx:
        with_subscriptions(tx, 2)
        for name, anchors in (("sub_1", (noon,)), ("sub_2", (on_day(40),))):
            february = Period(1, on_day(31), on_day(59))
            dated = [(january, "2026-01-01", "2026-02-01"), (february, "2026-02-01", "2026-03-01")]
            subscriptions.add_periods(tx, {name: dated})
            anew = a_subscription(name, anchor_at=on_day(0), started_at=on_day(0), anchors=anchors)
            subscriptions.cut_periods(tx, anew)
        found = subscriptions.periods(tx, ["sub_1", "sub_2"])
    assert found == {"sub_1": [january], "sub_2": [january, Period(1, on_day(31), on_day(40))]}


def test_settlements_tell_what_is_still_to_be_billed(store: Store) -> None:
    fee = Settlement("sub_1", "fee", 1, "blocked", on_day(31))
    usage = Settlement("sub_1", "usage", 0, "blocked", on_day(31))
    zero = Settlement("sub_1", "usage", 1, "zero", on_day(59))
    billed = Settlement("sub_1", "usage", 0, "billed", on_day(31), occasion="pay_1")
    with store.write() as tx:
        with_subscriptions(tx, 2)
        subscriptions.add_settlements(tx, [(fee, ""), (usage, ""), (zero, "")])
        assert subscriptions.open_settlements(tx, ["sub_1", "sub_2"]) == {"sub_1": [fee, usage], "sub_2": []}
        subscriptions.add_settlements(tx, [(billed, "inv_1")])
        subscriptions.close_settlements(tx, [usage])
        assert subscriptions.open_settlements(tx, ["sub_1"]) == {"sub_1": [fee]}
        assert subscriptions.settlements(tx, ["sub_1"]) == {"sub_1": [fee, usage, billed, zero]}
        assert subscriptions.settlements(tx, ["sub_1"], from_at=on_day(59)) == {"sub_1": [zero]}
    with pytest.raises(Conflict), store.write() as tx:
        subscriptions.add_settlements(tx, [(replace(zero, outcome="billed"), "inv_2")])


def test_claims_keep_exact_thirds(store: Store) -> None:
    third = Fraction(1, 3)
    claim = UsageClaim(
        "sub_1", "minutes", 0, on_day(0), on_day(31),
        quantity=100 + third, included=Fraction(100), wallet=Fraction(0), billed=third,
        over_limit=Fraction(0),
    )  # fmt: skip
    with store.write() as tx:
        with_subscriptions(tx)
        subscriptions.add_claims(tx, [(claim, "inv_1")])
        assert subscriptions.claims(tx, ["sub_1"]) == {"sub_1": [(claim, "inv_1")]}
        assert subscriptions.claims(tx, ["sub_1"], from_at=on_day(31)) == {"sub_1": []}
        with pytest.raises(AssertionError, match="is not"):
            subscriptions.add_claims(tx, [(replace(claim, quantity=Fraction(100)), "")])
    with pytest.raises(Conflict), store.write() as tx:
        subscriptions.add_claims(tx, [(claim, "inv_2")])


def test_an_assignment_waits_until_it_is_started(store: Store) -> None:
    pro = Assignment("asg_1", "nova", "pro", 2, "month", "USD", {"price.month.USD": "45"}, on_day(1))
    addon = Assignment("asg_2", "nova", "seats", 1, assigned_at=on_day(2))
    started = replace(pro, status="started", subscription="sub_1")
    with store.write() as tx:
        with_customers(tx, ["nova", "other"])
        subscriptions.insert_assignment(tx, pro)
        subscriptions.insert_assignment(tx, addon)
        assert subscriptions.assignments(tx, ["nova", "other"]) == {"nova": [pro, addon], "other": []}
        assert subscriptions.waiting_assignments(tx, "seats") == [addon]
        subscriptions.update_assignment(tx, started)
        assert subscriptions.assignments(tx, ["nova"]) == {"nova": [addon]}
        assert subscriptions.assignments(tx, ["nova"], waiting_only=False) == {"nova": [started, addon]}
        assert subscriptions.assignment(tx, "asg_1") == started
        assert subscriptions.assignment(tx, "asg_9") is None
    with pytest.raises(Conflict), store.write() as tx:
        subscriptions.insert_assignment(tx, replace(addon, id="asg_3"))
