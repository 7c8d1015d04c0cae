"""Opens Stripe's billing portal for a customer: means of payment, billing details, invoices. Plans change here alone.

Source: https://docs.stripe.com/api/customer_portal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.customers import Customer
from planctl.core.stripe.fields import digest
from planctl.core.stripe.model import Answer, Call, Outcome, State, Value
from planctl.core.stripe.outbox import collection
from planctl.core.stripe.stopping import DENIED, UNANSWERED, denied, unreachable
from planctl.errors import PlanctlError, Refused
from planctl.store import stripe_outbox
from planctl.store.selling import holding
from planctl.workflows.sync_stripe.sending import send_next

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.workflows.sync_stripe.sending import Talk

LOCAL_ID = "configuration"
_SESSIONS = "/v1/billing_portal/sessions"

FEATURES: dict[str, Value] = {
    "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "address", "tax_id"]},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": False},
    "subscription_update": {"enabled": False},
}
"""What a customer can do there. Source: https://docs.stripe.com/api/customer_portal/configurations."""


def billed_customer(tx: Tx, customer_id: str) -> Customer:
    """The customer that pays by itself; Refused where it is archived or belongs to a company."""
    customer = holding(tx, customer_id)
    if customer.archived_at is not None:
        raise Refused(f"customer {customer.id} is archived", code="customer-archived", where=customer.id)
    return customer


def open_portal(talk: Talk, customer: str, return_url: str) -> str:
    """The address at which `customer` of Stripe's finds its portal, for a few minutes; asked for anew each time.

    Busy where Stripe cannot be reached, NotPermitted where the key may not, Refused where Stripe refuses.
    """
    params: dict[str, Value] = {"customer": customer, "configuration": _configuration(talk)}
    if return_url:
        params["return_url"] = return_url
    answer = talk.gateway.ask("post", _SESSIONS, params)
    url = answer.body.get("url")
    if answer.outcome is not Outcome.DONE or not isinstance(url, str):
        raise _not_opened(answer)
    return url


def _configuration(talk: Talk) -> str:
    """The portal's settings at Stripe, made once for the store, and changed where planctl wants others now."""
    params: dict[str, Value] = {"features": FEATURES}
    mark = digest(params)
    with talk.open_read() as tx:
        link = stripe_outbox.links(tx, talk.account, "portal", [LOCAL_ID]).get(LOCAL_ID)
    path = collection("portal")
    if link is None:
        made = send_next(talk, Call("portal", LOCAL_ID, "create", path, params, links=True, digest=mark))
    elif link.digest != mark:
        path = f"{path}/{link.stripe_id}"
        made = send_next(talk, Call("portal", LOCAL_ID, "update", path, params, repeatable=True, digest=mark))
    else:
        return link.stripe_id
    if made.state is State.CONFIRMED:
        return made.stripe_id
    raise Refused(
        "Stripe does not take the portal's settings",
        code="portal-refused",
        where=made.id,
        got=made.note,
        hint=f"planctl stripe resolve {made.id} --resend --reason TEXT, once it is mended",
    )


def _not_opened(answer: Answer) -> PlanctlError:
    if answer.status in DENIED:
        return denied(answer, _SESSIONS)
    if answer.outcome in UNANSWERED:
        return unreachable(answer, _SESSIONS, "run it again later")
    return Refused(
        f"Stripe opens no portal: {answer.message}", code="portal-refused", where=_SESSIONS, got=answer.code
    )
