"""What may be said of a customer."""

from __future__ import annotations

import pytest

from planctl.core.customer_fields import Surroundings, customer_of
from planctl.core.customers import Customer

AROUND = Surroundings(("USD", "USDT"), ("vat_de",))
NOVA = Customer("nova", timezone="Europe/Berlin")


def test_what_is_said_is_kept_and_what_is_not_said_stays() -> None:
    customer, findings = customer_of(
        NOVA, {"name": " Nova ", "emails": "a@b.example; c@d.example;a@b.example", "country": "DE"}, AROUND
    )
    assert findings == ()
    assert customer == Customer(
        "nova", "Nova", ("a@b.example", "c@d.example"), timezone="Europe/Berlin", country="DE"
    )


def test_an_empty_text_takes_a_field_back() -> None:
    before = Customer("nova", "Nova", ("a@b.example",), payment_method="card")
    customer, findings = customer_of(before, {"name": "", "emails": "", "payment_method": ""}, AROUND)
    assert (customer, findings) == (Customer("nova"), ())


@pytest.mark.parametrize(
    ("field", "text", "message", "hint"),
    [
        ("currency", "usd", "unknown currency", "write USD"),
        ("currency", "XAU", "unknown currency", ""),
        ("country", "de", "unknown country", "write DE"),
        ("country", "UK", "unknown country", ""),
        ("timezone", "Europe/Berln", "is not a time zone", "Europe/Berlin"),
        ("emails", "ops@nova", "no e-mail address", ""),
        ("emails", "ops nova@nova.example", "no e-mail address", ""),
        ("locale", "german!", "no locale", ""),
        ("tax", "vat_fr", "unknown tax code", "vat_de"),
        ("tax", "vat_de,vat_fr", "unknown tax code", "vat_de"),
        ("tax", "reverse,vat_de", "reverse stands alone", ""),
        ("payment_method", "cash", "unknown payment method", ""),
        ("parent", "acme", "does not exist", "add the parent first"),
        ("name", "No\x1bva", "U+001B", "remove it"),
    ],
)
def test_a_wrong_field_is_named_with_its_fix(field: str, text: str, message: str, hint: str) -> None:
    _, (finding,) = customer_of(NOVA, {field: text}, AROUND)
    assert message in finding.message
    assert hint in finding.hint


def test_several_taxes_are_kept_once_each_in_order() -> None:
    around = Surroundings(taxes=("city", "vat_de"))
    customer, findings = customer_of(NOVA, {"tax": "vat_de, city,vat_de"}, around)
    assert (customer.tax, findings) == ("city,vat_de", ())


@pytest.mark.parametrize("name", ["", "-nova", "no va", "nóva", "n" * 64, "a/b"])
def test_an_id_that_no_command_could_name_is_refused(name: str) -> None:
    assert customer_of(Customer(name), {}, AROUND)[1]


def test_all_complaints_come_at_once() -> None:
    _, findings = customer_of(NOVA, {"country": "de", "currency": "usd", "tax": "x"}, AROUND)
    assert len(findings) == 3


@pytest.mark.parametrize("currency", ["USD", "USDT", "JPY"])
def test_a_currency_is_one_of_the_catalog_or_of_iso_4217(currency: str) -> None:
    assert customer_of(NOVA, {"currency": currency}, AROUND)[1] == ()


def test_a_customer_of_a_company_inherits_currency_and_timezone() -> None:
    parent = Customer("acme", currency="EUR", timezone="Asia/Tokyo")
    around = Surroundings(parent=parent)
    child, findings = customer_of(NOVA, {"parent": "acme"}, around)
    assert (child.currency, child.timezone, child.parent, findings) == ("EUR", "Asia/Tokyo", "acme", ())
    _, (finding,) = customer_of(NOVA, {"parent": "acme", "currency": "USD"}, around)
    assert finding.expected == "EUR"
