"""What one group of plans should have cost a customer, day by day, and who should run in which status: a small model.

It knows calendars and unpaid invoices, and nothing of the program: instants are local times without a zone, fees are by
the month or the year, from the instant of the start. Amounts are exact, in major units.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction

FREE = "free"
ZERO = Fraction(0)


def months_later(anchor: datetime, months: int) -> datetime:
    """The same time of the day so many months later, on the month's last day where it lacks the day."""
    year, month = divmod(anchor.month - 1 + months, 12)
    year, month = anchor.year + year, month + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))


def _period(since: datetime, at: datetime, months: int) -> tuple[datetime, datetime]:
    """The period of so many months, counted from `since`, in which an instant lies."""
    number = ((at.year - since.year) * 12 + at.month - since.month) // months + 1
    while months_later(since, number * months) > at:
        number -= 1
    return months_later(since, number * months), months_later(since, (number + 1) * months)


def days_of(begins: date, ends: date) -> list[date]:
    """Every day from the first on, without the last."""
    return [begins + timedelta(number) for number in range((ends - begins).days)]


@dataclass
class Unpaid:
    """An unpaid invoice, as far as dunning looks at it."""

    due: datetime
    grace: datetime


@dataclass
class Plan:
    """A plan's fees by the number of months they are for, its place in the group's order, and the days of its trial.

    With `shifts`, paying while it is blocked begins a new period that day.
    """

    name: str
    fees: dict[int, int]
    place: int
    trial: int = 0
    shifts: bool = False

    def months(self, wanted: int, before: int) -> int:
        """How long its periods are: as asked, else as they were, else as the only fee says."""
        return wanted or (before if before in self.fees else min(self.fees))


@dataclass
class Life:
    """The plans of one exclusive group over time.

    `plan` is the one that runs (`""`: none), `walked` until when the days are charged. `paid` is what each day costs;
    a new start begins a new chain, since what was left of the one before it may have been kept. `extra` is what an
    add-on costs a month beside the plan; `owing` are the add-on's own unpaid invoices, which stop nothing else.
    """

    plans: dict[str, Plan]
    fallback: str = ""
    pays: bool = True
    plan: str = ""
    months: int = 1
    extra: int = 0
    chain: int = 0
    anchor: datetime = datetime.min
    walked: datetime = datetime.min
    trial_until: datetime | None = None
    trial_used: bool = False
    ends: datetime | None = None
    coming: tuple[str, int] | None = None
    paused: bool = False
    unpaid: list[Unpaid] = field(default_factory=list)
    owing: list[Unpaid] = field(default_factory=list)
    paid: dict[tuple[int, str, date], Fraction] = field(default_factory=dict)

    # --- looking

    @property
    def costs(self) -> bool:
        """Whether a plan with a fee runs."""
        return bool(self.plan) and self.plan != FREE

    def status(self, now: datetime) -> str:
        """What the plan that runs is, once everything has come that time brings."""
        self.walk(now)
        return self._status(now, self.unpaid) if self.plan else ""

    def extra_status(self, now: datetime) -> str:
        """What the add-on is: as its plan, and by what it owes itself."""
        self.walk(now)
        return self._status(now, [*self.unpaid, *self.owing]) if self.extra else ""

    def _status(self, now: datetime, unpaid: list[Unpaid]) -> str:
        if self.paused:
            return "paused"
        if self.trial_until is not None and now < self.trial_until:
            return "trialing"
        if self.costs and any(one.grace <= now for one in unpaid):
            return "blocked"
        return "past_due" if self.costs and any(one.due <= now for one in unpaid) else "active"

    def period(self, at: datetime) -> tuple[datetime, datetime]:
        """The period of an instant; within a trial, the trial."""
        if self.trial_until is not None and at < self.trial_until:
            return self.anchor, self.trial_until
        since = self.trial_until or self.anchor
        return _period(since, at, self.months)

    @property
    def total(self) -> Fraction:
        """What all days cost together."""
        return sum(self.paid.values(), ZERO)

    # --- what time brings

    def walk(self, now: datetime) -> None:
        """Charge every period that begins by now, and turn what turns on the way."""
        while self.costs:
            turn = self.period(self.walked)[1]
            if self.ends is not None and self.ends < turn:
                turn = self.ends
            month = self._month(self.walked)[1]
            if month < turn and month <= now:
                self._begin_month(month)
                continue
            if turn > now:
                break
            self._turn(turn)
        self.walked = max(self.walked, now)

    def _begin_month(self, at: datetime) -> None:
        self.walked = at
        self._charge_extra(at.date(), at)

    def _month(self, at: datetime) -> tuple[datetime, datetime]:
        """The period of an add-on: a year's plan has twelve of them; within a trial, the trial."""
        in_trial = self.trial_until is not None and at < self.trial_until
        return self.period(at) if in_trial else _period(self.trial_until or self.anchor, at, 1)

    def _turn(self, at: datetime) -> None:
        self.walked = at
        if self.trial_until == at and not self.pays and self.ends != at:
            self._over(self.fallback, at)
        elif self.ends == at:
            self._over("", at)
        else:
            if self.coming is not None:
                (self.plan, months), self.coming = self.coming, None
                self._counted_by(months, at)
            self._charge(at.date(), at)
            self._charge_extra(at.date(), at)

    def _stopped(self, at: datetime, unpaid: list[Unpaid]) -> bool:
        return self.paused or any(one.grace <= at for one in unpaid)

    def _over(self, follows: str, at: datetime) -> None:
        self.plan, self.coming, self.ends, self.paused, self.trial_until = follows, None, None, False, None
        self.unpaid, self.owing, self.extra, self.months = [], [], 0, 1
        self.chain += 1
        self.anchor = self.walked = at

    def _counted_by(self, months: int, at: datetime) -> None:
        """Other periods than before begin anew."""
        if months != self.months:
            self.months, self.anchor, self.trial_until = months, at, None

    def _charge(self, since: date, at: datetime) -> None:
        """The days of a period from one on cost the fee, whatever they cost before; nothing while it is stopped."""
        if not self._stopped(at, self.unpaid):
            fee = self.plans[self.plan].fees[self.months]
            self._cost("plan", fee, since, *self.period(at))

    def _charge_extra(self, since: date, at: datetime) -> None:
        """The same of the add-on's, by its own month."""
        if self.extra and not self._stopped(at, [*self.unpaid, *self.owing]):
            self._cost("extra", self.extra, since, *self._month(at))

    def _cost(self, what: str, fee: int, since: date, begins: datetime, ends: datetime) -> None:
        for day in days_of(since, ends.date()):
            self.paid[(self.chain, what, day)] = Fraction(fee, (ends.date() - begins.date()).days)

    def _give_back(self, since: date, *what: str) -> None:
        for chain, of, day in self.paid:
            if chain == self.chain and of in what and day >= since:
                self.paid[(chain, of, day)] = ZERO

    # --- what people do

    def start(self, plan: str, now: datetime, *, trial: bool = False, months: int = 1) -> None:
        """A plan begins where none runs, or a free one gives way."""
        self.walk(now)
        self._over(plan, now)
        self.months = months
        if plan == FREE:
            return
        days = self.plans[plan].trial if trial else 0
        if days:
            self.trial_until, self.trial_used = now + timedelta(days), True
        else:
            self._charge(now.date(), now)

    def is_up(self, plan: str) -> bool:
        """Whether a plan stands higher than the one that runs."""
        return self.plans[plan].place > self.plans[self.plan].place

    def change(self, plan: str, now: datetime, months: int) -> None:
        """Another plan takes the place at once: the days from today on are its own.

        Its own trial goes on from the first start; without one a trial ends. The add-on goes on as it is, unless
        periods begin anew.
        """
        self.walk(now)
        in_trial = self.trial_until is not None and now < self.trial_until
        tried_until = self.anchor + timedelta(days=self.plans[plan].trial)
        self.plan, self.coming, self.ends = plan, None, None
        if in_trial and now < tried_until:
            self.trial_until, self.months = tried_until, months
            return
        anew = in_trial or months != self.months
        self._give_back(now.date(), "plan", *(["extra"] if anew else []))
        if anew:
            self.anchor, self.trial_until, self.months = now, None, months
            self._charge_extra(now.date(), now)
        self._charge(now.date(), now)

    def change_later(self, plan: str, now: datetime, months: int) -> None:
        """Another plan takes the place when the period ends."""
        self.walk(now)
        self.coming, self.ends = (plan, months), None

    def add(self, fee: int, now: datetime) -> None:
        """An add-on beside the plan, from today on; it ends with it."""
        self.walk(now)
        if not self.extra:
            self.extra = fee
            if self.trial_until is None or now >= self.trial_until:
                self._charge_extra(now.date(), now)

    def have(self, fee: int, now: datetime) -> None:
        """More or fewer of the add-on, which all together cost the fee from today on."""
        self.walk(now)
        self.extra = fee
        if self.trial_until is None or now >= self.trial_until:
            self._charge_extra(now.date(), now)

    def pause(self, now: datetime) -> None:
        """Nothing is used from today on, so today and what follows costs nothing."""
        self.walk(now)
        self.paused = True
        self._give_back(now.date(), "plan", "extra")

    def resume(self, now: datetime) -> None:
        """Today and the rest of the period cost again."""
        self.walk(now)
        self.paused = False
        self._charge(now.date(), now)
        self._charge_extra(now.date(), now)

    def cancel(self, now: datetime) -> None:
        """It ends with its period."""
        self.walk(now)
        self.ends, self.coming = self.period(now)[1], None

    def keep(self, now: datetime) -> None:
        """It does not end after all, and nothing takes its place."""
        self.walk(now)
        self.ends, self.coming = None, None

    def cancel_now(self, now: datetime, *, refund: bool) -> None:
        """It ends; what is left of the period is kept, or given back."""
        self.walk(now)
        if refund:
            self._give_back(now.date(), "plan", "extra")
        self._over("", now)

    def pay(self, now: datetime) -> None:
        """All is paid: where a period began without service, the rest of it from today on is charged."""
        self.walk(now)
        blocked_at = min((one.grace for one in self.unpaid), default=now)
        extra_at = min((one.grace for one in (*self.unpaid, *self.owing)), default=now)
        self.unpaid, self.owing = [], []
        if self.costs and not self.paused:
            begun = self.period(now)[0]
            if self.plans[self.plan].shifts and blocked_at < now:
                self._give_back(now.date(), "plan")
                self.anchor, self.trial_until = (begun if begun.date() == now.date() else now), None
                self._charge(now.date(), now)
            elif blocked_at <= begun and blocked_at < now:
                self._charge(now.date(), now)
            if extra_at <= self._month(now)[0] and extra_at < now:
                self._charge_extra(now.date(), now)
