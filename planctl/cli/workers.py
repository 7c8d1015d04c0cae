"""Processes that share out pieces of work, and what each says on the way. It knows nothing of what the work is.

A process that is lost loses the piece it had; the others go on. Ctrl-C lets each end its piece.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from planctl.errors import PlanctlError

Say = Callable[[Any], None]
Work = Callable[[Any, Say], None]
"""Does one piece, and says what the parent should know, as often as it likes."""

_BUG = 70
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Said:
    """What a worker said."""

    worker: int
    what: Any


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker that ended in the middle, by a signal or a mistake; a signal's `exit_code` is below zero."""

    worker: int
    exit_code: int


@dataclass(frozen=True, slots=True)
class Undone:
    """A piece that nobody has said to be done."""

    piece: Any


@dataclass(slots=True, eq=False)
class _Member:
    """A worker: `wire` leads to it, `piece` is what it has in hand."""

    number: int
    process: BaseProcess
    wire: Connection
    piece: Any = None
    error: PlanctlError | None = None


@dataclass(slots=True)
class _Crew:
    """The workers that are there, and the pieces that nobody has."""

    left: deque[Any]
    members: list[_Member] = field(default_factory=list)
    undone: list[Any] = field(default_factory=list)
    stopped: bool = False

    def hand_out(self, member: _Member) -> None:
        """Give a worker the next piece; none is left, or all must stop: let it go."""
        member.piece = None
        try:
            if self.left and not self.stopped:
                member.piece = self.left.popleft()
            member.wire.send(member.piece)
        except OSError:
            pass  # it is lost; waiting for its word tells
        if member.piece is None:
            self.dismiss(member)

    def dismiss(self, member: _Member) -> None:
        """Have a worker no more; what it had in hand is undone."""
        if member in self.members:
            self.members.remove(member)
            member.wire.close()
            if member.piece is not None:
                self.undone.append(member.piece)


def share_out(
    pieces: Sequence[Any], workers: int, begin: Callable[[], Work]
) -> Generator[Said | Lost | Undone]:
    """Have `workers` processes do the pieces, each the next one as soon as it is free, and tell what they say.

    `begin` is called in each of them first; nothing may be open that two processes must not share. At the end
    come the pieces that were lost with a worker. A PlanctlError of a worker ends the work and is raised when
    all have ended their piece; so does Ctrl-C. Use it with `contextlib.closing`.
    """
    crew = _Crew(deque(pieces))
    with _patient(crew):
        processes: list[BaseProcess] = []
        error: PlanctlError | None = None
        try:
            for number in range(workers):
                with _deaf():
                    processes.append(_hired(crew, number, begin))
            while crew.members:
                for member in _speaking(crew):
                    event = _heard(crew, member)
                    error = error or member.error
                    if event is not None:
                        yield event
        except KeyboardInterrupt:
            for process in processes:
                process.terminate()
            raise
        finally:
            for member in [*crew.members]:
                crew.dismiss(member)
            for process in processes:
                process.join(_PATIENCE_SECONDS)
    if error is not None:
        raise error
    if crew.stopped:
        raise KeyboardInterrupt
    yield from (Undone(piece) for piece in [*crew.undone, *crew.left])


def _hired(crew: _Crew, number: int, begin: Callable[[], Work]) -> BaseProcess:
    """Start a worker. It has no end of another's wire, so each sees at once when the other side is gone."""
    fork = get_context("fork")
    here, there = fork.Pipe()
    others = [here, *(member.wire for member in crew.members)]
    process = fork.Process(target=_live, args=(there, others, begin), daemon=True)
    process.start()
    there.close()
    member = _Member(number, process, here)
    crew.members.append(member)
    crew.hand_out(member)
    return process


def _live(wire: Connection, others: Sequence[Connection], begin: Callable[[], Work]) -> None:
    """A worker's life: one piece after the other, until none comes or nobody listens any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever pressed Ctrl-C is heard by the parent
    for other in others:
        other.close()
    with suppress(EOFError, OSError):
        try:
            piece = wire.recv()
            if piece is None:
                return
            work = begin()
            while piece is not None:
                work(piece, lambda what: wire.send(Said(0, what)))
                wire.send(None)
                piece = wire.recv()
        except PlanctlError as error:
            wire.send(error)
        except (EOFError, OSError):
            raise
        except Exception as error:
            # The parent does the piece itself, meets the same mistake and reports it.
            raise SystemExit(_BUG) from error


def _speaking(crew: _Crew) -> list[_Member]:
    ready = wait([member.wire for member in crew.members])
    return [member for member in crew.members if member.wire in ready]


def _heard(crew: _Crew, member: _Member) -> Said | Lost | None:
    """Take in one word of a worker; None where it says only that it is free, or why it stopped."""
    try:
        word = member.wire.recv()
    except (EOFError, OSError):
        member.process.join(_PATIENCE_SECONDS)
        crew.dismiss(member)
        return Lost(member.number, member.process.exitcode or 0)
    if isinstance(word, Said):
        return Said(member.number, word.what)
    if isinstance(word, PlanctlError):
        member.error, crew.stopped = word, True
        crew.dismiss(member)
    else:
        crew.hand_out(member)
    return None


@contextmanager
def _deaf() -> Iterator[None]:
    """Hear Ctrl-C only at the end: a worker that is begun meanwhile has the parent's handler until it ignores it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _patient(crew: _Crew) -> Iterator[None]:
    """Take the first Ctrl-C as a wish to stop after the pieces in hand; the second one ends it at once."""

    def wish(_number: int, _frame: object) -> None:
        if crew.stopped:
            raise KeyboardInterrupt
        crew.stopped = True

    before = signal.signal(signal.SIGINT, wish)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
