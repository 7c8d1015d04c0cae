"""Real money moves only where key, store and command all say so, which is settled before any socket is opened.

One process runs every command; in it a socket that is made is written down and refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planctl.cli.app import WORDS, loaded
from planctl.core.periods import Instant
from planctl.core.stripe.model import Account, Call
from planctl.store import stripe_account
from planctl.store.engine import Tx, open_store
from tests import stores
from tests.cli.conftest import SHOP, Run
from tests.cli.stripe_shop import AT, key_file, made_up, parked_event

ROOT = Path(__file__).parents[2]
LIVE = "sk_live_51GuardOfTheLiveKey00000000000001"
TEST = "sk_test_51GuardOfTheTestKey00000000000001"
SECRET = "whsec_GuardOfTheWebhooks0000000000000001"

COMMANDS: dict[str, tuple[str, ...]] = {
    "setup": (),
    "diff": (),
    "push": ("--yes",),
    "pull": (),
    "webhook": ("--signature", "SIGNED"),
    "checkout": ("nova", "starter", "--pay", "month", "--success-url", "URL", "--cancel-url", "URL"),
    "portal": ("nova", "--return-url", "URL"),
    "resolve": ("CALL", "--adopt", "prod_1", "--reason", "seen"),
    "resolve event": ("EVENT", "--retry", "--reason", "mended"),
}
"""How each command that talks to Stripe is called where nothing but the guard stops it."""

SILENT = {"status"}
"""Commands that never talk to Stripe."""

SCRIPT = """
import hashlib, hmac, io, json, socket, sys

opened = []

class NoSocket(socket.socket):
    def __init__(self, *arguments, **named):
        opened.append(repr(arguments))
        raise OSError("no socket is opened here")

socket.socket = NoSocket
socket.create_connection = lambda *arguments, **named: NoSocket(*arguments)

from planctl import clock
from planctl.__main__ import main

clock.now = lambda: 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
SECRET = "whsec_GuardOfTheWebhooks0000000000000001"
EVENT = {"id": "evt_1", "object": "event", "type": "invoice.paid", "created": 1, "livemode": True,
         "data": {"object": {"id": "in_1", "object": "invoice"}}}
found = []
for words in json.loads(sys.argv[1]):
    body = json.dumps(EVENT).encode()
    at = "1767225600"
    signed = hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    sys.stdin = io.TextIOWrapper(io.BytesIO(body))
    sys.stderr = said = io.StringIO()
    code = main([f"t={at},v1={signed}" if word == "SIGNED" else word for word in words])
    sys.stderr = sys.__stderr__
    found.append([code, said.getvalue(), len(opened)])
import resource
print(json.dumps({"found": found, "core": resource.getrlimit(resource.RLIMIT_CORE)}))
"""


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real store with a customer, in which a call and an event wait for a person; not set up yet."""
    return _made(tmp_path_factory.mktemp("guard"))


@pytest.fixture(scope="module")
def test_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a test store."""
    return _made(tmp_path_factory.mktemp("guard"), "--test")


def _made(folder: Path, *options: str) -> Path:
    from planctl.__main__ import main

    store = folder / "store.db"
    for words in (
        ["init", str(folder / "made"), *options],
        ["catalog", "apply", str(SHOP), "--yes"],
        ["customer", "add", "nova", "--currency", "USD"],
    ):
        assert main(["--store", stores.url(store), "--quiet", *words]) == 0
    return store


def test_every_command_that_talks_to_stripe_is_tried_here() -> None:
    there = set(loaded("stripe", WORDS["stripe"]).commands)
    assert there - SILENT == {name.split()[0] for name in COMMANDS}


def tried(store: Path, mode: str, *options: str, key: str, **variables: str) -> list[tuple[str, Any]]:
    """Every command in a store that is set up for that mode, and how each ended. No socket was opened by any."""
    waiting = _set_up(store, mode)
    words = {
        name: [waiting.get(word, word).replace("URL", "https://acme.example") for word in words]
        for name, words in COMMANDS.items()
    }
    lines = [
        ["--store", stores.url(store), "stripe", name.split()[0], *given, *options]
        for name, given in words.items()
    ]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(lines)],
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "STRIPE_API_KEY_FILE": str(key_file(store.parent / "stripe.key", key)),
            "STRIPE_WEBHOOK_SECRET_FILE": str(key_file(store.parent / "secret", SECRET)),
            **variables,
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["core"] == [0, 0], "a crash would write the key to a file"
    found = [(name, ended) for name, ended in zip(words, told["found"], strict=True)]
    assert [name for name, ended in found if ended[2]] == [], "a socket was opened"
    return found


def _set_up(store: Path, mode: str) -> dict[str, str]:
    """Pin the store, unless it was; the ids of the call and the event that wait."""

    def pinned(tx: Tx) -> dict[str, str]:
        if stripe_account.pinned(tx) is None:
            stripe_account.pin(tx, Account("acct_1Guard", mode == "live", "sk_…", "US", "", 0, Instant(AT)))
        parked_event(tx, "evt_1Waiting", "parked", "mend it")
        call = Call("product", "starter", "create", "/v1/products", links=True)
        return {"CALL": made_up(tx, call), "EVENT": "evt_1Waiting"}

    with open_store(stores.url(store)) as opened, opened.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM stripe_operation")
        tx.connection.exec_driver_sql("DELETE FROM stripe_event")
        tx.connection.exec_driver_sql("DELETE FROM stripe_account")
        return pinned(tx)


def refused(found: list[tuple[str, Any]], code: str) -> None:
    """Everything ended with 4 and that code, having changed nothing."""
    assert {name: ended[0] for name, ended in found} == {name: 4 for name, _ in found}
    assert [name for name, ended in found if f"[{code}]" not in ended[1]] == []
    assert [name for name, ended in found if not ended[1].endswith("Nothing was changed.\n")] == []


def test_a_live_key_without_live_is_refused_before_a_socket_is_opened(books: Path) -> None:
    refused(tried(books, "live", key=LIVE), "stripe-live")


def test_live_without_a_live_key_is_refused_before_a_socket_is_opened(books: Path) -> None:
    refused(tried(books, "test", "--live", key=TEST), "stripe-live")


def test_a_test_store_takes_no_live_key(test_books: Path) -> None:
    refused(tried(test_books, "test", "--live", key=LIVE), "stripe-test-store")


def test_a_store_of_test_mode_takes_no_live_key(books: Path) -> None:
    refused(tried(books, "test", "--live", key=LIVE), "stripe-mode")


def test_a_store_of_live_mode_takes_no_test_key(books: Path) -> None:
    refused(tried(books, "live", key=TEST), "stripe-mode")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_API_BASE", "http://127.0.0.1:9"),
        ("STRIPE_API_BASE", "https://elsewhere.example"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("STRIPE_LOG", "debug"),
    ],
)
def test_a_live_key_is_not_used_where_its_traffic_can_be_read_or_redirected(
    books: Path, name: str, value: str
) -> None:
    refused(tried(books, "live", "--live", key=LIVE, **{name: value}), "stripe-surroundings")


def test_a_test_key_goes_nowhere_but_to_stripe_and_this_machine(books: Path) -> None:
    found = tried(books, "test", key=TEST, STRIPE_API_BASE="https://elsewhere.example")
    refused(found, "stripe-surroundings")


def test_status_opens_no_socket_whatever_the_key(books: Path, run: Run) -> None:
    _set_up(books, "live")
    line = ["--store", stores.url(books), "stripe", "status"]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([line])],
        env=os.environ | {"PYTHONPATH": str(ROOT), "STRIPE_API_KEY": LIVE},
        capture_output=True,
        text=True,
    )
    [[code, _, sockets]] = json.loads(result.stdout.splitlines()[-1])["found"]
    assert (code, sockets) == (1, 0)  # two things wait for a person
