"""A shop whose billed month is replayed under other catalogs: it is told what happens in commands."""

from __future__ import annotations

import shlex
from fractions import Fraction
from pathlib import Path

import pytest

from planctl.core.catalog.parse import parse
from planctl.core.document import Mapping as MappingNode
from planctl.core.replay.simulation import InCurrency, Simulation, Units
from planctl.files.yaml_reader import read_text
from planctl.store.engine import open_store
from planctl.workflows.replay_period import propose_replay, read_span, replay_period
from tests import stores
from tests.cli.conftest import Run

HEAD = """\
format: planctl.catalog/1
catalog: shop
currencies: {USD: , EUR: }
features:
  minutes: {type: metered, unit: minute}
  seats: {type: metered, unit: seat, reset: never}
"""


class Shop:
    """A store that sells one catalog, told what happens in commands, asked what another catalog would have billed."""

    def __init__(self, run: Run, directory: Path) -> None:
        self.run, self.directory = run, directory

    def sells(self, catalog: str, *, head: str = HEAD) -> None:
        """Apply the catalog as of 2026."""
        (self.directory / "catalog.yaml").write_text(head + catalog, encoding="utf-8")
        self.does("init --test", "catalog apply catalog.yaml --yes --as-of 2026-01-01")

    def does(self, *commands: str) -> None:
        """Take commands that must succeed."""
        for command in commands:
            result = self.run(*shlex.split(command))
            assert result.exit_code == 0, f"{command}\n{result.stdout}{result.stderr}"

    def joins(self, customer: str, plan: str, on: str, more: str = "", currency: str = "USD") -> None:
        """Add a customer and start its plan on a day."""
        self.does(f"customer add {customer} --currency {currency} --as-of {on}")
        self.does(f"subscribe {customer} {plan} {more} --yes --as-of {on}")

    def uses(self, customer: str, quantity: int, on: str, feature: str = "minutes") -> None:
        """Record usage on a day."""
        self.does(f"usage record {customer} {feature} {quantity} --at {on} --as-of {on}")

    def bills(self, *days: str) -> None:
        """Run the invoices on these days."""
        self.does(*(f"invoice run --as-of {day}" for day in days))

    def proposes(self, catalog: str, period: str, *, head: str = HEAD) -> Simulation:
        """What the period would have been under another catalog."""
        source = read_text(head + catalog, "proposed.yaml").files[0]
        assert isinstance(source.node, MappingNode)
        parsed = parse([(source.name, source.node)])
        assert parsed.catalog is not None, parsed.findings
        assert parsed.usable, parsed.findings
        with open_store(stores.url(self.directory / "store.db")) as store, store.read() as tx:
            changes = propose_replay(tx, parsed.catalog)
            return replay_period(tx, parsed.catalog, changes, read_span(period, "UTC"))


@pytest.fixture
def shop(run: Run, tmp_path: Path) -> Shop:
    """A shop in a directory of its own, which sells nothing yet."""
    return Shop(run, tmp_path)


def usd(simulation: Simulation) -> InCurrency:
    """The only currency of a simulation, whose records must be borne out."""
    assert simulation.differences == ()
    assert simulation.kept == ()
    (found,) = simulation.currencies
    assert found.currency.code == "USD"
    assert found.issued_minor == found.total.held
    return found


def of_feature(simulation: Simulation) -> tuple[Units, Units]:
    """Where the units of the only feature went, on both sides."""
    (found,) = simulation.features
    return found.held, found.moved


def units(used: int, included: int, wallet: int = 0, billed: int = 0, over: int = 0) -> Units:
    """Whole units."""
    return Units(*(Fraction(one) for one in (used, included, wallet, billed, over)))


PRO = "plans: {pro: {price: {month: {USD: 49}}, due: 30 days}}"
METERED = """\
plans:
  pro:
    price: {{month: {{USD: 49}}}}
    due: 30 days
    features: {{minutes: {{included: {included}, beyond: {{charge: usage, each: {{USD: {each}}}}}}}}}
"""


def metered(included: int | str = 100, each: str = "0.10") -> str:
    """A plan of 49.00 with an allowance, and a price past it."""
    return METERED.format(included=included, each=each)
