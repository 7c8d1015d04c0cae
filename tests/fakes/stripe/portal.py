"""The billing portal: configurations, and pages that are opened for a customer.

Source: https://docs.stripe.com/api/customer_portal/sessions/create, https://docs.stripe.com/customer-management.
"""

from __future__ import annotations

from tests.fakes.stripe.books import Books, snapshot
from tests.fakes.stripe.errors import StripeError, invalid
from tests.fakes.stripe.objects import Object, patch
from tests.fakes.stripe.paging import page
from tests.fakes.stripe.routing import Call, Endpoint, reading

KIND = "billing_portal.configuration"


def create_configuration(call: Call) -> Object:
    """What a portal lets a customer do; the first one is not the default, that one is made in the dashboard."""
    made = call.books.make(
        KIND, {"is_default": False, "metadata": {}, "name": None, "default_return_url": None}
    )
    made["business_profile"] = dict.fromkeys(made["business_profile"])
    made["updated"] = call.books.clock.now
    for feature in made["features"].values():
        feature["enabled"] = False
    _fill(made, call.params)
    call.books.emit("billing_portal.configuration.created", made)
    return made


def update_configuration(call: Call) -> Object:
    """Change what is given."""
    found = call.books.find(KIND, call.id)
    before = snapshot(found)
    if found["is_default"] and call.params.get("active") is False:
        raise invalid("You cannot deactivate the default configuration.", "active")
    _fill(found, call.params)
    patch(found, call.params, "active")
    found["updated"] = call.books.clock.now
    call.books.updated(found, before)
    return found


def create_session(call: Call) -> Object:
    """A page for one customer; without a configuration there must be a default one."""
    books, params = call.books, call.params
    if "customer" not in params:
        raise StripeError(
            400, "Missing required param: customer.", code="parameter_missing", param="customer", kept=False
        )
    books.find("customer", params["customer"], "customer")
    configuration = _configuration(books, params)
    if not configuration["active"]:
        raise invalid(f"The configuration {configuration['id']} is inactive.", "configuration")
    session = books.make("billing_portal.session", {"flow": None})
    mode = "live" if books.livemode else "test"
    session |= {
        "configuration": configuration["id"],
        "customer": params["customer"],
        "return_url": params.get("return_url", configuration["default_return_url"]),
        "url": f"https://billing.stripe.com/p/session/{mode}_{session['id'].removeprefix('bps_')}",
    }
    patch(session, params, "locale")
    books.emit("billing_portal.session.created", session)
    return session


def _configuration(books: Books, params: Object) -> Object:
    if "configuration" in params:
        return books.find(KIND, params["configuration"], "configuration")
    for one in books.of(KIND):
        if one["is_default"]:
            return one
    mode = "live" if books.livemode else "test"
    raise invalid(
        f"No configuration provided and your {mode} mode default configuration has not been created. Provide a "
        f"configuration or create your default by saving your customer portal settings in {mode} mode at "
        "https://dashboard.stripe.com/test/settings/billing/portal."
    )


def _fill(made: Object, params: Object) -> None:
    patch(made, params, "default_return_url", "name")
    patch(made["business_profile"], params.get("business_profile", {}), *made["business_profile"])
    for name, given in params.get("features", {}).items():
        made["features"].setdefault(name, {}).update(given)
    if "login_page" in params:
        made["login_page"]["enabled"] = params["login_page"]["enabled"]


ENDPOINTS = (
    Endpoint("POST", "/v1/billing_portal/sessions", create_session, "billing_portal.SessionCreateParams"),
    Endpoint(
        "POST",
        "/v1/billing_portal/configurations",
        create_configuration,
        "billing_portal.ConfigurationCreateParams",
    ),
    Endpoint(
        "GET",
        "/v1/billing_portal/configurations",
        lambda call: page(call, KIND, "active", "is_default"),
        "billing_portal.ConfigurationListParams",
    ),
    Endpoint(
        "POST",
        "/v1/billing_portal/configurations/{}",
        update_configuration,
        "billing_portal.ConfigurationUpdateParams",
    ),
    Endpoint(
        "GET",
        "/v1/billing_portal/configurations/{}",
        reading(KIND),
        "billing_portal.ConfigurationRetrieveParams",
    ),
)
