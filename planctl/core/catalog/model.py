"""The catalog as values: plans, their terms and offer, features, groups, taxes, coupons. It decides nothing.

Terms are what a subscription snapshots; the offer is how a plan is presented. Numbers are exact decimals
in major units; days are local calendar days; `None` in a limit means "no limit".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Literal

from planctl.core.currencies import Currency
from planctl.core.metering.model import Rounding
from planctl.core.periods import Anchor, Interval
from planctl.core.pricing.model import PriceKind, Prices
from planctl.findings import NOWHERE, Finding, Place
from planctl.values import dataclass

Kind = Literal["plan", "addon", "pack"]
FeatureType = Literal["boolean", "list", "metered"]
Aggregate = Literal["sum", "count", "max", "last", "unique", "weighted"]
Reset = Literal["default", "day", "week", "month", "interval", "never"]


FROM_START = Anchor("start")


@dataclass(frozen=True, slots=True)
class Meter:
    """How events become a quantity: those whose name is `event` and whose properties match `where`.

    `value` names the property that is aggregated; empty: the event's own quantity. An empty `event` means
    that only events naming the feature itself feed it. `rounding` applies to the quantity of an allowance
    period before the allowance, the wallet and the price see it; None: exact.
    """

    event: str = ""
    aggregate: Aggregate = "sum"
    value: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    rounding: Rounding | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature's definition. `spends` maps another metered feature to units of it per unit of this one."""

    id: str
    type: FeatureType
    name: str = ""
    unit: str = ""
    values: tuple[str, ...] = ()
    meter: Meter = Meter()
    reset: Reset | None = None
    spends: Mapping[str, Fraction] = field(default_factory=dict)
    archived: bool = False
    was: str = ""
    place: Place = NOWHERE

    @property
    def held(self) -> bool:
        """Whether it is a level that is held (seats) instead of used up (minutes)."""
        return self.type == "metered" and self.reset == "never"


@dataclass(frozen=True, slots=True)
class AmountRange:
    """A price agreed at assignment, between `low` and `high` inclusive."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class PriceRow:
    """How often, and how much per currency; `usage_only` rows have no fee (`month: usage`)."""

    interval: Interval
    fee: Mapping[str, Decimal | AmountRange] = field(default_factory=dict)
    usage_only: bool = False


@dataclass(frozen=True, slots=True)
class Beyond:
    """What happens past the included amount. `prices` is keyed by price row (`month`), or `""` for every row.

    `charge: usage` bills after use; `prepaid` is bought ahead as a quantity per billing period. `up_to` is
    the largest total with the allowance, None: no limit.
    """

    charge: Literal["usage", "prepaid"]
    prices: Mapping[str, PriceKind]
    up_to: Decimal | None = None

    def price_for(self, row: str) -> PriceKind | None:
        """The price in billing row `row`, falling back to the one for every row."""
        return self.prices.get(row) or self.prices.get("")


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One feature as a plan grants it, with the feature's definition inlined as it was.

    `granted` is False for `sso: false`. `values` are the granted values of a list feature. For metered
    features `included` is the allowance per allowance period (`None`: unlimited) and `own_allowance` is
    False for `chats: true`, which draws on what it `spends`. `reset: default` is the billing interval, or a
    month where that is longer; `interval` is always the billing interval.
    """

    feature: Feature
    granted: bool = True
    values: tuple[str, ...] = ()
    included: Decimal | None = Decimal(0)
    own_allowance: bool = True
    reset: Reset = "default"
    rollover: str = ""
    prorate_allowance: bool = False
    late: Literal["bill", "reject"] = "bill"
    spends: Mapping[str, Fraction] = field(default_factory=dict)
    beyond: Beyond | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """`days` local days without charge; `card`: refused without a payment method on file."""

    days: int
    card: bool = False
    once_per: tuple[str, ...] = ("customer",)


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything a subscription snapshots. `free` plans have no rows. See docs/concepts/catalog.md.

    `expires` is `never`, `period`, `subscription` or an interval (`12 months`). `grace_days` None: never
    blocked. `quantity` is the inclusive range of units that may be bought. `wallet` makes an add-on a pack.
    """

    kind: Kind = "plan"
    group: str = ""
    free: bool = False
    rows: tuple[PriceRow, ...] = ()
    features: Mapping[str, Entitlement] = field(default_factory=dict)
    due_days: int = 14
    grace_days: int | None = None
    on_past_due: Literal["keep", "block"] = "keep"
    on_blocked: Literal["recover", "final"] = "recover"
    renewal_anchor: Literal["keep", "shift"] = "keep"
    anchor: Anchor = FROM_START
    proration: Literal["day", "second", "none"] = "day"
    bill: Literal["in advance", "in arrears"] = "in advance"
    decrease: Literal["renewal", "now"] = "renewal"
    pause: Literal["credit", "keep"] = "credit"
    settle: Literal["allowance", "renewal"] = "allowance"
    packs: bool = False
    trial: Trial | None = None
    expires: str = "never"
    quantity: tuple[int, int] = (1, 1)
    requires: tuple[str, ...] = ()
    wallet: Mapping[str, Decimal] = field(default_factory=dict)
    minimum: Prices = field(default_factory=dict)
    maximum: Prices = field(default_factory=dict)
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __hash__(self) -> int:
        """Of everything, made once, so that what follows from terms can be remembered by them.

        It is for memories alone: equal terms that are written in another way (another order of the features, which is
        the order of the lines; 1.0 for 1) have another one.
        """
        if not self._hash:
            object.__setattr__(self, "_hash", hash(repr(self)))
        return self._hash

    def row(self, interval: str) -> PriceRow | None:
        """The price row of an interval such as `month` or `3 months`."""
        return next((row for row in self.rows if str(row.interval) == interval), None)


@dataclass(frozen=True, slots=True)
class OnlyFor:
    """Who may be assigned the plan: any listed e-mail, domain, or member of a list kept in the store."""

    emails: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    list: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """How a plan is presented and to whom it is offered; changed in place, never snapshotted."""

    name: str = ""
    description: str = ""
    visibility: Literal["active", "inactive"] = "active"
    recommended: bool = False
    auto_enable: bool = False
    archived: bool = False
    only_for: OnlyFor | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, add-on or pack, after inheritance: no `like`, no defaults left to apply."""

    id: str
    terms: Terms
    offer: Offer = Offer()
    was: str = ""
    place: Place = NOWHERE

    @property
    def kind(self) -> Kind:
        """plan, addon or pack."""
        return self.terms.kind


@dataclass(frozen=True, slots=True)
class Group:
    """Plans of which a customer holds at most one at a time (`exclusive`); `order` is from lower to higher."""

    id: str
    name: str = ""
    exclusive: bool = True
    order: tuple[str, ...] = ()
    switch_up: Literal["now", "restart"] = "now"
    switch_down: Literal["at renewal", "on approval", "now"] = "at renewal"
    was: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax code: rates by the local date from which they hold (1970-01-01 where undated), as fractions of 1."""

    id: str
    name: str = ""
    country: str = ""
    rates: tuple[tuple[date, Decimal], ...] = ()
    included: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Coupon:
    """A discount: `percent` (a fraction of 1) or `amounts` per currency; `periods` None is forever, 1 is once."""

    id: str
    percent: Decimal | None = None
    amounts: Prices = field(default_factory=dict)
    periods: int | None = 1
    plans: tuple[str, ...] = ()
    until: date | None = None
    max_redemptions: int | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Example:
    """A price example: what one billing period of a plan with this usage must cost.

    `use` is a quantity per feature. A feature that is priced by event has its events' amounts in `events`.
    """

    id: str
    plan: str
    pay: str
    currency: str
    use: Mapping[str, Decimal]
    bill: Decimal
    place: Place = NOWHERE
    events: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """Levels re-mapped by rule id, and thresholds of apply (`max_price_change` as a fraction of 1)."""

    levels: Mapping[str, str] = field(default_factory=dict)
    max_price_change: Decimal = Decimal("0.25")
    max_subscribers_touched: int | None = None
    max_mrr_at_risk: Prices = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """A reviewed acceptance: rule addresses or fingerprints accepted in the first revision that contains it."""

    id: str
    title: str
    why: str
    accept: tuple[str, ...]
    place: Place = NOWHERE

    def marks(self, catalog: str) -> frozenset[str]:
        """What it is known by once a revision of the catalog contained it: its name, and what it says."""
        said = "\n".join((self.title, self.why, *sorted(self.accept)))
        return frozenset({f"{catalog}/{self.id}", f"{catalog}/={sha256(said.encode()).hexdigest()[:16]}"})


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything one directory declares, after inheritance. Maps are keyed by id."""

    name: str
    currencies: Mapping[str, Currency] = field(default_factory=dict)
    features: Mapping[str, Feature] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    plans: Mapping[str, Plan] = field(default_factory=dict)
    taxes: Mapping[str, TaxRate] = field(default_factory=dict)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    examples: Mapping[str, Example] = field(default_factory=dict)
    notes: Mapping[str, ChangeNote] = field(default_factory=dict)
    page: Mapping[str, str] = field(default_factory=dict)
    policy: Policy = Policy()
    currency_places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """Where each currency is declared; the first one declared is the first one shown."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A reading's result: the catalog (None where an error makes it unusable) and every finding, in order."""

    catalog: Catalog | None
    findings: tuple[Finding, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return self.catalog is not None and not any(finding.is_error for finding in self.findings)
