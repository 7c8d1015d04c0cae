"""`planctl subscription quantity` and add-ons from the shell: what they print, charge, ask and refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run

PRO = ("subscribe", "nova", "pro", "--pay", "month", "--no-trial", "--yes")
SEATS = ("subscription", "quantity", "nova/pro")


def at(day: str) -> tuple[str, ...]:
    return "--as-of", day


@pytest.fixture
def unpaid(acme: Run) -> Run:
    """nova on pro by the month since 1 January with 12 seats, of which 10 are included: 49.00 + 2 × 4.00."""
    assert acme(*PRO, "--quantity", "seats=12", *at("2026-01-01")).exit_code == 0
    return acme


@pytest.fixture
def sold(unpaid: Run) -> Run:
    """The same, its first invoice paid."""
    assert unpaid("payment", "record", "INV-2026-00001", *at("2026-01-02")).exit_code == 0
    return unpaid


def good(run: Run, *words: str) -> Any:
    result = run(*words, "-f", "json")
    assert result.exit_code == 0, result.stderr
    return result.json


def lines(run: Run, number: str) -> list[tuple[str, str, str]]:
    shown = good(run, "invoice", "show", number, *at("2026-03-05"))
    return [(line["kind"], line["quantity"], line["amount"]) for line in shown["lines"]]


# --- quantities


def test_more_seats_are_charged_at_once_for_the_rest_of_the_period(sold: Run) -> None:
    # 22 January to 1 February are 10 of 31 days: 3 × 4.00 × 10/31 = 3.87.
    document = good(sold, *SEATS, "seats=15", "--yes", *at("2026-01-22"))
    assert document["quantities"] == {"seats": "15"}
    assert document["change"] == {
        "feature": "seats",
        "before": "12",
        "after": "15",
        "at": "2026-01-22T00:00:00Z",
        "canceled": [],
    }
    (invoice,) = document["invoices"]
    assert (invoice["total"], invoice["due_at"]) == ("3.87", "2026-01-29T00:00:00Z")
    (line,) = invoice["lines"]
    assert (line["kind"], line["feature"], line["quantity"]) == ("proration_charge", "seats", "3")
    assert line["period"] == {"starts_at": "2026-01-22T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"}


def test_the_renewal_bills_the_new_total_once(sold: Run) -> None:
    good(sold, *SEATS, "seats=15", "--yes", *at("2026-01-22"))
    good(sold, "payment", "record", "INV-2026-00002", *at("2026-01-23"))
    (number,) = good(sold, "invoice", "run", *at("2026-02-01"))["invoices"]
    assert lines(sold, number) == [("fee", "1", "49.00"), ("quantity", "5", "20.00")]
    assert good(sold, "invoice", "run", *at("2026-02-01"))["invoices"] == []


def test_without_a_terminal_it_shows_the_amount_and_asks(sold: Run) -> None:
    result = sold(*SEATS, "seats=15", *at("2026-01-22"))
    assert (result.exit_code, result.stdout) == (64, "")
    assert "nova/pro seats: 12 to 15 from 2026-01-22" in result.stderr
    assert "Seats · +3 (10 of 31 days): 3.87" in result.stderr
    assert "request: 3.87 USD, due 2026-01-29" in result.stderr
    assert len(good(sold, "invoice", "list", *at("2026-01-23"))) == 1


def test_fewer_seats_wait_for_the_renewal_and_can_be_taken_back(sold: Run) -> None:
    document = good(sold, *SEATS, "seats=11", "--yes", *at("2026-01-22"))
    scheduled = {"feature": "seats", "total": "11", "at": "2026-02-01T00:00:00Z"}
    assert (document["quantities"], document["scheduled_quantities"]) == ({"seats": "12"}, [scheduled])
    assert document["invoices"] == []
    shown = sold("subscription", "show", "nova/pro", *at("2026-01-23"))
    assert "scheduled: seats 11 from 2026-02-01" in shown.stdout
    back = sold(*SEATS, "seats=12", "--yes", *at("2026-01-24"))
    assert "what was scheduled is canceled" in back.stdout
    (number,) = good(sold, "invoice", "run", *at("2026-02-01"))["invoices"]
    assert lines(sold, number)[1] == ("quantity", "2", "8.00")


def test_a_scheduled_decrease_takes_no_seat_before_its_day(sold: Run) -> None:
    good(sold, *SEATS, "seats=10", "--yes", *at("2026-01-22"))
    good(sold, "invoice", "run", *at("2026-02-01"))
    limits = [good(sold, "check", "nova", "seats", *at(day))["limit"] for day in ("2026-01-31", "2026-02-01")]
    assert limits == ["12", "10"]


def test_fewer_seats_hold_from_the_renewal_on(sold: Run) -> None:
    good(sold, *SEATS, "seats=10", "--yes", *at("2026-01-22"))
    (number,) = good(sold, "invoice", "run", *at("2026-02-01"))["invoices"]
    assert lines(sold, number) == [("fee", "1", "49.00")]
    shown = good(sold, "subscription", "show", "nova/pro", *at("2026-02-02"))
    assert (shown["quantities"], shown["scheduled_quantities"]) == ({"seats": "10"}, [])


def test_fewer_seats_now_are_credited_to_the_balance(sold: Run) -> None:
    # 2 × 4.00 × 10/31 = 2.58 of what was charged for January, which pays a part of February.
    document = good(sold, *SEATS, "seats=10", "--at", "now", "--yes", *at("2026-01-22"))
    assert document["invoices"] == []
    assert [credit["total"] for credit in document["credits"]] == ["2.58"]
    (number,) = good(sold, "invoice", "run", *at("2026-02-01"))["invoices"]
    invoice = good(sold, "invoice", "show", number, *at("2026-02-02"))
    assert (invoice["total"], invoice["credit_applied"], invoice["due"]) == ("49.00", "2.58", "46.42")


def test_what_was_discounted_is_credited_after_its_discount(acme: Run) -> None:
    # 20 % off: 2 × 4.00 were charged at 6.40, of which 10 of 31 days go back: 2.06, not 2.58.
    acme(*PRO, "--quantity", "seats=12", "--coupon", "launch20", *at("2026-01-01"))
    acme("payment", "record", "INV-2026-00001", *at("2026-01-02"))
    document = good(acme, *SEATS, "seats=10", "--at", "now", "--yes", *at("2026-01-22"))
    assert [credit["total"] for credit in document["credits"]] == ["2.06"]


def test_what_it_has_changes_nothing(sold: Run) -> None:
    result = sold(*SEATS, "seats=12", "--yes", *at("2026-01-22"))
    assert (result.exit_code, result.stdout.strip()) == (
        0,
        "nova/pro seats is 12 already, or will be; nothing was changed",
    )


def test_a_key_changes_once(sold: Run) -> None:
    first = good(sold, *SEATS, "seats=15", "--yes", "--key", "k1", *at("2026-01-22"))
    again = good(sold, *SEATS, "seats=15", "--yes", "--key", "k1", *at("2026-01-25"))
    assert again == first
    assert len(good(sold, "invoice", "list", *at("2026-01-26"))) == 2


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (("seats=51",), 3),
        (("seats=9",), 3),
        (("minutes=5",), 4),
        (("2",), 4),
        (("0",), 3),
        (("seats=-1",), 3),
        (("1.5",), 3),
        (("seats=many",), 3),
        (("seats=15", "--at", "renewal"), 3),
    ],
)
def test_what_is_not_sold_is_refused(sold: Run, words: tuple[str, ...], exit_code: int) -> None:
    assert sold(*SEATS, *words, "--yes", *at("2026-01-22")).exit_code == exit_code
    assert len(good(sold, "invoice", "list", *at("2026-01-23"))) == 1


def test_a_dry_run_of_a_change_writes_nothing(sold: Run) -> None:
    dry = sold(*SEATS, "seats=15", "--dry-run", "-f", "json", *at("2026-01-22"))
    assert dry.json["invoices"][0]["total"] == "3.87"
    assert good(sold, "subscription", "show", "nova/pro", *at("2026-01-23"))["quantities"] == {"seats": "12"}


def test_while_blocked_nothing_changes(unpaid: Run) -> None:
    # Due on 8 January, 3 days of grace: blocked on the 11th, whether or not a run has said so.
    for words in ((*SEATS, "seats=15"), ("subscribe", "nova", "extra_seat")):
        result = unpaid(*words, "--yes", "-f", "json", *at("2026-01-22"))
        assert (result.exit_code, result.error["code"]) == (4, "stopped")


def test_what_a_hold_stands_in_the_way_of_says_how_to_lift_it(sold: Run) -> None:
    # Paid up, so it renews; in June 2027 seventeen months are missing.
    for words in ((*SEATS, "seats=15"), ("subscription", "cancel", "nova/pro", "--at", "now")):
        result = sold(*words, "--yes", "-f", "json", *at("2027-06-05"))
        assert (result.exit_code, result.error["code"]) == (4, "catch-up")
        assert result.error["hint"] == "planctl invoice run --customer nova --catch-up N --reason TEXT"


def test_the_balance_that_pays_a_request_is_named_before_and_after(sold: Run) -> None:
    # Two months' seats given back: 2 × 4.00 × 27/31 = 6.97, of which 3.87 and then 3.10 of 3.87 are paid.
    good(sold, *SEATS, "seats=10", "--at", "now", "--yes", *at("2026-01-05"))
    first = sold(*SEATS, "seats=13", "--yes", *at("2026-01-22"))
    assert "  request: 3.87 USD, paid by the balance" in first.stderr.splitlines()
    assert "invoice INV-2026-00002: 3.87 USD, paid by the balance" in first.stdout.splitlines()
    second = sold(*SEATS, "seats=16", "--dry-run", *at("2026-01-22"))
    assert "  request: 3.87 USD, of which the balance pays 3.10, due 2026-01-29" in second.stderr.splitlines()
    assert (
        "invoice INV-2026-00003: 3.87 USD, of which the balance paid 3.10, due 2026-01-29T00:00:00Z"
        in second.stdout.splitlines()
    )


def test_the_store_holds_to_every_law_after_changes(sold: Run) -> None:
    good(sold, *SEATS, "seats=15", "--yes", *at("2026-01-05"))
    good(sold, *SEATS, "seats=14", "--at", "now", "--yes", *at("2026-01-06"))
    good(sold, *SEATS, "seats=13", "--yes", *at("2026-01-07"))
    good(sold, "subscribe", "nova", "extra_seat", "--quantity", "2", "--yes", *at("2026-01-07"))
    result = sold("doctor", *at("2026-01-07"))
    assert result.exit_code == 0, result.stdout + result.stderr


def test_a_coupon_of_three_periods_discounts_three_periods_whatever_is_bought_within_them(acme: Run) -> None:
    # Source: Polar 6d425e86da, 332cb7418e: a seat change took the discount twice, and a repeating one never ended.
    # 20 % of 57.00 is 11.40; of the 3.87 bought in January 0.77; of 69.00 from February on 13.80.
    acme(*PRO, "--quantity", "seats=12", "--coupon", "launch20", *at("2026-01-01"))
    acme("payment", "record", "INV-2026-00001", *at("2026-01-02"))
    good(acme, *SEATS, "seats=15", "--yes", *at("2026-01-22"))
    acme("payment", "record", "INV-2026-00002", *at("2026-01-22"))
    for month in ("02", "03", "04"):
        good(acme, "invoice", "run", *at(f"2026-{month}-01"))
        acme("payment", "record", f"INV-2026-0000{int(month) + 1}", *at(f"2026-{month}-02"))
    bills = good(acme, "invoice", "list", *at("2026-04-03"))
    assert [(bill["subtotal"], bill["discount"]) for bill in bills] == [
        ("57.00", "11.40"),
        ("3.87", "0.77"),
        ("69.00", "13.80"),
        ("69.00", "13.80"),
        ("69.00", "0.00"),
    ]


def test_what_is_scheduled_is_among_what_happens_next(sold: Run) -> None:
    good(sold, *SEATS, "seats=11", "--yes", *at("2026-01-22"))
    coming = good(sold, "customer", "show", "nova", *at("2026-01-23"))["next"]
    (event,) = [one for one in coming if one["what"] == "quantity_changes"]
    assert {key: event[key] for key in ("at", "about", "features", "units")} == {
        "at": "2026-02-01T00:00:00Z",
        "about": "nova/pro",
        "features": ["seats"],
        "units": "11",
    }


# --- add-ons


def test_an_add_on_is_charged_from_now_to_its_bases_boundary(sold: Run) -> None:
    # 22 January to 1 February: 3 × 6.00 × 10/31 = 5.81.
    document = good(sold, "subscribe", "nova", "extra_seat", "--quantity", "3", "--yes", *at("2026-01-22"))
    assert (document["plan"], document["pay"], document["quantity"]) == ("extra_seat", "month", 3)
    # Its first period is the rest of its base's, as its invoice says too.
    assert document["period"] == {
        "index": 0,
        "starts_at": "2026-01-22T00:00:00Z",
        "ends_at": "2026-02-01T00:00:00Z",
    }
    (invoice,) = document["invoices"]
    assert invoice["period"] == {"starts_at": "2026-01-22T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"}
    assert [(line["kind"], line["amount"]) for line in invoice["lines"]] == [("addon", "5.81")]
    shown = good(sold, "subscription", "show", "nova", *at("2026-01-23"))
    (addon,) = shown["addons"]
    assert (addon["plan"], addon["quantity"], addon["status"]) == ("extra_seat", 3, "active")
    assert "add-on: 3 × extra_seat v1" in sold("subscription", "show", "nova", *at("2026-01-23")).stdout


def test_base_and_add_on_renew_on_one_invoice(sold: Run) -> None:
    good(sold, "subscribe", "nova", "extra_seat", "--quantity", "3", "--yes", *at("2026-01-22"))
    good(sold, "payment", "record", "INV-2026-00002", *at("2026-01-23"))
    (number,) = good(sold, "invoice", "run", *at("2026-02-01"))["invoices"]
    assert lines(sold, number) == [
        ("fee", "1", "49.00"),
        ("quantity", "2", "8.00"),
        ("addon", "3", "18.00"),
    ]


def test_a_monthly_add_on_of_a_yearly_plan_has_invoices_of_its_own_in_between(acme: Run) -> None:
    acme("subscribe", "nova", "pro", "--pay", "year", "--no-trial", "--yes", *at("2026-01-01"))
    acme("payment", "record", "INV-2026-00001", *at("2026-01-02"))
    add = ("subscribe", "nova", "extra_seat", "--pay", "month", "--yes")
    # 15 January to 1 February are 17 of 31 days: 6.00 × 17/31 = 3.29.
    assert good(acme, *add, *at("2026-01-15"))["invoices"][0]["total"] == "3.29"
    acme("payment", "record", "INV-2026-00002", *at("2026-01-16"))
    (number,) = good(acme, "invoice", "run", *at("2026-02-01"))["invoices"]
    assert lines(acme, number) == [("addon", "1", "6.00")]
    yearly = good(acme, "subscription", "quantity", "nova/extra_seat", "1", "--yes", *at("2026-02-01"))
    assert yearly["unchanged"]


def test_an_add_on_changes_its_quantity_like_a_plan(sold: Run) -> None:
    good(sold, "subscribe", "nova", "extra_seat", "--yes", *at("2026-01-22"))
    document = good(sold, "subscription", "quantity", "nova/extra_seat", "4", "--yes", *at("2026-01-22"))
    # 3 × 6.00 × 10/31 = 5.81.
    assert (document["quantity"], document["invoices"][0]["total"]) == (4, "5.81")


def test_an_add_on_without_a_base_is_refused(acme: Run) -> None:
    result = acme("subscribe", "nova", "extra_seat", "--yes", "-f", "json", *at("2026-01-01"))
    assert (result.exit_code, result.error["code"]) == (4, "requires")


def test_an_add_on_ends_with_its_base(sold: Run) -> None:
    good(sold, "subscribe", "nova", "extra_seat", "--yes", *at("2026-01-22"))
    good(sold, "subscription", "cancel", "nova/pro", "--yes", *at("2026-01-23"))
    assert good(sold, "subscription", "show", "nova/extra_seat", *at("2026-01-24"))["ends_at"] == (
        "2026-02-01T00:00:00Z"
    )
    good(sold, "invoice", "run", *at("2026-02-01"))
    shown = good(sold, "subscription", "show", "nova/extra_seat", *at("2026-02-02"))
    assert shown["status"] == "canceled"


def test_an_add_on_of_a_base_that_ends_now_ends_now(sold: Run) -> None:
    good(sold, "subscribe", "nova", "extra_seat", "--yes", *at("2026-01-22"))
    good(sold, "subscription", "cancel", "nova/pro", "--at", "now", "--yes", *at("2026-01-23"))
    assert good(sold, "subscription", "show", "nova/extra_seat", *at("2026-01-24"))["status"] == "canceled"
    assert good(sold, "invoice", "run", *at("2026-02-01"))["invoices"] == []


def test_the_seats_of_an_add_on_count_once_for_each_unit(sold: Run) -> None:
    good(sold, "subscribe", "nova", "extra_seat", "--quantity", "3", "--yes", *at("2026-01-22"))
    shown = good(sold, "usage", "show", "nova", *at("2026-01-23"))["features"]
    assert [one["included"] for one in shown if one["feature"] == "seats"] == ["12", "3"]


def test_a_pack_is_bought_by_another_command(sold: Run) -> None:
    result = sold("subscribe", "nova", "minutes_1k", "--yes", "-f", "json", *at("2026-01-02"))
    assert (result.exit_code, result.error["code"], result.error["hint"]) == (
        4,
        "pack",
        "planctl wallet buy nova minutes_1k",
    )


def test_a_one_off_add_on_is_charged_at_once_each_time_and_never_renews(sold: Run) -> None:
    made = ("plan", "create", "help", "--addon", "--price", "once:USD=99", *at("2026-01-03"))
    assert sold(*made).exit_code == 0
    for _ in range(2):
        document = good(sold, "subscribe", "nova", "help", "--yes", *at("2026-01-22"))
        assert [(line["kind"], line["amount"]) for line in document["invoices"][0]["lines"]] == [
            ("one_off", "99.00")
        ]
    for number in ("INV-2026-00002", "INV-2026-00003"):
        good(sold, "payment", "record", number, *at("2026-01-23"))
    (renewal,) = good(sold, "invoice", "run", *at("2026-02-01"))["invoices"]
    assert [kind for kind, _, _ in lines(sold, renewal)] == ["fee", "quantity"]
