"""Faults of amounts: floats, rounding, currencies, tiers, taxes and discounts.

KB is Kill Bill, OM OpenMeter, FP Flexprice; what stands after an @ is a commit.
"""

from __future__ import annotations

import ast
import csv
import decimal
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import planctl
from planctl.core import currencies
from planctl.core.currencies import Currency, iso_codes, iso_currency
from planctl.core.money import allocate, format_minor, parse_decimal, round_half_up, round_minor, to_minor
from planctl.core.stripe.amounts import at_stripe, takes
from planctl.errors import Refused
from planctl.store.mapping import minor
from planctl.store.rows import METADATA
from tests import stores
from tests.faults.conftest import Desk, broken_laws

PACKAGE = Path(planctl.__file__).parent
TIES = Path(__file__).parents[1] / "data" / "ties.csv"

CATALOG = """
currencies: {{{currencies}}}
features:
  calls: {{type: metered, unit: call}}
  seats: {{type: metered, unit: seat, reset: never}}
defaults: {{due: 365 days}}
{more}
plans:
  {plans}
"""


def catalog(*plans: str, currencies: str = "USD: ", more: str = "") -> str:
    return CATALOG.format(plans="\n  ".join(plans), currencies=currencies, more=more)


def beyond(price: str) -> str:
    """Plan `x`, which charges nothing but calls, at this price."""
    return f"x: {{price: {{month: usage}}, features: {{calls: {{beyond: {{charge: usage, {price}}}}}}}}}"


def used(desk: Desk, price: str, *quantities: str) -> list[str]:
    """What customers who used so many calls in January pay for them; `none` without an invoice."""
    desk.sell(catalog(beyond(price)))
    for number, quantity in enumerate(quantities):
        desk(f"customer add c{number} --currency USD --quiet")
        desk(f"subscribe c{number} x --yes --quiet")
        if quantity != "0":
            desk(f"usage record c{number} calls {quantity} --at 2026-01-10", "2026-01-10")
    desk("invoice run", "2026-02-01")
    return [*("".join(desk.totals(f"c{number}")) or "none" for number in range(len(quantities)))]


def nodes(*folders: str, saying: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node of the modules of these folders of the program in which a pattern is found, with the module's path."""
    for path in (path for folder in folders for path in sorted((PACKAGE / folder).rglob("*.py"))):
        text = path.read_text("utf-8")
        if re.search(saying, text):
            yield from ((str(path.relative_to(PACKAGE)), node) for node in ast.walk(ast.parse(text)))


# --- numbers


def test_F051_no_amount_ever_is_a_float(desk: Desk) -> None:
    """Money is kept in binary floating point and is off by a cent: `int(19.99 * 100)` is 1998.
    Source: KB@25baabba42, KB@d7526fb64f, Lago@14d075fe2.
    """
    # 9,007,199,254,740.93 is more cents than a float can count.
    desk.sell(catalog("x: {price: {month: {USD: 19.99}}}", "y: {price: {month: {USD: 9007199254740.93}}}"))
    for plan in "xy":
        desk(f"customer add {plan} --currency USD --quiet")
        desk(f"subscribe {plan} {plan} --yes --quiet")
    assert desk.totals() == ["19.99", "9007199254740.93"]
    assert desk.rows("SELECT total FROM invoice ORDER BY total") == [(1999,), (900719925474093,)]
    floats = [
        f"{path}:{node.lineno}"
        for path, node in nodes("core", "store", "files", saying=r"float|(?<![\w.])\d+(\.|e)\d")
        if (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ]
    assert floats == []


def test_F052_no_column_is_real_and_a_quantity_comes_back_as_it_went_in(desk: Desk) -> None:
    """A decimal column on SQLite is a REAL: 12345678901.123456 comes back as …455.
    Source: measured with SQLModel `Decimal(18,6)`.
    """
    kinds = {str(column.type) for table in METADATA.sorted_tables for column in table.columns}
    assert kinds == {"BIGINT", "TEXT", "BLOB"}
    assert used(desk, "each: {USD: 0.01}", "12345678901.123456") == ["123456789.01"]
    (event,) = desk.json("usage list --customer c0", "2026-02-01")
    assert event["quantity"] == "12345678901.123456"


@pytest.mark.sqlite_only  # PostgreSQL's columns have their types
def test_F053_a_number_column_takes_neither_words_nor_fractions(copy: Callable[[], Path]) -> None:
    """An INTEGER column takes `12abc` and 1.5 as they are.
    Source: SQLite documentation, "STRICT Tables"; measured.
    """
    with stores.unguarded(copy()) as raw:
        made = raw.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
        planctls = {table.name for table in METADATA.sorted_tables}
        assert [name for name, sql in made if name in planctls and "STRICT" not in sql] == []
        for wrong in ("12abc", 1.5, b"7"):
            with pytest.raises(stores.driver().IntegrityError, match="cannot store"):
                raw.execute("UPDATE store_identity SET created_at = ?", [wrong])
    # What the column would convert, the program refuses before it.
    for wrong in ("7", 2.0, True):
        with pytest.raises(AssertionError, match="is no integer"):
            minor(wrong)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**7)), min_size=1, max_size=8))
def test_F055_the_parts_of_a_line_sum_to_it(tiers: list[tuple[int, int]]) -> None:
    """A sum of rounded parts is not the rounded sum: one cent is left open, or four parts make more than three.
    Source: Lago@d86e9c28f (#5121), Lago@bb1fef7c0 (#4794).
    """
    # Any units at any price of up to five decimals.
    exact = [Fraction(units * price, 10**5) for units, price in tiers]
    line = round_minor(sum(exact, Fraction(0)), 2)
    assert abs(Fraction(line, 100) - sum(exact)) <= Fraction(1, 200)
    parts = allocate(line, exact)
    assert sum(parts) == line
    assert all(abs(part - 100 * one) < 1 + Fraction(1, 2) for part, one in zip(parts, exact, strict=True))


def test_F055_a_line_is_rounded_once(desk: Desk) -> None:
    """A sum of rounded parts is not the rounded sum. Source: Lago@bf2c78089."""
    # 3 × 0.335 = 1.005 is 1.01, shown as 0.34 + 0.34 + 0.33.
    tiers = "graduated: [{to: 1, each: {USD: 0.335}}, {to: 2, each: {USD: 0.335}}, {each: {USD: 0.335}}]"
    assert used(desk, tiers, "3") == ["1.01"]
    assert allocate(101, [1, 1, 1]) == (34, 34, 33)


def test_F056_one_door_makes_whole_cents_and_it_does_not_cut(desk: Desk) -> None:
    """A conversion to an integer cuts 99.9999 cents to 99. Source: Lago@81a240623."""
    # What else in the core rounds is named here: quantities of usage, breakpoints of a curve, and zeros of a total.
    assert used(desk, "each: {USD: 0.999999}", "1") == ["1.00"]
    rounding = ("round", "quantize", "to_integral_value", "to_integral_exact", "trunc", "ceil", "floor")
    found = set()
    for path, node in nodes("core", saying=rf"\b({'|'.join(rounding)})\("):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            found |= {(path, name)} & {(path, one) for one in rounding}
    assert found == {
        ("core/catalog/rules_sense.py", "ceil"),
        ("core/invoicing/comparing.py", "quantize"),
        ("core/metering/accept.py", "to_integral_value"),
        ("core/metering/aggregate.py", "ceil"),
        ("core/metering/aggregate.py", "floor"),
        ("core/pricing/curves.py", "ceil"),
        ("core/pricing/curves.py", "floor"),
    }


def test_F057_no_decimal_context_rounds_on_the_way(desk: Desk) -> None:
    """Dust of a division (-0.24e-14) makes a total negative, and the invoice is stuck.
    Source: Lago@de0ede906 (#5024).
    """
    # Where anything that a Decimal has to round is an error, a third of a month's part is still right to the cent:
    # 100.01 × 10/31 = 32.2613, and 1/3 of it off is 10.7538.
    coupon = "coupons: {third: {off: 33.3333%, for: once}}"
    with decimal.localcontext(decimal.Context(traps=[decimal.Inexact])):
        desk.sell(catalog("x: {price: {month: {USD: 100.01}}, anchor: calendar}", more=coupon))
        desk("customer add c --currency USD --quiet")
        desk("subscribe c x --coupon third --yes --quiet", "2026-01-22")
        (invoice,) = desk.invoices()
    assert [invoice[name] for name in ("subtotal", "discount", "total")] == ["32.26", "10.75", "21.51"]


def test_F059_nothing_used_and_next_to_nothing_are_amounts_too(desk: Desk) -> None:
    """0 units, or an amount that rounds to 0, is a divisor somewhere. Source: FP@f0aff447f."""
    # 0.001 calls at 0.01 are 0.00001, so 0.00, and an invoice of zero is skipped.
    price = "graduated: [{to: 10, each: {USD: 0.01}, flat: {USD: 0}}, {each: {USD: 0.02}}]"
    assert used(desk, price, "0", "0.001", "1") == ["none", "none", "0.01"]
    assert allocate(0, [Fraction(0)]) == (0,)
    assert allocate(0, []) == ()
    assert allocate(5, [0, 0]) == (3, 2)


def test_F060_an_exponent_is_refused_before_it_is_computed(desk: Desk) -> None:
    """`1e999999999` keeps the processor busy for as long as one likes.
    Source: measured; planctl billing rules, money and rounding.
    """
    # `int(Decimal("1e1000000"))` alone takes half a minute.
    assert used(desk, "each: {USD: 0.01}", "1") == ["0.01"]
    huge = "1e999999999"
    (desk.directory / "huge.yaml").write_text(
        "format: planctl.catalog/1\ncatalog: huge\ncurrencies: {USD: }\n"
        f"plans: {{x: {{price: {{month: {{USD: {huge}}}}}}}}}\n"
    )
    assert "huge.yaml:4:" in desk("catalog validate huge.yaml", exit_code=3).stderr
    (desk.directory / "huge.csv").write_text(f"id,customer,event,at,quantity\na,c0,calls,2026-02-01,{huge}\n")
    for line in ("usage import huge.csv", f"usage record c0 calls {huge}", f"payment record INV-2026-00001 {huge}",
                 f"wallet grant c0 calls {huge} --reason gift --yes"):  # fmt: skip
        assert "exponent" in desk(line, "2026-02-01", exit_code=3).stderr, line


@pytest.mark.parametrize(
    "text",
    [
        "١٢٣",
        "\uff11\uff12.\uff15",
        "1_000",
        "12\n",
        " 12",
        "1,000",
        "0x1F",
        "+",
        "²",
        "1e3",
        "NaN",
        "Infinity",
        "−5",
    ],
)
def test_F061_what_only_looks_like_a_number_is_refused(text: str) -> None:
    """`\\d`, `$` and `int()` take digits of other scripts, underscores and a line's end for a number.
    Source: Python documentation, "re" and "int"; measured.
    """
    with pytest.raises(ValueError, match=r"."):
        parse_decimal(text)


def test_F061_no_pattern_of_the_program_is_loose() -> None:
    """`\\d` matches digits of every script, and `$` a line's end too. Source: Python documentation, "re"."""
    # Every pattern with `\\d` says re.ASCII, and none that is matched from the text's start ends in `$`.
    loose = []
    for path, node in nodes("", saying=r"\\d|re\.match"):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
            said, how = ast.unparse(node.args[0]), ast.unparse(node)
            if ("\\\\d" in said and "re.ASCII" not in how) or (
                node.func.attr == "match" and said.endswith("$'")
            ):
                loose.append(f"{path}:{node.lineno}")
    assert loose == []


# --- currencies


def test_F062_a_currency_has_its_own_decimals(desk: Desk) -> None:
    """Every amount is multiplied by 100, whatever the currency: yen become a hundred times as many.
    Source: Lago@206fd7bd0, Polar@9108576ca2, FP@f0aff447f, FP@df2bf8a40; ISO 4217.
    """
    desk.sell(
        catalog("x: {price: {month: {JPY: 500, KWD: 1.234, USD: 5}}}", currencies="JPY: , KWD: , USD: ")
    )
    for code in ("JPY", "KWD", "USD"):
        desk(f"customer add {code.lower()} --currency {code} --quiet")
        desk(f"subscribe {code.lower()} x --yes --quiet")
    kept = desk.rows("SELECT currency, total, decimals FROM invoice ORDER BY currency")
    assert kept == [("JPY", 500, 0), ("KWD", 1234, 3), ("USD", 500, 2)]
    assert desk.totals() == ["500", "1.234", "5.00"]
    assert "3 decimals, USD has 2" in desk("payment record INV-2026-00003 1.234", exit_code=3).stderr


@given(st.sampled_from(iso_codes()), st.integers(-(10**15), 10**15))
def test_F062_an_amount_is_read_back_as_it_was_written(code: str, minor: int) -> None:
    """An amount is written with the decimals of another currency than it is read with.
    Source: Lago@206fd7bd0; ISO 4217.
    """
    currency = iso_currency(code)
    assert currency is not None
    assert to_minor(parse_decimal(format_minor(minor, currency)), currency) == minor


@pytest.mark.parametrize(
    ("code", "minor", "at"),
    [("ISK", 500, 50_000), ("UGX", 500, 50_000), ("JPY", 500, 500), ("KWD", 1_230, 1_230), ("USD", 1_990, 1_990),
     ("HUF", 50_050, 50_050), ("KWD", 1_234, None), ("USDT", 1_000_000, None)],
)  # fmt: skip
def test_F063_at_stripe_some_currencies_are_counted_otherwise(code: str, minor: int, at: int | None) -> None:
    """Stripe takes ISK and UGX in hundredths that must be whole, and of KWD only tens of fils.
    Source: https://docs.stripe.com/currencies; Polar@8b5bd10427, Polar@785626b001.
    """
    # 500.50 ISK cannot be written at all, since the króna has no decimals. What Stripe cannot take is refused (4)
    # when it is pushed.
    currency = iso_currency(code) or Currency(code, "Tether", 6, iso=False)
    if at is None:
        with pytest.raises(Refused, match=code):
            at_stripe(minor, currency)
    else:
        assert (at_stripe(minor, currency), takes(currency)) == (at, "")
    with pytest.raises(ValueError, match=r"500\.5 has 1 decimals, ISK has 0"):
        to_minor(Decimal("500.5"), iso_currency("ISK") or currency)


def test_F064_an_old_invoice_keeps_the_decimals_it_was_issued_with(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A currency's decimals change, as those of BYN in 2016, and old amounts are read as others.
    Source: GnuCash 766688, 776247.
    """
    assert used(desk, "each: {USD: 0.5}", "3") == ["1.50"]
    show = "invoice show INV-2026-00001"
    before = [desk(f"{show} -f {how}", "2026-02-02").stdout for how in ("json", "table")]
    changed = currencies._table() | {"USD": Currency("USD", "US Dollar", 3)}
    with monkeypatch.context() as patch:
        patch.setattr(currencies, "_table", lambda: changed)
        assert [desk(f"{show} -f {how}", "2026-02-02").stdout for how in ("json", "table")] == before
        assert broken_laws(desk.store) == []


def test_F065_no_amount_is_shown_without_its_currency(desk: Desk) -> None:
    """An amount in yen is shown with a dollar sign, since some other currency was at hand. Source: Lago@cb513640c."""
    # An invoice, which has one, names it with its sums and no other.
    desk.sell(
        catalog("x: {price: {month: {EUR: 1.50, KWD: 2.500, USD: 3.50}}}", currencies="EUR: , KWD: , USD: ")
    )
    for code in ("EUR", "KWD", "USD"):
        desk(f"customer add {code.lower()} --currency {code} --quiet")
        desk(f"subscribe {code.lower()} x --yes --quiet")
    desk("invoice run", "2026-02-01")
    desk("payment record INV-2026-00001 1", "2026-02-02")
    said = [desk(line, "2026-02-02").stdout for line in (
        "invoice list", "customer show kwd", "payment list", "status", "invoice preview usd --as-of 2026-03-01",
        "subscription show eur", "plan show x",
    )]  # fmt: skip
    amounts = [
        line for text in said for line in text.splitlines() if re.search(r"\b(1\.50|2\.500|3\.50)\b", line)
    ]
    assert len(amounts) > 9
    assert [line for line in amounts if not re.search("EUR|KWD|USD", line)] == []
    document = desk("invoice show INV-2026-00002", "2026-02-02").stdout
    assert set(re.findall("EUR|KWD|USD", document)) == {"KWD"}


def test_F067_a_price_in_another_currency_is_a_new_version(desk: Desk) -> None:
    """A running subscription changes its currency, and one book mixes two.
    Source: planctl billing rules, subscribe.
    """
    desk.sell(catalog("x: {price: {month: {USD: 10}}}", currencies="EUR: , USD: "))
    desk("customer add c --currency USD --quiet")
    desk("subscribe c x --yes --quiet")
    changed = catalog("x: {price: {month: {EUR: 10}}}", currencies="EUR: , USD: ")
    (desk.directory / "catalog.yaml").write_text(f"format: planctl.catalog/1\ncatalog: case\n{changed}")
    refused = desk("catalog apply catalog.yaml --yes", "2026-01-05", exit_code=4)
    assert "currency-removed" in refused.stdout + refused.stderr
    desk("plan create y --price month:EUR=10", "2026-01-05")
    desk("invoice run", "2026-02-01")
    assert [(one["currency"], one["total"]) for one in desk.invoices("c")] == [("USD", "10.00")] * 2


# --- taxes and discounts

VAT = "taxes: {vat: {name: MwSt., country: DE, rate: 19%}}"


def test_F068_what_is_refunded_of_a_tax_is_never_more_than_was_charged(desk: Desk) -> None:
    """A tax is taken twice, or of what a discount took off, or more of it goes back than was collected.
    Source: silver@b00262c, Lago@6ba40aba2, Polar@9222925190.
    """
    # 9.99 less 10 % are 8.99; 19 % of it 1.7081, so 1.71, of which all goes back with the third of three notes.
    desk.sell(
        catalog("x: {price: {month: {USD: 9.99}}}", more=f"coupons: {{ten: {{off: 10%, for: once}}}}\n{VAT}")
    )
    desk("customer add c --currency USD --country DE --quiet")
    desk("subscribe c x --coupon ten --yes --quiet")
    (invoice,) = desk.invoices()
    assert [invoice[name] for name in ("discount", "tax", "total")] == ["1.00", "1.71", "10.70"]
    returned = Decimal(0)
    for line in ("1=3.33", "1=3.33", "1"):
        note = desk.json(
            f"credit-note create INV-2026-00001 --line {line} --reason mistake --yes", "2026-01-02"
        )
        returned += Decimal(note["tax"])
        assert returned <= Decimal("1.71")
    notes = desk.json("credit-note list", "2026-01-03")
    assert (returned, sum(Decimal(one["total"]) for one in notes)) == (Decimal("1.71"), Decimal("10.70"))


def test_F069_a_coupon_of_three_periods_takes_off_in_three_and_once_of_each_line(desk: Desk) -> None:
    """A discount is taken twice of a part of a period, or goes on for ever.
    Source: Polar@6d425e86da, Polar@332cb7418e.
    """
    # 2 seats more than 10 at 4.00: 57.00. On 24 January 3 more for 8 of 31 days: 12.00 × 8/31 = 3.10. Then 69.00.
    # Half of each is taken off, until April.
    plan = ("x: {price: {month: {USD: 49}}, features:"
            " {seats: {included: 10, beyond: {charge: prepaid, each: {month: {USD: 4}}, up_to: 50}}}}")  # fmt: skip
    desk.sell(catalog(plan, more="coupons: {half: {off: 50%, for: 3 periods}}"))
    desk("customer add c --currency USD --quiet")
    desk("subscribe c x --quantity seats=12 --coupon half --yes --quiet")
    desk("subscription quantity c seats=15 --yes --quiet", "2026-01-24")
    desk("invoice run", "2026-04-01")
    assert desk.totals() == ["28.50", "1.55", "34.50", "34.50", "69.00"]


def test_F071_an_invoice_is_never_below_zero(desk: Desk, copy: Callable[[], Path]) -> None:
    """Credits are larger than charges, and the customer owes a negative amount.
    Source: Lago negative_total_with_prepaid_credits_spec; Kill Bill, account credit.
    """
    # 15 of April's 30 days: 60.00 × 15/30 = 30.00 go back, 15.00 are charged. The charge is paid by the credit, and
    # the other 15.00 stay in the balance.
    desk.sell(catalog("a: {group: main, price: {month: {USD: 30}}}", "b: {group: main, price: {month: {USD: 60}}}",
                      more="groups: {main: {order: [a, b], switch: {up: now, down: now}}}"))  # fmt: skip
    desk("customer add c --currency USD --quiet", "2026-04-01")
    desk("subscribe c b --yes --quiet", "2026-04-01")
    desk("payment record INV-2026-00001", "2026-04-02")
    desk("subscribe c a --yes --quiet", "2026-04-16")
    last = desk.invoices("c")[-1]
    assert (last["total"], last["credit_applied"], last["due"]) == ("15.00", "15.00", "0.00")
    assert desk.json("customer show c", "2026-04-17")["balance"] == {"USD": "15.00"}
    with (
        stores.unguarded(copy()) as raw,
        pytest.raises(stores.driver().IntegrityError, match=r"(?i)check constraint"),
    ):
        raw.execute("UPDATE invoice SET total = -1, subtotal = -1 - tax + discount, credit = 0, paid = 0")


# --- tiers


@pytest.mark.parametrize(
    "tiers",
    [
        "[{to: 1000, each: {USD: 0.10}}, {to: 1000, each: {USD: 0.05}}, {each: {USD: 0.01}}]",
        "[{to: 1000, each: {USD: 0.10}}, {to: 999, each: {USD: 0.05}}, {each: {USD: 0.01}}]",
        "[{each: {USD: 0.10}}, {to: 1000, each: {USD: 0.05}}]",
        "[{to: 1000, each: {USD: 0.10}}]",
    ],
    ids=["the same bound", "falling bounds", "no end before the last", "no last tier"],
)
def test_F072_tiers_that_overlap_or_leave_a_gap_are_refused(desk: Desk, tiers: str) -> None:
    """Two tiers or filters hold the same unit, and it is billed twice; or none does.
    Source: Lago@add6eb010 (#5916).
    """
    # A tier says only its upper bound, so a unit cannot lie in two.
    text = catalog(beyond(f"graduated: {tiers}"))
    (desk.directory / "tiers.yaml").write_text(f"format: planctl.catalog/1\ncatalog: case\n{text}")
    assert re.search(r"tiers\.yaml:\d+:\d+: error", desk("catalog validate tiers.yaml", exit_code=3).stderr)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # 1,000 at 0.10 = 100.00; in the second tier 0.05 each.
        ("graduated", ["none", "0.10", "99.90", "100.00", "100.05", "150.00", "150.01"]),
        # All units at the price of the tier that the last one reaches: 1,001 × 0.05, 2,001 × 0.01.
        ("volume", ["none", "0.10", "99.90", "100.00", "50.05", "100.00", "20.01"]),
    ],
)
def test_F073_the_last_unit_of_a_tier_is_in_it(desk: Desk, kind: str, expected: list[str]) -> None:
    """ "Up to 1,000" holds the thousandth unit in one place and not in another.
    Source: planctl billing rules, price kinds; Stripe documentation, "Tiered pricing", `up_to`.
    """
    price = f"{kind}: [{{to: 1000, each: {{USD: 0.10}}}}, {{to: 2000, each: {{USD: 0.05}}}}, {{each: {{USD: 0.01}}}}]"
    assert used(desk, price, "0", "1", "999", "1000", "1001", "2000", "2001") == expected


def test_F074_a_tie_goes_away_from_zero(desk: Desk) -> None:
    """One program rounds half to even, another half up, and they differ by a cent.
    Source: planctl billing rules, money and rounding.
    """
    # 0.005, 0.015, 0.025 and 0.035; half to even they would be 0.00, 0.02, 0.02 and 0.04. Two hundred more are in a
    # file that Python's decimal module made with ROUND_HALF_UP.
    assert used(desk, "each: {USD: 0.005}", "1", "3", "5", "7") == ["0.01", "0.02", "0.03", "0.04"]
    with TIES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = [
        row
        for row in rows
        if round_half_up(Fraction(row["exact"]), int(row["decimals"])) != int(row["units"])
    ]
    assert (len(rows), wrong) == (200, [])


def test_F075_a_small_number_is_printed_in_digits(desk: Desk) -> None:
    """A price of 0.00000001 is printed as 1E-8. Source: meteroid@a410029e."""
    assert used(desk, "each: {USD: 0.00000001}", "100000000.00000001") == ["1.00"]
    said = [desk(line, "2026-02-01").stdout for line in (
        "invoice show INV-2026-00001", "invoice show INV-2026-00001 -f json", "invoice explain INV-2026-00001",
        "usage list --customer c0", "usage export", "plan show x", "catalog export",
    )]  # fmt: skip
    assert [text for text in said if re.search(r"(?<![\w.])\d[\d.]*[eE][-+]?\d+\b", text)] == []
    assert sum("0.00000001" in text for text in said) == len(said)
