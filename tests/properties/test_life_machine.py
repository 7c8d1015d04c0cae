"""Random lives of a customer, driven through the command line, against a small model that knows only days and fees.

After every run nothing is charged twice, every day costs what the model says, and the statuses are the model's; at the
end `doctor` finds every law kept. Commands come whether a run has been there or not; one that is refused because a
run must come first gets its run.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from planctl.__main__ import main
from tests import stores
from tests.properties.life_credits import credited
from tests.properties.life_model import FREE, Life, Plan, Unpaid, days_of

CATALOG = """\
format: planctl.catalog/1
catalog: life
currencies: {USD: }
defaults: {due: 7 days, grace: 10 days}
features:
  minutes: {type: metered, unit: minute}
  contacts: {type: metered, unit: contact, aggregate: max}
groups:
  main: {order: [free, small, medium, large]}
  sales: {order: [hunter, closer]}
plans:
  free: {group: main, price: free, auto_enable: true, features: {minutes: 10}}
  small:
    group: main
    trial: 10 days
    price: {month: {USD: 30}, year: {USD: 300}}
    features: {minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10}}}}
  medium: {like: small, trial: none, price: {month: {USD: 60}}, features: {contacts: 5}}
  large: {like: small, trial: none, price: {month: {USD: 90}, year: {USD: 900}}, features: {contacts: 50}}
  hunter: {group: sales, price: {month: {USD: 31}}, features: {contacts: 10}}
  closer:
    group: sales
    renewal_anchor: shift
    price: {month: {USD: 47}}
    features: {contacts: {included: 20}, minutes: 5}
addons:
  extra:
    requires: [small, medium, large]
    quantity: 1..9
    price: {month: {USD: 9}}
    features: {minutes: 20}
    decrease: now
"""

MAIN = {
    FREE: Plan(FREE, {1: 0}, 0),
    "small": Plan("small", {1: 30, 12: 300}, 1, trial=10),
    "medium": Plan("medium", {1: 60}, 2),
    "large": Plan("large", {1: 90, 12: 900}, 3),
}
SALES = {"hunter": Plan("hunter", {1: 31}, 0), "closer": Plan("closer", {1: 47}, 1, shifts=True)}
EXTRA = 9
PAY = {1: "month", 12: "year"}
RUN_FIRST = ("not-billed", "run-first")
NOT_LEFT = ("nothing-to-credit", "credit-too-large", "invalid-value")
BEGINS = datetime(2026, 1, 1, 8)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")


@cache
def template() -> Path:
    """A test store that sells the catalog, made once."""
    folder = Path(tempfile.mkdtemp(prefix="life-"))
    (folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    for words in (
        ["init", str(folder / "made"), "--test"],
        ["catalog", "apply", str(folder / "catalog.yaml")],
    ):
        store = ["--store", stores.url(folder / "books.db"), "--as-of", "2025-12-01", "--quiet", "--yes"]
        assert main([*store, *words]) == 0
    return folder / "books.db"


class LifeOfACustomer(RuleBasedStateMachine):
    """One customer with a plan of each of two groups, over some months."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        self.store = self.folder / "books.db"
        stores.copy(template(), self.store)
        self.now = BEGINS
        self.story: list[str] = []

    @initialize(
        zone=st.sampled_from(ZONES), pays=st.booleans(), begins=st.integers(0, 59), taxed=st.booleans()
    )
    def arrive(self, zone: str, pays: bool, begins: int, taxed: bool) -> None:
        """A customer comes, who gets the free plan."""
        self.zone = ZoneInfo(zone)
        self.now += timedelta(days=begins)
        self.main = Life(MAIN, fallback=FREE, pays=pays)
        self.sales = Life(SALES, pays=pays)
        method = "invoice" if pays else "none"
        country = " --country DE" if taxed else ""
        self.done(f"customer add nova --currency USD --timezone {zone} --payment-method {method}{country}")
        self.main.start(FREE, self.now, trial=False)
        self.sales.walked = self.now

    # --- time

    @rule(days=st.integers(0, 12), hours=st.integers(0, 9))
    def tick(self, days: int, hours: int) -> None:
        """Time goes by; nobody works at night, when clocks change."""
        then = self.now + timedelta(days=days, hours=hours)
        self.now = then.replace(hour=8) + timedelta(days=1) if then.hour > 18 or then.hour < 8 else then

    @rule(days=st.integers(20, 45))
    def weeks_go_by(self, days: int) -> None:
        """A period ends, and perhaps another one."""
        self.tick(days, 0)

    @rule()
    def run(self) -> None:
        """A billing run."""
        self.done("invoice run")
        self.look()
        self.check()

    # --- what people do

    @rule(
        plan=st.sampled_from(("small", "medium", "large")),
        trial=st.booleans(),
        months=st.sampled_from((0, 1, 12)),
    )
    def subscribe(self, plan: str, trial: bool, months: int) -> None:
        """A start, a change by the group's rules, or the plan that runs once more."""
        life = self.main
        status = life.status(self.now)
        trial = trial and bool(MAIN[plan].trial) and not life.costs
        months = months if months in MAIN[plan].fees else 0
        if not life.costs:
            months = months or 1
        words = f"subscribe nova {plan}" + ("" if trial or life.costs else " --no-trial")
        words += f" --pay {PAY[months]}" if months else ""
        stopped = status in {"blocked", "paused"} and (plan, months or life.months) != (
            life.plan,
            life.months,
        )
        if stopped or (trial and life.trial_used):
            self.refused(words)
        else:
            self.done(words)
            self._began(life, plan, months, trial=trial)

    @rule(plan=st.sampled_from(("hunter", "closer")))
    def subscribe_beside(self, plan: str) -> None:
        """The same in the other group."""
        life = self.sales
        if life.status(self.now) in {"blocked", "paused"} and plan != life.plan:
            self.refused(f"subscribe nova {plan}")
        else:
            self.done(f"subscribe nova {plan}")
            self._began(life, plan, 0)

    def _began(self, life: Life, plan: str, months: int, *, trial: bool = False) -> None:
        status = life.status(self.now)
        if not life.costs:
            life.start(plan, self.now, trial=trial, months=months or 1)
            self.look()
            return
        months = life.plans[plan].months(months, life.months)
        if (plan, months) == (life.plan, life.months):
            life.keep(self.now)
        elif plan == life.plan or life.is_up(plan) or status == "trialing":
            life.change(plan, self.now, months)
        else:
            life.change_later(plan, self.now, months)
        self.look()

    @rule(plan=st.sampled_from(("small", "medium", "large", "hunter", "closer")))
    def change_now(self, plan: str) -> None:
        """A change at once, whatever the group says."""
        life = self._life_of(plan)
        status = life.status(self.now)
        stopped = status in {"blocked", "paused"} and plan != life.plan
        if not life.costs or stopped:
            self.refused(f"change now nova {plan}" + (" --pay month" if plan in MAIN else ""))
        else:
            self.done(f"change now nova {plan}")
            if plan == life.plan:
                life.keep(self.now)
            else:
                life.change(plan, self.now, life.plans[plan].months(0, life.months))
            self.look()

    @rule()
    def add(self) -> None:
        """An add-on beside the plan of the first group; once more it is there already."""
        life = self.main
        if life.status(self.now) in {"blocked", "paused"} or not life.costs:
            self.refused("subscribe nova extra")
        else:
            self.done("subscribe nova extra")
            life.add(EXTRA, self.now)
            self.look()

    @rule(quantity=st.integers(1, 4))
    def have(self, quantity: int) -> None:
        """More or fewer of the add-on, from today on; fewer are credited."""
        life = self.main
        if life.extra and life.extra_status(self.now) in {"active", "past_due", "trialing"}:
            self.done(f"subscription quantity nova/extra {quantity}")
            life.have(quantity * EXTRA, self.now)
            self.look()

    @rule(
        place=st.integers(0, 5),
        line=st.sampled_from((0, 0, 1, 2)),
        cents=st.sampled_from((0, 0, 1, 333, 1_000)),
        refund=st.booleans(),
    )
    def credit(self, place: int, line: int, cents: int, refund: bool) -> None:
        """One of the invoices is credited: whole, one line (from 1), or an amount of it; or nothing is left.

        Not while anything is blocked: what is credited then would lift that, as a payment does.
        """
        states = (self.main.status(self.now), self.sales.status(self.now), self.main.extra_status(self.now))
        number = self._issued(place)
        if "blocked" in states or not number:
            return
        amount = f"={cents // 100}.{cents % 100:02}" if cents else ""
        words = f"credit-note create {number} --reason why" + (f" --line {line}{amount}" if line else "")
        with credited(self.store, number, line, cents) as expected:
            code, err = self.tried(words + (" --to refund" if refund else ""))
            assert code == 0 or any(f"[{one}]" in err for one in NOT_LEFT), f"{err}\n{self.told()}"
            expected.check(code == 0, self.told())
        self.look()

    @rule(beside=st.booleans())
    def pause(self, beside: bool) -> None:
        """No service until it is resumed; a change that is scheduled must be canceled first."""
        life = self._life(beside)
        status = life.status(self.now)
        if not life.costs:
            return
        alone = life.extra_status(self.now) == "blocked"
        if status in {"active", "past_due"} and not life.coming and life.ends is None and not alone:
            self.done(f"subscription pause nova/{life.plan}")
            life.pause(self.now)
        elif status in {"trialing", "blocked", "paused"} or life.coming or alone:
            self.refused(f"subscription pause nova/{life.plan}")
        self.look()

    @rule(beside=st.booleans())
    def resume(self, beside: bool) -> None:
        """Service again, where nothing is overdue."""
        life = self._life(beside)
        status = life.status(self.now)
        late = any(one.due <= self.now for one in (*life.unpaid, *life.owing))
        if not life.costs or late or life.ends is not None:
            return
        if status == "paused":
            self.done(f"subscription resume nova/{life.plan}")
            life.resume(self.now)
        else:
            self.refused(f"subscription resume nova/{life.plan}")
        self.look()

    @rule(beside=st.booleans(), at_once=st.booleans(), refund=st.booleans())
    def cancel(self, beside: bool, at_once: bool, refund: bool) -> None:
        """An end: with the period, or now, with or without what is left."""
        life = self._life(beside)
        status = life.status(self.now)
        if not life.costs or (status in {"blocked", "paused"} and refund):
            return
        words = f"subscription cancel nova/{life.plan}"
        if at_once:
            self.done(f"{words} --at now --refund {'prorated' if refund else 'none'}")
            life.cancel_now(self.now, refund=refund)
        else:
            self.done(words)
            life.cancel(self.now)
        self.look()

    @rule()
    def pay(self) -> None:
        """Everything that is open is paid."""
        for number in self._open_numbers():
            self.done(f"payment record {number}")
        for life in (self.main, self.sales):
            life.pay(self.now)
        self.look()

    @rule(quantity=st.integers(1, 150), feature=st.sampled_from(("minutes", "contacts")))
    def use(self, quantity: int, feature: str) -> None:
        """Something is used, whoever pays for it."""
        self.done(f"usage record nova {feature} {quantity}")

    # --- what must be true

    @invariant()
    def statuses_are_those_of_the_model(self) -> None:
        """Who runs, and how it stands, as any reading command says."""
        if not hasattr(self, "main"):
            return
        shown = self.done("subscription list --customer nova -f json", quiet=False)
        live = {
            (one["plan"], one["status"])
            for one in shown
            if one["status"] not in {"pending", "canceled", "expired"}
        }
        stands = [(life.status(self.now), life.plan) for life in (self.main, self.sales)]
        expected = {(plan, status) for status, plan in stands if plan}
        extra = self.main.extra_status(self.now)
        expected |= {("extra", extra)} if extra else set()
        assert live == expected, f"{sorted(live)} for {sorted(expected)} at {self.now}\n{self.told()}"

    def check(self) -> None:
        """After a run: periods tile, no day is charged twice, and all days together cost what they should."""
        with stores.raw(self.store) as raw:
            self._periods_tile(raw)
            self._no_day_is_charged_twice(raw)
            for life, group in ((self.main, "main"), (self.sales, "sales")):
                self._costs(raw, life, group)

    def _periods_tile(self, raw: stores.Raw) -> None:
        """Day by day: what was begun and cut on one day is no period."""
        rows = raw.execute("SELECT subscription, starts_on, ends_on FROM billing_period ORDER BY 1, idx")
        for (one, _, ends), (other, starts, _) in pairwise(rows):
            assert one != other or ends == starts, self.told()

    def _no_day_is_charged_twice(self, raw: stores.Raw) -> None:
        """Of the lines alone; what credit notes took back only makes a day cheaper."""
        noted = {line for (line,) in raw.execute("SELECT invoice FROM credit_note")}
        stepped = {one for (one,) in raw.execute(_STEPPED)}
        counts: Counter[tuple[str, date]] = Counter()
        taken_back = set()
        for invoice, subscription, amount, starts_at, ends_at in raw.execute(_LINES):
            if invoice in noted:
                taken_back.add(subscription)
            for day in days_of(self._day(starts_at), self._day(ends_at)):
                counts[(subscription, day)] += 1 if amount > 0 else -1
        wrong = {
            place: times
            for place, times in counts.items()
            if times not in {0, 1} and place[0] not in taken_back | stepped
        }
        assert not wrong, f"{wrong}\n{self.told()}"

    def _costs(self, raw: stores.Raw, life: Life, group: str) -> None:
        amounts = [amount for (amount,) in raw.execute(_FEES, (group,))]
        noted = [*self._noted(raw, group)]
        amounts += [-net for net, _ in noted]
        charged = Fraction(sum(amounts), 100)
        rounded = Fraction(len(amounts), 200)  # each amount is rounded by half a cent at most
        # What somebody credited may be missing in later credits; what was charged again with it stays charged.
        by_hand = [Fraction(net, 100) for net, is_by_hand in noted if is_by_hand]
        most = life.total - sum(net for net in by_hand if net < 0)
        least = most - sum(net for net in by_hand if net > 0)
        assert least - rounded <= charged <= most + rounded, (
            f"{group}: {float(charged)} charged, {float(least)} to {float(most)} expected\n{self.told()}"
        )

    def _noted(self, raw: stores.Raw, group: str) -> Iterator[tuple[int, bool]]:
        """What credit notes took back of fees, in minor units, and whether somebody asked for it."""
        for invoice, occasion, lines in raw.execute("SELECT invoice, occasion, lines FROM credit_note"):
            for line in json.loads(lines):
                of = raw.execute(_OF_LINE, (invoice, int(line["position"]))).fetchone()
                if of == ("fee", group):
                    yield int(line["net_minor"]), occasion.startswith("manual:")

    def teardown(self) -> None:
        """The last run, and every law."""
        if hasattr(self, "main"):
            self.run()
            found = self.planctl("doctor", quiet=False)
            assert found[0] == 0, f"{found[1]}\n{self.told()}"
        shutil.rmtree(self.folder)

    # --- the program

    def planctl(self, command: str, *, quiet: bool = True) -> tuple[int, str, str]:
        """Run a command now; its exit code and what it printed."""
        at = self.now.replace(tzinfo=self.zone).isoformat()
        words = ["--store", stores.url(self.store), "--as-of", at, "--yes", *(["--quiet"] if quiet else [])]
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*words, *command.split()])
        if quiet:
            self.story.append(f"{at[:16]}  {command}" + (f"  # exit {code}" if code else ""))
        return code, out.getvalue(), err.getvalue()

    def done(self, command: str, *, quiet: bool = True) -> Any:
        """A command that must succeed, after a run where it says that one must come first; its JSON."""
        code, out, err = self.planctl(command, quiet=quiet)
        if code == 4 and any(f"[{reason}]" in err for reason in RUN_FIRST):
            assert self.planctl("invoice run")[0] == 0, self.told()
            self.look()
            code, out, err = self.planctl(command, quiet=quiet)
        assert code == 0, f"exit {code}: {err}\n{self.told()}"
        if quiet and command != "invoice run":
            self.now += timedelta(
                minutes=1
            )  # nobody gives two commands at one instant, but a run and a command
        return json.loads(out) if "-f json" in command else out

    def tried(self, command: str) -> tuple[int, str]:
        """A command that may be refused, after a run where it says that one must come first: exit code and errors."""
        code, _, err = self.planctl(command)
        if code == 4 and any(f"[{reason}]" in err for reason in RUN_FIRST):
            assert self.planctl("invoice run")[0] == 0, self.told()
            self.look()
            code, _, err = self.planctl(command)
        self.now += timedelta(minutes=1)
        return code, err

    def refused(self, command: str) -> None:
        """A command that a rule must refuse, and say what is allowed instead."""
        code, out, err = self.planctl(command)
        assert code == 4, f"exit {code}: {out}{err}\n{self.told()}"
        assert "hint" in err or "expected" in err, err

    def look(self) -> None:
        """Tell the model which invoices are unpaid: when they are due is not its business."""
        with stores.raw(self.store) as raw:
            for life, group in ((self.main, "main"), (self.sales, "sales")):
                life.unpaid = [self._unpaid(row) for row in raw.execute(_OPEN, (group,))]
            self.main.owing = [self._unpaid(row) for row in raw.execute(_OWING)]

    def _unpaid(self, dates: tuple[int, int]) -> Unpaid:
        return Unpaid(*map(self._local, dates))

    def told(self) -> str:
        """What was done, to be done again by hand."""
        return "\n".join(self.story)

    def _open_numbers(self) -> list[str]:
        with stores.raw(self.store) as raw:
            query = "SELECT number FROM invoice WHERE status IN ('open', 'past_due') ORDER BY number"
            found = [number for (number,) in raw.execute(query)]
        return found

    def _issued(self, place: int) -> str:
        """The number of one of the invoices, from the last on and round; none where there is none."""
        with stores.raw(self.store) as raw:
            query = "SELECT number FROM invoice ORDER BY series_year DESC, sequence DESC"
            found = [number for (number,) in raw.execute(query)]
        return found[place % len(found)] if found else ""

    def _life(self, beside: bool) -> Life:
        return self.sales if beside else self.main

    def _life_of(self, plan: str) -> Life:
        return self.sales if plan in SALES else self.main

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1_000_000, self.zone).replace(tzinfo=None)

    def _day(self, at: int) -> date:
        return self._local(at).date()


_LINES = """
SELECT l.invoice, l.subscription, l.amount, l.starts_at, l.ends_at
  FROM invoice_line l JOIN invoice i ON i.id = l.invoice
 WHERE l.charge_key = 'fee' AND i.status <> 'void'
"""

_STEPPED = "SELECT subscription FROM invoice_line WHERE occasion LIKE 'change:%'"

_FEES = """
SELECT l.amount FROM invoice_line l JOIN invoice i ON i.id = l.invoice
  JOIN subscription s ON s.id = l.subscription LEFT JOIN subscription b ON b.id = s.base
 WHERE l.charge_key = 'fee' AND i.status <> 'void' AND COALESCE(b.exclusive_group, s.exclusive_group) = ?
"""

_OF_LINE = """
SELECT l.charge_key, COALESCE(b.exclusive_group, s.exclusive_group)
  FROM invoice_line l JOIN subscription s ON s.id = l.subscription LEFT JOIN subscription b ON b.id = s.base
 WHERE l.invoice = ? AND l.position = ?
"""

# The unpaid invoices of what runs, and of what it followed. Add-ons are billed with it or owe by themselves.
_OPEN = """
WITH RECURSIVE chain(id, follows) AS (
  SELECT id, follows FROM subscription
   WHERE exclusive_group = ? AND status IN ('trialing', 'active', 'past_due', 'blocked', 'paused')
   UNION
  SELECT s.id, s.follows FROM subscription s JOIN chain c ON s.id = c.follows)
SELECT i.due_at, i.grace_ends_at FROM invoice i JOIN chain c ON c.id = i.subscription
 WHERE i.status IN ('open', 'past_due')
"""

_OWING = """
SELECT i.due_at, i.grace_ends_at FROM invoice i JOIN subscription s ON s.id = i.subscription
 WHERE i.status IN ('open', 'past_due') AND s.base <> ''
   AND s.status IN ('trialing', 'active', 'past_due', 'blocked', 'paused')
"""

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"

# A failing story says what was done; making it shorter takes minutes, which only the long runs are given.
PHASES = [
    one for one in hypothesis.Phase if SOAK or one not in {hypothesis.Phase.shrink, hypothesis.Phase.explain}
]

LifeOfACustomer.TestCase.settings = hypothesis.settings(
    max_examples=200 if SOAK else 8, stateful_step_count=40 if SOAK else 12, deadline=None, phases=PHASES
)
TestRandomLives = pytest.mark.slow(LifeOfACustomer.TestCase)
