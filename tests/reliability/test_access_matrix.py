"""Every command of the program for every role, against real roles of a server, and what each may do by plain SQL.

A command without a row in MATRIX fails the build, and so does a table without a line in the declared privileges.
"""

from __future__ import annotations

import copy
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from planctl.__main__ import main
from planctl.cli.app import WORDS, loaded
from planctl.store.contents import Content, content, table_names
from planctl.store.engine import open_store
from planctl.store.privileges import MANAGER
from planctl.store.rows import METADATA
from tests import stores
from tests.fakes.stripe import FakeStripe
from tests.reliability import world
from tests.reliability.world import AS_OF, COMMANDS, Command

pytestmark = [pytest.mark.postgres, pytest.mark.sqlite_only]

LOGINS = {"viewer": "alice", "manager": "bob", "owner": "carol"}

DENIED = 77

MATRIX: dict[tuple[str, str, str], str] = {
    ("may", "may", "may"): """
        plan list, plan show, plan versions, plan holders
        usage show, usage list, usage export
        invoice preview, invoice list, invoice show, invoice explain
        catalog validate, catalog diff, catalog show, catalog history, catalog export, catalog snapshot
        catalog schema, catalog simulate, catalog pull, prices table, prices set
        customer list, customer show, feature list, feature show
        subscription list, subscription show, change list, migrate plan, migrate status
        wallet show, wallet ledger, payment list, credit-note list, credit-note show, coupon list
        stripe diff, stripe status, check, status, hold list, config show, config get
        access list, audit log, audit verify, audit anchor, store info, doctor, explain
    """,
    ("77", "may", "may"): """
        plan create, plan edit, plan archive, plan unarchive, plan activate, plan deactivate, plan recommend
        plan purge, plan allow, plan disallow, feature create, feature edit, feature archive
        assign, unassign, subscribe, usage record, usage import
        invoice run, invoice void, invoice write-off, init, catalog apply, catalog rollback
        customer add, customer update, customer import, customer archive
        subscription quantity, subscription cancel, subscription pause, subscription resume, subscription lock
        subscription unlock, subscription extend, subscription import
        change request, change now, change approve, change reject, migrate apply, migrate undo
        wallet buy, wallet grant, wallet void, payment record, payment import, payment refund
        credit-note create, coupon apply, coupon remove, hold clear, config set
        stripe push, stripe pull, stripe webhook, stripe checkout, stripe portal, stripe resolve
        store backup, store copy
    """,
    ("77", "77", "may"): """
        stripe setup, access grant, access revoke, store upgrade, store adopt
    """,
    ("4", "4", "4"): "store restore",
}
"""What each command is to a viewer, a manager and an owner of a store on PostgreSQL.

A server is restored by tools of its own, so there `store restore` is refused to everybody.
`catalog pull` and `prices set` write files of whoever runs them, and at most look at the store.
"""

READS = """
    plan list
    plan show a
    plan versions a
    plan holders a
    usage show nova
    usage list --customer nova
    usage export
    invoice preview nova
    invoice list
    invoice show INV-2026-00001
    invoice explain INV-2026-00001
    catalog validate catalog
    catalog diff new
    catalog show
    catalog history
    catalog export
    catalog snapshot
    catalog schema
    catalog simulate new --period 2026-01
    prices table
    customer list
    customer show nova
    feature list
    feature show minutes
    subscription list
    subscription show nova/a
    change list
    migrate plan a-v2.yaml
    migrate status
    wallet show nova
    wallet ledger nova minutes
    payment list
    credit-note list
    credit-note show CN-2026-00001
    coupon list
    stripe diff
    stripe status
    check nova minutes
    status
    hold list
    config show
    config get timezone
    access list
    audit log
    audit verify
    audit anchor
    store info
    doctor
    explain usage
"""
"""Every command that reads, with words that are understood in the world."""

HERE = (
    Command("access grant", ("access", "grant", "dave", "--role", "viewer")),
    Command("access revoke", ("access", "revoke", "alice")),
    Command("init", ("init", "fresh", "--test")),
    Command("store copy", ("store", "copy", "{url}", "twin.db"), reasoned=False),
    Command("store backup", ("store", "backup", "saved.db"), code=4, reasoned=False),
    Command("store restore", ("store", "restore", "no.db"), code=4, reasoned=False),
    Command("store adopt", ("store", "adopt")),
)
"""Write commands that say something else on a server, such as that it has backups of its own."""

SPECIAL = {one.name: one for one in HERE}
WRITES = {one.name: SPECIAL.get(one.name, one) for one in (*COMMANDS, *HERE)}


def declared() -> set[str]:
    """Every command of the program."""
    found = set()
    for name, word in WORDS.items():
        command = loaded(name, word)
        found |= {f"{name} {sub}" for sub in command.commands} if word.is_group else {name}
    return found


def rows() -> dict[str, tuple[str, str, str]]:
    """The matrix by command."""
    return {
        name.strip(): row
        for row, names in MATRIX.items()
        for line in names.strip().splitlines()
        for name in line.split(",")
    }


def denied(role: str) -> list[Command]:
    """The write commands that a role may not run."""
    column = list(LOGINS).index(role)
    return [WRITES[name] for name, row in rows().items() if row[column] == "77"]


@dataclass(frozen=True)
class House:
    """A world on a server with three people, and a fake Stripe as it was when the world was made."""

    folder: Path
    stripe: FakeStripe
    names: dict[str, str]
    accounts: object

    def url(self, path: Path, role: str) -> str:
        """The address of a store for whoever has that role."""
        return stores.address(path).replace("//owner@", f"//{LOGINS[role]}@")

    def stand(self, folder: Path, role: str, patch: pytest.MonkeyPatch) -> None:
        """Work in that folder, on the store of that name, as somebody with that role."""
        patch.chdir(folder)
        said = {**world.place(self.folder), "STRIPE_API_BASE": self.stripe.address}
        for name, value in said.items():
            patch.setenv(name, value)
        patch.setenv("PLANCTL_STORE", self.url(folder / world.STORE, role))
        patch.setattr("sys.stdin", _said(""))
        shared = {id(one): one for one in (self.stripe, self.stripe.desk, self.stripe.clock)}
        self.stripe.desk.accounts = copy.deepcopy(self.accounts, shared)  # type: ignore[assignment]

    def fresh(self, folder: Path, role: str, patch: pytest.MonkeyPatch) -> None:
        """The same, with a copy of the world made for it."""
        shutil.copytree(self.folder, folder)
        stores.copy(self.folder / world.STORE, folder / world.STORE)
        self.stand(folder, role, patch)

    def run(self, command: Command, *more: str) -> int:
        """Run a command in this process, as it would be run by a person."""
        names = {**self.names, "url": os.environ["PLANCTL_STORE"]}
        words = [word.format(**names) if word.startswith("{") else word for word in command.words]
        with ExitStack() as held:
            held.enter_context(world.frozen())
            if command.said:
                patch = held.enter_context(pytest.MonkeyPatch.context())
                patch.setattr("sys.stdin", _said(command.said.format(**names)))
            return main([*more, *words])


def _said(text: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house") / "world"
    with pytest.MonkeyPatch.context() as patch, FakeStripe() as stripe:
        patch.setattr(stores, "ON_POSTGRES", True)
        names = world.make(folder, stripe)
        shared = {id(one): one for one in (stripe, stripe.desk, stripe.clock)}
        made = House(folder, stripe, names, copy.deepcopy(stripe.desk.accounts, shared))
        url = stores.address(folder / world.STORE)
        with psycopg.connect(url, autocommit=True) as server:
            for name in (*LOGINS.values(), "dave"):
                server.execute(f"CREATE ROLE {name} LOGIN".encode())
        patch.setenv("PLANCTL_STORE", url)
        for role, name in LOGINS.items():
            assert main(["--quiet", "access", "grant", name, "--role", role]) == 0
        yield made
        stores.sweep(folder.parent)


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Stores of this module are on the server, whatever others use."""
    monkeypatch.setattr(stores, "ON_POSTGRES", True)
    return monkeypatch


def contents(path: Path) -> dict[str, Content]:
    """What every table holds."""
    with open_store(stores.address(path)) as store, store.read() as tx:
        return {name: content(tx, name) for name in table_names()}


def files(folder: Path) -> dict[str, bytes]:
    """Every file in the folder."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    listed = [
        name for names in MATRIX.values() for line in names.strip().splitlines() for name in line.split(",")
    ]
    assert sorted(map(str.strip, listed)) == sorted(declared())
    reading = {one.strip() for one in READS.strip().splitlines()}
    known = {name for name in rows() if any(f"{line} ".startswith(f"{name} ") for line in reading)}
    assert known | set(WRITES) == declared()


def test_the_commands_declare_the_same_roles_as_the_matrix() -> None:
    """Whoever may is what the command needs; a manager of a file, where nobody enforces it, is not asked."""
    needs = {
        ("may", "may", "may"): "viewer",
        ("77", "may", "may"): "manager",
        ("77", "77", "may"): "owner",
        ("4", "4", "4"): "owner",
    }
    for name, row in rows().items():
        first, _, second = name.partition(" ")
        command = loaded(first, WORDS[first])
        assert (command.commands[second] if second else command).needs == needs[row], name


def test_every_table_has_its_privileges_declared() -> None:
    assert set(MANAGER) == set(METADATA.tables)


@pytest.mark.parametrize("role", ["viewer", "manager"])
def test_what_a_role_may_not_ends_with_77_and_leaves_everything_as_it_was(
    role: str, house: House, tmp_path: Path, patched: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.fresh(tmp_path / "here", role, patched)
    store = tmp_path / "here" / world.STORE
    before, lying = contents(store), files(tmp_path)
    for number, command in enumerate(denied(role)):
        dry = [("--dry-run",)] if command.name != "store upgrade" else []  # which then does not even connect
        for more in ((), *dry[: number % 5 == 0]):
            assert house.run(command, *more) == DENIED, command.name
            said = capsys.readouterr()
            assert said.out == "", command.name
            assert f"{LOGINS[role]} may not do that; nothing was done: planctl {command.name}" in said.err
            assert "expected: the role" in said.err
            assert said.err.endswith("Nothing was changed.\n"), command.name
    assert house.run(WRITES["store restore"]) == 4
    assert (contents(store), files(tmp_path)) == (before, lying)


@pytest.mark.parametrize("role", ["viewer", "owner"])
def test_who_looks_may_look_at_everything(
    role: str, house: House, tmp_path: Path, patched: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.fresh(tmp_path / "here", role, patched)
    store = tmp_path / "here" / world.STORE
    before = contents(store)
    with world.frozen():
        for line in READS.strip().splitlines():
            code = main(["--as-of", AS_OF, *line.split()])
            said = capsys.readouterr()
            missing = "credit-note show" in line and code == 4  # the world has no credit note
            assert code in {0, 1} or missing, f"{line}: {code} {said.err}"
    for name in ("catalog pull", "prices set"):
        assert house.run(WRITES[name]) == 0, capsys.readouterr().err
    assert contents(store) == before


PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
def test_a_manager_does_everything_day_to_day(
    part: int, house: House, tmp_path: Path, patched: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each write command succeeds with no more than the declared privileges, whatever it does behind the scenes."""
    may = [WRITES[name] for name, row in rows().items() if row == ("77", "may", "may")]
    for number, command in enumerate(may[part::PARTS]):
        folder = tmp_path / f"w{number}"
        house.fresh(folder, "manager", patched)
        code = house.run(command)
        said = capsys.readouterr()
        assert code == command.code, f"{command.name}: {said.err}"
        assert "permission denied" not in said.err
        stores.remove(folder / world.STORE)


def test_an_owner_does_what_only_an_owner_may(
    house: House, tmp_path: Path, patched: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, command in enumerate(denied("manager")):
        folder = tmp_path / f"w{number}"
        house.fresh(folder, "owner", patched)
        assert house.run(command) == command.code, f"{command.name}: {capsys.readouterr().err}"
        if command.name == "access grant":
            assert house.run(replace(command, argv=("access", "revoke", "dave"))) == 0


def test_an_owner_may_do_what_a_manager_does(
    house: House, tmp_path: Path, patched: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.fresh(tmp_path / "here", "owner", patched)
    before = contents(tmp_path / "here" / world.STORE)
    may = [name for name, row in rows().items() if row == ("77", "may", "may")]
    for name in may[
        ::5
    ]:  # the manager's rights are checked one by one, and an owner has them by owning the tables
        code = house.run(WRITES[name], "--dry-run")
        assert code in {0, WRITES[name].code}, f"{name}: {capsys.readouterr().err}"
    after = contents(tmp_path / "here" / world.STORE)
    called = {"stripe_operation", "stripe_link", "audit", "audit_object"}
    assert {name for name in before if before[name] != after[name]} <= called
