"""Whole invoices that other billing systems publish in their tests, each with its source in the data.

Every case is played from the command line, from the catalog to the invoice, or listed, with the reason why planctl
has another rule, in exceptions/invoices.json. Never both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.vectors.harness import load

VECTORS = load("invoices")
CASES, EXCEPTIONS = VECTORS.cases, VECTORS.exceptions

Given = dict[str, Any]
Invoice = dict[str, Any]

CATALOG = """\
format: planctl.catalog/1
catalog: case
currencies: {{{currency}: }}
features:
  units: {{type: metered, unit: unit}}
  units_1: {{type: metered, unit: unit}}
  units_2: {{type: metered, unit: unit}}
plans:
  plan:
    anchor: {anchor}
    price: {{month: {{{currency}: {plan_price}}}}}
    features:
      units: {{included: {included_units}, beyond: {{charge: usage, each: {{{currency}: {unit_price}}}}}}}
addons:
"""
ADDON = """\
  plan_{number}:
    requires: [plan]
    price: {{month: {{{currency}: {plan_price}}}}}
    features:
      units_{number}: {{included: {included_units}, beyond: {{charge: usage, each: {{{currency}: {unit_price}}}}}}}
"""


def test_every_listed_exception_exists_and_says_why() -> None:
    VECTORS.check_exceptions()


def test_the_file_is_whole() -> None:
    VECTORS.check_whole(4)


@pytest.mark.parametrize("case_id", VECTORS.played)
def test_a_published_story_ends_with_the_published_invoices(case_id: str, run: Run, tmp_path: Path) -> None:
    case = CASES[case_id]
    given, expected = case["input"], case["expected"]

    def done(line: str) -> Any:
        result = run(*line.split(), "-f", "json")
        assert result.exit_code == 0, f"$ planctl {line}\n{result.stdout}{result.stderr}"
        return result.json if result.stdout else None

    (tmp_path / "catalog.yaml").write_text(catalog_of(given), encoding="utf-8")
    done("init --test")
    answer = STORIES[case_id](given, done)
    assert {name: answer[name] for name in expected} == expected


def catalog_of(given: Given) -> str:
    """The plan of a case; with several subscriptions those after the first are add-ons, billed with it."""
    terms = {"anchor": given.get("anchor", "start"), **given}
    addons = [ADDON.format(number=number, **terms) for number in range(1, int(given.get("subscriptions", 1)))]
    return CATALOG.format(**terms) + "".join(addons or ["  {}\n"])


def consolidated(given: Given, done: Callable[[str], Any]) -> dict[str, Any]:
    """What one customer holds, used and fee together, is one invoice."""
    done("catalog apply catalog.yaml --yes --as-of 2026-01-01")
    done(f"customer add nova --currency {given['currency']} --as-of 2026-01-01")
    for plan in ("plan", "plan_1", "plan_2"):
        done(f"subscribe nova {plan} --yes --as-of 2026-01-01")
    for feature in ("units", "units_1", "units_2"):
        done(f"usage record nova {feature} {given['used_each']} --at 2026-01-10 --as-of 2026-01-10")
    done("invoice run --as-of 2026-02-01")
    renewed = [one for one in invoices(done, "2026-02-01") if one["issued_at"] == "2026-02-01T00:00:00Z"]
    return {
        "invoice_count": len(renewed),
        "lines": sum(len(one["lines"]) for one in renewed),
        "total": renewed[0]["total"],
    }


def canceled(given: Given, done: Callable[[str], Any]) -> dict[str, Any]:
    """A start in the middle of a month, and no renewal: the first part, then the usage alone."""
    start, last = given["start_date"], date.fromisoformat(given["cancelled_at_period_end"])
    done(f"catalog apply catalog.yaml --yes --as-of {start}")
    done(f"customer add nova --currency {given['currency']} --as-of {start}")
    done(f"subscribe nova plan --yes --as-of {start}")
    done(f"usage record nova units {given['used_may']} --at {start} --as-of {start}")
    done(f"subscription cancel nova --yes --as-of {last}")
    done(f"invoice run --as-of {last + timedelta(days=1)}")
    first, final = invoices(done, f"{last + timedelta(days=1)}")
    return {"first_invoice": first["total"], "final_invoice": final["total"]}


def invoices(done: Callable[[str], Any], at: str) -> list[Invoice]:
    found: list[Invoice] = done(f"invoice list --as-of {at}")
    return found


STORIES = {"iv-silver-consolidated-usage": consolidated, "iv-silver-cancel-period-end": canceled}
