"""Usage from a hand or a file into the store, and back out as pools and answers; worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from planctl.core.customers import Customer
from planctl.core.entitlements import Reason
from planctl.core.periods import Instant, zone
from planctl.errors import Conflict, InvalidInput, NotFound, PlanctlError, Refused, WrongUsage
from planctl.files.rejects import RejectsFile
from planctl.files.usage_reader import open_usage
from planctl.store import customers, usage
from planctl.store.engine import Store, Tx, open_store
from planctl.workflows.list_usage import EventsWanted, events_of
from planctl.workflows.read_usage import Asked, check_access, usage_of
from planctl.workflows.record_usage import (
    FileImport,
    Imported,
    ImportTerms,
    NothingKept,
    Recorded,
    Recording,
    by_file,
    record,
)
from tests import stores
from tests.workflows.world import NEW_YEAR, apply, settle, start, t

NOW = t("2026-01-20T12:00:00Z")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store with the catalog of the world, nova on starter, acme with a child, and solo with no plan."""
    path = tmp_path_factory.mktemp("template") / "books.db"
    with open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True) as store, store.write() as tx:
        apply(tx)
        for one in (
            Customer("nova", currency="USD"),
            Customer("acme", currency="USD"),
            Customer("acme-east", parent="acme", currency="USD"),
            Customer("solo"),
        ):
            customers.add(tx, one)
        start(tx, "nova", "starter")
        start(tx, "acme", "strict")
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Iterator[Store]:
    """A fresh copy of it."""
    path = tmp_path / "books.db"
    stores.copy(template, path)
    with open_store(stores.url(path)) as opened:
        yield opened


@pytest.fixture
def tx(store: Store) -> Iterator[Tx]:
    """A transaction on that store."""
    with store.write() as opened:
        yield opened


def say(tx: Tx, customer: str, feature: str, quantity: str = "", at: Instant = NOW, **more: Any) -> Recorded:
    """Record by hand, as of `at`."""
    return record(tx, Recording(customer, feature, quantity, **more), at)


def pool(tx: Tx, customer: str, feature: str, at: Instant = NOW) -> tuple[object, object]:
    """What was used of a feature, and what is left."""
    (one,) = [use for use in usage_of(tx, customer, at).features if use.feature == feature]
    return one.state.pool.total, one.state.remaining


def asked(tx: Tx, customer: str, feature: str, at: Instant = NOW, **more: Any) -> tuple[bool, Reason]:
    """The answer to a check."""
    checked = check_access(tx, Asked(customer, feature, **more), at).checked
    return checked.allowed, checked.reason


# --- by hand


def test_400_minutes_and_1000_chats_at_a_tenth_use_500_of_1000_minutes(tx: Tx) -> None:
    say(tx, "nova", "minutes", "400")
    say(tx, "nova", "chats", "1000")
    assert pool(tx, "nova", "minutes") == (500, 500)
    assert pool(tx, "nova", "chats") == (1000, 5000)


def test_without_an_id_every_recording_is_new(tx: Tx) -> None:
    first, second = say(tx, "nova", "minutes", "2"), say(tx, "nova", "minutes", "2")
    assert first.id != second.id
    assert pool(tx, "nova", "minutes") == (4, 996)


def test_the_same_id_counts_once_and_says_so(tx: Tx) -> None:
    assert say(tx, "nova", "minutes", "2", id="m1").status == "recorded"
    assert say(tx, "nova", "minutes", "2.0", id="m1").status == "exists"
    assert pool(tx, "nova", "minutes") == (2, 998)


def test_an_id_without_an_instant_is_looked_for_on_the_day_before(tx: Tx) -> None:
    say(tx, "nova", "minutes", "2", t("2026-01-20T23:59:59Z"), id="m1")
    again = say(tx, "nova", "minutes", "2", t("2026-01-21T00:00:01Z"), id="m1")
    assert (again.status, again.at) == ("exists", t("2026-01-20T23:59:59Z"))
    assert say(tx, "nova", "minutes", "2", t("2026-01-22T00:00:00Z"), id="m1").status == "recorded"


@pytest.mark.parametrize("at", [None, NOW])
def test_the_same_id_with_other_content_is_a_conflict_that_names_both(tx: Tx, at: Instant | None) -> None:
    say(tx, "nova", "minutes", "2", id="m1")
    with pytest.raises(Conflict) as refused:
        record(tx, Recording("nova", "minutes", "3", at, "m1"), NOW)
    assert refused.value.expected == "2 at 2026-01-20T12:00:00Z, as recorded"
    assert refused.value.got == "3"


def test_a_held_feature_takes_signed_changes_and_never_falls_below_0(tx: Tx) -> None:
    assert say(tx, "nova", "seats", "2").level == 2
    assert say(tx, "nova", "seats", "-1").level == 1
    with pytest.raises(Refused) as refused:
        say(tx, "nova", "seats", "-2")
    assert refused.value.code == "usage-below-zero"
    assert pool(tx, "nova", "seats") == (1, 2)


def test_a_change_in_the_past_may_not_bring_a_later_level_below_0(tx: Tx) -> None:
    say(tx, "nova", "seats", "3", t("2026-01-05"))
    say(tx, "nova", "seats", "-2", t("2026-01-10"))
    with pytest.raises(Refused):
        record(tx, Recording("nova", "seats", "-2", t("2026-01-07")), NOW)
    assert record(tx, Recording("nova", "seats", "-1", t("2026-01-07")), NOW).level == 2


def test_setting_a_level_records_the_difference(tx: Tx) -> None:
    assert say(tx, "nova", "seats", level="7").quantity == 7
    assert say(tx, "nova", "seats", level="5").quantity == -2
    same = say(tx, "nova", "seats", level="5")
    assert (same.status, same.id) == ("unchanged", "")
    assert pool(tx, "nova", "seats") == (5, 0)


def test_the_level_of_a_feature_that_takes_the_highest_is_recorded_as_it_is(tx: Tx) -> None:
    say(tx, "nova", "storage", level="4.5")
    say(tx, "nova", "storage", level="3")
    assert pool(tx, "nova", "storage") == (Fraction("4.5"), Fraction("5.5"))


def test_a_feature_that_is_used_up_has_no_level(tx: Tx) -> None:
    with pytest.raises(Refused) as refused:
        say(tx, "nova", "minutes", level="7")
    assert refused.value.code == "usage-no-level"
    with pytest.raises(WrongUsage):
        say(tx, "nova", "seats", "1", level="7")


def test_a_negative_quantity_of_what_is_used_up_names_what_it_corrects(tx: Tx) -> None:
    said = say(tx, "nova", "minutes", "10")
    assert said.undo == f"nova minutes -10 --corrects {said.id}"
    with pytest.raises(InvalidInput):
        say(tx, "nova", "minutes", "-10")
    say(tx, "nova", "minutes", "-10", corrects=said.id)
    assert pool(tx, "nova", "minutes") == (0, 1000)


def test_corrections_take_back_no_more_than_was_recorded(tx: Tx) -> None:
    said = say(tx, "nova", "minutes", "10")
    say(tx, "nova", "minutes", "-4", corrects=said.id, id="first")
    with pytest.raises(InvalidInput) as refused:
        say(tx, "nova", "minutes", "-7", corrects=said.id)
    assert "recorded 10 minutes, of which 6 is left to take back" in refused.value.message
    say(tx, "nova", "minutes", "-6", t("2026-01-25"), corrects=said.id)
    assert pool(tx, "nova", "minutes", t("2026-01-25")) == (0, 1000)
    again = record(tx, Recording("nova", "minutes", "-4", NOW, "first", corrects=said.id), NOW)
    assert again.status == "exists"


def test_a_correction_names_an_event_of_that_customer_and_meter(tx: Tx) -> None:
    say(tx, "nova", "minutes", "10", id="m1")
    say(tx, "nova", "chats", "10", id="c1")
    say(tx, "nova", "minutes", "-2", id="back", corrects="m1")
    for customer, corrected in (("nova", "gone"), ("acme", "m1"), ("nova", "c1"), ("nova", "back")):
        with pytest.raises(InvalidInput):
            say(tx, customer, "minutes", "-1", corrects=corrected)
    assert pool(tx, "nova", "minutes")[0] == 9, "10 - 2, and 10 chats at a tenth"


def test_what_is_corrected_may_lie_weeks_back_but_not_ahead(tx: Tx) -> None:
    say(tx, "nova", "minutes", "10", t("2026-01-02"), id="m1")
    say(tx, "nova", "minutes", "-10", t("2026-03-20"), corrects="m1")
    say(tx, "nova", "minutes", "10", t("2026-03-22"), id="m2")
    with pytest.raises(InvalidInput):
        say(tx, "nova", "minutes", "-10", t("2026-03-21"), corrects="m2")


def test_a_child_takes_back_its_own_usage_only(tx: Tx) -> None:
    for customer in ("acme", "acme-east"):
        say(tx, customer, "minutes", "3", id=f"of-{customer}")
    with pytest.raises(InvalidInput):
        say(tx, "acme-east", "minutes", "-3", corrects="of-acme")
    say(tx, "acme-east", "minutes", "-3", corrects="of-acme-east")


def test_an_event_by_name_is_taken_back_through_the_feature_it_fed(tx: Tx) -> None:
    say(tx, "nova", "api.call", id="call")
    say(tx, "nova", "api_calls", "-1", corrects="call")
    assert pool(tx, "nova", "api_calls")[0] == 0
    with pytest.raises(InvalidInput):
        say(tx, "nova", "api.call", "-1", corrects="call")


def test_an_event_name_feeds_the_features_that_match(tx: Tx) -> None:
    say(tx, "nova", "api.call")
    say(tx, "nova", "completion", properties={"model": "large", "tokens": "12"})
    say(tx, "nova", "completion", properties={"model": "small"})
    assert pool(tx, "nova", "api_calls") == (1, 99)


@pytest.mark.parametrize(
    ("customer", "feature", "quantity", "error"),
    [
        ("nobody", "minutes", "1", NotFound),
        ("nova", "minuts", "1", NotFound),
        ("nova", "minutes", "1e3", InvalidInput),
        ("nova", "minutes", "NaN", InvalidInput),
        ("nova", "api.call", "2", InvalidInput),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    tx: Tx, customer: str, feature: str, quantity: str, error: type[PlanctlError]
) -> None:
    with pytest.raises(error):
        say(tx, customer, feature, quantity)


def test_if_allowed_records_nothing_beyond_the_limit(tx: Tx) -> None:
    say(tx, "nova", "minutes", "999")
    with pytest.raises(Refused) as refused:
        say(tx, "nova", "minutes", "2", if_allowed=True)
    assert (refused.value.code, refused.value.expected) == ("not-allowed", "at most 1 more")
    say(tx, "nova", "minutes", "1", if_allowed=True)
    assert pool(tx, "nova", "minutes") == (1000, 0)


def test_late_usage_is_marked_and_refused_where_the_terms_refuse_it(tx: Tx) -> None:
    settle(tx, start(tx, "solo", "strict"), t("2026-02-01"))
    settle(tx, _running(tx, "nova"), t("2026-02-01"))
    late = record(tx, Recording("nova", "api.call", "1", t("2026-01-15"), "l1"), t("2026-02-03"))
    assert late.late
    assert [one.at for one in usage.late_events(tx, ["nova"])["nova"]] == [t("2026-01-15")]
    with pytest.raises(Refused) as refused:
        record(tx, Recording("solo", "api.call", "1", t("2026-01-15")), t("2026-02-03"))
    assert refused.value.code == "usage-late"
    minutes = record(tx, Recording("nova", "minutes", "1", t("2026-01-15")), t("2026-02-03"))
    assert minutes.late, "a wallet may pay past the allowance, so it closes too"
    assert not record(tx, Recording("nova", "seats", "1", t("2026-01-15")), t("2026-02-03")).late


def test_a_company_records_for_its_root_and_remembers_who_it_was(tx: Tx) -> None:
    said = say(tx, "acme-east", "minutes", "30")
    assert (said.customer, said.billed_to) == ("acme-east", "acme")
    (event,) = events_of(tx, EventsWanted("acme"))
    assert (event.quantity, event.customer, event.child) == (Decimal(30), "acme", "acme-east")
    assert pool(tx, "acme-east", "minutes") == pool(tx, "acme", "minutes") == (30, 970)
    assert say(tx, "acme-east", "minutes", "5", id="m1").status == "recorded"
    assert say(tx, "acme-east", "minutes", "5", id="m1").status == "exists"


# --- answers


def test_check_answers_for_the_plan_that_runs(tx: Tx) -> None:
    assert asked(tx, "nova", "minutes", quantity="1000") == (True, Reason.ALLOWED)
    assert asked(tx, "nova", "minutes", quantity="1001") == (False, Reason.LIMIT_REACHED)
    assert asked(tx, "nova", "chats", quantity="10000") == (True, Reason.ALLOWED)
    assert asked(tx, "nova", "connectors", value="hubspot") == (True, Reason.ALLOWED)
    assert asked(tx, "nova", "connectors", value="zapier") == (False, Reason.VALUE_NOT_INCLUDED)
    assert asked(tx, "nova", "sso") == (False, Reason.NOT_GRANTED)
    assert asked(tx, "acme-east", "minutes") == (True, Reason.ALLOWED)
    assert asked(tx, "solo", "minutes") == (False, Reason.NOT_GRANTED)


def test_access_follows_time_alone_before_any_run(tx: Tx) -> None:
    # Due 14 days after 1 January; starter names no grace, so it stays past due and keeps its access.
    assert asked(tx, "nova", "minutes", t("2026-01-31")) == (True, Reason.ALLOWED)


def test_usage_is_that_of_the_instant_asked_about(tx: Tx) -> None:
    for day in ("2026-01-05", "2026-01-10", "2026-02-03"):
        record(tx, Recording("nova", "minutes", "7", t(day)), t("2026-02-05"))
    assert pool(tx, "nova", "minutes", t("2026-01-09")) == (7, 993)
    assert pool(tx, "nova", "minutes", t("2026-01-31")) == (14, 986)
    assert pool(tx, "nova", "minutes", t("2026-02-05")) == (7, 993)


def test_an_unknown_feature_is_not_found_with_a_near_miss(tx: Tx) -> None:
    with pytest.raises(NotFound) as refused:
        check_access(tx, Asked("nova", "minuts"), NOW)
    assert refused.value.hint == 'did you mean "minutes"?'


def test_a_value_is_asked_of_a_list_alone_and_a_quantity_is_a_number(tx: Tx) -> None:
    for wrong in (
        Asked("nova", "minutes", value="x"),
        Asked("nova", "minutes", "many"),
        Asked("nova", "minutes", "-1"),
    ):
        with pytest.raises(InvalidInput):
            check_access(tx, wrong, NOW)


# --- by file

Import = Callable[..., Imported]


def line(event_id: str, quantity: str = "1", at: str = "2026-01-05", **more: str) -> str:
    row = {"id": event_id, "customer": "nova", "event": "minutes", "at": at, "quantity": quantity} | more
    return json.dumps(row) + "\n"


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Import:
    """`run(content)`: import a file of that content in transactions of its own."""

    def run(content: str, name: str = "usage.ndjson", rejects: str = "", **more: Any) -> Imported:
        path = tmp_path / name
        path.write_text(content)
        sink = RejectsFile.create(str(tmp_path / rejects)) if rejects else None
        with open_usage(str(path)) as file:
            terms = ImportTerms("ndjson", t("2026-02-01"), NOW, zone("UTC"), **more)
            job = FileImport(file, terms, sink)
            job.rows(store.write)
            with store.write() as tx:
                job.finish(tx)
        if sink is not None:
            sink.__exit__(None, None, None)
        return job.imported

    return run


def counts(imported: Imported) -> tuple[int, ...]:
    """Read, accepted, duplicates, conflicts, late, rejected."""
    return (
        imported.read,
        imported.accepted,
        imported.duplicates,
        imported.conflicts,
        imported.late,
        imported.rejected,
    )


def test_good_rows_are_kept_and_bad_ones_told(run: Import, store: Store, tmp_path: Path) -> None:
    content = (
        line("a", "2") + line("b", "3") + line("a", "2") + line("b", "4") + "nope\n"
        + line("c", customer="nobody") + line("d", at="2026-02-02") + line("e", "-1")
    )  # fmt: skip
    imported = run(content, rejects="rejects.ndjson")
    assert counts(imported) == (8, 2, 1, 1, 0, 4)
    assert [(one.line, one.refusal.reason) for one in imported.told] == [
        (4, "conflict"),
        (5, "json"),
        (6, "customer"),
        (7, "future"),
        (8, "negative"),
    ]
    kept = [json.loads(text) for text in (tmp_path / "rejects.ndjson").read_text().splitlines()]
    assert [one["line"] for one in kept] == [4, 5, 6, 7, 8]
    assert kept[1]["row"] == "nope"
    assert (tmp_path / "rejects.ndjson").stat().st_mode & 0o777 == 0o600
    with store.read() as tx:
        assert pool(tx, "nova", "minutes", t("2026-01-31")) == (5, 995)


def test_the_same_file_three_times_adds_nothing(run: Import) -> None:
    content = line("a") + line("b")
    assert [counts(run(content))[:3] for _ in range(3)] == [(2, 2, 0), (2, 0, 2), (2, 0, 2)]


def test_a_conflict_names_what_was_recorded_and_by_what(run: Import) -> None:
    run(line("a", "2"))
    (told,) = run(line("a", "3"), name="second.ndjson").told
    assert told.refusal.message == (
        "another event has this id: recorded by import 1 2 at 2026-01-05T00:00:00Z, now 3 at 2026-01-05T00:00:00Z"
    )


def test_a_rejects_file_is_never_overwritten_and_gone_where_it_is_empty(run: Import, tmp_path: Path) -> None:
    run(line("a"), rejects="none.ndjson")
    assert not (tmp_path / "none.ndjson").exists()
    (tmp_path / "there").write_text("mine")
    with pytest.raises(PlanctlError) as refused:
        RejectsFile.create(str(tmp_path / "there"))
    assert refused.value.code == "file-exists"


def test_all_or_nothing_keeps_nothing_if_one_row_is_bad(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    path.write_text(line("a") + "nope\n")
    terms = ImportTerms("ndjson", t("2026-02-01"), NOW, zone("UTC"))
    with open_usage(str(path)) as file, pytest.raises(NothingKept) as nothing, store.write() as tx:
        FileImport(file, terms).whole(tx, all_or_nothing=True)
    assert counts(nothing.value.imported) == (2, 0, 0, 0, 0, 1)
    with store.read() as tx:
        assert pool(tx, "nova", "minutes", t("2026-01-31")) == (0, 1000)


class Killed(Exception):
    """Somebody pulled the plug."""


def test_a_killed_import_goes_on_where_it_stopped(
    store: Store, tmp_path: Path, run: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_file, "ROWS", 2)
    content = "".join(line(f"e{number}") for number in range(7)) + "nope\n"
    path = tmp_path / "usage.ndjson"
    path.write_text(content)
    begun: list[int] = []

    def write() -> AbstractContextManager[Tx]:
        begun.append(1)
        if len(begun) == 3:
            raise Killed
        return store.write()

    with open_usage(str(path)) as file, pytest.raises(Killed):
        FileImport(file, ImportTerms("ndjson", t("2026-02-01"), NOW, zone("UTC"))).rows(write)
    resumed = run(content)
    assert counts(resumed) == (8, 7, 0, 0, 0, 1)
    assert resumed.resumed_at == 4
    assert resumed.told[0].line == 8
    assert run(content).resumed_at is None


def test_corrections_in_a_file_are_judged_with_the_rows_before_them(run: Import) -> None:
    content = (
        line("b0", "-1", corrects="a") + line("a", "5") + line("b", "-3", "2026-01-06", corrects="a")
        + line("c", "-3", "2026-01-06", corrects="a") + line("d", "-1", "2026-01-07", corrects="b")
        + line("b", "-3", "2026-01-06", corrects="a")
    )  # fmt: skip
    imported = run(content)
    assert [(one.line, one.refusal.reason) for one in imported.told] == [
        (1, "corrects"), (4, "corrects"), (5, "corrects"),
    ]  # fmt: skip
    assert counts(imported) == (6, 2, 1, 0, 0, 3)
    second = run(content + "\n")
    assert counts(second) == (6, 1, 3, 0, 0, 2), "b0 comes after its event now"


def test_levels_in_a_file_never_fall_below_0(run: Import, store: Store) -> None:
    content = (
        line("a", "2", event="seats") + line("b", "-1", "2026-01-06", event="seats")
        + line("c", "-2", "2026-01-07", event="seats") + line("d", "-1", "2026-01-07", event="seats")
    )  # fmt: skip
    imported = run(content)
    assert [(one.line, one.refusal.reason) for one in imported.told] == [(3, "level")]
    assert counts(run(content))[:3] == (4, 0, 3)  # what is there is a duplicate, not another change
    with store.read() as tx:
        assert pool(tx, "nova", "seats", t("2026-01-31")) == (0, 3)


def test_late_rows_are_counted_among_the_accepted_and_refused_ones_among_the_rejected(
    run: Import, store: Store
) -> None:
    calls = line("a", event="api.call") + line("b", event="api.call", customer="acme")
    run(calls)
    with store.write() as tx:
        settle(tx, _running(tx, "nova"), t("2026-02-01"))
        settle(tx, _running(tx, "acme"), t("2026-02-01"))
    again = run(calls, name="again.ndjson")
    assert counts(again) == (2, 0, 2, 0, 0, 0)  # what came in time is a duplicate, not late
    late = run(line("c", event="api.call") + line("d", event="api.call", customer="acme"), name="late.ndjson")
    assert counts(late) == (2, 1, 0, 0, 1, 1)
    assert late.told[0].refusal.reason == "late"


def test_rows_of_a_company_are_recorded_for_its_root(run: Import, store: Store) -> None:
    imported = run(line("a", "4", customer="acme-east") + line("a", "5", customer="acme"))
    assert counts(imported) == (2, 2, 0, 0, 0, 0), "one id of two customers is two events"
    with store.read() as tx:
        assert pool(tx, "acme", "minutes", t("2026-01-31")) == (9, 991)


def test_usage_of_a_customer_without_a_plan_is_kept(run: Import, store: Store) -> None:
    assert counts(run(line("a", customer="solo")))[:2] == (1, 1)
    with store.read() as tx:
        assert [event.id for event in events_of(tx, EventsWanted("solo"))] == ["a"]


def _running(tx: Tx, customer: str) -> Any:
    from planctl.store.subscriptions import of_customers

    (one,) = [each for each in of_customers(tx, [customer])[customer] if each.live]
    return one


def test_a_large_file_says_how_far_it_is_and_a_small_one_does_not(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_file, "ROWS", 2)
    told: list[tuple[int, int, bool]] = []
    row = len(line("e0"))
    for name, rows in (("small", 2), ("large", 5)):
        path = tmp_path / name
        path.write_text("".join(line(f"e{number}") for number in range(rows)))
        with open_usage(str(path)) as file:
            terms = ImportTerms("ndjson", t("2026-02-01"), NOW, zone("UTC"))
            FileImport(file, terms, None, lambda *far: told.append(far)).rows(store.write)
            assert file.size == rows * row
    assert told == [(4, 4 * row, False), (5, 5 * row, False), (5, 5 * row, True)]


def test_an_import_sees_what_others_change_between_its_transactions(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Customers are remembered from one transaction to the next only while nobody else writes."""
    monkeypatch.setattr(by_file, "ROWS", 1)
    path = tmp_path / "usage.ndjson"
    path.write_text(line("a", event="api.call") + line("b", event="api.call"))
    begun: list[int] = []

    def write() -> AbstractContextManager[Tx]:
        begun.append(1)
        if len(begun) == 2:
            with open_store(stores.url(tmp_path / "books.db")) as other, other.write() as tx:
                settle(tx, _running(tx, "nova"), t("2026-02-01"))
        return store.write()

    with open_usage(str(path)) as file:
        job = FileImport(file, ImportTerms("ndjson", t("2026-02-01"), NOW, zone("UTC")))
        job.rows(write)
    assert counts(job.imported) == (2, 2, 0, 0, 1, 0)
