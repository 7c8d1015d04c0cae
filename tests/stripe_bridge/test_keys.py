"""Keys come from where nobody else can read them, and never out again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from planctl.errors import InvalidInput, NotPermitted, PlanctlError, Refused
from planctl.stripe_bridge.keys import Key, address, check_surroundings, read_key, read_webhook_secrets

TAIL = "51CANARYcanaryCANARY9xQ2"
RESTRICTED = f"rk_test_{TAIL}"
LIVE = Key(f"rk_live_{TAIL}", live=True, restricted=True, origin="--stripe-key-file")
TEST = Key(RESTRICTED, live=False, restricted=True, origin="--stripe-key-file")


def written(path: Path, text: str = RESTRICTED + "\n", mode: int = 0o600) -> str:
    path.write_bytes(text.encode())
    path.chmod(mode)
    return str(path)


def refusal(file: str = "", **environment: str) -> PlanctlError:
    """The error of reading a key; nothing in it quotes the key."""
    with pytest.raises(PlanctlError) as caught:
        read_key(file, environment)
    error = caught.value
    told = " ".join(
        (error.message, error.where, error.expected, error.got, error.hint, str(error), repr(error))
    )
    assert "CANARY" not in told.upper()
    assert error.__cause__ is None
    return error


# --- what a key is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "live", "restricted"),
    [
        (f"rk_test_{TAIL}", False, True),
        (f"rk_live_{TAIL}", True, True),
        (f"sk_test_{TAIL}", False, False),
        (f"sk_live_{TAIL}", True, False),
        ("sk_test_" + "a" * 247, False, False),
    ],
)
def test_the_prefix_alone_says_what_a_key_is(tmp_path: Path, text: str, live: bool, restricted: bool) -> None:
    """F180: a key of 255 characters is one; only its prefix is looked at."""
    key = read_key(written(tmp_path / "key", text), {})
    assert (key.secret, key.live, key.restricted) == (text, live, restricted)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        (f"pk_live_{TAIL}", "pk_live_…"),
        (f"whsec_{TAIL}", "whsec_…"),
        (f"sk_org_{TAIL}", "sk_…"),
        (f"rk_test{TAIL}", "rk_…"),
        (f"rk_test_{TAIL} {TAIL}", "rk_test_…"),
        (f"rk_test_{TAIL}\u00e9", "rk_test_…"),
        (f"rk_test_{TAIL}\x00", "rk_test_…"),
        ("rk_test_", "rk_test_…"),
        ("sk_test_" + "a" * 248, "sk_test_…"),
        (TAIL, ""),
        (f"RK_TEST_{TAIL}", ""),
    ],
)
def test_anything_else_is_no_key_and_at_most_a_known_prefix_is_shown(
    tmp_path: Path, text: str, got: str
) -> None:
    error = refusal(written(tmp_path / "key", text))
    assert isinstance(error, InvalidInput)
    assert (error.exit_code, error.code, error.got) == (3, "stripe-key", got)
    assert error.where == str(tmp_path / "key")


def test_a_publishable_key_is_told_from_a_wrong_one() -> None:
    assert "publishable" in refusal(STRIPE_API_KEY=f"pk_test_{TAIL}").message
    assert "publishable" not in refusal(STRIPE_API_KEY=TAIL).message


def test_no_text_of_a_key_shows_its_secret(tmp_path: Path) -> None:
    key = read_key(written(tmp_path / "key"), {})
    for text in (repr(key), str(key), f"{key}", repr([key]), f"{key.warnings}"):
        assert "CANARY" not in text
    assert (key.prefix, key.last, key.shown) == ("rk_test_", "9xQ2", "rk_test_…9xQ2")


def test_of_a_key_too_short_to_be_stripes_nothing_but_the_prefix_is_shown() -> None:
    assert Key("sk_live_abcdefghijklmno", live=True, restricted=False, origin="x").shown == "sk_live_…"
    assert Key("sk_live_abcdefghijklmnop", live=True, restricted=False, origin="x").shown == "sk_live_…mnop"


# --- where it comes from ------------------------------------------------------------------------------------------


def test_the_sources_are_asked_in_their_order(tmp_path: Path) -> None:
    texts = {name: f"rk_test_{name}{TAIL}" for name in ("option", "stripe", "named", "variable")}
    files = {name: written(tmp_path / name, text) for name, text in texts.items()}
    everything = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "STRIPE_API_KEY_FILE": files["named"],
        "STRIPE_API_KEY": texts["variable"],
    }
    found = [read_key(files["option"], everything)]
    for gone in (None, "CREDENTIALS_DIRECTORY", "STRIPE_API_KEY_FILE"):
        everything.pop(gone or "", None)
        found.append(read_key("", everything))
    assert [key.secret for key in found] == list(texts.values())
    assert [key.origin for key in found] == [
        "--stripe-key-file",
        "CREDENTIALS_DIRECTORY",
        "STRIPE_API_KEY_FILE",
        "STRIPE_API_KEY",
    ]


def test_a_unit_with_other_credentials_goes_on_to_the_next_source(tmp_path: Path) -> None:
    key = read_key("", {"CREDENTIALS_DIRECTORY": str(tmp_path), "STRIPE_API_KEY": RESTRICTED})
    assert key.origin == "STRIPE_API_KEY"


@pytest.mark.parametrize("environment", [{}, {"STRIPE_API_KEY": "", "STRIPE_API_KEY_FILE": ""}])
def test_without_a_key_nothing_is_permitted(environment: dict[str, str]) -> None:
    error = refusal(**environment)
    assert (error.exit_code, error.code) == (77, "no-stripe-key")
    assert "--stripe-key-file" in error.hint
    assert "STRIPE_API_KEY_FILE" in error.hint


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", RESTRICTED)
    assert read_key().secret == RESTRICTED


def test_a_restricted_key_from_a_file_is_warned_of_nothing(tmp_path: Path) -> None:
    assert read_key(written(tmp_path / "key"), {}).warnings == ()


def test_a_key_that_others_can_see_and_one_that_may_do_everything_are_warned_of(tmp_path: Path) -> None:
    (visible,) = read_key("", {"STRIPE_API_KEY": RESTRICTED}).warnings
    (everything,) = read_key(written(tmp_path / "key", f"sk_test_{TAIL}"), {}).warnings
    assert "STRIPE_API_KEY" in visible
    assert "restricted" in everything
    assert read_key("", {"STRIPE_API_KEY": f"sk_test_{TAIL}"}).warnings == (visible, everything)


# --- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_its_owner_alone_reads_is_taken(tmp_path: Path, mode: int) -> None:
    assert read_key(written(tmp_path / "key", mode=mode), {}).secret == RESTRICTED


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o700, 0o610, 0o4600])
def test_a_file_with_a_wider_mode_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    """F176."""
    path = written(tmp_path / "key", mode=mode)
    error = refusal(path)
    assert isinstance(error, NotPermitted)
    assert (error.exit_code, error.code, error.where) == (77, "key-file", path)
    assert error.got == f"{mode:04o}"
    assert error.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_a_systemd_credential_may_be_readable_to_its_group(tmp_path: Path, mode: int) -> None:
    """systemd.exec(5): a credential of a unit with a user is 0440 where an access list lets that user in."""
    written(tmp_path / "stripe", mode=mode)
    assert read_key("", {"CREDENTIALS_DIRECTORY": str(tmp_path)}).secret == RESTRICTED


@pytest.mark.parametrize("mode", [0o644, 0o444, 0o660])
def test_a_systemd_credential_may_not_be_open_further(tmp_path: Path, mode: int) -> None:
    written(tmp_path / "stripe", mode=mode)
    assert refusal(CREDENTIALS_DIRECTORY=str(tmp_path)).code == "key-file"


def test_a_key_file_of_another_user_is_refused_and_a_credential_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "stripe")
    monkeypatch.setattr("os.getuid", lambda: os.geteuid() + 1)
    error = refusal(path)
    assert error.code == "key-file"
    assert "another user" in error.message
    assert read_key("", {"CREDENTIALS_DIRECTORY": str(tmp_path)}).secret == RESTRICTED


def link(path: Path) -> None:
    written(path.with_name("target"))
    path.symlink_to("target")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (link, "symbolic link"),
        (lambda path: path.symlink_to("nowhere"), "symbolic link"),
        (os.mkdir, "regular file"),
        (os.mkfifo, "regular file"),
        (lambda path: None, "No such file"),
        (lambda path: written(path, "rk_test_a\nrk_test_b\n"), "more than one line"),
        (lambda path: written(path, " \n"), "empty"),
        (lambda path: written(path, ""), "empty"),
        (lambda path: written(path, RESTRICTED + "\n" * 4_096), "longer than 4096 bytes"),
    ],
    ids=["link", "dangling", "directory", "pipe", "missing", "two lines", "blank", "empty", "long"],
)
def test_a_file_that_is_not_one_plain_line_is_refused_and_named(
    tmp_path: Path, make: object, told: str
) -> None:
    path = tmp_path / "key"
    assert callable(make)
    make(path)
    for error in (refusal(str(path)), refusal(STRIPE_API_KEY_FILE=str(path))):
        assert (error.exit_code, error.code, error.where) == (77, "key-file", str(path))
        assert told in error.message


def test_a_path_that_no_file_can_have_is_refused() -> None:
    assert refusal("a\x00b").code == "key-file"


# --- webhook secrets ----------------------------------------------------------------------------------------------


def test_without_a_webhook_secret_there_are_none() -> None:
    assert read_webhook_secrets({"STRIPE_WEBHOOK_SECRET": ""}) == ()


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n", "\r\n"])
def test_while_a_secret_is_rotated_there_are_two(tmp_path: Path, between: str) -> None:
    text = f"whsec_one{between}whsec_two\n"
    file = written(tmp_path / "secrets", text)
    assert read_webhook_secrets({"STRIPE_WEBHOOK_SECRET": text}) == ("whsec_one", "whsec_two")
    assert read_webhook_secrets({"STRIPE_WEBHOOK_SECRET_FILE": file}) == ("whsec_one", "whsec_two")


def test_the_sources_of_the_webhook_secret_are_asked_in_their_order(tmp_path: Path) -> None:
    written(tmp_path / "stripe-webhook", "whsec_credential")
    everything = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "STRIPE_WEBHOOK_SECRET_FILE": written(tmp_path / "named", "whsec_file"),
        "STRIPE_WEBHOOK_SECRET": "whsec_variable",
    }
    found: list[str] = []
    for gone in ("", "CREDENTIALS_DIRECTORY", "STRIPE_WEBHOOK_SECRET_FILE"):
        everything.pop(gone, None)
        found += read_webhook_secrets(everything)
    assert found == ["whsec_credential", "whsec_file", "whsec_variable"]


def test_a_webhook_secret_in_a_file_for_everybody_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "secret", f"whsec_{TAIL}", mode=0o644)
    with pytest.raises(NotPermitted) as caught:
        read_webhook_secrets({"STRIPE_WEBHOOK_SECRET_FILE": path})
    assert (caught.value.code, caught.value.hint) == ("key-file", f"chmod 600 {path}")


@pytest.mark.parametrize(
    "text", [TAIL, f"sk_test_{TAIL}", f"whsec_{TAIL},{TAIL}", "whsec_", " , ", "whsec_" + "a" * 250]
)
def test_what_is_no_webhook_secret_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_webhook_secrets({"STRIPE_WEBHOOK_SECRET": text})
    error = caught.value
    assert (error.exit_code, error.code, error.where) == (3, "stripe-webhook-secret", "STRIPE_WEBHOOK_SECRET")
    assert "CANARY" not in f"{error.message}{error.expected}{error.got}{error.hint}"


# --- what must hold around a key ----------------------------------------------------------------------------------

DANGERS = (
    "STRIPE_LOG",
    "SSLKEYLOGFILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "https_proxy",
    "STRIPE_API_BASE",
)


@pytest.mark.parametrize("name", DANGERS)
def test_a_live_key_is_refused_where_its_traffic_could_be_read(name: str) -> None:
    with pytest.raises(Refused) as caught:
        check_surroundings(LIVE, {name: "http://user:CANARY@127.0.0.1:9"})
    error = caught.value
    assert (error.exit_code, error.code, error.where) == (4, "stripe-surroundings", name)
    assert error.hint == f"unset {name}"
    assert "CANARY" not in f"{error.message}{error.expected}{error.got}"


def test_variables_that_are_empty_or_redirect_nothing_pass() -> None:
    check_surroundings(
        LIVE, {**dict.fromkeys(DANGERS, ""), "NO_PROXY": "localhost", "no_proxy": "*", "PATH": "/bin"}
    )
    assert address(LIVE, {"STRIPE_API_BASE": ""}) == ""


def test_a_test_key_may_be_logged_and_go_through_a_proxy() -> None:
    check_surroundings(TEST, {"STRIPE_LOG": "debug", "HTTPS_PROXY": "http://proxy:3128"})


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://127.0.0.1:12111", "http://127.0.0.1:12111"),
        ("http://127.0.0.1:12111/", "http://127.0.0.1:12111"),
        ("https://127.255.0.9", "https://127.255.0.9"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_a_test_key_may_go_to_this_machine(base: str, expected: str) -> None:
    check_surroundings(TEST, {"STRIPE_API_BASE": base})
    assert address(TEST, {"STRIPE_API_BASE": base}) == expected


@pytest.mark.parametrize(
    "base",
    [
        "https://api.stripe.com",
        "http://128.0.0.1",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "http://127.0.0.256",
        "http://127.1",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1\\@example.com",
        "http://[::1]example.com",
        "http://[::2]",
        "http://localhost.example.com",
        "http://127.0.0.1/v1",
        "http://127.0.0.1?x",
        "http://127.0.0.1:port",
        "http://127.0.0.1\n.example.com",
        "ftp://127.0.0.1",
        "127.0.0.1:12111",
        "http://user:word@127.0.0.1",
    ],
)
def test_a_test_key_goes_nowhere_else(base: str) -> None:
    for check in (check_surroundings, address):
        with pytest.raises(Refused) as caught:
            check(TEST, {"STRIPE_API_BASE": base})
        assert (caught.value.code, caught.value.where) == ("stripe-surroundings", "STRIPE_API_BASE")


def test_a_crash_leaves_no_memory_behind() -> None:
    script = (
        "import resource; from planctl.stripe_bridge.keys import no_core_dumps; no_core_dumps();"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "(0, 0)\n", result.stderr
