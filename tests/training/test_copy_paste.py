"""Copy-paste augmentation: what is pasted is labelled, what it hides is not."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason='torch is not installed: pip install "nanogauge[train]"')

from nanogauge.training.copy_paste import paste_particles
from nanogauge.training.dataset import make_real
from nanogauge.training.real import Real


def discs(shape: tuple[int, int], centres: list[tuple[int, int]], radius: int, value: int) -> Real:
    y, x = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for k, (cy, cx) in enumerate(centres, start=1):
        labels[np.hypot(y - cy, x - cx) <= radius] = k
    return make_real("discs", np.where(labels > 0, value, 40).astype(np.uint8), labels)


def test_pasted_particles_bring_their_grey_levels_and_labels() -> None:
    donor = discs((120, 120), [(40, 40), (80, 80)], 15, 220)
    grey, labels = np.full((160, 160), 40, np.uint8), np.zeros((160, 160), np.int32)
    out, marks, changed = paste_particles(grey, labels, donor, 1.0, np.random.default_rng(3), n=6, match=False)
    assert changed
    assert changed == set(np.unique(marks)) - {0}
    assert labels.max() == 0
    assert grey.max() == 40
    assert np.median(out[marks > 0]) > 200
    assert np.median(out[marks == 0]) == 40
    whole = [k for k in changed if not np.isin(k, np.concatenate([marks[0], marks[-1], marks[:, 0], marks[:, -1]]))]
    areas = [int((marks == k).sum()) for k in whole]
    assert max(areas) < 3 * np.pi * 15**2  # scaled by at most exp(2 sd)


def test_a_particle_that_is_mostly_hidden_loses_its_label() -> None:
    donor = discs((150, 150), [(75, 75)], 45, 220)
    crop = discs((160, 160), [(y, x) for y in range(20, 160, 24) for x in range(20, 160, 24)], 8, 150)
    before = np.bincount(crop.labels.ravel())
    _, marks, changed = paste_particles(crop.grey, crop.labels, donor, 1.0, np.random.default_rng(0), n=1, match=False)
    left = np.bincount(marks.ravel(), minlength=len(before))
    lost = [k for k in range(1, len(before)) if left[k] == 0]
    assert lost, "a disc of radius 45 hides some of radius 8"
    for k in range(1, len(before)):
        assert left[k] == 0 or left[k] >= 0.2 * before[k]
        assert (k in changed) == (0 < left[k] < before[k])


def test_a_foreign_donor_is_brought_near_the_crop_s_contrast() -> None:
    donor = discs((120, 120), [(60, 60)], 20, 250)
    crop = discs((120, 120), [(60, 60)], 20, 80)
    out, marks, changed = paste_particles(crop.grey, crop.labels, donor, 1.0, np.random.default_rng(1), n=3, match=True)
    new = [k for k in changed if k > 1]
    assert new
    pasted = float(np.median(out[np.isin(marks, new)]))
    assert 60 < pasted < 120, "far from the donor's own 250"


def test_a_donor_without_whole_particles_changes_nothing() -> None:
    donor = discs((60, 60), [(0, 0)], 20, 200)
    grey, labels = np.full((64, 64), 9, np.uint8), np.zeros((64, 64), np.int32)
    out, marks, changed = paste_particles(grey, labels, donor, 1.0, np.random.default_rng(1), n=3, match=False)
    assert not changed
    assert (out == grey).all()
    assert (marks == 0).all()
