"""Faults of output, exports, secrets and identity, each with the proof that planctl does not have it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from planctl.cli.app import WORDS, loaded
from planctl.errors import InvalidInput, NotPermitted
from planctl.store.sqlite_link import SqliteLink
from planctl.stripe_bridge.keys import read_key
from tests import stores
from tests.cli.conftest import Result
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe
from tests.faults.conftest import Desk, start

__all__ = ["stripe"]

ROOT = Path(__file__).parents[2]
FORMATS = ("table", "json", "ndjson", "csv", "markdown")

HOSTILE = (
    "".join(chr(code) for code in [*range(1, 32), 127, *range(128, 160), 0x202E, 0x2066, 0x200B, 0xFEFF])
    + "\x1b[2J\x1b]8;;https://a.example\x1b\\PAID\x1b]8;;\x1b\\"
)
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

PLANS = """\
currencies: {USD: }
features: {calls: {type: metered}}
plans:
  flat: {name: "[bold]Flat[/foo]", price: {month: {USD: 10}}, features: {calls: 5}}
  other: {price: {month: {USD: 5}}}
"""

LISTS = (
    "customer list", "customer show nova", "plan list", "plan show flat", "subscription list", "invoice list",
    "audit log", "catalog show", "catalog history", "status",
)  # fmt: skip


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """A desk that sells, and nova, who pays 10.00 a month and got her first invoice."""
    desk.sell(PLANS)
    desk("customer add nova --currency USD --name '[bold]x[/foo]' --quiet")
    desk("subscribe nova flat --yes --quiet")
    return desk


def program(
    *words: str | Path, cwd: Path, python: tuple[str, ...] = ("-m", "planctl"), **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """planctl as a process of its own, with nothing in its environment but these variables."""
    return subprocess.run(
        [sys.executable, *python, *map(str, words)],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )


# --- what is shown


@pytest.mark.sqlite_only
def test_F171_no_name_reaches_the_terminal_as_a_command(shop: Desk, copy: Callable[[], Path]) -> None:
    """A name cleared the screen, or showed PAID. Source: CVE-2021-25743 (kubectl), CVE-2026-45803 (gh)."""
    hostile = "||".join(f"char({ord(one)})" for one in HOSTILE)
    stores.edited(copy(), f"UPDATE customer SET name = {hostile}, address = {hostile}")
    for line, form in product(("customer list", "customer show nova"), FORMATS):
        said = shop(f"{line} -f {form}")
        assert UNSAFE.search(said.stdout + said.stderr) is None, (line, form)
    assert "␛[2J" in shop("customer show nova").stdout


def test_F171_what_is_typed_or_imported_is_refused_or_shown_harmless(shop: Desk) -> None:
    """The same by the doors that write: options, reasons, imports, catalogs. Source: CVE-2021-25743 (kubectl)."""
    (shop.directory / "people.csv").write_text(f'customer,name\nmira,"{HOSTILE}"\n', encoding="utf-8")
    for words in (
        ("customer", "update", "nova", "--name", HOSTILE),
        ("config", "set", "seller.name", "Acme", "--reason", HOSTILE, "--operator", HOSTILE),
        ("customer", "import", "people.csv"),
        ("plan", "edit", "flat", "--outside", "--name", HOSTILE, "--yes"),
        ("customer", "show", HOSTILE),
    ):
        said = shop.run(*words)
        assert said.exit_code in {0, 3, 4, 64}, said
        assert UNSAFE.search(said.stdout + said.stderr) is None, words
    for line, form in product(LISTS, FORMATS):
        said = shop.run(*line.split(), "-f", form)
        assert UNSAFE.search(said.stdout + said.stderr) is None, (line, form)


def test_F172_markup_in_a_name_is_shown_as_it_is(shop: Desk) -> None:
    """`[/foo]` raised MarkupError, and `[link=…]` became a link. Source: measured with Rich 15."""
    assert "[bold]x[/foo]" in shop("customer list").stdout
    assert "[bold]Flat[/foo]" in shop("plan list").stdout


@pytest.mark.parametrize("text", ["paid\rOPEN", "paid\b\b\b\bopen", "paid\x7f"])
def test_F173_nothing_goes_back_over_what_was_written(shop: Desk, text: str) -> None:
    """A carriage return hid the beginning of a line. Source: kubernetes/kubectl, issue 112553."""
    shop("config set seller.name Acme --quiet --reason " + f"'{text}'")
    for form in FORMATS:
        said = shop(f"audit log -f {form}").stdout
        assert UNSAFE.search(said) is None
    assert text not in shop("audit log -f json").stdout


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\uff1d1+1"])
def test_no_text_of_a_csv_is_run_by_a_spreadsheet_and_numbers_stay_numbers(shop: Desk, name: str) -> None:
    """A name that begins with = + - @ is run as a formula where the export is opened. Source: OWASP, CSV Injection."""
    assert shop.run("customer", "update", "nova", f"--name={name}").exit_code == 0
    shop("wallet grant nova calls 5 --reason gift --yes --quiet")
    assert f"'{name}" in shop("customer list -f csv").stdout
    assert "'5" not in shop("wallet ledger nova -f csv").stdout


# --- what is written


@pytest.fixture
def places(shop: Desk) -> Iterator[list[str]]:
    """Names at which something stands that no export may write over, or through."""
    folder = shop.directory
    (folder / "kept").write_text("kept", encoding="utf-8")
    (folder / "linked").symlink_to(folder / "kept")
    (folder / "dangling").symlink_to(folder / "elsewhere")
    (folder / "directory").mkdir()
    os.mkfifo(folder / "pipe")
    yield ["kept", "linked", "dangling", "directory", "pipe"]
    assert (folder / "kept").read_text(encoding="utf-8") == "kept"
    assert not (folder / "elsewhere").exists()
    assert (folder / "linked").is_symlink()
    assert not list((folder / "directory").iterdir())
    assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)


BAD_ROW = "id,customer,event,at\n1,nobody,calls,2026-01-01T00:00:00Z\n"


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "line",
    [
        "catalog diff catalog.yaml --out {}",
        "catalog snapshot --out {}",
        "usage import bad.csv --rejects {}",
        "store backup {}",
    ],
)
def test_F175_an_export_writes_over_nothing_and_through_no_link(
    shop: Desk, places: list[str], line: str
) -> None:
    """An export followed a link, or replaced a file that was not its own. Source: GnuCash, bug 760021."""
    (shop.directory / "bad.csv").write_text(BAD_ROW, encoding="utf-8")
    for place in places:
        ended = shop.run(*line.format(place).split())
        assert ended.exit_code in {3, 4, 74}, (place, ended)


@pytest.mark.parametrize("customer", ["../../etc/x", "/etc/x", "..", "a/b", "a\\b", "a\nb"])
def test_F175_no_name_of_a_customer_is_a_path(desk: Desk, customer: str) -> None:
    """A customer's id was part of a file's name. Source: GnuCash, bug 760021; CWE-22."""
    assert desk.run("customer", "add", customer, "--currency", "USD").exit_code in {3, 64}
    (desk.directory / "people.ndjson").write_text(json.dumps({"customer": customer}), encoding="utf-8")
    assert desk.run("customer", "import", "people.ndjson").exit_code == 3


@pytest.mark.sqlite_only
def test_F176_every_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    """A store, a backup or an export could be read by everybody. Source: stripe-cli@17408865; google/trillian#2712."""
    (tmp_path / "catalog.yaml").write_text(
        f"format: planctl.catalog/1\ncatalog: case\n{PLANS}", encoding="utf-8"
    )
    (tmp_path / "bad.csv").write_text(BAD_ROW, encoding="utf-8")
    own = {path.name for path in tmp_path.iterdir()}
    lines = (
        "init . --test", "catalog apply catalog.yaml --yes", "catalog diff catalog.yaml --out p.json",
        "catalog snapshot --out s.json", "catalog export --out out", "store backup b.db",
        "usage import bad.csv --rejects r.ndjson",
    )  # fmt: skip
    code = (
        "import os; os.umask(0)\nfrom planctl.__main__ import main\n"
        "from planctl.cli.boundary import prepare; prepare()\n"
        f"for line in {lines!r}: print(main(['--store', 'store.db', *line.split()]))"
    )
    ended = program(cwd=tmp_path, python=("-c", code), HOME=str(tmp_path))
    codes = [int(line) for line in ended.stdout.splitlines() if line.isdigit()]
    assert codes == [0, 0, 0, 0, 0, 0, 3], ended
    made = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in own]
    assert {"store.db", "p.json", "s.json", "b.db", "r.ndjson"} <= {path.name for path in made}
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []


def test_F176_a_key_that_others_can_read_is_refused(shop: Desk) -> None:
    """A key stood in a file that everybody could read. Source: stripe-cli@17408865."""
    key = shop.directory / "stripe.key"
    key.write_text("rk_test_" + "0" * 24, encoding="ascii")
    key.chmod(0o640)
    assert shop("stripe setup --stripe-key-file stripe.key", exit_code=77).stderr.startswith(
        "stripe.key: error:"
    )


# --- secrets


def options_of(command: Any) -> Iterator[Any]:
    """Every option of a command and of those below it."""
    yield from (one for one in command.params if one.param_type_name == "option")
    for below in getattr(command, "commands", {}).values():
        yield from options_of(below)


def test_F177_no_option_takes_a_secret(run: Callable[..., Result]) -> None:
    """What stands on a command line is shown to everybody by `ps`. Source: proc(5): /proc/PID/cmdline has mode 0444."""
    names = {
        name
        for word, told in WORDS.items()
        for option in options_of(loaded(word, told))
        for name in option.opts
        if re.search("secret|password|token|api|credential|key", name)
    }
    assert names == {"--key", "--stripe-key-file"}
    assert run("stripe", "status", "--api-key", "rk_test_" + "0" * 24).exit_code == 64
    refused = run("customer", "add", "nova", "--key", "sk_test_" + "0" * 24)
    assert refused.exit_code == 64
    assert "0" * 24 not in refused.stderr


@pytest.mark.sqlite_only
def test_F179_a_key_is_written_nowhere(
    shop: Desk, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live key was kept in the configuration file. Source: stripe-cli@1f85fef3."""
    key = shop.directory / "stripe.key"
    key.write_text(stripe.key, encoding="ascii")
    key.chmod(0o600)
    monkeypatch.setenv("STRIPE_API_BASE", stripe.address)
    said = shop("stripe setup --stripe-key-file stripe.key -f json")
    assert stripe.key not in said.stdout + said.stderr
    secret = stripe.key.encode()[8:-4]
    holders = [
        path.name for path in shop.directory.rglob("*") if path.is_file() and secret in path.read_bytes()
    ]
    assert holders == ["stripe.key"]


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        ("rk_live_" + "x" * 160, True),
        ("sk_test_" + "x" * 247, True),
        ("sk_test_" + "x" * 248, False),
        ("pk_live_" + "x" * 24, False),
        ("sk_" + "x" * 24, False),
        ("rk_live_" + "x" * 10 + " " + "x" * 10, False),
    ],
)
def test_F180_a_key_is_known_by_its_beginning_and_nothing_more(key: str, fits: bool, tmp_path: Path) -> None:
    """A valid key of more than 99 characters was refused. Source: dj-stripe@a9c2e308."""
    file = tmp_path / "stripe.key"
    file.write_text(key, encoding="ascii")
    file.chmod(0o600)
    if fits:
        assert read_key(str(file), {}).secret == key
        return
    with pytest.raises((InvalidInput, NotPermitted)) as refused:
        read_key(str(file), {})
    assert key not in str(refused.value)


# --- mistakes of ours


def test_F181_a_mistake_of_ours_is_one_line_and_a_private_report_without_values(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback with the values of variables went to the user. Source: typer issue 1072."""

    def broken(*_words: object, **_named: object) -> None:
        canary = "-".join(["IBAN", "DE89"])
        raise ZeroDivisionError(len(canary))

    monkeypatch.setattr("planctl.views.codes.explained", broken)
    monkeypatch.setattr("tempfile.tempdir", str(shop.directory))
    said = shop("explain tab", exit_code=70)
    assert said.stdout == ""
    assert [line.partition(":")[0] for line in said.stderr.splitlines()] == [
        "error",
        "  hint",
        "Nothing was changed.",
    ]
    (report,) = shop.directory.glob("planctl-bug-*.txt")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in text
    assert "IBAN-DE89" not in text


# --- what was changed past planctl


EDITS = {
    "invoice": "UPDATE invoice SET due_at = due_at + 1",
    "invoice_line": "UPDATE invoice_line SET amount = amount + 1",
    "subscription": "UPDATE subscription SET quantity = quantity + 1",
    "terms": "UPDATE terms SET document = replace(document, '10', '11')",
    "wallet_entry": "UPDATE wallet_entry SET amount = '6', balance = '6'",
    "number_series": "UPDATE number_series SET next = next + 1",
    "audit": "UPDATE audit SET body = replace(body, 'nova', 'vega') WHERE seq = 3",
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("table", EDITS)
def test_F183_a_row_edited_past_planctl_is_found(shop: Desk, copy: Callable[[], Path], table: str) -> None:
    """Whoever could write the file changed a bill, and nothing said so. Source: planctl reliability rules, F183."""
    shop("wallet grant nova calls 5 --reason gift --yes --quiet")
    stores.edited(copy(), EDITS[table])
    found = shop("doctor -f json", exit_code=1).json
    assert [one["id"] for one in found["laws"] if not one["holds"]], table


@pytest.mark.sqlite_only
def test_F184_an_audit_cut_short_does_not_fit_what_was_kept_elsewhere(
    shop: Desk, copy: Callable[[], Path]
) -> None:
    """A chain that was cut short was a whole chain. Source: RFC 6962, section 2.1; the log Yeti 2022."""
    tip = shop.json("audit verify")
    store = copy()
    anchor = f"{tip['seq']}:{tip['hash']}"
    shop(f"audit verify --anchor {anchor}")
    stores.edited(store, "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    said = shop(f"audit verify --anchor {anchor}", exit_code=74)
    assert f"the anchor has entry {tip['seq']} " in said.stdout
    assert f"the store ends at {tip['seq'] - 1}" in said.stdout


# --- where it runs


LOCALES = ("C", "POSIX", "de_DE.UTF-8", "tr_TR.UTF-8", "ar_EG.UTF-8", "xx_XX.nonsense")

SHOWN = """
import locale, sys
from planctl.__main__ import main
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
for line in {lines!r}:
    for form in {formats!r}:
        main([*line.split(), "-f", form])
"""


@pytest.mark.slow
@pytest.mark.sqlite_only
def test_F185_the_bytes_are_the_same_in_every_locale_and_under_every_hash_seed(shop: Desk) -> None:
    """A Turkish locale turned `I` into another letter, a German one 1.00 into 1,00. Source: CLDR."""
    for number, name in enumerate(("Ida", "ida", "İda", "ärger", "Zoe")):
        shop(f"customer add c{number} --name {name} --quiet")
    code = SHOWN.format(lines=("customer list", "invoice list"), formats=("table", "json", "csv"))
    seen = {
        (ended.returncode, ended.stdout, ended.stderr)
        for locale, seed in zip(LOCALES, "012345", strict=True)
        for ended in [
            program(cwd=shop.directory, python=("-X", "utf8=0", "-c", code), LC_ALL=locale, PYTHONHASHSEED=seed,
                    PLANCTL_STORE=str(shop.store), PYTHONIOENCODING="ascii:backslashreplace")
        ]
    }  # fmt: skip
    assert len(seen) == 1
    assert next(iter(seen))[0] == 0


EVIL = "raise SystemExit('this module was not asked for')\n"
PLANTED = ("json", "yaml", "typer", "sqlite3", "planctl", "sitecustomize", "usercustomize")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A directory full of modules with the names of those that planctl imports."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in PLANTED:
        (folder / f"{name}.py").write_text(EVIL, encoding="utf-8")
    return folder


def test_F187_the_program_imports_nothing_from_the_working_directory(trap: Path) -> None:
    """A module in the working directory, or named by PYTHONPATH, ran as the biller. Source: CPython, `-I` and `-P`."""
    installed = shutil.which("planctl", path=str(Path(sys.executable).parent))
    if installed is None:
        raise pytest.skip.Exception("planctl is not installed as a program")
    ended = subprocess.run([installed, "explain", "tab"], cwd=trap, env={}, capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, b"")
    isolated = program("explain", "tab", cwd=trap, python=("-I", "-m", "planctl"), PYTHONPATH=str(trap))
    assert (isolated.returncode, isolated.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.sqlite_only
def test_F187_the_checks_of_money_are_there_however_python_was_started(
    shop: Desk, copy: Callable[[], Path]
) -> None:
    """`-O` took the assertions out that guard amounts. Source: CPython, `-O` and PYTHONOPTIMIZE."""
    store = copy()
    stores.edited(store, "UPDATE terms SET document = replace(document, '10', '11')")
    before = store.read_bytes()
    starts: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = (
        (("-O",), {}), (("-OO",), {}), ((), {"PYTHONOPTIMIZE": "2"}),
    )  # fmt: skip
    for flags, variables in starts:
        python = (*flags, "-m", "planctl", "--store", str(store))
        ended = program("change", "now", "nova", "other", "--yes", "--as-of", "2026-01-10",
                        cwd=shop.directory, python=python, **variables)  # fmt: skip
        assert ended.returncode == 74, ended
        assert b"[damaged]" in ended.stderr
        assert store.read_bytes() == before
    assert program("explain", "tab", cwd=shop.directory, python=("-O", "-m", "planctl")).returncode == 0


def test_F188_what_is_installed_is_locked_by_hash() -> None:
    """A release was swapped on the index, and the next installation ran it. Source: pip, hash-checking mode."""
    text = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))
    for entry in re.split(r"\n(?=[a-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip()):
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    installed = {
        name: importlib.metadata.version(name) for name in ("sqlalchemy", "pyyaml", "stripe", "msgspec")
    }
    assert installed.items() <= locked.items()
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--require-hashes --only-binary :all:" in made


# --- streams and signals


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """A line of bash in an empty environment, in which `planctl` is the program."""
    return subprocess.run(
        [
            "/bin/bash",
            "-o",
            "pipefail",
            "-c",
            f'planctl() {{ "{sys.executable}" -m planctl --store store.db "$@"; }}; {line}',
        ],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("planctl invoice list <&- >&- 2>&-", 74),
        ("planctl invoice list > /dev/full", 74),
        ("planctl customer add mira --currency USD -f json > /dev/full", 74),
        ("planctl customer add mira --currency USD 2> /dev/full", 0),
        ("planctl catalog schema | head -c 1; exit ${PIPESTATUS[0]}", 74),
        ("planctl customer import - < /dev/zero", 74),
        ("planctl usage import - < /dev/null", 0),
    ],
)
def test_a_stream_that_is_closed_full_or_endless_is_no_bug_and_leaves_no_half(
    shop: Desk, line: str, code: int
) -> None:
    """What is done is done once and whole, whoever listens. Source: planctl reliability rules, hostile input."""
    ended = shell(line, shop.directory)
    assert ended.returncode == code, ended
    assert b"Traceback" not in ended.stderr


@pytest.mark.sqlite_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("late", [False, True], ids=["before the commit", "after it"])
def test_a_signal_in_the_middle_leaves_the_store_whole(
    shop: Desk, number: signal.Signals, late: bool
) -> None:
    """Ctrl-C, a stopped unit and a closed terminal end a run; the next one goes on. Source: signal(7)."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup a child would ignore it
        commit = SqliteLink.commit

        def hit(link: SqliteLink) -> None:
            if late:
                commit(link)
            os.kill(os.getpid(), number)
            commit(link)

        SqliteLink.commit = hit  # type: ignore[assignment,method-assign]

    ended = start("invoice run --as-of 2026-02-01", prepare).result()
    assert ended.exit_code == (130 if number is signal.SIGINT else -number), ended
    assert not (shop.directory / "store.db-journal").exists() or number is not signal.SIGINT
    assert shop.json("invoice run", at="2026-02-01")["as_of"] == "2026-02-01T00:00:00Z"
    assert shop.totals("nova") == ["10.00", "10.00"]
