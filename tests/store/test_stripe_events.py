"""Events of Stripe's as rows: each once, found again with where to look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.facts_notice import Notice
from planctl.core.stripe.model import Account
from planctl.errors import NotFound
from planctl.store.engine import Tx, open_store
from planctl.store.stripe_events import KeptEvent, event, keep, parked_event, release, stopped
from tests import stores

AT = Instant(1_767_225_600_000_000)
ACCOUNT = Account("acct_1", live=False)
PAID = Notice("evt_1", "invoice.paid", "in_1", "in_1", AT, False)
REFUND = Notice("evt_2", "refund.created", "re_1", "pi_1", AT, False)
NOWHERE = Notice("evt_3", "balance.available", "", "", AT, False)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Tx]:
    with (
        open_store(stores.url(tmp_path / "store.db"), create=True, at=AT, is_test=True) as store,
        store.write() as tx,
    ):
        yield tx


@pytest.mark.parametrize("notice", [PAID, REFUND, NOWHERE])
def test_an_event_is_found_again_with_what_it_is_about_and_where_to_look(tx: Tx, notice: Notice) -> None:
    kept = KeptEvent(notice, "parked", AT, "the books are closed")
    keep(tx, kept)
    assert event(tx, ACCOUNT, notice.id) == parked_event(tx, ACCOUNT, notice.id) == kept


def test_an_event_that_was_never_kept_is_none(tx: Tx) -> None:
    assert event(tx, ACCOUNT, "evt_9") is None


def test_what_became_of_it_replaces_what_was_and_when_it_came_stays(tx: Tx) -> None:
    first = KeptEvent(PAID, "parked", AT, "the books are closed")
    keep(tx, first)
    keep(tx, KeptEvent(PAID, "done", Instant(AT + 5)))
    assert event(tx, ACCOUNT, "evt_1") == replace(first, state="done", why="")


@pytest.mark.parametrize("state", ["done", "ignored", "dropped"])
def test_only_what_is_parked_waits_for_a_person(tx: Tx, state: str) -> None:
    keep(tx, KeptEvent(PAID, state, AT))  # type: ignore[arg-type]
    for name in ("evt_1", "evt_9"):
        with pytest.raises(NotFound, match="waits for a person"):
            parked_event(tx, ACCOUNT, name)


def test_what_waits_is_known_by_its_fact_and_what_was_let_be_too(tx: Tx) -> None:
    keep(tx, KeptEvent(PAID, "parked", AT, "closed", ("pi_1", "in_1:void")))
    keep(tx, KeptEvent(REFUND, "dropped", AT, "by hand", ("re_1",)))
    keep(tx, KeptEvent(replace(PAID, id="evt_4"), "parked", AT, "planctl made a mistake"))
    found = stopped(tx)
    assert found.waiting == {"pi_1": "evt_1", "in_1:void": "evt_1"}
    assert found.let_be == {"re_1"}
    assert stopped(tx, but="evt_1").waiting == {}


def test_an_event_of_which_nothing_waits_any_more_is_done(tx: Tx) -> None:
    keep(tx, KeptEvent(PAID, "parked", AT, "closed", ("pi_1", "in_1:void")))
    release(tx, ACCOUNT, {"pi_1"})
    assert parked_event(tx, ACCOUNT, "evt_1").facts == ("in_1:void",)
    release(tx, ACCOUNT, {"in_1:void", "pi_9"})
    assert event(tx, ACCOUNT, "evt_1") == KeptEvent(PAID, "done", AT)
