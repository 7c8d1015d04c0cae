"""Customers added, changed, archived, imported and shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from planctl.core.subscriptions.model import Status
from planctl.errors import Conflict, NotFound, Refused
from planctl.files.table_reader import TableRow
from planctl.store import customers, invoices
from planctl.store.customers import CustomerFilter
from planctl.store.engine import Store, Tx, open_store
from planctl.store.invoices import InvoiceFilter
from planctl.workflows.keep_customers import (
    Kept,
    add_customer,
    archive_customer,
    import_customers,
    list_customers,
    update_customer,
)
from planctl.workflows.read_accounts import account_of
from tests import stores
from tests.workflows.world import CATALOG, NEW_YEAR, apply, t


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store in Berlin with the catalog of the world."""
    path = tmp_path_factory.mktemp("template") / "books.db"
    with (
        open_store(
            stores.url(path), create=True, at=NEW_YEAR, is_test=True, timezone="Europe/Berlin"
        ) as store,
        store.write() as tx,
    ):
        apply(tx)
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


# --- plans with a price that everybody gets


def given_to_all(tx: Tx, plan: str) -> None:
    """A catalog in which everybody gets this plan, and not the free one."""
    free = "    auto_enable: true\n"
    groups = "groups:\n  help: {}\n  school: {}\n"
    text = CATALOG.replace(free, "").replace("  starter:\n", f"{plan}  starter:\n")
    apply(tx, text.replace("groups:\n", groups))


BASIC = """\
  basic:
    group: main
    auto_enable: true
    price: {month: {USD: 9, EUR: 8}}
    features: {minutes: 100}
"""
TRIED = BASIC.replace("price:", "trial: 14 days\n    price:")


def billed(tx: Tx, customer: str) -> list[tuple[str, int]]:
    """Currency and total of the customer's invoices."""
    listed = invoices.listing(tx, InvoiceFilter(customers=(customer,)))
    return [(one.draft.currency.code, one.total_minor) for one in listed]


def test_a_plan_with_a_price_that_everybody_gets_is_billed_in_the_customers_currency(tx: Tx) -> None:
    given_to_all(tx, BASIC)
    (basic,) = add(tx, "nova", currency="EUR").enabled
    assert (basic.plan, basic.pay, basic.status) == ("basic", "month", Status.ACTIVE)
    assert billed(tx, "nova") == [("EUR", 800)]


def test_a_customer_without_a_currency_gets_it_in_the_only_one_or_is_refused(tx: Tx) -> None:
    given_to_all(tx, BASIC)
    with pytest.raises(Refused) as refused:
        add(tx, "nova")
    assert (refused.value.code, refused.value.where) == ("no-such-currency", "plans.basic")
    assert refused.value.message == (
        "every new customer gets basic, which is sold in EUR, USD, and nova has no currency"
    )
    given_to_all(tx, BASIC.replace(", EUR: 8", ""))
    assert [one.currency.code for one in add(tx, "pia").enabled] == ["USD"]
    with pytest.raises(Refused, match="sold in USD, not in EUR"):
        add(tx, "atelier", currency="EUR")


def test_its_trial_begins_by_itself(tx: Tx) -> None:
    given_to_all(tx, TRIED)
    (basic,) = add(tx, "nova", currency="USD").enabled
    assert (basic.status, basic.trial_ends_at) == (Status.TRIALING, t("2026-01-15"))
    assert billed(tx, "nova") == []


def test_a_trial_that_was_had_or_wants_a_card_does_not_begin_and_the_plan_does(tx: Tx) -> None:
    given_to_all(tx, TRIED.replace("14 days", "{days: 14, once_per: [customer, fingerprint]}"))
    add(tx, "nova", currency="USD", fingerprint="fp-1")
    (again,) = add(tx, "twin", currency="USD", fingerprint="fp-1").enabled
    assert (again.status, again.trial_ends_at) == (Status.ACTIVE, None)
    assert billed(tx, "twin") == [("USD", 900)]
    given_to_all(tx, TRIED.replace("14 days", "{days: 14, card: true}"))
    (paid,) = add(tx, "other", currency="USD").enabled
    assert paid.status is Status.ACTIVE
    (tried,) = add(tx, "carded", currency="USD", payment_method="card").enabled
    assert tried.status is Status.TRIALING


def test_it_ends_by_its_terms_and_of_several_rows_the_first_counts(tx: Tx) -> None:
    rows_ = "price: {month: {USD: 9}, year: {USD: 90}}\n    expires: 3 months"
    given_to_all(tx, BASIC.replace("price: {month: {USD: 9, EUR: 8}}", rows_))
    (basic,) = add(tx, "nova", currency="USD").enabled
    assert (basic.pay, basic.expires_at, basic.end_reason) == (
        "month",
        t("2026-03-31T23:00:00Z"),  # 01:00 in Berlin, as at the start, an hour of summer later
        "expired",
    )


def test_every_group_has_its_own_and_who_is_not_on_the_list_gets_none(tx: Tx) -> None:
    helped = (
        "  helped:\n    group: help\n    auto_enable: true\n    price: free\n    features: {minutes: 5}\n"
    )
    schools = helped.replace("help", "school").replace(
        "    price", "    only_for: {domains: [school.example]}\n    price"
    )
    given_to_all(tx, BASIC + helped + schools)
    assert [one.plan for one in add(tx, "nova", currency="USD").enabled] == ["basic", "helped"]
    dean = add(tx, "dean", currency="USD", emails="dean@school.example")
    assert [one.plan for one in dean.enabled] == ["basic", "helped", "schooled"]


def test_none_that_costs_money_is_started_where_another_of_the_group_follows(tx: Tx) -> None:
    given_to_all(tx, BASIC)
    said = {"currency": "USD"}
    assert add_customer(tx, "nova", said, NEW_YEAR, NEW_YEAR, "strict").enabled == ()
    assert billed(tx, "nova") == []


# --- update and archive


def test_an_update_changes_what_is_said_and_nothing_else(tx: Tx) -> None:
    add(tx, "nova", currency="EUR", name="Nova")
    assert update_customer(tx, "nova", {"name": "Nova GmbH"}, NEW_YEAR).customer.name == "Nova GmbH"
    assert update_customer(tx, "nova", {"name": "Nova GmbH"}, NEW_YEAR).existed
    stored = customers.customer(tx, "nova")
    assert stored is not None
    assert (stored.name, stored.currency, stored.created_at) == ("Nova GmbH", "EUR", NEW_YEAR)
    with pytest.raises(NotFound):
        update_customer(tx, "nobody", {"name": "x"}, NEW_YEAR)


def test_a_customer_that_runs_a_plan_cannot_join_a_company_nor_stand_below_itself(tx: Tx) -> None:
    add(tx, "acme")
    add(tx, "acme-east", parent="acme")
    add(tx, "nova")
    with pytest.raises(Refused) as refused:
        update_customer(tx, "nova", {"parent": "acme"}, NEW_YEAR)
    assert refused.value.code == "child-customer"
    with pytest.raises(Refused):
        update_customer(tx, "acme", {"parent": "acme-east"}, NEW_YEAR)


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
