"""The ready files of the guide on access: sudo reads them and lets viewers look only; the server takes the SQL."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import psycopg
import pytest

from planctl.__main__ import main
from planctl.cli.app import WORDS, loaded
from planctl.store.engine import open_store
from tests import stores
from tests.test_project import build_wheel

ROOT = Path(__file__).parents[1]
FILES = ROOT / "docs" / "guides" / "files"
SUDOERS = (FILES / "sudoers").read_text(encoding="utf-8")

(LOOKS,) = re.findall(r"^%planctl-viewers .*/opt/planctl/bin/python (\^.*\$)$", SUDOERS, re.MULTILINE)
(RUNS,) = re.findall(r"^%planctl-managers .*/opt/planctl/bin/python (\^.*\$)$", SUDOERS, re.MULTILINE)
"""The regular expressions that the arguments of a viewer and of a manager must match.

They say the same in sudo's syntax and in Python's. sudo joins the arguments with spaces before it compares.
"""

APART = "-I -m planctl"
"""What comes first: the program alone, with nothing of the environment or the working directory."""


def test_sudo_can_read_the_file() -> None:
    program = shutil.which("visudo", path="/usr/sbin:/usr/bin:/sbin")
    if program is None:
        pytest.skip("visudo is not installed")
    done = subprocess.run(
        [program, "-cf", str(FILES / "sudoers")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "customer list",
        "customer show nova",
        "subscription show nova/a",
        "invoice show INV-2026-00007 -f json",
        "usage list --customer nova --from 2026-01-01",
        "check nova minutes",
        "audit log --after 7",
        "doctor",
        "access list",
    ],
)
def test_a_viewer_may_look(line: str) -> None:
    assert re.fullmatch(LOOKS, f"{APART} --read-only {line}")
    assert re.fullmatch(RUNS, f"{APART} {line}")


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "--read-only",
        "--read-only customer add nova",
        "--read-only customer list --store /etc/shadow",
        "--read-only --store other.db status",
        "--read-only invoice show INV-1 --out /srv/billing/planctl.db",
        "--read-only invoice show /etc/passwd",
        "--read-only catalog pull",
        "--read-only prices set a month USD 1",
        "--read-only usage export",
        "--read-only store backup x.db",
        "--read-only status ../x",
        "--read-only status; id",
        "--read-only status\ninvoice run",
        "--read-only status $(id)",
    ],
)
def test_a_viewer_may_do_nothing_else(line: str) -> None:
    """Neither writing nor naming a file or another store: the program runs as the owner of the file."""
    assert not re.fullmatch(LOOKS, f"{APART} {line}")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "status",
        "-m planctl --read-only status",
        "-I -m planctlx --read-only status",
        "-c pass -I -m planctl --read-only status",
        "-I -c pass",
        "-I -i -m planctl --read-only status",
        "-Im planctl --read-only status",
        "/tmp/planctl --read-only status",
    ],
)
def test_nobody_may_start_anything_but_planctl_apart_from_what_surrounds_it(line: str) -> None:
    assert not re.fullmatch(LOOKS, line)
    assert not re.fullmatch(RUNS, line)


def test_what_a_viewer_may_run_are_commands_that_need_a_viewer() -> None:
    tried = 0
    for first, word in WORDS.items():
        command = loaded(first, word)
        for name, one in command.commands.items() if word.is_group else [("", command)]:
            if re.fullmatch(LOOKS, f"{APART} --read-only {first} {name}".strip()):
                assert one.needs == "viewer", f"{first} {name}"
                assert not one.is_write
                tried += 1
    assert tried > 20


# --- apart from what surrounds it


def installed(kind: str, folder: Path) -> str:
    """A Python into which planctl is installed: this one, where it is editable, or one with the built wheel."""
    if kind == "editable":
        return sys.executable
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv").glob("lib/python3*/site-packages")
    with zipfile.ZipFile(build_wheel(folder / "dist")) as wheel:
        wheel.extractall(packages)
    (packages / "needed.pth").write_text(sysconfig.get_paths()["purelib"], encoding="utf-8")
    return str(folder / "venv" / "bin" / "python")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A directory whose code says that it was run, by every door that Python has."""
    folder = tmp_path / "hostile"
    user = folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for path in (
        folder / "sitecustomize.py", folder / "startup.py", folder / "typing.py", folder / "planctl" / "__init__.py",
        user / "usercustomize.py",
    ):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"open({str(folder / 'ran')!r}, 'a').write({path.name!r} + chr(10))", encoding="utf-8"
        )
    return folder


@pytest.mark.compiler
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["editable", "wheel"])
def test_as_it_is_started_no_code_but_its_own_is_run(kind: str, tmp_path: Path, hostile: Path) -> None:
    """Source: Python documentation, command line, -I: isolated mode."""
    python = installed(kind, tmp_path)
    environment = {
        "PYTHONPATH": str(hostile), "PYTHONSTARTUP": str(hostile / "startup.py"), "PYTHONUSERBASE": str(hostile),
        "HOME": str(hostile), "PATH": str(hostile),
    }  # fmt: skip

    def answer(*words: str) -> subprocess.CompletedProcess[str]:
        command = [python, *words, "explain", "no-store"]
        return subprocess.run(
            command, cwd=hostile, env=environment, capture_output=True, text=True, timeout=120
        )

    done = answer(*APART.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert "There is no store yet" in done.stdout
    assert not (hostile / "ran").exists()
    answer("-m", "planctl")
    assert "sitecustomize.py" in (hostile / "ran").read_text(encoding="utf-8")  # so the doors are real


@pytest.mark.postgres
@pytest.mark.sqlite_only
def test_the_server_takes_the_roles_and_whoever_makes_the_store_grants(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The file's statements, with names of this test's own."""
    names = {"books": "guide_books", "billing": "guide_billing", "alice": "guide_alice", "bob": "guide_bob"}
    text = re.sub(r"--.*", "", (FILES / "postgresql-roles.sql").read_text(encoding="utf-8"))
    for name, mine in names.items():
        text = re.sub(rf"\b{name}\b", mine, text)
    with psycopg.connect(stores.server(), autocommit=True) as server:
        for statement in filter(None, map(str.strip, text.split(";"))):
            server.execute(statement.encode())
    url = stores.server().replace("//owner@/postgres", "//{}@/guide_books")
    mine = url.format("guide_billing")
    open_store(mine, create=True, is_test=True).close()
    for name, role in (("guide_alice", "viewer"), ("guide_bob", "owner")):
        assert main(["--store", mine, "access", "grant", name, "--role", role]) == 0
    assert main(["--store", url.format("guide_alice"), "status"]) == 0
    assert main(["--store", url.format("guide_alice"), "customer", "add", "nova"]) == 77
    assert main(["--store", url.format("guide_bob"), "access", "list"]) == 0
    said = capsys.readouterr().out
    for row in (
        r"guide_alice +viewer +granted",
        r"guide_billing +owner +granted",
        r"guide_bob +owner +granted",
    ):
        assert re.search(row, said)


def test_every_file_that_the_guide_names_is_there() -> None:
    guide = (ROOT / "docs" / "guides" / "access.md").read_text(encoding="utf-8")
    named = re.findall(r"\(files/([^)]+)\)", guide)
    assert len(named) >= 6
    assert [name for name in named if not (FILES / name).is_file()] == []
