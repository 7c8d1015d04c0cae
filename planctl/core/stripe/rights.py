"""Which rights planctl needs of a key of Stripe's, what for, and how each is found out. It asks nobody.

Source: https://docs.stripe.com/keys/restricted-api-keys.
"""

from __future__ import annotations

from typing import Literal

from planctl.values import dataclass

Need = Literal["read", "write", "none"]
"""What planctl needs of a kind of object; writing includes reading. `none`: the key had better not have it."""


@dataclass(frozen=True, slots=True)
class Right:
    """A right at Stripe: its name as the dashboard has it, what planctl needs of it and for which commands.

    `probe` is the path of an object that does not exist, so that there is nothing to read and nothing to change.
    403: the key has not the right; anything else that Stripe answers, such as 404: it has.
    """

    name: str
    need: Need
    used_for: str
    probe: str


RIGHTS = (
    Right("Products", "write", "push, diff", "/v1/products/prod_planctl_probe"),
    Right("Prices", "write", "push, diff", "/v1/prices/price_planctl_probe"),
    Right("Coupons", "write", "push, diff", "/v1/coupons/planctl_probe"),
    Right("Tax Rates", "write", "push, diff", "/v1/tax_rates/txr_planctl_probe"),
    Right("Customers", "write", "push, checkout, portal", "/v1/customers/cus_planctl_probe"),
    Right("Invoices", "write", "push", "/v1/invoices/in_planctl_probe"),
    Right("Credit Notes", "write", "push", "/v1/credit_notes/cn_planctl_probe/void"),
    Right("Charges and Refunds", "write", "push, pull", "/v1/refunds/re_planctl_probe"),
    Right("Checkout Sessions", "write", "checkout", "/v1/checkout/sessions/cs_planctl_probe/expire"),
    Right("Customer portal", "write", "portal", "/v1/billing_portal/configurations/bpc_planctl_probe"),
    Right("Events", "read", "pull, webhook", "/v1/events/evt_planctl_probe"),
    Right("PaymentIntents", "read", "pull, webhook", "/v1/payment_intents/pi_planctl_probe"),
    Right("PaymentMethods", "read", "pull, webhook", "/v1/payment_methods/pm_planctl_probe"),
    Right("SetupIntents", "read", "pull, webhook", "/v1/setup_intents/seti_planctl_probe"),
    Right("Disputes", "read", "pull, webhook", "/v1/disputes/dp_planctl_probe"),
    Right("Payouts", "none", "", "/v1/payouts/po_planctl_probe"),
    Right("Subscriptions", "none", "", "/v1/subscriptions/sub_planctl_probe"),
)
"""What planctl calls for, and two rights by which a lost key would do most harm."""


@dataclass(frozen=True, slots=True)
class Held:
    """Whether the key has a right; `permission` is what Stripe calls the one that is missing, where it says so."""

    right: Right
    has: bool
    permission: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether planctl needs it and the key has it not."""
        return self.right.need != "none" and not self.has

    @property
    def is_unneeded(self) -> bool:
        """Whether the key has it and planctl needs it not."""
        return self.right.need == "none" and self.has
