"""A store that sells a few plans, and customers in it, for the tests of journeys. Everything begins with 2026."""

from __future__ import annotations

from dataclasses import replace

from planctl.core.catalog.diff import diff
from planctl.core.catalog.parse import parse
from planctl.core.document import Mapping
from planctl.core.invoicing.advance import advance
from planctl.core.periods import Instant, parse_instant, zone
from planctl.core.subscriptions.model import Subscription
from planctl.core.subscriptions.start import Ask, started
from planctl.files.yaml_reader import read_text
from planctl.identifiers import new_id
from planctl.store import catalog as kept
from planctl.store import subscriptions
from planctl.store.catalog import CatalogWrite
from planctl.store.engine import Tx
from planctl.store.facts import facts_of_new, run_terms
from planctl.store.offers import offered
from planctl.store.outcomes import write_start
from planctl.store.selling import buyer

CATALOG = """\
format: planctl.catalog/1
catalog: world
currencies: {USD: , EUR: }
features:
  sso: {type: boolean}
  connectors: {type: list, values: [hubspot, zapier]}
  minutes: {type: metered, unit: minute}
  chats: {type: metered, unit: chat, spends: {minutes: 1/10}}
  seats: {type: metered, unit: seat, reset: never}
  storage: {type: metered, unit: GB, aggregate: max}
  api_calls: {type: metered, unit: call, event: api.call, aggregate: count}
  tokens: {type: metered, unit: token, event: completion, value: tokens, where: {model: large}}
groups:
  main: {order: [free, starter, strict]}
plans:
  free:
    group: main
    price: free
    auto_enable: true
    features: {minutes: 50, seats: 1}
  starter:
    group: main
    price: {month: {USD: 19, EUR: 18}}
    features:
      minutes: 1_000
      chats: true
      seats: 3
      storage: 10
      connectors: [hubspot]
      api_calls: {included: 100, beyond: {charge: usage, each: {USD: 0.02, EUR: 0.02}}}
  strict:
    like: starter
    group: main
    price: {month: {USD: 49, EUR: 46}}
    features:
      api_calls: {included: 100, late: reject, beyond: {charge: usage, each: {USD: 0.02, EUR: 0.02}}}
"""


def t(text: str) -> Instant:
    """A date or RFC 3339 time, in UTC."""
    return parse_instant(text, zone("UTC"))


NEW_YEAR = t("2026-01-01")


def apply(tx: Tx, text: str = CATALOG) -> None:
    """Apply a catalog, without its gates."""
    source = read_text(text, "world.yaml").files[0]
    assert isinstance(source.node, Mapping)
    parsed = parse([(source.name, source.node)])
    assert parsed.usable, parsed.findings
    assert parsed.catalog is not None
    changes = diff(kept.stored_catalog(tx), parsed.catalog, holders={})
    kept.write_changes(tx, CatalogWrite.of(changes, parsed.catalog, actor="ci", at=NEW_YEAR))


def start(tx: Tx, customer: str, plan: str, at: Instant = NEW_YEAR) -> Subscription:
    """Start a plan for a customer, with its first invoice."""
    sold_to = buyer(tx, customer)
    ask = Ask(at, at, currency="USD")
    starting = started(
        new_id("sub", at), sold_to.customer, offered(tx, plan), ask, sold_to.running, sold_to.declared
    )
    billed = advance(facts_of_new(tx, sold_to.customer, starting.subscription, at), at, run_terms(tx))
    write_start(tx, starting, billed, sold_to.customer, None, at)
    return starting.subscription


def settle(tx: Tx, subscription: Subscription, at: Instant) -> None:
    """Say that everything due by `at` is billed, as a run would."""
    subscriptions.update(tx, replace(subscription, settled_at=at), at)
