"""Who ran a command and from where: what the system knows, not what the shell says.

Source: planctl reliability rules, who did it.
"""

from __future__ import annotations

import os
import pwd

import pytest

from planctl.cli import who
from tests.cli.conftest import Run


def test_the_shells_words_for_who_it_is_are_not_believed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("USER", "LOGNAME", "USERNAME", "HOME"):
        monkeypatch.setenv(variable, "mallory")
    run("init", "made", "--test")
    (entry,) = run("audit", "log", "-f", "json").json
    login = pwd.getpwuid(os.getuid()).pw_name
    assert (entry["actor"], entry["origin"]["login"]) == (login, login)
    assert entry["origin"]["uid"] == str(os.getuid())
    assert "mallory" not in str(entry)


def test_an_operator_stands_beside_the_login_and_never_in_its_place(run: Run) -> None:
    run("init", "made", "--test", "--operator", "amy")
    (entry,) = run("audit", "log", "-f", "json").json
    assert entry["actor"] == "amy"
    assert entry["origin"]["login"] == pwd.getpwuid(os.getuid()).pw_name


def test_who_became_another_user_by_sudo_is_kept_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "amy")
    monkeypatch.setenv("SUDO_UID", "1000")
    found = who.origin()
    assert (found["sudo_user"], found["sudo_uid"], found["uid"]) == ("amy", "1000", str(os.getuid()))


def test_of_an_ssh_connection_only_a_short_hash_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same connection has the same hash, another one another; no address can be read from it."""
    said = []
    for port in (50_001, 50_001, 50_002):
        monkeypatch.setenv("SSH_CONNECTION", f"203.0.113.7 {port} 198.51.100.2 22")
        said.append(who.origin()["ssh"])
    assert said[0] == said[1] != said[2]
    assert [len(one) for one in said] == [16, 16, 16]
    assert "203" not in str({**who.origin(), "ssh": "", "pid": ""})


def test_what_is_not_so_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SUDO_USER", "SUDO_UID", "SSH_CONNECTION"):
        monkeypatch.delenv(variable, raising=False)
    assert {"sudo_user", "sudo_uid", "ssh"}.isdisjoint(who.origin())


def test_a_user_id_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_001)
    assert who.login() == "uid 4000000001"
