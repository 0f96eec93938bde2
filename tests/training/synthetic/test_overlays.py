"""Marks hide what lies under filled boxes, and nothing else."""

from __future__ import annotations

import numpy as np

from nanogauge.training.synthetic.overlays import annotated, hidden_removed

GREY = np.random.default_rng(0).integers(60, 200, (180, 240)).astype(np.uint8)
LABELS = np.ones(GREY.shape, np.int32)


def test_a_filled_box_hides_and_a_line_does_not() -> None:
    drawn = np.zeros(GREY.shape, bool)
    drawn[20:60, 30:100] = True
    drawn[120:125, 10:200] = True
    labels = hidden_removed(LABELS, drawn)
    assert not labels[22:58, 32:98].any()
    assert labels[120:125].all()
    assert labels.sum() == LABELS.sum() - 40 * 70


def test_marks_are_seeded_and_leave_the_input_alone() -> None:
    grey, labels = GREY.copy(), LABELS.copy()
    changed, hidden = 0, 0
    for seed in range(60):
        first, again = (annotated(grey, labels, nm_per_px=2.0, rng=np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first[0], again[0])
        assert np.array_equal(first[1], again[1])
        changed += int((first[0] != grey).any())
        hidden += int((first[1] == 0).any())
        assert (first[0] != grey)[first[1] == 0].mean() > 0.8 if (first[1] == 0).any() else True
    assert np.array_equal(grey, GREY)
    assert np.array_equal(labels, LABELS)
    assert changed > 55
    assert 3 < hidden < 45
