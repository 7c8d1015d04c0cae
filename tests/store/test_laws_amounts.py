"""The laws of amounts over wallets, add-ons, rollover, minimum, maximum, discounts and late usage.

The history is made by the commands themselves; the edits are raw SQL in a copy of the file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.store import invoices
from planctl.store.engine import open_store
from planctl.store.laws.reading import subscription_pages
from tests import stores
from tests.store.lawbooks import Edit, numbered, of, played, violations
from tests.stores import edited

CATALOG = """\
format: planctl.catalog/1
catalog: yard
currencies: {USD: }
defaults: {due: 90 days, packs: true}
features:
  minutes: {type: metered, unit: minute}
  calls: {type: metered, unit: call}
  texts: {type: metered, unit: text}
  seats: {type: metered, unit: seat, reset: never}
  payments: {type: metered, unit: payment, event: payment, aggregate: count}
groups:
  main: {exclusive: false}
plans:
  base:
    group: main
    price: {month: {USD: 20}}
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}
      calls: {included: 10, rollover: 15}
      seats: {included: 2, beyond: {charge: prepaid, each: {USD: 7}}}
  promised:
    group: main
    price: {month: {USD: 20}}
    minimum: {USD: 100}
    features: {minutes: {reset: week, beyond: {charge: usage, each: {USD: 0.50}}}}
  capped:
    group: main
    price: {month: {USD: 5}}
    maximum: {USD: 10}
    features:
      minutes: {reset: week, beyond: {charge: usage, each: {USD: 0.50}}}
      texts: {reset: week, beyond: {charge: usage, each: {USD: 0.25}}}
  shop:
    group: main
    price: {month: usage}
    features:
      payments: {beyond: {charge: usage, percentage: {rate: 2.9%, of: amount, fixed: {USD: 0.30}}}}
  quarterly:
    group: main
    price: {3 months: {USD: 30}}
    settle: renewal
    features: {minutes: {included: 10, reset: month, beyond: {charge: usage, each: {USD: 0.10}}}}
  booster:
    group: main
    price: {month: {USD: 5}}
    features: {minutes: {included: 50, beyond: {charge: usage, each: {USD: 0.70}}}}
addons:
  line:
    price: {month: {USD: 3}}
    features: {texts: {included: 5, beyond: {charge: usage, each: {USD: 0.02}}}}
  minutes_1k: {price: {once: {USD: 50}}, wallet: {minutes: 1_000}, expires: never}
coupons:
  half: {off: 50%, for: forever}
"""

HISTORY = """\
2026-01-01  subscribe nova base --quantity seats=4
2026-01-01  subscribe vega promised
2026-01-01  subscribe lyra capped
2026-01-01  subscribe mira shop
2026-01-01  subscribe juno quarterly
2026-01-01  subscribe orla base --coupon half
2026-01-01  subscribe gaia base
2026-01-05  wallet buy nova minutes_1k
2026-01-10  subscribe nova line
2026-01-12  subscription quantity nova/base seats=6
2026-01-12  usage record nova minutes 130
2026-01-13  usage record nova calls 4
2026-01-14  usage record nova texts 30
2026-01-14  usage record vega minutes 20
2026-01-14  usage record lyra minutes 16
2026-01-14  usage record lyra texts 20
2026-01-15  subscribe gaia booster
2026-01-20  usage record gaia minutes 160
2026-01-20  usage record mira payment --property amount=100
2026-01-21  usage record juno minutes 30
2026-01-22  usage record orla minutes 150 --id all
2026-02-01  invoice run
2026-02-03  usage record nova calls 18
2026-02-04  usage record nova minutes 5 --at 2026-01-25
2026-02-04  usage record mira payment --at 2026-01-25 --property amount=50
2026-02-04  usage record orla minutes -30 --corrects all --at 2026-01-22
2026-02-04  usage record vega minutes 2 --at 2026-01-14
2026-02-05  usage record juno minutes 11
2026-03-01  invoice run
2026-03-20  usage record gaia minutes 3 --at 2026-02-20
"""
"""Nova buys a pack, an add-on and two seats more; what gaia used late of February is not billed yet."""

CUSTOMERS = ("nova", "vega", "lyra", "mira", "juno", "orla", "gaia")

LINES = {
    # 130 minutes, 100 of them included and 30 of the pack; 25 texts above 5 at 0.02; 4 seats at 7
    ("nova", "2026-02-01"): ["fee 20.00", "quantity:seats 28.00", "usage:texts 0.50", "fee 3.00"],
    # the 5 late minutes are the pack's
    ("nova", "2026-03-01"): ["fee 20.00", "quantity:seats 28.00", "fee 3.00"],
    # 20 minutes at 0.50; 100 less 20 and 10; then 2 minutes more, and so much less is short
    ("vega", "2026-02-01"): ["usage:minutes 10.00", "minimum 70.00", "fee 20.00"],
    ("vega", "2026-03-01"): ["usage:minutes 1.00", "minimum -1.00", "minimum 80.00", "fee 20.00"],
    # 8.00 and 5.00 are 13.00, of which 10.00 are charged: 8 / 13 and 5 / 13 of it
    ("lyra", "2026-02-01"): ["usage:minutes 6.15", "usage:texts 3.85", "fee 5.00"],
    ("lyra", "2026-03-01"): ["fee 5.00"],
    # 2.9 % of 100, and of 50, and 0.30 each
    ("mira", "2026-02-01"): ["usage:payments 3.20"],
    ("mira", "2026-03-01"): ["usage:payments 1.75"],
    # 50 minutes above 100 at 0.10, half of it discounted; 30 less, of which half was never paid
    ("orla", "2026-02-01"): ["usage:minutes 5.00", "fee 20.00"],
    ("orla", "2026-03-01"): ["fee 20.00", "usage:minutes -1.50"],
    # 160 minutes: base's 100 end first, booster's 50 pay the next, 10 are above
    ("gaia", "2026-02-01"): ["usage:minutes 1.00", "fee 20.00"],
    ("gaia", "2026-03-01"): ["fee 20.00", "fee 5.00"],
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store with the history; copy it, never open it."""
    return played(tmp_path_factory.mktemp("history"), CATALOG, CUSTOMERS, HISTORY)


@pytest.fixture
def books(history: Path, tmp_path: Path) -> Path:
    """A copy of the store with the history, to be edited."""
    path = tmp_path / "books.db"
    stores.copy(history, path)
    return path


def test_the_history_is_the_one_that_is_meant(history: Path) -> None:
    found: dict[tuple[str, str], list[str]] = {}
    with open_store(stores.url(history)) as store, store.read() as tx:
        for one in invoices.get_many(tx, [one.id for one in invoices.listing(tx)]).values():
            day = "2026-02-01" if one.draft.issued_at == 1_769_904_000_000_000 else "2026-03-01"
            if one.draft.issued_at in {1_769_904_000_000_000, 1_772_323_200_000_000}:
                lines = [f"{line.charge_key} {line.amount_minor / 100:.2f}" for line in one.draft.lines]
                found.setdefault((one.draft.customer, day), []).extend(lines)
    assert {name: sorted(lines) for name, lines in found.items()} == {
        name: sorted(lines) for name, lines in LINES.items()
    }


def test_a_store_in_which_everything_was_billed_obeys_every_law(books: Path) -> None:
    assert violations(books) == []


EDITS = (
    Edit(
        "a part that grants paid is less",
        "claims-complete wallet-debits-claimed",
        "minutes: 125 were claimed, the events recorded give 135",
        [
            "UPDATE usage_claim SET wallet = '20', quantity = '120' WHERE feature = 'minutes' AND occasion = ''"
            f" AND allowance_idx = 0 AND subscription = {of('nova', 'base')}",
        ],
    ),
    Edit(
        "a part that grants paid is said to be billed",
        "invoices-rerate wallet-debits-claimed",
        "usage:minutes: 0 were charged in all, billed again it costs 100 (minor units)",
        [
            "UPDATE usage_claim SET wallet = '20', billed = '10' WHERE feature = 'minutes' AND occasion = ''"
            f" AND allowance_idx = 0 AND subscription = {of('nova', 'base')}",
        ],
    ),
    Edit(
        "more was brought in than was carried on",
        "claims-complete",
        "calls: 8 were brought in, the period before carried 6 on",
        [f"UPDATE usage_claim SET rolled = '8' WHERE rolled = '6' AND subscription = {of('nova', 'base')}"],
    ),
    Edit(
        "more is carried on than was left",
        "claims-complete",
        "calls: 7 are carried on, the terms say 6",
        [f"UPDATE usage_claim SET carried = '7' WHERE carried = '6' AND subscription = {of('nova', 'base')}"],
    ),
    Edit(
        "a difference rolls over",
        "claims-complete",
        "minutes: the difference late:1 rolls over",
        [
            "UPDATE usage_claim SET carried = '7' WHERE occasion = 'late:1'"
            f" AND subscription = {of('orla', 'base')}"
        ],
    ),
    Edit(
        "the line of an add-on stands on another invoice",
        "invoices-rerate invoices-sum invoices-unaltered",
        "its line fee 1 is there, billed again it is not",
        [
            f"UPDATE invoice_line SET invoice = {numbered(1)}, position = 9 WHERE charge_key = 'fee'"
            f" AND service_idx = 1 AND subscription = {of('nova', 'line')}",
        ],
    ),
    Edit(
        "the usage of an add-on stands on another invoice",
        "invoices-rerate invoices-sum invoices-unaltered",
        "its line usage:texts 0 is settled by nothing on it",
        [
            f"UPDATE invoice_line SET invoice = {numbered(1)}, position = 9 WHERE charge_key = 'usage:texts'"
            f" AND subscription = {of('nova', 'line')}",
        ],
    ),
    Edit(
        "what an add-on settled is on somebody else's invoice",
        "settlements-billed invoices-rerate",
        "fee 1 is billed and names invoice INV-2026-00002 (open)",
        [
            f"UPDATE settlement SET invoice = {numbered(2)} WHERE part = 'fee' AND idx = 1"
            f" AND subscription = {of('nova', 'line')}",
        ],
    ),
    Edit(
        "a minimum is dearer",
        "invoices-rerate invoices-sum invoices-unaltered",
        "its line minimum 0 has the amount 7001, billed again 7000",
        ["UPDATE invoice_line SET amount = 7001 WHERE kind = 'minimum' AND amount = 7000"],
    ),
    Edit(
        "a minimum is lowered by more than what was late",
        "invoices-rerate invoices-sum invoices-unaltered",
        "its minimum 0 comes to 6890 with what was late, billed again to 6900 (minor units)",
        [
            "UPDATE invoice_line SET amount = -110, detail = replace(detail, '-100', '-110')"
            " WHERE charge_key = 'minimum' AND amount = -100",
        ],
    ),
    Edit(
        "a usage line within the maximum is dearer",
        "invoices-rerate invoices-sum invoices-unaltered",
        "its line usage:texts 1 has the amount 386, billed again 385",
        ["UPDATE invoice_line SET amount = 386 WHERE amount = 385"],
    ),
    Edit(
        "a line of a share of payments is dearer",
        "invoices-rerate invoices-sum invoices-unaltered",
        "usage:payments: 496 were charged in all, billed again it costs 495 (minor units)",
        ["UPDATE invoice_line SET amount = 321 WHERE amount = 320"],
    ),
    Edit(
        "more is given back than the discount left to pay",
        "invoices-rerate invoices-sum invoices-unaltered credits-within-charges",
        "usage:minutes: the line of late:1 charges -300, its difference comes to -150 (minor units)",
        ["UPDATE invoice_line SET amount = -300 WHERE amount = -150"],
    ),
    Edit(
        "seats bought within a period are dearer",
        "invoices-rerate invoices-sum invoices-unaltered",
        "its line quantity:seats 0 has the amount 904, billed again 903",
        ["UPDATE invoice_line SET amount = 904 WHERE occasion = 'change:1'"],
    ),
    Edit(
        "a pack is dearer than its price",
        "invoices-rerate invoices-sum invoices-unaltered",
        "its line pack:minutes_1k has the amount 5001, its price comes to 5000",
        ["UPDATE invoice_line SET amount = 5001 WHERE kind = 'pack'"],
    ),
    Edit(
        "usage that two plans shared is more",
        "claims-complete",
        "minutes: 110 were claimed, the events recorded give 111",
        ["UPDATE usage_event SET quantity = 161 WHERE quantity = 160"],
    ),
    Edit(
        "usage of a quarter is forgotten",
        "events-unaltered",
        "usage of juno, minutes at 2026-01-21T00:00:00Z: altered",
        [
            "UPDATE usage_event SET quantity = 29 WHERE quantity = 30"
            " AND customer = (SELECT seq FROM customer WHERE id = 'juno')",
        ],
    ),
    Edit(
        "late usage is forgotten before it is billed",
        "claims-complete",
        "minutes: 0 were claimed, the events recorded give 3",
        ["DELETE FROM late_usage"],
    ),
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.what.replace(" ", "-"))
def test_an_edit_is_found_by_the_law_that_it_breaks_and_by_no_other(books: Path, edit: Edit) -> None:
    edited(books, *edit.statements)
    found = violations(books)
    assert {one.law for one in found} == set(edit.laws.split()), [*map(str, found)]
    assert any(edit.says in str(one) for one in found), [*map(str, found)]


@pytest.mark.parametrize(("limit", "most"), [("CHUNK", 1), ("LINES", 0)])
def test_a_customer_is_looked_at_whole_however_small_a_page_is(
    books: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    """A page ends by its subscriptions, and by the invoice lines that they have."""
    monkeypatch.setattr(f"planctl.store.laws.reading.{limit}", most)
    with open_store(stores.url(books)) as store, store.read() as tx:
        pages = [sorted(one.plan for one in page.subscriptions.values()) for page in subscription_pages(tx)]
    assert pages == [
        ["base", "line"], ["promised"], ["capped"], ["shop"], ["quarterly"], ["base"], ["base", "booster"],
    ]  # fmt: skip
    assert violations(books) == []
