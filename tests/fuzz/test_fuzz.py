"""A small, fixed portion of the fuzz run; `python tests/fuzz/fuzz.py` does the rest."""

import numpy as np
import pytest
from mutations import mutate
from targets import targets

from fuzz import the_input, try_one

ALL = targets()


@pytest.mark.parametrize("target", ALL, ids=lambda t: t.name)
def test_sound_files_are_read(target, tmp_path):
    for name, data in target.seeds.items():
        folder = tmp_path / name
        folder.mkdir()
        for other, content in target.beside.items():
            (folder / other).write_bytes(content)
        (folder / name).write_bytes(data)
        target.run(folder / name)


def test_damaged_files_are_read_or_refused(tmp_path):
    outcomes = [try_one(i, 7, ALL, tmp_path) for i in range(400)]
    assert [o for o in outcomes if o.failed] == []
    kinds = [o.kind for o in outcomes]
    assert min(kinds.count("read"), kinds.count("refused")) > 50


def test_an_input_is_the_same_again_and_is_damaged():
    for i in range(20):
        target, name, data = the_input(i, 3, ALL)
        assert (target.name, name, data) == (the_input(i, 3, ALL)[0].name, *the_input(i, 3, ALL)[1:])
        assert the_input(i, 4, ALL)[2] != data or len(data) == 0


def test_the_harness_sees_failures(tmp_path):
    def broken(path):
        raise KeyError("left out")

    bad = type(ALL[0])("broken", {"a.bin": b"12345678"}, broken, {})
    outcome = try_one(1, 1, [bad], tmp_path)
    assert outcome.failed
    assert "KeyError" in outcome.detail


def test_mutations_change_something():
    rng = np.random.default_rng(0)
    data = bytes(range(256)) * 4
    assert sum(mutate(data, rng) != data for _ in range(50)) > 45
