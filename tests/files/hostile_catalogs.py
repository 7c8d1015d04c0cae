"""Catalogs made to hurt, and a runner that gives each to the real program with little memory.

The suite asserts how each is refused; benchmarks/hostile.py prints how long that takes. Every case is laid into
an empty directory by its own function, so that nothing of it exists in the repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MEGABYTE = 1024 * 1024
MEMORY = 300 * MEGABYTE
"""What the program may address while it refuses a catalog."""

Lay = Callable[[Path], None]

HEAD = """\
format: planctl.catalog/1
catalog: hostile
currencies: {USD: , EUR: }
features: {calls: {type: metered}, seats: {type: metered, reset: never}, apps: {type: list, values: [mail]}}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A catalog: how it is laid into a directory, which rule refuses it, and with which exit code.

    `file` is where the first finding of that rule must stand, as the program prints it (`plans.yaml:9:5`, or
    the beginning of it).
    """

    name: str
    lay: Lay
    rule: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the program did with a case: its exit code, its words, milliseconds of its own, its largest size."""

    name: str
    exit_code: int
    stdout: str
    stderr: str
    milliseconds: float
    megabytes: float


RUNNER = """
import json, os, resource, sys, time
from planctl.__main__ import main
from planctl.cli import boundary, catalog
import planctl.core.catalog.parse, planctl.files.yaml_reader, planctl.files.git, planctl.views.catalog
import planctl.views.findings, planctl.workflows.apply_catalog, subprocess
memory = int(sys.argv[1])
with open("warm.yaml", "w") as warm:
    warm.write("a: [")
main(["--quiet", "catalog", "validate", "warm.yaml"])
os.remove("warm.yaml")
sys.stdout.flush(), sys.stderr.flush()
for name in json.load(sys.stdin):
    began = time.perf_counter()
    child = os.fork()
    if not child:
        for number, kind in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{name}.{kind}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), number)
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.chdir(name)
        code = main(["catalog", "validate"])
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    _, status, used = os.wait4(child, 0)
    spent = (time.perf_counter() - began) * 1000
    print(json.dumps([name, os.waitstatus_to_exitcode(status), spent, used.ru_maxrss / 1024]), flush=True)
"""


def run_all(cases: list[Case], folder: Path, *, timeout: float = 600) -> dict[str, Outcome]:
    """Validate each case in a process of its own, forked from one that has imported everything.

    So the time is the program's own work, without the interpreter's start; `folder` is empty and is filled.
    """
    for number, case in enumerate(cases):
        place = folder / str(number) / "catalog"
        place.mkdir(parents=True)
        case.lay(place)
    answer = subprocess.run(
        [sys.executable, "-c", RUNNER, str(MEMORY)],
        input=json.dumps([str(number) for number in range(len(cases))]),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if answer.returncode != 0:
        raise RuntimeError(answer.stderr)
    found = {}
    for line in answer.stdout.splitlines():
        if line.startswith("["):
            number, code, spent, used = json.loads(line)
            name = cases[int(number)].name
            out, err = (read(folder / f"{number}.{kind}") for kind in ("out", "err"))
            found[name] = Outcome(name, code, out, err, spent, used)
    return found


def read(path: Path) -> str:
    """What a case printed."""
    return path.read_text(encoding="utf-8")


# --- how catalogs are laid


def one(text: str | bytes, name: str = "catalog.yaml") -> Lay:
    """A directory with this file alone."""

    def lay(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)

    return lay


def beside(text: str | bytes, name: str = "plans.yaml") -> Lay:
    """A head with two currencies and three features, and this file beside it."""

    def lay(folder: Path) -> None:
        one(HEAD)(folder)
        one(text, name)(folder)

    return lay


def linked(target: str, name: str = "plans.yaml") -> Lay:
    """A head, and a link of this name to `target`."""

    def lay(folder: Path) -> None:
        one(HEAD)(folder)
        (folder / name).symlink_to(target)

    return lay


def fifo(folder: Path) -> None:
    """A head, and a pipe that nobody writes into."""
    one(HEAD)(folder)
    os.mkfifo(folder / "plans.yaml")


def huge_file(folder: Path) -> None:
    """A head, and a file of 100 MB."""
    one(HEAD)(folder)
    with (folder / "plans.yaml").open("wb") as stream:
        stream.truncate(100 * MEGABYTE)


def many_files(folder: Path) -> None:
    """100,000 plans, a thousand in each of a hundred files."""
    one(HEAD)(folder)
    for file in range(100):
        plans = "".join(f"  p{file}_{number}: {{price: free}}\n" for number in range(1_000))
        one("plans:\n" + plans, f"plans/{file:03}.yaml")(folder)


def nothing(folder: Path) -> None:
    """An empty directory."""


def plan(terms: str) -> Lay:
    """A plan `p` with these terms, a line each below its id."""
    return beside("plans:\n  p:\n" + "".join(f"    {line}\n" for line in terms.splitlines()))


def charged(price: str) -> Lay:
    """A plan whose calls are charged so."""
    return plan(
        "price: {month: {USD: 5}}\nfeatures:\n  calls:\n    included: 5\n    beyond:\n"
        f"      charge: usage\n      {price}"
    )


BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 9)}]\n"
    for below, name in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [*{below}, *{below}, *{below}]}}\n"
    for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)
NINES = "9" * 100_000
CIRCLE = "".join(f"  p{n}: {{like: p{(n + 1) % 500}, price: free}}\n" for n in range(500))
SPENDS = "".join(f"  f{n}: {{type: metered, spends: {{f{(n + 1) % 500}: 1}}}}\n" for n in range(500))
TYPOS = "".join(f"  p{n}: {{price: free, descripton{n}: x}}\n" for n in range(1_000))
HEIRS = (
    "features:\n"
    + "".join(f"  f{n}: {{type: metered}}\n" for n in range(1_000))
    + "plans:\n  p0: {price: free, features: {"
    + ", ".join(f"f{n}: 1" for n in range(1_000))
    + "}}\n"
    + "".join(f"  p{n}: {{like: p{n - 1}}}\n" for n in range(1, 900))
)

NUMERIC_PLACES = {
    "a fee": plan(f"price: {{month: {{USD: {NINES}}}}}"),
    "a range": plan(f"price: {{month: {{USD: 1..{NINES}}}}}"),
    "a count of months": plan(f"price: {{{'9' * 500} months: {{USD: 1}}}}"),
    "an allowance": plan(f"price: free\nfeatures: {{calls: {NINES}}}"),
    "a rollover": plan(f"price: free\nfeatures: {{calls: {{included: 5, rollover: {NINES}}}}}"),
    "days": plan(f"price: free\ndue: {NINES} days"),
    "a trial": plan(f"price: {{month: {{USD: 1}}}}\ntrial: {{days: {NINES}}}"),
    "an anchor": plan(f"price: {{month: {{USD: 1}}}}\nanchor: day {NINES}"),
    "an end": plan(f"price: free\nexpires: {NINES} months"),
    "a quantity": plan(f"price: free\nquantity: 1..{NINES}"),
    "a minimum": plan(f"price: {{month: {{USD: 1}}}}\nminimum: {{USD: {NINES}}}"),
    "a unit price": charged(f"each: {{USD: {NINES}}}"),
    "a package": charged(f"package: {{of: {NINES}, price: {{USD: 1}}}}"),
    "a tier": charged(f"graduated: [{{to: {NINES}, each: {{USD: 1}}}}, {{each: {{USD: 1}}}}]"),
    "a percentage": charged(f"percentage: {{rate: {NINES}%, of: paid}}"),
    "a limit": charged(f"each: {{USD: 1}}\n      up_to: {NINES}"),
    "a divisor": charged(f"each: {{USD: 1}}\n      convert: {{by: {NINES}}}"),
    "a wallet": beside(f"addons: {{a: {{price: {{once: {{USD: 1}}}}, wallet: {{calls: {NINES}}}}}}}"),
    "a ratio": beside(f"features: {{x: {{type: metered, spends: {{calls: 1/{NINES}}}}}}}"),
    "decimals": beside(f"currencies: {{ABC: {{decimals: {NINES}, iso: false}}}}"),
    "a rounding": beside(f"features: {{x: {{type: metered, round: {{to: {NINES}}}}}}}"),
    "a rate": beside(f"taxes: {{t: {{rate: {NINES}%}}}}"),
    "a coupon": beside(f"coupons: {{c: {{off: {NINES}%}}}}"),
    "a coupon's periods": beside(f"coupons: {{c: {{off: 5%, for: {NINES} periods}}}}"),
    "a coupon's count": beside(f"coupons: {{c: {{off: 5%, max: {NINES}}}}}"),
    "a threshold": beside(f"policy: {{max_price_change: {NINES}%}}"),
    "a count of subscribers": beside(f"policy: {{max_subscribers_touched: {NINES}}}"),
    "a bill": beside(
        f"plans: {{p: {{price: {{month: {{USD: 1}}}}}}}}\nexamples: {{e: {{plan: p, in: USD, bill: {NINES}}}}}"
    ),
}
"""A number of 100,000 digits wherever a number is read."""

BAD_DATES = ("2024-02-30", "2023-02-29", "0000-01-01", "10000-01-01", "2024-13-01", "20240101", "99" * 4_000)

CASES: list[Case] = [
    Case("aliases of aliases", one(BOMB), "anchor", "catalog.yaml:1:4"),
    Case("merge keys of merge keys", one(MERGES), "anchor", "catalog.yaml:1:4"),
    Case("100,000 brackets", beside("[" * 100_000), "too-deep", "plans.yaml:1:33"),
    Case("100,000 braces", beside("{a: " * 100_000), "too-deep", "plans.yaml:1:"),
    Case("100,000 dashes", beside("- " * 100_000), "too-deep", "plans.yaml:1:"),
    Case(
        "1,000 levels of indentation",
        beside("".join(f"{' ' * n}a:\n" for n in range(1_000))),
        "too-deep",
        "plans.yaml:33:33",
    ),
    Case("a file of 100 MB", huge_file, "file-too-large", "plans.yaml"),
    Case(
        "100,000 plans in a file",
        beside("plans:\n" + "".join(f"  p{n}:\n" for n in range(100_000))),
        "too-many-values",
        "plans.yaml:49979:3",
    ),
    Case(
        "1,001 plans in a file",
        beside("plans:\n" + "".join(f"  p{n}:\n" for n in range(1_001))),
        "too-many-plans",
        "plans.yaml:1002:3",
    ),
    Case("100,000 plans in a hundred files", many_files, "too-many-values", "plans/"),
    Case(
        "1,000,000 keys in a map",
        beside("metadata: {" + "a," * 500_000 + "}"),
        "too-many-values",
        "plans.yaml",
    ),
    Case(
        "a tier table of 100,000 rows",
        charged("graduated: [" + "{to: 1, each: {USD: 1}}," * 40_000 + "]"),
        "too-many-values",
        "plans.yaml",
    ),
    Case("a value of a mebibyte", plan("price: " + "x" * 1_000_000), "price", "plans.yaml:3:12"),
    Case("a key of a mebibyte", beside("k" * 1_000_000 + ": 1"), "syntax", "plans.yaml:1:"),
    Case(
        "an id of 1,000 characters",
        beside(f"plans: {{{'p' * 1_000}: {{price: free}}}}"),
        "id",
        "plans.yaml:1:9",
    ),
    Case("a quote that is never closed", beside('a: "' + "x\n" * 500_000), "syntax", "plans.yaml:1:4"),
    Case("a lone surrogate", beside('plans: {p: {name: "\\ud800", price: free}}'), "syntax", "plans.yaml:1:"),
    Case(
        "a lone surrogate in bytes",
        beside(b"plans: {p: {name: \xed\xa0\x80, price: free}}"),
        "encoding",
        "plans.yaml:1:19",
    ),
    Case("a NUL", beside("plans: {p: {name: a\0b, price: free}}"), "character", "plans.yaml:1:20"),
    Case(
        "a NUL by escape", beside('plans: {p: {name: "a\\0b", price: free}}'), "character", "plans.yaml:1:19"
    ),
    Case(
        "a mark that turns text around",
        beside('plans: {p: {name: "a\u202eb", price: free}}'),
        "character",
        "plans.yaml:1:19",
    ),
    Case("a byte order mark", beside(b"\xef\xbb\xbfplans: {}"), "encoding", "plans.yaml:1:1"),
    Case("UTF-16", beside("plans: {}".encode("utf-16")), "encoding", "plans.yaml:1:1"),
    Case(
        "Latin-1",
        beside("plans: {p: {name: Caf\xe9, price: free}}".encode("latin-1")),
        "encoding",
        "plans.yaml:1:22",
    ),
    Case("a tab", plan("\tprice: free"), "tab", "plans.yaml:3:"),
    Case("a mebibyte of tabs", beside("\tx\n" * 300_000), "too-many-findings", "plans.yaml"),
    Case("a second document", beside("plans: {}\n---\nplans: {}\n"), "second-document", "plans.yaml:2:1"),
    Case(
        "a tag that makes an object",
        beside("plans: !!python/object/apply:os.system [echo]"),
        "tag",
        "plans.yaml:1:8",
    ),
    Case("a tag that reads a file", beside("plans: !include /etc/passwd"), "tag", "plans.yaml:1:8"),
    Case("a key that reads a file", beside("include: /etc/passwd"), "unknown-key", "plans.yaml:1:1"),
    Case(
        "60,000 directives",
        beside("".join(f"%TAG !{n}! x\n" for n in range(60_000)) + "--- a"),
        "directive",
        "plans.yaml:1:1",
    ),
    Case("a link out of the catalog", linked("/etc/passwd"), "link-outside", "plans.yaml"),
    Case("a link to a device", linked("/dev/zero"), "link-outside", "plans.yaml"),
    Case("a link to itself", linked("plans.yaml"), "cannot-open", "plans.yaml"),
    Case("a link to a directory outside", linked("/etc", "plans"), "link-outside", "plans"),
    Case("a pipe", fifo, "not-a-file", "plans.yaml"),
    Case("a circle of 500 plans", beside("plans:\n" + CIRCLE), "like-cycle", "plans.yaml:2:8"),
    Case("a circle of 500 features", beside("features:\n" + SPENDS), "spends-cycle", "plans.yaml:2:"),
    Case(
        "900 plans that inherit 1,000 features",
        beside(HEIRS),
        "too-many-values",
        "plans.yaml:1202:10",
    ),
    Case(
        "1,000 plans with an unknown key each",
        beside("plans:\n" + TYPOS),
        "unknown-key",
        "plans.yaml:2:",
    ),
    Case(
        "10,000 unknown features",
        beside(
            "plans:\n  p:\n    price: free\n    features:\n"
            + "".join(f"      cals{n}: 1\n" for n in range(10_000))
        ),
        "too-many-entries",
        "plans.yaml:5005:7",
    ),
    Case(
        "2,000 misspelt of 2,000 features",
        beside(
            "features:\n"
            + "".join(f"  feature_{n}: {{type: metered}}\n" for n in range(2_000))
            + "plans:\n  p:\n    price: free\n    features:\n"
            + "".join(f"      featuer_{n}: 1\n" for n in range(2_000))
        ),
        "feature-unknown",
        "plans.yaml:",
    ),
    Case(
        "an order of 40,000 names",
        beside(
            "groups: {main: {order: [" + ", ".join(f"p{n}" for n in range(40_000)) + "]}}\n"
            "plans: {p: {price: free, group: main}}"
        ),
        "too-many-entries",
        "plans.yaml:1:",
    ),
    Case(
        "an order of 40,000 times one name",
        beside("groups: {main: {order: [" + "p, " * 40_000 + "]}}\nplans: {p: {price: free, group: main}}"),
        "too-many-entries",
        "plans.yaml:1:",
    ),
    Case(
        "a note that accepts 40,000 things",
        beside("title: t\nwhy: w\naccept: [" + "x, " * 40_000 + "]", "changes/a.yaml"),
        "too-many-entries",
        "changes/a.yaml:3:",
    ),
    Case(
        "a note that accepts a map",
        beside("title: t\nwhy: w\naccept: {a: {b: 1}}", "changes/a.yaml"),
        "type",
        "changes/a.yaml:3:",
    ),
    Case("nothing at all", one(""), "format-missing", "catalog.yaml:1:1"),
    Case("only comments", one("# nothing\n# here\n"), "format-missing", "catalog.yaml:1:1"),
    Case("a directory without a file", nothing, "catalog-missing", "catalog"),
    *(Case(f"100,000 digits in {name}", lay, "", "plans.yaml:") for name, lay in NUMERIC_PLACES.items()),
    *(
        Case(
            f"the date {date[:10]}",
            beside(f"coupons: {{c: {{off: 5%, until: {date}}}}}"),
            "date",
            "plans.yaml:1:31",
        )
        for date in BAD_DATES
    ),
]
