"""What is attacked: each target makes the case of a number from valid input, by a seed; it runs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from planctl.core.catalog.shape import sealed
from tests.fakes.stripe.signing import body_of, header_of
from tests.reliability.fuzz import mutate
from tests.reliability.fuzz.argv import any_line
from tests.reliability.fuzz.cases import STORE, Case
from tests.reliability.fuzz.seeds import ACME, CORPUS, NOW, SAMPLES, SECRET, SHOP, world

Draw = Callable[[Random], Case]

FORMATS = ("table", "json", "ndjson", "csv", "markdown")


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of input: `draw` makes a case of chance alone, `quick` is how many cases `make test` tries."""

    name: str
    draw: Draw
    quick: int

    def case(self, seed: int, number: int) -> Case:
        """The case of a number under a seed, the same on every machine and in every process."""
        return self.draw(Random(f"{self.name} {seed} {number}"))


# --- catalogs

Catalog = Mapping[str, str]


@cache
def catalogs() -> tuple[Catalog, ...]:
    """Valid catalogs, each a directory: the tests' own, the samples, and a small one of most of what can be said."""
    found = [{"catalog.yaml": SHOP.read_text(encoding="utf-8")}]
    folders = [ACME, *(path for path in sorted(SAMPLES.iterdir()) if path.is_dir())]
    for folder in folders:
        found.append(
            {
                str(path.relative_to(folder)): path.read_text(encoding="utf-8")
                for path in sorted(folder.rglob("*.yaml"))
                if path.parent.name != "migrations"
            }
        )
    small = CORPUS / "small.yaml"
    return (*found, *[{"catalog.yaml": small.read_text(encoding="utf-8")}] * 20)


def catalog(random: Random) -> Case:
    """A catalog with one file changed: to be validated, seldom to be compared with the store or applied to it."""
    files = dict(random.choice(catalogs()))
    name = random.choice(list(files))
    others = [text for one in random.sample(catalogs(), 2) for text in one.values()]
    laid = {f"c/{name}": text.encode() for name, text in files.items()}
    laid[f"c/{name}"] = mutate.text(random, files[name], others)
    match random.randrange(20):
        case 0:
            return Case(("catalog", "apply", "c", "--yes"), laid)
        case 1:
            return Case(
                ("catalog", "diff", "c", "-f", random.choice(("table", "json", "markdown"))),
                laid,
                changes=NONE,
            )
        case _:
            return Case(
                ("catalog", "validate", "c", "-f", random.choice(("table", "table", "json"))),
                laid,
                changes=NONE,
            )


NONE: frozenset[int] = frozenset()


# --- usage

BY_ROW = frozenset({0, 1, 3, 5})
"""Usage is imported row by row: the good rows are kept beside the bad ones."""

USAGE = tuple(
    {"id": f"u{number}", "customer": customer, "event": event, "at": f"2026-01-0{3 + number % 3}T10:00:00Z",
     "quantity": quantity, "properties": properties}
    for number, (customer, event, quantity, properties) in enumerate((
        ("nova", "minutes", 5, {}), ("nova", "minutes", "2.5", {"agent": "ada"}), ("orion", "seats", 4, {}),
        ("nova", "chats", 10, {}), ("vega", "minutes", 1, {}), ("nova", "api.call", 1, {"status": "200"}),
        ("orion", "completion", 1, {"model": "large", "tokens": 512}), ("nova", "visit", 1, {"visitor_id": "v1"}),
        ("nova", "storage", "1.25", {}),
    ))
)  # fmt: skip


def usage(random: Random) -> Case:
    """A file of events with rows, fields and bytes changed, in each of the three formats."""
    rows = [dict(random.choice(USAGE)) for _ in range(random.choice((1, 2, 6, 20)))]
    kind = random.choice(("ndjson", "csv", "cloudevents"))
    data = {"ndjson": _ndjson, "csv": _csv, "cloudevents": _cloudevents}[kind](random, rows)
    more = ["--all-or-nothing"] * (random.random() < 0.1) + ["--allow-future"] * (random.random() < 0.1)
    if random.random() < 0.1:
        return Case(("usage", "import", "-", "--from", kind, *more), stdin=data, changes=BY_ROW)
    more += ["--rejects", "rejects.ndjson"] * (random.random() < 0.1)
    return Case(("usage", "import", "u", "--from", kind, *more), {"u": data}, changes=BY_ROW)


def _ndjson(random: Random, rows: list[dict[str, object]]) -> bytes:
    return b"\n".join(mutate.json_text(random, row) for row in rows) + b"\n"


def _cloudevents(random: Random, rows: list[dict[str, object]]) -> bytes:
    events = [
        {"specversion": "1.0", "id": row["id"], "source": "/fuzz", "type": row["event"], "subject": row["customer"],
         "time": row["at"], "data": {"quantity": row["quantity"], **dict(row["properties"])}}  # type: ignore[call-overload]
        for row in rows
    ]  # fmt: skip
    return _ndjson(random, events)


def _csv(random: Random, rows: list[dict[str, object]]) -> bytes:
    columns = list(USAGE[0])
    lines = [",".join(columns)]
    for row in rows:
        cells = [json.dumps(value) if isinstance(value, dict) else str(value) for value in row.values()]
        lines.append(
            ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' if "{" in cell else cell for cell in cells)
        )
    return mutate.text(random, "\n".join(lines) + "\n")


# --- other tables

_TABLES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "customers": (
        ("customer", "import"),
        "customer,name,email,currency,timezone,country,address,tax_id,locale,parent,fingerprint\n"
        "ada,Ada Ltd,a@b.example;c@d.example,EUR,Europe/Berlin,DE,Weg 1,DE123456789,de_DE,,f1\n"
        "bob,,,USD,,,,,,nova,\n",
    ),
    "subscriptions": (
        ("subscription", "import"),
        "customer,plan,pay,currency,start,billed_through,trial_ends,price,trial_used,quantity:seats,"
        "wallet:minutes,balance\n"
        "vega,starter,month,USD,2025-12-15,2026-01-14,,19,true,2,100,5.50\n",
    ),
    "payments": (
        ("payment", "import"),
        'date;amount;currency;reference\n2026-01-05;19,00;USD;INV-2026-00001\n2026-01-05;"1.000,00";EUR;orion\n',
    ),
}


def tables(random: Random) -> Case:
    """The tables of moving in and of a bank: customers, subscriptions, payments."""
    words, text = random.choice(list(_TABLES.values()))
    yes = ("--yes",) if words[0] == "subscription" else ()
    if random.random() < 0.15 and words[0] != "payment":
        header, row = (line.split(",") for line in text.splitlines()[:2])
        data = mutate.json_text(random, {key: value for key, value in zip(header, row, strict=True) if value})
        return Case((*words, "t.ndjson", *yes), {"t.ndjson": data})
    return Case((*words, "t.csv", *yes), {"t.csv": mutate.text(random, text)})


# --- plans that were saved, files of migrations

_MIGRATION = """\
title: Pro to newer terms
why: the price round of January
plan: pro
from: older
to: newest
at: renewal
select: {pay: [month, year], country: [DE, AT]}
exclude: {negotiated: true, customers: [vega]}
batches: {percent: [5, 25, 70]}
max_increase: 20%
"""


def plan(random: Random) -> Case:
    """A saved plan of the catalog, its checks mended or not; a file of a migration."""
    if random.random() < 0.5:
        words = random.choice((("migrate", "plan"), ("migrate", "apply"), ("migrate", "status")))
        yes = ("--yes",) if words[1] == "apply" else ()
        return Case((*words, "m.yaml", *yes), {"m.yaml": mutate.text(random, _MIGRATION)})
    data = mutate.json_text(random, world().plan)
    if random.random() < 0.7:
        data = _with_its_digest(data)
    files = {f"acme/{path.relative_to(ACME)}": path.read_bytes() for path in ACME.rglob("*.yaml")}
    return Case(("catalog", "apply", "--plan", "p.json", "--yes"), {"p.json": data, **files})


def _with_its_digest(data: bytes) -> bytes:
    """The plan with the checksum that fits what it says now, as somebody would write it who means harm."""
    try:
        document = json.loads(data, parse_float=str)
        document.pop("sha256", None)
        return json.dumps(sealed(document)).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        return data


# --- webhooks


def webhook(random: Random) -> Case:
    """An event of Stripe's and its signature, and the objects that Stripe shows when it is asked."""
    body = body_of(world().event)
    answers = {path: json.dumps(body).encode() for path, body in world().answers.items()}
    match random.randrange(4):
        case 0:
            body = mutate.json_text(random, world().event)
        case 1:
            body = mutate.bytes_of(random, body)
        case _:
            for path in random.sample(list(answers), random.randint(1, len(answers))):
                answers[path] = mutate.json_text(random, world().answers[path])
    header = header_of(body, [SECRET], NOW + random.choice((0, 0, 0, 0, 299, -300, 301, -301, 10**9)))
    if random.random() < 0.15:
        header = mutate.text(random, header).decode("utf-8", "replace").replace("\0", "")
    return Case(("stripe", "webhook", f"--signature={header}"), stdin=body, stripe=answers)


# --- the store's own file

_READS = (
    ("doctor",), ("customer", "list"), ("customer", "show", "nova"), ("plan", "list"), ("plan", "show", "pro"),
    ("subscription", "list"), ("invoice", "list"), ("invoice", "show", "INV-2026-00001"), ("status",),
    ("usage", "show", "nova"), ("check", "nova", "minutes"), ("wallet", "show", "nova"), ("audit", "log"),
    ("audit", "verify"), ("store", "info"), ("catalog", "history"), ("catalog", "export"), ("payment", "list"),
    ("invoice", "preview", "nova"), ("invoice", "explain", "INV-2026-00001"), ("stripe", "status"),
)  # fmt: skip
_KEPT_IN_PARTS = frozenset({0, 1, 74})
"""A run of the billing keeps what it did before it met the damage, and goes on from there."""
_WRITES = (
    ("config", "set", "seller.name", "Acme"), ("customer", "add", "mira", "--currency", "USD"),
    ("invoice", "run", "--as-of", "2026-02-03"), ("usage", "record", "nova", "minutes", "3"),
    ("payment", "record", "INV-2026-00001"), ("store", "backup", "copy.db"), ("store", "upgrade"),
    ("wallet", "buy", "nova", "minutes_1k", "--yes"),
)  # fmt: skip

PAGE = 4096


def store(random: Random) -> Case:
    """The file damaged in its header, at the head of a page, anywhere, cut off, or with a journal beside it."""
    words = random.choice(_READS) if random.random() < 0.7 else random.choice(_WRITES)
    data = bytearray(world().store)
    beside: dict[str, bytes] = {}
    match random.randrange(8):
        case 0:
            _damage(random, data, random.randrange(100))
        case 1 | 2:
            _damage(random, data, PAGE * random.randrange(len(data) // PAGE) + random.randrange(16))
        case 3 | 4 | 5:
            _damage(random, data, random.randrange(len(data)))
        case 6:
            del data[random.choice((0, 1, 99, 100, 512, PAGE, random.randrange(len(data)))) :]
        case _:
            beside = _beside(random)
    changes = _KEPT_IN_PARTS if words[:2] == ("invoice", "run") else frozenset({0, 1})
    return Case(words, beside, store=bytes(data), changes=changes, recovers=bool(beside))


def _damage(random: Random, data: bytearray, at: int) -> None:
    length = random.choice((1, 1, 2, 4, 16, 200))
    new = random.choice((bytes(length), b"\xff" * length, random.randbytes(length), bytes([data[at] ^ 1])))
    data[at : at + len(new)] = new[: len(data) - at]


def _beside(random: Random) -> dict[str, bytes]:
    """A journal or a log of writes that nobody made: empty, noise, or with the head of a real one."""
    head = (
        b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
        + random.choice((b"\xff" * 4, b"\x00\x00\x00\x01"))
        + random.randbytes(16)
    )
    page = random.randbytes(PAGE)
    content = random.choice(
        (b"", random.randbytes(600), head, head + bytes(484) + b"\x00\x00\x00\x01" + page)
    )
    return {f"{STORE}{random.choice(('-journal', '-journal', '-wal', '-shm'))}": content}


# --- settings


def settings(random: Random) -> Case:
    """planctl.toml and the variables, before a command that reads them all."""
    words = random.choice(
        (("config", "show"), ("status",), ("plan", "list"), ("store", "info"), ("audit", "verify"))
    )
    environment = {}
    for name in random.sample(_VARIABLES, random.choice((0, 0, 1, 2))):
        environment[name] = _variable(mutate.word(random))
    text = mutate.text(random, _TOML) if random.random() < 0.8 else _TOML.encode()
    if random.random() < 0.7:
        environment.setdefault("PLANCTL_STORE", STORE)
    return Case(words, {"planctl.toml": text}, environment=environment, changes=NONE)


_TOML = """\
store = "main"
format = "table"
operator = "ada"
wait = 5

[stores]
main = "store.db"
prod = { url = "store.db", protected = true }
other = { url = "sqlite:///other.db" }
"""
_VARIABLES = (
    "PLANCTL_STORE", "PLANCTL_AS_OF", "PLANCTL_FORMAT", "PLANCTL_OPERATOR", "PLANCTL_WAIT", "COLUMNS", "LC_ALL",
    "LANG", "NO_COLOR", "TERM", "TZ", "HOME", "XDG_CONFIG_HOME", "PLANCTL_STORE_EXTRA", "STRIPE_API_BASE",
)  # fmt: skip


def _variable(word: str) -> str:
    """What an environment can hold; no path that leads out of the working directory."""
    return (
        word.encode("utf-8", "surrogateescape" if word.isascii() else "replace")
        .decode("utf-8", "replace")
        .replace("\0", "")
        .replace("/", "|")
    )


# --- the command line


def argv(random: Random) -> Case:
    """Every command with words, options, numbers and dates of its own or of somebody else's."""
    return Case(any_line(random), _lying_about())


@cache
def _lying_about() -> dict[str, bytes]:
    files = {f"acme/{path.relative_to(ACME)}": path.read_bytes() for path in sorted(ACME.rglob("*.yaml"))}
    return {
        **files,
        "plan.json": json.dumps(world().plan).encode(),
        "m.yaml": _MIGRATION.encode(),
        "usage.ndjson": b"".join(json.dumps(row).encode() + b"\n" for row in USAGE),
        "customers.csv": _TABLES["customers"][1].encode(),
        "subscriptions.csv": _TABLES["subscriptions"][1].encode(),
        "bank.csv": _TABLES["payments"][1].encode(),
    }


TARGETS: Mapping[str, Target] = {
    one.name: one
    for one in (
        Target("catalog", catalog, 12_000),
        Target("usage", usage, 1_200),
        Target("tables", tables, 800),
        Target("plan", plan, 700),
        Target("webhook", webhook, 600),
        Target("argv", argv, 2_000),
        Target("settings", settings, 3_000),
        Target("store", store, 300),
    )
}


def corpus_files() -> list[Path]:
    """Inputs that broke a rule once."""
    return sorted((CORPUS / "found").glob("*.json"))
