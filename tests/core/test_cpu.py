"""Steps of one micrograph in threads: the same results in the same order, the same errors, and none where none are allowed."""

from __future__ import annotations

import threading

import pytest

from nanogauge.core.cpu import each, in_background, several_threads, threads_for


def where() -> threading.Thread:
    return threading.current_thread()


def test_without_leave_all_is_done_here_and_at_once() -> None:
    done: list[int] = []
    waiting = in_background(done.append, 1)
    assert done == [1]
    assert waiting() is None
    assert set(each(lambda _: where(), range(5))) == {where()}
    assert not several_threads()


def test_with_leave_steps_go_on_beside_each_other() -> None:
    meet = threading.Barrier(2, timeout=10)  # broken, unless both are there at the same time
    with threads_for(2):
        assert several_threads()
        waiting = in_background(meet.wait)
        assert {meet.wait(), waiting()} == {0, 1}
        assert sorted(each(lambda _: meet.wait(), range(2))) == [0, 1]
    assert not several_threads()


def test_threads_start_none_of_their_own() -> None:
    with threads_for(8):
        assert each(lambda _: several_threads(), range(4)) == [False] * 4
        assert in_background(several_threads)() is False


@pytest.mark.parametrize("n_threads", [1, 3])
def test_results_come_in_the_order_of_the_items(n_threads: int) -> None:
    with threads_for(n_threads):
        assert each(lambda k: k * k, iter(range(20))) == [k * k for k in range(20)]
        assert each(str, []) == []


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_is_that_of_the_step(n_threads: int) -> None:
    def fails(k: int = 0) -> None:
        raise ValueError(f"step {k} failed")

    with threads_for(n_threads):
        with pytest.raises(ValueError, match="step 3 failed"):
            in_background(fails, k=3)()
        with pytest.raises(ValueError, match="step 1 failed"):
            each(fails, [1, 2])
