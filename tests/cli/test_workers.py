"""Processes that share out pieces: each piece once, lost ones are named, errors and Ctrl-C stop after the piece."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from planctl.cli import workers
from planctl.cli.workers import Lost, Said, Say, Undone, Work, share_out
from planctl.errors import Refused

KILLED = -signal.SIGKILL


def beginning(work: Callable[[Any, Say], None]) -> Callable[[], Work]:
    return lambda: work


def events(pieces: list[Any], workers: int, work: Callable[[Any, Say], None]) -> list[Said | Lost | Undone]:
    with closing(share_out(pieces, workers, beginning(work))) as told:
        return list(told)


def test_every_piece_is_done_once_whoever_does_it() -> None:
    told = events(list(range(50)), 3, lambda piece, say: say(piece * piece))
    assert sorted(one.what for one in told if isinstance(one, Said)) == [piece * piece for piece in range(50)]
    assert all(isinstance(one, Said) for one in told)


def test_what_a_worker_says_comes_in_its_order_and_bears_its_number() -> None:
    def work(piece: int, say: Say) -> None:
        for step in ("first", "second"):
            say((piece, step))

    told = events([1, 2, 3, 4], 2, work)
    for worker in {one.worker for one in told if isinstance(one, Said)}:
        mine = [one.what for one in told if isinstance(one, Said) and one.worker == worker]
        assert [step for _, step in mine] == ["first", "second"] * (len(mine) // 2)


def test_more_workers_than_pieces_is_no_harm() -> None:
    assert [one.what for one in events([7], 4, lambda piece, say: say(piece)) if isinstance(one, Said)] == [7]


def test_each_worker_begins_once_in_its_own_process() -> None:
    def begin() -> Work:
        born = os.getpid()
        return lambda _piece, say: say((born, os.getpid()))

    with closing(share_out(list(range(20)), 2, begin)) as told:
        pairs = [one.what for one in told if isinstance(one, Said)]
    assert all(born == here for born, here in pairs)
    assert os.getpid() not in {here for _, here in pairs}


def test_a_killed_worker_is_named_its_piece_is_undone_and_the_others_go_on() -> None:
    def work(piece: int, say: Say) -> None:
        say(piece)
        if piece == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    told = events(list(range(10)), 2, work)
    assert [one.exit_code for one in told if isinstance(one, Lost)] == [KILLED]
    assert [one.piece for one in told if isinstance(one, Undone)] == [3]
    assert sorted(one.what for one in told if isinstance(one, Said)) == list(range(10))


def test_when_all_are_lost_every_piece_that_is_not_done_is_told() -> None:
    def work(_piece: int, _say: Say) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    told = events([1, 2, 3, 4], 2, work)
    assert [one.exit_code for one in told if isinstance(one, Lost)] == [KILLED, KILLED]
    assert sorted(one.piece for one in told if isinstance(one, Undone)) == [1, 2, 3, 4]


def test_a_mistake_in_a_worker_loses_it_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def work(piece: int, _say: Say) -> None:
        raise KeyError(piece)

    told = events([1], 1, work)
    assert told == [Lost(0, 70), Undone(1)]
    assert capfd.readouterr() == ("", "")


def test_a_refusal_in_a_worker_is_raised_when_the_others_have_ended_their_piece(tmp_path: Path) -> None:
    def work(piece: int, say: Say) -> None:
        if piece == 0:
            raise Refused("the books are closed", code="books-closed", where="settings")
        (tmp_path / str(piece)).touch()
        say(piece)

    told: list[Any] = []
    with pytest.raises(Refused) as refused, closing(share_out(list(range(500)), 2, beginning(work))) as more:
        told += more
    assert (refused.value.code, refused.value.where) == ("books-closed", "settings")
    assert len(list(tmp_path.iterdir())) < 499, "the rest is not begun"


def test_ctrl_c_lets_each_end_its_piece_and_begins_no_other() -> None:
    def work(piece: int, say: Say) -> None:
        say((piece, "begun"))
        say((piece, "ended"))

    told: list[Any] = []

    def listen() -> None:
        with closing(share_out(list(range(2_000)), 2, beginning(work))) as more:
            for one in more:
                assert isinstance(one, Said)
                told.append(one.what)
                if len(told) == 1:
                    signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        listen()
    assert {piece for piece, step in told if step == "begun"} == {
        piece for piece, step in told if step == "ended"
    }
    assert len(told) < 4_000


def test_ctrl_c_while_workers_begin_is_heard_by_the_parent_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    live = workers._live

    def interrupted(*given: Any) -> None:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        live(*given)

    monkeypatch.setattr(workers, "_live", interrupted)
    told = events([1, 2, 3], 2, lambda piece, say: say(piece))
    assert sorted(one.what for one in told if isinstance(one, Said)) == [1, 2, 3]
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_twice_while_workers_begin_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    hire, hired = workers._hired, []

    def interrupted(*given: Any) -> Any:
        hired.append(hire(*given))
        if len(hired) == 2:
            signal.getsignal(signal.SIGINT)(signal.SIGINT, None)  # type: ignore[operator, misc]
            signal.raise_signal(signal.SIGINT)
        return hired[-1]

    monkeypatch.setattr(workers, "_hired", interrupted)
    with pytest.raises(KeyboardInterrupt):
        events([*range(10_000)], 3, lambda piece, say: say(piece))
    assert len(hired) == 2
    assert [one.is_alive() for one in hired] == [False, False]


def test_ctrl_c_means_what_it_did_before_when_all_is_done() -> None:
    before = signal.getsignal(signal.SIGINT)
    events([1], 1, lambda piece, say: say(piece))
    assert signal.getsignal(signal.SIGINT) is before


def test_workers_end_when_nobody_listens_any_more(tmp_path: Path) -> None:
    def work(piece: int, say: Say) -> None:
        say(os.getpid())
        (tmp_path / str(piece)).touch()

    with closing(share_out(list(range(10_000)), 2, beginning(work))) as told:
        first = next(told)
    assert isinstance(first, Said)
    with pytest.raises(ProcessLookupError):
        os.kill(first.what, 0)
    assert len(list(tmp_path.iterdir())) < 10_000
