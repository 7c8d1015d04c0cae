"""`planctl invoice explain`: every cent back to its formula; all amounts are worked out by hand beside them.

The shop is tests/data/explain.yaml: voice costs 31.00 a month with 100 minutes (then 0.015 each), 10 calls (then
0.105 up to 20, 0.05 and 1.00 flat above) and 2 seats (then 10.00 up to 5, 7.00 above, bought ahead).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planctl.__main__ import main
from tests import stores
from tests.cli.conftest import Result, Run

SHOP = Path(__file__).parents[1] / "data" / "explain.yaml"
NEW_YEAR = ("--as-of", "2026-01-01")
FEBRUARY = ("--as-of", "2026-02-01")

LINE_KEYS = {
    "position", "kind", "amount", "charge_key", "service_index", "occasion", "terms", "steps", "exact", "rounded",
    "maximum", "late", "worked_out", "usage", "events", "grants", "discounts", "tax_parts", "agrees",
}  # fmt: skip


EVENTS = [
    {"id": "m1", "event": "minutes", "at": "2026-01-10T10:00:00Z", "quantity": "130.5"},
    {"id": "ch1", "event": "chats", "at": "2026-01-11T10:00:00Z", "quantity": "4500"},
    *({"id": f"c{n:02}", "event": "api.call", "at": f"2026-01-12T10:00:{n:02}Z"} for n in range(1, 24)),
]


@pytest.fixture(scope="session")
def told_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test store that sells the shop, with nova of Germany, made once."""
    store = tmp_path_factory.mktemp("told") / "store.db"
    for words in (
        ("init", str(store.parent), "--test"),
        ("catalog", "apply", str(SHOP), "--yes"),
        ("customer", "add", "nova", "--name", "Nova GmbH", "--currency", "USD", "--country", "DE"),
    ):
        assert main(["--store", stores.url(store), "--quiet", *words, *NEW_YEAR]) == 0
    return store


@pytest.fixture(scope="session")
def voice_template(told_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nova on voice with a coupon of 20%, a pack of 50 minutes, and usage; January is billed as INV-2026-00003."""
    store = copied(told_template, tmp_path_factory.mktemp("voice"))
    usage = store.parent / "usage.ndjson"
    usage.write_text(
        "".join(json.dumps({"customer": "nova"} | one) + "\n" for one in EVENTS), encoding="utf-8"
    )
    for words in (
        ("subscribe", "nova", "voice", "--coupon", "fifth", "--yes", *NEW_YEAR),
        ("payment", "record", "INV-2026-00001", "--as-of", "2026-01-02"),
        ("wallet", "buy", "nova", "topup", "--yes", "--as-of", "2026-01-09"),
        ("usage", "import", str(usage), "--as-of", "2026-01-20"),
        ("invoice", "run", *FEBRUARY),
    ):
        assert main(["--store", stores.url(store), "--quiet", *words]) == 0
    return store


def copied(template: Path, directory: Path) -> Path:
    store = directory / "store.db"
    stores.copy(template, store)
    return store


@pytest.fixture
def told(run: Run, told_template: Path, tmp_path: Path) -> Run:
    """`run` with a store in which nova has nothing yet."""
    copied(told_template, tmp_path)
    return run


@pytest.fixture
def voice(run: Run, voice_template: Path, tmp_path: Path) -> Run:
    """`run` with a store in which nova's January is billed."""
    copied(voice_template, tmp_path)
    return run


def explained(run: Run, number: str, as_of: str = "2026-02-01") -> dict[str, Any]:
    """The explanation as JSON; the invoice agrees."""
    result = run("invoice", "explain", number, "-f", "json", "--as-of", as_of)
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout, parse_float=pytest.fail)
    assert (document["agrees"], document["wrong"]) == (True, [])
    return document


def line_of(document: dict[str, Any], key: str) -> Any:
    (found,) = [one for one in document["lines"] if one["charge_key"] == key]
    return found


def products(line: dict[str, Any]) -> list[tuple[str, list[str], str]]:
    """The steps as (what, factors, product)."""
    return [
        (one["what"], [factor["value"] for factor in one["factors"]], one["exact"]) for one in line["steps"]
    ]


def told_by(result: Result) -> list[str]:
    return [line.strip() for line in result.stdout.splitlines()]


# --- one line after the other


def test_a_fee_is_price_times_quantity(voice: Run) -> None:
    line = line_of(explained(voice, "INV-2026-00001"), "fee")
    assert set(line) >= LINE_KEYS
    assert products(line) == [("price", ["31", "1"], "31")]
    assert (line["exact"], line["rounded"], line["worked_out"]) == ("31", "31.00", "31.00")


def test_tiers_are_shown_one_by_one(voice: Run) -> None:
    """23 calls, 10 included: positions 11 to 20 at 0.105, 21 to 23 at 0.05 and 1.00: 1.05 + 0.15 + 1 = 2.20."""
    line = line_of(explained(voice, "INV-2026-00003"), "usage:calls")
    assert products(line) == [
        ("up to 20", ["10", "0.105"], "1.05"),
        ("above 20", ["3", "0.05"], "0.15"),
        ("flat, above 20", ["1", "1"], "1"),
    ]
    assert (line["exact"], line["rounded"], line["amount"]) == ("2.2", "2.20", "2.20")


def test_usage_says_who_used_what_and_who_paid(voice: Run) -> None:
    """4,500 chats × 1/10 = 450 minutes; 130.5 + 450 - 100 - 50 of the pack = 430.5 × 0.015 = 6.4575, so 6.46."""
    line = line_of(explained(voice, "INV-2026-00003"), "usage:minutes")
    assert line["usage"] == {
        "unit": "minute",
        "own": "130.5",
        "drawn": [{"feature": "chats", "quantity": "4500", "rate": "0.1", "units": "450"}],
        "total": "580.5",
        "allowance": "100",
        "pool": {"included": "100", "plans": 1, "bought": "0", "rolled": "0", "others": "0"},
        "included": "100",
        "wallet": "50",
        "over_limit": "0",
        "excess": "430.5",
    }
    (grant,) = line["grants"]
    assert (grant["pack"], grant["units"], grant["expires_at"]) == ("topup", "50", "2027-01-09T00:00:00Z")
    assert products(line) == [("each", ["430.5", "0.015"], "6.4575")]
    assert (line["exact"], line["amount"]) == ("6.4575", "6.46")


def test_machines_get_every_event_and_people_the_first_20(voice: Run) -> None:
    (calls,) = line_of(explained(voice, "INV-2026-00003"), "usage:calls")["events"]
    assert (calls["recorded"], calls["count"]) == ("23", 23)
    assert [one["id"] for one in calls["events"]] == [f"c{number:02}" for number in range(1, 24)]
    assert calls["events"][0] == {
        "id": "c01", "customer": "nova", "event": "api.call", "at": "2026-01-12T10:00:01Z", "quantity": "1",
        "value": None, "amount": None, "corrects": None, "late": False,
    }  # fmt: skip
    shown = told_by(voice("invoice", "explain", "INV-2026-00003", *FEBRUARY))
    assert "recorded: 23 call of calls (count of 23 events)" in shown
    assert "2026-01-12T10:00:20Z c20 1" in shown
    assert "2026-01-12T10:00:21Z c21 1" not in shown
    assert "and 3 more (-f json lists them all)" in shown


def test_a_pack_names_its_units_and_their_end(voice: Run) -> None:
    document = explained(voice, "INV-2026-00002")
    line = line_of(document, "pack:topup")
    assert products(line) == [("price", ["4", "1"], "4")]
    (grant,) = line["grants"]
    assert (grant["amount"], grant["feature"], grant["units"]) == ("50", "minutes", None)
    assert (line["terms"]["plan"], line["terms"]["version"]) == ("topup", 1)
    text = voice("invoice", "explain", "INV-2026-00002", *FEBRUARY).stdout
    assert "50 minutes, expires 2027-01-09" in text


def test_discounts_and_taxes_say_how_the_share_was_found(voice: Run) -> None:
    """Lines 2.20 + 6.46 + 31.00 = 39.66; 20% is 7.932, so 7.93, shared by size: 0.44, 1.29, 6.20.

    793 × 220/3966 = 43.99, × 646/3966 = 129.17, × 3100/3966 = 619.84: cut 43 + 129 + 619 = 791, and the two left
    go to the largest remainders. 19% of 31.73 is 6.0287, so 6.03: exact 0.3344, 0.9823, 4.712, cut 33 + 98 + 471 =
    602, and the one left goes to the largest remainder, 0.44 of a cent.
    """
    document = explained(voice, "INV-2026-00003")
    shares = [(one["discounts"][0]["share"], one["tax_parts"][0]["share"]) for one in document["lines"]]
    assert shares == [("0.44", "0.34"), ("1.29", "0.98"), ("6.20", "4.71")]
    line = line_of(document, "usage:calls")
    assert line["discounts"] == [
        {
            "coupon": "fifth", "percent": "20%", "off": None, "of": "39.66", "discount": "7.93",
            "lines": [1, 2, 3], "share": "0.44",
        }
    ]  # fmt: skip
    assert line["tax_parts"] == [
        {
            "code": "vat_de", "rate": "0.19", "day": "2026-01-31", "since": "2021-01-01", "included": False,
            "net": "1.76", "share": "0.34", "base": "31.73", "amount": "6.03",
        }
    ]  # fmt: skip
    assert document["sums"]["total"] == "37.76"


def test_the_terms_are_named_down_to_the_line_of_the_file(voice: Run) -> None:
    terms = line_of(explained(voice, "INV-2026-00001"), "fee")["terms"]
    assert (terms["plan"], terms["version"], terms["catalog"], terms["catalog_revision"]) == (
        "voice", 1, "told", 1,
    )  # fmt: skip
    lines = SHOP.read_text(encoding="utf-8").splitlines()
    assert (terms["file"], lines[terms["line"] - 1]) == ("explain.yaml", "  voice:")
    assert len(terms["terms_hash"]) == 64
    assert terms["terms_hash"] == terms["version_hash"]
    shown = voice("invoice", "explain", "INV-2026-00001", *FEBRUARY).stdout
    assert f"terms: voice v1 · terms {terms['terms_hash'][:12]} · catalog told revision 1" in shown


def test_what_was_negotiated_is_said(told: Run) -> None:
    words = ("assign", "nova", "voice", "--price", "25", "--yes", "--quiet", *NEW_YEAR)
    assert told(*words).exit_code == 0
    assert told("subscribe", "nova", "voice", "--yes", "--quiet", *NEW_YEAR).exit_code == 0
    terms = line_of(explained(told, "INV-2026-00001"), "fee")["terms"]
    assert terms["terms_hash"] != terms["version_hash"]
    assert "25" in "".join(terms["negotiated"].values())
    assert "negotiated: " in told("invoice", "explain", "INV-2026-00001", *FEBRUARY).stdout


def test_a_change_is_the_new_total_less_the_old_one_for_the_days_left(told: Run) -> None:
    """6 seats from 17 January, 2 included: 3 × 10 + 1 × 7 = 37, × 15 of 31 days = 17.903..., so 17.90.

    8 from 25 January: 3 × 10 + 3 × 7 = 51, less 37: 14 × 7 of 31 days = 98/31 = 3.161..., so 3.16.
    """
    told("subscribe", "nova", "voice", "--yes", "--quiet", *NEW_YEAR)
    for total, day in (("6", "17"), ("8", "25")):
        words = ("subscription", "quantity", "nova", f"seats={total}", "--yes", "--quiet")
        assert told(*words, "--as-of", f"2026-01-{day}").exit_code == 0
    (line,) = explained(told, "INV-2026-00002")["lines"]
    assert products(line) == [
        ("up to 5", ["3", "10", "15/31"], "450/31"),
        ("above 5", ["1", "7", "15/31"], "105/31"),
    ]
    assert (line["exact"], line["worked_out"], line["amount"]) == ("555/31", "17.90", "17.90")
    assert line["steps"][0]["factors"][2]["text"] == "15 of 31 days"
    (line,) = explained(told, "INV-2026-00003")["lines"]
    assert products(line) == [
        ("up to 5", ["3", "10", "7/31"], "210/31"),
        ("above 5", ["3", "7", "7/31"], "147/31"),
        ("before: up to 5", ["3", "10", "-7/31"], "-210/31"),
        ("before: above 5", ["1", "7", "-7/31"], "-49/31"),
    ]
    assert (line["exact"], line["worked_out"], line["amount"]) == ("98/31", "3.16", "3.16")


# --- what rounding is not the end of


def test_the_maximum_is_shared_by_size(told: Run) -> None:
    """1,000 minutes × 0.01 = 10 and 250 calls × 0.02 = 5, at most 5.00: 333.33 and 166.67 cents, so 3.33 and 1.67."""
    told("subscribe", "nova", "capped", "--yes", "--quiet", *NEW_YEAR)
    told("usage", "record", "nova", "minutes", "1000", "--quiet", "--as-of", "2026-01-10")
    for number in ("100", "150"):
        told("usage", "record", "nova", "calls", number, "--quiet", "--as-of", "2026-01-10")
    told("invoice", "run", "--quiet", *FEBRUARY)
    document = explained(told, "INV-2026-00002")
    found = {
        one["charge_key"]: (one["exact"], one["rounded"], one["amount"])
        for one in document["lines"]
        if one["kind"] == "usage"
    }
    assert found == {"usage:minutes": ("10", "10.00", "3.33"), "usage:calls": ("5", "5.00", "1.67")}
    cap = line_of(document, "usage:minutes")["maximum"]
    assert (cap["maximum"], cap["left"], cap["uncapped"], cap["share"]) == ("5", "5.00", "10.00", "3.33")


def test_a_minimum_is_less_what_was_charged_and_percentages_show_amounts(told: Run) -> None:
    """2.5% of 100 + 0.30 = 2.80; 2.5% of 4 + 0.30 = 0.40, at least 0.50: 3.30. 40 - 10 - 3.30 = 26.70."""
    told("subscribe", "nova", "least", "--yes", "--quiet", *NEW_YEAR)
    for name, amount in (("s1", "100"), ("s2", "4")):
        words = ("usage", "record", "nova", "sale", "--id", name, "--property", f"amount={amount}", "--quiet")
        assert told(*words, "--at", "2026-01-10", "--as-of", "2026-01-10").exit_code == 0
    told("invoice", "run", "--quiet", *FEBRUARY)
    document = explained(told, "INV-2026-00002")
    line = line_of(document, "usage:sales")
    assert products(line) == [
        ("2.5% of amount", ["100", "0.025"], "2.5"),
        ("per event", ["1", "0.3"], "0.3"),
        ("at least, per event", ["1", "0.5"], "0.5"),
    ]
    (sales,) = line["events"]
    assert [(one["id"], one["amount"]) for one in sales["events"]] == [("s1", "100"), ("s2", "4")]
    least = line_of(document, "minimum")
    assert products(least) == [("minimum", ["40"], "40"), ("charged in the period", ["-13.3"], "-13.3")]
    assert (least["exact"], least["amount"]) == ("26.7", "26.70")


def test_late_usage_is_the_difference_to_what_was_charged(voice: Run) -> None:
    """10 minutes more: 440.5 × 0.015 = 6.6075, so 6.61; 6.46 was charged: 0.15."""
    voice("payment", "record", "INV-2026-00003", "--quiet", *FEBRUARY)
    words = ("usage", "record", "nova", "minutes", "10", "--id", "m2", "--at", "2026-01-21", "--quiet")
    assert voice(*words, *FEBRUARY).exit_code == 0
    before = line_of(explained(voice, "INV-2026-00003"), "usage:minutes")
    assert [(one["id"], one["late"]) for one in before["events"][0]["events"]] == [
        ("m1", False),
        ("m2", True),
    ]
    assert before["events"][0]["recorded"] == "140.5"
    assert "late, not billed yet" in voice("invoice", "explain", "INV-2026-00003#2", *FEBRUARY).stdout
    voice("invoice", "run", "--quiet", "--as-of", "2026-03-01")
    line = line_of(explained(voice, "INV-2026-00004", "2026-03-01"), "usage:minutes")
    assert (line["kind"], line["exact"], line["rounded"], line["amount"]) == (
        "late_usage", "6.6075", "6.61", "0.15",
    )  # fmt: skip
    late = line["late"]
    assert (late["charged_before"], late["now"], late["difference"]) == ("6.46", "6.61", "0.15")
    assert [(one["invoice"], one["line"], one["amount"]) for one in late["before"]] == [
        ("INV-2026-00003", 2, "6.46")
    ]


def test_what_is_taken_back_is_as_much_lower_as_the_discount_was(voice: Run) -> None:
    """m1 less 100: 330.5 × 0.015 = 4.9575, so 4.96, 1.50 less than 6.46; 5.17 of 6.46 was paid: 150 × 517/646 = 120."""
    voice("payment", "record", "INV-2026-00003", "--quiet", *FEBRUARY)
    words = ("usage", "record", "nova", "minutes", "-100", "--corrects", "m1", "--id", "k1", "--quiet")
    assert voice(*words, "--at", "2026-01-10T10:00:00Z", *FEBRUARY).exit_code == 0
    voice("invoice", "run", "--quiet", "--as-of", "2026-03-01")
    line = line_of(explained(voice, "INV-2026-00004", "2026-03-01"), "usage:minutes")
    assert (line["late"]["difference"], line["worked_out"], line["amount"]) == ("-1.50", "-1.20", "-1.20")
    events = line["events"][0]["events"]
    assert [(one["id"], one["quantity"], one["corrects"]) for one in events] == [
        ("k1", "-100", "m1"),
        ("m1", "130.5", None),
    ]


# --- the whole, and one line of it


def test_the_sums_show_payments_and_what_is_left(voice: Run) -> None:
    """31.00 - 20% = 24.80, + 19% = 4.712, so 29.51; paid whole."""
    sums = explained(voice, "INV-2026-00001")["sums"]
    assert (sums["subtotal"], sums["discount"], sums["tax"], sums["total"]) == (
        "31.00",
        "6.20",
        "4.71",
        "29.51",
    )
    assert [one["amount"] for one in sums["payments"]] == ["29.51"]
    assert (sums["paid"], sums["due"], sums["credit_notes"]) == ("29.51", "0.00", [])


def test_one_line_for_people_at_midnight(voice: Run) -> None:
    shown = told_by(voice("invoice", "explain", "INV-2026-00003#2", *FEBRUARY))
    assert shown[1].startswith("renewal of billing period 1, 2026-02-01 to 2026-03-01 (UTC, tzdata 20")
    (grant,) = [word for line in shown for word in line.split() if word.startswith("grant_")]
    begin = shown.index("#2 minutes · 0.015 USD / minute: 6.46 USD")
    assert shown[begin + 1 : begin + 10] == [
        "usage · 2026-01-01 to 2026-02-01 (31 days) · usage:minutes 0",
        "used: 130.5 minute of minutes itself",
        "drawn: 4,500 chats × 1/10 = 450 minute",
        "580.5 minute in all: 100 included (allowance 100)",
        f"wallet: 50 paid by {grant} (topup)",
        "left to charge: 430.5",
        "each: quantity 430.5 × price 0.015 = 6.4575",
        "exact 6.4575 → 6.46 USD (half up, 2 decimals)",
        "coupon fifth: 20% of 39.66 USD = 7.93 USD (by size over #1, #2, #3); this line -1.29 USD",
    ]
    assert not any(line.startswith(("#1", "#3")) for line in shown)
    assert shown[-1] == "every step was worked out again and agrees with what was billed"


@pytest.mark.parametrize("line", ["0", "4", "-1", "two", "", "01"])
def test_a_line_that_is_not_there_is_wrong_input_and_the_range_is_said(voice: Run, line: str) -> None:
    result = voice("invoice", "explain", f"INV-2026-00003#{line}", "-f", "json", *FEBRUARY)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.error["expected"] == "INV-2026-00003#1 to INV-2026-00003#3"


def test_an_unknown_number_is_refused_with_and_without_a_line(voice: Run) -> None:
    for number in ("INV-2026-00009", "INV-2026-00009#1"):
        result = voice("invoice", "explain", number, "-f", "json", *FEBRUARY)
        assert (result.exit_code, result.error["code"]) == (4, "not-found")


def test_the_steps_are_a_table_for_spreadsheets(voice: Run) -> None:
    rows = voice("invoice", "explain", "INV-2026-00003#2", "-f", "csv", *FEBRUARY).stdout.splitlines()
    assert rows == [
        "line,step,formula,exact,amount,currency",
        "2,each,each: quantity 430.5 × price 0.015,6.4575,,",
        "2,usage,minutes · 0.015 USD / minute,6.4575,6.46,USD",
    ]


# --- what does not agree


def altered(tmp_path: Path, statement: str) -> None:
    """Change the store past planctl, as somebody would who takes its guards away first."""
    stores.edited(tmp_path / "store.db", statement)


USAGE = "WHERE charge_key = 'usage:minutes'"


def test_an_amount_that_was_altered_is_said_loudly(voice: Run, tmp_path: Path) -> None:
    altered(tmp_path, f"UPDATE invoice_line SET amount = 746 {USAGE}")
    result = voice("invoice", "explain", "INV-2026-00003", *FEBRUARY)
    assert result.exit_code == 1
    said = "line 2: its steps come to 6.46 USD, billed was 7.46 USD (difference 1.00 USD)"
    assert said in result.stderr
    assert result.stdout.count("THIS INVOICE DOES NOT ADD UP") == 2
    assert f"! {said}" in result.stdout
    assert "its lines sum to 4066, its subtotal is 3966" in result.stderr


def test_an_altered_line_is_found_whichever_line_is_asked_for(voice: Run, tmp_path: Path) -> None:
    altered(tmp_path, f"UPDATE invoice_line SET amount = 746 {USAGE}")
    result = voice("invoice", "explain", "INV-2026-00003#1", "-f", "json", *FEBRUARY)
    assert result.exit_code == 1
    document = result.json
    assert (document["agrees"], document["lines"][0]["agrees"]) == (False, True)
    assert any(one.startswith("line 2: its steps come to 6.46 USD") for one in document["wrong"])


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            f"UPDATE invoice_line SET detail = replace(detail, '\"0.015\"', '\"0.02\"') {USAGE}",
            "line 2: its steps sum to 8.61, recorded was 6.4575",
        ),
        (
            f"UPDATE invoice_line SET detail = replace(detail, '\"4500\"', '\"4400\"') {USAGE}",
            "its content's hash is",
        ),
        (
            f"UPDATE invoice_line SET detail = replace(detail, '\"450\"', '\"440\"') {USAGE}",
            "line 2: own and drawn units sum to 570.5, rated were 580.5",
        ),
        (f"UPDATE invoice_line SET detail = 'null' {USAGE}", "nothing is kept of how its amount was found"),
        (
            f"UPDATE invoice_line SET discount = 130 {USAGE}",
            "line 2 was discounted by 130, its shares sum to 129",
        ),
        (
            "UPDATE invoice SET discounts = replace(discounts, '\"793\"', '\"693\"')",
            "its discount fifth is 693, the coupon gives 793",
        ),
        (
            "UPDATE invoice SET subtotal = 3900, total = 3710 WHERE number = 'INV-2026-00003'",
            "its lines sum to 3966, its subtotal is 3900",
        ),
    ],
)
def test_whatever_was_altered_the_sentence_says_what(
    voice: Run, tmp_path: Path, statement: str, said: str
) -> None:
    altered(tmp_path, statement)
    result = voice("invoice", "explain", "INV-2026-00003", *FEBRUARY)
    assert result.exit_code == 1
    assert said in result.stderr, result.stderr
