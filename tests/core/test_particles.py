"""The registry of columns and flags, and the page made from it."""

from pathlib import Path

import pytest

from nanogauge.core.particles import COLUMNS, FLAGS, Flag, column_dtypes, column_names, columns_markdown, flag_text

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
