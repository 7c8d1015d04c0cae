"""Whatever the shell edits, a pull makes the files say it, and touches nothing else in them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from planctl.core.catalog.diff import diff
from planctl.core.catalog.references import SOLD
from planctl.errors import PlanctlError
from planctl.files.plan_options import Options
from planctl.files.samples import sample_files
from planctl.files.settling import said_by
from planctl.files.yaml_spans import spans_of
from planctl.store import catalog as kept
from planctl.store.catalog import CatalogWrite
from planctl.store.engine import Store, Tx, open_store
from planctl.workflows import edit_catalog
from planctl.workflows.edit_catalog import Who
from planctl.workflows.pull_catalog import Pulled, propose_pull
from tests import stores

NEW_YEAR = 1_767_225_600_000_000
ALICE = Who("alice", NEW_YEAR, outside=True)
ACME = Path(__file__).parents[1] / "data" / "acme"
EXAMPLES = 2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 25

Texts = dict[str, str]
Edit = tuple[str, str, str]
"""What is edited: `plan` or `feature`, its id, and one option as `name value`."""


def texts_of(name: str) -> Texts:
    if name == "acme":
        return {path.relative_to(ACME).as_posix(): path.read_text("utf-8") for path in ACME.rglob("*.yaml")}
    files = sample_files(name)
    return {
        path.removeprefix("catalog/"): text for path, text in files.items() if path.startswith("catalog/")
    }


CATALOGS = {name: texts_of(name) for name in ("acme", "chatbot")}
CATALOGS["acme of windows"] = {
    name: text.rstrip().replace("\n", "\r\n") for name, text in CATALOGS["acme"].items()
}


@pytest.fixture(scope="module")
def sellers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    """A test store for each catalog, which sells it."""
    opened = {}
    for name, texts in CATALOGS.items():
        path = tmp_path_factory.mktemp(name) / "books.db"
        opened[name] = open_store(stores.url(path), create=True, at=NEW_YEAR, is_test=True)
        catalog = said_by(texts).parsed.catalog
        assert catalog is not None
        with opened[name].write() as tx:
            changes = diff(kept.stored_catalog(tx), catalog, holders={})
            kept.write_changes(tx, CatalogWrite.of(changes, catalog, actor="ci", at=NEW_YEAR))
    yield opened
    for store in opened.values():
        store.close()


# --- what people type


amounts = st.sampled_from(["0", "5", "19.90", "1234", "250000"])
rows = st.sampled_from(["month", "year", "3 months", "week"])
codes = st.sampled_from(["USD", "EUR", "CHF"])
shares = st.sampled_from(["unlimited", "25", "30_000", "true", "false", ""])
terms = st.sampled_from(
    [
        "grace=9 days", "grace=never", "grace=", "due=2 days", "due=", "trial=none", "trial=21 days", "trial.days=3",
        "trial=", "packs=false", "visibility=inactive", "recommended=true", "expires=6 months", "minimum.USD=7",
        "minimum=", "metadata.colour=red", "description=More: for all # of you", "name=Übergrößen", "price=free",
        "archived=true", "quantity=2..9", "requires=", "on_past_due=block",
        "only_for.emails=[a@b.example]", "only_for=", "price.month=usage", "wallet=",
    ]
)  # fmt: skip
below = st.sampled_from(
    [
        "included=7", "beyond=", "beyond.charge=prepaid", "beyond.up_to=99", "reset=day", "rollover=all",
        "beyond={charge: usage, each: {USD: 0.5, EUR: 0.4, USDT: 0.5}}", "spends={minutes: 1/7}", "late=reject",
        "beyond.graduated[0].to=2_000_000", "beyond.graduated[0].each.USD=0.0001", "beyond.package.of=50",
    ]
)  # fmt: skip
definitions = st.sampled_from(
    [
        "name=Other words",
        "unit=call",
        "aggregate=max",
        "reset=month",
        "spends=",
        "where={kind: b}",
        "event=x.y",
    ]
)


def edits(texts: Texts) -> st.SearchStrategy[Edit]:
    """One edit of what this catalog has."""
    documents = said_by(texts).documents
    plans = [address.partition(".")[2] for address in documents if address.partition(".")[0] in SOLD]
    features = [address.partition(".")[2] for address in documents if address.startswith("features.")]
    plan, feature = st.sampled_from(sorted(plans)), st.sampled_from(sorted(features))
    return st.one_of(
        st.tuples(st.just("plan"), plan, st.builds("price {}:{}={}".format, rows, codes, amounts)),
        st.tuples(st.just("plan"), plan, st.builds("feature {}={}".format, feature, shares)),
        st.tuples(st.just("plan"), plan, st.builds("set {}".format, terms)),
        st.tuples(st.just("plan"), plan, st.builds("set features.{}.{}".format, feature, below)),
        st.tuples(st.just("feature"), feature, st.builds("set {}".format, definitions)),
    )


cases = st.sampled_from(sorted(CATALOGS)).flatmap(
    lambda name: st.tuples(st.just(name), st.lists(edits(CATALOGS[name]), min_size=1, max_size=4))
)


def edited(tx: Tx, edit: Edit) -> bool:
    """Make the edit in the shell; False where it is none that can be made."""
    noun, object_id, option = edit
    kind, _, text = option.partition(" ")
    options = Options(**{{"price": "prices", "feature": "features", "set": "sets"}[kind]: (text,)})  # type: ignore[arg-type]
    try:
        decided = edit_catalog.decide(tx, edit_catalog.draft_edit(tx, noun, object_id, options), outside=True)
    except PlanctlError:
        return False
    if decided.usable:
        edit_catalog.keep(tx, decided, ALICE)
    return decided.usable


# --- the law


@given(cases)
@example(("acme", [("plan", "starter", "set grace=9 days")]))
@example(("acme", [("plan", "pro", "feature sso=false"), ("plan", "free", "price month:CHF=5")]))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_pull_the_files_say_what_the_store_holds(
    sellers: dict[str, Store], case: tuple[str, list[Edit]]
) -> None:
    name, typed = case
    before = CATALOGS[name]
    with sellers[name].write() as tx:
        tx.rollback_only()
        done = [edit for edit in typed if edited(tx, edit)]
        catalog = said_by(before).parsed.catalog
        assert catalog is not None
        pulled = propose_pull(tx, catalog, before, adopt=False)
        assert [finding for finding in pulled.findings if finding.is_error] == []
        after = {**before, **{file: text.after for file, text in pulled.texts.items()}}
        said = said_by(after)
        assert said.parsed.catalog is not None
        left = diff(kept.stored_catalog(tx), said.parsed.catalog, holders={})
    adopted = {one.address for one in left.changes if one.action == "adopt"}
    assert adopted == set(pulled.pull.adopted)
    assert {one.address for one in left.changes} == adopted, done
    assert comments(before) - comments(after) == Counter()
    assert [text.count("\n") == text.count("\r\n") for text in after.values()] == [
        "\r\n" in text for text in before.values()
    ]
    concerned = {one.address for one in pulled.pull.taken} | set(pulled.kept)
    for text in pulled.texts.values():
        assert lines_lost(text.before, text.after) <= lines_within(text.before, concerned)
    assert bool(pulled.texts) == bool(concerned or adopted)
    if not done:
        assert pulled == Pulled(pulled.pull)


def comments(texts: Texts) -> Counter[str]:
    """Every comment, as often as it stands there."""
    return Counter(
        found.strip() for text in texts.values() for found in re.findall(r"(?:^|\s)(#[^\n]*)", text)
    )


def lines_lost(before: str, after: str) -> set[int]:
    """The 1-based lines of a text that another one does not have."""
    one, other = before.split("\n"), after.split("\n")
    codes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return {
        line + 1
        for tag, start, end, *_ in codes
        if tag in {"replace", "delete"}
        for line in range(start, end)
    }


def lines_within(text: str, addresses: set[str]) -> set[int]:
    """The 1-based lines on which the entries of these objects stand."""
    found: set[int] = set()
    for section in spans_of(text).pairs:
        for entry in section.value.pairs:
            if f"{section.key.text}.{entry.key.text}" in addresses:
                first, last = (text.count("\n", 0, end) + 1 for end in (entry.key.start, entry.end))
                found |= set(range(first, last + 1))
    return found
