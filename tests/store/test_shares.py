"""Discounts and taxes of issued invoices are kept to the cent, and doctor names the invoice where they were edited."""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from planctl.core.catalog.model import Coupon, TaxRate
from planctl.core.coupons import Redemption
from planctl.core.customers import Customer
from planctl.core.invoicing.finish import finished
from planctl.core.invoicing.model import Discount, Tax, TaxShare
from planctl.store import coupons, invoices, tax_mapping
from planctl.store.engine import open_store
from planctl.store.invoice_mapping import content_document, content_hash
from planctl.store.invoices import Issuing
from planctl.store.laws.invoices import sums, unaltered
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
    with open_store(str(store_path)) as store, store.write() as tx:
        with_subscriptions(tx)
        coupons.add_redemption(tx, TENNER)
        invoices.finalize(tx, [DONE], Issuing())
    return store_path


def breaches(path: Path, *edits: str) -> list[str]:
    """What the law of sums says after edits past planctl, its guards taken away."""
    raw = sqlite3.connect(path)
    guards = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    for name in guards:
        raw.execute(f"DROP TRIGGER {name}")
    for edit in edits:
        assert raw.execute(edit).rowcount > 0, edit
    raw.commit()
    raw.close()
    with open_store(str(path)) as store, store.read() as tx:
        return [f"{one.object}: {one.what}" for one in sums(tx)]


def test_an_invoice_is_read_back_as_it_was_issued(sold: Path) -> None:
    """49.00 + 3.33 - 10.00 = 42.33, contained at 7 %: 42.33 / 1.07 = 39.5607…, so 39.56 and 2.77.

    19 % of 39.56 are 7.5164, so 7.52; 49.85 in all.
    """
    with open_store(str(sold)) as store, store.read() as tx:
        (read,) = invoices.listing(tx)
        assert list(sums(tx)) == []
        assert list(unaltered(tx)) == []
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
    document = content_document(MADE)
    assert isinstance(document, dict)
    assert not {"discounts", "taxes"} & set(document)
    lines = document["lines"]
    assert isinstance(lines, list)
    for line in lines:
        assert isinstance(line, dict)
        assert not {"discount_minor", "taxes"} & set(line)
    assert content_hash(MADE) != content_hash(DONE)


def test_stored_texts_read_back() -> None:
    discounts = (Discount("tenner", "cou_1", 1000),)
    taxes = (Tax("gst", "GST", Decimal("0.07"), -3956, -277, included=True),)
    shares = (TaxShare("vat_de", Decimal("0.19"), -5),)
    assert tax_mapping.discounts_of(tax_mapping.discounts_text(discounts)) == discounts
    assert tax_mapping.taxes_of(tax_mapping.taxes_text(taxes)) == taxes
    assert tax_mapping.shares_of(tax_mapping.shares_text(shares)) == shares
    assert tax_mapping.taxes_text(()) == tax_mapping.NONE
