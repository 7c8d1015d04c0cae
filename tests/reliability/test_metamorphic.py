"""The same history told otherwise must be billed alike: other cadences, crashes, zones, prices, names and engines.

| what is changed, and must change nothing | where |
|---|---|
| runs: daily, monthly, late, repeated, at every instant that matters | tests/properties/test_run_laws.py |
| runs and imports: cadence, order, split | tests/cli/test_any_order.py |
| runs and imports killed, given twice, invoices paid at once | here |
| the zone and every instant moved alike | here |
| every price times three: every amount times three, before rounding | here |
| names of customers, and who comes first | here |
| several workers instead of one (PostgreSQL) | tests/cli/test_invoice_workers.py |
| PostgreSQL instead of SQLite: the same bytes | tests/test_same_bytes.py, `same_bytes` |
| hot commands instead of the ordinary way | tests/properties/test_hot_laws.py |
| a catalog exported and applied again | tests/properties/test_catalog_round_trip.py |
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import stores
from tests.cli.test_any_order import CATALOG, DAYS, events
from tests.reliability.trouble import KILLED, killed, told

pytestmark = pytest.mark.slow

FIRST = datetime(2026, 1, 1)
SEEDS = {"a": 3, "b": 11, "c": 42}
"""Three customers, by the seed of what they use."""

MONTHLY = tuple(FIRST + timedelta(days=days) for days in (31, 59, 90, DAYS))
OFTEN = tuple(FIRST + timedelta(days=days, hours=days % 9) for days in (*range(21, DAYS, 4), DAYS))


@dataclass(frozen=True, slots=True)
class Way:
    """A way to tell the history: when runs come, what customers are called, in which zone, at which prices.

    `ahead` is how far the zone's clock is ahead of UTC; every instant comes that much earlier. With `paid`, whatever is
    open is paid after every run. `trouble` kills runs and imports, and gives them again; 0 does not.
    """

    runs: tuple[datetime, ...] = MONTHLY
    names: dict[str, str] = field(default_factory=lambda: {name: name for name in SEEDS})
    zone: str = "UTC"
    ahead: timedelta = timedelta()
    times: int = 1
    paid: bool = True
    trouble: int = 0


@dataclass(slots=True)
class Telling:
    """A store in which a history is told in one way."""

    way: Way
    folder: Path
    kills: int = 0

    def does(self, at: datetime, command: str, *, twice: bool = False) -> str:
        """A command that must end well; `twice`: one that may be killed first."""
        words = ["--store", stores.url(self.folder / "books.db"), "--as-of", self.instant(at), "--yes"]
        chance = random.Random(self.way.trouble + int(at.timestamp()))
        for _ in range(chance.randrange(3) if twice and self.way.trouble else 0):
            self.kills += killed([*words, *command.split()], chance.randrange(1, 250)) == KILLED
        code, out, err = told([*words, *command.split()])
        assert code == 0, f"{command}: {code} {err}"
        return out

    def instant(self, local: datetime) -> str:
        """A local time of the customers, as an instant."""
        return (local - self.way.ahead).isoformat() + "Z"

    def tell(self) -> dict[str, Any]:
        """Everything, and then what each customer was billed, by the name in SEEDS."""
        catalog = re.sub(r"USD: ([0-9.]+)", self._dearer, CATALOG)
        (self.folder / "catalog.yaml").write_text(catalog, encoding="utf-8")
        self.does(FIRST, f"init {self.folder / 'made'} --test --timezone {self.way.zone}")
        self.does(FIRST, f"catalog apply {self.folder / 'catalog.yaml'}")
        for who in self.way.names.values():
            self.does(FIRST, f"customer add {who} --currency USD")
            self.does(FIRST, f"subscribe {who} pro")
            self.does(FIRST + timedelta(days=13), f"subscribe {who} support")
            self.does(FIRST + timedelta(days=19), f"wallet buy {who} pack")
        for name, who in self.way.names.items():
            file = self.folder / f"{who}.ndjson"
            file.write_text("".join(self._event(who, one) for one in events(SEEDS[name])), encoding="utf-8")
            self.does(FIRST + timedelta(days=20), f"usage import {file} --allow-future", twice=True)
        for at in self.way.runs:
            self.does(at, "invoice run", twice=True)
            for one in json.loads(self.does(at, "invoice list -f json")) if self.way.paid else ():
                if one["status"] == "open":
                    self.does(at, f"payment record {one['number']}")
        self.does(self.way.runs[-1], "doctor")
        return {name: self._billed(who) for name, who in self.way.names.items()}

    def _event(self, who: str, event: dict[str, Any]) -> str:
        at = datetime.fromisoformat(event["at"].removesuffix("Z"))
        return json.dumps(event | {"customer": who, "at": self.instant(at)}) + "\n"

    def _dearer(self, found: re.Match[str]) -> str:
        return f"USD: {Decimal(found[1]) * self.way.times}"

    def _billed(self, who: str) -> dict[str, Any]:
        at = self.way.runs[-1]
        invoices = json.loads(self.does(at, f"invoice list --customer {who} -f json"))
        wallet = json.loads(self.does(at, f"wallet show {who} -f json"))
        said = sorted(
            json.dumps([one["kind"], one["total"], sorted(map(self._line, one["lines"]))]) for one in invoices
        )
        return {"invoices": said, "wallet": [one["balance"] for one in wallet]}

    def _line(self, line: dict[str, Any]) -> list[str]:
        local = [self._local(line["period"][edge]) for edge in ("starts_at", "ends_at")]
        return [str(line[name]) for name in ("kind", "plan", "feature", "quantity", "amount")] + local

    def _local(self, instant: str | None) -> str:
        if instant is None:
            return ""
        return (datetime.fromisoformat(instant.removesuffix("Z")) + self.way.ahead).isoformat()


def told_so(folder: Path, way: Way) -> tuple[dict[str, Any], int]:
    folder.mkdir()
    telling = Telling(way, folder)
    return telling.tell(), telling.kills


@pytest.fixture(scope="module")
def plainly(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is billed where nothing goes wrong."""
    found, _ = told_so(tmp_path_factory.mktemp("told") / "plainly", Way())
    assert all(len(one["invoices"]) > 5 for one in found.values()), found
    return found


@pytest.mark.sqlite_only
@pytest.mark.parametrize("runs", [OFTEN, MONTHLY[-1:]], ids=["often", "once"])
def test_runs_with_crashes_in_between_bill_what_undisturbed_ones_bill(
    runs: tuple[datetime, ...], plainly: dict[str, Any], tmp_path: Path
) -> None:
    found, kills = told_so(tmp_path / "killed", Way(runs=runs, trouble=7))
    assert kills
    assert found == plainly


def test_who_is_asked_for_money_late_owes_the_same(plainly: dict[str, Any], tmp_path: Path) -> None:
    found, _ = told_so(tmp_path / "unpaid", Way(runs=MONTHLY[1:], paid=False))
    assert found == plainly


@pytest.mark.parametrize(("zone", "hours"), [("Etc/GMT-14", 14), ("Etc/GMT+11", -11)])
def test_a_zone_moves_the_instants_and_no_amount(
    zone: str, hours: int, plainly: dict[str, Any], tmp_path: Path
) -> None:
    found, _ = told_so(tmp_path / "moved", Way(zone=zone, ahead=timedelta(hours=hours)))
    assert found == plainly


def test_names_and_who_comes_first_change_nothing(plainly: dict[str, Any], tmp_path: Path) -> None:
    found, _ = told_so(tmp_path / "named", Way(names={"c": "A-1", "a": "zz_9", "b": "m.m"}))
    assert found == plainly


def test_prices_times_three_are_amounts_times_three_before_rounding(
    plainly: dict[str, Any], tmp_path: Path
) -> None:
    """A line is rounded by half a cent at most, and three times of it by one and a half: two cents apart at most."""
    found, _ = told_so(tmp_path / "dearer", Way(times=3))
    for name, said in found.items():
        assert said["wallet"] == plainly[name]["wallet"]
        dear, cheap = lines_of(said), lines_of(plainly[name])
        assert dear.keys() == cheap.keys()
        for line, amount in dear.items():
            assert abs(amount - 3 * cheap[line]) <= Decimal("0.02"), line
            if "." not in line[3] and line[0] != "minimum":  # whole units cost whole cents here
                assert amount == 3 * cheap[line], line


def lines_of(said: dict[str, Any]) -> dict[tuple[str, ...], Decimal]:
    """The amounts of all lines, by what else a line says."""
    return {
        (*line[:4], *line[5:]): Decimal(line[4]) for one in said["invoices"] for line in json.loads(one)[2]
    }
