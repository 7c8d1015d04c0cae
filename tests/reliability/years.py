"""Ten years of billing in one zone, with runs at random days that are skipped, repeated, refused and killed.

What every subscription has to pay is worked out by `local_days` from what was agreed, period by period; afterwards
the lines of the store must be that list: none doubled, none lost, no cent off. Invoices are due so late that nobody
is ever blocked. It drives the command line, and knows nothing of how planctl decides.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

from tests import stores
from tests.reliability.local_days import DAY, EPOCH, Cadence, Period, cents, instant_of
from tests.reliability.trouble import KILLED, killed, told

ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Europe/Moscow", "Europe/Istanbul", "Atlantic/Azores",
    "America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Havana", "America/Sao_Paulo",
    "America/Asuncion", "America/Santiago", "America/Caracas", "America/Phoenix", "America/Godthab", "Africa/Cairo",
    "Africa/Casablanca", "Africa/Lagos", "Africa/Johannesburg", "Asia/Beirut", "Asia/Tehran", "Asia/Kolkata",
    "Asia/Kathmandu", "Asia/Yangon", "Asia/Shanghai", "Asia/Tokyo", "Asia/Pyongyang", "Asia/Amman", "Asia/Gaza",
    "Asia/Vladivostok", "Australia/Sydney", "Australia/Lord_Howe", "Australia/Eucla", "Pacific/Auckland",
    "Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Pago_Pago",
)  # fmt: skip

BEGINNINGS = (datetime(2008, 1, 1), datetime(2024, 1, 1))
"""When the years begin. In the first ten Samoa left out a day, and many clocks were changed at midnight."""

EACH, INCLUDED, PACK = Fraction(13, 10), 20, 60
"""What a call costs (minor units), how many calls a month has, and how many a pack."""

QUIET = 120 * DAY
"""Nobody uses anything in the last days, so that all usage is billed at the end, late usage too."""

Line = tuple[str, int, int, int]
"""A part (`fee`, `calls`, `pack`, `credit`), from, until (instants; 0: any), minor units."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a plan is sold, and what becomes of its subscriptions.

    `end` is how one ends (`renewal`, `now`), or what it is changed to (`bigger`, `year`); `day` is the day of the
    month on which they start (0: any); `uses` says that calls are used, some told `late`, or some paid by a `pack`.
    """

    name: str
    cadence: Cadence
    fee: int
    arrears: bool = False
    trial: int = 0
    day: int = 0
    end: str = ""
    uses: str = ""

    def yaml(self) -> str:
        """The plan, as a catalog has it."""
        words = [f"  {self.name}:", f"    price: {{{self.cadence}: {{USD: {self.fee / 100:.2f}}}}}"]
        words += [f"    anchor: {self.cadence.anchor}"] if self.cadence.anchor != "start" else []
        words += ["    bill: in arrears"] if self.arrears else []
        words += [f"    trial: {self.trial} days"] if self.trial else []
        words += ["    packs: true", "    features:", _CALLS] if self.uses else []
        return "\n".join(words) + "\n"


_CALLS = f"      calls: {{included: {INCLUDED}, beyond: {{charge: usage, each: {{USD: 0.013}}}}}}"

SHAPES = (
    Shape("m28", Cadence("month"), 1999, day=28, end="renewal"),
    Shape("m29", Cadence("month"), 2003, day=29, end="now"),
    Shape("m30", Cadence("month"), 997, day=30),
    Shape("m31", Cadence("month"), 1001, day=31),
    Shape("a28", Cadence("month"), 1511, arrears=True, day=28, end="now"),
    Shape("a29", Cadence("month"), 33, arrears=True, day=29),
    Shape("a31", Cadence("month"), 701, arrears=True, day=31, end="renewal"),
    Shape("q31", Cadence("month", 3), 5407, day=31),
    Shape("h30", Cadence("month", 6), 9901, arrears=True, day=30),
    Shape("b29", Cadence("month", 2), 3301, day=29, trial=14),
    Shape("leap", Cadence("year"), 19_997, day=-29),
    Shape("leap_a", Cadence("year", 2), 33_333, arrears=True, day=-29),
    Shape("day", Cadence("day"), 101, end="renewal"),
    Shape("day_a", Cadence("day"), 7, arrears=True),
    Shape("day3", Cadence("day", 3), 211),
    Shape("week", Cadence("week"), 499, end="now"),
    Shape("week2", Cadence("week", 2), 1203, arrears=True, trial=9),
    Shape("monday", Cadence("week", 1, "calendar"), 409, arrears=True),
    Shape("first", Cadence("month", 1, "calendar"), 1499),
    Shape("last", Cadence("month", 1, "day 31"), 1601),
    Shape("day28", Cadence("month", 1, "day 28"), 1733, arrears=True, end="renewal"),
    Shape("quarter", Cadence("month", 3, "calendar"), 4409),
    Shape("upward", Cadence("month"), 1234, day=31, end="bigger"),
    Shape("longer", Cadence("month"), 1300, day=30, end="year"),
    Shape("talks", Cadence("month"), 1100, day=31, uses="late"),
    Shape("prepays", Cadence("month"), 900, day=29, uses="pack"),
)
"""One subscription of each is a part: 26 in each of 40 zones."""

BIGGER = {"bigger": (Cadence("month"), 2999), "year": (Cadence("year"), 29_995)}

CATALOG = (
    "format: planctl.catalog/1\ncatalog: years\ncurrencies: {USD: }\ndefaults: {due: 3650 days}\n"
    "features: {calls: {type: metered, unit: call}}\nplans:\n"
    + "".join(shape.yaml() for shape in SHAPES)
    + "  bigger:\n    price: {month: {USD: 29.99}, year: {USD: 299.95}}\n"
    + f"addons:\n  some_calls: {{price: {{once: {{USD: 5}}}}, wallet: {{calls: {PACK}}}, expires: never}}\n"
)


@dataclass(slots=True)
class Deal:
    """One subscription: when it starts, when it is ended or changed, and what is used when, and told when."""

    shape: Shape
    tz: ZoneInfo
    start: datetime
    acts_at: datetime | None = None
    calls: list[tuple[int, int, int]] = field(default_factory=list)
    packs: list[int] = field(default_factory=list)

    @property
    def customer(self) -> str:
        """One customer each."""
        return f"c_{self.shape.name}"

    @property
    def paid_from(self) -> datetime:
        """When the first paid period starts."""
        return self.start + DAY * self.shape.trial

    def commands(self) -> Iterator[tuple[int, str]]:
        """What somebody types for it, and when."""
        zone = f"--currency USD --timezone {self.tz} --payment-method invoice"
        yield self._at(self.start), f"customer add {self.customer} {zone} --plan {self.shape.name}"
        if self.acts_at is not None:
            refund = "none" if self.shape.arrears else "prorated"
            yield (
                self._at(self.acts_at),
                {
                    "renewal": f"subscription cancel {self.customer}",
                    "now": f"subscription cancel {self.customer} --at now --refund {refund}",
                    "bigger": f"subscribe {self.customer} bigger --pay month",
                    "year": f"subscribe {self.customer} bigger --pay year",
                }[self.shape.end],
            )
        for at in self.packs:
            yield at, f"wallet buy {self.customer} some_calls"

    def expected(self, until: int) -> Iterator[Line]:
        """Every line that is owed by an instant; a day on which nothing is left of a period has none."""
        yield from (line for line in self._lines(until) if line[3])

    def _lines(self, until: int) -> Iterator[Line]:
        before = self._periods(self.shape.cadence, self.paid_from, self.acts_at)
        for one in before:
            yield from self._fee(one, self.shape.fee, until, arrears=self.shape.arrears)
        if self.acts_at is not None and before and self.shape.end != "renewal":
            yield from self._acted(before[-1], self.acts_at, until)
        yield from self._usage(until)
        yield from (("pack", 0, 0, 500) for at in self.packs if at <= until)

    def _fee(self, one: Period, fee: int, until: int, *, arrears: bool = False) -> Iterator[Line]:
        starts, ends = self._at(one.starts), self._at(one.ends)
        if arrears and self.acts_at is not None and self.shape.end == "now" and one.ends > self.acts_at:
            return  # ended within: what it comes to is worked out there
        if (ends if arrears else starts) <= until:
            yield "fee", starts, ends, cents(fee * one.share(one.starts, one.ends))

    def _acted(self, one: Period, at: datetime, until: int) -> Iterator[Line]:
        """What the day of the change brings: it belongs to what comes then."""
        fee, now, ends = self.shape.fee, self._at(at), self._at(one.ends)
        if self.shape.end == "now" and self.shape.arrears:
            yield "fee", self._at(one.starts), now, cents(fee * one.share(one.starts, at))
        elif self.shape.end == "now":
            yield "credit", 0, 0, -cents(fee * one.share(at, one.ends))
        else:
            cadence, new = BIGGER[self.shape.end]
            yield "fee", now, ends, -cents(fee * one.share(at, one.ends))
            if self.shape.end == "bigger":
                yield "fee", now, ends, cents(new * one.share(at, one.ends))
                follow = [p for p in self._periods(cadence, self.paid_from, None) if p.starts >= one.ends]
            else:
                follow = self._periods(cadence, at, None)
            for period in follow:
                yield from self._fee(period, new, until)

    def _periods(self, cadence: Cadence, start: datetime, before: datetime | None) -> list[Period]:
        last = min(before or _FAR, _FAR)
        return [*takewhile(lambda one: one.starts <= last, cadence.periods(start, self.tz))]

    def _usage(self, until: int) -> Iterator[Line]:
        """Of every month's calls so many are included; then packs pay, if they were there; the rest costs."""
        left = [(at, [PACK]) for at in self.packs]
        for one in self._periods(self.shape.cadence, self.paid_from, None) if self.shape.uses else ():
            starts, ends = self._at(one.starts), self._at(one.ends)
            used, owed = 0, 0
            for at, quantity, _ in sorted(self.calls):
                if starts <= at < ends:
                    above = max(0, used + quantity - max(used, INCLUDED))
                    used += quantity
                    for bought, units in left:
                        taken = min(above, units[0]) if bought <= at else 0
                        units[0], above = units[0] - taken, above - taken
                    owed += above
            if owed and ends <= until:
                yield "calls", starts, ends, cents(EACH * owed)

    def _at(self, local: datetime) -> int:
        return instant_of(local, self.tz)


_FAR = datetime(2036, 1, 1)


def deal(shape: Shape, zone: str, begins: datetime, years: int, chance: random.Random) -> Deal:
    """A subscription that starts within some months, at any time of the day."""
    start = begins + timedelta(minutes=chance.randrange(24 * 60), days=chance.randrange(90))
    if shape.day:
        month = chance.choice((1, 3, 5, 7, 8)) if shape.day > 0 else 2
        start = start.replace(month=month, day=abs(shape.day))
    found = Deal(shape, ZoneInfo(zone), start)
    span = (begins.replace(year=begins.year + years) - start - QUIET) // timedelta(minutes=1)
    some = [start + timedelta(minutes=chance.randrange(40_000, span)) for _ in range(12 * years)]
    if shape.end:
        found.acts_at = max(some[0], found.paid_from + DAY)
    if shape.uses:
        found.packs = [found._at(at) for at in some[: years if shape.uses == "pack" else 0]]
        for _ in range(years * 25):
            at = found._at(start + timedelta(minutes=chance.randrange(1, span)))
            late = chance.choice((0, 0, 1, 3, 40)) if shape.uses == "late" else 0
            found.calls.append((at, chance.randrange(1, 30), at + late * 86_400_000_000))
        found.packs.sort()
    return found


class Years:
    """A test store of one zone that lives through some years; `story` is what was done."""

    def __init__(self, part: int, years: int, shapes: tuple[Shape, ...] = SHAPES) -> None:
        self.chance = random.Random(part)
        begins = BEGINNINGS[part // len(ZONES) % 2 ^ part % 2]
        zone = ZONES[part % len(ZONES)]
        self.deals = [deal(one, zone, begins, years, self.chance) for one in shapes]
        self.now = _utc(begins)
        self.until = _utc(begins.replace(year=begins.year + years))
        self.folder = Path(tempfile.mkdtemp(prefix="years-", dir=_room()))
        self.story: list[str] = []
        self.runs = self.kills = self.late_runs = 0

    def live(self) -> None:
        """Everything that happens, in time order."""
        (self.folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
        self.does(f"init {self.folder / 'made'} --test")
        self.does(f"catalog apply {self.folder / 'catalog.yaml'}")
        commands = sorted(one for deal in self.deals for one in deal.commands() if one[0] <= self.until)
        sent = sorted(
            (told_at, deal.customer, at, quantity)
            for deal in self.deals
            for at, quantity, told_at in deal.calls
        )
        while self.now < self.until:
            self.now = min(self.until, self.now + self._gap())
            while commands and commands[0][0] <= self.now:
                at, words = commands.pop(0)
                here, self.now = self.now, at
                if not words.startswith("customer add"):
                    sent = self._tell(sent)
                    self._run()
                self.does(words)
                self.now = here
            sent = self._tell(sent)
            self._run()

    def wrong(self) -> str:
        """What is charged and not owed, or owed and not charged; nothing where all is right."""
        owed = Counter((deal.customer, *line) for deal in self.deals for line in deal.expected(self.until))
        charged = Counter(self._charged())
        found = [f"not owed: {_named(one)}" for one in (charged - owed).elements()]
        found += [f"not charged: {_named(one)}" for one in (owed - charged).elements()]
        code, out, err = told([*self._words(), "doctor"])
        return "\n".join(found) + ("" if code == 0 else f"\ndoctor {code}: {out}{err}")

    def lines(self) -> int:
        """How many lines are owed."""
        return sum(1 for deal in self.deals for _ in deal.expected(self.until))

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder)

    def does(self, command: str, *, also: tuple[int, ...] = (0,)) -> int:
        """A command that must end well."""
        self.story.append(f"{_text(self.now)}  {command}")
        code, out, err = told([*self._words(), "--quiet", *command.split()])
        assert code in also, f"exit {code}: {out}{err}\n" + "\n".join(self.story)
        return code

    # --- runs

    def _gap(self) -> int:
        """Until the next run: a day or some, and now and then the machine is off for weeks."""
        least, most = self.chance.choice(((1, 5), (4, 20), (4, 20), (18, 34), (18, 34), (36, 75)))
        return self.chance.randrange(least * 24 * 60, most * 24 * 60) * 60_000_000

    def _run(self) -> None:
        trouble = self.chance.randrange(5)
        for _ in range(trouble - 1 if trouble < 4 else 0):
            words = [*self._words(), "--quiet", "invoice", "run"]
            self.kills += killed(words, self.chance.randrange(1, 300)) == KILLED
        self.runs += 1
        if self.does("invoice run", also=(0, 1)):
            self.late_runs += 1
            self._catch_up()
        if trouble == 4:
            self.does("invoice run")
            here, self.now = self.now, self.now - 86_400_000_000
            self.does("invoice run", also=(4,))
            self.now = here

    def _catch_up(self) -> None:
        """Those who were left behind for more than 35 days, and 12 periods, are billed when somebody says so."""
        words = [*self._words(), "--quiet", "invoice", "run", "--catch-up", "5000", "--reason", "it was off"]
        self.kills += killed(words, self.chance.randrange(1, 600)) == KILLED
        self.story.append(f"{_text(self.now)}  invoice run --catch-up 5000 --reason ...")
        code, out, err = told(words)
        assert code == 0, f"exit {code}: {out}{err}"

    def _tell(self, sent: list[tuple[int, str, int, int]]) -> list[tuple[int, str, int, int]]:
        """Import what is told by now: in any order, and now and then killed or twice."""
        due = [one for one in sent if one[0] <= self.now]
        if due:
            rows = [
                {
                    "id": f"{who}-{at}",
                    "customer": who,
                    "event": "calls",
                    "at": _text(at),
                    "quantity": quantity,
                }
                for _, who, at, quantity in self.chance.sample(due, len(due))
            ]
            file = self.folder / "usage.ndjson"
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            if not self.chance.randrange(3):
                words = [*self._words(), "--quiet", "usage", "import", str(file)]
                self.kills += killed(words, self.chance.randrange(1, 60)) == KILLED
            for _ in range(self.chance.choice((1, 1, 2))):
                self.does(f"usage import {file}")
        return sent[len(due) :]

    # --- the books

    def _charged(self) -> Iterator[tuple[str, str, int, int, int]]:
        with stores.raw(self.folder / "books.db") as raw:
            calls: Counter[tuple[str, int, int]] = Counter()
            for who, kind, starts, ends, amount in raw.execute(_LINES):
                if kind in {"usage", "late_usage"}:
                    calls[(who, starts, ends)] += amount
                elif kind == "pack":
                    yield who, "pack", 0, 0, amount
                else:
                    yield who, "fee", starts, ends, amount
            yield from ((who, "calls", starts, ends, sum_) for (who, starts, ends), sum_ in calls.items())
            for who, lines in raw.execute(_CREDITS):
                yield who, "credit", 0, 0, -sum(int(one["net_minor"]) for one in json.loads(lines))

    def _words(self) -> list[str]:
        return ["--store", stores.url(self.folder / "books.db"), "--as-of", _text(self.now), "--yes"]


_LINES = """
SELECT c.id, l.kind, l.starts_at, l.ends_at, l.amount
  FROM invoice_line l JOIN invoice i ON i.id = l.invoice JOIN customer c ON c.seq = i.customer
"""
_CREDITS = "SELECT c.id, n.lines FROM credit_note n JOIN customer c ON c.seq = n.customer"


def _room() -> str | None:
    return str(stores.MEMORY) if stores._has_room(stores.MEMORY) else None


def _utc(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _text(instant: int) -> str:
    return (EPOCH + timedelta(microseconds=instant)).isoformat() + "Z"


def _named(line: tuple[str, str, int, int, int]) -> str:
    who, part, starts, ends, amount = line
    return f"{who} {part} {_text(starts)} {_text(ends)} {amount}"


def lived(number: int, years: int, shapes: tuple[Shape, ...] = SHAPES) -> Years:
    """Live through the years of a part; AssertionError with everything that was done where a line is wrong."""
    found = Years(number, years, shapes)
    try:
        found.live()
        wrong = found.wrong()
        assert not wrong, f"part {number}, {years} years\n{wrong}\n" + "\n".join(found.story)
    finally:
        found.close()
    return found


def part(number: int) -> int:
    """Ten years of all shapes in one zone, and from part 40 on with other dates; how many subscriptions that were."""
    return len(lived(number, 10).deals)
