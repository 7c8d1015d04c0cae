"""What nobody has or does here: asking for it finds nothing, once the key has the right to ask.

Source: https://docs.stripe.com/api/errors (resource_missing), https://docs.stripe.com/keys/restricted-api-keys.
"""

from __future__ import annotations

from tests.fakes.stripe.errors import invalid, missing
from tests.fakes.stripe.objects import Object
from tests.fakes.stripe.routing import Call, Endpoint


def change(call: Call) -> Object:
    """404, whatever the id."""
    kind = call.path.removeprefix("/v1/").split("/")[0].removesuffix("s")
    raise missing(kind, call.id)


def void_credit_note(call: Call) -> Object:
    """404 where there is none; one that is there stays as it is."""
    call.books.find("credit_note", call.id)
    raise invalid("This credit note cannot be voided.")


ENDPOINTS = (
    Endpoint("POST", "/v1/payouts/{}", change, "PayoutUpdateParams"),
    Endpoint("POST", "/v1/subscriptions/{}", change, "SubscriptionUpdateParams"),
    Endpoint("POST", "/v1/credit_notes/{}/void", void_credit_note, "CreditNoteVoidCreditNoteParams"),
)
