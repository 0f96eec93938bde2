"""A look on the picture's own grid."""

from __future__ import annotations

import numpy as np

from nanogauge import Settings
from nanogauge.core.protocols import Maps
from nanogauge.detection.looks import Seen, on_grid
from nanogauge.detection.separate import Pieces


def test_what_is_too_small_for_the_picture_is_no_particle_of_the_look() -> None:
    """Two particles and, before and after the second, specks of one px at twice the picture's magnification."""
    labels = np.zeros((80, 120), np.int32)
    labels[10:30, 10:30], labels[40, 40], labels[50:70, 60:80], labels[2, 100] = 1, 2, 3, 4
    foreground = (labels > 0).astype(np.float32)
    classes = np.stack([np.where(labels == 3, 0.9, 0.1), np.where(labels == 3, 0.1, 0.9)]).astype(np.float32)
    maps = Maps(foreground, 1 - foreground, foreground, classes=classes)
    settings = Settings()
    sure = np.array([0.0, 0.8, 0.1, 0.9, 0.2])
    look = on_grid(Seen(Pieces(maps, settings.separate), 2.0, (), labels, sure), (40, 60), settings)
    assert look.n == 2
    assert look.confidence is not None
    assert look.classes is not None
    assert look.confidence.tolist() == [0.0, 0.8, 0.9]
    assert look.shown_px.shape == look.confidence.shape
    np.testing.assert_allclose(look.classes[1:], [[0.1, 0.9], [0.9, 0.1]], atol=1e-6)
    assert sorted(np.unique(look.labels).tolist()) == [0, 1, 2]
    assert look.area[1:].tolist() == [100, 100]
