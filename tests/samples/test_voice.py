"""What an operator sees of the voice sample: included, wallet and excess are the same figures wherever shown."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result, Run

VOICE = Path(__file__).parents[2] / "sample-catalogs" / "voice"
LAST_DAY = "2026-01-31T23:00:00Z"


def done(result: Result) -> Result:
    assert result.exit_code == 0, result.stderr
    return result


def minutes_of(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in done(result).json["features"] if one["feature"] == "minutes")
    return found


def usage_line(invoice: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(line for line in invoice["lines"] if line["kind"] == "usage")
    return found


@pytest.fixture
def january(run: Run) -> Run:
    """nova has Studio and a pack; 1,900 minutes of calls and 4,500 chats (10 a minute) are recorded."""
    done(run("init", "--test"))
    for words in (
        f"catalog apply {VOICE} --yes --as-of 2026-01-01",
        "customer add nova --currency USD --as-of 2026-01-01",
        "subscribe nova studio --yes --as-of 2026-01-01",
        "payment record INV-2026-00001 --as-of 2026-01-02",
        "wallet buy nova minutes_1k --yes --as-of 2026-01-05",
        "payment record INV-2026-00002 --as-of 2026-01-06",
        "usage record nova minutes 1500 --id calls --at 2026-01-10 --as-of 2026-01-10",
        "usage record nova chats 4500 --id chats --at 2026-01-11 --as-of 2026-01-11",
        "usage record nova minutes 400 --id more --at 2026-01-31 --as-of 2026-01-31",
    ):
        done(run(*words.split()))
    return run


def test_included_wallet_and_excess_add_up_to_what_was_used(january: Run) -> None:
    # 1,500 + 4,500 / 10 + 400 = 2,350: 1,000 included, 1,000 from the pack, 350 above
    shown = minutes_of(january("usage", "show", "nova", "-f", "json", "--as-of", LAST_DAY))
    assert Decimal(shown["included"]) == 1_000
    assert Decimal(shown["remaining"]) == 0
    assert Decimal(shown["excess"]) == 350
    used = minutes_of(january("usage", "show", "nova", "-f", "json", "--as-of", "2026-01-10"))
    # after 1,500 minutes: 1,000 included, 500 of the pack
    assert Decimal(used["remaining"]) == Decimal(used["excess"]) == 0


def test_the_preview_and_the_invoice_charge_the_excess_that_was_shown(january: Run) -> None:
    before = done(january("invoice", "preview", "nova", "-f", "json", "--as-of", "2026-02-01")).json
    done(january("invoice", "run", "--as-of", "2026-02-01"))
    issued = done(january("invoice", "show", "INV-2026-00003", "-f", "json", "--as-of", "2026-02-01")).json
    for invoice in (before[0], issued):
        line = usage_line(invoice)
        assert (line["quantity"], line["unit_price"], line["amount"]) == ("350", "0.10", "35.00")
        assert invoice["total"] == "134.00"  # 99.00 + 35.00


@pytest.mark.parametrize("at", [LAST_DAY, "2026-02-01"])
def test_a_run_changes_nothing_of_what_is_shown(january: Run, at: str) -> None:
    def shown() -> list[Any]:
        usage = done(january("usage", "show", "nova", "-f", "json", "--as-of", at)).json
        answer = done(january("check", "nova", "minutes", "-f", "json", "--as-of", at)).json
        return [usage, answer, left(january, at)]

    before = shown()
    done(january("invoice", "run", "--as-of", at))
    assert shown() == before


def left(run: Run, at: str) -> Decimal:
    """What the wallet could still pay."""
    shown = done(run("wallet", "show", "nova", "-f", "json", "--as-of", at)).json
    (wallet,) = shown if isinstance(shown, list) else [shown]
    return Decimal(wallet["balance"])


def test_the_wallet_is_empty_before_and_after_the_run(january: Run) -> None:
    assert left(january, "2026-01-09") == 1_000
    assert left(january, "2026-01-10") == 500  # 1,500 minutes were used: 1,000 included, 500 of the pack
    assert left(january, LAST_DAY) == 0
    assert left(january, "2026-02-01") == 0
    done(january("invoice", "run", "--as-of", "2026-02-01"))
    assert left(january, "2026-02-01") == 0
    done(january("doctor", "--as-of", "2026-02-01"))


def test_looking_back_after_the_run_shows_what_was_there_then(january: Run) -> None:
    def shown() -> list[Any]:
        usage = done(january("usage", "show", "nova", "-f", "json", "--as-of", LAST_DAY)).json
        answer = done(january("check", "nova", "minutes", "-f", "json", "--as-of", "2026-01-10")).json
        return [
            usage,
            answer,
            left(january, "2026-01-09"),
            left(january, "2026-01-10"),
            left(january, LAST_DAY),
        ]

    before = shown()
    done(january("invoice", "run", "--as-of", "2026-02-01"))
    assert shown() == before
    assert before[2:] == [1_000, 500, 0]


def test_the_packs_stop_where_the_plan_takes_none(january: Run) -> None:
    done(january("customer", "add", "quill", "--currency", "USD", "--as-of", "2026-01-01"))
    done(january("subscribe", "quill", "payg", "--yes", "--as-of", "2026-01-01"))
    assert january("wallet", "buy", "quill", "minutes_1k", "--yes", "--as-of", "2026-01-05").exit_code == 4


def test_the_faces_of_the_plans_say_how_chats_are_counted(run: Run) -> None:
    done(run("init", "--test"))
    done(run("catalog", "apply", VOICE, "--yes", "--as-of", "2026-01-01"))
    badges = {plan["id"]: plan["badges"] for plan in done(run("plan", "list", "-f", "json")).json}
    assert "1 minute = 10 chats" in badges["studio"]
    assert "1 minute = 3 chats" in badges["desk"]
    assert "Recurring · Off" in badges["payg"]
    assert {"Add-on packs · Off"} == {text for text in badges["payg"] if text.startswith("Add-on packs")}
    assert "Add-on packs · On" in badges["starter"]
