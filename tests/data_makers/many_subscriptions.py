"""Makes catalogs of many plans and stores full of subscriptions to them, the same ones every time.

Subscriptions are spread over versions, currencies, rows, quantities and statuses; closed months are settled and
have claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from planctl.core.catalog.changeset import Holders
from planctl.core.catalog.diff import diff
from planctl.core.catalog.model import Catalog
from planctl.core.catalog.negotiate import Agreed, agreed
from planctl.core.catalog.parse import parse
from planctl.core.currencies import Currency, iso_currency
from planctl.core.customers import Customer
from planctl.core.document import Mapping, Scalar
from planctl.core.instants import DAY_MICROSECONDS
from planctl.core.invoicing.model import Settlement, UsageClaim
from planctl.core.periods import Instant
from planctl.core.subscriptions.dues import USAGE
from planctl.core.subscriptions.model import BlockedSpan, Status, Subscription
from planctl.core.subscriptions.start import Offered
from planctl.files.yaml_reader import read_text
from planctl.store import catalog as kept
from planctl.store import customers, subscriptions
from planctl.store.catalog import CatalogWrite
from planctl.store.engine import Tx
from planctl.store.offers import offered
from planctl.store.settlements import add_claims, add_settlements

CURRENCIES = ("USD", "EUR", "GBP", "JPY")
BORN = Instant(1_767_225_600_000_000)
"""2026-01-01T00:00:00Z."""
NOW = Instant(BORN + 150 * DAY_MICROSECONDS)
"""2026-05-31T00:00:00Z."""
AGREED_PRICE = Decimal(40)
_AT_ONCE = 5_000
_MONTH = 30 * DAY_MICROSECONDS
_HEAD = """\
format: planctl.catalog/1
catalog: many
currencies: {USD: , EUR: , GBP: , JPY: }
features:
  sso: {type: boolean, name: Single sign-on}
  connectors: {type: list, name: Integrations, values: [hubspot, zapier, slack]}
  minutes: {type: metered, name: Voice, unit: minute}
  chats: {type: metered, name: Chats, unit: chat, spends: {minutes: 1/10}}
  seats: {type: metered, name: Seats, unit: seat, reset: never}
  calls: {type: metered, name: Calls, unit: call, event: api.call, aggregate: count}
groups:
  main: {name: Plans}
plans:
"""
_FEES = """\
    price:
      month: {{USD: {usd}, EUR: {eur}, GBP: {gbp}, JPY: {jpy}}}
      year: {{USD: {usd}0, EUR: {eur}0, GBP: {gbp}0, JPY: {jpy}0}}
"""
_FIRST = f"""\
  plan_{{number}}:
    name: Plan {{number}}
    group: main
{_FEES}    features:
      sso: true
      connectors: [hubspot, zapier]
      minutes: {{minutes}}
      chats: true
      seats:
        included: 3
        beyond:
          charge: prepaid
          each:
            month: {{{{USD: 5, EUR: 5, GBP: 4, JPY: 700}}}}
            year: {{{{USD: 50, EUR: 50, GBP: 40, JPY: 7_000}}}}
      calls:
        included: 1_000
        beyond:
          charge: usage
          graduated:
            - {{{{to: 10_000, each: {{{{USD: 0.01, EUR: 0.01, GBP: 0.01, JPY: 2}}}}}}}}
            - {{{{each: {{{{USD: 0.008, EUR: 0.008, GBP: 0.007, JPY: 1}}}}}}}}
"""
_LIKE = f"""\
  plan_{{number}}:
    like: plan_0
    name: Plan {{number}}
{_FEES}    features: {{{{minutes: {{minutes}}}}}}
"""


def catalog_text(plans: int, version: int = 1, changed: int | None = None) -> str:
    """A catalog of so many plans; each further version raises fees by 1 and lowers the minutes by 100.

    `changed`: only so many of the plans have that version, the rest the one before.
    """
    texts = []
    for number in range(plans):
        step = version if changed is None or number < changed else version - 1
        fee = 19 + number % 50 + step
        prices = {"usd": fee, "eur": fee - 1, "gbp": fee - 3, "jpy": fee * 150}
        plan = _LIKE if number else _FIRST
        texts.append(plan.format(number=number, minutes=5_100 - 100 * step, **prices))
    return _HEAD + "".join(texts)


def catalog_of(text: str) -> Catalog:
    """The catalog of a text without errors."""
    source = read_text(text, "many.yaml").files[0]
    assert isinstance(source.node, Mapping)
    parsed = parse([(source.name, source.node)])
    assert parsed.usable, parsed.findings[:3]
    assert parsed.catalog is not None
    return parsed.catalog


def apply_text(tx: Tx, text: str) -> None:
    """Apply a catalog, without its gates."""
    desired = catalog_of(text)
    changes = diff(kept.stored_catalog(tx), desired, holders=dict[str, Holders]())
    kept.write_changes(tx, CatalogWrite.of(changes, desired, actor="ci", at=BORN))


@dataclass(frozen=True, slots=True)
class Many:
    """How much there is to be."""

    plans: int
    subscriptions: int
    versions: int = 3
    periods: int = 3


def fill(tx: Tx, many: Many) -> None:
    """Apply as many versions of the catalog, and add the subscriptions, each of a customer of its own."""
    for version in range(1, many.versions + 1):
        apply_text(tx, catalog_text(many.plans, version))
    sold = {
        (number, version): offered(tx, f"plan_{number}", version)
        for number in range(many.plans)
        for version in range(1, many.versions + 1)
    }
    special = {number: _negotiated(tx, number, many.versions) for number in range(many.plans)}
    for start in range(0, many.subscriptions, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, many.subscriptions))
        made = [_subscription(number, many, sold, special) for number in numbers]
        customers.add_all(tx, [Customer(one.customer, created_at=BORN) for one in made])
        subscriptions.insert_many(tx, [(one, NOW) for one in made])
        claims = [claim for one in made for claim in _claims(one, many.periods)]
        closed = dict.fromkeys((claim.subscription, claim.allowance_index, claim.ends_at) for claim in claims)
        add_settlements(tx, [(Settlement(name, USAGE, index, "zero", at), "") for name, index, at in closed])
        add_claims(tx, [(claim, "") for claim in claims])


def _negotiated(tx: Tx, number: int, version: int) -> Agreed:
    """The newest version with a price of 40 USD a month agreed."""
    _, _, snapshot = kept.plan_snapshot(tx, f"plan_{number}", version)
    declared = {code: _currency(code) for code in CURRENCIES}
    made = agreed(f"plan_{number}", snapshot, {"price.month.USD": Scalar(str(AGREED_PRICE))}, declared)
    subscriptions.keep_terms(tx, made.snapshot)
    return made


def _subscription(
    number: int, many: Many, sold: dict[tuple[int, int], Offered], special: dict[int, Agreed]
) -> Subscription:
    """The subscription with that number: every tenth pays by the year, every 97th agreed on a price of 40."""
    plan, version = number % many.plans, 1 + (number // many.plans) % many.versions
    offer = sold[(plan, version)]
    start = Instant(BORN + (number % 28) * DAY_MICROSECONDS)
    plain = Subscription(
        id=f"sub_{number:07}",
        customer=f"customer_{number:07}",
        plan=offer.plan,
        plan_version=offer.version,
        terms=offer.terms,
        terms_hash=offer.terms_hash,
        currency=_currency(CURRENCIES[(number // 7) % len(CURRENCIES)]),
        pay="year" if number % 10 == 3 else "month",
        timezone="UTC",
        started_at=start,
        anchor_at=start,
        status=_status(number),
        exclusive_group="main",
        quantities={"seats": Decimal(3 + number % 9)} if number % 4 == 1 else {},
        blocked=_spans(number, start),
        created_at=start,
    )
    if number % 97 or version != many.versions:
        return plain
    made = special[plan]
    return replace(
        plain,
        terms=made.terms,
        terms_hash=made.hash,
        currency=_currency("USD"),
        pay="month",
        negotiated={"price.month.USD": str(AGREED_PRICE)},
    )


def _status(number: int) -> Status:
    """Of a hundred: 3 in a trial, 2 blocked, 1 paused, 4 past due."""
    place = number // 11 % 100
    if place < 3:
        return Status.TRIALING
    if place < 6:
        return Status.PAUSED if place == 3 else Status.BLOCKED
    return Status.PAST_DUE if place < 10 else Status.ACTIVE


def _spans(number: int, start: Instant) -> tuple[BlockedSpan, ...]:
    at = Instant(start + 100 * DAY_MICROSECONDS)
    status = _status(number)
    if status is Status.PAUSED:
        return (BlockedSpan(at, kind="paused"),)
    return (BlockedSpan(at),) if status is Status.BLOCKED else ()


def _claims(one: Subscription, periods: int) -> Iterator[UsageClaim]:
    """What the last months took, of minutes and of calls; those in a trial have no closed one yet."""
    number = int(one.id.removeprefix("sub_"))
    for index in range(periods if one.status is not Status.TRIALING else 0):
        starts_at = Instant(one.started_at + index * _MONTH)
        for feature, used in (("minutes", number * 37 % 6_000), ("calls", number * 53 % 30_000)):
            quantity = Fraction(used + index)
            included = min(quantity, Fraction(one.terms.features[feature].included or 0))
            over = quantity - included
            billed = over if feature == "calls" else Fraction(0)
            yield UsageClaim(
                one.id,
                feature,
                index,
                starts_at,
                Instant(starts_at + _MONTH),
                quantity,
                included,
                Fraction(0),
                billed,
                over - billed,
            )


def _currency(code: str) -> Currency:
    found = iso_currency(code)
    assert found is not None, code
    return found


def used_last(numbers: Sequence[int], periods: int) -> list[int]:
    """The minutes that these subscriptions used in their last closed month."""
    return [number * 37 % 6_000 + periods - 1 for number in numbers]
