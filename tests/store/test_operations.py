"""One key, one request, one answer; and what else a store remembers of itself: settings, identity, runs."""

from __future__ import annotations

import json

import pytest

from planctl.cli.requests import plain
from planctl.core.document import Document
from planctl.core.periods import Instant
from planctl.errors import Conflict
from planctl.store import operations, runs
from planctl.store.engine import Store
from planctl.store.runs import Run
from planctl.store.settings import all_settings, identity, put_setting, set_high_water, setting

AT = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
ASKED: Document = {"customer": "nova", "plan": "pro", "quantity": "2"}
ANSWER: Document = {"subscription": "sub_1", "first": True, "lines": [], "note": None}


def test_the_same_request_under_the_same_key_gets_the_first_answer(store: Store) -> None:
    with store.write() as tx:
        assert operations.recall(tx, "k1", "subscribe", ASKED) is None
        operations.remember(tx, "k1", "subscribe", ASKED, ANSWER, "amy", AT)
    with store.write() as tx:
        again = operations.recall(tx, "k1", "subscribe", ASKED)
        assert json.dumps(again) == json.dumps(ANSWER)  # in the same order too: it is printed again
        assert operations.recall(tx, "k1", "subscribe", dict(reversed(ASKED.items()))) == ANSWER  # type: ignore[union-attr]
        assert operations.recall(tx, "k2", "subscribe", ASKED) is None


def test_another_request_under_the_same_key_is_a_conflict_that_names_the_first(store: Store) -> None:
    with store.write() as tx:
        operations.remember(tx, "k1", "subscribe", ASKED, ANSWER, "amy", AT)
    with store.read() as tx:
        with pytest.raises(Conflict, match="the key 'k1' was used before for other content") as caught:
            operations.recall(tx, "k1", "subscribe", {"customer": "nova", "plan": "team"})
        assert caught.value.exit_code == 5
        assert caught.value.expected == "the same subscribe as recorded 2026-01-01T00:00:00Z by amy"
        with pytest.raises(Conflict, match="for 'subscribe', now 'wallet buy'"):
            operations.recall(tx, "k1", "wallet buy", ASKED)


def test_a_key_is_taken_once(store: Store) -> None:
    with store.write() as tx:
        operations.remember(tx, "k1", "subscribe", ASKED, ANSWER, "amy", AT)
    with pytest.raises(Conflict, match="already holds"), store.write() as tx:
        operations.remember(tx, "k1", "subscribe", ASKED, ANSWER, "bob", AT)


def test_an_undone_write_leaves_its_key_free(store: Store) -> None:
    with store.write() as tx:
        tx.rollback_only()
        operations.remember(tx, "k1", "subscribe", ASKED, ANSWER, "amy", AT)
    with store.read() as tx:
        assert operations.recall(tx, "k1", "subscribe", ASKED) is None


def test_without_a_key_nothing_is_remembered(store: Store) -> None:
    with store.write() as tx:
        operations.remember(tx, "", "subscribe", ASKED, ANSWER, "amy", AT)
        operations.remember(tx, "", "subscribe", ASKED, ANSWER, "amy", AT)
        assert operations.recall(tx, "", "subscribe", ASKED) is None


# --- settings and identity


def test_a_setting_is_set_again_and_read_with_a_default(store: Store) -> None:
    with store.write() as tx:
        assert setting(tx, "seller.name") == ""
        assert setting(tx, "invoice.zero", "skip") == "skip"
        put_setting(tx, "seller.name", "Acme")
        put_setting(tx, "seller.name", "Acme Ltd")
        assert all_settings(tx) == {"seller.name": "Acme Ltd", "timezone": "Europe/Berlin"}


def test_the_high_water_mark_is_set_and_forgotten(store: Store) -> None:
    with store.write() as tx:
        assert identity(tx).high_water_at is None
        set_high_water(tx, AT)
        assert identity(tx).high_water_at == AT
        set_high_water(tx, None)
        assert identity(tx).high_water_at is None


# --- runs


def a_run(run_id: str, started_at: int, *, whole: bool = True) -> Run:
    return Run(run_id, Instant(AT), whole, Instant(started_at))


def test_a_run_is_recorded_when_it_begins_and_when_it_ends(store: Store) -> None:
    with store.write() as tx:
        runs.start(tx, a_run("run_1", 10))
        assert runs.runs(tx) == [a_run("run_1", 10)]
        runs.finish(tx, "run_1", 20, {"issued": "3"})
        assert runs.runs(tx) == [Run("run_1", Instant(AT), True, Instant(10), Instant(20), {"issued": "3"})]


def test_the_last_whole_run_has_ended_and_covered_everybody(store: Store) -> None:
    with store.write() as tx:
        assert runs.last_whole(tx) is None
        for number, whole in enumerate([True, True, False, True], start=1):
            runs.start(tx, a_run(f"run_{number}", number, whole=whole))
        for number in (1, 2, 3):
            runs.finish(tx, f"run_{number}", 100 + number, None)
        last = runs.last_whole(tx)
        assert last is not None
        assert last.id == "run_2"
        assert [run.id for run in runs.runs(tx, 2)] == ["run_4", "run_3"]


def test_a_run_that_never_began_does_not_end(store: Store) -> None:
    with pytest.raises(AssertionError, match="never began"), store.write() as tx:
        runs.finish(tx, "run_9", 1, None)


def test_the_last_run_that_issued_something_is_found_behind_those_that_did_not(store: Store) -> None:
    with store.write() as tx:
        assert runs.last_issuing(tx) is None
        for number, whole in enumerate([True, True, False, True, True], start=1):
            runs.start(tx, a_run(f"run_{number}", number, whole=whole))
        for number, issued in ((1, 7), (2, 3), (3, 9), (4, 0)):
            runs.finish(tx, f"run_{number}", 100 + number, plain({"issued": issued}))
        runs.finish(tx, "run_5", 105, None)
        last = runs.last_issuing(tx)
        assert last is not None
        assert (last.id, runs.issued_by(last)) == ("run_2", 3)
