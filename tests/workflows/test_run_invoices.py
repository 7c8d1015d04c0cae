"""The billing run over a real store: clock rules, pages, conflicts, holds, and nothing ever twice."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.invoicing.reporting import RunReport, counted
from planctl.core.periods import Instant, instant_text
from planctl.core.subscriptions.model import Status
from planctl.errors import Conflict, NotFound, Refused
from planctl.store import claiming, customers, outcomes, runs, settings, subscriptions
from planctl.store.engine import Tx, open_store
from planctl.workflows import run_invoices
from planctl.workflows.run_invoices import (
    RunRequest,
    bill_page,
    check_clock,
    due_pages,
    propose_one,
)
from tests import stores
from tests.workflows.business import RECORDED, Business, lines, rows, t, told, total

MINUTE = 60_000_000


def on_terms(business: Business, *names: str, at: str = "2026-01-01") -> None:
    """Customers who run pro by the month."""
    business.customer(*names)
    for name in names:
        business.subscribe(name, "pro", at, pay="month", negotiated={"grace": "never"})


def looked_at(business: Business, as_of: str) -> list[list[str]]:
    """The customers of each page of a run."""
    request = RunRequest(t(as_of), RECORDED)
    with business.store.read() as tx:
        return [
            [name for _, name in claiming.due_among(tx, request.as_of, page)]
            for page in due_pages(tx, request)
        ]


# --- what a run does


def test_a_renewal_is_issued_at_the_boundary_and_due_a_week_later(business: Business) -> None:
    on_terms(business, "nova")
    business.use("nova", "minutes", "6000", "2026-01-20")  # 1,000 over the limit: shown, not billed
    (invoice,) = business.run("2026-02-01").invoices
    assert (invoice.number, lines(invoice)) == ("INV-2026-00002", [("fee", "49.00")])
    assert instant_text(invoice.draft.due_at) == "2026-02-08T00:00:00Z"


def test_a_repeated_run_writes_nothing_more(business: Business) -> None:
    on_terms(business, "nova", "vega")
    business.run("2026-02-01")
    tables = (
        "invoice",
        "invoice_line",
        "settlement",
        "usage_claim",
        "billing_period",
        "subscription_transition",
    )
    with business.store.read() as tx:
        before = {name: rows(tx, name) for name in tables}
    for _ in range(3):
        report = business.run("2026-02-01")
        assert (report.invoices, report.transitions) == ([], [])
    with business.store.read() as tx:
        assert {name: rows(tx, name) for name in tables} == before


def test_numbers_follow_each_other_over_customers_and_begin_again_with_the_year(business: Business) -> None:
    on_terms(business, "nova", "vega")
    report = business.run("2027-01-01", reason="", catch_up=12)
    assert [one.number for one in report.invoices][:2] == ["INV-2027-00001", "INV-2027-00002"]
    assert len(report.invoices) == 24
    assert [number for number, _, _ in business.bills()][:2] == ["INV-2026-00001", "INV-2026-00002"]


def test_a_run_of_one_customer_leaves_the_others_and_the_mark(business: Business) -> None:
    on_terms(business, "nova", "vega")
    report = business.run("2026-02-01", customer="vega")
    assert [one.draft.customer for one in report.invoices] == ["vega"]
    with business.store.read() as tx:
        assert settings.identity(tx).high_water_at is None
    assert [one.draft.customer for one in business.run("2026-02-01").invoices] == ["nova"]


def test_a_run_of_nobody_is_refused(business: Business) -> None:
    with pytest.raises(NotFound, match="nobody"):
        business.run("2026-02-01", customer="nobody")
    with business.store.read() as tx:
        assert rows(tx, "run") == 0


def test_every_run_is_remembered_with_what_it_covered(business: Business) -> None:
    on_terms(business, "nova")
    business.run("2026-02-01")
    business.run("2026-02-02", customer="nova", now=Instant(RECORDED + 1))
    with business.store.read() as tx:
        second, first = runs.runs(tx)
        last = runs.last_whole(tx)
    assert (first.as_of, first.is_whole, second.is_whole) == (t("2026-02-01"), True, False)
    assert last is not None
    assert last.id == first.id


def test_totals_are_per_currency(business: Business) -> None:
    on_terms(business, "nova")
    business.customer("anna", currency="EUR")
    business.subscribe("anna", "pro", pay="month", negotiated={"grace": "never"})
    report = RunReport(t("2026-02-01"))
    for page in business.run("2026-02-01").pages:
        report.add(counted(page, report.as_of))
    assert {currency.code: minor for currency, minor in report.totals.items()} == {"USD": 4900, "EUR": 4600}


def test_a_preview_is_what_the_run_then_does_and_writes_nothing(business: Business) -> None:
    on_terms(business, "nova")
    business.use("nova", "minutes", "3", "2026-01-05")
    request = RunRequest(t("2026-02-01"), RECORDED, "nova")
    with business.store.read() as tx:
        (proposed,) = propose_one(tx, request)
    (issued,) = business.run("2026-02-01").invoices
    (draft,) = proposed.drafts
    assert (draft.lines, draft.due_at, draft.at) == (issued.draft.lines, issued.draft.due_at, issued.draft.at)


def test_an_unpaid_invoice_is_past_due_then_blocked_on_its_own_days_though_the_run_is_late(
    business: Business,
) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    report = business.run("2026-01-25")
    assert told(report) == [
        ("active", "past_due", "2026-01-08T00:00:00Z"),
        ("past_due", "blocked", "2026-01-11T00:00:00Z"),
    ]
    assert business.bills() == [("INV-2026-00001", "past_due", "49.00")]
    assert business.run("2026-03-15").invoices == [], "no period that begins while blocked is billed"
    assert business.run("2026-03-15").transitions == []


# --- pages


def test_pages_together_hold_every_customer_once(business: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_invoices, "PAGE", 2)
    names = [f"c{number}" for number in range(5)]
    on_terms(business, *names)
    assert looked_at(business, "2026-02-01") == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    assert [one.draft.customer for one in business.run("2026-02-01").invoices] == names


def test_a_customer_of_several_plans_is_one_page_entry(business: Business) -> None:
    on_terms(business, "nova")
    business.subscribe("nova", "setup")
    assert looked_at(business, "2026-02-01") == [["nova"]]


def test_nobody_is_looked_at_before_something_can_be_due(business: Business) -> None:
    on_terms(business, "nova")
    business.customer("idle")
    business.subscribe("idle", "free")
    # nova's first invoice is due on the 8th
    assert looked_at(business, "2026-01-07T23:59:59Z") == []
    assert looked_at(business, "2026-01-08") == [["nova"]]


# --- conflicts


def test_a_page_that_conflicts_is_retried_customer_by_customer(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terms(business, "nova", "vega", "zora")
    whole = outcomes.write_outcomes

    def conflicting(tx: Tx, decided: list[object], *more: object) -> object:
        if len(decided) > 1:
            raise Conflict("somebody was quicker")
        return whole(tx, decided, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(run_invoices, "write_outcomes", conflicting)
    report = business.run("2026-02-01")
    assert [one.number for one in report.invoices] == ["INV-2026-00004", "INV-2026-00005", "INV-2026-00006"]
    assert report.held == []


def test_a_customer_that_conflicts_alone_is_held_and_the_others_are_billed(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terms(business, "nova", "vega", "zora")
    whole = outcomes.write_outcomes

    def conflicting(tx: Tx, decided: list[object], *more: object) -> object:
        if any(getattr(one, "customer", "") == "vega" for one in decided):
            raise Conflict("billed before")
        return whole(tx, decided, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(run_invoices, "write_outcomes", conflicting)
    report = business.run("2026-02-01")
    assert [one.draft.customer for one in report.invoices] == ["nova", "zora"]
    assert [(one.customer, one.reason) for one in report.held] == [("vega", "conflict: billed before")]
    monkeypatch.undo()
    assert [one.reason for one in business.run("2026-02-02").held] == ["hold: conflict"]
    with business.store.write() as tx:
        customers.clear_hold(tx, "vega")
    assert [one.draft.customer for one in business.run("2026-02-03").invoices] == ["vega"]


def test_a_second_run_of_the_same_page_issues_nothing_twice(business: Business) -> None:
    on_terms(business, "nova", "vega")
    request = RunRequest(t("2026-02-01"), RECORDED)
    with business.store.read() as tx:
        (page,) = due_pages(tx, request)  # read before the other run came
    business.run("2026-02-01")
    with business.store.write() as tx:
        late = bill_page(tx, page, request)
    assert (late.looked_at, late.invoices) == (0, ())
    assert len(business.bills()) == 4


# --- holds


def test_a_held_customer_is_named_and_the_others_go_on(business: Business) -> None:
    on_terms(business, "nova", "vega")
    with business.store.write() as tx:
        customers.put_hold(tx, "nova", "disputed", "ask Anna", RECORDED)
    report = business.run("2026-02-01")
    assert [one.draft.customer for one in report.invoices] == ["vega"]
    assert [(one.customer, one.reason) for one in report.held] == [("nova", "hold: disputed")]
    with business.store.write() as tx:
        customers.clear_hold(tx, "nova")
    assert [one.draft.customer for one in business.run("2026-02-01").invoices] == ["nova"]


def test_thirteen_missing_periods_are_held_until_they_are_asked_for(business: Business) -> None:
    on_terms(business, "nova")
    business.customer("vega")
    business.subscribe("vega", "setup", "2027-02-01")
    held = business.run("2027-02-01")
    assert [one.reason.partition(":")[0] for one in held.held] == ["catch-up"]
    assert held.invoices == []
    with business.store.read() as tx:
        assert [hold.reason for hold in customers.holds(tx)] == ["catch-up"]
    caught_up = business.run("2027-02-01", catch_up=13, reason="the server was off")
    assert len(caught_up.invoices) == 13
    assert [instant_text(one.draft.at) for one in caught_up.invoices][::12] == [
        "2026-02-01T00:00:00Z",
        "2027-02-01T00:00:00Z",
    ]
    with business.store.read() as tx:
        assert customers.holds(tx) == []


def test_an_amount_that_cannot_be_is_a_hold_of_that_customer_alone(business: Business) -> None:
    business.customer("nova", "vega")
    for name in ("nova", "vega"):
        terms = {"features.minutes.beyond.each.USD": "999_999_999_999_999_999"}
        business.subscribe(name, "metered", negotiated=terms if name == "nova" else {})
    business.use("nova", "minutes", "999999999999999", "2026-01-05")
    business.use("vega", "minutes", "100", "2026-01-05")
    report = business.run("2026-02-01")
    assert [(one.draft.customer, total(one)) for one in report.invoices] == [("vega", "12.00")]
    ((customer, reason),) = [(one.customer, one.reason) for one in report.held]
    assert customer == "nova"
    assert reason.startswith("impossible: the amount is beyond")
    assert business.shown("nova", "2026-02-01").status is Status.ACTIVE, "and it can still be looked at"


def test_corrections_that_outweigh_the_usage_of_a_month_stop_nobody(business: Business) -> None:
    business.customer("nova", "vega")
    for name in ("nova", "vega"):
        business.subscribe(name, "metered")
        business.use(name, "minutes", "10", "2026-01-05")
    with business.store.write() as tx:
        from planctl.workflows.record_usage import Recording, record

        record(tx, Recording("nova", "minutes", "25", t("2026-01-06"), id="wrong"), t("2026-01-06"))
    business.run("2026-02-01")
    with business.store.write() as tx:
        back = Recording("nova", "minutes", "-25", t("2026-02-03"), id="back", corrects="wrong")
        record(tx, back, t("2026-02-03"))
    report = business.run("2026-03-01")
    assert (report.invoices, report.held) == ([], [])


# --- the clock


def run_with(business: Business, as_of: str, **request: object) -> None:
    with business.store.write() as tx:
        check_clock(tx, RunRequest(t(as_of), **({"now": t("2026-02-01")} | request)))  # type: ignore[arg-type]


def test_a_run_may_go_five_minutes_back_and_no_further(business: Business) -> None:
    business.run("2026-02-01T12:00:00Z")
    run_with(business, "2026-02-01T11:55:00Z")
    with pytest.raises(Refused) as refused:
        run_with(business, "2026-02-01T11:54:59.999999Z")
    assert refused.value.code == "clock-back"
    assert "2026-02-01T12:00:00Z" in refused.value.message


def test_a_reason_goes_back_once_and_lowers_the_mark(business: Business) -> None:
    business.run("2026-05-01")
    business.run("2026-02-01", reason="that was a mistake")
    with business.store.read() as tx:
        assert settings.identity(tx).high_water_at == t("2026-02-01")
    run_with(business, "2026-02-02")


def test_a_refused_run_does_not_move_the_mark(business: Business) -> None:
    business.run("2026-05-01")
    with pytest.raises(Refused):
        business.run("2026-02-01")
    with business.store.read() as tx:
        assert settings.identity(tx).high_water_at == t("2026-05-01")


def test_a_test_store_has_a_free_clock(business: Business) -> None:
    run_with(business, "2036-01-01")


def test_a_real_store_does_not_run_far_ahead_without_a_reason(business: Business, tmp_path: Path) -> None:
    with open_store(stores.url(tmp_path / "real.db"), create=True, at=RECORDED) as store:
        real = Business(store)
        run_with(real, "2026-03-08")  # 35 days after 1 February
        with pytest.raises(Refused) as refused:
            run_with(real, "2026-03-08T00:00:00.000001Z")
        assert refused.value.code == "clock-ahead"
        run_with(real, "2036-01-01", reason="a rehearsal")


# --- what a run leaves to be looked at


def test_the_next_look_is_at_the_due_date_the_end_of_the_grace_and_the_renewal(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")

    def first_at(at: str) -> bool:
        just_before = instant_text(Instant(t(at) - 1))
        return looked_at(business, just_before) == [] and looked_at(business, at) == [["nova"]]

    for day, following in pairwise(("2026-01-01", "2026-01-08", "2026-01-11", "2026-02-01", "2026-03-01")):
        assert first_at(following), day
        business.run(following)


def test_paid_invoices_are_no_reason_to_look(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "pro", pay="month")
    business.pay("INV-2026-00001", "2026-01-02")
    assert looked_at(business, "2026-01-31") == []
    (invoice,) = business.run("2026-02-01").invoices
    assert invoice.status is InvoiceStatus.OPEN
    with business.store.read() as tx:
        (sub,) = subscriptions.of_customers(tx, ["nova"])["nova"]
        assert [one.index for one in subscriptions.periods(tx, [sub.id])[sub.id]] == [0, 1]


def test_running_daily_and_once_a_month_issues_the_same_lines(business: Business) -> None:
    for name, days in (("daily", range(1, 32)), ("late", ())):
        business.customer(name)
        business.subscribe(name, "metered")
        business.use(name, "minutes", "33", "2026-01-31T23:59:59Z")
        for day in days:
            business.run(f"2026-01-{day:02}", customer=name)
    business.run("2026-02-15")
    (daily,), (late,) = business.invoices("daily"), business.invoices("late")
    assert (
        [line.amount_minor for line in daily.draft.lines]
        == [line.amount_minor for line in late.draft.lines]
        == [396]
    )
    assert (daily.draft.starts_at, daily.draft.at) == (late.draft.starts_at, late.draft.at)
