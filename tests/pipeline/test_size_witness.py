"""The estimate from the picture alone in a measurement: kept in its files, and a warning where the outlines say something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import nanogauge
from nanogauge.pipeline.measure import Measurer
from nanogauge.training.synthetic import Rendering


def codes(m: nanogauge.Measurement) -> list[str]:
    return [getattr(w, "code", "note") for w in m.warnings]


def test_a_measurement_keeps_the_estimate_and_is_read_back_with_it(bare_scene: Rendering, blind_measurer: Measurer, tmp_path: Path):
    m = blind_measurer.measure(nanogauge.Micrograph(pixels=bare_scene.pixels, name="spheres"))
    assert m.estimate is not None
    kept = json.loads((m.save(tmp_path / "spheres") / "measurement.json").read_text(encoding="utf-8"))
    assert kept["size_estimate"]["d50_px"] == m.estimate.d50_px
    again = nanogauge.load(tmp_path / "spheres")
    assert again.estimate == m.estimate
    assert codes(again)[: len(codes(m))] == codes(m)


def test_large_particles_left_over_of_many_small_ones_are_doubted(blind_measurer: Measurer):
    rng = np.random.default_rng(4)
    yy, xx = np.mgrid[0:384, 0:512].astype(float)
    grey, labels = np.full(yy.shape, 60.0), np.zeros(yy.shape, np.int32)
    large = [(70, 80), (70, 300), (200, 430), (300, 120), (310, 320)]
    for k, (y, x) in enumerate(large):
        inside = np.hypot(yy - y, xx - x) <= 30
        grey[inside], labels[inside] = 170, k + 1
    for y in range(8, 380, 18):
        for x in range(8, 508, 18):
            y0, x0 = y + rng.uniform(-3, 3), x + rng.uniform(-3, 3)
            if all(np.hypot(y0 - b, x0 - a) > 38 for b, a in large):
                grey[np.hypot(yy - y0, xx - x0) <= 5] = 170
    pixels = np.clip(grey + rng.normal(0, 5, grey.shape), 0, 255).astype(np.uint8)
    m = nanogauge.measure_labels(pixels, labels)
    assert "size_differs" in codes(m)
    assert "the picture alone, without outlines, suggests" in m.message
    assert "size_differs" not in codes(replace(m, estimate=None))
