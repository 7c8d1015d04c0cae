"""What really leaves the machine and what comes back: the stored bytes, to one place, whatever stands around."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe as library

from planctl.core.stripe.model import Outcome
from planctl.errors import Busy
from planctl.stripe_bridge import wire
from planctl.stripe_bridge.gateway import Gateway
from planctl.stripe_bridge.keys import Key
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe
from tests.stripe_bridge.scripted import SECRET, Clock, Said, Scripted, gateway_to, said, stored

__all__ = ["stripe"]

DONE = said({"id": "prod_1", "object": "product"})

ODD = b"metadata[planctl_id]=pro&name=P%72o&description=a%2Bb+c%20d"
"""A body as no encoder writes it: `Pro` and `a+b c d`."""


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted(DONE) as running:
        yield running


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# --- what is sent


def test_the_stored_bytes_arrive_under_the_stored_key_and_are_not_encoded_again(stripe: FakeStripe) -> None:
    answer = gateway_to(stripe.address, secret=stripe.key).send(stored(ODD))
    (request,) = stripe.requests
    assert (request.method, request.path, request.body) == ("POST", "/v1/products", ODD)
    assert request.key == "planctl:st:product:pro:create:1"
    made = stripe.get(answer.id)
    assert (made["name"], made["description"], made["metadata"]) == ("Pro", "a+b c d", {"planctl_id": "pro"})


def test_every_try_sends_the_same_bytes_under_the_same_key() -> None:
    with Scripted(Said(b"", 503), Said(b"", 502), DONE) as server:
        gateway_to(server.address).send(stored(ODD))
    assert [(one.body, one.headers["idempotency-key"]) for one in server.got] == [
        (ODD, "planctl:st:product:pro:create:1")
    ] * 3


def test_every_request_names_the_version_of_the_api(server: Scripted) -> None:
    gateway = gateway_to(server.address)
    gateway.send(stored())
    gateway.send(stored(b"", "/v1/coupons/c", "DELETE"))
    gateway.get("/v1/products/prod_1")
    assert [(one.method, one.headers["stripe-version"]) for one in server.got] == [
        (method, "2026-10-28.endive") for method in ("POST", "DELETE", "GET")
    ]


def test_a_body_is_sent_once_and_never_with_the_next_request(server: Scripted) -> None:
    gateway = gateway_to(server.address)
    gateway.send(stored(ODD))
    gateway.get("/v1/products/prod_1")
    gateway.send(stored(b"left=over", "/v1/coupons/c", "DELETE"))
    assert [one.body for one in server.got] == [ODD, b"", b""]
    assert [one.headers.get("idempotency-key", "") for one in server.got[1:]] == ["", ""]


def test_a_call_without_parameters_has_an_empty_body(server: Scripted) -> None:
    gateway_to(server.address).send(stored(b"", "/v1/invoices/in_1/void"))
    assert (server.got[0].body, server.got[0].headers["content-length"]) == (b"", "0")


def test_a_body_is_form_encoded_without_a_request(stripe: FakeStripe) -> None:
    body = gateway_to(stripe.address).encode(
        "/v1/invoices/in_1/add_lines",
        {
            "lines": [{"amount": -500, "description": "5 € & more"}, {"amount": 0, "discountable": False}],
            "metadata": {"a b": "", "planctl_id": "1"},
        },
    )
    assert body.split(b"&") == [
        b"lines[0][amount]=-500",
        b"lines[0][description]=5+%E2%82%AC+%26+more",
        b"lines[1][amount]=0",
        b"lines[1][discountable]=false",
        b"metadata[a+b]=",
        b"metadata[planctl_id]=1",
    ]
    assert stripe.connections == 0


def test_several_requests_share_one_connection(stripe: FakeStripe) -> None:
    gateway = gateway_to(stripe.address, secret=stripe.key)
    for _ in range(3):
        assert gateway.send(stored()).outcome is Outcome.DONE
    assert stripe.connections == 1


# --- the surroundings


def test_proxies_netrc_and_other_certificates_change_nothing(
    server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    with Scripted(said({"id": "from the proxy"})) as proxy:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.address)
            monkeypatch.setenv(name.upper(), proxy.address)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "nothing.pem"))
        assert gateway_to(server.address).send(stored()).id == "prod_1"
        assert proxy.got == []
    assert server.got[0].headers["authorization"] == f"Bearer {SECRET}"


def test_nothing_is_told_of_the_machine_and_no_file_is_written(
    server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    gateway = gateway_to(server.address)
    for _ in range(2):  # what the library measures of one request it would send with the next
        gateway.send(stored())
    assert files_below(tmp_path) == []
    assert all("x-stripe-client-telemetry" not in one.headers for one in server.got)
    assert "platform" not in server.got[1].headers["x-stripe-client-user-agent"]
    assert "telemetry" not in server.got[1].headers["x-stripe-client-user-agent"]


class Recorder:
    """What the last hand before the socket is told, for a gateway to Stripe itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.urls: list[str] = []
        self.told: list[dict[str, Any]] = []
        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", self.send)
        clock = Clock()
        self.gateway = Gateway(Key(SECRET, False, False, "test"), "", clock.sleep, clock.read)

    def send(self, request: requests.PreparedRequest, **told: Any) -> requests.Response:
        self.urls.append(str(request.url))
        self.told.append(told)
        raise requests.exceptions.SSLError("self-signed certificate")


def test_certificates_are_always_verified_against_the_library_s_own_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    monkeypatch.setattr(library, "verify_ssl_certs", False)
    recorder = Recorder(monkeypatch)
    assert recorder.gateway.send(stored()).outcome is Outcome.LOST
    with pytest.raises(Busy):
        recorder.gateway.get("/v1/account")
    assert {one["verify"] for one in recorder.told} == {library.ca_bundle_path}
    assert Path(library.ca_bundle_path).is_relative_to(Path(library.__file__).parent)


def test_without_an_address_everything_goes_to_stripe_and_through_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(library, "api_base", "http://127.0.0.1:9")
    monkeypatch.setattr(library, "proxy", "http://127.0.0.1:9")
    recorder = Recorder(monkeypatch)
    recorder.gateway.send(stored())
    assert set(recorder.urls) == {"https://api.stripe.com/v1/products"}
    assert all(not one["proxies"] for one in recorder.told)


def test_stripe_may_be_silent_for_thirty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(monkeypatch)
    recorder.gateway.send(stored())
    assert {one["timeout"] for one in recorder.told} == {30}


# --- what comes back


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_answer_that_points_elsewhere_is_not_followed(status: int, method: str) -> None:
    with Scripted(DONE) as elsewhere:
        pointing = Said(b"", status, {"Location": f"{elsewhere.address}/v1/products"})
        with Scripted(pointing) as server:
            gateway = gateway_to(server.address)
            if method == "POST":
                assert gateway.send(stored()).outcome is Outcome.LOST
            else:
                with pytest.raises(Busy):
                    gateway.get("/v1/products/prod_1")
        assert elsewhere.got == []
        assert {one.path for one in server.got} <= {"/v1/products", "/v1/products/prod_1"}


def test_nor_is_one_that_points_to_the_same_place() -> None:
    with Scripted(Said(b"", 307, {"Location": "/v1/products"}), DONE) as server:
        assert gateway_to(server.address).send(stored()).outcome is Outcome.DONE
    assert len(server.got) == 2, "the second is the gateway's own second try"


def test_an_answer_that_breaks_off_says_nothing() -> None:
    with Scripted(Said(b'{"id": "prod_1"}', announced=17), DONE) as server:
        answer = gateway_to(server.address).send(stored())
        assert (answer.outcome, len(server.got)) == (Outcome.DONE, 2)


def test_silence_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TIMEOUT_SECONDS", 0.05)
    with Scripted(Said(held=True), Said(held=True), DONE) as server:
        answer = gateway_to(server.address).send(stored())
        assert (answer.outcome, len(server.got)) == (Outcome.DONE, 3)


def test_nobody_listening_is_a_connection_that_broke() -> None:
    with Scripted(DONE) as server:
        address = server.address
    answer = gateway_to(address).send(stored())
    assert (answer.outcome, answer.message) == (Outcome.LOST, "the connection to Stripe broke")


def test_a_packed_answer_is_unpacked() -> None:
    packed = Said(gzip.compress(DONE.body), 200, {"Content-Encoding": "gzip"})
    with Scripted(packed) as server:
        assert gateway_to(server.address).send(stored()).id == "prod_1"


def test_one_that_is_packed_wrongly_says_nothing() -> None:
    with Scripted(Said(b"no gzip", 200, {"Content-Encoding": "gzip"})) as server:
        assert gateway_to(server.address).send(stored()).outcome is Outcome.LOST


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_of_many_megabytes_is_read_and_one_without_an_end_is_not(
    monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    whole = b'{"id": "prod_1", "description": "' + b"x" * 4_000_000 + b'"}'
    answer = Said(gzip.compress(whole), 200, {"Content-Encoding": "gzip"}) if packed else Said(whole)
    with Scripted(answer) as server:
        gateway = gateway_to(server.address)
        monkeypatch.setattr(wire, "LONGEST_ANSWER", len(whole))
        assert gateway.send(stored()).id == "prod_1"
        monkeypatch.setattr(wire, "LONGEST_ANSWER", len(whole) - 1)
        assert gateway.send(stored()).outcome is Outcome.LOST
        monkeypatch.setattr(wire, "LONGEST_ANSWER", len(whole))
        assert gateway.send(stored()).id == "prod_1", "the connection that was cut off is not used again"
