"""Running subscriptions in groups: who holds and pays alike, and what each used in the last closed period."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event

from planctl.core.catalog.book import Book, Held, summary
from planctl.core.catalog.diff import diff
from planctl.core.catalog.impact import impact_of
from planctl.store import catalog as kept
from planctl.store.as_of import customer_as_of
from planctl.store.book import book
from planctl.store.engine import Store, Tx, open_store
from tests import stores
from tests.core.catalog.diffing import catalog
from tests.data_makers.many_subscriptions import NOW, Many, fill
from tests.store.lawbooks import played
from tests.workflows.world import t

CATALOG = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: , EUR: }
features:
  sso: {type: boolean}
  minutes: {type: metered, unit: minute}
  chats: {type: metered, unit: chat, spends: {minutes: 1/10}}
  seats: {type: metered, unit: seat, reset: never}
  calls: {type: metered, unit: call}
groups: {main: {order: [free, pro]}}
plans:
  free: {group: main, price: free, features: {minutes: 50, seats: 2}}
  pro:
    group: main
    price: {month: {USD: 49, EUR: 46}}
    features:
      sso: true
      minutes: 100
      chats: true
      seats: {included: 3, beyond: {charge: prepaid, each: {USD: 4, EUR: 4}}}
      calls: {included: 2, beyond: {charge: usage, each: {USD: 0.5, EUR: 0.5}}}
  open: {group: main, price: {month: {USD: 99}}, features: {minutes: unlimited}}
"""
CUSTOMERS = ("nova", "lune", "kim", "ada", "zoe", "max", "lea")
HISTORY = """\
2026-01-01  subscribe nova pro --quantity seats=5
2026-01-01  subscribe lune pro
2026-01-01  subscribe ada free
2026-01-01  subscribe zoe open
2026-01-01  subscribe max pro
2026-01-01  assign lea pro --price 40 --pay month --in USD
2026-01-01  subscribe lea pro
2026-01-10  usage record nova minutes 70
2026-01-10  usage record nova chats 200
2026-01-10  usage record nova calls 5
2026-01-10  usage record lune minutes 130
2026-01-10  usage record ada minutes 40
2026-01-10  usage record ada seats 2
2026-01-10  usage record zoe minutes 1234
2026-01-20  subscription cancel max --at now
2026-01-28  subscribe kim pro
2026-02-01  invoice run
2026-02-03  usage record nova minutes 5 --at 2026-01-31 --id late-1
2026-02-10  usage record lune minutes 7
2026-02-17  subscription quantity nova seats=7
2026-02-17  subscription pause lune
2026-03-01  invoice run
"""
"""Max has left, lea agreed on 40, kim has no closed period before 28 February; nova's late minutes counted in March."""

AT = t("2026-02-18")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return played(tmp_path_factory.mktemp("book"), CATALOG, CUSTOMERS, HISTORY)


def gathered(path: Path, at: int = AT, **wanted: object) -> Book:
    asked = {"plans": None, "features": None, "names": True} | wanted
    with open_store(stores.url(path)) as store, store.read() as tx:
        return book(tx, at, **asked)  # type: ignore[arg-type]


def by_customer(found: Book) -> dict[str, Held]:
    """The group of each customer; here nobody shares one."""
    assert all(one.count == len(one.customers) == 1 for one in found.held)
    return {one.customers[0]: one for one in found.held}


def used(found: Book) -> object:
    return {name: one.used for name, one in by_customer(found).items()}


def test_who_runs_is_there_with_what_is_paid_by_the_month(shop: Path) -> None:
    found = by_customer(gathered(shop))
    assert {name: (one.plan, one.version, str(one.monthly)) for name, one in found.items()} == {
        "nova": ("pro", 1, "65"),  # 49 + 4 × 4
        "lune": ("pro", 1, "49"),
        "kim": ("pro", 1, "49"),
        "lea": ("pro", 1, "40"),
        "ada": ("free", 1, "0"),
        "zoe": ("open", 1, "99"),
    }
    assert found["nova"].quantities == {"seats": Decimal(7)}
    assert found["lea"].agreed == {"price.month.USD": "40"}
    assert {name for name, one in found.items() if not one.charged} == {"lune"}


def test_quantities_are_those_of_the_instant_asked_about(shop: Path) -> None:
    before = by_customer(gathered(shop, t("2026-02-16")))
    assert before["nova"].quantities == {"seats": Decimal(5)}
    assert before["nova"].monthly == 57


def test_usage_is_that_of_the_last_closed_period(shop: Path) -> None:
    assert used(gathered(shop)) == {
        "nova": {"minutes": 95, "chats": 200, "calls": 5, "seats": 0},  # 70 + 200 / 10 + 5 that were late
        "lune": {"minutes": 130, "chats": 0, "calls": 0, "seats": 0},  # 100 included, 30 over the limit
        "lea": {"minutes": 0, "chats": 0, "calls": 0, "seats": 0},
        "kim": {"seats": 0},
        "ada": {"minutes": 40, "seats": 2},  # no run closes a free plan's month: it is measured
        "zoe": {"minutes": 1_234},
    }


def test_only_features_asked_for_and_those_charged_by_use_are_told(shop: Path) -> None:
    found = used(gathered(shop, plans=["pro", "open"], features={"pro": {"sso", "minutes"}}))
    assert found == {
        "nova": {"minutes": 95, "calls": 5},
        "lune": {"minutes": 130, "calls": 0},
        "lea": {"minutes": 0, "calls": 0},
        "kim": {},
        "zoe": None,  # nobody asked for it
    }


def test_nobody_is_named_unless_that_is_asked_for(shop: Path) -> None:
    found = gathered(shop, names=False, features={})
    assert all(not one.customers for one in found.held)
    assert sorted((one.plan, int(one.monthly), one.count) for one in found.held) == [
        ("free", 0, 1),
        ("open", 99, 1),
        ("pro", 40, 1),
        ("pro", 49, 1),  # kim
        ("pro", 49, 1),  # lune, who is paused
        ("pro", 65, 1),
    ]


def test_those_alike_are_one_group(shop: Path) -> None:
    found = gathered(shop, t("2026-01-16"), plans=["pro"], features={}, names=False)
    assert max(one.count for one in found.held) == 1
    renamed = gathered(shop, plans=["gone"], features={})
    assert renamed.held == ()


def test_a_renamed_feature_is_told_under_its_present_id(tmp_path: Path) -> None:
    later = CATALOG.replace("minutes", "voice").replace(
        "voice: {type: metered, unit: minute}", "voice: {was: minutes, type: metered, unit: minute}"
    )
    (tmp_path / "later.yaml").write_text(later)
    path = played(
        tmp_path, CATALOG, ["lune"],
        "2026-01-01  subscribe lune pro\n"
        "2026-01-10  usage record lune minutes 130\n"
        "2026-02-01  invoice run\n"
        f"2026-02-02  catalog apply {tmp_path / 'later.yaml'}\n",
    )  # fmt: skip
    found = gathered(path, plans=["pro"], features={"pro": {"voice"}})
    assert used(found) == {"lune": {"voice": 130, "calls": 0}}
    assert found.present["minutes"] == "voice"


def test_what_was_issued_again_counts_once(tmp_path: Path) -> None:
    path = played(
        tmp_path, CATALOG, ["nova"],
        "2026-01-01  subscribe nova pro\n"
        "2026-01-10  usage record nova calls 5\n"
        "2026-02-01  invoice run\n"
        "2026-02-02  invoice void INV-2026-00002 --reissue --reason typo\n"
        "2026-02-03  invoice run\n",
    )  # fmt: skip
    assert used(gathered(path, plans=["pro"], features={"pro": ()})) == {"nova": {"calls": 5}}


# --- what is held, by several subscriptions of one customer

SEATS = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: }
features: {seats: {type: metered, unit: seat, reset: never}}
plans:
  pro: {price: {year: {USD: 490}}, features: {seats: 10}}
addons:
  extra: {requires: [pro], price: {month: {USD: 4}}, quantity: 1..9, features: {seats: 1}}
  more:
    requires: [pro]
    price: {month: {USD: 9}}
    features: {seats: {included: 1, beyond: {charge: prepaid, each: {USD: 3}}}}
  all: {requires: [pro], price: {month: {USD: 99}}, features: {seats: unlimited}}
"""
HOLDING = """\
2026-01-01  subscribe ann pro
2026-01-01  subscribe ben pro
2026-01-01  subscribe cem pro
2026-01-01  subscribe dan pro
2026-01-01  subscribe eve pro
2026-01-01  subscribe fay pro
2026-01-05  subscribe ann extra --quantity 3
2026-01-05  subscribe ben extra --quantity 2
2026-01-05  subscribe dan extra --quantity 2
2026-01-05  subscribe eve all
2026-01-05  subscribe fay more --quantity seats=3
2026-01-05  subscribe fay extra
2026-01-10  usage record ann seats 7
2026-01-10  usage record ben seats 7
2026-01-10  usage record cem seats 7
2026-01-10  usage record dan seats 8
2026-01-10  usage record eve seats 7
2026-01-10  usage record fay seats 11
2026-01-20  subscription quantity fay/more seats=2
"""
LEFT = {"ann": 4, "ben": 5, "cem": 7, "dan": 6, "eve": 0, "fay": 7}
"""Held less what add-ons include: 7 - 3, 7 - 2, 7, 8 - 2; all; 11 - 1 - 3, which fay holds until 5 February."""


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return played(tmp_path_factory.mktemp("team"), SEATS, sorted(LEFT), HOLDING)


def test_a_level_counts_for_every_subscription_that_grants_it_less_what_the_others_include(
    team: Path,
) -> None:
    found = gathered(team, t("2026-01-25"), features={"pro": {"seats"}, "extra": {"seats"}})
    assert {one.customers[0]: one.levels for one in found.of("pro")} == {
        name: {"seats": level} for name, level in LEFT.items()
    }
    # extra answers for nothing while the 10 of Pro are enough, but for fay's: 11 - 10 - 3 is nothing too
    assert {name for one in found.of("extra") for name in one.customers} == {"ann", "ben", "dan", "fay"}
    assert {level for one in found.of("extra") for level in one.levels.values()} == {0}


def test_what_is_left_of_a_level_agrees_with_what_check_says_remains(team: Path) -> None:
    with open_store(stores.url(team)) as store, store.read() as tx:
        for name, level in LEFT.items():
            pools = [holding.pools["seats"] for holding in customer_as_of(tx, name, t("2026-01-25")).holdings]
            remaining = [pool.remaining for pool in pools]
            if None in remaining:
                assert name == "eve"
            else:
                assert sum(left for left in remaining if left is not None) == 10 - level, name


def test_a_lower_number_of_seats_is_over_where_the_customer_would_hold_more_than_all_include(
    team: Path,
) -> None:
    lower = catalog(SEATS.replace("features: {seats: 10}", "features: {seats: 5}"))
    found = gathered(team, t("2026-01-25"), features={"pro": {"seats"}})
    with open_store(stores.url(team)) as store, store.read() as tx:
        (change,) = diff(kept.stored_catalog(tx), lower, holders=kept.holders(tx)).changes
    impact = impact_of(change, lower.plans["pro"], found)
    assert impact is not None
    (seats,) = impact.overuse
    # ann may hold 5 + 3, ben 5 + 2; cem may hold 5 and holds 7, dan 5 + 2 and holds 8, fay 5 + 4 and holds 11
    assert (seats.over, seats.subscriptions, seats.customers) == (3, 6, ("cem", "dan", "fay"))
    told = impact_of(change, lower.plans["pro"], summary(found))
    assert told is not None
    assert (told.overuse[0].over, told.overuse[0].subscriptions) == (3, 6)  # a snapshot says the same


# --- many at once


def test_many_subscriptions_are_gathered_with_as_many_queries_as_few(store: Store) -> None:
    with store.write() as tx:
        fill(tx, Many(plans=3, subscriptions=300, versions=2))
        few = _queries(tx)
        tx.rollback_only()
    with store.write() as tx:
        fill(tx, Many(plans=3, subscriptions=600, versions=2))
        found = book(tx, NOW, ["plan_0", "plan_1"], {"plan_0": {"minutes"}})
        assert _queries(tx) == few
        tx.rollback_only()
    # A third of 600 each; number n used n × 37 % 6000 + 2 minutes in the third month.
    counts = {plan: sum(one.count for one in found.of(f"plan_{plan}")) for plan in range(3)}
    assert counts == {0: 200, 1: 200, 2: 0}
    minutes = [one.used["minutes"] for one in found.of("plan_0") if one.used]
    assert max(minutes) == max(
        number * 37 % 6_000 + 2 for number in range(0, 600, 3) if number // 11 % 100 >= 3
    )
    assert all(one.used is None for one in found.of("plan_1"))


def test_two_plans_with_the_same_terms_are_told_apart(store: Store) -> None:
    with store.write() as tx:
        fill(tx, Many(plans=91, subscriptions=91, versions=1))  # every 50th plan costs the same
        wanted = {"plan_40": {"minutes"}, "plan_90": {"minutes"}}
        found = book(tx, NOW, wanted.keys(), wanted)
        tx.rollback_only()
    (first,), (second,) = found.of("plan_40"), found.of("plan_90")
    assert first.terms == second.terms
    assert (first.used or {})["minutes"] == 40 * 37 + 2
    assert (second.used or {})["minutes"] == 90 * 37 + 2


def _queries(tx: Tx) -> int:
    """How many statements gathering a book takes."""
    sent: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(tx.connection, "before_cursor_execute", note)
    book(tx, NOW, ["plan_0", "plan_1"], {"plan_0": {"minutes"}})
    event.remove(tx.connection, "before_cursor_execute", note)
    return len(sent)
