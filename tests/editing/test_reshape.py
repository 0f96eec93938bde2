"""Shapes mended without a stroke: what they become, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from nanogauge.core.errors import EditError
from nanogauge.editing import reshape
from nanogauge.editing.patches import Patch, write_into
from serve_tools import discs


def applied(patch: Patch, labels: np.ndarray) -> np.ndarray:
    out = labels.copy()
    write_into(out, patch.box, patch.after)
    return out


def test_holes_are_filled_but_for_other_particles_in_them() -> None:
    labels = discs((60, 60), [(30, 30, 20)])
    labels[28:33, 20:24] = 0
    labels[28:33, 35:40] = 2
    after = applied(reshape.fill(labels, [1]), labels)
    assert (after[28:33, 20:24] == 1).all()
    assert (after[28:33, 35:40] == 2).all()
    with pytest.raises(EditError, match="no hole"):
        reshape.fill(after, [2])


def test_smoothing_takes_bumps_and_keeps_the_area() -> None:
    labels = discs((80, 80), [(40, 40, 20)])
    labels[39:41, 60:66] = 1
    after = applied(reshape.smooth(labels, [1]), labels)
    assert (after == 1).sum() == pytest.approx((labels == 1).sum(), rel=0.02)
    assert not (after[39:41, 63:66] == 1).any()
    assert ndimage.label(after == 1)[1] == 1


@pytest.mark.parametrize(("act", "step"), [(reshape.grow, 1), (reshape.shrink, -1)])
def test_growing_and_shrinking_go_by_one_pixel_and_take_nothing_from_neighbours(act: Callable[..., Patch], step: int) -> None:
    labels = discs((80, 120), [(40, 40, 15), (40, 71, 15)])  # they touch
    before = np.pi * 15**2
    after = applied(act(labels, [1]), labels)
    assert np.array_equal(after == 2, labels == 2)
    assert (after == 1).sum() == pytest.approx(np.pi * (15 + step) ** 2, rel=0.03)
    assert ((after == 1).sum() > before) == (step > 0)
    assert (applied(reshape.grow(after, [1]), after) > 0).sum() >= (after > 0).sum()


def test_a_particle_at_the_frame_is_not_eaten_from_there() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[:20, 10:30] = 1
    after = applied(reshape.shrink(labels, [1]), labels)
    assert (after[0, 12:28] == 1).all()
    tiny = np.zeros((20, 20), np.int32)
    tiny[5:9, 5:9] = 1
    with pytest.raises(EditError, match="delete it"):
        reshape.shrink(tiny, [1])


def test_a_pair_is_cut_at_its_neck_and_a_disc_is_not() -> None:
    labels = (discs((80, 120), [(40, 35, 18), (40, 66, 15)]) > 0).astype(np.int32)
    after = applied(reshape.part(labels, [1], next_label=7), labels)
    assert set(np.unique(after)) == {0, 1, 7}
    assert ((after > 0) == (labels > 0)).all()
    assert (after == 1).sum() == pytest.approx(np.pi * 18**2, rel=0.08)
    assert (after == 7).sum() == pytest.approx(np.pi * 15**2, rel=0.08)
    one = discs((60, 60), [(30, 30, 18)])
    with pytest.raises(EditError, match="no neck"):
        reshape.part(one, [1], next_label=7)
    ellipse = ((np.mgrid[:80, :120][0] - 40) ** 2 / 15**2 + (np.mgrid[:80, :120][1] - 60) ** 2 / 45**2 <= 1).astype(np.int32)
    with pytest.raises(EditError, match="no neck"):
        reshape.part(ellipse, [1], next_label=7)
