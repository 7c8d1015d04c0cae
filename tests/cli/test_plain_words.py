"""Plain command lines of hot commands are read as the command-line library reads them; all others are left to it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from planctl.cli import hot
from planctl.cli.app import WORDS, execute, loaded
from planctl.cli.given import Given
from planctl.cli.plain_words import COMMANDS, FLAGS, OPTIONS, read

PLAIN = (
    "check nova calls",
    "check nova calls --quantity 3 --value x --exit-code",
    "check --quantity=3 nova calls",
    "--store books.db --as-of 2026-01-01 check nova calls -f json",
    "check nova calls --store=books.db --wait 0 --quiet",
    "usage show nova",
    "usage --as-of 2026-02-01 show nova --format csv",
    "usage record nova calls",
    "usage record nova calls 2.5 --at 2026-01-01 --id a --property k=v --property l=w --if-allowed",
    "usage record nova calls -3 --corrects e1 --key k1 --reason why --operator me --yes --dry-run --confirm prod",
    "usage record nova calls -.5",
    "--quiet usage record nova seats --set 4",
)

OTHERS = (
    "",
    "--version",
    "check",
    "check nova",
    "check nova calls more",
    "check nova calls --help",
    "check --unknown nova calls",
    "check nova calls --quantity",
    "check nova calls --quantity --exit-code",
    "check nova calls --quantity -3",
    "check nova calls --quantity 1 --quantity 2",
    "check nova calls --quiet=yes",
    "check nova calls -fjson",
    "check nova calls -f=json",
    "check nova calls -f json --format json",
    "check nova calls --format xml",
    "check nova calls --wait soon",
    "check nova calls --key sk_live_abcdefghijk",
    "check -- nova calls",
    "--quantity 3 check nova calls",
    "usage",
    "usage record nova",
    "usage list --customer nova",
    "usage show nova --id a",
    "customer show check",
    "--store check plan list",
    "plan list",
)


def seen_by(reader: Any, words: list[str], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Which command was called with what, and the global options and rights that it had."""
    seen: list[Any] = []
    for name in ("check", "record", "show"):
        signature = inspect.signature(getattr(hot, name))

        def note(runtime: Any, *values: Any, _name: str = name, _is: Any = signature, **named: Any) -> int:
            bound = _is.bind(runtime, *values, **named)
            bound.apply_defaults()
            said = {**bound.arguments, "runtime": None}
            said["properties"] = tuple(said.get("properties", ()))
            seen.append((_name, said, runtime.given, runtime.command, runtime.is_write, runtime.formats))
            return 0

        monkeypatch.setattr(hot, name, note)
    assert reader(words) == 0
    return seen


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_is_read_as_the_library_reads_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        plainly = seen_by(hot.execute, line.split(), patch)
    with monkeypatch.context() as patch:
        assert plainly == seen_by(execute, line.split(), patch)


@pytest.mark.parametrize("line", OTHERS)
def test_any_other_line_is_left_to_the_library(line: str) -> None:
    assert read(line.split()) is None


@pytest.mark.parametrize(
    "words", [["check", "nova", " "], ["check", "", "calls"], ["usage", "show", "nova", "-f", ""]]
)
def test_an_empty_word_is_left_to_the_library_which_complains(words: list[str]) -> None:
    assert read(words) is None


def test_completion_is_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PLANCTL_COMPLETE", "complete_bash")
    assert hot.execute(["check", "nova", "calls"]) is None


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_table_has_every_option_of_the_command_and_no_other(command: tuple[str, ...]) -> None:
    found = loaded(command[0], WORDS[command[0]])
    if len(command) > 1:
        found = found.commands[command[1]]
    options = {one.opts[0]: one for one in found.params if one.param_type_name == "option"}
    own = {name: one for name, one in options.items() if name not in {*OPTIONS, *FLAGS}}
    table = COMMANDS[command]
    assert {name for name, one in own.items() if not one.is_flag} == table.options.keys()
    assert {name for name, one in own.items() if one.is_flag} == table.flags.keys()
    assert {name: one.name for name, one in own.items()} == {**table.options, **table.flags}
    assert {name for name, one in own.items() if one.multiple} == table.several
    arguments = [one for one in found.params if one.param_type_name == "argument"]
    assert (sum(one.required for one in arguments), len(arguments)) == (table.least, table.most)
    assert found.is_write is table.is_write


def test_the_global_options_are_those_of_every_command() -> None:
    assert {*OPTIONS.values(), *FLAGS.values()} == set(Given.__dataclass_fields__)
    for one in loaded("check", WORDS["check"]).params:
        if one.name in Given.__dataclass_fields__:
            assert {OPTIONS.get(name) or FLAGS.get(name) for name in one.opts} == {one.name}
            assert all((name in FLAGS) is one.is_flag for name in one.opts)
