"""`init`, `config`, `status`, `store`, `doctor`, `audit`, `hold` and `explain`: the commands around the business."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.cli import output
from planctl.cli.requests import impersonal
from planctl.core.document import Document
from planctl.errors import StoreFailure
from tests import stores
from tests.cli.conftest import Run
from tests.stores import edited

# --- init


def test_init_makes_a_store_and_a_catalog_that_applies(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLANCTL_STORE")
    made = run("init", "--test", "-f", "json").json
    assert made["store"] == str(tmp_path / "planctl.db")
    assert made["written"] == [
        "planctl.toml", ".gitignore", ".planctl/catalog-1.schema.json", "catalog/catalog.yaml",
    ]  # fmt: skip
    validated = run("catalog", "validate")
    assert (validated.exit_code, validated.stderr) == (0, "")
    assert run("catalog", "apply", "--yes").exit_code == 0
    assert run("store", "info", "-f", "json").json["path"] == str(tmp_path / "planctl.db")


def test_init_again_changes_nothing(run: Run, tmp_path: Path) -> None:
    run("init", "--test")
    (tmp_path / "catalog" / "catalog.yaml").write_text("mine", encoding="utf-8")
    again = run("init", "--test")
    assert again.exit_code == 0
    assert "is there already" in again.stdout
    assert (tmp_path / "catalog" / "catalog.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("there", "said"),
    [(False, "The store was made; nothing was written into it."), (True, "Nothing was changed.")],
)
def test_an_init_that_fails_once_the_store_is_there_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, there: bool, said: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreFailure("the disk failed", got="Input/output error")

    if there:
        run("init", "--test")
    with monkeypatch.context() as broken:
        broken.setattr("planctl.workflows.start_project.check_store", fail)
        failed = run("init", "--test")
    assert (failed.exit_code, failed.stderr.splitlines()[-1]) == (74, said)
    assert "is there already" in run("init", "--test").stdout
    assert run("doctor").exit_code == 0


def test_init_takes_no_store_of_the_other_kind(run: Run) -> None:
    run("init", "--test")
    assert run("init", "-f", "json").error["code"] == "store-other-kind"


def test_init_in_a_dry_run_makes_nothing(run: Run, tmp_path: Path) -> None:
    result = run("init", "--test", "--dry-run", "-f", "json")
    assert result.json["store"] == stores.address(tmp_path / "store.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [(("--timezone", "Europe/Berlim"), "invalid-value"), (("--sample", "nothing"), "sample-unknown")],
)
def test_init_refuses_what_it_does_not_know(
    run: Run, words: tuple[str, ...], code: str, tmp_path: Path
) -> None:
    result = run("init", *words, "-f", "json")
    assert (result.exit_code, result.error["code"]) == (3, code)
    assert list(tmp_path.iterdir()) == []


# --- config


def test_config_says_where_every_value_comes_from(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "planctl.toml").write_text("wait = 7\n", encoding="utf-8")
    shop("config", "set", "seller.name", "Acme")
    shown = {
        one["setting"]: (one["value"], one["origin"]) for one in shop("config", "show", "-f", "json").json
    }
    assert shown["store"] == (stores.address(tmp_path / "store.db"), "PLANCTL_STORE")
    assert shown["wait"] == ("7", str(tmp_path / "planctl.toml"))
    assert shown["format"] == ("json", "--format")
    assert shown["seller.name"] == ("Acme", "the store")
    assert shown["invoice.zero"] == ("skip", "default")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seller.name", "Acme GmbH"),
        ("seller.address", "Street 1\n10115 Berlin"),
        ("seller.country", "DE"),
        ("invoice.zero", "issue"),
        ("numbering.format", "{series}{seq}"),
        ("numbering.next", "1042"),
        ("timezone", "Europe/Berlin"),
        ("dedup", "strict"),
        ("tax.rounding", "line"),
    ],
)
def test_a_setting_is_kept_and_the_empty_value_is_its_default_again(shop: Run, name: str, value: str) -> None:
    default = shop("config", "get", name, "-f", "json").json["value"]
    assert shop("config", "set", name, value).exit_code == 0
    assert shop("config", "get", name, "-f", "json").json["value"] == value
    assert shop("config", "set", name, "").exit_code == 0
    assert shop("config", "get", name, "-f", "json").json["value"] == default


@pytest.mark.parametrize(
    ("name", "value", "exit_code"),
    [
        ("seller.nmae", "Acme", 3),
        ("seller.name", "x" * 1_001, 3),
        ("seller.name", "a\x1bb", 3),
        ("seller.country", "Germany", 3),
        ("invoice.zero", "never", 3),
        ("numbering.format", "{year}", 3),
        ("numbering.next", "0", 3),
        ("numbering.next", "-5", 3),
        ("timezone", "Mars/Olympus", 3),
        ("books.closed_through", "2026-02-30", 3),
        ("tax.rounding", "cash", 3),
    ],
)
def test_a_setting_that_cannot_be_is_refused(shop: Run, name: str, value: str, exit_code: int) -> None:
    assert shop("config", "set", name, value).exit_code == exit_code


# --- status, doctor, audit, hold


def test_status_without_a_run_needs_a_person_only_where_one_is_expected(shop: Run) -> None:
    assert shop("status", "--as-of", "2026-01-01").exit_code == 0
    late = shop("status", "--as-of", "2026-01-01", "--max-age", "26h")
    assert late.exit_code == 1
    assert "older than 26h" in late.stderr
    assert shop("status", "--max-age", "soon").exit_code == 3


def test_a_doctor_finds_a_sound_store_sound(shop: Run) -> None:
    result = shop("doctor", "-f", "json")
    assert result.exit_code == 0
    assert result.json["ok"] is True
    assert {law["id"] for law in result.json["laws"]} >= {"store-whole", "audit-chain", "numbers-consecutive"}


@pytest.mark.sqlite_only
def test_a_doctor_names_the_law_that_is_broken(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "store.db").chmod(0o644)
    result = shop("doctor")
    assert result.exit_code == 1
    assert "BROKEN  store-whole" in result.stdout
    assert "chmod 600" in result.stdout


def test_a_quiet_doctor_says_nothing_of_a_sound_store(shop: Run) -> None:
    result = shop("doctor", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.sqlite_only
def test_a_quiet_doctor_still_names_what_is_broken(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "store.db").chmod(0o644)
    result = shop("doctor", "--quiet")
    assert result.exit_code == 1
    assert "BROKEN  store-whole" in result.stdout


def test_a_doctor_tells_a_terminal_how_far_it_is(shop: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    laws = len(shop("doctor", "-f", "json").json["laws"])
    monkeypatch.setattr(output, "is_tty", lambda _stream: True)
    result = shop("doctor")
    assert f"laws: {laws} of {laws}\n" in result.stderr


def test_an_edited_audit_is_found(shop: Run, tmp_path: Path) -> None:
    shop("config", "set", "seller.name", "Acme")
    whole = shop("audit", "verify", "-f", "json").json
    assert whole["ok"] is True
    edited(tmp_path / "store.db", "UPDATE audit SET body = replace(body, 'Acme', 'Acne')")
    result = shop("audit", "verify")
    assert result.exit_code == 74
    assert "has been altered" in result.stdout


def test_an_audit_that_was_cut_short_is_found_with_its_anchor(shop: Run) -> None:
    tip = shop("audit", "verify", "-f", "json").json
    assert shop("audit", "verify", "--anchor", f"{tip['seq']} {tip['hash']}").exit_code == 0
    assert shop("audit", "verify", "--anchor", f"{tip['seq'] + 5} {tip['hash']}").exit_code == 74
    assert shop("audit", "verify", "--anchor", "yesterday").exit_code == 3


def test_the_audit_holds_no_personal_data_of_customers() -> None:
    request: Document = {"customer": "nova", "email": ["ops@nova.example"], "currency": "USD", "name": ""}
    kept = impersonal(request)
    assert isinstance(kept, dict)
    assert (kept["customer"], kept["currency"], kept["name"]) == ("nova", "USD", "")
    assert "nova.example" not in str(kept)
    assert str(kept["email"]).startswith("sha256:")


def test_nobody_is_on_hold(shop: Run) -> None:
    assert shop("hold", "list").stdout == "nobody is on hold\n"
    assert shop("hold", "clear", "nova", "--reason", "looked at it").exit_code == 4


# --- store


@pytest.mark.sqlite_only
def test_a_backup_is_private_checked_and_never_overwrites(shop: Run, tmp_path: Path) -> None:
    target = tmp_path / "backups" / "one.db"
    target.parent.mkdir()
    made = shop("store", "backup", target, "-f", "json")
    assert made.exit_code == 0
    assert target.stat().st_mode & 0o777 == 0o600
    assert shop("--store", target, "doctor").exit_code == 0
    assert shop("store", "backup", target).exit_code == 4


@pytest.mark.sqlite_only
def test_a_backup_in_a_dry_run_makes_nothing(shop: Run, tmp_path: Path) -> None:
    assert shop("store", "backup", tmp_path / "one.db", "--dry-run").exit_code == 0
    assert not (tmp_path / "one.db").exists()
    (tmp_path / "one.db").touch()
    refused = shop("store", "backup", tmp_path / "one.db", "--dry-run", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "backup-exists")


@pytest.mark.parametrize("option", ["--key", "--reason"])
@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("store backup", "one.db"),
        ("store copy", "store.db one.db"),
        ("store restore", "store.db one.db"),
        ("prices set", "a month USD 1"),
        ("catalog pull", ""),
    ],
)
def test_what_makes_files_offers_neither_a_key_nor_a_reason_and_takes_none(
    shop: Run, tmp_path: Path, command: str, given: str, option: str
) -> None:
    assert option not in shop(*command.split(), "--help").stdout
    refused = shop(*command.split(), *given.split(), option, "k", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (64, "usage")
    assert option in refused.error["message"]
    assert not (tmp_path / "one.db").exists()


def test_a_store_of_this_version_needs_no_upgrade(shop: Run) -> None:
    result = shop("store", "upgrade", "-f", "json")
    assert result.exit_code == 0
    assert result.json["before"] == result.json["after"]


# --- explain


def test_a_code_is_explained(run: Run) -> None:
    result = run("explain", "[price-increase]")
    assert result.stdout.startswith("price-increase (change): A price rises")


def test_an_unknown_code_is_refused_with_a_near_miss(run: Run) -> None:
    result = run("explain", "price-encrease")
    assert result.exit_code == 4
    assert "did you mean price-increase?" in result.stderr
