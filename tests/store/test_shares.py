"""Discounts and taxes of issued invoices are kept to the cent, and doctor names the invoice where they were edited."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from planctl.core.catalog.model import Coupon, TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.document import Document, canonical, document_of
from planctl.core.invoicing.finish import finished
from planctl.core.invoicing.model import Discount, Draft, Tax, TaxShare
from planctl.store import coupons, invoices, tax_mapping
from planctl.store.engine import open_store
from planctl.store.invoice_mapping import content_hash, content_text
from planctl.store.invoices import Issuing
from planctl.store.laws.invoices import sums, unaltered
from planctl.store.laws.reading import subscription_pages
from tests import stores
from tests.store.samples import a_draft, a_line, on_day, with_subscriptions

VAT = TaxRate("vat_de", "MwSt.", "DE", ((date(1970, 1, 1), Decimal("0.19")),))
GST = TaxRate("gst", "GST", "DE", ((date(1970, 1, 1), Decimal("0.07")),), included=True)
TENNER = Redemption("cou_1", "nova", "sub_1", Coupon("tenner", amounts={"USD": Decimal(10)}), on_day(0))
MADE = a_draft(
    lines=(
        a_line(),
        a_line(charge_key="usage:minutes", kind="usage", amount_minor=333, feature="minutes"),
    )
)
DONE = finished(MADE, Customer("nova", country="DE"), {"vat_de": VAT, "gst": GST}, [TENNER])


@pytest.fixture
def sold(store_path: Path) -> Path:
    """A store with one invoice that has a discount, an included tax and an exclusive one."""
    with open_store(stores.url(store_path)) as store, store.write() as tx:
        with_subscriptions(tx)
        coupons.add_redemption(tx, TENNER)
        invoices.finalize(tx, [DONE], Issuing())
    return store_path


def breaches(path: Path, *edits: str) -> list[str]:
    """What the law of sums says after edits past planctl, its guards taken away."""
    stores.edited(path, *edits)
    with open_store(stores.url(path)) as store, store.read() as tx:
        return [f"{one.object}: {one.what}" for one in sums(tx)]


def test_an_invoice_is_read_back_as_it_was_issued(sold: Path) -> None:
    """49.00 + 3.33 - 10.00 = 42.33, contained at 7 %: 42.33 / 1.07 = 39.5607…, so 39.56 and 2.77.

    19 % of 39.56 are 7.5164, so 7.52; 49.85 in all.
    """
    with open_store(stores.url(sold)) as store, store.read() as tx:
        (read,) = invoices.listing(tx)
        assert list(sums(tx)) == []
        assert [one for page in subscription_pages(tx) for one in unaltered(page)] == []
    assert read.draft.lines == DONE.lines
    assert (read.draft.discounts, read.draft.taxes) == (DONE.discounts, DONE.taxes)
    assert read.draft.taxes == (
        Tax("gst", "GST", Decimal("0.07"), 3956, 277, included=True),
        Tax("vat_de", "MwSt.", Decimal("0.19"), 3956, 752),
    )
    assert (read.subtotal_minor, read.discount_minor, read.tax_minor) == (5233, 1000, 752)
    assert read.total_minor == 4985


def test_what_was_edited_is_named(sold: Path) -> None:
    found = breaches(sold, "UPDATE invoice_line SET discount = discount - 1 WHERE position = 1")
    assert "invoice INV-2026-00001: its lines were discounted by 999, its discounts are 1000" in found


def test_a_discount_whose_coupon_use_is_gone_is_named(sold: Path) -> None:
    assert breaches(sold, "DELETE FROM coupon_use") == [
        "invoice INV-2026-00001: its discount is 1000, the coupons it used gave 0"
    ]


def test_a_tax_that_was_edited_is_named(sold: Path) -> None:
    found = breaches(sold, "UPDATE invoice SET taxes = replace(taxes, '752', '751'), tax = 751, total = 4984")
    assert "invoice INV-2026-00001: tax vat_de is 751, its lines' shares sum to 752" in found
    assert any("recomputed gst 277 on 3956, vat_de 752 on 3956" in one for one in found)


def test_a_lines_share_that_was_edited_is_named(sold: Path) -> None:
    found = breaches(
        sold, """UPDATE invoice_line SET taxes = replace(taxes, '"0.19"', '"0.2"') WHERE position = 2"""
    )
    assert any("tax vat_de is 752, its lines' shares sum to" in one for one in found)


def test_text_that_is_no_tax_is_named_and_stops_nothing(sold: Path) -> None:
    assert any("invoice INV-2026-00001" in one for one in breaches(sold, "UPDATE invoice SET taxes = '{}'"))


def test_an_invoice_without_discount_and_tax_has_the_content_that_it_always_had() -> None:
    document = document_of(content_text(MADE))
    assert isinstance(document, dict)
    assert not {"discounts", "taxes"} & set(document)
    lines = document["lines"]
    assert isinstance(lines, list)
    for line in lines:
        assert isinstance(line, dict)
        assert not {"discount_minor", "taxes"} & set(line)
    assert content_hash(MADE) != content_hash(DONE)


@pytest.mark.parametrize("draft", [MADE, DONE], ids=["plain", "with discounts and taxes"])
@pytest.mark.parametrize(
    "description", ["Pro", '5" and \\ of it', "une année\t\u2028 – \U0001f4b6", "\x7f\x1f"]
)
def test_what_an_invoice_says_is_canonical_whatever_its_lines_are_called(
    draft: Draft, description: str
) -> None:
    detail: Document = {"parts": [{"label": description, "quantity": "2"}], "exact": "1/3", "none": None}
    lines = tuple(replace(line, description=description, detail=detail) for line in draft.lines)
    text = content_text(replace(draft, lines=lines, occasion=description))
    document = document_of(text)
    assert canonical(document) == text
    assert isinstance(document, dict)
    said = document["lines"]
    assert isinstance(said, list)
    assert isinstance(said[1], dict)
    assert (said[1]["description"], said[1]["detail"], said[1]["amount_minor"]) == (
        description,
        detail,
        "333",
    )


def test_the_details_of_lines_may_be_given_as_texts() -> None:
    details = [canonical(line.detail) for line in DONE.lines]
    assert content_text(DONE, details) == content_text(DONE)


def test_stored_texts_read_back() -> None:
    discounts = (Discount("tenner", "cou_1", 1000),)
    taxes = (Tax("gst", "GST", Decimal("0.07"), -3956, -277, included=True),)
    shares = (TaxShare("vat_de", Decimal("0.19"), -5),)
    assert tax_mapping.discounts_of(tax_mapping.discounts_text(discounts)) == discounts
    assert tax_mapping.taxes_of(tax_mapping.taxes_text(taxes)) == taxes
    assert tax_mapping.shares_of(tax_mapping.shares_text(shares)) == shares
    assert tax_mapping.taxes_text(()) == tax_mapping.NONE
