"""Edits of labels: what they change, and that they change nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from nanogauge.core.errors import EditError
from nanogauge.editing import edits
from nanogauge.editing.patches import Patch, patch_between, patch_from_dict, union_box, write_into
from serve_tools import discs

LABELS = discs((80, 120), [(30, 30, 14), (30, 60, 14), (55, 95, 12)])


def applied(patch: Patch, labels: np.ndarray = LABELS) -> np.ndarray:
    out = labels.copy()
    write_into(out, patch.box, patch.after)
    return out


def test_delete_takes_only_what_was_chosen() -> None:
    after = applied(edits.delete(LABELS, [2]))
    assert sorted(np.unique(after)) == [0, 1, 3]
    assert np.array_equal(after[LABELS != 2], LABELS[LABELS != 2])


def test_merge_keeps_the_smallest_number_and_fills_the_gap() -> None:
    near = discs((60, 90), [(30, 25, 12), (30, 51, 12)])  # one px between them
    after = applied(edits.merge(near, [2, 1]), near)
    assert sorted(np.unique(after)) == [0, 1]
    assert after[30, 38] == 1  # the gap
    assert (after == 1).sum() > (near > 0).sum()


def test_merge_wants_two() -> None:
    with pytest.raises(EditError, match="two or more"):
        edits.merge(LABELS, [1])


def test_split_halves_a_disc_and_gives_away_every_pixel() -> None:
    stroke = np.array([[10.0, 30.0], [50.0, 30.0]])
    after = applied(edits.split(LABELS, stroke, next_label=9))
    halves = [(after == k).sum() for k in (1, 9)]
    assert sum(halves) == (LABELS == 1).sum()
    assert abs(halves[0] - halves[1]) <= 0.12 * sum(halves)
    assert np.array_equal(after[LABELS != 1], LABELS[LABELS != 1])
    assert halves[0] >= halves[1]  # the larger keeps the number


def test_a_stroke_that_ends_within_is_prolonged() -> None:
    after = applied(edits.split(LABELS, np.array([[25.0, 30.0], [35.0, 30.0]]), next_label=9))
    assert (after == 9).sum() > 200


def test_split_cuts_only_the_chosen_where_some_are() -> None:
    stroke = np.array([[30.0, 10.0], [30.0, 80.0]])
    after = applied(edits.split(LABELS, stroke, next_label=9, only=[2]))
    assert np.array_equal(after == 1, LABELS == 1)
    assert (after == 9).any()


@pytest.mark.parametrize("over", [2.0, 4.0])
def test_a_stroke_that_overshoots_leaves_the_touching_neighbour_whole(over: float) -> None:
    touching = discs((60, 100), [(30, 30, 14), (30, 59, 14)])
    for begin in (12.0, 20.0):  # from outside, or begun within: both are strokes across the first
        stroke = np.array([[30.0, begin], [30.0, 44.0 + over]])
        after = applied(edits.split(touching, stroke, next_label=9), touching)
        assert np.array_equal(after == 2, touching == 2)
        assert (after == 9).sum() > 250
    through = np.array([[30.0, 12.0], [30.0, 70.0]])  # and nearly through the second: both are meant
    after = applied(edits.split(touching, through, next_label=9), touching)
    assert {1, 2, 9, 10} <= set(np.unique(after).tolist())


def test_merging_bridges_a_gap_that_is_small_for_the_particles_and_refuses_a_wide_one() -> None:
    def parts(labels: np.ndarray, n: int) -> int:
        return int(ndimage.label(labels == n)[1])

    near = discs((80, 120), [(40, 30, 20), (40, 79, 20)])  # 8 px between them
    after = applied(edits.merge(near, [1, 2]), near)
    assert parts(after, 1) == 1
    assert (after > 0).sum() - (near > 0).sum() < 250  # a neck, no sausage
    far = discs((80, 160), [(40, 30, 20), (40, 101, 20)])
    with pytest.raises(EditError, match="30 px apart"):
        edits.merge(far, [1, 2])
    assert parts(applied(edits.merge(far, [1, 2], apart=True), far), 1) == 2
    near[:, 50:59] = 0
    near[:, 54] = 3  # another particle in between
    with pytest.raises(EditError, match="between"):
        edits.merge(near, [1, 2])


def test_merging_round_a_hole_fills_it_and_keeps_the_holes_each_had() -> None:
    yy, xx = np.mgrid[:80, :80]
    r = np.hypot(yy - 40, xx - 40)
    ring = np.where((r > 14) & (r < 25), np.where(xx < 40, 1, 2), 0).astype(np.int32)
    assert (applied(edits.merge(ring, [1, 2]), ring)[r < 24] == 1).all()
    ring[r < 6] = 3  # another particle in the hole is no hole
    after = applied(edits.merge(ring, [1, 2]), ring)
    assert np.array_equal(after == 3, ring == 3)
    own = np.where((r > 14) & (r < 25), 1, 0).astype(np.int32)
    own[38:43, 66:70] = 2
    assert (applied(edits.merge(own, [1, 2]), own)[r < 13] == 0).all()


@pytest.mark.parametrize("stroke", [[[70.0, 5.0], [75.0, 40.0]], [[12.0, 30.0], [14.0, 36.0]]])
def test_a_stroke_that_cuts_nothing_is_refused(stroke: list[list[float]]) -> None:
    with pytest.raises(EditError, match="line"):
        edits.split(LABELS, np.array(stroke), next_label=9)


def test_redraw_leaves_neighbours_alone() -> None:
    square = np.array([[15.0, 15.0], [15.0, 58.0], [45.0, 58.0], [45.0, 15.0]])
    after = applied(edits.redraw(LABELS, 1, square))
    assert np.array_equal(after == 2, LABELS == 2)
    assert (after == 1).sum() == 30 * 43 - (LABELS[15:45, 15:58] == 2).sum()  # centres on the edge: in at the top and left


def test_polygon_and_mask_add_on_free_ground_only() -> None:
    triangle = np.array([[60.0, 10.0], [60.0, 40.0], [75.0, 25.0]])
    after = applied(edits.add_polygon(LABELS, triangle, next_label=4))
    assert 180 < (after == 4).sum() < 260
    with pytest.raises(EditError, match="already"):
        edits.add_mask(LABELS, np.ones((5, 5), bool), (28, 28), next_label=4)


def test_brush_paints_and_grows() -> None:
    new = applied(edits.brush(LABELS, np.array([[68.0, 20.0]]), radius_px=5, next_label=4))
    assert (new == 4).sum() == pytest.approx(np.pi * 25, rel=0.1)
    grown = applied(edits.brush(LABELS, np.array([[30.0, 30.0], [48.0, 30.0]]), radius_px=4, next_label=4, label=1))
    assert (grown == 1).sum() > (LABELS == 1).sum()
    assert not (grown == 4).any()


def test_erasing_through_leaves_two() -> None:
    after = applied(edits.erase(LABELS, np.array([[10.0, 60.0], [50.0, 60.0]]), radius_px=2, next_label=7))
    assert (after == 2).sum() > 100
    assert (after == 7).sum() > 100
    assert not after[30, 60]


@pytest.mark.parametrize(
    "outline", [[[0.0, 0.0], [1.0, 1.0]], [[500.0, 500.0], [510.0, 500.0], [505.0, 520.0]], [[5.0, 5.0], [5.2, 5.0], [5.1, 5.2]]]
)
def test_senseless_outlines_are_refused(outline: list[list[float]]) -> None:
    with pytest.raises(EditError, match="outline"):
        edits.add_polygon(LABELS, np.array(outline), next_label=4)


def test_what_is_gone_is_said() -> None:
    with pytest.raises(EditError, match="no longer there"):
        edits.delete(LABELS, [77])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-20, 100), st.floats(-20, 140)), min_size=2, max_size=12),
    st.sampled_from(["split", "erase", "brush", "polygon"]),
)
def test_any_stroke_is_refused_or_exactly_undone(points: list[tuple[float, float]], kind: str) -> None:
    stroke = np.array(points, float)
    try:
        if kind == "split":
            patch = edits.split(LABELS, stroke, next_label=50)
        elif kind == "erase":
            patch = edits.erase(LABELS, stroke, radius_px=3, next_label=50)
        elif kind == "brush":
            patch = edits.brush(LABELS, stroke, radius_px=3, next_label=50)
        else:
            patch = edits.add_polygon(LABELS, stroke, next_label=50)
    except EditError:
        return
    after = applied(patch)
    assert not np.array_equal(after, LABELS)
    kept = patch_from_dict(patch.to_dict())
    write_into(after, kept.box, kept.before)
    assert np.array_equal(after, LABELS)
    grown = applied(patch)
    if kind in ("brush", "polygon"):  # no pixel of another particle is taken
        assert np.array_equal(grown[LABELS > 0], LABELS[LABELS > 0])


def test_a_patch_is_as_small_as_the_change() -> None:
    after = LABELS.copy()
    after[5:7, 100:104] = 8
    patch = patch_between(LABELS, after)
    assert patch is not None
    assert patch.box == (5, 100, 7, 104)
    assert patch.touched == (8,)
    assert patch_between(LABELS, LABELS) is None
    assert union_box([patch.box, (0, 90, 6, 101)]) == (0, 90, 7, 104)
    assert union_box([]) is None


@pytest.mark.parametrize(
    "change", [{"box": [5, 5, 5, 9]}, {"box": [0, 0, 10**6, 10**6]}, {"after": "AAAA"}, {"before": "no base64!"}]
)
def test_a_damaged_patch_is_no_patch(change: dict[str, object]) -> None:
    content = edits.delete(LABELS, [1]).to_dict() | change
    with pytest.raises(Exception):  # noqa: B017, PT011  zlib, base64 or ValueError: the journal turns all into one error
        patch_from_dict(content)
