"""Random lives of a whole store: two customers, a catalog that changes, usage, wallets and money, and trouble.

Nova lives the life of `tests/properties/test_life_machine.py`, with plans that are changed and asked for. Beside her
Vega makes calls: recorded twice, late, in the future, taken back; paid by packs; billed, paid, returned, voided.
A third of the commands that write are killed at one of their statements first, given twice, or given by two people at
once; a run may come with the clock set back; and the whole store may be put back to what it was. After every step the
statuses, the money, the wallet and the numbers are the models'; at the end `doctor` finds every law kept.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from planctl.__main__ import main
from tests import stores
from tests.properties.life_model import FREE, Plan
from tests.properties.test_life_machine import (
    CATALOG,
    MAIN,
    PHASES,
    SALES,
    ZONES,
    LifeOfACustomer,
)
from tests.reliability.tool_model import PACK, Books, VersionedLife
from tests.reliability.trouble import KNOWN_CODES, killed, together

CALLS = """\
  talk:
    group: talk
    due: 365 days
    packs: true
    price: {month: {USD: 20}}
    features: {calls: {included: 50, beyond: {charge: usage, each: {USD: 0.07}}}}
"""
PACKS = "  more_calls: {due: 365 days, price: {once: {USD: 5}}, wallet: {calls: 30}, expires: never}\n"
FEES = {"small": 30, "medium": 60, "large": 90, "hunter": 31, "closer": 47}


def catalog(**fees: int) -> str:
    """The catalog of nova's life with the calls beside it, and with other monthly fees."""
    text = CATALOG.replace("features:\n", "features:\n  calls: {type: metered, unit: call}\n", 1)
    text = text.replace("plans:\n", f"plans:\n{CALLS}", 1).replace("addons:\n", f"addons:\n{PACKS}", 1)
    text = text.replace("groups:\n", "groups:\n  talk: {}\n", 1)
    for plan, fee in fees.items():
        text = text.replace(f"month: {{USD: {FEES[plan]}}}", f"month: {{USD: {fee}}}")
    return text


@cache
def template() -> Path:
    """A test store that sells the catalog, made once."""
    folder = Path(tempfile.mkdtemp(prefix="tool-"))
    (folder / "catalog.yaml").write_text(catalog(), encoding="utf-8")
    for words in (
        ["init", str(folder / "made"), "--test"],
        ["catalog", "apply", str(folder / "catalog.yaml")],
    ):
        store = ["--store", stores.url(folder / "books.db"), "--as-of", "2025-12-01", "--quiet", "--yes"]
        assert main([*store, *words]) == 0
    return folder / "books.db"


class WholeTool(LifeOfACustomer):
    """A store, its two customers, and what goes wrong around it."""

    def __init__(self) -> None:
        super().__init__()
        stores.copy(template(), self.store)
        self.fees = dict(FEES)
        self.chance = random.Random(0)
        self.lines: list[tuple[str, str]] = []
        self.files: dict[str, list[str]] = {}
        self.kept: dict[str, Any] = {}
        self.ran_at: datetime | None = None
        self.names = itertools.count(1)

    @initialize(
        zone=st.sampled_from(ZONES),
        pays=st.booleans(),
        begins=st.integers(0, 59),
        taxed=st.booleans(),
        chance=st.integers(0, 2**32),
        plan=st.sampled_from(("", "small", "medium", "large")),
    )
    def arrive(self, zone: str, pays: bool, begins: int, taxed: bool, chance: int, plan: str) -> None:
        """Both customers come; one calls from the first day on."""
        self.zone, self.chance = ZoneInfo(zone), random.Random(chance)
        self.now += timedelta(days=begins)
        self.main = VersionedLife(MAIN, fallback=FREE, pays=pays)
        self.sales = VersionedLife(SALES, pays=pays)
        method, country = "invoice" if pays else "none", " --country DE" if taxed else ""
        self.done(f"customer add nova --currency USD --timezone {zone} --payment-method {method}{country}")
        self.main.start(FREE, self.now, trial=False)
        self.sales.walked = self.now
        self.books = Books(self.now)
        self.done(f"customer add vega --currency USD --timezone {zone} --payment-method invoice --plan talk")
        self._new_invoices()
        if plan:
            self.subscribe(plan, False, 1)

    # --- trouble

    def planctl(self, command: str, *, quiet: bool = True) -> tuple[int, str, str]:
        """Run a command now, a third of those that write with trouble; one key makes all of it one command."""
        key = f"key-{next(self.names)}"
        kind, at = self.chance.choice(TROUBLE) if quiet else "", self.chance.randrange(1, 120)
        if kind:
            words = [*self._words(), "--key", key, *command.split()]
            self.story.append(f"# {kind} {at}: {command}")
            codes = (
                (killed(words, at),) if kind == "killed" else together(words, words) if kind == "both" else ()
            )
            assert all(code < 0 or code in KNOWN_CODES for code in codes), f"{codes}\n{self.told()}"
            command += f" --key {key}"
        if quiet:
            self.lines.append((self.now.replace(tzinfo=self.zone).isoformat(), self._with_files(command)))
        code, out, err = super().planctl(command, quiet=quiet)
        if kind == "twice":
            again = super().planctl(command, quiet=quiet)[0]
            assert again == code, f"{again} after {code}\n{self.told()}"
        assert code in KNOWN_CODES, f"exit {code}: {err}\n{self.told()}"
        if command.startswith("invoice run") and not code:
            self._has_run()
        return code, out, err

    def _with_files(self, command: str) -> str:
        """The command, with what stands in a file of this folder instead of its path, to be given elsewhere."""
        for path in self.folder.glob("*.*"):
            if f"{path}" in command.split():
                self.files[path.name] = [*self.files.get(path.name, []), path.read_text(encoding="utf-8")]
                command = command.replace(f"{path}", f"FILE:{path.name}:{len(self.files[path.name]) - 1}")
        return command

    def _words(self) -> list[str]:
        at = self.now.replace(tzinfo=self.zone).isoformat()
        return ["--store", stores.url(self.store), "--as-of", at, "--yes", "--quiet"]

    def _weeks(self, days: int) -> None:
        """Weeks go by, also in the model, before anything else is done."""
        self.weeks_go_by(days)
        self.statuses_are_those_of_the_model()

    def _has_run(self) -> None:
        self.ran_at = self.now
        self.books.close(self.now)
        self._new_invoices()

    @precondition(lambda self: hasattr(self, "books") and self.ran_at is not None)
    @rule(minutes=st.integers(6, 100_000))
    def the_clock_is_set_back(self, minutes: int) -> None:
        """A run at an earlier time is refused, and writes nothing."""
        assert self.ran_at is not None
        here, self.now, before = (
            self.now,
            self.ran_at - timedelta(minutes=minutes),
            stores.content(self.store),
        )
        code = LifeOfACustomer.planctl(self, "invoice run")[0]
        self.now = here
        assert code == 4, self.told()
        assert stores.content(self.store) == before, self.told()

    @rule()
    def keep(self) -> None:
        """A backup, between two commands."""
        self.kept = {"models": copy.deepcopy([getattr(self, name) for name in MODELS])}
        (self.folder / "kept.db").unlink(missing_ok=True)
        self._beside(f"store backup {self.folder / 'kept.db'}")

    @precondition(lambda self: bool(self.kept))
    @rule()
    def restore(self) -> None:
        """The store is lost, and the backup put back: what happened since never happened."""
        stores.remove(self.store)
        self._beside(f"store restore {self.folder / 'kept.db'}")
        for name, value in zip(MODELS, copy.deepcopy(self.kept["models"]), strict=True):
            setattr(self, name, value)

    def _beside(self, command: str) -> None:
        """A command about the store itself, not one of its history."""
        code, _, err = LifeOfACustomer.planctl(self, command)
        assert code == 0, f"exit {code}: {err}\n{self.told()}"

    # --- the catalog

    @rule(plan=st.sampled_from(sorted(FEES)), more=st.integers(0, 6))
    def apply_catalog(self, plan: str, more: int) -> None:
        """Another price, a new version: what runs keeps its own; what begins from now on takes the newest."""
        fee = FEES[plan] + more
        self.fees[plan] = fee
        (self.folder / "catalog.yaml").write_text(catalog(**self.fees), encoding="utf-8")
        self.done(f"catalog apply {self.folder / 'catalog.yaml'}")
        of = MAIN if plan in MAIN else SALES
        new = Plan(plan, {**of[plan].fees, 1: fee}, of[plan].place, of[plan].trial, of[plan].shifts)
        life = self._life_of(plan)
        life.newest = {**life.newest, plan: new}  # type: ignore[attr-defined]

    @rule(word=st.sampled_from(("Thanks", "Grazie")))
    def set_the_footer(self, word: str) -> None:
        """What stands below invoices changes no amount."""
        self.done(f"config set invoice.footer {word}")

    # --- asking for another plan

    @rule(
        plan=st.sampled_from(("small", "medium", "large", "hunter", "closer")),
        answer=st.sampled_from(("approve", "approve --at now", "reject")),
    )
    def ask(self, plan: str, answer: str) -> None:
        """Another plan is asked for, and somebody answers."""
        life = self._life_of(plan)
        if not life.costs or plan == life.plan or life.status(self.now) not in {"active", "past_due"}:
            return
        self.done(f"change request nova {plan}")
        self.done(f"change {answer.replace('approve', f'approve nova/{life.plan}')}" if "approve" in answer
                  else f"change reject nova/{life.plan}")  # fmt: skip
        months = life.plans[plan].months(0, life.months)
        if answer == "approve":
            life.change_later(plan, self.now, months)
        elif answer != "reject":
            life.change(plan, self.now, months)
        self.look()

    # --- calls

    @rule(
        quantity=st.integers(1, 130), days=st.sampled_from((0, 0, 0, 1, 3, 20, 50)), again=st.integers(0, 3)
    )
    def call(self, quantity: int, days: int, again: int) -> None:
        """Calls of today or of some days ago, perhaps told again, once with another number."""
        name = f"e{next(self.names)}"
        at = max(self.books.start, (self.now - timedelta(days=days)).replace(second=0))
        told = f"usage record vega calls {{}} --id {name} --at {self._iso(at)}"
        assert self.books.record(name, at, quantity) == "new"
        self.done(told.format(quantity))
        if again:
            self.done(told.format(quantity))
        if again == 3:
            self.ended(told.format(quantity + 1), 5)

    @rule(quantity=st.integers(1, 60), minutes=st.integers(6, 90_000))
    def call_in_the_future(self, quantity: int, minutes: int) -> None:
        """A clock that is wrong: nothing is recorded."""
        at = self.now + timedelta(minutes=minutes)
        self.ended(f"usage record vega calls {quantity} --id f{next(self.names)} --at {self._iso(at)}", 3)

    @rule(place=st.integers(0, 9), quantity=st.integers(1, 60))
    def take_back(self, place: int, quantity: int) -> None:
        """A correction of calls, of no more than was recorded."""
        names = [name for name in self.books.calls if name.startswith(("e", "i"))]
        if not names:
            return
        name, by = names[-1 - place % len(names)], f"c{next(self.names)}"
        words = f"usage record vega calls -{quantity} --corrects {name} --id {by}"
        if quantity > self.books.left_of(name):
            self.ended(words, 3)
        else:
            self.done(words)
            self.books.take_back(name, quantity, by)

    @rule(
        rows=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=6),
        parts=st.integers(1, 3),
    )
    def import_calls(self, rows: list[tuple[int, int]], parts: int) -> None:
        """A file with calls, sent whole or in parts that overlap."""
        lines = []
        for days, quantity in rows:
            name, at = f"i{next(self.names)}", max(self.books.start, self.now - timedelta(days=days))
            row = {
                "id": name,
                "customer": "vega",
                "event": "calls",
                "at": self._iso(at),
                "quantity": quantity,
            }
            lines.append(json.dumps(row) + "\n")
            self.books.record(name, at, quantity)
        for number in range(parts):
            file = self.folder / f"part{number}.ndjson"
            file.write_text("".join(lines[: len(lines) * (number + 1) // parts]), encoding="utf-8")
            self.done(f"usage import {file}")

    # --- wallet and money

    @rule()
    def buy(self) -> None:
        """A pack: units at once, and a request."""
        self.done("wallet buy vega more_calls")
        self.books.grants.append((self.now - timedelta(minutes=1), PACK))
        self.books.packs += 1
        self._new_invoices()
        self.books.last.is_pack = True

    @rule(units=st.integers(1, 40))
    def grant(self, units: int) -> None:
        """Units for nothing."""
        self.done(f"wallet grant vega calls {units} --reason outage")
        self.books.grants.append((self.now - timedelta(minutes=1), units))

    @rule(place=st.integers(0, 5), minor=st.sampled_from((0, 0, 100, 1_999, 5_000)))
    def pay_vega(self, place: int, minor: int) -> None:
        """A payment of what is due, or of less or more."""
        still = [number for number, one in self.books.invoices.items() if one.due]
        if not still:
            return
        number = still[place % len(still)]
        amount = minor or self.books.invoices[number].due
        self.done(f"payment record {number} {amount // 100}.{amount % 100:02}")
        with stores.raw(self.store) as raw:
            query = "SELECT id FROM payment ORDER BY id DESC LIMIT 1"
            (payment,) = raw.execute(query).fetchone()
        self.books.pay(number, payment, amount)

    @rule(place=st.integers(0, 5))
    def give_back(self, place: int) -> None:
        """A payment is returned by the bank."""
        if self.books.payments:
            payment = sorted(self.books.payments)[place % len(self.books.payments)]
            self.done(f"payment refund {payment} --reason returned")
            self.books.give_back(payment)

    @rule(place=st.integers(0, 5))
    def void_and_bill_again(self, place: int) -> None:
        """An invoice without payments is voided, and a run issues it again; but not a pack's."""
        number = self._issued(place, "%")
        stopped = {self.main.status(self.now), self.sales.status(self.now), self.main.extra_status(self.now)}
        if not number or "blocked" in stopped:
            return
        code, err = self.tried(f"invoice void {number} --reissue --reason mistaken")
        assert code in {0, 4}, f"{err}\n{self.told()}"
        if number in self.books.invoices:
            mine = self.books.invoices[number]
            assert code == (4 if mine.paid or mine.is_void or mine.is_pack else 0), f"{err}\n{self.told()}"
            if not code:
                self.books.void(number)
        self.look()
        self.run()

    @rule(quantity=st.integers(1, 150), days=st.integers(25, 45))
    def a_month_of_calls(self, quantity: int, days: int) -> None:
        """Calls, and then the run that bills them."""
        self.call(quantity, 0, 0)
        self._weeks(days)
        self.run()

    @rule(days=st.sampled_from((0, 0, 25, 33)))
    def preview_and_run(self, days: int) -> None:
        """A preview is the run, without the run: the same lines and amounts."""
        if days:
            self._weeks(days)
        said = [
            self._document(one) for one in self._invoices("preview vega") + self._invoices("preview nova")
        ]
        before = {one["number"] for one in self._invoices("list")}
        self.run()
        issued = [self._document(one) for one in self._invoices("list") if one["number"] not in before]
        key = json.dumps
        assert sorted(issued, key=key) == sorted(said, key=key), f"{issued}\n{said}\n{self.told()}"

    # --- what must be true

    @invariant()
    def calls_and_wallet_are_those_of_the_model(self) -> None:
        """What `check` says of now."""
        if not hasattr(self, "books"):
            return
        shown = self.done("check vega calls -f json", quiet=False)
        used, wallet = self.books.standing(self.now)
        assert (int(shown["used"]), int(shown["wallet"]), shown["allowed"]) == (used, wallet, True), (
            f"{shown} for {used}, {wallet}\n{self.told()}"
        )

    @invariant()
    def money_is_that_of_the_model(self) -> None:
        """Every invoice of vega, her balance, and numbers without a gap."""
        if not hasattr(self, "books"):
            return
        with stores.raw(self.store) as raw:
            found = {number: tuple(rest) for number, *rest in raw.execute(_MONEY)}
            (balance,) = raw.execute(_BALANCE).fetchone()
            series = raw.execute(_SERIES).fetchall()
        assert all(least == 1 and most == count for least, most, count in series), f"{series}\n{self.told()}"
        expected = {
            number: (one.total, one.credit, one.paid)
            for number, one in self.books.invoices.items()
            if not one.is_void
        }
        assert found == expected, f"{found}\n{expected}\n{self.told()}"
        assert balance == self.books.balance, f"{balance} for {self.books.balance}\n{self.told()}"

    def check(self) -> None:
        """After a run: what nova pays, and all that vega was charged with."""
        super().check()
        with stores.raw(self.store) as raw:
            (charged,) = raw.execute(_CHARGED).fetchone()
        assert charged == self.books.charged, f"{charged} for {self.books.charged}\n{self.told()}"

    # --- the program

    def ended(self, command: str, code: int) -> None:
        """A command that must end with that code."""
        found = self.planctl(command)
        assert found[0] == code, f"exit {found[0]}: {found[2]}\n{self.told()}"

    def _new_invoices(self) -> None:
        with stores.raw(self.store) as raw:
            for number, total in raw.execute(_NEW):
                if number not in self.books.invoices:
                    self.books.issued(number, total)

    def _invoices(self, command: str) -> list[dict[str, Any]]:
        code, out, err = LifeOfACustomer.planctl(self, f"invoice {command} -f json", quiet=False)
        assert code in {0, 1}, f"{err}\n{self.told()}"
        found: list[dict[str, Any]] = json.loads(out)
        return found

    def _document(self, invoice: dict[str, Any]) -> dict[str, Any]:
        return {name: invoice[name] for name in SAME}

    def _issued(self, place: int, whose: str = "nova") -> str:
        """The number of one of nova's invoices, or of anybody's, from the last on and round."""
        with stores.raw(self.store) as raw:
            found = [number for (number,) in raw.execute(_ISSUED, (whose,))]
        return found[place % len(found)] if found else ""

    def _open_numbers(self) -> list[str]:
        """Nova's alone: vega pays by another rule."""
        with stores.raw(self.store) as raw:
            return [number for (number,) in raw.execute(_OPEN_OF_NOVA)]

    def _iso(self, at: datetime) -> str:
        return at.replace(tzinfo=self.zone).astimezone(UTC).isoformat().replace("+00:00", "Z")


TROUBLE = ("", "", "", "", "", "", "killed", "killed", "twice", "both")
MODELS = ("main", "sales", "books", "fees", "ran_at")
SAME = ("customer", "currency", "due_at", "period", "subtotal", "discount", "tax", "total", "credit_applied", "due",
        "lines")  # fmt: skip

_NEW = """
SELECT i.number, i.total FROM invoice i JOIN customer c ON c.seq = i.customer WHERE c.id = 'vega'
 ORDER BY i.series_year, i.sequence
"""
_MONEY = """
SELECT i.number, i.total, i.credit, i.paid FROM invoice i JOIN customer c ON c.seq = i.customer
 WHERE c.id = 'vega' AND i.status <> 'void'
"""
_CHARGED = """
SELECT COALESCE(SUM(i.total), 0) FROM invoice i JOIN customer c ON c.seq = i.customer
 WHERE c.id = 'vega' AND i.status <> 'void'
"""
_SERIES = "SELECT MIN(sequence), MAX(sequence), COUNT(*) FROM invoice GROUP BY series, series_year"
_OPEN_OF_NOVA = """
SELECT i.number FROM invoice i JOIN customer c ON c.seq = i.customer
 WHERE c.id = 'nova' AND i.status IN ('open', 'past_due') ORDER BY i.number
"""
_BALANCE = """
SELECT COALESCE(SUM(b.amount), 0) FROM balance_entry b JOIN customer c ON c.seq = b.customer WHERE c.id = 'vega'
"""
_ISSUED = """
SELECT i.number FROM invoice i JOIN customer c ON c.seq = i.customer WHERE c.id LIKE ?
 ORDER BY i.series_year DESC, i.sequence DESC
"""


def lives(seed: int, sequences: int, steps: int, kind: type[WholeTool] = WholeTool) -> None:
    """So many random lives, the same for a seed. A failing one prints its seed and its story."""
    machine = type(f"{kind.__name__}{seed}", (kind,), {"_hypothesis_internal_use_seed": seed})
    chosen = hypothesis.settings(
        max_examples=sequences, stateful_step_count=steps, deadline=None, database=None, derandomize=False,
        phases=PHASES, suppress_health_check=[*hypothesis.HealthCheck],
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=chosen)  # type: ignore[no-untyped-call]


def part(seed: int) -> int:
    """Ten lives of fifty steps; 200 parts are two thousand."""
    lives(seed, sequences=10, steps=50)
    return 10
