"""When apply says no, what it says, and what makes it say yes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from planctl.core.catalog.book import Book, Held
from planctl.core.catalog.changeset import BaseKind, ChangeSet, Holders
from planctl.core.catalog.diff import diff
from planctl.core.catalog.guards import spent, untold
from planctl.core.catalog.model import Policy
from planctl.core.catalog.weighing import weighed
from planctl.core.instants import Instant
from tests.core.catalog.diffing import catalog, changed, edited, only, stored

LOWER = ("5_000", "4_000")
NOTE = "policy:"


def fingerprint(changeset: ChangeSet) -> str:
    return only(changeset).rules[0].fingerprint


def with_note(accept: str, *edits: tuple[str, str]) -> str:
    note = f"changes:\n  fair-use: {{title: Fair use, why: Costs, accept: [{accept}]}}\n"
    return edited((NOTE, f"{note}{NOTE}"), *edits)


def test_a_breaking_change_is_refused_with_its_fingerprint_and_the_note_to_paste() -> None:
    found = changed(LOWER)
    mark = fingerprint(found)
    assert found.refusals == (
        f"1 breaking change is not accepted. Pass --accept {mark}, "
        "or add to catalog/changes/ a file such as:\n"
        "    title: what changes for customers\n"
        "    why: the reason, for the next one who reads this\n"
        "    accept:\n"
        f"      - {mark}  # allowance-decrease plans.pro.features.minutes.included",
    )


def test_the_fingerprint_accepts() -> None:
    found = changed(LOWER, accept=(fingerprint(changed(LOWER)),))
    assert found.refusals == ()
    assert only(found).rules[0].accepted
    assert found.findings == ()


@pytest.mark.parametrize(
    "entry",
    [
        "allowance-decrease plans.pro",
        "allowance-decrease plans.pro.features.minutes",
        "allowance-decrease plans.pro.features.minutes.included",
    ],
)
def test_a_rule_and_an_address_accept_what_is_at_or_below_it(entry: str) -> None:
    assert changed(LOWER, accept=(entry,)).refusals == ()


@pytest.mark.parametrize(
    "entry",
    [
        "allowance-decrease plans.basic",
        "allowance-decrease plans.pr",
        "allowance-decrease plans.pro.features.minute",
        "price-increase plans.pro",
        "000000000000",
        "allowance-decrease",
        "",
    ],
)
def test_an_acceptance_of_something_else_accepts_nothing_and_is_warned_about(entry: str) -> None:
    found = changed(LOWER, accept=(entry,))
    assert len(found.refusals) == 1
    assert [(finding.rule, finding.is_error) for finding in found.findings] == [("accept-unused", False)]


def test_a_change_note_accepts_in_the_first_revision_that_contains_it() -> None:
    text = with_note("allowance-decrease plans.pro", LOWER)
    found = diff(stored(catalog()), catalog(text), holders={})
    assert found.refusals == ()
    assert found.findings == ()


@pytest.mark.parametrize("seen", ["acme/fair-use", "fair-use"])  # as it is kept, and as it was kept once
def test_a_change_note_of_an_earlier_revision_accepts_nothing_and_says_so(seen: str) -> None:
    store = replace(stored(catalog()), notes_seen=frozenset({seen}))
    found = diff(store, catalog(with_note("allowance-decrease plans.pro", LOWER)), holders={})
    assert len(found.refusals) == 1
    assert [(one.rule, one.is_error) for one in found.findings] == [("note-spent", False)]
    assert found.new_notes == ()


def test_an_old_note_that_nothing_needs_is_not_spoken_of() -> None:
    store = replace(stored(catalog()), notes_seen=frozenset({"acme/fair-use"}))
    assert diff(store, catalog(with_note("allowance-decrease plans.pro")), holders={}).findings == ()


def test_another_catalogs_note_of_the_same_name_spends_nothing() -> None:
    store = replace(stored(catalog()), notes_seen=frozenset({"other/fair-use"}))
    found = diff(store, catalog(with_note("allowance-decrease plans.pro", LOWER)), holders={})
    assert (found.refusals, found.new_notes) == ((), ("fair-use",))


def test_where_changes_are_passed_over_only_the_notes_that_were_used_are_spent() -> None:
    wanted = catalog(with_note("allowance-decrease plans.pro", LOWER))
    found = diff(stored(catalog()), wanted, holders={})
    assert spent(found, wanted.notes) == ("fair-use",)
    passing = replace(found, passed_over=("plans.basic",))
    assert spent(passing, wanted.notes) == ("fair-use",)
    assert spent(replace(passing, changes=()), wanted.notes) == ()
    assert spent(replace(found, changes=()), wanted.notes) == ("fair-use",)


def test_a_change_note_that_accepts_nothing_is_warned_about_where_it_stands() -> None:
    found = diff(stored(catalog()), catalog(with_note("price-increase plans.pro")), holders={})
    (finding,) = found.findings
    assert finding.rule == "accept-unused"
    assert finding.place.line > 0
    assert "the change note fair-use" in finding.message


def test_an_accepted_price_does_not_accept_another_price() -> None:
    first = changed(("month: {USD: 49,", "month: {USD: 80,"))
    second = changed(("month: {USD: 49,", "month: {USD: 81,"), accept=(fingerprint(first),))
    assert len(second.refusals) == 1


def test_a_caution_needs_no_acceptance() -> None:
    assert changed(("due: 14 days", "due: 13 days")).refusals == ()


def test_an_error_cannot_be_accepted() -> None:
    edit = ("decimals: 3", "decimals: 4")
    found = changed(edit, accept=(fingerprint(changed(edit)),))
    assert found.refusals == ("currency-decimals-changed: currencies.PTS. It cannot be accepted.",)
    assert [finding.rule for finding in found.findings] == ["accept-unused"]


def test_a_rule_that_the_policy_makes_an_error_is_refused() -> None:
    policy = ("{max_subscribers_touched: 1_000}", "{hidden: error}")
    now = catalog(edited(policy, ("    name: Pro\n", "    name: Pro\n    visibility: inactive\n")))
    found = diff(stored(catalog(edited(policy))), now, holders={})
    assert found.refusals == ("hidden: plans.pro. It cannot be accepted.",)


def test_a_wrong_directory_is_one_sentence_not_one_for_each_object() -> None:
    head = "format: planctl.catalog/1\ncatalog: acme\ncurrencies: {USD: , EUR: }\n"
    found = diff(stored(catalog()), catalog(head), holders={})
    assert sum(refusal.startswith("empty-catalog") for refusal in found.refusals) == 1


@pytest.mark.parametrize(("held", "refused"), [(1_000, False), (1_001, True)])
def test_an_accepted_change_is_refused_above_the_most_subscribers_that_the_policy_allows(
    held: int, refused: bool
) -> None:
    found = changed(LOWER, held=held, accept=("allowance-decrease plans.pro",))
    expected = (
        "breaking changes touch plans with 1,001 running subscriptions; "
        "the policy allows 1,000 (max_subscribers_touched).",
    )
    assert found.refusals == (expected if refused else ())


def test_subscribers_of_plans_that_use_a_worse_feature_count_too() -> None:
    found = changed(
        ("minutes: 1/10", "minutes: 1/5"), held=1_001, accept=("conversion-worse features.chats",)
    )
    assert [refusal.split(";")[0] for refusal in found.refusals] == [
        "breaking changes touch plans with 1,001 running subscriptions"
    ]


MRR_LIMITED = ("{max_subscribers_touched: 1_000}", "{max_mrr_at_risk: {USD: 98, EUR: 46}}")
LOWER_ACCEPTED = ("allowance-decrease plans.pro",)


def lowered_for(*held: Held) -> ChangeSet:
    """The plan with fewer minutes under a limit of 98 USD and 46 EUR a month, held by these."""
    now = catalog(edited(MRR_LIMITED, LOWER))
    versions = {"plans.pro": Holders({7: sum(one.count for one in held)})}
    found = diff(stored(catalog(edited(MRR_LIMITED))), now, holders=versions, accept=LOWER_ACCEPTED)
    return weighed(found, now, Book(Instant(0), held))


def test_what_breaking_changes_may_put_at_risk_is_compared_by_currency() -> None:
    usd = Held("pro", 7, "USD", "month", Fraction(49), count=2)  # 98.00
    eur = Held("pro", 7, "EUR", "month", Fraction(46))  # 46.00
    assert lowered_for(usd, eur).refusals == ()
    assert lowered_for(replace(usd, count=3), eur).refusals == (
        "breaking changes touch plans that bring 147.00 USD a month; "
        "the policy allows 98.00 USD (max_mrr_at_risk).",
    )
    assert len(lowered_for(replace(usd, count=3), replace(eur, count=2)).refusals) == 2


def test_who_pays_nothing_now_puts_nothing_at_risk() -> None:
    in_trial = Held("pro", 7, "USD", "month", Fraction(49), count=50, charged=False)
    assert lowered_for(in_trial).refusals == ()


def test_a_currency_without_a_limit_is_not_limited() -> None:
    assert lowered_for(Held("pro", 7, "PTS", "month", Fraction(10_000))).refusals == ()


def test_what_follows_a_worse_feature_puts_its_money_at_risk_too() -> None:
    edits = (MRR_LIMITED, ("minutes: 1/10", "minutes: 1/5"))
    now = catalog(edited(*edits))
    holders = {"plans.pro": Holders({7: 3})}
    accept = ("conversion-worse features.chats",)
    found = diff(stored(catalog(edited(MRR_LIMITED))), now, holders=holders, accept=accept)
    (pro,) = (change for change in found.changes if change.address == "plans.pro")
    assert pro.indirect
    book = Book(Instant(0), (Held("pro", 7, "USD", "month", Fraction(49), count=3),))
    (refusal,) = weighed(found, now, book).refusals
    assert "147.00 USD a month" in refusal


def test_a_threshold_whose_money_is_not_known_refuses_instead_of_looking_away() -> None:
    store = stored(catalog(edited(MRR_LIMITED)))
    now = catalog(edited(MRR_LIMITED, LOWER))
    held = diff(store, now, holders={"plans.pro": Holders({7: 1})}, accept=LOWER_ACCEPTED)
    assert held.refusals == (
        "the policy limits max_mrr_at_risk, and what 1 running subscription of plans "
        "with breaking changes pay is not known here.",
    )
    assert diff(store, now, holders={}, accept=LOWER_ACCEPTED).refusals == ()


@pytest.mark.parametrize("base", ["git", "revision"])
def test_a_base_without_subscriptions_says_that_it_cannot_tell(base: BaseKind) -> None:
    found = changed(LOWER)
    policy = Policy(max_subscribers_touched=5, max_mrr_at_risk={"USD": Decimal(1)})
    (finding,) = untold(found.changes, base, policy)
    assert (finding.rule, finding.is_error) == ("threshold-untold", False)
    assert "max_subscribers_touched and max_mrr_at_risk" in finding.message


def test_nothing_is_to_be_told_without_a_limit_a_breaking_change_or_with_a_store() -> None:
    limited = Policy(max_mrr_at_risk={"USD": Decimal(1)})
    assert untold(changed(LOWER).changes, "git", Policy()) == ()
    assert untold(changed(("due: 14 days", "due: 13 days")).changes, "git", limited) == ()
    assert untold(changed(LOWER).changes, "store", limited) == ()
    assert untold(changed(LOWER).changes, "snapshot", limited) == ()


def test_a_price_change_threshold_in_the_same_revision_does_not_help_the_price_it_is_for() -> None:
    found = changed(
        ("month: {USD: 49,", "month: {USD: 73.50,"),
        ("{max_subscribers_touched: 1_000}", "{max_subscribers_touched: 1_000, max_price_change: 60%}"),
    )
    levels = {hit.id: hit.level for change in found.changes for hit in change.rules}
    assert levels == {"price-increase": "breaking", "policy-loosened": "breaking"}


def test_a_refusal_of_very_many_changes_names_the_first_twenty() -> None:
    def many(price: int) -> str:
        plans = "".join(f"  p{number}: {{price: {{month: {{USD: {price}}}}}}}\n" for number in range(1, 31))
        return f"format: planctl.catalog/1\ncatalog: acme\ncurrencies: {{USD: }}\nplans:\n{plans}"

    (refusal,) = diff(stored(catalog(many(1))), catalog(many(2)), holders={}).refusals
    assert refusal.startswith("30 breaking changes are not accepted. Pass --accept ")
    assert refusal.split("\n")[0].count("--accept") == 20
    assert refusal.endswith("and the fingerprints of 10 more, or RULE ADDRESS lines, which accept several")
