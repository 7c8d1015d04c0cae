"""A key and a webhook's secret are in no output, report, store, audit or backup, whatever goes wrong.

Stripe masks the keys that it speaks of; the fake is made to say them whole here, as another service might.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planctl.cli.app import WORDS, loaded
from planctl.core.stripe.model import Call
from planctl.store import stripe_outbox
from planctl.store.engine import open_store
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from tests import stores
from tests.cli.conftest import Result, Run
from tests.cli.stripe_shop import ALL_RIGHTS, key_file, made_up, parked_event
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe

__all__ = ["stripe"]

CANARY = "51Canary8f3a1c07d2b94e65Canary"
KEY = f"rk_test_{CANARY}"
POOR = f"rk_test_Poor{CANARY}"
UNKNOWN = f"sk_test_Unknown{CANARY}"
SECRET = f"whsec_{CANARY}"
PIECES = (CANARY, CANARY[:14], CANARY[-14:])
"""What may stand nowhere; the last four characters of a key may."""


class Watched:
    """Runs commands, and looks for the canary in all that they print."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.codes: list[int] = []

    def __call__(self, *words: str | Path) -> Result:
        result = self.run(*words)
        self.codes.append(result.exit_code)
        for text in (result.stdout, result.stderr):
            assert not any(piece in text for piece in PIECES), f"{words}: {text}"
        return result


@pytest.fixture
def planctl(
    shop: Run, stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watched]:
    """A watched `run` with the canary as key and secret; at the end no file but theirs holds it."""
    stripe.add_key(KEY, ALL_RIGHTS)  # type: ignore[arg-type]
    stripe.add_key(POOR, {})
    monkeypatch.setattr("tests.fakes.stripe.keys.masked", lambda secret: secret)
    keys = tmp_path / "keys"
    keys.mkdir()
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    monkeypatch.setenv("STRIPE_API_KEY_FILE", str(key_file(keys / "stripe.key", KEY)))
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_FILE", str(key_file(keys / "secret", SECRET)))
    (tmp_path / "reports").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "reports"))
    yield Watched(shop)
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and keys not in path.parents]
    assert holding or stores.ON_POSTGRES
    assert CANARY not in str(stores.content(tmp_path / "store.db"))
    assert [path for path in holding if CANARY.encode() in path.read_bytes()] == []


def audited(planctl: Watched) -> list[Any]:
    """All that the audit says."""
    found: list[Any] = planctl("audit", "log", "-f", "json").json
    return found


def test_help_says_nothing_of_a_key(planctl: Watched) -> None:
    planctl("stripe", "--help")
    for command in loaded("stripe", WORDS["stripe"]).commands:
        planctl("stripe", command, "--help")
    assert set(planctl.codes) == {0}


def test_no_option_of_any_command_takes_a_secret() -> None:
    """Whatever stands on a command line is read by every user of the machine."""
    secret = {"key", "keys", "secret", "secrets", "password", "token", "credential", "credentials"}
    for name, word in WORDS.items():
        command = loaded(name, word)
        for one in command.commands.values() if word.is_group else [command]:
            options = {opt.removeprefix("--") for param in one.params for opt in param.opts}
            taking = {opt for opt in options if secret & set(opt.split("-"))}
            assert taking <= {"key", "stripe-key-file"}, (
                f"{name} {one.name}"
            )  # an idempotency key, and a path


@pytest.mark.parametrize("options", [(), ("-f", "json"), ("-f", "csv")], ids=" ".join)
def test_nothing_that_succeeds_shows_or_keeps_a_key(
    planctl: Watched, tmp_path: Path, options: tuple[str, ...]
) -> None:
    planctl("stripe", "setup", "--return-url", "https://acme.example", *options)
    planctl("stripe", "status", *options)
    planctl("customer", "add", "nova", "--currency", "USD")
    for words in (
        ("diff",),
        ("push", "--yes"),
        ("pull",),
        ("checkout", "nova", "starter", "--pay", "month"),
        ("portal", "nova"),
        ("status",),
    ):
        planctl("stripe", *words, *options)
    if not stores.ON_POSTGRES:  # which has a backup of its own
        planctl("store", "backup", tmp_path / "copy.db")
    planctl("store", "info")
    planctl("config", "show", *options)
    planctl("doctor", *options)
    assert {entry["command"] for entry in audited(planctl)} > {"stripe setup"}
    assert set(planctl.codes) <= {0, 2}


def test_what_stripe_says_of_a_key_is_told_without_it(planctl: Watched, tmp_path: Path) -> None:
    planctl("stripe", "setup")
    for name, key in (("poor", POOR), ("unknown", UNKNOWN)):
        file = key_file(tmp_path / "keys" / name, key)
        for command in (("setup",), ("push", "--yes"), ("pull",), ("diff",)):
            result = planctl("stripe", *command, "--stripe-key-file", file)
            assert result.exit_code == 77, (command, result)
            planctl("stripe", *command, "--stripe-key-file", file, "-f", "json")


def test_what_stripe_answers_is_heard_without_the_key(
    stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.stripe.keys.masked", lambda secret: secret)
    stripe.add_key(POOR, {})
    gateway = Gateway(Key(POOR, False, True, "test"), stripe.address, lambda _: None)
    answer = gateway.ask("get", "/v1/products", {})
    assert answer.status == 403
    assert "The provided key 'rk_test_…nary'" in answer.message


@pytest.mark.parametrize(
    "text", [CANARY, f"pk_test_{CANARY}", f"rk_test_{CANARY}\n{CANARY}", f"whsec_{CANARY}"]
)
def test_a_key_file_that_holds_something_else_is_not_quoted(
    planctl: Watched, tmp_path: Path, text: str
) -> None:
    file = key_file(tmp_path / "keys" / "odd", text)
    assert planctl("stripe", "setup", "--stripe-key-file", file).exit_code in {3, 77}
    assert planctl("stripe", "setup", "--stripe-key-file", file, "-f", "json").exit_code in {3, 77}
    file.chmod(0o644)
    assert planctl("stripe", "setup", "--stripe-key-file", file).exit_code == 77


def test_a_key_that_is_typed_where_none_belongs_is_neither_shown_nor_kept(planctl: Watched) -> None:
    assert planctl("stripe", "setup", KEY).exit_code == 64
    assert planctl("stripe", KEY).exit_code == 64
    assert planctl(KEY, "-f", "json").exit_code == 64
    assert planctl("stripe", "setup", "--api-key", KEY).exit_code == 64
    assert planctl("stripe", "setup", "--stripe-key-file", KEY).exit_code == 77
    assert planctl("stripe", "setup", "--return-url", f"https://acme.example/?key={KEY}").exit_code == 3
    assert planctl("config", "set", "seller.name", KEY).exit_code == 0
    assert planctl("config", "set", "seller.name", "Acme", "--reason", f"key is {KEY}").exit_code == 0
    entries = audited(planctl)
    assert entries[-1]["reason"] == "key is rk_test_…"
    assert entries[-2]["arguments"] == {"setting": "seller.name", "value": "rk_test_…"}


def test_a_key_in_a_reason_is_not_kept_with_what_was_decided(planctl: Watched, tmp_path: Path) -> None:
    planctl("stripe", "setup")
    with open_store(stores.url(tmp_path / "store.db")) as store, store.write() as tx:
        calls = [made_up(tx, Call("product", name, "create", "/v1/products")) for name in ("pro", "team")]
        parked_event(tx, "evt_1Waiting", "parked", "nobody knows it")
    reason = ("--reason", f"made with {KEY}")
    assert planctl("stripe", "resolve", calls[0], "--drop", *reason).exit_code == 0
    assert planctl("stripe", "resolve", calls[1], "--resend", *reason).exit_code == 0
    assert planctl("stripe", "resolve", "evt_1Waiting", "--drop", *reason).exit_code == 0
    with open_store(stores.url(tmp_path / "store.db")) as store, store.read() as tx:
        notes = [stripe_outbox.by_id(tx, one).note for one in calls]
    assert notes == ["given up: made with rk_test_…", "let go: made with rk_test_…"]


@pytest.mark.parametrize("words", [("stripe", "setup"), ("customer", "add", "nova")], ids=" ".join)
def test_a_key_is_no_name_for_a_write(planctl: Watched, words: tuple[str, ...]) -> None:
    for options in ((), ("-f", "json")):
        assert planctl(*words, "--key", KEY, *options).exit_code == 64
    assert audited(planctl)[-1]["command"] == "catalog apply"


@pytest.mark.parametrize("command", ["setup", "status"])
def test_a_mistake_of_ours_reports_no_key(
    planctl: Watched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    planctl("stripe", "setup")

    def broken(*_: object) -> None:
        raise RuntimeError(f"it was {KEY}, signed with {SECRET}, sent as Bearer {KEY}")

    monkeypatch.setattr("planctl.workflows.sync_stripe.set_up.read_account", broken)
    monkeypatch.setattr("planctl.workflows.sync_stripe.read_status.read_standing", broken)
    for options in ((), ("-f", "json")):
        assert planctl("stripe", command, *options).exit_code == 70
    reports = [*(tmp_path / "reports").glob("planctl-bug-*.txt")]
    assert len(reports) == 2
    for report in reports:
        text = report.read_text(encoding="utf-8")
        assert "it was rk_test_…, signed with whsec_…, sent as Bearer …" in text


@pytest.mark.parametrize("header", ["", "t=1,v1=00", f"t=1,v1={SECRET}", SECRET, KEY])
def test_a_webhook_that_is_not_accepted_shows_no_secret(
    planctl: Watched, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    import io

    planctl("stripe", "setup")
    body = json.dumps({"id": "evt_1", "secret": SECRET, "key": KEY}).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body)))
    assert planctl("stripe", "webhook", "--signature", header).exit_code in {64, 77}


def test_no_core_is_written_with_a_key_in_it(planctl: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr("resource.setrlimit", lambda what, limit: limits.append((what, limit)))
    planctl("stripe", "setup")
    assert limits == [(resource.RLIMIT_CORE, (0, 0))]
