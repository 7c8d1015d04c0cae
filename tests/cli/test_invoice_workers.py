"""`invoice run --workers N` on PostgreSQL: everybody billed once, whoever is killed, and several runs at once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from planctl.__main__ import main
from planctl.cli import invoice_pages
from planctl.errors import Conflict
from planctl.store import claiming, customers
from planctl.store.engine import open_store
from planctl.store.failures import Unsure
from planctl.store.postgres_link import PostgresLink
from planctl.workflows import run_invoices
from tests import stores
from tests.cli.conftest import ACME, Run

pytestmark = pytest.mark.postgres

NEW_YEAR = ("--as-of", "2026-01-01")
FEBRUARY = ("--as-of", "2026-02-01")
NAMES = [f"c{number:03}" for number in range(200)]
NUMBERS = [f"INV-2026-{number:05}" for number in range(1, 201)]

_copies = count(1)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store on PostgreSQL with 200 customers whose monthly 49.00 is due on 1 February."""
    folder = tmp_path_factory.mktemp("due")
    address = stores.database(folder / "due.db")
    people = "".join(f"{name},USD,US\n" for name in NAMES)
    (folder / "people.csv").write_text(f"customer,currency,country\n{people}")
    rows = "".join(f"{name},pro,month,2025-12-01,2026-02-01\n" for name in NAMES)
    (folder / "moved.csv").write_text(f"customer,plan,pay,start,billed_through\n{rows}")
    for words in (
        ("init", folder, "--test"),
        ("catalog", "apply", ACME),
        ("customer", "import", folder / "people.csv"),
        ("subscription", "import", folder / "moved.csv"),
    ):
        assert main(["--store", address, *NEW_YEAR, "--quiet", "--yes", *map(str, words)]) == 0
    return address


@pytest.fixture
def due(run: Run, template: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run` with a copy of the template; pages are small."""
    monkeypatch.setenv("PLANCTL_STORE", copied(template))
    monkeypatch.setattr(run_invoices, "PAGE", 25)
    return run


def copied(address: str) -> str:
    import psycopg

    source = re.sub(r".*/([^/?]+)\?.*", r"\1", address)
    name = f"workers{next(_copies)}"
    with closing(psycopg.connect(stores.server(), autocommit=True)) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY FILE_COPY'.encode())
    return address.replace(f"/{source}?", f"/{name}?")


def workers(run: Run, number: int = 3, *words: str) -> Any:
    return run("invoice", "run", "--workers", str(number), "-f", "json", *FEBRUARY, *words)


def assert_billed_once(run: Run) -> None:
    """Every customer has one invoice of 49.00, the numbers have no gap, and every law holds."""
    found = run("invoice", "list", "-f", "json", *FEBRUARY).json
    assert [one["number"] for one in found] == NUMBERS
    assert sorted(one["customer"] for one in found) == NAMES
    assert {one["total"] for one in found} == {"49.00"}
    assert run("audit", "verify").exit_code == 0
    checked = run("doctor", *FEBRUARY)
    assert checked.exit_code == 0, checked.stdout


def once_in_a_worker(tmp_path: Path, act: Callable[[], None]) -> Callable[[], None]:
    """Something that the first worker to come by does, and nobody else."""
    parent, mark = os.getpid(), tmp_path / "acted"

    def try_it() -> None:
        if os.getpid() != parent:
            try:
                mark.touch(exist_ok=False)
            except FileExistsError:
                return
            act()

    return try_it


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# --- several workers


def test_several_workers_bill_everybody_once_and_the_answer_is_whole(due: Run) -> None:
    result = workers(due, 3)
    assert (result.exit_code, result.stderr) == (0, "")
    document = result.json
    assert (document["issued"], document["totals"]) == (200, {"USD": "9800.00"})
    assert document["invoices"] == NUMBERS
    assert (document["held"], document["nothing_due"], document["transitions"]) == ([], 0, [])
    assert_billed_once(due)
    again = workers(due, 3)
    assert (again.exit_code, again.json["issued"]) == (0, 0)


def test_three_workers_issue_what_one_issues_but_for_ids_and_numbers(
    run: Run, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_invoices, "PAGE", 25)

    def billed(number: int) -> list[Any]:
        monkeypatch.setenv("PLANCTL_STORE", copied(template))
        assert workers(run, number).exit_code == 0
        found = run("invoice", "list", "-f", "json", *FEBRUARY).json
        return sorted(
            ({key: value for key, value in one.items() if key not in {"id", "number"}} for one in found),
            key=lambda one: str(one["customer"]),
        )

    assert billed(1) == billed(3)


def test_each_page_is_audited_by_whoever_wrote_it_as_the_same_command(due: Run) -> None:
    workers(due, 2, "--operator", "berta")
    log = [one for one in due("audit", "log", "-f", "json").json if one["command"] == "invoice run"]
    audited = [number for one in log for number in one["arguments"].get("invoices", [])]
    assert sorted(audited) == NUMBERS
    assert {one["actor"] for one in log} == {"berta"}


def test_a_dry_run_by_workers_writes_nothing(due: Run) -> None:
    dry = workers(due, 3, "--dry-run")
    assert (dry.exit_code, dry.json["issued"], dry.json["totals"]) == (0, 200, {"USD": "9800.00"})
    assert dry.json["invoices"] == NUMBERS
    assert due("invoice", "list", "-f", "json", *FEBRUARY).json == []


def test_a_held_customer_is_named_once_however_many_work(due: Run) -> None:
    with open_store(os.environ["PLANCTL_STORE"]) as store, store.write() as tx:
        customers.put_hold(tx, "c100", "disputed", "ask Anna", 0)
    result = workers(due, 3)
    assert (result.exit_code, result.json["issued"]) == (1, 199)
    assert result.json["held"] == [{"customer": "c100", "reason": "hold: disputed"}]
    assert result.stderr.count("held: c100") == 1


def test_a_page_that_conflicts_in_a_worker_is_done_customer_by_customer(
    due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_invoices.apply_page

    def conflicting(tx: Any, ids: list[str], *more: Any) -> Any:
        if len(ids) > 1 and "c050" in ids:
            raise Conflict("somebody was quicker")
        return whole(tx, ids, *more)

    monkeypatch.setattr(run_invoices, "apply_page", conflicting)
    assert workers(due, 3).json["issued"] == 200
    assert_billed_once(due)


# --- lost workers


def test_a_worker_killed_before_it_keeps_its_page_changes_nothing(
    due: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    perish, record = once_in_a_worker(tmp_path, die), invoice_pages.Biller._record

    def recording(self: Any, *given: Any) -> None:
        record(self, *given)
        perish()

    monkeypatch.setattr(invoice_pages.Biller, "_record", recording)
    result = workers(due, 3)
    assert (result.exit_code, result.json["issued"]) == (0, 200)
    assert result.stderr.splitlines() == [
        "warning: a worker was lost (signal 9); nothing of its page is half done, and it is looked at again"
    ]
    assert_billed_once(due)


def test_a_worker_killed_after_it_kept_its_page_is_counted_and_nothing_is_billed_twice(
    due: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    perish, through = once_in_a_worker(tmp_path, die), invoice_pages.Through

    def kept() -> Any:
        perish()
        return through()

    monkeypatch.setattr(invoice_pages, "Through", kept)
    monkeypatch.setattr(invoice_pages.Tally, "take", taking(through))
    result = workers(due, 3)
    assert (result.exit_code, result.json["issued"], result.json["totals"]) == (0, 200, {"USD": "9800.00"})
    assert result.json["invoices"] == NUMBERS
    assert "a worker was lost (signal 9)" in result.stderr
    assert_billed_once(due)


def taking(through: type[Any]) -> Callable[..., None]:
    """`Tally.take` that knows the class behind the replaced name."""
    take = invoice_pages.Tally.take

    def known(self: Any, worker: int, what: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(invoice_pages, "Through", through)
            take(self, worker, what)

    return known


def test_when_every_worker_is_killed_the_run_is_done_by_the_one_that_is_left(
    due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, record = os.getpid(), invoice_pages.Biller._record

    def recording(self: Any, *given: Any) -> None:
        if os.getpid() != parent:
            die()
        record(self, *given)

    monkeypatch.setattr(invoice_pages.Biller, "_record", recording)
    result = workers(due, 3)
    assert (result.exit_code, result.json["issued"]) == (0, 200)
    assert result.stderr.count("a worker was lost") == 3
    assert_billed_once(due)


def test_a_page_whose_connection_is_cut_is_done_again_by_the_same_worker(
    due: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = invoice_pages.Biller._record
    pids: list[int] = []

    def recording(self: Any, tx: Any, *given: Any) -> None:
        record(self, tx, *given)
        pids[:] = [tx.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()]
        cut()

    def end_connection() -> None:
        import psycopg

        with closing(psycopg.connect(stores.server(), autocommit=True)) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", pids)

    cut = once_in_a_worker(tmp_path, end_connection)
    monkeypatch.setattr(invoice_pages.Biller, "_record", recording)
    result = workers(due, 3)
    assert (result.exit_code, result.stderr, result.json["issued"]) == (0, "", 200)
    assert (tmp_path / "acted").exists()
    assert_billed_once(due)


@pytest.mark.parametrize("kept", [True, False])
def test_a_page_of_which_nobody_knows_whether_it_was_kept_is_done_again_and_counted_once(
    due: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: bool
) -> None:
    commit = PostgresLink.commit

    def fail() -> None:
        raise Unsure("the server does not say")

    falter = once_in_a_worker(tmp_path, fail)

    def committing(self: PostgresLink) -> None:
        if kept:
            commit(self)
            falter()
        else:
            falter()
            commit(self)

    monkeypatch.setattr(PostgresLink, "commit", committing)
    result = workers(due, 3)
    assert (result.exit_code, result.stderr, result.json["issued"]) == (0, "", 200)
    assert (result.json["invoices"], result.json["nothing_due"]) == (NUMBERS, 0)
    assert (tmp_path / "acted").exists()
    assert_billed_once(due)


def test_who_stays_due_though_nothing_is_to_be_done_is_looked_at_once(due: Run) -> None:
    workers(due, 3)
    with open_store(os.environ["PLANCTL_STORE"]) as store, store.write() as tx:
        wrong = "UPDATE subscription SET next_action_at = ? WHERE customer = (SELECT seq FROM customer WHERE id = ?)"
        assert tx.change(wrong, [(T, NAMES[5])]) == 1
    before = len(due("audit", "log", "-f", "json").json)
    again = workers(due, 2)
    assert (again.exit_code, again.json["issued"], again.json["nothing_due"]) == (0, 0, 1)
    assert len(due("audit", "log", "-f", "json").json) == before + 2  # its page, and the whole run


def test_ctrl_c_ends_the_pages_in_hand_and_the_next_run_does_the_rest(
    due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = invoice_pages.Tally.take
    heard: list[object] = []

    def interrupted(self: Any, worker: int, what: object) -> None:
        take(self, worker, what)
        heard.append(what)
        if len(heard) == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(invoice_pages.Tally, "take", interrupted)
        stopped = workers(due, 2)
    kept = due("invoice", "list", "-f", "json", *FEBRUARY).json
    assert (stopped.exit_code, 0 < len(kept) < 200) == (130, True)
    assert stopped.stderr.splitlines() == [
        "interrupted",
        f"{len(kept)} invoices were issued and kept before it stopped; run it again and it goes on from there.",
    ]
    assert workers(due, 2).json["issued"] == 200 - len(kept)
    assert_billed_once(due)


# --- several runs at once

AT_ONCE = """
import sys
from planctl.workflows import run_invoices
run_invoices.PAGE = 7
from planctl.__main__ import main
sys.stdin.readline()
sys.exit(main(sys.argv[1:]))
"""


def at_once(number: int, *words: str) -> list[Any]:
    """So many processes that begin a run at the same moment; what each answered."""
    root = str(Path(__file__).parents[2])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, "invoice", "run", "-f", "json", "--wait", "60", *words, *FEBRUARY],
            env=os.environ | {"PYTHONPATH": root},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(number)
    ]  # fmt: skip
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=300) for process in processes]
    assert {process.returncode for process in processes} == {0}, answers
    return [json.loads(out) for out, _ in answers]


@pytest.mark.slow
def test_eight_runs_at_once_bill_200_subscriptions_once_each(due: Run) -> None:
    answers = at_once(8)
    assert sorted(number for one in answers for number in one["invoices"]) == NUMBERS
    assert_billed_once(due)


@pytest.mark.slow
def test_two_whole_runs_of_two_workers_each_bill_everybody_once(due: Run) -> None:
    answers = at_once(2, "--workers", "2")
    assert sorted(number for one in answers for number in one["invoices"]) == NUMBERS
    assert_billed_once(due)
    with open_store(os.environ["PLANCTL_STORE"]) as store, store.read() as tx:
        from planctl.store import runs, settings

        assert [(one.is_whole, one.finished_at is None) for one in runs.runs(tx)] == [(True, False)] * 2
        assert settings.identity(tx).high_water_at == 1_769_904_000_000_000  # 2026-02-01T00:00:00Z


# --- claims


@pytest.fixture
def two(due: Run) -> Iterator[tuple[Any, Any]]:
    """Two connections to the same store."""
    address = os.environ["PLANCTL_STORE"]
    with open_store(address, wait_seconds=1) as one, open_store(address, wait_seconds=1) as other:
        yield one, other


T = 1_769_904_000_000_000


def test_who_is_claimed_by_one_is_passed_over_by_another_until_the_claim_ends(two: tuple[Any, Any]) -> None:
    one, other = two
    with one.read() as tx:
        seqs = [*claiming.due(tx, T)]
    with one.share() as mine, other.share() as theirs:
        assert [name for _, name in claiming.claim_page(mine, T, seqs[:3])] == NAMES[:3]
        assert [name for _, name in claiming.claim_page(theirs, T, seqs[:5])] == NAMES[3:5]
    with other.share() as tx:
        assert [name for _, name in claiming.claim_page(tx, T, seqs[:3])] == NAMES[:3]


def test_who_was_billed_while_the_claim_waited_for_nobody_is_not_claimed(two: tuple[Any, Any]) -> None:
    one, other = two
    with one.read() as tx:
        seqs = [*claiming.due(tx, T)]
    request = run_invoices.RunRequest(T, T)  # type: ignore[arg-type]
    with one.share() as tx:
        done = run_invoices.bill_page(tx, seqs[:2], request)
    assert [one.draft.customer for one in done.invoices] == NAMES[:2]
    with other.share() as tx:
        assert [name for _, name in claiming.claim_page(tx, T, seqs[:3])] == NAMES[2:3]


def test_rows_that_refer_to_a_claimed_customer_can_be_written(two: tuple[Any, Any]) -> None:
    one, other = two
    with one.read() as tx:
        seqs = [*claiming.due(tx, T)]
    with one.share() as mine, other.share() as theirs:
        claiming.claim_page(mine, T, seqs[:1])
        customers.put_hold(theirs, NAMES[0], "disputed", "", T)
