"""The pitch of rendered gratings, whose true pixel size is known exactly."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from nanogauge.core.errors import CalibrationError
from nanogauge.scale.grating import correction, find_grating

sys.path.insert(0, str(Path(__file__).parent))
from gratings import grating

PITCH = 40.0
STATED = (2.0, 2.0)


def found(*pictures: np.ndarray, stated: tuple[float, float] = STATED):
    gratings = [find_grating(p, pitch_nm=PITCH, nm_per_px=stated) for p in pictures]
    return gratings, correction(gratings, [stated] * len(gratings), pitch_nm=PITCH)


@pytest.mark.parametrize("angle", [0, 3.3, 17, 30, 45, 62, 90])
@pytest.mark.parametrize("duty", [0.25, 0.5, 0.8])
def test_a_square_grid_at_any_angle_tells_both_axes(angle, duty):
    """y stretched by 2 %, x shrunk by 1.5 %: found to 0.05 %."""
    (one,), c = found(grating(PITCH, (2.04, 1.97), angle_deg=angle, duty=duty, seed=int(angle)))
    assert len(one.vectors) == 2
    assert c.both_axes
    assert c.factor[0] == pytest.approx(1.02, rel=5e-4)
    assert c.factor[1] == pytest.approx(0.985, rel=5e-4)
    assert c.angle_deg == pytest.approx(90, abs=0.05)
    assert c.unevenness < 1e-3


@pytest.mark.parametrize(("angle", "axis"), [(0, 1), (90, 0)])
def test_lines_tell_the_axis_across_them(angle, axis):
    (one,), c = found(grating(PITCH, (2.04, 1.97), angle_deg=angle, kind="lines"))
    assert len(one.vectors) == 1
    assert not c.both_axes
    assert c.factor[axis] == pytest.approx((1.02, 0.985)[axis], rel=2e-4)
    assert c.factor[0] == c.factor[1]
    assert math.isnan(c.angle_deg)


def test_lines_of_two_directions_tell_both_axes():
    _, c = found(*(grating(PITCH, (2.04, 1.97), angle_deg=a, kind="lines") for a in (10, 95)))
    assert c.both_axes
    assert c.factor == pytest.approx((1.02, 0.985), rel=5e-4)
    assert max(map(abs, c.deviations)) < 2e-4


def test_stated_pixels_that_are_not_square_are_taken_as_stated():
    _, c = found(grating(PITCH, (2.04, 1.97), angle_deg=20), stated=(2.04, 1.97))
    assert c.factor == pytest.approx((1, 1), rel=3e-4)


@pytest.mark.parametrize("angle", [0, 30])
@pytest.mark.parametrize("noise", [40, 80])
def test_strong_noise_costs_little(angle, noise):
    _, c = found(grating(PITCH, (2.02, 2.02), angle_deg=angle, noise=noise, seed=angle + noise))
    assert c.factor == pytest.approx((1.01, 1.01), rel=2e-3)


def test_sheared_scans_are_seen_in_the_angle():
    """A grid at 45 degrees is no longer square where y and x differ; what is left after correction is shear."""
    straight = grating(PITCH, STATED, (600, 800), angle_deg=0, noise=5)
    rows = [np.roll(row, round(0.02 * i)) for i, row in enumerate(straight)]  # 0.02 px a row: 1.15 degrees
    _, c = found(np.array(rows))
    assert c.angle_deg == pytest.approx(90 - math.degrees(math.atan(0.02)), abs=0.1)


def test_a_field_that_is_not_even_is_in_the_figure():
    even, uneven = (found(grating(PITCH, STATED, (800, 800), angle_deg=8, swell=s, noise=5))[1] for s in (0.0, 0.02))
    assert uneven.unevenness > 5 * even.unevenness
    assert 5e-4 < uneven.unevenness < 0.02


@pytest.mark.parametrize("wrong", [0.5, 0.6, 0.71, 1.5, 2.0])
def test_no_harmonic_is_taken_for_the_pitch(wrong):
    """A certified pitch that is not that of the picture is refused, not fitted to a harmonic or a diagonal."""
    for kind in ("square", "lines"):
        with pytest.raises(CalibrationError, match=r"no clear period|its period is longer|differs by more"):
            find_grating(grating(PITCH, STATED, angle_deg=12, noise=5, kind=kind), pitch_nm=PITCH * wrong, nm_per_px=STATED)


def test_pictures_without_a_grating_are_refused():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:600, :800]
    spots = np.zeros((600, 800))
    for a, b in rng.uniform(0, (600, 800), (300, 2)):
        spots[np.hypot(y - a, x - b) < 9] = 120
    for picture in (rng.normal(100, 20, (600, 800)), spots + rng.normal(40, 10, spots.shape), np.zeros((600, 800))):
        with pytest.raises(CalibrationError, match="no clear period"):
            find_grating(picture, pitch_nm=PITCH, nm_per_px=STATED)


def test_too_few_and_too_fine_periods_are_refused():
    with pytest.raises(CalibrationError, match="lower magnification"):
        find_grating(grating(PITCH, STATED, (80, 800)), pitch_nm=PITCH, nm_per_px=STATED)
    with pytest.raises(CalibrationError, match="higher magnification"):
        find_grating(grating(PITCH, STATED), pitch_nm=6.0, nm_per_px=STATED)
