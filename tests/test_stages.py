"""Threads, queues, errors and clocks of `fastswap.stages`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from fastswap.stages import Stages, side_by_side


def _numbers(count: int) -> Iterator[int]:
    yield from range(count)


def test_order_is_kept_across_threads() -> None:
    with Stages(depth=2) as stages:
        doubled = stages.thread("double", (2 * n for n in stages.thread("count", _numbers(1000))))
        assert list(doubled) == list(range(0, 2000, 2))


@pytest.mark.parametrize("workers", [1, 3])
def test_side_by_side_keeps_order_and_takes_no_more_than_it_works_on(workers: int) -> None:
    taken, at_once, most = [], 0, 0
    lock = threading.Lock()

    def source() -> Iterator[int]:
        for n in range(40):
            taken.append(n)
            yield n

    def work(n: int) -> int:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.002 * (n % 3))
        with lock:
            at_once -= 1
        return n * n

    results = side_by_side(work, source(), workers)
    assert [next(results) for _ in range(10)] == [n * n for n in range(10)]
    assert len(taken) <= 10 + workers
    assert list(results) == [n * n for n in range(10, 40)]
    assert most == workers


@pytest.mark.parametrize("workers", [1, 3])
def test_side_by_side_raises_what_the_work_raises(workers: int) -> None:
    results = side_by_side(lambda n: 6 // n, iter([1, 2, 0, 3]), workers)
    assert [next(results), next(results)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_queues_are_bounded() -> None:
    made = []

    def source() -> Iterator[int]:
        for n in range(1000):
            made.append(n)
            yield n

    with Stages(depth=3) as stages:
        items = stages.thread("count", source())
        next(items)
        time.sleep(0.2)
        assert len(made) <= 1 + 3 + 1  # taken, waiting, in the producer's hand


def test_an_error_in_a_stage_reaches_the_consumer_and_ends_all_threads() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("stage broke")

    before = threading.active_count()
    with pytest.raises(ValueError, match="stage broke"), Stages() as stages:
        list(stages.thread("b", stages.thread("a", broken())))
    assert threading.active_count() == before


def test_leaving_early_stops_every_thread() -> None:
    def endless() -> Iterator[int]:
        n = 0
        while True:
            yield n
            n += 1

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), Stages() as stages:
        any(1 / (10 - n) > 1 for n in stages.thread("b", stages.thread("a", endless())))
    assert threading.active_count() == before


def test_busy_time_counts_work_and_not_waiting() -> None:
    def slow() -> Iterator[int]:
        for n in range(5):
            time.sleep(0.05)
            yield n

    with Stages() as stages:
        list(stages.timed("quick", stages.thread("slow", slow())))
    assert stages.busy["slow"] > 0.24
    assert stages.busy["quick"] < stages.busy["slow"] / 2


@pytest.mark.parametrize("workers", [1, 2])
def test_busy_time_of_work_side_by_side_is_known_though_nobody_waits_for_it(workers: int) -> None:
    """The stage before is slower, so the work is always done when its result is asked for."""

    def slow() -> Iterator[int]:
        for n in range(8):
            time.sleep(0.06)
            yield n

    def work(n: int) -> int:
        time.sleep(0.03)
        return n

    with Stages() as stages:
        list(stages.thread("work", side_by_side(work, stages.thread("slow", slow()), workers)))
    assert 0.9 * 8 * 0.03 / workers < stages.busy["work"] < 0.7 * stages.busy["slow"]


def test_a_stop_while_a_thread_is_being_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the thread runs, and after: what was raised comes out, and a thread that runs is waited for."""
    start, ended = threading.Thread.start, threading.Event()

    def before(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    def soon(thread: threading.Thread) -> None:
        monkeypatch.undo()
        threading.Timer(0.1, start, (thread,)).start()
        raise KeyboardInterrupt

    def numbers() -> Iterator[int]:
        time.sleep(0.1)
        ended.set()
        yield 1

    def begin(how: Callable[[threading.Thread], None]) -> None:
        with Stages() as stages:
            monkeypatch.setattr(threading.Thread, "start", how)
            stages.thread("numbers", numbers())

    for how in (before, soon):
        with pytest.raises(KeyboardInterrupt):
            begin(how)
        monkeypatch.undo()
    assert ended.is_set()
