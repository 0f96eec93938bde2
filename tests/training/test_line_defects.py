"""The recipe of line–space defects, what it is taught with, and how found boxes are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nanogauge.core.errors import SettingsError
from nanogauge.training.classes.boxes import BoxDetections, box_iou
from nanogauge.training.line_defects import NAMES, drawn, read_line_defect_recipe, train_line_defects

SHIPPED = Path(__file__).parents[2] / "configs" / "line-defects.toml"


def test_the_shipped_recipe_is_read_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    recipe = read_line_defect_recipe(SHIPPED, steps=3)
    assert recipe.names == NAMES
    assert recipe.steps == 3
    for text, said in (('renders = "holes"', "renders"), ("stepz = 3", "stepz"), ('names = ["a"]', "names")):
        (tmp_path / "wrong.toml").write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError, match=said):
            read_line_defect_recipe(tmp_path / "wrong.toml")


def test_what_is_drawn_has_classes_of_the_names() -> None:
    seen = set()
    for seed in range(12):
        grey, classes = drawn(np.random.default_rng(seed), (160, 160), most=6)
        assert grey.shape == classes.shape == (160, 160)
        seen |= set(np.unique(classes).tolist())
    assert seen == set(range(len(NAMES)))


def test_boxes_are_counted_class_by_class_the_surest_first() -> None:
    one, other = np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 10, 5], [20, 20, 30, 30]])
    assert box_iou(one, other) == pytest.approx(np.array([[0.5, 0]]))
    d = BoxDetections(("gap", "bridge"))
    d.add(
        [
            ("gap", 0.9, (0, 0, 10, 10)),
            ("gap", 0.95, (0, 0, 10, 9)),
            ("gap", 0.6, (50, 50, 60, 60)),
            ("bridge", 0.8, (20, 20, 30, 30)),
        ],
        [("gap", (0, 0, 10, 10)), ("gap", (50, 52, 60, 62)), ("bridge", (80, 80, 90, 90))],
    )
    d.add([], [])
    table = d.table().set_index("class")
    assert table.loc["gap", ["n", "precision", "recall"]].tolist() == pytest.approx([2, 2 / 3, 1])
    assert table.loc["gap", "ap50"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)  # hit, second of one box, hit
    assert table.loc["bridge", "ap50"] == 0
    assert table.loc["mean", "ap50"] == pytest.approx((5 / 6) / 2)


@pytest.mark.slow
def test_two_steps_make_a_network_that_names_its_classes(tmp_path: Path) -> None:
    from nanogauge.core.protocols import classes_of
    from nanogauge.detection.engines import make_engine

    (tmp_path / "r.toml").write_text('renders = "line-space"\nsteps = 2\nbatch = 1\ncrop_px = 64\n', encoding="utf-8")
    network = train_line_defects(read_line_defect_recipe(tmp_path / "r.toml"), tmp_path / "run", report=lambda line: None)
    assert classes_of(make_engine(str(network))).names == NAMES
