"""The store that every fuzzed run begins with, and valid inputs to start from: the same bytes on every machine.

The clock stands still and new ids are drawn from a seed, so that a number names the same damaged page tomorrow.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from planctl import clock, identifiers
from planctl.__main__ import main
from planctl.cli import who

ROOT = Path(__file__).parents[3]
ACME = ROOT / "tests" / "data" / "acme"
SHOP = ROOT / "tests" / "data" / "shop.yaml"
SAMPLES = ROOT / "sample-catalogs"
CORPUS = Path(__file__).parent / "corpus"

NOW = 1_767_657_600
"""2026-01-06T00:00:00Z, the seconds at which the clock of every run stands."""

SECRET = "whsec_FakeStripeWebhookSecret00000000"


@dataclass(frozen=True, slots=True)
class World:
    """The store's bytes, and what belongs to it: a saved plan of its catalog, an event of Stripe's and its objects.

    `answers` is what Stripe said to each question while that event was taken in, by the path of the question.
    """

    store: bytes
    plan: Any
    event: Any
    answers: Mapping[str, Any]


@contextmanager
def fixed(seed: int = 0) -> Iterator[None]:
    """The clock stands at NOW, ids are drawn from the seed, and it is nobody who acts."""
    drawn = Random(seed)
    identifiers._last.clear()
    with (
        mock.patch.object(clock, "now", return_value=NOW * 1_000_000),
        mock.patch("planctl.identifiers.secrets.randbits", drawn.getrandbits),
        mock.patch.object(who, "login", return_value="fuzz"),
        mock.patch.object(who, "origin", dict),
    ):
        yield


@cache
def world() -> World:
    """Made once in a process, in some two seconds."""
    folder = Path(tempfile.mkdtemp(prefix="planctl-fuzz-world-"))
    before = Path.cwd()
    kept = {name: os.environ.get(name) for name in _VARIABLES}
    try:
        os.chdir(folder)
        with fixed(), _silent():
            return _made(folder)
    finally:
        os.chdir(before)
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        shutil.rmtree(folder)


_VARIABLES = ("PLANCTL_STORE", "STRIPE_API_BASE", "STRIPE_API_KEY_FILE", "STRIPE_WEBHOOK_SECRET_FILE")


def _made(folder: Path) -> World:
    from tests.fakes.stripe import FakeStripe

    os.environ["PLANCTL_STORE"] = "store.db"
    shutil.copytree(ACME, folder / "acme")
    for words in _LIFE:
        _do(*words)
    with FakeStripe() as stripe:
        stripe.clock.now = NOW
        os.environ["STRIPE_API_BASE"] = stripe.address
        os.environ["STRIPE_API_KEY_FILE"] = private(folder / "stripe.key", stripe.key)
        os.environ["STRIPE_WEBHOOK_SECRET_FILE"] = private(folder / "webhook.secret", SECRET)
        _do("stripe", "setup")
        _do("stripe", "push", "--only", "customers", "--only", "invoices")
        invoice = stripe.objects("invoice")[0]
        store = settled(folder / "store.db")
        stripe.pay_invoice(invoice["id"])
        event = next(one for one in stripe.events if one["type"] == "invoice.paid")
        answers = _heard_while_taking(stripe, event)
    (folder / "store.db").write_bytes(store)
    text = (folder / "acme" / "plans" / "workspace.yaml").read_text(encoding="utf-8")
    changed = text.replace("name: Starter", "name: Start").replace("USD: 19,", "USD: 20,")
    (folder / "acme" / "plans" / "workspace.yaml").write_text(changed, encoding="utf-8")
    _do("catalog", "diff", "acme", "--out", "plan.json")
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return World(store, plan, event, answers)


def settled(path: Path) -> bytes:
    """A store's file with everything in one order: the library creates some indexes now in one, now in another."""
    into = path.with_suffix(".settled")
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(into)) as new:
        for pragma in ("application_id", "user_version"):
            (value,) = old.execute(f"PRAGMA {pragma}").fetchone()
            new.execute(f"PRAGMA {pragma} = {value}")
        made = old.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        for kind, name, sql in sorted(made, key=lambda one: (one[0] != "table", one)):
            new.execute(sql)
            rows = old.execute(f'SELECT * FROM "{name}"').fetchall() if kind == "table" else []
            if rows:
                new.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(rows[0]))})', rows)
        new.commit()
    return into.read_bytes()


_LIFE = (
    ("init", ".", "--test", "--timezone", "Europe/Berlin", "--as-of", "2026-01-01"),
    ("catalog", "apply", "acme", "--yes", "--as-of", "2026-01-01"),
    ("customer", "add", "nova", "--name", "Nova GmbH", "--currency", "USD", "--as-of", "2026-01-01"),
    ("customer", "add", "orion", "--currency", "EUR", "--country", "DE", "--as-of", "2026-01-01"),
    ("customer", "add", "vega", "--currency", "USD", "--parent", "nova", "--as-of", "2026-01-01"),
    ("subscribe", "nova", "starter", "--pay", "month", "--no-trial", "--yes", "--as-of", "2026-01-01"),
    ("subscribe", "orion", "pro", "--pay", "year", "--trial", "--yes", "--as-of", "2026-01-02"),
    ("wallet", "buy", "nova", "minutes_1k", "--yes", "--as-of", "2026-01-02"),
    ("wallet", "grant", "nova", "minutes", "50", "--reason", "a gift", "--yes", "--as-of", "2026-01-02"),
    ("usage", "record", "nova", "minutes", "12.5", "--at", "2026-01-03T10:00:00Z", "--id", "e1"),
    ("usage", "record", "nova", "seats", "--set", "3", "--at", "2026-01-03T10:00:00Z", "--id", "e2"),
    ("plan", "edit", "pro", "--outside", "--set", "price.month.USD=52", "--yes", "--as-of", "2026-01-04"),
)


def _heard_while_taking(stripe: Any, event: Any) -> dict[str, Any]:
    """What the fake answers while planctl takes the event in."""
    from planctl.stripe_bridge.gateway import Gateway
    from tests.fakes.stripe.signing import body_of, header_of

    answers: dict[str, Any] = {}
    ask = Gateway.ask

    def asked(self: Gateway, method: str, path: str, params: Any) -> Any:
        answer = ask(self, method, path, params)
        answers[path] = dict(answer.body)
        return answer

    body = body_of(event)
    with mock.patch.object(Gateway, "ask", asked), standard_input(body):
        _do("stripe", "webhook", "--signature", header_of(body, [SECRET], NOW))
    return answers


@contextmanager
def standard_input(data: bytes) -> Iterator[None]:
    """These bytes on standard input."""
    import io

    with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(data))):
        yield


def private(path: Path, text: str) -> str:
    """A file that its owner alone may read."""
    path.write_text(text, encoding="ascii")
    path.chmod(0o600)
    return str(path)


def _do(*words: str) -> None:
    code = main([*words, "--quiet"])
    assert code == 0, f"{' '.join(words)}: exit code {code}"


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing that is said while the world is made is anybody's business."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        mock.patch("sys.stdout", nowhere),
        mock.patch("sys.stderr", nowhere),
    ):
        yield
