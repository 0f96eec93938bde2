"""Calibration files, and what they do to a scale."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nanogauge.core.errors import CalibrationError
from nanogauge.core.micrograph import Instrument
from nanogauge.core.scale import Scale
from nanogauge.scale.calibration import Calibration, read_calibration, write_calibration
from nanogauge.scale.resolve import ScaleDecision, calibrated

C = Calibration(
    factor_y=1.02,
    factor_x=0.985,
    relative_uncertainty=0.004,
    reference='a grating of pitch 463 nm ± 2 nm (k = 2), "MRS-4"',
    certificate="PTB 4711",
    date="2026-05-31",
    valid_until="2099-12-31",
    instrument="FEI Helios",
    nm_per_px_min=1.8,
    nm_per_px_max=2.2,
    accelerating_voltage_kv=5.0,
    components={"certificate": 0.002, "repeatability": 0.003},
    micrographs=({"file": "a.tif", "sha256": "0" * 64, "n_periods": 31.5},),
)
HELIOS = Instrument(maker="FEI", model="Helios", accelerating_voltage_kv=5.0)


def decision(scale: Scale) -> ScaleDecision:
    return ScaleDecision(scale, scale.source, 0.95)


def test_a_file_comes_back_as_it_was(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(write_calibration(C), encoding="utf-8")
    assert read_calibration(path) == C


def test_metadata_are_corrected_and_the_uncertainty_is_the_calibrations():
    found = calibrated(decision(Scale((2.0, 2.0), 0.02, "metadata")), C, HELIOS)
    assert found.scale.nm_per_px == pytest.approx((2.04, 1.97))
    assert (found.scale.relative_uncertainty, found.scale.source, found.warnings) == (0.004, "metadata", ())
    assert found.calibration == C
    for word in ("ISO 16700", "463 nm", "certificate PTB 4711", "2026-05-31"):
        assert word in found.scale.calibration


def test_a_scale_bar_keeps_the_uncertainty_of_its_reading():
    found = calibrated(decision(Scale((2.0, 2.0), 0.003, "scale_bar")), C, Instrument())
    assert found.scale.nm_per_px == pytest.approx((2.04, 1.97))
    assert found.scale.relative_uncertainty == pytest.approx(math.hypot(0.004, 0.003))


@pytest.mark.parametrize(
    ("scale", "instrument", "words"),
    [
        (Scale((2.0, 2.0), 0.0, "user"), HELIOS, "the scale is yours"),
        (Scale((2.4, 2.4), 0.02, "metadata"), HELIOS, r"holds from 1.8 to 2.2 nm/px, the micrograph has 2.4 nm/px"),
        (Scale((1.7, 1.7), 0.02, "metadata"), HELIOS, r"holds from 1.8 to 2.2"),
        (
            Scale((2.0, 2.0), 0.02, "metadata"),
            Instrument(maker="JEOL", model="JSM"),
            "of FEI Helios, .* of JEOL JSM",
        ),
    ],
)
def test_where_it_does_not_hold_the_scale_stays_and_that_is_said(scale, instrument, words):
    found = calibrated(decision(scale), C, instrument)
    assert (found.scale, found.calibration) == (scale, None)
    assert len(found.warnings) == 1
    import re

    assert re.search(words, found.warnings[0])


def test_an_old_calibration_and_another_voltage_are_said():
    scale = Scale((2.0, 2.0), 0.02, "metadata")
    found = calibrated(decision(scale), replace(C, valid_until="2001-01-01"), replace(HELIOS, accelerating_voltage_kv=30.0))
    assert found.calibration is not None
    assert "valid until 2001-01-01 only" in found.warnings[0]
    assert "at 5 kV, this picture at 30 kV" in found.warnings[1]


def test_without_a_calibration_nothing_changes():
    one = decision(Scale((2.0, 2.0), 0.02, "metadata"))
    assert calibrated(one, None, HELIOS) is one
    none = ScaleDecision(None, "none", 0.0)
    assert calibrated(none, C, HELIOS) is none


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("factor_y = 1.02", "factor_y = 1.9", "more than 30 % off 1"),
        ("factor_y = 1.02", 'factor_y = "1.02"', "factor_y must be a number"),
        ("factor_y = 1.02", "", "factor_y is missing"),
        ("factor_y = 1.02", "factor_y = nan", "factor_y must be a number"),
        ("factor_y = 1.02", "factor = 1.02", "unknown key 'factor'"),
        ("relative_uncertainty = 0.004", "relative_uncertainty = 0", "between 0 and 0.2"),
        ("nm_per_px_min = 1.8", "nm_per_px_min = 3", "are no range"),
        ('date = "2026-05-31"', 'date = "31.5.2026"', "date must be a date such as"),
        ("certificate = 0.002", 'certificate = "two"', "certificate must be a number"),
        ("factor_y", "factor_y =", "not valid TOML"),
    ],
)
def test_a_damaged_file_is_one_clear_line(tmp_path, old, new, words):
    path = tmp_path / "c.toml"
    text = write_calibration(C)
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CalibrationError, match=words) as caught:
        read_calibration(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(CalibrationError, match=r"none\.toml: cannot be read"):
        read_calibration(tmp_path / "none.toml")
