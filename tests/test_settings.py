"""Where the tool's settings come from: flags, then environment, then planctl.toml, then defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from planctl.errors import InvalidInput
from planctl.settings import Settings, Value, find_file, load


@dataclass(frozen=True)
class Given:
    """Options of a command line."""

    store: str | None = None
    as_of: str | None = None
    format: str | None = None
    operator: str | None = None
    wait: int | None = None
    read_only: bool = False


def loaded(directory: Path, toml: str | None = None, given: Given = Given(), **environment: str) -> Settings:
    if toml is not None:
        (directory / "planctl.toml").write_text(toml, encoding="utf-8")
    return load(given, directory=directory, environment=environment)


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    toml = 'store = "/srv/file.db"\nformat = "csv"\nwait = 30\n'
    variables = {"PLANCTL_STORE": "/srv/variable.db", "PLANCTL_FORMAT": "json"}
    found = loaded(tmp_path, toml, Given(store="/srv/flag.db"), **variables)
    assert found.values == {
        "store": Value("/srv/flag.db", "--store"),
        "as_of": Value("", "default"),
        "format": Value("json", "PLANCTL_FORMAT"),
        "operator": Value("", "default"),
        "wait": Value("30", str(tmp_path / "planctl.toml")),
        "read_only": Value("no", "default"),
        "host": Value("", "default"),
        "anchor": Value("", "default"),
    }
    assert (found.store, found.format, found.wait) == ("/srv/flag.db", "json", 30)


def test_without_anything_said_the_store_is_in_the_platforms_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    found = loaded(tmp_path)
    assert found.store == f"sqlite:///{tmp_path}/data/planctl/planctl.db"
    assert (found.format, found.wait, found.file) == ("table", 5, None)


@pytest.mark.parametrize(("said", "expected"), [("1", True), ("Yes", True), ("off", False), ("0", False)])
def test_stores_are_only_read_where_that_is_said(tmp_path: Path, said: str, expected: bool) -> None:
    assert loaded(tmp_path, PLANCTL_READ_ONLY=said).read_only is expected
    assert loaded(tmp_path, "read_only = true").read_only
    assert not loaded(tmp_path, "read_only = true", PLANCTL_READ_ONLY="no").read_only
    assert loaded(tmp_path, given=Given(read_only=True), PLANCTL_READ_ONLY="no").read_only
    with pytest.raises(InvalidInput, match="neither yes nor no"):
        loaded(tmp_path, PLANCTL_READ_ONLY="maybe")
    with pytest.raises(InvalidInput, match="wrong type"):
        loaded(tmp_path, "read_only = 1")


def test_a_directory_that_may_not_be_entered_holds_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the home of the person who runs planctl by sudo."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    before = os.stat

    def stat(path: object, *more: Any, **named: Any) -> os.stat_result:
        if str(path).endswith("planctl.toml"):
            raise PermissionError(13, "Permission denied", str(path))
        return before(path, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", stat)
    assert find_file(tmp_path) is None


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'format = "csv"', PLANCTL_FORMAT="").format == "csv"


def test_zero_seconds_of_waiting_are_said(tmp_path: Path) -> None:
    assert loaded(tmp_path, "wait = 30", Given(wait=0)).wait == 0


def test_the_nearest_file_upward_holds(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "planctl.toml").write_text('format = "csv"')
    assert find_file(below) == tmp_path / "planctl.toml"
    (tmp_path / "a" / "planctl.toml").write_text('format = "json"')
    assert loaded(below).format == "json"


def test_without_one_upward_the_platforms_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = tmp_path / "config" / "planctl" / "planctl.toml"
    own.parent.mkdir(parents=True)
    own.write_text("wait = 7")
    found = loaded(tmp_path)
    assert (found.wait, found.file) == (7, own)


def test_a_relative_store_in_the_file_lies_beside_the_file(tmp_path: Path) -> None:
    below = tmp_path / "deep"
    below.mkdir()
    (tmp_path / "planctl.toml").write_text('store = "books.db"')
    assert loaded(below).store == f"sqlite:///{tmp_path}/books.db"
    (tmp_path / "planctl.toml").write_text('store = "sqlite:///books.db"')
    assert loaded(below).store == f"sqlite:///{tmp_path}/books.db"
    (tmp_path / "planctl.toml").write_text('store = "postgresql://db/books"')
    assert loaded(below).store == "postgresql://db/books"


# --- named stores

NAMED = """\
store = "dev"
[stores]
dev = "dev.db"
prod = { url = "postgresql://db/books", protected = true }
"""


def test_a_store_is_meant_by_its_name(tmp_path: Path) -> None:
    found = loaded(tmp_path, NAMED)
    assert (found.store, found.store_name, found.protected) == (f"sqlite:///{tmp_path}/dev.db", "dev", "")
    found = loaded(tmp_path, NAMED, Given(store="prod"))
    assert (found.store, found.protected) == ("postgresql://db/books", "prod")


def test_a_protected_store_is_protected_by_its_address_too(tmp_path: Path) -> None:
    found = loaded(tmp_path, NAMED, PLANCTL_STORE="postgresql://db/books")
    assert (found.store_name, found.protected) == ("prod", "prod")


@pytest.mark.parametrize("protected", ["true", '["prod"]'])
def test_protection_may_be_said_for_several_stores(tmp_path: Path, protected: str) -> None:
    toml = f'[stores]\nprotected = {protected}\nprod = "/srv/prod.db"\n'
    assert loaded(tmp_path, toml, Given(store="prod")).protected == "prod"


# --- mistakes

WRONG = {
    "stroe = 'books.db'": ("stroe: there is no such setting", "did you mean store?"),
    "wait = '5'": ("wait: the value has the wrong type", ""),
    "wait = true": ("wait: the value has the wrong type", ""),
    "store = 5": ("store: the value has the wrong type", ""),
    "store = ": ("the file is not TOML", ""),
    "stores = 'prod'": ("stores: the value has the wrong type", ""),
    "[stores]\nprod = 5": ("stores.prod: the store has no address", ""),
    "[stores]\nprod = {protected = true}": ("stores.prod: the store has no address", ""),
    "[stores]\nprod = {url = 'a', protect = true}": ("stores.prod.protect: there is no such setting", ""),
    "[stores]\nprod = {url = 'a', protected = 1}": ("stores.prod.protected: the value has the wrong", ""),
    "[stores]\nprotected = 1": ("stores.protected: the value has the wrong type", ""),
}


@pytest.mark.parametrize("toml", WRONG)
def test_a_mistake_in_the_file_names_the_file_and_the_key(tmp_path: Path, toml: str) -> None:
    message, hint = WRONG[toml]
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, toml)
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint
    assert caught.value.where == str(tmp_path / "planctl.toml")


@pytest.mark.parametrize("seconds", ["-1", "5.5", "soon", "99999999", "\u0665"])
def test_a_time_to_wait_that_is_none_is_refused_with_its_origin(tmp_path: Path, seconds: str) -> None:
    with pytest.raises(InvalidInput, match="not a number of seconds") as caught:
        loaded(tmp_path, PLANCTL_WAIT=seconds)
    assert (caught.value.where, caught.value.got) == ("PLANCTL_WAIT", seconds)


def test_a_file_that_is_no_text_or_endless_is_refused(tmp_path: Path) -> None:
    (tmp_path / "planctl.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="not TOML"):
        loaded(tmp_path)
    (tmp_path / "planctl.toml").write_text("#" * 70_000)
    with pytest.raises(InvalidInput, match="longer than 65536 bytes"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    "said",
    ["prod", "prod.db", "./prod.db", "sqlite:///prod.db", "SQLITE:///prod.db", "link.db", "sub/../prod.db"],
)
def test_a_protected_store_is_protected_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    (tmp_path / "planctl.toml").write_text(
        '[stores]\nprod = {url = "prod.db", protected = true}\n', encoding="utf-8"
    )
    (tmp_path / "link.db").symlink_to(tmp_path / "prod.db")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    for flags, environment in ((Given(store=said), {}), (Given(), {"PLANCTL_STORE": said})):
        found = load(flags, directory=tmp_path, environment=environment)
        assert (found.store_name, found.protected) == ("prod", "prod")
    other = load(Given(store="other.db"), directory=tmp_path, environment={})
    assert (other.store_name, other.protected) == ("", "")


def test_a_protected_server_is_protected_with_and_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "planctl.toml").write_text(
        '[stores]\nprod = {url = "postgresql://planctl@db.example/prod", protected = true}\n',
        encoding="utf-8",
    )
    for said in ("postgresql://planctl:secret@db.example/prod", "postgres://planctl@db.example/prod"):
        assert load(Given(store=said), directory=tmp_path, environment={}).protected == "prod"
    other = "postgresql://planctl@db.example/staging"
    assert load(Given(store=other), directory=tmp_path, environment={}).protected == ""
