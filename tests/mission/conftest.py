"""An operator's shell in which a sample catalog is for sale: every row of the mission is shown in one.

Each test has a store and a directory of its own, with the sample's files in `catalog/` to edit as git would.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from planctl import clock
from planctl.__main__ import main
from planctl.core.instants import parse_instant, zone
from tests import stores
from tests.cli.conftest import Result, Run, run
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe
from tests.fakes.stripe.sentences import settings

__all__ = ["run", "stripe"]

SAMPLES = Path(__file__).parents[2] / "sample-catalogs"
BEGINS = "2026-01-01"


@dataclass(frozen=True, slots=True)
class Shell:
    """Types whole command lines; what ends otherwise than it says fails the test."""

    run: Run
    directory: Path

    def __call__(self, line: str, at: str = BEGINS, exit_code: int = 0) -> Result:
        """Run one line as of a date and check how it ends."""
        result = self.run(*shlex.split(line), "--as-of", at)
        assert result.exit_code == exit_code, (
            f"{line}: exit {result.exit_code}\n{result.stdout}{result.stderr}"
        )
        return result

    def json(self, line: str, at: str = BEGINS) -> Any:
        """What a line that succeeds answers as JSON."""
        return self(f"{line} -f json", at).json

    def refused(self, line: str, at: str = BEGINS) -> str:
        """What is said where a rule refuses (exit 4)."""
        return self(line, at, exit_code=4).stderr

    def all(self, lines: Sequence[str], at: str = BEGINS) -> None:
        """Run several lines, the one after the other."""
        for line in lines:
            self(line, at)

    def pay(self, at: str) -> None:
        """Pay every invoice that is open, in full."""
        for invoice in self.json("invoice list", at):
            if invoice["due"] not in {"0.00", "0"}:
                self(f"payment record {invoice['number']}", at)

    def edit(self, path: str, before: str, after: str) -> None:
        """Change a text of one of the catalog's files, which must stand in it once."""
        file = self.directory / "catalog" / path
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} stands in {path} {text.count(before)} times"
        file.write_text(text.replace(before, after), encoding="utf-8")

    def plan(self, plan: str, at: str = BEGINS) -> Any:
        """A plan as `plan show` has it."""
        return self.json(f"plan show {plan}", at)

    def allowed(self, words: str, at: str) -> bool:
        """The answer of `check`."""
        answer: bool = self.json(f"check {words}", at)["allowed"]
        return answer

    def totals(self, customer: str, at: str) -> list[str]:
        """The totals of a customer's invoices, the oldest first."""
        return [one["total"] for one in self.json(f"invoice list --customer {customer}", at)]

    def lines(self, number: str, at: str) -> list[tuple[str, str, str]]:
        """Kind, plan and amount of every line of an invoice."""
        invoice = self.json(f"invoice show {number}", at)
        return [(line["kind"], line["plan"], line["amount"]) for line in invoice["lines"]]


Sell = Callable[[str], Shell]


@pytest.fixture(scope="session")
def store_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A store for each sample, to which it was applied, made when it is first asked for."""
    made: dict[str, Path] = {}

    def find(sample: str) -> Path:
        if sample not in made:
            store = tmp_path_factory.mktemp(sample) / "store.db"
            for words in (
                ["init", str(store.parent), "--test"],
                ["catalog", "apply", str(SAMPLES / sample), "--yes"],
            ):
                assert main(["--store", stores.url(store), "--as-of", BEGINS, "--quiet", *words]) == 0
            made[sample] = store
        return made[sample]

    return find


@pytest.fixture
def sell(run: Run, store_of: Callable[[str], Path], tmp_path: Path) -> Sell:
    """`sell("chatbot")`: the shell of a business that sells that sample since 1 January 2026, in UTC."""

    def open_shop(sample: str) -> Shell:
        stores.copy(store_of(sample), tmp_path / "store.db")
        shutil.copytree(SAMPLES / sample, tmp_path / "catalog")
        return Shell(run, tmp_path)

    return open_shop


@dataclass(frozen=True, slots=True)
class Till:
    """The shell of a business whose money Stripe takes: each line is typed when both clocks stand where it says."""

    shop: Shell
    stripe: FakeStripe

    def __call__(self, line: str, at: str, exit_code: int = 0) -> Result:
        """Run one line at an instant and check how it ends."""
        self.stripe.clock.now = parse_instant(at, zone("UTC")) // 1_000_000
        return self.shop(line, at, exit_code)

    def customer(self, name: str) -> str:
        """The id of a customer at Stripe."""
        (found,) = [one for one in self.stripe.objects("customer") if one["metadata"]["planctl_id"] == name]
        return str(found["id"])

    def invoice(self, number: str) -> dict[str, Any]:
        """An invoice at Stripe, by our number."""
        (found,) = [
            one for one in self.stripe.objects("invoice") if one["metadata"]["planctl_number"] == number
        ]
        return dict(found)


AtStripe = Callable[[Shell], Till]


@pytest.fixture
def at_stripe(stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AtStripe:
    """`at_stripe(shop)`: a shop that is set up with a fake Stripe since it began."""

    def set_up(shop: Shell) -> Till:
        monkeypatch.setattr(clock, "now", lambda: stripe.clock.now * 1_000_000)
        for name, value in settings(stripe, tmp_path).items():
            monkeypatch.setenv(name, value)
        till = Till(shop, stripe)
        till("stripe setup --return-url https://shop.example/account", BEGINS)
        return till

    return set_up
