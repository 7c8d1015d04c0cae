"""Stripe's own command as a second client: what it makes and what planctl's gateway makes is one and the same.

It is driven against the loopback fake; a dead proxy keeps it from anything beyond this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stripe_bridge.sides import Side, fake_side

INSTALLED = (
    Path(__file__).parents[1] / "stripe_cli" / "node_modules" / "@stripe" / "cli-linux-x64" / "bin" / "stripe"
)
NOWHERE = "http://127.0.0.1:9"
"""The port that discards; a request to anywhere but a loopback address goes here and fails."""

SLOWEST = 300
"""Seconds; no test waits that long, and none hangs."""


def program(home: Path) -> str:
    """The command in tests/stripe_cli, else on the path; another program of that name is not it."""
    found = str(INSTALLED) if INSTALLED.is_file() else shutil.which("stripe")
    if found is None:
        pytest.skip("needs the official stripe command: tests/stripe_cli/README.md")
    said = subprocess.run(
        [found, "--version"], capture_output=True, text=True, timeout=SLOWEST, env=quiet(home)
    )
    if not said.stdout.startswith("stripe version "):
        pytest.skip(f"needs the official stripe command: {found} is another program")
    return found


def quiet(home: Path) -> dict[str, str]:
    """An environment without a key, an account, telemetry or a way out of this machine."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
        "DO_NOT_TRACK": "1",
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "NO_COLOR": "1",
    }


@dataclass(frozen=True, slots=True)
class Command:
    """The command, bound to the fake and its key."""

    program: str
    home: Path
    side: Side

    def __call__(self, *words: str) -> Any:
        """Run it and read its answer; numbers with a fraction stay text, as the gateway reads them."""
        assert self.side.fake is not None
        bound = ("--api-base", self.side.fake.address, "--api-key", self.side.fake.key, "--color", "off")
        result = subprocess.run(
            [self.program, *words, *bound],
            env=quiet(self.home),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SLOWEST,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout, parse_float=str)


@pytest.fixture
def side() -> Iterator[Side]:
    with fake_side() as made:
        yield made


@pytest.fixture
def stripe(tmp_path: Path, side: Side) -> Command:
    return Command(program(tmp_path), tmp_path, side)


def test_a_catalog_made_by_the_command_is_what_the_gateway_reads(stripe: Command, side: Side) -> None:
    product = stripe("products", "create", "--name", "Gym", "-d", "metadata[planctl_id]=gym")
    price = stripe(
        *("prices", "create", "--currency", "eur", "--unit-amount", "1999", "--product", product["id"]),
        *("--recurring.interval", "month", "--lookup-key", "planctl/acme/gym/month"),
    )
    assert (product["name"], price["unit_amount"], price["recurring"]["interval"]) == ("Gym", 1999, "month")
    assert side.get(f"/v1/products/{product['id']}") == product
    assert side.listed("/v1/prices", lookup_keys=["planctl/acme/gym/month"]) == [price]


def test_an_invoice_made_by_the_command_is_what_the_gateway_reads(stripe: Command, side: Side) -> None:
    """29.00 with 5.51 tax, less 5.00: 29.51."""
    customer = stripe("customers", "create", "--name", "Anna Beispiel", "--email", "anna@example.com")
    draft = stripe(
        *("invoices", "create", "--customer", customer["id"], "--currency", "eur", "--auto-advance=false"),
        *("--collection-method", "send_invoice", "--days-until-due", "30"),
        *("--pending-invoice-items-behavior", "exclude"),
    )
    path = f"/v1/invoices/{draft['id']}"
    data = {
        "lines[0][amount]": "2900",
        "lines[0][description]": "Gym",
        "lines[0][tax_amounts][0][amount]": "551",
        "lines[0][tax_amounts][0][taxable_amount]": "2900",
        "lines[0][tax_amounts][0][tax_rate_data][display_name]": "VAT",
        "lines[0][tax_amounts][0][tax_rate_data][inclusive]": "false",
        "lines[0][tax_amounts][0][tax_rate_data][percentage]": "19",
        "lines[1][amount]": "-500",
        "lines[1][description]": "Coupon",
    }
    stripe("post", f"{path}/add_lines", *(word for pair in data.items() for word in ("-d", "=".join(pair))))
    final = stripe("invoices", "finalize_invoice", draft["id"], "--auto-advance=false")
    assert (final["status"], final["total"], final["amount_due"]) == ("open", 2951, 2951)
    assert side.get(path) == final
    assert [(line["amount"], line["description"]) for line in side.listed(f"{path}/lines")] == [
        (2900, "Gym"),
        (-500, "Coupon"),
    ]
    listed = stripe("invoices", "list", "--customer", customer["id"])
    assert listed["data"] == side.listed("/v1/invoices", customer=customer["id"]) == [final]


def test_what_the_gateway_makes_is_what_the_command_reads(stripe: Command, side: Side) -> None:
    customer = side.customer(email="anna@example.com", address={"line1": "Hauptstr. 1", "country": "DE"})
    invoice = side.open(customer, 2500)
    assert stripe("customers", "retrieve", customer) == side.get(f"/v1/customers/{customer}")
    assert stripe("get", f"/v1/invoices/{invoice}") == side.get(f"/v1/invoices/{invoice}")
    page = stripe("get", "/v1/invoices", "-d", f"customer={customer}", "--limit", "1")
    assert (page["object"], page["has_more"], [one["id"] for one in page["data"]]) == (
        "list",
        False,
        [invoice],
    )


def test_an_idempotency_key_holds_between_the_two_clients(stripe: Command, side: Side) -> None:
    made = side.send("/v1/customers", {"name": "Anna"}, "planctl:store:customer:anna:create:1")
    key = ("-i", "planctl:store:customer:anna:create:1")
    assert stripe("customers", "create", "--name", "Anna", *key) == made.body
    assert stripe("customers", "create", "--name", "Berta", *key)["error"]["type"] == "idempotency_error"
    assert [one["name"] for one in side.listed("/v1/customers")] == ["Anna"]


def test_the_command_is_told_what_is_not_there_in_stripes_words(stripe: Command) -> None:
    error = stripe("customers", "retrieve", "cus_none")["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error",
        "resource_missing",
        "id",
    )
