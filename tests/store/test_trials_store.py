"""Trials that were taken are remembered for customers and fingerprints, once, and found under former ids."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.catalog.model import Terms, Trial
from planctl.core.customers import Customer
from planctl.core.subscriptions.model import Status
from planctl.core.subscriptions.trials import TrialUse, WhoKind
from planctl.store import subscriptions
from planctl.store.engine import Store
from planctl.store.trials import record_trials, trials_used
from tests.store.samples import on_day, with_subscriptions

NOVA = Customer("nova", fingerprint="fp-1")
TRIED = Terms(group="main", trial=Trial(14))


def use(who: str, kind: WhoKind = "customer", scope: str = "group:main", of: str = "sub_1") -> TrialUse:
    return TrialUse(kind, who, scope, of, on_day(0))


def test_a_customer_finds_its_own_trials_and_those_of_its_fingerprint(store: Store) -> None:
    own, shared = use("nova"), use("fp-1", "fingerprint")
    with store.write() as tx:
        with_subscriptions(tx, 2)
        record_trials(tx, [own, shared, use("c2", of="sub_2"), use("nova", scope="plan:solo")])
    with store.read() as tx:
        assert trials_used(tx, NOVA, "pro", TRIED) == (own, shared)
        assert trials_used(tx, replace(NOVA, id="twin"), "pro", TRIED) == (shared,)
        assert trials_used(tx, Customer("twin"), "pro", TRIED) == ()
        assert trials_used(tx, NOVA, "solo", replace(TRIED, group="")) == (use("nova", scope="plan:solo"),)


def test_terms_without_a_trial_ask_for_none(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx)
        record_trials(tx, [use("nova")])
    with store.read() as tx:
        assert trials_used(tx, NOVA, "pro", Terms(group="main")) == ()


def test_the_first_use_stays(store: Store) -> None:
    with store.write() as tx:
        with_subscriptions(tx, 2)
        record_trials(tx, [use("nova")])
        record_trials(tx, [replace(use("nova", of="sub_2"), started_at=on_day(9))])
    with store.read() as tx:
        assert trials_used(tx, NOVA, "pro", TRIED) == (use("nova"),)


def test_a_trial_that_was_called_off_before_it_began_was_not_had(store: Store) -> None:
    with store.write() as tx:
        (sub,) = with_subscriptions(tx)
        record_trials(tx, [use("nova")])
        gone = replace(sub, status=Status.CANCELED, ends_at=sub.started_at, end_reason="canceled")
        subscriptions.update(tx, replace(gone, settled_at=None), None)
    with store.write() as tx:
        assert trials_used(tx, NOVA, "pro", TRIED) == ()
        later = replace(use("nova", of=""), started_at=on_day(9))
        record_trials(tx, [later])
        assert trials_used(tx, NOVA, "pro", TRIED) == (later,)


def test_a_trial_that_was_cut_short_was_had(store: Store) -> None:
    with store.write() as tx:
        (sub,) = with_subscriptions(tx)
        record_trials(tx, [use("nova")])
        ended = replace(
            sub,
            status=Status.CANCELED,
            ends_at=sub.started_at,
            end_reason="canceled",
            settled_at=sub.started_at,
        )
        subscriptions.update(tx, ended, None)
    with store.read() as tx:
        assert trials_used(tx, NOVA, "pro", TRIED) == (use("nova"),)
