"""One history on SQLite and on PostgreSQL: every command ends and answers alike, and every export has the same bytes.

Both take the same identifiers, from the same seed, and see the same clock. PostgreSQL's database sorts text as English
does, which shows an order that depends on it: `b_2` comes before `B-1` there, and `B-1` before `a.1` here.
"""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from planctl import clock, identifiers
from planctl.__main__ import main
from tests import stores
from tests.properties.test_life_machine import CATALOG as LIFE
from tests.store import test_laws, test_laws_amounts, test_laws_life, test_laws_owing, test_laws_waves

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

PRESENT = 1_798_761_600_000_000
"""When every command is typed, whatever date it is as of: 2027-01-01."""

EXPORTS = (
    "catalog export", "catalog history -f json", "customer list -f json", "plan list -f json",
    "subscription list -f json", "invoice list -f json", "credit-note list -f json", "payment list -f json",
    "usage export", "audit log -f json", "feature list -f json", "hold list -f json",
    "status -f json", "doctor -f json",
)  # fmt: skip


LOGIN = re.compile(r',\n *"session_user": "[^"]*"|\n *"(?:hash|prev)": "[0-9a-f]{64}",?')
"""The login that a server knows, which no file has, and the chain of the audit over it."""


@dataclass(frozen=True)
class History:
    """A catalog, the customers with whom it begins, and lines of a date and a command."""

    catalog: str
    customers: tuple[str, ...]
    lines: str


def life(seed: int) -> str:
    """What two customers do over a year and a half, well or badly chosen: refusals have to be alike as well."""
    chance = random.Random(seed)
    plans = ("small", "medium", "large", "hunter", "closer")
    now, lines = datetime(2026, 1, 1, 8), []
    for number in range(70):
        who, plan = chance.choice(("b_2", "B-1")), chance.choice(plans)
        invoice = f"INV-2026-{chance.randrange(1, 12):05}"
        at = (now - timedelta(hours=chance.randrange(100))).isoformat() + "Z"
        command = chance.choice((
            f"subscribe {who} {plan}", f"subscribe {who} {plan} --no-trial", f"change now {who} {plan}",
            f"subscribe {who} extra", f"subscription pause {who}/{plan}", f"subscription resume {who}/{plan}",
            f"subscription cancel {who}/{plan}", f"payment record {invoice}", f"payment record {invoice}",
            f"credit-note create {invoice} --reason why", f"usage record {who} minutes 41.5 --id e{number} --at {at}",
            f"usage record {who} contacts {number} --id E{number} --at {at}", "invoice run", "invoice run",
        ))  # fmt: skip
        lines.append(f"{now.isoformat()}Z  {command}")
        now += timedelta(days=chance.randrange(9), hours=chance.randrange(9))
    return "\n".join(lines)


HISTORIES = {
    "money": History(test_laws.CATALOG, test_laws.CUSTOMERS, test_laws.HISTORY),
    "lives": History(test_laws_life.CATALOG, test_laws_life.CUSTOMERS, test_laws_life.HISTORY),
    "amounts": History(test_laws_amounts.CATALOG, test_laws_amounts.CUSTOMERS, test_laws_amounts.HISTORY),
    "owing": History(test_laws_owing.CATALOG, ("nova", "vega", "tara"), test_laws_owing.HISTORY),
    "waves": History(test_laws_waves.CATALOG, ("nova", "orion", "vega"), test_laws_waves.HISTORY),
    **{f"chance {seed}": History(LIFE, ("b_2", "B-1", "a.1", "C@3"), life(seed)) for seed in (1, 2)},
}


@pytest.fixture
def tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[History, str], Iterator[str]]:
    """`tell(history, store)`: each command with how it ended and all it said, and then each export."""
    monkeypatch.setattr(clock, "now", lambda: PRESENT)
    monkeypatch.setattr(clock, "elapsed_ms", lambda _since: 1_000)  # the audit covers how long a run took

    def tell(history: History, store: str) -> Iterator[str]:
        monkeypatch.setattr(identifiers, "secrets", SimpleNamespace(randbits=random.Random(7).getrandbits))
        monkeypatch.setattr(identifiers, "_last", {})

        def planctl(at: str, command: str) -> str:
            words = ["--store", store, "--as-of", at, "--yes", "--operator", "amy", *shlex.split(command)]
            ended = main(words)
            said = capsys.readouterr()
            told = LOGIN.sub("", f"{said.out}{said.err}")
            return f"$ {at} {command}\n{ended}\n{told}".replace(store, "STORE")

        planctl("2026-01-01", f"init {tmp_path / 'made'} --test")  # the second finds the first one's files
        yield planctl("2026-01-01", f"catalog apply {tmp_path / 'catalog.yaml'}")
        for customer in history.customers:
            yield planctl("2026-01-01", f"customer add {customer} --currency USD --name {customer.title()}")
        at = "2026-01-01"
        for line in history.lines.format(file=tmp_path / "pro-v2.yaml").splitlines():
            at, _, command = line.partition("  ")
            yield planctl(at, command)
        for command in (*EXPORTS, *(f"wallet show {customer}" for customer in history.customers)):
            answer = planctl(at, command)
            assert answer.splitlines()[1] == "0", answer
            yield answer
        for number in range(1, 40):
            yield planctl(at, f"invoice show INV-2026-{number:05} -f json")

    return tell


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_has_the_same_bytes_on_both_engines(
    name: str, tell: Callable[[History, str], Iterator[str]], tmp_path: Path
) -> None:
    history = HISTORIES[name]
    (tmp_path / "catalog.yaml").write_text(history.catalog, encoding="utf-8")
    (tmp_path / "pro-v2.yaml").write_text(test_laws_waves.MIGRATION, encoding="utf-8")
    on_file = list(tell(history, str(tmp_path / "store.db")))
    on_server = list(tell(history, stores.database(tmp_path / "store.db")))
    for here, there in zip(on_file, on_server, strict=True):
        assert here == there
