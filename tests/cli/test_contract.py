"""The contract of the command line: exit codes, what goes where, what is never asked, what is never written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from planctl.cli import boundary
from planctl.cli.app import WORDS
from tests import stores
from tests.cli.conftest import SHOP, Run

# --- wrong usage is 64


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("catalog",),
        ("catalog", "nonsense"),
        ("catalog", "diff", "--nonsense"),
        ("catalog", "show", "x"),
        ("explain",),
        ("explain", "tab", "too-many"),
        ("--wait", "soon", "explain", "tab"),
        ("explain", "tab", "--format", "xml"),
        (),
    ],
    ids=" ".join,
)
def test_wrong_usage_leaves_with_64_and_says_where_help_is(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 64
    assert result.stdout == ""
    assert "Nothing was changed." in result.stderr
    assert "[usage]" in result.stderr


def test_a_near_miss_is_named(run: Run) -> None:
    assert "did you mean planctl catalog?" in run("catlog").stderr


def test_help_is_data_and_leaves_with_0(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert result.stderr == ""


def test_no_help_is_cut_in_the_middle_of_a_sentence(run: Run) -> None:
    groups = ["", *(name for name, word in WORDS.items() if word.is_group)]
    for group in groups:
        listed = run(*group.split(), "--help").stdout.partition("Commands:")[2].split("\n")[1:]
        assert [line for line in listed if line and (line.endswith("...") or line[-1] not in ".?")] == []
        assert max(map(len, listed)) <= 80


def test_what_is_used_daily_stands_on_top_of_the_help() -> None:
    assert list(WORDS)[:5] == ["plan", "assign", "subscribe", "usage", "invoice"]


# --- errors, for people and machines


def test_an_error_says_where_what_its_code_and_one_fix(run: Run, tmp_path: Path) -> None:
    result = run("catalog", "history")
    assert result.exit_code == 74
    first, hint, last = result.stderr.splitlines()
    assert first == f"{stores.address(tmp_path / 'store.db')}: error: there is no store yet [no-store]"
    assert hint.startswith("  hint: make one with planctl init")
    assert last == "Nothing was changed."


def test_with_json_an_error_is_one_object_on_stderr(run: Run) -> None:
    result = run("catalog", "history", "-f", "json")
    assert result.stdout == ""
    assert set(json.loads(result.stderr)) == {"error", "findings"}
    assert set(result.error) == {"code", "message", "where", "expected", "got", "hint"}
    assert result.error["code"] == "no-store"
    assert result.error["got"] is None


@pytest.mark.parametrize(
    "words", [("-f", "json", "nonsense"), ("nonsense", "--format=json"), ("nonsense", "-fjson")]
)
def test_wrong_usage_is_json_too_where_json_is_asked(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 64
    assert result.error["code"] == "usage"


def test_what_was_got_is_cut_and_made_safe(run: Run) -> None:
    result = run("explain", "\x1b]0;owned\x07" + "x" * 200)
    got = next(line for line in result.stderr.splitlines() if line.startswith("  got: "))
    assert got == "  got: ␛]0;owned␇" + "x" * 49 + "…"


def test_a_mistake_of_ours_leaves_with_70_and_a_private_report(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = "not for the report"

    def explained(code: str) -> list[tuple[str, str]]:
        local = secret
        raise ZeroDivisionError(len(local))

    monkeypatch.setattr("planctl.views.codes.explained", explained)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = run("explain", "tab")
    assert result.exit_code == 70
    assert "Traceback" not in result.stderr
    assert "ZeroDivisionError [bug]" in result.stderr
    [report] = tmp_path.glob("planctl-bug-*.txt")
    assert str(report) in result.stderr
    assert report.stat().st_mode & 0o777 == 0o600
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")
    assert secret not in report.read_text(encoding="utf-8")


def test_an_interruption_leaves_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(code: str) -> list[tuple[str, str]]:
        raise KeyboardInterrupt

    monkeypatch.setattr("planctl.views.codes.explained", interrupted)
    result = run("explain", "tab")
    assert result.exit_code == 130
    assert result.stderr.splitlines() == ["interrupted", "Nothing was changed."]


@pytest.mark.parametrize("words", [("explain", "tab", "-x"), ("explain", "tab", "--no-such")])
def test_no_message_of_the_parser_is_a_traceback(run: Run, words: tuple[str, ...]) -> None:
    assert "Traceback" not in run(*words).stderr


# --- global options


@pytest.mark.parametrize(
    "words",
    [
        ("-f", "json", "explain", "tab"),
        ("explain", "-f", "json", "tab"),
        ("explain", "tab", "--format", "json"),
    ],
)
def test_global_options_stand_before_or_after_the_command(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).json["code"] == "tab"


def test_the_option_nearer_to_the_command_wins(run: Run) -> None:
    assert run("-f", "csv", "explain", "tab", "-f", "json").json["code"] == "tab"


def test_a_global_option_may_stand_between_group_and_command(shop: Run) -> None:
    assert shop("catalog", "-f", "json", "history").json[0]["revision"] == 1


def test_the_store_of_the_command_line_is_stronger_than_the_environment(shop: Run, tmp_path: Path) -> None:
    assert shop("--store", tmp_path / "other.db", "catalog", "history").exit_code == 74


def test_a_negative_number_is_an_argument(run: Run) -> None:
    result = run("explain", "-3")
    assert result.exit_code == 4
    assert "got: -3" in result.stderr


def test_a_date_that_does_not_exist_is_an_invalid_value(shop: Run) -> None:
    result = shop("status", "--as-of", "2026-02-30", "-f", "json")
    assert result.exit_code == 3
    assert result.error["where"] == "--as-of"


def test_a_date_begins_in_the_timezone_of_the_store(run: Run) -> None:
    run("init", "--test", "--timezone", "Europe/Berlin")
    assert run("status", "--as-of", "2026-01-01", "-f", "json").json["as_of"] == "2025-12-31T23:00:00Z"


# --- writes


def test_what_would_ask_leaves_with_64_where_nobody_can_answer(run: Run, tmp_path: Path) -> None:
    result = run("catalog", "apply", SHOP)
    assert result.exit_code == 64
    assert "hint: pass --yes" in result.stderr
    assert not (tmp_path / "store.db").exists()


def test_a_dry_run_says_the_same_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    wet = ("catalog", "apply", SHOP, "--yes", "--as-of", "2026-01-01")
    dry = run(*wet, "--dry-run")
    assert dry.exit_code == 0
    assert dry.stderr.endswith("nothing was written (dry run)\n")
    assert list(tmp_path.iterdir()) == []
    assert run(*wet).stdout == dry.stdout


def test_a_dry_run_leaves_a_store_as_it_was(shop: Run, tmp_path: Path) -> None:
    before = stores.content(tmp_path / "store.db")
    assert shop("config", "set", "seller.name", "Acme", "--dry-run").exit_code == 0
    assert stores.content(tmp_path / "store.db") == before


def test_the_same_key_does_a_write_once(shop: Run) -> None:
    words = ("config", "set", "seller.name", "Acme", "--key", "k1", "-f", "json")
    first, second = shop(*words), shop(*words)
    assert first.stdout == second.stdout
    assert second.exit_code == 0
    assert "exists" in second.stderr
    assert (
        len([one for one in shop("audit", "log", "-f", "json").json if one["command"] == "config set"]) == 1
    )


def test_the_same_key_with_another_request_is_a_conflict(shop: Run) -> None:
    shop("config", "set", "seller.name", "Acme", "--key", "k1")
    result = shop("config", "set", "seller.name", "Other", "--key", "k1", "-f", "json")
    assert result.exit_code == 5
    assert result.error["code"] == "key-reused"
    assert shop("config", "get", "seller.name").stdout == "Acme\n"


def test_a_write_says_what_would_undo_it(shop: Run) -> None:
    shop("config", "set", "seller.name", "It's me")
    result = shop("config", "set", "seller.name", "Acme")
    assert result.stderr == """undo with: planctl config set seller.name 'It'"'"'s me'\n"""


def test_a_write_that_changes_nothing_says_so_and_is_not_audited(shop: Run) -> None:
    shop("config", "set", "seller.name", "Acme")
    before = shop("audit", "verify").stdout
    result = shop("config", "set", "seller.name", "Acme")
    assert (result.exit_code, result.stdout) == (0, "seller.name is Acme already\n")
    assert shop("audit", "verify").stdout == before


def test_quiet_success_says_nothing(shop: Run) -> None:
    result = shop("config", "set", "seller.name", "Acme", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_the_audit_keeps_who_why_and_as_of_when(shop: Run) -> None:
    shop(
        "config", "set", "seller.name", "Acme",
        "--operator", "alice", "--reason", "new owner", "--as-of", "2026-01-05",
    )  # fmt: skip
    entry = shop("audit", "log", "-f", "json").json[-1]
    assert entry["actor"] == "alice"
    assert entry["reason"] == "new owner"
    assert entry["as_of"] == "2026-01-05T00:00:00Z"
    assert entry["origin"]["uid"] == str(os.getuid())


def test_a_reason_is_asked_where_it_must_be_given(shop: Run) -> None:
    result = shop("hold", "clear", "nova")
    assert result.exit_code == 64
    assert "--reason TEXT" in result.stderr


def test_a_protected_store_wants_its_name(shop: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANCTL_STORE")
    text = f'[stores]\nprod = {{ url = "{stores.address(tmp_path / "store.db")}", protected = true }}\n'
    (tmp_path / "planctl.toml").write_text(f'store = "prod"\n{text}', encoding="utf-8")
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        SHOP.read_text(encoding="utf-8").replace("name: Free", "name: Gratis"), encoding="utf-8"
    )
    apply = ("catalog", "apply", catalog, "--yes")
    assert shop(*apply).exit_code == 64
    assert shop(*apply, "--confirm", "test").exit_code == 4
    assert shop(*apply, "--confirm", "prod").exit_code == 0


def test_no_option_takes_a_secret(run: Run) -> None:
    for word in WORDS:
        help_text = run(word, "--help").stdout.lower()
        assert not any(secret in help_text for secret in ("--api-key", "--password", "--secret", "--token"))


# --- the boundary's own reading of the command line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-f", "json"], True),
        (["--format=ndjson"], True),
        (["-fjson"], True),
        (["-f", "json", "-f", "csv"], False),
        (["--", "-f", "json"], False),
        (["plan", "list"], False),
        (["-f"], False),
    ],
)
def test_json_is_recognised_even_where_the_command_line_is_wrong(words: list[str], expected: bool) -> None:
    assert boundary.wants_json(words) is expected
