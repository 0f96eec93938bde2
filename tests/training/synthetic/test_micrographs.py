"""Rendered micrographs: reproducible, and their truth is true."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from nanogauge.training.synthetic import INSTRUMENTS, Rendering, Scene, render, write_micrographs
from nanogauge.training.synthetic.imaging import Look
from nanogauge.training.synthetic.scene import LAYOUTS
from nanogauge.training.synthetic.shapes import SHAPES

PLAIN = Look()


def isolated(d: float, *, seed: int = 0, **kwargs: object) -> Rendering:
    scene = Scene(shape=(240, 340), layout="sparse", overlap=-0.9, coverage=0.15, median_diameter_px=d, **kwargs)  # type: ignore[arg-type]
    return render(scene, seed=seed, look=PLAIN)


def relative_errors(r: Rendering) -> np.ndarray:
    """Diameter of the labels' area against the true one, of particles that the frame does not cut."""
    d = np.sqrt(4 * np.bincount(r.labels.ravel())[1:] / np.pi)
    whole = ~r.particles["touches_border"].to_numpy()
    return d[whole] / r.particles["equivalent_diameter_px"].to_numpy()[whole] - 1


def check_consistent(r: Rendering) -> None:
    n = len(r.particles)
    assert r.pixels.dtype == np.uint8
    assert r.labels.dtype == np.int32
    assert r.labels.shape == r.pixels.shape
    assert np.array_equal(np.unique(r.labels[r.labels > 0]), np.arange(1, n + 1))
    assert r.particles["label"].tolist() == list(range(1, n + 1))
    assert not r.labels[r.frame_height :].any()
    assert r.particles["visible_share"].between(0, 1, inclusive="right").all()
    frame = r.labels[: r.frame_height]
    rim = np.unique(np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]]))
    assert r.particles.loc[r.particles["touches_border"], "label"].tolist() == rim[rim > 0].tolist()


def test_same_seed_same_micrograph() -> None:
    scene = Scene(shape=(120, 180), median_diameter_px=20)
    first, again, other = (render(scene, seed=s, instrument="jeol") for s in (8, 8, 9))
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.labels, again.labels)
    pd.testing.assert_frame_equal(first.particles, again.particles)
    assert first.bar == again.bar
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mode", ["sem", "tem", "stem"])
def test_every_layout_and_mode(layout: str, mode: str) -> None:
    r = render(Scene(shape=(120, 180), layout=layout, mode=mode, median_diameter_px=20, coverage=0.6), seed=3)
    check_consistent(r)
    assert len(r.particles) > 3
    assert r.pixels.std() > 5


@pytest.mark.parametrize("kind", SHAPES)
def test_every_shape_has_the_area_it_claims(kind: str) -> None:
    r = isolated(26, seed=1, kinds=(kind,), aspect=(0.6, 0.9), geometric_sd=1.1)
    check_consistent(r)
    errors = relative_errors(r)
    assert len(errors) >= 8
    assert abs(errors.mean()) < 0.01
    assert np.abs(errors).max() < 0.03


@pytest.mark.parametrize("kind", SHAPES)
def test_rough_outlines_render(kind: str) -> None:
    r = isolated(26, kinds=(kind,), roughness=0.06)
    check_consistent(r)
    assert abs(relative_errors(r).mean()) < 0.08


@pytest.mark.parametrize("d", [12, 14, 20, 40])
def test_areas_are_unbiased(d: float) -> None:
    errors = np.concatenate([relative_errors(isolated(d, seed=s, geometric_sd=1.05)) for s in range(4)])
    assert len(errors) > 10
    assert abs(errors.mean()) < 0.01
    assert np.abs(errors).max() < 0.5 / d + 0.01


def test_spheres_lie_where_the_table_says() -> None:
    r = isolated(24)
    for row in r.particles[~r.particles["touches_border"]].itertuples():
        y, x = np.nonzero(r.labels == row.label)
        assert (y.mean(), x.mean()) == pytest.approx((row.y, row.x), abs=0.3)
        inside = r.pixels[y, x].mean()
        assert inside > r.pixels[r.labels == 0].mean() + 20


@pytest.mark.parametrize("d", [3.0, 250.0])
def test_extreme_sizes(d: float) -> None:
    r = render(Scene(shape=(110, 170), layout="sparse", median_diameter_px=d, coverage=0.2), seed=2, look=PLAIN)
    check_consistent(r)
    assert len(r.particles) >= 1


def test_hidden_particles_are_no_truth() -> None:
    r = render(Scene(shape=(140, 200), layout="pile", coverage=3.0, median_diameter_px=30), seed=1, look=PLAIN)
    check_consistent(r)
    whole = r.particles[~r.particles["touches_border"]]
    assert whole["visible_share"].min() > 0.1
    assert (whole["visible_share"] < 0.9).any()


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_data_bar_is_below_the_picture_and_unlabelled(instrument: str) -> None:
    scene = Scene(shape=(150, 420), median_diameter_px=20)
    r = render(scene, seed=4, nm_per_px=2.5, instrument=instrument)
    check_consistent(r)
    assert r.frame_height == 150
    assert r.pixels.shape[1] == 420
    assert r.pixels.shape[0] > 150
    assert r.bar is not None
    assert r.bar.length_px * 2.5 == pytest.approx(r.bar.value_nm)
    assert r.bar.box[0] >= 150
    bare = render(scene, seed=4, nm_per_px=2.5)
    assert bare.bar is None
    assert np.array_equal(bare.pixels, r.pixels[:150])
    assert np.array_equal(bare.labels, r.labels[:150])
    assert np.allclose(r.particles["equivalent_diameter_nm"], 2.5 * r.particles["equivalent_diameter_px"])


def test_written_micrographs_and_their_truth(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_micrographs(tmp_path / folder, n=3, seed=6, shape=(130, 460))
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path.name
    truth = pd.read_csv(tmp_path / "a" / "truth.csv")
    assert len(truth) == 3
    assert truth["file"].is_unique
    for row in truth.itertuples():
        stem = Path(row.file).stem
        pixels = tifffile.imread(tmp_path / "a" / "images" / row.file)
        labels = tifffile.imread(tmp_path / "a" / "labels" / f"{stem}.tif")
        table = pd.read_csv(tmp_path / "a" / "particles" / f"{stem}.csv")
        assert pixels.shape == labels.shape
        assert len(table) == labels.max() == row.n_particles
        assert table["touches_border"].sum() == row.n_border
        assert row.data_bar_first_row == 130
        assert np.allclose(table["equivalent_diameter_nm"] / table["equivalent_diameter_px"], row.nm_per_px, rtol=1e-4)
        y0, x0, y1, x1 = json.loads(row.bar_box)
        assert 130 <= y0 < y1 <= pixels.shape[0]
        assert 0 <= x0 < x1 <= pixels.shape[1]
        inside = table[table["y"].between(0, 130, inclusive="left") & table["x"].between(0, 460, inclusive="left")]
        assert row.mean_equivalent_diameter_nm == pytest.approx(inside["equivalent_diameter_nm"].mean(), rel=1e-3, nan_ok=True)
