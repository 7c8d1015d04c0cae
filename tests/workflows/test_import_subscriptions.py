"""Moving in from another system: what it billed is not billed again, what closes later is; all rows or none."""

from __future__ import annotations

import pytest

from planctl.core.invoicing.model import InvoiceStatus
from planctl.core.periods import instant_text
from planctl.core.subscriptions.model import Status
from planctl.errors import Refused
from planctl.store import claiming
from planctl.store.balances import balances_of
from tests.workflows.business import Business, lines, rows, t, total

IMPORTED = "2026-01-20"


def row(customer: str = "nova", plan: str = "pro", **values: str) -> dict[str, str]:
    return {"customer": customer, "plan": plan, "pay": "month", "start": "2025-11-10"} | values


# --- what the customer brings along


def test_an_opening_balance_comes_in_once(business: Business) -> None:
    business.customer("nova")
    asked = [row(balance="12.50")]
    business.move_in(asked, IMPORTED)
    assert business.move_in(asked, IMPORTED).existing == 1
    with business.store.read() as tx:
        assert balances_of(tx, ["nova"]) == {"nova": {"USD": 1250}}
    (invoice,) = business.run("2026-02-10").invoices
    assert (invoice.credit_minor, invoice.due_minor) == (1250, 3650)


def test_an_opening_balance_pays_the_first_invoice_of_a_start_on_the_day_of_the_import(
    business: Business,
) -> None:
    business.customer("nova")
    (invoice,) = business.move_in([row(start=IMPORTED, balance="60")], IMPORTED).invoices
    assert (invoice.credit_minor, invoice.due_minor, invoice.status) == (4900, 0, InvoiceStatus.PAID)
    with business.store.read() as tx:
        assert balances_of(tx, ["nova"]) == {"nova": {"USD": 1100}}


# --- trials


def test_a_trial_goes_on_to_its_end_and_is_paid_for_from_there(business: Business) -> None:
    business.customer("nova", payment_method="invoice")
    made = business.move_in([row(start="2026-01-10", trial_ends="2026-02-01")], IMPORTED)
    (sub,) = made.subscriptions
    assert (sub.status, sub.started_at, sub.trial_ends_at) == (
        Status.TRIALING,
        t("2026-01-10"),
        t("2026-02-01"),
    )
    assert made.invoices == ()
    assert business.run("2026-01-31").invoices == []
    (invoice,) = business.run("2026-02-01").invoices
    assert (lines(invoice), invoice.draft.ends_at) == ([("fee", "49.00")], t("2026-03-01"))


def test_a_trial_ends_on_a_day_of_the_customers_zone(business: Business) -> None:
    business.customer("nova", timezone="Europe/Berlin")
    (sub,) = business.move_in([row(start="2026-01-10", trial_ends="2026-02-01")], IMPORTED).subscriptions
    assert sub.trial_ends_at == t("2026-01-31T23:00:00Z")


def test_a_trial_that_was_over_is_none_any_more_and_its_month_was_billed(business: Business) -> None:
    business.customer("nova")  # who pays in the old system need not have a payment method here
    (sub,) = business.move_in([row(start="2026-01-01", trial_ends="2026-01-15")], IMPORTED).subscriptions
    assert (sub.status, sub.fees_from) == (Status.ACTIVE, t("2026-02-15"))
    (invoice,) = business.run("2026-02-15").invoices
    assert (lines(invoice), invoice.draft.ends_at) == ([("fee", "49.00")], t("2026-03-15"))


def test_a_trial_that_ends_on_the_day_of_the_import_is_billed_from_there_on(business: Business) -> None:
    business.customer("nova")
    made = business.move_in([row(start="2026-01-06", trial_ends=IMPORTED)], IMPORTED)
    (invoice,) = made.invoices
    assert (lines(invoice), invoice.draft.at, invoice.draft.ends_at) == (
        [("fee", "49.00")],
        t("2026-01-20"),
        t("2026-02-20"),
    )


def test_what_was_paid_past_the_trial_is_not_billed_again(business: Business) -> None:
    business.customer("nova", payment_method="card")
    asked = row(start="2026-01-10", trial_ends="2026-02-01", billed_through="2026-03-01")
    business.move_in([asked], IMPORTED)
    assert business.run("2026-02-28").invoices == []
    assert [lines(one) for one in business.run("2026-03-01").invoices] == [[("fee", "49.00")]]


@pytest.mark.parametrize("told", [{"trial_used": "yes"}, {"trial_ends": "2026-02-01"}])
def test_a_trial_that_was_had_is_not_had_again(business: Business, told: dict[str, str]) -> None:
    business.customer("nova", fingerprint="fp-1")
    business.customer("twin", fingerprint="fp-1")
    business.move_in([row(start="2026-01-10") | told], IMPORTED)
    business.cancel("nova", "2026-01-25", at_once=True)
    for customer in ("nova", "twin"):  # the plan's trial is once per fingerprint, too
        with pytest.raises(Refused) as refused:
            business.subscribe(customer, "pro", "2026-01-26", pay="month", trial=None)
        assert refused.value.code == "trial-used"


def test_a_trial_that_was_had_here_does_not_go_on_from_there(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "starter", "2026-01-01", pay="month", trial=True)
    business.cancel("nova", "2026-01-02", at_once=True)
    made = business.move_in([row(start="2026-01-10", trial_ends="2026-02-01")], IMPORTED)
    assert [(one.rule, one.hint) for one in made.findings] == [("trial-used", "leave trial_ends empty")]


# --- what the old system billed


def test_without_a_word_the_period_of_the_import_is_billed_already(business: Business) -> None:
    business.customer("nova")
    made = business.move_in([row()], IMPORTED)
    assert made.invoices == ()
    (sub,) = made.subscriptions
    assert (sub.status, sub.started_at, sub.fees_from, sub.usage_from) == (
        Status.ACTIVE,
        t("2025-11-10"),
        t("2026-02-10"),
        t(IMPORTED),
    )
    (invoice,) = business.run("2026-02-10").invoices
    assert (lines(invoice), instant_text(invoice.draft.at)) == ([("fee", "49.00")], "2026-02-10T00:00:00Z")


def test_billed_through_says_from_when_on_fees_are_ours(business: Business) -> None:
    names = ("behind", "even", "ahead")
    business.customer(*names)
    days = ("2025-12-10", "2026-02-10", "2026-04-10")
    made = business.move_in(
        [row(name, billed_through=day) for name, day in zip(names, days, strict=True)], IMPORTED
    )
    assert [(one.draft.customer, instant_text(one.draft.at)) for one in made.invoices] == [
        ("behind", "2025-12-10T00:00:00Z"),
        ("behind", "2026-01-10T00:00:00Z"),
    ]
    report = business.run("2026-03-09", catch_up=None)
    assert [one.draft.customer for one in report.invoices] == ["even"]
    assert sorted(one.draft.customer for one in business.run("2026-03-10").invoices) == ["even"]
    assert "ahead" in [one.draft.customer for one in business.run("2026-04-10").invoices]


def test_a_period_that_began_before_billed_through_counts_as_billed(business: Business) -> None:
    business.customer("nova")
    made = business.move_in([row(billed_through="2026-01-11")], IMPORTED)
    assert made.invoices == ()
    assert [instant_text(one.draft.at) for one in business.run("2026-02-10").invoices] == [
        "2026-02-10T00:00:00Z"
    ]


def test_a_start_on_the_day_of_the_import_has_been_billed_by_nobody(business: Business) -> None:
    business.customer("nova", timezone="Europe/Berlin")
    made = business.move_in([row(start="2026-01-20")], "2026-01-20T15:00:00Z")
    assert [lines(one) for one in made.invoices] == [[("fee", "49.00")]]
    assert instant_text(made.subscriptions[0].started_at) == "2026-01-19T23:00:00Z"


def test_without_a_start_it_begins_with_the_import(business: Business) -> None:
    business.customer("nova")
    made = business.move_in([{"customer": "nova", "plan": "pro", "pay": "month"}], IMPORTED)
    assert made.subscriptions[0].started_at == t(IMPORTED)
    assert [total(one) for one in made.invoices] == ["49.00"]


def test_usage_is_ours_from_the_allowance_period_that_closes_after_the_import(business: Business) -> None:
    business.customer("nova")
    business.move_in([row(plan="metered", start="2025-11-10")], IMPORTED)
    business.use("nova", "minutes", "7", "2026-01-09T23:59:59Z")  # closed before the import
    business.use("nova", "minutes", "20", "2026-01-10")
    business.use("nova", "minutes", "5", "2026-02-09T23:59:59Z")
    (invoice,) = business.run("2026-02-10").invoices
    assert lines(invoice) == [("usage", "3.00")]  # 25 × 0.12


def test_a_one_off_of_the_past_is_paid_for(business: Business) -> None:
    business.customer("nova")
    made = business.move_in([row(plan="setup", pay="")], IMPORTED)
    assert (made.invoices, business.run("2027-01-01").invoices) == ((), [])


def test_the_31st_stays_the_anchor_of_who_began_on_it(business: Business) -> None:
    business.customer("nova")
    business.move_in([row(start="2025-10-31")], IMPORTED)
    days = ("2026-01-31", "2026-02-28", "2026-03-31")
    assert [instant_text(one.draft.at)[:10] for day in days for one in business.run(day).invoices][:1] == [
        "2026-01-31"
    ]


def test_it_starts_no_trial_and_takes_an_agreed_price_and_seats(business: Business) -> None:
    business.customer("nova")
    values = {"price": "45.50", "quantity:seats": "12", "billed_through": IMPORTED, "currency": "USD"}
    made = business.move_in([row(start="2026-01-20", **values)], IMPORTED)
    (sub,) = made.subscriptions
    assert sub.negotiated == {"price.month.USD": "45.50"}
    assert sub.quantities == {"seats": 12}
    assert [lines(one) for one in made.invoices] == [[("fee", "45.50"), ("quantity", "8.00")]]


def test_a_free_plan_that_was_enabled_gives_way(business: Business) -> None:
    business.customer("nova")
    business.subscribe("nova", "free", "2026-01-02")
    business.move_in([row()], IMPORTED)
    assert business.shown("nova/free", IMPORTED).status is Status.CANCELED
    assert business.shown("nova/pro", IMPORTED).status is Status.ACTIVE


def test_what_is_billed_elsewhere_is_no_reason_to_look(business: Business) -> None:
    business.customer("nova")
    made = business.move_in([row(billed_through="2026-04-10")], IMPORTED)
    with business.store.read() as tx:
        assert not claiming.due(tx, t("2026-02-09"))
        assert made.subscriptions[0].settled_at is None


# --- many


def test_a_hundred_customers_get_one_invoice_each(business: Business) -> None:
    names = [f"c{number:03}" for number in range(100)]
    business.customer(*names)
    made = business.move_in([row(name, start="2025-12-05") for name in names], IMPORTED)
    assert (len(made.subscriptions), made.invoices, made.findings) == (100, (), ())
    report = business.run("2026-02-05")
    assert [one.draft.customer for one in report.invoices] == names
    assert [one.number for one in report.invoices] == [f"INV-2026-{number:05}" for number in range(1, 101)]
    assert business.run("2026-02-05").invoices == []


# --- all or none


@pytest.mark.parametrize(
    ("values", "rule", "said"),
    [
        ({"customer": "nobody"}, "not-found", "nobody"),
        ({"customer": ""}, "invalid-value", "customer is missing"),
        ({"plan": "pru"}, "not-found", "pru"),
        ({"pay": ""}, "usage", "say which"),
        ({"pay": "week"}, "no-such-row", "week"),
        ({"currency": "GBP"}, "no-such-currency", "GBP"),
        ({"start": "10.11.2025"}, "invalid-value", "10.11.2025"),
        ({"start": "2026-02-01"}, "future-start", "2026-02-01"),
        ({"billed_through": "soon"}, "invalid-value", "soon"),
        ({"price": "1,5"}, "invalid-value", "1,5"),
        ({"price": "-1"}, "invalid-value", "-1"),
        ({"quantity:seats": "51"}, "quantity", "51"),
        ({"quantity:seats": "many"}, "invalid-value", "many"),
        ({"quantity:minutes": "9000"}, "quantity", "minutes"),
        ({"trial_ends": "2025-11-10"}, "invalid-value", "2025-11-10"),
        ({"trial_ends": "tomorrow"}, "invalid-value", "tomorrow"),
        ({"trial_ends": "2026-02-01", "plan": "free", "pay": ""}, "no-trial", "free begins without a trial"),
        ({"trial_ends": "2026-02-01", "trial_used": "no"}, "invalid-value", "a trial that ends was taken"),
        ({"trial_used": "maybe"}, "invalid-value", "maybe"),
        ({"balance": "-12.50"}, "invalid-value", "opening balance"),
        ({"balance": "12.505"}, "invalid-value", "12.505 has 3 decimals"),
        ({"wallet:minuts": "500"}, "not-found", "minuts"),
        ({"plan": "enterprise", "pay": "year"}, "only-for", "enterprise"),
        ({"start": "2023-01-01", "billed_through": "2023-01-01"}, "catch-up", "catch-up"),
    ],
)
def test_one_bad_row_is_named_by_its_line_and_nothing_is_written(
    business: Business, values: dict[str, str], rule: str, said: str
) -> None:
    business.customer("good", "nova", "late")
    made = business.move_in([row("good"), row() | values, row("late")], IMPORTED)
    (finding,) = made.findings
    assert (finding.rule, finding.place.file, finding.place.line) == (rule, "moved.csv", 3)
    assert said in finding.message + finding.got
    with business.store.read() as tx:
        assert rows(tx, "subscription") == rows(tx, "invoice") == rows(tx, "number_series") == 0


def test_every_bad_row_is_named_not_the_first(business: Business) -> None:
    business.customer("nova")
    made = business.move_in([row("a"), row(), row("b"), row()], IMPORTED)
    assert [(one.place.line, one.rule) for one in made.findings] == [
        (2, "not-found"),
        (4, "not-found"),
        (5, "exists"),
    ]


@pytest.mark.parametrize(
    "silent", [{"balance": "0"}, {"trial_used": "no"}, {"wallet:minutes": "0"}, {"balance": "0.00"}]
)
def test_a_column_that_says_nothing_is_no_term(business: Business, silent: dict[str, str]) -> None:
    business.customer("nova")
    assert business.move_in([row(**silent)], IMPORTED).findings == ()


def test_importing_again_changes_nothing(business: Business) -> None:
    business.customer("nova")
    business.move_in([row()], IMPORTED)
    again = business.move_in([row()], "2026-03-01")
    assert (again.subscriptions, again.invoices, again.existing, again.findings) == ((), (), 1, ())
    with business.store.read() as tx:
        assert rows(tx, "subscription") == 1


@pytest.mark.parametrize(
    ("other", "runs"),
    [
        ({"pay": "year"}, "by month"),
        ({"currency": "EUR"}, "in USD"),
        ({"start": "2025-11-11"}, "since 2025-11-10"),
        ({"price": "45"}, "on other agreed terms"),
    ],
)
def test_a_row_that_runs_on_other_terms_is_named(
    business: Business, other: dict[str, str], runs: str
) -> None:
    business.customer("nova", "late")
    business.move_in([row()], IMPORTED)
    again = business.move_in([row("late"), row(**other)], IMPORTED)
    assert [(one.place.line, one.rule) for one in again.findings] == [(3, "runs-otherwise")]
    assert runs in again.findings[0].message
    with business.store.read() as tx:
        assert rows(tx, "subscription") == 1


def test_a_row_that_runs_in_another_quantity_is_named(business: Business) -> None:
    business.customer("nova")
    business.move_in([row()], IMPORTED)
    again = business.move_in([row(**{"quantity:seats": "12"})], IMPORTED)
    assert [(one.rule, one.hint) for one in again.findings] == [
        ("runs-otherwise", "planctl subscription quantity nova/pro seats=12")
    ]


def test_a_start_that_is_still_to_come_names_no_option_that_the_import_does_not_have(
    business: Business,
) -> None:
    business.customer("nova")
    (finding,) = business.move_in([row(start="2026-02-01")], IMPORTED).findings
    assert (finding.rule, finding.hint) == ("future-start", "")
