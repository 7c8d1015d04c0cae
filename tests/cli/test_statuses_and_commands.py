"""Every status with every command that moves a subscription: what is refused says what is allowed instead.

One customer stands in each status; every command is asked with `--dry-run`, so that none moves anybody.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.__main__ import main
from tests import stores
from tests.cli.conftest import Run

CATALOG = """\
format: planctl.catalog/1
catalog: walk
currencies: {USD: }
defaults: {due: 7 days, grace: 10 days}
features:
  seats: {type: metered, unit: seat, reset: never}
groups:
  main: {order: [small, large]}
plans:
  small:
    group: main
    price: {month: {USD: 30}}
    features: {seats: {included: 2, beyond: {charge: prepaid, each: {USD: 5}}}}
  large: {like: small, price: {month: {USD: 60}}}
  tried: {like: small, trial: 30 days}
  short: {like: small, expires: 15 days}
"""

NOW = "2026-04-20"
HISTORY = """\
2026-04-01  subscribe pending small --start 2026-05-01 --schedule
2026-04-05  subscribe trialing tried
2026-04-16  subscribe active small
2026-04-08  subscribe past_due small
2026-04-01  subscribe blocked small
2026-04-16  subscribe paused small
2026-04-18  subscription pause paused/small
2026-04-16  subscribe canceled small
2026-04-18  subscription cancel canceled/small --at now
2026-04-04  subscribe expired short
2026-04-20  invoice run
"""
"""Each customer is called like the status in which its plan stands on the 20th."""

PLANS = {"trialing": "tried", "expired": "short"}

COMMANDS = {
    "cancel": "subscription cancel {0}",
    "cancel at once": "subscription cancel {0} --at now",
    "pause": "subscription pause {0}",
    "resume": "subscription resume {0}",
    "extend the trial": "subscription extend {0} --trial 3 --reason asked",
    "extend the due date": "subscription extend {0} --due 3 --reason asked",
    "extend the expiry": "subscription extend {0} --expiry 3 --reason asked",
    "change": "change now {1} large",
    "quantity": "subscription quantity {0} seats=5",
    "lock": "subscription lock {0} --reason asked",
}

TAKES = {
    "pending": {"cancel", "cancel at once", "quantity", "lock"},
    "trialing": {"cancel", "cancel at once", "extend the trial", "change", "quantity", "lock"},
    "active": {"cancel", "cancel at once", "pause", "extend the due date", "change", "quantity", "lock"},
    "past_due": {"cancel", "cancel at once", "pause", "extend the due date", "change", "quantity", "lock"},
    "blocked": {"cancel", "cancel at once", "extend the due date", "lock"},
    "paused": {"cancel", "cancel at once", "resume", "extend the due date", "lock"},
    "canceled": set[str](),
    "expired": set[str](),
}
"""What each status takes, of these commands. The paused one still owes for the days before its pause."""


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one customer for each status; nothing changes it."""
    folder = tmp_path_factory.mktemp("street")
    store = folder / "store.db"
    (folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")

    def planctl(at: str, *words: str) -> None:
        assert main(["--store", stores.url(store), "--as-of", at, "--yes", "--quiet", *words]) == 0, words

    planctl("2026-04-01", "init", str(folder / "made"), "--test")
    planctl("2026-04-01", "catalog", "apply", str(folder / "catalog.yaml"))
    for status in TAKES:
        planctl("2026-04-01", "customer", "add", status, "--currency", "USD")
    for line in HISTORY.splitlines():
        at, command = line.split("  ")
        planctl(at, *command.split())
    return store


@pytest.fixture
def walk(run: Run, street: Path, tmp_path: Path) -> Run:
    """`run` with a copy of the street."""
    stores.copy(street, tmp_path / "store.db")
    return run


def test_every_customer_stands_where_its_name_says(walk: Run) -> None:
    shown = walk("subscription", "list", "-f", "json", "--as-of", NOW).json
    assert {one["customer"]: one["status"] for one in shown} == {status: status for status in TAKES}


@pytest.mark.parametrize("status", TAKES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_status_takes_a_command_or_says_what_it_takes_instead(walk: Run, status: str, command: str) -> None:
    address = f"{status}/{PLANS.get(status, 'small')}"
    words = COMMANDS[command].format(address, status).split()
    result = walk(*words, "--dry-run", "--yes", "--as-of", NOW)
    if command in TAKES[status]:
        assert result.exit_code == 0, result.stderr
        return
    assert result.exit_code == 4, result.stdout + result.stderr
    error = walk(*words, "--dry-run", "--yes", "--as-of", NOW, "-f", "json").error
    assert error["expected"] or error["hint"], error
    assert status in error["message"] or error["hint"], error


@pytest.mark.parametrize(
    ("number", "status"),
    [("INV-2026-00002", "past_due"), ("INV-2026-00003", "blocked"), ("INV-2026-00006", "expired")],
)
def test_whoever_owes_may_pay_whatever_became_of_the_plan(walk: Run, number: str, status: str) -> None:
    assert walk("payment", "record", number, "--as-of", NOW).exit_code == 0
    (shown,) = walk("subscription", "list", "--customer", status, "-f", "json", "--as-of", NOW).json
    assert shown["status"] == ("expired" if status == "expired" else "active")
