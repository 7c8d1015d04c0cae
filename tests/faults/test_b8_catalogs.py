"""Faults of catalog files and other input that people write, each with the proof that planctl does not have it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from planctl.files.usage_rows import LONGEST_LINE
from tests.cli.conftest import Result
from tests.faults.conftest import Desk, at_once
from tests.files.hostile_catalogs import MEGABYTE

HEAD = "format: planctl.catalog/1\ncatalog: case\n"

PLANS = """\
currencies: {USD: }
features: {calls: {type: metered}}
plans:
  flat: {price: {month: {USD: 10}}}
  other: {price: {month: {USD: 5}}}
"""

INVALID = 3
REFUSED = 4
CONFLICT = 5


def validated(desk: Desk, catalog: str | bytes, exit_code: int = INVALID) -> Result:
    """What `catalog validate` says of a file `plans.yaml` with this text below the head, which has two lines."""
    data = catalog if isinstance(catalog, bytes) else HEAD.encode() + catalog.encode("utf-8", "surrogatepass")
    (desk.directory / "plans.yaml").write_bytes(data)
    return desk("catalog validate plans.yaml", exit_code=exit_code)


def found(desk: Desk, catalog: str | bytes) -> tuple[str, str, str]:
    """The place, the rule and the hint of the first finding about such a file."""
    validated(desk, catalog)
    said = desk.run("catalog", "validate", "plans.yaml", "-f", "json")
    first = json.loads(said.stdout or said.stderr)["findings"][0]
    return f"{first['line']}:{first['column']}", first["rule"], first["hint"] or ""


def test_F145_a_key_said_twice_is_an_error_that_names_both_places(desk: Desk) -> None:
    """The last of two prices won silently. Source: PyYAML issues 165 and 41."""
    said = validated(desk, "plans:\n  flat:\n    price: free\n    name: Flat\n    price: usage\n").stderr
    assert said.startswith('plans.yaml:7:5: error: duplicate key "price" (first at 5:5)')


@pytest.mark.parametrize("number", ["12:30", "010", "0x1F"])
def test_F147_numbers_of_other_bases_are_refused_with_the_fix(desk: Desk, number: str) -> None:
    """`12:30` was read as 750 and `010` as 8. Source: measured with PyYAML 6.0.3, YAML 1.1."""
    _, rule, _ = found(
        desk, f"currencies: {{USD: }}\nplans: {{p: {{price: {{month: {{USD: {number}}}}}}}}}\n"
    )
    assert rule == "number"


def test_F147_an_underscore_parts_thousands(desk: Desk) -> None:
    """`1_000` was read as text or as a thousand, by the library. Source: measured with PyYAML 6.0.3, YAML 1.1."""
    desk.sell("currencies: {USD: }\nplans: {p: {price: {month: {USD: 1_000}}}}\n")
    assert desk.json("plan show p")["price"] == {"month": {"USD": "1000.00"}}


@pytest.mark.parametrize("number", ["1e3", "1.0e+3"])
def test_F148_an_exponent_is_refused_however_it_is_written(desk: Desk, number: str) -> None:
    """`1e3` was text and `1.0e+3` a float. Source: measured with PyYAML 6.0.3, YAML 1.1."""
    said = validated(
        desk, f"currencies: {{USD: }}\nplans: {{p: {{price: {{month: {{USD: {number}}}}}}}}}\n"
    ).stderr
    assert "has an exponent; write all its digits" in said


def test_F149_a_bomb_of_merge_keys_ends_at_its_first_anchor(desk: Desk) -> None:
    """300 bytes of merge keys took 5 seconds, nine times as long with every level. Source: measured with PyYAML."""
    bomb = "a: &a {k: 1}\n" + "".join(
        f"{name}: &{name} {{<<: [*{below}, *{below}, *{below}]}}\n"
        for below, name in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True)
    )
    said = validated(desk, bomb).stderr
    assert "plans.yaml:3:4: error: " in said
    assert "[anchor]" in said


def test_F151_nesting_ends_at_a_depth_and_no_parser_falls(desk: Desk) -> None:
    """100,000 brackets ended the process by SIGSEGV. Source: measured with PyYAML's CSafeLoader, libyaml 0.2.5."""
    assert found(desk, "metadata: " + "[" * 100_000)[1] == "too-deep"
    deep = 31  # the map of the file and that of its key stand around the list
    assert found(desk, f"metadata: {'[' * deep}{']' * deep}\n")[1] != "too-deep"
    assert found(desk, f"metadata: {'[' * (deep + 1)}{']' * (deep + 1)}\n")[1] == "too-deep"


def test_F152_a_number_without_end_has_a_place_and_no_traceback(desk: Desk) -> None:
    """Python refuses more than 4,300 digits by a bare ValueError. Source: CVE-2020-10735, measured."""
    place, rule, _ = found(
        desk, f"plans: {{p: {{price: {{month: {{USD: {'9' * 5_000}}}}}}}}}\ncurrencies: {{USD: }}\n"
    )
    assert (place, rule) == ("3:34", "number")


def test_F153_a_day_that_is_not_has_a_place_and_no_traceback(desk: Desk) -> None:
    """`2024-02-30` raised a bare ValueError inside the library. Source: measured with PyYAML 6.0.3."""
    place, _, _ = found(desk, "taxes:\n  vat: {country: DE, rate: {2024-02-30: 19%}}\n")
    assert place == "4:29"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("plans: !include secret.txt\n", "tag"),
        ("include: secret.txt\n", "unknown-key"),
        ("<<: secret.txt\n", ""),
    ],
)
def test_F155_no_file_reads_another(desk: Desk, text: str, rule: str) -> None:
    """`!include` put files of the machine into what CI prints. Source: octoDNS, provider/yaml.py."""
    (desk.directory / "secret.txt").write_text("plans: {stolen: {price: free}}\n")
    assert rule in found(desk, text)[1]
    assert "stolen" not in validated(desk, text).stderr


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "format-missing"),
        (b"# nothing yet\n", "format-missing"),
        (HEAD.encode() + b"---\nplans: {}\n", "second-document"),
        (b"\xef\xbb\xbf" + HEAD.encode(), "encoding"),
        (HEAD.encode("utf-16"), "encoding"),
        (HEAD.encode() + b"plans: {p: {name: a\0b, price: free}}\n", "character"),
        (HEAD.encode() + b"plans:\n\tp: {price: free}\n", "tab"),
    ],
    ids=["empty", "comments", "two documents", "byte order mark", "UTF-16", "NUL", "tab"],
)
def test_F156_a_file_that_says_nothing_is_no_catalog_of_nothing(desk: Desk, data: bytes, rule: str) -> None:
    """An empty or half-read file meant "delete everything". Source: measured with PyYAML 6.0.3."""
    desk.sell(PLANS)
    (desk.directory / "plans.yaml").write_bytes(data)
    said = desk("catalog apply plans.yaml --yes", exit_code=INVALID).stderr
    assert f"[{rule}]" in said
    assert [one["id"] for one in desk.json("plan list")] == ["flat", "other"]


def test_F156_a_catalog_that_sells_nothing_any_more_is_refused(desk: Desk) -> None:
    """A checkout of the wrong directory archived everything. Source: octoDNS, UnsafePlan."""
    desk.sell(PLANS)
    (desk.directory / "catalog.yaml").write_text(HEAD)
    assert "empty-catalog" in desk.refused("catalog apply catalog.yaml --yes")
    assert [one["archived"] for one in desk.json("plan list")] == [False, False]


@pytest.mark.parametrize("name", ['"\\ud800"', b"\xed\xa0\x80"], ids=["escaped", "in bytes"])
def test_F157_half_a_character_is_refused_where_it_is_read(desk: Desk, name: str | bytes) -> None:
    """A lone surrogate was accepted and stopped the program when it was written. Source: measured with PyYAML 6.0.3."""
    text = name if isinstance(name, bytes) else name.encode()
    validated(desk, HEAD.encode() + b"plans: {p: {name: " + text + b", price: free}}\n")


def test_F159_a_mistyped_key_is_an_error_with_the_word_that_was_meant(desk: Desk) -> None:
    """An unknown key was ignored, and the plan was free. Source: planctl reliability rules, F159."""
    place, rule, hint = found(desk, "plans:\n  p:\n    prce: {month: {USD: 5}}\n")
    assert (place, rule, hint) == ("5:5", "unknown-key", 'did you mean "price"?')


def test_F160_a_new_name_keeps_the_subscribers_and_a_vanished_plan_is_archived(desk: Desk) -> None:
    """A rename was a deletion and a creation, which orphaned whoever held the plan. Source: octoDNS, Kill Bill."""
    desk.sell(PLANS)
    desk("customer add nova --currency USD --quiet")
    desk("subscribe nova flat --yes --quiet")
    (desk.directory / "catalog.yaml").write_text(HEAD + PLANS.replace("  flat: {", "  level: {was: flat, "))
    desk("catalog apply catalog.yaml --yes --quiet")
    assert desk.json("subscription show nova")["plan"] == "level"
    (desk.directory / "catalog.yaml").write_text(
        HEAD + PLANS.replace("  flat: {price: {month: {USD: 10}}}\n", "")
    )
    desk("catalog apply catalog.yaml --yes --quiet")
    gone = desk.json("plan show level")
    assert (gone["archived"], gone["holders"]) == (True, 1)
    assert desk.json("invoice run", at="2026-02-01")["totals"] == {"USD": "10.00"}


def test_F161_more_than_the_policy_allows_is_refused_whatever_is_accepted(desk: Desk) -> None:
    """One apply raised or removed a large part at once. Source: octoDNS, plan.py, UnsafePlan."""
    policy = "policy: {max_subscribers_touched: 1}\n"
    desk.sell(PLANS + policy)
    for name in ("nova", "orion"):
        desk(f"customer add {name} --currency USD --quiet")
        desk(f"subscribe {name} flat --yes --quiet")
    (desk.directory / "catalog.yaml").write_text(HEAD + PLANS.replace("USD: 10", "USD: 13") + policy)
    said = desk.refused("catalog apply catalog.yaml --yes --accept 'price-increase plans.flat'")
    assert "max_subscribers_touched" in said
    assert desk.json("plan show flat")["price"] == {"month": {"USD": "10.00"}}


def test_F163_a_plan_of_what_the_store_was_is_refused(desk: Desk) -> None:
    """What was applied was not what had been reviewed. Source: octoDNS, CHANGELOG 1.5.0, `--checksum`."""
    desk.sell(PLANS)
    (desk.directory / "catalog.yaml").write_text(HEAD + PLANS.replace("flat: {", "flat: {name: Flat, "))
    desk("catalog diff catalog.yaml --out reviewed.json")
    desk("plan edit flat --outside --name Level --yes --quiet")
    stale = desk("catalog apply --plan reviewed.json --yes", exit_code=CONFLICT)
    assert "plans.flat" in stale.stderr
    edited = (desk.directory / "reviewed.json").read_text().replace("Flat", "Cheap")
    (desk.directory / "reviewed.json").write_text(edited)
    desk("catalog apply --plan reviewed.json --yes", exit_code=INVALID)
    assert desk.json("plan show flat")["name"] == "Level"


def test_F164_of_two_applies_at_once_none_is_lost_unseen(desk: Desk) -> None:
    """Two applies of one base both won, and the second undid the first. Source: planctl reliability rules, F164."""
    desk.sell(PLANS)
    for name in ("one", "two"):
        (desk.directory / "catalog.yaml").write_text(
            HEAD + PLANS.replace("flat: {", f"flat: {{name: {name}, ")
        )
        desk(f"catalog diff catalog.yaml --out {name}.json")
    ended = at_once(
        *[f"catalog apply --plan {name}.json --yes --wait 60 --as-of 2026-01-02" for name in ("one", "two")]
    )
    assert sorted(one.exit_code for one in ended) == [0, CONFLICT], ended
    won = "one" if ended[0].exit_code == 0 else "two"
    assert desk.json("plan show flat")["name"] == won
    assert [one["revision"] for one in desk.json("catalog history")] == [1, 2]


def test_F165_a_running_subscription_keeps_the_price_it_began_with(desk: Desk) -> None:
    """A new price billed who had subscribed to the old one. Source: planctl mission, assigned terms are a snapshot."""
    desk.sell(PLANS)
    desk("customer add nova --currency USD --quiet")
    desk("subscribe nova flat --yes --quiet")
    before = desk.rows("SELECT terms_hash FROM subscription")
    desk("plan edit flat --outside --set price.month.USD=99 --yes --quiet")
    assert desk.json("invoice run", at="2026-02-01")["totals"] == {"USD": "10.00"}
    assert desk.rows("SELECT terms_hash FROM subscription") == before


def test_F167_a_trial_is_given_once_to_a_customer_and_to_a_fingerprint(desk: Desk) -> None:
    """A second account got the trial again, for ever. Source: planctl mission, trials."""
    desk.sell(
        PLANS + "  tried: {price: {month: {USD: 9}}, trial: {days: 14, once_per: [customer, fingerprint]}}\n"
    )
    for name in ("nova", "again"):
        desk(f"customer add {name} --currency USD --fingerprint f1 --quiet")
    desk("subscribe nova tried --trial --yes --quiet")
    assert "[trial-used]" in desk.refused("subscribe again tried --trial --yes")
    desk("subscription cancel nova --at now --yes --quiet")
    assert "[trial-used]" in desk.refused("subscribe nova tried --trial --yes", at="2026-01-02")


def many_plans(count: int) -> str:
    """A catalog of so many plans."""
    return HEAD + "plans:\n" + "".join(f"  p{number}:\n" for number in range(count))


@pytest.mark.parametrize(
    ("lay", "rule"),
    [
        (lambda path: path.write_bytes(bytes(100 * MEGABYTE)), "file-too-large"),
        (lambda path: path.write_text(many_plans(1_001)), "too-many-plans"),
        (lambda path: path.write_text(many_plans(60_000)), "too-many-values"),
    ],
    ids=["100 MB", "1,001 plans", "60,000 plans"],
)
def test_F168_what_is_too_much_is_refused_unread(
    desk: Desk, lay: Callable[[Path], object], rule: str
) -> None:
    """A file of 100 MB and 100,000 plans filled the memory. Source: planctl reliability rules, F168."""
    lay(desk.directory / "plans.yaml")
    assert f"[{rule}]" in desk("catalog validate plans.yaml", exit_code=INVALID).stderr


ROW = "e{0},nova,calls,2026-01-05T00:00:00Z,1\n"


@pytest.mark.parametrize(
    "bad",
    [
        'x,"nova,calls,2026-01-05T00:00:00Z,1\n',
        "x,nova,calls,2026-01-05T00:00:00Z,1\0\n",
        "x;nova;calls;2026-01-05T00:00:00Z;1\n",
        "x,nova,calls,2026-01-05T00:00:00Z,=1+1\n",
        "x,nova,calls,2026-01-05T00:00:00Z\n",
        "x," + "n" * LONGEST_LINE + ",calls,2026-01-05T00:00:00Z,1\n",
    ],
    ids=["open quote", "NUL", "other delimiter", "formula", "field missing", "endless field"],
)
def test_F169_a_bad_row_of_usage_spoils_itself_alone(desk: Desk, bad: str, tmp_path: Path) -> None:
    """One quote or one huge field broke the whole file, or shifted its rows. Source: CPython, csv.field_size_limit."""
    desk.sell(PLANS)
    desk("customer add nova --currency USD --quiet")
    desk("subscribe nova flat --yes --quiet")
    text = "id,customer,event,at,quantity\n" + ROW.format(1) + bad + ROW.format(2)
    (tmp_path / "usage.csv").write_text(text)
    said = desk("usage import usage.csv -f json", at="2026-01-06", exit_code=INVALID).json
    assert (said["read"], said["accepted"], said["rejected"]) == (3, 2, 1)


def test_F169_without_its_header_a_table_is_not_read(desk: Desk, tmp_path: Path) -> None:
    """The first event was taken for the header, or the header for an event. Source: RFC 4180, section 2.3."""
    (tmp_path / "usage.csv").write_text(ROW.format(1) * 3)
    assert "[usage-header]" in desk("usage import usage.csv", exit_code=INVALID).stderr
