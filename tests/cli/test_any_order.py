"""Whatever order usage comes in and however often the run goes: the same periods, lines and amounts."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import stores
from tests.cli.conftest import Run

CATALOG = """
format: planctl.catalog/1
catalog: shop
currencies: {USD: }
defaults: {due: 365 days, packs: true}
features:
  minutes: {type: metered, unit: minute}
  chats: {type: metered, unit: chat, spends: {minutes: 1/3}}
  storage: {type: metered, unit: GB, aggregate: max}
  visitors: {type: metered, unit: visitor, event: visit, aggregate: unique, value: who}
  level: {type: metered, unit: GB, aggregate: weighted}
groups:
  main: {name: Main}
  more: {name: More, exclusive: false}
plans:
  pro:
    group: main
    price: {month: {USD: 19}}
    minimum: {USD: 40}
    features:
      minutes:
        included: 100
        rollover: 50
        beyond:
          charge: usage
          graduated: [{to: 200, each: {USD: 0.10}}, {each: {USD: 0.03}, flat: {USD: 2}}]
      chats: true
      storage: {included: 5, beyond: {charge: usage, each: {USD: 0.25}}}
      visitors: {included: 3, reset: week, beyond: {charge: usage, each: {USD: 0.50}}}
      level: {beyond: {charge: usage, each: {USD: 1}}}
  support:
    group: more
    price: {month: {USD: 5}}
    features: {minutes: 30}
addons:
  pack:
    price: {once: {USD: 8}}
    wallet: {minutes: 70}
    expires: never
"""
FIRST, DAYS = date(2026, 1, 1), 100


def events(seed: int) -> list[dict[str, Any]]:
    """Some usage on most days; what names are used is chosen at random."""
    chance = random.Random(seed)
    found = []
    for number in range(120):
        at = f"{FIRST + timedelta(days=chance.randrange(DAYS - 12))}T{chance.randrange(24):02}:00:00Z"
        name = chance.choice(["minutes", "minutes", "chats", "storage", "visit", "level"])
        event: dict[str, Any] = {"id": f"e{number}", "customer": "nova", "event": name, "at": at}
        event["quantity"] = chance.randrange(1, 40)
        if name == "visit":
            event |= {"quantity": 1, "properties": {"who": f"v{chance.randrange(9)}"}}
        found.append(event)
    return found


def billed(run: Run, directory: Path, batches: list[list[dict[str, Any]]], runs: list[date]) -> list[Any]:
    """What nova was billed in a store of its own, without what follows the time of the run."""
    directory.mkdir()
    store = ("--store", stores.url(directory / "books.db"))

    def done(*words: str) -> Any:
        result = run(*words, *store)
        assert result.exit_code == 0, result.stdout + result.stderr
        return result

    (directory / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    done("init", str(directory), "--test", "--timezone", "UTC")
    done("catalog", "apply", str(directory / "catalog.yaml"), "--yes", "--as-of", "2026-01-01")
    done("customer", "add", "nova", "--currency", "USD", "--as-of", "2026-01-01")
    done("subscribe", "nova", "pro", "--yes", "--as-of", "2026-01-01")
    done("subscribe", "nova", "support", "--yes", "--as-of", "2026-01-14")
    done("wallet", "buy", "nova", "pack", "--yes", "--as-of", "2026-01-20")
    last = FIRST + timedelta(days=DAYS)
    for number, batch in enumerate(batches):
        file = directory / f"usage{number}.ndjson"
        file.write_text("".join(json.dumps(event) + "\n" for event in batch), encoding="utf-8")
        done("usage", "import", str(file), "--allow-future", "--as-of", "2026-01-21")
    for day in runs:
        done("invoice", "run", "--as-of", day.isoformat())
    done("doctor", "--as-of", last.isoformat())
    invoices = done("invoice", "list", "--customer", "nova", "-f", "json", "--as-of", last.isoformat()).json
    lines = [
        {
            name: line[name]
            for name in ("kind", "plan", "feature", "quantity", "unit_price", "amount", "period")
        }
        for invoice in invoices
        for line in invoice["lines"]
    ]
    wallet = done("wallet", "show", "nova", "-f", "json", "--as-of", last.isoformat()).json
    return [sorted(lines, key=json.dumps), [one["balance"] for one in wallet]]


@pytest.mark.parametrize("seed", [3, 11, 42])
def test_order_of_import_and_cadence_of_runs_change_no_line(run: Run, tmp_path: Path, seed: int) -> None:
    sent = events(seed)
    shuffled = random.Random(seed + 1).sample(sent, len(sent))
    last = FIRST + timedelta(days=DAYS)
    monthly = [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1), last]
    often = [FIRST + timedelta(days=day) for day in range(21, DAYS, 3)] + [last]
    once = billed(run, tmp_path / "once", [sent], [last])
    assert once[0], "nothing was billed"
    assert billed(run, tmp_path / "monthly", [shuffled[:50], shuffled[50:]], monthly) == once
    assert billed(run, tmp_path / "often", [shuffled[::-1]], often) == once
