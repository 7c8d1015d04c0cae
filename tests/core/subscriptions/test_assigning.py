"""What becomes of agreed terms on another version of their plan, and of what an assignment is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from planctl.core.catalog.emit import snapshot_document
from planctl.core.catalog.model import Plan
from planctl.core.catalog.parse import parse
from planctl.core.customers import Customer
from planctl.core.document import Document
from planctl.core.document import Mapping as Node
from planctl.core.subscriptions.assigning import Relaid, check_at, relaid, that_runs
from planctl.core.subscriptions.model import Status
from planctl.errors import Refused, WrongUsage
from planctl.files.yaml_reader import read_text, read_values
from tests.core.billing import DECLARED, monthly, running

NOVA = Customer("nova")
CATALOG = """\
format: planctl.catalog/1
catalog: case
currencies: {{USD: }}
features:
  minutes: {{type: metered, unit: minute}}
  seats: {{type: metered, unit: seat, reset: never}}
plans:
  pro: {{{terms}}}
"""


def version(terms: str) -> Document:
    """The snapshot of a version of pro with these terms."""
    source = read_text(CATALOG.format(terms=terms), "case.yaml").files[0]
    assert isinstance(source.node, Node)
    parsed = parse([(source.name, source.node)])
    assert parsed.catalog is not None, parsed.findings
    return snapshot_document(Plan("pro", parsed.catalog.plans["pro"].terms), parsed.catalog.features)


def laid(terms: Mapping[str, str], over: str) -> Relaid:
    return relaid("pro", terms, read_values(terms), version(over), {"USD": DECLARED["USD"]})


def test_agreed_terms_go_on_over_a_version_that_says_otherwise() -> None:
    agreed = {"price.month.USD": "45", "features.minutes.included": "9_000"}
    found = laid(agreed, "price: {month: {USD: 60}}, features: {minutes: 5_000}")
    assert (found.terms, found.same, found.void) == (agreed, (), {})


def test_what_the_version_says_by_itself_stays_agreed_and_is_told() -> None:
    found = laid({"price.month.USD": "60", "due": "30 days"}, "price: {month: {USD: 60}}")
    assert found.terms == {"due": "30 days", "price.month.USD": "60"}
    assert found.same == ("price.month.USD",)


def test_a_term_that_does_not_go_with_the_version_is_given_up_with_its_reason() -> None:
    agreed = {"due": "30 days", "features.seats.beyond.up_to": "20"}
    found = laid(agreed, "price: {month: {USD: 60}}, features: {seats: 5}")
    assert found.terms == {"due": "30 days"}
    assert list(found.void) == ["features.seats.beyond.up_to"]
    assert found.void["features.seats.beyond.up_to"]


def test_an_allowance_of_a_feature_that_the_version_has_no_more_is_given_up() -> None:
    found = laid({"features.minutes.included": "9_000"}, "price: {month: {USD: 60}}, features: {seats: 5}")
    assert (found.terms, list(found.void)) == ({}, ["features.minutes.included"])


def test_no_price_survives_that_the_plan_became_free() -> None:
    found = laid({"price.month.USD": "45", "due": "30 days"}, "price: free")
    assert found.terms == {"due": "30 days"}
    assert found.void == {"price.month.USD": "the plan is free now"}


def test_terms_that_only_go_together_are_kept_together() -> None:
    agreed = {
        "features.seats.beyond.charge": "prepaid",
        "features.seats.beyond.each": "{USD: 3}",
    }
    found = laid(agreed, "price: {month: {USD: 60}}, features: {seats: 5}")
    assert (found.terms, found.void) == (agreed, {})


def test_nothing_agreed_is_nothing_to_lay() -> None:
    assert laid({}, "price: {month: {USD: 60}}") == Relaid({})


# --- which subscription is meant


def test_a_plan_runs_in_every_status_but_before_its_start_and_after_its_end() -> None:
    one = running(monthly())
    for status in (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.BLOCKED, Status.PAUSED):
        live = replace(one, status=status)
        assert that_runs(NOVA, "starter", [live]) == live
    assert that_runs(NOVA, "starter", [replace(one, status=Status.CANCELED)]) is None
    assert that_runs(NOVA, "pro", [one]) is None


def test_a_start_that_is_still_to_come_takes_its_terms_with_it() -> None:
    pending = replace(running(monthly(), "2026-03-01"), status=Status.PENDING)
    with pytest.raises(Refused) as refused:
        that_runs(NOVA, "starter", [pending])
    assert refused.value.code == "to-start"
    assert "sub_1" in refused.value.hint


def test_when_terms_hold_is_no_question_of_a_plan_that_does_not_run() -> None:
    check_at(NOVA, "pro", "")
    with pytest.raises(WrongUsage, match="does not run pro"):
        check_at(NOVA, "pro", "now")
