"""What a credit note may take back, worked out a second time from the rows alone: of no charge more than is left of it.

A charge is what one subscription pays for one feature, or as its fee, in one period, whatever lines it stands on. The
rows are read with SQL; nothing of the program is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import stores

Charge = tuple[str, str, int]

_CHARGES = """
SELECT l.invoice, l.position, l.subscription, l.charge_key, l.service_idx, l.amount - l.discount, l.taxes
  FROM invoice_line l JOIN invoice i ON i.id = l.invoice WHERE i.status <> 'void'
"""


@dataclass
class Rows:
    """The net amounts of lines and of credits, by the invoice and the position, and the charge of every line."""

    charge: dict[tuple[str, int], Charge] = field(default_factory=dict)
    net: dict[tuple[str, int], int] = field(default_factory=dict)
    tax: dict[tuple[str, int], int] = field(default_factory=dict)
    back: dict[tuple[str, int], int] = field(default_factory=dict)
    tax_back: dict[tuple[str, int], int] = field(default_factory=dict)

    def left(self) -> dict[Charge, int]:
        """What is left of every charge: what its lines come to, less what credit notes took back of them."""
        found: dict[Charge, int] = {}
        for place, charge in self.charge.items():
            found[charge] = found.get(charge, 0) + self.net[place] - self.back.get(place, 0)
        return found

    def gross(self) -> tuple[int, int]:
        """What all lines come to with tax, and what credit notes took back with tax."""
        charged = sum(self.net.values()) + sum(self.tax.values())
        return charged, sum(self.back.values()) + sum(self.tax_back.values())


def rows_of(store: Path) -> Rows:
    """All that was charged and credited."""
    found = Rows()
    with stores.raw(store) as raw:
        for invoice, position, subscription, key, index, net, taxes in raw.execute(_CHARGES):
            place = (invoice, position)
            found.charge[place] = (subscription, key, index)
            found.net[place] = net
            found.tax[place] = _added(taxes)
        for invoice, lines in raw.execute("SELECT invoice, lines FROM credit_note"):
            for line in json.loads(lines):
                place = (invoice, int(line["position"]))
                found.back[place] = found.back.get(place, 0) + int(line["net_minor"])
                found.tax_back[place] = found.tax_back.get(place, 0) + _added(json.dumps(line["taxes"]))
    return found


def _added(taxes: str) -> int:
    return sum(int(one["amount_minor"]) for one in json.loads(taxes) if one["included"] in {False, "no"})


@dataclass
class Expected:
    """What the store held before a credit note was asked for: of `invoice` whole, or of `line`, or `cents` of it."""

    store: Path
    invoice: str
    line: int
    cents: int
    before: Rows

    def check(self, done: bool, told: str) -> None:
        """It was done where something is left, for what is left; and never is more taken back than was charged."""
        after, before = rows_of(self.store), self.before
        assert min(after.left().values(), default=0) >= 0, told
        charged, back = after.gross()
        assert back <= charged, told
        place = (self.invoice, self.line)
        if self.line and place in before.net and before.net[place] > 0:
            self._check_line(done, place, after, told)
        elif not self.line and all(net >= 0 for (of, _), net in before.net.items() if of == self.invoice):
            mine = [one for one in before.net if one[0] == self.invoice]
            alone = all(self._alone(one) for one in mine)
            left = {one: before.left()[before.charge[one]] for one in mine}
            if alone:
                assert done == any(left.values()), f"{left}\n{told}"
                taken = {one: after.back.get(one, 0) - before.back.get(one, 0) for one in mine}
                assert taken == left, told

    def _check_line(self, done: bool, place: tuple[str, int], after: Rows, told: str) -> None:
        before = self.before
        left = before.left()[before.charge[place]]
        wanted = self.cents or left
        all_of_it = sum(net for (of, _), net in before.net.items() if of == self.invoice)
        all_of_it -= sum(net for (of, _), net in before.back.items() if of == self.invoice)
        if self._alone(place) and all_of_it > wanted:  # else as much goes back as the invoice came to
            assert done == (0 < wanted <= left), f"{wanted} of {left}\n{told}"
            assert after.back.get(place, 0) - before.back.get(place, 0) == (wanted if done else 0), told

    def _alone(self, place: tuple[str, int]) -> bool:
        """Whether the line is the only one that charges what it charges."""
        charge = self.before.charge[place]
        several = [one for one, of in self.before.charge.items() if of == charge and self.before.net[one] > 0]
        return several == [place]


@contextmanager
def credited(store: Path, number: str, line: int, cents: int) -> Iterator[Expected]:
    """Look at the books before a credit note on an invoice is asked for."""
    with stores.raw(store) as raw:
        (invoice,) = raw.execute("SELECT id FROM invoice WHERE number = ?", (number,)).fetchone()
    yield Expected(store, invoice, line, cents, rows_of(store))
