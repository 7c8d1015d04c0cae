"""How plans, versions, holders, features and edits look."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from planctl.core.catalog.changeset import (
    Change,
    ChangeSet,
    FieldChange,
    Holders,
    StoredCatalog,
    StoredObject,
)
from planctl.core.catalog.emit import catalog_documents
from planctl.core.catalog.model import Beyond, Entitlement, Feature
from planctl.core.catalog.parse import parse
from planctl.core.catalog.standing import Standing, standing
from planctl.core.currencies import Currency
from planctl.core.pricing.kinds.each import Each
from planctl.files.yaml_reader import read_catalog
from planctl.findings import Place
from planctl.views.edit import edit_answer, undo_of
from planctl.views.feature import features_answer
from planctl.views.plan import granted_text, plan_answer, plan_document, plans_answer
from planctl.views.sheet import Json

ACME = Path(__file__).parents[1] / "data" / "acme"
USD = Currency("USD", "US Dollar", 2)
MINUTES = Feature("minutes", "metered", "Voice", "minute")


@pytest.fixture(scope="module")
def acme() -> Standing:
    """The example catalog as it would stand in a store, with 12 holders of pro."""
    source = read_catalog(ACME)
    catalog = parse([(file.name, file.node) for file in source.files if file.node is not None]).catalog
    assert catalog is not None
    objects = {
        address: StoredObject(address, document, version=3, managed_by="acme", place=Place("acme.yaml", 7, 3))
        for address, document in catalog_documents(catalog).items()
    }
    return standing(StoredCatalog(objects=objects), {"plans.pro": Holders({2: 5, 3: 7})})


# --- one plan


def test_the_document_says_who_it_is_and_what_it_costs(acme: Standing) -> None:
    document = plan_document(acme.plans["pro"], acme, "USD")
    assert {key: document[key] for key in ("id", "kind", "name", "version", "group", "recommended")} == {
        "id": "pro",
        "kind": "plan",
        "name": "Pro",
        "version": 3,
        "group": "main",
        "recommended": True,
    }
    assert document["price"] == {
        "month": {"EUR": "46.00", "USD": "49.00", "USDT": "49.000000"},
        "year": {"EUR": "460.00", "USD": "490.00", "USDT": "490.000000"},
    }
    assert (document["managed_by"], document["file"], document["line"]) == ("acme", "acme.yaml", 7)
    assert (document["holders"], document["holders_by_version"]) == (12, {"2": 5, "3": 7})
    badges = document["badges"]
    assert isinstance(badges, list)
    assert badges[0] == "Recurring · 49.00 USD / month"


def test_a_price_that_is_agreed_is_a_range_and_one_without_a_fee_is_empty(acme: Standing) -> None:
    assert plan_document(acme.plans["enterprise"], acme)["price"] == {"year": {"USD": "900.00..9000.00"}}
    assert plan_document(acme.plans["metered"], acme)["price"] == {"month": {}}
    assert plan_document(acme.plans["free"], acme)["price"] == {}


def test_absent_is_null(acme: Standing) -> None:
    document = plan_document(acme.plans["setup"], acme)
    assert (document["group"], document["description"], document["only_for"]) == (None, None, None)
    assert plan_document(acme.plans["enterprise"], acme)["only_for"] == {
        "emails": ["dean@school.example"],
        "domains": ["uni.example.edu"],
    }


def test_the_page_has_faces_owner_holders_prices_and_features(acme: Standing) -> None:
    lines = plan_answer(acme.plans["pro"], acme, "USD").lines
    assert lines[0].startswith("Pro - 49.00 USD · ")
    assert "  1 minute = 10 chats" in lines
    assert "managed by  acme, acme.yaml:7" in lines
    assert "holders     5 on v2, 7 on v3" in lines
    assert "  month  49.00 USD   46.00 EUR   49.000000 USDT" in lines
    assert "  minutes     5,000 minutes a month, then stop" in lines
    assert "  connectors  hubspot, zapier" in lines


def test_a_pack_shows_what_it_puts_into_the_wallet(acme: Standing) -> None:
    assert "  minutes  1,000" in plan_answer(acme.plans["minutes_1k"], acme, "USD").lines


def test_the_list_is_one_row_a_plan(acme: Standing) -> None:
    answer = plans_answer([acme.plans["free"], acme.plans["pro"]], acme, "USD")
    assert answer.sheet is not None
    assert answer.sheet.rows[0] == ("free", "Free - free", "main", "active", False, 3, 0, "acme")
    assert answer.sheet.rows[1][:1] + answer.sheet.rows[1][2:] == (
        "pro",
        "main",
        "active",
        True,
        3,
        12,
        "acme",
    )


# --- what is granted


def test_a_hard_limit_stops_and_a_charge_goes_on() -> None:
    hard = Entitlement(MINUTES, included=Decimal(1000), reset="month")
    assert granted_text(hard, USD) == "1,000 minutes a month, then stop"
    charged = Beyond("usage", {"": Each({"USD": Decimal("0.12")})}, up_to=Decimal(5000))
    soft = Entitlement(MINUTES, included=Decimal(1), reset="day", beyond=charged)
    assert granted_text(soft, USD) == "1 minute a day, then 0.12 USD / minute, up to 5,000"


def test_other_grants_in_words() -> None:
    assert granted_text(Entitlement(MINUTES, included=None), USD) == "unlimited"
    assert granted_text(Entitlement(Feature("sso", "boolean")), USD) == "yes"
    assert granted_text(Entitlement(Feature("apps", "list"), values=("crm", "erp")), USD) == "crm, erp"


# --- features


def test_features_say_how_they_are_measured(acme: Standing) -> None:
    sheet = features_answer(list(acme.features.values())).sheet
    assert sheet is not None
    measured = {row[0]: row[4] for row in sheet.rows}
    assert measured["api_calls"] == "count of api.call"
    assert measured["seats"] == "held"
    assert measured["visitors"] == "unique of visitor_id"
    assert (
        measured["connectors"] == "hubspot, salesforce, zapier"
        or measured["connectors"] == "hubspot, zapier, salesforce"
    )
    assert measured["sso"] is None


# --- edits


def edited(*fields: FieldChange, action: str = "version", before: object = None) -> ChangeSet:
    """A change of plans.pro, which stands in no file."""
    stored = StoredObject("plans.pro", before)  # type: ignore[arg-type]
    change = Change("plans.pro", action, 1, 2, fields)  # type: ignore[arg-type]
    return ChangeSet("", "0123456789ab", StoredCatalog(objects={"plans.pro": stored}), (change,))


def test_the_undo_of_an_edit_sets_what_was_before() -> None:
    changes = edited(FieldChange("price.month.USD", "19", "25"), before={"price": {"month": {"USD": "19"}}})
    assert undo_of(changes, "plans.pro", "plan") == "planctl plan edit pro --set price.month.USD=19"


def test_the_undo_quotes_what_yaml_or_the_shell_would_misread() -> None:
    changes = edited(FieldChange("name", "Pro: best", "Pro"), before={"name": "Pro: best"})
    assert undo_of(changes, "plans.pro", "plan") == """planctl plan edit pro --set 'name="Pro: best"'"""


def test_the_undo_takes_away_what_was_not_there_as_a_whole() -> None:
    changes = edited(
        FieldChange("features.minutes.beyond.charge", None, "usage"),
        FieldChange("features.minutes.beyond.each.USD", None, "0.12"),
        before={"features": {"minutes": {"included": "5"}}},
    )
    assert undo_of(changes, "plans.pro", "plan") == "planctl plan edit pro --set features.minutes.beyond="


def test_the_undo_of_a_word_that_became_a_map_is_the_word() -> None:
    changes = edited(
        FieldChange("only_for", "none", None), FieldChange("only_for.list", None, "schools"),
        before={"only_for": "none"},
    )  # fmt: skip
    assert undo_of(changes, "plans.pro", "plan") == "planctl plan edit pro --set only_for=none"


def test_an_edit_of_many_values_has_no_short_undo() -> None:
    fields = [FieldChange(f"metadata.k{number}", "a", "b") for number in range(5)]
    assert undo_of(edited(*fields, before={}), "plans.pro", "plan") == ""


def test_other_undos_are_commands_of_their_own() -> None:
    assert undo_of(edited(action="create"), "plans.pro", "plan") == "planctl plan purge pro"
    assert undo_of(edited(action="archive"), "plans.pro", "plan") == "planctl plan unarchive pro"
    assert undo_of(edited(action="unarchive"), "plans.pro", "plan") == "planctl plan archive pro"


def test_an_answer_read_back_from_its_document_still_says_what_changed() -> None:
    document: Json = {
        "revision": 4,
        "changes": [
            {
                "address": "plans.pro",
                "action": "version",
                "from_version": 1,
                "to_version": 2,
                "fields": [{"path": "price.month.USD", "before": "19", "after": "25"}],
            }
        ],
    }
    assert edit_answer(document, None).lines == (
        "plans.pro  version  v1 → v2",
        "    price.month.USD  19 → 25",
    )
