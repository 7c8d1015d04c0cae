"""How a store stands with Stripe, as people read it: what waits and what to type, never more than fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planctl.core.periods import Instant
from planctl.core.stripe.model import Account, Operation, State
from planctl.core.stripe.rights import RIGHTS, Held
from planctl.core.stripe.status_report import LastEvent, OpenPage, StripeStanding, UnpaidThere, WaitingEvent
from planctl.views.stripe import (
    asking_lines,
    next_of,
    setup_answer,
    setup_asked,
    setup_document,
    setup_next,
    setup_warnings,
    standing_answer,
)

NOW = Instant(1_767_225_600_000_000)  # 2026-01-01T00:00:00Z
HOUR = 3_600_000_000
ACCOUNT = Account("acct_1", live=True, key="rk_live_…0001", country="DE", set_up_at=NOW)
STANDING = StripeStanding(NOW, ACCOUNT, {}, {}, None, (), (), (), ())

PARKED = Operation(
    "op_1", "refund", "ref_1", "create", 1, "key", "POST", "/v1/refunds", b"", State.PARKED,
    made_at=Instant(NOW - 2 * HOUR), first_sent_at=Instant(NOW - HOUR), note="400 amount too large",
)  # fmt: skip
UNPAID = UnpaidThere("INV-1", "nova", "in_1", "open", "USD", 2, 4_900, NOW, {})
PAGE = OpenPage("cs_1", "nova", "pro", "JPY", 0, 2_900, NOW, Instant(NOW + HOUR))


def lines(standing: StripeStanding) -> list[str]:
    """What people read."""
    return [*standing_answer(standing).lines]


def test_a_live_account_is_named_as_one() -> None:
    assert lines(STANDING)[1] == "account acct_1 (DE), live mode, key rk_live_…0001"


def test_calls_are_counted_by_kind_and_what_is_open_is_told_apart() -> None:
    counts = {("product", "confirmed"): 1_200, ("price", "sent"): 1, ("price", "confirmed"): 3}
    said = lines(replace(STANDING, counts=counts))
    assert "calls for price: 3 confirmed, 1 sent" in said
    assert "calls for product: 1,200 confirmed" in said
    assert "to be finished by the next push: 1 call" in said


def test_what_waits_says_since_when_why_and_what_to_type() -> None:
    event = WaitingEvent("evt_1", "charge.refunded", "ch_1", NOW, "more than is left")
    standing = replace(STANDING, parked=(PARKED,), waiting=(event,))
    assert standing.needs_person
    assert lines(standing)[4:10] == [
        "waits for a person: op_1, refund ref_1 (create), since 2025-12-31T23:00:00Z",
        "  why: 400 amount too large",
        "  planctl stripe resolve op_1 --resend | --adopt STRIPE_ID | --drop --reason TEXT",
        "waits for a person: evt_1, charge.refunded of ch_1, since 2026-01-01T00:00:00Z",
        "  why: more than is left",
        "  planctl stripe resolve evt_1 --retry | --drop --reason TEXT",
    ]


def test_what_a_person_gave_up_stays_in_sight_and_waits_for_nobody() -> None:
    given_up = replace(PARKED, state=State.DROPPED, note="given up: paid back in cash")
    standing = replace(STANDING, given_up=(given_up,) * 22)
    assert not standing.needs_person
    said = [line for line in lines(standing) if "given up" in line]
    assert said[0] == (
        "given up: op_1, refund ref_1 (create): paid back in cash; planctl stripe resolve op_1 --resend takes it back"
    )
    assert said[20:] == ["given up: 2 more (-f json lists all)"]
    document = standing_answer(standing).document
    assert isinstance(document, dict)
    assert len(document["given_up"]) == 22
    assert document["given_up"][0]["why"] == "given up: paid back in cash"


def test_the_last_event_is_told_with_its_age() -> None:
    last = LastEvent("evt_1", "invoice.paid", Instant(NOW - 9 * HOUR), Instant(NOW - 90 * 60_000_000))
    said = lines(replace(STANDING, last_event=last, event_counts={"done": 7, "ignored": 2}))
    assert said[2] == "events: 7 done; 2 ignored; the last, invoice.paid, read 1 h ago"


def test_how_far_pulls_came_is_told_beside_it() -> None:
    pulled = replace(ACCOUNT, cursor=1_767_225_600 - 7_200)
    said = lines(replace(STANDING, account=pulled))
    assert said[2] == "events: pulled up to 2025-12-31T22:00:00Z, 2 h ago"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("", "unpaid at Stripe: INV-1 of nova, 49.00 USD, due 2026-01-01"),
        ("open", "unpaid at Stripe: INV-1 of nova, 49.00 USD, due 2026-01-01"),
        ("paid", "paid at Stripe, owed here: INV-1 of nova, 49.00 USD, due 2026-01-01"),
        ("void", "void at Stripe, owed here: INV-1 of nova, 49.00 USD, due 2026-01-01"),
    ],
)
def test_what_is_owed_here_is_called_unpaid_there_only_where_it_can_be_paid_there(
    there: str, said: str
) -> None:
    """What was paid and went back again cannot be collected there twice."""
    answer = standing_answer(replace(STANDING, unpaid=(replace(UNPAID, detail={"status": there}),)))
    assert said in answer.lines
    assert isinstance(answer.document, dict)
    assert [one["at_stripe"] for one in answer.document["unpaid"]] == [there or None]


def test_people_are_shown_twenty_and_machines_everything() -> None:
    many = tuple(replace(UNPAID, number=f"INV-{number}") for number in range(1, 24))
    answer = standing_answer(replace(STANDING, unpaid=many, pages=(PAGE,) * 21))
    assert "unpaid at Stripe: 3 more (-f json lists all)" in answer.lines
    assert "pages open: 1 more (-f json lists all)" in answer.lines
    assert isinstance(answer.document, dict)
    assert len(answer.document["unpaid"]) == 23
    assert answer.document["unpaid"][0]["due"] == "49.00"
    assert "page open: nova, pro, 2900 JPY, until 2026-01-01T01:00:00Z" in answer.lines


def test_nothing_is_claimed_of_events_that_were_never_read() -> None:
    answer = standing_answer(STANDING)
    assert isinstance(answer.document, dict)
    assert answer.document["events"] == {"read_up_to": None, "last": None, "counts": {}}
    moved = standing_answer(replace(STANDING, account=replace(ACCOUNT, cursor=1_767_225_600)))
    assert isinstance(moved.document, dict)
    assert moved.document["events"]["read_up_to"] == "2026-01-01T00:00:00Z"


# --- setup


def held(**without: bool) -> list[Held]:
    """Every right, and none that is not needed, but for those named."""
    return [Held(one, without.get(one.name, one.need != "none"), f"rak_{one.name}_x") for one in RIGHTS]


def test_a_key_that_fits_is_told_without_a_warning() -> None:
    document = setup_document(ACCOUNT, held(), charges=True, first=True)
    assert (document["missing"], document["unneeded"]) == ([], [])
    assert setup_warnings(document) == []
    assert setup_answer(document, ("invoice.paid",)).lines[1].startswith("people are sent back to: nowhere")


def test_what_does_not_fit_is_one_line_each() -> None:
    rights = held(Prices=False, Events=False, Payouts=True)
    document = setup_document(ACCOUNT, rights, charges=False, first=True)
    assert setup_warnings(document) == [
        "the key may not: write Prices, read Events; what needs it will stop with exit code 77",
        "the key may do what planctl never does: Payouts",
        "Stripe lets this account take no money yet: finish its activation in the dashboard",
    ]


def test_of_a_secret_key_its_own_warning_is_enough() -> None:
    secret = replace(ACCOUNT, key="sk_live_…0001")
    assert setup_warnings(setup_document(secret, held(Payouts=True), charges=True, first=True)) == []


def test_stripes_name_of_a_right_is_shown_where_it_is_missing() -> None:
    document = setup_document(ACCOUNT, held(Prices=False), charges=True, first=True)
    rights = document["rights"]
    assert isinstance(rights, list)
    assert [one["permission"] for one in rights if one["permission"]] == ["rak_Prices_x"]


def test_a_dry_run_says_what_it_asked_stripe() -> None:
    document = setup_document(ACCOUNT, held(), charges=True, first=True)
    assert setup_asked(document) == (  # ten rights to write, five to read, two that nobody needs
        "Stripe was asked whose key it is, and for 17 objects that do not exist: nothing was made or changed there"
    )


def test_what_comes_next_has_the_options_that_it_needs() -> None:
    said = setup_next(("a.b", "c.d", "e.f", "g.h"), " --live")
    assert said[0] == "next: planctl stripe diff --live, then planctl stripe push --live"
    assert said[1].endswith("*/10 * * * * planctl stripe pull --live")
    assert said[-2:] == ["  a.b c.d e.f", "  g.h"]


def test_the_yes_to_live_mode_says_that_it_is_for_good() -> None:
    assert "for good" in asking_lines(ACCOUNT, None)[1]
    assert asking_lines(ACCOUNT, replace(ACCOUNT, key="rk_live_…0002")) == (
        "account acct_1, live mode: key rk_live_…0001 in the place of rk_live_…0002",
    )


@pytest.mark.parametrize(
    ("kind", "decided", "said"),
    [
        ("invoice", "let go", "planctl stripe push asks for it anew, from what the store says then"),
        ("checkout", "let go", "planctl stripe checkout asks for it anew, from what the store says then"),
        ("portal", "let go", "planctl stripe portal asks for it anew, from what the store says then"),
        ("invoice", "adopted", "planctl stripe push goes on with it"),
        ("product", "adopted", "nothing: it stands as done"),
        ("invoice", "dropped", "nothing: it is not asked for again; --resend takes that back"),
    ],
)
def test_what_happens_after_a_decision_is_said(kind: str, decided: str, said: str) -> None:
    assert next_of(kind, decided) == said
