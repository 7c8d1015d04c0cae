"""Shell edits pulled into the files: the store wins where both changed, and nothing leaks to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from planctl.core.catalog.changeset import ChangeSet, FieldChange
from planctl.core.catalog.diff import diff
from planctl.core.catalog.drift import drift_of
from planctl.core.catalog.model import Catalog
from planctl.core.instants import Instant
from planctl.errors import Conflict
from planctl.files.plan_options import Options
from planctl.files.settling import said_by
from planctl.store import catalog as kept
from planctl.store.catalog import CatalogWrite
from planctl.store.engine import Store, Tx, open_store
from planctl.workflows import edit_catalog
from planctl.workflows import roll_back as rolling_back
from planctl.workflows.edit_catalog import Who
from planctl.workflows.pull_catalog import Pulled, keep, propose_pull
from planctl.workflows.roll_back import roll_back
from tests import stores

NEW_YEAR = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds: 20,454 days of 86,400 seconds."""

ALICE = Who("alice", NEW_YEAR, outside=True)

FILES = {
    "catalog.yaml": """\
format: planctl.catalog/1
catalog: acme     # who we are
currencies: {USD: , EUR: }
defaults:
  grace: 3 days   # for all
features:
  sso:     {type: boolean}
  minutes: {type: metered, unit: minute}
""",
    "plans.yaml": """\
plans:
  starter:
    price:
      month: {USD: 19, EUR: 18}
      year:  {USD: 190, EUR: 180}
    features: {minutes: 1_000}   # for a start

  pro:
    like: starter
    name: Pro         # the big one
    features: {sso: true}
""",
}

Files = dict[str, str]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells FILES; copy it, never open it."""
    path = tmp_path_factory.mktemp("template") / "books.db"
    with open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True) as store, store.write() as tx:
        applied(tx, FILES)
    return path


@pytest.fixture
def tx(template: Path, tmp_path: Path) -> Iterator[Tx]:
    path = tmp_path / "books.db"
    stores.copy(template, path)
    store: Store
    with open_store(stores.url(path)) as store, store.write() as opened:
        yield opened


def catalog_of(files: Files) -> Catalog:
    parsed = said_by(files).parsed
    assert parsed.usable, parsed.findings
    assert parsed.catalog is not None
    return parsed.catalog


def compared(tx: Tx, files: Files) -> ChangeSet:
    return diff(kept.stored_catalog(tx), catalog_of(files), holders={})


def applied(tx: Tx, files: Files) -> None:
    write = CatalogWrite.of(compared(tx, files), catalog_of(files), actor="ci", at=NEW_YEAR)
    kept.write_changes(tx, write)


def edit(tx: Tx, plan: str, *sets: str, who: Who = ALICE, noun: str = "plan") -> None:
    draft = edit_catalog.draft_edit(tx, noun, plan, Options(sets=sets))
    decided = edit_catalog.decide(tx, draft, outside=who.outside)
    assert decided.usable, decided.findings
    edit_catalog.keep(tx, decided, who)


def pulled(tx: Tx, files: Files, *, adopt: bool = False) -> tuple[Pulled, Files]:
    found = propose_pull(tx, catalog_of(files), files, adopt=adopt)
    return found, {**files, **{name: text.after for name, text in found.texts.items()}}


def lines(files: Files, after: Files) -> list[str]:
    """The lines of `after` that `files` does not have."""
    return [line for name in after for line in after[name].split("\n") if line not in files[name].split("\n")]


# --- what is written


def test_only_the_value_that_was_edited_changes(tx: Tx) -> None:
    edit(tx, "starter", "features.minutes.included=1500")
    found, after = pulled(tx, FILES)
    assert lines(FILES, after) == ["    features: {minutes: 1_500}   # for a start", *overridden(found)]
    assert [one.address for one in compared(tx, after).changes] == []


def overridden(found: Pulled) -> list[str]:
    """The line with which Pro keeps its 1,000 minutes."""
    assert found.kept == ("plans.pro",)
    return ["    features: {sso: true, minutes: 1_000}"]


def test_what_the_files_changed_elsewhere_stays_and_is_still_to_be_applied(tx: Tx) -> None:
    edit(tx, "starter", "price.month.USD=21")
    files = {**FILES, "plans.yaml": FILES["plans.yaml"].replace("EUR: 180", "EUR: 175")}
    _, after = pulled(tx, files)
    assert "month: {USD: 21, EUR: 18}" in after["plans.yaml"]
    changes = compared(tx, after).changes
    assert [(one.address, [field.path for field in one.fields]) for one in changes] == [
        ("plans.pro", ["price.year.EUR"]),
        ("plans.starter", ["price.year.EUR"]),
    ]


def test_where_both_changed_the_store_wins_and_the_place_is_named(tx: Tx) -> None:
    edit(tx, "starter", "price.month.USD=21")
    files = {**FILES, "plans.yaml": FILES["plans.yaml"].replace("USD: 19,", "USD: 25,")}
    found, after = pulled(tx, files)
    assert "month: {USD: 21, EUR: 18}" in after["plans.yaml"]
    [one] = found.pull.taken
    assert [(field.path, field.before, field.after) for field in one.replaced] == [
        ("price.month.USD", "25", "21")
    ]
    place = found.places["plans.starter", "price.month.USD"]
    assert (place.file, place.line) == ("plans.yaml", 4)


def test_a_file_that_already_says_it_is_left_as_it_is(tx: Tx) -> None:
    edit(tx, "starter", "price.month.USD=21")
    own = "    price: {month: {USD: 19, EUR: 18}, year: {USD: 190, EUR: 180}}\n"  # for Pro, so that it does not follow
    text = FILES["plans.yaml"].replace("USD: 19,", "USD: 21,") + own
    found, _ = pulled(tx, {**FILES, "plans.yaml": text})
    assert found.pull.empty
    assert found.texts == {}


def test_an_inherited_value_gets_a_line_of_its_own(tx: Tx) -> None:
    edit(tx, "pro", "grace=9 days", "price.year.EUR=175")
    _, after = pulled(tx, FILES)
    assert after["plans.yaml"].partition("    name: Pro         # the big one\n")[2] == (
        "    features: {sso: true}\n"
        "    grace: 9 days\n"
        "    price:\n"
        "      month: {USD: 19, EUR: 18}\n"
        "      year: {USD: 190, EUR: 175}\n"
    )
    assert compared(tx, after).empty


def test_what_is_taken_from_a_plan_does_not_come_back_from_what_it_is_like(tx: Tx) -> None:
    edit(tx, "pro", "features.minutes=false")
    _, after = pulled(tx, FILES)
    assert lines(FILES, after) == ["    features: {sso: true, minutes: false}"]


def test_a_plan_archived_outside_says_so(tx: Tx) -> None:
    edit(tx, "pro", "archived=true")
    _, after = pulled(tx, FILES)
    assert lines(FILES, after) == ["    archived: true"]
    assert compared(tx, after).empty


def test_a_feature_edited_outside_takes_its_plans_along(tx: Tx) -> None:
    edit(tx, "minutes", "reset=day", noun="feature")
    found, after = pulled(tx, FILES)
    assert lines(FILES, after) == ["  minutes: {type: metered, unit: minute, reset: day}"]
    assert [one.address for one in found.pull.taken] == ["features.minutes", "plans.pro", "plans.starter"]
    assert compared(tx, after).empty


def test_a_plan_that_the_files_dropped_and_the_shell_edited_is_written_again(tx: Tx) -> None:
    edit(tx, "pro", "grace=9 days")
    files = {**FILES, "plans.yaml": FILES["plans.yaml"].partition("\n  pro:")[0]}
    found, after = pulled(tx, files)
    assert [(one.address, one.again) for one in found.pull.taken] == [("plans.pro", True)]
    assert compared(tx, after).empty


def test_a_plan_that_the_files_rename_is_edited_under_its_new_name(tx: Tx) -> None:
    edit(tx, "pro", "grace=9 days")
    renamed = FILES["plans.yaml"].replace("  pro:\n", "  max:\n    was: pro\n")
    _, after = pulled(tx, {**FILES, "plans.yaml": renamed})
    assert after["plans.yaml"] == renamed + "    grace: 9 days\n"
    assert [(one.address, one.action, one.fields) for one in compared(tx, after).changes] == [
        ("plans.max", "rename", ())
    ]


RENAMED = {
    "catalog.yaml": FILES["catalog.yaml"].replace("minutes: {type", "mins:    {was: minutes, type"),
    "plans.yaml": FILES["plans.yaml"].replace("minutes: 1_000", "mins: 1_500"),
}
"""The files rename the minutes, and Starter includes 1,500 of them instead of 1,000."""


def test_where_the_files_rename_a_feature_only_what_the_shell_edited_is_taken(tx: Tx) -> None:
    edit(tx, "starter", "name=Basic")
    found, after = pulled(tx, RENAMED)
    [one] = found.pull.taken
    assert [(field.path, field.after) for field in one.fields] == [("name", "Basic")]
    assert one.replaced == ()
    assert lines(RENAMED, after) == ["    name: Basic"]


def test_what_was_written_is_known_by_the_ids_of_a_rename_that_came_later(tx: Tx) -> None:
    edit(tx, "starter", "name=Basic")
    apart(tx, RENAMED, "features.mins")
    starter = kept.stored_catalog(tx).objects["plans.starter"]
    assert drift_of(starter) == (FieldChange("name", "starter", "Basic"),)
    found, after = pulled(tx, RENAMED)
    assert [(one.address, [field.path for field in one.fields]) for one in found.pull.taken] == [
        ("plans.starter", ["name"])
    ]
    assert lines(RENAMED, after) == ["    name: Basic"]


def test_what_took_the_id_of_a_renamed_feature_is_another_one(tx: Tx) -> None:
    edit(tx, "starter", "name=Basic")
    apart(tx, RENAMED, "features.mins")
    again = RENAMED["catalog.yaml"] + "  minutes: {type: metered, unit: minute, name: Others}\n"
    apart(tx, {**RENAMED, "catalog.yaml": again.replace("was: minutes, ", "")}, "features.minutes")
    starter = kept.stored_catalog(tx).objects["plans.starter"]
    assert drift_of(starter) == (FieldChange("name", "starter", "Basic"),)


def apart(tx: Tx, files: Files, address: str) -> None:
    """Apply what the files say of one object, and leave the rest as it is."""
    changes = compared(tx, files)
    (mine,) = (one for one in changes.changes if one.address == address)
    others = tuple(one.address for one in changes.changes if one is not mine)
    only = replace(changes, changes=(mine,), passed_over=others)
    kept.write_changes(tx, CatalogWrite.of(only, catalog_of(files), actor="ci", at=NEW_YEAR))


def test_after_a_rollback_the_files_are_as_they_were(tx: Tx) -> None:
    newer = {
        **FILES,
        "plans.yaml": FILES["plans.yaml"].replace("USD: 190", "USD: 195"),
        "coupons.yaml": "coupons:\n  ten: {off: 10%}    # for friends\n  half: {off: 50%}\n",
    }
    older = {**newer, "plans.yaml": FILES["plans.yaml"], "coupons.yaml": "coupons:\n  half: {off: 50%}\n"}
    applied(tx, older)
    applied(tx, newer)
    roll_back(tx, 2, (), rolling_back.Who("alice", "why not", Instant(NEW_YEAR)), None)
    found, after = pulled(tx, newer)
    assert after == {**older, "coupons.yaml": "coupons:\n  # for friends\n  half: {off: 50%}\n"}
    assert [one.address for one in found.pull.taken] == ["coupons.ten", "plans.pro", "plans.starter"]
    assert compared(tx, after).empty


# --- what was made in the shell


def test_what_an_edit_needs_is_written_too_and_adopted_by_the_next_apply(tx: Tx) -> None:
    edit(tx, "starter", "price.month.GBP=16")
    found, after = pulled(tx, FILES)
    assert found.pull.adopted == {"currencies.GBP": ("plans.starter",)}
    assert "currencies: {USD: , EUR: , GBP: }" in after["catalog.yaml"]
    assert [(one.address, one.action) for one in compared(tx, after).changes] == [("currencies.GBP", "adopt")]


def made(tx: Tx) -> None:
    """A plan called gift, made in the shell."""
    draft = edit_catalog.draft_new(tx, "plans.gift", Options(prices=("once:USD=10",)))
    edit_catalog.keep(tx, edit_catalog.decide(tx, draft, outside=False), ALICE)


def test_what_the_shell_made_is_left_alone_unless_it_is_to_be_adopted(tx: Tx) -> None:
    made(tx)
    found, after = pulled(tx, FILES)
    assert (found.pull.left_alone, after) == (("plans.gift",), FILES)
    found, after = pulled(tx, FILES, adopt=True)
    assert found.pull.left_alone == ()
    assert (
        after["plans.yaml"]
        == FILES["plans.yaml"] + "\n  gift:\n    price:\n      once: {USD: 10}\n    grace: never\n"
    )
    assert [(one.address, one.action) for one in compared(tx, after).changes] == [("plans.gift", "adopt")]


# --- drift in a diff


def overwrites(changes: ChangeSet) -> list[tuple[str, str]]:
    hits = [hit for change in changes.changes for hit in change.rules if hit.id == "overwrites-outside-edit"]
    return [(hit.path, hit.detail) for hit in hits]


def test_a_diff_says_which_value_of_the_shell_would_be_replaced(tx: Tx) -> None:
    edit(tx, "starter", "price.month.USD=21")
    detail = "price.month.USD changed outside git since revision 2 by alice: 19 → 21"
    assert overwrites(compared(tx, FILES)) == [("price.month.USD", detail)]


def test_a_diff_that_replaces_no_outside_edit_says_nothing_of_it(tx: Tx) -> None:
    edit(tx, "pro", "grace=9 days")
    _, after = pulled(tx, FILES)
    files = {**after, "plans.yaml": after["plans.yaml"].replace("name: Pro ", "name: Max ")}
    changes = compared(tx, files)
    assert [one.address for one in changes.changes] == ["plans.pro"]
    assert overwrites(changes) == []


def test_the_first_edit_since_the_catalog_wrote_counts_and_everybody_who_edited(tx: Tx) -> None:
    edit(tx, "pro", "grace=9 days")
    edit(tx, "pro", "grace=10 days", who=replace(ALICE, actor="bob"))
    assert overwrites(compared(tx, FILES)) == [
        ("grace", "grace changed outside git since revision 2 by alice, bob: 3 days → 10 days")
    ]


def test_once_a_catalog_that_says_it_is_applied_the_edit_is_no_longer_outside(tx: Tx) -> None:
    edit(tx, "pro", "grace=9 days")
    _, after = pulled(tx, FILES)
    applied(
        tx,
        {
            **after,
            "catalog.yaml": after["catalog.yaml"].replace("sso:     {type", "sso:     {name: SSO, type"),
        },
    )
    one = kept.plan_object(tx, "pro")
    assert one is not None
    assert one.outside is None


# --- writing


def test_the_files_are_written_and_one_that_moved_meanwhile_stops_it(tx: Tx, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    edit(tx, "pro", "grace=9 days")
    found, after = pulled(tx, FILES)
    keep(found, tmp_path)
    assert (tmp_path / "plans.yaml").read_text(encoding="utf-8") == after["plans.yaml"]
    with pytest.raises(Conflict):
        keep(found, tmp_path)
