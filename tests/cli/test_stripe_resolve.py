"""`planctl stripe resolve` against the fake: what a person decides about a call or an event that waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planctl.core.stripe.model import Account, Call
from planctl.store import stripe_account, stripe_outbox
from planctl.store.engine import Tx, open_store
from tests import stores
from tests.cli.conftest import Result, Run
from tests.cli.stripe_shop import keep, made_up, planctl
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe

__all__ = ["keep", "planctl", "stripe"]


PRODUCT = Call("product", "pro", "create", "/v1/products", links=True, digest="d1")
COUPON = Call("coupon", "tenth", "create", "/v1/coupons", links=True)
PAY = Call("invoice", "inv_1", "pay", "/v1/invoices/{}/pay")


@pytest.fixture
def waiting(planctl: Run, keep: Callable[..., Any]) -> Callable[..., str]:
    """A store that is set up, in which a call waits for a person: its id."""
    planctl("stripe", "setup", "--quiet")
    return lambda call, body=b"": str(keep(lambda tx: made_up(tx, call, body)))


def decide(planctl: Run, *words: str) -> Result:
    """Decide with a reason; the answer as JSON."""
    return planctl("stripe", "resolve", *words, "--reason", "looked it up", "-f", "json")


def state_of(tmp_path: Path, operation: str) -> tuple[str, str, str]:
    """State, Stripe's id and note of a call."""
    with open_store(stores.url(tmp_path / "store.db")) as store, store.read() as tx:
        one = stripe_outbox.by_id(tx, operation)
    return one.state.value, one.stripe_id, one.note


def test_a_call_that_is_let_go_may_be_asked_for_again(
    planctl: Run, waiting: Callable[..., str], tmp_path: Path
) -> None:
    operation = waiting(PRODUCT)
    result = decide(planctl, operation, "--resend")
    assert result.exit_code == 0, result.stderr
    assert result.json["decided"] == "let go"
    assert result.json["next"] == "planctl stripe push asks for it anew, from what the store says then"
    assert state_of(tmp_path, operation) == ("dropped", "", "let go: looked it up")
    assert planctl("stripe", "status").exit_code == 0


def test_a_call_that_is_dropped_is_given_up_until_that_is_taken_back(
    planctl: Run, waiting: Callable[..., str], tmp_path: Path
) -> None:
    operation = waiting(PRODUCT)
    result = decide(planctl, operation, "--drop")
    assert (result.exit_code, result.json["decided"]) == (0, "dropped")
    assert f"undo with: planctl stripe resolve {operation} --resend" in result.stderr
    assert state_of(tmp_path, operation) == ("dropped", "", "given up: looked it up")
    status = planctl("stripe", "status")
    assert (
        status.exit_code,
        f"given up: {operation}, product pro (create): looked it up" in status.stdout,
    ) == (
        0,
        True,
    )
    assert decide(planctl, operation, "--drop").exit_code == 4
    assert decide(planctl, operation, "--resend").exit_code == 0
    assert decide(planctl, operation, "--resend").exit_code == 4


def test_what_was_decided_is_audited_with_its_reason(planctl: Run, waiting: Callable[..., str]) -> None:
    operation = waiting(PRODUCT)
    decide(planctl, operation, "--drop")
    entry = planctl("audit", "log", "-f", "json").json[-1]
    assert (entry["command"], entry["reason"]) == ("stripe resolve", "looked it up")
    assert entry["arguments"] == {"how": "drop", "id": operation, "stripe_id": ""}


def test_an_object_is_adopted_and_linked(
    planctl: Run, waiting: Callable[..., str], stripe: FakeStripe, keep: Callable[..., Any], tmp_path: Path
) -> None:
    operation = waiting(PRODUCT, b"name=Pro")
    [product] = made(stripe, "/v1/products", name="Pro")
    result = decide(planctl, operation, "--adopt", product)
    assert result.exit_code == 0, result.stderr
    assert (result.json["decided"], result.json["stripe_id"]) == ("adopted", product)
    assert state_of(tmp_path, operation) == ("confirmed", product, "adopted")
    link = keep(lambda tx: stripe_outbox.linked(tx, account(tx), product))
    assert (link.kind, link.local_id, link.digest) == ("product", "pro", "d1")
    assert [one["holds"] for one in planctl("doctor", "-f", "json").json["laws"]] == [True] * len(
        planctl("doctor", "-f", "json").json["laws"]
    )


def test_what_is_not_the_calls_is_not_adopted(
    planctl: Run, waiting: Callable[..., str], stripe: FakeStripe, tmp_path: Path
) -> None:
    operation = waiting(COUPON, b"percent_off=20&duration=once")
    fits, other_content, foreign, another = made(
        stripe,
        "/v1/coupons",
        {"percent_off": "20", "duration": "once"},
        {"percent_off": "25", "duration": "once"},
        {"percent_off": "20", "duration": "once", "metadata[planctl_store]": "str_other"},
        {"percent_off": "20", "duration": "once", "metadata[planctl_id]": "fifth"},
    )
    for coupon, said in (
        (other_content, "the object has another percent_off"),
        (foreign, "the object belongs to another store"),
        (another, "the object stands for another object"),
    ):
        result = decide(planctl, operation, "--adopt", coupon)
        assert (result.exit_code, result.error["code"]) == (4, "adopts-another")
        assert result.error["message"] == said
    assert decide(planctl, operation, "--adopt", "co_none").error["code"] == "gone-at-stripe"
    assert decide(planctl, operation, "--adopt", "../invoices/in_1").exit_code == 3
    assert state_of(tmp_path, operation)[0] == "parked"
    assert decide(planctl, operation, "--adopt", fits).exit_code == 0


def test_an_object_that_stands_for_another_of_ours_is_not_adopted(
    planctl: Run, waiting: Callable[..., str], stripe: FakeStripe
) -> None:
    [product] = made(stripe, "/v1/products", name="Pro")
    assert decide(planctl, waiting(PRODUCT, b"name=Pro"), "--adopt", product).exit_code == 0
    second = waiting(Call("product", "team", "create", "/v1/products", links=True), b"name=Pro")
    result = decide(planctl, second, "--adopt", product)
    assert (result.exit_code, result.error["got"]) == (4, "product pro")


def test_a_change_is_adopted_for_its_own_object_alone_and_only_where_it_was_done(
    planctl: Run, waiting: Callable[..., str], stripe: FakeStripe
) -> None:
    [customer] = made(stripe, "/v1/customers", name="Nova", email="nova@acme.example")
    paid, other = (draft(stripe, customer) for _ in range(2))
    call = Call("invoice", "inv_1", "void", f"/v1/invoices/{paid}/void")
    operation = waiting(call)
    result = decide(planctl, operation, "--adopt", other)
    assert (result.exit_code, result.error["expected"]) == (4, paid)
    result = decide(planctl, operation, "--adopt", paid)
    assert (result.exit_code, result.error["code"]) == (4, "adopts-undone")
    stripe.void_invoice(paid)
    assert decide(planctl, operation, "--adopt", paid).exit_code == 0


def test_a_dry_run_decides_nothing(planctl: Run, waiting: Callable[..., str], tmp_path: Path) -> None:
    operation = waiting(PRODUCT)
    result = decide(planctl, operation, "--drop", "--dry-run")
    assert (result.exit_code, result.json["decided"]) == (0, "dropped")
    assert state_of(tmp_path, operation)[0] == "parked"


def test_the_same_key_decides_once(planctl: Run, waiting: Callable[..., str]) -> None:
    operation = waiting(PRODUCT)
    first = decide(planctl, operation, "--drop", "--key", "k1")
    assert decide(planctl, operation, "--drop", "--key", "k1").stdout == first.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("op_1",),
        ("op_1", "--resend", "--drop"),
        ("op_1", "--retry"),
        ("evt_1", "--resend"),
        ("evt_1", "--adopt", "in_1"),
        ("evt_1",),
    ],
    ids=" ".join,
)
def test_one_decision_that_fits_is_wanted(planctl: Run, words: tuple[str, ...]) -> None:
    planctl("stripe", "setup")
    assert decide(planctl, *words).exit_code == 64


def test_a_reason_is_wanted(planctl: Run) -> None:
    assert planctl("stripe", "resolve", "op_1", "--drop").exit_code == 64


def test_a_call_that_nobody_knows_is_not_found(planctl: Run) -> None:
    planctl("stripe", "setup")
    result = decide(planctl, "op_1", "--drop")
    assert (result.exit_code, result.error["code"]) == (4, "not-found")


def account(tx: Tx) -> Account:
    """The pinned account."""
    return stripe_account.account(tx)


def made(stripe: FakeStripe, path: str, *several: dict[str, str], **params: str) -> list[str]:
    """Objects that somebody made at Stripe by hand: their ids."""
    from urllib.parse import urlencode
    from urllib.request import Request, urlopen

    ids = []
    for one in several or (params,):
        request = Request(f"{stripe.address}{path}", urlencode(one).encode(), method="POST")
        request.add_header("Authorization", f"Bearer {stripe.key}")
        request.add_header("Content-Type", "application/x-www-form-urlencoded")
        with urlopen(request) as answer:
            ids.append(str(json.load(answer)["id"]))
    return ids


def draft(stripe: FakeStripe, customer: str) -> str:
    """An open invoice over one line, at Stripe."""
    [invoice] = made(
        stripe,
        "/v1/invoices",
        customer=customer,
        currency="usd",
        collection_method="send_invoice",
        days_until_due="7",
        auto_advance="false",
    )
    line = {"lines[0][amount]": "4900", "lines[0][description]": "Pro"}
    made(stripe, f"/v1/invoices/{invoice}/add_lines", line)
    made(stripe, f"/v1/invoices/{invoice}/finalize", auto_advance="false")
    return invoice
