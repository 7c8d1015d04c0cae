"""The pages of `planctl invoice run`: each in a transaction of its own, here or by several workers.

What a page did is counted when its transaction is kept. It decides nothing about invoices.
"""

from __future__ import annotations

from array import array
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planctl import clock
from planctl.cli.runtime import Kept
from planctl.errors import Conflict, StoreFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from planctl.cli.runtime import Runtime
    from planctl.cli.workers import Say, Work
    from planctl.core.document import Document
    from planctl.core.invoicing.reporting import PageDone, RunReport
    from planctl.store.engine import Tx
    from planctl.workflows.run_invoices import RunRequest


_UNKNOWN = "Whether the last page was kept is not known; run it again and it goes on from there."

_HERE = -1
"""The number of this process among the workers."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A page is decided and written, and will be kept if its transaction is.

    `invoice` is the id of one of it, `claimed` the store's numbers of the customers that it looked at.
    """

    report: RunReport
    invoice: str
    claimed: array[int]


@dataclass(frozen=True, slots=True)
class Through:
    """The transaction of the page last said to be ready is kept (with `--dry-run`: undone)."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Whether the transaction of the page last said to be ready is kept is not known; it is done again."""


@dataclass(slots=True)
class Tally:
    """Adds up what pages did, and shows how far they are.

    `ready` holds the page that each worker has not yet kept; `in_doubt` those of which that cannot be known yet.
    `tried` are the customers that were looked at, by the store's numbers: eight bytes each.
    """

    runtime: Runtime
    report: RunReport
    of: int
    began: int = field(default_factory=clock.ticks)
    done: int = 0
    ready: dict[int, Ready] = field(default_factory=dict)
    in_doubt: list[Ready] = field(default_factory=list)
    tried: array[int] = field(default_factory=lambda: array("q"))

    def take(self, worker: int, what: object) -> None:
        """One word about a page."""
        if isinstance(what, Ready):
            self.ready[worker] = what
        elif isinstance(what, Through):
            self.count(self.ready.pop(worker))
        elif isinstance(what, InDoubt):
            self.doubt(worker)
        else:
            assert isinstance(what, int), f"{what!r} is no word about a page"
            self.went_by(what)

    def count(self, page: Ready) -> None:
        """A page is kept."""
        self.report.add(page.report)
        self.tried.extend(page.claimed)
        if not self.runtime.given.dry_run:
            self.runtime.committed = True
        self.runtime.cut = cut_after(len(self.report.numbers))

    def doubt(self, worker: int) -> None:
        """Whether a worker's last page was kept is found out at the end."""
        page = self.ready.pop(worker, None)
        if page is not None:
            self.in_doubt.append(page)

    def settle(self, tx: Tx) -> None:
        """Count the pages in doubt that were kept after all; nobody else may be writing."""
        from planctl.store.claiming import was_kept

        for page in self.in_doubt:
            if page.invoice and was_kept(tx, page.invoice):
                self.count(page)
        self.in_doubt.clear()

    def went_by(self, customers: int) -> None:
        """So many more of those who were due at the beginning have been looked at."""
        from planctl.views.run import progress_text

        self.done += customers
        said = progress_text(self.done, self.of, len(self.report.numbers), clock.elapsed_ms(self.began))
        self.runtime.output.progress(said, last=self.done >= self.of)


@dataclass(frozen=True, slots=True)
class Biller:
    """Bills pages of one run. `but_for` are customers to leave alone."""

    runtime: Runtime
    request: RunRequest
    but_for: frozenset[str] = frozenset()

    def bill(self, page: Sequence[int], say: Say, *, shared: bool = True) -> None:
        """One page, each word about it said as it comes; one that conflicts is done customer by customer.

        `shared`: beside the pages of others. A customer that conflicts even alone is put on hold.
        """
        from planctl.workflows.run_invoices import bill_page, hold_page

        def work(part: Sequence[int], held_for: str = "") -> None:
            """One transaction, which is done again where the server undid it."""
            from planctl.store.retrying import attempted

            def do(tx: Tx) -> PageDone:
                if held_for:
                    return hold_page(tx, part, self.request, held_for)
                return bill_page(tx, part, self.request, self.but_for)

            attempted(lambda: self._transaction(do, say, shared=shared), idempotent=True)

        try:
            work(page)
        except Conflict:
            for seq in page:
                try:
                    work([seq])
                except Conflict as problem:
                    work([seq], problem.message)

    def _transaction(self, do: Callable[[Tx], PageDone], say: Say, *, shared: bool) -> None:
        from planctl.core.invoicing.reporting import counted
        from planctl.store.failures import Unsure

        try:
            with self._open(shared=shared) as tx:
                done = do(tx)
                if done.looked_at:
                    self._record(tx, done)
                invoice = done.invoices[0].id if done.invoices else ""
                report = counted(done, self.request.as_of, dry=self.runtime.given.dry_run)
                say(Ready(report, invoice, array("q", done.claimed)))
        except Unsure:
            say(InDoubt())
            raise
        say(Through())

    @contextmanager
    def _open(self, *, shared: bool) -> Iterator[Tx]:
        """A transaction of a page. A run of one customer claims nobody, so it writes alone."""
        store = self.runtime.open_store()
        with store.share() if shared and not self.request.customer else store.write() as tx:
            if self.runtime.given.dry_run:
                tx.rollback_only()
            yield tx
            self.runtime.audit_rest(tx)

    def _record(self, tx: Tx, done: PageDone) -> None:
        """Audit what one transaction did; one without an invoice has only moved statuses, or held somebody."""
        numbers = [one.number for one in done.invoices]
        asking = asked(self.request.customer, self.request.catch_up) | {"invoices": numbers}
        self.runtime.record(tx, asking, Kept(None, counts={"invoice": len(numbers)}), answers=False)


def bill_all(biller: Biller, pages: Sequence[Sequence[int]], tally: Tally, workers: int) -> None:
    """Every page, here or by so many workers; the pages of a worker that is lost are done here."""
    try:
        if workers > 1 and len(pages) > 1:
            pages = _shared_out(biller, pages, tally, min(workers, len(pages)))
        for page in pages:
            biller.bill(page, lambda what: tally.take(_HERE, what))
            tally.went_by(len(page))
    except StoreFailure as error:
        if error.code == "commit-unknown":
            biller.runtime.committed, biller.runtime.cut = True, _UNKNOWN
        raise


def _shared_out(
    biller: Biller, pages: Sequence[Sequence[int]], tally: Tally, workers: int
) -> list[Sequence[int]]:
    """Share pages out; those that are left to be done."""
    from planctl.cli.workers import Lost, Said, Undone, share_out

    def begin() -> Work:
        def work(page: Sequence[int], say: Say) -> None:
            biller.bill(page, say)
            say(len(page))

        return work

    left = []
    biller.runtime.close()  # no connection may be used by two processes
    with closing(share_out(pages, workers, begin)) as events:
        for event in events:
            if isinstance(event, Said):
                tally.take(event.worker, event.what)
            elif isinstance(event, Lost):
                tally.doubt(event.worker)
                biller.runtime.warn(lost_words(event.exit_code))
            else:
                assert isinstance(event, Undone)
                left.append(event.piece)
    return left


def bill_left_over(biller: Biller, tally: Tally, left: Sequence[Sequence[int]]) -> None:
    """Pages that somebody else had claimed, alone. Who is on hold is left alone; no customer is left to try again."""
    held = frozenset(one.customer for one in tally.report.held)
    alone = Biller(biller.runtime, biller.request, held)
    for page in left:
        alone.bill(page, lambda what: tally.take(_HERE, what), shared=False)
        tally.tried.extend(page)


def lost_words(exit_code: int) -> str:
    """What is said of a worker that ended in the middle."""
    how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    return f"warning: a worker was lost ({how}); nothing of its page is half done, and it is looked at again"


def cut_after(issued: int) -> str:
    """What is said of a run that is stopped between two pages, after so many invoices."""
    were = "invoice was" if issued == 1 else "invoices were"
    return f"{issued:,} {were} issued and kept before it stopped; run it again and it goes on from there."


def asked(customer: str, catch_up: int | None) -> dict[str, Document]:
    """What a run was asked, for the audit."""
    return {"customer": customer, "catch_up": None if catch_up is None else str(catch_up)}
