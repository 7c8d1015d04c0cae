"""A pack is bought on a running plan that allows it, billed in one line, and its units live as its terms say."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from planctl.core.catalog.model import AmountRange, Entitlement, Feature, Offer, PriceRow, Terms
from planctl.core.currencies import Currency
from planctl.core.customers import Customer
from planctl.core.invoicing.model import Draft, Line
from planctl.core.packs import Buying, bought, check_can_pay, running_period
from planctl.core.periods import Instant, Interval, instant_text, parse_instant, zone
from planctl.core.subscriptions.model import Status, Subscription
from planctl.core.subscriptions.start import Offered
from planctl.core.wallets import Grant, LifeError, life_end
from planctl.errors import Refused

USD, EUR = Currency("USD", "US Dollar", 2), Currency("EUR", "Euro", 2)
MINUTES = Feature("minutes", "metered", unit="minute")


def t(text: str) -> Instant:
    """An instant in UTC."""
    return parse_instant(text, zone("UTC"))


def a_pack(**terms: Any) -> Offered:
    """1,000 minutes for 15.00 USD or 14.00 EUR, for a year, due after 7 days, 1 to 100 at a time."""
    plain = Terms(
        kind="pack",
        rows=(PriceRow(Interval("once"), {"USD": Decimal(15), "EUR": Decimal(14)}),),
        wallet={"minutes": Decimal(1000)},
        due_days=7,
        grace_days=3,
        quantity=(1, 100),
        expires="12 months",
    )
    return Offered("minutes_1k", 2, replace(plain, **terms), "hash", Offer(), exclusive=False, revision=5)


def a_plan(name: str = "sub_1", **changes: Any) -> Subscription:
    """Starter by the month in Berlin since 31 January 2026, with packs."""
    terms = Terms(
        group="main",
        rows=(PriceRow(Interval("month"), {"USD": Decimal(19)}),),
        features={"minutes": Entitlement(MINUTES, included=Decimal(100))},
        packs=True,
    )
    plain = Subscription(
        id=name,
        customer="nova",
        plan="starter",
        plan_version=1,
        terms=terms,
        terms_hash="hash",
        currency=USD,
        pay="month",
        timezone="Europe/Berlin",
        started_at=t("2026-01-30T23:00:00Z"),
        anchor_at=t("2026-01-30T23:00:00Z"),
    )
    return replace(plain, **changes)


def buying(*running: Subscription, pack: Offered | None = None, **changes: Any) -> Buying:
    """nova asks for one pack at noon on 10 March 2026."""
    plain = Buying(
        purchase="pur_1",
        customer=Customer("nova", currency="USD", timezone="Europe/Berlin"),
        pack=pack or a_pack(),
        running=running or (a_plan(),),
        declared={"USD": USD, "EUR": EUR},
        at=t("2026-03-10T12:00:00Z"),
        grants={"minutes": "grant_1"},
        names={"addons.minutes_1k": "1 000 minutes"},
    )
    return replace(plain, **changes)


def test_a_pack_is_one_line_on_the_plan_in_the_period_that_runs() -> None:
    purchase = bought(buying(quantity=3))
    draft = purchase.draft
    (line,) = draft.lines
    assert (draft.kind, draft.subscription, draft.period_index) == ("pack", "sub_1", 1)
    assert (draft.occasion, draft.catalog_revision) == ("pur_1", 5)
    assert (instant_text(draft.starts_at), draft.ends_at) == (
        "2026-02-27T23:00:00Z",
        t("2026-03-30T22:00:00Z"),
    )
    assert (instant_text(line.starts_at), line.ends_at) == ("2026-03-10T12:00:00Z", t("2027-03-10T12:00:00Z"))
    assert (line.kind, line.charge_key, line.occasion) == ("pack", "pack:minutes_1k", "pur_1")
    assert (line.plan, line.plan_version, line.feature) == ("minutes_1k", 2, "minutes")
    assert line.description == "1 000 minutes · One-off"
    assert (line.quantity, line.unit_price, line.amount_minor) == (Fraction(3), Fraction(15), 4500)


def test_the_pack_says_until_when_it_is_paid_and_there_is_no_grace() -> None:
    draft = bought(buying()).draft
    # noon UTC is 13:00 in Berlin; 7 local days later, still winter time
    assert instant_text(draft.due_at) == "2026-03-17T12:00:00Z"
    assert draft.grace_ends_at is None


def test_units_are_usable_from_the_instant_of_the_purchase() -> None:
    (grant,) = bought(buying(quantity=2)).grants
    assert (grant.id, grant.customer, grant.feature) == ("grant_1", "nova", "minutes")
    assert (grant.pack, grant.key) == ("minutes_1k", "pack:pur_1")
    assert grant.amount == grant.left == 2000
    assert instant_text(grant.granted_at) == "2026-03-10T12:00:00Z"


@pytest.mark.parametrize(
    ("expires", "end"),
    [
        ("never", None),
        ("12 months", "2027-03-10T12:00:00Z"),
        ("3 months", "2026-06-10T11:00:00Z"),  # 13:00 in Berlin, by then summer time
        ("2 weeks", "2026-03-24T12:00:00Z"),
        ("period", "2026-03-30T22:00:00Z"),  # 31 March in Berlin: 28 February to 31 March runs
        ("subscription", None),
    ],
)
def test_units_live_as_the_pack_says(expires: str, end: str | None) -> None:
    (grant,) = bought(buying(pack=a_pack(expires=expires))).grants
    assert (None if grant.expires_at is None else instant_text(grant.expires_at)) == end


def test_units_that_end_with_a_subscription_say_which() -> None:
    (grant,) = bought(buying(pack=a_pack(expires="subscription"))).grants
    assert grant.key == "with:sub_1:pur_1"


def test_a_period_ends_no_later_than_its_subscription() -> None:
    ending = a_plan(ends_at=t("2026-03-20"))
    (grant,) = bought(buying(ending, pack=a_pack(expires="period"))).grants
    assert grant.expires_at == t("2026-03-20")


def test_before_the_first_paid_period_what_runs_ends_where_it_begins() -> None:
    trial = a_plan(started_at=t("2026-03-01"), anchor_at=t("2026-03-15"), status=Status.TRIALING)
    period = running_period(trial, t("2026-03-10"))
    assert (period.index, period.starts_at, period.ends_at) == (0, t("2026-03-01"), t("2026-03-15"))


def test_the_customer_pays_in_its_own_currency_unless_it_says_another() -> None:
    assert bought(buying()).draft.currency == USD
    other = bought(buying(currency="EUR")).draft
    assert (other.currency, other.total_minor) == (EUR, 1400)


def test_without_a_currency_of_its_own_the_plan_s_is_taken() -> None:
    customer = Customer("nova", timezone="Europe/Berlin")
    assert bought(buying(a_plan(currency=EUR), customer=customer)).draft.currency == EUR


def test_a_purchase_fills_every_field_of_its_request_and_of_its_line() -> None:
    purchase = bought(buying(quantity=2))
    assert (purchase.id, purchase.pack, purchase.plan, purchase.quantity) == (
        "pur_1",
        "minutes_1k",
        "starter",
        2,
    )
    assert purchase.customer.id == "nova"
    at, ends_at = t("2026-03-10T12:00:00Z"), t("2027-03-10T12:00:00Z")
    line = Line(
        kind="pack",
        subscription="sub_1",
        plan="minutes_1k",
        plan_version=2,
        charge_key="pack:minutes_1k",
        service_index=1,
        description="1 000 minutes · One-off",
        quantity=Fraction(2),
        unit_price=Fraction(15),
        amount_minor=3000,
        starts_at=at,
        ends_at=ends_at,
        occasion="pur_1",
        feature="minutes",
        detail={"exact": "30"},
    )
    assert purchase.draft == Draft(
        customer="nova",
        subscription="sub_1",
        period_index=1,
        kind="pack",
        currency=USD,
        at=at,
        starts_at=t("2026-02-27T23:00:00Z"),
        ends_at=t("2026-03-30T22:00:00Z"),
        due_at=t("2026-03-17T12:00:00Z"),
        grace_ends_at=None,
        issued_at=at,
        lines=(line,),
        occasion="pur_1",
        timezone="Europe/Berlin",
        catalog_revision=5,
    )
    assert purchase.grants == (
        Grant(
            id="grant_1",
            customer="nova",
            feature="minutes",
            key="pack:pur_1",
            amount=Fraction(2000),
            left=Fraction(2000),
            granted_at=at,
            expires_at=ends_at,
            pack="minutes_1k",
        ),
    )


def test_a_pack_of_several_features_belongs_to_none_of_them_and_without_a_name_is_called_by_its_id() -> None:
    both = a_pack(wallet={"minutes": Decimal(10), "chats": Decimal(5)})
    asked = buying(pack=both, grants={"minutes": "grant_1", "chats": "grant_2"}, names={})
    (line,) = bought(asked).draft.lines
    assert (line.feature, line.description) == ("", "minutes_1k · One-off")
    assert [(one.id, one.feature, one.amount) for one in bought(asked).grants] == [
        ("grant_1", "minutes", Fraction(10)),
        ("grant_2", "chats", Fraction(5)),
    ]


def test_a_promise_names_the_local_day_on_which_units_end_or_that_they_never_do() -> None:
    assert bought(buying(pack=a_pack(expires="never"))).promise["end"] == "never"
    # Midnight of 31 March in Berlin, in summer time
    assert bought(buying(pack=a_pack(expires="period"))).promise["end"] == "2026-03-31 2026-03-30T22:00:00Z"


def test_units_that_could_never_pay_name_all_that_they_draw_on() -> None:
    spends = {"minutes": Fraction(1, 10), "credits": Fraction(2)}
    several = Entitlement(Feature("chats", "metered", spends=spends), spends=spends)
    plan = a_plan(terms=replace(a_plan().terms, features={"chats": several}))
    with pytest.raises(Refused) as refused:
        check_can_pay("chats", (plan,), "nova/chats")
    assert refused.value.expected == "units of credits, minutes"


def test_of_plans_that_grant_the_feature_the_oldest_is_taken_and_a_stopped_one_is_not() -> None:
    older = a_plan("sub_2", started_at=t("2026-01-20"), anchor_at=t("2026-01-20"))
    stopped = replace(older, id="sub_0", started_at=t("2026-01-10"), status=Status.BLOCKED)
    assert bought(buying(a_plan(), older, stopped)).draft.subscription == "sub_2"
    twin = replace(a_plan(), id="sub_0")
    assert bought(buying(a_plan(), twin)).draft.subscription == "sub_0"


def test_a_plan_that_starts_at_the_instant_of_the_purchase_runs() -> None:
    at = t("2026-03-10T12:00:00Z")
    begun = a_plan(started_at=at, anchor_at=at)
    assert bought(buying(begun)).draft.period_index == 0
    assert running_period(begun, at).ends_at == t("2026-04-10T11:00:00Z")  # 13:00 in Berlin, in summer time


def test_the_plan_that_grants_the_feature_comes_before_an_older_one() -> None:
    without = a_plan("sub_0", plan="other", terms=replace(a_plan().terms, features={}))
    assert bought(buying(without, a_plan())).draft.subscription == "sub_1"


def without_packs(**changes: Any) -> Subscription:
    """A plan on which no packs may be bought."""
    return a_plan(terms=replace(a_plan().terms, packs=False), **changes)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (buying(pack=a_pack(kind="addon")), "no-pack"),
        (buying(without_packs()), "packs-off"),
        (buying(a_plan(status=Status.CANCELED)), "packs-off"),
        (buying(a_plan(started_at=t("2026-03-11"))), "packs-off"),
        (buying(a_plan(status=Status.BLOCKED)), "no-access"),
        (buying(a_plan(status=Status.PAUSED)), "no-access"),
        (buying(pack=replace(a_pack(), offer=Offer(archived=True))), "plan-archived"),
        (buying(pack=a_pack(requires=("pro",))), "requires"),
        (buying(quantity=101), "quantity"),
        (buying(currency="GBP"), "no-such-currency"),
        (buying(customer=Customer("nova", parent="company", currency="USD")), "child-customer"),
    ],
)
def test_a_pack_that_cannot_be_bought_is_refused_with_a_reason(asked: Buying, code: str) -> None:
    with pytest.raises(Refused) as refused:
        bought(asked)
    assert refused.value.code == code


SPENDS = {"minutes": Fraction(1, 10)}
CHATS = Entitlement(Feature("chats", "metered", spends=SPENDS), spends=SPENDS)


def chatting(**changes: Any) -> Subscription:
    """A plan on which packs may be bought, whose chats draw on its minutes."""
    features = {"chats": CHATS, "minutes": Entitlement(MINUTES, included=Decimal(100))}
    return a_plan(terms=replace(a_plan().terms, features=features), **changes)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            buying(pack=a_pack(kind="addon")),
            (
                "minutes_1k is no pack",
                "an add-on with a wallet",
                "addon",
                "planctl subscribe nova minutes_1k",
            ),
        ),
        (
            buying(
                without_packs(),
                without_packs(plan="basic"),
                without_packs(plan="old", status=Status.CANCELED),
            ),
            (
                "nova runs no plan on which packs may be bought",
                "a plan with packs: true",
                "basic, starter",
                "planctl subscribe nova PLAN",
            ),
        ),
        (
            buying(a_plan(status=Status.CANCELED)),
            (
                "nova runs no plan on which packs may be bought",
                "a plan with packs: true",
                "no plan",
                "planctl subscribe nova PLAN",
            ),
        ),
        (
            buying(a_plan(status=Status.BLOCKED)),
            (
                "starter of nova is blocked: nothing is sold on it now",
                "trialing, active or past_due",
                "blocked",
                "planctl invoice list --customer nova shows what is owed",
            ),
        ),
        (buying(quantity=101), ("minutes_1k is sold 1 to 100 at a time", "1 to 100", "101", "")),
        (
            buying(chatting(), pack=a_pack(wallet={"chats": Decimal(1)})),
            (
                "units of chats would never be used: chats draws on minutes",
                "units of minutes",
                "chats",
                "give or sell units of minutes: they pay for chats too",
            ),
        ),
    ],
)
def test_a_refusal_says_what_it_expected_what_it_got_and_what_to_do(
    asked: Buying, said: tuple[str, str, str, str]
) -> None:
    with pytest.raises(Refused) as refused:
        bought(asked)
    error = refused.value
    assert error.where == "nova/minutes_1k"
    assert (error.message, error.expected, error.got, error.hint) == said


def test_a_pack_is_sold_in_its_own_currencies_and_at_a_price_that_stands() -> None:
    declared = {"USD": USD, "EUR": EUR, "GBP": Currency("GBP", "Pound", 2)}
    with pytest.raises(Refused) as refused:
        bought(buying(currency="GBP", declared=declared))
    assert (refused.value.message, refused.value.expected) == (
        "plan minutes_1k by once is not sold in GBP",
        "USD | EUR",
    )
    ranged = PriceRow(Interval("once"), {"USD": AmountRange(Decimal(10), Decimal(20))})
    with pytest.raises(Refused) as refused:
        bought(buying(pack=a_pack(rows=(ranged,))))
    assert refused.value.message == "the price of minutes_1k by once is agreed with each customer"
    assert refused.value.hint.startswith("planctl assign nova minutes_1k --pay 'once'")


def test_units_that_could_never_pay_have_a_code_of_their_own() -> None:
    with pytest.raises(Refused) as refused:
        check_can_pay("chats", (chatting(),), "nova/chats")
    assert (refused.value.code, refused.value.where) == ("wallet-spends", "nova/chats")


def test_units_may_be_bought_where_some_plan_or_none_yet_grants_the_feature_by_itself() -> None:
    alone = replace(a_plan().terms, features={"chats": Entitlement(Feature("chats", "metered"))})
    check_can_pay("chats", (), "nova/chats")
    check_can_pay("chats", (chatting(), a_plan(terms=alone)), "nova/chats")
    check_can_pay("chats", (chatting(status=Status.CANCELED),), "nova/chats")
    check_can_pay("minutes", (chatting(),), "nova/minutes")


def test_the_first_and_the_last_quantity_that_are_sold_may_be_bought() -> None:
    assert [bought(buying(quantity=one)).quantity for one in (0, 1, 100)] == [1, 1, 100]
    with pytest.raises(Refused, match="2 to 100 at a time"):
        bought(buying(pack=a_pack(quantity=(2, 100))))


def test_while_past_due_packs_are_still_sold() -> None:
    assert bought(buying(a_plan(status=Status.PAST_DUE))).draft.total_minor == 1500


def test_the_promise_names_what_is_paid_and_what_is_given() -> None:
    assert bought(buying(quantity=2)).promise == {
        "pack version": "2",
        "total": "30.00 USD",
        "due": "2026-03-17",
        "units": "2000 minutes",
        "end": "2027-03-10 2027-03-10T12:00:00Z",
    }


def test_a_life_may_end_at_a_date_on_the_local_calendar() -> None:
    end = life_end("2027-01-01", t("2026-03-10"), "Europe/Berlin")
    assert end is not None
    assert instant_text(end) == "2026-12-31T23:00:00Z"


def test_a_life_does_not_end_before_it_begins() -> None:
    for end in ("2026-03-10", "2026-03-09"):
        with pytest.raises(LifeError) as caught:
            life_end(end, t("2026-03-10"), "UTC")
        assert caught.value.reason == f"{end} is not after 2026-03-10T00:00:00Z"
        assert caught.value.fix == "give a later end, or never"


def test_a_life_may_have_no_end_or_run_for_an_interval_of_the_local_calendar() -> None:
    begins = t("2026-03-10T12:00:00Z")
    assert life_end("never", begins, "Europe/Berlin") is None
    assert life_end("once", begins, "Europe/Berlin") is None
    # 13:00 in Berlin in winter, and in summer
    assert life_end("month", begins, "Europe/Berlin") == t("2026-04-10T11:00:00Z")
