"""Three ways: what a catalog wrote, what the shell made of it, what the files say."""

from __future__ import annotations

from planctl.core.catalog.changeset import FieldChange, StoredCatalog, StoredObject, Written
from planctl.core.catalog.documents import Object
from planctl.core.catalog.drift import drift_of, drifts, merged
from planctl.core.document import Document

WRITTEN: Object = {"price": {"month": {"USD": "49", "EUR": "46"}}, "grace": "3 days", "archived": False}


def with_(document: Object, **values: Document) -> Object:
    return {**document, **values}


def price(usd: str, eur: str = "46") -> Document:
    return {"month": {"USD": usd, "EUR": eur}}


def test_what_the_store_changed_comes_on_top_of_what_the_files_changed() -> None:
    merge = merged(WRITTEN, with_(WRITTEN, grace="9 days"), with_(WRITTEN, price=price("52")))
    assert merge.document == {"price": price("52"), "grace": "9 days", "archived": False}
    assert merge.replaced == ()


def test_two_currencies_of_one_row_are_two_values() -> None:
    merge = merged(WRITTEN, with_(WRITTEN, price=price("49", "45")), with_(WRITTEN, price=price("52")))
    assert merge.document["price"] == price("52", "45")
    assert merge.replaced == ()


def test_where_both_changed_the_store_wins_and_the_replaced_value_is_named() -> None:
    merge = merged(WRITTEN, with_(WRITTEN, price=price("55")), with_(WRITTEN, price=price("52")))
    assert merge.document["price"] == price("52")
    assert merge.replaced == (FieldChange("price.month.USD", "55", "52"),)


def test_what_both_changed_to_the_same_is_replaced_by_nobody() -> None:
    same = with_(WRITTEN, grace="9 days")
    assert merged(WRITTEN, same, same).replaced == ()


def test_a_charge_is_taken_whole_where_both_changed_it() -> None:
    def beyond(**charge: Document) -> Object:
        return {"beyond": {"charge": "usage", **charge}}

    written, files = beyond(each={"USD": "1"}), beyond(package={"of": "10", "price": {"USD": "9"}})
    stored = beyond(graduated=[{"each": {"USD": "2"}}])
    assert merged(written, files, stored).document == stored


def test_a_key_that_one_side_took_away_is_gone_and_one_that_it_added_is_there() -> None:
    merge = merged({"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "3"}, {"b": "2", "d": "4"})
    assert merge.document == {"b": "2", "c": "3", "d": "4"}


def stored(outside: tuple[int, str] | None, written: Written | None) -> StoredObject:
    return StoredObject("plans.pro", {"grace": "9 days"}, archived=True, outside=outside, written=written)


def test_drift_is_what_was_written_against_what_is_stored_the_flag_included() -> None:
    one = stored((41, "alice"), Written({"grace": "3 days"}))
    assert drift_of(one) == (
        FieldChange("grace", "3 days", "9 days"),
        FieldChange("archived", before=False, after=True),
    )
    catalog = StoredCatalog(objects={"plans.pro": one, "plans.b": stored(None, None)})
    assert list(drifts(catalog)) == ["plans.pro"]


def test_without_knowing_what_was_written_no_drift_is_claimed() -> None:
    assert drift_of(stored((41, "alice"), None)) == ()
    assert drifts(StoredCatalog(objects={"plans.pro": stored((41, "alice"), None)})) == {}
