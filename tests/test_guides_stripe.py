"""The units and the web server's file for Stripe do what the guide says: the service runs behind nginx and is asked.

A fake of Stripe is at the other end. Nothing of the machine's own is used but the programs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from threading import Event

import pytest

from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.sentences import keep_time, settings
from tests.test_docs import unknown_in

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FILES = ROOT / "docs" / "guides" / "files"
QUICKSTART = ROOT / "sample-catalogs" / "quickstart"

# --- units

UNITS = sorted(path.name for path in FILES.glob("planctl-*.*"))
SERVICES = [name for name in UNITS if name.endswith(".service") and "@" not in name]


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit file by name, each with its values in their order."""
    found: dict[str, list[str]] = {}
    for line in (FILES / name).read_text(encoding="utf-8").splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_says_where_it_belongs_and_systemd_can_read_it(name: str, tmp_path: Path) -> None:
    text = (FILES / name).read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# /etc/systemd/system/{name}"
    if name.endswith(".timer"):
        assert name.replace(".timer", ".service") in UNITS
    if shutil.which("systemd-analyze") is None or "@" in name:
        return
    for path in FILES.glob("planctl-*.*"):  # with programs that are there
        readable = re.sub(
            r"^(ExecStart=)\S+", r"\1/bin/true", path.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        (tmp_path / path.name).write_text(readable, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / name)],
        env={"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if "planctl" in line] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_write_the_store_and_little_else(name: str) -> None:
    found = unit(name)
    hardened = {
        "UMask": ["0077"], "ProtectSystem": ["strict"], "ProtectHome": ["true"], "ReadWritePaths": ["/srv/billing"],
        "PrivateTmp": ["true"], "PrivateDevices": ["true"], "NoNewPrivileges": ["true"], "User": ["billing"],
    }  # fmt: skip
    assert {key: found.get(key) for key in hardened} == hardened
    assert found["OnFailure"] == ["planctl-alert@%n.service"]


STARTS = "/opt/planctl/bin/python -I -m planctl "
"""How a unit starts planctl: nothing of the environment or the working directory can bring code into it."""


def started_by(name: str) -> list[str]:
    """The words of planctl's command line in a unit."""
    (line,) = unit(name)["ExecStart"]
    assert line.startswith(STARTS)
    return line.removeprefix(STARTS).split()


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "planctl-catalog.service"])
def test_a_service_starts_a_command_that_there_is_apart_from_what_surrounds_it(name: str) -> None:
    assert unknown_in(" ".join(["planctl", *started_by(name)])) == ""


def test_a_busy_store_is_a_failure_only_where_no_timer_comes_again() -> None:
    """75 is somebody else who writes. A unit with a timer has a next turn; what listens is started again instead."""
    taken = {name: unit(name).get("SuccessExitStatus", []) for name in SERVICES}
    timed = {name for name in SERVICES if name.replace(".service", ".timer") in UNITS}
    assert taken == {name: ["75"] if name in timed else [] for name in SERVICES}
    (listener,) = set(SERVICES) - timed
    assert (listener, unit(listener)["Restart"]) == ("planctl-stripe-webhook.service", ["on-failure"])


@pytest.mark.parametrize("name", [name for name in SERVICES if "stripe" in name])
def test_a_service_that_talks_to_stripe_has_its_key_as_a_credential_alone(name: str) -> None:
    found = unit(name)
    assert "stripe:/etc/planctl/stripe.key" in found["LoadCredential"]
    assert found["Environment"] == ["PLANCTL_STORE=/srv/billing/planctl.db"]


# --- behind nginx


@dataclass
class Behind:
    """A store that was set up with a fake Stripe, the webhook service's own command on it, and nginx in front."""

    stripe: FakeStripe
    folder: Path
    port: int
    environment: dict[str, str]

    def planctl(self, *words: str) -> str:
        """What the program answers on the store."""
        done = subprocess.run(
            [sys.executable, "-m", "planctl", *words], env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def post(self, body: bytes, headers: Mapping[str, str], path: str = "/stripe") -> int:
        """The status that a request over TLS is answered with."""
        context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        line = HTTPSConnection("localhost", self.port, timeout=60, context=context)
        try:
            line.request("POST", path, body, dict(headers))
            return line.getresponse().status
        finally:
            line.close()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    """nginx with the guide's file and the service's command behind it; skipped where nginx or openssl is missing."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    openssl = shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("nginx or openssl is not installed")
    with FakeStripe() as fake, ExitStack() as running:
        keep_time(fake)
        own = {"PYTHONPATH": str(ROOT), "PLANCTL_STORE": str(tmp_path / "shop.db"), "HOME": str(tmp_path)}
        made = Behind(fake, tmp_path, free_port(), own | settings(fake, tmp_path))
        made.planctl("init", "--quiet", str(tmp_path / "shop"))
        made.planctl("catalog", "apply", str(QUICKSTART), "--yes", "--quiet")
        made.planctl("stripe", "setup", "--quiet")
        made.planctl("customer", "add", "nova", "--currency", "USD", "--quiet")
        made.planctl("subscribe", "nova", "starter", "--pay", "month", "--yes", "--quiet")
        made.planctl("stripe", "push", "--quiet")
        address = running.enter_context(listening(made))
        running.enter_context(serving(made, [nginx, openssl], address))
        yield made
        assert fake.violations == []


@contextmanager
def listening(made: Behind) -> Iterator[str]:
    """The command of planctl-stripe-webhook.service with the credentials it is given; it ends well at SIGTERM."""
    credentials = made.folder / "credentials"
    credentials.mkdir()
    for given in unit("planctl-stripe-webhook.service")["LoadCredential"]:
        name, _, path = given.partition(":")
        secret = made.stripe.key if path.endswith(".key") else made.stripe.webhook_secret
        (credentials / name).write_text(secret, encoding="ascii")
        (credentials / name).chmod(0o400)
    words = started_by("planctl-stripe-webhook.service")
    words[words.index("127.0.0.1:4242")] = "127.0.0.1:0"
    environment = {key: text for key, text in made.environment.items() if not key.endswith("_FILE")}
    process = subprocess.Popen(
        [sys.executable, "-m", "planctl", *words],
        env=environment | {"CREDENTIALS_DIRECTORY": str(credentials)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().removeprefix("listening on ")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


@contextmanager
def serving(made: Behind, programs: Sequence[str], address: str) -> Iterator[None]:
    """nginx with the file of the guide, but for its ports and certificate."""
    nginx, openssl = programs
    folder = made.folder
    certificate = f"""req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost
        -addext subjectAltName=DNS:localhost -keyout {folder}/key.pem -out {folder}/cert.pem"""
    subprocess.run([openssl, *certificate.split()], check=True, capture_output=True)
    text = (FILES / "nginx-stripe.conf").read_text(encoding="utf-8")
    for old, new in {
        "listen 443 ssl;": f"listen 127.0.0.1:{made.port} ssl;", "listen [::]:443 ssl;": "",
        "/etc/ssl/acme/fullchain.pem": str(folder / "cert.pem"), "/etc/ssl/acme/privkey.pem": str(folder / "key.pem"),
        "127.0.0.1:4242": address,
    }.items():  # fmt: skip
        assert text.count(old) == 1
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    whole = (
        f"pid {folder}/nginx.pid;\ndaemon off;\nevents {{}}\nhttp {{\n{places}access_log off;\n{text}\n}}\n"
    )
    (folder / "nginx.conf").write_text(whole, encoding="utf-8")
    command = [nginx, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    warnings = [line for line in checked.stderr.splitlines() if "[warn]" in line and '"user"' not in line]
    assert warnings == []
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        await_port(made.port)
        yield
    finally:
        process.terminate()
        process.wait(60)


def await_port(port: int) -> None:
    """Return as soon as something listens there; a failure after a hundred tries."""
    for _ in range(100):
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return
        Event().wait(0.1)
    raise AssertionError("nothing listens")


def test_a_webhook_comes_through_nginx_to_the_store_and_nothing_else_does(behind: Behind) -> None:
    (invoice,) = behind.stripe.objects("invoice")
    behind.stripe.pay_invoice(invoice["id"])
    (paid,) = [one["id"] for one in behind.stripe.events if one["type"] == "invoice.paid"]
    body, signature = behind.stripe.signed(paid)
    _, forged = behind.stripe.signed(paid, "whsec_SomebodyElses")
    assert behind.post(body, {"Stripe-Signature": forged}) == 400
    assert behind.post(body, {}) == 400
    assert behind.post(body, {"Stripe-Signature": signature}, "/health") == 404
    assert behind.post(b" " * (2**20 + 1), {"Stripe-Signature": signature}) == 413
    assert json.loads(behind.planctl("payment", "list", "-f", "json")) == []
    assert behind.post(body, {"Stripe-Signature": signature}) == 200
    (payment,) = json.loads(behind.planctl("payment", "list", "-f", "json"))
    assert (payment["amount"], payment["method"]) == ("19.00", "stripe")
    assert behind.post(body, {"Stripe-Signature": signature}) == 200
    assert len(json.loads(behind.planctl("payment", "list", "-f", "json"))) == 1
