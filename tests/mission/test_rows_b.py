"""Part B of the mission, the packages of an agency: each row from the shell and from YAML."""

from __future__ import annotations

import pytest

from tests.mission.conftest import Sell, Shell


@pytest.fixture
def shop(sell: Sell) -> Shell:
    """The agency sample with nova, mira and a college, who have bought nothing yet."""
    shell = sell("agency")
    shell.all(
        [
            "customer add nova --currency USD --email nova@brands.example",
            "customer add mira --currency USD --email Mira@Studio.example",
            "customer add college --currency USD --email office@college.example.edu",
        ]
    )
    return shell


def test_b1_a_package_is_title_description_features_and_limits(shop: Shell) -> None:
    """B1: the same package as YAML has it and as the shell makes it; both are shown alike."""
    shop(
        "plan create pair --name Pair --description 'For two brands' --group packages --price month:USD=75"
        " --feature users=4 --feature funnels=12 --feature ai_credits=800 --feature crm=true"
    )
    made, written = shop.plan("pair"), shop.plan("team")
    assert (made["name"], made["description"]) == ("Pair", "For two brands")
    limits = {name: entry["included"] for name, entry in made["features"].items() if name != "crm"}
    assert limits == {"users": "4", "funnels": "12", "ai_credits": "800"}
    assert made["features"]["crm"] is True
    assert written["name"] == "Team"
    assert written["description"] == "For a few brands and the people who look after them"
    assert {"users", "funnels", "ai_credits", "ai_images", "crm", "calendar"} == set(written["features"])
    assert written["features"]["funnels"]["included"] == "25"
    shown = shop("plan show team").stdout
    for words in ("For a few brands", "1,500 credits a month", "25 funnels"):
        assert words in shown


def test_b2_users_are_seats_that_are_checked_before_one_is_added(shop: Shell) -> None:
    """B2: two users on Solo (YAML), three on a plan of the shell; who leaves makes room; a month changes nothing."""
    shop("plan create trio --group packages --price month:USD=30 --feature users=3")
    shop("subscribe nova solo --pay month --yes")
    shop("subscribe mira trio --yes")
    shop.pay("2026-01-02")
    for customer, seats in (("nova", 2), ("mira", 3)):
        shop(f"usage record {customer} users --set {seats - 1}", "2026-01-05")
        assert shop.allowed(f"{customer} users", "2026-01-05")
        shop(f"usage record {customer} users 1 --if-allowed", "2026-01-06")
        assert not shop.allowed(f"{customer} users", "2026-01-06")
        shop.refused(f"usage record {customer} users 1 --if-allowed", "2026-01-06")
    shop("invoice run", "2026-02-01")
    assert not shop.allowed("nova users", "2026-02-01")  # they are held, not used up
    shop("usage record nova users -1", "2026-02-02")
    assert shop.allowed("nova users", "2026-02-02")


def test_b2_more_users_are_bought_ahead(shop: Shell) -> None:
    """B2: Team holds ten and sells more, up to 25 in all."""
    shop("subscribe nova team --pay month --quantity users=12 --yes", "2026-04-01")
    assert shop.totals("nova", "2026-04-01") == ["117.00"]  # 99 + 2 × 9
    assert shop.allowed("nova users --quantity 12", "2026-04-01")
    assert not shop.allowed("nova users --quantity 13", "2026-04-01")
    shop("subscription quantity nova users=16 --yes", "2026-04-16")
    assert shop.totals("nova", "2026-04-16") == ["117.00", "18.00"]  # 4 × 9 × 15/30
    assert "25" in shop("subscription quantity nova users=26 --yes", "2026-04-16", exit_code=3).stderr


def test_b3_ai_credits_are_an_allotment_then_a_wallet(shop: Shell) -> None:
    """B3: texts and images spend the package's credits first, then a pack's; what is left of the pack stays."""
    shop("subscribe nova team --pay month --yes", "2026-04-01")
    shop("wallet buy nova credits_500 --yes", "2026-04-02")
    shop.pay("2026-04-03")
    shop("usage record nova ai_credits 1200 --id texts", "2026-04-10")
    shop("usage record nova ai_images 100 --id images", "2026-04-11")  # 500 credits
    # 1,200 + 500 = 1,700: 1,500 of the package, 200 of the wallet
    (credits,) = [
        one
        for one in shop.json("usage show nova", "2026-04-11")["features"]
        if one["feature"] == "ai_credits"
    ]
    assert (credits["included"], credits["remaining"], credits["wallet"], credits["excess"]) == (
        "1500",
        "0",
        "300",
        "0",
    )
    assert shop.allowed("nova ai_credits --quantity 300", "2026-04-12")
    assert not shop.allowed("nova ai_credits --quantity 301", "2026-04-12")
    assert shop.allowed("nova ai_images --quantity 60", "2026-04-12")  # 60 × 5 = 300
    shop("invoice run", "2026-05-01")
    assert shop.totals("nova", "2026-05-01") == ["99.00", "29.00", "99.00"]
    assert shop.json("wallet show nova ai_credits", "2026-05-01")["balance"] == "300"
    assert shop.allowed("nova ai_credits --quantity 1800", "2026-05-01")  # 1,500 anew and 300
    shop("doctor", "2026-05-01")


def test_b3_ai_credits_in_the_shell(shop: Shell) -> None:
    """B3: an allotment and a pack made in the shell, and credits given for a reason."""
    shop("plan create tiny --group packages --price month:USD=9 --feature ai_credits=100 --packs on")
    shop(
        "plan create credits_50 --addon --price once:USD=4 --set 'wallet={ai_credits: 50}' --expires '1 month'"
        " --set quantity=1..5"
    )
    shop("subscribe mira tiny --yes")
    shop("wallet buy mira credits_50 --quantity 2 --yes")
    shop("wallet grant mira ai_credits 25 --reason 'the outage of 31 December' --yes")
    assert shop.allowed("mira ai_credits --quantity 225", "2026-01-01")  # 100 + 2 × 50 + 25
    assert not shop.allowed("mira ai_credits --quantity 226", "2026-01-01")
    assert shop.totals("mira", "2026-01-01") == ["9.00", "8.00"]


def test_b4_a_package_expires_by_itself(shop: Shell) -> None:
    """B4: Launch (YAML) is over three months after its start, a plan of the shell after two weeks, others never."""
    shop("plan create fair --group packages --price once:USD=60 --feature users=2 --expires '2 weeks'")
    shop("subscribe nova launch --yes", "2026-01-31")
    shop("subscribe mira fair --yes", "2026-02-01")
    shop("subscribe college solo --pay month --yes", "2026-02-01")
    shop.pay("2026-02-02")
    assert (
        shop.json("subscription show nova", "2026-02-02")["expires_at"] == "2026-04-30T00:00:00Z"
    )  # no 31 April
    assert shop.json("subscription show mira", "2026-02-02")["expires_at"] == "2026-02-15T00:00:00Z"
    assert shop.json("subscription show college", "2026-02-02")["expires_at"] is None
    for customer, last, over in (
        ("mira", "2026-02-14T23:59:59Z", "2026-02-15"), ("nova", "2026-04-29T23:59:59Z", "2026-04-30"),
    ):  # fmt: skip
        assert shop.allowed(f"{customer} users", last)
        assert not shop.allowed(f"{customer} users", over)
        assert shop.json(f"subscription show {customer}", over)["status"] == "expired"
    shop("invoice run", "2026-05-01")
    assert shop.totals("nova", "2026-05-01") == ["450.00"]
    assert shop.totals("mira", "2026-05-01") == ["60.00"]
    shop("doctor", "2026-05-01")


def test_b4_an_expiry_is_moved_for_one_customer(shop: Shell) -> None:
    """B4: `subscription extend --expiry` moves one customer's date, for a reason that the audit keeps."""
    shop("subscribe nova launch --yes", "2026-02-01")
    shop.pay("2026-02-02")
    shop("subscription extend nova --expiry 10 --reason 'their launch is late'", "2026-04-01")
    assert shop.json("subscription show nova", "2026-04-01")["expires_at"] == "2026-05-11T00:00:00Z"
    assert shop.allowed("nova users", "2026-05-10")
    assert not shop.allowed("nova users", "2026-05-11")


def test_b5_a_package_for_listed_e_mail_addresses(shop: Shell) -> None:
    """B5: by domain and by address in YAML, by a list in the store, and by a plan of the shell; others are refused."""
    for words in ("assign nova schools", "subscribe nova schools --yes", "subscribe nova friends --yes"):
        assert "only" in shop.refused(words)
    shop("subscribe college schools --yes")  # office@college.example.edu
    shop("customer add head --currency USD --email HEAD@school.example")
    shop("assign head schools")
    shop("plan allow friends mira@studio.example")
    shop("subscribe mira friends --yes")
    shop(
        "plan create board --group packages --price month:USD=5 --set 'only_for={emails: [nova@brands.example]}'"
    )
    shop("assign nova board")
    assert "only" in shop.refused("assign head board")
    shop("plan disallow friends mira@studio.example")  # who has it keeps it
    shop.pay("2026-01-02")
    shop("invoice run", "2026-02-01")
    assert shop.totals("mira", "2026-02-01") == ["29.00", "29.00"]


def test_b6_an_edit_in_yaml_reaches_new_assignments_only_and_reassign_takes_the_new_terms(
    shop: Shell,
) -> None:
    """B6: Solo becomes dearer; nova keeps version 1 until it is reassigned at its renewal, mira starts on version 2."""
    shop("subscribe nova solo --pay month --yes", "2026-04-01")
    shop.edit(
        "plans/packages.yaml",
        "price: {month: {USD: 49}, year: {USD: 490}}",
        "price: {month: {USD: 55}, year: {USD: 490}}",
    )
    shop.edit("examples.yaml", "ai_images: 20}, bill: 49.00}", "ai_images: 20}, bill: 55.00}")
    shop("catalog apply catalog --yes", "2026-04-02")
    shop("subscribe mira solo --pay month --yes", "2026-04-02")
    shop.pay("2026-04-03")
    running = shop.json("subscription show nova/solo", "2026-04-03")
    assert (running["plan_version"], running["behind"]) == (1, 2)
    shop("invoice run", "2026-05-02")
    assert shop.totals("nova", "2026-05-02") == ["49.00", "49.00"]
    assert shop.totals("mira", "2026-05-02") == ["55.00", "55.00"]
    shop.pay("2026-05-03")
    shop("assign nova solo --yes", "2026-05-10")
    assert shop.json("subscription show nova/solo", "2026-05-31")["plan_version"] == 1
    shop("invoice run", "2026-06-02")
    running = shop.json("subscription show nova/solo", "2026-06-02")
    assert (running["plan_version"], running["behind"]) == (2, None)
    assert shop.totals("nova", "2026-06-02") == ["49.00", "49.00", "55.00"]
    shop("doctor", "2026-06-02")


def test_b6_an_edit_in_the_shell_and_reassign_now(shop: Shell) -> None:
    """B6: the same by `plan edit`, and `assign --at now`: the new terms for the days that are left of April."""
    shop("plan create basic --group packages --price month:USD=30 --feature users=3")
    shop("subscribe nova basic --yes", "2026-04-01")
    shop.pay("2026-04-01")
    shop("plan edit basic --price month:USD=60 --feature users=5", "2026-04-10")
    assert shop.json("check nova users", "2026-04-16")["limit"] == "3"
    shop("assign nova basic --at now --yes", "2026-04-16")
    assert shop.json("check nova users", "2026-04-16")["limit"] == "5"
    # 15 of 30 days: 30 × 1/2 back, 60 × 1/2 charged
    assert sorted(line[2] for line in shop.lines("INV-2026-00002", "2026-04-16")) == ["-15.00", "30.00"]
    assert shop.totals("nova", "2026-04-16") == ["30.00", "15.00"]


def test_b7_who_has_a_removed_feature_keeps_it_and_is_listed(shop: Shell) -> None:
    """B7: Team loses its bookings in YAML; nova keeps them, mira never had them; `plan holders` says who holds what."""
    shop("subscribe nova team --pay month --yes")
    shop.edit(
        "plans/packages.yaml", "      ai_credits: 1_500\n      calendar: true\n", "      ai_credits: 1_500\n"
    )
    changes = shop.directory / "catalog" / "changes"
    changes.mkdir()
    (changes / "bookings.yaml").write_text(
        "title: Bookings are a product of their own\n"
        "why: Few brands used them, and those who do want more of them.\n"
        "accept: [feature-removed plans.team, feature-removed plans.studio, feature-removed plans.schools]\n",
        encoding="utf-8",
    )
    shop("catalog apply catalog --yes", "2026-01-02")
    shop("subscribe mira team --pay month --yes", "2026-01-02")
    assert shop.allowed("nova calendar", "2026-01-03")
    assert not shop.allowed("mira calendar", "2026-01-03")
    holders = {one["customer"]: one for one in shop.json("plan holders team", "2026-01-03")}
    assert (holders["nova"]["version"], holders["mira"]["version"]) == (1, 2)
    assert "calendar" in str(holders["nova"]["keeps"])
    assert "calendar" not in str(holders["mira"])
    listed = shop("plan holders team", "2026-01-03").stdout
    assert "calendar" in next(line for line in listed.splitlines() if line.startswith("nova"))


def test_b7_a_feature_removed_in_the_shell_is_kept_by_who_has_it(shop: Shell) -> None:
    """B7: `plan edit --feature crm=false` takes it from the plan, not from its holder."""
    shop("plan create basic --group packages --price month:USD=30 --feature crm=true --feature users=3")
    shop("subscribe nova basic --yes")
    shop("plan edit basic --feature crm=false")
    assert shop.allowed("nova crm", "2026-01-02")
    (holder,) = shop.json("plan holders basic", "2026-01-02")
    assert (holder["customer"], holder["version"]) == ("nova", 1)
    assert "crm" in str(holder["keeps"])
