"""Rendered lines and spaces: the same by seed, and what is said of them is what is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nanogauge.training.synthetic.line_space import (
    DEFECT_KINDS,
    Defect,
    Kind,
    LineSpace,
    boxes_of,
    random_line_space,
    render_line_space,
)

SMALL = LineSpace(shape=(160, 192), dose=500.0, detector=0.005, sigma_nm=0.4)
QUIET = replace(SMALL, dose=1e6, detector=0.0)


def test_a_seed_gives_one_picture() -> None:
    a, b = (render_line_space(random_line_space(np.random.default_rng(4), (128, 128)), 4) for _ in range(2))
    assert (a.pixels == b.pixels).all()
    assert (a.class_map == b.class_map).all()
    assert (a.pixels != render_line_space(a.pattern, 5).pixels).any()


@pytest.mark.parametrize("angle", [0.0, 3.0, 90.0])
def test_edges_are_where_they_are_drawn(angle: float) -> None:
    r = render_line_space(replace(QUIET, angle_deg=angle, edge=0.0, blur_nm=0.5, sigma_nm=0.0), 1)
    bright = (r.pixels > (int(r.pixels.min()) + int(r.pixels.max())) / 2).mean()
    assert bright == pytest.approx(0.5, abs=0.04)  # lines of half the pitch
    width = r.edges_nm[:, 1] - r.edges_nm[:, 0]
    assert width == pytest.approx(16.0)
    assert len(r.edges_nm) >= 3


@pytest.mark.parametrize(
    ("kind", "brighter"), [("bridge", True), ("micro_bridge", True), ("break", False), ("gap", False), ("collapse", None)]
)
def test_a_defect_changes_the_picture_where_it_is_said_to_be(kind: Kind, brighter: bool | None) -> None:
    length = {"micro_bridge": 6.0, "collapse": 90.0}.get(kind, 20.0)
    d = Defect(kind=kind, line=0, at_nm=5.0, length_nm=length, strength=0.6 if kind in ("gap", "micro_bridge") else 1.0)
    plain, wrong = (render_line_space(replace(QUIET, defects=ds), 2) for ds in ((), (d,)))
    region = wrong.labels == 1
    assert region.any()
    assert set(np.unique(wrong.class_map)) == {0, 1 + DEFECT_KINDS.index(kind)}
    assert (wrong.boxes == boxes_of(wrong.labels, 1)).all()
    change = wrong.pixels.astype(float) - plain.pixels
    if brighter is not None:
        assert (change[region].mean() > 5) == brighter
        assert (change[region].mean() < -5) == (not brighter)
    y0, x0, y1, x1 = wrong.boxes[0]
    near = np.zeros_like(region)
    near[max(y0 - 12, 0) : y1 + 12, max(x0 - 12, 0) : x1 + 12] = True
    assert np.abs(change[~near]).max() <= 3  # a grey level or so, of the range that the picture is put into


def test_random_patterns_keep_defects_whole_and_apart() -> None:
    seen = set()
    for seed in range(25):
        rng = np.random.default_rng(seed)
        r = render_line_space(random_line_space(rng, (192, 192), most_defects=3), rng)
        assert len(r.kinds) == len(r.boxes) <= 3
        seen |= set(r.kinds)
        for label, (y0, x0, y1, x1) in enumerate(r.boxes, start=1):
            assert (r.labels == label).sum() > 0.5 * (y1 - y0) * (x1 - x0)
            assert 0 < y1 - y0 < 192
    assert seen == set(DEFECT_KINDS)
