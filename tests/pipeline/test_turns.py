"""Work of which a part goes in turns: the order, what fails, and that it ends."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from nanogauge.pipeline.mosaic.turns import in_turns


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_turns_and_results_come_in_order_however_long_each_takes(n_threads):
    said, at_once, most = [], 0, 0
    lock = threading.Lock()

    def work(item, turn):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02 if item % 3 == 0 else 0.002)
        with turn:
            said.append(item)
        with lock:
            at_once -= 1
        return 10 * item

    assert list(in_turns(work, range(12), n_threads)) == [10 * k for k in range(12)]
    assert said == list(range(12))
    assert most == n_threads


@pytest.mark.parametrize("where", ["before", "in", "after"])
@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_the_first_failure_in_order_is_raised_and_nothing_begins_after_it(where, n_threads):
    begun, taken = [], []

    def work(item, turn):
        begun.append(item)
        if item == 4:
            time.sleep(0.02)  # the next ones are waiting for it
        if item >= 4 and where == "before":
            raise ValueError(f"no {item}")
        with turn:
            taken.append(item)
            if item >= 4 and where == "in":
                raise ValueError(f"no {item}")
        if item >= 4:
            raise ValueError(f"no {item}")
        return item

    done = []
    with pytest.raises(ValueError, match="no 4"):
        done.extend(in_turns(work, range(1000), n_threads))
    assert done == [0, 1, 2, 3]
    assert max(begun) <= 4 + 2 * n_threads
    if where == "in":
        assert taken == [0, 1, 2, 3, 4], "none takes its turn after one that failed"


def test_closed_early_it_begins_no_more():
    begun = []

    def work(item, turn):
        begun.append(item)
        with turn:
            return item

    before = threading.active_count()
    with closing(in_turns(work, range(1000), 2)) as results:
        assert next(results) == 0
    assert len(begun) < 10
    assert threading.active_count() == before


def test_what_the_items_raise_is_raised():
    def items():
        yield 1
        raise OSError("no more")

    def work(item, turn):
        with turn:
            return item

    with pytest.raises(OSError, match="no more"):
        list(in_turns(work, items(), 2))
