"""Settings: out to TOML and back, and refusals that name what is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nanogauge.core.errors import SettingsError
from nanogauge.core.settings import (
    ArrangementSettings,
    MeasureSettings,
    ReadSettings,
    ScaleSettings,
    SegmentSettings,
    SeparateSettings,
    Settings,
    read_settings,
    write_settings,
)

OTHER = Settings(
    read=ReadSettings(page=3, detector='SE "upper"', channel="C:\\red"),
    scale=ScaleSettings(calibration="sem3.toml"),
    segment=SegmentSettings(
        device="cpu",
        engine="threshold",
        working_magnification=0.75,
        looks="one",
        thumbnail_px=200,
        largest_px=2000,
        largest_zoom=2.5,
        overlap_px=32,
        flips=True,
    ),
    separate=SeparateSettings(
        foreground_above=0.45,
        seed_above=0.3,
        merge_below=0.0,
        overlaps_are_none=False,
        least_diameter_px=1e-5,
        least_confidence=0.125,
    ),
    measure=MeasureSettings(
        low_confidence_below=0.7,
        subpixel=False,
        edge="outline",
        least_diameter_px=8.0,
        largest_frame_share=0.5,
        weighting="volume",
        edge_correction=False,
        n_bootstrap=0,
        n_fit_bootstrap=0,
        seed=99,
        coverage_factor=2.5,
        relative_error=0.1,
        scale_uncertainty=0.02,
        outline_uncertainty_px=0.5,
        edge_uncertainty_nm=1.5,
    ),
    arrangement=ArrangementSettings(
        aggregates=True,
        fibres=True,
        recognise_mats=False,
        fibre_tone="dark",
        contact_gap=0.2,
        order=True,
        lattice="square",
        least_misorientation_deg=6.0,
        low_angle_below_deg=10.0,
        least_grain=25,
    ),
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("settings", [Settings(), OTHER])
def test_written_settings_read_back_equal(tmp_path: Path, settings: Settings) -> None:
    assert read_settings(written(tmp_path, write_settings(settings))) == settings


def test_every_key_of_the_other_settings_differs_from_its_default() -> None:
    """So the round trip above cannot pass by falling back on defaults."""
    for section, values in OTHER.to_dict().items():
        for key, value in values.items():
            assert value != Settings().to_dict()[section][key], f"[{section}] {key}"


def test_keys_left_out_keep_their_defaults(tmp_path: Path) -> None:
    read = read_settings(written(tmp_path, "[measure]\nseed = 7\n"))
    assert read == Settings(measure=MeasureSettings(seed=7))


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, "")) == Settings()


def test_a_whole_number_does_for_a_float(tmp_path: Path) -> None:
    value = read_settings(written(tmp_path, "[segment]\nworking_magnification = 2\n")).segment.working_magnification
    assert value == 2.0
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[segment]\nworkin_magnification = 1\n", ["workin_magnification", "[segment]", "working_magnification"]),
        ("[segment]\n__doc__ = 'x'\n", ["__doc__"]),
        ("[colour]\nred = 1\n", ["[colour]", "segment, separate, measure"]),
        ("segment = 3\n", ["[segment]", "3"]),
        ("[measure]\nseed = 1.5\n", ["seed", "a whole number", "1.5"]),
        ("[measure]\nseed = true\n", ["seed", "a whole number", "True"]),
        ("[measure]\nedge_correction = 1\n", ["edge_correction", "true or false", "1"]),
        ("[separate]\nforeground_above = 'high'\n", ["foreground_above", "a number", "'high'"]),
        ("[separate]\nforeground_above = 1.5\n", ["foreground_above", "0.01 ... 0.99", "1.5"]),
        ("[separate]\nforeground_above = nan\n", ["foreground_above", "nan"]),
        ("[measure]\nweighting = 'mass'\n", ["weighting", "number, volume", "mass"]),
        ("[measure\n", ["not valid TOML"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, names: list[str]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as error:
        read_settings(path)
    message = str(error.value)
    assert "\n" not in message
    for name in [str(path), *names]:
        assert name in message


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path / name)


def test_replace_changes_only_what_is_given() -> None:
    changed = Settings().replace("segment", engine="threshold", flips=None)
    assert changed == dataclasses.replace(Settings(), segment=SegmentSettings(engine="threshold"))
    with pytest.raises(SettingsError, match="engin"):
        Settings().replace("segment", engin="threshold")
