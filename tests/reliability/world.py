"""A small, rich store made by commands, and every write command of the program with words that succeed on it.

What is done to them (killed, run side by side, replayed) is the business of the harnesses. The store is a test store:
its clock is free and it may be copied anywhere.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from planctl import clock, identifiers
from planctl.__main__ import main
from planctl.cli import who
from planctl.cli.app import WORDS, loaded
from planctl.core.audit import AuditEntry
from planctl.core.periods import Instant
from planctl.core.stripe.model import Call, State
from planctl.store import audit, customers, stripe_account, stripe_outbox
from planctl.store.engine import Tx, open_store
from tests import stores
from tests.fakes.stripe import FakeStripe

STORE = "store.db"
"""The store's file in the folder of a world."""

AS_OF = "2026-02-10"
"""When every command of COMMANDS is run, unless its own words say otherwise."""

NOW = 1_770_681_600_000_000
"""The same instant in microseconds: 2026-02-10T00:00:00Z is day 20,494."""

NEW_YEAR = 1_767_225_600_000_000

CATALOG = """\
format: planctl.catalog/1
catalog: world
currencies: {USD: , EUR: }
defaults: {due: 30 days, grace: 30 days, packs: true}
taxes:
  vat_de: {name: VAT, country: DE, rate: 19%}
features:
  minutes: {type: metered, unit: minute}
  seats: {type: metered, unit: seat, reset: never}
groups:
  main: {order: [free, a, b], switch: {up: now, down: at renewal}}
  asks: {order: [low, high], switch: {up: now, down: on approval}}
coupons:
  fifth: {off: 20%, for: 3 periods}
  tenner: {off: {USD: 10, EUR: 9}, for: once}
plans:
  free: {group: main, price: free, features: {minutes: 10}}
  a:
    group: main
    price: {month: {USD: 30, EUR: 28}, year: {USD: 300, EUR: 280}}
    features:
      minutes: {included: 100, beyond: {charge: usage, each: {USD: 0.10, EUR: 0.09}}}
      seats: {included: 2, beyond: {charge: prepaid, each: {month: {USD: 5, EUR: 5}, year: {USD: 50, EUR: 50}}}}
  b:
    group: main
    price: {month: {USD: 60, EUR: 56}}
    features: {minutes: {included: 200, beyond: {charge: usage, each: {USD: 0.08, EUR: 0.07}}}, seats: 5}
  low: {group: asks, price: {month: {USD: 10, EUR: 9}}}
  high: {group: asks, price: {month: {USD: 20, EUR: 18}}}
  tried: {trial: 14 days, price: {month: {USD: 12, EUR: 11}}}
  strict: {due: 5 days, grace: 1 days, price: {month: {USD: 7}}}
  vip: {only_for: {list: friends}, price: {month: {USD: 1, EUR: 1}}}
addons:
  extra: {requires: [a, b], price: {month: {USD: 3, EUR: 3}}, features: {minutes: 20}}
  pack: {requires: [a, b], quantity: 1..9, price: {once: {USD: 8, EUR: 7}}, wallet: {minutes: 70}, expires: 12 months}
"""

MIGRATION = """\
title: A to its newest terms
why: the price round of February
plan: a
from: older
to: newest
at: renewal
"""

EARLIER = MIGRATION.replace("A to its", "Most of A to its") + "exclude: {customers: [atlas, pavo]}\n"

USAGE = "".join(
    f'{{"id": "u{day}", "customer": "{name}", "event": "minutes", "quantity": {day}, "at": "2026-02-{day:02}"}}\n'
    for day in range(1, 9)
    for name in ("nova", "orion")
)

FILES = {
    "catalog/catalog.yaml": CATALOG,
    "new/catalog.yaml": CATALOG.replace(
        "price: {month: {USD: 12, EUR: 11}}", "price: {month: {USD: 13, EUR: 12}}"
    ),
    "a-v2.yaml": MIGRATION,
    "a-v1.yaml": EARLIER,
    "usage.ndjson": USAGE,
    "people.csv": "customer,name,currency,country\nmars,Mars,USD,DE\nmuir,Muir,EUR,FR\n",
    "moved.csv": "customer,plan,pay,currency,start\nidle,tried,month,USD,2025-12-10\nidle,high,month,USD,2026-01-31\n",
    "bank.csv": "date,amount,currency,reference\n2026-02-09,12.34,USD,INV-2026-00008\n2026-02-09,1.00,USD,nobody\n",
}
"""What lies in the folder beside the store."""


@dataclass(frozen=True, slots=True)
class Command:
    """A write command: `name` as the program knows it, and words for it that succeed on a fresh world.

    `said` comes in on standard input. `steps`: it takes several transactions, and goes on where it stopped.
    `keyed` False: it does not take `--key`; `reasoned` False: nor `--reason`. `code` is its exit code.
    `stripe`: it talks to the fake.
    """

    name: str
    argv: tuple[str, ...]
    said: str = ""
    code: int = 0
    steps: bool = False
    keyed: bool = True
    reasoned: bool = True
    stripe: bool = False
    files: tuple[str, ...] = field(default=())
    """Files and folders that it makes or changes, relative to the world's folder."""

    @property
    def words(self) -> tuple[str, ...]:
        """Its words with those of every write: when it is, that it is meant, and why."""
        reason = ("--reason", "a drill") if self.reasoned else ()
        return ("--as-of", AS_OF, "--yes", *reason, *self.argv)


def _command(line: str, *more: str, **said: Any) -> Command:
    """A command of one line; its name is the words before the first that is not one of the program's."""
    words = (*line.split(), *more)
    name = words[0] if words[0] in SINGLE else " ".join(words[:2])
    return Command(name, words, **said)


SINGLE = frozenset(name for name, word in WORDS.items() if not word.is_group)
"""First words that are commands themselves."""

PAGES = "--success-url https://a.example/y --cancel-url https://a.example/n"

COMMANDS: tuple[Command, ...] = (
    _command("init made --test --store made/books.db", keyed=False, files=("made",)),
    _command("plan create extra_plan --price month:USD=5 --feature minutes=5"),
    _command("plan edit low --outside --set price.month.USD=11"),
    _command("plan archive high --outside"),
    _command("plan unarchive old"),
    _command("plan activate hidden"),
    _command("plan deactivate low --outside"),
    _command("plan recommend b --outside"),
    _command("plan purge spare"),
    _command("plan allow vip orion"),
    _command("plan disallow vip nova"),
    _command("feature create chats --type metered --unit chat"),
    _command("feature edit minutes --name Voice --outside"),
    _command("feature archive unused"),
    _command("assign vega b --pay month"),
    _command("unassign vega low"),
    _command("subscribe vega b --pay month"),
    _command("usage record nova minutes 7 --id one --at 2026-02-09"),
    _command("usage import usage.ndjson", steps=True),
    _command("invoice run", steps=True),
    _command("invoice void INV-2026-00002 --reissue"),
    _command("invoice write-off INV-2026-00002"),
    _command("catalog apply new"),
    _command("catalog rollback 1"),
    _command("catalog pull catalog", keyed=False, reasoned=False, files=("catalog",)),
    _command("prices set a month USD 31", keyed=False, reasoned=False, files=("catalog",)),
    _command("customer add mira --currency USD --email mira@books.example"),
    _command("customer update nova --name", "Nova & Sons"),
    _command("customer import people.csv"),
    _command("customer archive idle"),
    _command("subscription quantity nova/a seats=5"),
    _command("subscription cancel orion/a --at now --refund prorated"),
    _command("subscription pause nova/low"),
    _command("subscription resume vega/high"),
    _command("subscription lock nova/a"),
    _command("subscription unlock orion/a"),
    _command("subscription extend vega/tried --trial 5"),
    _command("subscription import moved.csv"),
    _command("change request nova b"),
    _command("change now nova b"),
    _command("change approve orion/low --at now"),
    _command("change reject orion/low"),
    _command("migrate apply a-v2.yaml --all", steps=True),
    _command("migrate undo a-v1", steps=True),
    _command("wallet buy nova pack --quantity 2"),
    _command("wallet grant nova minutes 25 --expires", "1 month"),
    _command("wallet void nova {grant}"),
    _command("payment record INV-2026-00002"),
    _command("payment import bank.csv", code=1),
    _command("payment refund {payment} 5.00"),
    _command("credit-note create INV-2026-00001 --line 1=10.00 --to refund"),
    _command("coupon apply nova/low tenner"),
    _command("coupon remove orion/a fifth"),
    _command("hold clear sirius"),
    _command("config set seller.name", "World & Co"),
    _command("store backup saved.db", keyed=False, reasoned=False, files=("saved.db",)),
    _command("store copy store.db twin.db", keyed=False, reasoned=False, files=("twin.db",)),
    _command("store upgrade", keyed=False),
    _command("store restore old.db restored.db", keyed=False, reasoned=False, files=("restored.db",)),
    _command("store adopt --after INV-2026-00020"),
    _command("stripe setup", stripe=True),
    _command("stripe push", stripe=True, steps=True),
    _command("stripe pull", stripe=True, steps=True),
    _command(f"stripe checkout atlas low {PAGES}", stripe=True, steps=True),
    _command("stripe portal nova", stripe=True, steps=True),
    _command("stripe webhook --signature {signature}", said="{event}", stripe=True, steps=True),
    _command("stripe resolve {operation} --drop", stripe=True),
)
"""Every write command but those of LEFT_OUT."""

LEFT_OUT = {
    "access grant": "only a store on PostgreSQL has roles: its tests run there",
    "access revoke": "only a store on PostgreSQL has roles: its tests run there",
}
"""Write commands that are not in COMMANDS, and why."""


def declared() -> set[str]:
    """Every write command that the program declares."""
    found = set()
    for name, word in WORDS.items():
        command = loaded(name, word)
        subs = (
            {f"{name} {sub}": one for sub, one in command.commands.items()}
            if word.is_group
            else {name: command}
        )
        found |= {full for full, one in subs.items() if one.is_write}
    return found


# --- one world


SMALL = {
    "planctl.workflows.run_invoices.PAGE": 2,
    "planctl.workflows.migrate_subscriptions.CHUNK": 1,
    "planctl.workflows.record_usage.by_file.ROWS": 5,
}
"""How much goes into one transaction: little, so that a small world takes several."""


@contextmanager
def frozen(first: int = 0) -> Iterator[None]:
    """The clock stands at NOW, ids are counted from `first`, and everybody sits at the same place.

    Two runs of one command on equal stores then write equal rows. Two that begin with different numbers make
    different ids.
    """
    counter = iter(range(first, 1 << 60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW)
        patch.setattr(clock, "elapsed_ms", lambda _since: 1_000)
        patch.setattr(identifiers, "_tail", lambda _prefix, _at: next(counter))
        patch.setattr(who, "origin", lambda: {"uid": "0", "login": "drill"})
        for name, size in SMALL.items():
            patch.setattr(name, size)
        yield


def place(folder: Path) -> dict[str, str]:
    """The environment of a command in a world's folder."""
    return {
        "PLANCTL_STORE": stores.address(folder / STORE),
        "STRIPE_API_KEY_FILE": str(folder / "stripe.key"),
        "STRIPE_WEBHOOK_SECRET_FILE": str(folder / "webhook.secret"),
    }


def make(folder: Path, stripe: FakeStripe) -> dict[str, str]:
    """Make the world in a folder; what its commands call by ids that nobody can foresee: grant, payment, operation.

    `stripe` is the fake, whose clock is set to NOW; it is left with what belongs to this world.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name, text in (("stripe.key", stripe.key), ("webhook.secret", stripe.webhook_secret)):
        (folder / name).write_text(f"{text}\n", encoding="ascii")
        (folder / name).chmod(0o600)
    stripe.clock.now = NOW // 1_000_000
    out = io.StringIO()
    with frozen(1 << 40), redirect_stdout(out), redirect_stderr(out), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in {**place(folder), "STRIPE_API_BASE": stripe.address}.items():
            patch.setenv(name, value)
        stores.url(folder / STORE)
        for at, line in _steps():
            _done(at, line)
        return _names(folder, stripe)


HISTORY = {
    "2026-01-01": """
        init . --test
        catalog apply catalog/catalog.yaml
        plan create old --price month:USD=1
        plan archive old
        plan create hidden --price month:USD=1
        plan edit hidden --set visibility=inactive
        plan create spare --price month:USD=1
        feature create unused --type boolean
        plan allow vip nova
        customer add nova --currency USD --country DE --email nova@books.example --payment-method card
        customer add orion --currency USD --email orion@books.example --payment-method invoice
        customer add vega --currency USD --email vega@books.example
        customer add sirius --currency EUR
        customer add lyra --currency USD --email lyra@books.example
        customer add atlas --currency EUR
        customer add pavo --currency USD
        customer add idle --currency USD
        subscribe nova a --pay month --quantity seats=3
        subscribe orion a --pay month --coupon fifth
        wallet grant nova minutes 40
        wallet buy nova pack
        stripe setup
    """,
    "2026-01-02": """
        payment record INV-2026-00001 --reference first
        subscribe sirius a --pay month
        usage record nova minutes 130 --id early --at 2026-01-02
    """,
    "2026-01-05": """
        subscribe lyra strict
        subscribe atlas a --pay month
        subscribe pavo a --pay month
        plan edit a --outside --set price.month.USD=33
        assign vega low --pay month
    """,
    "2026-01-20": """
        subscribe orion low
        change request orion high
        subscribe nova low
        subscribe vega high
    """,
    "2026-02-01": """
        subscribe vega tried
    """,
    "2026-02-02": """
        invoice run
        stripe push
        customer add zeta --currency USD --email zeta@books.example --payment-method invoice
        subscribe zeta low
        subscription cancel vega/high
        subscription lock orion/a
        migrate apply a-v1.yaml --all
        store backup old.db
    """,
}
"""How the world came to be: the commands of each day."""


def _steps() -> Iterator[tuple[str, str]]:
    for at, lines in HISTORY.items():
        for line in lines.strip().splitlines():
            yield at, line.strip()


def _done(at: str, line: str) -> None:
    if line.startswith("store backup") and os.environ["PLANCTL_STORE"].startswith("postgresql:"):
        return  # a server has backups of its own
    reason = () if line.startswith("store backup") else ("--reason", "history")
    code = main(["--as-of", at, "--yes", "--quiet", *reason, *line.split()])
    assert code == 0, f"{line} left with {code}"


def _names(folder: Path, stripe: FakeStripe) -> dict[str, str]:
    with open_store(stores.url(folder / STORE)) as store, store.write() as tx:
        customers.put_hold(tx, "sirius", "disputed", "ask Anna", NEW_YEAR)
        operation = _parked(tx)
        audit.append(tx, AuditEntry(Instant(NEW_YEAR), "drill", "history"))
        grant = tx.connection.exec_driver_sql("SELECT id FROM wallet_grant ORDER BY id").scalars().first()
        payment = tx.connection.exec_driver_sql("SELECT id FROM payment ORDER BY id").scalars().first()
    (sent,) = [
        one for one in stripe.objects("invoice") if one["metadata"]["planctl_number"] == "INV-2026-00002"
    ]
    stripe.pay_invoice(sent["id"])
    event = next(one["id"] for one in stripe.events if one["type"] == "invoice.paid")
    body, signature = stripe.signed(event, at=NOW // 1_000_000)
    names = {"grant": str(grant), "payment": str(payment), "operation": operation}
    return {**names, "event": body.decode(), "signature": signature}


def _parked(tx: Tx) -> str:
    """A call that was sent to Stripe and waits for a person; its id."""
    account = stripe_account.account(tx)
    call = Call("coupon", "nobody", "create", "/v1/coupons", links=True)
    one = stripe_outbox.add(tx, account, call, "planctl:drill:coupon:nobody:create:1", b"", Instant(NEW_YEAR))
    note = "400 parameter_invalid No such thing"
    parked = replace(one, state=State.PARKED, first_sent_at=Instant(NEW_YEAR), tries=1, note=note)
    stripe_outbox.save(tx, parked)
    return one.id
