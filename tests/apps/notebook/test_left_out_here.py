"""A folder in a notebook: what is no micrograph is left out, with a warning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanogauge


def test_a_folder_with_a_mask_warns(tmp_path: Path) -> None:
    y, x = np.mgrid[:160, :200]
    disc = np.hypot(y - 80, x - 100) < 30
    grey = np.where(disc, 150, 60) + np.random.default_rng(0).normal(0, 8, disc.shape)
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(disc.astype(np.uint8) * 255).save(tmp_path / "a_mask.png")
    with pytest.warns(UserWarning, match=r"a_mask\.png \(mask of a\.png\)"):
        many = nanogauge.measure_many(tmp_path, engine="threshold", scale="1 nm/px", progress=False)
    assert len(many) == 1
