"""`planctl customer …`."""

from __future__ import annotations

from pathlib import Path

from tests import stores
from tests.cli.conftest import Run

NEW_YEAR = ("--as-of", "2026-01-01")


def test_a_customer_is_added_shown_and_archived(shop: Run) -> None:
    added = shop(
        "customer", "add", "nova", "--email", "a@nova.example", "--email", "b@nova.example",
        "--currency", "USD", "--country", "DE", "-f", "json", *NEW_YEAR,
    )  # fmt: skip
    assert added.exit_code == 0
    assert added.json["existed"] is False
    assert "undo with: planctl customer archive nova" in added.stderr
    shown = shop("customer", "show", "nova", "-f", "json", *NEW_YEAR).json
    assert {name: shown[name] for name in ("id", "name", "emails", "currency", "timezone", "country")} == {
        "id": "nova",
        "name": None,
        "emails": ["a@nova.example", "b@nova.example"],
        "currency": "USD",
        "timezone": "UTC",
        "country": "DE",
    }
    assert {name: shown[name] for name in ("archived", "parent", "tax", "payment_method", "balance")} == {
        "archived": False,
        "parent": None,
        "tax": None,
        "payment_method": "none",
        "balance": {},
    }
    assert (shown["subscriptions"], shown["assignments"], shown["open_invoices"], shown["next"]) == (
        [],
        [],
        [],
        [],
    )
    assert shop("customer", "archive", "nova").exit_code == 0
    assert shop("customer", "list", "-f", "json").json == []
    assert shop("customer", "list", "--archived", "-f", "csv").stdout.splitlines()[1].startswith("nova,")


def test_adding_twice_says_so_and_other_content_is_a_conflict(shop: Run) -> None:
    assert shop("customer", "add", "nova", "--currency", "USD").exit_code == 0
    again = shop("customer", "add", "nova", "--currency", "USD")
    assert again.exit_code == 0
    assert "nova is there already, as asked" in again.stdout
    assert "undo" not in again.stderr
    other = shop("customer", "add", "nova", "--currency", "EUR", "-f", "json")
    assert other.exit_code == 5
    assert other.error["code"] == "customer-exists"


def test_every_wrong_field_is_told_at_once(shop: Run) -> None:
    wrong = shop("customer", "add", "nova", "--currency", "usd", "--country", "de", "--timezone", "Nowhere")
    assert wrong.exit_code == 3
    assert wrong.stderr.count("error:") == 3
    assert "write USD" in wrong.stderr
    assert shop("customer", "show", "nova").exit_code == 4


def test_the_first_customer_makes_the_store(run: Run) -> None:
    assert run("customer", "list").exit_code == 74
    assert run("customer", "add", "nova", "--dry-run").exit_code == 0
    assert run("customer", "list").exit_code == 74
    assert run("customer", "add", "nova").exit_code == 0
    assert run("customer", "list", "-f", "json").json[0]["id"] == "nova"


def test_the_same_key_adds_once(shop: Run) -> None:
    first = shop("customer", "add", "nova", "--key", "k1", "-f", "json")
    again = shop("customer", "add", "nova", "--key", "k1", "-f", "json")
    assert first.json == again.json
    assert "exists" in again.stderr
    assert shop("customer", "add", "vega", "--key", "k1").exit_code == 5


def test_an_update_changes_one_field(shop: Run) -> None:
    shop("customer", "add", "nova", "--currency", "USD", "--name", "Nova")
    assert (
        shop("customer", "update", "nova", "--name", "Nova GmbH", "--payment-method", "invoice").exit_code
        == 0
    )
    shown = shop("customer", "show", "nova", "-f", "json").json
    assert (shown["name"], shown["currency"], shown["payment_method"]) == ("Nova GmbH", "USD", "invoice")


def test_customers_are_imported_whole_or_not_at_all(shop: Run, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("customer,name,email,country\nacme,Acme,a@b.example;c@d.example,DE\nvega,Vega,,xx\n")
    refused = shop("customer", "import", file)
    assert refused.exit_code == 3
    assert "c.csv:3:1: error: customer vega" in refused.stderr
    assert shop("customer", "list", "-f", "json").json == []
    file.write_text(file.read_text().replace("xx", "FR"))
    assert shop("customer", "import", file, "-f", "json").json == {
        "read": 2,
        "added": 2,
        "existing": 0,
        "enabled": 0,
        "customers": ["acme", "vega"],
    }
    assert "2 were there already" in shop("customer", "import", file).stdout


def test_a_customer_s_page_shows_bars_and_what_is_next(shop: Run) -> None:
    shop("customer", "add", "nova", "--currency", "USD", *NEW_YEAR)
    assert shop("subscribe", "nova", "starter", "--pay", "month", "--yes", *NEW_YEAR).exit_code == 0
    shop("usage", "record", "nova", "minutes", "250", "--as-of", "2026-01-05")
    page = shop("customer", "show", "nova", "--as-of", "2026-01-10").stdout
    assert "minutes  250 of 1,000, 750 left · resets 2026-02-01" in page
    assert "INV-2026-00001 · open · 19.00 USD due 2026-01-15" in page
    assert "2026-02-01  nova/starter renews, fee 19.00 USD; allowances reset" in page


def test_the_audit_keeps_no_personal_data(shop: Run, tmp_path: Path) -> None:
    shop("customer", "add", "nova", "--email", "secret@nova.example", "--name", "Nova Nowhere")
    stores.copy(tmp_path / "store.db", tmp_path / "copy.db")
    log = shop("audit", "log", "-f", "json").stdout
    assert "customer add" in log
    assert "secret@nova.example" not in log
    assert "Nowhere" not in log


def test_a_customer_is_added_with_a_plan_in_one_step(shop: Run) -> None:
    asked = ("customer", "add", "nova", "--currency", "USD", "--plan", "starter", "--pay", "month")
    assert shop(*asked, *NEW_YEAR).exit_code == 64  # it asks, and nobody is there to answer
    assert shop("customer", "list", "-f", "json").json == []
    started = shop(*asked, "--yes", "-f", "json", *NEW_YEAR)
    assert started.exit_code == 0
    assert (started.json["customer"], started.json["plan"], started.json["status"]) == (
        "nova",
        "starter",
        "active",
    )
    assert [one["number"] for one in started.json["invoices"]] == ["INV-2026-00001"]
    shown = shop("customer", "show", "nova", "-f", "json", *NEW_YEAR).json
    assert [one["plan"] for one in shown["subscriptions"] if one["status"] == "active"] == ["starter"]
    assert shown["assignments"] == []


def test_a_customer_whose_plan_cannot_start_is_not_added(shop: Run) -> None:
    refused = shop("customer", "add", "nova", "--plan", "pro", "--yes", *NEW_YEAR)
    assert refused.exit_code == 4
    assert shop("customer", "list", "-f", "json").json == []


def test_a_customers_subscription_names_its_open_invoices_and_says_when_it_is_behind(acme: Run) -> None:
    start = ("subscribe", "nova", "starter", "--pay", "month", "--no-trial", "--yes")
    assert acme(*start, *NEW_YEAR).exit_code == 0
    edit = ("plan", "edit", "starter", "--price", "month:USD=20", "--outside", "--yes")
    assert acme(*edit, "--as-of", "2026-01-02").exit_code == 0
    shown = acme("customer", "show", "nova", "-f", "json", "--as-of", "2026-01-03").json
    (running,) = [one for one in shown["subscriptions"] if one["plan"] == "starter"]
    assert (running["open_invoices"], running["plan_version"], running["behind"]) == (
        ["INV-2026-00001"], 1, 2
    )  # fmt: skip
