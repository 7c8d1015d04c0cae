"""A customer as Stripe keeps one."""

from __future__ import annotations

from planctl.core.customers import Customer
from planctl.core.stripe.customer_objects import customer_object, desired_customers

ADA = Customer(
    "ada",
    name="Ada GmbH",
    emails=("ada@ada.example", "books@ada.example"),
    country="DE",
    address="Haus 3\nHauptstr. 1\n89073 Ulm",
    tax_id="DE123456789",
    locale="de_AT",
    tax="reverse",
    payment_method="card",
)


def test_everything_a_customer_says_is_sent() -> None:
    one = customer_object(ADA)
    assert (one.kind, one.local_id) == ("customer", "ada")
    assert one.fields == {
        "name": "Ada GmbH",
        "email": "ada@ada.example",
        "description": "ada",
        "address": {"line1": "Haus 3", "line2": "Hauptstr. 1, 89073 Ulm", "country": "DE"},
        "preferred_locales": ["de-AT"],
        "tax_exempt": "reverse",
        "invoice_settings": {"custom_fields": [{"name": "Tax ID", "value": "DE123456789"}]},
        "metadata": {"planctl_id": "ada"},
    }


def test_what_a_customer_does_not_say_is_absent() -> None:
    assert customer_object(Customer("c1")).fields == {
        "description": "c1",
        "tax_exempt": "none",
        "metadata": {"planctl_id": "c1"},
    }


def test_tax_codes_are_no_exemption() -> None:
    assert customer_object(Customer("c1", tax="exempt")).fields["tax_exempt"] == "exempt"
    assert customer_object(Customer("c1", tax="city,vat_de")).fields["tax_exempt"] == "none"


def test_texts_are_cut_to_what_stripe_takes() -> None:
    fields = customer_object(Customer("c1", name="N" * 300, tax_id="T" * 200)).fields
    assert fields["name"] == "N" * 256
    assert fields["invoice_settings"] == {"custom_fields": [{"name": "Tax ID", "value": "T" * 140}]}


def test_an_address_of_one_line_with_empty_ones_around_it() -> None:
    assert customer_object(Customer("c1", address="\n Main St 1 \n\n")).fields["address"] == {
        "line1": "Main St 1"
    }


def test_archived_customers_and_children_of_companies_are_not_sent() -> None:
    wanted = desired_customers(
        [Customer("a"), Customer("b", archived_at=1), Customer("c", parent="a"), Customer("d")]
    )
    assert [one.local_id for one in wanted.objects] == ["a", "d"]
    assert wanted.left_out == ()
