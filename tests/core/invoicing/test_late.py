"""Whether an event comes too late, and what it changes then; every period and amount is worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from planctl.core.catalog.model import Beyond, Entitlement, Feature, PriceRow, Terms
from planctl.core.invoicing.facts import Advanced
from planctl.core.invoicing.late import lateness
from planctl.core.periods import Instant, Interval
from planctl.core.pricing.kinds.each import Each
from planctl.core.pricing.kinds.graduated import Graduated
from planctl.core.pricing.kinds.tiers import Tier
from planctl.core.subscriptions.model import Subscription
from planctl.core.wallets import Grant
from tests.core.billing import DECLARED, bill, canceled, metered, monthly, running, t, values
from tests.core.discounting import percent
from tests.core.history import Diary, given

MONTH = PriceRow(Interval.parse("month"), {"USD": Decimal(19)})
BILLED = Beyond("usage", {"": Each({"USD": Decimal("0.02")})})
MINUTES = Feature("minutes", "metered")
CHATS = Feature("chats", "metered", spends={"minutes": Fraction(1, 10)})


def settled(*entitlements: Entitlement, **more: Any) -> Subscription:
    """A monthly subscription of 1 January; everything due by 1 February is settled."""
    terms = Terms(rows=(MONTH,), features={one.feature.id: one for one in entitlements})
    started = t("2026-01-01")
    plain = Subscription(
        "sub_1", "nova", "starter", 1, terms, "", DECLARED["USD"], "month", "UTC", started, started,
        fees_from=started, usage_from=started, settled_at=t("2026-02-01"),
    )  # fmt: skip
    return replace(plain, **more)


PRICED = Entitlement(MINUTES, included=Decimal(10), beyond=BILLED)


def test_an_event_of_a_billed_period_is_late_up_to_its_last_microsecond() -> None:
    assert lateness(settled(PRICED), ["minutes"], Instant(t("2026-02-01") - 1), ()) == "late"
    assert lateness(settled(PRICED), ["minutes"], t("2026-01-01"), ()) == "late"


def test_an_event_of_the_running_period_or_from_before_the_start_is_not() -> None:
    assert lateness(settled(PRICED), ["minutes"], t("2026-02-01"), ()) == ""
    assert lateness(settled(PRICED), ["minutes"], t("2025-12-31"), ()) == ""


def test_a_period_whose_end_has_passed_is_open_until_a_run_has_billed_it() -> None:
    waiting = settled(PRICED, settled_at=t("2026-01-15"))
    assert lateness(waiting, ["minutes"], t("2026-01-10"), ()) == ""
    assert lateness(settled(PRICED, settled_at=None), ["minutes"], t("2026-01-10"), ()) == ""


def test_usage_whose_periods_never_close_is_never_late() -> None:
    unlimited = Entitlement(MINUTES, included=None)
    assert lateness(settled(unlimited), ["minutes"], t("2026-01-10"), ()) == ""
    free = settled(PRICED)
    free = replace(free, terms=replace(free.terms, free=True))
    assert lateness(free, ["minutes"], t("2026-01-10"), ()) == ""


def test_usage_above_a_hard_limit_is_late_too_because_a_wallet_may_pay_for_it() -> None:
    hard = Entitlement(MINUTES, included=Decimal(10))
    assert lateness(settled(hard), ["minutes"], t("2026-01-10"), ()) == "late"
    moved = settled(hard, pools_from=t("2026-02-01"))
    assert lateness(moved, ["minutes"], t("2026-01-10"), ()) == "", "closed before runs closed such pools"


def test_a_feature_that_draws_on_a_billed_one_is_late_with_it() -> None:
    chats = Entitlement(CHATS, included=None, own_allowance=False, spends=CHATS.spends)
    assert lateness(settled(PRICED, chats), ["chats"], t("2026-01-10"), ()) == "late"


def test_the_terms_may_refuse_late_usage() -> None:
    strict = replace(PRICED, late="reject")
    assert lateness(settled(strict), ["minutes"], t("2026-01-10"), ()) == "reject"
    assert lateness(settled(strict), ["minutes"], t("2026-02-10"), ()) == ""


def test_usage_that_a_block_deferred_is_not_late() -> None:
    assert lateness(settled(PRICED), ["minutes"], t("2026-01-10"), {("usage", 0)}) == ""


def test_what_the_old_system_billed_is_not_late() -> None:
    moved = settled(PRICED, usage_from=t("2026-02-01"))
    assert lateness(moved, ["minutes"], t("2026-01-10"), ()) == ""


def test_a_feature_that_the_terms_do_not_grant_is_not_late() -> None:
    assert lateness(settled(PRICED), ["chats"], t("2026-01-10"), ()) == ""


# --- the difference


def diary(*grants: Grant, ends: str = "", **terms: Any) -> Diary:
    """A plan of 1 January for 19.00 with 100 minutes, 0.10 each beyond; the fee of January is billed."""
    one = running(monthly(**({"features": metered()} | terms)), "2026-01-01")
    book = Diary([canceled(one, ends) if ends else one], list(grants))
    book.run("2026-01-01")
    return book


def january(book: Diary, units: int, then: int, recorded: str = "2026-02-10") -> Diary:
    """Minutes of January in time, and others that came after January was billed."""
    book.use("minutes", "2026-01-15", units)
    book.run("2026-02-01")
    book.use("minutes", "2026-01-20", then, late=True)
    assert recorded > "2026-02-01"
    return book


def graduated_minutes() -> dict[str, Entitlement]:
    """0.10 to the 150th minute, 0.05 beyond; 100 are included."""
    (plain,) = metered().values()
    tiers = Graduated((Tier(Decimal(150), {"USD": Decimal("0.10")}), Tier(None, {"USD": Decimal("0.05")})))
    return {"minutes": replace(plain, beyond=Beyond("usage", {"": tiers}))}


def lines_of(result: Advanced) -> list[tuple[str, str, int]]:
    """Kind, occasion and amount of every line."""
    return [(line.kind, line.occasion, line.amount_minor) for draft in result.drafts for line in draft.lines]


def test_late_usage_is_billed_with_the_next_invoice_as_the_difference() -> None:
    # In time 140: 40 × 0.10 = 4.00. With 30 more: 50 × 0.10 + 20 × 0.05 = 6.00. Late: 2.00.
    book = january(diary(features=graduated_minutes()), 140, 30)
    result = book.run("2026-03-01")
    assert sorted(lines_of(result)) == [("fee", "", 1900), ("late_usage", "late:1", 200)]
    (late,) = [line for line in result.drafts[0].lines if line.kind == "late_usage"]
    assert values(late, "charge_key service_index quantity starts_at ends_at") == (
        "usage:minutes", 0, 30, t("2026-01-01"), t("2026-02-01"),
    )  # fmt: skip
    assert late.description.endswith("late usage of 2026-01-01 to 2026-01-31")
    (claim,) = [one for one in result.drafts[0].claims if one.occasion]
    assert values(claim, "allowance_index quantity included wallet billed") == (0, 30, 0, 0, 30)
    assert [(one.part, one.index, one.occasion) for one in book.settlements if one.occasion] == [
        ("usage", 0, "late:1")
    ]
    assert (book.late, book.run("2026-03-01").idle) == ([], True)


def test_late_usage_inside_the_allowance_is_claimed_and_bills_nothing() -> None:
    book = january(diary(), 40, 30)
    result = book.run("2026-03-01")
    assert lines_of(result) == [("fee", "", 1900)]
    (claim,) = [one for one in result.drafts[0].claims if one.occasion]
    assert values(claim, "quantity included billed") == (30, 30, 0)


def test_a_late_correction_lowers_the_next_invoice() -> None:
    # 140 − 30 = 110: 1.00 in place of 4.00.
    result = january(diary(), 140, -30).run("2026-03-01")
    assert sorted(lines_of(result)) == [("fee", "", 1900), ("late_usage", "late:1", -300)]
    assert result.drafts[0].total_minor == 1600
    (claim,) = [one for one in result.drafts[0].claims if one.occasion]
    assert values(claim, "quantity included wallet billed") == (-30, 0, 0, -30)


def test_a_late_correction_gives_back_what_a_grant_paid() -> None:
    # 140: 40 of the wallet. 115: 15. So 25 go back, before February's 130 take 30.
    book = january(diary(given("wg_1", 50, "2026-01-01")), 140, -25)
    book.use("minutes", "2026-02-15", 130)
    assert book.grants[0].left == 10
    result = book.run("2026-03-01")
    assert lines_of(result) == [("fee", "", 1900)]
    assert [values(move, "key amount") for move in result.wallet] == [
        ("close:sub_1:usage:0:late:1:0:wg_1", 25),
        ("close:sub_1:usage:1::0:wg_1", -30),
    ]
    assert book.grants[0].left == 5


def test_more_late_usage_takes_what_the_grant_has_left_and_bills_the_rest() -> None:
    # 170 with 50 in the wallet: 20 × 0.10. 40 were taken in time, 10 now.
    book = january(diary(given("wg_1", 50, "2026-01-01")), 140, 30)
    result = book.run("2026-03-01")
    assert sorted(lines_of(result)) == [("fee", "", 1900), ("late_usage", "late:1", 200)]
    assert [move.amount for move in result.wallet] == [-10]
    (claim,) = [one for one in result.drafts[0].claims if one.occasion]
    assert values(claim, "quantity included wallet billed") == (30, 0, 10, 20)


def test_late_usage_takes_nothing_of_what_a_later_period_was_paid_with() -> None:
    # 70 in the wallet. January 140: 40. February 120: 20. Late 30 for January: the 10 that are left, 2.00 billed.
    book = january(diary(given("wg_1", 70, "2026-01-01")), 140, 0)
    book.late.clear()
    book.use("minutes", "2026-02-15", 120)
    book.run("2026-03-01")
    book.use("minutes", "2026-01-20", 30, late=True)
    result = book.run("2026-04-01")
    assert sorted(lines_of(result)) == [("fee", "", 1900), ("late_usage", "late:1", 200)]
    assert book.grants[0].left == 0


def test_a_grant_that_is_over_pays_for_late_usage_of_its_life() -> None:
    book = january(diary(given("wg_1", 50, "2026-01-01", "2026-02-01")), 100, 30)
    result = book.run("2026-03-01")
    assert lines_of(result) == [("fee", "", 1900)]
    assert [values(move, "grant amount") for move in result.wallet] == [("wg_1", -30)]


def test_late_usage_above_a_hard_limit_is_claimed_as_over_it() -> None:
    (plain,) = metered().values()
    book = january(diary(features={"minutes": replace(plain, beyond=None)}), 90, 30)
    result = book.run("2026-03-01")
    assert lines_of(result) == [("fee", "", 1900)]
    (claim,) = [one for one in result.drafts[0].claims if one.occasion]
    assert values(claim, "quantity included over_limit") == (30, 10, 20)


def test_the_second_time_only_what_differs_from_the_first_is_billed() -> None:
    # 140 → 170 → 150: 4.00, then +3.00, then −2.00.
    book = january(diary(), 140, 30)
    book.run("2026-03-01")
    book.use("minutes", "2026-01-25", -20, late=True)
    result = book.run("2026-04-01")
    assert sorted(lines_of(result)) == [("fee", "", 1900), ("late_usage", "late:2", -200)]
    claims = [one for one in book.claims if one.allowance_index == 0]
    assert [values(one, "occasion quantity billed") for one in claims] == [
        ("", 140, 40),
        ("late:1", 30, 30),
        ("late:2", -20, -20),
    ]


def test_late_usage_of_two_periods_is_two_differences_on_one_invoice() -> None:
    book = diary()
    book.use("minutes", "2026-01-15", 100)
    book.use("minutes", "2026-02-15", 110)
    book.run("2026-03-01")
    book.use("minutes", "2026-01-20", 5, late=True)
    book.use("minutes", "2026-02-20", 7, late=True)
    (draft,) = book.run("2026-04-01").drafts
    assert sorted((one.kind, one.service_index, one.amount_minor) for one in draft.lines) == [
        ("fee", 3, 1900),
        ("late_usage", 0, 50),
        ("late_usage", 1, 70),
    ]


def test_what_late_usage_adds_is_taken_off_the_minimum_that_was_charged() -> None:
    # Minimum 50.00. January: 19.00 + 4.00, so 27.00 were short. 3.00 more used, 3.00 less short.
    # February: 19.00, 31.00 short.
    book = january(diary(minimum={"USD": Decimal(50)}), 140, 30)
    assert [(line.kind, line.amount_minor) for line in book.invoices[1].lines] == [
        ("usage", 400),
        ("minimum", 2700),
        ("fee", 1900),
    ]
    (draft,) = book.run("2026-03-01").drafts
    assert sorted((one.charge_key, one.kind, one.service_index, one.amount_minor) for one in draft.lines) == [
        ("fee", "fee", 2, 1900),
        ("minimum", "late_usage", 0, -300),
        ("minimum", "minimum", 1, 3100),
        ("usage:minutes", "late_usage", 0, 300),
    ]


def test_late_usage_beyond_the_minimum_is_charged_above_it() -> None:
    # 19.00 + 4.00 + 27.00 short. With 400 more: usage 44.00, together 63.00: 40.00 more, 27.00 less.
    (draft,) = january(diary(minimum={"USD": Decimal(50)}), 140, 400).run("2026-03-01").drafts
    late = [one.amount_minor for one in draft.lines if one.kind == "late_usage"]
    assert sorted(late) == [-2700, 4000]


def test_a_correction_does_not_undercut_the_minimum() -> None:
    # Usage 44.00 with the fee above 50.00; after the correction 4.00: 27.00 are short, which were not before.
    (draft,) = january(diary(minimum={"USD": Decimal(50)}), 540, -400).run("2026-03-01").drafts
    late = [one.amount_minor for one in draft.lines if one.kind == "late_usage"]
    assert sum(late) == -1300, "63.00 were charged, 50.00 are due"


def test_late_usage_stays_within_the_maximum() -> None:
    # Maximum 6.00 of usage. 140: 4.00. 190: 9.00, so 2.00 more. 200: nothing more. 145: 4.50, 1.50 less.
    book = january(diary(maximum={"USD": Decimal(6)}), 140, 50)
    first = book.run("2026-03-01")
    assert ("late_usage", "late:1", 200) in lines_of(first)
    book.use("minutes", "2026-01-25", 10, late=True)
    assert lines_of(book.run("2026-04-01")) == [("fee", "", 1900)]
    book.use("minutes", "2026-01-26", -55, late=True)
    assert ("late_usage", "late:3", -150) in lines_of(book.run("2026-05-01"))


def test_late_usage_after_the_end_is_an_invoice_of_its_own() -> None:
    book = diary(ends="2026-02-01")
    book.use("minutes", "2026-01-15", 140)
    assert bill(book.run("2026-02-03")) == [("final", "2026-02-01T00:00:00Z", 400)]
    book.use("minutes", "2026-01-20", 30, late=True)
    result = book.run("2026-02-10")
    (draft,) = result.drafts
    assert values(draft, "kind period_index occasion total_minor") == ("late", 0, "late:1:usage:0", 300)
    assert (book.late, book.run("2026-02-10").idle) == ([], True)


def test_a_late_correction_after_the_end_is_a_credit_note() -> None:
    book = diary(ends="2026-02-01")
    book.use("minutes", "2026-01-15", 140)
    book.run("2026-02-03")
    book.use("minutes", "2026-01-20", -30, late=True)
    result = book.run("2026-02-10")
    assert result.drafts == ()
    (note,) = result.credits
    assert (note.invoice, note.to, note.total_minor) == ("inv_1", "balance", 300)
    assert [(one.outcome, one.occasion) for one in result.settlements] == [("credited", "late:1")]
    assert [values(one, "quantity billed") for one in result.claims] == [(-30, -30)]
    assert book.run("2026-02-11").idle


def test_a_second_correction_after_a_credit_note_takes_back_only_more() -> None:
    # 140: 4.00. −30: 3.00 back. −5 more: 0.50 back; −100 more: the last 0.50.
    book = diary(ends="2026-02-01")
    book.use("minutes", "2026-01-15", 140)
    book.run("2026-02-03")
    found = []
    for day, units in (("20", -30), ("21", -5), ("22", -100)):
        book.use("minutes", f"2026-01-{day}", units, late=True)
        found += [note.total_minor for note in book.run(f"2026-02-{day}").credits]
    assert found == [300, 50, 50]


def test_what_a_discount_took_off_is_not_given_back() -> None:
    # Half off everything: 140 cost 2.00. 110 cost 0.50. So −1.50 on the next invoice, whose fee is 9.50.
    book = diary()
    book.redemptions = (percent("0.5", plans=(), periods=None),)
    january(book, 140, -30)
    assert book.invoices[1].total_minor == 200 + 950
    (draft,) = book.run("2026-03-01").drafts
    late = next(line for line in draft.lines if line.kind == "late_usage")
    assert late.amount_minor == -150
    assert draft.total_minor == 950 - 150


def test_issuing_again_an_invoice_that_late_usage_came_after_charges_what_it_charged() -> None:
    # In time 4.00, late 3.00 on the next. The reissue has 4.00 and the fee again, the late line stays where it is.
    book = january(diary(), 140, 30)
    book.run("2026-03-01")
    book.void(1)
    result = book.run("2026-03-02")
    (draft,) = result.drafts
    assert values(draft, "kind revision at total_minor") == ("renewal", 1, t("2026-02-01"), 2300)
    assert sorted((line.charge_key, line.amount_minor) for line in draft.lines) == [
        ("fee", 1900),
        ("usage:minutes", 400),
    ]
    lasting = [one for one in book.known_claims() if one.allowance_index == 0]
    assert sum(one.quantity for one in lasting) == 170
    assert sum(one.billed for one in lasting) == 70
    assert book.run("2026-03-02").idle


def test_a_reissue_takes_in_what_came_late_and_was_not_billed_yet() -> None:
    book = january(diary(given("wg_1", 10, "2026-01-01")), 140, 30)
    assert book.invoices[1].total_minor == 300 + 1900
    book.void(1)
    assert book.grants[0].left == 10
    result = book.run("2026-02-12")
    (draft,) = result.drafts
    # 170: 100 included, 10 of the wallet, 60 × 0.10.
    assert draft.total_minor == 600 + 1900
    assert book.late == []
    assert book.grants[0].left == 0
    assert book.run("2026-02-12").idle


def test_late_usage_after_a_reissue_compares_with_the_reissued_invoice() -> None:
    book = january(diary(), 140, 0)
    book.late.clear()
    book.void(1)
    book.run("2026-02-12")
    book.use("minutes", "2026-01-25", 20, late=True)
    assert ("late_usage", "late:1", 200) in lines_of(book.run("2026-03-01"))


def test_issuing_again_with_a_minimum_does_not_count_the_voided_usage() -> None:
    # Minimum 50.00: 19.00 + 4.00 + 27.00. The reissue is the same.
    book = january(diary(minimum={"USD": Decimal(50)}), 140, 0)
    book.late.clear()
    book.void(1)
    (draft,) = book.run("2026-02-12").drafts
    assert sorted((line.charge_key, line.amount_minor) for line in draft.lines) == [
        ("fee", 1900),
        ("minimum", 2700),
        ("usage:minutes", 400),
    ]


def test_late_usage_lowers_nothing_that_rolled_over_and_was_used_since() -> None:
    # 100 included, all rolls over. January 40: 60 go to February, which has 160. 20 more for January came late:
    # the 60 are gone, so of January's 100 only 40 are its own to use: 20 × 0.10 = 2.00.
    (plain,) = metered().values()
    book = january(diary(features={"minutes": replace(plain, rollover="all")}), 40, 20)
    book.use("minutes", "2026-02-15", 160)
    result = book.run("2026-03-01")
    assert sorted(lines_of(result)) == [("fee", "", 1900), ("late_usage", "late:1", 200)]
    claims = [values(one, "allowance_index occasion quantity included billed") for one in book.claims]
    assert claims == [(0, "", 40, 40, 0), (1, "", 160, 160, 0), (0, "late:1", 20, 0, 20)]
