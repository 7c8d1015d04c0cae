"""Customers added, changed, archived, imported and shown."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from planctl.core.accounts import next_events
from planctl.core.subscriptions.model import Status
from planctl.errors import Conflict, NotFound, NotYet, Refused
from planctl.files.table_reader import TableRow
from planctl.store import customers
from planctl.store.customers import CustomerFilter
from planctl.store.engine import Store, Tx, open_store
from planctl.workflows.keep_customers import (
    Kept,
    account_of,
    add_customer,
    archive_customer,
    import_customers,
    list_customers,
    update_customer,
)
from planctl.workflows.record_usage import Recording, record
from tests.workflows.world import CATALOG, NEW_YEAR, apply, start, t


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store in Berlin with the catalog of the world."""
    path = tmp_path_factory.mktemp("template") / "books.db"
    with (
        open_store(str(path), create=True, at=NEW_YEAR, is_test=True, timezone="Europe/Berlin") as store,
        store.write() as tx,
    ):
        apply(tx)
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Iterator[Store]:
    """A fresh copy of it."""
    path = tmp_path / "books.db"
    shutil.copy(template, path)
    with open_store(str(path)) as opened:
        yield opened


@pytest.fixture
def tx(store: Store) -> Iterator[Tx]:
    """A transaction on that store."""
    with store.write() as opened:
        yield opened


def add(tx: Tx, customer: str, **said: str) -> Kept:
    """A customer added with the year."""
    return add_customer(tx, customer, said, NEW_YEAR, NEW_YEAR)


def rows(*several: Mapping[str, str]) -> list[TableRow]:
    """Rows of a file, from line 2 on."""
    return [TableRow("c.csv", number, values) for number, values in enumerate(several, start=2)]


# --- add


def test_a_new_customer_has_the_store_s_timezone_and_the_plan_given_to_all(tx: Tx) -> None:
    kept = add(tx, "nova", currency="EUR", emails="ops@nova.example")
    assert kept.customer.timezone == "Europe/Berlin"
    assert [(one.plan, one.status, one.started_at) for one in kept.enabled] == [
        ("free", Status.ACTIVE, NEW_YEAR)
    ]
    assert customers.customer(tx, "nova") == kept.customer


def test_the_same_customer_again_changes_nothing_and_another_is_a_conflict(tx: Tx) -> None:
    add(tx, "nova", currency="EUR")
    again = add_customer(tx, "nova", {"currency": "EUR"}, t("2026-05-05"), NEW_YEAR)
    assert again.existed
    assert again.customer.created_at == NEW_YEAR
    with pytest.raises(Conflict) as refused:
        add(tx, "nova", currency="USD", name="Nova")
    assert refused.value.expected == "name nothing; currency EUR"
    assert refused.value.got == "name Nova; currency USD"


def test_a_wrong_field_is_a_finding_and_nothing_is_added(tx: Tx) -> None:
    kept = add(tx, "nova", currency="eur", country="XX")
    assert len(kept.findings) == 2
    assert customers.customer(tx, "nova") is None


def test_a_customer_of_any_iso_currency_gets_the_free_plan(tx: Tx) -> None:
    (free,) = add(tx, "nova", currency="JPY").enabled
    assert free.currency.code == "JPY"


def test_a_customer_of_a_company_gets_no_plan_and_its_currency(tx: Tx) -> None:
    add(tx, "acme", currency="EUR", timezone="Asia/Tokyo")
    kept = add(tx, "acme-east", parent="acme")
    assert kept.enabled == ()
    assert (kept.customer.currency, kept.customer.timezone) == ("EUR", "Asia/Tokyo")
    assert add(tx, "lone", parent="lone").findings


def test_a_priced_plan_is_not_given_to_all(tx: Tx) -> None:
    given = "price: {month: {USD: 49, EUR: 46}}"
    priced = CATALOG.replace("    auto_enable: true\n", "").replace(given, given + "\n    auto_enable: true")
    apply(tx, priced)
    with pytest.raises(NotYet) as refused:
        add(tx, "nova")
    assert refused.value.term == "auto_enable of a priced plan"


# --- update and archive


def test_an_update_changes_what_is_said_and_nothing_else(tx: Tx) -> None:
    add(tx, "nova", currency="EUR", name="Nova")
    assert update_customer(tx, "nova", {"name": "Nova GmbH"}).customer.name == "Nova GmbH"
    assert update_customer(tx, "nova", {"name": "Nova GmbH"}).existed
    stored = customers.customer(tx, "nova")
    assert stored is not None
    assert (stored.name, stored.currency, stored.created_at) == ("Nova GmbH", "EUR", NEW_YEAR)
    with pytest.raises(NotFound):
        update_customer(tx, "nobody", {"name": "x"})


def test_a_customer_that_runs_a_plan_cannot_join_a_company_nor_stand_below_itself(tx: Tx) -> None:
    add(tx, "acme")
    add(tx, "acme-east", parent="acme")
    add(tx, "nova")
    with pytest.raises(Refused) as refused:
        update_customer(tx, "nova", {"parent": "acme"})
    assert refused.value.code == "child-customer"
    with pytest.raises(Refused):
        update_customer(tx, "acme", {"parent": "acme-east"})


def test_archiving_waits_for_the_last_subscription_and_can_be_taken_back(tx: Tx) -> None:
    add(tx, "nova")
    with pytest.raises(Refused) as refused:
        archive_customer(tx, "nova", NEW_YEAR)
    assert refused.value.code == "customer-runs"
    import_customers(tx, rows({"customer": "vega"}), NEW_YEAR, NEW_YEAR)
    assert archive_customer(tx, "vega", t("2026-02-02")).customer.archived_at == t("2026-02-02")
    assert archive_customer(tx, "vega", NEW_YEAR).existed
    assert [one.id for one in list_customers(tx, CustomerFilter())] == ["nova"]
    assert archive_customer(tx, "vega", NEW_YEAR, off=True).customer.archived_at is None


# --- import


def test_an_import_adds_every_row_and_starts_nothing(tx: Tx) -> None:
    made = import_customers(
        tx,
        rows(
            {"customer": "acme", "email": "a@b.example; c@d.example", "currency": "EUR"},
            {"customer": "acme-east", "parent": "acme"},
            {"customer": "acme", "email": "a@b.example;c@d.example", "currency": "EUR"},
        ),
        NEW_YEAR,
        NEW_YEAR,
    )
    assert (made.added, made.existing, made.enabled) == (("acme", "acme-east"), 1, 0)
    east = customers.customer(tx, "acme-east")
    assert east is not None
    assert (east.currency, east.parent) == ("EUR", "acme")
    assert account_of(tx, "acme", NEW_YEAR).holdings == ()


def test_an_import_starts_plans_given_to_all_where_asked(tx: Tx) -> None:
    made = import_customers(
        tx, rows({"customer": "a"}, {"customer": "b"}), NEW_YEAR, NEW_YEAR, auto_enable=True
    )
    assert made.enabled == 2


def test_an_import_lists_every_bad_row_with_its_place_and_adds_none(tx: Tx) -> None:
    made = import_customers(
        tx,
        rows({"customer": "a"}, {"customer": "b", "country": "xx"}, {"customer": "c", "parent": "zz"}, {}),
        NEW_YEAR,
        NEW_YEAR,
    )
    assert [str(finding.place) for finding in made.findings] == ["c.csv:3:1", "c.csv:4:1", "c.csv:5:1"]
    assert customers.customer(tx, "a") is None


def test_an_import_does_not_change_who_is_there(tx: Tx) -> None:
    add(tx, "nova", name="Nova")
    with pytest.raises(Conflict):
        import_customers(
            tx, rows({"customer": "a"}, {"customer": "nova", "name": "Other"}), NEW_YEAR, NEW_YEAR
        )
    assert customers.customer(tx, "a") is None


# --- show


def test_an_account_says_what_happens_next_with_dates(tx: Tx) -> None:
    add(tx, "nova", currency="USD", timezone="UTC")
    start(tx, "nova", "starter")
    record(tx, Recording("nova", "minutes", "400"), t("2026-01-05"))
    account = account_of(tx, "nova", t("2026-01-10"))
    live = [one for one in account.holdings if one.subscription.live]
    assert [one.subscription.plan for one in live] == ["starter"]
    assert live[0].pools["minutes"].pool.total == 400
    assert [one.number for one in account.open_invoices] == ["INV-2026-00001"]
    # Due 14 days after 1 January; the month ends with January.
    assert [(event.at, event.what, event.about) for event in next_events(account)] == [
        (t("2026-01-15"), "due", "INV-2026-00001"),
        (t("2026-02-01"), "allowance_resets", "nova/starter"),
        (t("2026-02-01"), "renews", "nova/starter"),
    ]


def test_the_account_of_a_customer_of_a_company_has_no_plans(tx: Tx) -> None:
    add(tx, "acme")
    add(tx, "acme-east", parent="acme")
    assert account_of(tx, "acme-east", NEW_YEAR).holdings == ()
