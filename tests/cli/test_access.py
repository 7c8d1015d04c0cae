"""`planctl access` on a file, where only the system enforces, and looking only: `--read-only` and other users."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from planctl.__main__ import main
from planctl.cli.app import WORDS, loaded
from tests import stores
from tests.cli.conftest import Run
from tests.reliability.world import COMMANDS

pytestmark = pytest.mark.sqlite_only

NOBODY = pwd.getpwnam("nobody")


def test_a_role_on_a_file_is_refused_with_what_the_system_can_do(shop: Run) -> None:
    ended = shop("access", "grant", "alice", "--role", "viewer")
    assert ended.exit_code == 4
    assert "only" not in ended.stdout
    assert "whoever may write it may do everything with it [access-by-system]" in ended.stderr
    assert "usermod -aG planctl-viewers alice" in ended.stderr
    assert "--read-only" in ended.stderr
    revoked = shop("access", "revoke", "alice")
    assert revoked.exit_code == 4
    assert "hint: gpasswd -d alice planctl-viewers; gpasswd -d alice planctl-managers; " in revoked.stderr
    assert shop("access", "grant", "alice", "--role", "king").exit_code == 3


def test_who_can_use_a_file_is_listed_by_owner_group_and_mode(shop: Run, tmp_path: Path) -> None:
    mine = f"user {pwd.getpwuid(os.geteuid()).pw_name}"
    (tmp_path / "store.db").chmod(0o640)
    tmp_path.chmod(0o750)
    found = shop("access", "list", "-f", "json").json
    assert found["enforced_by"] == "system"
    assert [one["mode"] for one in found["places"]] == ["0640", "0750"]
    by_name = {one["name"]: one["role"] for one in found["access"]}
    assert by_name[mine] == "owner"
    assert by_name["user root"] == "owner"
    assert by_name[f"group {found['places'][0]['group']}"] == "viewer"
    assert "others" not in by_name
    tmp_path.chmod(0o757)
    found = shop("access", "list", "-f", "json").json
    assert {"name": "others", "role": "owner", "how": "mode 0640"} in found["access"]
    tmp_path.chmod(0o700)
    assert {one["name"] for one in shop("access", "list", "-f", "json").json["access"]} == {"user root", mine}
    said = shop("access", "list")
    assert "only the operating system enforces this" in said.stdout


# --- looking only


@pytest.mark.parametrize("by", ["--read-only", "PLANCTL_READ_ONLY", "planctl.toml"])
def test_who_only_looks_sees_everything_and_writes_nothing(
    by: str, acme: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags: tuple[str, ...] = ()
    if by == "--read-only":
        flags = (by,)
    elif by == "planctl.toml":
        (tmp_path / by).write_text("read_only = true\n", encoding="utf-8")
    else:
        monkeypatch.setenv(by, "1")
    before = (tmp_path / "store.db").read_bytes()
    assert "nova" in acme("customer", "list", *flags).stdout
    assert acme("doctor", *flags).exit_code == 0
    origin = str(tmp_path / by) if by == "planctl.toml" else by
    for words in (
        ("customer", "add", "mira"),
        ("usage", "record", "nova", "minutes", "1"),
        ("store", "upgrade"),
    ):
        ended = acme(*words, *flags)
        assert ended.exit_code == 77
        assert f"{origin}: error: stores are only read here" in ended.stderr
        assert ended.stderr.endswith("Nothing was changed.\n")
    assert (tmp_path / "store.db").read_bytes() == before


def test_every_command_that_writes_to_a_store_ends_with_77_where_it_is_only_read(
    acme: Run, tmp_path: Path
) -> None:
    before = (tmp_path / "store.db").read_bytes()
    asked = 0
    for command in COMMANDS:
        first, _, second = command.name.partition(" ")
        word = loaded(first, WORDS[first])
        if (word.commands[second] if second else word).needs != "viewer":
            asked += 1
            assert acme("--read-only", *command.words).exit_code == 77, command.name
    assert asked > 50
    assert (tmp_path / "store.db").read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["store.db"]


def test_a_store_that_is_only_read_is_never_made(run: Run, tmp_path: Path) -> None:
    assert run("--read-only", "customer", "add", "nova").exit_code == 77
    assert run("--read-only", "status").exit_code == 74
    assert list(tmp_path.iterdir()) == []


def test_a_word_that_is_neither_yes_nor_no_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANCTL_READ_ONLY", "perhaps")
    ended = run("status")
    assert (ended.exit_code, "PLANCTL_READ_ONLY: error" in ended.stderr) == (3, True)


# --- as another user of the system


@dataclass(frozen=True)
class Ended:
    """How a command of another user ended."""

    returncode: int
    stdout: str
    stderr: str


Other = Callable[..., Ended]


@pytest.fixture
def store(acme_template: Path) -> Iterator[Path]:
    """A store of root's own in a folder that anybody may enter, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="planctl-access-"))
    folder.chmod(0o755)
    yield stores.copy(acme_template, folder / "store.db")
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody(acme: Run, store: Path) -> Other:
    """Run planctl as the user nobody, on that store.

    A child of this process gives its rights away after everything is imported: nobody may not read the program.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    for words in (("customer", "list"), ("customer", "add", "mira", "--dry-run"), ("plan", "show", "none")):
        acme(*words)  # imports what they need; another user's errors are made of these too

    def run(*words: str) -> Ended:
        said = {stream: tempfile.TemporaryFile() for stream in (1, 2)}  # noqa: SIM115 - closed below
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.setgroups([])
                os.setgid(NOBODY.pw_gid)
                os.setuid(NOBODY.pw_uid)
                for stream, file in said.items():
                    os.dup2(file.fileno(), stream)
                sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the child ends here
                sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
                code = main(["--store", str(store), *words])
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        texts = []
        for file in said.values():
            with file:
                file.seek(0)
                texts.append(file.read().decode())
        return Ended(os.waitstatus_to_exitcode(status), *texts)

    return run


def test_who_may_not_read_the_file_is_told_so(as_nobody: Other) -> None:
    ended = as_nobody("status")
    assert (ended.returncode, ended.stdout) == (77, "")
    assert "may not be read by this user" in ended.stderr


def test_who_may_read_the_file_looks_and_writes_nothing(as_nobody: Other, store: Path) -> None:
    os.chown(store, 0, NOBODY.pw_gid)
    store.chmod(0o640)
    before = store.read_bytes()
    assert "nova" in as_nobody("customer", "list").stdout
    ended = as_nobody("customer", "add", "mira")
    assert (ended.returncode, ended.stdout) == (77, "")
    assert "may only be read by this user" in ended.stderr
    assert store.read_bytes() == before


def test_who_may_write_the_file_but_not_its_folder_cannot_keep_a_journal(
    as_nobody: Other, store: Path
) -> None:
    os.chown(store, NOBODY.pw_uid, NOBODY.pw_gid)
    before = store.read_bytes()
    assert "nova" in as_nobody("customer", "list").stdout
    assert as_nobody("customer", "add", "mira").returncode == 77
    assert store.read_bytes() == before


def test_who_only_looks_is_told_of_a_write_that_was_cut_short(
    as_nobody: Other, acme: Run, store: Path
) -> None:
    """The writer was killed with its journal on the disk: somebody who may write must undo it first."""
    store.chmod(0o644)
    script = (
        "import sqlite3, os, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN IMMEDIATE');"
        "c.execute('CREATE TABLE filler (x)');"
        "c.executemany('INSERT INTO filler VALUES (?)', [('x' * 900,)] * 500);"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(store)], check=False, timeout=60)
    journal = Path(f"{store}-journal")
    assert journal.stat().st_size > 0
    journal.chmod(0o644)
    for ended in (as_nobody("customer", "list"), as_nobody("--read-only", "customer", "list")):
        assert (ended.returncode, ended.stdout) == (74, "")
        assert "[journal-left]" in ended.stderr
        assert "let the owner of the store run any command once" in ended.stderr
    assert "nova" in acme("--store", store, "customer", "list").stdout
    assert "nova" in as_nobody("customer", "list").stdout
    with sqlite3.connect(store) as file:
        assert file.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'filler'").fetchone() == (0,)
    file.close()


def test_a_store_is_made_for_its_owner_alone(run: Run, tmp_path: Path) -> None:
    assert run("init", "--test", "--quiet", ".").exit_code == 0
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600
