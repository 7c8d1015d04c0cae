"""`planctl wallet …`: packs bought, units given and taken out, what is left and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

BUY = ("wallet", "buy", "nova", "minutes_1k", "--yes", "--as-of", "2026-01-10")
GIVE = (
    "wallet",
    "grant",
    "nova",
    "minutes",
    "50.5",
    "--reason",
    "an outage",
    "--yes",
    "--as-of",
    "2026-01-11",
)


@pytest.fixture
def talking(acme: Run) -> Run:
    """nova runs starter by the month since 2026-01-01: 1,000 minutes, packs allowed, 7 days to pay, 3 of grace."""
    words = ("subscribe", "nova", "starter", "--pay", "month", "--no-trial", "--yes", "--as-of", "2026-01-01")
    assert acme(*words).exit_code == 0
    return acme


def bought(run: Run, *words: str) -> dict[str, Any]:
    document: dict[str, Any] = run(*BUY, *words, "-f", "json").json
    return document


def wallet(run: Run, as_of: str = "2026-01-12") -> dict[str, Any]:
    document: dict[str, Any] = run("wallet", "show", "nova", "minutes", "--as-of", as_of, "-f", "json").json
    return document


# --- buying


def test_a_pack_is_invoiced_and_usable_at_once(talking: Run) -> None:
    document = bought(talking, "--quantity", "2")
    (grant,) = document["grants"]
    invoice = document["invoice"]
    assert (document["pack"], document["quantity"]) == ("minutes_1k", 2)
    assert document["id"].startswith("pur_")
    assert (grant["amount"], grant["left"], grant["pack"]) == ("2000", "2000", "minutes_1k")
    assert (grant["granted_at"], grant["expires_at"]) == ("2026-01-10T00:00:00Z", "2027-01-10T00:00:00Z")
    assert (invoice["number"], invoice["total"], invoice["due"]) == ("INV-2026-00002", "30.00", "30.00")
    assert (invoice["due_at"], invoice["grace_ends_at"]) == ("2026-01-17T00:00:00Z", None)
    (line,) = invoice["lines"]
    assert (line["kind"], line["plan"], line["quantity"], line["unit_price"]) == (
        "pack",
        "minutes_1k",
        "2",
        "15.00",
    )
    assert wallet(talking)["balance"] == "2000"


def test_people_are_told_what_they_bought_and_what_takes_it_back(talking: Run) -> None:
    said = talking(*BUY)
    assert said.stdout.splitlines()[0].startswith("nova bought 1 x minutes_1k (pur_")
    assert "1000 minutes usable now, until 2027-01-10T00:00:00Z" in said.stdout
    assert "invoice INV-2026-00002: 15.00 USD, due 2026-01-17T00:00:00Z" in said.stdout
    assert "nova buys 1 x minutes_1k on starter" in said.stderr
    assert "undo with: planctl wallet void nova grant_" in said.stderr
    assert "planctl invoice void INV-2026-00002" in said.stderr


def test_another_currency_may_be_named(talking: Run) -> None:
    assert bought(talking, "--in", "EUR")["invoice"]["total"] == "14.00"


def test_without_a_key_each_purchase_is_a_new_one_and_with_one_it_is_made_once(talking: Run) -> None:
    first, second = bought(talking), bought(talking)
    assert first["id"] != second["id"]
    third, again = bought(talking, "--key", "shop-7"), bought(talking, "--key", "shop-7")
    assert third["id"] == again["id"]
    assert wallet(talking)["balance"] == "3000"
    assert talking(*BUY, "--quantity", "2", "--key", "shop-7").exit_code == 5


def test_a_pack_is_not_issued_again_so_nobody_is_told_that_it_will_be(talking: Run) -> None:
    """No run bills a purchase: once voided, its request would be lost, and the units stay."""
    bought(talking)
    words = ("invoice", "void", "INV-2026-00002", "--reason", "typo", "--as-of", "2026-01-12")
    for yes in ((), ("--yes",), ("--dry-run",)):
        said = talking(*words, "--reissue", *yes)
        assert (said.exit_code, "[pack-reissue]" in said.stderr) == (4, True)
        assert "wallet buy" in said.stderr
    assert talking(*words, "--yes").exit_code == 0


def test_a_dry_run_buys_nothing(talking: Run) -> None:
    assert bought(talking, "--dry-run")["invoice"]["total"] == "15.00"
    assert wallet(talking)["grants"] == []


def test_it_asks_first(talking: Run) -> None:
    words = [word for word in BUY if word != "--yes"]
    assert talking(*words).exit_code == 64


def test_buying_needs_a_plan_that_allows_packs(acme: Run) -> None:
    result = acme(*BUY, "-f", "json")  # nova is on free, where packs are allowed by the catalog's defaults
    assert result.exit_code == 0
    assert (
        acme("subscription", "cancel", "nova", "--at", "now", "--yes", "--as-of", "2026-01-11").exit_code == 0
    )
    refused = acme("wallet", "buy", "nova", "minutes_1k", "--yes", "--as-of", "2026-01-12", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "packs-off")


def test_while_blocked_nothing_is_sold(talking: Run) -> None:
    # due on the 8th, three days of grace: blocked on the 11th
    refused = talking("wallet", "buy", "nova", "minutes_1k", "--yes", "--as-of", "2026-01-11", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "no-access")


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("nobody", "minutes_1k"), 4, "not-found"),
        (("nova", "minutes_2k"), 4, "not-found"),
        (("nova", "extra_seat"), 4, "no-pack"),
        (("nova", "minutes_1k", "--quantity", "101"), 4, "quantity"),
        (("nova", "minutes_1k", "--quantity", "0"), 3, "invalid-value"),
        (("nova", "minutes_1k", "--in", "USDT"), 4, "no-such-currency"),
    ],
)
def test_what_cannot_be_bought_is_refused(
    talking: Run, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    result = talking("wallet", "buy", *words, "--yes", "--as-of", "2026-01-05", "-f", "json")
    assert (result.exit_code, result.error["code"]) == (exit_code, code)


def test_a_pack_is_not_subscribed_to(talking: Run) -> None:
    result = talking("subscribe", "nova", "minutes_1k", "--yes", "--as-of", "2026-01-05", "-f", "json")
    assert (result.exit_code, result.error["code"]) == (4, "pack")
    assert result.error["hint"] == "planctl wallet buy nova minutes_1k"


# --- giving


def test_units_may_be_given_for_a_reason_and_a_time(talking: Run) -> None:
    document = talking(*GIVE, "--expires", "3 months", "--priority", "-1", "-f", "json").json
    assert (document["customer"], document["feature"], document["amount"]) == ("nova", "minutes", "50.5")
    assert (document["expires_at"], document["priority"]) == ("2026-04-11T00:00:00Z", -1)
    assert (document["reason"], document["pack"]) == ("an outage", None)


def test_given_units_never_expire_unless_told(talking: Run) -> None:
    assert talking(*GIVE, "-f", "json").json["expires_at"] is None
    assert (
        talking(*GIVE, "--expires", "2026-02-01", "-f", "json").json["expires_at"] == "2026-02-01T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("nobody", "minutes", "5"), 4, "not-found"),
        (("nova", "minuts", "5"), 4, "not-found"),
        (("nova", "sso", "5"), 3, "invalid-value"),
        (("nova", "minutes", "0"), 3, "invalid-value"),
        (("nova", "minutes", "-5"), 3, "invalid-value"),
        (("nova", "minutes", "1e3"), 3, "invalid-value"),
        (("nova", "minutes", "5", "--expires", "soon"), 3, "invalid-value"),
        (("nova", "minutes", "5", "--expires", "2026-01-11"), 3, "invalid-value"),
    ],
)
def test_what_cannot_be_given_is_refused(
    talking: Run, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    more = ("--reason", "a test", "--yes", "--as-of", "2026-01-11", "-f", "json")
    result = talking("wallet", "grant", *words, *more)
    assert (result.exit_code, result.error["code"]) == (exit_code, code)


def test_giving_and_taking_out_need_a_reason(talking: Run) -> None:
    for words in (("grant", "nova", "minutes", "5"), ("void", "nova", "grant_1")):
        assert talking("wallet", *words, "--yes").exit_code == 64


# --- showing


def test_a_wallet_shows_its_grants_in_the_order_of_spending(talking: Run) -> None:
    bought(talking)
    talking(*GIVE)  # never expires, so it is spent last
    talking(*GIVE, "--expires", "1 month")
    shown = wallet(talking)
    assert set(shown) >= {"customer", "feature", "balance", "grants"}
    assert [grant["amount"] for grant in shown["grants"]] == ["50.5", "1000", "50.5"]
    assert (shown["balance"], shown["posted"], shown["unit"]) == ("1101", "1101", "minute")
    table = talking("wallet", "show", "nova", "--as-of", "2026-01-12").stdout
    assert table.startswith("minutes: 1101 minute left")
    assert len(talking("wallet", "show", "nova", "-f", "json").json) == 1
    assert len(talking("wallet", "show", "nova", "-f", "csv").stdout.splitlines()) == 4


def test_a_grant_whose_life_is_over_has_nothing_left(talking: Run) -> None:
    talking(*GIVE, "--expires", "2026-02-01")
    (before,) = wallet(talking, "2026-01-31")["grants"]
    shown = wallet(talking, "2026-02-01")
    (after,) = shown["grants"]
    assert (before["left"], before["state"]) == ("50.5", "open")
    assert (after["left"], after["state"], shown["balance"]) == ("0", "expired", "0")


def test_an_empty_wallet_says_so(talking: Run) -> None:
    assert "nova has nothing in a wallet" in talking("wallet", "show", "nova").stdout
    assert talking("wallet", "show", "nova", "-f", "json").json == []
    assert wallet(talking)["balance"] == "0"
    assert "nothing ever moved" in talking("wallet", "ledger", "nova").stdout


# --- taking out


def test_what_is_left_of_a_grant_is_taken_out_once(talking: Run) -> None:
    grant = bought(talking)["grants"][0]["id"]
    void = ("wallet", "void", "nova", grant, "--reason", "a mistake", "--yes", "--as-of", "2026-01-11")
    document = talking(*void, "-f", "json").json
    assert (document["voided"], document["kept"], document["left"]) == ("1000", "0", "0")
    (shown,) = wallet(talking)["grants"]
    assert (shown["left"], shown["state"]) == ("0", "void")
    again = talking(*void, "-f", "json")
    assert (again.exit_code, again.error["code"]) == (4, "grant-over")
    missing = talking("wallet", "void", "nova", "grant_1", "--reason", "x", "--yes", "-f", "json")
    assert (missing.exit_code, missing.error["code"]) == (4, "not-found")


def test_the_ledger_says_what_caused_every_entry(talking: Run) -> None:
    grant = bought(talking)["grants"][0]["id"]
    talking(*GIVE)
    talking("wallet", "void", "nova", grant, "--reason", "a mistake", "--yes", "--as-of", "2026-01-12")
    entries = talking("wallet", "ledger", "nova", "-f", "json").json
    assert [(one["seq"], one["amount"], one["balance"], one["cause"]) for one in entries] == [
        (1, "1000", "1000", "bought minutes_1k"),
        (2, "50.5", "1050.5", "given: an outage"),
        (3, "-1000", "50.5", "taken out"),
    ]
    assert entries[0]["grant"] == entries[2]["grant"] == grant


# --- what grants pay is charged to nobody

THIRDS = """\
format: planctl.catalog/1
catalog: thirds
currencies: {USD: }
features:
  minutes: {type: metered, unit: minute}
  chats: {type: metered, unit: chat, spends: {minutes: 1/3}}
plans:
  talk:
    price: {month: {USD: 20}}
    features:
      chats: true
      minutes: {included: 0, beyond: {charge: usage, package: {of: 100, price: {USD: 5}}}}
"""


def test_the_decimals_that_an_entry_cuts_are_not_billed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thirds.yaml").write_text(THIRDS, encoding="utf-8")
    day = ("--yes", "--quiet", "--as-of", "2026-01-01")
    for words in (
        ("init", ".", "--test"),
        ("catalog", "apply", "thirds.yaml"),
        ("customer", "add", "nova", "--currency", "USD"),
        ("subscribe", "nova", "talk"),
        ("wallet", "grant", "nova", "minutes", "100", "--reason", "a gift"),
        ("usage", "record", "nova", "chats", "1"),
    ):
        assert run(*words, *day).exit_code == 0
    issued = run("invoice", "run", "--as-of", "2026-02-01", "-f", "json").json
    assert issued["totals"] == {"USD": "20.00"}  # the next fee alone: a grant paid for the third of a minute
    assert run("wallet", "show", "nova", "minutes", "--as-of", "2026-02-01", "-f", "json").json[
        "balance"
    ] == ("99.666666666667")
    assert run("doctor", "--as-of", "2026-02-01").exit_code == 0


def test_units_that_could_never_pay_are_neither_given_nor_sold(run: Run, tmp_path: Path) -> None:
    # Chats draw on minutes, whose wallet pays for them; a wallet of chats would never be asked.
    pack = "addons: {chats_500: {quantity: 1..9, price: {once: {USD: 9}}, wallet: {chats: 500}}}\n"
    shop = THIRDS.replace("    price: {month", "    packs: true\n    price: {month")
    (tmp_path / "thirds.yaml").write_text(shop + pack, encoding="utf-8")
    day = ("--yes", "--as-of", "2026-01-01")
    for words in (
        ("init", ".", "--test"),
        ("catalog", "apply", "thirds.yaml"),
        ("customer", "add", "nova", "--currency", "USD"),
        ("subscribe", "nova", "talk"),
    ):
        assert run(*words, *day).exit_code == 0
    given = ("wallet", "grant", "nova", "chats", "500", "--reason", "a gift")
    for wanted in (given, ("wallet", "buy", "nova", "chats_500")):
        refused = run(*wanted, *day, "-f", "json")
        assert (refused.exit_code, refused.error["code"]) == (4, "wallet-spends")
        assert refused.error["hint"] == "give or sell units of minutes: they pay for chats too"
    assert run("wallet", "show", "nova", "--as-of", "2026-01-02", "-f", "json").json == []


def test_the_bar_of_what_draws_on_another_says_how_much_that_leaves(run: Run, tmp_path: Path) -> None:
    # 3 minutes are left, and 3 chats take one: 9 chats, in every answer.
    (tmp_path / "thirds.yaml").write_text(THIRDS.replace("included: 0", "included: 3"), encoding="utf-8")
    day = ("--as-of", "2026-01-01")
    for words in (
        ("init", ".", "--test"),
        ("catalog", "apply", "thirds.yaml"),
        ("customer", "add", "nova", "--currency", "USD"),
        ("subscribe", "nova", "talk"),
    ):
        assert run(*words, "--yes", *day).exit_code == 0
    chats = run("usage", "show", "nova", *day, "-f", "json").json["features"][0]
    assert (chats["feature"], chats["remaining"]) == ("chats", "9")
    assert "  chats    0 of 0, 9 left" in run("customer", "show", "nova", *day).stdout
