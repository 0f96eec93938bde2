"""Particles that an engine overlooks: said, drawn, kept in the files and read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import nanogauge
from nanogauge.detection.engines.threshold import ThresholdEngine
from nanogauge.pipeline.measure import Measurer
from nanogauge.results.figures import overlay
from scenes import NoText, spheres


class HalfBlind(ThresholdEngine):
    """Overlooks what lies in the left third of a picture."""

    def predict(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        maps = super().predict(tile).copy()
        maps[..., : maps.shape[-1] // 3] = 0
        return maps


def test_what_is_overlooked_is_said_drawn_and_kept(tmp_path: Path) -> None:
    drawn = spheres()
    picture = nanogauge.Micrograph(pixels=drawn.pixels, name="spheres")
    whole = Measurer(engine=ThresholdEngine(), reader=NoText()).measure(picture)
    assert whole.look_alikes.n == 0
    m = Measurer(engine=HalfBlind(), reader=NoText()).measure(picture)
    left = drawn.particles[~drawn.particles["touches_border"] & (drawn.particles["x"] < 140 - 14)]
    assert 2 <= m.look_alikes.n <= len(left)
    for y, x in m.look_alikes.at:
        assert np.hypot(left["y"] - y, left["x"] - x).min() < 2.5  # px; they are sought where a radius is 6 px
    said = [w for w in m.warnings if getattr(w, "code", "") == "look_alikes"]
    assert len(said) == 1
    assert said[0].startswith(f"{m.look_alikes.n} places look like the {m.n_particles} particles")
    folder = m.save(tmp_path / "spheres")
    kept = json.loads((folder / "measurement.json").read_text(encoding="utf-8"))["look_alikes"]
    assert len(kept) == m.look_alikes.n
    again = nanogauge.load(folder)
    assert np.allclose(again.look_alikes.at, m.look_alikes.at, atol=0.01)
    marked, other = overlay(m, legend=False), overlay(whole, legend=False)
    y, x = m.look_alikes.at[0]
    k = marked.shape[1] // drawn.pixels.shape[1]
    ring = np.s_[round((y - 20) * k) : round((y + 20) * k), round((x - 20) * k) : round((x + 20) * k)]
    purple = (np.abs(marked[ring].astype(int) - (204, 121, 167)).max(axis=2) < 40).sum()
    assert purple > 20
    assert (np.abs(other[ring].astype(int) - (204, 121, 167)).max(axis=2) < 40).sum() == 0
