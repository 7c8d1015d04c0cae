"""`planctl stripe …` of a store that is not at home, or that is older than what it made at Stripe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import stores
from tests.cli.conftest import Run
from tests.cli.stripe_desk import done, one_clock, ours, planctl, sell, there
from tests.cli.test_stripe_push import live
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe.fixture import stripe

__all__ = ["live", "one_clock", "planctl", "stripe", "there"]


@pytest.mark.parametrize(
    "words",
    [
        "stripe push --live --yes",
        "stripe pull --live",
        "stripe portal nova --live",
        "stripe setup --live --yes",
    ],
)
def test_a_copied_store_with_the_live_key_asks_stripe_nothing(
    live: Run, stripe: FakeStripe, tmp_path: Path, words: str
) -> None:
    """What a staging site did that was a clone of a shop. Source: planctl reliability, F027."""
    done(live("customer", "add", "nova", "--currency", "USD"))
    stores.edited(tmp_path / "store.db", "UPDATE store_identity SET home = 'berlin:/srv/books.db'")
    refused = live(*words.split(), "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "store-not-adopted")
    assert refused.error["expected"] == "berlin:/srv/books.db"
    assert stripe.requests == []


def test_it_may_still_be_compared_and_foreseen(live: Run, stripe: FakeStripe, tmp_path: Path) -> None:
    stores.edited(tmp_path / "store.db", "UPDATE store_identity SET home = 'berlin:/srv/books.db'")
    done(live("stripe", "diff", "--live"))
    done(live("stripe", "push", "--live", "--dry-run"))
    assert stripe.posts() == []
    done(live("store", "adopt", "--reason", "moved", "--yes"))
    done(live("stripe", "push", "--live", "--yes"))
    marks = [one["metadata"]["planctl_generation"] for one in stripe.objects("price", live=True)]
    assert marks == ["2", "2"]
    mine = live("store", "info", "-f", "json").json["adoption"]
    assert mine.startswith("adoption_")
    assert {one["metadata"]["planctl_adoption"] for one in stripe.objects("price", live=True)} == {mine}


def test_in_its_first_generation_a_store_says_nothing_of_it(planctl: Run, there: FakeStripe) -> None:
    """So the bytes of what was kept before are those of today, and so are their keys."""
    done(planctl("stripe", "push"))
    for kind in ("product", "price", "customer", "invoice"):
        for one in there.objects(kind):
            assert not {"planctl_generation", "planctl_adoption"} & one["metadata"].keys(), kind


@pytest.mark.parametrize(("kind", "name"), [("product", "starter"), ("customer", "nova"), ("invoice", "")])
def test_a_store_that_is_older_than_what_it_made_sends_nothing(
    planctl: Run, there: FakeStripe, tmp_path: Path, kind: str, name: str
) -> None:
    """The store was adopted elsewhere and billed on; then an older copy of it is back in its place."""
    stores.copy(tmp_path / "store.db", tmp_path / "older.db")
    stores.edited(tmp_path / "store.db", "UPDATE store_identity SET generation = 2")
    done(planctl("stripe", "push"))
    for other in ("product", "price", "customer", "invoice"):
        for one in there.books().of(other):
            if other != kind:
                one["metadata"].pop("planctl_generation")
    stores.copy(tmp_path / "older.db", tmp_path / "store.db")
    there.requests.clear()
    refused = planctl("stripe", "push", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "stripe-generation")
    assert (refused.error["expected"], refused.error["got"]) == ("generation 1 or before", "generation 2")
    assert [one for one in there.posts() if kind in one.path] == []
    assert name in refused.error["message"]


def test_two_that_were_adopted_from_one_backup_are_told_apart(
    planctl: Run, there: FakeStripe, tmp_path: Path
) -> None:
    """Both are of generation 2. The first to push goes on; the other sends nothing before it is adopted again."""
    generation = "UPDATE store_identity SET generation = {}, adoption = 'adoption_{}'"
    stores.copy(tmp_path / "store.db", tmp_path / "other.db")
    stores.edited(tmp_path / "store.db", generation.format(2, "berlin"))
    done(planctl("stripe", "push"))
    done(planctl("stripe", "push"))
    stores.copy(tmp_path / "other.db", tmp_path / "store.db")
    stores.edited(tmp_path / "store.db", generation.format(2, "madrid"))
    sell(planctl, "rosa")
    there.requests.clear()
    refused = planctl("stripe", "push", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (4, "stripe-generation")
    assert (refused.error["expected"], refused.error["got"]) == ("adoption_madrid", "adoption_berlin")
    assert refused.error["message"].startswith("another copy of this store was adopted")
    assert there.posts() == []
    stores.edited(tmp_path / "store.db", generation.format(3, "again"))
    pushed = planctl("stripe", "push")  # the invoice that the other one made waits for a person
    assert (pushed.exit_code, pushed.stderr) == (1, "something waits for a person: planctl stripe status\n")
    assert ours(there, "customer", "rosa")["metadata"]["planctl_adoption"] == "adoption_again"


def test_once_adopted_it_pushes_on(planctl: Run, there: FakeStripe, tmp_path: Path) -> None:
    stores.edited(tmp_path / "store.db", "UPDATE store_identity SET generation = 2")
    done(planctl("stripe", "push"))
    stores.edited(tmp_path / "store.db", "UPDATE store_identity SET generation = 3")
    sell(planctl, "rosa")
    done(planctl("stripe", "push"))
    assert ours(there, "customer", "nova")["metadata"]["planctl_generation"] == "2"
    assert ours(there, "customer", "rosa")["metadata"]["planctl_generation"] == "3"
