"""Random fields and substrates: seeded, of the shape and length asked for."""

from __future__ import annotations

import numpy as np
import pytest

from nanogauge.training.synthetic import textures
from nanogauge.training.synthetic.ground import GROUNDS, Ground, illuminate, scratch, soil, substrate

SHAPE = (70, 113)


@pytest.mark.parametrize("name", ["noise_field", "grain", "mottle", "ridges", "bumps", "cells", "cracks"])
@pytest.mark.parametrize("scale_px", [0.5, 1.0, 3.3, 17.0, 80.0])
def test_fields_are_seeded_and_finite(name: str, scale_px: float) -> None:
    make = getattr(textures, name)
    first, again, other = (make(np.random.default_rng(s), SHAPE, scale_px) for s in (1, 1, 2))
    assert first.shape == SHAPE
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("scale_px", [1.0, 4.0, 20.0])
def test_noise_has_unit_variance_and_the_length_asked_for(scale_px: float) -> None:
    field = textures.noise_field(np.random.default_rng(0), (400, 500), scale_px)
    assert field.mean() == pytest.approx(0, abs=0.02)
    assert field.std() == pytest.approx(1, abs=0.03)

    def correlation(k: int) -> float:
        return float((field[:, k:] * field[:, :-k]).mean())

    assert correlation(max(round(0.5 * scale_px), 1)) > (0.5 if scale_px > 1 else -0.1)
    assert abs(correlation(max(round(3 * scale_px), 2))) < 0.25


def test_wide_blur_is_a_gaussian() -> None:
    point = np.zeros((200, 260), np.float32)
    point[100, 130] = 1e4
    for sigma in (0.5, 3.0, 12.0):
        out = textures.wide_blur(point, sigma)
        spread = np.sqrt((out * (np.arange(260) - 130) ** 2).sum() / out.sum())
        assert spread == pytest.approx(sigma, rel=0.15)
        assert out.sum() == pytest.approx(1e4, rel=0.02)


def test_wreath() -> None:
    wave = textures.wreath(np.random.default_rng(0), 512, 4, 10.0)
    power = np.abs(np.fft.rfft(wave))
    assert wave.std() == pytest.approx(1)
    assert power[:4].max() < 1e-6
    assert power[4:10].mean() > power[40:60].mean()


@pytest.mark.parametrize("kind", GROUNDS)
@pytest.mark.parametrize("pitch_px", [1.0, 8.0, 90.0])
def test_substrates(kind: Ground, pitch_px: float) -> None:
    def make(seed: int, amplitude: float = 0.05) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return substrate(SHAPE, kind, level=0.4, amplitude=amplitude, pitch_px=pitch_px, dark_holes=True, rng=rng)[0]

    field = make(1)
    assert field.shape == SHAPE
    assert field.dtype == np.float32
    assert np.isfinite(field).all()
    assert np.array_equal(field, make(1))
    assert make(1, 0.0) == pytest.approx(0.4)
    assert field.std() > 0.005


def test_holes_are_dark_in_sem_and_bright_in_tem() -> None:
    def range_of(dark: bool) -> tuple[float, float]:
        rng = np.random.default_rng(4)
        f, _ = substrate((200, 200), "holey", level=0.5, amplitude=0.03, pitch_px=25, dark_holes=dark, rng=rng)
        return 0.5 - float(f.min()), float(f.max()) - 0.5

    assert range_of(True)[0] > 1.3 * range_of(True)[1]
    assert range_of(False)[1] > 1.3 * range_of(False)[0]


def test_light_scratches_and_dirt_change_the_picture() -> None:
    flat = np.full(SHAPE, 0.4, np.float32)
    lit = illuminate(flat, 0.2, np.random.default_rng(0))
    assert 0.01 < lit.max() - lit.min() < 0.5
    assert (scratch(flat, 3, np.random.default_rng(0)) != flat).any()
    dirty = soil(flat, 5, 3.0, 0.3, np.random.default_rng(0))
    assert 0 < (np.abs(dirty - flat) > 0.02).mean() < 0.1
    assert np.array_equal(soil(flat, 0, 3.0, 0.3, np.random.default_rng(1)), flat)
