"""Part A of the mission, a chatbot partner platform with "customer plans": each row from the shell and from YAML."""

from __future__ import annotations

import pytest

from tests.mission.conftest import Sell, Shell


@pytest.fixture
def shop(sell: Sell) -> Shell:
    """The chatbot sample with nova and orbit, who have bought nothing yet."""
    shell = sell("chatbot")
    shell.all(["customer add nova --currency USD", "customer add orbit --currency USD"])
    return shell


def test_a1_create_edit_list_and_show_plans_in_the_shell(shop: Shell) -> None:
    """A1: a plan is made and edited in the shell; the edit is version 2, and who runs version 1 keeps it."""
    shop(
        "plan create kiosk --name Kiosk --group customer --price month:USD=9 --feature messages=300"
        " --set 'features.integrations=[webchat]' --grace '5 days'"
    )
    assert shop.plan("kiosk")["features"]["messages"]["included"] == "300"
    assert "kiosk" in {plan["id"] for plan in shop.json("plan list")}
    shop("subscribe nova kiosk --yes")
    shop("plan edit kiosk --price month:USD=12 --feature messages=500")
    assert (shop.plan("kiosk")["version"], shop.plan("kiosk")["price"]["month"]["USD"]) == (2, "12.00")
    running = shop.json("subscription show nova")
    assert (running["plan_version"], running["terms"]["price"]["month"]["USD"]) == (1, "9")
    assert shop.json("check nova messages")["limit"] == "300"
    shop("subscribe orbit kiosk --yes")
    shop.pay("2026-01-02")
    shop("invoice run", "2026-02-01")
    assert shop.totals("nova", "2026-02-01") == ["9.00", "9.00"]
    assert shop.totals("orbit", "2026-02-01") == ["12.00", "12.00"]
    assert [one["version"] for one in shop.json("plan versions kiosk")] == [1, 2]


def test_a1_create_edit_list_and_show_plans_in_yaml(shop: Shell) -> None:
    """A1: the same by files: an edited plan is a new version, a new one is sold, and running ones are untouched."""
    shop("subscribe nova scale --pay month --yes")
    shop.edit("plans/customer.yaml", "month: {USD: 199, EUR: 189}", "month: {USD: 219, EUR: 189}")
    shop.edit(
        "plans/customer.yaml",
        "  demo:\n",
        "  kiosk: {name: Kiosk, group: customer, price: {month: {USD: 9}}, features: {messages: 300}}\n\n  demo:\n",
    )
    shop("catalog apply catalog --yes")
    assert (shop.plan("scale")["version"], shop.plan("kiosk")["version"]) == (2, 1)
    assert shop.plan("kiosk")["file"] == "plans/customer.yaml"
    assert shop.json("subscription show nova")["plan_version"] == 1
    shop.pay("2026-01-02")
    shop("invoice run", "2026-02-01")
    assert shop.totals("nova", "2026-02-01") == ["199.00", "199.00"]
    shop("doctor", "2026-02-01")


def test_a2_active_and_inactive_in_the_shell(shop: Shell) -> None:
    """A2: `plan deactivate` hides a plan from customers and `activate` shows it; operators assign either."""
    shop("plan create kiosk --group customer --price month:USD=9 --feature messages=300")
    assert shop.plan("kiosk")["visibility"] == "active"
    shop("plan deactivate kiosk")
    assert (shop.plan("kiosk")["visibility"], shop.plan("kiosk")["version"]) == ("inactive", 1)
    shop("assign nova kiosk")
    shop("plan activate kiosk")
    assert shop.plan("kiosk")["visibility"] == "active"


def test_a2_active_and_inactive_in_yaml(shop: Shell) -> None:
    """A2: `visibility: inactive` in the file; changing it makes no new version. The page itself is a later part."""
    status = {plan["id"]: plan["visibility"] for plan in shop.json("plan list")}
    assert (status["demo"], status["growth"]) == ("inactive", "active")
    shop("subscribe nova demo --yes")
    assert shop.allowed("nova messages", "2026-01-01")
    shop.edit(
        "plans/customer.yaml",
        "    visibility: inactive          # on no page; operators can still give it\n",
        "",
    )
    shop("catalog apply catalog --yes")
    assert (shop.plan("demo")["visibility"], shop.plan("demo")["version"]) == ("active", 1)


def test_a3_archive_and_unarchive_in_the_shell(shop: Shell) -> None:
    """A3: archived, a plan has no new customers; its holder renews, uses it and buys add-ons until it is unarchived."""
    shop("subscribe nova growth --pay month --no-trial --yes")
    shop("plan archive growth --outside --yes")
    assert "archived" in shop.refused("subscribe orbit growth --pay month --no-trial --yes")
    assert "archived" in shop.refused("assign orbit growth --pay month")
    shop("subscribe nova extra_messages --quantity 2 --yes")
    assert shop.json("check nova messages")["limit"] == "10000"  # 5,000 + 2 × 2,500
    assert shop.plan("growth")["archived"]  # still visible
    shop.pay("2026-01-02")
    shop("invoice run", "2026-02-01")
    assert shop.totals("nova", "2026-02-01") == ["79.00", "50.00", "129.00"]
    shop("plan unarchive growth --outside", "2026-02-01")
    shop("subscribe orbit growth --pay month --no-trial --yes", "2026-02-01")
    shop("doctor", "2026-02-01")


def test_a3_archive_and_unarchive_in_yaml(shop: Shell) -> None:
    """A3: `archived: true`, or a plan that is no longer in the files; back in them it is for sale again."""
    assert "archived" in shop.refused("subscribe orbit founders --yes")
    shop.edit(
        "plans/customer.yaml",
        "    archived: true                # closed to new customers; who has it keeps it, at its price\n",
        "",
    )
    shop("catalog apply catalog --yes")
    shop("subscribe nova founders --yes")
    shop.pay("2026-01-02")
    file = shop.directory / "catalog" / "plans" / "customer.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("  founders:")], encoding="utf-8")
    shop.edit(
        "examples.yaml",
        "  founders_keep:      {plan: founders, in: USD, use: {messages: 2_000}, bill: 19.00}\n",
        "",
    )
    shop("catalog apply catalog --yes")
    assert "archived" in shop.refused("subscribe orbit founders --yes")
    assert shop.allowed("nova integrations --value whatsapp", "2026-01-20")
    shop("invoice run", "2026-02-01")
    assert shop.totals("nova", "2026-02-01") == ["19.00", "19.00"]
    file.write_text(text, encoding="utf-8")
    shop("catalog apply catalog --yes", "2026-02-01")
    shop("subscribe orbit founders --yes", "2026-02-01")


def test_a4_add_ons_in_the_shell(shop: Shell) -> None:
    """A4: an add-on made in the shell grants what the plan does not, stands beside it and ends with it."""
    shop(
        "plan create brand --addon --name 'Own brand' --price month:USD=20"
        " --feature own_brand=true --set 'requires=[lite]'"
    )
    assert shop.plan("brand")["kind"] == "addon"
    assert "requires" in shop.refused("subscribe nova brand --yes")
    shop("subscribe nova lite --pay month --no-trial --yes")
    assert not shop.allowed("nova own_brand", "2026-01-01")
    shop("subscribe nova brand --yes")
    assert shop.allowed("nova own_brand", "2026-01-01")
    shop.pay("2026-01-02")
    shop("subscription cancel nova/lite --yes", "2026-01-10")
    shop("invoice run", "2026-02-01")
    assert not shop.allowed("nova own_brand", "2026-02-01")
    assert shop.totals("nova", "2026-02-01") == ["29.00", "20.00"]


def test_a4_add_ons_in_yaml(shop: Shell) -> None:
    """A4: the sample's add-on gives Lite one integration more, on one invoice with it from the renewal on."""
    shop("subscribe nova lite --pay month --no-trial --yes")
    assert not shop.allowed("nova integrations --value whatsapp", "2026-01-01")
    shop("subscribe nova whatsapp --yes")
    assert shop.json("check nova integrations --value whatsapp")["values"] == ["webchat", "whatsapp"]
    shop.pay("2026-01-02")
    shop("invoice run", "2026-02-01")
    assert shop.lines("INV-2026-00003", "2026-02-01") == [
        ("fee", "lite", "29.00"),
        ("addon", "whatsapp", "15.00"),
    ]


def test_a5_integrations_in_the_shell(shop: Shell) -> None:
    """A5: a plan lists the apps it connects to; `check --value` answers for one of them; an unknown app is found."""
    shop("plan create kiosk --group customer --price month:USD=9 --feature 'integrations=[webchat, hubspot]'")
    shop("subscribe nova kiosk --yes")
    assert shop.allowed("nova integrations --value hubspot", "2026-01-01")
    assert not shop.allowed("nova integrations --value salesforce", "2026-01-01")
    wrong = shop("plan edit kiosk --feature 'integrations=[webchat, hubspott]'", exit_code=3)
    assert "hubspott" in wrong.stderr


def test_a5_integrations_in_yaml(shop: Shell) -> None:
    """A5: each larger plan connects to more; an app that a plan gains reaches new customers alone."""
    granted = {
        plan: shop.plan(plan)["features"]["integrations"]["values"] for plan in ("lite", "growth", "scale")
    }
    assert granted["lite"] == ["webchat"]
    assert granted["growth"] == ["hubspot", "instagram", "webchat", "whatsapp"]
    assert set(granted["scale"]) == {*granted["growth"], "salesforce", "zapier"}
    shop("subscribe nova lite --pay month --no-trial --yes")
    shop.edit("plans/customer.yaml", "integrations: [webchat]\n", "integrations: [webchat, zapier]\n")
    shop("catalog apply catalog --yes")
    shop("subscribe orbit lite --pay month --no-trial --yes")
    assert not shop.allowed("nova integrations --value zapier", "2026-01-01")
    assert shop.allowed("orbit integrations --value zapier", "2026-01-01")


def test_a6_invoice_details_are_settings_and_stand_on_the_invoice_as_they_were(shop: Shell) -> None:
    """A6: seller, footer and numbering are set in the shell; an issued invoice keeps what it was issued with.

    The pricing page is a later part: what is tested of it is that `page` in the catalog is read and kept.
    """
    for name, value in (
        ("seller.name", "Bot Works GmbH"), ("seller.address", "Hafen 1, 20457 Hamburg"), ("seller.country", "DE"),
        ("seller.tax_id", "DE123456789"), ("seller.logo", "https://bots.example/logo.svg"),
        ("invoice.footer", "Thank you"), ("numbering.format", "BW-{year}-{seq:04}"), ("numbering.next", "100"),
    ):  # fmt: skip
        shop(f"config set {name} '{value}'")
    shop("subscribe nova lite --pay month --no-trial --yes")
    shop("config set seller.name 'Bot Works SE'", "2026-01-02")
    shop.pay("2026-01-02")
    shop("invoice run", "2026-02-01")
    first, second = (shop.json(f"invoice show BW-2026-0{n}", "2026-02-01")["seller"] for n in (100, 101))
    assert (first["name"], second["name"]) == ("Bot Works GmbH", "Bot Works SE")
    assert (first["address"], first["tax_id"], first["country"]) == (
        "Hafen 1, 20457 Hamburg",
        "DE123456789",
        "DE",
    )
    exported = shop("catalog export").stdout
    assert "title: Plans for your chatbot" in exported


def test_a7_days_of_grace_in_yaml(shop: Shell) -> None:
    """A7: due after 7 days, 5 days of service more, then blocked; paying brings the service back on the same dates."""
    shop("subscribe nova lite --pay month --no-trial --yes")
    invoice = shop.json("invoice show INV-2026-00001")
    assert (invoice["due_at"], invoice["grace_ends_at"]) == ("2026-01-08T00:00:00Z", "2026-01-13T00:00:00Z")
    by_day = [
        ("2026-01-07", "active", True),
        ("2026-01-08", "past_due", True),
        ("2026-01-12", "past_due", True),
        ("2026-01-13", "blocked", False),
    ]
    for day, status, allowed in by_day:
        assert shop.json("subscription show nova", day)["status"] == status
        assert shop.allowed("nova messages", day) is allowed
    assert shop.json("check nova messages", "2026-01-13")["reason"] == "blocked"
    shop("payment record INV-2026-00001", "2026-01-20")
    back = shop.json("subscription show nova", "2026-01-20")
    assert (back["status"], back["period"]["ends_at"]) == ("active", "2026-02-01T00:00:00Z")
    assert shop.allowed("nova messages", "2026-01-20")
    shop("invoice run", "2026-02-01")
    assert shop.totals("nova", "2026-02-01") == ["29.00", "29.00"]
    shop("doctor", "2026-02-01")


def test_a7_days_of_grace_in_the_shell(shop: Shell) -> None:
    """A7: `plan create --due --grace`, and access that ends with the due day where the plan says so."""
    shop(
        "plan create strict --group customer --price month:USD=9 --feature messages=300"
        " --due '3 days' --grace '10 days'"
    )
    shop("subscribe nova strict --yes")
    assert shop.allowed("nova messages", "2026-01-13T23:59:59Z")
    assert not shop.allowed("nova messages", "2026-01-14")
    shop("plan edit strict --set on_past_due=block")
    shop("subscribe orbit strict --yes")
    assert shop.allowed("orbit messages", "2026-01-03T23:59:59Z")
    assert shop.json("check orbit messages", "2026-01-04")["reason"] == "past_due"


def test_a8_a_recommended_plan_in_yaml_and_in_the_shell(shop: Shell) -> None:
    """A8: one plan of a group is recommended, by file or in the shell, without a new version; lists say which."""
    assert {plan["id"] for plan in shop.json("plan list") if plan["recommended"]} == {"growth"}
    assert "recommended" in shop("plan list").stdout
    shop("plan recommend growth --off --outside")
    shop("plan recommend scale --outside")
    assert {plan["id"] for plan in shop.json("plan list") if plan["recommended"]} == {"scale"}
    assert shop.plan("scale")["version"] == 1
    shop("catalog apply catalog --yes")  # the files win again
    assert {plan["id"] for plan in shop.json("plan list") if plan["recommended"]} == {"growth"}


def test_a9_limits_are_enforced_by_the_access_check(shop: Shell) -> None:
    """A9: 1,000 messages in YAML, 300 in the shell; at the limit `check` and `usage record --if-allowed` say no."""
    shop("plan create kiosk --group customer --price month:USD=9 --feature messages=300")
    shop("subscribe nova lite --pay month --no-trial --yes")
    shop("subscribe orbit kiosk --yes")
    shop.pay("2026-01-02")
    for customer, limit in (("nova", 1_000), ("orbit", 300)):
        shop(f"usage record {customer} messages {limit - 1} --id many", "2026-01-10")
        shop(f"usage record {customer} messages 1 --id last --if-allowed", "2026-01-11")
        answer = shop.json(f"check {customer} messages", "2026-01-12")
        assert (answer["allowed"], answer["reason"], answer["remaining"]) == (False, "limit_reached", "0")
        shop.refused(f"usage record {customer} messages 1 --id over --if-allowed", "2026-01-12")
        assert shop.allowed(f"{customer} messages", "2026-02-01")  # the month is over
    shop("invoice run", "2026-02-01")
    assert shop.totals("nova", "2026-02-01") == ["29.00", "29.00"]  # a hard limit bills nothing more
    shop("doctor", "2026-02-01")
