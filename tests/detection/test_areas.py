"""Areas and pieces of labels by runs, against counting and labelling pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label as connected

from nanogauge.detection.areas import areas_of, pieces_of


def drawn(seed, shape):
    """Labels in specks and in patches, the last column and row among them."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 5, shape).astype(np.int32)
    return np.where(rng.random(shape) < 0.2, small, np.kron(small, np.ones((4, 4), np.int32))[: shape[0], : shape[1]]).astype(
        np.int32
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (37, 53)])
def test_areas_are_those_of_counting_pixels(shape):
    for seed in range(20):
        labels = drawn(seed, shape)
        assert areas_of(labels).tolist() == np.bincount(labels.ravel()).tolist()
        assert areas_of(labels, 9).tolist() == np.bincount(labels.ravel(), minlength=9).tolist()
    assert areas_of(np.zeros((0, 3), np.int32), 2).tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (37, 53)])
def test_pieces_share_sides_and_a_label(shape):
    for seed in range(20):
        labels = drawn(seed, shape)
        first, length, piece, owner = pieces_of(labels)
        found = np.zeros(labels.size, np.int64)
        for a, n, k in zip(first, length, piece, strict=True):
            assert (labels.ravel()[a : a + n] == owner[k]).all()
            found[a : a + n] = k + 1
        true, n_true = connected(labels, connectivity=1, background=0, return_num=True)
        pairs = np.unique(np.stack([found, true.ravel()]), axis=1)
        assert owner.size == n_true
        assert pairs.shape[1] == n_true + bool((labels == 0).any()), "pixels of one piece, and of no other, bear one number"


def test_nothing_has_no_pieces():
    first, length, piece, owner = pieces_of(np.zeros((5, 7), np.int32))
    assert first.size == length.size == piece.size == owner.size == 0
