"""The registry of columns and flags, and the page made from it."""

import pickle
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nanogauge.core.particles import (
    COLUMNS,
    FLAGS,
    KINDS,
    LEFT_OUT,
    Flag,
    class_colours,
    column_dtypes,
    column_names,
    columns_markdown,
    flag_text,
    flag_texts,
    flags_of,
    has_flag,
    kinds_of,
)
from nanogauge.core.remarks import CODES, Remark, code_of

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"
REMAKE = "python -c 'from nanogauge.core.particles import *; print(columns_markdown(), end=\"\")' > docs/columns.md"


def test_page_is_in_step():
    assert PAGE.read_text("utf-8") == columns_markdown(), f"remake it: {REMAKE}"


def test_every_column_and_flag_stands_on_the_page():
    page = columns_markdown()
    assert all(f"| `{name}` |" in page for name in column_names(in_nm=True))
    assert all(f"| `{flag_text(flag)}` |" in page for flag in Flag)


def test_nm_columns_follow_their_px_columns():
    names = column_names(in_nm=True)
    assert len(set(names)) == len(names)
    assert [n for n in names if not n.endswith(("_nm", "_nm2"))] == column_names(in_nm=False)
    for c in COLUMNS:
        if c.nm_name:
            assert names[names.index(c.name) + 1] == c.nm_name
            assert c.nm_name == c.name.replace("_px", "_nm")
    assert list(column_dtypes(in_nm=True)) == names


def test_units_stand_in_names():
    for c in COLUMNS:
        assert (c.nm_name is not None) == c.name.endswith(("_px", "_px2"))


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (Flag(0), ""),
        (Flag.SEPARATED, "separated"),
        (Flag.SEPARATED | Flag.TOUCHES_BORDER, "touches_border|separated"),
    ],
)
def test_flag_text(flags, text):
    assert flag_text(flags) == text


def test_every_flag_has_a_meaning_and_its_own_bit():
    assert set(FLAGS) == set(Flag)
    assert [f.value for f in Flag] == [1 << k for k in range(len(Flag))]


def test_words_and_bits_are_the_same_both_ways():
    texts = pd.Series(["", "separated", "touches_border|separated", "of_a_later_version|edited"])
    bits = flags_of(texts)
    assert bits.tolist() == [0, 8, 9, 128]
    assert flag_texts(bits) == ["", "separated", "touches_border|separated", "edited"]
    assert has_flag(pd.DataFrame({"flags": texts}), Flag.TOUCHES_BORDER | Flag.EDITED).tolist() == [False, False, True, True]
    assert flags_of(texts[:0]).tolist() == []


def test_kinds():
    table = pd.DataFrame(
        {"flags": ["", "low_confidence|separated", "touches_border|low_confidence"], "edge_weight": [1.2, 1.2, 0.0]}
    )
    assert kinds_of(table) == ["counted", "unsure", "left_out"]
    assert set(kinds_of(table)) == set(KINDS)


def test_what_leaves_a_particle_out_has_a_reason():
    assert all(("left out" in FLAGS[f].meaning) == (f in LEFT_OUT) for f in Flag)
    assert [f for f in LEFT_OUT if FLAGS[f].by_hand] == [Flag.EXCLUDED, Flag.FILTERED, Flag.LEFT_OUT_BY_HAND]


def test_a_remark_is_a_text_with_a_code():
    said = Remark("left_out", "30 % was left out")
    assert (said, said.code, code_of("first of 3 pages")) == ("30 % was left out", "left_out", "note")
    assert pickle.loads(pickle.dumps(said)).code == "left_out"
    with pytest.raises(ValueError, match="unknown code"):
        Remark("nonsense", "x")
    assert "note" in CODES


def test_no_two_classes_that_are_there_have_one_colour() -> None:
    names = ["sphere", "rod", "cube", "broken", "gold", "hollow", "coated", "a", "b", "c", "d", "e"]
    for n in range(1, len(names) + 1):
        colours = class_colours(names[:n])
        assert len(set(colours.values())) == n
        assert min(np.abs(np.subtract(a, b)).max() for a, b in combinations(colours.values(), 2)) > 35 if n > 1 else True
    assert class_colours(["unsure", "other"]) == dict.fromkeys(["unsure", "other"], (160, 160, 160))


def test_a_class_has_its_colour_whatever_else_is_there() -> None:
    alone = {name: class_colours([name])[name] for name in ("gold", "silver", "cube")}
    assert class_colours(["gold", "unsure", "other"])["gold"] == alone["gold"]
    assert class_colours(["cube", "rod", "sphere"])["cube"] == alone["cube"]
    assert class_colours(alone)["cube"] == alone["cube"]
