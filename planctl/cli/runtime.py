"""What one command runs with: who runs it, the store and the output.

It opens transactions, asks for a yes, and keeps what every write promises (`--key`, `--dry-run`, the audit);
it knows nothing about plans or money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

from planctl.cli import auditing
from planctl.cli.acting import Acting
from planctl.cli.asking import asked, has_terminal, says_yes
from planctl.cli.auditing import Kept
from planctl.cli.given import Given
from planctl.cli.output import Output
from planctl.cli.requests import plain
from planctl.errors import InvalidInput, Refused, StoreFailure
from planctl.values import dataclass
from planctl.views.formats import FORMATS
from planctl.views.sheet import Answer, Json

if TYPE_CHECKING:
    import typer

    from planctl.core.audit import Anchor
    from planctl.store.engine import Store, Tx

__all__ = ["Birth", "Kept", "Runtime", "Written", "forget", "running"]

_HERE = "planctl.runtime"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write answered. `existed`: `--key` was used before, this is the first answer, nothing was done.

    `discarded`: it was a dry run. `changed` False: everything was as asked already.
    """

    document: Json
    existed: bool = False
    discarded: bool = False
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Birth:
    """What a store is born with, where a command may make one."""

    is_test: bool = False
    timezone: str = "UTC"


@dataclass
class Runtime(Acting):
    """Built once per command by `Runtime.of(context)`.

    `committed` says whether it has written anything of what it was asked for, `born` whether it has made the
    store before that. A command of many transactions keeps in `cut` what to say if it is stopped between two of them.
    """

    committed: bool = False
    born: bool = False
    cut: str = ""
    _tip: Anchor | None = None
    _store: Store | None = None
    _open: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of(cls, context: typer.Context) -> Runtime:
        """The runtime of the command that is running."""
        from planctl.cli.options import Command, given_in

        if _HERE not in context.meta:
            words = context.command_path.partition(" ")[2]
            command = context.command
            assert isinstance(command, Command), "commands are declared by App.reads or App.writes"
            made = context.meta[_HERE] = _running[0] = cls(
                given_in(context), words, command.formats, command.is_write, needs=command.needs
            )
            made.check_may_write()
        runtime: Runtime = context.meta[_HERE]
        return runtime

    @classmethod
    def start(cls, given: Given, command: str, *, is_write: bool) -> Runtime:
        """The runtime of a command whose words were read without the command-line library."""
        runtime = _running[0] = cls(
            given, command, is_write=is_write, needs="manager" if is_write else "viewer"
        )
        runtime.check_may_write()
        return runtime

    # --- the store -------------------------------------------------------------------------------

    def open_store(self, birth: Birth | None = None) -> Store:
        """The store, opened once; made where it is missing if a `birth` is given.

        A dry run makes no store: it works on one of its own that is gone afterwards.
        """
        if birth is not None and self.has_store():
            birth = None
        if self._store is None:
            from planctl.store.engine import open_store

            url = self.settings.store
            if birth is not None and self.given.dry_run:
                from tempfile import TemporaryDirectory

                url = f"{self._open.enter_context(TemporaryDirectory(prefix='planctl-'))}/store.db"
            self._store = open_store(
                url,
                wait_seconds=self.settings.wait,
                host=self.settings.host,
                create=birth is not None,
                at=self.now,
                is_test=birth is not None and birth.is_test,
                timezone=birth.timezone if birth is not None else "UTC",
                read_only=self.settings.read_only,
            )
            self.born = birth is not None and not self.given.dry_run
            self.check_role(self._store)
        return self._store

    @property
    def opened(self) -> Store | None:
        """The store, where the command has opened it."""
        return self._store

    def has_store(self) -> bool:
        """Whether there is a store to open."""
        try:
            self.open_store()
        except StoreFailure as error:
            if error.code == "no-store":
                return False
            raise
        return True

    @contextmanager
    def open_read(self) -> Iterator[Tx]:
        """A transaction that sees one state of the store; StoreFailure (74) where there is none."""
        with self.open_store().read() as tx:
            yield tx

    @contextmanager
    def open_read_if_any(self) -> Iterator[Tx | None]:
        """The same, or None where there is no store yet."""
        if not self.has_store():
            yield None
            return
        with self.open_read() as tx:
            yield tx

    @contextmanager
    def open_write(self, birth: Birth | None = None, *, bookkeeping: bool = False) -> Iterator[Tx]:
        """A transaction that is kept whole or not at all, and not at all with `--dry-run`.

        `bookkeeping`: it notes only that the command began or ended, nothing that was asked for.
        """
        self._tip = None  # of a transaction that was undone
        try:
            with self.open_store(birth).write() as tx:
                if self.given.dry_run:
                    tx.rollback_only()
                yield tx
                self.audit_rest(tx)
        except StoreFailure as error:
            if error.code == "commit-unknown":
                self.committed, self.cut = True, "Whether the change was kept is not known."
            raise
        self.committed = self.committed or not (self.given.dry_run or bookkeeping)
        self.keep_tip()

    def keep_tip(self) -> None:
        """Keep the tip of what was committed elsewhere, where the settings say so; that it cannot be is a warning."""
        tip, self._tip = self._tip, None
        warning = auditing.keep_tip(self, tip) if tip is not None else ""
        if warning:
            self.warn(warning)

    def close(self) -> None:
        """Let go of the store."""
        store, self._store = self._store, None
        if store is not None:
            store.close()
        self._open.close()

    # --- asking ----------------------------------------------------------------------------------

    def confirm(self, lines: Iterable[str] = (), question: str = "Go on?") -> None:
        """Show what will be done and ask. `--yes` and `--dry-run` answer; without a terminal, exit 64.

        A protected store also wants its name, or `--confirm NAME`. Refused where the answer is no. Machines
        that already answered read the document, so nothing is shown to them.
        """
        if self.can_ask or self.output.format == FORMATS[0]:
            self.output.say(*lines)
        if self.given.dry_run:
            return
        self.name_store()
        if not self.given.yes and not says_yes(asked(f"{question} [y/N]", "--yes")):
            raise Refused("not confirmed", code="declined", hint="answer y, or pass --yes")

    @property
    def can_ask(self) -> bool:
        """Whether `confirm` would ask a person now."""
        return not self.given.yes and not self.given.dry_run and has_terminal()

    def name_store(self) -> None:
        """Make sure that a protected store is meant: `--confirm NAME`, or its name typed at a terminal."""
        name = self.settings.protected
        if not name or self.given.dry_run:
            return
        meant = self.given.confirm or asked(f"{name} is protected. Its name:", f"--confirm {name}")
        if meant != name:
            raise Refused(
                "the store is protected",
                code="protected",
                where=name,
                expected=name,
                got=meant,
                hint=f"pass --confirm {name}",
            )

    # --- writing ---------------------------------------------------------------------------------

    def run_write(
        self,
        request: Json,
        write: Callable[[Tx], Json | Kept],
        *,
        ask: Callable[[], None] | None = None,
        create: bool | Birth = False,
        repeatable: bool = True,
    ) -> Written:
        """Do one write: `write` in one transaction, audited, once per `--key`, undone by `--dry-run`.

        `request` is all that was asked, as a document: the same `--key` with another request is a Conflict;
        with the same one the first answer comes back, and neither `ask` nor `write` is called. `ask` shows
        and confirms before the write transaction begins; `write` reads again whatever it decides on.
        `create` makes a missing store. Where the server undid the transaction, `write` is called again, unless
        it is not `repeatable`: it uses something up, such as an open file.
        """
        from planctl.store.retrying import attempted

        birth = create if isinstance(create, Birth) else Birth() if create else None
        if self.given.key and (birth is None or self.has_store()):
            first = self.first_answer(request)
            if first is not None:
                return first
        if ask is not None:
            ask()
        self.open_store(birth)  # one that cannot be opened is said at once

        def once() -> Written:
            with self.open_write(birth) as tx:
                first = self.recalled(tx, request)
                if first is not None:
                    return first
                answer = write(tx)
                kept = answer if isinstance(answer, Kept) else Kept(answer)
                self.record(tx, request, kept)
            return Written(kept.document, discarded=self.given.dry_run, changed=kept.changed)

        return attempted(once) if repeatable else once()

    def first_answer(self, request: Json) -> Written | None:
        """The same as `recalled`, in a transaction of its own: before a command asks anybody outside."""
        if not self.given.key:
            return None
        with self.open_read() as tx:
            return self.recalled(tx, request)

    def recalled(self, tx: Tx, request: Json) -> Written | None:
        """The first answer under `--key`, where the same was asked before; Conflict where it was something else."""
        if not self.given.key:
            return None
        from planctl.store.operations import recall

        first = recall(tx, self.given.key, self.command, plain(request))
        return None if first is None else Written(first, existed=True)

    def record(self, tx: Tx, request: Json, kept: Kept, *, answers: bool = True) -> None:
        """Audit a write and remember its answer under `--key`, in its own transaction.

        `run_write` does it; a command of many transactions calls it in each, and the last one `answers`.
        """
        from planctl.store.operations import remember

        if self.given.key and answers:
            answer = plain(kept.document)
            remember(tx, self.given.key, self.command, plain(request), answer, self.actor, self.now)
        if kept.changed:  # last: the entry names every row that the write has changed, the answer's too
            self._tip = auditing.append_entry(self, tx, request, kept)

    def audit_rest(self, tx: Tx) -> None:
        """Audit what a step of a command has changed without saying so: no row that people set changes unnamed."""
        if auditing.has_rest(tx):
            self._tip = auditing.append_entry(self, tx, {}, Kept(None))

    def check_anchor(self, tx: Tx) -> None:
        """Refused (`store-behind-anchor`) where the store is older than its anchor; see `auditing.check_anchor`."""
        auditing.check_anchor(self, tx)

    # --- speaking --------------------------------------------------------------------------------

    @cached_property
    def output(self) -> Output:
        """Where to print, and how. A format of the settings that the command cannot print is passed over."""
        chosen = self.settings.format
        if chosen not in {*FORMATS, *self.formats}:
            raise InvalidInput(
                "there is no such format",
                where=self.settings.values["format"].origin,
                expected=", ".join(FORMATS),
                got=chosen,
            )
        return Output(chosen if chosen in self.formats else self.formats[0], self.given.quiet)

    def show(self, answer: Answer) -> None:
        """Print the answer to stdout; that of a write is talk for people, which `--quiet` silences."""
        if self.given.quiet and self.is_write and self.output.format == FORMATS[0]:
            return
        self.output.show(answer)

    def say(self, *lines: str) -> None:
        """Tell people about success, on stderr."""
        self.output.say(*lines)

    def say_store(self) -> None:
        """Tell people which store it was, where planctl.toml gives it a name."""
        if self.settings.store_name:
            self.say(f"store: {self.settings.store_name}")

    def warn(self, *lines: str) -> None:
        """Tell people what they must see, on stderr."""
        self.output.warn(*lines)

    def done(self, written: Written, sentence: str = "", *, undo: str = "") -> None:
        """Say what a write did and what would undo it; that it existed, or that it was a dry run."""
        if written.existed:
            self.say(f"exists: {sentence or self.command} (key {self.given.key}); nothing was written")
            return
        said = [sentence] if sentence else []
        if written.discarded:
            said.append("nothing was written (dry run)")
        elif undo and written.changed:
            said.append(f"undo with: {undo}")
        self.say(*said)


_running: list[Runtime | None] = [None]


def running() -> Runtime | None:
    """The runtime of the command that runs or ran last, for the error boundary; None before one was built."""
    return _running[0]


def forget() -> None:
    """Close the last command's store and forget it."""
    runtime, _running[0] = _running[0], None
    if runtime is not None:
        runtime.close()
