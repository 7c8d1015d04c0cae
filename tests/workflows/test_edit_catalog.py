"""Shell edits of the catalog, from options to revisions, on a store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from planctl.core.catalog.apart import Apart
from planctl.core.catalog.changeset import ChangeSet
from planctl.core.catalog.diff import diff
from planctl.core.catalog.parse import parse
from planctl.core.catalog.snapshots import terms_of
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.document import Mapping
from planctl.core.periods import Instant
from planctl.core.subscriptions.model import Status, Subscription
from planctl.errors import NotFound, Refused, WrongUsage
from planctl.files.plan_options import Options
from planctl.files.yaml_reader import read_text
from planctl.findings import Level
from planctl.store import catalog as kept
from planctl.store import customers, subscriptions
from planctl.store.catalog import CatalogWrite
from planctl.store.engine import Store, Tx, open_store
from planctl.workflows import edit_catalog, read_plans
from planctl.workflows.edit_catalog import Decided, Draft, Who
from tests import stores

NEW_YEAR = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds: 20,454 days of 86,400 seconds."""

ANNA = Who("anna", NEW_YEAR, "why not")
OUTSIDE = replace(ANNA, outside=True)

ACME = """\
format: planctl.catalog/1
catalog: acme
currencies: {USD: , EUR: }
features:
  sso: {type: boolean}
  minutes: {type: metered, unit: minute}
  chats: {type: metered, unit: chat, spends: {minutes: 1/10}}
groups:
  main: {order: [starter, pro]}
  extras: {exclusive: false}
plans:
  starter:
    group: main
    price: {month: {USD: 19, EUR: 18}}
    features: {minutes: 1_000, chats: true}
  pro:
    group: main
    price: {month: {USD: 49, EUR: 46}}
    features:
      minutes: {included: 5_000, beyond: {charge: usage, each: {USD: 0.12, EUR: 0.11}}}
      sso: true
addons:
  more:
    group: extras
    requires: [starter, pro]
    price: {month: {USD: 6, EUR: 5}}
    features: {minutes: 100}
"""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store without a catalog; copy it, never open it."""
    path = tmp_path_factory.mktemp("template") / "books.db"
    open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True).close()
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Iterator[Store]:
    """A fresh test store."""
    path = tmp_path / "books.db"
    stores.copy(template, path)
    with open_store(stores.url(path)) as opened:
        yield opened


@pytest.fixture
def tx(store: Store) -> Iterator[Tx]:
    """A transaction on that store, kept at its end."""
    with store.write() as opened:
        yield opened


def apply(tx: Tx, text: str) -> None:
    """Apply a catalog, without its gates."""
    source = read_text(text, "acme.yaml").files[0]
    assert isinstance(source.node, Mapping)
    parsed = parse([(source.name, source.node)])
    assert parsed.usable, parsed.findings
    assert parsed.catalog is not None
    changes = diff(kept.stored_catalog(tx), parsed.catalog, holders={})
    kept.write_changes(tx, CatalogWrite.of(changes, parsed.catalog, actor="ci", at=NEW_YEAR))


def carried_out(tx: Tx, draft: Draft, who: Who = ANNA) -> Decided:
    """The decision on a draft, kept."""
    decided = edit_catalog.decide(tx, draft, outside=who.outside)
    assert decided.usable, decided.findings
    edit_catalog.keep(tx, decided, who)
    return decided


def create(tx: Tx, address: str, **options: object) -> Decided:
    """A new object, kept."""
    return carried_out(tx, edit_catalog.draft_new(tx, address, Options(**options)))  # type: ignore[arg-type]


def edit(tx: Tx, plan: str, who: Who = ANNA, **options: object) -> Decided:
    """An edited plan, kept."""
    return carried_out(tx, edit_catalog.draft_edit(tx, "plan", plan, Options(**options)), who)  # type: ignore[arg-type]


def small_shop(tx: Tx) -> None:
    """Minutes and a plan with 1,000 of them, made in the shell."""
    create(tx, "features.minutes", terms={"type": "metered", "unit": "minute"})
    create(tx, "plans.voice", texts={"name": "Voice"}, prices=("month:USD=19",), features=("minutes=1_000",))


def told(changes: ChangeSet) -> list[tuple[str, str, int, int]]:
    """Address, action and versions of every change."""
    return [(one.address, one.action, one.from_version, one.to_version) for one in changes.changes]


def leaves(decided: Decided) -> dict[str, tuple[object, object]]:
    """The changed leaves of the one object that changed."""
    (change,) = decided.changes.changes
    return {one.path: (one.before, one.after) for one in change.fields}


# --- create


def test_a_plan_made_in_the_shell_is_version_1_and_managed_by_nobody(tx: Tx) -> None:
    small_shop(tx)
    stored = kept.plan_object(tx, "voice")
    assert stored is not None
    assert (stored.version, stored.managed_by, stored.outside, stored.archived) == (1, "", None, False)


def test_an_iso_currency_that_nobody_declared_is_declared_with_the_first_price_in_it(tx: Tx) -> None:
    create(tx, "features.minutes", terms={"type": "metered"})
    decided = create(tx, "plans.voice", prices=("month:USD=19", "month:JPY=2_900"))
    assert told(decided.changes) == [
        ("currencies.JPY", "create", 0, 0),
        ("currencies.USD", "create", 0, 0),
        ("plans.voice", "create", 0, 1),
    ]
    assert {code: one.decimals for code, one in kept.catalog_currencies(tx).items()} == {"JPY": 0, "USD": 2}


def test_every_option_lands_where_a_catalog_file_has_it(tx: Tx) -> None:
    create(tx, "features.minutes", terms={"type": "metered"})
    create(tx, "features.sso", terms={"type": "boolean"})
    create(
        tx,
        "plans.voice",
        texts={"name": "Voice: best", "description": "1e3 calls"},
        terms={"due": "3 days", "grace": "never", "packs": "on", "expires": "12 months", "trial": "14 days"},
        prices=("3 months:USD=54", "month:usage"),
        features=("minutes={included: 5, beyond: {charge: usage, each: {USD: 0.12}}}", "sso=true"),
        sets=("metadata.team=blue", "proration=none"),
    )
    plan = read_plans.read_all(tx).plans["voice"].plan
    assert (plan.offer.name, plan.offer.description) == ("Voice: best", "1e3 calls")
    assert (plan.terms.due_days, plan.terms.grace_days, plan.terms.packs) == (3, None, True)
    assert (plan.terms.expires, plan.terms.proration) == ("12 months", "none")
    assert plan.terms.trial is not None
    assert plan.terms.trial.days == 14
    assert [(str(row.interval), dict(row.fee), row.usage_only) for row in plan.terms.rows] == [
        ("month", {}, True),
        ("3 months", {"USD": Decimal(54)}, False),
    ]
    assert plan.terms.features["minutes"].included == 5
    assert plan.terms.features["sso"].granted
    assert dict(plan.offer.metadata) == {"team": "blue"}


def test_like_starts_from_the_terms_of_another_plan(tx: Tx) -> None:
    apply(tx, ACME)
    create(tx, "plans.team", like="pro", texts={"name": "Team"}, features=("minutes=7_000",))
    team = read_plans.read_all(tx).plans["team"].plan
    assert team.offer.name == "Team"
    assert team.terms.features["minutes"].included == 7000
    assert team.terms.features["minutes"].beyond is None, (
        "each feature's entry is inherited or replaced whole"
    )
    assert team.terms.features["sso"].granted
    assert team.terms.rows[0].fee["USD"] == 49


def test_an_id_that_is_taken_is_refused_for_plans_and_addons_alike(tx: Tx) -> None:
    apply(tx, ACME)
    for address in ("plans.pro", "addons.pro", "plans.more"):
        with pytest.raises(Refused, match="exists") as refused:
            edit_catalog.draft_new(tx, address, Options(prices=("free",)))
        assert "plan edit" in refused.value.hint


def test_a_file_may_hold_the_plan_alone_or_a_catalog_around_it(tx: Tx) -> None:
    create(tx, "plans.one", file=("one.yaml", "name: One\nprice: {month: {USD: 5}}\n"))
    around = "plans:\n  two:\n    name: Two\n    price: {month: {USD: 7}}\n"
    create(tx, "plans.two", file=("two.yaml", around), prices=("month:USD=8",))
    plans = read_plans.read_all(tx).plans
    assert plans["one"].plan.offer.name == "One"
    assert plans["two"].plan.terms.rows[0].fee["USD"] == 8, "options come after the file"


# --- findings


def findings_of(tx: Tx, **options: object) -> list[tuple[str, str, int]]:
    """Rule, source and column of every error of an edit of `voice`."""
    draft = edit_catalog.draft_edit(tx, "plan", "voice", Options(**options))  # type: ignore[arg-type]
    decided = edit_catalog.decide(tx, draft, outside=False)
    assert not decided.usable
    assert decided.changes.empty
    return [(one.rule, one.place.file, one.place.column) for one in decided.findings if one.is_error]


def test_findings_are_those_of_a_catalog_file_and_name_the_option(tx: Tx) -> None:
    small_shop(tx)
    assert findings_of(tx, features=("minuts=5",)) == [("feature-unknown", "--feature minuts", 1)]
    assert findings_of(tx, prices=("month:USD=19.999",)) == [("decimals", "--price month:USD", 1)]
    assert findings_of(tx, sets=("features.minutes={included: 1e3}",)) == [
        ("number", "--set features.minutes", 12)
    ]
    assert findings_of(tx, sets=("sold=true",)) == [("unknown-key", "--set sold", 1)]


def test_all_findings_come_at_once(tx: Tx) -> None:
    small_shop(tx)
    rules = {rule for rule, _, _ in findings_of(tx, prices=("month:USD=x",), terms={"due": "soon"})}
    assert rules == {"number", "days"}


def test_a_currency_that_is_not_iso_is_never_declared_by_itself(tx: Tx) -> None:
    small_shop(tx)
    assert ("currency-unknown", "--price month:GPB", 1) in findings_of(tx, prices=("month:GPB=5",))


@pytest.mark.parametrize(
    "options",
    [
        Options(prices=("19",)),
        Options(prices=("month",)),
        Options(prices=("month:USD",)),
        Options(features=("minutes",)),
        Options(sets=("price..USD=5",)),
        Options(sets=("due",)),
    ],
)
def test_an_option_in_another_form_is_wrong_usage(tx: Tx, options: Options) -> None:
    small_shop(tx)
    with pytest.raises(WrongUsage):
        edit_catalog.draft_edit(tx, "plan", "voice", options)


def test_what_was_wrong_before_the_edit_is_not_said_again(tx: Tx) -> None:
    apply(tx, ACME)
    draft = edit_catalog.draft_edit(tx, "plan", "starter", Options(texts={"name": "Start"}))
    assert edit_catalog.decide(tx, draft, outside=True).findings == ()


def test_a_price_example_that_no_longer_comes_out_only_warns(tx: Tx) -> None:
    apply(tx, ACME + "examples:\n  one: {plan: starter, pay: month, in: USD, bill: 19}\n")
    draft = edit_catalog.draft_edit(tx, "plan", "starter", Options(prices=("month:USD=20",)))
    decided = edit_catalog.decide(tx, draft, outside=True)
    assert [(one.rule, one.level) for one in decided.findings] == [("example-mismatch", Level.WARNING)]


# --- edit


def test_new_terms_make_a_new_version(tx: Tx) -> None:
    small_shop(tx)
    decided = edit(tx, "voice", prices=("month:USD=25",))
    assert told(decided.changes) == [("plans.voice", "version", 1, 2)]
    assert leaves(decided) == {"price.month.USD": ("19", "25")}
    assert kept.plan_snapshot(tx, "voice")[0] == 2


def test_a_new_name_makes_none(tx: Tx) -> None:
    small_shop(tx)
    decided = edit(tx, "voice", texts={"name": "Talk"})
    assert told(decided.changes) == [("plans.voice", "update", 1, 1)]
    assert leaves(decided) == {"name": ("Voice", "Talk")}


def test_one_price_changes_one_cell(tx: Tx) -> None:
    apply(tx, ACME)
    edit(tx, "pro", OUTSIDE, prices=("month:USD=55",))
    (row,) = read_plans.read_all(tx).plans["pro"].plan.terms.rows
    assert dict(row.fee) == {"EUR": Decimal(46), "USD": Decimal(55)}


def test_a_quantity_for_a_feature_keeps_what_is_charged_beyond_it(tx: Tx) -> None:
    apply(tx, ACME)
    decided = edit(tx, "pro", OUTSIDE, features=("minutes=6_000",))
    assert leaves(decided) == {"features.minutes.included": ("5000", "6000")}


def test_nothing_after_the_equals_sign_removes(tx: Tx) -> None:
    apply(tx, ACME)
    decided = edit(tx, "pro", OUTSIDE, sets=("price.month.EUR=", "features.minutes.beyond.each.EUR="))
    assert leaves(decided) == {
        "price.month.EUR": ("46", None),
        "features.minutes.beyond.each.EUR": ("0.11", None),
    }


def test_a_file_replaces_the_whole_plan(tx: Tx) -> None:
    small_shop(tx)
    edit(tx, "voice", terms={"due": "3 days"})
    edit(tx, "voice", file=("voice.yaml", "price: {month: {USD: 5}}"))
    plan = read_plans.read_all(tx).plans["voice"].plan
    assert (plan.offer.name, plan.terms.due_days, dict(plan.terms.features)) == ("voice", 14, {})


def test_an_edit_that_changes_nothing_writes_no_revision(tx: Tx) -> None:
    small_shop(tx)
    before = kept.last_revision(tx)
    decided = edit(tx, "voice", prices=("month:USD=19.00",))
    assert decided.changes.empty
    assert kept.last_revision(tx) == before


def test_every_edit_is_a_revision_with_its_actor_and_reason(tx: Tx) -> None:
    small_shop(tx)
    edit(tx, "voice", prices=("month:USD=25",))
    last = kept.revision(tx, kept.last_revision(tx))
    assert last is not None
    assert (last.number, last.catalog, last.actor, last.reason) == (3, "", "anna", "why not")


def test_the_yaml_of_a_plan_given_back_changes_nothing(tx: Tx) -> None:
    apply(tx, ACME)
    for plan in ("starter", "pro", "more"):
        text = read_plans.read_yaml(tx, "plan", plan)
        draft = edit_catalog.draft_edit(tx, "plan", plan, Options(file=("editor", text)))
        assert edit_catalog.decide(tx, draft, outside=False).changes.empty


def test_an_unknown_plan_is_not_found_and_the_nearest_is_named(tx: Tx) -> None:
    small_shop(tx)
    with pytest.raises(NotFound) as missing:
        edit_catalog.draft_edit(tx, "plan", "vioce", Options(prices=("free",)))
    assert missing.value.hint == 'did you mean "voice"?'


# --- features


def test_a_new_meaning_of_a_feature_makes_new_versions_of_the_plans_that_use_it(tx: Tx) -> None:
    apply(tx, ACME)
    draft = edit_catalog.draft_edit(tx, "feature", "chats", Options(sets=("spends.minutes=1/5",)))
    decided = carried_out(tx, draft, OUTSIDE)
    assert told(decided.changes) == [("features.chats", "update", 0, 0), ("plans.starter", "version", 1, 2)]
    assert decided.changes.changes[1].indirect


def test_a_new_name_of_a_feature_makes_none(tx: Tx) -> None:
    apply(tx, ACME)
    draft = edit_catalog.draft_edit(tx, "feature", "minutes", Options(texts={"name": "Voice"}))
    assert told(carried_out(tx, draft, OUTSIDE).changes) == [("features.minutes", "update", 0, 0)]


def test_a_feature_that_something_uses_is_not_archived(tx: Tx) -> None:
    small_shop(tx)
    draft = edit_catalog.draft_value(tx, "feature", "minutes", "archived", "true")
    with pytest.raises(Refused, match=r"plans\.voice") as refused:
        edit_catalog.decide(tx, draft, outside=False)
    assert refused.value.code == "archive-referenced"


def test_a_feature_that_nothing_uses_is_archived_and_comes_back(tx: Tx) -> None:
    create(tx, "features.minutes", terms={"type": "metered"})
    carried_out(tx, edit_catalog.draft_value(tx, "feature", "minutes", "archived", "true"))
    assert kept.features(tx)["minutes"].archived
    carried_out(tx, edit_catalog.draft_edit(tx, "feature", "minutes", Options(sets=("archived=false",))))
    assert not kept.features(tx)["minutes"].archived


# --- ownership


def test_what_a_catalog_manages_is_refused_with_the_place_where_it_lives(tx: Tx) -> None:
    apply(tx, ACME)
    draft = edit_catalog.draft_edit(tx, "plan", "pro", Options(prices=("month:USD=55",)))
    with pytest.raises(Refused) as refused:
        edit_catalog.decide(tx, draft, outside=False)
    assert refused.value.code == "managed"
    assert "acme.yaml:16" in refused.value.message
    assert "--outside" in refused.value.hint


def test_outside_is_recorded_and_the_catalog_keeps_its_plan(tx: Tx) -> None:
    apply(tx, ACME)
    edit(tx, "pro", OUTSIDE, prices=("month:USD=55",))
    stored = kept.plan_object(tx, "pro")
    assert stored is not None
    assert (stored.managed_by, stored.outside) == ("acme", (2, "anna"))
    assert (stored.place.file, stored.place.line) == ("acme.yaml", 16)


def test_the_next_diff_shows_an_outside_edit_as_drift(tx: Tx) -> None:
    apply(tx, ACME)
    edit(tx, "pro", OUTSIDE, prices=("month:USD=55",))
    node = read_text(ACME, "acme.yaml").files[0].node
    assert node is not None
    desired = parse([("acme.yaml", node)]).catalog
    assert desired is not None
    (change,) = diff(kept.stored_catalog(tx), desired, holders={}).changes
    assert [(one.path, one.before, one.after) for one in change.fields] == [("price.month.USD", "55", "49")]
    assert "overwrites-outside-edit" in {hit.id for hit in change.rules}


# --- archive and purge


def test_an_archived_plan_keeps_its_version_and_comes_back(tx: Tx) -> None:
    small_shop(tx)
    gone = carried_out(tx, edit_catalog.draft_value(tx, "plan", "voice", "archived", "true"))
    assert told(gone.changes) == [("plans.voice", "archive", 1, 1)]
    assert gone.takes_from_sale == ()
    back = carried_out(tx, edit_catalog.draft_value(tx, "plan", "voice", "archived", "false"))
    assert told(back.changes) == [("plans.voice", "unarchive", 1, 1)]


def test_an_edit_of_an_archived_plan_leaves_it_archived(tx: Tx) -> None:
    small_shop(tx)
    carried_out(tx, edit_catalog.draft_value(tx, "plan", "voice", "archived", "true"))
    assert told(edit(tx, "voice", prices=("month:USD=25",)).changes) == [("plans.voice", "version", 1, 2)]
    stored = kept.plan_object(tx, "voice")
    assert stored is not None
    assert stored.archived


def test_a_plan_that_nobody_had_is_purged_with_its_versions(tx: Tx) -> None:
    small_shop(tx)
    edit_catalog.purge_plan(tx, "voice", ANNA)
    assert kept.plan_object(tx, "voice") is None
    assert kept.plan_versions(tx, "voice") == []


def test_a_plan_that_something_names_is_not_purged(tx: Tx) -> None:
    apply(tx, ACME)
    with pytest.raises(Refused, match=r"addons\.more, groups\.main still name pro"):
        edit_catalog.purge_plan(tx, "pro", OUTSIDE)


def test_a_managed_plan_is_purged_only_outside(tx: Tx) -> None:
    apply(tx, ACME)
    with pytest.raises(Refused, match="managed"):
        edit_catalog.purge_plan(tx, "more", ANNA)
    edit_catalog.purge_plan(tx, "more", OUTSIDE)
    assert kept.plan_object(tx, "more") is None


# --- who holds what


def subscribe(tx: Tx, customer: str, plan: str = "voice", **changes: object) -> None:
    """A running monthly subscription of the plan's newest version, from the beginning of 2026."""
    version, terms_hash, snapshot = kept.plan_snapshot(tx, plan)
    customers.add(tx, Customer(customer))
    running = Subscription(
        id=f"sub_{customer}",
        customer=customer,
        plan=plan,
        plan_version=version,
        terms=terms_of(snapshot),
        terms_hash=terms_hash,
        currency=Currency("USD", "US Dollar", 2),
        pay="month",
        timezone="UTC",
        started_at=Instant(NEW_YEAR),
        anchor_at=Instant(NEW_YEAR),
        created_at=Instant(NEW_YEAR),
    )
    subscriptions.insert(tx, replace(running, **changes), None)  # type: ignore[arg-type]


def test_holders_shows_what_each_keeps_and_lacks_against_the_newest_version(tx: Tx) -> None:
    small_shop(tx)
    create(tx, "features.sso", terms={"type": "boolean"})
    edit(tx, "voice", features=("sso=true",))
    subscribe(tx, "early")
    edit(tx, "voice", prices=("month:USD=25",), features=("sso=false",))
    subscribe(tx, "late")
    old, new = read_plans.read_holders(tx, "voice", Instant(NEW_YEAR))
    assert (old.customer, old.version, old.is_behind, old.status) == ("early", 2, True, "active")
    assert dict(old.apart.keeps) == {"price.month.USD": "19", "features.sso": True}
    assert dict(old.apart.lacks) == {"price.month.USD": "25"}
    assert (old.apart.dropped, old.apart.added) == (("sso",), ())
    assert (new.customer, new.version, new.is_behind) == ("late", 3, False)
    assert new.apart == Apart()


def test_a_subscription_that_has_ended_holds_nothing(tx: Tx) -> None:
    small_shop(tx)
    subscribe(tx, "gone", status=Status.CANCELED, ends_at=Instant(NEW_YEAR), end_reason="canceled")
    assert read_plans.read_holders(tx, "voice", Instant(NEW_YEAR)) == ()


def test_an_edit_leaves_a_running_subscription_on_its_version_and_terms(tx: Tx) -> None:
    small_shop(tx)
    subscribe(tx, "nova")
    before = subscriptions.get(tx, "sub_nova")
    decided = edit(tx, "voice", prices=("month:USD=25",))
    assert decided.changes.changes[0].holders.by_version == {1: 1}
    assert subscriptions.get(tx, "sub_nova") == before


def test_archiving_what_somebody_holds_is_told_and_a_purge_refused(tx: Tx) -> None:
    small_shop(tx)
    subscribe(tx, "nova")
    draft = edit_catalog.draft_value(tx, "plan", "voice", "archived", "true")
    decided = edit_catalog.decide(tx, draft, outside=False)
    assert [one.address for one in decided.takes_from_sale] == ["plans.voice"]
    with pytest.raises(Refused, match="1 time"):
        edit_catalog.purge_plan(tx, "voice", ANNA)


def test_versions_say_what_changed_and_who_is_on_them(tx: Tx) -> None:
    small_shop(tx)
    subscribe(tx, "nova")
    edit(tx, "voice", prices=("month:USD=25",))
    first, second = read_plans.read_versions(tx, "voice")
    assert (first.version, first.revision, first.holders, first.changed) == (1, 2, 1, ())
    assert (second.version, second.revision, second.holders) == (2, 3, 0)
    assert second.changed == ("price.month.USD",)


# --- named lists


def test_a_plan_for_a_list_takes_and_loses_entries(tx: Tx) -> None:
    small_shop(tx)
    edit(tx, "voice", sets=("only_for.list=schools",))
    assert edit_catalog.allow(tx, "voice", ["Dean@School.example", "@uni.example", "cust_1"]) == (
        "schools",
        3,
    )
    assert edit_catalog.allow(tx, "voice", ["cust_1"]) == ("schools", 0)
    assert kept.allow_entries(tx, "schools") == {"dean@school.example", "uni.example", "cust_1"}
    assert edit_catalog.disallow(tx, "voice", ["DEAN@school.example", "nobody"]) == ("schools", 1)
    assert kept.allow_entries(tx, "schools") == {"uni.example", "cust_1"}


def test_a_plan_that_is_open_to_everybody_has_no_list(tx: Tx) -> None:
    small_shop(tx)
    with pytest.raises(Refused, match="open to everybody") as refused:
        edit_catalog.allow(tx, "voice", ["cust_1"])
    assert "only_for.list=voice" in refused.value.hint
