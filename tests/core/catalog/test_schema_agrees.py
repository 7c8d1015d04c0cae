"""Whatever value stands wherever in a catalog: what the parser takes, an editor leaves unmarked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.catalog.parse import parse
from planctl.core.document import Entry, Mapping, Node, Scalar, Sequence
from tests.core.catalog.editors import as_1_2, judge
from tests.core.catalog.helpers import tree

WHOLE = """
format: planctl.catalog/1
catalog: test
currencies: {USD: {name: Dollar}, EUR: , TOK: {decimals: 3, iso: false}}
defaults: {due: 3 days}
features:
  sso: {type: boolean, name: Single sign-on, archived: false}
  apps: {type: list, values: [mail, chat]}
  seats: {type: metered, unit: seat, reset: never}
  minutes:
    {type: metered, unit: minute, event: call, aggregate: sum, value: v, where: {a: b}, round: {to: 1, mode: up}}
  chats: {type: metered, unit: chat, spends: {minutes: 1/10}}
  payments: {type: metered, event: payment}
groups: {main: {name: Main, exclusive: true, order: [pro], switch: {up: now, down: now}}}
taxes: {vat: {name: VAT, country: DE, rate: {2020-07-01: 16%}, included: true}}
page: {title: Plans, intro: Pick one, colour: red, button: /start, contact: us}
plans:
  pro:
    price: {month: {USD: 9, EUR: 5..9}, year: {USD: 90, EUR: 50}}
    group: main
    features:
      sso: true
      apps: [mail]
      seats: 5
      minutes:
        included: 10
        reset: month
        rollover: 5
        prorate_allowance: true
        late: bill
        beyond:
          charge: usage
          up_to: 1_000
          volume: [{to: 100, each: {USD: 1, EUR: 1}}, {each: {USD: 1, EUR: 1}, flat: {USD: 2, EUR: 2}}]
          flat_at_zero: true
          convert: {by: 60, round: up}
          included_as: tier
      chats: {spends: {minutes: 1/5}}
      payments:
        beyond:
          charge: usage
          percentage:
            {rate: 2.9%, of: amount, fixed: {USD: 0.3, EUR: 0.3}, min: {USD: 0.1, EUR: 0.1},
             max: {USD: 9, EUR: 9}, free_events: 5, free_amount: {USD: 5, EUR: 5}}
    due: 7 days
    grace: 3 days
    on_past_due: keep
    on_blocked: final
    renewal_anchor: shift
    anchor: day 5
    proration: day
    bill: in advance
    settle: renewal
    decrease: now
    pause: keep
    packs: true
    minimum: {USD: 5}
    maximum: {USD: 500}
    trial: {days: 5, card: true, once_per: [customer]}
    expires: 12 months
    name: Pro
    description: For teams
    visibility: active
    recommended: true
    only_for: {emails: [dean@school.example], domains: [school.example], list: schools}
    metadata: {erp: "12"}
  team:
    like: pro
    features:
      minutes:
        beyond: {charge: usage, package: {of: 10, price: {USD: 1, EUR: 1}, round: up, minimum_packages: 1}}
addons:
  seat: {price: {month: {USD: 1}}, quantity: 1..20, features: {seats: 1}}
  pack: {price: {once: {USD: 1}}, wallet: {minutes: 100}, expires: period}
coupons: {launch: {off: 20%, for: 3 periods, until: 2026-12-31, max: 5}, tenner: {off: {USD: 5}}}
changes: {rise: {title: Dearer, why: Costs, accept: [77c1d09e5b3f]}}
policy:
  {hidden: breaking, levels: {price-increase: safe}, max_price_change: 25%, max_subscribers_touched: 5,
   max_mrr_at_risk: {USD: 5}}
"""

Path = tuple[str | int, ...]

PLAIN = (
    "", "0", "1", "2", "-1", "+1", "1.0", "1.5", "1_000", "01", "1e3", "0x1F", "12:30", "1,000", "NO", "on", "true",
    "True", "yes", "free", "usage", "none", "never", "unlimited", "all", "once", "month", "2 months", "3 months",
    "0 days", "1 day", "07 days", "period", "subscription", "5%", "5 %", "0%", "101%", "1_000%", "1/10", "1 / 10",
    "0/5", "1..5", "5 .. 9", "0..5", "2026-12-31", "day 31", "day 32", "start", "calendar", "keep", "now",
    "at renewal", "renewal", "two words", "pro", "Pro", "USD", "tier", "units", "up", "half_up", "interval",
    "default", "week", "safe", "error", "forever", "12 periods", "$5", "9" * 20, "1.1234567890_12", "123456789012",
)  # fmt: skip
FIVE = Mapping((Entry(Scalar("USD"), Scalar("5")),))
ODD: tuple[Node, ...] = (
    *(Scalar(text) for text in PLAIN),
    Scalar("5", quoted=True),
    Mapping(()),
    FIVE,
    Mapping((Entry(Scalar("month"), FIVE),)),
)
IDS = {"catalog", "order"}
"""Where an id stands: the parser also takes `true`, or nothing in a list, and no editor needs to."""


def places(node: Node, path: Path = ()) -> Iterator[Path]:
    """Every place below a node."""
    below: list[tuple[str | int, Node]] = []
    if isinstance(node, Mapping):
        below = [(entry.key.text, entry.value) for entry in node.entries]
    elif isinstance(node, Sequence):
        below = list(enumerate(node.items))
    for step, inner in below:
        yield (*path, step)
        yield from places(inner, (*path, step))


def put(node: Node, path: Path, value: Node) -> Node:
    """The tree with another value at a place."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(node, Mapping):
        return replace(
            node,
            entries=tuple(
                replace(one, value=put(one.value, rest, value)) if one.key.text == step else one
                for one in node.entries
            ),
        )
    assert isinstance(node, Sequence)
    return replace(
        node, items=tuple(put(one, rest, value) if at == step else one for at, one in enumerate(node.items))
    )


ROOT = tree(WHOLE)[1]
PLACES = [path for path in places(ROOT) if not IDS & set(path)]


def test_the_catalog_to_begin_with_is_clean() -> None:
    assert not any(finding.is_error for finding in parse([("catalog.yaml", ROOT)]).findings)
    assert [error.message for error in judge().iter_errors(as_1_2(ROOT))] == []


@given(st.sampled_from(PLACES), st.sampled_from(ODD))
def test_what_the_parser_takes_an_editor_leaves_unmarked(path: Path, value: Node) -> None:
    changed = put(ROOT, path, value)
    assert isinstance(changed, Mapping)
    if not any(finding.is_error for finding in parse([("catalog.yaml", changed)]).findings):
        assert [error.json_path for error in judge().iter_errors(as_1_2(changed))] == []
