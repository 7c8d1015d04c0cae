"""planctl as a process: its output is lost, its environment is empty, its locale knows no letters."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import SHOP

ROOT = Path(__file__).parents[2]
PLANCTL = f'"{sys.executable}" -m planctl'
NAME = (
    "".join(chr(code) for code in [*range(1, 32), 127, *range(128, 160), 0x202E, 0x2066]) + "[bold]x[/foo]ü"
)
UNSAFE = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae|\xe2\x81\xa6")


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Path:
    """A store of one's own."""
    copy = tmp_path / "store.db"
    stores.copy(template, copy)
    return copy


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in an environment that holds nothing but these variables."""
    bash = shutil.which("bash") or "/bin/bash"
    return subprocess.run(
        [bash, "-o", "pipefail", "-c", command],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
    )


def planctl(store: Path, words: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run planctl on a store in such a line of bash."""
    return shell(f"{PLANCTL} --store '{stores.url(store)}' {words}", **variables)


def test_an_empty_environment_is_enough(store: Path) -> None:
    result = planctl(store, "catalog history")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"shop" in result.stdout


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.UTF-8", "tr_TR.UTF-8", "ar_EG.UTF-8"])
def test_output_is_the_same_in_every_locale(store: Path, locale: str) -> None:
    shown = planctl(store, "catalog show 1", LC_ALL=locale, PYTHONIOENCODING="ascii")
    assert shown.stdout == planctl(store, "catalog show 1").stdout


def test_what_data_says_cannot_move_the_terminal(store: Path) -> None:
    environment = {"PLANCTL_STORE": stores.url(store)}
    subprocess.run(
        [sys.executable, "-m", "planctl", "config", "set", "seller.name", "Acme", "--reason", NAME],
        env={**environment, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    for form in ("table", "json", "ndjson", "csv", "markdown"):
        result = shell(f"{PLANCTL} audit log -f {form}", **environment)
        assert result.returncode == 0
        assert UNSAFE.search(result.stdout) is None, form
    assert "␛" in shell(f"{PLANCTL} audit log", **environment).stdout.decode()
    assert "[bold]x[/foo]ü" in shell(f"{PLANCTL} audit log", **environment).stdout.decode()


@pytest.mark.parametrize(
    ("redirect", "exit_code"),
    [("> /dev/full", 74), (">&-", 74), ("> /dev/null 2>&-", 0)],
)
def test_a_write_is_kept_where_its_output_is_lost(store: Path, redirect: str, exit_code: int) -> None:
    result = planctl(store, f"config set seller.name Acme -f json {redirect}")
    assert result.returncode == exit_code
    if exit_code:
        lost, state = result.stderr.decode().splitlines()
        assert lost.endswith("[output]")
        assert state == "The change itself was made and kept; do not repeat it without --key."
    assert planctl(store, "config get seller.name").stdout == b"Acme\n"
    assert planctl(store, "doctor").returncode == 0


def test_a_reader_that_leaves_early_is_no_news(store: Path) -> None:
    result = planctl(store, "catalog schema | true; echo ${PIPESTATUS[0]}")
    assert result.stdout == b"74\n"
    assert result.stderr == b""


def test_no_colour_reaches_a_pipe(store: Path) -> None:
    result = planctl(store, "catalog history", TERM="xterm-256color", FORCE_COLOR="1")
    assert b"\x1b" not in result.stdout


def test_files_that_planctl_makes_are_private(tmp_path: Path) -> None:
    assert shell(f"umask 0; cd {tmp_path}; {PLANCTL} init --test").returncode == 0
    made = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert made
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_assertions_switched_off_change_nothing(store: Path) -> None:
    command = (
        f'"{sys.executable}" -O -m planctl --store "{stores.url(store)}" catalog diff {SHOP} --exit-code'
    )
    assert shell(command).returncode == 0


def test_the_version_needs_nothing() -> None:
    result = shell(f"{PLANCTL} --version")
    assert result.returncode == 0
    assert re.fullmatch(rb"planctl \d+\.\d+\.\d+\n", result.stdout)


@pytest.mark.parametrize("redirect", ["> /dev/full", ">&-"])
def test_a_version_that_nobody_gets_is_a_failure(redirect: str) -> None:
    result = shell(f"{PLANCTL} --version {redirect}")
    assert result.returncode == 74
    assert b"Traceback" not in result.stderr


def test_completion_goes_on_below_the_first_word() -> None:
    result = shell(
        PLANCTL, _PLANCTL_COMPLETE="complete_bash", COMP_WORDS="planctl catalog di", COMP_CWORD="2"
    )
    assert result.stdout.split() == [b"diff"]


def at_a_terminal(answer: str, *words: str, directory: Path) -> tuple[int, str]:
    """Run planctl with somebody who types `answer`; the exit code and everything on the screen."""
    main, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "planctl", *words],
        stdin=other,
        stdout=other,
        stderr=other,
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(other)
    os.write(main, answer.encode() + b"\n")
    screen = b""
    try:
        while chunk := os.read(main, 65_536):
            screen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(main)
    return process.wait(30), screen.decode()


@pytest.mark.parametrize(("answer", "exit_code"), [("y", 0), ("n", 4), ("", 4)])
def test_at_a_terminal_it_asks_and_a_no_changes_nothing(store: Path, answer: str, exit_code: int) -> None:
    catalog = store.parent / "catalog.yaml"
    text = SHOP.read_text(encoding="utf-8").replace("{USD: 19, EUR: 18}", "{USD: 29, EUR: 18}")
    catalog.write_text(text, encoding="utf-8")
    words = ("--store", stores.url(store), "catalog", "apply", "catalog.yaml")
    code, screen = at_a_terminal(answer, *words, directory=store.parent)
    assert "Accept 1 breaking change and apply? [y/N]" in screen
    assert code == exit_code, screen
    revisions = planctl(store, "catalog history -f ndjson").stdout.splitlines()
    assert len(revisions) == (2 if exit_code == 0 else 1)


def test_a_table_on_a_terminal_is_coloured_only_without_no_color(store: Path) -> None:
    _, screen = at_a_terminal("", "--store", stores.url(store), "catalog", "history", directory=store.parent)
    assert "\x1b" not in screen  # the tests run with NO_COLOR
    assert "revision" in screen


def test_a_busy_store_is_told_from_a_broken_one(store: Path) -> None:
    with stores.busy(store):
        result = planctl(store, "--wait 0 config set seller.name Acme")
    assert result.returncode == 75
    assert b"[busy]" in result.stderr


def test_the_login_is_the_user_ids_whatever_the_shell_says(store: Path) -> None:
    import pwd

    planctl(store, "config set seller.name Acme", USER="mallory", LOGNAME="mallory")
    log = planctl(store, "audit log -f csv").stdout.decode()
    assert "mallory" not in log
    assert pwd.getpwuid(os.getuid()).pw_name in log


@pytest.mark.parametrize("words", ["usage import -", "customer import -", "subscription import - --yes"])
def test_a_closed_standard_input_is_no_mistake_of_ours(store: Path, words: str) -> None:
    result = planctl(store, f"{words} <&-")
    assert result.returncode == 74
    assert b"standard input is closed" in result.stderr


def test_an_interruption_while_the_program_is_read_leaves_no_traceback(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == sys.argv[1]: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from planctl.__main__ import main\n"
        "sys.exit(main(['status']))\n"
    )
    (tmp_path / "start.py").write_text(code)
    for module in ("planctl.cli", "planctl.cli.boundary", "planctl.cli.app", "typer"):
        result = shell(f'"{sys.executable}" {tmp_path}/start.py {module}')
        assert result.returncode == 130, module
        assert result.stderr == b"interrupted\nNothing was changed.\n"
