"""Carries out what a page of the documentation says that people do at Stripe, so that its sessions can go on.

Such a sentence stands in a line of its own: `> At Stripe, nova pays the open invoice.`
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from planctl import clock
from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.faults import Fault
from tests.fakes.stripe.objects import Object

Act = Callable[[FakeStripe, re.Match[str]], object]


def sentences_of(markdown: str) -> list[tuple[int, str]]:
    """What a page says that happens at Stripe, each with its line."""
    lines = enumerate(markdown.splitlines(), start=1)
    return [(number, line[2:]) for number, line in lines if line.startswith("> At Stripe, ")]


def carry_out(fake: FakeStripe, sentence: str) -> None:
    """Let what a sentence says happen; ValueError where nobody knows how."""
    for pattern, act in _ACTS.items():
        found = re.fullmatch(f"At Stripe, {pattern}", sentence)
        if found is not None:
            act(fake, found)
            return
    raise ValueError(f"nobody knows how to do this: {sentence}")


def keep_time(fake: FakeStripe) -> None:
    """Let the fake's clock be the program's."""
    # The sessions of a page run as processes: those have no clock but the machine's, and compare it with Stripe's.
    fake.clock.now = clock.now() // 1_000_000
    fake.hooks.before.append(lambda _: setattr(fake.clock, "now", clock.now() // 1_000_000))


def settings(fake: FakeStripe, folder: Path) -> dict[str, str]:
    """The environment in which planctl finds the fake, its key and its webhook secret, as files in `folder`."""
    found = {"STRIPE_API_BASE": fake.address}
    for name, text in {"STRIPE_API_KEY": fake.key, "STRIPE_WEBHOOK_SECRET": fake.webhook_secret}.items():
        path = folder / name.lower()
        path.write_text(f"{text}\n", encoding="ascii")
        path.chmod(0o600)
        found[f"{name}_FILE"] = str(path)
    return found


def _customer(fake: FakeStripe, name: str) -> str:
    (found,) = [one for one in fake.objects("customer") if one["metadata"].get("planctl_id") == name]
    return str(found["id"])


def _last(fake: FakeStripe, kind: str, status: str, who: str) -> Object:
    """The newest object of a customer in a status."""
    owner = _customer(fake, who)
    return [one for one in fake.objects(kind) if (one["customer"], one["status"]) == (owner, status)][-1]


def _pays_invoice(fake: FakeStripe, found: re.Match[str]) -> None:
    fake.pay_invoice(_last(fake, "invoice", "open", found["who"])["id"])


def _pays_page(fake: FakeStripe, found: re.Match[str]) -> None:
    fake.pay_session(_last(fake, "checkout.session", "open", found["who"])["id"])


def _refunds(fake: FakeStripe, found: re.Match[str]) -> None:
    fake.refund(_intent(fake, found["who"]), int(found["amount"].replace(".", "")))


def _disputes(fake: FakeStripe, found: re.Match[str]) -> None:
    fake.dispute(_intent(fake, found["who"]))


def _intent(fake: FakeStripe, who: str) -> str:
    return str(_last(fake, "payment_intent", "succeeded", who)["id"])


def _renames(fake: FakeStripe, found: re.Match[str]) -> None:
    (product,) = [one for one in fake.objects("product") if one["metadata"]["planctl_id"] == found["product"]]
    fake.edit(product["id"], name=found["name"])


def _fails(fake: FakeStripe, _: re.Match[str]) -> None:
    fake.faults.add(Fault("POST", r"/v1/invoices$", "500"))


_ACTS: dict[str, Act] = {
    r"(?P<who>\w+) pays the open invoice\.": _pays_invoice,
    r"(?P<who>\w+) pays on the page\.": _pays_page,
    r"somebody gives (?P<who>\w+) (?P<amount>\d+\.\d\d) USD back\.": _refunds,
    r"the bank takes (?P<who>\w+)'s payment back\.": _disputes,
    r"somebody renames the product (?P<product>\w+) to (?P<name>.+)\.": _renames,
    r"something breaks when the next invoice is made\.": _fails,
}
"""What can happen, in the words of the pages."""
